/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The arithmetic of ESP on exact-size buffers: sizes against RFC 4303 at every length, the outer header against one
 * computed the slow way, RFC 6040's table, and everything a decrypted text may be that it shouldn't.
 */
#include "dataplane/core/esp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static void put_checksum(uint8_t *ip)
{
    uint32_t sum = 0;

    ip[10] = ip[11] = 0;
    for (unsigned i = 0; i < 20; i += 2)
        sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    ip[10] = (uint8_t)(~sum >> 8);
    ip[11] = (uint8_t)~sum;
}

static void put_inner(uint8_t *ip, uint32_t len)
{
    static const uint8_t head[20] = {0x45, 0, 0, 0, 0, 7, 0, 0, 64, 1, 0, 0, 10, 1, 0, 1, 10, 2, 0, 1};

    for (uint32_t i = 0; i < len; i++)
        ip[i] = (uint8_t)i;
    memcpy(ip, head, sizeof head);
    store16_be(ip + 2, (uint16_t)len);
    put_checksum(ip);
}

/* RFC 4303 2.4: padding makes payload, padding, pad length and next header end on a 4-octet boundary, and is minimal. */
static void sizes_at_every_length(void **state)
{
    (void)state;
    for (uint32_t len = 20; len < 9000; len++) {
        assert_int_equal((len + esp_pad(len) + 2) % 4, 0);
        assert_true(esp_pad(len) < 4);
        assert_int_equal(esp_outer_len(L3_IPV4, len), 20 + 8 + 8 + len + esp_pad(len) + 2 + 16);
        assert_int_equal(esp_outer_len(L3_IPV6, len), 40 + 8 + 8 + len + esp_pad(len) + 2 + 16);
        assert_true(esp_len_possible(esp_outer_len(L3_IPV4, len) - 20));
        assert_true(esp_len_possible(esp_outer_len(L3_IPV6, len) - 40));
    }
    for (uint32_t len = 0; len < ESP_MIN_LEN; len++)
        assert_false(esp_len_possible(len));
    assert_int_equal(ESP_MIN_LEN, 8 + 8 + 4 + 16);
    assert_false(esp_len_possible(ESP_MIN_LEN + 1));
    assert_false(esp_len_possible(ESP_MIN_LEN + 3));
}

/* The largest packet that fits, and not one octet more (limit-1, limit, limit+1): every suite, both modes, all metadata. */
static void effective_mtu_is_exact(void **state)
{
    static const enum l3_kind kinds[] = {L3_IPV4, L3_IPV6};
    static const struct {
        bool transport;
        unsigned meta_len;
    } modes[] = {{false, 0}, {false, 12}, {false, 16}, {true, 0}};
    struct esp_geometry g = esp_geometry_of(suite_by_id(SUITE_AES_GCM_128), false, 0);

    (void)state;
    assert_int_equal(esp_effective_mtu(L3_IPV4, 1500, &g), 1446);
    assert_int_equal(esp_effective_mtu(L3_IPV6, 1500, &g), 1426);
    assert_int_equal(esp_effective_mtu(L3_IPV4, 51, &g), 0);
    assert_int_equal(esp_effective_mtu(L3_IPV6, 71, &g), 0);
    g = esp_geometry_of(suite_by_id(SUITE_AES_CBC_128_SHA1), false, 12); /* 1500 - 20 - 8 - 16 - 12 = 90 * 16 + 4 */
    assert_int_equal(esp_effective_mtu(L3_IPV4, 1500, &g), 1440 - 2 - 12);
    for (unsigned id = SUITE_NONE + 1; id < SUITE_COUNT; id++)
        for (unsigned k = 0; k < 8; k++) {
            enum l3_kind kind = kinds[k & 1];

            g = esp_geometry_of(suite_by_id(id), modes[k / 2].transport, modes[k / 2].meta_len);
            for (unsigned mtu = 160; mtu < 9100; mtu += mtu < 1600 ? 1 : 7) {
                unsigned max = esp_effective_mtu(kind, mtu, &g);

                assert_true(esp_any_outer(&g, kind, max - 1) <= mtu);
                assert_true(esp_any_outer(&g, kind, max) <= mtu);
                assert_true(esp_any_outer(&g, kind, max + 1) > mtu);
            }
        }
}

/* What GCM's constants say, any layout's arithmetic says of GCM, too. */
static void gcm_is_a_layout_like_others(void **state)
{
    struct esp_geometry g = esp_geometry_of(suite_by_id(SUITE_AES_GCM_256), false, 0);

    (void)state;
    assert_int_equal(g.kind, ESP_GCM);
    assert_int_equal(esp_any_front(&g, L3_IPV4), ESP_FRONT_LEN);
    assert_int_equal(esp_any_front(&g, L3_IPV6), ESP_FRONT6_LEN);
    for (uint32_t len = 20; len < 9000; len++) {
        assert_int_equal(esp_any_text(&g, len), esp_text_len(len));
        assert_int_equal(esp_any_outer(&g, L3_IPV4, len), esp_outer_len(L3_IPV4, len));
        assert_int_equal(esp_any_possible(&g, len), esp_len_possible(len));
    }
    g = esp_geometry_of(suite_by_id(SUITE_AES_GCM_256), true, 0);
    assert_int_equal(g.kind, ESP_AEAD);
    assert_int_equal(esp_any_front(&g, L3_IPV6), 16);
    assert_int_equal(esp_any_outer(&g, L3_IPV6, 40 + 10), 40 + 16 + 12 + 16);
    assert_int_equal(esp_geometry_of(suite_by_id(SUITE_CHACHA20_POLY1305), false, 0).kind, ESP_AEAD);
    assert_int_equal(esp_geometry_of(suite_by_id(SUITE_AES_GMAC_128), false, 0).kind, ESP_AEAD);
    assert_int_equal(esp_geometry_of(suite_by_id(SUITE_NULL_SHA1), false, 0).kind, ESP_LANES);
    g = esp_geometry_of(suite_by_id(SUITE_AES_CBC_256_SHA512), false, 16);
    assert_int_equal(g.kind, ESP_LANES);
    assert_int_equal(esp_any_front(&g, L3_IPV4), 20 + 8 + 16 + 16);
    assert_int_equal(esp_any_outer(&g, L3_IPV4, 30), 20 + 8 + 16 + 48 + 32);
    assert_int_equal(esp_any_outer(&g, L3_IPV4, 31), 20 + 8 + 16 + 64 + 32);
    assert_true(esp_any_possible(&g, 8 + 16 + 16 + 32));
    assert_false(esp_any_possible(&g, 8 + 16 + 0 + 32));
    assert_false(esp_any_possible(&g, 8 + 16 + 24 + 32));
}

static void trailers(void **state)
{
    (void)state;
    for (uint32_t pad = 0; pad < 4; pad++) {
        uint8_t *at = malloc(8);

        assert_non_null(at);
        for (unsigned six = 0; six <= 1; six++) {
            esp_put_trailer(at, pad, six ? NEXT_IPV6 : NEXT_IPV4);
            for (uint32_t i = 0; i < pad; i++)
                assert_int_equal(at[i], i + 1);
            assert_int_equal(at[pad], pad);
            assert_int_equal(at[pad + 1], six ? 41 : 4);
        }
        free(at);
    }
}

static void outer_header_is_the_inner_one(void **state)
{
    unsigned seed = (unsigned)time(NULL);

    (void)state;
    print_message("seed %u\n", seed);
    srand(seed);
    for (unsigned round = 0; round < 300000; round++) {
        uint8_t inner[20], outer[20], expected[20];
        uint16_t len, id;

        for (unsigned i = 0; i < 20; i++)
            inner[i] = (uint8_t)rand();
        inner[0] = 0x45;
        put_checksum(inner);
        len = (uint16_t)rand();
        id = rand() % 2 ? load16(inner + 4) : (uint16_t)rand();
        memcpy(expected, inner, 20);
        store16_be(expected + 2, len);
        store16(expected + 4, id);
        expected[9] = 50;
        put_checksum(expected);
        esp_put_outer(outer, load64(inner), inner, len);
        if (id != load16(inner + 4))
            esp_set_id(outer, id);
        /* 0x0000 and 0xffff both stand for zero */
        if (sum_right(sum_ipv4(outer)) && memcmp(outer + 10, expected + 10, 2) != 0)
            memcpy(outer + 10, expected + 10, 2);
        assert_memory_equal(outer, expected, 20);
    }
}

/* IPv6: next header and payload length are new, every other bit is the inner one's (DP1). */
static void outer_ipv6_header_is_the_inner_one(void **state)
{
    unsigned seed = (unsigned)time(NULL);

    (void)state;
    print_message("seed %u\n", seed);
    srand(seed);
    for (unsigned round = 0; round < 100000; round++) {
        uint8_t inner[40], outer[40], expected[40];
        uint16_t len = (uint16_t)rand();

        for (unsigned i = 0; i < 40; i++)
            inner[i] = (uint8_t)rand();
        memcpy(expected, inner, 40);
        expected[4] = (uint8_t)(len >> 8);
        expected[5] = (uint8_t)len;
        expected[6] = 50;
        esp_put_outer6(outer, inner, len);
        assert_memory_equal(outer, expected, 40);
    }
}

static void iv_and_sender_ids(void **state)
{
    (void)state;
    for (unsigned bits = 8; bits <= 32; bits++) {
        uint64_t last = (1ULL << bits) - 1, limit = 1ULL << (64 - bits);

        assert_int_equal(esp_sender_shift(last, bits), ~(limit - 1));
        assert_int_equal(__builtin_bswap64(esp_iv(esp_sender_shift(1, bits), limit - 1)), limit | (limit - 1));
    }
    /* as octets on the wire: sender id 0x000102, counter 3 */
    assert_int_equal(esp_iv(esp_sender_shift(0x000102, 24), 3), __builtin_bswap64(0x0001020000000003ULL));
    assert_int_equal(esp_front(0x04030201, 0), 0x0100000004030201ULL);
    assert_int_equal(esp_front(0, 0xffffffffULL) >> 32, 0); /* rolls over (RFC 4303 3.3.3) */
}

/* Judges a text on the heap, exactly as long as it says; checks that the short way agrees with the long one. */
static enum verdict judge_as(enum l3_kind kind, const uint8_t *text, uint32_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    enum verdict v;
    struct l3 h;

    assert_non_null(copy);
    memcpy(copy, text, len);
    v = esp_check_text(copy, len, kind, &h);
    if (v == VERDICT_RECEIVED_DECRYPTED)
        assert_int_equal(h.kind, kind);
    if ((kind == L3_IPV6 ? l3_try_ipv6(copy, len, &h) : l3_try_ipv4(copy, len, &h)) &&
        esp_usual_trailer(copy, len, h.len, esp_next(kind)))
        assert_int_equal(v, VERDICT_RECEIVED_DECRYPTED);
    free(copy);
    return v;
}

static enum verdict judge(const uint8_t *text, uint32_t len)
{
    return judge_as(L3_IPV4, text, len);
}

static uint32_t make_text(uint8_t *text, uint32_t inner_len, uint32_t payload_len, uint32_t pad, uint8_t next)
{
    memset(text, 0, payload_len);
    put_inner(text, inner_len);
    for (uint32_t i = 0; i < pad; i++)
        text[payload_len + i] = (uint8_t)(i + 1);
    text[payload_len + pad] = (uint8_t)pad;
    text[payload_len + pad + 1] = next;
    return payload_len + pad + 2;
}

static void texts_that_are_right(void **state)
{
    uint8_t text[600];

    (void)state;
    for (uint32_t len = 20; len < 100; len++) {
        for (uint32_t pad = 0; pad <= 255; pad++)
            assert_int_equal(judge(text, make_text(text, len, len, pad, NEXT_IPV4)), VERDICT_RECEIVED_DECRYPTED);
        /* traffic flow padding behind the packet (RFC 4303 2.7) */
        assert_int_equal(judge(text, make_text(text, len, len + 50, 2, NEXT_IPV4)), VERDICT_RECEIVED_DECRYPTED);
    }
}

static void texts_that_are_wrong(void **state)
{
    uint8_t text[600];
    uint32_t len;

    (void)state;
    for (len = 0; len < 2; len++)
        assert_int_equal(judge((const uint8_t *)"\4\4", len), VERDICT_DROP_INNER_MALFORMED);
    for (unsigned next = 0; next < 256; next++) { /* every next header */
        enum verdict expected = next == NEXT_IPV4    ? VERDICT_RECEIVED_DECRYPTED
                                : next == NEXT_DUMMY ? VERDICT_DROP_DUMMY
                                                     : VERDICT_DROP_INNER_MALFORMED;

        assert_int_equal(judge(text, make_text(text, 40, 40, 2, (uint8_t)next)), expected);
    }
    len = make_text(text, 40, 40, 2, NEXT_IPV4);
    for (unsigned lie = 3; lie < 256; lie++) { /* pad length beyond the padding, beyond the text */
        text[len - 2] = (uint8_t)lie;
        assert_int_equal(judge(text, len), VERDICT_DROP_INNER_MALFORMED);
    }
    for (uint32_t pad = 1; pad <= 255; pad++) { /* one padding octet wrong */
        len = make_text(text, 40, 40, pad, NEXT_IPV4);
        text[40 + (unsigned)pad / 2] ^= 0x10;
        assert_int_equal(judge(text, len), VERDICT_DROP_INNER_MALFORMED);
    }
    for (uint32_t payload = 0; payload < 40; payload++) { /* inner packet cut off */
        uint8_t whole[600];

        put_inner(whole, 40);
        memcpy(text, whole, payload);
        text[payload] = 0;
        text[payload + 1] = NEXT_IPV4;
        assert_int_equal(judge(text, payload + 2), VERDICT_DROP_INNER_MALFORMED);
    }
}

static void inner_packets_refused_by_name(void **state)
{
    uint8_t text[600];
    uint32_t len;

    (void)state;
    len = make_text(text, 40, 40, 2, NEXT_IPV4);
    text[6] = 0x20;
    put_checksum(text);
    assert_int_equal(judge(text, len), VERDICT_RECEIVED_DECRYPTED);
    len = make_text(text, 27, 27, 3, NEXT_IPV4); /* a first fragment without all of its UDP header */
    text[6] = 0x20;
    put_checksum(text);
    assert_int_equal(judge(text, len), VERDICT_DROP_FRAGMENT);
    len = make_text(text, 40, 40, 2, NEXT_IPV4);
    text[10] ^= 1;
    assert_int_equal(judge(text, len), VERDICT_DROP_INNER_MALFORMED);
    len = make_text(text, 40, 40, 2, NEXT_IPV4);
    text[0] = 0x65;
    assert_int_equal(judge(text, len), VERDICT_DROP_INNER_MALFORMED);
    len = make_text(text, 40, 40, 2, NEXT_IPV4);
    memset(text + 20, 1, 4); /* a 24-octet header of no-operation options */
    text[0] = 0x46;
    text[10] = text[11] = 0;
    store16(text + 10, (uint16_t)~sum_fold(sum_ipv4(text) + load32(text + 20)));
    assert_int_equal(judge(text, len), VERDICT_RECEIVED_DECRYPTED);
    text[20] = 0x83; /* a source route of length 1: read as a list that doesn't add up */
    store16(text + 10, 0);
    store16(text + 10, (uint16_t)~sum_fold(sum_ipv4(text) + load32(text + 20)));
    assert_int_equal(judge(text, len), VERDICT_DROP_IP_OPTIONS);
    text[21] = 4;
    store16(text + 10, 0);
    store16(text + 10, (uint16_t)~sum_fold(sum_ipv4(text) + load32(text + 20)));
    assert_int_equal(judge(text, len), VERDICT_DROP_SOURCE_ROUTE);
}

/* An inner IPv6 packet of len octets with a trailer. */
static uint32_t make_text6(uint8_t *text, uint32_t len, uint32_t pad, uint8_t next)
{
    static const uint8_t head[40] = {0x60, [6] = 17, 64, [23] = 1, [39] = 2};

    for (uint32_t i = 0; i < len; i++)
        text[i] = (uint8_t)i;
    memcpy(text, head, sizeof head);
    store16_be(text + 4, (uint16_t)(len - 40));
    for (uint32_t i = 0; i < pad; i++)
        text[len + i] = (uint8_t)(i + 1);
    text[len + pad] = (uint8_t)pad;
    text[len + pad + 1] = next;
    return len + pad + 2;
}

static void ipv6_texts(void **state)
{
    static const struct {
        unsigned at;
        uint8_t value;
        enum verdict verdict;
    } wrong[] = {
        {0, 0x40, VERDICT_DROP_INNER_MALFORMED}, {5, 0, VERDICT_DROP_INNER_MALFORMED},
        {5, 61, VERDICT_DROP_INNER_MALFORMED},   {4, 1, VERDICT_DROP_INNER_MALFORMED},
        {6, 44, VERDICT_RECEIVED_DECRYPTED},          {6, 139, VERDICT_DROP_INNER_MALFORMED},
        {6, 43, VERDICT_DROP_INNER_MALFORMED},        {6, 60, VERDICT_DROP_INNER_MALFORMED},
        {6, 135, VERDICT_DROP_INNER_MALFORMED},       {6, 50, VERDICT_RECEIVED_DECRYPTED},
        {5, 20, VERDICT_RECEIVED_DECRYPTED}, /* surplus is traffic flow padding */
    };
    uint8_t text[600];
    uint32_t len;

    (void)state;
    for (uint32_t size = 44; size < 100; size++)
        for (uint32_t pad = 0; pad <= 255; pad++)
            assert_int_equal(judge_as(L3_IPV6, text, make_text6(text, size, pad, 41)), VERDICT_RECEIVED_DECRYPTED);
    for (unsigned next = 0; next < 256; next++) { /* IPv4 inside IPv6 isn't what was protected */
        enum verdict expected = next == 41   ? VERDICT_RECEIVED_DECRYPTED
                                : next == 59 ? VERDICT_DROP_DUMMY
                                             : VERDICT_DROP_INNER_MALFORMED;

        assert_int_equal(judge_as(L3_IPV6, text, make_text6(text, 100, 2, (uint8_t)next)), expected);
    }
    assert_int_equal(judge_as(L3_IPV4, text, make_text6(text, 100, 2, 41)), VERDICT_DROP_INNER_MALFORMED);
    assert_int_equal(judge_as(L3_IPV6, text, make_text(text, 100, 100, 2, NEXT_IPV4)), VERDICT_DROP_INNER_MALFORMED);
    assert_int_equal(judge_as(L3_IPV6, text, make_text(text, 100, 100, 2, NEXT_IPV6)), VERDICT_DROP_INNER_MALFORMED);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        len = make_text6(text, 100, 2, 41);
        text[wrong[i].at] = wrong[i].value;
        assert_int_equal(judge_as(L3_IPV6, text, len), wrong[i].verdict);
    }
    for (uint32_t size = 0; size < 100; size++) { /* inner packet cut off */
        make_text6(text, 100, 0, 41);
        text[size] = 0;
        text[size + 1] = 41;
        assert_int_equal(judge_as(L3_IPV6, text, size + 2), VERDICT_DROP_INNER_MALFORMED);
    }
}

/* RFC 6040 figure 4, row by row: not-ECT 0, ECT(1) 1, ECT(0) 2, CE 3. */
static void congestion_marks(void **state)
{
    static const int expected[4][4] = {{0, 0, 0, -1}, {1, 1, 1, 3}, {2, 1, 2, 3}, {3, 3, 3, 3}};

    (void)state;
    for (unsigned inner = 0; inner < 4; inner++)
        for (unsigned outer = 0; outer < 4; outer++) {
            uint8_t ip[40];
            bool ok;

            put_inner(ip, sizeof ip);
            ip[1] = (uint8_t)(0xb8 | inner);
            put_checksum(ip);
            ok = esp_merge_ecn(ip, L3_IPV4, (uint8_t)(0x28 | outer));
            assert_int_equal(ok, expected[inner][outer] >= 0);
            if (!ok)
                continue;
            assert_int_equal(ip[1], 0xb8 | expected[inner][outer]);
            assert_true(sum_right(sum_ipv4(ip)));
        }
}

/* The same figure for IPv6, where the mark stands elsewhere and nothing else may change. */
static void congestion_marks_of_ipv6(void **state)
{
    static const int expected[4][4] = {{0, 0, 0, -1}, {1, 1, 1, 3}, {2, 1, 2, 3}, {3, 3, 3, 3}};

    (void)state;
    for (unsigned inner = 0; inner < 4; inner++)
        for (unsigned outer = 0; outer < 4; outer++) {
            uint8_t text[100], whole[100];
            bool ok;

            make_text6(whole, 60, 0, 41);
            whole[0] = 0x6b;
            whole[1] = (uint8_t)(0x85 | inner << 4);
            memcpy(text, whole, sizeof text);
            ok = esp_merge_ecn(text, L3_IPV6, (uint8_t)(0x28 | outer));
            assert_int_equal(ok, expected[inner][outer] >= 0);
            if (ok)
                whole[1] = (uint8_t)(0x85 | (unsigned)expected[inner][outer] << 4);
            assert_memory_equal(text, whole, 62);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_at_every_length),
        cmocka_unit_test(effective_mtu_is_exact),
        cmocka_unit_test(gcm_is_a_layout_like_others),
        cmocka_unit_test(trailers),
        cmocka_unit_test(outer_header_is_the_inner_one),
        cmocka_unit_test(iv_and_sender_ids),
        cmocka_unit_test(texts_that_are_right),
        cmocka_unit_test(texts_that_are_wrong),
        cmocka_unit_test(inner_packets_refused_by_name),
        cmocka_unit_test(congestion_marks),
        cmocka_unit_test(outer_ipv6_header_is_the_inner_one),
        cmocka_unit_test(ipv6_texts),
        cmocka_unit_test(congestion_marks_of_ipv6),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
