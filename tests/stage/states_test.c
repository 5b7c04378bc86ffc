/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the state of a group and its own lists mean for packets: before any policy, fail-close and fail-open, unprotected
 * pairs, local lists (decisions 3 and 9).
 */
#include "tests/stage/pair_rig.h"

/* GM7: without a policy nothing passes but the fail-close list's deny entries, mirrored inbound. */
static void fail_close(void **state)
{
    (void)state;
    rig_begin(&b);
    rig_group(&b, 0, "g", "wan", IPC_GROUP_FAIL_CLOSE);
    rig_rule(&b, 0, IPC_LIST_FAIL_CLOSE, 0, "deny tcp any eq 22 any");
    rig_rule(&b, 0, IPC_LIST_DOWNLOADED, 10, "deny ip any any"); /* doesn't count now */
    assert_int_equal(rig_commit(&b), IPC_OK);
    expect(&b, false, rig_ipv4(f, "10.1.0.1", "10.2.0.1", 6, 22, 99, 60), VERDICT_SENT_CLEAR, PKT_TO_TX);
    expect(&b, true, rig_ipv4(f, "10.2.0.1", "10.1.0.1", 6, 99, 22, 60), VERDICT_RECEIVED_CLEAR, PKT_TO_TX);
    expect(&b, false, rig_ipv4(f, "10.1.0.1", "10.2.0.1", 6, 99, 22, 60), VERDICT_DROP_FAIL_CLOSE, PKT_TO_DROP);
    expect(&b, true, rig_ipv4(f, "10.2.0.1", "10.1.0.1", 6, 22, 99, 60), VERDICT_DROP_FAIL_CLOSE, PKT_TO_DROP);
    expect(&b, false, rig_ipv4(f, "172.16.0.1", "172.16.0.2", 1, 0, 0, 60), VERDICT_DROP_FAIL_CLOSE, PKT_TO_DROP);
    expect(&b, true, esp_of(100), VERDICT_DROP_FAIL_CLOSE, PKT_TO_DROP);
}

static void commit_state(enum ipc_group_state state)
{
    rig_begin(&b);
    rig_group(&b, 0, "g", "wan", state);
    assert_int_equal(rig_commit(&b), IPC_OK);
}

static void groups_without_policy(void **state)
{
    (void)state;
    commit_state(IPC_GROUP_FAIL_OPEN);
    expect(&b, false, permitted(60), VERDICT_SENT_CLEAR, PKT_TO_TX);
    expect(&b, true, permitted(60), VERDICT_RECEIVED_CLEAR, PKT_TO_TX);
    commit_state(IPC_GROUP_UNPROTECTED_DROP);
    expect(&b, false, permitted(60), VERDICT_DROP_UNPROTECTED, PKT_TO_DROP);
    expect(&b, true, permitted(60), VERDICT_DROP_UNPROTECTED, PKT_TO_DROP);
    commit_state(IPC_GROUP_UNPROTECTED_CLEAR);
    expect(&b, false, permitted(60), VERDICT_SENT_CLEAR, PKT_TO_TX);
    rig_begin(&b); /* no group at all on the pair any more */
    assert_int_equal(rig_commit(&b), IPC_OK);
    expect(&b, false, permitted(60), VERDICT_DROP_UNPROTECTED, PKT_TO_DROP);
}

/* `unregistered` rules only until the first commit ever (decision 3). */
static void before_the_first_commit(void **state)
{
    struct rig fresh;

    (void)state;
    rig_open(&fresh, 1);
    expect(&fresh, false, permitted(60), VERDICT_DROP_UNREGISTERED, PKT_TO_DROP);
    expect(&fresh, true, permitted(60), VERDICT_DROP_UNREGISTERED, PKT_TO_DROP);
    expect(&fresh, true, esp_of(60), VERDICT_DROP_UNREGISTERED, PKT_TO_DROP);
    expect(&fresh, true, rig_ipv4(f, "10.1.0.1", "10.9.9.9", 17, 848, 848, 60), VERDICT_LOCAL, PKT_TO_PUNT);
    fresh.config.unregistered_clear = true;
    expect(&fresh, false, permitted(60), VERDICT_SENT_CLEAR, PKT_TO_TX);
    rig_simple_policy(&fresh, 1);
    rig_begin(&fresh);
    rig_group(&fresh, 0, "g", "wan", IPC_GROUP_FAIL_CLOSE);
    assert_int_equal(rig_commit(&fresh), IPC_OK);
    expect(&fresh, false, permitted(60), VERDICT_DROP_FAIL_CLOSE, PKT_TO_DROP);
    rig_close(&fresh);
}

/* GM5: local entries come first; a local permit means drop; mirrored for clear packets from outside. */
static void local_list(void **state)
{
    (void)state;
    rig_begin(&b);
    rig_group(&b, 0, "g", "wan", IPC_GROUP_POLICY);
    rig_rule(&b, 0, IPC_LIST_LOCAL, 0, "deny tcp any any eq 22");
    rig_rule(&b, 0, IPC_LIST_LOCAL, 0, "permit tcp any any eq 23");
    rig_rule(&b, 0, IPC_LIST_DOWNLOADED, 10, "permit ip any any");
    assert_int_equal(rig_commit(&b), IPC_OK);
    expect(&b, false, rig_ipv4(f, "10.1.0.1", "10.2.0.1", 6, 99, 22, 60), VERDICT_SENT_CLEAR, PKT_TO_TX);
    expect(&b, true, rig_ipv4(f, "10.2.0.1", "10.1.0.1", 6, 22, 99, 60), VERDICT_RECEIVED_CLEAR, PKT_TO_TX);
    expect(&b, false, rig_ipv4(f, "10.1.0.1", "10.2.0.1", 6, 99, 23, 60), VERDICT_DROP_LOCAL_ACL, PKT_TO_DROP);
    expect(&b, true, rig_ipv4(f, "10.2.0.1", "10.1.0.1", 6, 23, 99, 60), VERDICT_DROP_LOCAL_ACL, PKT_TO_DROP);
    expect(&b, true, rig_ipv4(f, "10.2.0.1", "10.1.0.1", 6, 99, 22, 60), VERDICT_DROP_POLICY_CLEAR_IN, PKT_TO_DROP);
}

#define WITH_BOTH(test) cmocka_unit_test_setup_teardown(test, open_both, close_both)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BOTH(fail_close),
        WITH_BOTH(groups_without_policy),
        WITH_BOTH(before_the_first_commit),
        WITH_BOTH(local_list),
    };

    rig_start_eal();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
