/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How many forged rekeys a membership looks at (GM4; RFC 6407 7.3.3). Whoever holds the KEK, which is every member, can make
 * datagrams that cost each of the others a signature check; a genuine one costs nothing here. Senders that claim a key server's
 * address have a share of their own, so that strangers can't drain it. Real time: CPU doesn't get faster in a lab.
 *
 * A flood that claims the key server's address and is above the limit hides genuine rekeys in it. They come in several rounds, and
 * what is lost all the same is made good by registering (GM2, GM13).
 */
#ifndef GVPN_CTRL_GM_LIMIT_H
#define GVPN_CTRL_GM_LIMIT_H

#include "common/mono.h"

#include <stdbool.h>

#define GM_FORGED_PER_SECOND_SERVER 500 /* a tenth of a core with P-256, a quarter with P-384; also as many at once */
#define GM_FORGED_PER_SECOND_OTHERS 10  /* the same, from everywhere else */

/* Zero-initialised it lets everything through. */
struct gm_limit {
    mono_t server, others; /* until when their shares are used up; up to a second ahead */
};

/* May one more from there be looked at? */
bool gm_limit_allows(const struct gm_limit *l, bool from_server, mono_t now);
/* One from there was forged. */
void gm_limit_forged(struct gm_limit *l, bool from_server, mono_t now);

#endif
