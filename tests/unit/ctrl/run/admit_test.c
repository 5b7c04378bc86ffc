/* SPDX-License-Identifier: BSD-3-Clause */
/* Admission to public-key work (IK7): rates at their edges, strangers can't starve known peers, bounded
 * memory. */
#include "ctrl/run/admit.h"

#include "ctrl/crypto/dh.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct admit a; /* some hundred kB: not for the stack */
static const mono_t T0 = {5000000000};

static struct addr host(uint32_t n)
{
    return addr_v4(0x0a000000u + n);
}

/* How many of `tries` at one instant are let through, each at `cost`. */
static unsigned allowed_at(uint32_t from, bool known, unsigned cost, unsigned tries, mono_t now)
{
    struct addr addr = host(from);
    unsigned n = 0;
    for (unsigned i = 0; i < tries; i++)
        n += admit_allow(&a, &addr, known, cost, now);
    return n;
}

static unsigned allowed(uint32_t from, bool known, unsigned tries, mono_t now)
{
    return allowed_at(from, known, 1, tries, now);
}

static void one_source_gets_its_burst_then_its_rate(void **state)
{
    (void)state;
    admit_init(&a, 1, T0);
    assert_int_equal(allowed(1, true, 100, T0), ADMIT_SOURCE_BURST);
    mono_t token = mono_ns(1000000000 / ADMIT_SOURCE_RATE);
    assert_int_equal(allowed(1, true, 10, mono_add(T0, mono_sub(token, mono_ns(1)))), 0);
    assert_int_equal(allowed(1, true, 10, mono_add(T0, token)), 1);
    assert_int_equal(allowed(1, true, 10, mono_add(T0, mono_s(3600))),
                     ADMIT_SOURCE_BURST);         /* full, not more */
    assert_int_equal(allowed(2, true, 1, T0), 1); /* its neighbour never noticed */
}

static void all_strangers_share_one_bucket(void **state)
{
    (void)state;
    unsigned n = 0;
    admit_init(&a, 2, T0);
    for (uint32_t i = 0; i < 1000; i++)
        n += allowed(i, false, 1, T0);
    assert_int_equal(n, ADMIT_OTHERS_BURST);
    n = 0;
    for (uint32_t i = 1000; i < 3000; i++)
        n += allowed(i, false, 1, mono_add(T0, mono_s(1)));
    assert_int_equal(n, ADMIT_OTHERS_RATE);
}

/* A flood in group 16 gets no more CPU than one in group 14; who asks for little is served from what is left. */
static void dear_groups_take_more(void **state)
{
    unsigned n = 0, cost = dh_cost(16);

    (void)state;
    assert_true(cost >= 4 * dh_cost(14) && dh_cost(14) > 0);
    admit_init(&a, 6, T0);
    for (uint32_t i = 0; i < 10000; i++)
        n += allowed_at(i, true, cost, 1, T0);
    assert_int_equal(n, ADMIT_KNOWN_BURST / cost);
    n = 0;
    for (uint32_t i = 10000; i < 20000; i++)
        n += allowed_at(i, true, cost, 1, mono_add(T0, mono_ns(1200000000)));
    assert_int_equal(n, ADMIT_KNOWN_RATE * 12 / 10 / cost);
    for (uint32_t i = 20000; i < 20000 + ADMIT_KNOWN_RATE * 12 / 10 % cost; i++)
        assert_int_equal(allowed(i, true, 1, mono_add(T0, mono_ns(1200000000))), 1);

    /* The limit of one address is about fairness: it counts exchanges, so that an appliance with several groups gets in. */
    assert_int_equal(allowed_at(30000, false, cost, 100, T0), ADMIT_SOURCE_BURST);
}

static void strangers_do_not_starve_known_peers(void **state)
{
    (void)state;
    admit_init(&a, 3, T0);
    for (uint32_t i = 0; i < 100000; i++)
        (void)allowed(i + 5000, false, 1, T0);
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(allowed(i, true, 1, T0), 1);
}

static void a_refusal_spends_nothing(void **state)
{
    (void)state;
    admit_init(&a, 4, T0);
    assert_int_equal(allowed(1, false, 100000, T0), ADMIT_SOURCE_BURST); /* one loud source ... */
    unsigned n = 0;
    for (uint32_t i = 2; i < 1000; i++)
        n += allowed(i, false, 1, T0);
    assert_int_equal(n, ADMIT_OTHERS_BURST - ADMIT_SOURCE_BURST); /* ... took no more than its share */
}

/* A clock that stands still or goes back gives nothing, and nothing overflows after a very long time. */
static void odd_clocks_are_harmless(void **state)
{
    (void)state;
    admit_init(&a, 5, T0);
    assert_int_equal(allowed(1, true, 20, T0), ADMIT_SOURCE_BURST);
    assert_int_equal(allowed(1, true, 20, MONO_ZERO), 0);
    assert_int_equal(allowed(1, true, 20, mono_ns(INT64_MAX - 1)), ADMIT_SOURCE_BURST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_source_gets_its_burst_then_its_rate),
        cmocka_unit_test(all_strangers_share_one_bucket),
        cmocka_unit_test(dear_groups_take_more),
        cmocka_unit_test(strangers_do_not_starve_known_peers),
        cmocka_unit_test(a_refusal_spends_nothing),
        cmocka_unit_test(odd_clocks_are_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
