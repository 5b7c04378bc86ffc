/* SPDX-License-Identifier: BSD-3-Clause */
/* See guard.h. Exits: drop_metadata, drop_replay_time, drop_replay_counter, drop_replay_sender. */
#include "dataplane/guard.h"

static uint32_t sequence_of(const uint8_t *esp)
{
    return __builtin_bswap32(load32(esp + 4));
}

static uint64_t iv_of(const uint8_t *esp)
{
    return __builtin_bswap64(load64(esp + ESP_HEADER_LEN));
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
    struct replay_origin from = {sid_bits != 0 ? iv_of(esp) >> (64 - sid_bits) : UINT64_MAX, 4, {0, 0}};

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
    struct guard_strict one;

    if (sa->checks & SA_COUNTER)
        return replay_counter_accept(sa->replay, sequence_of(esp))
                   ? VERDICT_RECEIVED_DECRYPTED
                   : refuse(&sa->replay->dropped_counter, VERDICT_DROP_REPLAY_COUNTER);
    if (!(sa->checks & SA_STRICT))
        return VERDICT_RECEIVED_DECRYPTED;
    one = guard_strict_of(esp, text, 0);
    return guard_strict_vec(sa, &one, 1) == 0 ? VERDICT_RECEIVED_DECRYPTED : VERDICT_DROP_REPLAY_SENDER;
}

/*
 * Accepts packets from the first one on for as long as they are the next ones of the run's sender, within one word of its window.
 * Returns how many.
 */
static unsigned accept_next(struct replay_run *run, uint64_t mask, const struct guard_strict *list, unsigned n)
{
    uint64_t sender = run->key - 1, iv = sender + run->top, number = run->top + 1, newest_ms = run->newest_ms;
    unsigned first = number % 64, k = 0;

    if (first == 0 || (iv & mask) != sender) /* behind its last number comes the next sender's first */
        return 0;
    if (n > 64 - first)
        n = 64 - first;
    for (; k < n && list[k].iv == iv + k && list[k].stamp_ms > run->floor; k++)
        if (list[k].stamp_ms > newest_ms)
            newest_ms = list[k].stamp_ms;
    run->bits |= ((1ULL << k) - 1) << first;
    run->top += k;
    run->newest_ms = newest_ms;
    return k;
}

/*
 * Checked again, now that the ICV was right: the packet may stand twice in this burst, or another worker may have
 * accepted it meanwhile. One pass of its own, so that the lock of a window is held for a short time.
 */
unsigned guard_strict_vec(struct sa *sa, struct guard_strict *list, unsigned n)
{
    struct replay *r = sa->replay;
    uint64_t mask = sa->sender_mask;
    struct replay_run run = {0};
    unsigned refused = 0, k = 0;

    while (k < n) {
        uint64_t key = replay_key(list[k].iv, mask);
        unsigned next;

        if (key != run.key)
            replay_run_turn(r, &run, key);
        next = accept_next(&run, mask, list + k, n - k);
        k += next;
        if (next != 0)
            continue;
        if (!replay_run_accept(r, &run, key, replay_number(list[k].iv, mask), list[k].stamp_ms)) {
            (void)guard_refuse_sender(sa);
            list[refused++] = list[k];
        }
        k++;
    }
    replay_run_end(&run);
    return refused;
}
