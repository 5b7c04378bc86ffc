/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One test per row of the original guide's table "Rekey Behavior After Security Policy Changes", named by the row: what a reload with
 * this change sends, to a member that registered before (KS9). The rows of its second table are in commands_test.c and
 * outside_test.c.
 */
#include "tests/unit/ctrl/ks/changes_fixture.h"

/* ---- TEK ---- */

static void tek_sa_lifetime(void **state)
{
    struct fixture *f = *state;
    struct config *old;
    struct seen s;

    begin(f, UNICAST, "", OLD);
    /* The profile keeps its name and set, and says another lifetime. */
    old = config_of(f, NULL, UNICAST, "", OLD);
    old->groups[0].ks.sas[0].lifetime_s = 7200;
    s = reload_to(f, old);
    expect_nothing(f, &s);
    run_to(f, START + 3215); /* effective with the next scheduled rekey */
    assert_int_equal(f->n_sent, 1);
    assert_int_equal(group(f)->teks[1].lifetime_s, 7200);
}

static void tek_ipsec_transformset(void **state)
{
    struct fixture *f = *state;
    struct config *fresh;
    struct seen s;

    begin(f, UNICAST, "", OLD);
    fresh = config_of(f, NULL, UNICAST, "", OLD);
    fresh->groups[0].ks.sas[0].suite = suite_by_name("aes-gcm-128");
    s = reload_to(f, fresh);
    assert_string_equal(group(f)->teks[1].suite->name, "aes-gcm-128");
    expect_new_tek(f, &s);
}

static void tek_ipsec_profile(void **state)
{
    struct fixture *f = *state;
    struct seen s = sa_change(f, OLD, SA("r")); /* the same set, another name */

    expect_new_tek(f, &s);
}

static void tek_matching_acl(void **state)
{
    struct fixture *f = *state;
    struct seen s = sa_change(f, OLD, "{number: 10, profile: p, acl: b, replay: none}");

    assert_true(s.rekey);
    assert_true(s.push.policy.has_rules);
    assert_int_equal(s.push.policy.acl.n, 1);
    assert_memory_equal(s.push.policy.digest, group(f)->digest, 32);
    assert_int_equal(s.push.policy.n_sas, 1); /* SAs are kept */
    assert_int_equal(s.push.policy.sas[0].spi, s.p.sas[0].spi);
    done(&s);
}

static void tek_enable_replay_counter(void **state)
{
    struct fixture *f = *state;
    struct seen s = sa_change(f, OLD, REPLAY("{counter: 64}"));

    expect_new_tek(f, &s);
}

static void tek_change_replay_counter(void **state)
{
    struct fixture *f = *state;
    struct seen s = sa_change(f, REPLAY("{counter: 64}"), REPLAY("{counter: 128}"));

    expect_nothing(f, &s);
    run_to(f, START + 3215); /* "with the next scheduled rekey" */
    assert_int_equal(group(f)->teks[1].window, 128);
}

static void tek_disable_replay_counter(void **state)
{
    struct fixture *f = *state;
    struct seen s = sa_change(f, REPLAY("{counter: 64}"), OLD);

    expect_new_tek(f, &s);
}

static void tek_enable_receive_only(void **state)
{
    struct fixture *f = *state;
    struct seen s;

    begin(f, UNICAST, "", OLD);
    s = reload_to(f, config_of(f, NULL, UNICAST, ", receive-only: true", OLD));
    assert_true(s.rekey);
    assert_true(s.push.policy.receive_only); /* "activated immediately after rekey" */
    assert_int_equal(s.push.policy.n_sas, 1);
    done(&s);
}

static void tek_disable_receive_only(void **state) /* KS13: new SAs, members go on passively for 5 minutes */
{
    struct fixture *f = *state;
    struct seen s;

    begin(f, UNICAST, ", receive-only: true", OLD);
    s = reload_to(f, config_of(f, NULL, UNICAST, "", OLD));
    assert_true(s.p.receive_only);
    assert_false(s.push.policy.receive_only);
    expect_new_tek(f, &s);
}

/* ---- KEK ---- */

static void kek_sa_lifetime(void **state)
{
    struct fixture *f = *state;
    struct seen s = rekey_change(f, UNICAST ", lifetime: 12h", UNICAST ", lifetime: 24h");

    expect_nothing(f, &s);
    assert_int_equal(group(f)->keks.all[0].kek.lifetime_s, 12 * 3600);
    run_to(f, START + 12 * 3600);
    assert_int_equal(group(f)->keks.all[0].kek.lifetime_s, 24 * 3600);
}

static void kek_change_authentication_key(void **state)
{
    struct fixture *f = *state;
    struct seen s;
    struct push next;
    struct policy_kek fresh;

    begin(f, UNICAST, "", OLD);
    s = reload_to(f, config_of(f, f->other_key, UNICAST, "", OLD));
    assert_true(s.rekey); /* opened above: it is signed by the key that the member knows */
    fresh = s.push.policy.kek;
    assert_memory_not_equal(fresh.public_key + 26, s.p.kek.public_key + 26, 65);
    acknowledge(f, 1, &s.p.kek, 1);
    assert_true(ks_group_rekey(group(f), f->now));
    run_to(f, START + LATER + 2);
    open_push(f, 1, &fresh, &next); /* and this one by the new key */
    assert_int_equal(next.number, 1);
    push_wipe(&next);
    expect_new_kek(f, &s);
}

static void kek_changing_crypto_algorithm(void **state)
{
    struct fixture *f = *state;
    struct seen s = rekey_change(f, UNICAST, UNICAST ", encryption: aes-128");

    assert_int_equal(s.push.policy.kek.key_bits, 128);
    expect_new_kek(f, &s);
}

/* ---- what the original doesn't have ---- */

static void what_packets_carry(void **state)
{
    struct fixture *f = *state;
    struct seen s = sa_change(f, OLD, "{number: 10, profile: p, acl: a, replay: none, tag: sgt}");

    expect_new_tek(f, &s);
}

static void an_entry_more(void **state)
{
    struct fixture *f = *state;
    struct seen s = sa_change(f, OLD, OLD ", {number: 20, profile: p, acl: b, replay: none}");

    assert_true(s.rekey);
    assert_true(s.push.policy.has_rules);
    assert_int_equal(s.push.policy.n_sas, 2);
    assert_int_equal(s.push.policy.sas[1].activate_in_s, 0); /* nothing before it that could send */
    done(&s);
}

static void an_entry_less(void **state)
{
    struct fixture *f = *state;
    struct seen s = sa_change(f, OLD ", {number: 20, profile: p, acl: b, replay: none}", OLD);

    assert_true(s.rekey);
    assert_true(s.push.policy.has_rules);
    assert_int_equal(s.push.policy.n_sas, 1);
    done(&s);
}

/* RFC 6054: ids of two widths would repeat IVs; everybody must register, and hears so. */
static void another_width_of_sender_ids(void **state)
{
    struct fixture *f = *state;
    struct seen s;

    begin(f, UNICAST, "", OLD);
    s = reload_to(f, config_of(f, NULL, UNICAST, ", sender-id-bits: 16", OLD));
    assert_true(s.rekey);
    assert_true(s.push.delete_kek);
    assert_int_equal(group(f)->members.n, 0);
    assert_int_equal(group(f)->ids.bits, 16);
    done(&s);
}

/* A reload that changes nothing, and one whose rekey is under way, send nothing twice. */
static void the_same_again(void **state)
{
    struct fixture *f = *state;
    struct seen s = sa_change(f, OLD, "{number: 10, profile: p, acl: b, replay: none}");
    struct push next;

    assert_int_equal(f->n_sent, 1);
    reload(f, config_of(f, NULL, UNICAST, "", "{number: 10, profile: p, acl: b, replay: none}"));
    run_to(f, START + LATER + 5);
    assert_int_equal(f->n_sent, 1);
    run_to(f, START + LATER + 11); /* its retransmission goes on */
    assert_int_equal(f->n_sent, 2);
    open_push(f, 1, &s.p.kek, &next);
    assert_true(next.policy.has_rules);
    push_wipe(&next);
    done(&s);
}

/* A list that a member may not have heard of is said again, whatever the next rekey is for. */
static void who_missed_a_list_gets_it_with_the_next_rekey(void **state)
{
    struct fixture *f = *state;
    struct seen s = sa_change(f, OLD, "{number: 10, profile: p, acl: b, replay: none}");
    struct push next;

    run_to(f, START + 1000);
    forget_sent(f);
    run_to(f, START + 3215);
    open_push(f, 0, &s.p.kek, &next);
    assert_true(next.policy.has_rules);
    acknowledge(f, 1, &s.p.kek, next.number);
    push_wipe(&next);
    forget_sent(f);
    assert_true(ks_group_rekey(group(f), f->now));
    run_to(f, START + 3216);
    open_push(f, 0, &s.p.kek, &next);
    assert_false(next.policy.has_rules);
    push_wipe(&next);
    done(&s);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(tek_sa_lifetime),
        T(tek_ipsec_transformset),
        T(tek_ipsec_profile),
        T(tek_matching_acl),
        T(tek_enable_replay_counter),
        T(tek_change_replay_counter),
        T(tek_disable_replay_counter),
        T(tek_enable_receive_only),
        T(tek_disable_receive_only),
        T(kek_sa_lifetime),
        T(kek_change_authentication_key),
        T(kek_changing_crypto_algorithm),
        T(what_packets_carry),
        T(an_entry_more),
        T(an_entry_less),
        T(another_width_of_sender_ids),
        T(the_same_again),
        T(who_missed_a_list_gets_it_with_the_next_rekey),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
