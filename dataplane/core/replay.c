/* SPDX-License-Identifier: BSD-3-Clause */
/* The rare parts of a sliding window: numbers that were skipped, and a window that begins behind another one's. */
#include "dataplane/core/replay.h"

/* Clears bits from..to (0 to 63) of the word that number n lives in. */
static void clear_in_word(struct replay_window *w, uint64_t n, unsigned from, unsigned to)
{
    uint64_t mask = UINT64_MAX << from & UINT64_MAX >> (63 - to);
    _Atomic uint64_t *word = replay_window_word(w, n);

    atomic_store_explicit(word, atomic_load_explicit(word, memory_order_relaxed) & ~mask, memory_order_relaxed);
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
    for (uint64_t word = first / 64; word <= last / 64; word++)
        clear_in_word(w, word * 64, word == first / 64 ? first % 64 : 0, word == last / 64 ? last % 64 : 63);
}
