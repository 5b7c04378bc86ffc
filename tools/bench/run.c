/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One thing to measure. Three ways through the same packets: the whole path (fresh mbuf, copy, pipeline, tx), the harness
 * (the same without the pipeline), and the raw one-shot calls of ipsec-mb on the same lengths and keys. A lane is what a
 * worker has of its own.
 */
#include "tools/bench/bench.h"

#include "dataplane/core/esp.h"

#include <rte_cycles.h>
#include <rte_malloc.h>

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define TX_RING 128

static struct lane {
    struct pkt_vec vec;
    struct rte_mbuf *tx_ring[TX_RING];
    unsigned tx_next;
} __attribute__((aligned(128))) lanes[IPC_MAX_WORKERS];

/*
 * The same packets come again and again: puts the window to where this burst is the next, number by number.
 */
static void rewind_window(struct bench_run *run, unsigned first)
{
    struct replay *r = snap_store_current(run->gateway.store)->sas[0]->replay;

    if (run->o.replay == IPC_REPLAY_COUNTER)
        run->window = &r->counter;
    for (unsigned i = 0; run->window == NULL && i < REPLAY_SENDERS; i++)
        if (atomic_load(&r->strict->windows[i].top) != 0)
            run->window = &r->strict->windows[i];
    if (run->window != NULL)
        atomic_store_explicit(&run->window->top, first, memory_order_relaxed);
}

struct pkt_vec *bench_receive(struct bench_run *run, unsigned lane, unsigned first)
{
    struct pkt_vec *v = &lanes[lane].vec;
    unsigned burst = run->o.burst;

    if (rte_pktmbuf_alloc_bulk(run->pool, v->m, burst) != 0)
        abort(); /* everything was given back: the pool can't be empty */
    if (!run->outbound && (run->o.strict || run->o.replay == IPC_REPLAY_COUNTER))
        rewind_window(run, first);
    for (unsigned i = 0; i < burst; i++) {
        const struct bench_packet *p = &run->packets[first + i];

        memcpy(rte_pktmbuf_mtod(v->m[i], void *), p->frame, p->len);
        v->m[i]->data_len = p->len;
        v->m[i]->pkt_len = p->len;
    }
    v->n = (uint16_t)burst;
    v->pair = 0;
    v->local = false;
    return v;
}

/*
 * Transmission, as a port's driver does it: packets stand in a ring until their place is needed again, then they are
 * freed. So the mbufs of a burst are not the ones just used, here as little as behind a real port.
 */
void bench_give_back(unsigned lane, struct rte_mbuf **m, unsigned n)
{
    struct lane *l = &lanes[lane];
    struct rte_mbuf *old[VEC_OUT_MAX];
    unsigned n_old = 0;

    for (unsigned i = 0; i < n; i++) {
        struct rte_mbuf **place = &l->tx_ring[l->tx_next++ % TX_RING];

        if (*place != NULL)
            old[n_old++] = *place;
        *place = m[i];
    }
    rte_pktmbuf_free_bulk(old, n_old);
}

void bench_drain(void)
{
    for (unsigned lane = 0; lane < IPC_MAX_WORKERS; lane++)
        for (unsigned i = 0; i < TX_RING; i++) {
            rte_pktmbuf_free(lanes[lane].tx_ring[i]);
            lanes[lane].tx_ring[i] = NULL;
        }
}

void bench_path(struct bench_run *run, unsigned lane, struct pkt_vec *v)
{
    struct pipeline_ctx *ctx = run->gateway.ctx[lane];

    pipeline_begin(ctx, rte_rdtsc());
    if (run->outbound)
        pipeline_outbound(ctx, v);
    else
        pipeline_inbound(ctx, v);
    pipeline_end(ctx);
}

struct pkt_vec *bench_empty(struct bench_run *run, unsigned lane)
{
    struct pkt_vec *v = &lanes[lane].vec;

    v->n = 0;
    v->pair = 0;
    v->local = false;
    bench_path(run, lane, v);
    return v;
}

void bench_own_cpu(bool on)
{
    struct sched_param p = {.sched_priority = on ? 1 : 0};

    (void)sched_setscheduler(0, on ? SCHED_FIFO : SCHED_OTHER, &p);
}

double bench_time_whole(struct bench_run *run, unsigned lane, unsigned times)
{
    unsigned passes = times * BENCH_PER_ROUND / run->n;
    uint64_t start = rte_rdtsc_precise();
    struct pkt_vec *v;

    for (unsigned pass = 0; pass < passes; pass++)
        for (unsigned at = 0; at < run->n; at += run->o.burst) {
            v = bench_receive(run, lane, at);
            bench_path(run, lane, v);
            bench_give_back(lane, v->tx, v->n_tx);
        }
    v = bench_empty(run, lane);
    bench_give_back(lane, v->tx, v->n_tx);
    return (double)(rte_rdtsc_precise() - start) / (times * BENCH_PER_ROUND);
}

double bench_time_harness(struct bench_run *run)
{
    uint64_t start = rte_rdtsc_precise();

    for (unsigned pass = 0; pass < BENCH_PER_ROUND / run->n; pass++)
        for (unsigned at = 0; at < run->n; at += run->o.burst) {
            struct pkt_vec *v = bench_receive(run, 0, at);

            bench_give_back(0, v->m, v->n);
        }
    return (double)(rte_rdtsc_precise() - start) / BENCH_PER_ROUND;
}

/* What two readings of the TSC right after each other are apart: the least of many. */
static uint64_t reading_cost(void)
{
    uint64_t least = UINT64_MAX;

    for (unsigned i = 0; i < 64; i++) {
        uint64_t first = rte_rdtsc(), cost = rte_rdtsc() - first;

        if (cost < least)
            least = cost;
    }
    return least;
}

void bench_time_stages(struct bench_run *run, double stages[PIPELINE_STAGES])
{
    void (*path)(struct pipeline_ctx *, struct pkt_vec *, uint64_t *) =
        run->outbound ? pipeline_outbound_timed : pipeline_inbound_timed;
    struct pipeline_ctx *ctx = run->gateway.ctx[0];
    uint64_t ticks[PIPELINE_STAGES] = {0};
    unsigned bursts = 0;
    struct pkt_vec *v;

    for (unsigned pass = 0; pass < BENCH_PER_ROUND / run->n; pass++)
        for (unsigned at = 0; at < run->n; at += run->o.burst, bursts++) {
            v = bench_receive(run, 0, at);
            pipeline_begin(ctx, rte_rdtsc());
            path(ctx, v, ticks);
            pipeline_end(ctx);
            bench_give_back(0, v->tx, v->n_tx);
        }
    v = bench_empty(run, 0);
    bench_give_back(0, v->tx, v->n_tx);
    for (unsigned i = 0; i < PIPELINE_STAGES; i++)
        stages[i] = ((double)ticks[i] - (ticks[i] != 0 ? (double)(bursts * reading_cost()) : 0)) / BENCH_PER_ROUND;
}

/* Jobs through lanes of their own, always as full as they get. */
static double time_raw_jobs(struct bench_run *run)
{
    const struct crypto_backend *b = crypto_ipsec_mb();
    uint64_t start = rte_rdtsc_precise();

    for (unsigned pass = 0; pass < BENCH_PER_ROUND / run->n; pass++)
        for (unsigned at = 0; at < run->n; at++) {
            const struct bench_packet *p = &run->packets[at];
            struct crypto_job *job = &run->jobs[at % VEC_MAX];

            if (!job->done)
                b->flush(run->lanes);
            job->key = &run->keys[p->sa];
            job->esp = rte_pktmbuf_mtod_offset(run->buffers[at % VEC_MAX], uint8_t *, L2_LEN + IPV4_LEN);
            job->len = p->text_len;
            job->open = !run->outbound;
            b->submit(run->lanes, job);
        }
    b->flush(run->lanes);
    return (double)(rte_rdtsc_precise() - start) / BENCH_PER_ROUND;
}

/* The calls alone, on a burst of buffers like the path's, nonces ready. */
double bench_time_raw(struct bench_run *run)
{
    struct gcm_context_data scratch;
    uint64_t start;

    if (run->call == NULL)
        return time_raw_jobs(run);
    start = rte_rdtsc_precise();

    for (unsigned pass = 0; pass < BENCH_PER_ROUND / run->n; pass++)
        for (unsigned at = 0; at < run->n; at++) {
            const struct bench_packet *p = &run->packets[at];
            unsigned slot = at % run->o.burst;
            uint8_t *esp = rte_pktmbuf_mtod_offset(run->buffers[slot], uint8_t *, L2_LEN + IPV4_LEN);
            uint8_t *text = esp + ESP_INTRO_LEN;

            run->call((const struct gcm_key_data *)(const void *)run->keys[p->sa].state, &scratch, text, text,
                      p->text_len, run->nonce[slot], esp, ESP_HEADER_LEN, run->tag[slot], ESP_ICV_LEN);
        }
    return (double)(rte_rdtsc_precise() - start) / BENCH_PER_ROUND;
}

static bool raw_open(struct bench_run *run)
{
    const struct bench_options *o = &run->o;
    const struct suite *suite = o->suite;
    IMB_MGR *m = run->manager = alloc_mb_mgr(0);

    run->keys = rte_zmalloc("keys", o->sas * sizeof *run->keys, 64);
    run->lanes = crypto_ipsec_mb()->lanes_new();
    if (m == NULL || run->keys == NULL || run->lanes == NULL ||
        rte_pktmbuf_alloc_bulk(run->pool, run->buffers, VEC_MAX) != 0)
        return false;
    init_mb_mgr_auto(m, NULL);
    for (unsigned i = 0; i < o->sas; i++) {
        uint8_t secret[BENCH_KEY_MAX];

        bench_key(i, secret);
        if (!crypto_ipsec_mb()->key_set(&run->keys[i], suite, secret, secret + BENCH_INTEGRITY))
            return false;
    }
    for (unsigned i = 0; i < VEC_MAX; i++)
        run->jobs[i].done = true;
    if (suite->id == SUITE_AES_GCM_256)
        run->call = run->outbound ? m->gcm256_enc : m->gcm256_dec;
    else if (suite->id == SUITE_AES_GCM_192)
        run->call = run->outbound ? m->gcm192_enc : m->gcm192_dec;
    else if (suite->id == SUITE_AES_GCM_128)
        run->call = run->outbound ? m->gcm128_enc : m->gcm128_dec;
    return true;
}

static void raw_close(struct bench_run *run)
{
    if (run->buffers[0] != NULL)
        rte_pktmbuf_free_bulk(run->buffers, VEC_MAX);
    if (run->lanes != NULL)
        crypto_ipsec_mb()->lanes_free(run->lanes);
    rte_free(run->keys);
    if (run->manager != NULL)
        free_mb_mgr(run->manager);
}

struct bench_run *bench_run_open(const struct bench_options *o, struct rte_mempool *pool, bool outbound, unsigned size)
{
    struct bench_run *run = calloc(1, sizeof *run);

    if (run == NULL)
        return NULL;
    run->o = *o;
    run->pool = pool;
    run->outbound = outbound;
    run->n = size == BENCH_IMIX ? BENCH_PACKETS : BENCH_FLOWS;
    for (unsigned i = 0; i < run->n; i++)
        bench_packet_make(&run->packets[i], i, size, o);
    bench_gateway_open(&run->gateway, o, crypto_ipsec_mb(), BENCH_SENDER);
    if ((outbound || bench_protect(run)) && raw_open(run) && bench_check(run))
        return run;
    bench_run_close(run);
    return NULL;
}

void bench_run_close(struct bench_run *run)
{
    raw_close(run);
    bench_drain();
    bench_gateway_close(&run->gateway);
    bench_packets_free(run->packets);
    free(run);
}
