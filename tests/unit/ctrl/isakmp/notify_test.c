/* SPDX-License-Identifier: BSD-3-Clause */
/* Notifications by hand from RFC 2408 3.14, and the data of our own REFUSED. */
#include "ctrl/isakmp/notify.h"

#include "tests/lib/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

/* DPD: DOI 1, ISAKMP, both cookies, R-U-THERE, sequence number 7. */
static const char dpd[] = "00000001 01 10 8d28 0102030405060708 1112131415161718 00000007";

static void a_notification_is_read_and_written(void **state)
{
    (void)state;
    struct bytes b = bytes_hex(dpd);
    struct isakmp_notify n;
    uint8_t out[64];
    assert_int_equal(isakmp_notify_get(bytes_span(&b), &n), ISAKMP_OK);
    assert_int_equal(n.doi, 1);
    assert_int_equal(n.protocol, 1);
    assert_int_equal(n.type, ISAKMP_N_R_U_THERE);
    assert_true(bytes_are(n.spi, "0102030405060708 1112131415161718"));
    assert_true(bytes_are(n.data, "00000007"));
    struct buf_writer w = buf_writer_of(out, sizeof(out));
    buf_put_u8(&w, 0);
    struct isakmp_chain c = isakmp_chain_at(&w, 0);
    isakmp_notify_put(&c, &n);
    char expected[128];
    snprintf(expected, sizeof(expected), "0b 00000020 %s", dpd);
    assert_true(bytes_are(buf_written(&w), expected));
    bytes_free(&b);
}

static void truncation_before_the_data_is_refused(void **state)
{
    (void)state;
    struct bytes whole = bytes_hex(dpd);
    for (size_t len = 0; len <= whole.len; len++) {
        struct bytes b = bytes_copy(span_of(whole.p, len));
        struct isakmp_notify n;
        assert_int_equal(isakmp_notify_get(bytes_span(&b), &n), len < 24 ? ISAKMP_E_NOTIFY_SHORT : ISAKMP_OK);
        if (len >= 24)
            assert_int_equal(n.data.len, len - 24);
        bytes_free(&b);
    }
    bytes_free(&whole);
}

static void cve_2009_0790_every_type_and_spi_size_is_only_read(void **state)
{
    (void)state;
    uint8_t raw[8 + 20] = {0, 0, 0, 1, 1};
    for (unsigned type = 0; type < 65536; type++) {
        struct isakmp_notify n;
        raw[5] = (uint8_t)type;
        raw[6] = (uint8_t)(type >> 8);
        raw[7] = (uint8_t)type;
        struct bytes b = bytes_copy(span_of(raw, sizeof(raw)));
        assert_int_equal(isakmp_notify_get(bytes_span(&b), &n), raw[5] <= 20 ? ISAKMP_OK : ISAKMP_E_NOTIFY_SHORT);
        bytes_free(&b);
    }
}

static void other_dois_are_refused(void **state)
{
    (void)state;
    for (unsigned doi = 0; doi < 5; doi++) {
        char hex[64];
        struct isakmp_notify n;
        snprintf(hex, sizeof(hex), "%08x 01 00 000e", doi);
        struct bytes b = bytes_hex(hex);
        assert_int_equal(isakmp_notify_get(bytes_span(&b), &n), doi <= 2 ? ISAKMP_OK : ISAKMP_E_NOTIFY_DOI);
        bytes_free(&b);
    }
}

static void a_refusal_is_read_and_written(void **state)
{
    (void)state;
    struct bytes b = bytes_hex("0018 0000000000000005 6e6f0a25 c3a4");
    struct isakmp_refused r;
    uint8_t out[10 + ISAKMP_REFUSED_TEXT_MAX];
    assert_true(isakmp_refused_get(bytes_span(&b), &r));
    assert_int_equal(r.reason, 24);
    assert_true(r.missing == 5);
    assert_string_equal(r.text, "no?%??");
    assert_true(bytes_are(isakmp_refused_body(&r, out, sizeof(out)), "0018 0000000000000005 6e6f3f253f3f"));
    for (size_t len = 0; len < 10; len++)
        assert_false(isakmp_refused_get(span_of(b.p, len), &r));
    assert_true(isakmp_refused_get(span_of(b.p, 10), &r));
    assert_string_equal(r.text, "");
    bytes_free(&b);

    uint8_t longest[400];
    memset(longest, 'x', sizeof(longest));
    assert_true(isakmp_refused_get(span_of(longest, sizeof(longest)), &r));
    assert_int_equal(strlen(r.text), ISAKMP_REFUSED_TEXT_MAX - 1);
    assert_int_equal(isakmp_refused_body(&r, out, sizeof(out)).len, 10 + ISAKMP_REFUSED_TEXT_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_notification_is_read_and_written),
        cmocka_unit_test(truncation_before_the_data_is_refused),
        cmocka_unit_test(cve_2009_0790_every_type_and_spi_size_is_only_read),
        cmocka_unit_test(other_dois_are_refused),
        cmocka_unit_test(a_refusal_is_read_and_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
