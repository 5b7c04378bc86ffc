/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The few rtnetlink requests (RFC 3549) that the TAP of the appliance's own addresses needs: hardware address, MTU,
 * addresses, default route, up. Each call opens its own socket and waits for the kernel's answer; only used at start.
 * It doesn't listen to changes and removes nothing: what it makes goes with the interface.
 */
#ifndef GVPN_DATAPLANE_RTNL_H
#define GVPN_DATAPLANE_RTNL_H

#include "common/addr.h"

/* All return 0 or -errno as the kernel answered. `ifindex` is that of if_nametoindex(). */

/* Hardware address and MTU of an interface that is down; also stops the kernel from making an IPv6 link-local address. */
int rtnl_link_prepare(unsigned ifindex, const uint8_t mac[6], unsigned mtu);
int rtnl_link_up(unsigned ifindex);
/* Adds an address with its prefix length. IPv6 addresses skip duplicate detection, so they can be bound at once. */
int rtnl_addr_add(unsigned ifindex, const struct addr *a, uint8_t prefix_len);
/* Adds a default route of the gateway's family through the interface with this metric. */
int rtnl_route_default(unsigned ifindex, const struct addr *gateway, uint32_t metric);

#endif
