/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See esp_any.h. Sending: prepare makes room, headers, padding and IV, the lanes encrypt and authenticate. Receiving:
 * prepare checks what can be checked before, the lanes verify and decrypt, finish judges and restores the packet;
 * nothing of it is believed before its ICV was right.
 *
 * Order: packets that go through the queue stay in order. A packet of the fast way may not overtake one of the same
 * group and `sa` number in it (a rekey changed the suite): then the queue is emptied first.
 */
#include "dataplane/esp_any.h"

#include "dataplane/core/esp.h"
#include "dataplane/guard.h"
#include "dataplane/fit.h"
#include "dataplane/lanes.h"
#include "dataplane/sgt.h"

#include <immintrin.h>
#include <rte_mbuf.h>

/* salt | IV in one store (see esp_tx.c). */
static void put_nonce(struct crypto_job *job, uint32_t salt, uint64_t iv_be)
{
    __m128i nonce = _mm_set_epi64x((int64_t)(iv_be >> 32), (int64_t)((uint64_t)salt | iv_be << 32));

    _mm_store_si128((__m128i *)(void *)job->nonce, nonce);
}

/* Transport mode moves the one header that there is: nothing else may stand between it and the payload. */
static enum verdict transport_possible(const struct pkt *p)
{
    switch ((enum l3_flaw)p->h.flaw) {
    case L3_OK:
        if (p->h.extra != 0)
            return p->h.kind == L3_IPV6 ? VERDICT_DROP_EXT_HEADER : VERDICT_DROP_IP_OPTIONS;
        return VERDICT_SENT_ENCRYPTED;
    case L3_OPTIONS:
        return VERDICT_DROP_IP_OPTIONS;
    case L3_EXT_HEADER:
        return VERDICT_DROP_EXT_HEADER;
    default:
        return VERDICT_DROP_FRAGMENT;
    }
}

static uint8_t next_of(const uint8_t *ip, enum l3_kind kind)
{
    return kind == L3_IPV6 ? ip[6] : ip[9];
}

/* The outer header: in transport mode the packet's own one, identification and all. inner: a copy of it. */
static void put_outer(struct pipeline_ctx *ctx, const struct pkt *p, uint8_t *outer, const uint8_t *inner, uint32_t len)
{
    if (p->h.kind == L3_IPV4 && p->sa->geometry.transport)
        esp_put_outer(outer, load64(inner), inner, (uint16_t)len);
    else
        esp_tx_outer(ctx, p, outer, inner, len);
}

/* IV, and nonce where there is one. */
static void put_iv(struct pipeline_ctx *ctx, const struct sa *sa, uint8_t *at, uint64_t counter, struct crypto_job *job)
{
    uint64_t iv;

    if (sa->geometry.kind == ESP_LANES) {
        ivs_next(&ctx->ivs, at, sa->geometry.iv_len);
        return;
    }
    iv = esp_iv(sa->workers[ctx->worker].sender, counter);
    store64(at, iv);
    put_nonce(job, sa->salt, iv);
}

/* Everything but the encryption. Returns the verdict. */
static enum verdict prepare_out(struct pipeline_ctx *ctx, unsigned pair, struct rte_mbuf *m, const struct pkt *p,
                                unsigned mtu, struct crypto_job *job)
{
    struct sa *sa = p->sa;
    const struct esp_geometry *g = &sa->geometry;
    enum l3_kind kind = (enum l3_kind)p->h.kind;
    uint32_t header_len = l3_header_len(kind), front = esp_any_front(g, kind);
    uint32_t outer_len = esp_any_outer(g, kind, p->h.len);
    uint32_t payload_len = esp_any_payload(g, header_len, p->h.len), text_len = esp_any_text(g, payload_len);
    uint8_t *inner = p->l3, *outer = inner - front, *esp = outer + header_len, head[IPV6_LEN];
    struct guard_stamp stamp = {NULL, 0, ctx->config->pairs[pair].tag};
    uint64_t counter, sequence;

    if (g->transport && transport_possible(p) != VERDICT_SENT_ENCRYPTED)
        return transport_possible(p);
    if (outer_len > mtu)
        return VERDICT_DROP_TOO_BIG;
    if (m->data_off < front || m->data_off - front + p->l2_len + outer_len > m->buf_len)
        return VERDICT_DROP_NO_BUFFER;
    if (!sa_next_iv(sa, &sa->workers[ctx->worker], ctx->worker, ctx->page, &counter))
        return VERDICT_DROP_IV_EXHAUSTED;
    sequence = counter;
    if ((sa->checks & SA_COUNTER) && !sa_next_sequence(sa, ctx->worker, &sequence))
        return VERDICT_DROP_IV_EXHAUSTED;
    memcpy(head, inner, header_len); /* the new one may overlap it */
    m->data_off = (uint16_t)(m->data_off - front);
    m->data_len = (uint16_t)(p->l2_len + outer_len);
    m->pkt_len = m->data_len;
    l2_move(outer, inner, p->l2_len);
    put_outer(ctx, p, outer, head, outer_len);
    if (g->meta_len != 0)
        guard_put(sa, inner - g->meta_len, kind, p, guard_stamp(&stamp, sa, ctx->now_tsc));
    store64(esp, esp_front(sa->spi_be, sequence));
    put_iv(ctx, sa, esp + ESP_HEADER_LEN, counter, job);
    esp_put_padding(inner + p->h.len, text_len - payload_len - 2,
                    g->transport ? next_of(head, kind) : esp_next_with(kind, g->meta_len));
    job->key = &sa->key;
    job->esp = esp;
    job->len = text_len;
    job->open = false;
    return VERDICT_SENT_ENCRYPTED;
}

/* What can be said before decryption. */
static enum verdict prepare_in(struct pipeline_ctx *ctx, const struct pkt *p, struct crypto_job *job)
{
    struct sa *sa = p->sa;
    const struct esp_geometry *g = &sa->geometry;
    uint32_t header_len = l3_header_len((enum l3_kind)p->h.kind), esp_len = p->h.len - header_len;
    uint8_t *esp = p->l3 + header_len;
    uint64_t iv_be;

    if (!esp_any_possible(g, esp_len))
        return VERDICT_DROP_MALFORMED;
    if (sa_expired(sa, ctx->now_tsc))
        return VERDICT_DROP_SA_EXPIRED;
    if (g->kind != ESP_LANES) {
        iv_be = load64(esp + ESP_HEADER_LEN);
        if (sa_own_sender(sa, __builtin_bswap64(iv_be)))
            return VERDICT_DROP_OWN_SENDER;
        put_nonce(job, sa->salt, iv_be);
    }
    if (sa->checks & (SA_COUNTER | SA_STRICT)) {
        struct replay_peek peek = {0};
        enum verdict verdict = guard_before(sa, &peek, esp, __builtin_bswap64(load64(esp + ESP_HEADER_LEN)));

        if (verdict != VERDICT_RECEIVED_DECRYPTED)
            return verdict;
    }
    job->key = &sa->key;
    job->esp = esp;
    job->len = esp_len - esp_any_intro(g) - g->icv_len;
    job->open = true;
    return VERDICT_RECEIVED_DECRYPTED;
}

static void cut(struct rte_mbuf *m, const struct pkt *p, const uint8_t *ip, uint32_t len)
{
    m->data_off = (uint16_t)(m->data_off + (ip - p->l3));
    m->data_len = (uint16_t)(p->l2_len + len);
    m->pkt_len = m->data_len;
}

/* Transport mode: the outer header moves back to the payload and is judged with it. */
static enum verdict finish_transport(struct pipeline_ctx *ctx, struct rte_mbuf *m, const struct pkt *p, uint8_t *text,
                                     uint32_t text_len, uint32_t *len)
{
    enum l3_kind kind = (enum l3_kind)p->h.kind;
    uint32_t header_len = l3_header_len(kind), payload_len;
    uint8_t *ip = text - header_len, next, head[IPV6_LEN];
    struct l3 inner;
    enum verdict verdict = esp_check_trailer(text, text_len, &payload_len, &next);

    if (verdict != VERDICT_RECEIVED_DECRYPTED)
        return verdict;
    memcpy(head, p->l3, header_len);
    l2_move(ip, p->l3, p->l2_len);
    esp_put_restored(ip, head, kind, header_len + payload_len, next);
    cut(m, p, ip, header_len + payload_len);
    verdict = esp_check_inner(ip, header_len + payload_len, esp_next(kind), kind, &inner);
    if (verdict != VERDICT_RECEIVED_DECRYPTED)
        return verdict;
    *len = inner.len;
    return esp_rx_judge(ctx, p->group, p->sa, &inner, ip);
}

/* Replay protection has the last word, and looks at the sender's clock now and then. */
static enum verdict take(struct pipeline_ctx *ctx, const struct pkt *p, const uint8_t *esp, const uint8_t *text)
{
    struct guard guard = guard_begin(p->sa, ctx->now_tsc);
    enum verdict verdict = guard_accept(p->sa, esp, text);

    if (guard.sample && verdict == VERDICT_RECEIVED_DECRYPTED)
        guard_sample(&guard, p, esp, text);
    return verdict;
}

static void clamp(const struct pipeline_ctx *ctx, unsigned pair, const struct sa *sa, uint8_t *ip, enum l3_kind kind, uint32_t len)
{
    if (ctx->config->mss_clamp && mss_is_syn(ip, kind, next_of(ip, kind)))
        fit_clamp_received(ctx, pair, sa, kind, ip, len);
}

/* The whole judgement of an opened packet; then it stands in the mbuf as it was before the sender protected it. */
static enum verdict finish_in(struct pipeline_ctx *ctx, unsigned pair, struct rte_mbuf *m, const struct pkt *p,
                              const struct crypto_job *job, uint32_t *len, uint16_t *tag)
{
    enum l3_kind kind = (enum l3_kind)p->h.kind;
    const struct esp_geometry *g = &p->sa->geometry;
    uint8_t *text = job->esp + esp_any_intro(g), *ip = text + g->meta_len;
    uint8_t header[ESP_HEADER_LEN];
    enum verdict verdict;

    if (!job->ok)
        return VERDICT_DROP_AUTH;
    memcpy(header, job->esp, sizeof header); /* transport mode overwrites it */
    if (g->transport) {
        ip = text - l3_header_len(kind);
        verdict = finish_transport(ctx, m, p, text, job->len, len);
        if (verdict == VERDICT_RECEIVED_DECRYPTED)
            verdict = guard_accept(p->sa, header, text);
        if (verdict == VERDICT_RECEIVED_DECRYPTED)
            clamp(ctx, pair, p->sa, ip, kind, *len);
        return verdict;
    }
    verdict = esp_rx_check(ctx, p, text, job->len, len);
    if (verdict == VERDICT_RECEIVED_DECRYPTED)
        verdict = take(ctx, p, job->esp, text);
    if (verdict == VERDICT_RECEIVED_DECRYPTED) {
        *tag = guard_tag(p->sa, text); /* the frame's header may overwrite it */
        clamp(ctx, pair, p->sa, ip, kind, *len);
        l2_move(ip, p->l3, p->l2_len);
        cut(m, p, ip, *len);
    }
    return verdict;
}

/* A packet that came out of the queue gets its verdict, its count and its owner. */
static void deliver(struct pipeline_ctx *ctx, struct pkt_vec *v, bool inbound, const struct lanes_slot *s)
{
    enum verdict verdict;
    uint32_t len = s->p.h.len;
    uint16_t tag = 0;

    if (inbound)
        verdict = finish_in(ctx, v->pair, s->m, &s->p, &s->job, &len, &tag);
    else
        verdict = s->job.ok ? VERDICT_SENT_ENCRYPTED : VERDICT_DROP_INTERNAL;
    if (verdict == VERDICT_RECEIVED_DECRYPTED && tag != 0 && !s->p.own_dst && ctx->config->pairs[v->pair].sgt_inline &&
        !sgt_write(s->m, s->p.l2_len, tag))
        verdict = VERDICT_DROP_NO_BUFFER;
    pipeline_count(ctx, verdict, 1);
    if (verdict != VERDICT_RECEIVED_DECRYPTED && verdict != VERDICT_SENT_ENCRYPTED) {
        rte_pktmbuf_free(s->m);
        return;
    }
    if (inbound)
        sa_count_in(&s->p.sa->workers[ctx->worker], len);
    else
        sa_count_out(&s->p.sa->workers[ctx->worker], len);
    if (inbound && s->p.own_dst) {
        v->punt_verdict[v->n_punt] = (uint8_t)verdict;
        v->punt[v->n_punt++] = s->m;
    } else {
        v->tx_verdict[v->n_tx] = (uint8_t)verdict;
        v->tx[v->n_tx++] = s->m;
    }
}

static void collect(struct pipeline_ctx *ctx, struct pkt_vec *v, bool inbound, struct lanes *q)
{
    const struct lanes_slot *s;
    struct sa *counted = NULL; /* what was accepted with it isn't published yet */

    while ((s = lanes_take(q)) != NULL) {
        ctx->in_lanes--;
        deliver(ctx, v, inbound, s);
        if (!inbound || s->p.sa == counted || !(s->p.sa->checks & SA_COUNTER))
            continue;
        if (counted != NULL)
            replay_counter_publish(counted->replay, ctx->worker);
        counted = s->p.sa;
    }
    if (counted != NULL)
        replay_counter_publish(counted->replay, ctx->worker);
}

static void empty(struct pipeline_ctx *ctx, struct pkt_vec *v, bool inbound, struct lanes *q)
{
    lanes_flush(q);
    collect(ctx, v, inbound, q);
}

/* Would a packet of the fast way overtake one in the queue that it must follow? */
static bool would_overtake(const struct pkt_vec *v, enum verdict done, const struct lanes *q)
{
    for (unsigned i = 0; i < v->n; i++) {
        const struct pkt *p = &v->pkts[i];

        if (p->todo == PKT_DONE && p->verdict == done && (q->senders & lanes_mark(p->group, p->sa->number)) != 0)
            return true;
    }
    return false;
}

static void run(struct pipeline_ctx *ctx, struct pkt_vec *v, bool inbound)
{
    struct lanes *q = ctx->lanes[v->pair][inbound];
    enum verdict done = inbound ? VERDICT_RECEIVED_DECRYPTED : VERDICT_SENT_ENCRYPTED;
    unsigned mtu = ctx->config->pairs[v->pair].mtu;

    q->calls++;
    if (lanes_count(q) != 0 && would_overtake(v, done, q))
        empty(ctx, v, inbound, q);
    for (unsigned i = 0; i < v->n; i++) {
        struct pkt *p = &v->pkts[i];
        struct lanes_slot *s;
        enum verdict verdict;

        if (p->todo != PKT_ANY)
            continue;
        if (lanes_count(q) == VEC_LANES_MAX)
            empty(ctx, v, inbound, q);
        s = lanes_next(q);
        verdict = inbound ? prepare_in(ctx, p, &s->job) : prepare_out(ctx, v->pair, v->m[i], p, mtu, &s->job);
        if (verdict != done) {
            pkt_drop(p, verdict);
            continue;
        }
        s->p = *p;
        s->m = v->m[i];
        pkt_finish(p, done, PKT_TO_LANES);
        ctx->in_lanes++;
        lanes_put(q, lanes_mark(p->group, p->sa->number));
    }
    if (v->n == 0 || ctx->drain || lanes_late(q))
        lanes_flush(q);
    collect(ctx, v, inbound, q);
    ctx->n_any = 0;
}

void esp_any_out(struct pipeline_ctx *ctx, struct pkt_vec *v)
{
    run(ctx, v, false);
}

void esp_any_in(struct pipeline_ctx *ctx, struct pkt_vec *v)
{
    run(ctx, v, true);
}
