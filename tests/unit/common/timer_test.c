/* SPDX-License-Identifier: BSD-3-Clause */
/* The deadline heap: order, re-arming and cancelling from inside, and a random run against a plain array. */
#include "common/timer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define N 200

static struct timers ts;

struct alarm {
    struct timer timer; /* first: a timer is its alarm */
    int fired;
    mono_t rearm;         /* what the function sets this one to; MONO_NEVER = nothing */
    struct alarm *cancel; /* what it cancels */
};

static int order[4 * N];
static size_t n_order;
static struct alarm alarms[N];

static void ring(struct timer *t, mono_t now)
{
    struct alarm *a = (struct alarm *)t;
    assert_int_equal(t->slot, 0);
    assert_true(mono_reached(t->at, now));
    a->fired++;
    order[n_order++] = (int)(a - alarms);
    if (a->cancel != NULL)
        timer_cancel(&ts, &a->cancel->timer);
    if (!mono_is_never(a->rearm))
        assert_true(timer_set(&ts, t, a->rearm));
}

static int start(void **state)
{
    (void)state;
    timers_init(&ts);
    n_order = 0;
    for (int i = 0; i < N; i++)
        alarms[i] = (struct alarm){.timer = {.fire = ring}, .rearm = MONO_NEVER};
    return 0;
}

static int stop(void **state)
{
    (void)state;
    timers_free(&ts);
    return 0;
}

static void set(int i, int64_t at)
{
    assert_true(timer_set(&ts, &alarms[i].timer, mono_ns(at)));
}

static void fires_what_is_due_earliest_first(void **state)
{
    (void)state;
    assert_true(mono_is_never(timers_next(&ts)));
    set(0, 30);
    set(1, 10);
    set(2, 20);
    assert_int_equal(timers_next(&ts).ns, 10);
    timers_fire(&ts, mono_ns(9));
    assert_int_equal(n_order, 0);
    timers_fire(&ts, mono_ns(20));
    assert_int_equal(n_order, 2);
    assert_int_equal(order[0], 1);
    assert_int_equal(order[1], 2);
    assert_int_equal(timers_next(&ts).ns, 30);
    timers_fire(&ts, mono_ns(31));
    assert_int_equal(alarms[0].fired, 1);
    assert_true(mono_is_never(timers_next(&ts)));
}

static void moves_both_ways_and_cancels(void **state)
{
    (void)state;
    set(0, 10);
    set(1, 20);
    set(0, 30);
    assert_int_equal(timers_next(&ts).ns, 20);
    set(0, 5);
    assert_int_equal(timers_next(&ts).ns, 5);
    assert_true(timer_set(&ts, &alarms[0].timer, MONO_NEVER));
    assert_int_equal(alarms[0].timer.slot, 0);
    assert_int_equal(timers_next(&ts).ns, 20);
    timer_cancel(&ts, &alarms[1].timer);
    timer_cancel(&ts, &alarms[1].timer);
    timers_fire(&ts, mono_ns(100));
    assert_int_equal(n_order, 0);
}

static void a_timer_that_rearms_itself_for_the_past_fires_once_per_call(void **state)
{
    (void)state;
    alarms[0].rearm = mono_ns(1);
    set(0, 10);
    set(1, 20);
    set(2, 99);
    for (int call = 1; call <= 3; call++) {
        timers_fire(&ts, mono_ns(50));
        assert_int_equal(alarms[0].fired, call);
        assert_int_equal(alarms[1].fired, 1);
        assert_int_equal(timers_next(&ts).ns, 1);
    }
    alarms[0].rearm = mono_ns(51); /* not late: an ordinary deadline */
    timers_fire(&ts, mono_ns(50));
    assert_int_equal(timers_next(&ts).ns, 51);
}

static void a_timer_may_cancel_one_that_is_due(void **state)
{
    (void)state;
    alarms[0].cancel = &alarms[1];
    set(0, 10);
    set(1, 10);
    set(2, 11);
    timers_fire(&ts, mono_ns(11));
    assert_int_equal(alarms[0].fired, 1);
    assert_true(alarms[1].fired <= 1); /* of two with one deadline either may come first */
    assert_int_equal(alarms[2].fired, 1);
    set(0, 20);
    set(1, 21);
    int before = alarms[1].fired;
    timers_fire(&ts, mono_ns(30));
    assert_int_equal(alarms[1].fired, before);
}

static void free_leaves_timers_unset(void **state)
{
    (void)state;
    set(0, 10);
    set(1, 20);
    timers_free(&ts);
    assert_int_equal(alarms[0].timer.slot, 0);
    assert_int_equal(alarms[1].timer.slot, 0);
    set(0, 30);
    assert_int_equal(timers_next(&ts).ns, 30);
}

/* What a plain array says: the earliest deadline of those that are set. */
static int64_t earliest(const int64_t *at)
{
    int64_t min = INT64_MAX;
    for (int i = 0; i < N; i++)
        if (at[i] < min)
            min = at[i];
    return min;
}

static void agrees_with_a_plain_array(void **state)
{
    (void)state;
    unsigned seed = (unsigned)time(NULL);
    printf("seed %u\n", seed);
    srandom(seed);
    int64_t at[N], now = 0;
    for (int i = 0; i < N; i++)
        at[i] = INT64_MAX;
    for (int step = 0; step < 20000; step++) {
        int i = (int)(random() % N);
        if (random() % 4 == 0) {
            timer_cancel(&ts, &alarms[i].timer);
            at[i] = INT64_MAX;
        } else {
            at[i] = now + random() % 1000;
            set(i, at[i]);
        }
        assert_true(timers_next(&ts).ns == earliest(at));
        if (step % 16 != 0)
            continue;
        now += random() % 100;
        n_order = 0;
        timers_fire(&ts, mono_ns(now));
        for (size_t k = 0; k < n_order; k++) {
            assert_true(at[order[k]] == earliest(at) && at[order[k]] <= now);
            at[order[k]] = INT64_MAX;
        }
        assert_true(earliest(at) > now);
    }
}

/* Half of the timers re-arm themselves, in the past or in the future: afterwards the heap must be in order again. */
static void stays_in_order_when_many_rearm(void **state)
{
    (void)state;
    unsigned seed = (unsigned)time(NULL);
    printf("seed %u\n", seed);
    srandom(seed);
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < N; i++) {
            alarms[i].fired = 0;
            alarms[i].rearm = i % 2 == 0 ? mono_ns(random() % 200) : MONO_NEVER;
            set(i, random() % 200);
        }
        n_order = 0;
        timers_fire(&ts, mono_ns(100));
        for (int i = 0; i < N; i++)
            assert_true(alarms[i].fired <= 1);
        for (int i = 0; i < N; i++)
            alarms[i].rearm = MONO_NEVER;
        size_t left = ts.n;
        int64_t last = 0;
        for (; left > 0; left--) {
            int64_t next = timers_next(&ts).ns;
            assert_true(next >= last);
            last = next;
            timer_cancel(&ts, ts.heap[0]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fires_what_is_due_earliest_first, start, stop),
        cmocka_unit_test_setup_teardown(moves_both_ways_and_cancels, start, stop),
        cmocka_unit_test_setup_teardown(a_timer_that_rearms_itself_for_the_past_fires_once_per_call, start, stop),
        cmocka_unit_test_setup_teardown(a_timer_may_cancel_one_that_is_due, start, stop),
        cmocka_unit_test_setup_teardown(free_leaves_timers_unset, start, stop),
        cmocka_unit_test_setup_teardown(agrees_with_a_plain_array, start, stop),
        cmocka_unit_test_setup_teardown(stays_in_order_when_many_rearm, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
