/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IPv6 and tagged frames on their way through two gateways (DP1, DP8, decisions 1, 2, 4, 9): every verdict that they can
 * get, each from a packet of its own, with no, one and two tags; groups by VLAN; what is the appliance's own.
 * (roundtrip_test.c holds what comes back octet by octet.)
 */
#include "dataplane/core/esp.h"
#include "tests/stage/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SRC "2001:db8:1::1"
#define DST "2001:db8:2::1"
#define OWN "2001:db8::9"
#define UDP 17

static struct rig a, b; /* a sends, b receives */
static uint8_t f[2048];
static unsigned tags; /* on every frame that is made */

static int open_both(void **state)
{
    (void)state;
    rig_open(&a, 1);
    rig_open(&b, 1);
    rig_simple_policy(&a, 1);
    rig_simple_policy(&b, 2);
    tags = 0;
    return 0;
}

static int close_both(void **state)
{
    (void)state;
    rig_close(&a);
    rig_close(&b);
    return 0;
}

static size_t tagged(size_t len)
{
    for (unsigned t = 0; t < tags; t++)
        len = rig_tag(f, len, t ? 0x88a8 : 0x8100, (uint16_t)(0x2000 + 10 * (t + 1)));
    return len;
}

static uint8_t *ip(void)
{
    return f + 14 + 4 * tags;
}

static size_t packet(const char *src, const char *dst, uint8_t next, size_t ip_len)
{
    return tagged(rig_ipv6(f, src, dst, next, 1000, 53, ip_len));
}

static void expect(struct rig *r, bool inbound, size_t len, enum verdict verdict, enum pkt_to to)
{
    uint64_t before = rig_count(r, verdict);
    struct rig_result result = rig_one(r, inbound, f, len);

    assert_string_equal(verdict_name(result.verdict), verdict_name(verdict));
    assert_int_equal(result.to, to);
    assert_int_equal(rig_count(r, verdict), before + 1);
    if (to != PKT_TO_DROP && verdict != VERDICT_SENT_ENCRYPTED && verdict != VERDICT_RECEIVED_DECRYPTED) {
        assert_int_equal(result.len, len); /* what passes stays as it is */
        assert_memory_equal(result.bytes, f, len);
    }
}

static void drops(struct rig *r, bool inbound, size_t len, enum verdict verdict)
{
    expect(r, inbound, len, verdict, PKT_TO_DROP);
}

/* What a sends for a permitted packet, in f. */
static size_t esp_of(size_t ip_len)
{
    struct rig_result sent = rig_one(&a, false, f, packet(SRC, DST, UDP, ip_len));

    assert_int_equal(sent.verdict, VERDICT_SENT_ENCRYPTED);
    memcpy(f, sent.bytes, sent.len);
    return sent.len;
}

/* An ESP frame with a text of our choice, sealed with b's key and a strange sender id. */
static size_t sealed(const uint8_t *text, uint32_t text_len)
{
    struct ipc_sa m = rig_sa_message(&b, 0x1000, 10, 0);
    size_t len = packet(SRC, DST, 50, ESP_FRONT6_LEN + text_len + ESP_ICV_LEN);
    uint8_t *esp = ip() + IPV6_LEN;
    static struct crypto_key key;
    struct crypto_op op = {.key = &key, .esp = esp, .len = text_len};

    store64(esp, esp_front(__builtin_bswap32(0x1000), 0));
    store64(esp + 8, esp_iv(esp_sender_shift(77, 24), 5));
    memcpy(op.nonce, m.key.b + 16, 4);
    memcpy(op.nonce + 4, esp + 8, 8);
    memcpy(esp + ESP_INTRO_LEN, text, text_len);
    assert_true(crypto_libcrypto()->key_set(&key, suite_by_id(SUITE_AES_GCM_128), m.key.b, NULL));
    crypto_libcrypto()->seal(&op, 1);
    return len;
}

/* The text for an inner packet of ip_len octets whose octet `at` is `value`, and its next header. */
static size_t sealed_with(size_t ip_len, unsigned at, uint8_t value, uint8_t next)
{
    uint32_t pad = esp_pad((uint32_t)ip_len);
    uint8_t text[300];

    packet(SRC, DST, UDP, ip_len);
    memcpy(text, ip(), ip_len);
    text[at] = value;
    for (uint32_t i = 0; i < pad; i++)
        text[ip_len + i] = (uint8_t)(i + 1);
    text[ip_len + pad] = (uint8_t)pad;
    text[ip_len + pad + 1] = next;
    return sealed(text, (uint32_t)ip_len + pad + 2);
}

static void outbound(void)
{
    expect(&a, false, packet(SRC, DST, UDP, 100), VERDICT_SENT_ENCRYPTED, PKT_TO_TX);
    expect(&a, false, packet(SRC, "ff0e::1", UDP, 100), VERDICT_SENT_ENCRYPTED, PKT_TO_TX);
    expect(&a, false, packet(SRC, "2001:db8:3::1", UDP, 100), VERDICT_SENT_CLEAR, PKT_TO_TX);
    /* the MTU is the IP packet's: tags don't count */
    expect(&a, false, packet(SRC, DST, UDP, 1426), VERDICT_SENT_ENCRYPTED, PKT_TO_TX);
    drops(&a, false, packet(SRC, DST, UDP, 1427), VERDICT_DROP_TOO_BIG);
}

static void inbound_clear(void)
{
    drops(&b, true, packet(SRC, DST, UDP, 100), VERDICT_DROP_POLICY_CLEAR_IN);
    drops(&b, true, packet(SRC, "ff0e::1", UDP, 100), VERDICT_DROP_POLICY_CLEAR_IN);
    expect(&b, true, packet("2001:db8:3::1", DST, UDP, 100), VERDICT_RECEIVED_CLEAR, PKT_TO_TX);
}

static void by_name(bool inbound)
{
    size_t len = packet(SRC, DST, 60, 100);

    ip()[40] = UDP, ip()[41] = 0, ip()[42] = 1, ip()[43] = 5; /* an option that is longer than its header */
    drops(&a, inbound, len, VERDICT_DROP_EXT_HEADER);
    ip()[6] = 0;
    drops(&a, inbound, len, VERDICT_DROP_EXT_HEADER);
    ip()[6] = 135; /* mobility */
    drops(&a, inbound, len, VERDICT_DROP_EXT_HEADER);
    ip()[6] = 43, ip()[42] = 2; /* by way of another node */
    drops(&a, inbound, len, VERDICT_DROP_SOURCE_ROUTE);
    ip()[42] = 0, ip()[43] = 0; /* RFC 5095 */
    drops(&a, inbound, len, VERDICT_DROP_SOURCE_ROUTE);
    ip()[41] = 20; /* longer than the packet */
    drops(&a, inbound, len, VERDICT_DROP_MALFORMED);
    len = packet(SRC, DST, 44, 55); /* a first fragment with half a UDP header */
    ip()[40] = UDP, ip()[42] = 0, ip()[43] = 1;
    drops(&a, inbound, len, VERDICT_DROP_FRAGMENT);
    len = packet(SRC, DST, 0, 100);
    ip()[4] = ip()[5] = 0; /* a jumbogram, RFC 2675 */
    drops(&a, inbound, len, VERDICT_DROP_MALFORMED);
    ip()[6] = 59;
    drops(&a, inbound, len, VERDICT_DROP_MALFORMED);
    len = packet(SRC, DST, UDP, 100);
    drops(&a, inbound, len - 1, VERDICT_DROP_MALFORMED);
    for (size_t cut = 1; cut < len; cut++)
        drops(&a, inbound, cut, VERDICT_DROP_MALFORMED);
    len = packet(SRC, DST, UDP, 100);
    for (unsigned more = tags; more < 3; more++)
        len = rig_tag(f, len, 0x8100, 5);
    drops(&a, inbound, len, VERDICT_DROP_VLAN);
    len = packet(SRC, DST, 58, 100);
    ip()[7] = 255;
    ip()[40] = 135;
    expect(&a, inbound, len, VERDICT_PASSED_L2, PKT_TO_TX); /* neighbour discovery */
    ip()[7] = 254; /* came over a router */
    if (inbound)
        drops(&a, true, len, VERDICT_DROP_POLICY_CLEAR_IN);
    else
        expect(&a, false, len, VERDICT_SENT_ENCRYPTED, PKT_TO_TX);
}

static void not_ip(bool inbound)
{
    static const uint16_t types[] = {0x88cc, 0x8847, 0x0806};

    for (unsigned i = 0; i < 3; i++) {
        memset(f, 3, 60);
        store16_be(f + 12, types[i]);
        expect(&a, inbound, tagged(60), VERDICT_PASSED_L2, PKT_TO_TX);
    }
}

static void inbound_esp(void)
{
    size_t len = esp_of(100), esp_at = 14 + 4 * tags + 40;

    expect(&b, true, len, VERDICT_RECEIVED_DECRYPTED, PKT_TO_TX);
    for (size_t at = esp_at; at < len; at++) { /* every octet of ESP is authenticated */
        len = esp_of(100);
        f[at] ^= 0x40;
        drops(&b, true, len, at < esp_at + 4 ? VERDICT_DROP_UNKNOWN_SPI : VERDICT_DROP_AUTH);
    }
    for (unsigned at = 8; at < 40; at++) { /* the outer addresses are nobody's to change */
        len = esp_of(100);
        ip()[at] ^= 1;
        drops(&b, true, len, VERDICT_DROP_ADDRESS_MISMATCH);
    }
    len = esp_of(100);
    drops(&a, true, len, VERDICT_DROP_OWN_SENDER);
    for (size_t cut = 41; cut < 40 + ESP_MIN_LEN; cut++) {
        len = esp_of(100);
        ip()[5] = (uint8_t)(cut - 40);
        drops(&b, true, 14 + 4 * tags + cut, VERDICT_DROP_MALFORMED);
    }
    len = packet("2001:db8:5::1", DST, 50, 100); /* a host's own IPsec (decision 9) */
    expect(&b, true, len, VERDICT_RECEIVED_CLEAR, PKT_TO_TX);
    drops(&b, true, packet(SRC, DST, 50, 100), VERDICT_DROP_UNKNOWN_SPI);
}

static void inner_packets(void)
{
    expect(&b, true, sealed_with(100, 0, 0x6b, 41), VERDICT_RECEIVED_DECRYPTED, PKT_TO_TX);
    drops(&b, true, sealed_with(100, 0, 0x6b, 4), VERDICT_DROP_INNER_MALFORMED); /* the other family */
    drops(&b, true, sealed_with(100, 0, 0x6b, 59), VERDICT_DROP_DUMMY);
    drops(&b, true, sealed_with(100, 0, 0x4b, 41), VERDICT_DROP_INNER_MALFORMED);
    drops(&b, true, sealed_with(100, 5, 61, 41), VERDICT_DROP_INNER_MALFORMED);
    expect(&b, true, sealed_with(100, 6, 44, 41), VERDICT_RECEIVED_DECRYPTED, PKT_TO_TX); /* a later fragment */
    drops(&b, true, sealed_with(100, 6, 0, 41), VERDICT_DROP_INNER_MALFORMED); /* its extension header is longer than it */
    for (unsigned at = 8; at < 40; at += 7)
        drops(&b, true, sealed_with(100, at, 0x77, 41), VERDICT_DROP_ADDRESS_MISMATCH);
}

static void with_every_number_of_tags(void **state)
{
    (void)state;
    for (tags = 0; tags <= 2; tags++) {
        outbound();
        inbound_clear();
        for (int inbound = 0; inbound <= 1; inbound++) {
            not_ip(inbound);
            by_name(inbound);
        }
        inbound_esp();
        inner_packets();
    }
}

/* Routers on the way lower the hop limit and mark congestion; the inner packet shows only the latter (RFC 6040). */
static void what_routers_change(void **state)
{
    /* rows: inner not-ECT, ECT(1), ECT(0), CE; columns: outer; -1 = drop_ecn */
    static const int merged[4][4] = {{0, 0, 0, -1}, {1, 1, 1, 3}, {2, 1, 2, 3}, {3, 3, 3, 3}};

    (void)state;
    for (unsigned k = 0; k < 3 * 16; k++) {
        unsigned inner = k & 3, outer = k >> 2 & 3;
        struct rig_result got;
        uint8_t clear[200];
        size_t len;

        tags = k / 16;
        len = packet(SRC, DST, UDP, 100);
        ip()[1] = (uint8_t)((ip()[1] & 0xcf) | inner << 4);
        memcpy(clear, f, len);
        got = rig_one(&a, false, f, len);
        memcpy(f, got.bytes, got.len);
        assert_int_equal(ip()[1], clear[15 + 4 * tags]); /* copied, mark included */
        ip()[1] = (uint8_t)((ip()[1] & 0xcf) | outer << 4);
        ip()[7] = 3;
        got = rig_one(&b, true, f, got.len);
        if (merged[inner][outer] < 0) {
            assert_int_equal(got.verdict, VERDICT_DROP_ECN);
            continue;
        }
        clear[15 + 4 * tags] = (uint8_t)((clear[15 + 4 * tags] & 0xcf) | (unsigned)merged[inner][outer] << 4);
        assert_int_equal(got.verdict, VERDICT_RECEIVED_DECRYPTED);
        assert_int_equal(got.len, len);
        assert_memory_equal(got.bytes, clear, len);
    }
}

/* Decision 9: an earlier deny for esp or ip passes an unknown SPI, a later one doesn't. */
static void unknown_spi_and_denies(void **state)
{
    (void)state;
    rig_begin(&b);
    rig_group(&b, 0, "g", "wan", IPC_GROUP_POLICY);
    rig_rule(&b, 0, IPC_LIST_DOWNLOADED, 10, "deny esp 2001:db8:1::/64 any");
    rig_rule(&b, 0, IPC_LIST_DOWNLOADED, 10, "permit tcp 2001:db8::/32 2001:db8::/32");
    rig_rule(&b, 0, IPC_LIST_DOWNLOADED, 10, "deny esp any host 2001:db8:7::7");
    assert_int_equal(rig_commit(&b), IPC_OK);
    expect(&b, true, packet(SRC, DST, 50, 100), VERDICT_RECEIVED_CLEAR, PKT_TO_TX);
    drops(&b, true, packet("2001:db8:6::1", DST, 50, 100), VERDICT_DROP_UNKNOWN_SPI);
    drops(&b, true, packet("2001:db8:6::1", "2001:db8:7::7", 50, 100), VERDICT_DROP_UNKNOWN_SPI);
    expect(&b, true, packet("2001:db9::1", DST, 50, 100), VERDICT_RECEIVED_CLEAR, PKT_TO_TX);
    for (size_t len = 41; len < 44; len++) /* no room for an SPI */
        drops(&b, true, packet(SRC, DST, 50, len), VERDICT_DROP_MALFORMED);
}

/* A pair's group and one of its VLAN 10: each has its own SA, and neither takes the other's ESP. */
static void two_groups(struct rig *r, uint64_t first_sender)
{
    struct ipc_sa all = rig_sa_message(r, 0x1000, 10, first_sender), ten = rig_sa_message(r, 0x2000, 20, first_sender);

    rig_begin(r);
    rig_group(r, 0, "all", "wan", IPC_GROUP_POLICY);
    rig_group_on(r, 1, "ten", "wan", 10, IPC_GROUP_POLICY);
    for (unsigned g = 0; g < 2; g++) {
        rig_rule(r, g, IPC_LIST_DOWNLOADED, g ? 20 : 10, "permit ip 10.1.0.0/16 10.2.0.0/16");
        rig_rule(r, g, IPC_LIST_DOWNLOADED, g ? 20 : 10, "permit ip 2001:db8:1::/48 2001:db8:2::/48");
    }
    ten.group = 1;
    rig_sa(r, &all);
    rig_sa(r, &ten);
    assert_int_equal(rig_commit(r), IPC_OK);
}

/* A frame with these VIDs, outermost first; 0xffff: no tag. */
static size_t on_vlans(bool six, unsigned outer, unsigned inner)
{
    size_t len = six ? rig_ipv6(f, SRC, DST, UDP, 1, 2, 100) : rig_ipv4(f, "10.1.0.1", "10.2.0.1", UDP, 1, 2, 100);

    if (inner != 0xffff)
        len = rig_tag(f, len, 0x8100, (uint16_t)(0x1000 | inner));
    if (outer != 0xffff)
        len = rig_tag(f, len, 0x88a8, (uint16_t)(0xe000 | outer));
    return len;
}

static void groups_by_vlan(void **state)
{
    static const struct {
        unsigned outer, inner;
        uint32_t spi;
    } cases[] = {{0xffff, 0xffff, 0x1000}, {0, 0xffff, 0x1000}, {10, 0xffff, 0x2000}, {11, 0xffff, 0x1000},
                 {10, 11, 0x2000},         {11, 10, 0x1000},    {0, 10, 0x1000},      {4094, 0xffff, 0x1000}};

    (void)state;
    two_groups(&a, 1);
    two_groups(&b, 2);
    for (unsigned k = 0; k < 2 * sizeof cases / sizeof cases[0]; k++) {
        unsigned outer = cases[k / 2].outer, inner = cases[k / 2].inner;
        size_t l2_len = 14 + (outer != 0xffff ? 4 : 0) + (inner != 0xffff ? 4 : 0);
        size_t len = on_vlans(k & 1, outer, inner), esp_at = l2_len + (k & 1 ? 40 : 20);
        struct rig_result sent = rig_one(&a, false, f, len);
        uint16_t other = cases[k / 2].spi == 0x2000 ? 11 : 10;

        assert_int_equal(sent.verdict, VERDICT_SENT_ENCRYPTED);
        assert_int_equal(load16_be(sent.bytes + esp_at + 2), cases[k / 2].spi);
        memcpy(f, sent.bytes, sent.len);
        assert_int_equal(rig_one(&b, true, f, sent.len).verdict, VERDICT_RECEIVED_DECRYPTED);
        if (outer == 0xffff)
            continue;
        store16_be(f + 14, other); /* the switch on the way sent it to another VLAN */
        assert_int_equal(rig_one(&b, true, f, sent.len).verdict, VERDICT_DROP_UNKNOWN_SPI);
    }
}

/* Untagged they are the appliance's own, with any tag they are not (own addresses live untagged). */
static void own_addresses_live_untagged(void **state)
{
    struct rig_result r;

    (void)state;
    rig_begin(&b);
    rig_group(&b, 0, "g", "wan", IPC_GROUP_POLICY);
    rig_rule(&b, 0, IPC_LIST_DOWNLOADED, 10, "permit udp any any");
    assert_int_equal(rig_commit(&b), IPC_OK);
    for (tags = 0; tags <= 2; tags++) {
        enum pkt_to to = tags ? PKT_TO_TX : PKT_TO_PUNT;
        size_t len;

        /* to an own address: inside without policy; outside under it */
        len = packet("2001:db8:4::1", OWN, 6, 100);
        expect(&b, false, len, tags ? VERDICT_SENT_CLEAR : VERDICT_LOCAL, to);
        expect(&b, true, len, tags ? VERDICT_RECEIVED_CLEAR : VERDICT_LOCAL, to);
        drops(&b, true, packet("2001:db8:4::1", OWN, UDP, 100), VERDICT_DROP_POLICY_CLEAR_IN);
        /* own IKE */
        len = tagged(rig_ipv4(f, "10.1.0.1", "10.9.9.9", UDP, 77, 848, 60));
        if (tags)
            drops(&b, true, len, VERDICT_DROP_POLICY_CLEAR_IN);
        else
            expect(&b, true, len, VERDICT_LOCAL, PKT_TO_PUNT);
        /* neighbour solicitation for an own address, ARP likewise */
        len = packet("fe80::1", "ff02::1:ff00:9", 58, 72);
        ip()[7] = 255, ip()[40] = 135;
        memcpy(ip() + 48, b.config.own[1].b, 16);
        expect(&b, true, len, VERDICT_PASSED_L2, to);
        ip()[63] ^= 1;
        expect(&b, true, len, VERDICT_PASSED_L2, PKT_TO_TX);
        memset(f, 0, 60);
        f[12] = 8, f[13] = 6, f[15] = 1, f[16] = 8, f[18] = 6, f[19] = 4, f[21] = 1;
        memcpy(f + 38, "\12\11\11\11", 4);
        expect(&b, true, tagged(60), VERDICT_PASSED_L2, to);
        /* from our TAP: own IKE, listener reports with a source of ours */
        len = tagged(rig_ipv4(f, "10.9.9.9", "10.1.0.1", UDP, 848, 848, 60));
        assert_int_equal(rig_local(&b, f, len).verdict, tags ? VERDICT_DROP_NO_SA : VERDICT_LOCAL);
        for (unsigned i = 0; i < 4; i++) {
            static const char *const sources[] = {"fe80::2", "::", OWN, "2001:db8:4::4"};

            len = packet(sources[i], "ff02::16", 0, 76);
            ip()[7] = 1, ip()[48] = 143;
            memcpy(ip() + 40, "\72\0\5\2\0\0\1", 8); /* router alert */
            r = rig_local(&b, f, len);
            assert_string_equal(verdict_name(r.verdict),
                                verdict_name(tags || i == 3 ? VERDICT_SENT_CLEAR : VERDICT_LOCAL));
            expect(&b, false, len, VERDICT_SENT_CLEAR, PKT_TO_TX); /* a host's: no rule names these addresses */
        }
    }
}

/* Address bits that differ anywhere are another flow, whatever the cache holds. */
static void the_cache_compares_every_bit(void **state)
{
    (void)state;
    rig_begin(&a);
    rig_group(&a, 0, "g", "wan", IPC_GROUP_POLICY);
    rig_rule(&a, 0, IPC_LIST_DOWNLOADED, 10, "deny ip host " SRC " host " DST);
    rig_rule(&a, 0, IPC_LIST_DOWNLOADED, 10, "permit ip any any");
    assert_int_equal(rig_commit(&a), IPC_OK);
    for (unsigned bit = 0; bit < 32 * 8; bit++) {
        size_t len = packet(SRC, DST, UDP, 100);

        expect(&a, false, len, VERDICT_SENT_CLEAR, PKT_TO_TX);
        f[22 + bit / 8] ^= (uint8_t)(1u << (bit & 7));
        drops(&a, false, len, VERDICT_DROP_NO_SA);
        drops(&a, false, len, VERDICT_DROP_NO_SA); /* now from the cache */
        drops(&a, true, len, VERDICT_DROP_POLICY_CLEAR_IN);
    }
    rig_begin(&a); /* a new list, a new answer */
    rig_group(&a, 0, "g", "wan", IPC_GROUP_POLICY);
    rig_rule(&a, 0, IPC_LIST_DOWNLOADED, 10, "permit ip any any");
    assert_int_equal(rig_commit(&a), IPC_OK);
    drops(&a, false, packet(SRC, DST, UDP, 100), VERDICT_DROP_NO_SA);
}

#define WITH_BOTH(test) cmocka_unit_test_setup_teardown(test, open_both, close_both)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BOTH(with_every_number_of_tags),
        WITH_BOTH(what_routers_change),
        WITH_BOTH(unknown_spi_and_denies),
        WITH_BOTH(groups_by_vlan),
        WITH_BOTH(own_addresses_live_untagged),
        WITH_BOTH(the_cache_compares_every_bit),
    };

    rig_start_eal();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
