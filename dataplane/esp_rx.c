/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receiving side of header-preserving ESP (RFC 4303 3.4, RFC 4106; DP6): prepare finds the SA and checks what can be
 * checked before decryption; finish judges what came out, asks whether this SA may carry it, and restores the packet as
 * it was. Nothing of a packet is believed before its ICV was right. Exits of prepare: drop_malformed, drop_sa_expired,
 * drop_own_sender, and by policy drop_unknown_spi or clear; of finish: drop_auth, drop_inner_malformed, drop_dummy,
 * drop_fragment, drop_ip_options, drop_address_mismatch, drop_inner_policy, drop_fail_close, drop_unprotected, drop_ecn.
 */
#include "dataplane/core/esp.h"
#include "dataplane/ctx.h"

#include <immintrin.h>
#include <rte_mbuf.h>

static inline void put_nonce(struct crypto_op *op, uint32_t salt, uint64_t iv_be)
{
    __m128i nonce = _mm_set_epi64x((int64_t)(iv_be >> 32), (int64_t)((uint64_t)salt | iv_be << 32));

    _mm_store_si128((__m128i *)(void *)op->nonce, nonce);
}

/* What a packet's SPI leads to; the last answer is kept, because packets come in runs. */
struct found {
    uint32_t spi_be;
    struct sa *sa; /* NULL: none of this pair */
    bool expired;
};

static struct found find(const struct pipeline_ctx *ctx, uint32_t spi_be, unsigned pair)
{
    struct sa *sa = ctx->snap != NULL ? snap_spi_find(ctx->snap, spi_be) : NULL;

    if (sa != NULL && sa->pair != pair)
        sa = NULL;
    return (struct found){spi_be, sa, sa != NULL && sa_expired(sa, ctx->now_tsc)};
}

/* The SA is known. Returns VERDICT_RECEIVED_DECRYPTED when the packet is worth a decryption, else why not. */
static inline enum verdict prepare(struct pkt *p, struct sa *sa, bool expired, struct crypto_op *op)
{
    uint8_t *esp = p->l3 + IPV4_LEN;
    uint64_t iv_be;

    if (unlikely(!esp_len_possible(p->h.len)))
        return VERDICT_DROP_MALFORMED;
    if (unlikely(expired))
        return VERDICT_DROP_SA_EXPIRED;
    iv_be = load64(esp + ESP_HEADER_LEN);
    if (unlikely(sa_own_sender(sa, __builtin_bswap64(iv_be))))
        return VERDICT_DROP_OWN_SENDER;
    p->sa = sa;
    put_nonce(op, sa->salt, iv_be);
    op->key = &sa->key;
    op->esp = esp;
    op->len = (uint32_t)p->h.len - ESP_FRONT_LEN - ESP_ICV_LEN;
    return VERDICT_RECEIVED_DECRYPTED;
}

unsigned esp_rx_prepare(struct pipeline_ctx *ctx, struct pkt_vec *v)
{
    struct found last = {0, NULL, false}; /* SPI 0 is nobody's */
    unsigned n = v->n, pair = v->pair, n_ops = 0;

    for (unsigned i = 0; i < n; i++) {
        struct pkt *p = &v->pkts[i];
        enum verdict verdict;
        uint32_t spi_be;

        if (p->todo != PKT_ESP_IN)
            continue;
        if (unlikely(p->h.len < IPV4_LEN + 4)) {
            pkt_drop(p, VERDICT_DROP_MALFORMED);
            continue;
        }
        spi_be = load32(p->l3 + IPV4_LEN);
        if (unlikely(spi_be != last.spi_be))
            last = find(ctx, spi_be, pair);
        if (unlikely(last.sa == NULL)) {
            p->way = CLASSIFY_UNKNOWN;
            p->todo = PKT_CLASSIFY;
            continue;
        }
        verdict = prepare(p, last.sa, last.expired, &ctx->ops[n_ops]);
        if (unlikely(verdict != VERDICT_RECEIVED_DECRYPTED)) {
            pkt_drop(p, verdict);
            continue;
        }
        p->todo = PKT_CRYPTO;
        ctx->op_pkt[n_ops++] = (uint8_t)i;
    }
    return n_ops;
}

/* Did the list before the last change let this SA carry it? */
static bool previous_allows(const struct pipeline_ctx *ctx, const struct pkt *p, unsigned pair)
{
    const struct snap_group *g = &ctx->snap->groups[ctx->snap->pair_group[pair]];
    const struct acl_entry *e;
    struct flow flow;

    if (ctx->now_tsc >= g->previous_until_tsc)
        return false;
    l3_flow(&p->h, p->l3 + ESP_FRONT_LEN, &flow);
    e = acl_find(&g->previous, &flow);
    return e != NULL && e->permit && e->sa == p->sa->number;
}

/* Does the policy let this SA carry the inner packet? Returns the verdict. */
static inline enum verdict judge(struct pipeline_ctx *ctx, const struct pkt *p, unsigned pair)
{
    struct classify_result r = classify_packet(ctx->cache, ctx->snap, false, pair, CLASSIFY_INNER, &p->h,
                                               p->l3 + ESP_FRONT_LEN);

    if (likely(r.action == CLASSIFY_PROTECT && r.number == p->sa->number))
        return VERDICT_RECEIVED_DECRYPTED;
    if (r.action == CLASSIFY_DROP && r.verdict != VERDICT_DROP_INNER_POLICY)
        return (enum verdict)r.verdict;
    return previous_allows(ctx, p, pair) ? VERDICT_RECEIVED_DECRYPTED : VERDICT_DROP_INNER_POLICY;
}

/* The frame as it was before the sender protected it. */
static inline void restore(struct rte_mbuf *m, const struct pkt *p)
{
    uint64_t a = load64(p->l3 - L2_LEN), b = load64(p->l3 - 8);
    uint8_t *frame = p->l3 + ESP_FRONT_LEN - L2_LEN;

    store64(frame, a);
    store64(frame + L2_LEN - 8, b);
    m->data_off = (uint16_t)(m->data_off + ESP_FRONT_LEN);
    m->data_len = (uint16_t)(L2_LEN + p->h.len);
    m->pkt_len = L2_LEN + (uint32_t)p->h.len;
}

static inline void count_in(struct pipeline_ctx *ctx, struct sa *sa, uint64_t packets, uint64_t bytes)
{
    struct sa_worker *w = &sa->workers[ctx->worker];

    atomic_store_explicit(&w->packets_in, atomic_load_explicit(&w->packets_in, memory_order_relaxed) + packets,
                          memory_order_relaxed);
    atomic_store_explicit(&w->bytes_in, atomic_load_explicit(&w->bytes_in, memory_order_relaxed) + bytes,
                          memory_order_relaxed);
}

/* Judges one packet that came out of decryption, and restores it when it is right. */
static inline enum verdict finish(struct pipeline_ctx *ctx, struct rte_mbuf *m, struct pkt *p, unsigned pair,
                                  const struct crypto_op *op)
{
    uint8_t *text = p->l3 + ESP_FRONT_LEN, outer_tos = l3_tos(&p->h);
    uint64_t outer_addrs = p->h.addrs;
    enum verdict verdict;

    if (unlikely(!op->ok))
        return VERDICT_DROP_AUTH;
    verdict = esp_check_text(text, op->len, &p->h);
    if (unlikely(verdict != VERDICT_RECEIVED_DECRYPTED))
        return verdict;
    if (unlikely(p->h.addrs != outer_addrs))
        return VERDICT_DROP_ADDRESS_MISMATCH;
    verdict = judge(ctx, p, pair);
    if (unlikely(verdict != VERDICT_RECEIVED_DECRYPTED))
        return verdict;
    if (unlikely(((l3_tos(&p->h) ^ outer_tos) & 3) != 0) && !esp_merge_ecn(text, outer_tos))
        return VERDICT_DROP_ECN;
    restore(m, p);
    return verdict;
}

void esp_rx_finish(struct pipeline_ctx *ctx, struct pkt_vec *v, unsigned n)
{
    uint64_t packets = 0, bytes = 0;
    struct sa *run = NULL; /* counters are written once per run of packets of one SA */

    for (unsigned k = 0; k < n; k++) {
        unsigned i = ctx->op_pkt[k];
        struct pkt *p = &v->pkts[i];
        enum verdict verdict = finish(ctx, v->m[i], p, v->pair, &ctx->ops[k]);

        if (unlikely(verdict != VERDICT_RECEIVED_DECRYPTED)) {
            pkt_drop(p, verdict);
            continue;
        }
        pkt_finish(p, verdict, p->own_dst ? PKT_TO_PUNT : PKT_TO_TX);
        if (p->sa != run) {
            if (run != NULL)
                count_in(ctx, run, packets, bytes);
            run = p->sa;
            packets = bytes = 0;
        }
        packets++;
        bytes += p->h.len;
    }
    if (run != NULL)
        count_in(ctx, run, packets, bytes);
}
