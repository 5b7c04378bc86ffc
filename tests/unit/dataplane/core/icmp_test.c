/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * "Too big" messages, both families: octet by octet as RFC 792, 1191, 1812 and 4443 draw them, with checksums made the slow
 * way; whom they mustn't be sent to; and what of a message from the WAN is believed. Buffers have the packets' exact size.
 */
#include "dataplane/core/icmp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static uint8_t *ip;
static struct l3 h;

static uint16_t slow_sum(const uint8_t *p, size_t n, uint32_t sum)
{
    for (size_t i = 0; i < n; i++)
        sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* Right when 0. */
static uint16_t sum6(const uint8_t *p)
{
    size_t n = load16_be(p + 4);
    uint32_t sum = 58 + (uint32_t)n;

    for (unsigned i = 8; i < 40; i += 2)
        sum += load16_be(p + i);
    return slow_sum(p + 40, n, sum);
}

static void parse_it(size_t len)
{
    if (ip[0] >> 4 == 6) {
        l3_parse_ipv6(ip, len, &h);
    } else {
        store16(ip + 10, 0);
        store16_be(ip + 10, slow_sum(ip, (ip[0] & 15u) * 4, 0));
        l3_parse_ipv4(ip, len, &h);
    }
    assert_int_not_equal(h.flaw, L3_MALFORMED);
}

static void make(enum l3_kind kind, uint8_t proto, size_t len)
{
    free(ip);
    ip = malloc(len);
    assert_non_null(ip);
    for (size_t i = 0; i < len; i++)
        ip[i] = (uint8_t)(i * 11);
    if (kind == L3_IPV6) {
        memset(ip, 0, 40);
        ip[0] = 0x60;
        store16_be(ip + 4, (uint16_t)(len - 40));
        ip[6] = proto;
        ip[7] = 64;
        ip[8] = ip[24] = 0x20;
        ip[23] = 1;
        ip[39] = 2;
    } else {
        memset(ip, 0, 20);
        ip[0] = 0x45;
        store16_be(ip + 2, (uint16_t)len);
        ip[8] = 64;
        ip[9] = proto;
        ip[12] = ip[16] = 10;
        ip[15] = 1;
        ip[19] = 2;
    }
    parse_it(len);
}

static void octets4(size_t len, uint16_t mtu)
{
    uint32_t want = len + 28 < 576 ? (uint32_t)len + 28 : 576;
    static const uint8_t start[12] = {0x45, 0xc0, 0, 0, 0, 0, 0x40, 0, 64, 1, 0, 0};
    uint8_t *out = malloc(want);

    make(L3_IPV4, 17, len);
    assert_non_null(out);
    assert_int_equal(icmp_too_big_len(&h), want);
    icmp_put_too_big(out, ip, &h, mtu);
    assert_memory_equal(out, start, 2);
    assert_int_equal(load16_be(out + 2), want);
    assert_memory_equal(out + 4, start + 4, 6);
    assert_int_equal(slow_sum(out, 20, 0), 0);
    assert_memory_equal(out + 12, ip + 16, 4);
    assert_memory_equal(out + 16, ip + 12, 4);
    assert_int_equal(load16_be(out + 20), 0x0304);
    assert_int_equal(load16_be(out + 24), 0);
    assert_int_equal(load16_be(out + 26), mtu);
    assert_int_equal(slow_sum(out + 20, want - 20, 0), 0);
    assert_memory_equal(out + 28, ip, want - 28);
    free(out);
}

static void octets6(size_t len, uint16_t mtu)
{
    uint32_t want = len + 48 < 1280 ? (uint32_t)len + 48 : 1280;
    uint8_t *out = malloc(want);

    make(L3_IPV6, 17, len);
    assert_non_null(out);
    assert_int_equal(icmp_too_big_len(&h), want);
    icmp_put_too_big(out, ip, &h, mtu);
    assert_int_equal(load32(out), __builtin_bswap32(0x6c000000));
    assert_int_equal(load16_be(out + 4), want - 40);
    assert_int_equal(out[6], 58);
    assert_int_equal(out[7], 64);
    assert_memory_equal(out + 8, ip + 24, 16);
    assert_memory_equal(out + 24, ip + 8, 16);
    assert_int_equal(load16_be(out + 40), 0x0200);
    assert_int_equal(load32(out + 44), __builtin_bswap32(mtu));
    assert_int_equal(sum6(out), 0);
    assert_memory_equal(out + 48, ip, want - 48);
    free(out);
}

static void octet_by_octet(void **state)
{
    (void)state;
    for (size_t len = 500; len < 600; len++)
        octets4(len, 522);
    octets4(28, 68);
    octets4(1447, 1446);
    octets4(9000, 8946);
    for (size_t len = 1200; len < 1300; len++)
        octets6(len, 1280);
    octets6(9000, 1426);
}

static void sources_and_destinations(void)
{
    static const uint8_t bad4[] = {0, 127, 224, 239, 255};

    for (size_t i = 0; i < sizeof bad4; i++)
        for (unsigned at = 12; at <= 16; at += 4) {
            make(L3_IPV4, 17, 1500);
            ip[at] = bad4[i];
            parse_it(1500);
            assert_false(icmp_may_answer(ip, &h));
        }
    for (unsigned at = 8; at <= 24; at += 16) {
        make(L3_IPV6, 17, 1500);
        ip[at] = 0xff;
        assert_false(icmp_may_answer(ip, &h));
        memset(ip + at, 0, 16);
        assert_false(icmp_may_answer(ip, &h));
        ip[at + 15] = 1;
        assert_false(icmp_may_answer(ip, &h));
        ip[at + 15] = 2;
        assert_true(icmp_may_answer(ip, &h));
    }
}

static void whom_it_is_sent_to(void **state)
{
    (void)state;
    sources_and_destinations();
    for (unsigned type = 0; type < 256; type++) {
        bool error4 = type == 3 || type == 4 || type == 5 || type == 11 || type == 12, error6 = type < 128 || type == 137;

        make(L3_IPV4, 1, 1500);
        ip[20] = (uint8_t)type;
        assert_int_equal(icmp_may_answer(ip, &h), !error4);
        make(L3_IPV6, 58, 1500);
        ip[40] = (uint8_t)type;
        assert_int_equal(icmp_may_answer(ip, &h), !error6);
        ip[6] = 44; /* the same in a first fragment */
        ip[40] = 58, ip[42] = 0, ip[43] = 1, ip[48] = (uint8_t)type;
        parse_it(1500);
        assert_int_equal(icmp_may_answer(ip, &h), !error6);
    }
    make(L3_IPV4, 1, 20); /* an ICMP packet without a type */
    assert_false(icmp_may_answer(ip, &h));
    make(L3_IPV4, 17, 1500);
    ip[6] = 0x60;
    parse_it(1500);
    assert_true(icmp_may_answer(ip, &h));
    ip[6] = 0x40, ip[7] = 1;
    parse_it(1500);
    assert_false(icmp_may_answer(ip, &h));
    make(L3_IPV6, 44, 1500);
    ip[40] = 17, ip[42] = 0, ip[43] = 9;
    parse_it(1500);
    assert_false(icmp_may_answer(ip, &h));
}

/* A message from a router (9.9.9.9) about ESP from 10.0.0.1 to 10.0.0.2. */
static void make_message(enum l3_kind kind, size_t quote_len, uint16_t mtu)
{
    uint8_t *message;
    size_t len;

    make(kind, 50, quote_len);
    store32(ip + l3_header_len(kind), 0x78563412);
    store32(ip + l3_header_len(kind) + 4, __builtin_bswap32(77));
    len = icmp_too_big_len(&h);
    message = malloc(len);
    assert_non_null(message);
    icmp_put_too_big(message, ip, &h, mtu);
    if (kind == L3_IPV4) {
        memset(message + 12, 9, 4); /* routers use their own address */
    } else {
        memset(message + 8, 9, 16);
        store16(message + 42, 0);
        store16_be(message + 42, sum6(message));
    }
    free(ip);
    ip = message;
    parse_it(len);
}

/* After a change of the ICMP message its checksum is made anew. */
static void fix(enum l3_kind kind)
{
    uint32_t at = l3_header_len(kind);

    store16(ip + at + 2, 0);
    store16_be(ip + at + 2, kind == L3_IPV6 ? sum6(ip) : slow_sum(ip + at, h.len - at, 0));
}

static void what_is_believed(void **state)
{
    struct icmp_quote q;

    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        enum l3_kind kind = k ? L3_IPV6 : L3_IPV4;
        uint32_t at = l3_header_len(kind);
        /* type, code (IPv4 only), quoted version, quoted protocol, quoted source */
        unsigned spoilt[] = {at, at + 1, at + 8, at + 8 + (k ? 6 : 9), at + 8 + (k ? 23 : 15)};

        make_message(kind, 1500, 1400);
        assert_true(icmp_read_too_big(ip, &h, &q));
        assert_int_equal(q.mtu, 1400);
        assert_int_equal(q.spi_be, 0x78563412);
        assert_int_equal(q.seq, 77);
        assert_ptr_equal(q.ip, ip + at + 8);
        ip[h.len - 1] ^= 1; /* now its checksum is wrong */
        assert_false(icmp_read_too_big(ip, &h, &q));
        for (size_t i = 0; i < sizeof spoilt / sizeof spoilt[0]; i++) {
            make_message(kind, 1500, 1400);
            ip[spoilt[i]] ^= spoilt[i] == at + 8 ? 0x20 : 1;
            fix(kind);
            assert_int_equal(icmp_read_too_big(ip, &h, &q), k && spoilt[i] == at + 1);
        }
        make_message(kind, at + 8, 1400); /* the least that may be quoted */
        assert_true(icmp_read_too_big(ip, &h, &q));
        make_message(kind, 1500, 1400);
        h.flaw = L3_FRAGMENT;
        assert_false(icmp_read_too_big(ip, &h, &q));
    }
    make_message(L3_IPV4, 28, 0);
    ip = realloc(ip, 55);
    assert_non_null(ip);
    store16_be(ip + 2, 55);
    parse_it(55);
    fix(L3_IPV4);
    assert_false(icmp_read_too_big(ip, &h, &q));
    free(ip);
    ip = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(octet_by_octet),
        cmocka_unit_test(whom_it_is_sent_to),
        cmocka_unit_test(what_is_believed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
