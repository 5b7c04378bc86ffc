/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The SA bodies that were offered in message 1 and will be hashed in messages 5 and 6 (RFC 2409 section 5: SAi_b). The
 * only thing that a half-open exchange leaves behind, equal ones once, in memory that is allocated once:
 *
 *     16384 of up to 256 octets      a ring: the oldest makes room
 *      2048 of 257 to 2048 octets    a ring of its own, as large in octets: long offers can't push out short ones
 *        64 of any of these lengths  known ones, that led to an established phase 1: no flood reaches them
 *
 * ctrl/phase1/halfopen decides what is kept and which of them belongs to a cookie. Only files of this folder include it.
 */
#ifndef GVPN_CTRL_PHASE1_BODIES_H
#define GVPN_CTRL_PHASE1_BODIES_H

#include "ctrl/phase1/halfopen.h"

struct bodies;

struct body {
    struct config_proposal chosen;
    uint16_t tag;   /* a keyed hash of both: whoever doesn't know the key can't make many with one tag */
    struct span sa; /* 1 to PHASE1_MAX_OFFER octets: the caller's, or the store's until the next change */
};

/* NULL when memory is short. */
struct bodies *bodies_new(void);
void bodies_free(struct bodies *bs);
/* Copies it into the ring for its length, unless it is stored already. Longer ones are ignored. */
void bodies_keep(struct bodies *bs, const struct body *b);
/* Copies it to the known ones; the oldest of those makes room. */
void bodies_remember(struct bodies *bs, const struct body *b);
size_t bodies_count(const struct bodies *bs);

/* Walks the bodies with one tag, known ones first. The store must not change meanwhile. */
struct bodies_walk {
    uint16_t tag, slot;
    size_t known;
};
struct bodies_walk bodies_walk_of(const struct bodies *bs, uint16_t tag);
bool bodies_next(const struct bodies *bs, struct bodies_walk *w, struct body *out);

#endif
