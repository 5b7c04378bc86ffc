/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of features: bits as the vendor id has them, and announced exactly when supported. */
#include "common/feature.h"
#include "common/suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void bits_and_names_are_the_vendor_ids(void **state)
{
    static const char *const names[] = {"ordered-policy", "time-replay",   "counter-replay",    "tag",
                                        "strict-sender",  "long-lifetime", "chacha20-poly1305", "replace"};
    (void)state;
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(feature_at(i)->bit, 1ull << i);
        assert_string_equal(feature_at(i)->name, names[i]);
        assert_true(feature_at(i)->text[0] && feature_at(i)->meaning[0]);
    }
    assert_null(feature_at(8));
    assert_null(feature_at(SIZE_MAX));
}

static void announced_is_what_is_supported(void **state)
{
    (void)state;
    assert_true(feature_supported(0));
    assert_true(feature_supported(FEATURE_ORDERED_POLICY));
    assert_int_equal(feature_ours() & ~FEATURES_KNOWN, 0);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(feature_supported(1ull << i), (feature_ours() & 1ull << i) != 0);
    assert_int_equal(feature_supported(FEATURE_CHACHA20), suite_by_id(SUITE_CHACHA20_POLY1305)->supported);
    assert_false(feature_supported(FEATURE_ORDERED_POLICY | 1ull << 40)); /* all of them, or not */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_and_names_are_the_vendor_ids),
        cmocka_unit_test(announced_is_what_is_supported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
