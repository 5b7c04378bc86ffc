/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a rekey takes away or turns around: deletes (RFC 6407 5.9), replacement (KS18), another list (KS9), receive-only (KS13), and what
 * a hostile but genuine key server may try. The rest is in rekey_test.c.
 */
#include "tests/unit/ctrl/gm/rekey_fixture.h"

static void what_is_over_never_comes_back(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3600});

    join(f);
    p.n_deleted = 1;
    p.deleted[0] = 1000;
    assert_int_equal(hand_in(f, 100, &p), GM_REKEY_APPLIED);
    assert_null(wished(f, 1000));
    p = rekey_of(2, (uint32_t[]){1000, 2000}, (uint32_t[]){3000, 3000});
    assert_int_equal(hand_in(f, 110, &p), GM_REKEY_REPEATED);
    assert_null(wished(f, 1000));
    /* By its own end, too. */
    f->now = mono_s(3700);
    timers_fire(&f->timers, f->now);
    p = rekey_of(2, (uint32_t[]){2000, 3000}, (uint32_t[]){3000, 3000});
    (void)hand_in(f, 3701, &p);
    assert_null(wished(f, 2000));
    assert_non_null(wished(f, 3000));
    /* And what only the data plane remembers. */
    f->gone = 4000;
    p = rekey_of(1, (uint32_t[]){4000}, (uint32_t[]){3000});
    (void)hand_in(f, 3702, &p);
    assert_null(wished(f, 4000));
}

/* KS18: old SAs receive until the delay is over, and send no more once the new one is ready. */
static void a_replacement_sends_at_once_and_the_old_one_goes_after_the_delay(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3600});
    char why[160];

    join(f);
    p.policy.replace = true;
    p.policy.deactivate_in_s = 40;
    assert_int_equal(gm_rekey(f->gm, &p, false, at(f, 100), why), GM_REKEY_APPLIED);
    wish(f);
    assert_int_equal(wished(f, 1000)->send_end_in_ms, 40000); /* until the new one receives everywhere */
    assert_false(wished(f, 2000)->send);
    acknowledge(f);
    wish(f);
    assert_int_equal(wished(f, 1000)->send_end_in_ms, 1);
    assert_true(wished(f, 1000)->receive);
    assert_true(wished(f, 2000)->send);
    assert_int_equal(wished(f, 2000)->send_in_ms, 0);
    assert_int_equal(hand_in(f, 110, &p), GM_REKEY_REPEATED); /* again: the delay doesn't begin anew */
    assert_int_equal(wished(f, 1000)->end_in_ms, 30000);
    push_wipe(&p);
    f->now = mono_s(140);
    timers_fire(&f->timers, f->now);
    wish(f);
    assert_int_equal(f->n_sas, 1);
}

static void a_replacement_without_delay_ends_the_old_one_now(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3600});

    join(f);
    p.policy.replace = true;
    assert_int_equal(hand_in(f, 100, &p), GM_REKEY_APPLIED);
    assert_int_equal(f->n_sas, 1);
    assert_int_equal(f->sas[0].spi, 2000);
    assert_int_equal(f->asked, 1);
}

/* RFC 6407 5.9: all TEKs and the KEK: the group begins anew, members come one after another. */
static void a_full_reset_makes_members_register_one_after_another(void **state)
{
    unsigned in_half[2] = {0};
    mono_t first = MONO_NEVER;

    for (unsigned i = 0; i < 50; i++) {
        struct fixture *f;
        struct push p;

        assert_int_equal(set_up(state), 0);
        f = *state;
        f->seed = i * 7919;
        join(f);
        push_init(&p);
        p.delete_all_teks = p.delete_kek = true;
        assert_int_equal(hand_in(f, 100, &p), GM_REKEY_APPLIED);
        assert_int_equal(f->n_sas, 0);
        assert_int_equal(f->group.state, IPC_GROUP_POLICY); /* what it wants encrypted is dropped (GM6) */
        assert_false(gm_kek(f->gm)->has);
        assert_true(gm_kek(f->gm)->has_earlier); /* to acknowledge again */
        assert_in_range(gm_next_registration(f->gm).ns, mono_s(100).ns, mono_s(110).ns);
        in_half[gm_next_registration(f->gm).ns > mono_s(105).ns]++;
        first = mono_min(first, gm_next_registration(f->gm));
        f->now = mono_s(110);
        timers_fire(&f->timers, f->now);
        assert_int_equal(f->asked, 2);
        assert_int_equal(tear_down(state), 0);
    }
    assert_in_range(in_half[0], 12, 38);
    assert_true(mono_before(first, mono_s(102)));
}

/* Decision 21: the KEK now, the TEKs after a minute; nobody is without keys while all register. */
static void a_removal_with_a_delay_leaves_time_to_register(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(1, (uint32_t[]){1000}, (uint32_t[]){60});

    join(f);
    p.delete_kek = true;
    assert_int_equal(hand_in(f, 100, &p), GM_REKEY_APPLIED);
    assert_int_equal(wished(f, 1000)->end_in_ms, 60000);
    assert_true(wished(f, 1000)->send);
    assert_in_range(mono_to_s(gm_next_registration(f->gm)), 100, 130);
}

static void deleted_with_a_delay(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3600});

    join(f);
    p.delete_all_teks = true;
    p.policy.deactivate_in_s = 20;
    assert_int_equal(hand_in(f, 100, &p), GM_REKEY_APPLIED);
    assert_int_equal(wished(f, 1000)->end_in_ms, 20000);
    assert_int_equal(wished(f, 2000)->end_in_ms, 3600000);
    assert_int_equal(f->asked, 1);
}

static void delete_of_a_stranger_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct push p;

    join(f);
    push_init(&p);
    p.n_deleted = 1;
    p.deleted[0] = 4711;
    assert_int_equal(hand_in(f, 100, &p), GM_REKEY_REPEATED);
    assert_non_null(wished(f, 1000));
    assert_in_range(mono_to_s(gm_next_registration(f->gm)), 3520, 3540);
}

/* TEK: matching ACL: the new list at once, SAs kept. */
static void another_list(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(1, (uint32_t[]){1000}, (uint32_t[]){3500});

    join(f);
    p.policy.has_rules = true;
    p.policy.digest[0] = 2;
    add_rule(&p.policy, "deny udp 10.1.0.0/16 10.1.0.0/16", 0);
    add_rule(&p.policy, "permit ip 10.2.0.0/16 10.2.0.0/16", 10);
    assert_int_equal(hand_in(f, 100, &p), GM_REKEY_APPLIED);
    assert_int_equal(f->rules[f->n_rules - 2].list, IPC_LIST_DOWNLOADED);
    assert_false(f->rules[f->n_rules - 2].entry.permit);
    assert_true(f->rules[f->n_rules - 1].entry.permit);
    assert_true(wished(f, 1000)->send);
    assert_int_equal(gm_current_policy(f->gm)->digest[0], 2);
    assert_int_equal(gm_current_policy(f->gm)->acl.n, 2);
    /* The same list again is no news. */
    p = rekey_of(1, (uint32_t[]){1000}, (uint32_t[]){3500});
    p.policy.has_rules = true;
    p.policy.digest[0] = 2;
    add_rule(&p.policy, "permit ip 10.2.0.0/16 10.2.0.0/16", 10);
    assert_int_equal(hand_in(f, 101, &p), GM_REKEY_REPEATED);
    assert_int_equal(gm_current_policy(f->gm)->acl.n, 2);
}

/* A number that the new list doesn't name keeps its SA, but nobody registers for it. */
static void a_number_that_goes_isnt_renewed(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(0, NULL, NULL);

    join(f);
    add_sa(&p, 20, 2000, 7200);
    p.policy.has_rules = true;
    p.policy.digest[0] = 2;
    add_rule(&p.policy, "permit ip 10.2.0.0/16 10.2.0.0/16", 20);
    assert_int_equal(hand_in(f, 100, &p), GM_REKEY_APPLIED);
    assert_int_equal(f->n_sas, 2);
    assert_in_range(mono_to_s(gm_next_registration(f->gm)), 7300 - 80, 7300 - 60);
    f->now = mono_s(3600);
    timers_fire(&f->timers, f->now);
    wish(f);
    assert_int_equal(f->n_sas, 1);
    assert_int_equal(f->asked, 1);
}

static void a_rule_without_a_key_is_refused(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3500});
    char why[160];

    join(f);
    p.policy.has_rules = true;
    p.policy.digest[0] = 2;
    add_rule(&p.policy, "permit ip 10.2.0.0/16 10.2.0.0/16", 30);
    assert_int_equal(gm_rekey(f->gm, &p, false, at(f, 100), why), GM_REKEY_REFUSED);
    assert_string_equal(why, "rule 1 names sa 30, which has no key");
    push_wipe(&p);
    wish(f);
    assert_null(wished(f, 2000)); /* nothing of it */
    assert_int_equal(gm_current_policy(f->gm)->digest[0], 1);
}

/* The digest alone says that our list is another one: it must be fetched; the keys count meanwhile. */
static void a_digest_that_differs_makes_it_register(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3600});

    join(f);
    p.policy.digest[0] = 9;
    assert_int_equal(hand_in(f, 100, &p), GM_REKEY_APPLIED);
    assert_non_null(wished(f, 2000));
    assert_in_range(mono_to_s(gm_next_registration(f->gm)), 100, 130);
    /* Key servers of other makers say no digest. */
    assert_int_equal(tear_down(state), 0);
    assert_int_equal(set_up(state), 0);
    f = *state;
    join(f);
    gm_server_announced(f->gm, &(struct peer_features){.ours = false});
    p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3600});
    p.policy.digest[0] = 9;
    (void)hand_in(f, 100, &p);
    assert_in_range(mono_to_s(gm_next_registration(f->gm)), 3600, 3700);
}

/* Receive-only by rekey, lifted by rekey with new SAs: five minutes of both, then ESP only. */
static void receive_only_comes_and_goes(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(1, (uint32_t[]){1000}, (uint32_t[]){3600});

    join(f);
    p.policy.receive_only = true;
    assert_int_equal(hand_in(f, 100, &p), GM_REKEY_REPEATED);
    assert_true(f->group.receive_only && !f->group.passive);
    p = rekey_of(2, (uint32_t[]){1000, 2000}, (uint32_t[]){3400, 3600});
    assert_int_equal(hand_in(f, 200, &p), GM_REKEY_APPLIED);
    assert_true(!f->group.receive_only && f->group.passive);
    f->now = mono_s(499);
    timers_fire(&f->timers, f->now);
    wish(f);
    assert_true(f->group.passive);
    f->changed = 0;
    f->now = mono_s(500);
    timers_fire(&f->timers, f->now);
    assert_int_equal(f->changed, 1);
    wish(f);
    assert_true(!f->group.receive_only && !f->group.passive);
}

static void the_operators_word_ends_with_the_next_rekey(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(1, (uint32_t[]){1000}, (uint32_t[]){3600});

    join(f);
    gm_set_direction(f->gm, GM_DIRECTION_INBOUND_OPTIONAL, at(f, 10));
    wish(f);
    assert_true(f->group.passive);
    assert_int_equal(hand_in(f, 20, &p), GM_REKEY_REPEATED);
    assert_true(f->group.passive);
    p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3600});
    assert_int_equal(hand_in(f, 30, &p), GM_REKEY_APPLIED);
    assert_false(f->group.passive);
}

/* When there is no room, what the rekey doesn't bring makes it, the oldest first. */
static void old_sas_make_room(void **state)
{
    struct fixture *f = *state;

    join(f);
    for (uint32_t i = 1; i <= 40; i++) { /* a change every 10 s, with keys of an hour */
        struct push p = rekey_of(1, (uint32_t[]){1000 + i}, (uint32_t[]){3600});

        assert_int_equal(hand_in(f, 10 * i, &p), GM_REKEY_APPLIED);
        assert_non_null(wished(f, 1000 + i));
        assert_in_range(f->n_sas, 1, POLICY_MAX_SAS);
    }
    assert_null(wished(f, 1000));
    assert_null(wished(f, 1008));
    assert_non_null(wished(f, 1009));
}

/* Edges that a genuine but hostile key server may send: nothing crashes, nothing lives for ever, nothing is half-installed. */
static void hostile_values(void **state)
{
    static const struct {
        uint32_t lifetime, activate, deactivate;
        bool taken;
    } rows[] = {
        {1, 0, 0, true},       {UINT32_MAX, 0, 0, true},          {UINT32_MAX, 0, UINT32_MAX, true},
        {3600, 3600, 0, false}, {3600, UINT32_MAX, 0, false},       {3600, 3599, 0, true},
        {3600, 0, UINT32_MAX, true},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture *f;
        struct push p = rekey_of(1, (uint32_t[]){2000}, &rows[i].lifetime);

        assert_int_equal(set_up(state), 0);
        f = *state;
        join(f);
        p.policy.activate_in_s = rows[i].activate;
        p.policy.deactivate_in_s = rows[i].deactivate;
        p.policy.sas[0].deactivate_in_s = rows[i].deactivate;
        assert_int_equal(hand_in(f, 100, &p), rows[i].taken ? GM_REKEY_APPLIED : GM_REKEY_REFUSED);
        assert_int_equal(wished(f, 2000) != NULL, rows[i].taken);
        assert_non_null(wished(f, 1000));
        assert_int_equal(wished(f, 1000)->end_in_ms, 3500000);
        f->now = mono_s(101);
        timers_fire(&f->timers, f->now);
        p = rekey_of(1, (uint32_t[]){3000}, (uint32_t[]){3600}); /* the next good one isn't disturbed */
        assert_int_equal(hand_in(f, 102, &p), GM_REKEY_APPLIED);
        assert_int_equal(tear_down(state), 0);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(what_is_over_never_comes_back),
        T(a_replacement_sends_at_once_and_the_old_one_goes_after_the_delay),
        T(a_replacement_without_delay_ends_the_old_one_now),
        cmocka_unit_test(a_full_reset_makes_members_register_one_after_another),
        T(a_removal_with_a_delay_leaves_time_to_register),
        T(deleted_with_a_delay),
        T(delete_of_a_stranger_changes_nothing),
        T(another_list),
        T(a_number_that_goes_isnt_renewed),
        T(a_rule_without_a_key_is_refused),
        T(a_digest_that_differs_makes_it_register),
        T(receive_only_comes_and_goes),
        T(the_operators_word_ends_with_the_next_rekey),
        T(old_sas_make_room),
        cmocka_unit_test(hostile_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
