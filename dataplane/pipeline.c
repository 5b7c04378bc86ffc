/* SPDX-License-Identifier: BSD-3-Clause */
/* The one list of stages: what a poll's packets go through on their way out and on their way in. */
#include "dataplane/pipeline.h"

#include "dataplane/ctx.h"
#include "dataplane/esp_any.h"
#include "dataplane/fit.h"
#include "dataplane/pmtu.h"
#include "dataplane/reasm.h"
#include "dataplane/sgt.h"

#include <rte_cycles.h>

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
        settle_clear(ctx, generation);
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
    if (unlikely(judge_vec(ctx, v)))
        fit_vec(ctx, v);
    stage_done(&watch, PIPELINE_CLASSIFY);
    n = esp_tx_prepare(ctx, v);
    stage_done(&watch, PIPELINE_PREPARE);
    ctx->crypto->seal(ctx->ops, n);
    if (unlikely((ctx->n_any | ctx->in_lanes) != 0))
        esp_any_out(ctx, v);
    stage_done(&watch, PIPELINE_CRYPTO);
    settle_vec(ctx, v);
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
        (void)judge_vec(ctx, v);
    }
    if (unlikely(ctx->config->pairs[v->pair].sgt_inline))
        sgt_vec(v);
    stage_done(&watch, PIPELINE_CLASSIFY);
    settle_vec(ctx, v);
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

unsigned pipeline_effective_mtu(const struct pipeline_config *config, unsigned pair, const struct esp_geometry *g,
                                unsigned family)
{
    return esp_effective_mtu(family == 6 ? L3_IPV6 : L3_IPV4, config->pairs[pair].mtu, g);
}
