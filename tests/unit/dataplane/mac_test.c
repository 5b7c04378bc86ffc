/* SPDX-License-Identifier: BSD-3-Clause */
/* TAP frames leave by the port where the destination was last seen; unknown and group addresses by the outside port. */
#include "dataplane/mac.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { OUTSIDE = 1, INSIDE = 0 };

static const uint8_t a[6] = {2, 0, 0, 0, 0, 1}, b[6] = {2, 0, 0, 0, 0, 2}, group[6] = {0x33, 0x33, 0, 0, 0, 1};
static struct mac_table table;

static int empty(void **state)
{
    (void)state;
    memset(&table, 0, sizeof(table));
    return 0;
}

static void unknown_leaves_outside(void **state)
{
    (void)state;
    assert_int_equal(mac_find(&table, a, OUTSIDE, mono_s(5)), OUTSIDE);
    static const uint8_t zero[6];
    assert_int_equal(mac_find(&table, zero, OUTSIDE, mono_s(5)), OUTSIDE);
}

static void last_sighting_counts(void **state)
{
    (void)state;
    mac_learn(&table, a, INSIDE, mono_s(1));
    assert_int_equal(mac_find(&table, a, OUTSIDE, mono_s(2)), INSIDE);
    assert_int_equal(mac_find(&table, b, OUTSIDE, mono_s(2)), OUTSIDE);
    mac_learn(&table, a, OUTSIDE, mono_s(3));
    assert_int_equal(mac_find(&table, a, 7, mono_s(4)), OUTSIDE);
}

static void sightings_age(void **state)
{
    (void)state;
    mac_learn(&table, a, INSIDE, mono_s(10));
    assert_int_equal(mac_find(&table, a, OUTSIDE, mono_sub(mono_s(10 + MAC_AGE_S), mono_ns(1))), INSIDE);
    assert_int_equal(mac_find(&table, a, OUTSIDE, mono_s(10 + MAC_AGE_S)), OUTSIDE);
}

static void group_addresses_are_not_learned(void **state)
{
    (void)state;
    mac_learn(&table, group, INSIDE, mono_s(1));
    assert_int_equal(mac_find(&table, group, OUTSIDE, mono_s(1)), OUTSIDE);
}

/* However many addresses a flooder shows, an answer is never wrong: the right port or the default. */
static void a_flood_only_makes_it_forget(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 100000; i++) {
        uint8_t mac[6] = {6, 0, (uint8_t)(i >> 24), (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};

        mac_learn(&table, mac, INSIDE, mono_s(1));
        assert_int_equal(mac_find(&table, mac, OUTSIDE, mono_s(1)), INSIDE);
    }
    assert_int_equal(mac_find(&table, a, OUTSIDE, mono_s(1)), OUTSIDE);
    mac_learn(&table, a, INSIDE, mono_s(1));
    assert_int_equal(mac_find(&table, a, OUTSIDE, mono_s(1)), INSIDE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(unknown_leaves_outside, empty),
        cmocka_unit_test_setup(last_sighting_counts, empty),
        cmocka_unit_test_setup(sightings_age, empty),
        cmocka_unit_test_setup(group_addresses_are_not_learned, empty),
        cmocka_unit_test_setup(a_flood_only_makes_it_forget, empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
