/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cookies -> owner: which session an ISAKMP datagram belongs to (RFC 2408 2.5.3). An intrusive hash table of fixed size:
 * entries are embedded in their owners, nothing is allocated after demux_init(). The hash is keyed, so a peer that
 * chooses its cookies can't choose the bucket. Knows nothing of headers, addresses or states.
 */
#ifndef GVPN_CTRL_RUN_DEMUX_H
#define GVPN_CTRL_RUN_DEMUX_H

#include "common/buf.h"

#define DEMUX_COOKIES 16 /* octets: CKY-I 8 | CKY-R 8 */
#define DEMUX_BUCKETS 4096

struct demux_entry {
    struct demux_entry *next;
    uint8_t cookies[DEMUX_COOKIES];
    bool in; /* it is in a table */
};

struct demux {
    struct demux_entry **buckets; /* DEMUX_BUCKETS of them, owned */
    uint64_t seed[2];
    size_t n;
};

/* seed: random octets. Returns false when memory is short. */
MUST_CHECK bool demux_init(struct demux *d, const uint64_t seed[2]);
/* Frees the table; entries belong to their owners. */
void demux_free(struct demux *d);
/* Puts an entry in (or moves it to new cookies). Returns false, changing nothing, when the cookies are taken. */
MUST_CHECK bool demux_put(struct demux *d, struct demux_entry *e, const uint8_t cookies[DEMUX_COOKIES]);
/* Takes it out; harmless when it isn't in. Must be called before the owner is freed. */
void demux_remove(struct demux *d, struct demux_entry *e);
/* The entry with exactly these cookies, or NULL. */
struct demux_entry *demux_find(const struct demux *d, const uint8_t cookies[DEMUX_COOKIES]);

#endif
