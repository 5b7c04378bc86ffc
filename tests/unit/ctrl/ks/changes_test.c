/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One test per row of the original guide's tables "Rekey Behavior After Security Policy Changes" (1) and "Commands That Trigger a
 * Rekey" (2), named by the row: what a reload with this change sends, to a member that registered before (KS9). Rows about
 * cooperative key servers belong to a later version, whose keys are refused here; those about what is outside of a group are in
 * outside_test.c.
 */
#include "tests/unit/ctrl/ks/rekey_fixture.h"

#define OLD SA("p")
#define LATER 100

/* What the member saw of a reload: at most one rekey, opened. */
struct seen {
    struct policy p;  /* of its registration */
    struct push push; /* of the rekey, if there is one */
    bool rekey;
};

/* Registers, reloads, and looks. Multicast and unicast alike. */
static struct seen reload_to(struct fixture *f, const char *rekey, struct config *fresh)
{
    struct seen s;

    (void)rekey;
    join_member(f, 1, &s.p);
    run_to(f, START + LATER);
    push_init(&s.push);
    reload(f, fresh);
    run_to(f, START + LATER + 1);
    s.rekey = f->n_sent > 0;
    if (s.rekey)
        open_push(f, 0, &s.p.kek, &s.push);
    return s;
}

static void done(struct seen *s)
{
    push_wipe(&s->push);
    policy_wipe(&s->p);
}

/* Begins with one configuration of `sa` and goes to another. */
static struct seen sa_change(struct fixture *f, const char *old, const char *fresh)
{
    begin(f, UNICAST, "", old);
    return reload_to(f, UNICAST, config_of(f, NULL, UNICAST, "", fresh));
}

static struct seen rekey_change(struct fixture *f, const char *old, const char *fresh)
{
    begin(f, old, "", OLD);
    return reload_to(f, old, config_of(f, NULL, fresh, "", OLD));
}

/* A rekey that brings a new key beside the old one, which goes on to its end; no other KEK. */
static void expect_new_tek(struct fixture *f, struct seen *s)
{
    assert_true(s->rekey);
    assert_false(s->push.policy.has_kek);
    assert_int_equal(s->push.policy.n_sas, 2);
    assert_int_equal(s->push.policy.sas[0].spi, s->p.sas[0].spi);
    assert_int_equal(s->push.policy.sas[0].lifetime_s, 3600 - LATER);
    assert_int_equal(s->push.policy.sas[1].activate_in_s, 3600 - LATER - 30);
    assert_int_equal(group(f)->n_teks, 2);
    done(s);
}

/* A rekey under the old KEK that brings another one. */
static void expect_new_kek(struct fixture *f, struct seen *s)
{
    assert_true(s->rekey);
    assert_true(s->push.policy.has_kek);
    assert_memory_equal(s->push.policy.kek.spi, group(f)->keks.all[0].kek.spi, POLICY_KEK_SPI_LEN);
    assert_memory_not_equal(s->push.policy.kek.spi, s->p.kek.spi, POLICY_KEK_SPI_LEN);
    assert_int_equal(s->push.policy.n_sas, 1);
    assert_int_equal(s->push.policy.sas[0].spi, s->p.sas[0].spi);
    done(s);
}

static void expect_nothing(struct fixture *f, struct seen *s)
{
    assert_false(s->rekey);
    assert_int_equal(group(f)->n_teks, 1);
    assert_int_equal(group(f)->keks.n, 1);
    assert_int_equal(group(f)->teks[0].spi, s->p.sas[0].spi);
    done(s);
}

#define REPLAY(method) "{number: 10, profile: p, acl: a, replay: " method "}"

/* ---- table 1, TEK; rows of table 2 that say the same stand beside ---- */

static void tek_sa_lifetime(void **state) /* 2: change SA lifetime (in IPsec profile) */
{
    struct fixture *f = *state;
    struct config *old;
    struct seen s;

    begin(f, UNICAST, "", OLD);
    /* The profile keeps its name and set, and says another lifetime. */
    old = config_of(f, NULL, UNICAST, "", OLD);
    old->groups[0].ks.sas[0].lifetime_s = 7200;
    s = reload_to(f, UNICAST, old);
    expect_nothing(f, &s);
    run_to(f, START + 3215); /* effective with the next scheduled rekey */
    assert_int_equal(f->n_sent, 1);
    assert_int_equal(group(f)->teks[1].lifetime_s, 7200);
}

static void tek_ipsec_transformset(void **state) /* 2: change transform-set */
{
    struct fixture *f = *state;
    struct config *fresh;
    struct seen s;

    begin(f, UNICAST, "", OLD);
    fresh = config_of(f, NULL, UNICAST, "", OLD);
    fresh->groups[0].ks.sas[0].suite = suite_by_name("aes-gcm-128");
    s = reload_to(f, UNICAST, fresh);
    assert_string_equal(group(f)->teks[1].suite->name, "aes-gcm-128");
    expect_new_tek(f, &s);
}

static void tek_ipsec_profile(void **state) /* 2: change profile */
{
    struct fixture *f = *state;
    struct seen s = sa_change(f, OLD, SA("r")); /* the same set, another name */

    expect_new_tek(f, &s);
}

static void tek_matching_acl(void **state) /* 2: change ACL match; change ACL used in IPsec profile */
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

static void tek_enable_replay_counter(void **state) /* 2: enable counter replay */
{
    struct fixture *f = *state;
    struct seen s = sa_change(f, OLD, REPLAY("{counter: 64}"));

    expect_new_tek(f, &s);
}

static void tek_change_replay_counter(void **state) /* 2: change replay counter value */
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
    s = reload_to(f, UNICAST, config_of(f, NULL, UNICAST, ", receive-only: true", OLD));
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
    s = reload_to(f, UNICAST, config_of(f, NULL, UNICAST, "", OLD));
    assert_true(s.p.receive_only);
    assert_false(s.push.policy.receive_only);
    expect_new_tek(f, &s);
}

/* ---- table 1, KEK ---- */

static void kek_sa_lifetime(void **state) /* 2: change rekey lifetime */
{
    struct fixture *f = *state;
    struct seen s = rekey_change(f, UNICAST ", lifetime: 12h", UNICAST ", lifetime: 24h");

    expect_nothing(f, &s);
    assert_int_equal(group(f)->keks.all[0].kek.lifetime_s, 12 * 3600);
    run_to(f, START + 12 * 3600);
    assert_int_equal(group(f)->keks.all[0].kek.lifetime_s, 24 * 3600);
}

static void kek_change_authentication_key(void **state) /* 2: change rekey authentication key; enable it is to have one */
{
    struct fixture *f = *state;
    struct seen s;
    struct push next;
    struct policy_kek fresh;

    begin(f, UNICAST, "", OLD);
    s = reload_to(f, UNICAST, config_of(f, f->other_key, UNICAST, "", OLD));
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

static void kek_changing_crypto_algorithm(void **state) /* 2: change rekey encryption */
{
    struct fixture *f = *state;
    struct seen s = rekey_change(f, UNICAST, UNICAST ", encryption: aes-128");

    assert_int_equal(s.push.policy.kek.key_bits, 128);
    expect_new_kek(f, &s);
}

/* ---- table 2 ---- */

static void change_acl_used_in_gdoi_group(void **state) /* who may register: at once, without a rekey */
{
    struct fixture *f = *state;
    struct registration r = registration_of(2);
    struct refusal why;
    struct policy p;
    struct seen s;

    begin(f, UNICAST, "", OLD);
    s = reload_to(f, UNICAST, config_of(f, NULL, UNICAST, ", authorize: {addresses: [deny any]}", OLD));
    expect_nothing(f, &s);
    assert_false(ks_request(&f->ks, &r, &p, &why, at(f->now)));
}

static void change_identity_number(void **state)
{
    struct fixture *f = *state;
    struct config *fresh;
    struct seen s;

    begin(f, UNICAST, "", OLD);
    fresh = config_of(f, NULL, UNICAST, "", OLD);
    fresh->groups[0].id.value = 485;
    s = reload_to(f, UNICAST, fresh);
    assert_false(s.rekey); /* the old group ends, members keep what they have */
    assert_int_equal(group(f)->members.n, 0);
    assert_int_not_equal(group(f)->teks[0].spi, s.p.sas[0].spi);
    done(&s);
}

static void change_from_unicast_to_multicast_transport(void **state)
{
    struct fixture *f = *state;
    struct seen s = rekey_change(f, UNICAST, MULTICAST);
    char to[ADDR_TEXT_MAX];

    assert_true(endpoint_equal(&f->sent[0].path.remote, &member(f, 1)->peer)); /* still by the old way */
    assert_string_equal(addr_text(&s.push.policy.kek.destination.addr, to), "239.0.1.2");
    acknowledge(f, 1, &s.p.kek, 1);
    assert_true(ks_group_rekey(group(f), f->now));
    run_to(f, START + LATER + 2);
    assert_int_equal(f->n_sent, 2);
    assert_string_equal(addr_text(&f->sent[1].path.remote.addr, to), "239.0.1.2");
    assert_int_equal(number_of(f, 1, &s.push.policy.kek), 1);
    expect_new_kek(f, &s);
}

static void change_from_multicast_to_unicast_transport(void **state)
{
    struct fixture *f = *state;
    struct seen s = rekey_change(f, MULTICAST, UNICAST);
    char to[ADDR_TEXT_MAX];

    assert_string_equal(addr_text(&f->sent[0].path.remote.addr, to), "239.0.1.2"); /* still by the old way */
    run_to(f, START + LATER + 60);
    assert_int_equal(f->n_sent, 3);
    assert_true(ks_group_rekey(group(f), f->now));
    run_to(f, START + LATER + 61);
    assert_int_equal(f->n_sent, 4);
    assert_true(endpoint_equal(&f->sent[3].path.remote, &member(f, 1)->peer));
    assert_int_equal(number_of(f, 3, &s.push.policy.kek), 1);
    expect_new_kek(f, &s);
}

/* A rekey right behind the change: who has heard of the new KEK listens no more, who hasn't knows no other way. */
static void rekey_while_the_transport_changes(void **state)
{
    struct fixture *f = *state;
    struct seen s = rekey_change(f, MULTICAST, UNICAST);
    char to[ADDR_TEXT_MAX];

    assert_true(ks_group_replace(group(f), false, f->now));
    run_to(f, START + LATER + 2);
    assert_int_equal(f->n_sent, 3);
    assert_string_equal(addr_text(&f->sent[1].path.remote.addr, to), "239.0.1.2");
    assert_int_equal(number_of(f, 1, &s.p.kek), 2);
    assert_true(endpoint_equal(&f->sent[2].path.remote, &member(f, 1)->peer));
    assert_int_equal(number_of(f, 2, &s.push.policy.kek), 1);
    acknowledge(f, 1, &s.push.policy.kek, 1);
    run_to(f, START + LATER + 60); /* the others still get theirs, and it gets no more */
    assert_int_equal(f->n_sent, 5);
    assert_int_equal(member(f, 1)->missed, 0);
    expect_new_kek(f, &s);
}

/* And back again before anybody can know who has heard what: every KEK that somebody may hold alone is used. */
static void the_transport_changes_twice_at_once(void **state)
{
    struct fixture *f = *state;
    struct seen s = rekey_change(f, MULTICAST, UNICAST);
    struct policy_kek middle = s.push.policy.kek;
    struct push p;

    reload(f, config_of(f, NULL, "multicast: {destination: 239.0.1.9}", "", OLD));
    run_to(f, START + LATER + 2);
    assert_int_equal(f->n_sent, 3);
    open_push(f, 1, &s.p.kek, &p); /* who heard nothing of the first change */
    assert_memory_equal(p.policy.kek.spi, group(f)->keks.all[0].kek.spi, POLICY_KEK_SPI_LEN);
    push_wipe(&p);
    assert_true(endpoint_equal(&f->sent[2].path.remote, &member(f, 1)->peer)); /* who did */
    open_push(f, 2, &middle, &p);
    assert_memory_equal(p.policy.kek.spi, group(f)->keks.all[0].kek.spi, POLICY_KEK_SPI_LEN);
    push_wipe(&p);
    run_to(f, START + LATER + 100);
    forget_sent(f);
    assert_true(ks_group_rekey(group(f), f->now));
    run_to(f, START + LATER + 101);
    assert_int_equal(number_of(f, 0, &group(f)->keks.all[0].kek), 1);
    wipe(&middle, sizeof(middle));
    done(&s);
}

static void change_rekey_address(void **state)
{
    struct fixture *f = *state;
    struct seen s = rekey_change(f, MULTICAST, "multicast: {destination: 239.0.1.3}");
    char to[ADDR_TEXT_MAX];

    assert_string_equal(addr_text(&f->sent[0].path.remote.addr, to), "239.0.1.2");
    assert_string_equal(addr_text(&s.push.policy.kek.destination.addr, to), "239.0.1.3");
    expect_new_kek(f, &s);
}

static void enable_disable_rekey_retransmit(void **state)
{
    struct fixture *f = *state;
    struct seen s = rekey_change(f, UNICAST, UNICAST ", retransmit: {interval: 10s, count: 0}, waves: {members: 1, interval: 1s}");

    expect_nothing(f, &s);
    assert_true(ks_group_rekey(group(f), f->now));
    run_to(f, START + LATER + 100);
    assert_int_equal(f->n_sent, 1);
}

static void enable_rekey_authentication(void **state) /* the group gets `rekey`: nobody has a KEK until it registers */
{
    struct fixture *f = *state;
    struct policy p;

    begin(f, NULL, "", OLD);
    join_member(f, 1, NULL);
    reload(f, config_of(f, NULL, UNICAST, "", OLD));
    run_to(f, START + 10);
    assert_int_equal(f->n_sent, 0);
    join_member(f, 1, &p);
    assert_true(p.has_kek);
    assert_true(ks_group_rekey(group(f), f->now));
    run_to(f, START + 11);
    assert_int_equal(f->n_sent, 1);
    policy_wipe(&p);
}

static void disable_rekey_authentication(void **state) /* signing-key is a required key: see config_errors_test */
{
    struct fixture *f = *state;
    struct seen s;

    begin(f, UNICAST, "", OLD); /* without `rekey` altogether members renew by registering */
    s = reload_to(f, UNICAST, config_of(f, NULL, NULL, "", OLD));
    assert_false(s.rekey);
    assert_int_equal(group(f)->keks.n, 0);
    assert_int_equal(group(f)->teks[0].spi, s.p.sas[0].spi);
    assert_false(ks_group_rekey(group(f), f->now));
    done(&s);
}

static void enable_time_based_antireplay(void **state)
{
    struct fixture *f = *state;
    struct seen s = sa_change(f, OLD, REPLAY("{time: 10s}"));

    expect_new_tek(f, &s);
}

static void change_time_based_antireplay_window(void **state)
{
    struct fixture *f = *state;
    struct seen s = sa_change(f, REPLAY("{time: 10s}"), REPLAY("{time: 20s}"));

    expect_nothing(f, &s);
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
    s = reload_to(f, UNICAST, config_of(f, NULL, UNICAST, ", sender-id-bits: 16", OLD));
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
        T(change_acl_used_in_gdoi_group),
        T(change_identity_number),
        T(change_from_unicast_to_multicast_transport),
        T(change_from_multicast_to_unicast_transport),
        T(rekey_while_the_transport_changes),
        T(the_transport_changes_twice_at_once),
        T(change_rekey_address),
        T(enable_disable_rekey_retransmit),
        T(enable_rekey_authentication),
        T(disable_rekey_authentication),
        T(enable_time_based_antireplay),
        T(change_time_based_antireplay_window),
        T(what_packets_carry),
        T(an_entry_more),
        T(an_entry_less),
        T(another_width_of_sender_ids),
        T(the_same_again),
        T(who_missed_a_list_gets_it_with_the_next_rekey),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
