/* SPDX-License-Identifier: BSD-3-Clause */
/* Scaling of time, and the saturating arithmetic of mono_t. */
#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

static void wait_5_ms(void)
{
    struct timespec ts = {.tv_nsec = 5000000};
    nanosleep(&ts, NULL);
}

static void runs_rate_times_faster(void **state)
{
    (void)state;
    static const uint32_t rates[] = {1, 2, 100, 1000};
    for (size_t i = 0; i < 4; i++) {
        struct clock c;
        mono_t before_init = clock_real_now();
        clock_init(&c, rates[i]);
        mono_t start = clock_real_now();
        wait_5_ms();
        int64_t least = mono_sub(clock_real_now(), start).ns;
        int64_t scaled = clock_now(&c).ns - c.base_ns;
        int64_t most = mono_sub(clock_real_now(), before_init).ns;
        assert_true(least >= 5000000);
        assert_true(scaled >= least * rates[i] && scaled <= most * rates[i]);
    }
}

static void rates_outside_are_bounded(void **state)
{
    (void)state;
    struct clock c;
    clock_init(&c, 0);
    assert_int_equal(c.rate, 1);
    clock_init(&c, 1000);
    assert_int_equal(c.rate, 1000);
    clock_init(&c, 1001);
    assert_int_equal(c.rate, 1000);
}

static void waits_are_rounded_up(void **state)
{
    (void)state;
    struct clock c = {.rate = 100};
    static const struct {
        int64_t scaled, real;
    } cases[] = {{-1, 0}, {0, 0}, {1, 1}, {99, 1}, {100, 1}, {101, 2}, {INT64_MAX - 1, INT64_MAX / 100 + 1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_true(clock_to_real(&c, mono_ns(cases[i].scaled)).ns == cases[i].real);
    assert_true(mono_is_never(clock_to_real(&c, MONO_NEVER)));
}

static void sums_saturate(void **state)
{
    (void)state;
    assert_true(mono_is_never(mono_add(mono_ns(INT64_MAX - 1), mono_ns(1))));
    assert_true(mono_is_never(mono_add(mono_ns(INT64_MAX - 1), mono_ns(2))));
    assert_true(mono_add(mono_ns(INT64_MAX - 2), mono_ns(1)).ns == INT64_MAX - 1);
    assert_true(mono_sub(mono_ns(INT64_MIN), mono_ns(1)).ns == INT64_MIN);
    assert_true(mono_sub(mono_ns(INT64_MAX), mono_ns(-1)).ns == INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_rate_times_faster),
        cmocka_unit_test(rates_outside_are_bounded),
        cmocka_unit_test(waits_are_rounded_up),
        cmocka_unit_test(sums_saturate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
