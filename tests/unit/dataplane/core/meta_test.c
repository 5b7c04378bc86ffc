/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The metadata header octet by octet, and every octet of it changed to every other value: what an SA doesn't expect
 * exactly is refused. Buffers have exactly the header's size.
 */
#include "dataplane/core/meta.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct {
    unsigned flags;
    uint8_t next;
    uint64_t time_ms;
    uint16_t tag;
    unsigned len;
    uint8_t bytes[16];
} headers[] = {
    {META_TIME, 4, 0x0102030405060708, 0, 12, {4, 0x11, 3, 0, 1, 2, 3, 4, 5, 6, 7, 8}},
    {META_TIME, 41, 0, 0, 12, {41, 0x11, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
    {META_TAG, 4, 0, 0xfffe, 16, {4, 0x12, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0}},
    {META_TAG | META_TIME, 41, 1, 7, 16, {41, 0x13, 4, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 7, 0, 0}},
    {META_TAG | META_TIME, 4, UINT64_MAX, 0, 16, {4, 0x13, 4, 0, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0}},
};
#define N_HEADERS (sizeof headers / sizeof headers[0])

/* Reads a copy of exactly these octets. */
static bool get(const uint8_t *bytes, uint32_t len, unsigned flags, uint8_t next, struct meta *m)
{
    uint8_t *copy = malloc(len ? len : 1);
    bool right;

    assert_non_null(copy);
    memcpy(copy, bytes, len);
    right = meta_get(copy, len, flags, next, m);
    free(copy);
    return right;
}

static void every_octet_has_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_HEADERS; i++) {
        uint8_t *out = malloc(headers[i].len);
        struct meta m;

        assert_non_null(out);
        assert_int_equal(meta_len(headers[i].flags), headers[i].len);
        meta_put(out, headers[i].flags, headers[i].next, headers[i].time_ms, headers[i].tag);
        assert_memory_equal(out, headers[i].bytes, headers[i].len);
        free(out);
        assert_true(get(headers[i].bytes, headers[i].len, headers[i].flags, headers[i].next, &m));
        assert_int_equal(m.time_ms, headers[i].time_ms);
        assert_int_equal(m.tag, headers[i].tag);
    }
    assert_int_equal(meta_len(0), 0);
}

/* What the flags don't name isn't written, whatever the caller has. */
static void without_the_flag_the_field_is_zero(void **state)
{
    static const uint8_t tag_only[16] = {4, 0x12, 4, 0, [12] = 0, 9};
    uint8_t out[16];

    (void)state;
    memset(out, 0xaa, sizeof out);
    meta_put(out, META_TAG, 4, 12345, 9);
    assert_memory_equal(out, tag_only, 16);
    memset(out, 0xaa, sizeof out);
    meta_put(out, META_TIME, 4, 1, 9);
    assert_int_equal(out[12], 0xaa);
}

static void a_header_that_is_cut_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_HEADERS; i++)
        for (uint32_t len = 0; len < headers[i].len; len++) {
            struct meta m = {77, 88};

            assert_false(get(headers[i].bytes, len, headers[i].flags, headers[i].next, &m));
            assert_true(m.time_ms == 77 && m.tag == 88);
        }
}

/* Version, flags, length, next header and reserved octets have one right value each; time and tag may be anything. */
static void any_other_octet_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_HEADERS; i++)
        for (unsigned at = 0; at < headers[i].len; at++)
            for (unsigned value = 0; value < 256; value++) {
                bool is_time = at >= 4 && at < 12, is_tag = at == 12 || at == 13;
                bool right = value == headers[i].bytes[at] || (is_time && (headers[i].flags & META_TIME)) || is_tag;
                uint8_t bytes[16];
                struct meta m;

                memcpy(bytes, headers[i].bytes, 16);
                bytes[at] = (uint8_t)value;
                assert_int_equal(get(bytes, headers[i].len, headers[i].flags, headers[i].next, &m), right);
            }
}

/* A right header of another kind than the SA's is wrong. */
static void required_exactly_as_the_sa_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_HEADERS; i++)
        for (unsigned flags = 1; flags < 4; flags++) {
            uint8_t bytes[16] = {0};
            struct meta m;

            memcpy(bytes, headers[i].bytes, headers[i].len);
            assert_int_equal(get(bytes, 16, flags, headers[i].next, &m), flags == headers[i].flags);
            assert_false(get(bytes, 16, flags, headers[i].next == 4 ? 41 : 4, &m));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_octet_has_its_place),
        cmocka_unit_test(without_the_flag_the_field_is_zero),
        cmocka_unit_test(a_header_that_is_cut_is_refused),
        cmocka_unit_test(any_other_octet_is_refused),
        cmocka_unit_test(required_exactly_as_the_sa_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
