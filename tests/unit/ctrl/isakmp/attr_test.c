/* SPDX-License-Identifier: BSD-3-Clause */
/* Data attributes in both forms (RFC 2408 3.3), cut anywhere, repeated, with numbers of every length. */
#include "ctrl/isakmp/attr.h"

#include "tests/lib/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void both_forms_are_read(void **state)
{
    (void)state;
    struct bytes b = bytes_hex("800b 0001 000c 0004 00015180 0001 0002 0007 7fff 0000");
    struct isakmp_attrs as = isakmp_attrs_of(bytes_span(&b));
    struct isakmp_attr a;
    uint16_t v16;
    uint32_t v32;
    assert_int_equal(isakmp_attr_next(&as, &a), ISAKMP_OK);
    assert_int_equal(a.type, 11);
    assert_true(a.basic);
    assert_true(isakmp_attr_u16(&a, &v16));
    assert_int_equal(v16, 1);
    assert_int_equal(isakmp_attr_next(&as, &a), ISAKMP_OK);
    assert_int_equal(a.type, 12);
    assert_false(a.basic);
    assert_true(isakmp_attr_u32(&a, &v32));
    assert_int_equal(v32, 86400);
    assert_int_equal(isakmp_attr_next(&as, &a), ISAKMP_OK); /* basic by nature, sent as variable */
    assert_int_equal(a.type, 1);
    assert_true(isakmp_attr_u16(&a, &v16));
    assert_int_equal(v16, 7);
    assert_int_equal(isakmp_attr_next(&as, &a), ISAKMP_OK);
    assert_int_equal(a.type, 0x7fff);
    assert_int_equal(a.value.len, 0);
    assert_true(isakmp_attrs_end(&as));
    bytes_free(&b);
}

static void truncation_at_every_octet_is_refused(void **state)
{
    (void)state;
    struct bytes_cuts c = bytes_cuts_of("800b 0001 000c 0004 00015180");
    while (bytes_cuts_next(&c)) {
        struct isakmp_attrs as = isakmp_attrs_of(bytes_span(&c.cut));
        struct isakmp_attr a;
        enum isakmp_error e = ISAKMP_OK;
        while (e == ISAKMP_OK && !isakmp_attrs_end(&as))
            e = isakmp_attr_next(&as, &a);
        assert_int_equal(e, c.cut.len == 0 || c.cut.len == 4 ? ISAKMP_OK : ISAKMP_E_ATTR_SHORT);
    }
}

static enum isakmp_error walk(const char *hex, uint16_t repeatable)
{
    struct bytes b = bytes_hex(hex);
    struct isakmp_attrs as = isakmp_attrs_of(bytes_span(&b));
    struct isakmp_attr a;
    enum isakmp_error e = ISAKMP_OK;
    as.repeatable[0] = repeatable;
    while (e == ISAKMP_OK && !isakmp_attrs_end(&as))
        e = isakmp_attr_next(&as, &a);
    bytes_free(&b);
    return e;
}

static void duplicates_are_refused_in_either_form(void **state)
{
    (void)state;
    assert_int_equal(walk("8001 0001 8001 0001", 0), ISAKMP_E_ATTR_TWICE);
    assert_int_equal(walk("8001 0001 8002 0001 0001 0001 01", 0), ISAKMP_E_ATTR_TWICE);
    assert_int_equal(walk("8001 0001 8001 0002 8002 0003", 1), ISAKMP_OK);
    assert_int_equal(walk("8001 0001 8002 0002 8002 0003", 1), ISAKMP_E_ATTR_TWICE);
    assert_int_equal(walk("8000 0001 8000 0002", 0), ISAKMP_E_ATTR_TWICE); /* type 0 is no wildcard */
}

static void too_many_attributes_are_refused(void **state)
{
    (void)state;
    for (unsigned n = 95; n <= 97; n++) {
        char hex[97 * 8 + 1];
        for (unsigned i = 0; i < n; i++)
            snprintf(hex + 8 * i, 9, "%04x0000", 0x8001 + i);
        assert_int_equal(walk(hex, 0), n <= ISAKMP_MAX_ATTRS ? ISAKMP_OK : ISAKMP_E_ATTR_COUNT);
    }
}

static void numbers_of_every_length_are_judged(void **state)
{
    (void)state;
    static const uint8_t ones[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, small[9] = {0, 0, 0, 0, 0, 0, 0, 7, 7};
    for (size_t len = 0; len <= 9; len++) {
        struct isakmp_attr a = {.value = span_of(ones, len)};
        uint16_t v16;
        uint32_t v32;
        uint64_t v64;
        assert_int_equal(isakmp_attr_u16(&a, &v16), len >= 1 && len <= 2);
        assert_int_equal(isakmp_attr_u32(&a, &v32), len >= 1 && len <= 4);
        assert_int_equal(isakmp_attr_u64(&a, &v64), len >= 1 && len <= 8);
        a.value = span_of(small, len); /* leading zeros don't count */
        assert_int_equal(isakmp_attr_u16(&a, &v16), len >= 1 && len <= 8);
    }
}

static void the_three_forms_are_written(void **state)
{
    (void)state;
    uint8_t out[64];
    struct buf_writer w = buf_writer_of(out, sizeof(out));
    isakmp_attr_put_basic(&w, 1, 7);
    isakmp_attr_put_u32(&w, 12, 86400);
    isakmp_attr_put_span(&w, 2, span_of("abc", 3));
    assert_true(bytes_are(buf_written(&w), "8001 0007 000c 0004 00015180 0002 0003 616263"));
    static uint8_t big[65536];
    isakmp_attr_put_span(&w, 2, span_of(big, sizeof(big)));
    assert_true(w.overflow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms_are_read),
        cmocka_unit_test(truncation_at_every_octet_is_refused),
        cmocka_unit_test(duplicates_are_refused_in_either_form),
        cmocka_unit_test(too_many_attributes_are_refused),
        cmocka_unit_test(numbers_of_every_length_are_judged),
        cmocka_unit_test(the_three_forms_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
