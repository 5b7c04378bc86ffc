/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An operator without patience: reloads each second, clears and replaces while waves go out (KS6, KS9, KS18; OP1). What is told has
 * to reach everybody all the same, or at least not to be the same few each time.
 */
#include "tests/unit/ctrl/ks/rekey_fixture.h"

#define MEMBERS 200
#define WAVE    50
#define LIST(x) "{number: 10, profile: p, acl: " x ", replay: none}"

static unsigned told[MEMBERS + 1];

static void join_all(struct fixture *f)
{
    for (unsigned i = 1; i <= MEMBERS; i++)
        join_member(f, i, NULL);
}

static unsigned number_of_member(const struct endpoint *e)
{
    return (unsigned)e->addr.b[2] << 8 | e->addr.b[3];
}

/* Counts what each was sent since, and forgets it. */
static void count(struct fixture *f)
{
    for (size_t i = 0; i < f->n_sent; i++) {
        unsigned m = number_of_member(&f->sent[i].path.remote);

        assert_in_range(m, 1, MEMBERS);
        told[m]++;
    }
    forget_sent(f);
}

static unsigned least_told(void)
{
    unsigned least = UINT32_MAX;

    for (unsigned i = 1; i <= MEMBERS; i++)
        least = told[i] < least ? told[i] : least;
    return least;
}

/* A wave each 5 s, a change each second: each time another 50 hear of the newest. */
static void changes_each_second_reach_everybody(void **state)
{
    struct fixture *f = *state;

    memset(told, 0, sizeof(told));
    begin(f, UNICAST, "", LIST("a"));
    join_all(f);
    for (unsigned i = 1; i <= 2 * MEMBERS / WAVE; i++) {
        reload(f, config_of(f, NULL, UNICAST, "", i % 2 ? LIST("b") : LIST("a")));
        run_until(f, mono_add(f->now, mono_s(1)));
        count(f);
    }
    assert_int_equal(least_told(), 2);
    assert_true(group(f)->rekey.active);
    run_until(f, mono_add(f->now, mono_s(20))); /* and when it is quiet, all hear of the last one */
    for (unsigned i = 1; i <= MEMBERS; i++)
        assert_true(member(f, i)->target.rekey == group(f)->rekey.id && member(f, i)->target.round == 1);
}

/* The same by operators' rekeys, with members that come and go between. */
static void who_comes_or_goes_takes_nobodys_turn(void **state)
{
    struct fixture *f = *state;

    memset(told, 0, sizeof(told));
    begin(f, UNICAST, "", LIST("a"));
    join_all(f);
    for (unsigned i = 0; i < 3 * MEMBERS / WAVE; i++) {
        struct addr gone = registration_of(1 + i * 7 % MEMBERS).peer.addr;

        assert_true(ks_group_rekey(group(f), f->now));
        run_until(f, mono_add(f->now, mono_s(1)));
        count(f);
        assert_int_equal(ks_members_forget(&group(f)->members, &gone), 1);
        told[1 + i * 7 % MEMBERS]++;
        join_member(f, 1 + i * 7 % MEMBERS, NULL);
    }
    assert_true(least_told() >= 2);
}

/* A clear in the middle of a round: who wasn't told of the rekey is told of the end all the same, and nobody of a new key. */
static void a_clear_in_the_middle_of_a_round(void **state)
{
    struct fixture *f = *state;
    struct policy p;

    memset(told, 0, sizeof(told));
    begin(f, UNICAST, "", LIST("a"));
    join_member(f, 1, &p);
    join_all(f);
    reload(f, config_of(f, NULL, UNICAST ", encryption: aes-128", "", LIST("a"))); /* another KEK is being offered */
    run_until(f, mono_add(f->now, mono_s(1)));
    assert_int_equal(f->n_sent, WAVE);
    count(f);
    memset(told, 0, sizeof(told));
    assert_true(ks_epoch_clear(group(f), f->now));
    run_until(f, mono_add(f->now, mono_s(20)));
    for (size_t i = 0; i < f->n_sent; i++) {
        struct push push;

        if (!push_is_for(&p.kek, span_of(f->sent[i].bytes, f->sent[i].len)))
            continue; /* who may hold the KEK that was offered */
        open_push(f, i, &p.kek, &push);
        assert_true(push.delete_kek);
        assert_false(push.policy.has_kek);
        for (size_t k = 0; k < push.policy.n_sas; k++)
            assert_int_equal(push.policy.sas[k].spi, p.sas[0].spi);
        push_wipe(&push);
    }
    count(f);
    for (unsigned i = 1; i <= MEMBERS; i++)
        assert_in_range(told[i], 1, 2); /* under both, as nobody can know who has heard of the second */
    policy_wipe(&p);
}

/* Replacing each second: what can't be done any more is refused and changes nothing, keys stay within bounds, the last one counts. */
static void replacing_each_second(void **state)
{
    struct fixture *f = *state;
    unsigned refused = 0;

    begin(f, UNICAST, "", LIST("a"));
    join_all(f);
    for (unsigned i = 0; i < 100; i++) {
        size_t before = group(f)->n_teks;

        if (!ks_group_replace(group(f), i % 3 == 0, f->now)) {
            refused++;
            assert_int_equal(group(f)->n_teks, before);
        }
        assert_in_range(group(f)->n_teks, 1, POLICY_MAX_SAS);
        run_until(f, mono_add(f->now, mono_s(1)));
        forget_sent(f);
    }
    print_message("refused: %u\n", refused);
    run_until(f, mono_add(f->now, mono_s(300)));
    assert_int_equal(group(f)->n_teks, 1);
    assert_false(group(f)->teks[0].replaced);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(changes_each_second_reach_everybody),
        T(who_comes_or_goes_takes_nobodys_turn),
        T(a_clear_in_the_middle_of_a_round),
        T(replacing_each_second),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
