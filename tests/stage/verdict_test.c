/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every verdict of the packet path, each provoked by a packet, with its counter and its one owner. What the names mean stands
 * in common/verdict.h; the rules are decisions 1 to 4 and 9 and the security page's ESP rows.
 */
#include "dataplane/core/esp.h"
#include "tests/stage/pair_rig.h"

static bool seen[VERDICT_COUNT];

static int look_and_close(void **state)
{
    for (unsigned v = 0; v < VERDICT_COUNT; v++)
        seen[v] = seen[v] || rig_count(&a, v) > 0 || rig_count(&b, v) > 0;
    return close_both(state);
}

/* An ESP frame with a text of our choice, sealed with b's key and a strange sender id. */
static size_t sealed(const uint8_t *text, uint32_t text_len, const char *src, const char *dst)
{
    struct ipc_sa m = rig_sa_message(&b, 0x1000, 10, 0);
    size_t len = rig_ipv4(f, src, dst, 50, 0, 0, ESP_FRONT_LEN + text_len + ESP_ICV_LEN);
    static struct crypto_key key;
    struct crypto_op op = {.key = &key, .esp = f + 34, .len = text_len};

    store64(f + 34, esp_front(__builtin_bswap32(0x1000), 0));
    store64(f + 42, esp_iv(esp_sender_shift(77, 24), 5));
    memcpy(op.nonce, m.key.b + 16, 4);
    memcpy(op.nonce + 4, f + 42, 8);
    memcpy(f + 50, text, text_len);
    assert_true(crypto_libcrypto()->key_set(&key, suite_by_id(SUITE_AES_GCM_128), m.key.b, NULL));
    crypto_libcrypto()->seal(&op, 1);
    return len;
}

/* The text for an inner packet in `frame`, with the usual trailer. */
static uint32_t text_of(uint8_t *text, const uint8_t *frame, uint32_t ip_len, uint8_t next)
{
    uint32_t pad = esp_pad(ip_len);

    memcpy(text, frame + 14, ip_len);
    for (uint32_t i = 0; i < pad; i++)
        text[ip_len + i] = (uint8_t)(i + 1);
    text[ip_len + pad] = (uint8_t)pad;
    text[ip_len + pad + 1] = next;
    return ip_len + pad + 2;
}

static void outbound(void **state)
{
    size_t len;

    (void)state;
    expect(&a, false, permitted(100), VERDICT_SENT_ENCRYPTED, PKT_TO_TX);
    expect(&a, false, rig_ipv4(f, "10.1.0.1", "10.3.0.1", 17, 1, 2, 100), VERDICT_SENT_CLEAR, PKT_TO_TX);
    expect(&a, false, rig_ipv4(f, "10.1.0.1", "10.2.0.1", 17, 848, 848, 100), VERDICT_SENT_CLEAR, PKT_TO_TX);
    len = permitted(1447);
    f[20] = 0x40;
    rig_fix_checksum(f);
    expect(&a, false, len, VERDICT_DROP_TOO_BIG, PKT_TO_DROP);
    expect(&a, false, permitted(1446), VERDICT_SENT_ENCRYPTED, PKT_TO_TX);
}

static void broken_and_unhandled_packets(void **state)
{
    (void)state;
    for (int inbound = 0; inbound <= 1; inbound++) {
        size_t len = permitted(100);

        f[24] ^= 1;
        expect(&a, inbound, len, VERDICT_DROP_MALFORMED, PKT_TO_DROP);
        expect(&a, inbound, 13, VERDICT_DROP_MALFORMED, PKT_TO_DROP);
        len = permitted(27); /* a first fragment with half a UDP header */
        f[20] = 0x20;
        rig_fix_checksum(f);
        expect(&a, inbound, len, VERDICT_DROP_FRAGMENT, PKT_TO_DROP);
        len = permitted(100);
        f[14] = 0x46, f[34] = 0x94, f[35] = 5; /* a router alert that ends behind the header */
        rig_fix_checksum(f);
        expect(&a, inbound, len, VERDICT_DROP_IP_OPTIONS, PKT_TO_DROP);
        f[14] = 0x47, f[34] = 0x83, f[35] = 7; /* loose source route */
        rig_fix_checksum(f);
        expect(&a, inbound, len, VERDICT_DROP_SOURCE_ROUTE, PKT_TO_DROP);
        memset(f, 0, 100);
        f[12] = 0x86, f[13] = 0xdd, f[14] = 0x60, f[19] = 20, f[20] = 60, f[54] = 139;
        expect(&a, inbound, 100, VERDICT_DROP_EXT_HEADER, PKT_TO_DROP);
        f[19] = 15, f[20] = 44, f[54] = 17;
        expect(&a, inbound, 100, VERDICT_DROP_FRAGMENT, PKT_TO_DROP);
        memset(f, 0, 100);
        f[12] = 0x81, f[16] = 0x81, f[20] = 0x81, f[24] = 8;
        expect(&a, inbound, 100, VERDICT_DROP_VLAN, PKT_TO_DROP);
        memset(f, 0, 100);
        f[12] = 0x88, f[13] = 0xcc;
        expect(&a, inbound, 60, VERDICT_PASSED_L2, PKT_TO_TX);
    }
}

static void buffers_that_cannot_be_changed(void **state)
{
    static struct pkt_vec v;
    struct rte_mbuf *m;

    (void)state;
    for (int shared = 0; shared <= 1; shared++) { /* no headroom; a second reference */
        size_t len = permitted(100);

        m = rte_pktmbuf_alloc(a.pool);
        assert_non_null(m);
        if (shared)
            rte_mbuf_refcnt_update(m, 1);
        else
            m->data_off = ESP_FRONT_LEN - 1;
        memcpy(rte_pktmbuf_mtod(m, void *), f, len);
        m->data_len = (uint16_t)len;
        m->pkt_len = (uint32_t)len;
        v.m[0] = m;
        v.n = 1;
        pipeline_begin(a.ctx[0], a.now_tsc);
        pipeline_outbound(a.ctx[0], &v);
        pipeline_end(a.ctx[0]);
        assert_int_equal(v.pkts[0].verdict, shared ? VERDICT_SENT_ENCRYPTED : VERDICT_DROP_NO_BUFFER);
        if (shared) { /* a copy went */
            assert_int_equal(v.n_tx, 1);
            assert_ptr_not_equal(v.tx[0], m);
            assert_memory_equal(rte_pktmbuf_mtod(m, const void *), f, len);
            rte_pktmbuf_free(v.tx[0]);
            rte_pktmbuf_free(m);
        }
    }
}

/* Two segments are joined, not read across. */
static void segments_are_joined(void **state)
{
    static struct pkt_vec v;
    struct rte_mbuf *head = rte_pktmbuf_alloc(a.pool), *tail = rte_pktmbuf_alloc(a.pool);
    size_t len = permitted(100);

    (void)state;
    memcpy(rte_pktmbuf_append(head, 20), f, 20);
    memcpy(rte_pktmbuf_append(tail, (uint16_t)(len - 20)), f + 20, len - 20);
    assert_int_equal(rte_pktmbuf_chain(head, tail), 0);
    v.m[0] = head;
    v.n = 1;
    pipeline_begin(a.ctx[0], a.now_tsc);
    pipeline_outbound(a.ctx[0], &v);
    pipeline_end(a.ctx[0]);
    assert_int_equal(v.n_tx, 1);
    assert_int_equal(v.tx_verdict[0], VERDICT_SENT_ENCRYPTED);
    assert_int_equal(v.tx[0]->nb_segs, 1);
    rte_pktmbuf_free(v.tx[0]);
}

static void inbound_clear(void **state)
{
    (void)state;
    expect(&b, true, permitted(100), VERDICT_DROP_POLICY_CLEAR_IN, PKT_TO_DROP);
    expect(&b, true, rig_ipv4(f, "10.3.0.1", "10.1.0.1", 6, 1, 2, 100), VERDICT_RECEIVED_CLEAR, PKT_TO_TX);
}

static void inbound_esp(void **state)
{
    struct rig_result sent;
    size_t len = esp_of(100);

    (void)state;
    expect(&b, true, len, VERDICT_RECEIVED_DECRYPTED, PKT_TO_TX);
    for (size_t at = 34; at < len; at++) { /* every octet of ESP is authenticated */
        len = esp_of(100);
        f[at] ^= 0x40;
        sent = rig_one(&b, true, f, len);
        assert_int_equal(sent.verdict, at < 38 ? VERDICT_DROP_UNKNOWN_SPI : VERDICT_DROP_AUTH);
    }
    len = esp_of(100);
    expect(&a, true, len, VERDICT_DROP_OWN_SENDER, PKT_TO_DROP);
    len = esp_of(100);
    memcpy(f + 26, "\12\1\0\2", 4); /* the outer source is nobody's to change */
    rig_fix_checksum(f);
    expect(&b, true, len, VERDICT_DROP_ADDRESS_MISMATCH, PKT_TO_DROP);
}

/* Cut at every octet: the IP length says what is there, and nothing is read beyond it. */
static void esp_cut_short(void **state)
{
    size_t len = esp_of(100);
    uint8_t whole[2048];

    (void)state;
    memcpy(whole, f, len);
    for (size_t cut = 20; cut < len - 14; cut++) {
        enum verdict expected;

        memcpy(f, whole, len);
        f[16] = (uint8_t)(cut >> 8);
        f[17] = (uint8_t)cut;
        rig_fix_checksum(f);
        expected = cut < 20 + ESP_MIN_LEN || cut % 4 != 0 ? VERDICT_DROP_MALFORMED : VERDICT_DROP_AUTH;
        expect(&b, true, 14 + cut, expected, PKT_TO_DROP);
    }
}

static void inner_packets(void **state)
{
    uint8_t text[300];
    uint32_t len;

    (void)state;
    permitted(100);
    len = text_of(text, f, 100, NEXT_IPV4);
    expect(&b, true, sealed(text, len, "10.1.0.1", "10.2.0.1"), VERDICT_RECEIVED_DECRYPTED, PKT_TO_TX);
    expect(&b, true, sealed(text, len, "10.1.0.1", "10.2.0.2"), VERDICT_DROP_ADDRESS_MISMATCH, PKT_TO_DROP);
    len = text_of(text, (permitted(100), f), 100, NEXT_DUMMY);
    expect(&b, true, sealed(text, len, "10.1.0.1", "10.2.0.1"), VERDICT_DROP_DUMMY, PKT_TO_DROP);
    len = text_of(text, (permitted(100), f), 100, NEXT_IPV6);
    expect(&b, true, sealed(text, len, "10.1.0.1", "10.2.0.1"), VERDICT_DROP_INNER_MALFORMED, PKT_TO_DROP);
    len = text_of(text, (permitted(100), f), 100, NEXT_IPV4);
    text[len - 2] = 255;
    expect(&b, true, sealed(text, len, "10.1.0.1", "10.2.0.1"), VERDICT_DROP_INNER_MALFORMED, PKT_TO_DROP);
    permitted(27);
    f[20] = 0x20;
    rig_fix_checksum(f);
    len = text_of(text, f, 27, NEXT_IPV4);
    expect(&b, true, sealed(text, len, "10.1.0.1", "10.2.0.1"), VERDICT_DROP_FRAGMENT, PKT_TO_DROP);
    /* the policy lets no SA carry these: no entry, a deny */
    rig_ipv4(f, "10.7.0.1", "10.8.0.1", 17, 1, 2, 100);
    len = text_of(text, f, 100, NEXT_IPV4);
    expect(&b, true, sealed(text, len, "10.7.0.1", "10.8.0.1"), VERDICT_DROP_INNER_POLICY, PKT_TO_DROP);
    rig_ipv4(f, "10.1.0.1", "10.2.0.1", 17, 848, 848, 100);
    len = text_of(text, f, 100, NEXT_IPV4);
    expect(&b, true, sealed(text, len, "10.1.0.1", "10.2.0.1"), VERDICT_DROP_INNER_POLICY, PKT_TO_DROP);
}

/* RFC 6040: congestion seen on the way reaches the host, or the packet is dropped where it can't say so. */
/* RFC 1122 3.2.1.3, RFC 4291 2.5 and 2.7: no packet on a wire is from a group or from or to the host that it is on. */
static void addresses_that_no_packet_has(void **state)
{
    static const struct {
        const char *src, *dst;
        bool six, right;
    } rows[] = {
        {"127.0.0.1", "10.2.0.1", false, false},     {"127.255.255.255", "10.2.0.1", false, false},
        {"224.0.0.1", "10.2.0.1", false, false},     {"239.255.255.255", "10.2.0.1", false, false},
        {"255.255.255.255", "10.2.0.1", false, false}, {"10.1.0.1", "127.0.0.1", false, false},
        {"10.1.0.1", "0.0.0.0", false, false},       {"0.0.0.0", "255.255.255.255", false, true}, /* DHCP */
        {"126.255.255.255", "128.0.0.0", false, true}, {"223.255.255.255", "224.0.0.0", false, true},
        {"::1", "2001:db8:2::1", true, false},       {"ff02::1", "2001:db8:2::1", true, false},
        {"2001:db8:1::1", "::1", true, false},       {"2001:db8:1::1", "::", true, false},
        {"::", "ff02::1", true, true},               {"::2", "2001:db8:2::1", true, true},
    };
    uint8_t text[300];

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct rig *r = i == 0 ? &a : &b;
        struct ipc_sa sa = rig_sa_message(r, 0x1000, 10, i + 1);

        rig_begin(r);
        rig_group(r, 0, "g", "wan", IPC_GROUP_POLICY);
        rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10, "deny udp any any eq 5000");
        rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip any any");
        rig_sa(r, &sa);
        assert_int_equal(rig_commit(r), IPC_OK);
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t (*make)(uint8_t *, const char *, const char *, uint8_t, uint16_t, uint16_t, size_t) = rows[i].six ? rig_ipv6 : rig_ipv4;
        enum verdict out = rows[i].right ? VERDICT_SENT_ENCRYPTED : VERDICT_DROP_BOGUS_ADDRESS;
        enum verdict in = rows[i].right ? VERDICT_RECEIVED_DECRYPTED : VERDICT_DROP_BOGUS_ADDRESS;
        enum pkt_to to = rows[i].right ? PKT_TO_TX : PKT_TO_DROP;
        uint32_t len;

        expect(&a, false, make(f, rows[i].src, rows[i].dst, 17, 1000, 53, 100), out, to);
        expect(&a, false, make(f, rows[i].src, rows[i].dst, 17, 1000, 5000, 100), VERDICT_SENT_CLEAR, PKT_TO_TX);
        make(f, rows[i].src, rows[i].dst, 17, 1000, 53, 100);
        if (rows[i].six)
            continue; /* sealed() is for IPv4 */
        len = text_of(text, f, 100, NEXT_IPV4);
        expect(&b, true, sealed(text, len, rows[i].src, rows[i].dst), in, to);
    }
}

static void congestion(void **state)
{
    size_t len;
    struct rig_result got;

    (void)state;
    permitted(100);
    f[15] = 0x02; /* ECT(0) */
    rig_fix_checksum(f);
    got = rig_one(&a, false, f, 114);
    len = got.len;
    memcpy(f, got.bytes, len);
    f[15] |= 3; /* a router marked it */
    rig_fix_checksum(f);
    got = rig_one(&b, true, f, len);
    assert_int_equal(got.verdict, VERDICT_RECEIVED_DECRYPTED);
    assert_int_equal(got.bytes[15], 0x03);
    memcpy(f, got.bytes, got.len);
    rig_fix_checksum(f);
    assert_memory_equal(f, got.bytes, got.len);
    len = esp_of(100);
    f[15] |= 3;
    rig_fix_checksum(f);
    expect(&b, true, len, VERDICT_DROP_ECN, PKT_TO_DROP);
}

static void unknown_spi(void **state)
{
    size_t len;

    (void)state;
    len = rig_ipv4(f, "10.1.0.1", "10.2.0.1", 50, 0xdead, 0xbeef, 100);
    expect(&b, true, len, VERDICT_DROP_UNKNOWN_SPI, PKT_TO_DROP);
    len = rig_ipv4(f, "10.5.0.1", "10.2.0.1", 50, 0xdead, 0xbeef, 100); /* a host's own IPsec */
    expect(&b, true, len, VERDICT_RECEIVED_CLEAR, PKT_TO_TX);
    len = rig_ipv4(f, "10.1.0.1", "10.2.0.1", 50, 0, 0, 20);
    expect(&b, true, len, VERDICT_DROP_MALFORMED, PKT_TO_DROP);
}

/* Decision 2: what belongs to the appliance itself (10.9.9.9 on pair wan). */
static void own_traffic(void **state)
{
    struct rig_result r;
    size_t len;

    (void)state;
    rig_begin(&b); /* everything is to be encrypted, own traffic too */
    rig_group(&b, 0, "g", "wan", IPC_GROUP_POLICY);
    rig_rule(&b, 0, IPC_LIST_DOWNLOADED, 10, "permit ip any any");
    assert_int_equal(rig_commit(&b), IPC_OK);
    for (unsigned i = 0; i < 2; i++) {
        static const uint16_t ports[] = {848, 4500};

        expect(&b, true, rig_ipv4(f, "10.1.0.1", "10.9.9.9", 17, 77, ports[i], 60), VERDICT_LOCAL, PKT_TO_PUNT);
        len = rig_ipv4(f, "10.9.9.9", "10.1.0.1", 17, ports[i], 77, 60);
        r = rig_local(&b, f, len);
        assert_int_equal(r.verdict, VERDICT_LOCAL);
        assert_int_equal(r.to, PKT_TO_TX);
        assert_memory_equal(r.bytes, f, len);
        /* a host inside that borrows the address isn't the appliance */
        expect(&b, false, len, VERDICT_DROP_NO_SA, PKT_TO_DROP);
        /* nor is what comes out of the TAP with somebody else's address */
        len = rig_ipv4(f, "10.1.0.7", "10.1.0.1", 17, ports[i], 77, 60);
        assert_int_equal(rig_local(&b, f, len).verdict, VERDICT_DROP_NO_SA);
    }
    /* anything else of ours crosses the outside under the policy, and is plain inside */
    expect(&b, true, rig_ipv4(f, "10.1.0.1", "10.9.9.9", 6, 77, 22, 60), VERDICT_DROP_POLICY_CLEAR_IN, PKT_TO_DROP);
    expect(&b, false, rig_ipv4(f, "10.1.0.1", "10.9.9.9", 6, 77, 22, 60), VERDICT_LOCAL, PKT_TO_PUNT);
    len = rig_ipv4(f, "10.9.9.9", "10.1.0.1", 6, 22, 77, 60);
    assert_int_equal(rig_local(&b, f, len).verdict, VERDICT_DROP_NO_SA);
    /* IGMP with its router alert */
    rig_ipv4(f, "10.9.9.9", "224.0.0.22", 2, 0, 0, 60);
    f[14] = 0x46;
    rig_fix_checksum(f);
    assert_int_equal(rig_local(&b, f, 74).verdict, VERDICT_LOCAL);
    expect(&b, false, 74, VERDICT_DROP_NO_SA, PKT_TO_DROP); /* a host's is judged by the policy */
    /* ARP for us */
    memset(f, 0, 60);
    f[12] = 8, f[13] = 6, f[15] = 1, f[16] = 8, f[18] = 6, f[19] = 4, f[21] = 1;
    memcpy(f + 38, "\12\11\11\11", 4);
    expect(&b, true, 60, VERDICT_PASSED_L2, PKT_TO_PUNT);
    assert_int_equal(rig_local(&b, f, 60).to, PKT_TO_TX);
    f[41] = 8;
    expect(&b, true, 60, VERDICT_PASSED_L2, PKT_TO_TX);
}

static void full_queues(void **state)
{
    static struct pkt_vec v;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        v.m[i] = rte_pktmbuf_alloc(a.pool);
        memcpy(rte_pktmbuf_append(v.m[i], 114), (permitted(100), f), 114);
    }
    v.n = 4;
    pipeline_begin(a.ctx[0], a.now_tsc);
    pipeline_outbound(a.ctx[0], &v);
    pipeline_end(a.ctx[0]);
    assert_int_equal(v.n_tx, 4);
    rte_pktmbuf_free(v.tx[0]);
    pipeline_tx_full(a.ctx[0], &v, 1);
    assert_int_equal(rig_count(&a, VERDICT_SENT_ENCRYPTED), 1);
    assert_int_equal(rig_count(&a, VERDICT_DROP_TX_FULL), 3);
    v.m[0] = rte_pktmbuf_alloc(a.pool);
    rig_ipv4(f, "10.1.0.1", "10.9.9.9", 17, 77, 848, 60);
    memcpy(rte_pktmbuf_append(v.m[0], 74), f, 74);
    v.n = 1;
    pipeline_begin(a.ctx[0], a.now_tsc);
    pipeline_inbound(a.ctx[0], &v);
    pipeline_end(a.ctx[0]);
    assert_int_equal(v.n_punt, 1);
    pipeline_punt_full(a.ctx[0], &v, 0);
    assert_int_equal(rig_count(&a, VERDICT_LOCAL), 0);
    assert_int_equal(rig_count(&a, VERDICT_DROP_PUNT_FULL), 1);
}

static void counters_clear(void **state)
{
    struct ipc_event events[4];

    (void)state;
    expect(&a, false, permitted(100), VERDICT_SENT_ENCRYPTED, PKT_TO_TX);
    snap_store_tick(a.store, a.now_tsc, MONO_ZERO, events, 4);
    assert_int_equal(atomic_load(&a.page->sas[0].packets_out), 1);
    assert_int_equal(atomic_load(&a.page->sas[0].bytes_out), 100);
    snap_store_clear_counters(a.store);
    pipeline_begin(a.ctx[0], a.now_tsc);
    pipeline_end(a.ctx[0]);
    assert_int_equal(rig_count(&a, VERDICT_SENT_ENCRYPTED), 0);
    assert_int_equal(atomic_load(&a.page->sas[0].packets_out), 0);
    expect(&a, false, permitted(100), VERDICT_SENT_ENCRYPTED, PKT_TO_TX);
    snap_store_tick(a.store, a.now_tsc, MONO_ZERO, events, 4);
    assert_int_equal(atomic_load(&a.page->sas[0].packets_out), 1);
}

static void expiry_and_exhaustion(void **state)
{
    struct ipc_sa m = rig_sa_message(&a, 0x2000, 10, 1);
    size_t len;

    (void)state;
    m.sid_bits = 32;
    m.senders[0].iv_first = (1ULL << 32) - 1;
    rig_begin(&a);
    rig_group(&a, 0, "g", "wan", IPC_GROUP_POLICY);
    rig_rule(&a, 0, IPC_LIST_DOWNLOADED, 10, "permit ip 10.1.0.0/16 10.2.0.0/16");
    rig_sa(&a, &m);
    assert_int_equal(rig_commit(&a), IPC_OK);
    expect(&a, false, permitted(100), VERDICT_SENT_ENCRYPTED, PKT_TO_TX);
    expect(&a, false, permitted(100), VERDICT_DROP_IV_EXHAUSTED, PKT_TO_DROP);
    len = (rig_close(&a), rig_open(&a, 1), rig_simple_policy(&a, 1), esp_of(100));
    b.now_tsc += 3600000 * RIG_MS;
    expect(&b, true, len, VERDICT_DROP_SA_EXPIRED, PKT_TO_DROP);
    expect(&b, false, permitted(100), VERDICT_DROP_NO_SA, PKT_TO_DROP);
    seen[VERDICT_DROP_IV_EXHAUSTED] = true;
}

/* Every verdict that this version can give was given above. */
static void none_was_forgotten(void **state)
{
    /* Reassembly, replay protection and the states of groups have tests of their own. */
    static const enum verdict later[] = {VERDICT_HELD_FRAGMENT, VERDICT_DROP_REASSEMBLY_TIMEOUT,
                                         VERDICT_DROP_REASSEMBLY_OVERLAP, VERDICT_DROP_REASSEMBLY_LIMIT, VERDICT_DROP_GROUP_TAG,
                                         VERDICT_PMTU_LEARNED,
                                         VERDICT_DROP_REPLAY_TIME, VERDICT_DROP_REPLAY_COUNTER,
                                         VERDICT_DROP_REPLAY_SENDER, VERDICT_DROP_METADATA, VERDICT_DROP_INTERNAL,
                                         VERDICT_DROP_FAIL_CLOSE, VERDICT_DROP_UNPROTECTED, VERDICT_DROP_UNREGISTERED,
                                         VERDICT_DROP_LOCAL_ACL};

    (void)state;
    for (unsigned i = 0; i < sizeof later / sizeof later[0]; i++)
        seen[later[i]] = true;
    for (unsigned v = 0; v < VERDICT_COUNT; v++)
        if (!seen[v])
            fail_msg("%s was never provoked", verdict_name(v));
}

#define WITH_BOTH(test) cmocka_unit_test_setup_teardown(test, open_both, look_and_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BOTH(outbound),
        WITH_BOTH(broken_and_unhandled_packets),
        WITH_BOTH(buffers_that_cannot_be_changed),
        WITH_BOTH(segments_are_joined),
        WITH_BOTH(inbound_clear),
        WITH_BOTH(inbound_esp),
        WITH_BOTH(esp_cut_short),
        WITH_BOTH(inner_packets),
        WITH_BOTH(addresses_that_no_packet_has),
        WITH_BOTH(congestion),
        WITH_BOTH(unknown_spi),
        WITH_BOTH(own_traffic),
        WITH_BOTH(full_queues),
        WITH_BOTH(counters_clear),
        WITH_BOTH(expiry_and_exhaustion),
        cmocka_unit_test(none_was_forgotten),
    };

    rig_start_eal();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
