/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The pseudotime in a PULL (docs/exchanges.md): half the round trip is added, and an answer that took too
 * long is asked for again. With everything supported.
 */
#include "tests/unit/ctrl/pull/pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define GIVEN 500000u

static void by_time(struct pair *p, uint16_t window_s)
{
    p->policy.sas[0].replay = REPLAY_TIME;
    p->policy.sas[0].window = window_s;
    p->policy.has_pseudotime = true;
    p->policy.pseudotime_ms = GIVEN;
}

static mono_t after(int64_t ms)
{
    return mono_add(PAIR_NOW, mono_ms(ms));
}

static void half_the_round_trip_is_added_and_what_passed_since(void **state)
{
    static const struct {
        int64_t answer_ms, keys_ms;
        uint64_t expected;
    } rows[] = {
        {0, 0, GIVEN}, {40, 40, GIVEN + 20}, {41, 100, GIVEN + 20 + 59}, {2000, 2000, GIVEN + 1000}, {2000, 62000, GIVEN + 61000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pair p;
        struct buf_writer w;

        pair_init(&p);
        by_time(&p, 100);
        pair_run(&p, 2);
        assert_int_equal(pair_step(&p, p.m, pair_span(&p.msg[2]), after(rows[i].answer_ms), &p.msg[3]), PULL_GOES_ON);
        assert_int_equal(pair_step(&p, p.s, pair_span(&p.msg[3]), PAIR_NOW, NULL), PULL_ACCEPT);
        w = buf_writer_of(p.msg[4].b, sizeof(p.msg[4].b));
        assert_true(pull_deliver(p.s, &w, &p.report));
        p.msg[4].len = w.len;
        assert_int_equal(pair_step(&p, p.m, pair_span(&p.msg[4]), after(rows[i].keys_ms), NULL), PULL_POLICY);
        assert_true(pull_policy(p.m)->has_pseudotime);
        assert_true(pull_policy(p.m)->pseudotime_ms == rows[i].expected);
        assert_int_equal(pull_policy(p.m)->round_trip_ms, rows[i].answer_ms);
        pair_free(&p);
    }
}

/* min(window / 4, 2 s) and, when there will be no other try, window / 4. */
static void a_slow_answer_is_asked_for_again(void **state)
{
    static const struct {
        uint16_t window_s; /* 0 = no replay check by time */
        int64_t trip_ms;
        enum pull_result first, last;
    } rows[] = {
        {100, 2000, PULL_GOES_ON, PULL_GOES_ON}, {100, 2001, PULL_AGAIN, PULL_GOES_ON},
        {100, 25000, PULL_AGAIN, PULL_GOES_ON},  {100, 25001, PULL_AGAIN, PULL_BAD_POLICY},
        {8, 2000, PULL_GOES_ON, PULL_GOES_ON},   {8, 2001, PULL_AGAIN, PULL_BAD_POLICY},
        {1, 250, PULL_GOES_ON, PULL_GOES_ON},    {1, 251, PULL_AGAIN, PULL_BAD_POLICY},
        {0, 50000, PULL_GOES_ON, PULL_GOES_ON},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int last = 0; last < 2; last++) {
            struct pair p;
            enum pull_result expected = last ? rows[i].last : rows[i].first;

            pair_init(&p);
            if (rows[i].window_s)
                by_time(&p, rows[i].window_s);
            pair_run(&p, 2);
            if (last)
                pull_set_last_try(p.m);
            assert_int_equal(pair_step(&p, p.m, pair_span(&p.msg[2]), after(rows[i].trip_ms), &p.msg[3]), expected);
            assert_int_equal(p.msg[3].len != 0, expected == PULL_GOES_ON); /* nothing was accepted */
            if (expected == PULL_GOES_ON)
                assert_string_equal(p.report.why, "");
            else
                assert_non_null(strstr(p.report.why, "too long to set a clock by it for a replay window of"));
            pair_free(&p);
        }
    }
}

/* The smallest window of all SAs counts, and after PULL_AGAIN another PULL of the same phase 1 comes through. */
static void the_next_pull_of_the_same_phase_1_works(void **state)
{
    struct pair p;

    (void)state;
    pair_init(&p);
    by_time(&p, 4);
    pair_run(&p, 2);
    assert_int_equal(pair_step(&p, p.m, pair_span(&p.msg[2]), after(1001), NULL), PULL_AGAIN);
    assert_int_equal(pair_step(&p, p.m, pair_span(&p.msg[2]), after(1002), NULL), PULL_DROP_STATE); /* it is over */
    pull_free(p.m);
    p.m = NULL;
    pull_free(p.s);
    p.s = NULL;
    pair_run(&p, 4);
    assert_int_equal(pair_step(&p, p.m, pair_span(&p.msg[4]), PAIR_NOW, NULL), PULL_POLICY);
    assert_true(pull_policy(p.m)->pseudotime_ms == GIVEN);
    pair_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_the_round_trip_is_added_and_what_passed_since),
        cmocka_unit_test(a_slow_answer_is_asked_for_again),
        cmocka_unit_test(the_next_pull_of_the_same_phase_1_works),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
