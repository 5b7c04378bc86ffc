/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The KEK of a membership: which one protects the rekeys, until when, and when to register because no new one came (GM3; RFC
 * 6407 4.3, 5.7). Values and instants only: it opens no message, sets no timer and logs nothing.
 *
 * A KEK is immutable (decision 19). The one before stays for a while, only to verify what is repeated under it, so that a
 * member whose acknowledgement was lost can give it again. The key that signatures are verified with comes from a
 * registration or from a rekey that was signed with the present one.
 */
#ifndef GVPN_CTRL_GM_KEK_H
#define GVPN_CTRL_GM_KEK_H

#include "ctrl/policy/policy.h"
#include "ctrl/run/env.h"

#define GM_KEK_PORT             848 /* of rekeys, where the KEK says none (RFC 6407 4) */
#define GM_KEK_REGISTER_FIRST_S 190 /* no new KEK came: the member registers at random between these before the end ... */
#define GM_KEK_REGISTER_LAST_S  40
#define GM_KEK_OLD_SERVER_S     80 /* ... or, when the key server gives the same one again, up to so much after it */
#define GM_KEK_EARLIER_S        620 /* the one before is kept for so long: 10 retransmissions in 60 s each, and 20 s */

struct gm_kek {
    bool has;
    struct policy_kek kek;
    uint32_t last;      /* number of the last rekey that came under it, or was sent before the registration */
    mono_t end;
    mono_t register_at; /* MONO_NEVER: no reason to; stays when the KEK has ended */
    bool has_earlier;
    struct policy_kek earlier;
    uint32_t earlier_last;
    mono_t earlier_until;
};

/* What became of the present KEK. */
enum gm_kek_news { GM_KEK_NONE, GM_KEK_SAME, GM_KEK_NEW, GM_KEK_GONE };

void gm_kek_wipe(struct gm_kek *k);
/*
 * A registration's policy. The SPI that is held already keeps its key, an end that isn't later and the larger number, and so does
 * the one before, which doesn't come back while its successor lives; given
 * again in its last GM_KEK_REGISTER_FIRST_S it means a server that renews KEKs only when they end. A policy without a KEK
 * takes the present one away.
 */
enum gm_kek_news gm_kek_registered(struct gm_kek *k, const struct policy *p, const struct env *env, mono_t now);
/*
 * Is this registration's policy older than what rekeys have told since? It has the KEK that one has replaced, or a smaller number.
 * Exact only for key servers of ours: they say the number of the moment when they answer.
 */
bool gm_kek_overtook(const struct gm_kek *k, const struct policy *p);
/* A KEK that came by a genuine rekey under the present one. An SPI that is held changes nothing. */
enum gm_kek_news gm_kek_rekeyed(struct gm_kek *k, const struct policy_kek *kek, const struct env *env, mono_t now);
/* The key server deleted it; it is kept as the one before. */
void gm_kek_delete(struct gm_kek *k, mono_t now);
/* Wipes what is over; true when that was the present one. */
bool gm_kek_expire(struct gm_kek *k, mono_t now);
/* When something is over next; MONO_NEVER with nothing. */
mono_t gm_kek_next(const struct gm_kek *k);
/* Is it the present one or the one before? */
bool gm_kek_knows(const struct gm_kek *k, const uint8_t spi[POLICY_KEK_SPI_LEN]);

/* The multicast group that rekeys under it come to; false when that is the member's own address. */
bool gm_kek_group(const struct policy_kek *k, struct endpoint *group);

/* An instant or a part of d, evenly between 0 and d. */
mono_t gm_up_to(const struct env *env, mono_t d);

#endif
