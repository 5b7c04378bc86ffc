/* SPDX-License-Identifier: BSD-3-Clause */
/* The UDP sockets of gvpnd: one per listen address at port 848; an answer leaves from the address that was asked. */
#ifndef GVPN_CTRL_RUN_UDP_H
#define GVPN_CTRL_RUN_UDP_H

#include "ctrl/run/loop.h"

#define UDP_PORT_GDOI  848 /* RFC 6407 2.2 */
#define UDP_MAX_LISTEN 8

struct udp;

/*
 * Binds every address. On failure returns NULL with *err the errno and *failed the address (EADDRNOTAVAIL: it isn't on
 * this machine yet).
 */
struct udp *udp_open(struct loop *l, const struct addr *listen, size_t n, int *err, struct addr *failed,
                     void (*datagram)(void *ctx, const struct path *path, struct span bytes), void *ctx);
/*
 * Other addresses, in two steps: udp_prepare() binds those that are new and changes nothing else (false as above), then
 * either udp_commit() closes those that are no longer wanted, or udp_abandon() closes the new ones.
 */
MUST_CHECK bool udp_prepare(struct udp *u, const struct addr *listen, size_t n, int *err, struct addr *failed);
void udp_commit(struct udp *u);
void udp_abandon(struct udp *u);
void udp_close(struct udp *u);
/* Sends from path->local, whose address must be one of ours. Losing a datagram is allowed and only counted. */
void udp_send(struct udp *u, const struct path *path, struct span bytes);

#endif
