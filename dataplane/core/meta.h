/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The metadata header: first in the ESP payload, in front of the inner packet, so the ICV covers it. It carries the
 * sender's pseudotime (TBAR), a security group tag, or both. The layout is our own and octet by octet in docs/packet.md;
 * another one would be another small file like this.
 *
 *      0       next header  4 (IPv4) or 41 (IPv6)
 *      1       version 1 (high four bits), flags (low): 1 time, 2 tag
 *      2       length in units of 4 octets: 3, or 4 with a tag
 *      3       0
 *      4..11   pseudotime in milliseconds, big endian; 0 without the time flag
 *      12..13  security group tag, big endian     only with the tag flag
 *      14..15  0                                  only with the tag flag
 *
 * Bytes only. Nothing here is read before the ICV was verified; whether a time is inside the window is replay.h's business.
 */
#ifndef GVPN_DATAPLANE_CORE_META_H
#define GVPN_DATAPLANE_CORE_META_H

#include "dataplane/core/bytes.h"

#include <stdbool.h>

#define META_TIME 1u /* flags */
#define META_TAG  2u

#define META_VERSION 1
#define META_NEXT    253 /* ESP next header that says that this header comes first (RFC 3692) */
#define META_LEN     12
#define META_LEN_MAX 16  /* with a tag */

/* What a header says besides the next header. */
struct meta {
    uint64_t time_ms; /* 0 without META_TIME */
    uint16_t tag;     /* 0 without META_TAG */
};

/* Octets of the header that an SA with these flags has: 0, 12 or 16. */
static inline unsigned meta_len(unsigned flags)
{
    return flags == 0 ? 0 : flags & META_TAG ? META_LEN_MAX : META_LEN;
}

/* The first four octets, as in memory: next header, version and flags, length, reserved. */
static inline uint32_t meta_intro(unsigned flags, uint8_t next)
{
    return next | (META_VERSION << 4 | flags) << 8 | (meta_len(flags) / 4) << 16;
}

/*
 * Writes the header of an SA with these flags (not 0): meta_len(flags) octets. What the flags don't name is written as 0.
 */
static inline void meta_put(uint8_t *at, unsigned flags, uint8_t next, uint64_t time_ms, uint16_t tag)
{
    store32(at, meta_intro(flags, next));
    store64(at + 4, flags & META_TIME ? __builtin_bswap64(time_ms) : 0);
    if (flags & META_TAG)
        store32(at + 12, __builtin_bswap16(tag));
}

/*
 * Reads a header from `len` octets of verified payload. It must be the one that an SA with these flags (not 0) has, and say
 * that `next` follows; anything else - version, flags, length, next header, reserved octets, a time where none belongs -
 * returns false with *m untouched.
 */
static inline bool meta_get(const uint8_t *at, uint32_t len, unsigned flags, uint8_t next, struct meta *m)
{
    uint64_t time_be;
    uint32_t tag = 0;

    if (len < meta_len(flags) || load32(at) != meta_intro(flags, next))
        return false;
    time_be = load64(at + 4);
    if (!(flags & META_TIME) && time_be != 0)
        return false;
    if (flags & META_TAG) {
        tag = load32(at + 12);
        if (tag >> 16 != 0)
            return false;
    }
    m->time_ms = __builtin_bswap64(time_be);
    m->tag = __builtin_bswap16((uint16_t)tag);
    return true;
}

#endif
