/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who passes the policy without being asked (decision 2), under a list that protects everything: the appliance's own IKE
 * and nothing that looks like it. And `explain` says the same as the packet path.
 */
#include "dataplane/explain.h"
#include "tests/stage/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define OWN  "10.9.9.9"
#define OWN6 "2001:db8::9"
#define UDP  17

static uint8_t frame[2048];

static void open_all_protected(struct rig *r)
{
    struct ipc_sa sa;

    rig_open(r, 1);
    rig_begin(r);
    rig_group(r, 0, "g", "wan", IPC_GROUP_POLICY);
    rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip any any");
    sa = rig_sa_message(r, 0x1000, 10, 1);
    rig_sa(r, &sa);
    assert_int_equal(rig_commit(r), IPC_OK);
}

static enum verdict from_outside(struct rig *r, const char *src, const char *dst, uint16_t sport, uint16_t dport)
{
    return rig_one(r, true, frame, rig_ipv4(frame, src, dst, UDP, sport, dport, 60)).verdict;
}

static enum verdict from_inside(struct rig *r, const char *src, const char *dst, uint16_t sport, uint16_t dport)
{
    return rig_one(r, false, frame, rig_ipv4(frame, src, dst, UDP, sport, dport, 60)).verdict;
}

static enum verdict from_tap(struct rig *r, const char *src, const char *dst, uint16_t sport, uint16_t dport)
{
    return rig_local(r, frame, rig_ipv4(frame, src, dst, UDP, sport, dport, 60)).verdict;
}

/* Port 500 is nobody's here: gvpnd speaks on 848 only, so 500 is policy's business. */
static void only_own_ike_passes_the_policy(void **state)
{
    struct rig r;

    (void)state;
    open_all_protected(&r);
    assert_int_equal(from_outside(&r, "10.7.7.7", OWN, 848, 848), VERDICT_LOCAL);
    assert_int_equal(from_outside(&r, "10.7.7.7", OWN, 4500, 4500), VERDICT_LOCAL);
    assert_int_equal(from_outside(&r, "10.7.7.7", OWN, 500, 500), VERDICT_DROP_POLICY_CLEAR_IN);
    assert_int_equal(from_outside(&r, "10.7.7.7", OWN, 848, 9999), VERDICT_DROP_POLICY_CLEAR_IN);
    assert_int_equal(from_outside(&r, "10.7.7.7", "10.2.0.1", 848, 848), VERDICT_DROP_POLICY_CLEAR_IN);

    assert_int_equal(from_tap(&r, OWN, "10.7.7.7", 848, 848), VERDICT_LOCAL);
    assert_int_equal(from_tap(&r, OWN, "10.7.7.7", 4500, 4500), VERDICT_LOCAL);
    assert_int_equal(from_tap(&r, OWN, "10.7.7.7", 500, 500), VERDICT_SENT_ENCRYPTED);
    assert_int_equal(from_tap(&r, OWN, "10.7.7.7", 9999, 848), VERDICT_SENT_ENCRYPTED);
    assert_int_equal(from_tap(&r, "10.1.0.5", "10.7.7.7", 848, 848), VERDICT_SENT_ENCRYPTED);

    assert_int_equal(from_inside(&r, OWN, "10.7.7.7", 848, 848), VERDICT_SENT_ENCRYPTED); /* a borrowed address */
    assert_int_equal(from_inside(&r, "10.1.0.5", "10.7.7.7", 848, 848), VERDICT_SENT_ENCRYPTED);
    rig_close(&r);
}

/* UDP from port 848 to port 848, 8 octets of nothing. */
static size_t udp6(const struct rig *r, const char *src, const char *dst)
{
    struct addr a, b;
    uint8_t *ip = frame + 14;

    (void)r;
    assert_true(addr_parse(src, &a) && addr_parse(dst, &b));
    memset(frame, 0, 14 + 40 + 16);
    frame[12] = 0x86;
    frame[13] = 0xdd;
    ip[0] = 0x60;
    ip[5] = 16;
    ip[6] = UDP;
    ip[7] = 64;
    memcpy(ip + 8, a.b, 16);
    memcpy(ip + 24, b.b, 16);
    ip[40] = ip[42] = 848 >> 8;
    ip[41] = ip[43] = 848 & 0xff;
    ip[45] = 16;
    return 14 + 40 + 16;
}

static struct ipc_explained explain_ike(const struct rig *r, bool inbound, const char *src, const char *dst)
{
    struct ipc_explain q = {.inbound = inbound, .flow = {.proto = UDP, .ports = FLOW_PORTS, .sport = 848, .dport = 848}};
    struct ipc_explained a;

    assert_true(addr_parse(src, &q.flow.src) && addr_parse(dst, &q.flow.dst));
    explain_flow(&r->config, snap_store_current(r->store), r->now_tsc, &q, &a);
    return a;
}

/* IKE runs over IPv4 only, so over IPv6 nothing is exempt; what explain says is what happens. */
static void explain_knows_the_same_exemptions(void **state)
{
    struct rig r;

    (void)state;
    open_all_protected(&r);
    assert_int_equal(explain_ike(&r, true, "10.7.7.7", OWN).decision, IPC_DECISION_LOCAL);
    assert_int_equal(explain_ike(&r, false, OWN, "10.7.7.7").decision, IPC_DECISION_LOCAL);

    assert_int_equal(rig_one(&r, true, frame, udp6(&r, "2001:db8::7", OWN6)).verdict, VERDICT_DROP_POLICY_CLEAR_IN);
    assert_int_equal(explain_ike(&r, true, "2001:db8::7", OWN6).verdict, VERDICT_DROP_POLICY_CLEAR_IN);
    assert_int_equal(explain_ike(&r, true, "2001:db8::7", OWN6).decision, IPC_DECISION_DROP);
    assert_int_equal(rig_local(&r, frame, udp6(&r, OWN6, "2001:db8::7")).verdict, VERDICT_SENT_ENCRYPTED);
    assert_int_equal(explain_ike(&r, false, OWN6, "2001:db8::7").verdict, VERDICT_SENT_ENCRYPTED);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_own_ike_passes_the_policy),
        cmocka_unit_test(explain_knows_the_same_exemptions),
    };

    rig_start_eal();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
