/* SPDX-License-Identifier: BSD-3-Clause */
/* See guard.h. Exits: drop_metadata, drop_replay_time, drop_replay_counter, drop_replay_sender. */
#include "dataplane/guard.h"

static uint32_t sequence_of(const uint8_t *esp)
{
    return __builtin_bswap32(load32(esp + 4));
}

static enum verdict refuse(_Atomic uint64_t *counter, enum verdict verdict)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
    return verdict;
}

enum verdict guard_before_counter(const struct sa *sa, const uint8_t *esp)
{
    struct replay *r = sa->replay;

    return replay_counter_may(r, sequence_of(esp)) ? VERDICT_RECEIVED_DECRYPTED
                                                   : refuse(&r->dropped_counter, VERDICT_DROP_REPLAY_COUNTER);
}

enum verdict guard_refuse_sender(const struct sa *sa)
{
    return refuse(&sa->replay->dropped_sender, VERDICT_DROP_REPLAY_SENDER);
}

/* Where a packet comes from: p is the outer one, whose source is the inner one's. */
static struct replay_origin origin_of(const struct pkt *p, const uint8_t *esp)
{
    unsigned sid_bits = p->sa->replay->sid_bits;
    struct replay_origin from = {sid_bits != 0 ? guard_iv(esp) >> (64 - sid_bits) : UINT64_MAX, 4, {0, 0}};

    if (p->h.kind == L3_IPV6) {
        from.family = 6;
        from.source[0] = load64(p->l3 + 8);
        from.source[1] = load64(p->l3 + 16);
    } else {
        from.source[0] = load32(p->l3 + 12);
    }
    return from;
}

enum verdict guard_meta(const struct guard *g, const struct pkt *p, const uint8_t *esp, const uint8_t *text, uint32_t len,
                        uint8_t next)
{
    struct replay_origin from;
    struct meta meta;

    if (next != NEXT_META ||
        !meta_get(text, len, p->sa->checks & GUARD_META, esp_next((enum l3_kind)p->h.kind), &meta))
        return VERDICT_DROP_METADATA;
    if (replay_span_has(g->now.span, meta.time_ms))
        return VERDICT_RECEIVED_DECRYPTED;
    from = origin_of(p, esp);
    replay_note_late(p->sa->replay, &from, g->now.ms, meta.time_ms);
    return refuse(&p->sa->replay->dropped_time, VERDICT_DROP_REPLAY_TIME);
}

void guard_sample(struct guard *g, const struct pkt *p, const uint8_t *esp, const uint8_t *text)
{
    struct replay_origin from = origin_of(p, esp);

    replay_note(p->sa->replay, &from, g->now.ms, guard_time(text));
    g->sample = false;
}

enum verdict guard_accept(struct sa *sa, const uint8_t *esp, const uint8_t *text)
{
    struct replay_run run;
    enum verdict verdict;

    if (sa->checks & SA_COUNTER)
        return replay_counter_accept(sa->replay, sequence_of(esp))
                   ? VERDICT_RECEIVED_DECRYPTED
                   : refuse(&sa->replay->dropped_counter, VERDICT_DROP_REPLAY_COUNTER);
    if (!(sa->checks & SA_STRICT))
        return VERDICT_RECEIVED_DECRYPTED;
    replay_run_begin(&run, sa->replay, sa->sender_mask);
    verdict = guard_accept_strict(sa, &run, esp, text);
    replay_run_end(&run);
    return verdict;
}
