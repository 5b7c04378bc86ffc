/* SPDX-License-Identifier: BSD-3-Clause */
/* Secrets: bounds, wiping, comparison. Time of the comparison isn't measured here. */
#include "common/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static bool all_zero(const void *p, size_t len)
{
    const uint8_t *b = p;
    for (size_t i = 0; i < len; i++)
        if (b[i] != 0)
            return false;
    return true;
}

static void takes_up_to_its_size(void **state)
{
    (void)state;
    uint8_t bytes[SECRET_MAX + 1];
    memset(bytes, 0x5a, sizeof(bytes));
    for (size_t len = SECRET_MAX - 1; len <= SECRET_MAX + 1; len++) {
        struct secret s;
        memset(&s, 0x11, sizeof(s));
        bool fits = len <= SECRET_MAX;
        assert_int_equal(secret_set(&s, bytes, len), fits);
        assert_int_equal(secret_span(&s).len, fits ? len : 0);
        if (fits)
            assert_memory_equal(s.b, bytes, len);
        else
            assert_true(all_zero(&s, sizeof(s)));
    }
}

static void leaves_nothing_of_a_longer_one(void **state)
{
    (void)state;
    struct secret s = {.len = 0};
    assert_true(secret_set(&s, "0123456789", 10));
    assert_true(secret_set(&s, "ab", 2));
    assert_true(all_zero(s.b + 2, SECRET_MAX - 2));
    assert_true(secret_set(&s, NULL, 0));
    assert_true(all_zero(&s, sizeof(s)));
}

static void copies_from_itself(void **state)
{
    (void)state;
    struct secret s = {.len = 0};
    assert_true(secret_set(&s, "keykeysalt", 10));
    assert_true(secret_set(&s, s.b + 6, 4));
    assert_true(secret_equal(secret_span(&s), span_of("salt", 4)));
}

static void wipes(void **state)
{
    (void)state;
    struct secret s = {.len = 0};
    assert_true(secret_set(&s, "secret", 6));
    secret_wipe(&s);
    assert_true(all_zero(&s, sizeof(s)));
    char text[] = "secret";
    wipe(text, sizeof(text) - 1);
    assert_true(all_zero(text, sizeof(text)));
    wipe(NULL, 0);
}

static void compares_every_octet(void **state)
{
    (void)state;
    uint8_t a[33] = {0}, b[33] = {0};
    for (size_t len = 0; len <= 33; len++) {
        assert_true(secret_equal(span_of(a, len), span_of(b, len)));
        for (size_t i = 0; i < len; i++) {
            b[i] ^= 0x80;
            assert_false(secret_equal(span_of(a, len), span_of(b, len)));
            b[i] ^= 0x80;
        }
    }
    assert_false(secret_equal(span_of(a, 16), span_of(b, 17)));
    assert_false(secret_equal(span_of(a, 0), span_of(b, 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_up_to_its_size), cmocka_unit_test(leaves_nothing_of_a_longer_one),
        cmocka_unit_test(copies_from_itself),   cmocka_unit_test(wipes),
        cmocka_unit_test(compares_every_octet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
