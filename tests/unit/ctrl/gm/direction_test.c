/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Directions from their requirement (GM8, KS13): the operator's word until the next rekey, the configuration above the key
 * server, and five minutes of both after receive-only was lifted.
 */
#include "ctrl/gm/direction.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const mono_t t0 = {1000000000};

static void who_rules(void **state)
{
    struct gm_directions d;

    (void)state;
    gm_directions_init(&d);
    assert_int_equal(gm_direction_of(&d, false, t0), GM_DIRECTION_BOTH);
    assert_int_equal(gm_direction_of(&d, true, t0), GM_DIRECTION_INBOUND_OPTIONAL);
    assert_int_equal(gm_direction_told(&d, true, true, t0), GM_DIRECTION_TO_RECEIVE_ONLY);
    assert_int_equal(gm_direction_of(&d, false, t0), GM_DIRECTION_INBOUND_ONLY);
    assert_int_equal(gm_direction_of(&d, true, t0), GM_DIRECTION_INBOUND_OPTIONAL); /* the configuration wins */
    d.has_override = true;
    d.override = GM_DIRECTION_BOTH;
    assert_int_equal(gm_direction_of(&d, true, t0), GM_DIRECTION_BOTH); /* and the operator before it */
    assert_int_equal(gm_direction_told(&d, true, false, t0), GM_DIRECTION_SAME); /* a repetition isn't the next rekey */
    assert_int_equal(gm_direction_of(&d, true, t0), GM_DIRECTION_BOTH);
    assert_int_equal(gm_direction_told(&d, true, true, t0), GM_DIRECTION_SAME);
    assert_int_equal(gm_direction_of(&d, true, t0), GM_DIRECTION_INBOUND_OPTIONAL);
    assert_int_equal(gm_direction_of(&d, false, t0), GM_DIRECTION_INBOUND_ONLY);
}

static void lifting_receive_only_takes_five_minutes(void **state)
{
    struct gm_directions d;
    mono_t end = mono_add(t0, mono_s(300));

    (void)state;
    gm_directions_init(&d);
    (void)gm_direction_told(&d, true, true, t0);
    assert_int_equal(gm_direction_told(&d, false, true, t0), GM_DIRECTION_CONVERTING);
    assert_int_equal(gm_direction_of(&d, false, t0), GM_DIRECTION_INBOUND_OPTIONAL);
    (void)gm_direction_told(&d, false, false, t0); /* the same rekey again */
    assert_int_equal(d.passive_until.ns, end.ns);
    assert_false(gm_direction_expire(&d, mono_sub(end, mono_ns(1))));
    assert_int_equal(gm_direction_of(&d, false, mono_sub(end, mono_ns(1))), GM_DIRECTION_INBOUND_OPTIONAL);
    assert_int_equal(gm_direction_of(&d, false, end), GM_DIRECTION_BOTH); /* with or without a timer */
    assert_true(gm_direction_expire(&d, end));
    assert_false(gm_direction_expire(&d, end));
}

static void the_next_rekey_ends_it(void **state)
{
    struct gm_directions d;

    (void)state;
    gm_directions_init(&d);
    (void)gm_direction_told(&d, true, true, t0);
    (void)gm_direction_told(&d, false, true, t0);
    assert_int_equal(gm_direction_told(&d, false, true, mono_add(t0, mono_s(30))), GM_DIRECTION_SAME);
    assert_int_equal(gm_direction_of(&d, false, mono_add(t0, mono_s(30))), GM_DIRECTION_BOTH);
    assert_true(mono_is_never(d.passive_until));
}

static void a_change_of_mind_is_followed(void **state)
{
    struct gm_directions d;

    (void)state;
    gm_directions_init(&d);
    (void)gm_direction_told(&d, true, true, t0);
    (void)gm_direction_told(&d, false, true, t0);
    assert_int_equal(gm_direction_told(&d, true, true, t0), GM_DIRECTION_TO_RECEIVE_ONLY);
    assert_int_equal(gm_direction_of(&d, false, t0), GM_DIRECTION_INBOUND_ONLY);
    assert_true(mono_is_never(d.passive_until));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_rules),
        cmocka_unit_test(lifting_receive_only_takes_five_minutes),
        cmocka_unit_test(the_next_rekey_ends_it),
        cmocka_unit_test(a_change_of_mind_is_followed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
