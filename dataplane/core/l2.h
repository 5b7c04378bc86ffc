/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finds out where a frame's network header begins: behind an Ethernet header (RFC 894) with none, one or two tags
 * (IEEE 802.1Q, 802.1ad; DP8). Bytes only; the tags themselves are never changed by anybody.
 *
 *     | destination 6 | source 6 | type 2 | ...                                    len 14
 *     | destination 6 | source 6 | TPID 2 | TCI 2 | type 2 | ...                   len 18
 *     | destination 6 | source 6 | TPID 2 | TCI 2 | TPID 2 | TCI 2 | type 2 | ...  len 22
 *
 * TPIDs are 0x8100, 0x88a8 and 0x9100, in any order; TCI = priority 3 | drop eligible 1 | VID 12 bits.
 */
#ifndef GVPN_DATAPLANE_CORE_L2_H
#define GVPN_DATAPLANE_CORE_L2_H

#include "dataplane/core/bytes.h"

#include <stddef.h>

#define L2_LEN      14 /* without tags */
#define L2_TAG_LEN  4
#define L2_MAX_LEN  (L2_LEN + 2 * L2_TAG_LEN)
#define L2_MAX_TAGS 2 /* with IP behind them */

/* Types as they stand in memory. */
#define L2_IPV4_BE 0x0008
#define L2_IPV6_BE 0xdd86
#define L2_ARP_BE  0x0608
#define L2_CMD_BE  0x0989 /* security group tag (cmd.h) */

enum l2_flaw {
    L2_OK,
    L2_CUT,  /* the frame ends within its header or a tag */
    L2_DEEP, /* IP behind more than two tags or in a SNAP header (RFC 1042), or tags without end */
};

struct l2 {
    uint16_t type_be; /* behind the tags, as in memory; below 0x0600 (in host order) it is a length */
    uint16_t vlan;    /* VID of the outermost tag; 0 = untagged or a priority tag */
    uint8_t len;      /* octets in front of the network header; 14, 18 or 22 when it is IP */
    uint8_t flaw;     /* enum l2_flaw; unless it is L2_OK nothing else is valid */
};

/*
 * Copies the l2_len octets (14, 18 or 22) in front of one network header to in front of another place, through
 * registers: the two may overlap.
 */
static inline void l2_move(uint8_t *to, const uint8_t *from, uint32_t l2_len)
{
    uint64_t a, b, c = load64(from - 8);

    if (__builtin_expect(l2_len == L2_LEN, 1)) {
        a = load64(from - L2_LEN);
        store64(to - L2_LEN, a);
    } else {
        a = load64(from - l2_len);
        b = load64(from - l2_len + 8);
        store64(to - l2_len, a);
        store64(to - l2_len + 8, b);
    }
    store64(to - 8, c);
}

/* Is this, as in memory, a TPID? */
static inline int l2_is_tpid(uint16_t type_be)
{
    return type_be == 0x0081 || type_be == 0xa888 || type_be == 0x0091;
}

/* Reads the header of a frame of len octets. */
void l2_parse(const uint8_t *frame, size_t len, struct l2 *l2);

#endif
