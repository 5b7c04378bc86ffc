/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Puts fragments of datagrams together again (RFC 791 3.2, RFC 8200 4.5) under strict limits (DP7): a fixed number of
 * datagrams in a fixed piece of memory, one second for each, and no overlap whatever (RFC 5722, for both families): a
 * datagram with one is lost, and so is what still comes of it. Bytes and bookkeeping only: what a fragment is, and what
 * becomes of a whole datagram, is dataplane/reasm.c's business. One table belongs to one worker.
 */
#ifndef GVPN_DATAPLANE_CORE_REASM_H
#define GVPN_DATAPLANE_CORE_REASM_H

#include "common/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REASM_SETS        64   /* a datagram lives in the set that its key is hashed to */
#define REASM_WAYS        8    /* datagrams of a set; one more pushes the oldest out */
#define REASM_PAYLOAD_MAX 9216 /* most octets behind the header that a table can be made for */
#define REASM_FRAGMENTS   32   /* of one datagram: 9000 octets in pieces of 576 are 17 */
#define REASM_HEADER_MAX  40
#define REASM_FIRST_MIN   8 /* a first fragment holds the ESP header */

/* Fragments with the same key are of one datagram. The protocol is always ESP, so it isn't among them. No padding. */
struct reasm_key {
    uint8_t addrs[32]; /* source, destination; IPv4: 4 octets each, then zeroes */
    uint32_t id;
    uint16_t vlan;
    uint8_t pair;
    uint8_t family; /* 4, 6 */
};

struct reasm_fragment {
    const uint8_t *header; /* the IP header; kept of the first fragment. header_len octets, at most REASM_HEADER_MAX */
    const uint8_t *payload;
    uint32_t header_len;
    uint32_t offset; /* of the payload in that of the datagram */
    uint32_t len;    /* of the payload */
    bool more;       /* more fragments follow */
    uint8_t ecn;     /* the two bits */
};

enum reasm_result {
    REASM_HELD,      /* copied; others are awaited */
    REASM_WHOLE,     /* that was the last one */
    REASM_MALFORMED, /* empty, not in units of 8 octets, a first one too short: no fragment of anything */
    REASM_OVERLAP,   /* an octet came twice, or behind the end, or there are two ends: the datagram is lost */
    REASM_LIMIT,     /* too long or in too many pieces: the datagram is lost */
    REASM_ECN,       /* a mark of congestion beside a fragment that can't carry one (RFC 3168 5.3): lost */
};

/* A whole datagram; valid until the next call. */
struct reasm_whole {
    const uint8_t *header; /* of the first fragment, as it came */
    const uint8_t *payload;
    uint32_t header_len, payload_len;
    uint8_t ecn; /* CE when one fragment had it */
};

/* Fragments that were HELD and are now lost, by reason: added to what is there. */
struct reasm_lost {
    unsigned timeout, limit, overlap, ecn;
};

struct reasm;

/* A table for payloads of up to payload_max (at most REASM_PAYLOAD_MAX) octets; NULL when memory is short. Its memory is
 * reasm_memory(payload_max) octets, never more. timeout: ticks from a datagram's first arrival; secret: random. */
struct reasm *reasm_new(uint32_t payload_max, uint64_t timeout, const uint64_t secret[2]);
void reasm_free(struct reasm *r);
size_t reasm_memory(uint32_t payload_max);

/* One more fragment. Its octets are copied. On REASM_WHOLE *whole is set and the datagram is forgotten. */
MUST_CHECK enum reasm_result reasm_add(struct reasm *r, const struct reasm_key *key, const struct reasm_fragment *f,
                                       uint64_t now, struct reasm_whole *whole, struct reasm_lost *lost);
/* Forgets what is out of time. Returns how many datagrams are left. */
unsigned reasm_sweep(struct reasm *r, uint64_t now, struct reasm_lost *lost);
/* Counters were cleared: fragments held so far aren't counted as lost any more. */
void reasm_forget_counts(struct reasm *r);

#endif
