/* SPDX-License-Identifier: BSD-3-Clause */
/* Cursors at their limits: on exact-size heap buffers, so that the sanitizer sees the first octet too many. */
#include "common/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t octets[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

/* A heap copy of exactly len octets. */
static uint8_t *exact(size_t len)
{
    uint8_t *p = malloc(len > 0 ? len : 1);
    assert_non_null(p);
    memcpy(p, octets, len);
    return p;
}

static void reads_are_big_endian(void **state)
{
    (void)state;
    struct buf_reader r = buf_reader_of(span_of(octets, sizeof(octets)));
    uint8_t a;
    uint16_t b;
    uint32_t c;
    assert_true(buf_get_u8(&r, &a));
    assert_true(buf_get_u16(&r, &b));
    assert_true(buf_get_u32(&r, &c));
    assert_int_equal(a, 1);
    assert_int_equal(b, 0x0203);
    assert_int_equal(c, 0x04050607);
    assert_int_equal(buf_rest(&r).len, 2);
    assert_ptr_equal(buf_rest(&r).p, octets + 7);

    uint64_t d;
    r = buf_reader_of(span_of(octets, sizeof(octets)));
    assert_true(buf_get_u64(&r, &d));
    assert_true(d == 0x0102030405060708);
}

/* Reads `want` octets in the way numbered `how` from a buffer of `have`. */
static bool read_some(struct buf_reader *r, size_t want, int how)
{
    union {
        uint8_t a;
        uint16_t b;
        uint32_t c;
        uint64_t d;
        uint8_t bytes[16];
    } v;
    struct span s;
    switch (how) {
    case 0:
        return want == 1   ? buf_get_u8(r, &v.a)
               : want == 2 ? buf_get_u16(r, &v.b)
               : want == 4 ? buf_get_u32(r, &v.c)
                           : buf_get_u64(r, &v.d);
    case 1:
        return buf_get_bytes(r, v.bytes, want);
    case 2:
        return buf_get_span(r, want, &s) && s.len == want;
    default:
        return buf_skip(r, want);
    }
}

static void reads_stop_at_the_end(void **state)
{
    (void)state;
    static const size_t widths[] = {1, 2, 4, 8};
    for (size_t w = 0; w < 4; w++) {
        for (int how = 0; how < 4; how++) {
            for (size_t have = widths[w] - 1; have <= widths[w] + 1; have++) {
                uint8_t *p = exact(have);
                struct buf_reader r = buf_reader_of(span_of(p, have));
                bool fits = have >= widths[w];
                assert_int_equal(read_some(&r, widths[w], how), fits);
                assert_int_equal(r.left, fits ? have - widths[w] : have); /* a failed read takes nothing */
                assert_ptr_equal(r.at, fits ? p + widths[w] : p);
                free(p);
            }
        }
    }
}

static void huge_lengths_are_refused(void **state)
{
    (void)state;
    struct buf_reader r = buf_reader_of(span_of(octets, 4));
    struct span s;
    uint8_t dst[4];
    assert_false(buf_skip(&r, SIZE_MAX));
    assert_false(buf_get_span(&r, SIZE_MAX - 3, &s));
    assert_false(buf_get_bytes(&r, dst, SIZE_MAX));
    assert_int_equal(r.left, 4);
}

static void nothing_can_be_read_from_nowhere(void **state)
{
    (void)state;
    struct buf_reader r = buf_reader_of(span_of(NULL, 0));
    uint8_t v;
    struct span s;
    assert_false(buf_get_u8(&r, &v));
    assert_true(buf_get_span(&r, 0, &s));
    assert_true(buf_get_bytes(&r, &v, 0));
    assert_true(buf_skip(&r, 0));
    assert_int_equal(s.len, 0);
}

static void failed_reads_leave_the_value(void **state)
{
    (void)state;
    struct buf_reader r = buf_reader_of(span_of(octets, 1));
    uint32_t v = 77;
    assert_false(buf_get_u32(&r, &v));
    assert_int_equal(v, 77);
}

static void writes_are_big_endian(void **state)
{
    (void)state;
    uint8_t out[20];
    struct buf_writer w = buf_writer_of(out, sizeof(out));
    buf_put_u8(&w, 0xa1);
    buf_put_u16(&w, 0xb1b2);
    buf_put_u32(&w, 0xc1c2c3c4);
    buf_put_u64(&w, 0xd1d2d3d4d5d6d7d8);
    buf_put_bytes(&w, "xy", 2);
    buf_put_zero(&w, 3);
    static const uint8_t expected[20] = {0xa1, 0xb1, 0xb2, 0xc1, 0xc2, 0xc3, 0xc4, 0xd1, 0xd2, 0xd3,
                                         0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 'x',  'y',  0,    0,    0};
    assert_true(span_equal(buf_written(&w), span_of(expected, sizeof(expected))));
    assert_false(w.overflow);
}

static void overflow_is_sticky(void **state)
{
    (void)state;
    for (size_t cap = 3; cap <= 5; cap++) {
        uint8_t *p = exact(cap);
        struct buf_writer w = buf_writer_of(p, cap);
        buf_put_u32(&w, 0);
        assert_int_equal(w.overflow, cap < 4);
        assert_int_equal(buf_written(&w).len, cap < 4 ? 0 : 4);
        if (w.overflow) {
            buf_put_u8(&w, 9); /* it would fit, but a hole in a message is worse than no message */
            assert_int_equal(buf_written(&w).len, 0);
            assert_int_equal(p[0], octets[0]);
        }
        free(p);
    }
}

static void long_writes_overflow(void **state)
{
    (void)state;
    uint8_t out[4];
    for (int how = 0; how < 3; how++) {
        struct buf_writer w = buf_writer_of(out, sizeof(out));
        buf_put_u8(&w, 1);
        if (how == 0)
            buf_put_zero(&w, SIZE_MAX);
        else if (how == 1)
            buf_put_bytes(&w, octets, 4);
        else
            buf_put_span(&w, span_of(octets, 4));
        assert_true(w.overflow);
    }
    struct buf_writer none = buf_writer_of(NULL, 0);
    buf_put_bytes(&none, NULL, 0);
    buf_put_zero(&none, 0);
    assert_false(none.overflow);
}

static void patches_stay_inside_what_was_written(void **state)
{
    (void)state;
    for (size_t at = 0; at < 6; at++) {
        uint8_t out[8] = {0};
        struct buf_writer w = buf_writer_of(out, sizeof(out));
        buf_put_zero(&w, 5);
        buf_patch_u16(&w, at, 0xabcd);
        assert_int_equal(w.overflow, at > 3);
        if (!w.overflow)
            assert_true(out[at] == 0xab && out[at + 1] == 0xcd);
        assert_int_equal(out[5], 0);
    }
    uint8_t out[8];
    struct buf_writer w = buf_writer_of(out, sizeof(out));
    buf_put_u32(&w, 0);
    buf_patch_u8(&w, 3, 0x7f);
    buf_patch_u32(&w, 0, 0x01020304);
    assert_memory_equal(out, "\1\2\3\4", 4);
    buf_patch_u32(&w, SIZE_MAX, 1);
    assert_true(w.overflow);
}

static void spans_compare_length_and_bytes(void **state)
{
    (void)state;
    assert_true(span_equal(span_of("abc", 3), span_of("abc", 3)));
    assert_false(span_equal(span_of("abc", 3), span_of("abd", 3)));
    assert_false(span_equal(span_of("abc", 3), span_of("abc", 2)));
    assert_true(span_equal(span_of(NULL, 0), span_of("x", 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_are_big_endian),
        cmocka_unit_test(reads_stop_at_the_end),
        cmocka_unit_test(huge_lengths_are_refused),
        cmocka_unit_test(nothing_can_be_read_from_nowhere),
        cmocka_unit_test(failed_reads_leave_the_value),
        cmocka_unit_test(writes_are_big_endian),
        cmocka_unit_test(overflow_is_sticky),
        cmocka_unit_test(long_writes_overflow),
        cmocka_unit_test(patches_stay_inside_what_was_written),
        cmocka_unit_test(spans_compare_length_and_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
