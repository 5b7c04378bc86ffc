/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reload under load: a key server and a member, each with everything but sockets, exchange datagrams in memory while their
 * configurations are replaced and the old ones freed, at every step of a registration. What has ended must not be touched
 * (run it with AddressSanitizer), what applies must go on, and what fails must leave no trace (OP1).
 */
#include "tests/unit/ctrl/run/roles_fixture.h"

/* Registers, and `both` says who reloads before the given datagram is delivered. */
static void register_with_reload(struct net *net, size_t before, bool ks, bool gm)
{
    attach(net, 0);
    for (size_t i = 0; net->delivered < net->n; i++) {
        if (i == before && ks)
            reload(&net->ks, server_file);
        if (i == before && gm)
            reload(&net->gm, member_file);
        (void)deliver(net);
    }
    assert_int_equal(net->n, CLEAN);
    assert_non_null(policy_at(net, 0));
    assert_int_equal(group(net, "ONE")->members.n, 1);
    assert_int_equal(group(net, "ONE")->ids.next, 4);
}

static void a_registration_survives_a_reload_at_every_step(void **state)
{
    for (size_t before = 0; before < CLEAN; before++) {
        for (unsigned who = 1; who <= 3; who++) {
            assert_int_equal(set_up(state), 0);
            register_with_reload(*state, before, who & 1, who & 2);
            assert_int_equal(tear_down(state), 0);
        }
    }
}

static void keys_members_and_memberships_stay(void **state)
{
    struct net *net = *state;
    uint32_t spi = group(net, "ONE")->teks[0].spi;
    size_t n;

    register_with_reload(net, SIZE_MAX, false, false);
    reload(&net->ks, server_file);
    reload(&net->gm, member_file);
    assert_int_equal(group(net, "ONE")->teks[0].spi, spi);
    assert_int_equal(group(net, "ONE")->members.n, 1);
    assert_int_equal(gm_sas(roles_member(net->gm.roles, 0), &n)->sa.spi, spi);
    assert_int_equal(n, 1);
    assert_int_equal(net->n, CLEAN); /* nobody had a reason to register again */
}

/* KS9: members get another policy when they register; a registration under way is not given half of each. */
static void another_policy_is_served_from_then_on(void **state)
{
    struct net *net = *state;

    register_with_reload(net, SIZE_MAX, false, false);
    assert_int_equal(policy_at(net, 0)->acl.entries[0].sel.src.addr.b[1], 1);
    reload(&net->ks, IKE("10.0.0.1", "10.0.0.2") SETS "groups:\n" SERVER("ONE", "484", "q", "b"));
    roles_clear_member(net->gm.roles, roles_member(net->gm.roles, 0));
    while (deliver(net))
        ;
    assert_int_equal(policy_at(net, 0)->acl.entries[0].sel.src.addr.b[1], 2);
    assert_int_equal(policy_at(net, 0)->n_sas, 2); /* the old key, and one of the new suite */
}

static void a_reload_that_fails_leaves_no_trace(void **state)
{
    struct net *net = *state;
    const struct config *before = roles_config(net->ks.roles);
    struct config *c = parse(IKE("10.0.0.1", "10.0.0.2") SETS "groups:\n" SERVER("ONE", "484", "q", "b")
                                 SERVER("TWO", "485", "p", "a"));
    char error[ROLES_ERROR_MAX] = "";

    net->ks.broken = true;
    assert_false(roles_reload(net->ks.roles, c, error));
    net->ks.broken = false;
    assert_true(error[0] != '\0');
    config_free(c);
    assert_ptr_equal(roles_config(net->ks.roles), before);
    assert_int_equal(roles_ks(net->ks.roles)->n_groups, 1);
    assert_int_equal(group(net, "ONE")->n_teks, 1);
    register_with_reload(net, SIZE_MAX, false, false);
}

static const char *const two_servers =
    IKE("10.0.0.1", "10.0.0.2") SETS "groups:\n" SERVER("ONE", "484", "p", "a") SERVER("TWO", "485", "q", "b");
static const char *const two_members = IKE("10.0.0.2", "10.0.0.1") "groups:\n" MEMBER("TWO", "485", "10.0.0.1", "lan")
    MEMBER("ONE", "484", "10.0.0.1", "wan");

/* GM11, KS1: groups that come by reload work, beside the one that was there and without touching it. */
static void groups_are_added_and_removed(void **state)
{
    struct net *net = *state;
    struct gm *one = roles_member(net->gm.roles, 0);

    register_with_reload(net, SIZE_MAX, false, false);
    reload(&net->ks, two_servers);
    reload(&net->gm, two_members);
    assert_int_equal(roles_members(net->gm.roles), 2);
    assert_ptr_equal(roles_member(net->gm.roles, 1), one);
    attach(net, 0);
    while (deliver(net))
        ;
    assert_int_equal(policy_at(net, 0)->sas[0].number, 10);
    assert_int_equal(policy_at(net, 0)->acl.entries[0].sel.src.addr.b[1], 2);
    assert_int_equal(policy_at(net, 1)->acl.entries[0].sel.src.addr.b[1], 1);
    assert_int_equal(group(net, "TWO")->members.n, 1);
    assert_int_equal(net->n, 2 * CLEAN);

    reload(&net->gm, IKE("10.0.0.2", "10.0.0.1") "groups:\n" MEMBER("TWO", "485", "10.0.0.1", "lan"));
    reload(&net->ks, IKE("10.0.0.1", "10.0.0.2") SETS "groups:\n" SERVER("TWO", "485", "q", "b"));
    assert_int_equal(roles_members(net->gm.roles), 1);
    assert_int_equal(roles_ks(net->ks.roles)->n_groups, 1);
    assert_non_null(policy_at(net, 0));
    assert_string_equal(gm_config(roles_member(net->gm.roles, 0))->name, "TWO");
}

/* GM11: more ports and VLANs for a group are no reason to register: the membership and its keys stay. */
static void bindings_change_without_a_registration(void **state)
{
    struct net *net = *state;
    struct gm *one = roles_member(net->gm.roles, 0);
    size_t n;

    register_with_reload(net, SIZE_MAX, false, false);
    reload(&net->gm, IKE("10.0.0.2", "10.0.0.1") "groups:\n"
           MEMBER("ONE", "484", "10.0.0.1", "[lan, wan], vlan: [10, 20]") MEMBER("TWO", "485", "10.0.0.1", "lan"));
    assert_ptr_equal(roles_member(net->gm.roles, 0), one);
    assert_int_equal(gm_config(one)->gm.n_bindings, 4);
    assert_non_null(policy_at(net, 0));
    (void)gm_sas(one, &n);
    assert_int_equal(n, 1);
    assert_int_equal(net->n, CLEAN);
}

/* A group that goes in the middle of its registration takes its session along. */
static void a_removed_group_takes_its_registration_along(void **state)
{
    for (size_t steps = 0; steps < CLEAN - 1; steps++) {
        assert_int_equal(set_up(state), 0);
        struct net *net = *state;

        attach(net, 0);
        for (size_t i = 0; i < steps; i++)
            assert_true(deliver(net));
        reload(&net->gm, IKE("10.0.0.2", "10.0.0.1") "groups:\n" MEMBER("NEW", "486", "10.0.0.1", "wan"));
        assert_int_equal(sessions_count(roles_sessions(net->gm.roles)), 0);
        reload(&net->ks, IKE("10.0.0.1", "10.0.0.2") SETS "groups:\n" SERVER("NEW", "486", "p", "a"));
        while (deliver(net))
            ;
        attach(net, 0);
        while (deliver(net))
            ;
        assert_non_null(policy_at(net, 0));
        assert_int_equal(group(net, "NEW")->members.n, 1);
        assert_int_equal(tear_down(state), 0);
    }
}

/* Another key for the peer: what is under way has its own copy, what begins afterwards uses the new one. */
static void keys_and_proposals_hold_for_new_exchanges(void **state)
{
    struct net *net = *state;
    static const char other[] =
        "gvpn: 1\n"
        "ike: {listen: [10.0.0.1], proposals: [{encryption: aes-256, hash: sha256, group: 14, auth: psk, lifetime: 24h}],"
        " pre-shared-keys: [{peer: 10.0.0.2, secret: \"another key of at least 32 octets!\"}]}\n" SETS
        "groups:\n" SERVER("ONE", "484", "p", "a");

    attach(net, 0);
    for (int i = 0; i < 3; i++) /* message 3 has arrived: the responder has begun */
        assert_true(deliver(net));
    reload(&net->ks, other);
    while (deliver(net))
        ;
    assert_non_null(policy_at(net, 0));
    roles_clear_member(net->gm.roles, roles_member(net->gm.roles, 0));
    while (deliver(net))
        ;
    assert_null(policy_at(net, 0)); /* no common proposal any more */
}

/* GM1: the server that is being asked is no longer listed. */
static void a_member_turns_to_the_servers_that_are_listed(void **state)
{
    struct net *net = *state;

    attach(net, 0);
    assert_int_equal(net->n, 1);
    reload(&net->gm, IKE("10.0.0.2", "10.0.0.0/24") "groups:\n" MEMBER("ONE", "484", "10.0.0.9", "wan"));
    assert_int_equal(net->n, 2);
    assert_int_equal(net->queue[1].path.local.addr.b[3], 9);
    assert_int_equal(sessions_count(roles_sessions(net->gm.roles)), 1);
}

/* The address that it registers from is gone: the attempt can't come to an end any more. */
static void a_member_turns_to_its_new_address(void **state)
{
    struct net *net = *state;

    attach(net, 0);
    reload(&net->gm, IKE("10.0.0.3", "10.0.0.1") "groups:\n" MEMBER("ONE", "484", "10.0.0.1", "wan"));
    assert_int_equal(sessions_count(roles_sessions(net->gm.roles)), 0);
    timers_fire(loop_real_timers(net->gm.loop), mono_add(loop_now(net->gm.loop).real, mono_s(2)));
    assert_int_equal(net->n, 2);
    assert_int_equal(net->queue[1].path.remote.addr.b[3], 3);
}

static void a_pure_member_becomes_a_key_server_and_back(void **state)
{
    struct net *net = *state;

    reload(&net->ks, IKE("10.0.0.1", "10.0.0.2") "groups:\n" MEMBER("X", "1", "10.0.0.2", "wan"));
    assert_int_equal(roles_ks(net->ks.roles)->n_groups, 0);
    attach(net, 0);
    while (deliver(net))
        ;
    assert_int_equal(net->n, 1); /* nobody answers */
    reload(&net->ks, server_file);
    roles_clear_member(net->gm.roles, roles_member(net->gm.roles, 0));
    while (deliver(net))
        ;
    assert_non_null(policy_at(net, 0));
}

/* A member configuration of groups number `from` to `to`, each on a VLAN of its own. */
static const char *many_members(unsigned from, unsigned to)
{
    static char text[64 * 160];
    size_t at = (size_t)snprintf(text, sizeof(text), "%s", IKE("10.0.0.2", "10.0.0.1") "groups:\n");

    for (unsigned i = from; i <= to; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at,
                               "  - {name: G%u, identity: %u, member: {key-servers: [10.0.0.1], data-plane: {pair: wan, vlan: %u}}}\n",
                               i, i, i);
    assert_true(at < sizeof(text));
    return text;
}

/* A data plane takes 64 groups, removed ones included. Those yield, and come back like new ones. */
static void removed_groups_make_room_and_come_back(void **state)
{
    static const struct ipc_hello hello = {.n_pairs = 1, .pairs = {"wan"}, .n_workers = 1};
    struct net *net = *state;

    roles_dp_attached = true; /* but nobody registers yet */
    reload(&net->gm, many_members(1, 64));
    reload(&net->gm, many_members(2, 65));
    assert_int_equal(roles_members(net->gm.roles), 64);
    roles_dp_hello = &hello;
    assert_int_equal(net->n, 0);
    reload(&net->gm, many_members(1, 64));
    assert_int_equal(net->n, 64); /* all of them ask for their keys */
}

static void count_rules(void *ctx, const struct ipc_msg *m)
{
    *(unsigned *)ctx += m->type == IPC_RULE;
}

/* A removed group speaks on for its place, with no list: the ones that it had went with the configuration. */
static void a_removed_group_has_no_lists(void **state)
{
    struct net *net = *state;
    struct gm *one = roles_member(net->gm.roles, 0);
    unsigned n = 0;

    roles_dp_attached = true;
    reload(&net->gm, IKE("10.0.0.2", "10.0.0.1") "acls: {own: [deny tcp any any eq 80]}\ngroups:\n"
                                                 "  - {name: ONE, identity: 484, member: {key-servers: [10.0.0.1], local-acl: own,"
                                                 " fail-close: {allow: [deny tcp any eq 22 any]}, data-plane: {pair: wan}}}\n");
    gm_wish(one, 0, 1, count_rules, &n, mono_s(1));
    assert_int_equal(n, 4); /* two lists of one entry per family */
    reload(&net->gm, IKE("10.0.0.2", "10.0.0.1") "groups:\n" MEMBER("TWO", "485", "10.0.0.1", "lan"));
    assert_ptr_not_equal(roles_member(net->gm.roles, 0), one);
    n = 0;
    gm_wish(one, 0, 2, count_rules, &n, mono_s(2));
    assert_int_equal(n, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_registration_survives_a_reload_at_every_step),
        T(keys_members_and_memberships_stay),
        T(another_policy_is_served_from_then_on),
        T(a_reload_that_fails_leaves_no_trace),
        T(groups_are_added_and_removed),
        T(bindings_change_without_a_registration),
        cmocka_unit_test(a_removed_group_takes_its_registration_along),
        T(keys_and_proposals_hold_for_new_exchanges),
        T(a_member_turns_to_the_servers_that_are_listed),
        T(a_member_turns_to_its_new_address),
        T(a_pure_member_becomes_a_key_server_and_back),
        T(removed_groups_make_room_and_come_back),
        T(a_removed_group_has_no_lists),
    };

    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
