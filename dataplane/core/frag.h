/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fragments (RFC 791, RFC 8200 4.5; DP7, DP8): which ones a policy can be applied to, and how an IPv4 packet is cut into
 * pieces before encryption. Bytes only; nothing is put together here, and what overlaps is the end host's business.
 */
#ifndef GVPN_DATAPLANE_CORE_FRAG_H
#define GVPN_DATAPLANE_CORE_FRAG_H

#include "dataplane/core/l3.h"

#define FRAG6_LEN 8 /* fragment header of IPv6 */

/*
 * Can this packet, parsed with flaw L3_FRAGMENT, be judged? No when a first fragment lacks a part of its layer-4 header
 * (RFC 7112, decision 4), when a later TCP fragment would overwrite flags that were judged (RFC 1858, RFC 3128), when there
 * is nothing in it, or when it ends behind the largest packet there can be.
 */
bool frag_can_be_judged(const uint8_t *ip, const struct l3 *h);

/* Is it a fragment other than the first one? */
static inline bool frag_is_later(const struct l3 *h)
{
    return h->flaw == L3_FRAGMENT && l3_ports(h) == FLOW_LATER_FRAGMENT;
}

/* Octets of payload in every piece but the last when pieces have at most max octets (RFC 791: a multiple of 8); 0: none fit. */
static inline uint32_t frag_step(uint32_t max)
{
    return max < IPV4_LEN + 8 ? 0 : (max - IPV4_LEN) & ~7u;
}

/* How many pieces a packet of len octets becomes; step isn't 0. */
static inline uint32_t frag_count(uint32_t len, uint32_t step)
{
    return (len - IPV4_LEN + step - 1) / step;
}

/*
 * Writes the header of a piece that has `payload_len` octets from `at` on of the payload of the IPv4 packet at ip, which
 * has no options and may be a fragment itself. `last`: nothing follows in this packet. Identification and all the rest
 * stay. out may be ip, after the other pieces were written.
 */
void frag_put_header(uint8_t *out, const uint8_t *ip, uint32_t at, uint32_t payload_len, bool last);

#endif
