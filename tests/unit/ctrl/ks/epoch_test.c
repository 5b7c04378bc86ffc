/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an operator asks of a group: rekey --replace, clear, bar; and sender ids that run out (KS18; RFC 6407 3.5; RFC 6054). After
 * the end of an epoch no new key travels under a KEK of it.
 */
#include "tests/unit/ctrl/ks/rekey_fixture.h"

#include "ctrl/isakmp/isakmp.h"

static bool knows_tek(const struct policy *p, uint32_t spi)
{
    for (size_t i = 0; i < p->n_sas; i++) {
        if (p->sas[i].spi == spi)
            return true;
    }
    return false;
}

/* A farewell: the KEK goes now, the TEKs of that epoch after what is left of 60 s, nothing new is in it. */
static void expect_farewell(const struct fixture *f, size_t i, const struct policy *p, uint32_t left_s)
{
    struct push push;

    open_push(f, i, &p->kek, &push);
    assert_true(push.delete_kek);
    assert_true(push.delete_all_teks);
    assert_false(push.policy.has_kek);
    assert_false(push.policy.has_rules);
    assert_int_equal(push.policy.deactivate_in_s, left_s);
    assert_int_equal(push.policy.n_sas, p->n_sas);
    for (size_t k = 0; k < push.policy.n_sas; k++) {
        assert_true(knows_tek(p, push.policy.sas[k].spi));
        assert_int_equal(push.policy.sas[k].lifetime_s, left_s);
    }
    push_wipe(&push);
}

/* No datagram so far brings one of the group's present keys under the old KEK. */
static void expect_no_new_key(struct fixture *f, const struct policy *old)
{
    for (size_t i = 0; i < f->n_sent; i++) {
        struct push push;

        if (!push_is_for(&old->kek, span_of(f->sent[i].bytes, f->sent[i].len)))
            continue;
        open_push(f, i, &old->kek, &push);
        assert_false(push.policy.has_kek);
        for (size_t k = 0; k < push.policy.n_sas; k++)
            assert_true(knows_tek(old, push.policy.sas[k].spi));
        push_wipe(&push);
    }
}

static void clear_begins_an_epoch_and_says_so(void **state)
{
    struct fixture *f = *state;
    struct policy old, fresh;

    begin(f, UNICAST, "", SA("p"));
    join_member(f, 1, &old);
    join_member(f, 2, NULL);
    assert_true(ks_epoch_clear(group(f), f->now));
    assert_int_equal(group(f)->members.n, 0);
    assert_true(ks_knows(&f->ks, &(struct addr){.family = 4, .b = {10, 1, 0, 1}})); /* it will be back */
    run_to(f, START + 1);
    assert_int_equal(f->n_sent, 2);
    expect_farewell(f, 0, &old, 60);
    acknowledge(f, 1, &old.kek, 1);
    run_to(f, START + 10);
    assert_int_equal(f->n_sent, 3); /* to the one that is silent */
    expect_farewell(f, 2, &old, 50);
    join_member(f, 1, &fresh);
    assert_memory_not_equal(fresh.kek.spi, old.kek.spi, POLICY_KEK_SPI_LEN);
    assert_int_equal(fresh.n_sas, 1);
    assert_false(knows_tek(&old, fresh.sas[0].spi));
    assert_int_equal(fresh.sender_ids[0], 0);
    run_to(f, START + 4000);
    assert_null(group(f)->farewells);
    expect_no_new_key(f, &old);
    assert_int_equal(group(f)->acks.accepted, 1);
    policy_wipe(&fresh);
    policy_wipe(&old);
}

/* Decision 21: the barred one hears nothing, has no way back, and what comes it can't read. */
static void bar_has_teeth(void **state)
{
    struct fixture *f = *state;
    struct registration r = registration_of(2);
    struct refusal why;
    struct policy old, p;
    char error[KS_EPOCH_ERROR_MAX];

    begin(f, UNICAST, "", SA("p"));
    for (unsigned i = 1; i <= 3; i++)
        join_member(f, i, i == 1 ? &old : NULL);
    assert_true(ks_epoch_bar(group(f), &r.peer.addr, f->now, error));
    run_to(f, START + 1);
    assert_int_equal(f->n_sent, 2);
    for (size_t i = 0; i < f->n_sent; i++)
        assert_false(endpoint_equal(&f->sent[i].path.remote, &r.peer));
    expect_farewell(f, 0, &old, 60);
    assert_false(ks_request(&f->ks, &r, &p, &why, at(f->now)));
    assert_int_equal(why.notify, ISAKMP_N_AUTHENTICATION_FAILED);
    assert_non_null(strstr(why.text, "barred"));
    join_member(f, 1, NULL);
    reload(f, config_of(f, NULL, UNICAST, "", SA("q"))); /* a reload doesn't forgive */
    assert_false(ks_request(&f->ks, &r, &p, &why, at(f->now)));
    run_to(f, START + 86400);
    expect_no_new_key(f, &old);
    assert_true(ks_epoch_clear(group(f), f->now)); /* and neither does a clear, which is for other troubles */
    assert_false(ks_request(&f->ks, &r, &p, &why, at(f->now)));
    reload(f, config_of(f, NULL, UNICAST, ", sender-id-bits: 16", SA("q"))); /* nor another epoch */
    assert_false(ks_request(&f->ks, &r, &p, &why, at(f->now)));
    assert_false(ks_epoch_unbar(group(f), &(struct addr){.family = 4, .b = {10, 1, 0, 3}}));
    assert_true(ks_epoch_unbar(group(f), &r.peer.addr));
    assert_false(ks_epoch_unbar(group(f), &r.peer.addr));
    join_member(f, 2, NULL);
    policy_wipe(&old);
}

static void bar_needs_rekeys_and_room(void **state)
{
    struct fixture *f = *state;
    struct addr a = addr_v4(0x0a010002);
    char error[KS_EPOCH_ERROR_MAX];

    begin(f, NULL, "", SA("p"));
    assert_false(ks_epoch_bar(group(f), &a, f->now, error));
    assert_non_null(strstr(error, "no `rekey`"));
    assert_int_equal(group(f)->n_barred, 0);
    reload(f, config_of(f, NULL, UNICAST, "", SA("p")));
    for (unsigned i = 0; i < KS_MAX_BARRED; i++) {
        a = addr_v4(0x0a020000 + i);
        assert_true(ks_epoch_bar(group(f), &a, f->now, error));
        assert_true(ks_epoch_bar(group(f), &a, f->now, error)); /* twice is once */
    }
    a = addr_v4(0x0a030000);
    assert_false(ks_epoch_bar(group(f), &a, f->now, error));
    assert_non_null(strstr(error, "barred already"));
    f->broken = true;
    a = addr_v4(0x0a020000);
    assert_false(ks_epoch_bar(group(f), &a, f->now, error));
    f->broken = false;
}

/*
 * KS18: new TEKs at once, which send when the first round has reached everybody, so that nothing is lost; the old ones receive for
 * waves and retransmissions and 10 s.
 */
static void replace(void **state)
{
    struct fixture *f = *state;
    struct policy p, late;
    struct push push;
    uint32_t old, fresh;

    begin(f, UNICAST, "", SA("p"));
    join_member(f, 1, &p);
    old = group(f)->teks[0].spi;
    run_to(f, START + 100);
    assert_true(ks_group_replace(group(f), false, f->now));
    fresh = group(f)->teks[1].spi;
    run_to(f, START + 101);
    assert_int_equal(f->n_sent, 1);
    open_push(f, 0, &p.kek, &push);
    assert_true(push.policy.replace);
    assert_int_equal(push.policy.deactivate_in_s, 5 + 20 + 10);
    assert_int_equal(push.policy.n_sas, 1);
    assert_int_equal(push.policy.sas[0].spi, fresh);
    assert_int_equal(push.policy.activate_in_s, 5 + 5);
    push_wipe(&push);
    join_member(f, 2, &late); /* in the overlap: both, oldest first */
    assert_int_equal(late.n_sas, 2);
    assert_int_equal(late.sas[0].spi, old);
    assert_int_equal(late.sas[0].lifetime_s, 34);
    run_to(f, START + 110);
    open_push(f, 1, &p.kek, &push);
    assert_true(push.policy.replace);
    assert_int_equal(push.policy.deactivate_in_s, 25);
    push_wipe(&push);
    run_to(f, START + 135);
    assert_int_equal(group(f)->n_teks, 1);
    assert_int_equal(group(f)->teks[0].spi, fresh);
    /* Who didn't acknowledge is told so by the next rekey as well. */
    assert_true(ks_group_rekey(group(f), f->now));
    run_to(f, START + 136);
    for (size_t i = 2; i < f->n_sent; i++) {
        open_push(f, i, &p.kek, &push);
        assert_true(push.policy.replace || !endpoint_equal(&f->sent[i].path.remote, &member(f, 1)->peer));
        push_wipe(&push);
    }
    policy_wipe(&late);
    policy_wipe(&p);
}

static void replace_now(void **state)
{
    struct fixture *f = *state;
    struct policy p;
    struct push push;

    begin(f, UNICAST, "", SA("p"));
    join_member(f, 1, &p);
    assert_true(ks_group_replace(group(f), true, f->now));
    run_to(f, START + 1);
    assert_int_equal(group(f)->n_teks, 1);
    open_push(f, 0, &p.kek, &push);
    assert_true(push.policy.replace);
    assert_int_equal(push.policy.deactivate_in_s, 0);
    assert_int_equal(push.policy.n_sas, 1);
    assert_int_equal(push.policy.activate_in_s, 0);
    assert_int_not_equal(push.policy.sas[0].spi, p.sas[0].spi);
    push_wipe(&push);
    policy_wipe(&p);
}

/* RFC 6407 3.5, decision 12: at 90 % a new epoch; pseudotime goes on. */
static void sender_ids_that_run_out_begin_an_epoch(void **state)
{
    struct fixture *f = *state;
    struct registration r = registration_of(1);
    struct policy p;
    unsigned joined = 0;
    uint32_t epoch;

    begin(f, UNICAST, ", sender-id-bits: 12", SA("p")); /* 256 in a half */
    epoch = group(f)->ids.epoch;
    r.sender_ids_wanted = 16;
    while (!group(f)->farewells && joined < 100) {
        r.peer.addr = addr_v4(0x0a010000u + ++joined);
        addr_text(&r.peer.addr, r.identity);
        join_as(f, &r, &p);
        run_until(f, mono_add(f->now, mono_ms(10)));
        if (!group(f)->farewells)
            policy_wipe(&p);
    }
    assert_int_equal(joined, 23); /* half of the lower half, and 240 of the 256 of the upper one */
    assert_int_equal(group(f)->members.n, 0);
    assert_true(group(f)->ids.epoch > epoch);
    assert_int_equal(f->n_sent, 23);
    expect_farewell(f, 0, &p, 60);
    assert_true(group(f)->pseudotime.runs);
    policy_wipe(&p);
    join_as(f, &r, &p);
    assert_int_equal(p.sender_ids[0], 0);
    policy_wipe(&p);
}

/* Who gets rekeys uses its sender ids with every later key: nobody else may have them before a new epoch (RFC 6054). */
static void ids_of_members_with_rekeys_stay_theirs(void **state)
{
    struct fixture *f = *state;
    struct registration r = registration_of(1);
    static bool given[512];
    struct policy p;

    begin(f, UNICAST, ", sender-id-bits: 12", SA("s")); /* keys of 300 s */
    r.sender_ids_wanted = 16;
    for (unsigned n = 0; n < 22; n++) { /* slower than keys end */
        r.peer.addr = addr_v4(0x0a010000u + n + 1);
        addr_text(&r.peer.addr, r.identity);
        join_as(f, &r, &p);
        for (size_t i = 0; i < p.n_sender_ids; i++) {
            assert_true(p.sender_ids[i] < 512);
            assert_false(given[p.sender_ids[i]]);
            given[p.sender_ids[i]] = true;
        }
        policy_wipe(&p);
        run_until(f, mono_add(f->now, mono_s(400)));
        assert_null(group(f)->farewells);
    }
}

/* Without rekeys any more, ids come back when the last key that was pushed to their owners has ended. */
static void ids_come_back_when_rekeys_are_over(void **state)
{
    struct fixture *f = *state;
    mono_t end;

    begin(f, UNICAST, ", sender-id-bits: 12", SA("s"));
    join_member(f, 1, NULL);
    assert_true(mono_is_never(group(f)->ids.used_until[0]));
    run_until(f, mono_add(f->now, mono_s(1000)));
    end = ks_tek_last_end(group(f));
    reload(f, config_of(f, NULL, NULL, ", sender-id-bits: 12", SA("s")));
    assert_true(mono_before(f->now, end));
    assert_int_equal(group(f)->ids.used_until[0].ns, end.ns);
}

/* KS12: a member's place isn't free because the key that it registered with has ended. */
static void counter_replay_counts_who_lives_by_rekeys(void **state)
{
    struct fixture *f = *state;
    struct registration r = registration_of(3);
    struct refusal why = {.text = ""};
    struct policy p, other;

    begin(f, UNICAST, "", "{number: 10, profile: s, acl: a, replay: counter}");
    join_member(f, 1, &p);
    join_member(f, 2, &other);
    for (uint32_t rekey = 1; rekey < 100 && mono_before(f->now, mono_s(START + 1000)); rekey++) {
        size_t before = f->n_sent;

        while (f->n_sent == before)
            run_until(f, mono_add(f->now, mono_s(1)));
        run_until(f, mono_add(f->now, mono_s(1)));
        acknowledge(f, 1, &p.kek, rekey);
        acknowledge(f, 2, &other.kek, rekey);
    }
    policy_wipe(&p);
    policy_wipe(&other);
    assert_false(ks_request(&f->ks, &r, &p, &why, at(f->now)));
    assert_non_null(strstr(why.text, "counter replay"));
}

/* Waves may take longer than a key lives: what replaces must get its turn all the same, else members refuse the whole rekey. */
static void a_replacement_begins_before_its_end(void **state)
{
    struct fixture *f = *state;
    struct policy p;
    struct push push;

    begin(f, UNICAST ", waves: {members: 1, interval: 60s}", "", SA("s"));
    join_member(f, 1, &p);
    for (unsigned i = 2; i <= 10; i++)
        join_member(f, i, NULL);
    assert_true(ks_group_replace(group(f), false, f->now));
    run_until(f, mono_add(f->now, mono_s(1)));
    assert_true(f->n_sent > 0);
    open_push(f, 0, &p.kek, &push);
    assert_true(push.policy.replace);
    assert_int_equal(push.policy.n_sas, 1);
    assert_true(push.policy.activate_in_s + 60 <= push.policy.sas[0].lifetime_s);
    push_wipe(&push);
    policy_wipe(&p);
}

/* Two epochs shortly after each other: each KEK's members are told under their own. */
static void two_epochs_at_once(void **state)
{
    struct fixture *f = *state;
    struct policy first, second;

    begin(f, UNICAST, "", SA("p"));
    join_member(f, 1, &first);
    assert_true(ks_epoch_clear(group(f), f->now));
    join_member(f, 2, &second);
    assert_true(ks_epoch_clear(group(f), f->now));
    run_to(f, START + 1);
    assert_int_equal(f->n_sent, 2);
    for (size_t i = 0; i < 2; i++) {
        bool is_first = push_is_for(&first.kek, span_of(f->sent[i].bytes, f->sent[i].len));

        expect_farewell(f, i, is_first ? &first : &second, 60);
    }
    reload(f, config_of(f, NULL, UNICAST, "", SA("q"))); /* farewells go on under another configuration */
    run_to(f, START + 11);
    assert_int_equal(f->n_sent, 4);
    reload(f, config_of(f, NULL, NULL, "", SA("q")));
    run_to(f, START + 100);
    assert_null(group(f)->farewells);
    policy_wipe(&first);
    policy_wipe(&second);
}

/* The clock of the epoch that is over goes on in its farewell, whatever the group's new one says. */
static void a_farewell_has_the_clock_of_its_epoch(void **state)
{
    struct fixture *f = *state;
    struct policy p;
    struct push push;

    begin(f, UNICAST, "", "{number: 10, profile: p, acl: a, replay: {time: 100s}}");
    join_member(f, 1, &p);
    run_to(f, START + 500);
    assert_true(ks_epoch_clear(group(f), f->now));
    join_member(f, 2, NULL); /* starts the new clock */
    run_to(f, START + 510);
    assert_int_equal(f->n_sent, 2);
    for (size_t i = 0; i < 2; i++) {
        open_push(f, i, &p.kek, &push);
        assert_true(push.policy.has_pseudotime);
        assert_int_equal(push.policy.pseudotime_ms, 500000 + 10000 * i);
        push_wipe(&push);
    }
    policy_wipe(&p);
}

/* Without `rekey` it is as before: entries go, members aren't told. */
static void clear_without_rekeys(void **state)
{
    struct fixture *f = *state;

    begin(f, NULL, "", SA("p"));
    join_member(f, 1, NULL);
    assert_true(ks_epoch_clear(group(f), f->now));
    assert_int_equal(group(f)->members.n, 0);
    assert_null(group(f)->farewells);
    run_to(f, START + 100);
    assert_int_equal(f->n_sent, 0);
}

static void clear_without_random_octets_changes_nothing(void **state)
{
    struct fixture *f = *state;
    uint32_t spi;

    begin(f, UNICAST, "", SA("p"));
    join_member(f, 1, NULL);
    spi = group(f)->teks[0].spi;
    f->broken = true;
    assert_false(ks_epoch_clear(group(f), f->now));
    assert_false(ks_group_replace(group(f), false, f->now));
    f->broken = false;
    assert_int_equal(group(f)->teks[0].spi, spi);
    assert_int_equal(group(f)->n_teks, 1);
    assert_int_equal(group(f)->members.n, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(clear_begins_an_epoch_and_says_so),
        T(bar_has_teeth),
        T(bar_needs_rekeys_and_room),
        T(replace),
        T(replace_now),
        T(sender_ids_that_run_out_begin_an_epoch),
        T(a_replacement_begins_before_its_end),
        T(ids_of_members_with_rekeys_stay_theirs),
        T(ids_come_back_when_rekeys_are_over),
        T(counter_replay_counts_who_lives_by_rekeys),
        T(two_epochs_at_once),
        T(a_farewell_has_the_clock_of_its_epoch),
        T(clear_without_rekeys),
        T(clear_without_random_octets_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
