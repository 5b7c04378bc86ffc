/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The stage that asks the policy about every packet that isn't decided yet: protected by which SA, clear, or dropped; and
 * whether it may be too big for that.
 */
#include "dataplane/ctx.h"
#include "dataplane/fit.h"

#include <rte_branch_prediction.h>

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

bool judge_vec(struct pipeline_ctx *ctx, struct pkt_vec *v)
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
