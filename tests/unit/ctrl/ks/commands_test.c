/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One test per row of the original guide's table "Commands That Trigger a Rekey" that is about a group, named by the row: what a reload
 * with this change, which is the end of configuration mode here, sends to a member that registered before (KS9). Rows about what is
 * outside of a group are in outside_test.c; those about cooperative key servers belong to a later version, whose keys are refused
 * here; the first table is in changes_test.c.
 */
#include "tests/unit/ctrl/ks/changes_fixture.h"

#define TWO OLD ", {number: 20, profile: p, acl: b, replay: none}"

/* A rekey that brings the list, and no key. */
static void expect_new_list(struct fixture *f, struct seen *s, size_t n)
{
    assert_true(s->rekey);
    assert_false(s->push.policy.has_kek);
    assert_true(s->push.policy.has_rules);
    assert_int_equal(s->push.policy.acl.n, n);
    assert_memory_equal(s->push.policy.digest, group(f)->digest, sizeof(s->push.policy.digest));
    assert_int_equal(s->push.policy.n_sas, s->p.n_sas); /* SAs are kept */
    for (size_t i = 0; i < s->p.n_sas; i++)
        assert_int_equal(s->push.policy.sas[i].spi, s->p.sas[i].spi);
    done(s);
}

/* ---- mode (config) ---- */

static void change_acl_used_in_ipsec_profile(void **state) /* the list keeps its name, and says something else */
{
    struct fixture *f = *state;
    struct config *fresh;
    struct seen s;

    begin(f, UNICAST, "", TWO);
    fresh = config_of(f, NULL, UNICAST, "", TWO);
    fresh->groups[0].ks.sas[1].acl.entries[0].sel.src.addr.b[1] = 77;
    s = reload_to(f, fresh);
    assert_true(s.rekey);
    assert_int_equal(s.push.policy.acl.entries[1].sel.src.addr.b[1], 77);
    expect_new_list(f, &s, 2);
}

/* A policy that is incomplete isn't put into effect. The file is refused, and all is as it was. */
static void delete_acl_used_in_ipsec_profile(void **state)
{
    struct fixture *f = *state;
    struct yaml_error e = {.text = ""};
    char text[2000];

    begin(f, UNICAST, "", OLD);
    snprintf(text, sizeof(text),
             "gvpn: 1\n"
             "ike: {listen: [10.0.0.1], pre-shared-keys: [{peer: 10.0.0.0/8, secret: 0123456789abcdef0123456789abcdef}]}\n"
             "acls: {b: [\"permit ip 10.2.0.0/16 10.2.0.0/16\"]}\n"
             "transform-sets: {t: {suite: aes-gcm-256}}\n"
             "profiles: {p: {transform-set: t, lifetime: 1h}}\n"
             "groups: [{name: G, identity: 484, key-server: {address: 10.0.0.1, rekey: {signing-key: %s, " UNICAST "}, sa: [" OLD "]}}]\n",
             f->key);
    assert_null(config_parse("test.yaml", text, strlen(text), &e));
    assert_non_null(strstr(e.text, "acl"));
}

/* ---- mode (ipsec-profile) ---- */

static void change_sa_lifetime(void **state) /* effective with the next rekey */
{
    struct fixture *f = *state;
    struct config *fresh;
    struct seen s;

    begin(f, UNICAST, "", OLD);
    fresh = config_of(f, NULL, UNICAST, "", OLD);
    fresh->groups[0].ks.sas[0].lifetime_s = 7200;
    s = reload_to(f, fresh);
    assert_int_equal(group(f)->teks[0].lifetime_s, 3600);
    expect_nothing(f, &s);
    run_to(f, START + 3215);
    assert_int_equal(group(f)->teks[1].lifetime_s, 7200);
}

static void change_transform_set(void **state) /* "the SAs of the old transform set remain active until the lifetime expires" */
{
    struct fixture *f = *state;
    struct seen s = sa_change(f, OLD, SA("q"));

    assert_string_equal(group(f)->teks[0].suite->name, "aes-gcm-256");
    assert_string_equal(group(f)->teks[1].suite->name, "aes-gcm-128");
    expect_new_tek(f, &s);
    run_to(f, START + 3599);
    assert_string_equal(group(f)->teks[0].suite->name, "aes-gcm-256");
    run_to(f, START + 3600);
    assert_string_equal(group(f)->teks[0].suite->name, "aes-gcm-128");
}

/* ---- modes (config-gdoi-group), (gdoi-local-server) ---- */

static void change_acl_used_in_gdoi_group(void **state) /* who may register: at once, without a rekey */
{
    struct fixture *f = *state;
    struct registration r = registration_of(2);
    struct refusal why;
    struct policy p;
    struct seen s;

    begin(f, UNICAST, "", OLD);
    s = reload_to(f, config_of(f, NULL, UNICAST, ", authorize: {addresses: [deny any]}", OLD));
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
    s = reload_to(f, fresh);
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
    s = reload_to(f, config_of(f, NULL, NULL, "", OLD));
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

static void change_rekey_lifetime(void **state) /* the present KEK lives as long as it was made for, the next one is another */
{
    struct fixture *f = *state;
    struct seen s = rekey_change(f, UNICAST ", lifetime: 12h", UNICAST ", lifetime: 6h");

    assert_int_equal(group(f)->keks.all[0].end.ns, mono_s(START + 12 * 3600).ns);
    expect_nothing(f, &s);
    run_to(f, START + 12 * 3600 - 100);
    assert_int_equal(group(f)->keks.all[0].kek.lifetime_s, 6 * 3600);
}

static void change_rekey_authentication_key(void **state)
{
    struct fixture *f = *state;
    struct seen s;

    begin(f, UNICAST, "", OLD);
    s = reload_to(f, config_of(f, f->other_key, UNICAST, "", OLD));
    assert_true(s.rekey); /* it could be opened: it is signed by the key that the member knows */
    assert_memory_not_equal(s.push.policy.kek.public_key, s.p.kek.public_key, s.p.kek.public_key_len);
    expect_new_kek(f, &s);
}

static void change_rekey_encryption(void **state)
{
    struct fixture *f = *state;
    struct seen s = rekey_change(f, UNICAST ", encryption: aes-128", UNICAST ", encryption: aes-256");

    assert_int_equal(s.p.kek.key_bits, 128);
    assert_int_equal(s.push.policy.kek.key_bits, 256);
    expect_new_kek(f, &s);
}

/* ---- mode (gdoi-sa-ipsec) ---- */

static void change_profile(void **state) /* "SAs of the old profile are still in effect until the lifetime expires" */
{
    struct fixture *f = *state;
    struct seen s = sa_change(f, OLD, SA("r"));

    assert_string_equal(group(f)->teks[1].profile, "r");
    expect_new_tek(f, &s);
    run_to(f, START + 3599);
    assert_string_equal(group(f)->teks[0].profile, "p");
}

static void change_acl_match(void **state) /* the entry names another list */
{
    struct fixture *f = *state;
    struct seen s = sa_change(f, OLD, "{number: 10, profile: p, acl: b, replay: none}");

    expect_new_list(f, &s, 1);
}

static void enable_counter_replay(void **state) /* the old SA goes on without it to its end */
{
    struct fixture *f = *state;
    struct seen s = sa_change(f, OLD, REPLAY("{counter: 64}"));

    assert_int_equal(group(f)->teks[0].replay, REPLAY_NONE);
    assert_int_equal(s.push.policy.sas[0].replay, REPLAY_NONE);
    assert_int_equal(s.push.policy.sas[1].replay, REPLAY_COUNTER);
    expect_new_tek(f, &s);
}

static void change_replay_counter_value(void **state) /* "next rekey" */
{
    struct fixture *f = *state;
    struct seen s = sa_change(f, REPLAY("{counter: 128}"), REPLAY("{counter: 64}"));

    assert_int_equal(group(f)->teks[0].window, 128);
    expect_nothing(f, &s);
    run_to(f, START + 3215);
    assert_int_equal(group(f)->teks[1].window, 64);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(change_acl_used_in_ipsec_profile),
        T(delete_acl_used_in_ipsec_profile),
        T(change_sa_lifetime),
        T(change_transform_set),
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
        T(change_rekey_lifetime),
        T(change_rekey_authentication_key),
        T(change_rekey_encryption),
        T(change_profile),
        T(change_acl_match),
        T(enable_counter_replay),
        T(change_replay_counter_value),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
