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

#include <immintrin.h>
#include <rte_mbuf.h>

/* salt | IV in one store: a nonce written in pieces would stall the load inside the crypto call. */
static inline void put_nonce(struct crypto_op *op, uint32_t salt, uint64_t iv_be)
{
    __m128i nonce = _mm_set_epi64x((int64_t)(iv_be >> 32), (int64_t)((uint64_t)salt | iv_be << 32));

    _mm_store_si128((__m128i *)(void *)op->nonce, nonce);
}


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
        esp_put_outer(outer, inner, (uint16_t)outer_len, l3_id_be(h));
    } else {
        esp_put_outer(outer, inner, (uint16_t)outer_len, outer_id(ctx, h));
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

/* Everything but the encryption. Returns the verdict. */
static inline __attribute__((always_inline)) enum verdict prepare(struct pipeline_ctx *ctx, struct rte_mbuf *m,
                                                                  const struct pkt *p, enum l3_kind kind,
                                                                  unsigned mtu, const struct guard_stamp *stamp,
                                                                  struct crypto_op *op)
{
    struct sa *sa = p->sa;
    uint32_t meta_len = sa->meta_len, front = esp_front_len(kind) + meta_len, inner_len = p->h.len;
    uint32_t text_len = esp_text_len(meta_len + inner_len), l2_len = p->l2_len;
    uint32_t outer_len = esp_front_len(kind) + text_len + ESP_ICV_LEN;
    uint8_t *inner = p->l3, *outer = inner - front, *esp = outer + l3_header_len(kind);
    uint16_t data_off = m->data_off;
    uint64_t counter, iv, sequence;

    if (unlikely(outer_len > mtu))
        return VERDICT_DROP_TOO_BIG;
    /* Frame padding behind the packet is room too: the trailer overwrites it. */
    if (unlikely(data_off < front || data_off + l2_len + text_len - meta_len + ESP_ICV_LEN > m->buf_len))
        return VERDICT_DROP_NO_BUFFER;
    if (unlikely(!sa_next_iv(sa, ctx->worker, ctx->page, &counter)))
        return VERDICT_DROP_IV_EXHAUSTED;
    sequence = counter;
    if (unlikely(sa->checks & SA_COUNTER) && !sa_next_sequence(sa, ctx->worker, &sequence))
        return VERDICT_DROP_IV_EXHAUSTED;
    iv = esp_iv(sa->workers[ctx->worker].sender, counter);
    put_nonce(op, sa->salt, iv);
    op->key = &sa->key;
    op->esp = esp;
    op->len = text_len;
    m->data_off = (uint16_t)(data_off - front);
    m->data_len = (uint16_t)(l2_len + outer_len);
    m->pkt_len = l2_len + outer_len;
    l2_move(outer, inner, l2_len);
    put_outer(ctx, &p->h, kind, outer, inner, outer_len);
    if (meta_len != 0)
        guard_put(sa, inner - meta_len, kind, p, stamp);
    store64(esp, esp_front(sa->spi_be, sequence));
    store64(esp + ESP_HEADER_LEN, iv);
    esp_put_trailer(inner + inner_len, text_len - meta_len - inner_len - 2, esp_next_with(kind, meta_len));
    return VERDICT_SENT_ENCRYPTED;
}

void esp_tx_count(struct pipeline_ctx *ctx, struct sa *sa, uint64_t packets, uint64_t bytes)
{
    struct sa_worker *w = &sa->workers[ctx->worker];

    atomic_store_explicit(&w->packets_out, atomic_load_explicit(&w->packets_out, memory_order_relaxed) + packets,
                          memory_order_relaxed);
    atomic_store_explicit(&w->bytes_out, atomic_load_explicit(&w->bytes_out, memory_order_relaxed) + bytes,
                          memory_order_relaxed);
}

unsigned esp_tx_prepare(struct pipeline_ctx *ctx, struct pkt_vec *v)
{
    unsigned mtu = ctx->config->pairs[v->pair].mtu, n = v->n, n_ops = 0;
    uint64_t packets = 0, bytes = 0;
    struct guard_stamp stamp = {0, ctx->config->pairs[v->pair].tag};
    struct sa *run = NULL; /* counters are written once per run of packets of one SA */

    for (unsigned i = 0; i < n; i++) {
        struct pkt *p = &v->pkts[i];
        enum verdict verdict;

        if (p->todo != PKT_PROTECT)
            continue;
        if (unlikely(p->sa->kind != ESP_GCM)) {
            p->todo = PKT_ANY;
            ctx->n_any++;
            continue;
        }
        if (p->sa != run) {
            if (run != NULL)
                esp_tx_count(ctx, run, packets, bytes);
            run = p->sa;
            packets = bytes = 0;
            stamp.ms = guard_ms(run, ctx->now_tsc);
        }
        if (likely(p->h.kind == L3_IPV4))
            verdict = prepare(ctx, v->m[i], p, L3_IPV4, mtu, &stamp, &ctx->ops[n_ops]);
        else
            verdict = prepare(ctx, v->m[i], p, L3_IPV6, mtu, &stamp, &ctx->ops[n_ops]);
        if (unlikely(verdict != VERDICT_SENT_ENCRYPTED)) {
            pkt_drop(p, verdict);
            continue;
        }
        pkt_finish(p, VERDICT_SENT_ENCRYPTED, PKT_TO_TX);
        n_ops++;
        packets++;
        bytes += p->h.len;
    }
    if (run != NULL)
        esp_tx_count(ctx, run, packets, bytes);
    return n_ops;
}
