/* SPDX-License-Identifier: BSD-3-Clause */
/* GAP payloads by hand from RFC 6407 5.4 and our private attributes, in both directions. */
#include "ctrl/gdoi/gap.h"

#include "tests/lib/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define DIGEST "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
static const char server[] = "8001 003c 8002 005a 0081 0020" DIGEST "0082 0004 01040000 8084 0001";

static enum isakmp_error get(const char *hex, enum gdoi_gap_from from, struct gdoi_gap *gap)
{
    struct bytes b = bytes_hex(hex);
    enum isakmp_error e = gdoi_gap_get(bytes_span(&b), from, gap);
    bytes_free(&b);
    return e;
}

static void what_a_server_says_is_read_and_written(void **state)
{
    (void)state;
    struct bytes b = bytes_hex(server);
    struct gdoi_gap gap;
    uint8_t out[128];
    assert_int_equal(gdoi_gap_get(bytes_span(&b), GDOI_GAP_FROM_SERVER, &gap), ISAKMP_OK);
    assert_int_equal(gap.atd_s, 60);
    assert_int_equal(gap.dtd_s, 90);
    assert_true(gap.has_digest && gap.has_policy && gap.receive_only);
    assert_true(bytes_are(span_of(gap.digest, 32), DIGEST));
    assert_true(bytes_are(gap.policy, "01040000"));
    assert_int_equal(gap.sender_id_request, 0);
    struct buf_writer w = buf_writer_of(out, sizeof(out));
    buf_put_u8(&w, 0);
    struct isakmp_chain c = isakmp_chain_at(&w, 0);
    gdoi_gap_put(&c, &gap);
    char expected[256];
    snprintf(expected, sizeof(expected), "16 0000003c %s", server);
    assert_true(bytes_are(buf_written(&w), expected));
    bytes_free(&b);
}

static void nothing_to_say_is_no_payload(void **state)
{
    (void)state;
    uint8_t out[16];
    struct buf_writer w = buf_writer_of(out, sizeof(out));
    buf_put_u8(&w, 0);
    struct isakmp_chain c = isakmp_chain_at(&w, 0);
    gdoi_gap_put(&c, &(struct gdoi_gap){0});
    assert_true(bytes_are(buf_written(&w), "00"));
}

static void requests_of_1_to_64_sender_ids_are_read_and_written(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 65536; n++) {
        uint8_t raw[4] = {0x80, 3, (uint8_t)(n >> 8), (uint8_t)n};
        struct gdoi_gap gap;
        enum isakmp_error e = gdoi_gap_get(span_of(raw, 4), GDOI_GAP_FROM_MEMBER, &gap);
        if (e != (n >= 1 && n <= 64 ? ISAKMP_OK : ISAKMP_E_ATTR_VALUE))
            fail_msg("request %u", n);
        if (e != ISAKMP_OK)
            continue;
        uint8_t out[16];
        struct buf_writer w = buf_writer_of(out, sizeof(out));
        buf_put_u8(&w, 0);
        struct isakmp_chain c = isakmp_chain_at(&w, 0);
        gdoi_gap_put(&c, &gap);
        assert_int_equal(w.len, 9);
        assert_memory_equal(out + 5, raw, 4);
    }
    struct gdoi_gap gap;
    assert_int_equal(get("0003 0001 04", GDOI_GAP_FROM_MEMBER, &gap), ISAKMP_OK); /* as TLV */
    assert_int_equal(gap.sender_id_request, 4);
}

static void unknown_attributes_abort_in_either_direction(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 32768; type++) {
        uint8_t raw[4] = {(uint8_t)(0x80 | type >> 8), (uint8_t)type, 0, 1};
        struct gdoi_gap gap;
        enum isakmp_error from_server = gdoi_gap_get(span_of(raw, 4), GDOI_GAP_FROM_SERVER, &gap);
        enum isakmp_error from_member = gdoi_gap_get(span_of(raw, 4), GDOI_GAP_FROM_MEMBER, &gap);
        bool server_knows = type == 1 || type == 2 || type == 128 || (type >= 129 && type <= 132);
        if ((from_server == ISAKMP_E_ATTR_UNKNOWN) == server_knows)
            fail_msg("server's %u: %s", type, isakmp_error_text(from_server));
        if (from_member != (type == 3 || type == 131 ? ISAKMP_OK : ISAKMP_E_ATTR_UNKNOWN))
            fail_msg("member's %u: %s", type, isakmp_error_text(from_member));
    }
}

static void a_pseudotime_is_eight_octets_of_milliseconds(void **state)
{
    (void)state;
    struct gdoi_gap gap;
    uint8_t out[32];
    assert_int_equal(get("0080 0008 0102030405060708", GDOI_GAP_FROM_SERVER, &gap), ISAKMP_OK);
    assert_true(gap.has_pseudotime && gap.pseudotime_ms == 0x0102030405060708);
    struct buf_writer w = buf_writer_of(out, sizeof(out));
    buf_put_u8(&w, 0);
    struct isakmp_chain c = isakmp_chain_at(&w, 0);
    gdoi_gap_put(&c, &gap);
    assert_true(bytes_are(buf_written(&w), "16 00000010 0080 0008 0102030405060708"));
    assert_int_equal(get("0080 0008 0000000000000000", GDOI_GAP_FROM_SERVER, &gap), ISAKMP_OK); /* the group's first moment */
    assert_true(gap.has_pseudotime && gap.pseudotime_ms == 0);
    assert_int_equal(get("0080 0007 01020304050607", GDOI_GAP_FROM_SERVER, &gap), ISAKMP_E_ATTR_VALUE);
    assert_int_equal(get("0080 0009 010203040506070809", GDOI_GAP_FROM_SERVER, &gap), ISAKMP_E_ATTR_VALUE);
    assert_int_equal(get("8080 0001", GDOI_GAP_FROM_SERVER, &gap), ISAKMP_E_ATTR_VALUE);
    assert_int_equal(get("0080 0008 0102030405060708", GDOI_GAP_FROM_MEMBER, &gap), ISAKMP_E_ATTR_UNKNOWN);
}

static void a_member_may_ask_for_other_keys(void **state)
{
    (void)state;
    struct gdoi_gap gap;
    assert_int_equal(get("8003 0004 8083 0001", GDOI_GAP_FROM_MEMBER, &gap), ISAKMP_OK);
    assert_true(gap.replace && gap.sender_id_request == 4);
    assert_int_equal(get("8003 0004 8083 0000", GDOI_GAP_FROM_MEMBER, &gap), ISAKMP_OK);
    assert_false(gap.replace);
    assert_int_equal(get("8003 0004", GDOI_GAP_FROM_MEMBER, &gap), ISAKMP_OK);
    assert_false(gap.replace);
    assert_int_equal(get("8003 0004 8083 0002", GDOI_GAP_FROM_MEMBER, &gap), ISAKMP_E_ATTR_VALUE);
    assert_int_equal(get("8003 0004 8083 0001 8083 0001", GDOI_GAP_FROM_MEMBER, &gap), ISAKMP_E_ATTR_TWICE);
}

static void duplicates_and_wrong_sizes_are_refused(void **state)
{
    (void)state;
    struct gdoi_gap gap;
    assert_int_equal(get("8001 003c 8001 003c", GDOI_GAP_FROM_SERVER, &gap), ISAKMP_E_ATTR_TWICE);
    assert_int_equal(get("8003 0004 8003 0004", GDOI_GAP_FROM_MEMBER, &gap), ISAKMP_E_ATTR_TWICE);
    assert_int_equal(get("0082 0000 0082 0000", GDOI_GAP_FROM_SERVER, &gap), ISAKMP_E_ATTR_TWICE);
    assert_int_equal(get("0001 0000", GDOI_GAP_FROM_SERVER, &gap), ISAKMP_E_ATTR_VALUE);
    assert_int_equal(get("0001 0004 00010000", GDOI_GAP_FROM_SERVER, &gap), ISAKMP_E_ATTR_VALUE);
    assert_int_equal(get("0081 001f" DIGEST, GDOI_GAP_FROM_SERVER, &gap), ISAKMP_E_ATTR_VALUE);
    assert_int_equal(get("8081 0001", GDOI_GAP_FROM_SERVER, &gap), ISAKMP_E_ATTR_VALUE);
    assert_int_equal(get("8084 0002", GDOI_GAP_FROM_SERVER, &gap), ISAKMP_E_ATTR_VALUE);
}

static void truncation_at_every_octet_is_refused(void **state)
{
    (void)state;
    struct bytes_cuts c = bytes_cuts_of(server);
    while (bytes_cuts_next(&c)) {
        if (c.cut.len == 0)
            continue; /* one without attributes is another test's */
        struct gdoi_gap gap = {.atd_s = 77};
        enum isakmp_error e = gdoi_gap_get(bytes_span(&c.cut), GDOI_GAP_FROM_SERVER, &gap);
        bool whole_attributes = c.cut.len == 4 || c.cut.len == 8 || c.cut.len == 44 || c.cut.len == 52;
        assert_int_equal(e, whole_attributes ? ISAKMP_OK : ISAKMP_E_ATTR_SHORT);
        assert_int_equal(gap.atd_s, whole_attributes ? 60 : 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_server_says_is_read_and_written),
        cmocka_unit_test(nothing_to_say_is_no_payload),
        cmocka_unit_test(requests_of_1_to_64_sender_ids_are_read_and_written),
        cmocka_unit_test(unknown_attributes_abort_in_either_direction),
        cmocka_unit_test(a_pseudotime_is_eight_octets_of_milliseconds),
        cmocka_unit_test(a_member_may_ask_for_other_keys),
        cmocka_unit_test(duplicates_and_wrong_sizes_are_refused),
        cmocka_unit_test(truncation_at_every_octet_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
