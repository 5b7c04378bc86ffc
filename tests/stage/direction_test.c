/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The only exceptions to "what policy protects leaves and arrives encrypted" (GM8, KS13): receive-only groups send in clear and
 * accept both, passive ones send ESP and accept both; in both families. And there is no other: neither opens anything else.
 */
#include "tests/stage/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static uint8_t f[2048];
static struct rig a, b;

static void open_with(struct rig *r, uint64_t sender, bool passive, bool receive_only)
{
    struct ipc_group m = {.state = IPC_GROUP_POLICY, .name = "g", .passive = passive, .receive_only = receive_only};
    struct ipc_sa sa;

    rig_open(r, 1);
    rig_begin(r);
    r->n_messages++;
    snap_group(r->store, &m);
    rig_bind(r, 0, "wan", 0);
    rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10, "deny tcp any any eq 22");
    rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip 10.1.0.0/16 10.2.0.0/16");
    rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip 2001:db8:1::/48 2001:db8:2::/48");
    sa = rig_sa_message(r, 0x1000, 10, sender);
    rig_sa(r, &sa);
    assert_int_equal(rig_commit(r), IPC_OK);
}

static size_t permitted(unsigned family)
{
    return family == 4 ? rig_ipv4(f, "10.1.0.1", "10.2.0.1", 17, 1000, 53, 100)
                       : rig_ipv6(f, "2001:db8:1::1", "2001:db8:2::1", 17, 1000, 53, 100);
}

/* What a sends as ESP, in f. */
static size_t esp(unsigned family)
{
    struct rig_result sent = rig_one(&a, false, f, permitted(family));

    assert_int_equal(sent.verdict, VERDICT_SENT_ENCRYPTED);
    memcpy(f, sent.bytes, sent.len);
    return sent.len;
}

static void check(unsigned family, bool passive, bool receive_only)
{
    bool accepts_clear = passive || receive_only;

    assert_int_equal(rig_one(&b, false, f, permitted(family)).verdict,
                     receive_only ? VERDICT_SENT_CLEAR : VERDICT_SENT_ENCRYPTED);
    assert_int_equal(rig_one(&b, true, f, permitted(family)).verdict,
                     accepts_clear ? VERDICT_RECEIVED_CLEAR : VERDICT_DROP_POLICY_CLEAR_IN);
    assert_int_equal(rig_one(&b, true, f, esp(family)).verdict, VERDICT_RECEIVED_DECRYPTED);
}

static void four_directions(void **state)
{
    (void)state;
    open_with(&a, 1, false, false);
    for (unsigned way = 0; way < 4; way++) {
        open_with(&b, 2, way & 1, way & 2);
        check(4, way & 1, way & 2);
        check(6, way & 1, way & 2);
        rig_close(&b);
    }
    rig_close(&a);
}

/* An SPI that nobody knows, a forged packet, and what came in the wrong SA stay out. */
static void nothing_else_is_opened(void **state)
{
    size_t len;

    (void)state;
    open_with(&a, 1, false, false);
    for (unsigned way = 1; way < 4; way++) {
        open_with(&b, 2, way & 1, way & 2);
        len = esp(4);
        f[len - 1] ^= 1;
        assert_int_equal(rig_one(&b, true, f, len).verdict, VERDICT_DROP_AUTH);
        len = esp(6);
        f[14 + 40 + 3] ^= 1; /* SPI */
        assert_int_equal(rig_one(&b, true, f, len).verdict, VERDICT_DROP_UNKNOWN_SPI);
        rig_close(&b);
    }
    rig_close(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_directions),
        cmocka_unit_test(nothing_else_is_opened),
    };

    rig_start_eal();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
