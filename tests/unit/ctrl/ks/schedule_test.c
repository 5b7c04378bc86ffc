/* SPDX-License-Identifier: BSD-3-Clause */
/* When a key server renews what: the worked examples of the original guide, and the limits around them (KS4, KS5, KS10). */
#include "ctrl/ks/schedule.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct config_rekey settings(bool unicast, uint32_t interval_s, uint32_t count)
{
    return (struct config_rekey){
        .unicast = unicast, .interval_s = interval_s, .count = count, .wave_members = 50, .wave_interval_s = 5};
}

static int64_t rekey_at(uint32_t lifetime_s, bool unicast, uint32_t interval_s, uint32_t count, size_t members)
{
    struct config_rekey r = settings(unicast, interval_s, count);

    return mono_to_s(mono_sub(mono_s(lifetime_s), ks_schedule_tek(lifetime_s, &r, members)));
}

/* "The key server pushes the rekey time back as follows" (multicast), three retransmissions every 10 seconds. */
static void multicast_as_in_the_guide(void **state)
{
    (void)state;
    assert_int_equal(rekey_at(300, false, 10, 3, 100), 180);
    assert_int_equal(rekey_at(3600, false, 10, 3, 100), 3210);
    assert_int_equal(rekey_at(300, false, 10, 0, 0), 210);
    assert_int_equal(rekey_at(3600, false, 10, 0, 0), 3240);
}

/* 100 members in groups of 50, 5 seconds each. */
static void unicast_as_in_the_guide(void **state)
{
    (void)state;
    assert_int_equal(rekey_at(300, true, 10, 0, 100), 200);
    assert_int_equal(rekey_at(300, true, 10, 3, 100), 170);
    assert_int_equal(rekey_at(3600, true, 10, 0, 100), 3230);
    assert_int_equal(rekey_at(3600, true, 10, 3, 100), 3200);
}

static void a_wave_is_counted_when_it_is_begun(void **state)
{
    struct config_rekey r = settings(true, 10, 2);

    (void)state;
    assert_int_equal(mono_to_s(ks_schedule_waves(&r, 0)), 0);
    assert_int_equal(mono_to_s(ks_schedule_waves(&r, 1)), 5);
    assert_int_equal(mono_to_s(ks_schedule_waves(&r, 50)), 5);
    assert_int_equal(mono_to_s(ks_schedule_waves(&r, 51)), 10);
    r.unicast = false;
    assert_int_equal(mono_to_s(ks_schedule_waves(&r, 51)), 0);
}

/* The offset alone, as a group without rekeys has it. */
static void offsets(void **state)
{
    (void)state;
    assert_int_equal(mono_to_s(ks_schedule_tek(300, NULL, 1000)), 90);
    assert_int_equal(mono_to_s(ks_schedule_tek(899, NULL, 0)), 90);
    assert_int_equal(mono_to_s(ks_schedule_tek(900, NULL, 0)), 90);
    assert_int_equal(mono_to_s(ks_schedule_tek(86400, NULL, 0)), 8640);
}

/* Decision 20. */
static void never_before_half_the_lifetime(void **state)
{
    (void)state;
    assert_int_equal(rekey_at(300, true, 10, 3, 10000), 150);
    assert_int_equal(rekey_at(120, false, 60, 10, 0), 60);
    assert_int_equal(rekey_at(3600, true, 60, 10, 10000), 1800);
}

static void a_kek_is_renewed_in_time(void **state)
{
    struct config_rekey r = settings(true, 10, 2);

    (void)state;
    assert_int_equal(mono_to_s(ks_schedule_kek(86400, &r, 0)), 220);
    assert_int_equal(mono_to_s(ks_schedule_kek(86400, &r, 100)), 230);
    assert_int_equal(mono_to_s(ks_schedule_kek(300, &r, 0)), 220);
    r.interval_s = 60;
    r.count = 10;
    assert_int_equal(mono_to_s(ks_schedule_kek(300, &r, 0)), 225); /* a quarter of its life it lives alone */
    assert_int_equal(mono_to_s(ks_schedule_kek(86400, &r, 0)), 800);
}

/* Waves are paced so that the first round is over in time. */
static void waves_hurry_when_time_is_short(void **state)
{
    struct config_rekey r = settings(true, 10, 2);

    (void)state;
    assert_int_equal(mono_to_ms(ks_schedule_pause(&r, 100, mono_s(0), mono_s(1000))), 5000);
    assert_int_equal(mono_to_ms(ks_schedule_pause(&r, 100, mono_s(0), MONO_NEVER)), 5000);
    assert_int_equal(mono_to_ms(ks_schedule_pause(&r, 10000, mono_s(100), mono_s(160))), 300);
    assert_int_equal(mono_to_ms(ks_schedule_pause(&r, 10000, mono_s(100), mono_s(50))), 1);
    assert_int_equal(mono_to_ms(ks_schedule_pause(&r, 0, mono_s(100), mono_s(50))), 5000);
}

/* KS10: within 120 s, or an eighth of what is due. */
static void a_retransmission_yields_to_a_rekey_that_is_due(void **state)
{
    (void)state;
    assert_true(ks_schedule_is_merged(mono_s(1000), mono_s(1119), 3600));
    assert_false(ks_schedule_is_merged(mono_s(1000), mono_s(1120), 3600));
    assert_true(ks_schedule_is_merged(mono_s(1000), mono_s(1037), 300));
    assert_false(ks_schedule_is_merged(mono_s(1000), mono_s(1038), 300));
    assert_false(ks_schedule_is_merged(mono_s(1000), MONO_NEVER, 300));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(multicast_as_in_the_guide),
        cmocka_unit_test(unicast_as_in_the_guide),
        cmocka_unit_test(a_wave_is_counted_when_it_is_begun),
        cmocka_unit_test(offsets),
        cmocka_unit_test(never_before_half_the_lifetime),
        cmocka_unit_test(a_kek_is_renewed_in_time),
        cmocka_unit_test(waves_hurry_when_time_is_short),
        cmocka_unit_test(a_retransmission_yields_to_a_rekey_that_is_due),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
