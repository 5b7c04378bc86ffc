/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The original's system messages against our table (OP3): every name of its table 3, and of the lines in its running text, is ours,
 * too, with facility and severity where the original shows them, or waits for a part of the product that isn't there yet. Two names
 * differ in writing: ours have no apostrophe and no small letters.
 */
#include "common/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* "*": the original shows the name alone. */
static const char *const there[] = {
    "GDOI-3-GDOI_REKEY_SEQ_FAILURE",
    "GDOI-3-GM_NO_CRYPTO_ENGINE",
    "GDOI-3-PSEUDO_TIME_LARGE",
    "GDOI-3-PSEUDO_TIME_TOO_OLD",
    "*GDOI_ACL_NUM",
    "*GDOI_REKEY_FAILURE",
    "*GM_ACL_MERGE",
    "*GM_ACL_PERMIT",
    "*GM_CLEAR_REGISTER",
    "*GM_CM_ATTACH",
    "*GM_CM_DETACH",
    "*GM_CONV_SA_DUPLEX",
    "*GM_CONV_SA_DUPLEX_LOCAL",
    "*GM_DELETE",
    "*GM_ENABLE_GDOI_CM",
    "*GM_HASH_FAIL",
    "*GM_INCOMPLETE_CFG",
    "*GM_NO_IPSEC_FLOWS",
    "GDOI-4-GM_RE_REGISTER",
    "*GM_RECV_DELETE",
    "*GM_RECV_REKEY",
    "GDOI-5-GM_REGS_COMPL",
    "*GM_REJECTING_SA_PAYLOAD",
    "*GM_REKEY_NOT_RECD", /* GM_REKEY_NOT_REC'D */
    "*GM_REKEY_TRANS_2_MULTI",
    "GDOI-5-GM_REKEY_TRANS_2_UNI",
    "*GM_SA_INGRESS",
    "*GM_UNREGISTER",
    "*KS_BAD_ID",
    "*KS_BLACKHOLE_ACK",
    "*KS_CLEAR_REGISTER",
    "*KS_CONV_SAS_DUPLEX",
    "*KS_CONV_SAS_INGRESS",
    "GDOI-6-KS_FIRST_GM", /* "KS_FIRST_GM, GDOI, LOG_INFO" */
    "*KS_GM_REJECTS_SA_PAYLOAD",
    "*KS_GM_REVOKED",
    "*KS_GROUP_ADD",
    "*KS_GROUP_DELETE",
    "*KS_HASH_FAIL",
    "*KS_LAST_GM",
    "*KS_NACK_GM_EJECT",
    "*KS_NO_RSA_KEYS",
    "*KS_REGS_COMPL",
    "*KS_REKEY_TRANS_2_MULTI",
    "*KS_REKEY_TRANS_2_UNI",
    "*KS_SEND_MCAST_REKEY",
    "GDOI-5-KS_SEND_UNICAST_REKEY",
    "*KS_UNAUTHORIZED",
    "*KS_UNSOL_ACK", /* KS_UNSol_ACK */
    "*REPLAY_FAILED",
    "GDOI-1-UNAUTHORIZED_IPADDR",
    "*UNEXPECTED_SIGKEY",
    "*UNREGISTERED_INTERFACE",
    "*UNSUPPORTED_TEK_PROTO",
    /* in the running text, and in the notes on key lifetimes */
    "GDOI-4-REJECT_GM_VERSION_REGISTER",
    "CRYPTO-5-GM_REGSTER",
    "GDOI-5-GM_DELETE_EXPIRED_KEK",
    "GDOI-5-GM_INSTALL_POLICIES_SUCCESS",
    "GDOI-5-SA_KEK_UPDATED",
    "GDOI-5-SA_TEK_UPDATED",
};

/* docs/operation.md names them as waiting. */
static const char *const waiting[] = {
    /* for cooperative key servers */
    "COOP_CONFIG_MISMATCH",
    "COOP_KS_ADD",
    "COOP_KS_BLOCK_NEW_GM_REGISTER",
    "COOP_KS_BLOCK_NEW_GM_REGISTER_ELECTION",
    "COOP_KS_ELECTION",
    "COOP_KS_REACH",
    "COOP_KS_REMOVE",
    "COOP_KS_TRANS_TO_PRI",
    "COOP_KS_UNAUTH",
    "COOP_KS_UNREACH",
    "COOP_KS_VALID_ANN_TIMER_EXPIRED",
    "COOP_KS_VER_MISMATCH",
    "COOP_PACKET_DROPPED",
    "GDOI_ANN_TIMESTAMP_LARGE",
    "GDOI_ANN_TIMESTAMP_TOO_OLD",
    /* for certificates, whose identities are authorised by name */
    "UNAUTHORIZED_IDENTITY",
};

/* The name in "GDOI-5-GM_REGS_COMPL", or in "*GM_REGS_COMPL". */
static const char *name_in(const char *mnemonic)
{
    const char *dash = strchr(mnemonic, '-');

    return mnemonic[0] == '*' ? mnemonic + 1 : strchr(dash + 1, '-') + 1;
}

/* NULL when the table has no such name. */
static const char *ours(const char *name)
{
    for (unsigned id = 0; id < LOG_ID_COUNT; id++) {
        if (strcmp(name_in(log_mnemonic(id)), name) == 0)
            return log_mnemonic(id);
    }
    return NULL;
}

static void every_name_of_the_original_is_there(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++) {
        const char *mnemonic = ours(name_in(there[i]));

        if (!mnemonic)
            fail_msg("%s is missing", there[i]);
        if (there[i][0] != '*')
            assert_string_equal(mnemonic, there[i]);
    }
}

/* One that is there waits no longer: it belongs to the list above, and has a test that causes it. */
static void what_waits_is_not_there(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(waiting) / sizeof(waiting[0]); i++)
        assert_null(ours(waiting[i]));
}

/* What strangers can cause at any rate is limited. */
static void hostile_events_are_limited(void **state)
{
    static const enum log_id ids[] = {LOG_KS_UNAUTHORIZED, LOG_UNAUTHORIZED_IPADDR, LOG_UNREGISTERED_INTERFACE, LOG_KS_BAD_ID,
                                      LOG_KS_GM_REVOKED, LOG_KS_HASH_FAIL, LOG_GM_HASH_FAIL, LOG_KS_UNSOL_ACK, LOG_KS_BLACKHOLE_ACK,
                                      LOG_REJECT_GM_VERSION_REGISTER, LOG_KS_GM_REJECTS_SA_PAYLOAD, LOG_KS_REFUSED,
                                      LOG_GDOI_REKEY_FAILURE, LOG_GDOI_REKEY_SEQ_FAILURE, LOG_UNEXPECTED_SIGKEY,
                                      LOG_UNSUPPORTED_TEK_PROTO, LOG_GDOI_ACL_NUM, LOG_GM_NO_CRYPTO_ENGINE, LOG_GM_NO_IPSEC_FLOWS,
                                      LOG_REPLAY_FAILED, LOG_IKE_DROP};
    static const int limits[] = {
#define X(id, facility, severity, per_second, text) [LOG_##id] = (per_second),
        LOG_MSGS(X)
#undef X
    };

    (void)state;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
        assert_in_range(limits[ids[i]], 1, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_of_the_original_is_there),
        cmocka_unit_test(what_waits_is_not_there),
        cmocka_unit_test(hostile_events_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
