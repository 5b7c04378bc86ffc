/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Datagrams of rekeys on their way past the sessions: GROUPKEY-PUSH (exchange 33) to memberships, acknowledgements (35) to
 * key-server groups. They come under a KEK, not under a phase 1, so no session knows their cookies.
 */
#ifndef GVPN_CTRL_RUN_REKEYS_H
#define GVPN_CTRL_RUN_REKEYS_H

#include "ctrl/run/roles_impl.h"

/* True: it was a rekey's and is done with, whatever became of it. Trusts no bit of it. */
bool rekeys_datagram(struct roles *r, const struct path *path, struct span bytes, struct now now);
/* Rekeys of a membership come to this group from now on, or, with NULL, to none. */
void rekeys_hear(struct roles *r, struct member *m, const struct endpoint *group, const struct addr *source);

#endif
