/* SPDX-License-Identifier: BSD-3-Clause */
/* Which bin an offset falls into, at every edge, and what an operator is told about pictures that are known. */
#include "dataplane/core/offset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void edges_of_the_bins(void **state)
{
    static const struct {
        int64_t offset;
        unsigned bin;
    } rows[] = {
        {INT64_MIN, 0},  {-10001, 0}, {-10000, 1}, {-1001, 1}, {-1000, 2}, {-751, 2}, {-750, 3}, {-500, 4},   {-1, 5},
        {0, 6},          {249, 6},    {250, 7},    {500, 8},   {750, 9},   {999, 9},  {1000, 9}, {1001, 10}, {10000, 10},
        {10001, 11},     {INT64_MAX, 11},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(offset_bin(rows[i].offset, 1000), rows[i].bin);
}

static void offsets_of_any_two_times(void **state)
{
    (void)state;
    assert_int_equal(offset_of(5, 5), 0);
    assert_int_equal(offset_of(5, 7), -2);
    assert_int_equal(offset_of(7, 5), 2);
    assert_true(offset_of(UINT64_MAX, 0) == INT64_MAX);
    assert_true(offset_of(0, UINT64_MAX) == -INT64_MAX);
}

/* Bins: 0 far before, 1 before, 2..9 accepted, 10 after, 11 far after. */
static const struct {
    uint64_t bins[IPC_OFFSET_BINS];
    enum ipc_offset say;
} pictures[] = {
    {{0}, IPC_OFFSET_FINE},
    {{0, 0, 0, 0, 0, 500, 400}, IPC_OFFSET_FINE},
    {{0, 0, 10, 0, 0, 0, 0, 0, 0, 10}, IPC_OFFSET_FINE},
    {{0, 300, 0, 0, 0, 5}, IPC_OFFSET_SENDER_CLOCK},                          /* behind us */
    {{0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 300}, IPC_OFFSET_SENDER_CLOCK},           /* ahead of us */
    {{0, 0, 0, 0, 0, 300, 0, 0, 0, 0, 30}, IPC_OFFSET_SENDER_CLOCK},          /* just now; no path makes packets younger */
    {{0, 40, 30, 20, 10, 500}, IPC_OFFSET_SLOW_PATH},
    {{900, 3, 0, 0, 0, 500}, IPC_OFFSET_STALE_EPOCH},
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7}, IPC_OFFSET_STALE_EPOCH},
};
#define N_PICTURES (sizeof pictures / sizeof pictures[0])

static void known_pictures(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_PICTURES; i++) {
        uint64_t bins[1][IPC_OFFSET_BINS];
        enum ipc_offset alone;

        if (offset_judge(pictures[i].bins) != pictures[i].say)
            fail_msg("picture %zu", i);
        memcpy(bins[0], pictures[i].bins, sizeof bins[0]);
        offset_judge_all(bins, 1, &alone); /* one sender alone is never told from our own clock */
        assert_int_equal(alone, pictures[i].say);
    }
}

/* Who is off with most others isn't off. */
static void most_senders_on_one_side_is_our_own_clock(void **state)
{
    uint64_t late[3][IPC_OFFSET_BINS] = {
        {0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 90},
        {0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 70},
        {0, 0, 0, 0, 0, 50},
    };
    uint64_t early[2][IPC_OFFSET_BINS] = {{0, 9}, {3, 5, 1}};
    uint64_t half[3][IPC_OFFSET_BINS] = {{0, 9}, {0, 0, 0, 0, 1}, {0}};
    uint64_t sides[2][IPC_OFFSET_BINS] = {{0, 9}, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}};
    enum ipc_offset say[3];

    (void)state;
    offset_judge_all(late, 3, say);
    assert_int_equal(say[0], IPC_OFFSET_OWN_CLOCK);
    assert_int_equal(say[1], IPC_OFFSET_OWN_CLOCK);
    assert_int_equal(say[2], IPC_OFFSET_FINE);
    offset_judge_all(early, 2, say);
    assert_int_equal(say[0], IPC_OFFSET_OWN_CLOCK);
    assert_int_equal(say[1], IPC_OFFSET_OWN_CLOCK);
    offset_judge_all(half, 3, say);
    assert_int_equal(say[0], IPC_OFFSET_SENDER_CLOCK);
    assert_int_equal(say[1], IPC_OFFSET_FINE);
    assert_int_equal(say[2], IPC_OFFSET_FINE);
    offset_judge_all(sides, 2, say);
    assert_int_equal(say[0], IPC_OFFSET_SENDER_CLOCK);
    assert_int_equal(say[1], IPC_OFFSET_SENDER_CLOCK);
    offset_judge_all(NULL, 0, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges_of_the_bins),
        cmocka_unit_test(offsets_of_any_two_times),
        cmocka_unit_test(known_pictures),
        cmocka_unit_test(most_senders_on_one_side_is_our_own_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
