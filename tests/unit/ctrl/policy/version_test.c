/* SPDX-License-Identifier: BSD-3-Clause */
/* The version in our vendor id is the one of the build. */
#include "ctrl/policy/version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void number_and_text(void **state)
{
    (void)state;
    char text[POLICY_VERSION_TEXT_MAX];
    assert_string_equal(policy_version_text(policy_version_ours(), text), GVPN_VERSION);
    assert_string_equal(policy_version_text(0x010203, text), "1.2.3");
    assert_string_equal(policy_version_text(0xffffffff, text), "65535.255.255");
    assert_string_equal(policy_version_text(0, text), "0.0.0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(number_and_text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
