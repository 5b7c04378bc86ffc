/* SPDX-License-Identifier: BSD-3-Clause */
/* See fit.h. All of this is rare: it goes packet by packet and trusts no flag that a header could be lying about. */
#include "dataplane/fit.h"

#include "dataplane/core/frag.h"
#include "dataplane/core/icmp.h"
#include "dataplane/pmtu.h"
#include "dataplane/sgt.h"

#include <rte_mbuf.h>

#define MAC_LEN  6
#define MACS_LEN 12

void fit_init(struct pipeline_ctx *ctx)
{
    const struct pipeline_config *config = ctx->config;
    enum pipeline_df df = config->df;

    ctx->plain_head = df == PIPELINE_DF_CLEAR ? UINT64_MAX : 0x45 | (uint64_t)IPV4_DF_BE << 48;
    ctx->own_id_frag = df == PIPELINE_DF_CLEAR ? UINT32_MAX : IPV4_DF_BE;
    ctx->keep_frag = (uint16_t) ~(IPV4_FRAGMENT_BE | (df == PIPELINE_DF_CLEAR ? IPV4_DF_BE : 0));
    ctx->set_frag = df == PIPELINE_DF_SET ? IPV4_DF_BE : 0;
    ctx->fit.cost = config->tsc_hz * config->n_workers / FIT_ICMP_PER_SECOND;
    ctx->fit.depth = ctx->fit.saved = ctx->fit.cost * FIT_ICMP_AT_ONCE;
}

static bool take_token(struct ctx_fit *f, uint64_t now)
{
    uint64_t passed = now - f->at;

    f->saved = passed < f->depth - f->saved ? f->saved + passed : f->depth;
    f->at = now;
    if (f->saved < f->cost)
        return false;
    f->saved -= f->cost;
    return true;
}

/* The frame that tells the sender of the packet in m what would have fitted; NULL when there is none to be sent. */
static struct rte_mbuf *make_too_big(struct pipeline_ctx *ctx, struct rte_mbuf *m, const struct pkt *p, uint32_t limit)
{
    const uint8_t *frame = p->l3 - p->l2_len;
    uint32_t len = icmp_too_big_len(&p->h);
    struct rte_mbuf *out;
    uint8_t *to;

    /* Group addresses, also of the link (RFC 1812 4.3.2.7), have nobody to answer to or from. */
    if (((frame[0] | frame[MAC_LEN]) & 1) || !icmp_may_answer(p->l3, &p->h) || !take_token(&ctx->fit, ctx->now_tsc))
        return NULL;
    out = rte_pktmbuf_alloc(m->pool);
    if (out == NULL)
        return NULL;
    to = (uint8_t *)rte_pktmbuf_append(out, (uint16_t)(p->l2_len + len));
    if (to == NULL) {
        rte_pktmbuf_free(out);
        return NULL;
    }
    memcpy(to, frame + MAC_LEN, MAC_LEN);
    memcpy(to + MAC_LEN, frame, MAC_LEN);
    memcpy(to + MACS_LEN, frame + MACS_LEN, p->l2_len - MACS_LEN); /* tags and type */
    icmp_put_too_big(to + p->l2_len, p->l3, &p->h, (uint16_t)limit);
    return out;
}

static void drop_too_big(struct pipeline_ctx *ctx, struct pkt_vec *v, struct rte_mbuf *m, struct pkt *p, uint32_t limit)
{
    struct rte_mbuf *out = make_too_big(ctx, m, p, limit);

    pkt_drop(p, VERDICT_DROP_TOO_BIG);
    if (out == NULL)
        return;
    pipeline_count(ctx, VERDICT_SENT_ICMP_TOO_BIG, 1);
    if (v->local) { /* the appliance's own packet came from its TAP */
        v->punt_verdict[v->n_punt] = VERDICT_SENT_ICMP_TOO_BIG;
        v->punt[v->n_punt++] = out;
    } else {
        v->back[v->n_back++] = out;
    }
}

/* It fits. */
static void go_on(struct pkt *p)
{
    if (p->sa != NULL)
        p->todo = PKT_PROTECT;
    else
        pkt_finish(p, VERDICT_SENT_CLEAR, PKT_TO_TX);
}

static uint32_t limit_of(const struct pipeline_ctx *ctx, const struct pkt_vec *v, const struct pkt *p)
{
    uint32_t mtu = ctx->config->pairs[v->pair].mtu, cap;

    if (p->sa == NULL)
        return mtu;
    if (ctx->capped) {
        cap = pmtu_cap(ctx->config->pmtu, ctx->now_tsc / ctx->config->tsc_hz, v->pair, p->vlan, (enum l3_kind)p->h.kind,
                       p->l3 + (p->h.kind == L3_IPV6 ? 24 : 16));
        mtu = cap != 0 && cap < mtu ? cap : mtu;
    }
    return fit_limit(p->sa, (enum l3_kind)p->h.kind, mtu);
}

/* May it be cut: IPv4 without DF and options, and its pieces can be protected? */
static bool may_cut(const struct pkt *p, uint32_t limit)
{
    uint32_t step = frag_step(limit);

    return p->h.kind == L3_IPV4 && (p->h.head & 0xff) == 0x45 && (l3_frag_be(&p->h) & IPV4_DF_BE) == 0 &&
           (p->sa == NULL || !p->sa->geometry.transport) && step != 0 && frag_count(p->h.len, step) <= VEC_MAX;
}

/* One PKT_FIT packet. Returns 0, or the number of pieces that it has to be cut into. */
static uint32_t fit_one(struct pipeline_ctx *ctx, struct pkt_vec *v, struct rte_mbuf *m, struct pkt *p)
{
    uint32_t limit = limit_of(ctx, v, p);

    if (p->sa != NULL && p->sa->geometry.transport && p->h.flaw == L3_FRAGMENT) {
        pkt_drop(p, VERDICT_DROP_FRAGMENT); /* RFC 4303 3.1.1: transport mode is for whole packets */
        return 0;
    }
    if (p->sa != NULL && ctx->config->mss_clamp)
        (void)mss_clamp(p->l3, &p->h, limit);
    if (p->h.len <= limit)
        go_on(p);
    else if (may_cut(p, limit))
        return frag_count(p->h.len, frag_step(limit));
    else
        drop_too_big(ctx, v, m, p, limit);
    return 0;
}

/* One piece of the packet at ip, in a buffer of its own. */
static bool fill_piece(struct rte_mbuf *out, const struct pkt *p, uint32_t at, uint32_t payload_len, bool last,
                       struct pkt *piece)
{
    uint8_t *frame = (uint8_t *)rte_pktmbuf_append(out, (uint16_t)(p->l2_len + IPV4_LEN + payload_len));

    if (frame == NULL)
        return false;
    *piece = *p;
    piece->l3 = frame + p->l2_len;
    memcpy(frame, p->l3 - p->l2_len, p->l2_len);
    frag_put_header(piece->l3, p->l3, at, payload_len, last);
    memcpy(piece->l3 + IPV4_LEN, p->l3 + IPV4_LEN + at, payload_len);
    l3_parse_ipv4(piece->l3, IPV4_LEN + payload_len, &piece->h);
    go_on(piece);
    return true;
}

/* The first piece stays where the packet was. */
static void shorten(struct rte_mbuf *m, struct pkt *p, uint32_t step)
{
    frag_put_header(p->l3, p->l3, 0, step, false);
    l3_parse_ipv4(p->l3, IPV4_LEN + step, &p->h);
    m->data_len = (uint16_t)(p->l2_len + IPV4_LEN + step);
    m->pkt_len = m->data_len;
    go_on(p);
}

/* Cuts the packet in m into `count` pieces and appends them to the vector, which has room; or the packet, dropped. */
static void cut(struct pipeline_ctx *ctx, struct pkt_vec *v, struct rte_mbuf *m, const struct pkt *p, uint32_t count)
{
    uint32_t step = frag_step(limit_of(ctx, v, p)), payload_len = p->h.len - IPV4_LEN;
    struct rte_mbuf **out = &v->m[v->n];
    struct pkt *pieces = &v->pkts[v->n];
    uint32_t i;

    out[0] = m;
    pieces[0] = *p;
    v->n++;
    if (rte_pktmbuf_alloc_bulk(m->pool, out + 1, count - 1) != 0) {
        pkt_drop(&pieces[0], VERDICT_DROP_NO_BUFFER);
        return;
    }
    for (i = 1; i < count; i++) {
        bool last = i + 1 == count;

        if (!fill_piece(out[i], p, i * step, last ? payload_len - i * step : step, last, &pieces[i]))
            break;
    }
    if (i < count) {
        rte_pktmbuf_free_bulk(out + 1, count - 1);
        pkt_drop(&pieces[0], VERDICT_DROP_NO_BUFFER);
        return;
    }
    shorten(m, &pieces[0], step);
    v->n = (uint16_t)(v->n + count - 1);
}

/* A packet that waits is parsed again later: the header for its group tag goes back where parse_vec() took it from. */
static void leave(struct pipeline_ctx *ctx, struct pkt_vec *v, struct rte_mbuf *m, const struct pkt *p)
{
    if (p->tag != 0 && !sgt_write(m, p->l2_len, p->tag)) {
        pipeline_count(ctx, VERDICT_DROP_NO_BUFFER, 1);
        rte_pktmbuf_free(m);
        return;
    }
    v->rest[v->n_rest++] = m;
}

/*
 * From the first packet on that has to be cut: the vector is written anew, in order. Packets for which no place is left
 * wait, as they came, for vec_next().
 */
static void cut_from(struct pipeline_ctx *ctx, struct pkt_vec *v, unsigned first)
{
    unsigned n = v->n - first, i;
    struct ctx_fit *f = &ctx->fit;

    memcpy(f->m, v->m + first, n * sizeof f->m[0]);
    memcpy(f->pkts, v->pkts + first, n * sizeof f->pkts[0]);
    v->n = (uint16_t)first;
    for (i = 0; i < n && v->n < VEC_MAX; i++) {
        struct pkt *p = &f->pkts[i];
        uint32_t count = p->todo == PKT_FIT ? fit_one(ctx, v, f->m[i], p) : 0;

        if (v->n + count > VEC_MAX)
            break;
        if (count != 0) {
            cut(ctx, v, f->m[i], p, count);
        } else {
            v->m[v->n] = f->m[i];
            v->pkts[v->n++] = *p;
        }
    }
    for (v->n_rest = 0; i < n; i++)
        leave(ctx, v, f->m[i], &f->pkts[i]);
}

void fit_vec(struct pipeline_ctx *ctx, struct pkt_vec *v)
{
    for (unsigned i = 0; i < v->n; i++)
        if (v->pkts[i].todo == PKT_FIT && fit_one(ctx, v, v->m[i], &v->pkts[i]) != 0) {
            cut_from(ctx, v, i);
            return;
        }
}

void fit_clamp_received(const struct pipeline_ctx *ctx, unsigned pair, const struct sa *sa, enum l3_kind kind, uint8_t *ip,
                        uint32_t len)
{
    struct l3 h;

    if (kind == L3_IPV6)
        l3_parse_ipv6(ip, len, &h);
    else
        l3_parse_ipv4(ip, len, &h);
    (void)mss_clamp(ip, &h, fit_limit(sa, kind, ctx->config->pairs[pair].mtu));
}
