/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ethdev set-up, step by step, every step that fails by its name. Buffers hold a whole frame (no scatter): the pipeline
 * works on one segment. What a device must be able to do is decided in nic.c.
 */
#include "dataplane/port.h"

#include "common/log.h"
#include "dataplane/eal.h"
#include "dataplane/nic.h"

#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#include <stdio.h>
#include <string.h>

#define CACHE 256

/* What failed, what the driver answered, its own words, and what may help. */
static bool fail(char error[PORT_ERROR_MAX], const struct port *p, const char *what, int rc, const char *advice)
{
    char said[EAL_ERROR_MAX];

    (void)eal_last_words(said);
    (void)snprintf(error, PORT_ERROR_MAX, "port %s (%.200s): %s: %s%s%s%s%.600s", p->cfg->name, p->cfg->device, what,
                   rte_strerror(-rc), advice[0] != '\0' ? "; " : "", advice, said[0] != '\0' ? ". DPDK said: " : "", said);
    return false;
}

static bool refuse(char error[PORT_ERROR_MAX], const struct port *p, const char *why)
{
    (void)snprintf(error, PORT_ERROR_MAX, "port %s (%.200s): %s", p->cfg->name, p->cfg->device, why);
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
                   p->cfg->pci ? "no driver of DPDK took it: is it a network card, is its IOMMU group whole in vfio-pci, is "
                                 "the driver's package installed"
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

/* Every descriptor full, every worker's cache full (a cache holds up to 1.5 times its size), every ring of the slow path. */
static unsigned buffers(const struct cfg *cfg)
{
    unsigned descriptors = 0;

    for (size_t i = 0; i < cfg->n_ports; i++) {
        descriptors += (unsigned)cfg->ports[i].rx_descriptors + cfg->ports[i].tx_descriptors;
    }
    return (unsigned)cfg->n_workers * descriptors + (unsigned)(cfg->n_workers + 1) * 2 * CACHE + PORT_LOCAL_QUEUE +
           PORT_PUNT_QUEUE;
}

static uint32_t buffer_room(const struct cfg *cfg)
{
    uint16_t largest = RTE_ETHER_MTU;

    for (size_t i = 0; i < cfg->n_ports; i++) {
        largest = RTE_MAX(largest, wanted_mtu(cfg, i));
    }
    return nic_room(largest);
}

size_t port_memory(const struct cfg *cfg)
{
    return (size_t)buffers(cfg) * (sizeof(struct rte_mbuf) + buffer_room(cfg) + RTE_CACHE_LINE_SIZE);
}

/* One pool for all, near the first port that knows where it is; anywhere when there is no memory. */
static bool make_pool(struct ports *ports, const struct cfg *cfg, char error[PORT_ERROR_MAX])
{
    unsigned n = buffers(cfg);
    uint16_t room = (uint16_t)buffer_room(cfg);
    int socket = SOCKET_ID_ANY;

    for (size_t i = 0; i < ports->n && socket == SOCKET_ID_ANY; i++) {
        socket = rte_eth_dev_socket_id(ports->p[i].id);
    }
    ports->pool = rte_pktmbuf_pool_create("frames", n, CACHE, 0, room, socket);
    if (ports->pool == NULL && socket != SOCKET_ID_ANY) {
        ports->pool = rte_pktmbuf_pool_create("frames", n, CACHE, 0, room, SOCKET_ID_ANY);
    }
    if (ports->pool == NULL) {
        (void)snprintf(error, PORT_ERROR_MAX, "no memory for %u buffers of %u octets: %s; give EAL more (-m)", n, room,
                       rte_strerror(rte_errno));
        return false;
    }
    return true;
}

/*
 * rte_eth_dev_configure() only notes the MTU; cards that share their interface with the kernel need to be told as well.
 * Drivers that can't be told have no MTU of their own.
 */
static bool set_mtu(struct port *p, uint16_t before, uint16_t mtu, char error[PORT_ERROR_MAX])
{
    uint16_t now = 0;
    int rc = before == mtu ? 0 : rte_eth_dev_set_mtu(p->id, mtu);

    if (rc != 0 && rc != -ENOTSUP) {
        return fail(error, p, "setting its MTU", rc, "lower the pair's mtu, or raise that of its interface or card");
    }
    rc = rte_eth_dev_get_mtu(p->id, &now);
    if (rc != 0 || now != mtu) {
        return fail(error, p, "setting its MTU", rc != 0 ? rc : -EINVAL, "it took another one; lower the pair's mtu");
    }
    p->mtu = mtu;
    return true;
}

/* af_packet spreads frames over all of its queues whether they are set up or not; what falls into others would be lost. */
static bool check_spread(const struct port *p, const struct rte_eth_dev_info *info, uint16_t n, char error[PORT_ERROR_MAX])
{
    if (n < info->max_rx_queues && strncmp(p->cfg->device, "net_af_packet", strlen("net_af_packet")) == 0) {
        (void)snprintf(error, PORT_ERROR_MAX, "port %s (%.200s): it spreads frames over %u queues, but there are %u workers; "
                       "set qpairs=%u", p->cfg->name, p->cfg->device, info->max_rx_queues, n, n);
        return false;
    }
    return true;
}

static bool set_up_queues(struct port *p, const struct rte_eth_dev_info *info, const struct nic_plan *plan,
                          struct rte_mempool *pool, char error[PORT_ERROR_MAX])
{
    struct rte_eth_rxconf rxconf = info->default_rxconf;
    struct rte_eth_txconf txconf = info->default_txconf;
    unsigned socket = (unsigned)rte_eth_dev_socket_id(p->id);
    int rc;

    p->rx_descriptors = p->cfg->rx_descriptors;
    p->tx_descriptors = p->cfg->tx_descriptors;
    rxconf.offloads = 0;
    txconf.offloads = plan->conf.txmode.offloads;
    rc = rte_eth_dev_adjust_nb_rx_tx_desc(p->id, &p->rx_descriptors, &p->tx_descriptors);
    if (rc != 0) {
        return fail(error, p, "choosing the size of its queues", rc, "change rx-descriptors or tx-descriptors");
    }
    for (uint16_t q = 0; q < p->queues; q++) {
        rc = rte_eth_rx_queue_setup(p->id, q, p->rx_descriptors, socket, &rxconf, pool);
        if (rc != 0) {
            return fail(error, p, "setting up a queue to receive", rc, "fewer workers or rx-descriptors need less");
        }
        rc = rte_eth_tx_queue_setup(p->id, q, p->tx_descriptors, socket, &txconf);
        if (rc != 0) {
            return fail(error, p, "setting up a queue to send", rc, "fewer workers or tx-descriptors need less");
        }
    }
    return true;
}

/* What only shows when it runs: frames in one piece, tags left alone, all frames received. */
static bool check_running(const struct port *p, char error[PORT_ERROR_MAX])
{
    struct rte_eth_rxq_info queue;
    int vlan = rte_eth_dev_get_vlan_offload(p->id);

    if (rte_eth_rx_queue_info_get(p->id, 0, &queue) == 0 && queue.scattered_rx != 0) {
        return refuse(error, p, "its driver puts one frame into several buffers, which is not supported; lower the pair's mtu");
    }
    if (vlan > 0 && (vlan & RTE_ETH_VLAN_STRIP_OFFLOAD) != 0) {
        return refuse(error, p, "it takes VLAN tags off, and that can't be turned off; use another card, or another driver");
    }
    return true;
}

/* It must take frames for everybody. A virtual device that has no such switch has no filter either. */
static bool receive_all(const struct port *p, char error[PORT_ERROR_MAX])
{
    static const char advice[] = "a virtual function needs `ip link set PF vf N trust on` on its host";
    int rc = rte_eth_promiscuous_enable(p->id);

    if (rc != 0 && (rc != -ENOTSUP || p->cfg->pci)) {
        return fail(error, p, "making it promiscuous", rc, advice);
    }
    rc = rte_eth_allmulticast_enable(p->id); /* virtual functions: promiscuous may mean unicast only */
    if (rc != 0 && rc != -ENOTSUP) {
        return fail(error, p, "having it take all multicast frames", rc, advice);
    }
    return true;
}

/* Memory of the other socket costs every packet. */
static void warn_of_numa(const struct port *p, const struct cfg *cfg)
{
    int socket = rte_eth_dev_socket_id(p->id);
    char text[NIC_TEXT_MAX];

    for (unsigned i = 0; socket >= 0 && i < cfg->n_workers; i++) {
        unsigned other = rte_lcore_to_socket_id(eal_worker_lcore(i));

        if (other != (unsigned)socket) {
            (void)snprintf(text, sizeof(text), "it is on NUMA node %d, but CPU %u of worker %u is on node %u: slower; choose "
                           "workers on node %d", socket, cfg->workers[i], i, other, socket);
            log_msg(PORT_LIMIT, p->cfg->name, p->cfg->device, text);
        }
    }
}

static void announce(struct port *p, const struct rte_eth_dev_info *info, const struct nic_plan *plan)
{
    struct rte_eth_rss_conf rss = {0};

    p->rss = plan->rss;
    if (plan->rss != 0 && rte_eth_dev_rss_hash_conf_get(p->id, &rss) == 0) {
        p->rss &= nic_rss_of(rss.rss_hf);
    }
    (void)snprintf(p->driver, sizeof(p->driver), "%s", info->driver_name);
    log_msg(PORT_READY, p->cfg->name, p->cfg->device, p->driver, p->queues, p->rx_descriptors, p->tx_descriptors, p->mtu,
            p->queues > 1 ? nic_rss_text(p->rss) : "not needed");
    if (plan->limit[0] != '\0') {
        log_msg(PORT_LIMIT, p->cfg->name, p->cfg->device, plan->limit);
    }
}

/* Plan, configure, queues, start: each step may fail by name. */
static bool start(struct port *p, const struct cfg *cfg, uint16_t mtu, struct rte_mempool *pool, char error[PORT_ERROR_MAX])
{
    const struct nic_want want = {.queues = (uint16_t)cfg->n_workers, .mtu = mtu, .room = rte_pktmbuf_data_room_size(pool)};
    struct rte_eth_dev_info info;
    struct rte_ether_addr mac;
    struct nic_plan plan;
    char why[NIC_TEXT_MAX];
    uint16_t before = 0;
    int rc = rte_eth_dev_info_get(p->id, &info);

    if (rc != 0) {
        return fail(error, p, "asking for its abilities", rc, "");
    }
    if (!nic_plan(&plan, &info, &want, why)) {
        return refuse(error, p, why);
    }
    if (!check_spread(p, &info, want.queues, error)) {
        return false;
    }
    p->queues = want.queues;
    (void)rte_eth_dev_get_mtu(p->id, &before);
    rc = rte_eth_dev_configure(p->id, p->queues, p->queues, &plan.conf);
    if (rc != 0) {
        return fail(error, p, "configuring it", rc, "fewer workers need fewer queues");
    }
    if (!set_mtu(p, before, mtu, error) || !set_up_queues(p, &info, &plan, pool, error)) {
        return false;
    }
    rc = rte_eth_dev_start(p->id);
    if (rc != 0) {
        return fail(error, p, "starting it", rc, "");
    }
    p->started = true;
    if (!receive_all(p, error) || !check_running(p, error)) {
        return false;
    }
    rc = rte_eth_macaddr_get(p->id, &mac);
    if (rc != 0) {
        return fail(error, p, "reading its MAC address", rc, "");
    }
    memcpy(p->mac, mac.addr_bytes, sizeof(p->mac));
    announce(p, &info, &plan);
    warn_of_numa(p, cfg);
    return true;
}

bool port_open_all(struct ports *ports, const struct cfg *cfg, char error[PORT_ERROR_MAX])
{
    *ports = (struct ports){.n = 0};
    for (size_t i = 0; i < cfg->n_ports; i++) {
        ports->p[i] = (struct port){.cfg = &cfg->ports[i]};
        if (!find(&ports->p[i], error)) {
            return false;
        }
        ports->n = i + 1;
    }
    if (!make_pool(ports, cfg, error)) {
        return false;
    }
    for (size_t i = 0; i < ports->n; i++) {
        if (!start(&ports->p[i], cfg, wanted_mtu(cfg, i), ports->pool, error)) {
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

        p->speed = up && link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN ? link.link_speed : 0;
        if (up != p->link_up || !p->link_told) {
            p->link_up = up;
            p->link_told = true;
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

void port_describe(const struct ports *ports, struct ipc_page *page)
{
    page->n_ports = (uint32_t)ports->n;
    for (size_t i = 0; i < ports->n; i++) {
        const struct port *p = &ports->p[i];
        struct ipc_page_port *out = &page->ports[i];

        (void)snprintf(out->name, sizeof(out->name), "%s", p->cfg->name);
        (void)snprintf(out->device, sizeof(out->device), "%.63s", p->cfg->device);
        (void)snprintf(out->driver, sizeof(out->driver), "%s", p->driver);
        out->queues = p->queues;
        out->rx_descriptors = p->rx_descriptors;
        out->tx_descriptors = p->tx_descriptors;
        out->mtu = p->mtu;
        out->rss = p->rss;
    }
}

void port_publish(const struct ports *ports, struct ipc_page *page)
{
    for (size_t i = 0; i < ports->n; i++) {
        const struct port *p = &ports->p[i];
        struct ipc_page_port *out = &page->ports[i];
        struct rte_eth_stats s;

        out->link_up = p->link_up;
        out->speed = p->speed;
        if (rte_eth_stats_get(p->id, &s) != 0) {
            continue;
        }
        out->rx_packets = s.ipackets;
        out->rx_bytes = s.ibytes;
        out->rx_missed = s.imissed;
        out->rx_nombuf = s.rx_nombuf;
        out->rx_errors = s.ierrors;
        out->tx_packets = s.opackets;
        out->tx_bytes = s.obytes;
        out->tx_errors = s.oerrors;
    }
}
