/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP MSS clamping (DP7; RFC 9293 3.7.1, RFC 6691): a SYN says how large segments may be that come back. Lowered so that
 * they fit the tunnel, both hosts choose right from the start, without an ICMP message that somebody may filter. An option is
 * never raised, and never inserted: without one hosts send 536 (IPv4) or 1220 (IPv6) octets, which fit. Bytes only.
 */
#ifndef GVPN_DATAPLANE_CORE_MSS_H
#define GVPN_DATAPLANE_CORE_MSS_H

#include "dataplane/core/l3.h"

#define TCP_LEN      20 /* without options */
#define TCP_FLAGS_AT 13
#define TCP_SYN      0x02
#define TCP_RST      0x04

/*
 * Is this, at first sight, a TCP packet with SYN? ip: a packet of this family with no more in front of TCP than its header.
 * Reads octet 33 (IPv4) or 53 (IPv6) of the buffer even when the packet is shorter; mss_clamp() looks at lengths.
 */
static inline bool mss_is_syn(const uint8_t *ip, enum l3_kind kind, uint8_t proto)
{
    return proto == 6 && ip[l3_header_len(kind) + TCP_FLAGS_AT] & TCP_SYN;
}

/*
 * Lowers every MSS option of the SYN in the parsed packet at ip so that whole packets have at most mtu octets, and corrects
 * the TCP checksum (RFC 1624). Anything else, also a fragment or an option list that doesn't add up from there on, is left
 * alone. Returns whether something changed.
 */
bool mss_clamp(uint8_t *ip, const struct l3 *h, uint32_t mtu);

#endif
