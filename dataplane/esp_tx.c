/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sending side of header-preserving ESP (RFC 4303, RFC 4106; DP1, DP3): prepare makes room, headers, trailer and nonce for
 * every packet and counts; the crypto call that follows can't fail. Exits: drop_too_big, drop_no_buffer, drop_iv_exhausted.
 */
#include "dataplane/core/esp.h"
#include "dataplane/ctx.h"

#include <immintrin.h>
#include <rte_mbuf.h>

/* salt | IV in one store: a nonce written in pieces would stall the load inside the crypto call. */
static inline void put_nonce(struct crypto_op *op, uint32_t salt, uint64_t iv_be)
{
    __m128i nonce = _mm_set_epi64x((int64_t)(iv_be >> 32), (int64_t)((uint64_t)salt | iv_be << 32));

    _mm_store_si128((__m128i *)(void *)op->nonce, nonce);
}

/* Moves the Ethernet header forward through registers. */
static inline void move_l2(uint8_t *to, const uint8_t *from)
{
    uint64_t a = load64(from), b = load64(from + L2_LEN - 8);

    store64(to, a);
    store64(to + L2_LEN - 8, b);
}

/*
 * The outer identification (RFC 6864): the packet's own when it can't be fragmented on the way, else one of this
 * worker's, because inner ones of many hosts would collide.
 */
static inline uint16_t outer_id(struct pipeline_ctx *ctx, const struct l3 *h)
{
    uint16_t id;

    if (likely(l3_frag_be(h) == IPV4_DF_BE))
        return l3_id_be(h);
    id = ctx->ip_id;
    ctx->ip_id = (uint16_t)(id + ctx->config->n_workers);
    return __builtin_bswap16(id);
}

/* Everything but the encryption. Returns false when the packet was dropped. */
static inline bool prepare(struct pipeline_ctx *ctx, struct rte_mbuf *m, struct pkt *p, unsigned mtu,
                           struct crypto_op *op)
{
    struct sa *sa = p->sa;
    uint32_t inner_len = p->h.len, text_len = esp_text_len(inner_len);
    uint32_t outer_len = ESP_FRONT_LEN + text_len + ESP_ICV_LEN;
    uint8_t *inner = p->l3, *outer = inner - ESP_FRONT_LEN;
    uint64_t counter, iv;

    if (unlikely(outer_len > mtu)) {
        pkt_drop(p, VERDICT_DROP_TOO_BIG);
        return false;
    }
    /* Frame padding behind the packet is room too: the trailer overwrites it. */
    if (unlikely(m->data_off < ESP_FRONT_LEN ||
                 m->data_off + L2_LEN + text_len + ESP_ICV_LEN > m->buf_len)) {
        pkt_drop(p, VERDICT_DROP_NO_BUFFER);
        return false;
    }
    if (unlikely(!sa_next_iv(sa, ctx->worker, ctx->page, &counter))) {
        pkt_drop(p, VERDICT_DROP_IV_EXHAUSTED);
        return false;
    }
    iv = esp_iv(sa->workers[ctx->worker].sender, counter);
    esp_put_trailer(inner + inner_len, text_len - inner_len - 2);
    move_l2(outer - L2_LEN, inner - L2_LEN);
    esp_put_outer(outer, inner, (uint16_t)outer_len, outer_id(ctx, &p->h));
    store64(outer + IPV4_LEN, esp_front(sa->spi_be, counter));
    store64(outer + IPV4_LEN + ESP_HEADER_LEN, iv);
    m->data_off = (uint16_t)(m->data_off - ESP_FRONT_LEN);
    m->data_len = (uint16_t)(L2_LEN + outer_len);
    m->pkt_len = L2_LEN + outer_len;
    op->key = &sa->key;
    op->esp = outer + IPV4_LEN;
    op->len = text_len;
    put_nonce(op, sa->salt, iv);
    pkt_finish(p, VERDICT_SENT_ENCRYPTED, PKT_TO_TX);
    return true;
}

static void count_out(struct pipeline_ctx *ctx, struct sa *sa, uint64_t packets, uint64_t bytes)
{
    struct sa_worker *w = &sa->workers[ctx->worker];

    atomic_store_explicit(&w->packets_out, atomic_load_explicit(&w->packets_out, memory_order_relaxed) + packets,
                          memory_order_relaxed);
    atomic_store_explicit(&w->bytes_out, atomic_load_explicit(&w->bytes_out, memory_order_relaxed) + bytes,
                          memory_order_relaxed);
}

unsigned esp_tx_prepare(struct pipeline_ctx *ctx, struct pkt_vec *v)
{
    unsigned mtu = ctx->config->pairs[v->pair].mtu;
    uint64_t packets = 0, bytes = 0;
    struct sa *run = NULL; /* counters are written once per run of packets of one SA */
    unsigned n = 0;

    for (unsigned i = 0; i < v->n; i++) {
        struct pkt *p = &v->pkts[i];

        if (p->todo != PKT_PROTECT || unlikely(!prepare(ctx, v->m[i], p, mtu, &ctx->ops[n])))
            continue;
        n++;
        if (p->sa != run) {
            if (run != NULL)
                count_out(ctx, run, packets, bytes);
            run = p->sa;
            packets = bytes = 0;
        }
        packets++;
        bytes += p->h.len;
    }
    if (run != NULL)
        count_out(ctx, run, packets, bytes);
    return n;
}
