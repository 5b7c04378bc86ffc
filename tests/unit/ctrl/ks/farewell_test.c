/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Farewells beside other changes of the same reload, and of later ones (KS9, KS18): who is told to register again hears of the keys
 * that it has, in words of its own list, and as often as was configured when it got its KEK.
 */
#include "tests/unit/ctrl/ks/rekey_fixture.h"

#define TWO SA("p") ", {number: 20, profile: p, acl: b, replay: none}"
#define PLAIN   ((struct peer_features){.ours = false})

/* Two members; the second one of another maker. */
static void join_both(struct fixture *f, struct policy *first)
{
    struct registration r = registration_of(2);

    join_member(f, 1, first);
    r.features = PLAIN;
    join_as(f, &r, NULL);
}

/* Is the i-th datagram for this member? */
static bool is_to(const struct fixture *f, size_t i, unsigned member)
{
    struct endpoint to = registration_of(member).peer;

    return endpoint_equal(&f->sent[i].path.remote, &to);
}

static size_t sent_to(const struct fixture *f, unsigned member)
{
    size_t n = 0;

    for (size_t i = 0; i < f->n_sent; i++)
        n += is_to(f, i, member);
    return n;
}

/* An `sa` entry goes in the same reload: its keys are in the farewell, and so is its list for those that know no other way. */
static void another_width_and_an_entry_less(void **state)
{
    struct fixture *f = *state;
    struct policy p;
    struct push push;

    begin(f, UNICAST, "", TWO);
    join_both(f, &p);
    reload(f, config_of(f, NULL, UNICAST, ", sender-id-bits: 16", SA("p")));
    run_to(f, START + 1);
    assert_int_equal(sent_to(f, 1), 1);
    assert_int_equal(sent_to(f, 2), 1);
    for (size_t i = 0; i < f->n_sent; i++) {
        bool is_ours = is_to(f, i, 1);
        struct peer_features peer = is_ours ? ours : PLAIN;
        struct policy_fault why;

        push_init(&push);
        assert_int_equal(push_open(&p.kek, 0, &peer, POLICY_SIGNATURE_CANONICAL, span_of(f->sent[i].bytes, f->sent[i].len), &push, &why),
                         PUSH_OK);
        assert_true(push.delete_kek);
        assert_int_equal(push.policy.n_sas, 2);
        if (is_ours)
            assert_memory_equal(push.policy.digest, p.digest, sizeof(p.digest)); /* the list that it has */
        else
            assert_int_equal(push.policy.acl.n, 2);
        push_wipe(&push);
    }
    policy_wipe(&p);
}

static void another_list_in_the_same_reload(void **state)
{
    struct fixture *f = *state;
    struct policy p;
    struct push push;

    begin(f, UNICAST, "", SA("p"));
    join_both(f, &p);
    reload(f, config_of(f, NULL, UNICAST, ", sender-id-bits: 16", "{number: 10, profile: p, acl: b, replay: none}"));
    run_to(f, START + 1);
    assert_int_equal(sent_to(f, 2), 1);
    for (size_t i = 0; i < f->n_sent; i++) {
        struct policy_fault why;

        if (!is_to(f, i, 2))
            continue;
        push_init(&push);
        assert_int_equal(push_open(&p.kek, 0, &PLAIN, POLICY_SIGNATURE_CANONICAL, span_of(f->sent[i].bytes, f->sent[i].len), &push, &why),
                         PUSH_OK);
        assert_int_equal(push.policy.acl.n, 1);
        assert_int_equal(push.policy.acl.entries[0].sel.src.addr.b[1], 1); /* the old keys are for the old list */
        push_wipe(&push);
    }
    policy_wipe(&p);
}

/* `rekey` goes in the same reload, or in a later one: rounds go on as they were. */
static void the_end_of_rekeys_cuts_no_farewell_short(void **state)
{
    struct fixture *f = *state;
    struct config *fresh;

    begin(f, UNICAST ", retransmit: {interval: 20s, count: 2}", "", SA("p"));
    join_member(f, 1, NULL);
    fresh = config_of(f, NULL, NULL, ", sender-id-bits: 16", SA("p"));
    reload(f, fresh);
    run_to(f, START + 1);
    assert_int_equal(f->n_sent, 1);
    run_to(f, START + 20);
    assert_int_equal(f->n_sent, 2);
    run_to(f, START + 39);
    reload(f, config_of(f, NULL, NULL, ", sender-id-bits: 12", SA("p")));
    run_to(f, START + 100);
    assert_int_equal(f->n_sent, 3);
    assert_null(group(f)->farewells);
}

/* Without `rekey` any more nobody is told: members have their keys to the end, and register before it. */
static void the_end_of_rekeys_takes_nothing_away(void **state)
{
    struct fixture *f = *state;
    struct policy p, next;

    begin(f, UNICAST, "", SA("p"));
    join_member(f, 1, &p);
    assert_true(ks_group_rekey(group(f), f->now)); /* even one that is under way ends */
    reload(f, config_of(f, NULL, NULL, "", SA("p")));
    run_to(f, START + 3600 - 80); /* T0 */
    assert_int_equal(f->n_sent, 0);
    join_member(f, 1, &next);
    assert_false(next.has_kek);
    assert_int_equal(next.n_sas, 2);
    assert_int_equal(next.sas[0].spi, p.sas[0].spi);
    run_to(f, START + 86400);
    assert_int_equal(f->n_sent, 0);
    policy_wipe(&p);
    policy_wipe(&next);
}

/* `rekey` comes to a group with members: they have no KEK, so no rekey reaches them, until they register as they would have. */
static void members_get_rekeys_with_their_next_registration(void **state)
{
    struct fixture *f = *state;
    struct policy p, next;
    struct push push;

    begin(f, NULL, "", SA("p"));
    join_member(f, 1, &p);
    run_to(f, START + 100);
    reload(f, config_of(f, NULL, UNICAST, "", SA("p")));
    run_to(f, START + 3600 - 80);
    assert_int_equal(f->n_sent, 0);
    assert_int_equal(member(f, 1)->missed, 0);
    assert_false(member(f, 1)->ejected);
    join_member(f, 1, &next);
    assert_true(next.has_kek);
    assert_int_equal(next.n_sas, 2);
    assert_int_equal(next.sas[0].spi, p.sas[0].spi);
    run_to(f, START + 86400 / 4);
    assert_true(f->n_sent > 0);
    open_push(f, 0, &next.kek, &push);
    push_wipe(&push);
    policy_wipe(&p);
    policy_wipe(&next);
}

/* `rekey` goes and comes again: who had a KEK then has none of the new ones, and nothing is sent to it that it couldn't read. */
static void a_kek_of_then_is_none_of_now(void **state)
{
    struct fixture *f = *state;
    struct policy p;

    begin(f, UNICAST, "", SA("p"));
    join_member(f, 1, &p);
    assert_true(ks_group_rekey(group(f), f->now));
    run_to(f, START + 1);
    assert_int_equal(f->n_sent, 1);
    reload(f, config_of(f, NULL, NULL, "", SA("p")));
    reload(f, config_of(f, NULL, UNICAST, "", SA("p")));
    assert_memory_not_equal(group(f)->keks.all[0].kek.spi, p.kek.spi, POLICY_KEK_SPI_LEN);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(ks_group_rekey(group(f), f->now));
        run_until(f, mono_add(f->now, mono_s(60)));
    }
    assert_int_equal(f->n_sent, 1);
    assert_false(member(f, 1)->ejected);
    policy_wipe(&p);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(another_width_and_an_entry_less),
        T(another_list_in_the_same_reload),
        T(the_end_of_rekeys_cuts_no_farewell_short),
        T(the_end_of_rekeys_takes_nothing_away),
        T(members_get_rekeys_with_their_next_registration),
        T(a_kek_of_then_is_none_of_now),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
