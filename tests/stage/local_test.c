/* SPDX-License-Identifier: BSD-3-Clause */
/* What reaches or leaves the appliance in ways of its own: fragments of IKE, neighbour discovery, IPv6 around the policy. */
#include "tests/stage/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct rig r;
static uint8_t f[2048];

static int open_rig(void **state)
{
    (void)state;
    rig_open(&r, 1);
    rig_simple_policy(&r, 1);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    rig_close(&r);
    return 0;
}

static void expect(bool inbound, size_t len, enum verdict verdict, enum pkt_to to)
{
    struct rig_result result = rig_one(&r, inbound, f, len);

    assert_string_equal(verdict_name(result.verdict), verdict_name(verdict));
    assert_int_equal(result.to, to);
}

/* A datagram of IKE too long for one packet: later fragments have no ports, and must not open a door for others. */
static void own_fragments(void **state)
{
    (void)state;
    rig_ipv4(f, "10.9.9.9", "10.1.0.1", 17, 848, 848, 100);
    f[18] = 9, f[19] = 9;
    f[20] = 0, f[21] = 10; /* a later fragment without its first: policy judges it */
    rig_fix_checksum(f);
    assert_int_equal(rig_local(&r, f, 114).verdict, VERDICT_SENT_CLEAR);
    f[20] = 0x20, f[21] = 0;
    rig_fix_checksum(f);
    assert_int_equal(rig_local(&r, f, 114).verdict, VERDICT_LOCAL);
    f[20] = 0, f[21] = 10;
    rig_fix_checksum(f);
    assert_int_equal(rig_local(&r, f, 114).verdict, VERDICT_LOCAL);
    f[19] = 8; /* another datagram's */
    rig_fix_checksum(f);
    assert_int_equal(rig_local(&r, f, 114).verdict, VERDICT_SENT_CLEAR);
    rig_ipv4(f, "10.1.0.1", "10.9.9.9", 17, 848, 848, 100);
    f[21] = 10;
    rig_fix_checksum(f);
    expect(true, 114, VERDICT_LOCAL, PKT_TO_PUNT);
}

static void neighbour_discovery_and_ipv6(void **state)
{
    (void)state;
    memset(f, 0, 100);
    f[12] = 0x86, f[13] = 0xdd, f[14] = 0x60, f[19] = 24, f[20] = 58, f[21] = 255, f[22] = f[38] = 0x20, f[54] = 135;
    expect(true, 78, VERDICT_PASSED_L2, PKT_TO_TX);
    expect(false, 78, VERDICT_PASSED_L2, PKT_TO_TX);
    f[54] = 128; /* an echo request: no rule for it */
    expect(false, 78, VERDICT_SENT_CLEAR, PKT_TO_TX);
    expect(true, 78, VERDICT_RECEIVED_CLEAR, PKT_TO_TX);
    rig_begin(&r);
    rig_group(&r, 0, "g", "wan", IPC_GROUP_POLICY);
    rig_rule(&r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip any any");
    assert_int_equal(rig_commit(&r), IPC_OK);
    expect(false, 78, VERDICT_DROP_NO_SA, PKT_TO_DROP); /* never in clear around the policy */
    expect(true, 78, VERDICT_DROP_POLICY_CLEAR_IN, PKT_TO_DROP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(own_fragments, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(neighbour_discovery_and_ipv6, open_rig, close_rig),
    };

    rig_start_eal();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
