/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets that wait in lanes (DP2): they fill up over vectors, keep their order, come out when nothing new comes,
 * after a few calls, before another snapshot is used and before a packet of a newer suite would overtake them; until
 * then the worker isn't quiescent. Suites side by side, 33 packets and more.
 */
#include "tests/stage/rig.h"

#include "dataplane/core/bytes.h"
#include "dataplane/lanes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define CALLS_MAX 8 /* as docs/architecture.md says */

static struct pkt_vec vec;

/* Frame number `serial` of a flow: its serial stands behind the ports. */
static struct rte_mbuf *packet(struct rig *r, unsigned dport, uint32_t serial, size_t ip_len)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(r->pool);
    uint8_t frame[2048];
    size_t len = rig_ipv4(frame, "10.1.0.1", "10.2.0.1", 17, 1000, (uint16_t)dport, ip_len);

    assert_non_null(m);
    store32(frame + 14 + 28, serial);
    memcpy(rte_pktmbuf_append(m, (uint16_t)len), frame, len);
    return m;
}

static void call(struct rig *r, bool inbound)
{
    vec.pair = 0;
    vec.local = false;
    if (inbound)
        pipeline_inbound(r->ctx[0], &vec);
    else
        pipeline_outbound(r->ctx[0], &vec);
}

/* One poll with the packets that stand in vec. */
static void poll_once(struct rig *r, bool inbound)
{
    pipeline_begin(r->ctx[0], r->now_tsc);
    call(r, inbound);
    pipeline_end(r->ctx[0]);
}

static void idle(struct rig *r, bool inbound)
{
    vec.n = 0;
    poll_once(r, inbound);
}

static void throw_away(void)
{
    rte_pktmbuf_free_bulk(vec.tx, vec.n_tx);
    rte_pktmbuf_free_bulk(vec.punt, vec.n_punt);
}

/* Port 100 + i goes through suites[i], of `sa` number 10 + i and SPI 0x2000 + i. */
static void policy(struct rig *r, unsigned n, const enum suite_id suites[], uint64_t sender)
{
    rig_begin(r);
    rig_group(r, 0, "g", "wan", IPC_GROUP_POLICY);
    for (unsigned i = 0; i < n; i++) {
        struct ipc_sa sa = rig_suite_message(r, suites[i], false, 0x2000 + i, 10 + i, sender);
        char text[64];

        snprintf(text, sizeof text, "permit udp any any eq %u", 100 + i);
        rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10 + i, text);
        rig_sa(r, &sa);
    }
    if (rig_commit(r) != IPC_OK)
        fail_msg("%s", r->reason);
}

static void one_suite(struct rig *r, enum suite_id id)
{
    rig_open(r, 1);
    policy(r, 1, &id, 1);
}

static void send_some(struct rig *r, unsigned n, size_t ip_len)
{
    for (unsigned i = 0; i < n; i++)
        vec.m[i] = packet(r, 100, i, ip_len);
    vec.n = (uint16_t)n;
    poll_once(r, false);
}

/*
 * A few packets don't fill the lanes: they wait, count nowhere, and the worker isn't quiescent; idle brings them
 * out.
 */
static void idle_empties(void **state)
{
    struct rig r;

    (void)state;
    one_suite(&r, SUITE_AES_CBC_128_SHA1);
    send_some(&r, 3, 100);
    assert_int_equal(vec.n_tx, 0);
    assert_true(pipeline_waits(r.ctx[0], 0, false));
    assert_false(pipeline_waits(r.ctx[0], 0, true));
    assert_int_equal(rig_count(&r, VERDICT_SENT_ENCRYPTED), 0);
    idle(&r, false);
    assert_int_equal(vec.n_tx, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(vec.tx_verdict[i], VERDICT_SENT_ENCRYPTED);
    throw_away();
    assert_false(pipeline_waits(r.ctx[0], 0, false));
    assert_int_equal(rig_count(&r, VERDICT_SENT_ENCRYPTED), 3);
    rig_close(&r);
}

/* Others keep coming, but not with this cipher: after 8 calls it goes. */
static void waiting_is_bounded(void **state)
{
    static const enum suite_id suites[] = {SUITE_3DES_SHA1, SUITE_AES_GCM_128};
    unsigned calls = 0;
    struct rig r;

    (void)state;
    rig_open(&r, 1);
    policy(&r, 2, suites, 1);
    send_some(&r, 1, 100);
    assert_int_equal(vec.n_tx, 0);
    do {
        vec.m[0] = packet(&r, 101, 0, 100);
        vec.n = 1;
        poll_once(&r, false);
        calls++;
        if (vec.n_tx == 2)
            assert_int_equal(rte_pktmbuf_mtod(vec.tx[0], uint8_t *)[14 + 23], 0x00); /* SPI 0x2000 first */
        throw_away();
        assert_true(calls <= CALLS_MAX);
    } while (pipeline_waits(r.ctx[0], 0, false));
    assert_int_equal(calls, CALLS_MAX);
    rig_close(&r);
}

/* With enough packets they come out without any flush, and no more wait than there are lanes and their queues. */
static void full_lanes_flow(void **state)
{
    unsigned out = 0;
    struct rig r;

    (void)state;
    one_suite(&r, SUITE_AES_CBC_256_SHA256);
    for (unsigned round = 0; round < 40; round++) {
        send_some(&r, VEC_BURST, 200);
        out += vec.n_tx;
        throw_away();
        assert_true(32 * (round + 1) - out <= 64);
    }
    assert_true(out >= 39 * 32);
    idle(&r, false);
    out += vec.n_tx;
    throw_away();
    assert_int_equal(out, 40 * 32);
    rig_close(&r);
}

/* A new snapshot is used, and the old one given up, only when nothing waits any more: one poll later. */
static void another_snapshot_waits_for_them(void **state)
{
    const enum suite_id id = SUITE_AES_CBC_128_SHA256;
    struct ipc_commit commit;
    struct rig r;

    (void)state;
    one_suite(&r, id);
    send_some(&r, 5, 100);
    assert_int_equal(vec.n_tx, 0);
    /* A policy without the SA: deleted while its key is in use. rig_commit() would say that the worker is quiescent. */
    rig_begin(&r);
    rig_group(&r, 0, "g", "wan", IPC_GROUP_POLICY);
    commit = (struct ipc_commit){r.epoch, r.n_messages};
    assert_int_equal(snap_commit(r.store, &commit, r.now_tsc, mono_ns((int64_t)r.now_tsc), r.reason), IPC_OK);
    assert_false(snap_store_settled(r.store));
    vec.m[0] = packet(&r, 100, 9, 100);
    vec.n = 1;
    poll_once(&r, false); /* still judged under the old one, and everything comes out */
    assert_int_equal(vec.n_tx, 6);
    throw_away();
    assert_true(snap_store_settled(r.store));
    vec.m[0] = packet(&r, 100, 9, 100);
    vec.n = 1;
    poll_once(&r, false);
    assert_int_equal(vec.n_tx, 1);
    assert_int_equal(vec.tx_verdict[0], VERDICT_SENT_CLEAR);
    throw_away();
    rig_close(&r);
}

static void settled_only_when_empty(void **state)
{
    struct ipc_commit commit;
    struct rig r;

    (void)state;
    one_suite(&r, SUITE_NULL_SHA256);
    send_some(&r, 2, 100);
    assert_true(pipeline_waits(r.ctx[0], 0, false));
    rig_begin(&r);
    commit = (struct ipc_commit){r.epoch, r.n_messages};
    assert_int_equal(snap_commit(r.store, &commit, r.now_tsc, mono_ns((int64_t)r.now_tsc), r.reason), IPC_OK);
    for (unsigned i = 0; i < 3; i++) {
        pipeline_begin(r.ctx[0], r.now_tsc); /* polls in which nobody asks for them */
        pipeline_end(r.ctx[0]);
        assert_false(snap_store_settled(r.store));
    }
    idle(&r, false);
    throw_away();
    assert_true(snap_store_settled(r.store));
    rig_close(&r);
}

/*
 * A flow whose number gets a newer SA of the fast way: what waits comes out first. Another number's doesn't hurry
 * it.
 */
static void a_newer_suite_does_not_overtake(void **state)
{
    static const enum suite_id suites[] = {SUITE_AES_CBC_192_SHA512, SUITE_AES_GCM_128};
    struct ipc_sa sa[3];
    struct rig r;

    (void)state;
    rig_open(&r, 1);
    for (unsigned again = 0; again < 2; again++) {
        rig_begin(&r);
        rig_group(&r, 0, "g", "wan", IPC_GROUP_POLICY);
        rig_rule(&r, 0, IPC_LIST_DOWNLOADED, 10, "permit udp any any eq 100");
        rig_rule(&r, 0, IPC_LIST_DOWNLOADED, 11, "permit udp any any eq 101");
        for (unsigned i = 0; i < 3; i++) {
            sa[i] = rig_suite_message(&r, suites[i > 0], false, 0x2000 + i, i == 2 ? 11 : 10, 1 + i);
            if (i == 0)
                sa[i].send_end_in_ms = 1000;
            rig_sa(&r, &sa[i]);
        }
        assert_int_equal(rig_commit(&r), IPC_OK);
    }
    for (unsigned i = 0; i < 4; i++)
        vec.m[i] = packet(&r, 100 + (i == 3), i, 100);
    vec.n = 4;
    poll_once(&r, false);
    assert_int_equal(vec.n_tx, 1); /* the fourth, of number 11 */
    throw_away();
    r.now_tsc += 1001 * RIG_MS;
    send_some(&r, 2, 100);
    assert_int_equal(vec.n_tx, 5);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(rte_pktmbuf_mtod(vec.tx[i], uint8_t *)[14 + 23], i < 3 ? 0 : 1);
    throw_away();
    rig_close(&r);
}

/* What the receiver has got so far of each flow. */
static uint32_t expected[16];

static void check_order(void)
{
    for (unsigned i = 0; i < vec.n_tx; i++) {
        const uint8_t *frame = rte_pktmbuf_mtod(vec.tx[i], const uint8_t *);
        unsigned flow = (unsigned)(frame[14 + 22] << 8 | frame[14 + 23]) - 100;

        assert_int_equal(vec.tx_verdict[i], VERDICT_RECEIVED_DECRYPTED);
        assert_true(flow < 16);
        assert_int_equal(load32(frame + 14 + 28), expected[flow]);
        expected[flow]++;
    }
    throw_away();
}

/* What came out of a goes into b. */
static void pass_on(struct rig *b)
{
    unsigned n = vec.n_tx, at = 0;
    static struct rte_mbuf *between[VEC_OUT_MAX];

    memcpy(between, vec.tx, n * sizeof between[0]);
    while (at < n) {
        vec.n = (uint16_t)(n - at < VEC_MAX ? n - at : VEC_MAX);
        memcpy(vec.m, between + at, vec.n * sizeof between[0]);
        at += vec.n;
        poll_once(b, true);
        check_order();
    }
}

/*
 * 16 suites in turns, bursts of 1 to 64, lengths at random, idle polls in between: nothing is lost, and each flow is
 * in order.
 */
static void mixed_suites_keep_the_order_of_flows(void **state)
{
    static const enum suite_id suites[16] = {
        SUITE_AES_CBC_128_SHA1, SUITE_AES_GCM_128, SUITE_3DES_SHA1, SUITE_AES_CBC_256_SHA512,
        SUITE_NULL_SHA1, SUITE_CHACHA20_POLY1305, SUITE_AES_GMAC_256, SUITE_AES_CBC_192_SHA384,
        SUITE_AES_CBC_128_SHA256, SUITE_NULL_SHA512, SUITE_AES_GCM_256, SUITE_AES_CBC_256_SHA1,
        SUITE_AES_CBC_192_SHA256, SUITE_AES_GMAC_128, SUITE_NULL_SHA256, SUITE_AES_CBC_128_SHA512};
    uint32_t sent[16] = {0};
    unsigned seed = (unsigned)time(NULL), total = 0;
    struct rig a, b;

    (void)state;
    print_message("seed %u\n", seed);
    srand(seed);
    memset(expected, 0, sizeof expected);
    rig_open(&a, 1);
    rig_open(&b, 1);
    policy(&a, 16, suites, 1);
    policy(&b, 16, suites, 2);
    for (unsigned round = 0; round < 600; round++) {
        unsigned n = 1 + (unsigned)rand() % VEC_MAX;

        for (unsigned i = 0; i < n; i++) {
            unsigned flow = (unsigned)rand() % 16;

            vec.m[i] = packet(&a, 100 + flow, sent[flow]++, 32 + (unsigned)rand() % 1300);
        }
        total += n;
        vec.n = (uint16_t)n;
        poll_once(&a, false);
        pass_on(&b);
        if (rand() % 8 == 0) {
            idle(&a, false);
            pass_on(&b);
        }
        if (rand() % 8 == 0) {
            idle(&b, true);
            check_order();
        }
    }
    idle(&a, false);
    pass_on(&b);
    idle(&b, true);
    check_order();
    assert_memory_equal(expected, sent, sizeof sent);
    assert_int_equal(rig_count(&a, VERDICT_SENT_ENCRYPTED), total);
    assert_int_equal(rig_count(&b, VERDICT_RECEIVED_DECRYPTED), total);
    rig_close(&a);
    rig_close(&b);
}

/* A library that says that it couldn't. */
static void submit_failing(void *library, struct crypto_job *job)
{
    (void)library;
    job->done = true;
    job->ok = false;
}

/* What couldn't be encrypted doesn't leave, and what couldn't be opened isn't let in (invariant 1). */
static void what_the_library_fails_on_is_dropped(void **state)
{
    static const enum suite_id suites[] = {SUITE_AES_CBC_128_SHA256, SUITE_CHACHA20_POLY1305, SUITE_AES_GMAC_128, SUITE_NULL_SHA1,
                                           SUITE_3DES_SHA1};
    struct crypto_backend broken = *crypto_ipsec_mb();

    (void)state;
    broken.submit = submit_failing;
    for (unsigned i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        struct rig good, bad;

        one_suite(&good, suites[i]);
        rig_open_with(&bad, 1, &broken);
        policy(&bad, 1, &suites[i], 2);
        send_some(&bad, 3, 100);
        assert_int_equal(vec.n_tx, 0);
        idle(&bad, false);
        assert_int_equal(vec.n_tx, 0);
        assert_int_equal(rig_count(&bad, VERDICT_DROP_INTERNAL), 3);
        send_some(&good, 3, 100);
        if (vec.n_tx == 0)
            idle(&good, false);
        assert_int_equal(vec.n_tx, 3);
        memcpy(vec.m, vec.tx, 3 * sizeof vec.m[0]);
        vec.n = 3;
        poll_once(&bad, true);
        assert_int_equal(vec.n_tx, 0);
        idle(&bad, true);
        assert_int_equal(vec.n_tx, 0);
        assert_int_equal(rig_count(&bad, VERDICT_DROP_AUTH), 3);
        rig_close(&good);
        rig_close(&bad);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_empties),
        cmocka_unit_test(waiting_is_bounded),
        cmocka_unit_test(full_lanes_flow),
        cmocka_unit_test(another_snapshot_waits_for_them),
        cmocka_unit_test(settled_only_when_empty),
        cmocka_unit_test(a_newer_suite_does_not_overtake),
        cmocka_unit_test(mixed_suites_keep_the_order_of_flows),
        cmocka_unit_test(what_the_library_fails_on_is_dropped),
    };

    rig_start_eal();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
