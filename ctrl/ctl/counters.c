/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * show counters, show ports, show workers: ports, verdicts and workers of the data planes, and the control daemon's own
 * counters of datagrams.
 */
#include "ctrl/ctl/view.h"

#include <string.h>

static uint64_t load(const _Atomic uint64_t *v)
{
    return atomic_load_explicit(v, memory_order_relaxed);
}

static uint32_t clamp(uint32_t n, uint32_t most)
{
    return n < most ? n : most;
}

/* By what a port spreads frames over its queues. */
static const char *rss_text(uint32_t rss)
{
    static const char *const texts[] = {"none",  "ipv4",       "ipv6",       "ipv4 ipv6",
                                        "ports", "ipv4 ports", "ipv6 ports", "ipv4 ipv6 ports"};

    return texts[rss & (IPC_PORT_RSS_IPV4 | IPC_PORT_RSS_IPV6 | IPC_PORT_RSS_PORTS)];
}

static void put_ports(struct json *j, const char *socket, const struct ipc_page *page)
{
    for (uint32_t i = 0; i < clamp(page->n_ports, 2 * IPC_MAX_PAIRS); i++) {
        const struct ipc_page_port *p = &page->ports[i];
        char name[IPC_NAME_MAX + 1] = "", device[sizeof(p->device) + 1] = "", driver[sizeof(p->driver) + 1] = "";

        memcpy(name, p->name, sizeof(p->name));
        memcpy(device, p->device, sizeof(p->device));
        memcpy(driver, p->driver, sizeof(p->driver));
        json_object(j);
        json_kv_string(j, "data_plane", socket);
        json_kv_string(j, "name", name);
        json_kv_string(j, "device", device);
        json_kv_string(j, "driver", driver);
        json_kv_string(j, "link", atomic_load(&p->link_up) ? "up" : "down");
        json_kv_u64(j, "speed_mbps", atomic_load(&p->speed));
        json_kv_u64(j, "queues", p->queues);
        json_kv_u64(j, "rx_descriptors", p->rx_descriptors);
        json_kv_u64(j, "tx_descriptors", p->tx_descriptors);
        json_kv_u64(j, "mtu", p->mtu);
        json_kv_string(j, "rss", rss_text(p->rss));
        json_kv_u64(j, "rx_packets", load(&p->rx_packets));
        json_kv_u64(j, "rx_bytes", load(&p->rx_bytes));
        json_kv_u64(j, "rx_missed", load(&p->rx_missed));
        json_kv_u64(j, "rx_nombuf", load(&p->rx_nombuf));
        json_kv_u64(j, "rx_errors", load(&p->rx_errors));
        json_kv_u64(j, "tx_packets", load(&p->tx_packets));
        json_kv_u64(j, "tx_bytes", load(&p->tx_bytes));
        json_kv_u64(j, "tx_errors", load(&p->tx_errors));
        json_end_object(j);
    }
}

static void put_workers(struct json *j, const char *socket, const struct ipc_page *page)
{
    for (uint32_t i = 0; i < clamp(page->n_workers, IPC_MAX_WORKERS); i++) {
        const struct ipc_page_worker *w = &page->workers[i];
        uint64_t packets = 0, dropped = 0;

        for (unsigned v = 0; v < VERDICT_COUNT; v++) {
            packets += load(&w->packets[v]);
            if (strncmp(verdict_name(v), "drop_", 5) == 0)
                dropped += load(&w->packets[v]);
        }
        json_object(j);
        json_kv_string(j, "data_plane", socket);
        json_kv_u64(j, "worker", i);
        json_kv_u64(j, "lcore", load(&w->lcore));
        json_kv_u64(j, "packets", packets);
        json_kv_u64(j, "packets_dropped", dropped);
        json_kv_u64(j, "polls", load(&w->polls));
        json_kv_u64(j, "empty_polls", load(&w->empty_polls));
        json_end_object(j);
    }
}

static void add_verdicts(uint64_t sums[VERDICT_COUNT], const struct ipc_page *page)
{
    for (size_t i = 0; i <= IPC_MAX_WORKERS; i++) {
        for (unsigned v = 0; v < VERDICT_COUNT; v++)
            sums[v] += load(&page->workers[i].packets[v]);
    }
}

static void put_verdicts(struct json *j, const uint64_t sums[VERDICT_COUNT])
{
    json_key(j, "verdicts");
    json_object(j);
    for (unsigned v = 0; v < VERDICT_COUNT; v++) {
        json_key(j, verdict_name(v));
        json_object(j);
        json_kv_u64(j, "packets", sums[v]);
        json_kv_string(j, "meaning", verdict_meaning(v));
        json_end_object(j);
    }
    json_end_object(j);
}

static void put_ike(struct json *j, const struct session_stats *s)
{
    json_key(j, "ike");
    json_object(j);
    json_kv_u64(j, "datagrams_in", s->datagrams_in);
    json_kv_u64(j, "datagrams_out", s->datagrams_out);
    json_kv_u64(j, "dropped_malformed", s->dropped_malformed);
    json_kv_u64(j, "dropped_unknown", s->dropped_unknown);
    json_kv_u64(j, "dropped_state", s->dropped_state);
    json_kv_u64(j, "dropped_auth", s->dropped_auth);
    json_kv_u64(j, "dropped_duplicate", s->dropped_duplicate);
    json_kv_u64(j, "dropped_limit", s->dropped_limit);
    json_kv_u64(j, "phase1_established", s->phase1_established);
    json_kv_u64(j, "phase1_failed", s->phase1_failed);
    json_kv_u64(j, "pulls_served", s->pulls_served);
    json_kv_u64(j, "pulls_refused", s->pulls_refused);
    json_end_object(j);
}

/* One array over the data planes. */
static void put_all(struct json *j, const char *key, struct plane **planes, int n,
                    void (*put)(struct json *j, const char *socket, const struct ipc_page *page))
{
    json_key(j, key);
    json_array(j);
    for (int i = 0; i < n; i++)
        put(j, plane_socket(planes[i]), dpc_page(plane_dpc(planes[i])));
    json_end_array(j);
}

int ctl_show_counters(struct ctl_request *r)
{
    struct plane *planes[CTL_MAX_PLANES];
    uint64_t sums[VERDICT_COUNT] = {0};
    int code = CTL_OK, n = ctl_planes(r, 2, planes, &code);

    if (n < 0)
        return code;
    json_object(r->out);
    put_all(r->out, "ports", planes, n, put_ports);
    for (int i = 0; i < n; i++)
        add_verdicts(sums, dpc_page(plane_dpc(planes[i])));
    put_verdicts(r->out, sums);
    put_all(r->out, "workers", planes, n, put_workers);
    put_ike(r->out, sessions_stats(roles_sessions(r->roles)));
    json_end_object(r->out);
    return CTL_OK;
}

static int show_array(struct ctl_request *r, const char *key,
                      void (*put)(struct json *j, const char *socket, const struct ipc_page *page))
{
    struct plane *planes[CTL_MAX_PLANES];
    int code = CTL_OK, n = ctl_planes(r, 2, planes, &code);

    if (n < 0)
        return code;
    json_object(r->out);
    put_all(r->out, key, planes, n, put);
    json_end_object(r->out);
    return CTL_OK;
}

int ctl_show_ports(struct ctl_request *r)
{
    return show_array(r, "ports", put_ports);
}

int ctl_show_workers(struct ctl_request *r)
{
    return show_array(r, "workers", put_workers);
}
