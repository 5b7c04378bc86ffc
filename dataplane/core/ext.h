/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What may stand between an IP header and its payload: IPv4 options (RFC 791 3.1) and IPv6 extension headers (RFC 8200
 * 4.3 to 4.6), walked so that a policy sees the real protocol and ports (DP8). They are protected with the packet and never
 * copied outside. What hides where a packet goes, what contradicts itself and what nobody here knows is refused by name.
 */
#ifndef GVPN_DATAPLANE_CORE_EXT_H
#define GVPN_DATAPLANE_CORE_EXT_H

#include "dataplane/core/l3.h"

#define EXT_MAX_HEADERS 8
#define EXT_MAX_LEN     256 /* octets of all together */

/*
 * The options, len octets behind the first 20 of a header. L3_OK when they add up; L3_SOURCE_ROUTE for loose and strict
 * source routes: behind one the packet goes where no policy was asked about; L3_OPTIONS for lists that don't add up.
 */
enum l3_flaw ext_walk_options(const uint8_t *p, size_t len);

struct ext6 {
    uint8_t flaw;  /* enum l3_flaw, below */
    uint8_t next;  /* the protocol behind the headers, or the header that ended the walk */
    bool later;    /* a fragment other than the first: nothing is known of what is behind */
    uint16_t len;  /* octets of all headers, a fragment header included */
};

/*
 * The headers behind the IPv6 header, of which avail octets are there; next: what the IPv6 header says of the first.
 *     L3_OK            hop-by-hop options (first only), destination options, routing headers that have nowhere left to go
 *     L3_FRAGMENT      a fragment header was the last of them
 *     L3_SOURCE_ROUTE  routing type 0 (RFC 5095), and any with segments left
 *     L3_EXT_HEADER    too many or too long, in a place where it mustn't be, options that don't add up, a jumbo payload
 *                      (RFC 2675), headers behind a fragment header (RFC 7112), mobility, HIP, Shim6
 *     L3_MALFORMED     cut off
 */
struct ext6 ext_walk6(const uint8_t *p, size_t avail, uint8_t next);

#endif
