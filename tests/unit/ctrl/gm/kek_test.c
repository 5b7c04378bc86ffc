/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The KEK of a member from its requirement (GM3; seed 001 in the words of the design): registers between 190 and 40 s before
 * its end when no new one came, deletes it at its end; the same one again in its last 190 s means a server that renews KEKs only
 * at their end, so the member registers up to 80 s after it. Numbers of rekeys only grow (RFC 6407 5.7).
 */
#include "ctrl/gm/kek.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static uint32_t seed;

static bool fake_random(void *ctx, void *out, size_t len)
{
    (void)ctx;
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1103515245 + 12345;
        ((uint8_t *)out)[i] = (uint8_t)(seed >> 16);
    }
    return true;
}

static bool no_random(void *ctx, void *out, size_t len)
{
    (void)ctx;
    (void)out;
    (void)len;
    return false;
}

static const struct env env = {.random = fake_random};

static struct policy_kek kek_of(uint8_t spi, uint32_t lifetime_s)
{
    struct policy_kek k = {.lifetime_s = lifetime_s, .cipher = 3, .key_bits = 128, .public_key_len = 4};

    memset(k.spi, spi, sizeof(k.spi));
    memset(k.public_key, 0x40 + spi, 4);
    k.key.len = 16;
    memset(k.key.b, spi, 16);
    return k;
}

static struct policy with(uint8_t spi, uint32_t lifetime_s, uint32_t number)
{
    struct policy p;

    policy_init(&p);
    p.has_kek = true;
    p.kek = kek_of(spi, lifetime_s);
    p.rekey_number = number;
    return p;
}

static struct gm_kek registered(uint8_t spi, uint32_t lifetime_s, uint32_t number, int64_t at)
{
    struct policy p = with(spi, lifetime_s, number);
    struct gm_kek k;

    gm_kek_wipe(&k);
    assert_int_equal(gm_kek_registered(&k, &p, &env, mono_s(at)), GM_KEK_NEW);
    return k;
}

static void it_registers_between_190_and_40_s_before_the_end(void **state)
{
    unsigned in_part[5] = {0};

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        struct gm_kek k = registered(1, 3600, 0, 100);
        int64_t before = mono_sub(k.end, k.register_at).ns;

        assert_int_equal(k.end.ns, mono_s(3700).ns);
        assert_in_range(before, mono_s(40).ns, mono_s(190).ns);
        in_part[(before - mono_s(40).ns) * 5 / (mono_s(150).ns + 1)]++;
    }
    for (unsigned i = 0; i < 5; i++)
        assert_in_range(in_part[i], 140, 260); /* evenly */
}

/* A short life: not before now, and still 40 s before the end. */
static void a_short_life_leaves_less_room(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        struct gm_kek k = registered(1, 100, 0, 1000);

        assert_in_range(k.register_at.ns, mono_s(1000).ns, mono_s(1060).ns);
        k = registered(1, 40, 0, 1000); /* too late for that: after its end */
        assert_in_range(k.register_at.ns, mono_s(1040).ns, mono_s(1120).ns);
    }
}

static void without_random_octets_it_still_registers_in_time(void **state)
{
    struct env poor = {.random = no_random};
    struct policy p = with(1, 3600, 0);
    struct gm_kek k;

    (void)state;
    gm_kek_wipe(&k);
    assert_int_equal(gm_kek_registered(&k, &p, &poor, mono_s(0)), GM_KEK_NEW);
    assert_in_range(mono_to_s(k.register_at), 3410, 3560);
}

static void the_same_kek_again_means_an_old_server(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        struct gm_kek k = registered(1, 3600, 5, 0);
        struct policy p = with(1, 150, 5);

        assert_int_equal(gm_kek_registered(&k, &p, &env, mono_s(3450)), GM_KEK_SAME);
        assert_in_range(k.register_at.ns, mono_s(3600).ns, mono_s(3680).ns);
        assert_false(gm_kek_expire(&k, mono_s(3599)));
        assert_true(k.has);
        assert_true(gm_kek_expire(&k, mono_s(3600))); /* deleted at its end ... */
        assert_false(k.has);
        assert_in_range(k.register_at.ns, mono_s(3600).ns, mono_s(3680).ns); /* ... and the registration is still planned */
    }
}

static void the_same_kek_early_changes_no_plan(void **state)
{
    struct gm_kek k = registered(1, 3600, 5, 0);
    mono_t plan = k.register_at;
    struct policy p = with(1, 3000, 7);

    (void)state;
    assert_int_equal(gm_kek_registered(&k, &p, &env, mono_s(600)), GM_KEK_SAME);
    assert_int_equal(k.register_at.ns, plan.ns);
    assert_int_equal(k.last, 7);
}

static void an_installed_kek_is_immutable(void **state)
{
    struct gm_kek k = registered(1, 3600, 5, 0);
    struct policy p = with(1, 100000, 3);
    struct policy_kek same = kek_of(1, 100000);

    (void)state;
    memset(p.kek.key.b, 0xee, 16);
    memset(p.kek.public_key, 0xee, 4);
    assert_int_equal(gm_kek_registered(&k, &p, &env, mono_s(600)), GM_KEK_SAME);
    same.key.b[0] = 0xee;
    assert_int_equal(gm_kek_rekeyed(&k, &same, &env, mono_s(700)), GM_KEK_SAME);
    assert_int_equal(k.end.ns, mono_s(3600).ns); /* never later */
    assert_int_equal(k.kek.key.b[0], 1);
    assert_int_equal(k.kek.public_key[0], 0x41);
    assert_int_equal(k.last, 5); /* the larger number stays */
    p = with(1, 10, 3);
    assert_int_equal(gm_kek_registered(&k, &p, &env, mono_s(800)), GM_KEK_SAME);
    assert_int_equal(k.end.ns, mono_s(810).ns); /* but sooner */
}

static void a_new_kek_counts_from_zero_and_the_old_one_stays_for_a_while(void **state)
{
    struct gm_kek k = registered(1, 3600, 41, 0);
    struct policy_kek next = kek_of(2, 7200);

    (void)state;
    assert_int_equal(gm_kek_rekeyed(&k, &next, &env, mono_s(2000)), GM_KEK_NEW);
    assert_int_equal(k.last, 0);
    assert_int_equal(k.end.ns, mono_s(9200).ns);
    assert_true(k.has_earlier);
    assert_int_equal(k.earlier_last, 41);
    assert_int_equal(k.earlier.spi[0], 1);
    assert_int_equal(gm_kek_next(&k).ns, mono_s(2620).ns);
    assert_int_equal(gm_kek_rekeyed(&k, &k.earlier, &env, mono_s(2001)), GM_KEK_SAME); /* no way back */
    assert_false(gm_kek_expire(&k, mono_s(2620)));
    assert_false(k.has_earlier);
    assert_int_equal(k.earlier.key.len, 0); /* wiped */
    assert_int_equal(gm_kek_next(&k).ns, mono_s(9200).ns);
}

static void the_earlier_one_does_not_outlive_its_end(void **state)
{
    struct gm_kek k = registered(1, 3600, 1, 0);
    struct policy_kek next = kek_of(2, 7200);

    (void)state;
    (void)gm_kek_rekeyed(&k, &next, &env, mono_s(3590));
    assert_int_equal(k.earlier_until.ns, mono_s(3600).ns);
}

/* The signing key: from a registration, or from a rekey under the present KEK; without a word it stays. */
static void the_signing_key_moves_on_only_by_word(void **state)
{
    struct gm_kek k = registered(1, 3600, 1, 0);
    struct policy_kek next = kek_of(2, 3600);

    (void)state;
    next.public_key_len = 0;
    (void)gm_kek_rekeyed(&k, &next, &env, mono_s(10));
    assert_int_equal(k.kek.public_key_len, 4);
    assert_int_equal(k.kek.public_key[0], 0x41);
    next = kek_of(3, 3600);
    (void)gm_kek_rekeyed(&k, &next, &env, mono_s(20));
    assert_int_equal(k.kek.public_key[0], 0x43);
}

static void a_deleted_kek_is_kept_to_acknowledge_again(void **state)
{
    struct gm_kek k = registered(1, 3600, 9, 0);

    (void)state;
    gm_kek_delete(&k, mono_s(100));
    assert_false(k.has);
    assert_true(k.has_earlier);
    assert_int_equal(k.earlier_last, 9);
    assert_true(mono_is_never(k.register_at));
    assert_false(gm_kek_expire(&k, mono_s(720)));
    assert_true(mono_is_never(gm_kek_next(&k)));
    gm_kek_delete(&k, mono_s(800)); /* harmless */
    assert_false(k.has_earlier);
}

static void a_policy_without_a_kek_takes_it_away(void **state)
{
    struct gm_kek k = registered(1, 3600, 9, 0);
    struct policy p;

    (void)state;
    policy_init(&p);
    assert_int_equal(gm_kek_registered(&k, &p, &env, mono_s(1)), GM_KEK_GONE);
    assert_int_equal(gm_kek_registered(&k, &p, &env, mono_s(2)), GM_KEK_NONE);
    assert_false(k.has || k.has_earlier);
    assert_true(mono_is_never(gm_kek_next(&k)) && mono_is_never(k.register_at));
}

static void the_longest_life_wraps_nothing(void **state)
{
    struct gm_kek k = registered(1, UINT32_MAX, 0, 1000000);

    (void)state;
    assert_int_equal(k.end.ns, mono_s(1000000 + (int64_t)UINT32_MAX).ns);
    assert_true(mono_before(k.register_at, k.end));
    k = registered(1, 1, 0, 50);
    assert_int_equal(k.end.ns, mono_s(51).ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_registers_between_190_and_40_s_before_the_end),
        cmocka_unit_test(a_short_life_leaves_less_room),
        cmocka_unit_test(without_random_octets_it_still_registers_in_time),
        cmocka_unit_test(the_same_kek_again_means_an_old_server),
        cmocka_unit_test(the_same_kek_early_changes_no_plan),
        cmocka_unit_test(an_installed_kek_is_immutable),
        cmocka_unit_test(a_new_kek_counts_from_zero_and_the_old_one_stays_for_a_while),
        cmocka_unit_test(the_earlier_one_does_not_outlive_its_end),
        cmocka_unit_test(the_signing_key_moves_on_only_by_word),
        cmocka_unit_test(a_deleted_kek_is_kept_to_acknowledge_again),
        cmocka_unit_test(a_policy_without_a_kek_takes_it_away),
        cmocka_unit_test(the_longest_life_wraps_nothing),
    };

    seed = (uint32_t)time(NULL);
    printf("seed %u\n", seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
