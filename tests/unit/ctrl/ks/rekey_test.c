/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rekeys as members see them: rounds, waves, numbers and acknowledgements (KS6, KS7, KS10), read with the receiver's own decoder. When
 * keys are renewed is in renewal_test.
 */
#include "tests/unit/ctrl/ks/rekey_fixture.h"

/* KS7: the table of the original, with retransmissions counted out by the settings: 1 + 3, 1, 1 + 2. */
static void numbers_as_in_the_guide(void **state)
{
    struct fixture *f = *state;
    struct policy p;
    static const uint32_t expected[] = {2, 3, 4, 5, 6};

    begin(f, MULTICAST ", retransmit: {interval: 10s, count: 3}", "", SA("p"));
    join_member(f, 1, &p);
    group(f)->keks.all[0].number = 1; /* "we assume the sequence number has the initial value 1" */
    assert_true(ks_group_rekey(group(f), f->now));
    run_to(f, START + 100);
    reload(f, config_of(f, NULL, MULTICAST ", retransmit: {interval: 10s, count: 0}", "", SA("p")));
    assert_true(ks_group_rekey(group(f), f->now));
    run_to(f, START + 200);
    assert_int_equal(f->n_sent, 5);
    for (size_t i = 0; i < f->n_sent; i++)
        assert_int_equal(number_of(f, i, &p.kek), expected[i]);
    policy_wipe(&p);
}

static void only_who_is_silent_hears_it_again(void **state)
{
    struct fixture *f = *state;
    struct policy p;

    begin(f, UNICAST, "", SA("p"));
    for (unsigned i = 1; i <= 3; i++)
        join_member(f, i, i == 1 ? &p : NULL);
    assert_true(ks_group_rekey(group(f), f->now));
    run_to(f, START + 1);
    assert_int_equal(f->n_sent, 3);
    acknowledge(f, 2, &p.kek, 1);
    assert_int_equal(ks_rekey_pending(&group(f)->rekey), 2);
    run_to(f, START + 11);
    assert_int_equal(f->n_sent, 5);
    acknowledge(f, 1, &p.kek, 1); /* the first number, late: any of the rekey's counts */
    acknowledge(f, 3, &p.kek, 2);
    run_to(f, START + 300);
    assert_int_equal(f->n_sent, 5);
    assert_false(group(f)->rekey.active);
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(member(f, i)->rekeys_sent, 1);
        assert_int_equal(member(f, i)->rekeys_acked, 1);
        assert_int_equal(member(f, i)->missed, 0);
    }
    assert_int_equal(group(f)->acks.accepted, 3);
    policy_wipe(&p);
}

/* Decision 20: one number per round, the same for all; each wave is made anew, its times are true when it is sent. */
static void waves_are_paced_and_made_anew(void **state)
{
    struct fixture *f = *state;
    struct policy p;
    struct push first, last;

    begin(f, UNICAST ", waves: {members: 10, interval: 3s}", "", SA("p"));
    for (unsigned i = 1; i <= 35; i++)
        join_member(f, i, i == 1 ? &p : NULL);
    assert_true(ks_group_rekey(group(f), f->now));
    run_to(f, START + 9);
    assert_int_equal(f->n_sent, 35);
    for (size_t i = 0; i < f->n_sent; i++) {
        assert_int_equal(mono_to_s(f->sent[i].at), START + 3 * (i / 10));
        assert_int_equal(number_of(f, i, &p.kek), 1);
    }
    assert_memory_equal(f->sent[0].bytes, f->sent[9].bytes, f->sent[0].len); /* signed once per wave */
    assert_memory_not_equal(f->sent[0].bytes, f->sent[10].bytes, f->sent[0].len);
    open_push(f, 0, &p.kek, &first);
    open_push(f, 34, &p.kek, &last);
    assert_int_equal(first.policy.sas[0].lifetime_s - last.policy.sas[0].lifetime_s, 9);
    run_to(f, START + 18);
    assert_int_equal(f->n_sent, 35);
    run_to(f, START + 19); /* the next round begins 10 s after the last wave */
    assert_int_equal(f->n_sent, 45);
    assert_int_equal(number_of(f, 35, &p.kek), 2);
    push_wipe(&first);
    push_wipe(&last);
    policy_wipe(&p);
}

/* Who registers between two waves isn't kept waiting, gets everything, and isn't in the rounds. */
static void who_registers_meanwhile_has_it_all(void **state)
{
    struct fixture *f = *state;
    struct policy p;

    begin(f, UNICAST ", waves: {members: 2, interval: 5s}", "", SA("p"));
    for (unsigned i = 10; i < 14; i++)
        join_member(f, i, NULL);
    run_to(f, START + 3600 - 360 - 20 - 10);
    assert_int_equal(f->n_sent, 2);
    join_member(f, 99, &p);
    assert_int_equal(p.n_sas, 2);
    assert_int_equal(p.rekey_number, 1);
    join_member(f, 13, NULL); /* it was to come in the second wave */
    run_to(f, START + 3600 - 360);
    for (size_t i = 0; i < f->n_sent; i++) {
        assert_false(endpoint_equal(&f->sent[i].path.remote, &member(f, 99)->peer));
        assert_false(endpoint_equal(&f->sent[i].path.remote, &member(f, 13)->peer));
    }
    policy_wipe(&p);
}

/* KS6, RFC 8263 6. */
static void three_missed_rekeys_end_it(void **state)
{
    struct fixture *f = *state;
    struct policy p;
    size_t n;

    begin(f, UNICAST, "", SA("p"));
    join_member(f, 1, &p);
    join_member(f, 2, NULL);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(ks_group_rekey(group(f), f->now));
        run_until(f, mono_add(f->now, mono_s(1)));
        acknowledge(f, 1, &p.kek, group(f)->keks.all[0].number);
        assert_false(member(f, 2)->ejected);
        run_until(f, mono_add(f->now, mono_s(60)));
        assert_int_equal(member(f, 2)->missed, i + 1);
    }
    assert_true(member(f, 2)->ejected);
    assert_false(member(f, 1)->ejected);
    n = f->n_sent;
    assert_true(ks_group_rekey(group(f), f->now));
    run_until(f, mono_add(f->now, mono_s(5)));
    assert_int_equal(f->n_sent, n + 1);
    join_member(f, 2, NULL);
    assert_false(member(f, 2)->ejected);
    assert_true(ks_group_rekey(group(f), f->now));
    run_until(f, mono_add(f->now, mono_s(5)));
    assert_int_equal(f->n_sent, n + 3);
    policy_wipe(&p);
}

/* Multicast: one datagram per round to the group, from the group's address. */
static void multicast_is_one_datagram_per_round(void **state)
{
    struct fixture *f = *state;
    struct policy p;
    char to[ADDR_TEXT_MAX];

    begin(f, MULTICAST, "", SA("p"));
    for (unsigned i = 1; i <= 100; i++)
        join_member(f, i, i == 1 ? &p : NULL);
    assert_int_equal(p.kek.ack, 0);
    assert_int_equal(p.kek.destination.port, 848);
    assert_true(ks_group_rekey(group(f), f->now));
    run_to(f, START + 100);
    assert_int_equal(f->n_sent, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(endpoint_text(&f->sent[i].path.remote, to), "239.0.1.2:848");
        assert_int_equal(number_of(f, i, &p.kek), i + 1);
        assert_int_equal(mono_to_s(f->sent[i].at), START + 10 * i);
    }
    assert_int_equal(member(f, 7)->rekeys_sent, 1);
    assert_int_equal(member(f, 7)->missed, 0);
    policy_wipe(&p);
}

/* KS10: a retransmission yields to a rekey that is due within 120 s. */
static void a_retransmission_yields(void **state)
{
    struct fixture *f = *state;
    struct policy p;

    begin(f, UNICAST, "", SA("p"));
    join_member(f, 1, &p);
    run_to(f, START + 3215 - 100);
    assert_true(ks_group_rekey(group(f), f->now));
    run_to(f, START + 3215 - 1);
    assert_int_equal(f->n_sent, 1);
    assert_int_equal(member(f, 1)->missed, 0);
    run_to(f, START + 3215);
    assert_int_equal(f->n_sent, 2);
    acknowledge(f, 1, &p.kek, 2);
    assert_int_equal(member(f, 1)->rekeys_acked, 1);
    policy_wipe(&p);
}

/* Acknowledgements only silence, and only from the learned address and port. */
static void acknowledgements_that_do_not_count(void **state)
{
    struct fixture *f = *state;
    struct registration r = registration_of(1);
    struct path path = {.local = r.local, .remote = r.peer};
    uint8_t bytes[PUSH_ACK_MAX_LEN];
    struct buf_writer w = buf_writer_of(bytes, sizeof(bytes));
    struct policy p;

    begin(f, UNICAST, "", SA("p"));
    join_member(f, 1, &p);
    assert_true(ks_group_rekey(group(f), f->now));
    acknowledge(f, 1, &p.kek, 1); /* nothing was sent yet */
    run_to(f, START + 1);
    acknowledge(f, 2, &p.kek, 1); /* no member */
    acknowledge(f, 1, &p.kek, 2); /* a number that was never sent */
    acknowledge(f, 1, &p.kek, 0);
    assert_true(push_ack_put(&p.kek, 1, &r.peer.addr, &w));
    path.remote.port = 849;
    assert_true(ks_acknowledged(&f->ks, &path, buf_written(&w), at(f->now)));
    path.remote.port = 848;
    bytes[w.len - 20] ^= 1;
    assert_true(ks_acknowledged(&f->ks, &path, buf_written(&w), at(f->now)));
    bytes[w.len - 20] ^= 1;
    bytes[3] ^= 1; /* another KEK's cookies */
    assert_false(ks_acknowledged(&f->ks, &path, buf_written(&w), at(f->now)));
    assert_int_equal(ks_rekey_pending(&group(f)->rekey), 1);
    assert_int_equal(group(f)->acks.accepted, 0);
    assert_int_equal(group(f)->acks.unsolicited, 4);
    assert_int_equal(group(f)->acks.forged, 1);
    assert_int_equal(group(f)->acks.late, 1);
    acknowledge(f, 1, &p.kek, 1);
    acknowledge(f, 1, &p.kek, 1); /* once more */
    assert_int_equal(group(f)->acks.accepted, 1);
    assert_int_equal(group(f)->acks.late, 2);
    assert_int_equal(member(f, 1)->rekeys_acked, 1);
    policy_wipe(&p);
}

/* RFC 8263 5, 7: whoever recorded or makes up acknowledgements changes nothing, and costs next to nothing when nobody waits for one. */
static void a_flood_of_acknowledgements(void **state)
{
    struct fixture *f = *state;
    struct registration r = registration_of(1);
    struct path path = {.local = r.local, .remote = r.peer};
    uint8_t bytes[PUSH_ACK_MAX_LEN];
    struct buf_writer w = buf_writer_of(bytes, sizeof(bytes));
    mono_t seen;

    begin(f, UNICAST, "", SA("p"));
    join_member(f, 1, NULL);
    assert_true(ks_group_rekey(group(f), f->now));
    run_to(f, START + 1);
    assert_true(push_ack_put(&group(f)->keks.all[0].kek, 1, &r.peer.addr, &w));
    bytes[w.len - 21] ^= 1; /* of the HASH */
    for (unsigned i = 0; i < 1000; i++)
        assert_true(ks_acknowledged(&f->ks, &path, buf_written(&w), at(f->now)));
    assert_int_equal(group(f)->acks.forged, 1000);
    assert_int_equal(ks_rekey_pending(&group(f)->rekey), 1);
    bytes[w.len - 21] ^= 1;
    assert_true(ks_acknowledged(&f->ks, &path, buf_written(&w), at(f->now)));
    assert_int_equal(group(f)->acks.accepted, 1);
    seen = member(f, 1)->last_seen;
    run_to(f, START + 2);
    for (unsigned i = 0; i < 1000; i++) { /* recordings and forgeries alike */
        bytes[w.len - 21] ^= 1;
        assert_true(ks_acknowledged(&f->ks, &path, buf_written(&w), at(f->now)));
    }
    assert_int_equal(group(f)->acks.late, 1000);
    assert_int_equal(group(f)->acks.forged, 1000);
    assert_int_equal(member(f, 1)->last_seen.ns, seen.ns); /* a recording is no sign of life */
    assert_int_equal(member(f, 1)->rekeys_acked, 1);
}

/* A message 2 that a rekey overtook: its member would be in no round and lack a key. */
static void a_registration_that_a_rekey_overtook_begins_again(void **state)
{
    struct fixture *f = *state;
    struct registration r = registration_of(2);
    struct refusal why;
    struct policy p;

    begin(f, UNICAST, "", SA("p"));
    join_member(f, 1, NULL);
    run_to(f, START + 3214);
    assert_true(ks_request(&f->ks, &r, &p, &why, at(f->now)));
    run_to(f, START + 3215);
    assert_false(ks_accept(&f->ks, &r, &p, &why, at(f->now)));
    assert_non_null(strstr(why.text, "changed meanwhile"));
    policy_wipe(&p);
}

/* `acknowledgement: none`: every round goes to all, nobody is removed, and what was sent is taken to be known. */
static void without_acknowledgements_all_hear_every_round(void **state)
{
    struct fixture *f = *state;
    struct policy p;
    struct push push;

    begin(f, UNICAST ", acknowledgement: none, lifetime: 1h", "", SA("w"));
    join_member(f, 1, &p);
    join_member(f, 2, NULL);
    assert_int_equal(p.kek.ack, 0);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(ks_group_rekey(group(f), f->now));
        run_until(f, mono_add(f->now, mono_s(60)));
        assert_int_equal(f->n_sent, 6 * (i + 1));
    }
    assert_false(member(f, 1)->ejected);
    assert_int_equal(member(f, 1)->missed, 0);
    run_to(f, START + 3500); /* another KEK meanwhile */
    forget_sent(f);
    assert_true(ks_group_rekey(group(f), f->now));
    run_to(f, START + 3501);
    assert_int_equal(f->n_sent, 2);
    open_push(f, 0, &group(f)->keks.all[0].kek, &push);
    assert_int_equal(push.number, 1);
    push_wipe(&push);
    policy_wipe(&p);
}

/* Who leaves isn't sent to, nor waited for. */
static void who_leaves_is_not_waited_for(void **state)
{
    struct fixture *f = *state;
    struct registration r = registration_of(1);

    begin(f, UNICAST, "", SA("p"));
    join_member(f, 1, NULL);
    assert_true(ks_group_rekey(group(f), f->now));
    run_to(f, START + 1);
    assert_true(ks_left(&f->ks, &r, at(f->now)));
    assert_int_equal(ks_rekey_pending(&group(f)->rekey), 0);
    run_to(f, START + 100);
    assert_int_equal(f->n_sent, 1);
    assert_int_equal(member(f, 1)->missed, 0);
}

/* Others than ours: plain RFC 6407 by unicast, in the same wave; by multicast they can't be told what ours need. */
static void members_of_other_makers(void **state)
{
    struct fixture *f = *state;
    struct registration r = registration_of(2);
    struct policy p, plain;
    struct refusal why;

    begin(f, UNICAST, "", SA("p"));
    join_member(f, 1, &p);
    r.features = (struct peer_features){.ours = false};
    join_as(f, &r, NULL);
    assert_true(ks_group_rekey(group(f), f->now));
    run_to(f, START + 1);
    assert_int_equal(f->n_sent, 2);
    assert_memory_not_equal(f->sent[0].bytes, f->sent[1].bytes, 28 + 16);
    assert_int_equal(number_of(f, 0, &p.kek), 1);
    reload(f, config_of(f, NULL, MULTICAST, "", SA("p")));
    assert_false(ks_request(&f->ks, &r, &plain, &why, at(f->now)));
    assert_non_null(strstr(why.text, "others need unicast"));
    policy_wipe(&p);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(numbers_as_in_the_guide),
        T(only_who_is_silent_hears_it_again),
        T(waves_are_paced_and_made_anew),
        T(who_registers_meanwhile_has_it_all),
        T(three_missed_rekeys_end_it),
        T(multicast_is_one_datagram_per_round),
        T(a_retransmission_yields),
        T(acknowledgements_that_do_not_count),
        T(a_flood_of_acknowledgements),
        T(a_registration_that_a_rekey_overtook_begins_again),
        T(without_acknowledgements_all_hear_every_round),
        T(who_leaves_is_not_waited_for),
        T(members_of_other_makers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
