/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a port must be able to do, held against what its driver says that it can: values in, values out, no device is
 * touched. One receive and one transmit queue per worker, whole frames in one buffer, no offload that changes a frame;
 * hashing over the queues by addresses (RSS). How a PCI device is bound is looked up here, too.
 */
#ifndef GVPN_DATAPLANE_NIC_H
#define GVPN_DATAPLANE_NIC_H

#include "common/buf.h"

#include <rte_ethdev.h>

#include <stdbool.h>
#include <stdint.h>

#define NIC_TEXT_MAX 400
#define NIC_L2_MAX   (RTE_ETHER_HDR_LEN + 8) /* two VLAN tags */
#define NIC_TAILROOM 128                     /* ESP trailer, padding and ICV behind the largest frame */

struct nic_want {
    uint16_t queues; /* of each direction: one per worker */
    uint16_t mtu;    /* largest IP packet */
    uint32_t room;   /* of a buffer, headroom included: nic_room() */
};

struct nic_plan {
    struct rte_eth_conf conf; /* for rte_eth_dev_configure() and, its txmode.offloads, for the transmit queues */
    uint32_t rss;             /* IPC_PORT_RSS_*: what is hashed; 0 with one queue */
    char limit[NIC_TEXT_MAX]; /* what it can't do and what follows from that, a sentence for a warning; "" = nothing */
};

/* Octets of one buffer, headroom included, for frames with IP packets up to mtu. Drivers round it down to 1 KiB. */
uint32_t nic_room(uint16_t mtu);
/* False with the reason and what to do in error: too few queues, too small frames. */
MUST_CHECK bool nic_plan(struct nic_plan *plan, const struct rte_eth_dev_info *info, const struct nic_want *want,
                         char error[NIC_TEXT_MAX]);
/* IPC_PORT_RSS_* of RTE_ETH_RSS_* bits. */
uint32_t nic_rss_of(uint64_t hash);
/* "IPv4 IPv6 ports", "none". */
const char *nic_rss_text(uint32_t rss);
/*
 * Is the PCI device `address` bound to a driver that leaves it to DPDK? sysfs is /sys but in tests. False with the reason
 * and what to do: asking DPDK all the same could take a device away from its kernel driver.
 */
MUST_CHECK bool nic_check_binding(const char *sysfs, const char *address, char error[NIC_TEXT_MAX]);

#endif
