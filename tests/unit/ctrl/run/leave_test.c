/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Leaving (GM12), whole: a group that a reload removes and a gvpnd that stops tell the key server, whose table then shows
 * it; who is back isn't taken for gone; nothing registers any more while gvpnd stops.
 */
#include "tests/unit/ctrl/run/roles_fixture.h"

static const char *const no_group_file = IKE("10.0.0.2", "10.0.0.1") "groups:\n" MEMBER("NEW", "486", "10.0.0.1", "wan");
static const char *const two_servers =
    IKE("10.0.0.1", "10.0.0.2") SETS "groups:\n" SERVER("ONE", "484", "p", "a") SERVER("TWO", "485", "q", "b");
static const char *const two_members = IKE("10.0.0.2", "10.0.0.1") "groups:\n" MEMBER("ONE", "484", "10.0.0.1", "wan")
    MEMBER("TWO", "485", "10.0.0.1", "lan");
#define LEAVE 8 /* datagrams: main mode, LEAVE, the answer */

static void deliver_all(struct net *net)
{
    while (deliver(net))
        ;
}

static void registered(void **state)
{
    struct net *net = *state;

    roles_dp_attached = true;
    attach(net, 0);
    deliver_all(net);
    assert_non_null(policy_at(net, 0));
    assert_int_equal(ks_members_present(&group(net, "ONE")->members), 1);
}

static void a_removed_group_is_left(void **state)
{
    struct net *net = *state;

    registered(state);
    reload(&net->gm, no_group_file);
    deliver_all(net);
    assert_int_equal(net->n, CLEAN + LEAVE);
    assert_int_equal(group(net, "ONE")->members.n, 1);
    assert_true(group(net, "ONE")->members.entries[0].left);
    assert_int_equal(sessions_count(roles_sessions(net->gm.roles)), 0);
}

/* Its pair is another group's from now on, so the membership is freed at once; LEAVE goes on. Only its own group hears it. */
static void one_of_two_groups_is_left(void **state)
{
    struct net *net = *state;

    registered(state);
    reload(&net->ks, two_servers);
    reload(&net->gm, two_members);
    attach(net, 1);
    deliver_all(net);
    reload(&net->gm, IKE("10.0.0.2", "10.0.0.1") "groups:\n" MEMBER("TWO", "485", "10.0.0.1", "wan"));
    deliver_all(net);
    assert_int_equal(ks_members_present(&group(net, "ONE")->members), 0);
    assert_int_equal(ks_members_present(&group(net, "TWO")->members), 1);
}

/* The new file has neither the group nor the key of its server: the exchange has its own copy. */
static void its_key_may_go_with_it(void **state)
{
    struct net *net = *state;

    registered(state);
    reload(&net->gm, IKE("10.0.0.2", "10.0.0.9") "groups:\n" MEMBER("NEW", "486", "10.0.0.9", "lan"));
    deliver_all(net);
    assert_int_equal(ks_members_present(&group(net, "ONE")->members), 0);
}

/* Put back before it was heard: whatever of LEAVE is on its way, the member is in the table when it has registered. */
static void a_group_that_is_back_has_not_left(void **state)
{
    for (size_t steps = 0; steps <= LEAVE; steps++) {
        struct net *net;

        assert_int_equal(set_up(state), 0);
        net = *state;
        registered(state);
        reload(&net->gm, no_group_file);
        for (size_t i = 0; i < steps; i++)
            (void)deliver(net);
        reload(&net->gm, member_file);
        assert_int_equal(sessions_count(roles_sessions(net->gm.roles)), 0); /* a LEAVE that is sent again would come late */
        attach(net, 0);
        deliver_all(net);
        assert_non_null(policy_at(net, 0));
        assert_int_equal(ks_members_present(&group(net, "ONE")->members), 1);
        assert_int_equal(group(net, "ONE")->members.n, 1);
        assert_int_equal(tear_down(state), 0);
    }
}

/* Nobody to be told by, or from: no datagram. */
static void what_can_not_be_said_is_not_tried(void **state)
{
    struct net *net = *state;

    registered(state);
    reload(&net->gm, IKE("10.0.0.3", "10.0.0.1") "groups:\n" MEMBER("NEW", "486", "10.0.0.1", "wan"));
    assert_int_equal(net->n, CLEAN);
    assert_int_equal(tear_down(state), 0);

    assert_int_equal(set_up(state), 0);
    net = *state;
    registered(state);
    roles_dp_attached = false;
    reload(&net->gm, no_group_file);
    assert_int_equal(net->n, CLEAN);
}

/* The same group on another data plane is no leaving. */
static void a_group_that_moves_is_not_left(void **state)
{
    struct net *net = *state;

    registered(state);
    reload(&net->gm, IKE("10.0.0.2", "10.0.0.1") "groups:\n  - {name: ONE, identity: 484, member: {key-servers: [10.0.0.1],"
                                                 " data-plane: {socket: other.sock, pair: wan}}}\n");
    assert_int_equal(net->n, CLEAN);
    assert_int_equal(ks_members_present(&group(net, "ONE")->members), 1);
}

static void done(void *ctx)
{
    *(bool *)ctx = true;
}

/* The loop's timers, by hand. */
static void pass(struct net *net, mono_t d)
{
    timers_fire(loop_real_timers(net->gm.loop), mono_add(loop_now(net->gm.loop).real, d));
}

static void a_stop_leaves_and_registers_no_more(void **state)
{
    struct net *net = *state;
    bool is_done = false;
    size_t sent;

    registered(state);
    roles_leave(net->gm.roles, done, &is_done);
    assert_false(is_done);
    sent = net->n;
    assert_int_equal(sent, CLEAN + 1);
    roles_clear_member(net->gm.roles, roles_member(net->gm.roles, 0)); /* an operator in a hurry */
    assert_int_equal(net->n, sent);
    deliver_all(net);
    assert_int_equal(net->n, CLEAN + LEAVE);
    assert_int_equal(ks_members_present(&group(net, "ONE")->members), 0);
    pass(net, mono_ms(10));
    roles_dp_attached = false; /* nothing to be waited for any more */
    pass(net, mono_ms(20));
    assert_true(is_done);
}

/* A reload's LEAVE is still under way: a stop waits for it, too, and 3 s at most. */
static void a_stop_waits_for_a_removed_group(void **state)
{
    struct net *net = *state;
    bool is_done = false;

    registered(state);
    reload(&net->gm, no_group_file);
    assert_int_equal(net->n, CLEAN + 1);
    roles_leave(net->gm.roles, done, &is_done);
    assert_false(is_done);
    deliver_all(net);
    pass(net, mono_ms(10));
    pass(net, mono_s(5));
    assert_true(is_done);
    assert_int_equal(ks_members_present(&group(net, "ONE")->members), 0);
}

/* Nothing attached, nothing to leave: it ends at once, and nothing is changed afterwards. */
static void leaving_nothing_ends_at_once(void **state)
{
    struct net *net = *state;
    struct config *c = parse(member_file);
    char error[ROLES_ERROR_MAX];
    bool is_done = false;

    roles_leave(net->gm.roles, done, &is_done);
    assert_true(is_done);
    assert_true(roles_is_leaving(net->gm.roles));
    assert_false(roles_reload(net->gm.roles, c, error));
    assert_non_null(strstr(error, "stopping"));
    config_free(c);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_removed_group_is_left),
        T(one_of_two_groups_is_left),
        T(its_key_may_go_with_it),
        cmocka_unit_test(a_group_that_is_back_has_not_left),
        T(what_can_not_be_said_is_not_tried),
        T(a_group_that_moves_is_not_left),
        T(a_stop_leaves_and_registers_no_more),
        T(a_stop_waits_for_a_removed_group),
        T(leaving_nothing_ends_at_once),
    };

    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
