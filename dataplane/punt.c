/* SPDX-License-Identifier: BSD-3-Clause */
/* Rings, limits and the classes that the limits are for. The decision that a frame is ours is the pipeline's. */
#include "dataplane/punt.h"

#include "dataplane/core/ext.h"
#include "dataplane/port.h"

#include <rte_errno.h>

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Frames per second and the burst that is forgiven, per class. IKE leaves room for a flood test and 100 members. */
static const struct {
    uint32_t rate, burst;
} limits[PUNT_CLASS_COUNT] = {
    [PUNT_IKE] = {5000, 500},
    [PUNT_NEIGHBOUR] = {1000, 200},
    [PUNT_MEMBERSHIP] = {500, 100},
    [PUNT_OTHER] = {20000, 400},
};

void punt_limiter_init(struct punt_limiter *l, uint64_t hz, unsigned n_workers)
{
    for (unsigned c = 0; c < PUNT_CLASS_COUNT; c++) {
        l->cost[c] = hz * n_workers / limits[c].rate;
        l->depth[c] = l->cost[c] * (limits[c].burst / n_workers + 1);
        l->saved[c] = l->depth[c];
        l->at[c] = 0;
    }
}

bool punt_limiter_take(struct punt_limiter *l, enum punt_class c, uint64_t now)
{
    uint64_t passed = now > l->at[c] ? now - l->at[c] : 0;

    l->at[c] = now;
    l->saved[c] = passed > l->depth[c] - l->saved[c] ? l->depth[c] : l->saved[c] + passed;
    if (l->saved[c] < l->cost[c]) {
        return false;
    }
    l->saved[c] -= l->cost[c];
    return true;
}

static uint16_t be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static bool is_ike_port(uint16_t port)
{
    return port == 848 || port == 4500 || port == 500;
}

static enum punt_class classify_udp(const uint8_t *udp, size_t len)
{
    return len >= 4 && (is_ike_port(be16(udp)) || is_ike_port(be16(udp + 2))) ? PUNT_IKE : PUNT_OTHER;
}

static enum punt_class classify_v4(const uint8_t *ip, size_t len)
{
    size_t header = len >= 20 ? (size_t)(ip[0] & 15) * 4 : 0;

    if (header < 20 || header > len) {
        return PUNT_OTHER;
    }
    if (ip[9] == 2) {
        return PUNT_MEMBERSHIP;
    }
    return ip[9] == 17 && (be16(ip + 6) & 0x1fff) == 0 ? classify_udp(ip + header, len - header) : PUNT_OTHER;
}

static enum punt_class classify_v6(const uint8_t *ip, size_t len)
{
    if (len < 41) {
        return PUNT_OTHER;
    }
    if (ip[6] == 0) { /* hop-by-hop: the router alert of MLD (RFC 2710) */
        return PUNT_MEMBERSHIP;
    }
    if (ip[6] == 58) {
        return ip[40] >= 133 && ip[40] <= 137 ? PUNT_NEIGHBOUR : PUNT_OTHER;
    }
    return ip[6] == 17 ? classify_udp(ip + 40, len - 40) : PUNT_OTHER;
}

enum punt_class punt_classify(const uint8_t *frame, size_t len)
{
    if (len < 14) {
        return PUNT_OTHER;
    }
    switch (be16(frame + 12)) {
    case 0x0806:
        return PUNT_NEIGHBOUR;
    case 0x0800:
        return classify_v4(frame + 14, len - 14);
    case 0x86dd:
        return classify_v6(frame + 14, len - 14);
    default:
        return PUNT_OTHER;
    }
}

static bool is_redirect4(const uint8_t *ip, size_t len)
{
    size_t header = len >= 20 ? (size_t)(ip[0] & 15) * 4 : 0;

    return header >= 20 && header < len && ip[9] == 1 && (be16(ip + 6) & 0x1fff) == 0 && ip[header] == 5;
}

static bool is_routing6(const uint8_t *ip, size_t len)
{
    struct ext6 x;

    if (len <= 40) {
        return false;
    }
    x = ext_walk6(ip + 40, len - 40, ip[6]);
    if (x.flaw != L3_OK && x.flaw != L3_FRAGMENT) {
        return true;
    }
    ip += 40 + x.len;
    return x.next == 58 && !x.later && len > 40u + x.len && (ip[0] == 134 || ip[0] == 137);
}

bool punt_is_routing(const uint8_t *frame, size_t len)
{
    if (len < 14) {
        return false;
    }
    switch (be16(frame + 12)) {
    case 0x0800:
        return is_redirect4(frame + 14, len - 14);
    case 0x86dd:
        return is_routing6(frame + 14, len - 14);
    default:
        return false;
    }
}

bool punt_open(struct punt *p)
{
    *p = (struct punt){.event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    p->to_tap = rte_ring_create("to_tap", PORT_PUNT_QUEUE, SOCKET_ID_ANY, RING_F_SC_DEQ);
    p->from_tap = rte_ring_create("from_tap", PORT_LOCAL_QUEUE, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    return p->event_fd >= 0 && p->to_tap != NULL && p->from_tap != NULL;
}

static void free_ring(struct rte_ring *r)
{
    void *m;

    if (r == NULL) {
        return;
    }
    while (rte_ring_dequeue(r, &m) == 0) {
        rte_pktmbuf_free(m);
    }
    rte_ring_free(r);
}

void punt_close(struct punt *p)
{
    free_ring(p->to_tap);
    free_ring(p->from_tap);
    if (p->event_fd >= 0) {
        close(p->event_fd);
    }
    *p = (struct punt){.event_fd = -1};
}

bool punt_put(struct punt *p, struct rte_mbuf *m)
{
    return rte_ring_enqueue(p->to_tap, m) == 0;
}

void punt_wake(struct punt *p)
{
    uint64_t one = 1;

    if (atomic_exchange(&p->woken, 1) == 0) {
        ssize_t n = write(p->event_fd, &one, sizeof(one));

        (void)n; /* can't fail: the counter is at 0 or 1 */
    }
}

void punt_awake(struct punt *p)
{
    uint64_t count;
    ssize_t n = read(p->event_fd, &count, sizeof(count));

    (void)n;
    atomic_store(&p->woken, 0);
}

unsigned punt_get(struct punt *p, struct rte_mbuf **frames, unsigned n)
{
    return rte_ring_dequeue_burst(p->to_tap, (void **)frames, n, NULL);
}
