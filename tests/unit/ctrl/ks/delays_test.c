/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Activation and deactivation delays (RFC 6407 5.4.1: type B, so 65535 s at most) beside lifetimes of up to 30 days (KS17). Whatever
 * can be said, no old key goes before everybody sends with the new one, and who missed a rekey has until its key's end to register.
 */
#include "tests/unit/ctrl/ks/rekey_fixture.h"

#define DAY     86400
#define PLAIN   ((struct peer_features){.ours = false})
#define KEK_30D UNICAST ", lifetime: 30d"

/* A group whose keys live so long, in days. */
static void begin_with(struct fixture *f, unsigned days, const char *rekey)
{
    begin(f, rekey, "", SA("p"));
    f->config->groups[0].ks.sas[0].lifetime_s = days * DAY;
    assert_true(ks_epoch_clear(group(f), f->now));
}

static void open_as(const struct fixture *f, size_t i, const struct policy_kek *kek, const struct peer_features *peer, struct push *p)
{
    struct policy_fault why = {.text = ""};

    push_init(p);
    assert_true(i < f->n_sent);
    if (push_open(kek, 0, peer, POLICY_SIGNATURE_CANONICAL, span_of(f->sent[i].bytes, f->sent[i].len), p, &why) != PUSH_OK)
        fail_msg("%s", why.text);
}

/* Members of ours change over 30 s before the old key's end by themselves, and keep it to its end: a delay that can't be said isn't. */
static void ours_need_no_delay_that_cannot_be_said(void **state)
{
    struct fixture *f = *state;
    struct policy p;
    struct push push;
    mono_t end;

    begin_with(f, 30, KEK_30D);
    join_member(f, 1, &p);
    end = group(f)->teks[0].end;
    run_until(f, mono_sub(end, mono_s(3 * DAY + 20)));
    assert_int_equal(group(f)->n_teks, 2);
    open_push(f, f->n_sent - 1, &p.kek, &push);
    assert_int_equal(push.policy.n_sas, 2);
    assert_in_range(push.policy.sas[0].lifetime_s, 3 * DAY, 3 * DAY + 60);
    assert_int_equal(push.policy.sas[0].deactivate_in_s, 0); /* to its end */
    assert_int_equal(push.policy.sas[1].activate_in_s, 0);
    push_wipe(&push);
    run_until(f, mono_sub(end, mono_s(7200))); /* a reminder (KS17) on the last day says it */
    open_push(f, f->n_sent - 1, &p.kek, &push);
    assert_int_equal(push.policy.sas[1].activate_in_s, push.policy.sas[0].lifetime_s - 30);
    assert_int_equal(push.policy.sas[0].deactivate_in_s, push.policy.sas[0].lifetime_s);
    push_wipe(&push);
    policy_wipe(&p);
}

/* A new key that ends long before the old one must get its turn; the old one still receives to its end. */
static void a_key_that_ends_first_gets_its_turn(void **state)
{
    struct fixture *f = *state;
    struct config *fresh;
    struct policy p;
    struct push push;

    begin_with(f, 30, KEK_30D);
    join_member(f, 1, &p);
    run_to(f, START + 100);
    fresh = config_of(f, NULL, KEK_30D, "", SA("r"));
    fresh->groups[0].ks.sas[0].lifetime_s = 2 * DAY;
    reload(f, fresh);
    run_to(f, START + 101);
    open_push(f, 0, &p.kek, &push);
    assert_int_equal(push.policy.n_sas, 2);
    assert_int_equal(push.policy.sas[1].activate_in_s, UINT16_MAX);
    assert_int_equal(push.policy.sas[0].deactivate_in_s, 0);
    push_wipe(&push);
    policy_wipe(&p);
}

/*
 * Members of other makers do what the delays say. The last one to hear of the new key, in the last round, still sends with the old
 * one for ATD, and by then nobody may have dropped it.
 */
static void others_keep_the_old_key_until_the_last_one_has_changed_over(void **state)
{
    struct fixture *f = *state;
    struct registration r = registration_of(1);
    struct policy p;
    struct push push;
    mono_t first_drops = MONO_NEVER, last_sends = MONO_ZERO;

    begin_with(f, 1, UNICAST ", waves: {members: 1, interval: 30s}");
    r.features = PLAIN;
    join_as(f, &r, &p);
    for (unsigned i = 2; i <= 6; i++) {
        r = registration_of(i);
        r.features = PLAIN;
        join_as(f, &r, NULL);
    }
    run_to(f, START + 100);
    reload(f, config_of(f, NULL, UNICAST ", waves: {members: 1, interval: 30s}", "", SA("w")));
    group(f)->teks[1].end = group(f)->teks[0].end;
    run_to(f, START + 900);
    assert_int_equal(f->n_sent, 18); /* three rounds, nobody acknowledges */
    for (size_t i = 0; i < f->n_sent; i++) {
        open_as(f, i, &p.kek, &PLAIN, &push);
        assert_int_equal(push.policy.n_sas, 2);
        assert_true(push.policy.activate_in_s > 0);
        first_drops = mono_min(first_drops, mono_add(f->sent[i].at, mono_s(push.policy.deactivate_in_s)));
        last_sends = mono_max(last_sends, mono_add(f->sent[i].at, mono_s(push.policy.activate_in_s)));
        push_wipe(&push);
    }
    assert_true(mono_before(last_sends, first_drops));
    policy_wipe(&p);
}

/* Two first members: the clock that both tell the age of rekeys by is one, but for 10 s; the age may be 30 s. */
static void first_members_share_the_clock_of_rekeys(void **state)
{
    struct fixture *f = *state;
    struct registration a = registration_of(1), b = registration_of(2), c = registration_of(3);
    struct refusal why;
    struct policy pa, pb, pc;

    begin(f, UNICAST, "", SA("p"));
    assert_true(ks_request(&f->ks, &a, &pa, &why, at(f->now)));
    run_to(f, START + 10);
    assert_true(ks_request(&f->ks, &b, &pb, &why, at(f->now)));
    run_to(f, START + 21);
    assert_true(ks_request(&f->ks, &c, &pc, &why, at(f->now)));
    assert_true(ks_accept(&f->ks, &b, &pb, &why, at(f->now)));
    assert_true(ks_accept(&f->ks, &a, &pa, &why, at(f->now)));
    assert_false(ks_accept(&f->ks, &c, &pc, &why, at(f->now)));
    assert_string_equal(why.text, "the group's clock was started meanwhile; try again");
    policy_wipe(&pa);
    policy_wipe(&pb);
    policy_wipe(&pc);
    join_member(f, 3, &pc);
    assert_int_equal(pc.pseudotime_ms, 11000);
    policy_wipe(&pc);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(ours_need_no_delay_that_cannot_be_said),
        T(a_key_that_ends_first_gets_its_turn),
        T(first_members_share_the_clock_of_rekeys),
        T(others_keep_the_old_key_until_the_last_one_has_changed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
