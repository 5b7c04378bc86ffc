/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Buffers as drivers may hand them over: chains of any cut, shared and cloned ones, without headroom, too large for one buffer; frames of 9000
 * octets there and back, also in pieces. No buffer is lost, and none that others refer to is changed.
 */
#include "tests/stage/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define POOL  255
#define SMALL (RTE_PKTMBUF_HEADROOM + 512)
#define LARGE (RTE_PKTMBUF_HEADROOM + 9216)

static struct rig a, b;
static struct rte_mempool *small, *large;
static uint8_t f[10000];
static struct pkt_vec v;

/* Both ends with an MTU of 9000. */
static int open_both(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct rig *r = i == 0 ? &a : &b;

        rig_open(r, 1);
        r->config.pairs[0].mtu = 9000;
        pipeline_ctx_free(r->ctx[0]); /* memory for pieces goes by the MTU */
        r->ctx[0] = pipeline_ctx_new(&r->config, r->store, 0, r->crypto, SOCKET_ID_ANY);
        assert_non_null(r->ctx[0]);
        rig_simple_policy(r, 10 * i + 1);
    }
    return 0;
}

static int close_both(void **state)
{
    (void)state;
    rig_close(&a);
    rig_close(&b);
    assert_int_equal(rte_mempool_avail_count(small), POOL);
    assert_int_equal(rte_mempool_avail_count(large), POOL);
    return 0;
}

/* One buffer through a worker. Returns what came out, or NULL when it was dropped; *verdict says why. */
static struct rte_mbuf *run(struct rig *r, bool inbound, struct rte_mbuf *m, enum verdict *verdict)
{
    v.n = 1;
    v.pair = 0;
    v.local = false;
    v.m[0] = m;
    pipeline_begin(r->ctx[0], r->now_tsc);
    if (inbound)
        pipeline_inbound(r->ctx[0], &v);
    else
        pipeline_outbound(r->ctx[0], &v);
    pipeline_end(r->ctx[0]);
    rte_pktmbuf_free_bulk(v.back, v.n_back);
    *verdict = (enum verdict)v.pkts[0].verdict;
    return v.n_tx == 1 ? v.tx[0] : NULL;
}

/* f in a chain of segments of at most `cut` octets. */
static struct rte_mbuf *chain(struct rte_mempool *pool, size_t len, size_t cut)
{
    struct rte_mbuf *head = NULL;

    for (size_t at = 0; at < len; at += cut) {
        struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
        size_t n = len - at < cut ? len - at : cut;
        char *to = m != NULL ? rte_pktmbuf_append(m, (uint16_t)n) : NULL;

        assert_non_null(to);
        memcpy(to, f + at, n);
        if (head == NULL)
            head = m;
        else
            assert_int_equal(rte_pktmbuf_chain(head, m), 0);
    }
    return head;
}

static void is_frame(struct rte_mbuf *m, const uint8_t *frame, size_t len)
{
    assert_non_null(m);
    assert_int_equal(m->nb_segs, 1);
    assert_int_equal(m->pkt_len, len);
    assert_int_equal(m->data_len, len);
    assert_memory_equal(rte_pktmbuf_mtod(m, const void *), frame, len);
    rte_pktmbuf_free(m);
}

/* Outward as given, back as it comes; the frame in f must be what comes out. */
static void there_and_back(struct rte_mbuf *m, size_t len)
{
    enum verdict verdict;

    m = run(&a, false, m, &verdict);
    assert_string_equal(verdict_name(verdict), "sent_encrypted");
    m = run(&b, true, m, &verdict);
    assert_string_equal(verdict_name(verdict), "received_decrypted");
    is_frame(m, f, len);
}

static void chains(void **state)
{
    (void)state;
    for (unsigned six = 0; six <= 1; six++)
        for (size_t cut = 7; cut < 512; cut = cut * 3 / 2) {
            size_t len = six ? rig_ipv6(f, "2001:db8:1::1", "2001:db8:2::1", 17, 1, 2, 380)
                             : rig_ipv4(f, "10.1.0.1", "10.2.0.1", 17, 1, 2, 380);

            there_and_back(chain(small, len, cut), len);
        }
}

/* What is larger than a buffer of its pool is dropped, not cut. */
static void a_chain_that_fits_no_buffer(void **state)
{
    size_t len = rig_ipv4(f, "10.1.0.1", "10.2.0.1", 17, 1, 2, 1400);
    enum verdict verdict;

    (void)state;
    assert_null(run(&a, false, chain(small, len, 500), &verdict));
    assert_string_equal(verdict_name(verdict), "drop_no_buffer");
    there_and_back(chain(large, len, 500), len);
}

/* Somebody else still reads it. */
static void shared_and_cloned(void **state)
{
    size_t len = rig_ipv4(f, "10.1.0.1", "10.2.0.1", 17, 1, 2, 300);
    struct rte_mbuf *m = chain(small, len, 512), *clone;

    (void)state;
    rte_mbuf_refcnt_update(m, 1);
    there_and_back(m, len);
    is_frame(m, f, len); /* unchanged, and now the last reference is gone */
    m = chain(small, len, 512);
    clone = rte_pktmbuf_clone(m, small);
    assert_non_null(clone);
    there_and_back(clone, len);
    is_frame(m, f, len);
    m = chain(small, len, 100);
    clone = rte_pktmbuf_clone(m, small);
    assert_non_null(clone);
    there_and_back(clone, len);
    rte_pktmbuf_free(m);
}

static void no_buffer_left(void **state)
{
    size_t len = rig_ipv4(f, "10.1.0.1", "10.2.0.1", 17, 1, 2, 300);
    struct rte_mbuf *all[POOL], *m = chain(small, len, 200);
    enum verdict verdict;
    unsigned n = rte_mempool_avail_count(small);

    (void)state;
    assert_int_equal(rte_pktmbuf_alloc_bulk(small, all, n), 0);
    assert_null(run(&a, false, m, &verdict));
    assert_string_equal(verdict_name(verdict), "drop_no_buffer");
    rte_pktmbuf_free_bulk(all, n);
}

static void no_headroom(void **state)
{
    size_t len = rig_ipv4(f, "10.1.0.1", "10.2.0.1", 17, 1, 2, 300);
    enum verdict verdict;

    (void)state;
    for (unsigned room = 0; room < 40; room++) {
        struct rte_mbuf *m = rte_pktmbuf_alloc(large);

        assert_non_null(m);
        m->data_off = (uint16_t)room;
        memcpy(rte_pktmbuf_append(m, (uint16_t)len), f, len);
        m = run(&a, false, m, &verdict);
        assert_string_equal(verdict_name(verdict), room < 36 ? "drop_no_buffer" : "sent_encrypted");
        rte_pktmbuf_free(m);
    }
}

static void nine_thousand_octets(void **state)
{
    enum verdict verdict;

    (void)state;
    for (size_t ip_len = 8930; ip_len <= 8946; ip_len++) {
        size_t len = rig_ipv4(f, "10.1.0.1", "10.2.0.1", 17, 1, 2, ip_len);

        there_and_back(chain(large, len, LARGE), len);
        there_and_back(chain(large, len, 2048), len);
    }
    assert_null(run(&a, false, chain(large, rig_ipv6(f, "2001:db8:1::1", "2001:db8:2::1", 17, 1, 2, 8927), LARGE), &verdict));
    assert_string_equal(verdict_name(verdict), "drop_too_big");
}

/* The largest packet, through a WAN of 1500, in small and large buffers. */
static void nine_thousand_octets_in_pieces(void **state)
{
    size_t len = rig_ipv4(f, "10.1.0.1", "10.2.0.1", 17, 1, 2, 8946), payload;
    static uint8_t esp[10000], inner[10000];
    enum verdict verdict;
    struct rte_mbuf *m;

    (void)state;
    memcpy(inner, f, len);
    m = run(&a, false, chain(large, len, LARGE), &verdict);
    assert_non_null(m);
    payload = m->data_len - 34u;
    memcpy(esp, rte_pktmbuf_mtod(m, const void *), m->data_len);
    rte_pktmbuf_free(m);
    for (size_t at = 0; at < payload; at += 1480) {
        size_t n = payload - at < 1480 ? payload - at : 1480;
        bool more = at + n < payload;

        memcpy(f, esp, 34);
        memcpy(f + 34, esp + 34 + at, n);
        store16_be(f + 16, (uint16_t)(20 + n));
        store16_be(f + 20, (uint16_t)((more ? 0x2000 : 0) | at / 8));
        rig_fix_checksum(f);
        m = run(&b, true, chain(large, 34 + n, LARGE), &verdict);
        assert_string_equal(verdict_name(verdict), more ? "held_fragment" : "received_decrypted");
    }
    is_frame(m, inner, len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(chains, open_both, close_both),
        cmocka_unit_test_setup_teardown(a_chain_that_fits_no_buffer, open_both, close_both),
        cmocka_unit_test_setup_teardown(shared_and_cloned, open_both, close_both),
        cmocka_unit_test_setup_teardown(no_buffer_left, open_both, close_both),
        cmocka_unit_test_setup_teardown(no_headroom, open_both, close_both),
        cmocka_unit_test_setup_teardown(nine_thousand_octets, open_both, close_both),
        cmocka_unit_test_setup_teardown(nine_thousand_octets_in_pieces, open_both, close_both),
    };

    rig_start_eal();
    small = rte_pktmbuf_pool_create("small", POOL, 0, 0, SMALL, 0);
    large = rte_pktmbuf_pool_create("large", POOL, 0, 0, LARGE, 0);
    if (small == NULL || large == NULL)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
