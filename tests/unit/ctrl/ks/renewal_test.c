/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When a key server pushes what by itself: new TEKs and KEKs, the time, reminders; over a month, and when it can't (KS4, KS5, KS11, KS16,
 * KS17), read with the receiver's own decoder.
 */
#include "tests/unit/ctrl/ks/rekey_fixture.h"

/* KS5: 3600 - 360 - 20 - 5 (one wave begun). */
static void a_new_tek_is_pushed_in_time(void **state)
{
    struct fixture *f = *state;
    struct policy p;
    struct push push;

    begin(f, UNICAST, "", SA("p"));
    join_member(f, 1, &p);
    assert_true(p.has_kek);
    assert_int_equal(p.rekey_number, 0);
    run_to(f, START + 3214);
    assert_int_equal(f->n_sent, 0);
    run_to(f, START + 3215);
    assert_int_equal(f->n_sent, 1);
    open_push(f, 0, &p.kek, &push);
    assert_int_equal(push.number, 1);
    assert_false(push.delete_kek);
    assert_false(push.policy.has_kek);
    assert_false(push.policy.has_rules);
    assert_memory_equal(push.policy.digest, group(f)->digest, 32);
    assert_int_equal(push.policy.n_sas, 2);
    assert_int_equal(push.policy.sas[0].spi, p.sas[0].spi);
    assert_int_equal(push.policy.sas[0].lifetime_s, 385);
    assert_int_equal(push.policy.sas[0].deactivate_in_s, 385);    /* decision 17 */
    assert_int_equal(push.policy.sas[1].activate_in_s, 385 - 30);
    assert_int_equal(push.policy.sas[1].lifetime_s, 3600);
    assert_int_equal(f->sent[0].path.local.port, 848);
    assert_true(endpoint_equal(&f->sent[0].path.remote, &member(f, 1)->peer));
    push_wipe(&push);
    policy_wipe(&p);
}

/* KS4, KS7: sent under the old KEK with its numbers; the first rekey after it has number 1 under the new one. */
static void a_kek_is_renewed_under_the_old_one(void **state)
{
    struct fixture *f = *state;
    struct policy p;
    struct push push;
    struct policy_kek fresh;
    int64_t due = START + 3600 - 225;

    begin(f, UNICAST ", lifetime: 1h", "", SA("w"));
    join_member(f, 1, &p);
    join_member(f, 2, NULL);
    assert_true(ks_group_rekey(group(f), f->now));
    run_to(f, START + 100);
    acknowledge(f, 1, &p.kek, 1);
    acknowledge(f, 2, &p.kek, 1);
    forget_sent(f);
    run_to(f, due - 1);
    assert_int_equal(f->n_sent, 0);
    run_to(f, due);
    assert_int_equal(f->n_sent, 2);
    open_push(f, 0, &p.kek, &push);
    assert_int_equal(push.number, group(f)->keks.all[1].number);
    assert_true(push.policy.has_kek);
    assert_int_equal(push.policy.kek.lifetime_s, 3600);
    fresh = push.policy.kek;
    push_wipe(&push);
    acknowledge(f, 1, &p.kek, group(f)->keks.all[1].number);

    run_to(f, due + 10); /* the retransmission, too, under the old one */
    assert_int_equal(f->n_sent, 3);
    open_push(f, 2, &p.kek, &push);
    assert_true(push.policy.has_kek);
    assert_memory_equal(push.policy.kek.spi, fresh.spi, sizeof(fresh.spi));
    push_wipe(&push);
    acknowledge(f, 2, &p.kek, group(f)->keks.all[1].number);
    run_to(f, due + 100);
    forget_sent(f);
    assert_true(ks_group_rekey(group(f), f->now));
    run_to(f, due + 101);
    assert_int_equal(f->n_sent, 2);
    for (size_t i = 0; i < 2; i++) {
        open_push(f, i, &fresh, &push);
        assert_int_equal(push.number, 1);
        assert_false(push.policy.has_kek);
        push_wipe(&push);
    }
    run_to(f, START + 3600);
    assert_int_equal(group(f)->keks.n, 1); /* the old one has ended */
    wipe(&fresh, sizeof(fresh));
    policy_wipe(&p);
}

/* Its acknowledgement may have got lost, or the rekey: it gets the next one under both KEKs. */
static void who_did_not_acknowledge_a_kek_hears_under_both(void **state)
{
    struct fixture *f = *state;
    struct policy p;
    struct push push;
    struct policy_kek fresh;

    begin(f, UNICAST ", lifetime: 1h", "", SA("w"));
    join_member(f, 1, &p);
    run_to(f, START + 3600 - 150);
    open_push(f, 0, &p.kek, &push);
    fresh = push.policy.kek;
    push_wipe(&push);
    forget_sent(f);
    assert_true(ks_group_rekey(group(f), f->now));
    run_to(f, START + 3600 - 149);
    assert_int_equal(f->n_sent, 2);
    open_push(f, 0, &p.kek, &push);
    assert_true(push.policy.has_kek);
    push_wipe(&push);
    assert_int_equal(number_of(f, 1, &fresh), 1);
    acknowledge(f, 1, &fresh, 1);
    forget_sent(f);
    assert_true(ks_group_rekey(group(f), f->now));
    run_to(f, START + 3600 - 148);
    assert_int_equal(f->n_sent, 1);
    assert_int_equal(number_of(f, 0, &fresh), 2);
    wipe(&fresh, sizeof(fresh));
    policy_wipe(&p);
}

/* A month: keys are never without successors, every member has them before they end, numbers only grow. */
static void a_month_of_rekeys(void **state)
{
    struct fixture *f = *state;
    struct policy p;
    uint32_t last = 0;
    size_t rekeys = 0;

    begin(f, UNICAST ", lifetime: 6h", "", SA("p"));
    join_member(f, 1, &p);
    while (mono_before(timers_next(&f->timers), mono_s(START + 30 * 86400))) {
        run_until(f, timers_next(&f->timers));
        for (size_t i = 0; i < f->n_sent; i++) {
            struct push push;

            open_push(f, i, &p.kek, &push);
            assert_true(push.number > last);
            acknowledge(f, 1, &p.kek, push.number);
            last = push.number;
            assert_true(push.policy.sas[0].lifetime_s > 90 || push.policy.n_sas > 1);
            if (push.policy.has_kek) {
                p.kek = push.policy.kek;
                last = 0;
            }
            push_wipe(&push);
            rekeys++;
        }
        forget_sent(f);
    }
    assert_int_equal(member(f, 1)->missed, 0);
    assert_int_equal(member(f, 1)->rekeys_acked, member(f, 1)->rekeys_sent);
    assert_in_range(rekeys, 30 * 86400 / 3600, 30 * 86400 / 3215 + 30 * 4 + 30 * 5);
    policy_wipe(&p);
}

/* "The old KEK continues to be used for encryption" of retransmissions; then the new one, with number 1. */
static void a_multicast_kek_rekey_stays_under_the_old_one(void **state)
{
    struct fixture *f = *state;
    struct policy p;
    struct push push;
    struct policy_kek fresh;

    begin(f, MULTICAST ", lifetime: 1h", "", SA("w"));
    join_member(f, 1, &p);
    run_to(f, START + 3600 - 100);
    assert_int_equal(f->n_sent, 3);
    for (size_t i = 0; i < 3; i++) {
        open_push(f, i, &p.kek, &push);
        assert_int_equal(push.number, i + 1);
        assert_true(push.policy.has_kek);
        fresh = push.policy.kek;
        push_wipe(&push);
    }
    forget_sent(f);
    assert_true(ks_group_rekey(group(f), f->now));
    run_to(f, START + 3600 - 99);
    assert_int_equal(f->n_sent, 1);
    assert_int_equal(number_of(f, 0, &fresh), 1);
    wipe(&fresh, sizeof(fresh));
    policy_wipe(&p);
}

/* KS11: at least every `pseudotime-sync`; with a rekey that is due within 60 s (KS10). It repeats KEK and TEKs. */
static void members_hear_of_the_time(void **state)
{
    struct fixture *f = *state;
    struct policy p;
    struct push push;

    begin(f, UNICAST, ", pseudotime-sync: 20m", "{number: 10, profile: p, acl: a, replay: {time: 100s}}");
    join_member(f, 1, &p);
    run_to(f, START + 1199);
    assert_int_equal(f->n_sent, 0);
    run_to(f, START + 1200);
    assert_int_equal(f->n_sent, 1);
    open_push(f, 0, &p.kek, &push);
    assert_true(push.policy.has_pseudotime);
    assert_int_equal(push.policy.pseudotime_ms, 1200 * 1000);
    assert_int_equal(push.policy.n_sas, 1);
    assert_int_equal(push.policy.sas[0].spi, p.sas[0].spi);
    assert_false(push.policy.has_kek);
    assert_int_equal(push.policy.sas[0].activate_in_s, 0);
    push_wipe(&push);
    acknowledge(f, 1, &p.kek, 1);
    run_to(f, START + 2400);
    assert_int_equal(f->n_sent, 2);
    acknowledge(f, 1, &p.kek, 2);
    run_to(f, START + 3215 + 1);
    assert_int_equal(f->n_sent, 3); /* the TEK's */
    policy_wipe(&p);
}

static void a_synchronisation_waits_for_a_rekey_that_is_due(void **state)
{
    struct fixture *f = *state;
    struct policy p;

    begin(f, UNICAST, ", pseudotime-sync: 3160s", "{number: 10, profile: p, acl: a, replay: {time: 100s}}");
    join_member(f, 1, &p);
    run_to(f, START + 3214);
    assert_int_equal(f->n_sent, 0);
    run_to(f, START + 3215);
    assert_int_equal(f->n_sent, 1);
    acknowledge(f, 1, &p.kek, 1);
    run_to(f, START + 3215 + 3000);
    assert_int_equal(f->n_sent, 1);
    policy_wipe(&p);
}

static void without_random_octets_it_is_tried_again(void **state)
{
    struct fixture *f = *state;

    begin(f, UNICAST ", lifetime: 1h", "", SA("w"));
    join_member(f, 1, NULL);
    run_to(f, START + 3370);
    f->broken = true;
    run_to(f, START + 3380);
    assert_int_equal(f->n_sent, 0);
    assert_int_equal(group(f)->keks.n, 1);
    f->broken = false;
    run_to(f, START + 3382);
    assert_int_equal(f->n_sent, 1);
    assert_int_equal(group(f)->keks.n, 2);
}

/* KS17: with a long lifetime those that didn't acknowledge are told again and again, and only those. */
static void long_lifetimes_have_reminders(void **state)
{
    struct fixture *f = *state;
    struct policy p;

    begin(f, UNICAST ", lifetime: 30d", "", SA("p"));
    f->config->groups[0].ks.sas[0].lifetime_s = 20 * 86400;
    assert_true(ks_epoch_clear(group(f), f->now));
    for (unsigned i = 1; i <= 2; i++)
        join_member(f, i, i == 1 ? &p : NULL);
    assert_int_equal(p.sas[0].lifetime_s, 20 * 86400);
    assert_true(ks_group_rekey(group(f), f->now));
    run_to(f, START + 1);
    acknowledge(f, 1, &p.kek, 1);
    run_to(f, START + 7199);
    assert_int_equal(f->n_sent, 4); /* 2 + 1 + 1 */
    assert_int_equal(member(f, 2)->missed, 1);
    run_to(f, START + 7200);
    assert_int_equal(f->n_sent, 5);
    assert_true(endpoint_equal(&f->sent[4].path.remote, &member(f, 2)->peer));
    run_to(f, START + 4 * 7200);
    assert_int_equal(member(f, 2)->missed, 1); /* the same rekey still */
    assert_false(member(f, 2)->ejected);
    forget_sent(f);
    acknowledge(f, 2, &p.kek, group(f)->keks.all[0].number);
    assert_int_equal(member(f, 2)->missed, 0);
    run_to(f, START + 86400);
    assert_int_equal(f->n_sent, 0);
    policy_wipe(&p);
}

/* KS16: such a lifetime is for members that announced it, however little is left of it. */
static void long_lifetimes_need_members_that_can(void **state)
{
    struct fixture *f = *state;
    struct registration r = registration_of(1);
    struct refusal why;
    struct policy p;

    begin(f, UNICAST ", lifetime: 30d", "", SA("p"));
    f->config->groups[0].ks.sas[0].lifetime_s = 2 * 86400;
    assert_true(ks_epoch_clear(group(f), f->now));
    run_to(f, START + 86400 + 3600);
    r.features.features &= ~FEATURE_LONG_LIFETIME;
    assert_false(ks_request(&f->ks, &r, &p, &why, at(f->now)));
    assert_non_null(strstr(why.text, "long lifetime"));
}

/* Without `rekey` a group has no KEK, and nothing is ever sent. */
static void without_rekey_all_is_as_it_was(void **state)
{
    struct fixture *f = *state;
    struct policy p;

    begin(f, NULL, "", "{number: 10, profile: p, acl: a, replay: {time: 100s}}");
    join_member(f, 1, &p);
    assert_false(p.has_kek);
    assert_false(ks_group_rekey(group(f), f->now));
    assert_false(ks_group_replace(group(f), false, f->now));
    run_to(f, START + 3240);
    assert_int_equal(group(f)->n_teks, 2);
    run_to(f, START + 86400);
    assert_int_equal(f->n_sent, 0);
    policy_wipe(&p);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* A reload may make a key due, by more retransmissions here; who would tell the members of it later? */
static void a_key_that_a_reload_makes_is_told(void **state)
{
    struct fixture *f = *state;
    struct policy p;
    struct push push;

    begin(f, UNICAST, "", SA("p"));
    join_member(f, 1, &p);
    run_to(f, START + 3600 - 600);
    assert_int_equal(f->n_sent, 0);
    reload(f, config_of(f, NULL, UNICAST ", retransmit: {interval: 60s, count: 10}", "", SA("p")));
    assert_int_equal(group(f)->n_teks, 2);
    run_to(f, START + 3600 - 590);
    assert_int_equal(f->n_sent, 1);
    open_push(f, 0, &p.kek, &push);
    assert_int_equal(push.policy.n_sas, 2);
    push_wipe(&push);
    policy_wipe(&p);
    reload(f, config_of(f, NULL, UNICAST ", retransmit: {interval: 60s, count: 9}", "", SA("p")));
    run_to(f, START + 3600 - 580);
    assert_int_equal(f->n_sent, 1); /* nothing is new */
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(a_new_tek_is_pushed_in_time),
        T(a_kek_is_renewed_under_the_old_one),
        T(who_did_not_acknowledge_a_kek_hears_under_both),
        T(a_month_of_rekeys),
        T(a_multicast_kek_rekey_stays_under_the_old_one),
        T(members_hear_of_the_time),
        T(a_synchronisation_waits_for_a_rekey_that_is_due),
        T(without_random_octets_it_is_tried_again),
        T(long_lifetimes_have_reminders),
        T(long_lifetimes_need_members_that_can),
        T(without_rekey_all_is_as_it_was),
        T(a_key_that_a_reload_makes_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
