/* SPDX-License-Identifier: BSD-3-Clause */
/* The one list of stages, and the one place where packets get their owner, are counted and are freed. */
#include "dataplane/pipeline.h"

#include "dataplane/core/esp.h"
#include "dataplane/ctx.h"
#include "dataplane/esp_any.h"
#include "dataplane/fit.h"
#include "dataplane/pmtu.h"
#include "dataplane/reasm.h"
#include "dataplane/sgt.h"

#include <rte_cycles.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>

#define FLOW_CACHE_ENTRIES 16384

static bool open_lanes(struct pipeline_ctx *ctx, int socket)
{
    for (unsigned pair = 0; pair < ctx->config->n_pairs; pair++)
        for (unsigned way = 0; way < 2; way++) {
            ctx->lanes[pair][way] = lanes_new(ctx->crypto, socket);
            if (ctx->lanes[pair][way] == NULL)
                return false;
        }
    return ivs_init(&ctx->ivs, ctx->crypto);
}

struct pipeline_ctx *pipeline_ctx_new(const struct pipeline_config *config, struct snap_store *store, unsigned worker,
                                      const struct crypto_backend *crypto, int socket)
{
    struct pipeline_ctx *ctx = rte_zmalloc_socket("pipeline", sizeof *ctx, 64, socket);

    if (ctx == NULL)
        return NULL;
    ctx->cache = classify_cache_new(FLOW_CACHE_ENTRIES, socket);
    if (ctx->cache == NULL) {
        rte_free(ctx);
        return NULL;
    }
    ctx->config = config;
    ctx->store = store;
    ctx->crypto = crypto;
    if (!open_lanes(ctx, socket)) {
        pipeline_ctx_free(ctx);
        return NULL;
    }
    ctx->worker = worker;
    ctx->local_pair = config->local_pair;
    ctx->page = snap_store_page(store);
    snap_store_watch(store, &ctx->store_current, &ctx->store_clear_generation);
    ctx->ip_id = (uint16_t)worker;
    fit_init(ctx);
    if (!reasm_open(ctx)) {
        pipeline_ctx_free(ctx);
        return NULL;
    }
    for (unsigned i = 0; i < config->n_own; i++)
        if (config->own[i].family == 4)
            ctx->own4[ctx->n_own4++] = load32(config->own[i].b);
        else
            memcpy(ctx->own6[ctx->n_own6++], config->own[i].b, 16);
    return ctx;
}

void pipeline_ctx_free(struct pipeline_ctx *ctx)
{
    if (ctx == NULL)
        return;
    for (unsigned pair = 0; pair < IPC_MAX_PAIRS; pair++)
        for (unsigned way = 0; way < 2; way++)
            lanes_free(ctx->lanes[pair][way]);
    ivs_wipe(&ctx->ivs);
    reasm_close(ctx);
    classify_cache_free(ctx->cache);
    rte_free(ctx);
}

static void add_count(struct pipeline_ctx *ctx, unsigned verdict, int64_t n)
{
    ctx->counted[verdict] += (uint64_t)n;
    atomic_store_explicit(&ctx->page->workers[ctx->worker].packets[verdict], ctx->counted[verdict],
                          memory_order_relaxed);
}

static void clear_counters(struct pipeline_ctx *ctx, uint64_t generation)
{
    for (unsigned i = 0; i < VERDICT_COUNT; i++)
        add_count(ctx, i, -(int64_t)ctx->counted[i]);
    ctx->clear_generation = generation;
    reasm_cleared(ctx);
}

void pipeline_begin(struct pipeline_ctx *ctx, uint64_t now_tsc)
{
    uint64_t generation = atomic_load_explicit(ctx->store_clear_generation, memory_order_relaxed);

    struct snap *current = atomic_load_explicit(ctx->store_current, memory_order_acquire);

    /* What is in lanes was judged under the snapshot at hand: it comes out first, during this poll. */
    ctx->drain = ctx->in_lanes != 0 && current != ctx->snap;
    if (!ctx->drain)
        ctx->snap = current;
    ctx->now_tsc = now_tsc;
    ctx->capped = pmtu_any(ctx->config->pmtu, now_tsc);
    if (unlikely(generation != ctx->clear_generation))
        clear_counters(ctx, generation);
    if (unlikely(now_tsc >= ctx->reasm_due))
        reasm_poll(ctx);
}

void pipeline_end(struct pipeline_ctx *ctx)
{
    if (ctx->in_lanes != 0)
        return; /* keys and SAs are in use */
    ctx->snap = NULL;
    snap_store_quiescent(ctx->store, ctx->worker);
}

static void clear_packet(struct pkt *p, enum verdict verdict)
{
    if (verdict == VERDICT_RECEIVED_CLEAR && p->own_dst)
        pkt_finish(p, VERDICT_LOCAL, PKT_TO_PUNT);
    else
        pkt_finish(p, verdict, PKT_TO_TX);
}

/* The SA that sends for an answer of the policy; kept, because packets come in runs. */
struct chosen {
    struct classify_result answer;
    struct sa *sa;
    uint32_t safe4, safe6; /* what fits with any AES-GCM SA, by family; 0: each destination may have a limit of its own */
};

/* A packet that isn't safe, or a SYN: has fit_vec() to look at it? */
static bool __attribute__((noinline)) fit_closer(const struct pipeline_ctx *ctx, const struct pkt_vec *v, const struct pkt *p)
{
    uint32_t limit = fit_limit(p->sa, (enum l3_kind)p->h.kind, ctx->config->pairs[v->pair].mtu);

    return ctx->capped || fit_wanted(p, limit, ctx->config->mss_clamp);
}

/* Returns whether fit_vec() has to look at the packet. */
static inline bool protect(const struct pipeline_ctx *ctx, const struct pkt_vec *v, struct pkt *p, const struct chosen *c)
{
    bool fit = false;

    if (unlikely(c->sa == NULL)) {
        pkt_drop(p, VERDICT_DROP_NO_SA);
        return false;
    }
    p->sa = c->sa;
    if (unlikely(fit_wanted(p, p->h.kind == L3_IPV6 ? c->safe6 : c->safe4, ctx->config->mss_clamp)) ||
        unlikely(c->sa->kind != ESP_GCM))
        fit = fit_closer(ctx, v, p);
    p->todo = fit ? PKT_FIT : PKT_PROTECT;
    return fit;
}

static void drop_judged(struct pipeline_ctx *ctx, struct pkt *p, enum verdict verdict)
{
    pkt_drop(p, verdict);
    if (verdict == VERDICT_DROP_UNKNOWN_SPI) { /* a policy said so, so there is a group */
        _Atomic uint64_t *n = &ctx->page->workers[ctx->worker].unknown_spi[p->group];

        atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + 1, memory_order_relaxed);
    }
}

/* Clear packets have the pair's MTU, towards the outside. Returns whether fit_vec() has to look at the packet. */
static bool leave_or_drop(struct pipeline_ctx *ctx, struct pkt *p, struct classify_result r, uint32_t mtu)
{
    if (r.action == CLASSIFY_DROP) {
        drop_judged(ctx, p, (enum verdict)r.verdict);
    } else if (likely(r.verdict != VERDICT_SENT_CLEAR || p->h.len <= mtu)) {
        clear_packet(p, (enum verdict)r.verdict);
    } else {
        p->sa = NULL;
        p->todo = PKT_FIT;
        return true;
    }
    return false;
}

/* Returns whether fit_vec() has to look at some packet. */
static bool classify_vec(struct pipeline_ctx *ctx, struct pkt_vec *v)
{
    uint32_t mtu = ctx->config->pairs[v->pair].mtu;
    struct chosen chosen = {.answer.all = UINT32_MAX,
                            .safe4 = ctx->capped ? 0 : fit_limit_gcm(META_LEN_MAX, L3_IPV4, mtu),
                            .safe6 = ctx->capped ? 0 : fit_limit_gcm(META_LEN_MAX, L3_IPV6, mtu)};
    struct classify_cache *cache = ctx->cache;
    const struct snap *snap = ctx->snap;
    unsigned n = v->n;
    bool fit = false;

    for (unsigned i = 0; i < n; i++) {
        struct pkt *p = &v->pkts[i];
        struct classify_result r;

        if (p->todo != PKT_CLASSIFY)
            continue;
        r = classify_packet(cache, snap, ctx->config->unregistered_clear, p->group, (enum classify_way)p->way, &p->h,
                            p->l3);
        if (r.all != chosen.answer.all) {
            if (unlikely(r.action != CLASSIFY_PROTECT)) {
                fit |= leave_or_drop(ctx, p, r, mtu);
                continue;
            }
            chosen.answer = r;
            chosen.sa = snap_sender(snap, r.number, ctx->now_tsc);
        }
        fit |= protect(ctx, v, p, &chosen);
    }
    return fit;
}

/* Sorts the packets by where they go, counts verdicts in runs, frees what was dropped. */
static void __attribute__((noinline)) settle_mixed(struct pipeline_ctx *ctx, struct pkt_vec *v)
{
    struct rte_mbuf *dropped[VEC_MAX];
    unsigned n_dropped = 0, run_verdict = 0, run = 0;

    for (unsigned i = 0; i < v->n; i++) {
        const struct pkt *p = &v->pkts[i];
        unsigned verdict = p->verdict;

        if (p->to == PKT_TO_LANES)
            continue; /* counted when it comes out */
        if (verdict != run_verdict) {
            if (run > 0)
                add_count(ctx, run_verdict, run);
            run_verdict = verdict;
            run = 0;
        }
        run++;
        if (p->to == PKT_TO_TX) {
            v->tx_verdict[v->n_tx] = (uint8_t)verdict;
            v->tx[v->n_tx++] = v->m[i];
        } else if (p->to == PKT_TO_PUNT) {
            v->punt_verdict[v->n_punt] = (uint8_t)verdict;
            v->punt[v->n_punt++] = v->m[i];
        } else if (p->to == PKT_TO_DROP) {
            dropped[n_dropped++] = v->m[i];
        }
    }
    if (run > 0)
        add_count(ctx, run_verdict, run);
    if (n_dropped > 0)
        rte_pktmbuf_free_bulk(dropped, n_dropped);
}

/* Gives every packet its owner. Mostly all have the same verdict and are to be sent. */
static inline void settle(struct pipeline_ctx *ctx, struct pkt_vec *v)
{
    uint64_t first = v->pkts[0].state, differ = 0;
    uint8_t verdict = v->pkts[0].verdict;
    unsigned n = v->n;

    if (unlikely(v->n_tx != 0)) { /* out of lanes */
        settle_mixed(ctx, v);
        return;
    }
    for (unsigned i = 0; i < n; i++) {
        differ |= v->pkts[i].state ^ first;
        v->tx[i] = v->m[i];
        v->tx_verdict[i] = verdict;
    }
    if (unlikely(differ != 0 || v->pkts[0].to != PKT_TO_TX)) {
        settle_mixed(ctx, v);
        return;
    }
    v->n_tx = (uint16_t)n;
    add_count(ctx, verdict, n);
}

/*
 * Measures stages one after the other. ticks is the constant NULL for packets, and nothing of this is left then; or where
 * gvpn-bench wants the cycles of each.
 */
struct stopwatch {
    uint64_t *ticks, since;
};

static inline void stage_done(struct stopwatch *w, enum pipeline_stage stage)
{
    uint64_t now;

    if (w->ticks == NULL)
        return;
    now = rte_rdtsc();
    w->ticks[stage] += now - w->since;
    w->since = now;
}

static inline __attribute__((always_inline)) void outbound(struct pipeline_ctx *ctx, struct pkt_vec *v, struct stopwatch watch)
{
    unsigned n;

    v->n_tx = v->n_punt = v->n_back = v->n_rest = 0;
    if (v->n == 0) {
        if (lanes_count(ctx->lanes[v->pair][false]) != 0)
            esp_any_out(ctx, v);
        return;
    }
    parse_vec(ctx, v, false);
    stage_done(&watch, PIPELINE_PARSE);
    if (unlikely(classify_vec(ctx, v)))
        fit_vec(ctx, v);
    stage_done(&watch, PIPELINE_CLASSIFY);
    n = esp_tx_prepare(ctx, v);
    stage_done(&watch, PIPELINE_PREPARE);
    ctx->crypto->seal(ctx->ops, n);
    if (unlikely((ctx->n_any | ctx->in_lanes) != 0))
        esp_any_out(ctx, v);
    stage_done(&watch, PIPELINE_CRYPTO);
    settle(ctx, v);
    stage_done(&watch, PIPELINE_SETTLE);
}

static inline __attribute__((always_inline)) void inbound(struct pipeline_ctx *ctx, struct pkt_vec *v, struct stopwatch watch)
{
    unsigned n;

    v->n_tx = v->n_punt = v->n_back = v->n_rest = 0;
    if (v->n == 0) {
        if (lanes_count(ctx->lanes[v->pair][true]) != 0)
            esp_any_in(ctx, v);
        return;
    }
    parse_vec(ctx, v, true);
    if (unlikely(ctx->to_reassemble)) {
        ctx->to_reassemble = false;
        reasm_vec(ctx, v);
    }
    stage_done(&watch, PIPELINE_PARSE);
    n = esp_rx_prepare(ctx, v);
    stage_done(&watch, PIPELINE_PREPARE);
    ctx->crypto->open(ctx->ops, n);
    stage_done(&watch, PIPELINE_CRYPTO);
    esp_rx_finish(ctx, v, n);
    if (unlikely((ctx->n_any | ctx->in_lanes) != 0))
        esp_any_in(ctx, v);
    stage_done(&watch, PIPELINE_FINISH);
    if (n < v->n) { /* clear packets, and ESP that isn't ours */
        pmtu_vec(ctx, v);
        (void)classify_vec(ctx, v);
    }
    if (unlikely(ctx->config->pairs[v->pair].sgt_inline))
        sgt_vec(v);
    stage_done(&watch, PIPELINE_CLASSIFY);
    settle(ctx, v);
    stage_done(&watch, PIPELINE_SETTLE);
}

void pipeline_outbound(struct pipeline_ctx *ctx, struct pkt_vec *v)
{
    outbound(ctx, v, (struct stopwatch){NULL, 0});
}

void pipeline_inbound(struct pipeline_ctx *ctx, struct pkt_vec *v)
{
    inbound(ctx, v, (struct stopwatch){NULL, 0});
}

void pipeline_outbound_timed(struct pipeline_ctx *ctx, struct pkt_vec *v, uint64_t ticks[PIPELINE_STAGES])
{
    outbound(ctx, v, (struct stopwatch){ticks, rte_rdtsc()});
}

void pipeline_inbound_timed(struct pipeline_ctx *ctx, struct pkt_vec *v, uint64_t ticks[PIPELINE_STAGES])
{
    inbound(ctx, v, (struct stopwatch){ticks, rte_rdtsc()});
}

bool pipeline_waits(const struct pipeline_ctx *ctx, unsigned pair, bool inbound)
{
    return lanes_count(ctx->lanes[pair][inbound]) != 0;
}

void pipeline_count(struct pipeline_ctx *ctx, enum verdict verdict, unsigned n)
{
    add_count(ctx, verdict, n);
}

void pipeline_uncount(struct pipeline_ctx *ctx, enum verdict verdict, unsigned n)
{
    add_count(ctx, verdict, -(int64_t)n);
}

uint64_t pipeline_counted(const struct pipeline_ctx *ctx, enum verdict verdict)
{
    return ctx->counted[verdict];
}

/* Packets that had a verdict get another one, and are freed. */
static void refuse(struct pipeline_ctx *ctx, struct rte_mbuf **m, const uint8_t *verdicts, unsigned n, enum verdict now)
{
    for (unsigned i = 0; i < n; i++)
        add_count(ctx, verdicts[i], -1);
    add_count(ctx, now, n);
    rte_pktmbuf_free_bulk(m, n);
}

void pipeline_tx_full(struct pipeline_ctx *ctx, struct pkt_vec *v, unsigned taken)
{
    if (taken < v->n_tx)
        refuse(ctx, v->tx + taken, v->tx_verdict + taken, v->n_tx - taken, VERDICT_DROP_TX_FULL);
    v->n_tx = (uint16_t)taken;
}

void pipeline_punt_full(struct pipeline_ctx *ctx, struct pkt_vec *v, unsigned taken)
{
    if (taken < v->n_punt)
        refuse(ctx, v->punt + taken, v->punt_verdict + taken, v->n_punt - taken, VERDICT_DROP_PUNT_FULL);
    v->n_punt = (uint16_t)taken;
}

void pipeline_back_full(struct pipeline_ctx *ctx, struct pkt_vec *v, unsigned taken)
{
    if (taken < v->n_back) {
        add_count(ctx, VERDICT_SENT_ICMP_TOO_BIG, -(int64_t)(v->n_back - taken));
        add_count(ctx, VERDICT_DROP_TX_FULL, v->n_back - taken);
        rte_pktmbuf_free_bulk(v->back + taken, v->n_back - taken);
    }
    v->n_back = (uint16_t)taken;
}

unsigned pipeline_effective_mtu(const struct pipeline_config *config, unsigned pair, const struct esp_geometry *g,
                                unsigned family)
{
    return esp_effective_mtu(family == 6 ? L3_IPV6 : L3_IPV4, config->pairs[pair].mtu, g);
}
