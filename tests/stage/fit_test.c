/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets that don't fit (DP7): for every size around the limits, both families, tags: cut or answered, nothing lost in silence;
 * what is sent always fits, what the other side opens is the host's packet again; too-big messages, their limits, and
 * whom they are for; `df`; buffers running out.
 */
#include "dataplane/core/esp.h"
#include "tests/stage/fit_rig.h"

#define MTU 1500u

static int open_gcm(void **state)
{
    (void)state;
    return open_both(&gcm, 1);
}

static int open_cbc(void **state)
{
    (void)state;
    return open_both(&cbc, 1);
}

/* Every outer packet fits, is ESP and no fragment. */
static void outer_is_right(const struct rig_result *r, unsigned l2_len)
{
    const uint8_t *ip = r->bytes + l2_len;

    assert_true(r->len - l2_len <= MTU);
    if (ip[0] >> 4 == 4) {
        assert_int_equal(ip[9], 50);
        assert_int_equal(load16_be(ip + 6) & 0x3fff, 0);
        assert_true(sum_right(sum_ipv4(ip)));
    } else {
        assert_int_equal(ip[6], 50);
    }
}

/* The one message that came back says what would have fitted, to whom it may concern. */
static void too_big_message(unsigned l2_len, unsigned mtu)
{
    const uint8_t *m = out.back[0].bytes, *ip = m + l2_len, *sent = f + l2_len;
    struct l2 l2;
    struct l3 h;

    assert_int_equal(out.n_back, 1);
    assert_memory_equal(m, f + 6, 6);
    assert_memory_equal(m + 6, f, 6);
    assert_memory_equal(m + 12, f + 12, l2_len - 12);
    l3_parse(m, out.back[0].len, &l2, &h);
    assert_int_equal(h.flaw, L3_OK);
    assert_int_equal(l2.len + h.len, out.back[0].len);
    if (h.kind == L3_IPV4) {
        assert_memory_equal(ip + 12, sent + 16, 4);
        assert_memory_equal(ip + 16, sent + 12, 4);
        assert_int_equal(load16_be(ip + 20), 0x0304);
        assert_int_equal(load16_be(ip + 26), mtu);
        assert_memory_equal(ip + 28, sent, 548);
    } else {
        assert_memory_equal(ip + 8, sent + 24, 16);
        assert_memory_equal(ip + 24, sent + 8, 16);
        assert_int_equal(load16_be(ip + 40), 0x0200);
        assert_int_equal(load16_be(ip + 46), mtu);
        assert_memory_equal(ip + 48, sent, 1232);
    }
}

static void may_not_be_cut(size_t len, unsigned l2_len, unsigned ip_len, unsigned mtu)
{
    uint64_t drops = rig_count(&a, VERDICT_DROP_TOO_BIG), said = rig_count(&a, VERDICT_SENT_ICMP_TOO_BIG);
    bool fits = ip_len <= mtu;

    a.now_tsc += RIG_MS * 10;
    run(&a, false, len, &out);
    assert_int_equal(out.n_tx, fits);
    assert_int_equal(rig_count(&a, VERDICT_DROP_TOO_BIG), drops + !fits);
    assert_int_equal(rig_count(&a, VERDICT_SENT_ICMP_TOO_BIG), said + !fits);
    if (fits) {
        assert_int_equal(out.n_back, 0);
        outer_is_right(&out.tx[0], l2_len);
    } else {
        too_big_message(l2_len, mtu);
    }
}

static void every_size_that_may_not_be_cut(void **state)
{
    (void)state;
    for (unsigned tags = 0; tags <= 2; tags++)
        for (unsigned n = 1300; n <= 1520; n++) {
            may_not_be_cut(tagged(packet4(DF, n), tags), 14 + 4 * tags, n, kind->fit4);
            may_not_be_cut(tagged(packet6(n), tags), 14 + 4 * tags, n, kind->fit6);
        }
}

static void every_size_that_may_be_cut(void **state)
{
    uint64_t sent = 0;

    (void)state;
    for (unsigned tags = 0; tags <= 2; tags++)
        for (unsigned n = 1300; n <= 1900; n++) {
            unsigned l2_len = 14 + 4 * tags;

            run(&a, false, tagged(packet4(0, n), tags), &out);
            assert_int_equal(out.n_tx, n <= kind->fit4 ? 1 : 2);
            assert_int_equal(out.n_back, 0);
            for (unsigned i = 0; i < out.n_tx; i++)
                outer_is_right(&out.tx[i], l2_len);
            sent += out.n_tx;
            receive();
            assert_int_equal(in.n_tx, out.n_tx);
            together(f, l2_len);
        }
    assert_int_equal(rig_count(&a, VERDICT_SENT_ENCRYPTED), sent);
    assert_int_equal(rig_count(&b, VERDICT_RECEIVED_DECRYPTED), sent);
}

/* A host's own fragments: whole into ESP, and cut again where they are too large. */
static void fragments_of_hosts(void **state)
{
    static const uint16_t frags[] = {0x2000, 0x2000 | 100, 100};

    (void)state;
    for (size_t i = 0; i < sizeof frags / sizeof frags[0]; i++)
        for (unsigned n = 60; n <= 1500; n += n == 60 ? 1340 : 1) {
            size_t len = packet4(0, n);

            store16_be(f + 20, frags[i]);
            rig_fix_checksum(f);
            run(&a, false, len, &out);
            assert_int_equal(out.n_tx, n <= kind->fit4 ? 1 : 2);
            outer_is_right(&out.tx[0], 14);
            receive();
            together(f, 14);
        }
    for (unsigned later = 0; later <= 1; later++) { /* IPv6: whole, or the host hears of it */
        size_t len = packet6(1000);

        f[20] = 44;
        f[54] = 17, f[55] = 0, f[56] = 0, f[57] = (uint8_t)(later << 3 | 1);
        run(&a, false, len, &out);
        assert_int_equal(out.n_tx, 1);
        outer_is_right(&out.tx[0], 14);
        receive();
        assert_int_equal(in.n_tx, 1);
        assert_int_equal(in.tx[0].verdict, VERDICT_RECEIVED_DECRYPTED);
        assert_int_equal(in.tx[0].len, len);
        assert_memory_equal(in.tx[0].bytes, f, len);
    }
}

/* Decision 4: what says too little to apply a policy is dropped by name, in both directions and in ESP. */
static void fragments_that_say_too_little(void **state)
{
    uint64_t drops = rig_count(&a, VERDICT_DROP_FRAGMENT);

    (void)state;
    for (unsigned inbound = 0; inbound <= 1; inbound++) {
        run(&a, inbound, packet4(0x20, 20 + 7), &out); /* half a UDP header */
        assert_int_equal(out.n_tx, 0);
        assert_int_equal(rig_count(&a, VERDICT_DROP_FRAGMENT), ++drops);
        run(&a, inbound, packet4(0x20, 20 + 8), &out);
        assert_int_equal(out.n_tx, !inbound); /* in clear from outside, it should have been encrypted */
        assert_int_equal(rig_count(&a, VERDICT_DROP_FRAGMENT), drops);
    }
    assert_int_equal(rig_count(&a, VERDICT_DROP_POLICY_CLEAR_IN), 1);
}

/* The original's rule: pieces go by its ports; a host's later fragments by addresses and protocol, deny by ports aside. */
static void ports_and_pieces(void **state)
{
    struct rig *rigs[2] = {&a, &b};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct ipc_sa sa = rig_sa_message(rigs[i], 0x2000, 10, 7 + i);

        rig_begin(rigs[i]);
        rig_group(rigs[i], 0, "g", "wan", IPC_GROUP_POLICY);
        rig_rule(rigs[i], 0, IPC_LIST_DOWNLOADED, 10, "deny udp any any eq 99");
        rig_rule(rigs[i], 0, IPC_LIST_DOWNLOADED, 10, "permit udp any any eq 53");
        rig_sa(rigs[i], &sa);
        assert_int_equal(rig_commit(rigs[i]), IPC_OK);
    }
    run(&a, false, packet4(0, 1500), &out);
    assert_int_equal(out.n_tx, 2);
    assert_int_equal(out.tx[1].verdict, VERDICT_SENT_ENCRYPTED);
    receive();
    together(f, 14);
    (void)packet4(0, 1500);
    f[37] = 99; /* the deny entry: clear, and it fits */
    run(&a, false, 1514, &out);
    assert_int_equal(out.n_tx, 1);
    assert_int_equal(out.tx[0].verdict, VERDICT_SENT_CLEAR);
    (void)packet4(0, 1000);
    f[21] = 100; /* a later fragment: never that entry */
    rig_fix_checksum(f);
    f[37] = 99;
    run(&a, false, 1014, &out);
    assert_int_equal(out.tx[0].verdict, VERDICT_SENT_ENCRYPTED);
}

static void clear_packets(void **state)
{
    uint64_t sum;

    (void)state;
    for (unsigned n = 1490; n <= 1600; n++) {
        size_t len = rig_ipv4(f, "10.1.0.1", "10.3.0.1", 17, 1, 2, n);

        run(&a, false, len, &out);
        assert_int_equal(out.n_tx, n <= MTU ? 1 : 2);
        assert_int_equal(out.tx[0].verdict, VERDICT_SENT_CLEAR);
        assert_true(out.tx[0].len <= 14 + MTU);
        f[20] = DF;
        rig_fix_checksum(f);
        a.now_tsc += RIG_MS * 10;
        run(&a, false, len, &out);
        assert_int_equal(out.n_tx, n <= MTU);
        if (n > MTU)
            too_big_message(14, MTU);
        len = rig_ipv4(f, "10.3.0.1", "10.1.0.1", 17, 1, 2, n); /* inward there is no limit of ours */
        run(&a, true, len, &out);
        assert_int_equal(out.n_tx, 1);
        assert_int_equal(out.tx[0].verdict, VERDICT_RECEIVED_CLEAR);
    }
    sum = rig_count(&a, VERDICT_SENT_CLEAR);
    assert_int_equal(sum, 11 + 2 * 100 + 11);
}

/* Whole bursts of packets that become many, at the smallest MTU: none is lost, none overtakes another. */
static void bursts_of_pieces(void **state)
{
    static uint8_t frames[VEC_BURST][2048];
    const uint8_t *at[VEC_BURST];
    size_t lens[VEC_BURST];
    unsigned k = 0;

    (void)state;
    a.config.pairs[0].mtu = 576;
    for (unsigned i = 0; i < VEC_BURST; i++) {
        lens[i] = packet4(0, i % 4 == 3 ? 100 : 1900); /* 1880 / 496 octets: 4 pieces */
        f[18] = 0, f[19] = (uint8_t)i;
        rig_fix_checksum(f);
        memcpy(frames[i], f, lens[i]);
        at[i] = frames[i];
    }
    rig_all(&a, 0, false, false, VEC_BURST, at, lens, &out);
    assert_int_equal(out.n_tx, 24 * 4 + 8);
    assert_int_equal(out.rounds, 2);
    assert_int_equal(rig_count(&a, VERDICT_SENT_ENCRYPTED), 24 * 4 + 8);
    for (unsigned i = 0; i < out.n_tx; i++) {
        const uint8_t *frame = out.tx[i].bytes;

        assert_true(out.tx[i].len <= 14 + 576);
        frames[0][0] = 0;
        rig_all(&b, 0, true, false, 1, &frame, &out.tx[i].len, &in);
        assert_int_equal(in.n_tx, 1);
        assert_int_equal(in.tx[0].bytes[19], k); /* identification */
        k += (load16_be(in.tx[0].bytes + 20) & 0x2000) == 0;
    }
    assert_int_equal(k, VEC_BURST);
}

static void messages_are_limited(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 200; i++)
        run(&a, false, packet4(DF, 1500), &out);
    assert_int_equal(rig_count(&a, VERDICT_DROP_TOO_BIG), 200);
    assert_int_equal(rig_count(&a, VERDICT_SENT_ICMP_TOO_BIG), FIT_ICMP_AT_ONCE);
    for (unsigned i = 0; i < 10; i++) {
        a.now_tsc += 1000 * RIG_MS / FIT_ICMP_PER_SECOND;
        run(&a, false, packet4(DF, 1500), &out);
        run(&a, false, packet4(DF, 1500), &out);
    }
    assert_int_equal(rig_count(&a, VERDICT_SENT_ICMP_TOO_BIG), FIT_ICMP_AT_ONCE + 10);
    a.now_tsc += 3600 * 1000 * RIG_MS / 2;
    for (unsigned i = 0; i < 200; i++)
        run(&a, false, packet4(DF, 1500), &out);
    assert_int_equal(rig_count(&a, VERDICT_SENT_ICMP_TOO_BIG), 2 * FIT_ICMP_AT_ONCE + 10);
}

static void silent(size_t len)
{
    uint64_t drops = rig_count(&a, VERDICT_DROP_TOO_BIG);

    run(&a, false, len, &out);
    assert_int_equal(out.n_tx + out.n_back + out.n_punt, 0);
    assert_int_equal(rig_count(&a, VERDICT_DROP_TOO_BIG), drops + 1);
}

static void nobody_to_tell(void **state)
{
    size_t len;

    (void)state;
    len = rig_ipv4(f, "10.1.0.1", "239.1.1.1", 17, 1, 2, 1500);
    f[20] = DF;
    rig_fix_checksum(f);
    silent(len);
    silent(rig_ipv6(f, "2001:db8:1::1", "ff0e::1", 17, 1, 2, 1500));
    len = packet4(DF, 1500);
    f[0] |= 1; /* to all on the link */
    silent(len);
    len = packet4(DF, 1500);
    f[6] |= 1;
    silent(len);
    len = packet4(DF, 1500);
    f[21] = 1; /* a later fragment */
    rig_fix_checksum(f);
    silent(len);
    len = rig_ipv4(f, "10.1.0.1", "10.2.0.1", 1, 0x0301, 0, 1500); /* an ICMP error */
    f[20] = DF;
    rig_fix_checksum(f);
    silent(len);
    silent(rig_ipv6(f, "2001:db8:1::1", "2001:db8:2::1", 58, 0x0100, 0, 1500));
    assert_int_equal(rig_count(&a, VERDICT_SENT_ICMP_TOO_BIG), 0);
}

/* The appliance's own packets came from its TAP: there its kernel hears of it. */
static void own_packets(void **state)
{
    const uint8_t *frames[1] = {f};
    size_t len;

    (void)state;
    len = packet4(DF, 1500);
    rig_all(&a, 0, false, true, 1, frames, &len, &out);
    assert_int_equal(out.n_tx + out.n_back, 0);
    assert_int_equal(out.n_punt, 1);
    assert_int_equal(out.punt[0].verdict, VERDICT_SENT_ICMP_TOO_BIG);
    assert_int_equal(load16_be(out.punt[0].bytes + 14 + 26), kind->fit4);
}

static const uint8_t *outer_of(uint8_t flags)
{
    (void)packet4(flags, 600);
    run(&a, false, 614, &out);
    assert_int_equal(out.n_tx, 1);
    assert_true(sum_right(sum_ipv4(out.tx[0].bytes + 14)));
    return out.tx[0].bytes + 14;
}

static void df_copy_set_clear(void **state)
{
    uint16_t id;

    (void)state;
    assert_int_equal(outer_of(DF)[6], DF);
    assert_int_equal(load16_be(outer_of(DF) + 4), 0x1234);
    assert_int_equal(outer_of(0)[6], 0);
    assert_int_not_equal(load16_be(outer_of(0) + 4), 0x1234);
    assert_int_equal(outer_of(DF | 0x20)[6], DF); /* a first fragment with DF */
    assert_int_not_equal(load16_be(outer_of(DF | 0x20) + 4), 0x1234);
    a.config.df = PIPELINE_DF_SET;
    fit_init(a.ctx[0]);
    for (unsigned flags = 0; flags <= 0x60; flags += 0x20)
        assert_int_equal(load16_be(outer_of((uint8_t)flags) + 6), 0x4000);
    assert_int_equal(load16_be(outer_of(DF) + 4), 0x1234);
    a.config.df = PIPELINE_DF_CLEAR;
    fit_init(a.ctx[0]);
    for (unsigned flags = 0; flags <= 0x60; flags += 0x20) {
        assert_int_equal(load16_be(outer_of((uint8_t)flags) + 6), 0);
        assert_int_not_equal(load16_be(outer_of((uint8_t)flags) + 4), 0x1234);
    }
    id = load16_be(outer_of(DF) + 4);
    assert_int_equal(load16_be(outer_of(DF) + 4), id + 1);
    receive(); /* whatever stands outside, the inner packet is the host's */
    assert_memory_equal(in.tx[0].bytes, f, 614);
    /* What the inner packet says still decides what is cut. */
    run(&a, false, packet4(DF, 1500), &out);
    assert_int_equal(out.n_tx, 0);
    assert_int_equal(out.n_back, 1);
}

static void no_buffer_left(void **state)
{
    static struct rte_mbuf *all[1024];
    unsigned n = 0;
    struct rte_mbuf *m;

    (void)state;
    while ((m = rte_pktmbuf_alloc(a.pool)) != NULL)
        all[n++] = m;
    rte_pktmbuf_free(all[--n]); /* for the packet itself */
    run(&a, false, packet4(0, 1500), &out);
    assert_int_equal(out.n_tx, 0);
    assert_int_equal(rig_count(&a, VERDICT_DROP_NO_BUFFER), 1);
    run(&a, false, packet4(DF, 1500), &out);
    assert_int_equal(out.n_back, 0);
    assert_int_equal(rig_count(&a, VERDICT_DROP_TOO_BIG), 1);
    rte_pktmbuf_free_bulk(all, n);
}

#define WITH_BOTH(test)                                                                                                \
    cmocka_unit_test_setup_teardown(test, open_gcm, close_both), cmocka_unit_test_setup_teardown(test, open_cbc, close_both)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BOTH(every_size_that_may_not_be_cut),
        WITH_BOTH(every_size_that_may_be_cut),
        WITH_BOTH(fragments_of_hosts),
        WITH_BOTH(fragments_that_say_too_little),
        WITH_BOTH(ports_and_pieces),
        WITH_BOTH(clear_packets),
        WITH_BOTH(bursts_of_pieces),
        WITH_BOTH(messages_are_limited),
        WITH_BOTH(nobody_to_tell),
        WITH_BOTH(own_packets),
        WITH_BOTH(df_copy_set_clear),
        WITH_BOTH(no_buffer_left),
    };

    rig_start_eal();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
