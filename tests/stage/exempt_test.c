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

/* Group 0 on all of the pair, which hears rekeys at 239.1.2.3 port 848 and 239.1.2.4 port 5848. */
static void open_with_rekeys(struct rig *r)
{
    struct ipc_group g = {.state = IPC_GROUP_POLICY, .name = "g", .n_rekeys = 2};
    struct ipc_sa sa;

    rig_open(r, 1);
    rig_begin(r);
    g.rekeys[0] = (struct endpoint){addr_v4(0xef010203), 848};
    g.rekeys[1] = (struct endpoint){addr_v4(0xef010204), 5848};
    snap_group(r->store, &g);
    r->n_messages++;
    rig_bind(r, 0, "wan", 0);
    rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip any any");
    sa = rig_sa_message(r, 0x1000, 10, 1);
    rig_sa(r, &sa);
    assert_int_equal(rig_commit(r), IPC_OK);
}

/* Rekeys by multicast reach gvpnd whatever the policy says, and nothing else does that only looks like one. */
static void rekeys_to_the_groups_address_are_for_us(void **state)
{
    struct rig_result got;
    struct rig r;
    size_t len;

    (void)state;
    open_with_rekeys(&r);
    got = rig_one(&r, true, frame, rig_ipv4(frame, "10.7.7.7", "239.1.2.3", UDP, 848, 848, 60));
    assert_int_equal(got.verdict, VERDICT_LOCAL);
    assert_int_equal(got.to, PKT_TO_PUNT);
    assert_int_equal(from_outside(&r, "10.7.7.7", "239.1.2.4", 1000, 5848), VERDICT_LOCAL);
    assert_int_equal(from_outside(&r, "10.7.7.7", "239.1.2.4", 848, 848), VERDICT_DROP_POLICY_CLEAR_IN);
    assert_int_equal(from_outside(&r, "10.7.7.7", "239.1.2.5", 848, 848), VERDICT_DROP_POLICY_CLEAR_IN);
    len = rig_ipv4(frame, "10.7.7.7", "239.1.2.3", 6, 848, 848, 60);
    assert_int_equal(rig_one(&r, true, frame, len).verdict, VERDICT_DROP_POLICY_CLEAR_IN);
    len = rig_tag(frame, rig_ipv4(frame, "10.7.7.7", "239.1.2.3", UDP, 848, 848, 60), 0x8100, 7);
    assert_int_equal(rig_one(&r, true, frame, len).verdict, VERDICT_DROP_POLICY_CLEAR_IN);

    /* A key server behind us sends, and so does one that is us. */
    got = rig_one(&r, false, frame, rig_ipv4(frame, "10.1.0.1", "239.1.2.3", UDP, 848, 848, 60));
    assert_int_equal(got.verdict, VERDICT_LOCAL);
    assert_int_equal(got.to, PKT_TO_TX);
    assert_int_equal(from_inside(&r, "10.1.0.1", "239.1.2.3", 848, 849), VERDICT_SENT_ENCRYPTED);
    assert_int_equal(from_tap(&r, OWN, "239.1.2.4", 5848, 5848), VERDICT_LOCAL);
    rig_close(&r);
}

/* A list of 1000 entries doesn't fit one packet: all pieces go to the kernel, which puts them together. */
static void rekeys_in_pieces_are_for_us_whole(void **state)
{
    struct rig r;

    (void)state;
    open_with_rekeys(&r);
    for (unsigned offset = 0; offset < 3; offset++) {
        size_t len = rig_ipv4(frame, "10.7.7.7", "239.1.2.3", UDP, 848, 848, 60);

        frame[14 + 6] = offset < 2 ? 0x20 : 0;
        frame[14 + 7] = (uint8_t)(offset * 5);
        rig_fix_checksum(frame);
        assert_int_equal(rig_one(&r, true, frame, len).verdict, VERDICT_LOCAL);
    }
    rig_close(&r);
}

static void explain_knows_rekeys(void **state)
{
    struct rig r;

    (void)state;
    open_with_rekeys(&r);
    assert_int_equal(explain_ike(&r, true, "10.7.7.7", "239.1.2.3").decision, IPC_DECISION_LOCAL);
    assert_int_equal(explain_ike(&r, false, "10.1.0.1", "239.1.2.3").decision, IPC_DECISION_LOCAL);
    assert_int_equal(explain_ike(&r, true, "10.7.7.7", "239.1.2.4").verdict, VERDICT_DROP_POLICY_CLEAR_IN);
    rig_close(&r);
}

/* Like an IGMPv3 general query, with the option that it has (RFC 3376 4). */
static size_t query(const char *dst, uint8_t type)
{
    size_t len = rig_ipv4(frame, "10.9.9.254", dst, 2, 0, 0, 36);
    uint8_t *ip = frame + 14;

    ip[0] = 0x46;
    memcpy(ip + 20, "\x94\4\0\0", 4);
    memset(ip + 24, 0, 12);
    ip[24] = type;
    rig_fix_checksum(frame);
    return len;
}

/* Who doesn't answer queries stops hearing the group; hosts behind us still get them as policy says. */
static void the_appliance_hears_igmp_queries(void **state)
{
    const uint8_t *frames[] = {frame};
    static struct rig_out out;
    struct rig r;
    size_t len;

    (void)state;
    open_with_rekeys(&r);
    len = query("224.0.0.1", 0x11);
    rig_all(&r, 0, true, false, 1, frames, &len, &out);
    assert_int_equal(out.n_punt, 1);
    assert_int_equal(out.punt[0].len, len);
    assert_memory_equal(out.punt[0].bytes, frame, len);
    assert_int_equal(rig_count(&r, VERDICT_LOCAL), 1);
    assert_int_equal(rig_count(&r, VERDICT_DROP_POLICY_CLEAR_IN), 1);
    len = query("224.0.0.22", 0x22); /* a report */
    rig_all(&r, 0, true, false, 1, frames, &len, &out);
    assert_int_equal(out.n_punt, 0);
    rig_close(&r);

    open_all_protected(&r); /* nothing to hear: no copy */
    len = query("224.0.0.1", 0x11);
    rig_all(&r, 0, true, false, 1, frames, &len, &out);
    assert_int_equal(out.n_punt, 0);
    rig_close(&r);
}

/* Neither more nor fewer come out of a full vector of them. */
static void a_burst_of_queries_is_copied_whole(void **state)
{
    const uint8_t *frames[VEC_MAX];
    size_t lens[VEC_MAX];
    static struct rig_out out;
    struct rig r;

    (void)state;
    open_with_rekeys(&r);
    for (unsigned i = 0; i < VEC_MAX; i++) {
        lens[i] = query("239.1.2.3", 0x11);
        frames[i] = frame;
    }
    rig_all(&r, 0, true, false, VEC_MAX, frames, lens, &out);
    assert_int_equal(out.n_punt, VEC_MAX);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_own_ike_passes_the_policy),
        cmocka_unit_test(explain_knows_the_same_exemptions),
        cmocka_unit_test(rekeys_to_the_groups_address_are_for_us),
        cmocka_unit_test(rekeys_in_pieces_are_for_us_whole),
        cmocka_unit_test(explain_knows_rekeys),
        cmocka_unit_test(the_appliance_hears_igmp_queries),
        cmocka_unit_test(a_burst_of_queries_is_copied_whole),
    };

    rig_start_eal();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
