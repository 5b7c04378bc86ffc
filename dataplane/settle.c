/* SPDX-License-Identifier: BSD-3-Clause */
/* The end of every packet: it gets its owner, is counted under its verdict, or freed. */
#include "dataplane/ctx.h"
#include "dataplane/reasm.h"

#include <rte_mbuf.h>

static void add_count(struct pipeline_ctx *ctx, unsigned verdict, int64_t n)
{
    ctx->counted[verdict] += (uint64_t)n;
    atomic_store_explicit(&ctx->page->workers[ctx->worker].packets[verdict], ctx->counted[verdict],
                          memory_order_relaxed);
}

void settle_clear(struct pipeline_ctx *ctx, uint64_t generation)
{
    for (unsigned i = 0; i < VERDICT_COUNT; i++)
        add_count(ctx, i, -(int64_t)ctx->counted[i]);
    ctx->clear_generation = generation;
    reasm_cleared(ctx);
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
void settle_vec(struct pipeline_ctx *ctx, struct pkt_vec *v)
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
