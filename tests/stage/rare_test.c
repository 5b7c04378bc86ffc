/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What hardly ever happens, found by looking at lines that no test ran: messages that no gvpnd of ours sends, workers that let go
 * of nothing, more flows than the cache has places, towers of tags, ESP for a group that has no policy, changed outer addresses.
 */
#include "tests/stage/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define PENDING_MAX 64 /* old policies that the store keeps for workers */

static struct rig r;
static uint8_t f[2048];

/* DP9: a refusal of each kind, and the policy in effect is what it was. */
static void messages_that_make_no_sense(void **state)
{
    struct ipc_rule rule = {.list = IPC_LIST_COUNT};
    struct ipc_group group = {.group = IPC_MAX_GROUPS, .name = "x"};
    struct ipc_bind bind = {.pair = "wan", .vlan = IPC_MAX_VLAN + 1};
    const struct snap *before;

    (void)state;
    rig_open(&r, 1);
    rig_simple_policy(&r, 1);
    before = snap_store_current(r.store);
    for (unsigned i = 0; i < 4; i++) {
        enum ipc_result expected = i == 0 ? IPC_LIMIT : i == 3 ? IPC_BAD_ORDER : IPC_BAD_MESSAGE;

        rig_begin(&r);
        rig_group(&r, 0, "g", "wan", IPC_GROUP_POLICY);
        r.n_messages++;
        if (i == 0)
            snap_group(r.store, &group);
        else if (i == 1)
            snap_rule(r.store, &rule);
        else if (i == 2)
            snap_bind(r.store, &bind);
        else
            snap_forget(r.store), snap_rule(r.store, &rule);
        assert_int_equal(rig_commit(&r), expected);
        assert_ptr_equal(snap_store_current(r.store), before);
    }
    rig_close(&r);
}

/* A worker that hangs must not make the control thread run out of memory; when it goes on, so does everything. */
static void a_worker_that_never_lets_go(void **state)
{
    struct ipc_commit c;

    (void)state;
    rig_open(&r, 1);
    rig_simple_policy(&r, 1);
    for (unsigned i = 0; i <= PENDING_MAX; i++) {
        struct ipc_sa sa = rig_sa_message(&r, 0x2000 + i, 10, 100); /* a new one each time, the one before is deleted */

        rig_begin(&r);
        rig_group(&r, 0, "g", "wan", IPC_GROUP_POLICY);
        rig_sa(&r, &sa);
        c = (struct ipc_commit){r.epoch, r.n_messages};
        assert_int_equal(snap_commit(r.store, &c, r.now_tsc, MONO_ZERO, r.reason), i < PENDING_MAX ? IPC_OK : IPC_LIMIT);
        assert_false(snap_store_settled(r.store));
    }
    assert_non_null(strstr(r.reason, "older policies"));
    snap_store_quiescent(r.store, 0);
    assert_true(snap_store_settled(r.store));
    rig_simple_policy(&r, 1); /* SPI 0x1000 again: retired, so only the rules count */
    rig_close(&r);
}

/* Ten times as many flows as places: what the cache says of one flow never comes from another. */
static void more_flows_than_places(void **state)
{
    unsigned seed = (unsigned)time(NULL);

    (void)state;
    print_message("seed %u\n", seed);
    srand(seed);
    rig_open(&r, 1);
    rig_simple_policy(&r, 1);
    for (unsigned i = 0; i < 200000; i++) {
        bool six = rand() % 4 != 0, permitted = rand() % 2;
        uint16_t sport = (uint16_t)rand(), dport = (uint16_t)(rand() % 4);
        size_t len = six ? rig_ipv6(f, "2001:db8:1::1", permitted ? "2001:db8:2::1" : "2001:db8:3::1", 17, sport, dport, 80)
                         : rig_ipv4(f, "10.1.0.1", permitted ? "10.2.0.1" : "10.3.0.1", 17, sport, dport, 60);

        for (unsigned again = 0; again < 2; again++)
            assert_int_equal(rig_one(&r, false, f, len).verdict,
                             permitted ? VERDICT_SENT_ENCRYPTED : VERDICT_SENT_CLEAR);
    }
    rig_close(&r);
}

/* DP8: what can't be looked through to its IP can't be judged, so it never passes; what isn't IP does. */
static void towers_of_tags(void **state)
{
    (void)state;
    rig_open(&r, 1);
    rig_simple_policy(&r, 1);
    for (unsigned tags = 3; tags < 12; tags++) {
        size_t len = rig_ipv4(f, "10.1.0.1", "10.2.0.1", 17, 9, 9, 60);

        for (unsigned t = 0; t < tags; t++)
            len = rig_tag(f, len, 0x8100, 7);
        assert_int_equal(rig_one(&r, false, f, len).len, 0);
        assert_int_equal(rig_one(&r, true, f, len).len, 0);
    }
    rig_close(&r);
}

/* GM6: keys that stayed don't open a door while the group fails closed. */
static void esp_for_a_group_that_fails_closed(void **state)
{
    struct rig peer;
    struct rig_result esp;
    struct ipc_sa sa;

    (void)state;
    rig_open(&peer, 1);
    rig_simple_policy(&peer, 900);
    esp = rig_one(&peer, false, f, rig_ipv4(f, "10.2.0.1", "10.1.0.1", 17, 9, 9, 60));
    assert_int_equal(esp.verdict, VERDICT_SENT_ENCRYPTED);
    rig_close(&peer);
    rig_open(&r, 1);
    sa = rig_sa_message(&r, 0x1000, 10, 1);
    rig_begin(&r);
    rig_group(&r, 0, "g", "wan", IPC_GROUP_FAIL_CLOSE);
    rig_rule(&r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip 10.2.0.0/16 10.1.0.0/16");
    rig_sa(&r, &sa);
    assert_int_equal(rig_commit(&r), IPC_OK);
    assert_int_equal(rig_one(&r, true, esp.bytes, esp.len).verdict, VERDICT_DROP_FAIL_CLOSE);
    rig_begin(&r);
    rig_group(&r, 0, "g", "wan", IPC_GROUP_POLICY);
    rig_rule(&r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip 10.2.0.0/16 10.1.0.0/16");
    rig_sa(&r, &sa);
    assert_int_equal(rig_commit(&r), IPC_OK);
    assert_int_equal(rig_one(&r, true, esp.bytes, esp.len).verdict, VERDICT_RECEIVED_DECRYPTED);
    rig_close(&r);
}

/* DP1: ESP doesn't protect the outer header, so only the comparison tells that somebody changed it; each octet counts. */
static void outer_addresses_that_were_changed(void **state)
{
    struct rig_result esp;
    struct rig peer;

    (void)state;
    rig_open(&peer, 1);
    rig_simple_policy(&peer, 900);
    rig_open(&r, 1);
    rig_simple_policy(&r, 1);
    for (unsigned six = 0; six < 2; six++)
        for (unsigned i = six ? 8 : 12; i < (six ? 40 : 20); i++) {
            size_t len = six ? rig_ipv6(f, "2001:db8:2::1", "2001:db8:1::1", 17, 9, 9, 80)
                             : rig_ipv4(f, "10.2.0.1", "10.1.0.1", 17, 9, 9, 60);

            esp = rig_one(&peer, false, f, len);
            assert_int_equal(esp.verdict, VERDICT_SENT_ENCRYPTED);
            assert_int_equal(rig_one(&r, true, esp.bytes, esp.len).verdict, VERDICT_RECEIVED_DECRYPTED);
            esp.bytes[14 + i] ^= 0x04;
            if (!six)
                rig_fix_checksum(esp.bytes);
            assert_int_equal(rig_one(&r, true, esp.bytes, esp.len).verdict, VERDICT_DROP_ADDRESS_MISMATCH);
        }
    rig_close(&r);
    rig_close(&peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_that_make_no_sense),
        cmocka_unit_test(a_worker_that_never_lets_go),
        cmocka_unit_test(more_flows_than_places),
        cmocka_unit_test(towers_of_tags),
        cmocka_unit_test(esp_for_a_group_that_fails_closed),
        cmocka_unit_test(outer_addresses_that_were_changed),
    };

    rig_start_eal();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
