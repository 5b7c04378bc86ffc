/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What was received already? Two answers (KS11, KS12, DP4, DP5): a sliding window over numbers that a sender counts up
 * (RFC 4303 3.4.3; a ring of bits as in RFC 6479, but exact to the number), and a window of pseudotime around one's own.
 * Bytes and numbers only; who may touch a window when is dataplane/replay.h's business.
 */
#ifndef GVPN_DATAPLANE_CORE_REPLAY_H
#define GVPN_DATAPLANE_CORE_REPLAY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define REPLAY_WINDOW_MAX 4096 /* numbers; also the bits that every window has */
#define REPLAY_WORDS      (REPLAY_WINDOW_MAX / 64)

/*
 * Numbers top - size + 1 .. top: which of them were accepted. Bit n of the ring is number n mod 4096. All zero but for the
 * size is the window of a sender that nothing came from yet. One thread at a time may accept; any may ask meanwhile.
 */
struct replay_window {
    _Atomic uint64_t top; /* highest accepted; 0 = none: numbers begin at 1 */
    uint64_t size;        /* 1 to REPLAY_WINDOW_MAX */
    _Atomic uint64_t bits[REPLAY_WORDS];
};

static inline _Atomic uint64_t *replay_window_word(struct replay_window *w, uint64_t n)
{
    return &w->bits[n / 64 % REPLAY_WORDS];
}

/* Shuts a window that nothing came to yet for the numbers up to top: whether they were accepted before isn't known. */
void replay_window_shut(struct replay_window *w, uint64_t top);

/* Frees the places of the numbers first..last, at most a ring full. */
void replay_window_clear(struct replay_window *w, uint64_t first, uint64_t last);

/* Accepts all numbers from top + 1 to last, at most a ring full of them; none when last is top. One thread at a time. */
void replay_window_extend(struct replay_window *w, uint64_t last);

/*
 * Could this number be accepted? Asked before decryption, so that a replay costs little; what it says is final only
 * when it says no, because another worker may accept the same number meanwhile.
 */
static inline bool replay_window_may(const struct replay_window *w, uint64_t n)
{
    uint64_t top = atomic_load_explicit(&w->top, memory_order_acquire);

    if (n > top)
        return true;
    if (n == 0 || top - n >= w->size)
        return false;
    return !(atomic_load_explicit(&w->bits[n / 64 % REPLAY_WORDS], memory_order_acquire) >> (n % 64) & 1);
}

/*
 * Accepts a number once: true the first time, false when it was accepted before, is older than the window or is 0. Only
 * after the ICV was right (RFC 4303 3.4.3), and by one thread at a time.
 */
static inline bool replay_window_accept(struct replay_window *w, uint64_t n)
{
    uint64_t top = atomic_load_explicit(&w->top, memory_order_relaxed), bit = 1ULL << (n % 64), bits;
    _Atomic uint64_t *word = replay_window_word(w, n);

    if (__builtin_expect(n > top, 1)) {
        if (__builtin_expect(n != top + 1, 0))
            replay_window_clear(w, top + 1, n - 1);
        bits = atomic_load_explicit(word, memory_order_relaxed);
        atomic_store_explicit(word, bits | bit, memory_order_relaxed);
        /* After the bits: who sees the new top doesn't take bits of the round before for this one's. */
        atomic_store_explicit(&w->top, n, memory_order_release);
        return true;
    }
    if (n == 0 || top - n >= w->size)
        return false;
    bits = atomic_load_explicit(word, memory_order_relaxed);
    if (bits & bit)
        return false;
    atomic_store_explicit(word, bits | bit, memory_order_relaxed);
    return true;
}

/* Pseudotimes that are accepted: from low on, span milliseconds more. */
struct replay_span {
    uint64_t low, span;
};

/* The span of a window around one's own pseudotime: both ends belong to it; there is nothing before 0. */
static inline struct replay_span replay_span_of(uint64_t now_ms, uint64_t window_ms)
{
    uint64_t low = now_ms > window_ms ? now_ms - window_ms : 0;
    uint64_t high = now_ms > UINT64_MAX - window_ms ? UINT64_MAX : now_ms + window_ms;

    return (struct replay_span){low, high - low};
}

static inline bool replay_span_has(struct replay_span s, uint64_t time_ms)
{
    return time_ms - s.low <= s.span;
}

#endif
