/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * GM13 from its requirement: in 10 s at least 100 and more than half of the ESP unknown, or authenticated time failures that
 * outnumber accepted packets; at most once in 100 s, doubling to an hour.
 */
#include "ctrl/gm/recover.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void what_counts(void **state)
{
    static const struct {
        struct gm_traffic in_ten_seconds;
        enum gm_recover_reason want;
    } rows[] = {
        {{0, 0, 0}, GM_RECOVER_NONE},
        {{0, 99, 0}, GM_RECOVER_NONE},
        {{0, 100, 0}, GM_RECOVER_UNKNOWN_SPI},
        {{99, 100, 0}, GM_RECOVER_UNKNOWN_SPI},
        {{100, 100, 0}, GM_RECOVER_NONE}, /* half isn't more than half */
        {{50, 100, 50}, GM_RECOVER_NONE},
        {{1000000, 999999, 0}, GM_RECOVER_NONE},
        {{0, 0, 1}, GM_RECOVER_TIME},
        {{10, 0, 10}, GM_RECOVER_NONE},
        {{10, 0, 11}, GM_RECOVER_TIME},
        {{10, 90, 11}, GM_RECOVER_TIME},
        {{10, 100, 11}, GM_RECOVER_UNKNOWN_SPI},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gm_recover r = {.has_last = false};
        struct gm_traffic first = {1000, 5000, 7000}, next = rows[i].in_ten_seconds;

        next.decrypted += first.decrypted;
        next.unknown_spi += first.unknown_spi;
        next.time_failed += first.time_failed;
        assert_int_equal(gm_recover_look(&r, &first, mono_s(100)), GM_RECOVER_NONE); /* what was before counts for nothing */
        assert_int_equal(gm_recover_look(&r, &next, mono_s(109)), GM_RECOVER_NONE);  /* too early to say */
        assert_int_equal(gm_recover_look(&r, &next, mono_s(110)), rows[i].want);
    }
}

/* Counters that begin anew (a restart of the data plane, an SA that ended) are no flood. */
static void counters_that_go_back_are_a_new_beginning(void **state)
{
    struct gm_recover r = {.has_last = false};
    struct gm_traffic many = {0, 1000, 0}, few = {0, 500, 0}, more = {0, 700, 0};

    (void)state;
    (void)gm_recover_look(&r, &many, mono_s(0));
    assert_int_equal(gm_recover_look(&r, &few, mono_s(10)), GM_RECOVER_NONE);
    assert_int_equal(gm_recover_look(&r, &more, mono_s(20)), GM_RECOVER_UNKNOWN_SPI);
    gm_recover_forget(&r);
    more.unknown_spi += 1000;
    assert_int_equal(gm_recover_look(&r, &more, mono_s(200)), GM_RECOVER_NONE);
}

/* Under a flood that never ends: at 0, 100, 300, 700, 1500, 3100, then every hour. */
static void it_is_rate_limited(void **state)
{
    static const int64_t want[] = {0, 100, 300, 700, 1500, 3100, 6300, 9900, 13500};
    struct gm_recover r = {.has_last = false};
    struct gm_traffic t = {0, 0, 0};
    size_t n = 0;

    (void)state;
    (void)gm_recover_look(&r, &t, mono_s(-10));
    for (int64_t s = 0; s <= 14000; s += 10) {
        t.unknown_spi += 1000;
        if (gm_recover_look(&r, &t, mono_s(s)) == GM_RECOVER_NONE)
            continue;
        assert_true(n < sizeof(want) / sizeof(want[0]));
        assert_int_equal(s, want[n++]);
    }
    assert_int_equal(n, sizeof(want) / sizeof(want[0]));
}

static void a_quiet_hour_forgives(void **state)
{
    struct gm_recover r = {.has_last = false};
    struct gm_traffic t = {0, 0, 0};

    (void)state;
    (void)gm_recover_look(&r, &t, mono_s(0));
    t.unknown_spi += 1000;
    assert_int_equal(gm_recover_look(&r, &t, mono_s(10)), GM_RECOVER_UNKNOWN_SPI);
    t.unknown_spi += 1000;
    assert_int_equal(gm_recover_look(&r, &t, mono_s(110)), GM_RECOVER_UNKNOWN_SPI); /* the next pause is 200 s */
    t.unknown_spi += 1000;
    assert_int_equal(gm_recover_look(&r, &t, mono_s(110 + 200 + 3600)), GM_RECOVER_UNKNOWN_SPI);
    t.unknown_spi += 1000;
    assert_int_equal(gm_recover_look(&r, &t, mono_s(110 + 200 + 3600 + 100)), GM_RECOVER_UNKNOWN_SPI); /* 100 s again */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_counts),
        cmocka_unit_test(counters_that_go_back_are_a_new_beginning),
        cmocka_unit_test(it_is_rate_limited),
        cmocka_unit_test(a_quiet_hour_forgives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
