/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * "Packet too big": ICMP destination unreachable, fragmentation needed (RFC 792, RFC 1191), and ICMPv6 packet too big
 * (RFC 4443 3.2). Made for hosts whose packets don't fit (DP7), and read when the WAN says it about ours. Bytes only.
 *
 *     IPv4  | IP 20 | type 3 | code 4 | checksum 2 | 0 2 | MTU 2 | quoted packet, so that all is at most 576 octets  |
 *     IPv6  | IP 40 | type 2 | code 0 | checksum 2 | MTU 4       | quoted packet, so that all is at most 1280 octets |
 */
#ifndef GVPN_DATAPLANE_CORE_ICMP_H
#define GVPN_DATAPLANE_CORE_ICMP_H

#include "common/buf.h"
#include "dataplane/core/l3.h"

#define ICMP_MAX4 576  /* RFC 1812 4.3.2.3 */
#define ICMP_MAX6 1280 /* RFC 4443 2.4 c */

/*
 * May an error be sent about the parsed packet at ip (RFC 1812 4.3.2.7, RFC 4443 2.4 e)? Not about an ICMP error, a
 * fragment other than the first, a packet to many, or one whose source isn't a single host's.
 */
bool icmp_may_answer(const uint8_t *ip, const struct l3 *h);

/* Octets of the error about this packet. */
uint32_t icmp_too_big_len(const struct l3 *h);

/*
 * Writes that many octets: the error about the parsed packet at ip, from its destination (docs/packet.md says why) to its
 * source. out must not overlap the packet.
 */
void icmp_put_too_big(uint8_t *out, const uint8_t *ip, const struct l3 *h, uint16_t mtu);

/* What an error from the WAN says about a packet that we sent. */
struct icmp_quote {
    uint32_t mtu;      /* as it stands there; 0: a router older than RFC 1191 */
    const uint8_t *ip; /* the quoted header, in the packet */
    uint32_t spi_be;   /* as in memory */
    uint32_t seq;
};

/*
 * Is the parsed packet at ip such an error, with a right checksum, about ESP that its own destination has sent? Fills *q.
 */
MUST_CHECK bool icmp_read_too_big(const uint8_t *ip, const struct l3 *h, struct icmp_quote *q);

#endif
