/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counter replay (KS12): a member that comes again is told which keys it may have had, and gets others when it asks; the other
 * member loses nothing by it, and however often somebody asks, there are few keys and no loops.
 */
#include "tests/unit/ctrl/ks/rekey_fixture.h"

#include <string.h>

#define COUNTED      "{number: 10, profile: p, acl: a, replay: {counter: 64}}"
#define NOT_COUNTED  "{number: 20, profile: p, acl: b, replay: none}"
#define BOTH         COUNTED ", " NOT_COUNTED
#define OLD_RECEIVES 35 /* s: a wave of 5 s, two repetitions of 10 s, and 10 s more */
#define SPREAD       10 /* s: a wave, and 5 s that members take */

static bool has_rekey;

/* Registers, asking for other keys or not; returns its policy. */
static struct policy register_as(struct fixture *f, unsigned number, bool replace)
{
    struct registration r = registration_of(number);
    struct policy p;

    r.replace_wanted = replace;
    join_as(f, &r, &p);
    return p;
}

/* How many SAs came, and how many of them are said to have been given before. */
static void expect(struct fixture *f, unsigned number, bool replace, size_t n, size_t n_marked)
{
    struct policy p = register_as(f, number, replace);
    size_t marked = 0;

    for (size_t i = 0; i < p.n_sas; i++)
        marked += p.sas[i].given_before;
    assert_int_equal(p.n_sas, n);
    assert_int_equal(marked, n_marked);
    policy_wipe(&p);
}

static size_t teks(struct fixture *f)
{
    return group(f)->n_teks;
}

static void who_comes_for_the_first_time_gets_no_new_key(void **state)
{
    struct fixture *f = *state;

    begin(f, UNICAST, "", COUNTED);
    expect(f, 1, false, 1, 0);
    expect(f, 2, true, 1, 0); /* whatever it says: it never had this one */
    assert_int_equal(teks(f), 1);
    assert_false(group(f)->rekey.active);
}

/* A daemon that starts again beside a living data plane asks for nothing, and nothing changes. */
static void who_comes_again_is_told_so(void **state)
{
    struct fixture *f = *state;

    begin(f, UNICAST, "", BOTH);
    expect(f, 1, false, 2, 0);
    expect(f, 2, false, 2, 0);
    for (unsigned i = 0; i < 5; i++) {
        expect(f, 1, false, 2, 1); /* the one with counter replay */
        run_to(f, START + 20 * (i + 1));
    }
    assert_int_equal(teks(f), 2);
    assert_false(group(f)->rekey.active);
}

/* One new key for what has counter replay, at once; with a rekey that lets the other member change over without loss. */
static void who_asks_gets_another(void **state)
{
    struct fixture *f = *state;
    struct policy p, again;
    struct push push;
    uint32_t old, other;

    begin(f, UNICAST, "", BOTH);
    p = register_as(f, 1, false);
    expect(f, 2, false, 2, 0);
    old = p.sas[0].spi;
    other = p.sas[1].spi;
    run_to(f, START + 60);
    again = register_as(f, 1, true);
    assert_int_equal(again.n_sas, 2); /* as message 2 said */
    assert_true(again.sas[0].given_before && again.sas[0].spi == old);
    assert_int_equal(teks(f), 3);
    assert_int_equal(group(f)->teks[2].number, 10);
    assert_false(group(f)->teks[1].replaced);
    assert_true(group(f)->teks[0].replaced);
    assert_int_equal(mono_to_s(mono_sub(group(f)->teks[0].end, f->now)), OLD_RECEIVES);
    run_to(f, START + 60);
    assert_int_equal(f->n_sent, 2); /* both hear of it */
    open_push(f, 0, &p.kek, &push);
    assert_int_equal(push.policy.n_sas, 2);
    assert_int_equal(push.policy.sas[0].spi, other);
    assert_int_equal(push.policy.sas[1].spi, group(f)->teks[2].spi);
    assert_true(push.policy.replace);
    assert_int_equal(push.policy.activate_in_s, SPREAD);
    assert_int_equal(push.policy.deactivate_in_s, OLD_RECEIVES);
    push_wipe(&push);
    run_to(f, START + 60 + OLD_RECEIVES + 1);
    assert_int_equal(teks(f), 2);
    policy_wipe(&p);
    policy_wipe(&again);
}

/* A key that was sent by rekey counts, whether or not it arrived: nobody knows what was done with it. */
static void a_rekey_gives_keys_too(void **state)
{
    struct fixture *f = *state;

    begin(f, UNICAST, "", COUNTED);
    expect(f, 1, false, 1, 0);
    expect(f, 2, false, 1, 0);
    run_to(f, START + 10);
    assert_true(ks_group_replace(group(f), true, f->now));
    run_to(f, START + 15);
    expect(f, 2, false, 1, 1);
    expect(f, 2, true, 1, 1);
    assert_int_equal(teks(f), 2);
}

/* Without rekeys nobody is told. The key that was made is new to both, so that asking again makes no further one. */
static void without_rekeys_it_waits_to_be_fetched(void **state)
{
    struct fixture *f = *state;

    begin(f, NULL, "", COUNTED);
    expect(f, 1, false, 1, 0);
    expect(f, 2, false, 1, 0);
    run_to(f, START + 100);
    expect(f, 1, true, 1, 1);
    assert_int_equal(teks(f), 2);
    assert_int_equal(mono_to_s(mono_sub(group(f)->teks[0].end, f->now)), KS_SPENT_OLD_S);
    run_to(f, START + 101);
    expect(f, 1, true, 2, 1);
    assert_int_equal(teks(f), 2);
    run_to(f, START + 115);
    expect(f, 2, false, 2, 1);
    assert_int_equal(teks(f), 2);
    run_to(f, START + 100 + KS_SPENT_OLD_S);
    assert_int_equal(teks(f), 1);
    assert_int_equal(f->n_sent, 0);
}

static void not_more_often_than_every_10_seconds(void **state)
{
    struct fixture *f = *state;
    mono_t first;

    begin(f, UNICAST, "", COUNTED);
    expect(f, 1, false, 1, 0);
    expect(f, 1, true, 1, 1);
    first = f->now;
    assert_int_equal(teks(f), 2);
    run_until(f, mono_add(first, mono_ms(KS_SPENT_EVERY_S * 1000 - 1)));
    expect(f, 1, true, 2, 2);
    assert_int_equal(teks(f), 2);
    run_until(f, mono_add(first, mono_s(KS_SPENT_EVERY_S)));
    expect(f, 1, true, 2, 2);
    assert_int_equal(teks(f), 3);
}

/* Two members that crash and ask every second for an hour, with and without rekeys: keys stay few, and each member gets its policy. */
static void asking_without_end_is_bounded(void **state)
{
    struct fixture *f = *state;
    uint32_t spis[4000];
    size_t n = 0;

    begin(f, has_rekey ? UNICAST : NULL, "", BOTH);
    for (int64_t s = 0; s < 3600; s++) {
        run_to(f, START + s);
        if (s % 100 == 0)
            forget_sent(f);
        for (unsigned m = 1; m <= 2; m++) {
            struct policy p = register_as(f, m, true);

            assert_true(p.n_sas >= 2 && p.n_sas <= 8);
            for (size_t i = 0; i < p.n_sas; i++) {
                bool known = false;

                for (size_t k = 0; k < n; k++)
                    known |= spis[k] == p.sas[i].spi;
                if (!known)
                    spis[n++] = p.sas[i].spi;
            }
            policy_wipe(&p);
        }
    }
    assert_in_range(n, 300, 365);
}

static int without(void **state)
{
    has_rekey = false;
    return set_up(state);
}

static int with(void **state)
{
    has_rekey = true;
    return set_up(state);
}

/* What is cleared from the table had its keys all the same; and a reload forgets nothing. */
static void who_was_forgotten_had_its_keys(void **state)
{
    struct fixture *f = *state;

    begin(f, UNICAST, "", COUNTED);
    expect(f, 1, false, 1, 0);
    ks_members_forget(&group(f)->members, NULL);
    ks_spent_forgot(group(f));
    expect(f, 1, false, 1, 1);
    reload(f, config_of(f, NULL, UNICAST, "", COUNTED));
    expect(f, 1, false, 1, 1);
    expect(f, 2, false, 1, 1); /* it could be anybody */
    expect(f, 2, true, 1, 1);
    assert_int_equal(teks(f), 2);
    reload(f, config_of(f, NULL, UNICAST, "", COUNTED));
    run_to(f, START + 1);
    expect(f, 2, true, 2, 2); /* the time of the last one, too */
    assert_int_equal(teks(f), 2);
    assert_true(ks_epoch_clear(group(f), f->now)); /* nobody had these */
    run_to(f, START + 2);
    expect(f, 1, false, 1, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(who_comes_for_the_first_time_gets_no_new_key),
        T(who_comes_again_is_told_so),
        T(who_asks_gets_another),
        T(a_rekey_gives_keys_too),
        T(without_rekeys_it_waits_to_be_fetched),
        T(not_more_often_than_every_10_seconds),
        cmocka_unit_test_setup_teardown(asking_without_end_is_bounded, without, tear_down),
        cmocka_unit_test_setup_teardown(asking_without_end_is_bounded, with, tear_down),
        T(who_was_forgotten_had_its_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
