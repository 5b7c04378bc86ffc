/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rekeys by multicast: a socket per membership that is bound to the group's address and port. The kernel speaks IGMP for it, on
 * the interface that has the member's own address, source-specific when the key server's is known (RFC 3376, 4607; RFC 3678).
 */
#ifndef GVPN_CTRL_RUN_MULTICAST_H
#define GVPN_CTRL_RUN_MULTICAST_H

#include "ctrl/run/loop.h"

struct multicast;

/* datagram: path->local is the group's address and port. NULL when memory is short. */
struct multicast *multicast_new(struct loop *l, void (*datagram)(void *ctx, const struct path *path, struct span bytes),
                                void *ctx);
/* Leaves all groups. NULL is harmless. */
void multicast_free(struct multicast *m);
/*
 * Hears `group` for `owner`, and no other any more; group NULL: none at all. source: from there only; an unset address = from
 * anywhere. local: the address whose interface it is heard on. Said again it joins there again, should the interface be a new
 * one. Returns NULL, or what went wrong, in words that live as long as the program.
 */
const char *multicast_hear(struct multicast *m, const void *owner, const struct addr *local,
                           const struct endpoint *group, const struct addr *source);

#endif
