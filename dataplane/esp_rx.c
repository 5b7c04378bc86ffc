/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receiving side of header-preserving ESP (RFC 4303 3.4, RFC 4106; DP6): prepare finds the SA and checks what can be
 * checked before decryption; finish judges what came out, asks whether this SA may carry it, and restores the packet as
 * it was. Nothing of a packet is believed before its ICV was right. Exits of prepare: drop_malformed, drop_sa_expired,
 * drop_own_sender, drop_replay_counter, drop_replay_sender, and by policy drop_unknown_spi or clear; of finish: drop_auth,
 * drop_inner_malformed, drop_dummy, drop_metadata, drop_replay_time, drop_fragment, drop_ip_options, drop_ext_header,
 * drop_address_mismatch, drop_inner_policy, drop_fail_close, drop_unprotected, drop_ecn, drop_replay_counter, drop_replay_sender.
 */
#include "dataplane/core/esp.h"
#include "dataplane/ctx.h"
#include "dataplane/fit.h"
#include "dataplane/guard.h"

#include <rte_mbuf.h>

/* The SA is known. Returns VERDICT_RECEIVED_DECRYPTED when the packet is worth a decryption, else why not. */
static inline __attribute__((always_inline)) enum verdict prepare(struct pkt *p, uint8_t *esp, uint32_t esp_len,
                                                                  struct sa *sa, uint64_t now_tsc,
                                                                  struct replay_peek *peek, struct crypto_op *op)
{
    uint64_t iv_be;

    if (unlikely(!esp_len_possible(esp_len)))
        return VERDICT_DROP_MALFORMED;
    if (unlikely(sa_expired(sa, now_tsc)))
        return VERDICT_DROP_SA_EXPIRED;
    iv_be = load64(esp + ESP_HEADER_LEN);
    if (unlikely(sa_own_sender(sa, __builtin_bswap64(iv_be))))
        return VERDICT_DROP_OWN_SENDER;
    /* A replay needn't cost a decryption. Only what comes after it, when the ICV was right, changes a window. */
    if (unlikely(sa->checks & (SA_COUNTER | SA_STRICT))) {
        enum verdict verdict = guard_before(sa, peek, esp, __builtin_bswap64(iv_be));

        if (verdict != VERDICT_RECEIVED_DECRYPTED)
            return verdict;
    }
    p->sa = sa;
    crypto_put_nonce(op->nonce, sa->salt, iv_be);
    op->key = &sa->key;
    op->esp = esp;
    op->len = esp_len - ESP_INTRO_LEN - ESP_ICV_LEN;
    return VERDICT_RECEIVED_DECRYPTED;
}

unsigned esp_rx_prepare(struct pipeline_ctx *ctx, struct pkt_vec *v)
{
    struct sa *sa = NULL; /* of the last packet: they come in runs */
    struct replay_peek peek = {0};
    uint64_t last = 0;
    unsigned n = v->n, n_ops = 0;

    for (unsigned i = 0; i < n; i++) {
        struct pkt *p = &v->pkts[i];
        uint32_t header_len, esp_len;
        enum verdict verdict;
        uint64_t key;
        uint8_t *esp;

        if (p->todo != PKT_ESP_IN)
            continue;
        header_len = l3_header_len((enum l3_kind)p->h.kind);
        esp_len = p->h.len - header_len;
        esp = p->l3 + header_len;
        if (unlikely(esp_len < 4)) {
            pkt_drop(p, VERDICT_DROP_MALFORMED);
            continue;
        }
        key = snap_spi_key(load32(esp), p->group);
        if (key != last) {
            last = key;
            sa = ctx->snap != NULL ? snap_sa_find(ctx->snap, key) : NULL;
        }
        if (unlikely(sa == NULL)) {
            p->way = CLASSIFY_UNKNOWN;
            p->todo = PKT_CLASSIFY;
            continue;
        }
        if (unlikely(sa->kind != ESP_GCM)) {
            p->sa = sa;
            p->todo = PKT_ANY;
            ctx->n_any++;
            continue;
        }
        verdict = prepare(p, esp, esp_len, sa, ctx->now_tsc, &peek, &ctx->ops[n_ops]);
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
static bool previous_allows(const struct pipeline_ctx *ctx, int group, const struct sa *sa, const struct flow *flow)
{
    const struct snap_group *g = &ctx->snap->groups[group];
    const struct acl_entry *e;

    if (ctx->now_tsc >= g->previous_until_tsc)
        return false;
    e = ruleset_find(&g->previous_set, flow);
    return e != NULL && e->permit && e->sa == sa->number;
}

/* Does the policy let this SA carry the inner packet? */
enum verdict esp_rx_judge(struct pipeline_ctx *ctx, int group, const struct sa *sa, const struct l3 *inner,
                          const uint8_t *ip)
{
    struct classify_result r = classify_packet(ctx->cache, ctx->snap, false, group, CLASSIFY_INNER, inner, ip);
    struct flow flow;

    if (r.action == CLASSIFY_PROTECT && r.number == sa->number)
        return VERDICT_RECEIVED_DECRYPTED;
    if (r.action == CLASSIFY_DROP && r.verdict != VERDICT_DROP_INNER_POLICY)
        return (enum verdict)r.verdict;
    l3_flow(inner, ip, &flow);
    return previous_allows(ctx, group, sa, &flow) ? VERDICT_RECEIVED_DECRYPTED : VERDICT_DROP_INNER_POLICY;
}

/* The whole judgement of a decrypted packet, check by check. Sets *len to the inner packet's length. */
enum verdict __attribute__((noinline)) esp_rx_check(struct pipeline_ctx *ctx, const struct pkt *p, uint8_t *text,
                                                    uint32_t text_len, uint32_t *len)
{
    enum l3_kind kind = (enum l3_kind)p->h.kind;
    uint32_t meta_len = p->sa->meta_len, payload_len;
    uint8_t *ip = text + meta_len, next;
    enum verdict verdict;
    struct guard guard;
    struct l3 inner;

    verdict = esp_check_trailer(text, text_len, &payload_len, &next);
    if (verdict != VERDICT_RECEIVED_DECRYPTED)
        return verdict;
    if (meta_len == 0 && next == NEXT_META)
        return VERDICT_DROP_METADATA;
    if (meta_len != 0 && next == NEXT_DUMMY)
        return VERDICT_DROP_DUMMY;
    if (meta_len != 0) {
        guard = guard_begin(p->sa, ctx->now_tsc);
        verdict = guard_meta(&guard, p, text - esp_any_intro(&p->sa->geometry), text, payload_len, next);
        if (verdict != VERDICT_RECEIVED_DECRYPTED)
            return verdict;
        next = text[0];
    }
    verdict = esp_check_inner(ip, payload_len - meta_len, next, kind, &inner);
    if (verdict != VERDICT_RECEIVED_DECRYPTED)
        return verdict;
    if (kind == L3_IPV6 ? !l3_same_addrs6(ip, p->l3) : inner.addrs != p->h.addrs)
        return VERDICT_DROP_ADDRESS_MISMATCH;
    verdict = esp_rx_judge(ctx, p->group, p->sa, &inner, ip);
    if (verdict != VERDICT_RECEIVED_DECRYPTED)
        return verdict;
    *len = inner.len;
    return esp_merge_ecn(ip, kind, l3_tos(&p->h)) ? VERDICT_RECEIVED_DECRYPTED : VERDICT_DROP_ECN;
}

/* Packets in a row of one SA that has replay protection or a metadata header; others have nothing in common. */
struct run {
    struct sa *sa;
    struct guard guard;
    unsigned n_strict; /* packets that a strict SA still has to accept, when everything else let them in */
};

/*
 * Their last check, in one pass of its own, so that a window is locked for a short time: a packet may stand twice in this
 * burst, or another worker may have accepted it meanwhile. It stands restored in its mbuf already.
 */
static void accept_strict(struct pipeline_ctx *ctx, struct run *r, struct pkt_vec *v, struct guard_strict *list)
{
    unsigned refused = guard_strict_vec(r->sa, list, r->n_strict);

    for (unsigned k = 0; k < refused; k++) {
        struct pkt *p = &v->pkts[list[k].pkt];

        pkt_drop(p, VERDICT_DROP_REPLAY_SENDER);
        sa_uncount_in(&r->sa->workers[ctx->worker], v->m[list[k].pkt]->pkt_len - p->l2_len);
    }
}

static inline void end_run(struct pipeline_ctx *ctx, struct run *r, struct pkt_vec *v, struct guard_strict *list)
{
    if (r->n_strict != 0)
        accept_strict(ctx, r, v, list);
    if (unlikely(r->sa != NULL && (r->sa->checks & SA_COUNTER)))
        replay_counter_publish(r->sa->replay, ctx->worker);
}

/*
 * The same for the packets that nearly all are: everything as usual, and the flow cache knows the answer. kind and meta_len are
 * what p and its SA have: constants where it pays.
 */
static inline __attribute__((always_inline)) enum verdict finish(struct pipeline_ctx *ctx, const struct guard *guard,
                                                                 const struct pkt *p, enum l3_kind kind, uint32_t meta_len,
                                                                 const struct crypto_op *op, uint32_t *len)
{
    struct classify_result want = classify_result(CLASSIFY_PROTECT, VERDICT_RECEIVED_DECRYPTED, p->sa->number);
    const uint8_t *text = op->esp + ESP_INTRO_LEN, *ip = text + meta_len;
    uint32_t payload_len = esp_usual_payload(text, op->len, esp_next_with(kind, meta_len)) - meta_len;
    struct l3 inner;
    bool usual = op->ok && (int32_t)payload_len > 0;

    if (meta_len != 0)
        usual = usual && guard_usual(guard, p->sa, text, esp_next(kind));
    /* Congestion marks are the same inside and outside. */
    if (kind == L3_IPV4)
        usual = usual && l3_try_ipv4(ip, payload_len, &inner) && inner.addrs == p->h.addrs &&
                ((inner.head ^ p->h.head) & 0x0300) == 0;
    else
        usual = usual && l3_try_ipv6(ip, payload_len, &inner) && l3_same_addrs6(ip, p->l3) &&
                ((inner.head ^ p->h.head) & 0x3000) == 0;
    if (unlikely(!usual || !classify_cached(ctx->cache, ctx->snap, p->group, CLASSIFY_INNER, &inner, ip, want)))
        return op->ok ? esp_rx_check(ctx, p, op->esp + ESP_INTRO_LEN, op->len, len) : VERDICT_DROP_AUTH;
    *len = inner.len;
    return VERDICT_RECEIVED_DECRYPTED;
}

/* Is a decrypted packet, at first sight, a SYN? */
static inline bool is_syn(const uint8_t *text, enum l3_kind kind)
{
    return mss_is_syn(text, kind, text[kind == L3_IPV6 ? 6 : 9]);
}

/* The frame as it was before the sender protected it. text: the inner packet, len octets of it. */
static inline void restore(struct rte_mbuf *m, const struct pkt *p, uint8_t *text, uint32_t len)
{
    uint32_t l2_len = p->l2_len;

    l2_move(text, p->l3, l2_len);
    m->data_off = (uint16_t)(m->data_off + (text - p->l3));
    m->data_len = (uint16_t)(l2_len + len);
    m->pkt_len = l2_len + len;
}

void esp_rx_finish(struct pipeline_ctx *ctx, struct pkt_vec *v, unsigned n)
{
    struct run run = {.sa = NULL};
    struct guard_strict strict[VEC_MAX];
    bool clamp = ctx->config->mss_clamp;

    for (unsigned k = 0; k < n; k++) {
        const struct crypto_op *op = &ctx->ops[k];
        unsigned i = ctx->op_pkt[k];
        struct pkt *p = &v->pkts[i];
        uint8_t *text = op->esp + ESP_INTRO_LEN, *inner;
        struct sa *sa = p->sa;
        enum verdict verdict;
        uint32_t len;

        if (sa->checks != 0 && sa != run.sa) {
            end_run(ctx, &run, v, strict);
            run = (struct run){sa, guard_begin(sa, ctx->now_tsc), 0};
        }
        if (unlikely(p->h.kind != L3_IPV4))
            verdict = finish(ctx, &run.guard, p, L3_IPV6, sa->meta_len, op, &len);
        else if (sa->meta_len == 0)
            verdict = finish(ctx, &run.guard, p, L3_IPV4, 0, op, &len);
        else if (sa->meta_len == META_LEN)
            verdict = finish(ctx, &run.guard, p, L3_IPV4, META_LEN, op, &len);
        else
            verdict = finish(ctx, &run.guard, p, L3_IPV4, sa->meta_len, op, &len);
        if (unlikely(sa->checks & SA_COUNTER) && verdict == VERDICT_RECEIVED_DECRYPTED)
            verdict = guard_accept(sa, op->esp, text);
        if (unlikely(verdict != VERDICT_RECEIVED_DECRYPTED)) {
            pkt_drop(p, verdict);
            continue;
        }
        if (sa->meta_len != 0) {
            if (unlikely(run.guard.sample))
                guard_sample(&run.guard, p, op->esp, text);
            if (sa->checks & SA_STRICT)
                strict[run.n_strict++] = guard_strict_of(op->esp, text, i);
            p->tag = guard_tag(sa, text);
        }
        inner = text + sa->meta_len;
        if (unlikely(clamp && is_syn(inner, (enum l3_kind)p->h.kind)))
            fit_clamp_received(ctx, v->pair, sa, (enum l3_kind)p->h.kind, inner, len);
        restore(v->m[i], p, inner, len);
        pkt_finish(p, verdict, p->own_dst ? PKT_TO_PUNT : PKT_TO_TX);
        sa_count_in(&sa->workers[ctx->worker], len);
    }
    end_run(ctx, &run, v, strict);
}
