/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ESP that a WAN has cut into pieces (DP7), through two gateways: put together whatever the order, for both families, tagged
 * or not; the attacks of 07 2.4; what policy lets pass in clear passes in pieces; every frame counts once; no buffer stays.
 */
#include "dataplane/reasm.h"
#include "tests/stage/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define PIECES_MAX 80
#define SECOND     1000000000u /* ticks, as the rig has them */

static struct rig a, b; /* a sends, b receives */
static uint8_t inner[2048];
static size_t inner_len;
static struct rig_result esp;

struct piece {
    uint8_t f[2048];
    size_t len;
};
static struct piece pieces[PIECES_MAX];
static unsigned frames_in;

static int open_both(void **state)
{
    (void)state;
    rig_open(&a, 1);
    rig_open(&b, 2);
    rig_simple_policy(&a, 1);
    rig_simple_policy(&b, 20);
    frames_in = 0;
    return 0;
}

static int close_both(void **state)
{
    uint64_t sum = 0;

    (void)state;
    for (unsigned v = 0; v < VERDICT_COUNT; v++)
        sum += rig_count(&b, (enum verdict)v);
    assert_int_equal(sum, frames_in); /* every frame has one verdict, and one only */
    rig_close(&a);
    rig_close(&b);
    return 0;
}

/* What a sends for a packet of ip_len octets, with `tags` tags. */
static void send_esp(bool six, size_t ip_len, unsigned tags)
{
    inner_len = six ? rig_ipv6(inner, "2001:db8:1::1", "2001:db8:2::1", 17, 1000, 53, ip_len)
                    : rig_ipv4(inner, "10.1.0.1", "10.2.0.1", 17, 1000, 53, ip_len);
    for (unsigned t = 0; t < tags; t++)
        inner_len = rig_tag(inner, inner_len, 0x8100, (uint16_t)(t + 7));
    esp = rig_one(&a, false, inner, inner_len);
    assert_int_equal(esp.verdict, VERDICT_SENT_ENCRYPTED);
}

/* One piece of the frame in esp, as a router makes it: octets from `at` on of what is behind the IP header. */
static void make_piece(struct piece *p, unsigned tags, uint32_t at, uint32_t len, bool more, uint32_t id)
{
    size_t l2 = 14 + 4 * tags;
    bool six = esp.bytes[l2] >> 4 == 6;
    uint8_t *ip = p->f + l2;
    size_t header = six ? 40 : 20;

    memcpy(p->f, esp.bytes, l2 + header);
    if (six) {
        ip[4] = (uint8_t)((len + 8) >> 8), ip[5] = (uint8_t)(len + 8);
        ip[6] = 44;
        memset(ip + 40, 0, 8);
        ip[40] = 50;
        ip[42] = (uint8_t)(at >> 8), ip[43] = (uint8_t)(at | more);
        store32(ip + 44, id);
        header = 48;
    } else {
        ip[2] = (uint8_t)((20 + len) >> 8), ip[3] = (uint8_t)(20 + len);
        store16(ip + 4, (uint16_t)id);
        ip[6] = (uint8_t)((more ? 0x20 : 0) | at >> 11), ip[7] = (uint8_t)(at >> 3);
        ip[10] = ip[11] = 0;
        store16(ip + 10, (uint16_t)~sum_fold(sum_ipv4(ip)));
    }
    memcpy(ip + header, esp.bytes + l2 + (six ? 40 : 20) + at, at + len <= sizeof esp.bytes - l2 - 40 ? len : 0);
    p->len = l2 + header + len;
}

/* Cuts esp into pieces of `step` octets. Returns how many. */
static unsigned cut(unsigned tags, uint32_t step, uint32_t id)
{
    size_t l2 = 14 + 4 * tags, header = esp.bytes[l2] >> 4 == 6 ? 40 : 20;
    uint32_t payload = (uint32_t)(esp.len - l2 - header);
    unsigned n = 0;

    for (uint32_t at = 0; at < payload; at += step, n++) {
        bool more = at + step < payload;

        assert_true(n < PIECES_MAX);
        make_piece(&pieces[n], tags, at, more ? step : payload - at, more, id);
    }
    return n;
}

static struct rig_result feed_to(unsigned worker, const struct piece *p)
{
    const uint8_t *frames[1] = {p->f};
    struct rig_result result;

    frames_in++;
    rig_run(&b, worker, true, false, 1, frames, &p->len, &result);
    return result;
}

static enum verdict feed(const struct piece *p)
{
    return feed_to(0, p).verdict;
}

static void is_inner(const struct rig_result *r)
{
    assert_int_equal(r->verdict, VERDICT_RECEIVED_DECRYPTED);
    assert_int_equal(r->len, inner_len);
    assert_memory_equal(r->bytes, inner, inner_len);
}

static void pieces_in_any_order(void **state)
{
    static const uint32_t steps[] = {8, 48, 576, 1280, 1376};
    unsigned seed = (unsigned)time(NULL);
    uint32_t id = 1;

    (void)state;
    print_message("seed %u\n", seed);
    srand(seed);
    for (unsigned six = 0; six <= 1; six++)
        for (unsigned tags = 0; tags <= 2; tags++)
            for (unsigned s = 0; s < 5; s++)
                for (size_t ip_len = 64; ip_len <= 1420; ip_len += 113) {
                    struct rig_result last;
                    unsigned n;

                    send_esp(six, ip_len, tags);
                    if (esp.len / steps[s] >= 31 || esp.len < steps[s] + 62)
                        continue;
                    n = cut(tags, steps[s], id++);
                    for (unsigned i = n - 1; i > 0; i--) {
                        unsigned with = (unsigned)rand() % (i + 1);
                        struct piece swap = pieces[i];

                        pieces[i] = pieces[with];
                        pieces[with] = swap;
                    }
                    for (unsigned i = 0; i + 1 < n; i++)
                        assert_int_equal(feed(&pieces[i]), VERDICT_HELD_FRAGMENT);
                    last = feed_to(0, &pieces[n - 1]);
                    is_inner(&last);
                }
}

/* All in one burst, with packets that are whole between them. */
static void a_burst(void **state)
{
    const uint8_t *frames[40];
    struct rig_result results[40];
    size_t lens[40];
    struct piece whole;
    unsigned n;

    (void)state;
    send_esp(false, 200, 0);
    memcpy(whole.f, esp.bytes, esp.len);
    whole.len = esp.len;
    send_esp(false, 1400, 0);
    n = cut(0, 80, 5);
    for (unsigned i = 0; i < n; i++) {
        frames[2 * i] = pieces[i].f, lens[2 * i] = pieces[i].len;
        frames[2 * i + 1] = whole.f, lens[2 * i + 1] = whole.len;
    }
    rig_run(&b, 0, true, false, 2 * n, frames, lens, results);
    frames_in += 2 * n;
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(results[2 * i].verdict, i + 1 < n ? VERDICT_HELD_FRAGMENT : VERDICT_RECEIVED_DECRYPTED);
        assert_int_equal(results[2 * i + 1].verdict, VERDICT_RECEIVED_DECRYPTED);
    }
    is_inner(&results[2 * n - 2]);
}

/* After the time of a datagram its pieces are counted over from held to timeout, also when nothing comes any more. */
static void time_runs_out(void **state)
{
    struct piece p;

    (void)state;
    send_esp(false, 1000, 0);
    (void)cut(0, 400, 1);
    assert_int_equal(feed(&pieces[0]), VERDICT_HELD_FRAGMENT);
    assert_int_equal(feed(&pieces[2]), VERDICT_HELD_FRAGMENT);
    b.now_tsc += (uint64_t)REASM_TIMEOUT_MS * SECOND / 1000 - 1;
    pipeline_begin(b.ctx[0], b.now_tsc);
    pipeline_end(b.ctx[0]);
    assert_int_equal(rig_count(&b, VERDICT_HELD_FRAGMENT), 2);
    b.now_tsc += SECOND / 4; /* when it is looked for */
    pipeline_begin(b.ctx[0], b.now_tsc);
    pipeline_end(b.ctx[0]);
    assert_int_equal(rig_count(&b, VERDICT_HELD_FRAGMENT), 0);
    assert_int_equal(rig_count(&b, VERDICT_DROP_REASSEMBLY_TIMEOUT), 2);
    p = pieces[1];
    assert_int_equal(feed(&p), VERDICT_HELD_FRAGMENT);
    for (unsigned i = 0; i < 8; i++) {
        b.now_tsc += SECOND / 4;
        pipeline_begin(b.ctx[0], b.now_tsc);
        pipeline_end(b.ctx[0]);
    }
    assert_int_equal(rig_count(&b, VERDICT_DROP_REASSEMBLY_TIMEOUT), 3);
}

/* Workers share nothing: pieces that a card spreads over two of them don't meet. */
static void two_workers(void **state)
{
    struct rig_result last;

    (void)state;
    send_esp(false, 1000, 0);
    (void)cut(0, 800, 1);
    assert_int_equal(feed_to(0, &pieces[0]).verdict, VERDICT_HELD_FRAGMENT);
    assert_int_equal(feed_to(1, &pieces[1]).verdict, VERDICT_HELD_FRAGMENT);
    last = feed_to(1, &pieces[0]);
    is_inner(&last);
}

/* Overlap, teardrop, duplicates: the datagram is lost, whichever piece came first, and its rest as well. */
static void overlapping_pieces(void **state)
{
    struct piece p;

    (void)state;
    for (unsigned six = 0; six <= 1; six++) {
        uint64_t before = rig_count(&b, VERDICT_DROP_REASSEMBLY_OVERLAP);

        send_esp(six, 1000, 0);
        (void)cut(0, 400, 10 + six);
        assert_int_equal(feed(&pieces[0]), VERDICT_HELD_FRAGMENT);
        make_piece(&p, 0, 392, 16, true, 10 + six);
        assert_int_equal(feed(&p), VERDICT_DROP_REASSEMBLY_OVERLAP);
        assert_int_equal(feed(&pieces[1]), VERDICT_DROP_REASSEMBLY_OVERLAP);
        assert_int_equal(feed(&pieces[2]), VERDICT_DROP_REASSEMBLY_OVERLAP);
        assert_int_equal(rig_count(&b, VERDICT_DROP_REASSEMBLY_OVERLAP), before + 4); /* the first one, too */
        (void)cut(0, 800, 20 + six);
        assert_int_equal(feed(&pieces[1]), VERDICT_HELD_FRAGMENT);
        assert_int_equal(feed(&pieces[1]), VERDICT_DROP_REASSEMBLY_OVERLAP);
    }
    assert_int_equal(rig_count(&b, VERDICT_HELD_FRAGMENT), 0);
    assert_int_equal(rig_count(&b, VERDICT_RECEIVED_DECRYPTED), 0);
}

static void too_long_or_too_many(void **state)
{
    struct piece p;

    (void)state;
    send_esp(false, 1400, 0);
    (void)cut(0, 400, 1);
    assert_int_equal(feed(&pieces[0]), VERDICT_HELD_FRAGMENT);
    make_piece(&p, 0, 65512, 200, false, 1); /* 65 732 octets */
    assert_int_equal(feed(&p), VERDICT_DROP_FRAGMENT);
    make_piece(&p, 0, 65504, 8, false, 1);
    assert_int_equal(feed(&p), VERDICT_DROP_REASSEMBLY_LIMIT);
    assert_int_equal(feed(&pieces[1]), VERDICT_DROP_REASSEMBLY_LIMIT);
    (void)cut(0, 24, 2);
    for (unsigned i = 0; i < 32; i++)
        assert_int_equal(feed(&pieces[i]), VERDICT_HELD_FRAGMENT);
    assert_int_equal(feed(&pieces[32]), VERDICT_DROP_REASSEMBLY_LIMIT);
    assert_int_equal(rig_count(&b, VERDICT_DROP_REASSEMBLY_LIMIT), 2 + 1 + 33);
    make_piece(&p, 0, 1600, 28, false, 3); /* the MTU and REASM_ROOM are the limit */
    assert_int_equal(feed(&p), VERDICT_HELD_FRAGMENT);
    make_piece(&p, 0, 1600, 29, false, 4);
    assert_int_equal(feed(&p), VERDICT_DROP_REASSEMBLY_LIMIT);
}

/* A flood of first pieces holds no buffer and no more memory than there was; rig_close() counts the buffers. */
static void flood(void **state)
{
    struct rig_result last;

    (void)state;
    send_esp(false, 1000, 0);
    (void)cut(0, 800, 0);
    for (unsigned i = 0; i < 20000; i++) {
        store16(pieces[0].f + 18, (uint16_t)i);
        pieces[0].f[29] = (uint8_t)(i >> 8);
        rig_fix_checksum(pieces[0].f);
        assert_int_equal(feed(&pieces[0]), VERDICT_HELD_FRAGMENT);
    }
    assert_int_equal(rte_mempool_avail_count(b.pool), 1023);
    assert_true(rig_count(&b, VERDICT_HELD_FRAGMENT) <= 512);
    (void)cut(0, 800, 0xabcd);
    assert_int_equal(feed(&pieces[0]), VERDICT_HELD_FRAGMENT);
    last = feed_to(0, &pieces[1]);
    is_inner(&last);
}

/* Pieces of different tags, families or protocols never meet, and another pair's neither. */
static void nothing_is_mixed(void **state)
{
    struct piece p;

    (void)state;
    send_esp(false, 1000, 1);
    (void)cut(1, 800, 1);
    assert_int_equal(feed(&pieces[0]), VERDICT_HELD_FRAGMENT);
    p = pieces[1];
    p.f[15] = 9; /* VLAN 9 */
    assert_int_equal(feed(&p), VERDICT_HELD_FRAGMENT);
    p = pieces[1];
    p.f[18 + 9] = 17; /* UDP with the same id: judged on its own */
    p.f[18 + 10] = p.f[18 + 11] = 0;
    store16(p.f + 18 + 10, (uint16_t)~sum_fold(sum_ipv4(p.f + 18)));
    assert_int_equal(feed(&p), VERDICT_DROP_POLICY_CLEAR_IN);
    assert_int_equal(feed(&pieces[1]), VERDICT_RECEIVED_DECRYPTED);
}

/* 07 2.4: what policy forbids in clear doesn't get in in pieces; what it allows (a host's own ESP) passes as it is. */
static void policy_first(void **state)
{
    struct rig_result r;
    struct piece p;

    (void)state;
    send_esp(false, 1000, 0);
    (void)cut(0, 800, 1);
    for (unsigned i = 0; i < 2; i++) {
        p = pieces[i];
        p.f[26] = 11; /* 11.1.0.1: no rule names it */
        rig_fix_checksum(p.f);
        r = feed_to(0, &p);
        assert_int_equal(r.verdict, VERDICT_RECEIVED_CLEAR);
        assert_int_equal(r.len, p.len);
        assert_memory_equal(r.bytes, p.f, p.len);
    }
    for (unsigned i = 0; i < 2; i++) { /* an SPI that nobody knows, but addresses that a permit names */
        p = pieces[i];
        p.f[19] = 77; /* another datagram */
        if (i == 0)
            p.f[34] ^= 0x40;
        rig_fix_checksum(p.f);
        assert_int_equal(feed(&p), i == 0 ? VERDICT_HELD_FRAGMENT : VERDICT_DROP_UNKNOWN_SPI);
    }
    for (unsigned i = 0; i < 2; i++) { /* a changed octet of the second piece */
        p = pieces[i];
        p.f[19] = 78;
        p.f[60] ^= i == 1;
        rig_fix_checksum(p.f);
        assert_int_equal(feed(&p), i == 0 ? VERDICT_HELD_FRAGMENT : VERDICT_DROP_AUTH);
    }
    rig_begin(&b);
    rig_group(&b, 0, "g", "wan", IPC_GROUP_FAIL_CLOSE);
    assert_int_equal(rig_commit(&b), IPC_OK);
    assert_int_equal(feed(&pieces[0]), VERDICT_DROP_FAIL_CLOSE);
}

static void before_any_policy(void **state)
{
    (void)state;
    send_esp(false, 1000, 0);
    (void)cut(0, 800, 1);
    rig_close(&b);
    rig_open(&b, 2);
    assert_int_equal(feed(&pieces[0]), VERDICT_DROP_UNREGISTERED);
    assert_int_equal(feed(&pieces[1]), VERDICT_DROP_UNREGISTERED);
}

/* RFC 6040, RFC 3168: congestion that one piece met is the packet's. */
static void congestion(void **state)
{
    struct rig_result last;

    (void)state;
    for (unsigned six = 0; six <= 1; six++) {
        uint8_t *tos = six ? &pieces[1].f[15] : &pieces[1].f[15];

        inner_len = six ? rig_ipv6(inner, "2001:db8:1::1", "2001:db8:2::1", 17, 1, 2, 1000)
                        : rig_ipv4(inner, "10.1.0.1", "10.2.0.1", 17, 1, 2, 1000);
        inner[15] |= six ? 0x20 : 2; /* ECT(0) */
        if (!six)
            rig_fix_checksum(inner);
        esp = rig_one(&a, false, inner, inner_len);
        (void)cut(0, 800, 3 + six);
        *tos |= six ? 0x30 : 3;
        if (!six)
            rig_fix_checksum(pieces[1].f);
        assert_int_equal(feed(&pieces[0]), VERDICT_HELD_FRAGMENT);
        last = feed_to(0, &pieces[1]);
        inner[15] |= six ? 0x30 : 3;
        if (!six)
            rig_fix_checksum(inner);
        is_inner(&last);
        (void)cut(0, 800, 5 + six); /* again, and the other piece says that it can't carry marks */
        *tos |= six ? 0x30 : 3;
        pieces[0].f[15] &= six ? 0xcf : 0xfc;
        if (!six) {
            rig_fix_checksum(pieces[0].f);
            rig_fix_checksum(pieces[1].f);
        }
        assert_int_equal(feed(&pieces[0]), VERDICT_HELD_FRAGMENT);
        assert_int_equal(feed(&pieces[1]), VERDICT_DROP_ECN);
    }
    assert_int_equal(rig_count(&b, VERDICT_DROP_ECN), 4);
}

/* RFC 6946: a fragment header on a packet that is whole. */
static void atomic_fragment(void **state)
{
    struct rig_result r;

    (void)state;
    send_esp(true, 300, 0);
    assert_int_equal(cut(0, 2000, 9), 1);
    r = feed_to(0, &pieces[0]);
    is_inner(&r);
}

/* Cleared counters don't go below zero when pieces from before are lost. */
static void counters_are_cleared(void **state)
{
    (void)state;
    send_esp(false, 1000, 0);
    (void)cut(0, 400, 1);
    assert_int_equal(feed(&pieces[0]), VERDICT_HELD_FRAGMENT);
    snap_store_clear_counters(b.store);
    frames_in = 0;
    assert_int_equal(feed(&pieces[1]), VERDICT_HELD_FRAGMENT);
    b.now_tsc += 2 * (uint64_t)SECOND;
    pipeline_begin(b.ctx[0], b.now_tsc);
    pipeline_end(b.ctx[0]);
    assert_int_equal(rig_count(&b, VERDICT_HELD_FRAGMENT), 0);
    assert_int_equal(rig_count(&b, VERDICT_DROP_REASSEMBLY_TIMEOUT), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pieces_in_any_order, open_both, close_both),
        cmocka_unit_test_setup_teardown(a_burst, open_both, close_both),
        cmocka_unit_test_setup_teardown(time_runs_out, open_both, close_both),
        cmocka_unit_test_setup_teardown(two_workers, open_both, close_both),
        cmocka_unit_test_setup_teardown(overlapping_pieces, open_both, close_both),
        cmocka_unit_test_setup_teardown(too_long_or_too_many, open_both, close_both),
        cmocka_unit_test_setup_teardown(flood, open_both, close_both),
        cmocka_unit_test_setup_teardown(nothing_is_mixed, open_both, close_both),
        cmocka_unit_test_setup_teardown(policy_first, open_both, close_both),
        cmocka_unit_test_setup_teardown(before_any_policy, open_both, close_both),
        cmocka_unit_test_setup_teardown(congestion, open_both, close_both),
        cmocka_unit_test_setup_teardown(atomic_fragment, open_both, close_both),
        cmocka_unit_test_setup_teardown(counters_are_cleared, open_both, close_both),
    };

    rig_start_eal();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
