/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fragments: which ones may be judged (RFC 791, RFC 1858, RFC 3128, RFC 7112, RFC 8200), and cutting: the pieces of a packet,
 * put together the slow way, are the packet again, for every size around the limits.
 */
#include "dataplane/core/frag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void put_checksum(uint8_t *ip)
{
    store16(ip + 10, 0);
    store16(ip + 10, (uint16_t)~sum_fold(sum_ipv4(ip)));
}

/* Is an IPv4 fragment with these 16 bits of flags and offset and this payload one that can be judged? */
static bool judged4(uint8_t proto, uint16_t frag, size_t payload_len, uint8_t octet12)
{
    size_t len = 20 + payload_len;
    uint8_t *ip = calloc(1, len);
    struct l3 h;
    bool can;

    assert_non_null(ip);
    ip[0] = 0x45;
    store16_be(ip + 2, (uint16_t)len);
    store16_be(ip + 6, frag);
    ip[9] = proto;
    ip[12] = 10;
    put_checksum(ip);
    if (payload_len > 12)
        ip[32] = octet12;
    l3_parse_ipv4(ip, len, &h);
    if (h.flaw == L3_MALFORMED) { /* no room for ports: never gets that far */
        free(ip);
        return false;
    }
    assert_int_equal(h.flaw, L3_FRAGMENT);
    can = frag_can_be_judged(ip, &h);
    free(ip);
    return can;
}

static bool judged6(uint8_t proto, uint16_t frag, size_t payload_len, uint8_t octet12)
{
    size_t len = 48 + payload_len;
    uint8_t *ip = calloc(1, len);
    struct l3 h;
    bool can;

    assert_non_null(ip);
    ip[0] = 0x60;
    store16_be(ip + 4, (uint16_t)(len - 40));
    ip[6] = 44;
    ip[40] = proto;
    store16_be(ip + 42, frag);
    if (payload_len > 12)
        ip[60] = octet12;
    l3_parse_ipv6(ip, len, &h);
    if (h.flaw == L3_MALFORMED) {
        free(ip);
        return false;
    }
    assert_int_equal(h.flaw, L3_FRAGMENT);
    can = frag_can_be_judged(ip, &h);
    free(ip);
    return can;
}

static void first_fragments_have_their_header(void **state)
{
    static const struct {
        uint8_t proto;
        size_t least;
    } cases[] = {{1, 8}, {6, 20}, {17, 8}, {33, 12}, {47, 1}, {50, 8}, {58, 8}, {132, 12}, {136, 8}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t n = 0; n < 40; n++) {
            assert_int_equal(judged4(cases[i].proto, 0x2000, n, 0x50), n >= cases[i].least);
            assert_int_equal(judged6(cases[i].proto, 1, n, 0x50), n >= cases[i].least);
            assert_int_equal(judged6(cases[i].proto, 0, n, 0x50), n >= cases[i].least); /* atomic, RFC 6946 */
        }
    /* A TCP header with options. */
    assert_false(judged4(6, 0x2000, 31, 0x80));
    assert_true(judged4(6, 0x2000, 32, 0x80));
    assert_false(judged6(6, 1, 31, 0x80));
    assert_true(judged6(6, 1, 32, 0x80));
}

static void later_fragments(void **state)
{
    (void)state;
    assert_false(judged4(6, 0x2001, 100, 0)); /* offset 8 of TCP: its flags */
    assert_false(judged6(6, 9, 100, 0));
    assert_true(judged4(17, 0x2001, 100, 0));
    assert_true(judged6(17, 9, 100, 0));
    assert_true(judged4(6, 0x2002, 100, 0));
    assert_true(judged6(6, 17, 100, 0));
    assert_true(judged4(17, 1, 1, 0));
    assert_false(judged4(17, 1, 0, 0));
    assert_false(judged6(17, 8, 0, 0));
    /* The largest packet: 65535 with its header (IPv4), without it (IPv6). */
    assert_true(judged4(17, 8189, 3, 0));
    assert_false(judged4(17, 8189, 4, 0));
    assert_true(judged6(17, 8191 * 8, 7, 0));
    assert_false(judged6(17, 8191 * 8, 8, 0));
}

/* Cuts a packet of len octets with this flags-and-offset word into pieces of at most max and puts it together again. */
static void cut(uint32_t len, uint32_t max, uint16_t frag)
{
    uint32_t step = frag_step(max), count, at = 0, payload_len = len - 20;
    uint8_t *ip = malloc(len), *whole = malloc(payload_len);

    assert_non_null(ip);
    assert_non_null(whole);
    for (uint32_t i = 0; i < len; i++)
        ip[i] = (uint8_t)(i * 7 + (i >> 8));
    ip[0] = 0x45;
    store16_be(ip + 2, (uint16_t)len);
    store16_be(ip + 6, frag);
    put_checksum(ip);
    assert_true(step >= 8 && step % 8 == 0 && step + 20 <= max && step + 28 > max);
    count = frag_count(len, step);
    assert_true((count - 1) * step < payload_len && count * step >= payload_len);
    for (uint32_t i = 0; i < count; i++, at += step) {
        uint32_t n = i + 1 < count ? step : payload_len - at;
        uint8_t out[20];

        frag_put_header(out, ip, at, n, i + 1 == count);
        assert_true(20 + n <= max);
        assert_true(sum_right(sum_ipv4(out)));
        assert_int_equal(load16_be(out + 2), 20 + n);
        assert_int_equal(load16_be(out + 6) & 0x1fff, (frag & 0x1fff) + at / 8);
        assert_int_equal(load16_be(out + 6) & 0x2000, i + 1 < count ? 0x2000 : frag & 0x2000);
        assert_int_equal(load16_be(out + 6) & 0xc000, frag & 0xc000);
        assert_memory_equal(out, ip, 2);
        assert_memory_equal(out + 4, ip + 4, 2);
        assert_memory_equal(out + 8, ip + 8, 2);
        assert_memory_equal(out + 12, ip + 12, 8);
        memcpy(whole + at, ip + 20 + at, n);
    }
    assert_memory_equal(whole, ip + 20, payload_len);
    frag_put_header(ip, ip, 0, count > 1 ? step : payload_len, count == 1);
    assert_true(sum_right(sum_ipv4(ip)));
    free(ip);
    free(whole);
}

static void cutting(void **state)
{
    static const uint32_t maxima[] = {28, 29, 35, 36, 522, 576, 1280, 1400, 1430, 1446, 1500};

    (void)state;
    assert_int_equal(frag_step(0), 0);
    assert_int_equal(frag_step(27), 0);
    assert_int_equal(frag_step(28), 8);
    assert_int_equal(frag_step(1446), 1424);
    for (size_t m = 0; m < sizeof maxima / sizeof maxima[0]; m++)
        for (uint32_t len = maxima[m] + 1; len < maxima[m] + 40; len++) {
            cut(len, maxima[m], 0);
            cut(len, maxima[m], 0x2000);
            cut(len, maxima[m], 100);
            cut(len, maxima[m], 0x2000 | 5000);
        }
    for (uint32_t len = 1300; len <= 1520; len++)
        cut(len, 1446, 0);
    cut(9000, 522, 0);
    cut(65535, 1446, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_fragments_have_their_header),
        cmocka_unit_test(later_fragments),
        cmocka_unit_test(cutting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
