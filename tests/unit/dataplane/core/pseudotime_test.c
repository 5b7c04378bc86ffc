/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The clock against the truth: it jumps ahead at once, comes back at half speed, never shows less than before, and keeps to the
 * control clock however wrong the TSC is. The random part prints its seed; argument 1 repeats one.
 */
#include "dataplane/core/pseudotime.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define HZ 2500000000ULL
#define MS (HZ / 1000)
#define NS 1000000LL /* in a millisecond */

static uint64_t seed;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static struct pseudotime started(uint64_t value_ms, uint32_t rate)
{
    struct pseudotime p;

    memset(&p, 0, sizeof p);
    pseudotime_start(&p, value_ms, 1000 * HZ, 0, HZ, rate);
    return p;
}

/* The value `ms` milliseconds after the start, by the TSC alone. */
static uint64_t after(const struct pseudotime *p, uint64_t ms)
{
    return pseudotime_ms(p, 1000 * HZ + ms * MS);
}

static void it_counts_by_the_tsc(void **state)
{
    static const uint64_t values[] = {0, 1, 999, 1ULL << 32, PSEUDOTIME_MAX_MS};

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct pseudotime p = started(values[i], 1), fast = started(values[i], 1000);

        assert_int_equal(after(&p, 0), values[i]);
        assert_in_range(after(&p, 10) - values[i], 9, 10);
        assert_in_range(after(&p, 3600000) - values[i], 3599999, 3600000);
        assert_in_range(after(&fast, 1000) - values[i], 999999, 1000000);
        assert_int_equal(pseudotime_ms(&p, 0), values[i]); /* a reader that came late */
    }
}

static void ahead_at_once_back_at_half_speed(void **state)
{
    struct pseudotime p = started(50000, 1);

    (void)state;
    pseudotime_tell(&p, 90000, 1000 * HZ + 10 * MS, 10 * NS);
    assert_int_equal(after(&p, 10), 90000);
    assert_in_range(after(&p, 20), 90009, 90010);

    /* 1000 ms too far: in 2000 ms the clock makes 1000, and is right. */
    pseudotime_tell(&p, 89000, 1000 * HZ + 10 * MS, 10 * NS);
    assert_int_equal(after(&p, 10), 90000);
    assert_in_range(after(&p, 510), 90249, 90250);
    assert_in_range(after(&p, 2010), 90999, 91000);
    assert_in_range(after(&p, 2011), 91000, 91001);
    assert_in_range(after(&p, 5010), 93999, 94000);
    /* Ticks in between change nothing of it. */
    for (int64_t t = 10; t < 2010; t += 100)
        pseudotime_tick(&p, 1000 * HZ + (uint64_t)t * MS, t * NS);
    assert_in_range(after(&p, 2010), 90998, 91000);
    assert_in_range(after(&p, 3010), 91998, 92000);
}

/* A TSC that is a thousandth fast or slow, or that stood still in a sleep: the control clock is right. */
static void the_control_clock_is_the_truth(void **state)
{
    struct pseudotime fast = started(0, 1), slow = started(0, 1), slept = started(0, 1);

    (void)state;
    for (uint64_t s = 1; s <= 3600; s++) {
        pseudotime_tick(&fast, 1000 * HZ + s * 1001 * MS, (int64_t)s * 1000 * NS);
        pseudotime_tick(&slow, 1000 * HZ + s * 999 * MS, (int64_t)s * 1000 * NS);
    }
    assert_in_range(after(&fast, 3600 * 1001), 3600000, 3600001);
    assert_in_range(after(&slow, 3600 * 999), 3599999, 3600000);
    pseudotime_tick(&slept, 1000 * HZ + 5 * MS, 86400000 * NS);
    assert_int_equal(after(&slept, 5), 86400000);
    pseudotime_tick(&slept, 1000 * HZ + 5 * MS, -1); /* can't be: ignored */
    assert_int_equal(after(&slept, 5), 86400000);
}

/* Farthest jumps in both directions: no overflow, never back. */
static void the_largest_jumps(void **state)
{
    struct pseudotime p = started(0, 1000);
    uint64_t before;

    (void)state;
    pseudotime_tell(&p, PSEUDOTIME_MAX_MS, 1000 * HZ, 0);
    assert_int_equal(after(&p, 0), PSEUDOTIME_MAX_MS);
    pseudotime_tell(&p, 0, 1000 * HZ + MS, 1 * NS);
    before = after(&p, 1);
    assert_true(before >= PSEUDOTIME_MAX_MS);
    assert_in_range(after(&p, 1001) - before, 499999, 500000);

    /* The fastest TSC has the most ticks to come back. */
    memset(&p, 0, sizeof p);
    pseudotime_start(&p, PSEUDOTIME_MAX_MS, 4000000000, 0, 4000000000, 1);
    pseudotime_tell(&p, 0, 4000000000, 0);
    before = pseudotime_ms(&p, 4000000000);
    assert_in_range(pseudotime_ms(&p, 8000000000) - before, 499, 500);
}

/* Whatever is told whenever, a reader never sees the time go back, and a minute of quiet after small errors mends all. */
static void it_never_goes_back(void **state)
{
    (void)state;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (unsigned run = 0; run < 300; run++) {
        struct pseudotime p = started(1000000, 1);
        uint64_t tsc = 1000 * HZ, seen = 0, truth = 1000000 * (uint64_t)NS;
        int64_t now = 0;

        for (unsigned i = 0; i < 400; i++) {
            uint64_t step = next_random() % (2 * HZ), is;

            tsc += step + next_random() % 2000;
            now += (int64_t)(step * 2 / 5);
            truth += step * 2 / 5;
            is = pseudotime_ns(&p, tsc);
            assert_true(is >= seen);
            seen = is;
            if (next_random() % 4 == 0) {
                truth += next_random() % (20000 * NS);
                truth -= next_random() % (20000 * NS);
                pseudotime_tell(&p, truth / NS, tsc, now);
                truth = truth / NS * NS;
            } else {
                pseudotime_tick(&p, tsc, now);
            }
            is = pseudotime_ns(&p, tsc);
            assert_true(is >= seen && is >= truth);
            seen = is;
        }
        for (unsigned i = 0; i < 36000; i += 60) { /* as many minutes as corrections may have summed up to */
            tsc += 60 * HZ;
            now += 60000 * NS;
            truth += 60000 * NS;
            pseudotime_tick(&p, tsc, now);
        }
        assert_in_range(pseudotime_ns(&p, tsc), truth, truth + 1000);
    }
}

/* One steers, one reads: no torn pair of lines (a torn one is off by minutes), never back. */
struct shared {
    struct pseudotime p;
    _Atomic uint64_t tsc;
    _Atomic bool started, stop;
};

static void *reader(void *at)
{
    static char back[] = "the time went back";
    struct shared *s = at;
    uint64_t seen = 0;

    atomic_store(&s->started, true);
    while (!atomic_load(&s->stop)) {
        uint64_t is = pseudotime_ns(&s->p, atomic_load(&s->tsc));

        if (is < seen)
            return back;
        seen = is;
    }
    return NULL;
}

static void a_reader_beside_the_steering_thread(void **state)
{
    static struct shared s;
    pthread_t thread;
    void *complaint;

    (void)state;
    pseudotime_start(&s.p, 5000000, 1000 * HZ, 0, HZ, 1);
    atomic_store(&s.tsc, 1000 * HZ);
    assert_int_equal(pthread_create(&thread, NULL, reader, &s), 0);
    while (!atomic_load(&s.started))
        ;
    for (uint64_t i = 1; i < 2000000; i++) {
        uint64_t tsc = 1000 * HZ + i * MS;

        atomic_store(&s.tsc, tsc);
        pseudotime_tell(&s.p, 5000000 + i + (i % 3) * 40000, tsc, (int64_t)i * NS);
    }
    atomic_store(&s.stop, true);
    assert_int_equal(pthread_join(thread, &complaint), 0);
    if (complaint != NULL)
        fail_msg("%s", (const char *)complaint);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_counts_by_the_tsc),
        cmocka_unit_test(ahead_at_once_back_at_half_speed),
        cmocka_unit_test(the_control_clock_is_the_truth),
        cmocka_unit_test(the_largest_jumps),
        cmocka_unit_test(it_never_goes_back),
        cmocka_unit_test(a_reader_beside_the_steering_thread),
    };

    seed = argc > 1 ? strtoull(argv[1], NULL, 10) : (uint64_t)time(NULL) * 2654435761u | 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
