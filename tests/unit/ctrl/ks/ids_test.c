/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SPIs are given once (RFC 4303 2.1, KS19): a generator that is made to repeat every draw never brings back that of a key
 * that lives, however many short-lived ones came since. Sender ids are in ks_test.c.
 */
#include "ctrl/ks/ids.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Hands out 256, 257, ...; `again` comes before each of them. */
struct source {
    uint32_t next, again;
    bool repeated;
};

static bool draw(void *ctx, void *out, size_t len)
{
    struct source *s = ctx;
    uint32_t v;

    assert_int_equal(len, sizeof(v));
    s->repeated = s->again && !s->repeated;
    v = s->repeated ? s->again : s->next++;
    memcpy(out, &v, sizeof(v));
    return true;
}

static struct ks_spis spis;

static uint32_t take(struct source *s, int64_t end, int64_t now)
{
    struct env env = {.ctx = s, .random = draw};
    uint32_t spi = 0;

    assert_true(ks_spi_take(&spis, &env, mono_s(end), mono_s(now), &spi));
    return spi;
}

static void that_of_a_living_key_never_comes_again(void **state)
{
    struct source s = {.next = 256};
    uint32_t day;

    (void)state;
    memset(&spis, 0, sizeof(spis));
    day = take(&s, 86400, 0);
    s.again = day;
    for (int64_t now = 0; now < 10 * KS_SPIS; now += 2) /* keys of two minutes */
        assert_int_not_equal(take(&s, now + 120, now), day);
    assert_int_not_equal(take(&s, 86400 + 120, 86399), day);
}

static void that_of_a_recent_key_does_not_come_again(void **state)
{
    struct source s = {.next = 256};
    uint32_t first;
    int n = 0;

    (void)state;
    memset(&spis, 0, sizeof(spis));
    s.again = first = take(&s, 1, 0);
    while (take(&s, 2, 3) != first)
        n++;
    assert_in_range(n, KS_SPIS - 1, KS_SPIS); /* ended long ago: it may, when it is no longer remembered */
}

/* Only clearing group after group makes so many. */
static void of_too_many_the_one_that_ends_first_is_forgotten(void **state)
{
    struct source s = {.next = 256};
    uint32_t last;

    (void)state;
    memset(&spis, 0, sizeof(spis));
    for (int64_t i = 0; i < KS_SPIS; i++)
        (void)take(&s, 1000 + i, 0);
    last = 256 + KS_SPIS - 1;
    for (int64_t i = 0; i < KS_SPIS - 1; i++)
        (void)take(&s, 100000, 0);
    s.again = last;
    assert_int_not_equal(take(&s, 100000, 0), last);
    s.repeated = false;
    assert_int_equal(take(&s, 100000, 0), last);
}

static void reserved_ones_and_a_servers_bits_are_left_out(void **state)
{
    struct source s = {.next = 0};

    (void)state;
    memset(&spis, 0, sizeof(spis));
    assert_int_equal(take(&s, 10, 0), 256);
    s.next = UINT32_MAX;
    assert_int_equal(take(&s, 10, 0), UINT32_MAX >> KS_SERVER_BITS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(that_of_a_living_key_never_comes_again),
        cmocka_unit_test(that_of_a_recent_key_does_not_come_again),
        cmocka_unit_test(of_too_many_the_one_that_ends_first_is_forgotten),
        cmocka_unit_test(reserved_ones_and_a_servers_bits_are_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
