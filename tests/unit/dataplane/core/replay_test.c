/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sliding window at its edges for every size, against a model that remembers every number, and the span of time. The
 * random part prints its seed; argument 1 repeats one.
 */
#include "dataplane/core/replay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static uint64_t seed;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static struct replay_window fresh(uint64_t size)
{
    struct replay_window w;

    memset(&w, 0, sizeof w);
    w.size = size;
    return w;
}

/* Both questions must agree, and asking changes nothing. */
static bool accept(struct replay_window *w, uint64_t n)
{
    bool may = replay_window_may(w, n);

    assert_int_equal(replay_window_may(w, n), may);
    assert_int_equal(replay_window_accept(w, n), may);
    assert_false(replay_window_may(w, n));
    assert_false(replay_window_accept(w, n));
    return may;
}

static const uint64_t tops[] = {4096, 4097, 5000, 65535, (1ULL << 32) - 1, 1ULL << 32, (1ULL << 32) + 1, (1ULL << 32) + 4095,
                                (1ULL << 56), UINT64_MAX - 1, UINT64_MAX};

/* limit - 1, limit, limit + 1 of every size. */
static void edges_of_every_size(void **state)
{
    (void)state;
    for (uint64_t size = 1; size <= REPLAY_WINDOW_MAX; size = size < 1024 ? size + 1 : size + 512)
        for (size_t i = 0; i < sizeof tops / sizeof tops[0]; i++) {
            struct replay_window w = fresh(size);
            uint64_t top = tops[i];

            assert_true(accept(&w, top));
            assert_int_equal(accept(&w, top - size + 1), size > 1);
            assert_false(accept(&w, top - size)); /* the window has `size` numbers, top among them */
            if (top > size)
                assert_false(accept(&w, top - size - 1));
            if (size > 2)
                assert_true(accept(&w, top - size + 2));
            if (top == UINT64_MAX)
                continue;
            assert_true(accept(&w, top + 1));
            assert_false(accept(&w, top - size + 1)); /* it has slid out */
            if (size > 3)
                assert_true(accept(&w, top - size + 3));
        }
}

static void numbers_begin_at_one(void **state)
{
    struct replay_window w = fresh(64);

    (void)state;
    assert_false(replay_window_may(&w, 0));
    assert_false(replay_window_accept(&w, 0));
    assert_true(accept(&w, 5));
    assert_false(replay_window_accept(&w, 0));
    for (uint64_t n = 1; n < 5; n++)
        assert_true(accept(&w, n));
    for (uint64_t n = 6; n < 10000; n++)
        assert_true(accept(&w, n));
    assert_false(replay_window_may(&w, 0));
}

/* A jump of any length leaves nothing of the round before in the ring. */
static void jumps(void **state)
{
    static const uint64_t lengths[] = {1,    2,    63,   64,   65,   127,  128,     4031,          4032,         4033,
                                       4094, 4095, 4096, 4097, 4098, 8191, 8192,    8193,          1ULL << 32, 1ULL << 60};

    (void)state;
    for (uint64_t start = 4090; start < 4096 + 130; start++)
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
            struct replay_window w = fresh(REPLAY_WINDOW_MAX);
            uint64_t top = start + lengths[i], low = top - REPLAY_WINDOW_MAX + 1;

            for (uint64_t n = 1; n <= start; n++)
                assert_true(replay_window_accept(&w, n));
            assert_true(accept(&w, top));
            for (uint64_t n = low; n < top; n++)
                if (replay_window_may(&w, n) != (n > start))
                    fail_msg("start %llu, jump %llu: number %llu", (unsigned long long)start,
                             (unsigned long long)lengths[i], (unsigned long long)n);
        }
}

/* The model: every number ever accepted. */
#define SPACE 40000

static void run_against_the_model(uint64_t size, uint64_t base)
{
    static bool seen[SPACE];
    struct replay_window w = fresh(size);
    uint64_t top = 0, centre = 1;

    memset(seen, 0, sizeof seen);
    for (unsigned i = 0; i < 12000; i++) {
        uint64_t kind = next_random() % 16, n;
        bool want;

        n = kind < 10   ? centre + next_random() % 4
            : kind < 14 ? centre - next_random() % (2 * size) /* may wrap: refused below */
            : kind < 15 ? centre + next_random() % 200
                        : next_random() % SPACE;
        if (n == 0 || n >= SPACE)
            continue;
        want = n > top || (top - n < size && !seen[n]);
        if (replay_window_may(&w, base + n) != want || replay_window_accept(&w, base + n) != want)
            fail_msg("size %llu, number %llu, top %llu", (unsigned long long)size, (unsigned long long)n,
                     (unsigned long long)top);
        if (want)
            seen[n] = true;
        if (want && n > top)
            top = n;
        if (kind < 10)
            centre = n + 1;
        if (kind == 15 && top > SPACE * 3 / 4)
            return;
    }
}

static void any_order_against_a_model(void **state)
{
    (void)state;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (uint64_t size = 64; size <= 1024; size++)
        run_against_the_model(size, 0);
    for (unsigned i = 0; i < 200; i++)
        run_against_the_model(1 + next_random() % REPLAY_WINDOW_MAX, (1ULL << 32) - next_random() % SPACE);
    run_against_the_model(REPLAY_WINDOW_MAX, (1ULL << 56) - SPACE);
}

/* Many numbers at once are the same as one after the other. */
static void extended_like_one_by_one(void **state)
{
    static const uint64_t lengths[] = {0, 1, 2, 62, 63, 64, 65, 127, 128, 129, 4032, 4095, 4096};

    (void)state;
    for (uint64_t start = 4090; start < 4096 + 130; start++)
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
            struct replay_window w = fresh(REPLAY_WINDOW_MAX), other = fresh(REPLAY_WINDOW_MAX);

            (void)(replay_window_accept(&w, start) && replay_window_accept(&other, start));
            replay_window_extend(&w, start + lengths[i]);
            for (uint64_t n = start + 1; n <= start + lengths[i]; n++)
                assert_true(replay_window_accept(&other, n));
            assert_memory_equal(&w, &other, sizeof w);
        }
}

static void both_ends_of_the_span_belong_to_it(void **state)
{
    static const struct {
        uint64_t now, window, time;
        bool inside;
    } rows[] = {
        {1000000, 100000, 900000, true},  {1000000, 100000, 899999, false}, {1000000, 100000, 900001, true},
        {1000000, 100000, 1100000, true}, {1000000, 100000, 1100001, false}, {1000000, 100000, 1099999, true},
        {1000000, 100000, 0, false},      {1000000, 100000, UINT64_MAX, false}, {1000000, 1000, 1000000, true},
        {0, 1000, 0, true},               {0, 1000, 1000, true},            {0, 1000, 1001, false},
        {0, 1000, UINT64_MAX, false},     {500, 1000, 0, true},             {500, 1000, 1501, false},
        {500, 1000, UINT64_MAX - 100, false}, {1000, 1000, 0, true},        {1001, 1000, 0, false},
        {UINT64_MAX - 5, 1000, UINT64_MAX, true}, {UINT64_MAX - 5, 1000, 3, false},
        {(1ULL << 32), 1000, (1ULL << 32) - 1000, true}, {(1ULL << 32), 1000, (1ULL << 32) - 1001, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (replay_span_has(replay_span_of(rows[i].now, rows[i].window), rows[i].time) != rows[i].inside)
            fail_msg("row %zu", i);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges_of_every_size),       cmocka_unit_test(numbers_begin_at_one),
        cmocka_unit_test(jumps),                     cmocka_unit_test(any_order_against_a_model),
        cmocka_unit_test(extended_like_one_by_one),  cmocka_unit_test(both_ends_of_the_span_belong_to_it),
    };

    seed = argc > 1 ? strtoull(argv[1], NULL, 10) : (uint64_t)time(NULL) * 2654435761u | 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
