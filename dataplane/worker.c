/* SPDX-License-Identifier: BSD-3-Clause */
/* The poll loop. Every packet that the pipeline gives back goes to a port or to the punt ring, or is dropped by name. */
#include "dataplane/worker.h"

#include "dataplane/eal.h"

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>

#include <sys/prctl.h>
#include <time.h>

/*
 * In pages of 4 KB, 32 packets and what belongs to them are more pages than CPUs have entries for stores: 5 % of a short packet
 * (docs/performance.md). Smaller bursts would be system calls for some virtual devices.
 */
#define BURST_SMALL_PAGES (VEC_BURST / 2)

struct worker {
    struct worker_shared *shared;
    struct pipeline_ctx *ctx;
    struct ipc_page_worker *counters;
    unsigned index;
    uint16_t queue;
    uint16_t burst; /* packets that it asks a port for */
    uint64_t now;
    struct punt_limiter limiter;
    struct pkt_vec vec;
};

struct worker *worker_new(struct worker_shared *shared, unsigned index, unsigned cpu)
{
    int socket = (int)rte_lcore_to_socket_id(eal_worker_lcore(index));
    struct worker *w = rte_zmalloc_socket("worker", sizeof(*w), RTE_CACHE_LINE_SIZE, socket);

    if (w == NULL) {
        return NULL;
    }
    w->ctx = pipeline_ctx_new(shared->pipeline, shared->store, index, shared->crypto, socket);
    if (w->ctx == NULL) {
        rte_free(w);
        return NULL;
    }
    w->shared = shared;
    w->index = index;
    w->queue = (uint16_t)index;
    w->burst = rte_eal_has_hugepages() ? VEC_BURST : BURST_SMALL_PAGES;
    w->counters = &shared->page->workers[index];
    w->counters->lcore = cpu;
    punt_limiter_init(&w->limiter, rte_get_tsc_hz(), shared->pipeline->n_workers);
    return w;
}

void worker_free(struct worker *w)
{
    if (w != NULL) {
        pipeline_ctx_free(w->ctx);
        rte_free(w);
    }
}

/* Only this worker writes its counters; others read them. */
static void count(_Atomic uint64_t *counter)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1, memory_order_relaxed);
}

static void transmit(struct worker *w, uint16_t port)
{
    struct pkt_vec *v = &w->vec;
    uint16_t sent;

    if (v->n_tx == 0) {
        return;
    }
    sent = rte_eth_tx_burst(port, w->queue, v->tx, v->n_tx);
    if (sent < v->n_tx) {
        pipeline_tx_full(w->ctx, v, sent);
    }
}

/* Hands over what limits and ring take; the others move behind them, for pipeline_punt_full() to free and count. */
static void punt(struct worker *w)
{
    struct pkt_vec *v = &w->vec;
    unsigned taken = 0;

    for (unsigned i = 0; i < v->n_punt; i++) {
        struct rte_mbuf *m = v->punt[i];
        uint8_t verdict = v->punt_verdict[i];
        enum punt_class class = punt_classify(rte_pktmbuf_mtod(m, const uint8_t *), rte_pktmbuf_data_len(m));

        if (punt_limiter_take(&w->limiter, class, w->now) && punt_put(w->shared->punt, m)) {
            v->punt[i] = v->punt[taken];
            v->punt_verdict[i] = v->punt_verdict[taken];
            v->punt[taken] = NULL; /* the slow path's now */
            v->punt_verdict[taken] = verdict;
            taken++;
        }
    }
    if (taken > 0) {
        punt_wake(w->shared->punt);
    }
    if (taken < v->n_punt) {
        pipeline_punt_full(w->ctx, v, taken);
    }
}

/* What the pipeline says itself goes to the port that the packets came from. */
static void answer(struct worker *w, uint16_t port)
{
    struct pkt_vec *v = &w->vec;
    uint16_t sent;

    if (v->n_back == 0) {
        return;
    }
    sent = rte_eth_tx_burst(port, w->queue, v->back, v->n_back);
    if (sent < v->n_back) {
        pipeline_back_full(w->ctx, v, sent);
    }
}

/* The vector's packets, and then those that had to wait for places, from the inside out. */
static void run_outbound(struct worker *w, uint16_t from, uint16_t to)
{
    do {
        pipeline_outbound(w->ctx, &w->vec);
        transmit(w, to);
        answer(w, from);
        punt(w);
    } while (vec_next(&w->vec));
}

static unsigned poll_port(struct worker *w, unsigned pair, uint16_t from, uint16_t to, bool outbound)
{
    struct pkt_vec *v = &w->vec;

    v->n = rte_eth_rx_burst(from, w->queue, v->m, w->burst);
    if (v->n == 0 && !pipeline_waits(w->ctx, pair, !outbound)) {
        return 0;
    }
    v->pair = (uint16_t)pair;
    v->local = false;
    if (outbound) {
        run_outbound(w, from, to);
    } else {
        pipeline_inbound(w->ctx, v);
        transmit(w, to);
        punt(w);
    }
    return 1;
}

/* On the inside port the appliance's own addresses are plain: no policy, as between two hosts of that network. */
static void send_inside(struct worker *w, uint16_t port, struct rte_mbuf *m)
{
    if (rte_eth_tx_burst(port, w->queue, &m, 1) == 1) {
        pipeline_count(w->ctx, VERDICT_LOCAL, 1);
    } else {
        rte_pktmbuf_free(m);
        pipeline_count(w->ctx, VERDICT_DROP_TX_FULL, 1);
    }
}

/* Frames from the TAP; the slow path wrote the egress port into m->port. */
static unsigned poll_tap(struct worker *w)
{
    unsigned pair = (unsigned)w->shared->pipeline->local_pair;
    struct pkt_vec *v = &w->vec;
    struct rte_mbuf *m[VEC_BURST];
    unsigned n = rte_ring_dequeue_burst(w->shared->punt->from_tap, (void **)m, VEC_BURST, NULL);

    if (n == 0) {
        return 0;
    }
    v->n = 0;
    v->pair = (uint16_t)pair;
    v->local = true;
    for (unsigned i = 0; i < n; i++) {
        if (m[i]->port == w->shared->inside[pair]) {
            send_inside(w, w->shared->inside[pair], m[i]);
        } else {
            v->m[v->n++] = m[i];
        }
    }
    if (v->n > 0) {
        run_outbound(w, w->shared->inside[pair], w->shared->outside[pair]);
    }
    return 1;
}

/* One look at everything; true when there was work. */
static bool poll_all(struct worker *w)
{
    const struct worker_shared *s = w->shared;
    unsigned busy = 0;

    w->now = rte_rdtsc();
    pipeline_begin(w->ctx, w->now);
    for (unsigned i = 0; i < s->n_pairs; i++) {
        busy += poll_port(w, i, s->inside[i], s->outside[i], true);
        busy += poll_port(w, i, s->outside[i], s->inside[i], false);
    }
    if (w->index == 0 && s->pipeline->local_pair >= 0) {
        busy += poll_tap(w);
    }
    pipeline_end(w->ctx);
    count(&w->counters->polls);
    if (busy == 0) {
        count(&w->counters->empty_polls);
    }
    return busy != 0;
}

/* The last poll: what waits in lanes comes out, and nothing new is received. */
static void drain(struct worker *w)
{
    const struct worker_shared *s = w->shared;
    struct pkt_vec *v = &w->vec;

    pipeline_begin(w->ctx, rte_rdtsc());
    for (unsigned i = 0; i < s->n_pairs; i++) {
        v->n = 0;
        v->pair = (uint16_t)i;
        v->local = false;
        run_outbound(w, s->inside[i], s->outside[i]);
        pipeline_inbound(w->ctx, v);
        transmit(w, s->inside[i]);
        punt(w);
    }
    pipeline_end(w->ctx);
}

int worker_run(void *worker)
{
    struct worker *w = worker;
    const struct worker_shared *s = w->shared;
    struct timespec sleep = {.tv_sec = s->idle_sleep_us / 1000000, .tv_nsec = (long)(s->idle_sleep_us % 1000000) * 1000};
    unsigned empty = 0;

    (void)prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL); /* else every sleep is 50 us longer */
    snap_store_online(s->store, w->index);
    while (!atomic_load_explicit(&s->stop, memory_order_relaxed)) {
        empty = poll_all(w) ? 0 : empty + 1;
        if (empty >= s->idle_poll && s->idle_sleep_us > 0) {
            snap_store_offline(s->store, w->index);
            (void)nanosleep(&sleep, NULL);
            snap_store_online(s->store, w->index);
            empty = s->idle_poll; /* one more look, then sleep again */
        }
    }
    drain(w);
    snap_store_offline(s->store, w->index);
    return 0;
}
