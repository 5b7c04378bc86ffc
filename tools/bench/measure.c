/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The check and the rounds. Three things take turns, so that whatever else the machine does meets all of them: the
 * whole path (fresh mbuf, copy, pipeline, tx), the harness (the same without the pipeline), and the raw one-shot
 * calls of ipsec-mb on the same lengths and keys. What is reported are the middle rounds.
 */
#include "tools/bench/bench.h"

#include "common/secret.h"
#include "dataplane/core/esp.h"

#include <intel-ipsec-mb.h>
#include <rte_cycles.h>
#include <rte_malloc.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS  601
#define MIDDLE  41
#define PER_ROUND (2 * BENCH_PACKETS) /* packets of one measurement */
#define TX_RING 128
#define SENDER  7
#define PEER    8

struct bench_run {
    struct bench_gateway gateway;
    struct bench_packet packets[BENCH_PACKETS];
    bool outbound;
    unsigned burst;
    unsigned n; /* packets in use: the fewer, the less the CPU's caches matter */
    /* raw */
    IMB_MGR *manager;
    aes_gcm_enc_dec_t call;
    struct crypto_key *keys;                /* one per SA */
    struct rte_mbuf *buffers[VEC_MAX];
    uint8_t nonce[VEC_MAX][16], tag[VEC_MAX][16];
};

static struct pkt_vec vec;
static struct rte_mbuf *tx_ring[TX_RING];
static unsigned tx_next;

/* A burst of fresh mbufs with copies of the next templates. */
static void receive(struct bench_run *run, unsigned first)
{
    if (rte_pktmbuf_alloc_bulk(run->gateway.pool, vec.m, run->burst) != 0)
        abort(); /* everything was given back: the pool can't be empty */
    for (unsigned i = 0; i < run->burst; i++) {
        const struct bench_packet *p = &run->packets[first + i];

        memcpy(rte_pktmbuf_mtod(vec.m[i], void *), p->frame, p->len);
        vec.m[i]->data_len = p->len;
        vec.m[i]->pkt_len = p->len;
    }
    vec.n = run->burst;
    vec.pair = 0;
    vec.local = false;
}

/*
 * Transmission, as a port's driver does it: packets stand in a ring until their place is needed again, then they are
 * freed. So the mbufs of a burst are not the ones just used, here as little as behind a real port.
 */
static void give_back(struct rte_mbuf **m, unsigned n)
{
    struct rte_mbuf *old[VEC_MAX];
    unsigned n_old = 0;

    for (unsigned i = 0; i < n; i++) {
        struct rte_mbuf **place = &tx_ring[tx_next++ % TX_RING];

        if (*place != NULL)
            old[n_old++] = *place;
        *place = m[i];
    }
    rte_pktmbuf_free_bulk(old, n_old);
}

static void empty_tx_ring(void)
{
    for (unsigned i = 0; i < TX_RING; i++) {
        rte_pktmbuf_free(tx_ring[i]);
        tx_ring[i] = NULL;
    }
}

static void run_pipeline(struct bench_run *run)
{
    pipeline_begin(run->gateway.ctx, rte_rdtsc());
    if (run->outbound)
        pipeline_outbound(run->gateway.ctx, &vec);
    else
        pipeline_inbound(run->gateway.ctx, &vec);
    pipeline_end(run->gateway.ctx);
}

static double time_whole(struct bench_run *run)
{
    uint64_t start = rte_rdtsc_precise();

    for (unsigned pass = 0; pass < PER_ROUND / run->n; pass++)
        for (unsigned at = 0; at < run->n; at += run->burst) {
            receive(run, at);
            run_pipeline(run);
            give_back(vec.tx, vec.n_tx);
        }
    return (double)(rte_rdtsc_precise() - start) / PER_ROUND;
}

static double time_harness(struct bench_run *run)
{
    uint64_t start = rte_rdtsc_precise();

    for (unsigned pass = 0; pass < PER_ROUND / run->n; pass++)
        for (unsigned at = 0; at < run->n; at += run->burst) {
            receive(run, at);
            give_back(vec.m, vec.n);
        }
    return (double)(rte_rdtsc_precise() - start) / PER_ROUND;
}

/* The calls alone, on a burst of buffers like the path's, nonces ready. */
static double time_raw(struct bench_run *run)
{
    struct gcm_context_data scratch;
    uint64_t start = rte_rdtsc_precise();

    for (unsigned pass = 0; pass < PER_ROUND / run->n; pass++)
        for (unsigned at = 0; at < run->n; at++) {
            const struct bench_packet *p = &run->packets[at];
            unsigned slot = at % run->burst;
            uint8_t *esp = rte_pktmbuf_mtod_offset(run->buffers[slot], uint8_t *, L2_LEN + IPV4_LEN);
            uint8_t *text = esp + ESP_HEADER_LEN + ESP_IV_LEN;

            run->call((const struct gcm_key_data *)(const void *)run->keys[p->sa].state, &scratch, text, text,
                      p->text_len, run->nonce[slot], esp, ESP_HEADER_LEN, run->tag[slot], ESP_ICV_LEN);
        }
    return (double)(rte_rdtsc_precise() - start) / PER_ROUND;
}

/* The three measurements of one round, taken one right after the other. */
struct round {
    double whole, harness, raw;
};

static int compare_rounds(const void *a, const void *b)
{
    const struct round *x = a, *y = b;
    double sx = x->whole + x->harness + x->raw, sy = y->whole + y->harness + y->raw;

    return (sx > sy) - (sx < sy);
}

/*
 * The middle rounds by duration, averaged. A median of each column alone would mix rounds of different clock speeds,
 * where the CPU changes its own.
 */
static struct round middle(struct round *rounds)
{
    struct round sum = {0, 0, 0};

    qsort(rounds, ROUNDS, sizeof *rounds, compare_rounds);
    for (unsigned i = (ROUNDS - MIDDLE) / 2; i < (ROUNDS + MIDDLE) / 2; i++) {
        sum.whole += rounds[i].whole / MIDDLE;
        sum.harness += rounds[i].harness / MIDDLE;
        sum.raw += rounds[i].raw / MIDDLE;
    }
    return sum;
}

/* Nobody else on this CPU for the second that it takes; without the right to ask for that, as it comes. */
static void own_cpu(bool on)
{
    struct sched_param p = {.sched_priority = on ? 1 : 0};

    (void)sched_setscheduler(0, on ? SCHED_FIFO : SCHED_OTHER, &p);
}

static void take_rounds(struct bench_run *run, struct bench_result *r)
{
    static struct round rounds[ROUNDS];
    struct round m;

    own_cpu(true);
    for (unsigned i = 0; i < ROUNDS; i++) {
        rounds[i].harness = time_harness(run);
        rounds[i].whole = time_whole(run);
        rounds[i].raw = time_raw(run);
    }
    own_cpu(false);
    m = middle(rounds);
    r->cycles_per_packet = m.whole;
    r->harness_cycles = m.harness;
    r->raw_cycles = m.raw;
    r->net_over_raw = (m.whole - m.harness) / m.raw;
    r->mpps = (double)run->gateway.tsc_hz / m.whole / 1e6;
    r->gbps = r->mpps * bench_mean_len(r->size) * 8 / 1000;
}

/* Opens an ESP frame with libcrypto, which shares nothing with the path, and compares with the clear packet. */
static bool esp_right(const struct bench_run *run, const struct bench_packet *p, const uint8_t *frame, size_t len)
{
    const struct crypto_backend *referee = crypto_libcrypto();
    const struct suite *suite = run->gateway.options->suite;
    size_t inner_len = p->clear_len - L2_LEN;
    static struct crypto_key key;
    uint8_t copy[2048], secret[36];
    struct crypto_op op;
    bool right;

    if (len != L2_LEN + esp_outer_len(L3_IPV4, (uint32_t)inner_len) || len > sizeof copy)
        return false;
    memcpy(copy, frame, len);
    bench_key(p->sa, secret);
    memset(&op, 0, sizeof op);
    if (!referee->key_set(&key, suite, secret))
        return false;
    op.key = &key;
    op.esp = copy + L2_LEN + IPV4_LEN;
    op.len = p->text_len;
    memcpy(op.nonce, secret + suite->key_len, 4);
    memcpy(op.nonce + 4, op.esp + ESP_HEADER_LEN, ESP_IV_LEN);
    referee->open(&op, 1);
    right = op.ok && copy[L2_LEN + 9] == IPPROTO_ESP_OCTET &&
            memcmp(copy + L2_LEN + 12, p->inner + L2_LEN + 12, 8) == 0 &&
            memcmp(copy + L2_LEN + ESP_FRONT_LEN, p->inner + L2_LEN, inner_len) == 0;
    crypto_key_wipe(&key);
    wipe(secret, sizeof secret);
    return right;
}

static bool right(const struct bench_run *run, const struct bench_packet *p, const struct rte_mbuf *m)
{
    const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);

    if (run->outbound)
        return esp_right(run, p, frame, m->data_len);
    return m->data_len == p->clear_len && memcmp(frame, p->inner, p->clear_len) == 0;
}

/* Every template once through the path; every octet that comes out is checked. */
static bool check(struct bench_run *run)
{
    bool ok = true;

    for (unsigned at = 0; at < run->n; at += run->burst) {
        receive(run, at);
        run_pipeline(run);
        ok = ok && vec.n_tx == run->burst;
        for (unsigned i = 0; ok && i < run->burst; i++)
            ok = right(run, &run->packets[at + i], vec.tx[i]);
        give_back(vec.tx, vec.n_tx);
    }
    if (!ok)
        fprintf(stderr, "gvpn-bench: the output of the path is wrong (%s, checked with libcrypto); nothing measured\n",
                run->outbound ? "outbound" : "inbound");
    return ok;
}

/* Inbound needs ESP to open: a peer with the reference crypto makes it. */
static bool protect_templates(struct bench_run *run, const struct bench_options *o, struct rte_mempool *pool)
{
    struct bench_run *peer = calloc(1, sizeof *peer);
    bool ok = peer != NULL;

    if (!ok)
        return false;
    peer->outbound = true;
    peer->burst = run->burst;
    peer->n = run->n;
    memcpy(peer->packets, run->packets, sizeof peer->packets);
    bench_gateway_open(&peer->gateway, o, crypto_libcrypto(), pool, PEER);
    for (unsigned at = 0; ok && at < run->n; at += run->burst) {
        receive(peer, at);
        run_pipeline(peer);
        ok = vec.n_tx == run->burst;
        for (unsigned i = 0; ok && i < run->burst; i++) {
            struct bench_packet *p = &run->packets[at + i];

            p->len = vec.tx[i]->data_len;
            memcpy(p->frame, rte_pktmbuf_mtod(vec.tx[i], const void *), p->len);
            ok = esp_right(peer, p, p->frame, p->len);
        }
        give_back(vec.tx, vec.n_tx);
    }
    bench_gateway_close(&peer->gateway);
    free(peer);
    return ok;
}

static bool raw_open(struct bench_run *run, const struct bench_options *o, struct rte_mempool *pool)
{
    run->manager = alloc_mb_mgr(0);
    run->keys = rte_zmalloc("keys", o->sas * sizeof *run->keys, 64);
    if (run->manager == NULL || run->keys == NULL || rte_pktmbuf_alloc_bulk(pool, run->buffers, run->burst) != 0)
        return false;
    init_mb_mgr_auto(run->manager, NULL);
    for (unsigned i = 0; i < o->sas; i++) {
        struct gcm_key_data *key = (struct gcm_key_data *)(void *)run->keys[i].state;
        uint8_t secret[36];

        bench_key(i, secret);
        if (o->suite->id == SUITE_AES_GCM_256)
            IMB_AES256_GCM_PRE(run->manager, secret, key);
        else
            IMB_AES128_GCM_PRE(run->manager, secret, key);
    }
    if (o->suite->id == SUITE_AES_GCM_256)
        run->call = run->outbound ? run->manager->gcm256_enc : run->manager->gcm256_dec;
    else
        run->call = run->outbound ? run->manager->gcm128_enc : run->manager->gcm128_dec;
    return true;
}

static void raw_close(struct bench_run *run)
{
    if (run->buffers[0] != NULL)
        rte_pktmbuf_free_bulk(run->buffers, run->burst);
    rte_free(run->keys);
    if (run->manager != NULL)
        free_mb_mgr(run->manager);
}

bool bench_measure(const struct bench_options *o, struct rte_mempool *pool, bool outbound, unsigned size,
                   struct bench_result *r)
{
    struct bench_run *run = calloc(1, sizeof *run);
    bool ok;

    if (run == NULL)
        return false;
    *r = (struct bench_result){.outbound = outbound, .size = size};
    run->outbound = outbound;
    run->burst = o->burst;
    run->n = size == BENCH_IMIX ? BENCH_PACKETS : BENCH_FLOWS;
    for (unsigned i = 0; i < run->n; i++)
        bench_packet_make(&run->packets[i], i, size, o);
    ok = outbound || protect_templates(run, o, pool);
    bench_gateway_open(&run->gateway, o, crypto_ipsec_mb(), pool, SENDER);
    ok = ok && raw_open(run, o, pool) && check(run);
    if (ok)
        take_rounds(run, r);
    raw_close(run);
    empty_tx_ring();
    bench_gateway_close(&run->gateway);
    bench_packets_free(run->packets);
    free(run);
    return ok;
}
