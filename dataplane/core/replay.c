/* SPDX-License-Identifier: BSD-3-Clause */
/* Many numbers of a sliding window at once: skipped ones, a run of accepted ones, and those of another window before it. */
#include "dataplane/core/replay.h"

/* Sets or clears bits from..to (0 to 63) of the word that number n lives in. */
static void mark_in_word(struct replay_window *w, uint64_t n, unsigned from, unsigned to, bool set)
{
    uint64_t mask = UINT64_MAX << from & UINT64_MAX >> (63 - to);
    _Atomic uint64_t *word = replay_window_word(w, n);
    uint64_t bits = atomic_load_explicit(word, memory_order_relaxed);

    atomic_store_explicit(word, set ? bits | mask : bits & ~mask, memory_order_relaxed);
}

/* The same for the numbers first..last. */
static void mark(struct replay_window *w, uint64_t first, uint64_t last, bool set)
{
    for (uint64_t word = first / 64; word <= last / 64; word++)
        mark_in_word(w, word * 64, word == first / 64 ? first % 64 : 0, word == last / 64 ? last % 64 : 63, set);
}

void replay_window_shut(struct replay_window *w, uint64_t top)
{
    for (unsigned i = 0; i < REPLAY_WORDS; i++)
        atomic_store_explicit(&w->bits[i], UINT64_MAX, memory_order_relaxed);
    atomic_store_explicit(&w->top, top, memory_order_release);
}

void replay_window_clear(struct replay_window *w, uint64_t first, uint64_t last)
{
    if (first > last)
        return;
    if (last - first >= REPLAY_WINDOW_MAX)
        first = last - (REPLAY_WINDOW_MAX - 1);
    mark(w, first, last, false);
}

void replay_window_extend(struct replay_window *w, uint64_t last)
{
    uint64_t top = atomic_load_explicit(&w->top, memory_order_relaxed);

    if (last == top)
        return;
    mark(w, top + 1, last, true);
    /* After the bits: who sees the new top doesn't take bits of the round before for this one's. */
    atomic_store_explicit(&w->top, last, memory_order_release);
}
