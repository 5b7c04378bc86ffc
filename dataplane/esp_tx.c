/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sending side of header-preserving ESP (RFC 4303, RFC 4106; DP1, DP3): prepare makes room, headers, trailer and nonce for
 * every packet, finish counts. Exits: drop_too_big, drop_no_buffer, drop_iv_exhausted.
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

    if (h->frag_be == IPV4_DF_BE)
        return h->id_be;
    id = ctx->ip_id;
    ctx->ip_id = (uint16_t)(id + ctx->config->n_workers);
    return __builtin_bswap16(id);
}

/* Everything but the encryption. Returns false when the packet was dropped. */
static inline bool prepare(struct pipeline_ctx *ctx, struct rte_mbuf *m, struct pkt *p, unsigned mtu,
                           struct crypto_op *op)
{
    struct sa *sa = p->sa;
    uint32_t inner_len = p->h.len, outer_len = esp_outer_len(inner_len);
    uint32_t pad = esp_pad(inner_len);
    uint8_t *outer = p->l3 - ESP_FRONT_LEN;
    uint64_t counter, iv;

    if (unlikely(outer_len > mtu)) {
        pkt_drop(p, VERDICT_DROP_TOO_BIG);
        return false;
    }
    /* Frame padding behind the packet is room too: the trailer overwrites it. */
    if (unlikely(m->data_off < ESP_FRONT_LEN ||
                 (uint32_t)m->data_off - ESP_FRONT_LEN + L2_LEN + outer_len + 8 > m->buf_len)) {
        pkt_drop(p, VERDICT_DROP_NO_BUFFER);
        return false;
    }
    if (unlikely(!sa_next_iv(sa, ctx->worker, ctx->page, &counter))) {
        pkt_drop(p, VERDICT_DROP_IV_EXHAUSTED);
        return false;
    }
    iv = esp_iv(sa->workers[ctx->worker].sender, counter);
    esp_put_trailer(p->l3 + inner_len, pad);
    move_l2(outer - L2_LEN, p->l3 - L2_LEN);
    esp_put_outer(outer, p->l3, (uint16_t)outer_len, outer_id(ctx, &p->h));
    store64(outer + IPV4_LEN,
            (uint64_t)sa->spi_be | (uint64_t)__builtin_bswap32(++sa->workers[ctx->worker].seq) << 32);
    store64(outer + IPV4_LEN + ESP_HEADER_LEN, iv);
    m->data_off = (uint16_t)(m->data_off - ESP_FRONT_LEN);
    m->data_len = (uint16_t)(L2_LEN + outer_len);
    m->pkt_len = L2_LEN + outer_len;
    op->key = &sa->key;
    op->esp = outer + IPV4_LEN;
    op->len = inner_len + pad + 2;
    put_nonce(op, sa->salt, iv);
    return true;
}

unsigned esp_tx_prepare(struct pipeline_ctx *ctx, struct pkt_vec *v)
{
    unsigned mtu = ctx->config->pairs[v->pair].mtu;
    unsigned n = 0;

    for (unsigned i = 0; i < v->n; i++) {
        struct pkt *p = &v->pkts[i];

        if (p->todo != PKT_PROTECT)
            continue;
        if (likely(prepare(ctx, v->m[i], p, mtu, &ctx->ops[n]))) {
            p->todo = PKT_CRYPTO;
            ctx->op_pkt[n++] = (uint8_t)i;
        }
    }
    return n;
}

static inline void count_out(struct pipeline_ctx *ctx, struct sa *sa, uint64_t packets, uint64_t bytes)
{
    struct sa_worker *w = &sa->workers[ctx->worker];

    atomic_store_explicit(&w->packets_out, atomic_load_explicit(&w->packets_out, memory_order_relaxed) + packets,
                          memory_order_relaxed);
    atomic_store_explicit(&w->bytes_out, atomic_load_explicit(&w->bytes_out, memory_order_relaxed) + bytes,
                          memory_order_relaxed);
}

void esp_tx_finish(struct pipeline_ctx *ctx, struct pkt_vec *v, unsigned n)
{
    struct sa *run = NULL;
    uint64_t packets = 0, bytes = 0;

    for (unsigned k = 0; k < n; k++) {
        struct pkt *p = &v->pkts[ctx->op_pkt[k]];

        if (p->sa != run) {
            if (run != NULL)
                count_out(ctx, run, packets, bytes);
            run = p->sa;
            packets = bytes = 0;
        }
        packets++;
        bytes += p->h.len;
        pkt_finish(p, VERDICT_SENT_ENCRYPTED, PKT_TO_TX);
    }
    if (run != NULL)
        count_out(ctx, run, packets, bytes);
}
