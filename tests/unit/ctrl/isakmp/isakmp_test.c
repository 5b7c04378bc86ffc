/* SPDX-License-Identifier: BSD-3-Clause */
/* Header and payload chain against octets written by hand from RFC 2408 3.1 and 3.2, and against everything hostile. */
#include "ctrl/isakmp/isakmp.h"

#include "tests/lib/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

/* A nonce payload (10) of 4 octets, then an N (11) of 0. */
static const char message[] = "0102030405060708 1112131415161718 0a 10 20 01 a1b2c3d4 00000028"
                              "0b 00 0008 deadbeef"
                              "00 00 0004";

static enum isakmp_error header(const char *hex, struct isakmp_header *h)
{
    struct bytes b = bytes_hex(hex);
    struct span body;
    enum isakmp_error e = isakmp_header_get(bytes_span(&b), h, &body);
    bytes_free(&b);
    return e;
}

static enum isakmp_error chain(uint8_t first, const char *hex, enum isakmp_trailing trailing, size_t *n)
{
    struct bytes b = bytes_hex(hex);
    struct isakmp_payloads ps;
    enum isakmp_error e = isakmp_payloads_get(first, bytes_span(&b), trailing, &ps);
    *n = ps.n;
    bytes_free(&b);
    return e;
}

static void a_message_is_read(void **state)
{
    (void)state;
    struct bytes b = bytes_hex(message);
    struct isakmp_header h;
    struct isakmp_payloads ps;
    struct span body;
    assert_int_equal(isakmp_header_get(bytes_span(&b), &h, &body), ISAKMP_OK);
    assert_memory_equal(h.cky_i, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
    assert_memory_equal(h.cky_r, "\x11\x12\x13\x14\x15\x16\x17\x18", 8);
    assert_int_equal(h.next_payload, 10);
    assert_int_equal(h.exchange, 32);
    assert_int_equal(h.flags, 1);
    assert_int_equal(h.message_id, 0xa1b2c3d4);
    assert_int_equal(h.length, 40);
    assert_int_equal(isakmp_payloads_get(h.next_payload, body, ISAKMP_TRAILING_REFUSE, &ps), ISAKMP_OK);
    assert_int_equal(ps.n, 2);
    assert_int_equal(ps.p[0].type, ISAKMP_PAYLOAD_NONCE);
    assert_true(bytes_are(ps.p[0].body, "deadbeef"));
    assert_true(bytes_are(ps.p[0].whole, "0b000008deadbeef"));
    assert_int_equal(ps.p[1].type, ISAKMP_PAYLOAD_NOTIFY);
    assert_int_equal(ps.p[1].body.len, 0);
    assert_ptr_equal(isakmp_payloads_find(&ps, ISAKMP_PAYLOAD_NOTIFY), &ps.p[1]);
    assert_null(isakmp_payloads_find(&ps, ISAKMP_PAYLOAD_KE));
    assert_int_equal(isakmp_payloads_count(&ps, ISAKMP_PAYLOAD_NONCE), 1);
    assert_true(bytes_are(isakmp_payloads_behind(&ps, &ps.p[0]), "00000004"));
    assert_int_equal(isakmp_payloads_behind(&ps, &ps.p[1]).len, 0);
    bytes_free(&b);
}

static void a_message_is_written(void **state)
{
    (void)state;
    uint8_t out[64];
    struct buf_writer w = buf_writer_of(out, sizeof(out));
    struct isakmp_header h = {.cky_i = {1, 2, 3, 4, 5, 6, 7, 8},
                              .cky_r = {0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18},
                              .exchange = 32,
                              .flags = 1,
                              .message_id = 0xa1b2c3d4};
    struct isakmp_chain c = isakmp_message_begin(&w, &h);
    isakmp_payload_put(&c, ISAKMP_PAYLOAD_NONCE, span_of("\xde\xad\xbe\xef", 4));
    isakmp_payload_begin(&c, ISAKMP_PAYLOAD_NOTIFY);
    isakmp_payload_end(&c);
    isakmp_message_end(&w);
    assert_true(bytes_are(buf_written(&w), message));
}

static void writing_past_the_end_is_remembered(void **state)
{
    (void)state;
    uint8_t out[40];
    struct isakmp_header h = {.cky_i = {1}};
    for (size_t cap = 0; cap < 40; cap++) {
        struct buf_writer w = buf_writer_of(out, cap);
        struct isakmp_chain c = isakmp_message_begin(&w, &h);
        isakmp_payload_put(&c, ISAKMP_PAYLOAD_NONCE, span_of("\xde\xad\xbe\xef", 4));
        isakmp_payload_put(&c, ISAKMP_PAYLOAD_NOTIFY, span_of(NULL, 0));
        isakmp_message_end(&w);
        assert_true(w.overflow);
        assert_int_equal(buf_written(&w).len, 0);
    }
}

static void a_payload_above_64k_is_an_overflow(void **state)
{
    (void)state;
    static uint8_t out[70000], body[65536];
    for (size_t len = 65530; len <= 65533; len++) {
        struct buf_writer w = buf_writer_of(out, sizeof(out));
        uint8_t *next = out;
        buf_put_u8(&w, 0);
        struct isakmp_chain c = isakmp_chain_at(&w, 0);
        isakmp_payload_put(&c, ISAKMP_PAYLOAD_KE, span_of(body, len));
        assert_int_equal(w.overflow, len + 4 > 65535);
        assert_int_equal(*next, ISAKMP_PAYLOAD_KE);
    }
}

static void cve_2013_4564_datagrams_of_every_short_length_are_refused(void **state)
{
    (void)state;
    struct bytes whole = bytes_hex(message);
    for (size_t len = 0; len <= 64; len++) {
        uint8_t padded[64] = {0};
        memcpy(padded, whole.p, whole.len);
        struct bytes b = bytes_copy(span_of(padded, len));
        struct isakmp_header h;
        struct span body;
        enum isakmp_error e = isakmp_header_get(bytes_span(&b), &h, &body);
        assert_int_equal(e, len < 28 ? ISAKMP_E_HEADER_SHORT : len == 40 ? ISAKMP_OK : ISAKMP_E_HEADER_LENGTH);
        bytes_free(&b);
    }
    bytes_free(&whole);
}

static void cve_2013_4564_header_lengths_that_lie_are_refused(void **state)
{
    (void)state;
    static const uint32_t lies[] = {0, 1, 27, 28, 39, 41, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff};
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        char hex[256];
        struct isakmp_header h;
        snprintf(hex, sizeof(hex), "%.*s%08x%s", 43, message, lies[i], "0b000008deadbeef00000004");
        /* the text before the length is 8 + 8 + 4 + 4 octets with its blanks */
        assert_int_equal(header(hex, &h), ISAKMP_E_HEADER_LENGTH);
    }
}

static void other_versions_are_refused(void **state)
{
    (void)state;
    for (unsigned v = 0; v < 256; v++) {
        char hex[128];
        struct isakmp_header h;
        snprintf(hex, sizeof(hex), "0102030405060708 0000000000000000 00 %02x 02 00 00000000 0000001c", v);
        enum isakmp_error e = header(hex, &h);
        assert_int_equal(e, v == 0x10 ? ISAKMP_OK : v >> 4 == 1 ? ISAKMP_E_HEADER_MINOR : ISAKMP_E_HEADER_MAJOR);
    }
}

static void undefined_flags_are_refused(void **state)
{
    (void)state;
    for (unsigned f = 0; f < 256; f++) {
        char hex[128];
        struct isakmp_header h;
        snprintf(hex, sizeof(hex), "0102030405060708 0000000000000000 00 10 02 %02x 00000000 0000001c", f);
        assert_int_equal(header(hex, &h), f < 8 ? ISAKMP_OK : ISAKMP_E_HEADER_FLAGS);
    }
}

static void every_exchange_number_is_left_to_the_caller(void **state)
{
    (void)state;
    for (unsigned x = 0; x < 256; x++) {
        char hex[128];
        struct isakmp_header h;
        snprintf(hex, sizeof(hex), "0102030405060708 0000000000000000 00 10 %02x 00 00000000 0000001c", x);
        assert_int_equal(header(hex, &h), ISAKMP_OK);
        assert_int_equal(h.exchange, x);
    }
}

static void an_initiator_cookie_of_zero_is_refused(void **state)
{
    (void)state;
    struct isakmp_header h;
    assert_int_equal(header("0000000000000000 0102030405060708 00 10 02 00 00000000 0000001c", &h),
                     ISAKMP_E_HEADER_COOKIE);
}

static void a_refused_header_leaves_the_output_alone(void **state)
{
    (void)state;
    struct isakmp_header h = {.exchange = 77}, before = h;
    assert_int_equal(header("0102030405060708 0000000000000000 00 20 02 00 00000000 0000001c", &h),
                     ISAKMP_E_HEADER_MAJOR);
    assert_memory_equal(&h, &before, sizeof(h));
}

static void cve_2015_3991_payload_types_of_ikev2_and_all_unknown_ones_are_refused(void **state)
{
    (void)state;
    static const uint8_t known[] = {1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 17, 18, 20, 21, 22};
    for (unsigned type = 1; type < 256; type++) {
        size_t n;
        bool is_known = memchr(known, (int)type, sizeof(known)) != NULL;
        assert_int_equal(chain((uint8_t)type, "00000004", ISAKMP_TRAILING_REFUSE, &n),
                         is_known ? ISAKMP_OK : ISAKMP_E_PAYLOAD_TYPE);
        char second[32];
        snprintf(second, sizeof(second), "%02x000004 00000004", type);
        assert_int_equal(chain(13, second, ISAKMP_TRAILING_REFUSE, &n),
                         is_known ? ISAKMP_OK : ISAKMP_E_PAYLOAD_TYPE);
    }
}

static void payload_lengths_that_lie_are_refused(void **state)
{
    (void)state;
    size_t n;
    for (unsigned len = 0; len < 4; len++) {
        char hex[32];
        snprintf(hex, sizeof(hex), "0d00%04x 00000004", len);
        assert_int_equal(chain(13, hex, ISAKMP_TRAILING_PADDING, &n), ISAKMP_E_PAYLOAD_LENGTH);
    }
    assert_int_equal(chain(13, "00000009 00000000", ISAKMP_TRAILING_PADDING, &n), ISAKMP_E_PAYLOAD_LENGTH);
    assert_int_equal(chain(13, "0000ffff 00000000", ISAKMP_TRAILING_PADDING, &n), ISAKMP_E_PAYLOAD_LENGTH);
    assert_int_equal(chain(13, "0d000004", ISAKMP_TRAILING_PADDING, &n), ISAKMP_E_PAYLOAD_LENGTH);
    assert_int_equal(chain(13, "", ISAKMP_TRAILING_PADDING, &n), ISAKMP_E_PAYLOAD_LENGTH);
}

static void truncation_at_every_octet_is_refused(void **state)
{
    (void)state;
    struct bytes whole = bytes_hex("0d000007414243 0d000004 00000008 01020304");
    struct isakmp_payloads ps;
    for (size_t len = 0; len < whole.len; len++) {
        struct bytes b = bytes_copy(span_of(whole.p, len));
        assert_int_equal(isakmp_payloads_get(13, bytes_span(&b), ISAKMP_TRAILING_PADDING, &ps),
                         ISAKMP_E_PAYLOAD_LENGTH);
        bytes_free(&b);
    }
    assert_int_equal(isakmp_payloads_get(13, bytes_span(&whole), ISAKMP_TRAILING_REFUSE, &ps), ISAKMP_OK);
    assert_int_equal(ps.n, 3);
    bytes_free(&whole);
}

static void reserved_octets_must_be_zero(void **state)
{
    (void)state;
    for (unsigned v = 1; v < 256; v++) {
        char hex[32];
        size_t n;
        snprintf(hex, sizeof(hex), "00%02x0004", v);
        assert_int_equal(chain(13, hex, ISAKMP_TRAILING_REFUSE, &n), ISAKMP_E_PAYLOAD_RESERVED);
    }
}

static void an_empty_chain_and_thirty_three_payloads_are_refused(void **state)
{
    (void)state;
    size_t n;
    assert_int_equal(chain(0, "", ISAKMP_TRAILING_REFUSE, &n), ISAKMP_E_PAYLOAD_COUNT);
    assert_int_equal(n, 0);
    for (unsigned count = 31; count <= 33; count++) {
        char hex[33 * 8 + 1];
        for (unsigned i = 0; i < count; i++)
            snprintf(hex + 8 * i, 9, "%02x000004", i + 1 < count ? 13 : 0);
        assert_int_equal(chain(13, hex, ISAKMP_TRAILING_REFUSE, &n),
                         count <= 32 ? ISAKMP_OK : ISAKMP_E_PAYLOAD_COUNT);
    }
}

static void only_what_was_encrypted_has_padding(void **state)
{
    (void)state;
    static uint8_t bytes[4 + 257] = {0, 0, 0, 4};
    struct isakmp_payloads ps;
    for (size_t pad = 0; pad <= 257; pad++) {
        struct bytes b = bytes_copy(span_of(bytes, 4 + pad));
        assert_int_equal(isakmp_payloads_get(13, bytes_span(&b), ISAKMP_TRAILING_REFUSE, &ps),
                         pad == 0 ? ISAKMP_OK : ISAKMP_E_TRAILING);
        assert_int_equal(isakmp_payloads_get(13, bytes_span(&b), ISAKMP_TRAILING_PADDING, &ps),
                         pad <= 256 ? ISAKMP_OK : ISAKMP_E_TRAILING);
        if (pad <= 256)
            assert_int_equal(ps.padding.len, pad);
        assert_int_equal(isakmp_payloads_behind(&ps, &ps.p[0]).len, 0);
        bytes_free(&b);
    }
}

static void random_chains_end_and_stay_inside(void **state)
{
    (void)state;
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 20000; round++) {
        uint8_t raw[96];
        for (size_t i = 0; i < sizeof(raw); i++)
            raw[i] = (uint8_t)(rand() % 4 == 0 ? rand() : rand() % 14);
        struct bytes b = bytes_copy(span_of(raw, (size_t)rand() % sizeof(raw)));
        struct isakmp_walk w = isakmp_walk_of(13, bytes_span(&b));
        struct isakmp_payload p;
        for (size_t steps = 0; w.next != 0 && isakmp_walk_next(&w, &p) == ISAKMP_OK; steps++) {
            assert_true(steps <= sizeof(raw) / 4);
            assert_true(p.whole.p >= b.p && p.whole.p + p.whole.len <= b.p + b.len);
            assert_int_equal(p.body.len + 4, p.whole.len);
        }
        bytes_free(&b);
    }
}

static void every_error_has_a_sentence_and_a_notify_type(void **state)
{
    (void)state;
    assert_string_equal(isakmp_error_text(ISAKMP_OK), "ok");
    assert_int_equal(isakmp_error_notify(ISAKMP_OK), 0);
    for (int e = ISAKMP_OK + 1; e < ISAKMP_ERROR_COUNT; e++) {
        assert_non_null(isakmp_error_text((enum isakmp_error)e));
        assert_true(strlen(isakmp_error_text((enum isakmp_error)e)) > 5);
        assert_in_range(isakmp_error_notify((enum isakmp_error)e), 1, 30);
    }
    assert_int_equal(isakmp_error_notify(ISAKMP_E_HEADER_MAJOR), 5);
    assert_int_equal(isakmp_error_notify(ISAKMP_E_PAYLOAD_TYPE), 1);
    assert_int_equal(isakmp_error_notify(ISAKMP_E_PAYLOAD_LENGTH), 16);
    assert_int_equal(isakmp_error_notify(ISAKMP_E_ID_TYPE), 18);
}

static void cve_2015_3204_unassigned_numbers_have_printable_names(void **state)
{
    (void)state;
    char out[32];
    for (unsigned v = 0; v < 65536; v++) {
        assert_true(strlen(name_text(isakmp_payload_names, v, out)) < 32);
        assert_true(strlen(name_text(isakmp_notify_names, v, out)) < 32);
        assert_true(strlen(name_text(isakmp_exchange_names, v, out)) < 32);
    }
    assert_string_equal(name_text(isakmp_notify_names, 14, out), "NO-PROPOSAL-CHOSEN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_read),
        cmocka_unit_test(a_message_is_written),
        cmocka_unit_test(writing_past_the_end_is_remembered),
        cmocka_unit_test(a_payload_above_64k_is_an_overflow),
        cmocka_unit_test(cve_2013_4564_datagrams_of_every_short_length_are_refused),
        cmocka_unit_test(cve_2013_4564_header_lengths_that_lie_are_refused),
        cmocka_unit_test(other_versions_are_refused),
        cmocka_unit_test(undefined_flags_are_refused),
        cmocka_unit_test(every_exchange_number_is_left_to_the_caller),
        cmocka_unit_test(an_initiator_cookie_of_zero_is_refused),
        cmocka_unit_test(a_refused_header_leaves_the_output_alone),
        cmocka_unit_test(cve_2015_3991_payload_types_of_ikev2_and_all_unknown_ones_are_refused),
        cmocka_unit_test(payload_lengths_that_lie_are_refused),
        cmocka_unit_test(truncation_at_every_octet_is_refused),
        cmocka_unit_test(reserved_octets_must_be_zero),
        cmocka_unit_test(an_empty_chain_and_thirty_three_payloads_are_refused),
        cmocka_unit_test(only_what_was_encrypted_has_padding),
        cmocka_unit_test(random_chains_end_and_stay_inside),
        cmocka_unit_test(every_error_has_a_sentence_and_a_notify_type),
        cmocka_unit_test(cve_2015_3204_unassigned_numbers_have_printable_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
