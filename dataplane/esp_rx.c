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
    if (sa->checks & (SA_COUNTER | SA_STRICT)) { /* no rare thing where it is wanted: what follows stays in line */
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

/* What finish finds in op.mark: the number of the packet, and which code is made for it. */
enum { MARK_PKT, MARK_WAY };
#define WAY(kind, shape) ((shape) * 2 + ((kind) == L3_IPV6))

/* The window that the last burst looked at is there for as long as the snapshot. */
static void __attribute__((noinline)) peek_again(struct pipeline_ctx *ctx)
{
    if (ctx->snap != NULL && ctx->snap->generation == ctx->peek_generation)
        replay_peek_again(&ctx->peek);
    else
        ctx->peek = (struct replay_peek){0};
}

unsigned esp_rx_prepare(struct pipeline_ctx *ctx, struct pkt_vec *v)
{
    struct crypto_op *op = ctx->ops;
    struct sa *sa = NULL; /* of the last packet: they come in runs */
    uint64_t last = 0, now_tsc = ctx->now_tsc;
    unsigned n = v->n;

    if (unlikely(ctx->peek.replay != NULL))
        peek_again(ctx);
    for (unsigned i = 0; i < n; i++) {
        struct pkt *p = &v->pkts[i];
        uint32_t header_len = l3_header_len((enum l3_kind)p->h.kind), esp_len = p->h.len - header_len;
        uint8_t *esp = p->l3 + header_len;
        enum verdict verdict;
        uint64_t key;

        if (unlikely(p->todo != PKT_ESP_IN))
            continue;
        if (unlikely(esp_len < 4)) {
            pkt_drop(p, VERDICT_DROP_MALFORMED);
            continue;
        }
        key = snap_spi_key(load32(esp), p->group);
        if (unlikely(key != last)) {
            last = key;
            sa = ctx->snap != NULL ? snap_sa_find(ctx->snap, key) : NULL;
        }
        if (unlikely(sa == NULL)) {
            p->way = CLASSIFY_UNKNOWN;
            p->todo = PKT_CLASSIFY;
            continue;
        }
        if (unlikely(sa->shape == SA_SLOW)) {
            p->sa = sa;
            p->todo = PKT_ANY;
            ctx->n_any++;
            continue;
        }
        verdict = prepare(p, esp, esp_len, sa, now_tsc, &ctx->peek, op);
        if (unlikely(verdict != VERDICT_RECEIVED_DECRYPTED)) {
            pkt_drop(p, verdict);
            continue;
        }
        p->todo = PKT_CRYPTO;
        op->mark[MARK_PKT] = (uint16_t)i;
        op++->mark[MARK_WAY] = (uint16_t)WAY(p->h.kind, sa->shape);
    }
    if (unlikely(ctx->peek.replay != NULL))
        ctx->peek_generation = ctx->snap->generation;
    return (unsigned)(op - ctx->ops);
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
    struct replay_run strict; /* of a strict SA's packets, whose last check it is */
};

static void end_run(struct pipeline_ctx *ctx, struct run *r)
{
    replay_run_end(&r->strict);
    if (r->sa != NULL && (r->sa->checks & SA_COUNTER))
        replay_counter_publish(r->sa->replay, ctx->worker);
}

static void __attribute__((noinline)) turn_run(struct pipeline_ctx *ctx, struct run *r, struct sa *sa)
{
    end_run(ctx, r);
    r->sa = sa;
    r->guard = guard_begin(sa, ctx->now_tsc);
    replay_run_begin(&r->strict, sa->replay, sa->sender_mask);
}

/*
 * The same as esp_rx_check() for the packets that nearly all are: the length of the inner packet when everything is as usual
 * and the flow cache knows the answer, else 0. kind, meta_len and flags are what p and its SA have: constants where it pays.
 */
static inline __attribute__((always_inline)) uint32_t usual(struct pipeline_ctx *ctx, const struct guard *guard,
                                                            const struct pkt *p, const struct crypto_op *op,
                                                            enum l3_kind kind, uint32_t meta_len, unsigned flags)
{
    uint8_t next = esp_next_with(kind, meta_len);
    const uint8_t *text = op->esp + ESP_INTRO_LEN, *ip = text + meta_len;
    uint32_t len;
    uint64_t head;

    /* The shortest packet that is usual, with its padding: what is read below is there. */
    if (unlikely(!op->ok) || unlikely(op->len < meta_len + l3_header_len(kind) + 8) || unlikely(p->own_dst))
        return 0;
    if (meta_len != 0 && unlikely(!guard_usual(guard, flags, text, esp_next(kind))))
        return 0;
    head = load64(ip);
    /* The trailer tells whether the packet is as long as it says. */
    len = kind == L3_IPV4 ? l3_plain_ipv4(ip, head, UINT16_MAX) : l3_plain_ipv6(head, UINT16_MAX);
    if (unlikely(len == 0) || unlikely(!esp_usual_trailer(text, op->len, meta_len + len, next)))
        return 0;
    /* Congestion marks are the same inside and outside. */
    if (kind == L3_IPV4) {
        if (unlikely(load64(ip + 12) != p->h.addrs) || unlikely(((head ^ p->h.head) & 0x0300) != 0) ||
            unlikely(!classify_carried(ctx->cache, ctx->snap, p->group, l3_tuple_ipv4(ip), ip, p->sa->number)))
            return 0;
    } else {
        if (unlikely(!l3_same_addrs6(ip, op->esp - IPV6_LEN)) || unlikely(((head ^ p->h.head) & 0x3000) != 0) ||
            unlikely(!classify_carried6(ctx->cache, ctx->snap, p->group, l3_tuple_ipv6(ip, head), ip, p->sa->number)))
            return 0;
    }
    return len;
}

/* The frame as it was before the sender protected it. text: the inner packet, len octets of it. */
static inline void restore(struct rte_mbuf *m, const struct pkt *p, uint8_t *text, uint32_t len, uint32_t before)
{
    uint32_t l2_len = p->l2_len;

    l2_move(text, text - before, l2_len);
    m->data_off = (uint16_t)(m->data_off + before);
    m->data_len = (uint16_t)(l2_len + len);
    m->pkt_len = l2_len + len;
}

/* A packet that was judged: its inner packet has len octets. */
static inline __attribute__((always_inline)) void deliver(struct pipeline_ctx *ctx, struct pkt_vec *v, struct pkt *p,
                                                          const struct crypto_op *op, struct run *run,
                                                          enum l3_kind kind, uint32_t meta_len, unsigned checks,
                                                          enum pkt_to to, uint32_t len)
{
    uint8_t *text = op->esp + ESP_INTRO_LEN, *inner = text + meta_len;
    struct sa *sa = p->sa;

    if (checks & GUARD_META) {
        if (unlikely(run->guard.sample))
            guard_sample(&run->guard, p, op->esp, text);
        if (checks & META_TAG)
            p->tag = guard_tag(sa, text);
    }
    if (unlikely(mss_is_syn(inner, kind, inner[kind == L3_IPV6 ? 6 : 9])) && ctx->config->mss_clamp)
        fit_clamp_received(ctx, v->pair, sa, kind, inner, len);
    restore(v->m[op->mark[MARK_PKT]], p, inner, len, esp_front_len(kind) + meta_len);
    pkt_finish(p, VERDICT_RECEIVED_DECRYPTED, to);
    sa_count_in(&sa->workers[ctx->worker], len);
}

/* A packet that isn't usual, or whose SA isn't. */
static void __attribute__((noinline)) finish_odd(struct pipeline_ctx *ctx, struct pkt_vec *v, struct pkt *p,
                                                 const struct crypto_op *op, struct run *run)
{
    enum verdict verdict = VERDICT_DROP_AUTH;
    uint32_t len;

    replay_run_end(&run->strict); /* other workers needn't wait for what takes longer */
    if (op->ok)
        verdict = esp_rx_check(ctx, p, op->esp + ESP_INTRO_LEN, op->len, &len);
    if (verdict == VERDICT_RECEIVED_DECRYPTED && (p->sa->checks & SA_STRICT))
        verdict = guard_accept_strict(p->sa, &run->strict, op->esp, op->esp + ESP_INTRO_LEN);
    else if (verdict == VERDICT_RECEIVED_DECRYPTED)
        verdict = guard_accept(p->sa, op->esp, op->esp + ESP_INTRO_LEN);
    if (verdict == VERDICT_RECEIVED_DECRYPTED)
        deliver(ctx, v, p, op, run, (enum l3_kind)p->h.kind, p->sa->meta_len, p->sa->checks,
                p->own_dst ? PKT_TO_PUNT : PKT_TO_TX, len);
    else
        pkt_drop(p, verdict);
}

/*
 * The operations from op on that go the same way, which is a constant. Returns the first one behind them.
 */
static inline __attribute__((always_inline)) const struct crypto_op *
finish(struct pipeline_ctx *ctx, struct pkt_vec *v, const struct crypto_op *op, const struct crypto_op *end, struct run *run,
       enum l3_kind kind, enum sa_shape shape)
{
    do {
        struct pkt *p = &v->pkts[op->mark[MARK_PKT]];
        struct sa *sa = p->sa;
        unsigned checks = sa_shape_checks(sa, shape);
        uint32_t meta_len = sa_shape_meta_len(sa, shape), len;

        if (shape != SA_PLAIN && unlikely(sa != run->sa))
            turn_run(ctx, run, sa);
        len = usual(ctx, &run->guard, p, op, kind, meta_len, checks & GUARD_META);
        if (unlikely(len == 0) || (checks & SA_COUNTER))
            finish_odd(ctx, v, p, op, run);
        else if ((checks & SA_STRICT) && /* the last check */
                 unlikely(guard_accept_strict(sa, &run->strict, op->esp, op->esp + ESP_INTRO_LEN) != VERDICT_RECEIVED_DECRYPTED))
            pkt_drop(p, VERDICT_DROP_REPLAY_SENDER);
        else
            deliver(ctx, v, p, op, run, kind, meta_len, checks, PKT_TO_TX, len);
    } while (++op < end && op->mark[MARK_WAY] == WAY(kind, shape));
    return op;
}

#define FINISH(shape)                                             \
    case WAY(L3_IPV4, shape):                                     \
        op = finish(ctx, v, op, end, &run, L3_IPV4, shape);       \
        break;                                                    \
    case WAY(L3_IPV6, shape):                                     \
        op = finish(ctx, v, op, end, &run, L3_IPV6, shape);       \
        break

void esp_rx_finish(struct pipeline_ctx *ctx, struct pkt_vec *v, unsigned n)
{
    struct run run;
    const struct crypto_op *op = ctx->ops, *end = op + n;

    run.sa = NULL;
    run.strict.bucket = NULL;
    while (op < end)
        switch (op->mark[MARK_WAY]) {
            FINISH(SA_PLAIN);
            FINISH(SA_TIMED);
            FINISH(SA_STRICTLY_TIMED);
            FINISH(SA_ODD);
        }
    end_run(ctx, &run);
}
