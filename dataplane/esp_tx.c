/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sending side of header-preserving ESP (RFC 4303, RFC 4106; DP1, DP3, DP8): prepare makes room, headers, trailer and
 * nonce for every packet and counts; the crypto call that follows can't fail. Exits: drop_too_big, drop_no_buffer,
 * drop_iv_exhausted.
 */
#include "dataplane/core/esp.h"
#include "dataplane/ctx.h"
#include "dataplane/fit.h"
#include "dataplane/guard.h"

#include <rte_mbuf.h>

/*
 * The outer identification (RFC 6864): the packet's own when it can't be fragmented on the way, else one of this
 * worker's, because inner ones of many hosts would collide.
 */
static inline uint16_t outer_id(struct pipeline_ctx *ctx, const struct l3 *h)
{
    uint16_t id;

    if (likely(l3_frag_be(h) == ctx->own_id_frag))
        return l3_id_be(h);
    id = ctx->ip_id;
    ctx->ip_id = (uint16_t)(id + ctx->config->n_workers);
    return __builtin_bswap16(id);
}

static inline __attribute__((always_inline)) void put_outer(struct pipeline_ctx *ctx, const struct l3 *h,
                                                            enum l3_kind kind, uint8_t *outer, const uint8_t *inner,
                                                            uint32_t outer_len)
{
    if (kind == L3_IPV6) {
        esp_put_outer6(outer, inner, (uint16_t)(outer_len - IPV6_LEN));
    } else if (likely((h->head & CTX_HEAD_SHAPE) == ctx->plain_head)) { /* DF, no options */
        esp_put_outer(outer, h->head, inner, (uint16_t)outer_len);
    } else {
        esp_put_outer(outer, h->head, inner, (uint16_t)outer_len);
        esp_set_id(outer, outer_id(ctx, h));
        fit_outer_frag(ctx, outer, h);
        if (unlikely(h->extra != 0))
            esp_leave_options(outer);
    }
}

void esp_tx_outer(struct pipeline_ctx *ctx, const struct pkt *p, uint8_t *outer, const uint8_t *inner, uint32_t outer_len)
{
    if (p->h.kind == L3_IPV6)
        put_outer(ctx, &p->h, L3_IPV6, outer, inner, outer_len);
    else
        put_outer(ctx, &p->h, L3_IPV4, outer, inner, outer_len);
}

/* Everything but the encryption. Returns the verdict. kind and meta_len are what p and its SA have: constants where it pays. */
static inline __attribute__((always_inline)) enum verdict prepare(struct pipeline_ctx *ctx, struct rte_mbuf *m,
                                                                  const struct pkt *p, enum l3_kind kind, uint32_t meta_len,
                                                                  unsigned mtu, struct guard_stamp *stamp,
                                                                  struct crypto_op *op)
{
    struct sa *sa = p->sa;
    struct sa_worker *w = &sa->workers[ctx->worker];
    uint32_t front = esp_front_len(kind) + meta_len, inner_len = p->h.len, text_len = esp_text_len(meta_len + inner_len);
    uint32_t outer_len = esp_front_len(kind) + text_len + ESP_ICV_LEN, frame_len = p->l2_len + outer_len;
    uint8_t *inner = p->l3, *outer = inner - front, *esp = outer + l3_header_len(kind);
    uint32_t data_off = m->data_off;
    uint64_t counter, iv, esp_head;

    if (unlikely(outer_len > mtu))
        return VERDICT_DROP_TOO_BIG;
    /* Frame padding behind the packet is room too: the trailer overwrites it. */
    if (unlikely(data_off < front || data_off - front + frame_len > m->buf_len))
        return VERDICT_DROP_NO_BUFFER;
    if (unlikely(!sa_next_iv(sa, w, ctx->worker, ctx->page, &counter)))
        return VERDICT_DROP_IV_EXHAUSTED;
    iv = esp_iv(w->sender, counter);
    esp_head = esp_front(sa->spi_be, counter);
    if (unlikely(sa->checks & SA_COUNTER)) {
        uint64_t sequence; /* the workers' together, not this one's */

        if (!sa_next_sequence(sa, ctx->worker, &sequence))
            return VERDICT_DROP_IV_EXHAUSTED;
        esp_head = esp_front(sa->spi_be, sequence);
    }
    sa_count_out(w, inner_len);
    crypto_put_nonce(op->nonce, sa->salt, iv);
    op->key = &sa->key;
    op->esp = esp;
    op->len = text_len;
    m->data_off = (uint16_t)(data_off - front);
    m->data_len = (uint16_t)frame_len;
    m->pkt_len = frame_len;
    l2_move(outer, inner, p->l2_len); /* first: metadata, IV and ESP header take its place */
    store64(esp, esp_head);
    store64(esp + ESP_HEADER_LEN, iv);
    put_outer(ctx, &p->h, kind, outer, inner, outer_len);
    if (meta_len != 0)
        guard_put(sa, inner - meta_len, kind, p, guard_stamp(stamp, sa, ctx->now_tsc));
    esp_put_trailer(inner + inner_len, text_len - meta_len - inner_len - 2, esp_next_with(kind, meta_len));
    return VERDICT_SENT_ENCRYPTED;
}

unsigned esp_tx_prepare(struct pipeline_ctx *ctx, struct pkt_vec *v)
{
    unsigned mtu = ctx->config->pairs[v->pair].mtu, n = v->n;
    struct guard_stamp stamp = {NULL, 0, ctx->config->pairs[v->pair].tag};
    struct crypto_op *op = ctx->ops;

    for (unsigned i = 0; i < n; i++) {
        struct pkt *p = &v->pkts[i];
        struct sa *sa = p->sa;
        enum verdict verdict;

        if (p->todo != PKT_PROTECT)
            continue;
        if (unlikely(sa->kind != ESP_GCM)) {
            p->todo = PKT_ANY;
            ctx->n_any++;
            continue;
        }
        if (unlikely(p->h.kind != L3_IPV4))
            verdict = prepare(ctx, v->m[i], p, L3_IPV6, sa->meta_len, mtu, &stamp, op);
        else if (sa->meta_len == 0)
            verdict = prepare(ctx, v->m[i], p, L3_IPV4, 0, mtu, &stamp, op);
        else if (sa->meta_len == META_LEN)
            verdict = prepare(ctx, v->m[i], p, L3_IPV4, META_LEN, mtu, &stamp, op);
        else
            verdict = prepare(ctx, v->m[i], p, L3_IPV4, sa->meta_len, mtu, &stamp, op);
        if (unlikely(verdict != VERDICT_SENT_ENCRYPTED)) {
            pkt_drop(p, verdict);
            continue;
        }
        pkt_finish(p, VERDICT_SENT_ENCRYPTED, PKT_TO_TX);
        op++;
    }
    return (unsigned)(op - ctx->ops);
}
