/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Abilities of network devices against needs. ESP is hashed by its addresses like any other IP: RTE_ETH_RSS_ESP would hash
 * the SPI, which all packets of a group share (RFC 3547 6.2), and put the whole group on one queue.
 */
#include "dataplane/nic.h"

#include "common/ipc/page.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HASH_V4    (RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_OTHER)
#define HASH_V6    (RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_OTHER)
#define HASH_PORTS (RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP)
#define ROUND      1024 /* ixgbe: buffers count in KiB, and a frame that doesn't fit goes into two */

uint32_t nic_room(uint16_t mtu)
{
    uint32_t data = NIC_L2_MAX + mtu + RTE_ETHER_CRC_LEN + NIC_TAILROOM;

    data = RTE_MAX(data, (uint32_t)RTE_MBUF_DEFAULT_DATAROOM);
    return RTE_PKTMBUF_HEADROOM + RTE_ALIGN_CEIL(data, ROUND);
}

static bool enough_queues(const struct rte_eth_dev_info *info, const struct nic_want *want, char error[NIC_TEXT_MAX])
{
    if (want->queues <= info->max_rx_queues && want->queues <= info->max_tx_queues) {
        return true;
    }
    (void)snprintf(error, NIC_TEXT_MAX,
                   "%u workers need as many queues, it has %u to receive and %u to send; list fewer workers", want->queues,
                   info->max_rx_queues, info->max_tx_queues);
    return false;
}

/* max_rx_pktlen counts the Ethernet header and the CRC, but drivers differ in whether VLAN tags are extra. */
static bool large_enough(const struct rte_eth_dev_info *info, const struct nic_want *want, char error[NIC_TEXT_MAX])
{
    uint32_t frame = info->max_rx_pktlen > RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN
                         ? info->max_rx_pktlen - RTE_ETHER_HDR_LEN - RTE_ETHER_CRC_LEN
                         : 0;
    uint32_t most = RTE_MIN(frame, (uint32_t)info->max_mtu);

    if (want->mtu > most) {
        (void)snprintf(error, NIC_TEXT_MAX, "it takes IP packets up to %u octets; lower the pair's mtu of %u", most,
                       want->mtu);
        return false;
    }
    if (want->room < RTE_PKTMBUF_HEADROOM + info->min_rx_bufsize) {
        (void)snprintf(error, NIC_TEXT_MAX, "it wants buffers of at least %u octets, ours are %u: not supported",
                       info->min_rx_bufsize, want->room - RTE_PKTMBUF_HEADROOM);
        return false;
    }
    return true;
}

uint32_t nic_rss_of(uint64_t hash)
{
    return ((hash & HASH_V4) != 0 ? IPC_PORT_RSS_IPV4 : 0) | ((hash & HASH_V6) != 0 ? IPC_PORT_RSS_IPV6 : 0) |
           ((hash & HASH_PORTS) != 0 ? IPC_PORT_RSS_PORTS : 0);
}

const char *nic_rss_text(uint32_t rss)
{
    static const char *const texts[] = {"none", "IPv4",       "IPv6",       "IPv4 IPv6",
                                        "ports", "IPv4 ports", "IPv6 ports", "IPv4 IPv6 ports"};

    return texts[rss & (IPC_PORT_RSS_IPV4 | IPC_PORT_RSS_IPV6 | IPC_PORT_RSS_PORTS)];
}

/* Several queues: all packets of a flow stay with one worker, which keeps them in order. */
static void plan_rss(struct nic_plan *plan, const struct rte_eth_dev_info *info, uint16_t queues)
{
    uint64_t hash = (RTE_ETH_RSS_IP | HASH_PORTS) & info->flow_type_rss_offloads;

    if (queues < 2) {
        return;
    }
    plan->rss = nic_rss_of(hash);
    if (hash == 0) {
        (void)snprintf(plan->limit, sizeof(plan->limit),
                       "it doesn't spread frames over its %u queues by flow (no RSS): what is behind it decides which worker "
                       "gets a frame, and one may get all", queues);
        return;
    }
    plan->conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    plan->conf.rx_adv_conf.rss_conf.rss_hf = hash;
    if ((plan->rss & IPC_PORT_RSS_IPV4) == 0 || (plan->rss & IPC_PORT_RSS_IPV6) == 0) {
        (void)snprintf(plan->limit, sizeof(plan->limit),
                       "its RSS hashes %s only: worker 0 gets the rest, ESP among it when addresses aren't hashed",
                       nic_rss_text(plan->rss));
    }
}

bool nic_plan(struct nic_plan *plan, const struct rte_eth_dev_info *info, const struct nic_want *want,
              char error[NIC_TEXT_MAX])
{
    struct nic_plan p = {.conf.rxmode.mtu = want->mtu};

    if (!enough_queues(info, want, error) || !large_enough(info, want, error)) {
        return false;
    }
    /* All buffers come from one pool and none is shared, which is what this one promises. */
    p.conf.txmode.offloads = info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
    plan_rss(&p, info, want->queues);
    *plan = p;
    return true;
}

/* Drivers under which DPDK drives a device: pass-through, or beside it (NVIDIA/Mellanox). */
static bool leaves_it_to_dpdk(const char *driver)
{
    static const char *const names[] = {"vfio-pci", "uio_pci_generic", "igb_uio", "mlx5_core", "mlx4_core"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(driver, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

bool nic_check_binding(const char *sysfs, const char *address, char error[NIC_TEXT_MAX])
{
    char path[PATH_MAX], target[PATH_MAX];
    const char *driver;
    ssize_t len;

    (void)snprintf(path, sizeof(path), "%s/bus/pci/devices/%s", sysfs, address);
    if (access(path, F_OK) != 0) {
        (void)snprintf(error, NIC_TEXT_MAX, "there is no PCI device %s; lspci -D lists what there is", address);
        return false;
    }
    (void)snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/driver", sysfs, address);
    len = readlink(path, target, sizeof(target) - 1);
    target[len > 0 ? len : 0] = '\0';
    driver = strrchr(target, '/') != NULL ? strrchr(target, '/') + 1 : target;
    if (leaves_it_to_dpdk(driver)) {
        return true;
    }
    (void)snprintf(error, NIC_TEXT_MAX, "PCI device %s is bound to %s%.64s; bind it to vfio-pci: "
                   "driverctl set-override %s vfio-pci", address, driver[0] != '\0' ? "the kernel's driver " : "no driver",
                   driver, address);
    return false;
}
