/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What keeps packets small before they are too big (DP7): MSS clamping on either side, and what the WAN says about its MTU
 * (RFC 1191, RFC 8201): believed only about our own recent ESP, for one destination, for ten minutes.
 */
#include "dataplane/core/icmp.h"
#include "dataplane/explain.h"
#include "dataplane/pmtu.h"
#include "tests/stage/fit_rig.h"

static const struct kind counted = {SUITE_AES_GCM_128, 1446, 1426, 4, 8 + 8 + 16, IPC_REPLAY_COUNTER};

static int open_gcm(void **state)
{
    (void)state;
    return open_both(&gcm, 2);
}

static int open_counted(void **state)
{
    (void)state;
    return open_both(&counted, 2);
}

static int open_cbc(void **state)
{
    (void)state;
    return open_both(&cbc, 2);
}

/* What fits into an MTU of the WAN. */
static unsigned fit_of(unsigned family, unsigned mtu)
{
    return (mtu - (family == 6 ? 40 : 20) - kind->fixed) / kind->align * kind->align - 2;
}

/* A SYN with this MSS (or SYN and ACK) behind `tags` tags, its TCP checksum right. */
static size_t syn(unsigned family, unsigned tags, uint8_t flags, uint16_t mss, bool back)
{
    const char *h4[] = {"10.1.0.1", "10.2.0.1"}, *h6[] = {"2001:db8:1::1", "2001:db8:2::1"};
    unsigned header = family == 6 ? 40 : 20;
    size_t len = family == 6 ? rig_ipv6(f, h6[back], h6[!back], 6, 1000, 80, 64)
                             : rig_ipv4(f, h4[back], h4[!back], 6, 1000, 80, 44);
    uint8_t *tcp = f + 14 + header;
    uint32_t sum = 6 + 24;

    tcp[12] = 0x60;
    tcp[13] = flags;
    tcp[20] = 2, tcp[21] = 4, tcp[22] = (uint8_t)(mss >> 8), tcp[23] = (uint8_t)mss;
    tcp[16] = tcp[17] = 0;
    for (uint8_t *p = f + 14 + (family == 6 ? 8 : 12); p < tcp + 24; p += 2)
        sum += load16_be(p);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    store16_be(tcp + 16, (uint16_t)~sum);
    return tagged(len, tags);
}

/* The MSS in the packet that came out, whose TCP checksum must be right; 0 when nothing came out. */
static unsigned mss_in(const struct rig_out *o, unsigned family, unsigned tags)
{
    const uint8_t *ip = o->tx[0].bytes + 14 + 4 * tags, *tcp = ip + (family == 6 ? 40 : 20);
    uint32_t sum = 6 + 24;

    if (o->n_tx == 0)
        return 0;
    for (const uint8_t *p = ip + (family == 6 ? 8 : 12); p < tcp + 24; p += 2)
        sum += load16_be(p);
    assert_int_equal(sum % 0xffff, 0);
    return load16_be(tcp + 22);
}

/* Clamped by the sender, by the receiver, or by both; never raised; in clear and without ACLs' leave left alone. */
static void mss_clamping(void **state)
{
    (void)state;
    for (unsigned family = 4; family <= 6; family += 2)
        for (unsigned tags = 0; tags <= 2; tags++)
            for (unsigned ack = 0; ack <= 0x10; ack += 0x10)
                for (unsigned who = 0; who < 4; who++) {
                    unsigned limit = family == 6 ? kind->fit6 - 60 : kind->fit4 - 40, want = who == 0 ? 8960 : limit;

                    a.config.mss_clamp = who & 1;
                    b.config.mss_clamp = who >> 1;
                    run(&a, false, syn(family, tags, (uint8_t)(2 | ack), 8960, false), &out);
                    receive();
                    assert_int_equal(mss_in(&in, family, tags), want);
                    run(&a, false, syn(family, tags, (uint8_t)(2 | ack), 500, false), &out);
                    receive();
                    assert_int_equal(mss_in(&in, family, tags), 500);
                    run(&a, false, syn(family, tags, 0x10, 8960, false), &out); /* those octets mean nothing here */
                    receive();
                    assert_int_equal(mss_in(&in, family, tags), 8960);
                }
    assert_int_equal(rig_count(&b, VERDICT_RECEIVED_DECRYPTED), 2 * 3 * 2 * 4 * 3);
}

/* A too-big message from a router in the WAN about what a has just sent, in f. */
static size_t wan_says(unsigned family, unsigned mtu)
{
    struct l3 h;
    uint8_t quote[2048];
    const uint8_t *esp = out.tx[0].bytes + 14;

    memcpy(quote, esp, out.tx[0].len - 14);
    memset(f, 0, sizeof f);
    memcpy(f, (const uint8_t[14]){2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8}, 13);
    if (family == 6) {
        f[12] = 0x86, f[13] = 0xdd;
        l3_parse_ipv6(quote, out.tx[0].len - 14, &h);
    } else {
        l3_parse_ipv4(quote, out.tx[0].len - 14, &h);
    }
    assert_int_equal(h.flaw, L3_OK);
    icmp_put_too_big(f + 14, quote, &h, (uint16_t)mtu);
    return 14 + icmp_too_big_len(&h);
}

/* What explain says of the same flow. */
static struct ipc_explained explained(unsigned family)
{
    struct ipc_explain q = {.flow = {.proto = 17, .ports = FLOW_PORTS, .sport = 1000, .dport = 53}};
    struct ipc_explained x;

    assert_true(addr_parse(family == 6 ? "2001:db8:1::1" : "10.1.0.1", &q.flow.src));
    assert_true(addr_parse(family == 6 ? "2001:db8:2::1" : "10.2.0.1", &q.flow.dst));
    explain_flow(&a.config, snap_store_current(a.store), a.now_tsc, &q, &x);
    assert_int_equal(x.decision, IPC_DECISION_ENCRYPT);
    return x;
}

/* The largest packet of the family that a sends to the second host now, found out by asking. */
static unsigned largest(unsigned family)
{
    unsigned n;

    a.now_tsc += RIG_MS * 100;
    run(&a, false, family == 6 ? packet6(1500) : packet4(DF, 1500), &out);
    assert_int_equal(out.n_back, 1);
    n = load16_be(out.back[0].bytes + 14 + (family == 6 ? 46 : 26));
    run(&a, false, family == 6 ? packet6(n + 1) : packet4(DF, n + 1), &out);
    assert_int_equal(out.n_tx, 0);
    run(&a, false, family == 6 ? packet6(n) : packet4(DF, n), &out);
    assert_int_equal(out.n_tx, 1);
    assert_int_equal(explained(family).effective_mtu, n);
    return n;
}

static void the_wan_has_a_smaller_mtu(void **state)
{
    (void)state;
    for (unsigned family = 4; family <= 6; family += 2) {
        unsigned fit = family == 6 ? kind->fit6 : kind->fit4, floor = family == 6 ? 1280 : 576;
        uint64_t learned = rig_count(&a, VERDICT_PMTU_LEARNED);

        assert_int_equal(largest(family), fit);
        run(&a, true, wan_says(family, 1400), &in);
        assert_int_equal(in.n_tx + in.n_punt, 0); /* consumed */
        assert_int_equal(rig_count(&a, VERDICT_PMTU_LEARNED), ++learned);
        assert_int_equal(largest(family), fit_of(family, 1400));
        run(&a, true, wan_says(family, 1450), &in); /* never larger */
        assert_int_equal(largest(family), fit_of(family, 1400));
        run(&a, true, wan_says(family, 0), &in); /* and not below the floor */
        learned += 2;
        assert_int_equal(rig_count(&a, VERDICT_PMTU_LEARNED), learned);
        assert_int_equal(largest(family), fit_of(family, floor));
        a.now_tsc += 601 * 1000 * RIG_MS; /* it is forgotten */
        assert_int_equal(largest(family), fit);
    }
}

/* What may be cut is cut smaller; other destinations don't change. */
static void a_cap_is_one_destinations(void **state)
{
    (void)state;
    (void)largest(4);
    run(&a, true, wan_says(4, 1000), &in);
    run(&a, false, packet4(0, 1440), &out);
    assert_int_equal(out.n_tx, 2);
    for (unsigned i = 0; i < 2; i++)
        assert_true(out.tx[i].len <= 14 + 1000);
    receive();
    together(f, 14);
    run(&a, false, rig_ipv4(f, "10.1.0.1", "10.2.0.2", 17, 1, 2, 1430), &out);
    assert_int_equal(out.n_tx, 1);
    run(&a, false, syn(4, 0, 2, 1460, false), &out);
    receive();
    assert_int_equal(mss_in(&in, 4, 0), fit_of(4, 1000) - 40);
}

/* The checksum of the ICMP message in an untagged IPv4 frame, made anew. */
static void fix_icmp(size_t len)
{
    uint32_t sum = 0;

    store16(f + 36, 0);
    for (size_t k = 34; k < len; k += 2)
        sum += load16_be(f + k);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    store16_be(f + 36, (uint16_t)~sum);
}

/* Not about our own recent ESP: the policy's business, and nothing is capped. */
static void messages_that_are_not_believed(void **state)
{
    size_t len;

    (void)state;
    (void)largest(4);
    for (unsigned i = 0; i < 4; i++) {
        static const struct {
            unsigned at;
            uint8_t change;
        } lies[] = {{42 + 20, 1}, {42 + 24, 0x80}, {42 + 27, 0x40}, {42 + 26, 0x40}}; /* SPI, and sequence numbers */

        len = wan_says(4, 1000);
        f[lies[i].at] ^= lies[i].change;
        fix_icmp(len);
        run(&a, true, len, &in);
        assert_int_equal(in.n_tx, 0); /* from one permitted host to another, in clear */
    }
    assert_int_equal(rig_count(&a, VERDICT_PMTU_LEARNED), 0);
    assert_int_equal(rig_count(&a, VERDICT_DROP_POLICY_CLEAR_IN), 4);
    assert_int_equal(largest(4), kind->fit4);
    len = wan_says(4, 1000); /* true, but of one that b has never sent */
    run(&b, true, len, &in);
    assert_int_equal(rig_count(&b, VERDICT_PMTU_LEARNED), 0);
}

/* explain says where a smaller size comes from, and for how long. */
static void explain_says_why(void **state)
{
    struct ipc_explained x;

    (void)state;
    (void)largest(4);
    x = explained(4);
    assert_true(x.path_mtu == 0 && x.path_mtu_left_s == 0);
    run(&a, true, wan_says(4, 1400), &in);
    x = explained(4);
    assert_true(x.path_mtu == 1400 && x.path_mtu_left_s == PMTU_SECONDS && x.effective_mtu == fit_of(4, 1400));
    a.now_tsc += 200 * 1000 * RIG_MS;
    x = explained(4);
    assert_true(x.path_mtu == 1400 && x.path_mtu_left_s == PMTU_SECONDS - 200);
    x = explained(6); /* another destination */
    assert_true(x.path_mtu == 0 && x.effective_mtu == kind->fit6);
    a.config.pairs[0].mtu = 1300; /* what is no less than the pair's MTU explains nothing */
    x = explained(4);
    assert_true(x.path_mtu == 0 && x.effective_mtu == fit_of(4, 1300));
    a.config.pairs[0].mtu = 1500;
    a.now_tsc += 401 * 1000 * RIG_MS;
    x = explained(4);
    assert_true(x.path_mtu == 0 && x.path_mtu_left_s == 0 && x.effective_mtu == kind->fit4);
}

/* The message comes to whatever worker, about a packet of whatever worker, and counts for all. */
static void workers_share_caps(void **state)
{
    unsigned mtu = 1480;

    (void)state;
    for (unsigned family = 4; family <= 6; family += 2)
        for (unsigned i = 0; i < 8; i++, mtu -= 10) {
            worker = i & 1;
            (void)largest(family);
            worker = i >> 1 & 1;
            run(&a, true, wan_says(family, mtu), &in);
            assert_int_equal(in.n_tx + in.n_punt, 0);
            for (worker = 0; worker < 2; worker++)
                assert_int_equal(largest(family), fit_of(family, mtu));
        }
    assert_int_equal(rig_count(&a, VERDICT_PMTU_LEARNED), 16);
}

/* Numbers of another worker, or from before a restart of the data plane, are no proof. */
static void each_worker_s_numbers_are_its_own(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++)
        run(&a, false, packet4(DF, 100), &out); /* worker 0 only: worker 1 has sent nothing */
    run(&a, false, packet4(DF, 1400), &out);
    assert_int_equal(out.n_tx, 1);
    out.tx[0].bytes[34 + 7] = (uint8_t)(out.tx[0].bytes[34 + 7] + 1); /* the next number: nobody's yet */
    run(&a, true, wan_says(4, 1000), &in);
    assert_int_equal(rig_count(&a, VERDICT_PMTU_LEARNED), 0);
    out.tx[0].bytes[34 + 7] = (uint8_t)(out.tx[0].bytes[34 + 7] - 1);
    worker = 1;
    run(&a, true, wan_says(4, 1000), &in);
    assert_int_equal(rig_count(&a, VERDICT_PMTU_LEARNED), 1);
}

/* Two days: a cap counts for ten minutes, and never again, whatever else is learned meanwhile. */
static void what_is_over_stays_over(void **state)
{
    static const uint64_t seed[2] = {1, 2};
    static const uint8_t first[4] = {10, 2, 0, 1}, other[4] = {10, 2, 0, 2};
    const uint64_t hz = 1000;
    struct pmtu *t = pmtu_new(seed);

    (void)state;
    assert_non_null(t);
    pmtu_learn(t, 0, hz, 0, 0, L3_IPV4, first, 1400);
    assert_int_equal(pmtu_cap(t, PMTU_SECONDS - 1, 0, 0, L3_IPV4, first), 1400);
    for (uint64_t s = PMTU_SECONDS; s < 172800; s += 60) {
        pmtu_learn(t, s * hz, hz, 0, 0, L3_IPV4, other, 1300);
        assert_int_equal(pmtu_cap(t, s, 0, 0, L3_IPV4, first), 0);
    }
    pmtu_free(t);
}

#define WITH_BOTH(test)                                                                                                \
    cmocka_unit_test_setup_teardown(test, open_gcm, close_both),                                                       \
        cmocka_unit_test_setup_teardown(test, open_counted, close_both),                                               \
        cmocka_unit_test_setup_teardown(test, open_cbc, close_both)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BOTH(mss_clamping),
        WITH_BOTH(the_wan_has_a_smaller_mtu),
        WITH_BOTH(a_cap_is_one_destinations),
        cmocka_unit_test(what_is_over_stays_over),
        WITH_BOTH(messages_that_are_not_believed),
        WITH_BOTH(explain_says_why),
        WITH_BOTH(workers_share_caps),
        WITH_BOTH(each_worker_s_numbers_are_its_own),
    };

    rig_start_eal();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
