/* SPDX-License-Identifier: BSD-3-Clause */
/* The verdict names that scripts read: they are a promise, so they stand here a second time. */
#include "common/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char *const promised[] = {
    "sent_encrypted",      "sent_clear",          "received_decrypted",    "received_clear",    "local",
    "passed_l2",           "drop_no_sa",          "drop_fail_close",       "drop_policy_clear_in", "drop_unknown_spi",
    "drop_auth",           "drop_replay_time",    "drop_replay_counter",   "drop_replay_sender", "drop_address_mismatch",
    "drop_inner_policy",   "drop_malformed",      "drop_too_big",          "drop_sa_expired",   "drop_iv_exhausted",
    "drop_fragment",       "drop_ip_options",     "drop_ext_header",     "sent_icmp_too_big", "pmtu_learned",
};

static void promised_names_exist(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(promised) / sizeof(promised[0]); i++) {
        int found = 0;
        for (unsigned v = 0; v < VERDICT_COUNT; v++)
            found += strcmp(verdict_name(v), promised[i]) == 0;
        if (found != 1)
            fail_msg("%s: %d times", promised[i], found);
    }
    assert_string_equal(verdict_name(VERDICT_DROP_POLICY_CLEAR_IN), "drop_policy_clear_in");
}

static void every_verdict_has_a_name_and_a_sentence(void **state)
{
    (void)state;
    for (unsigned v = 0; v < VERDICT_COUNT; v++) {
        assert_true(strlen(verdict_name(v)) > 0);
        assert_int_equal(strspn(verdict_name(v), "abcdefghijklmnopqrstuvwxyz_2"), strlen(verdict_name(v)));
        assert_true(strlen(verdict_meaning(v)) > 10);
        for (unsigned other = 0; other < v; other++)
            assert_string_not_equal(verdict_name(v), verdict_name(other));
    }
    assert_null(verdict_name(VERDICT_COUNT));
    assert_null(verdict_meaning(VERDICT_COUNT));
    assert_null(verdict_name(~0u));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(promised_names_exist),
        cmocka_unit_test(every_verdict_has_a_name_and_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
