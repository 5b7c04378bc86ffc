/* SPDX-License-Identifier: BSD-3-Clause */
/* KE, HASH and nonce: lengths at their edges, and a HASH that is filled after what it covers. */
#include "ctrl/isakmp/opaque.h"

#include "tests/lib/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void lengths_are_judged(void **state)
{
    (void)state;
    static const uint8_t body[600];
    struct span got;
    for (size_t len = 0; len <= sizeof(body); len++) {
        struct bytes b = bytes_copy(span_of(body, len));
        assert_int_equal(isakmp_nonce_get(bytes_span(&b), &got),
                         len >= 8 && len <= 128 ? ISAKMP_OK : ISAKMP_E_NONCE_LENGTH);
        assert_int_equal(isakmp_ke_get(bytes_span(&b), 256, &got), len == 256 ? ISAKMP_OK : ISAKMP_E_KE_LENGTH);
        assert_int_equal(isakmp_hash_get(bytes_span(&b), 32, &got), len == 32 ? ISAKMP_OK : ISAKMP_E_HASH_LENGTH);
        bytes_free(&b);
    }
    assert_int_equal(isakmp_hash_get(span_of(body, 0), 0, &got), ISAKMP_E_HASH_LENGTH);
    assert_int_equal(isakmp_ke_get(span_of(body, 0), 0, &got), ISAKMP_E_KE_LENGTH);
}

static void a_hash_is_filled_after_what_it_covers(void **state)
{
    (void)state;
    uint8_t out[64];
    struct buf_writer w = buf_writer_of(out, sizeof(out));
    buf_put_u8(&w, 0);
    struct isakmp_chain c = isakmp_chain_at(&w, 0);
    size_t at = isakmp_hash_reserve(&c, 4);
    assert_int_equal(at, 5);
    isakmp_nonce_put(&c, span_of("12345678", 8));
    isakmp_ke_put(&c, span_of("ab", 2));
    assert_true(bytes_are(isakmp_hash_covers(&w, at, 4), "0400000c 3132333435363738 00000006 6162"));
    isakmp_hash_fill(&w, at, span_of("\xca\xfe\xba\xbe", 4));
    assert_true(bytes_are(buf_written(&w), "08 0a000008 cafebabe 0400000c 3132333435363738 00000006 6162"));
    assert_false(w.overflow);
    isakmp_hash_fill(&w, w.len - 1, span_of("\x01\x02", 2)); /* past the end: never written */
    assert_true(w.overflow);
    assert_int_equal(isakmp_hash_covers(&w, at, 4).len, 0);
}

static void a_hash_is_written(void **state)
{
    (void)state;
    uint8_t out[64];
    struct buf_writer w = buf_writer_of(out, sizeof(out));
    buf_put_u8(&w, 0);
    struct isakmp_chain c = isakmp_chain_at(&w, 0);
    isakmp_hash_put(&c, span_of("\xca\xfe", 2));
    assert_true(bytes_are(buf_written(&w), "08 00000006 cafe"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_are_judged),
        cmocka_unit_test(a_hash_is_filled_after_what_it_covers),
        cmocka_unit_test(a_hash_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
