/* SPDX-License-Identifier: BSD-3-Clause */
/* Which group is in charge of a frame: pairs, VLANs, and SPIs that are one group's only (GM11, DP8). */
#include "tests/stage/rig.h"

#include "dataplane/core/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* GM11: a pair's group has all VLANs but those with a group of their own; a pair of VLANs alone leaves the rest to none. */
static void every_vlan_has_its_group(void **state)
{
    const struct snap *s;
    struct rig r;

    (void)state;
    assert_int_equal(snap_group_of(NULL, 0, 0), -1);
    rig_open(&r, 1);
    rig_begin(&r);
    rig_group_on(&r, 0, "ten", "wan", 10, IPC_GROUP_POLICY);
    rig_group_on(&r, 2, "rest", "wan", 0, IPC_GROUP_POLICY);
    rig_group_on(&r, 5, "last", "wan", 4094, IPC_GROUP_POLICY);
    rig_group_on(&r, 63, "dmz", "dmz", 20, IPC_GROUP_POLICY);
    assert_int_equal(rig_commit(&r), IPC_OK);
    s = snap_store_current(r.store);
    for (unsigned vlan = 0; vlan < SNAP_VLANS; vlan++) {
        assert_int_equal(snap_group_of(s, 0, vlan), vlan == 10 ? 0 : vlan == 4094 ? 5 : 2);
        assert_int_equal(snap_group_of(s, 1, vlan), vlan == 20 ? 63 : -1);
        assert_int_equal(snap_group_of(s, 2, vlan), -1);
    }
    rig_begin(&r);
    rig_group_on(&r, 7, "many", "dmz", 0, IPC_GROUP_POLICY);
    rig_bind(&r, 7, "wan", 10);
    rig_bind(&r, 7, "wan", 20);
    assert_int_equal(rig_commit(&r), IPC_OK);
    s = snap_store_current(r.store);
    assert_int_equal(snap_group_of(s, 0, 0), -1);
    assert_int_equal(snap_group_of(s, 0, 10), 7);
    assert_int_equal(snap_group_of(s, 0, 20), 7);
    assert_int_equal(snap_group_of(s, 1, 10), 7);
    rig_close(&r);
}

/* An SA protects its own group's traffic: the SPI table says whose it is. */
static void an_spi_knows_its_group(void **state)
{
    struct ipc_sa m;
    const struct snap_spi *e;
    struct rig r;

    (void)state;
    rig_open(&r, 1);
    rig_begin(&r);
    rig_group_on(&r, 0, "ten", "wan", 10, IPC_GROUP_POLICY);
    rig_group_on(&r, 1, "rest", "wan", 0, IPC_GROUP_POLICY);
    for (unsigned i = 0; i < 2; i++) {
        m = rig_sa_message(&r, 0x1000 + i, 10, 1 + i);
        m.group = (uint16_t)i;
        rig_sa(&r, &m);
    }
    assert_int_equal(rig_commit(&r), IPC_OK);
    for (unsigned i = 0; i < 2; i++) {
        e = snap_spi_find(snap_store_current(r.store), __builtin_bswap32(0x1000 + i));
        assert_non_null(e);
        assert_int_equal(e->group, i);
        assert_int_equal(e->sa->spi, 0x1000 + i);
    }
    assert_null(snap_spi_find(snap_store_current(r.store), __builtin_bswap32(0x1002)));
    rig_close(&r);
}

#define N 32

static uint8_t frames[N][256];
static size_t lens[N];
static struct rig_result results[N];

/* Two groups with the same rules, on VLANs 10 and 20; SPI 0x1000 + group. */
static void open_two_groups(struct rig *r, uint64_t first_sender)
{
    rig_open(r, 1);
    rig_begin(r);
    for (unsigned g = 0; g < 2; g++) {
        struct ipc_sa m = rig_sa_message(r, 0x1000 + g, 10, first_sender + g);

        m.group = (uint16_t)g;
        memset(m.key.b, 0x11 + (int)g, m.key.len);
        rig_group_on(r, g, g ? "twenty" : "ten", "wan", 10 * (g + 1), IPC_GROUP_POLICY);
        rig_rule(r, g, IPC_LIST_DOWNLOADED, 10, "permit ip 10.1.0.0/16 10.1.0.0/16");
        rig_sa(r, &m);
    }
    assert_int_equal(rig_commit(r), IPC_OK);
}

static void run(struct rig *r, bool inbound, unsigned n)
{
    const uint8_t *at[N];

    for (unsigned i = 0; i < n; i++)
        at[i] = frames[i];
    rig_run(r, 0, inbound, false, n, at, lens, results);
}

/* The VLAN of packet i: 10, 20 and 30 change with every packet. */
static unsigned vlan_of(unsigned i)
{
    return 10 * (1 + i % 3);
}

/*
 * What was looked up for one packet holds for the next of a burst only when it is the same group's: tags change from packet to
 * packet, addresses and ports never do.
 */
static void a_burst_may_mix_groups(void **state)
{
    uint64_t unknown = 0, of_groups = 0;
    struct rig a, b;

    (void)state;
    open_two_groups(&a, 1);
    open_two_groups(&b, 5);
    for (unsigned i = 0; i < N; i++) {
        lens[i] = rig_ipv4(frames[i], "10.1.0.1", "10.1.0.2", 17, 1, 2, 60);
        lens[i] = rig_tag(frames[i], lens[i], 0x8100, (uint16_t)(0x2000 | vlan_of(i)));
    }
    run(&a, false, N);
    for (unsigned i = 0; i < N; i++) {
        if (vlan_of(i) == 30) {
            assert_int_equal(results[i].verdict, VERDICT_DROP_UNPROTECTED);
            continue;
        }
        assert_int_equal(results[i].verdict, VERDICT_SENT_ENCRYPTED);
        assert_int_equal(load16_be(results[i].bytes + 14), 0x2000 | vlan_of(i));
        assert_int_equal(load32(results[i].bytes + 18 + 20), __builtin_bswap32(0x1000 + i % 3));
        memcpy(frames[i], results[i].bytes, results[i].len);
        lens[i] = results[i].len;
    }
    /* Some go to the other group's VLAN, some to nobody's. */
    for (unsigned i = 0; i < N; i++)
        if (vlan_of(i) != 30 && i % 4 == 3)
            frames[i][15] = (uint8_t)(30 - vlan_of(i));
        else if (vlan_of(i) != 30 && i % 5 == 4)
            frames[i][15] = 30;
    run(&b, true, N);
    for (unsigned i = 0; i < N; i++) {
        enum verdict want = VERDICT_RECEIVED_DECRYPTED;

        if (frames[i][15] == 30)
            want = VERDICT_DROP_UNPROTECTED;
        else if (frames[i][15] != vlan_of(i))
            want = VERDICT_DROP_UNKNOWN_SPI;
        unknown += want == VERDICT_DROP_UNKNOWN_SPI;
        assert_string_equal(verdict_name(results[i].verdict), verdict_name(want));
    }
    for (unsigned i = 0; i < IPC_MAX_GROUPS; i++) /* GM13: each group's own, so that the right one recovers */
        of_groups += atomic_load(&b.page->workers[0].unknown_spi[i]);
    assert_true(unknown > 0);
    assert_int_equal(of_groups, unknown);
    assert_int_equal(of_groups, atomic_load(&b.page->workers[0].unknown_spi[0]) + atomic_load(&b.page->workers[0].unknown_spi[1]));
    rig_close(&a);
    rig_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_vlan_has_its_group),
        cmocka_unit_test(an_spi_knows_its_group),
        cmocka_unit_test(a_burst_may_mix_groups),
    };

    rig_start_eal();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
