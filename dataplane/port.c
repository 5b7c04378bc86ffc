/* SPDX-License-Identifier: BSD-3-Clause */
/* ethdev set-up. Buffers hold a whole frame (no scatter): the pipeline works on one segment. */
#include "dataplane/port.h"

#include "common/log.h"
#include "dataplane/eal.h"

#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include <stdio.h>
#include <string.h>

#define RX_DESC 1024
#define TX_DESC 1024
#define CACHE   256
#define L2_MAX  (RTE_ETHER_HDR_LEN + 8) /* two VLAN tags */
#define TAILROOM 128                    /* ESP trailer, padding and ICV behind the largest frame */

static bool fail(char error[PORT_ERROR_MAX], const struct port *p, const char *what, int rc)
{
    (void)snprintf(error, PORT_ERROR_MAX, "port %s (%s): %s: %s", p->cfg->name, p->cfg->device, what, rte_strerror(-rc));
    return false;
}

static bool find(struct port *p, char error[PORT_ERROR_MAX])
{
    char name[RTE_DEV_NAME_MAX_LEN], said[EAL_ERROR_MAX];
    size_t len = strcspn(p->cfg->device, ",");

    (void)snprintf(name, sizeof(name), "%.*s", (int)len, p->cfg->device);
    if (rte_eth_dev_get_port_by_name(name, &p->id) == 0) {
        return true;
    }
    (void)eal_last_words(said);
    (void)snprintf(error, PORT_ERROR_MAX, "port %s: there is no device %s; %s.%s%.900s", p->cfg->name, name,
                   p->cfg->pci ? "check its address with lspci and bind it to vfio-pci (dpdk-devbind.py)"
                               : "check the driver's name, its arguments and that its interface exists and isn't in use",
                   said[0] != '\0' ? " DPDK said: " : "", said);
    return false;
}

/* The largest IP packet that a pair of this port carries; a port takes at least 1500 so that what is too big is seen. */
static uint16_t wanted_mtu(const struct cfg *cfg, size_t index)
{
    uint16_t mtu = RTE_ETHER_MTU;

    for (size_t i = 0; i < cfg->n_pairs; i++) {
        const struct cfg_pair *pair = &cfg->pairs[i];

        if ((pair->inside == index || pair->outside == index) && pair->mtu > mtu) {
            mtu = pair->mtu;
        }
    }
    return mtu;
}

static bool make_pool(struct ports *ports, const struct cfg *cfg, uint16_t mtu, char error[PORT_ERROR_MAX])
{
    unsigned n = (unsigned)(cfg->n_ports * cfg->n_workers * (RX_DESC + TX_DESC) + (cfg->n_workers + 1) * 2 * CACHE +
                            PORT_LOCAL_QUEUE + PORT_PUNT_QUEUE);
    unsigned room = RTE_PKTMBUF_HEADROOM + L2_MAX + mtu + TAILROOM;

    room = room < RTE_MBUF_DEFAULT_BUF_SIZE ? RTE_MBUF_DEFAULT_BUF_SIZE : RTE_ALIGN_CEIL(room, RTE_CACHE_LINE_SIZE);
    ports->pool = rte_pktmbuf_pool_create("frames", n, CACHE, 0, (uint16_t)room, SOCKET_ID_ANY);
    if (ports->pool == NULL) {
        (void)snprintf(error, PORT_ERROR_MAX, "no memory for %u buffers of %u octets: %s; give EAL more (-m)", n, room,
                       rte_strerror(rte_errno));
        return false;
    }
    return true;
}

static bool set_mtu(struct port *p, uint16_t mtu, char error[PORT_ERROR_MAX])
{
    uint16_t now;
    int rc = rte_eth_dev_get_mtu(p->id, &now);

    if (rc == 0 && now != mtu) {
        rc = rte_eth_dev_set_mtu(p->id, mtu);
    }
    p->mtu = mtu;
    return rc == 0 || fail(error, p, "setting its MTU", rc);
}

static bool check_mtu(const struct port *p, const struct rte_eth_dev_info *info, uint16_t mtu, char error[PORT_ERROR_MAX])
{
    uint32_t frame = info->max_rx_pktlen > RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN
                         ? info->max_rx_pktlen - RTE_ETHER_HDR_LEN - RTE_ETHER_CRC_LEN
                         : 0;
    uint32_t most = RTE_MIN(frame, (uint32_t)info->max_mtu);

    if (mtu <= most) {
        return true;
    }
    (void)snprintf(error, PORT_ERROR_MAX, "port %s (%s): it takes IP packets up to %u octets; lower the pair's mtu of %u",
                   p->cfg->name, p->cfg->device, most, mtu);
    return false;
}

/* af_packet spreads frames over all of its queues whether they are set up or not; what falls into others would be lost. */
static bool spreads_over_all(const struct port *p)
{
    return strncmp(p->cfg->device, "net_af_packet", strlen("net_af_packet")) == 0;
}

static bool check_queues(const struct port *p, const struct rte_eth_dev_info *info, uint16_t n, char error[PORT_ERROR_MAX])
{
    uint16_t most = RTE_MIN(info->max_rx_queues, info->max_tx_queues);

    if (n > most) {
        (void)snprintf(error, PORT_ERROR_MAX, "port %s (%s): %u workers need as many queues, it has %u; list fewer workers",
                       p->cfg->name, p->cfg->device, n, most);
        return false;
    }
    if (n < most && spreads_over_all(p)) {
        (void)snprintf(error, PORT_ERROR_MAX, "port %s (%s): it spreads frames over %u queues, but there are %u workers; "
                       "set qpairs=%u", p->cfg->name, p->cfg->device, most, n, n);
        return false;
    }
    return true;
}

static int set_up_queues(const struct port *p, const struct rte_eth_dev_info *info, uint16_t n, struct rte_mempool *pool)
{
    struct rte_eth_rxconf rxconf = info->default_rxconf;
    struct rte_eth_txconf txconf = info->default_txconf;
    uint16_t n_rxd = RX_DESC, n_txd = TX_DESC;
    int rc = rte_eth_dev_adjust_nb_rx_tx_desc(p->id, &n_rxd, &n_txd);

    for (uint16_t q = 0; q < n && rc == 0; q++) {
        rc = rte_eth_rx_queue_setup(p->id, q, n_rxd, (unsigned)rte_eth_dev_socket_id(p->id), &rxconf, pool);
        if (rc == 0) {
            rc = rte_eth_tx_queue_setup(p->id, q, n_txd, (unsigned)rte_eth_dev_socket_id(p->id), &txconf);
        }
    }
    return rc;
}

/* Several queues: all packets of a flow stay with one worker. Ports without RSS (virtual ones) spread as they like. */
static struct rte_eth_conf port_conf(const struct rte_eth_dev_info *info, uint16_t n, uint16_t mtu)
{
    struct rte_eth_conf conf = {.rxmode = {.mtu = mtu}};
    uint64_t hash = (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP) & info->flow_type_rss_offloads;

    if (n > 1 && hash != 0) {
        conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        conf.rx_adv_conf.rss_conf.rss_hf = hash;
    }
    return conf;
}

static bool start(struct port *p, uint16_t n_queues, uint16_t mtu, struct rte_mempool *pool, char error[PORT_ERROR_MAX])
{
    struct rte_eth_dev_info info;
    struct rte_eth_conf conf;
    struct rte_ether_addr mac;
    int rc = rte_eth_dev_info_get(p->id, &info);

    if (rc != 0) {
        return fail(error, p, "asking for its abilities", rc);
    }
    if (!check_queues(p, &info, n_queues, error) || !check_mtu(p, &info, mtu, error)) {
        return false;
    }
    conf = port_conf(&info, n_queues, mtu);
    rc = rte_eth_dev_configure(p->id, n_queues, n_queues, &conf);
    if (rc != 0) {
        return fail(error, p, "configuring it", rc);
    }
    if (!set_mtu(p, mtu, error)) {
        return false;
    }
    rc = set_up_queues(p, &info, n_queues, pool);
    if (rc != 0) {
        return fail(error, p, "setting up its queues", rc);
    }
    rc = rte_eth_dev_start(p->id);
    if (rc != 0) {
        return fail(error, p, "starting it", rc);
    }
    p->started = true;
    rc = rte_eth_promiscuous_enable(p->id);
    if (rc != 0 && rc != -ENOTSUP) {
        return fail(error, p, "making it promiscuous", rc);
    }
    rc = rte_eth_macaddr_get(p->id, &mac);
    if (rc != 0) {
        return fail(error, p, "reading its MAC address", rc);
    }
    memcpy(p->mac, mac.addr_bytes, sizeof(p->mac));
    return true;
}

bool port_open_all(struct ports *ports, const struct cfg *cfg, char error[PORT_ERROR_MAX])
{
    uint16_t largest = RTE_ETHER_MTU;

    *ports = (struct ports){.n = 0};
    for (size_t i = 0; i < cfg->n_ports; i++) {
        ports->p[i] = (struct port){.cfg = &cfg->ports[i]};
        if (!find(&ports->p[i], error)) {
            return false;
        }
        ports->n = i + 1;
        largest = RTE_MAX(largest, wanted_mtu(cfg, i));
    }
    if (!make_pool(ports, cfg, largest, error)) {
        return false;
    }
    for (size_t i = 0; i < ports->n; i++) {
        if (!start(&ports->p[i], (uint16_t)cfg->n_workers, wanted_mtu(cfg, i), ports->pool, error)) {
            return false;
        }
    }
    return true;
}

void port_close_all(struct ports *ports)
{
    for (size_t i = 0; i < ports->n; i++) {
        if (ports->p[i].started) {
            (void)rte_eth_dev_stop(ports->p[i].id);
        }
        (void)rte_eth_dev_close(ports->p[i].id);
    }
    rte_mempool_free(ports->pool);
    *ports = (struct ports){.n = 0};
}

void port_poll_links(struct ports *ports, void (*changed)(void *ctx, size_t index, bool up), void *ctx)
{
    for (size_t i = 0; i < ports->n; i++) {
        struct port *p = &ports->p[i];
        struct rte_eth_link link = {0};
        bool up = rte_eth_link_get_nowait(p->id, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;

        if (up != p->link_up) {
            p->link_up = up;
            log_msg(PORT_UP, p->cfg->name, up ? "up" : "down", p->cfg->device);
            changed(ctx, i, up);
        }
    }
}

void port_clear(struct ports *ports)
{
    for (size_t i = 0; i < ports->n; i++) {
        (void)rte_eth_stats_reset(ports->p[i].id);
    }
}

void port_publish(const struct ports *ports, struct ipc_page *page)
{
    page->n_ports = (uint32_t)ports->n;
    for (size_t i = 0; i < ports->n; i++) {
        const struct port *p = &ports->p[i];
        struct ipc_page_port *out = &page->ports[i];
        struct rte_eth_stats s;

        (void)snprintf(out->name, sizeof(out->name), "%s", p->cfg->name);
        (void)snprintf(out->device, sizeof(out->device), "%.63s", p->cfg->device);
        out->link_up = p->link_up;
        if (rte_eth_stats_get(p->id, &s) != 0) {
            continue;
        }
        out->rx_packets = s.ipackets;
        out->rx_bytes = s.ibytes;
        out->rx_missed = s.imissed + s.rx_nombuf;
        out->rx_errors = s.ierrors;
        out->tx_packets = s.opackets;
        out->tx_bytes = s.obytes;
        out->tx_errors = s.oerrors;
    }
}
