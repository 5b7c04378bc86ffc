/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What both sides log of a registration that goes wrong, under the original's names (OP3): a whole key server and a whole member
 * exchange real datagrams, of which some are spoilt.
 */
#include "tests/unit/ctrl/run/roles_fixture.h"

#include "ctrl/isakmp/isakmp.h"
#include "tests/lib/said.h"

#define LEGACY_SERVER                                                                                                  \
    IKE("10.0.0.1", "10.0.0.2")                                                                                        \
    "legacy: true\n"                                                                                                   \
    "acls: {a: [\"permit ip 10.1.0.0/16 10.1.0.0/16\"]}\n"                                                             \
    "transform-sets: {t: {suite: null/hmac-sha256-128}}\n"                                                                      \
    "profiles: {p: {transform-set: t, lifetime: 1h}}\n"                                                                \
    "groups:\n" SERVER("ONE", "484", "p", "a")

/* What both sides of this process announce. */
static uint64_t features_less;
uint64_t __real_feature_ours(void);
uint64_t __wrap_feature_ours(void);

uint64_t __wrap_feature_ours(void)
{
    return __real_feature_ours() & ~features_less;
}

/* Spoils the HASH of datagram `number` (from 1) of a registration, delivers what follows. */
static void spoil_hash(struct net *net, size_t number)
{
    attach(net, 0);
    while (net->delivered + 1 < number)
        assert_true(deliver(net));
    assert_int_equal(net->n, number);
    /* One bit in the second block of ciphertext: that block of the HASH and a bit of the next one. */
    net->queue[number - 1].bytes[ISAKMP_HEADER_LEN + 16] ^= 1;
    said_begin();
    while (deliver(net))
        ;
}

static void a_wrong_hash_at_the_key_server(void **state)
{
    struct net *net = *state;

    spoil_hash(net, 7); /* message 1 of the PULL */
    assert_int_equal(said("%GDOI-4-KS_HASH_FAIL: Registration: a message of GM 10.0.0.2:848 to KS 10.0.0.1:848 has a bad or no hash: HASH "
                          "is wrong"), 1);
    assert_int_equal(said_any("IKE_DROP"), 0); /* it is said once */
    assert_int_equal(sessions_stats(roles_sessions(net->ks.roles))->dropped_auth, 1);
    assert_null(policy_at(net, 0));
}

static void a_wrong_hash_at_the_member(void **state)
{
    struct net *net = *state;

    spoil_hash(net, 8); /* message 2 */
    assert_int_equal(said("%GDOI-4-GM_HASH_FAIL: Registration: a message of KS 10.0.0.1:848 to GM 10.0.0.2:848 has a bad or no hash: HASH "
                          "is wrong"), 1);
    assert_int_equal(said_any("IKE_DROP"), 0);
    assert_int_equal(sessions_stats(roles_sessions(net->gm.roles))->dropped_auth, 1);
    assert_null(policy_at(net, 0));
}

/* The member ends phase 1 in place of message 3. */
static void the_member_refuses_message_2(void **state)
{
    struct net *net = *state;

    reload(&net->ks, LEGACY_SERVER);
    said_begin();
    attach(net, 0);
    while (deliver(net))
        ;
    assert_int_equal(said("%GDOI-3-GM_REJECTING_SA_PAYLOAD: Registration: Policy in SA payload sent by KS 10.0.0.1 rejected by GM in the "
                          "group ONE reason the policy that came can't be used: the key server's policy uses null/hmac-sha256-128, which needs "
                          "`legacy: true` in this member's file"), 1);
    assert_int_equal(said("%GDOI-4-KS_GM_REJECTS_SA_PAYLOAD: Registration: SA payload refused by GM 10.0.0.2:848 in the group with "
                          "identity 484"), 1);
    assert_int_equal(said_any("GM_REGS_FAILED"), 1);
    assert_int_equal(said_any("GM_NO_CRYPTO_ENGINE"), 0);
}

/* What a member sends when all went well looks the same, and means nothing of the kind. */
static void a_registration_that_goes_well(void **state)
{
    struct net *net = *state;

    said_begin();
    attach(net, 0);
    while (deliver(net))
        ;
    assert_non_null(policy_at(net, 0));
    assert_int_equal(said("%CRYPTO-5-GM_REGSTER: Start registration to KS 10.0.0.1 for group ONE using address 10.0.0.2"), 1);
    assert_int_equal(said("%GDOI-5-GM_REGS_COMPL: Registration to KS 10.0.0.1 complete for group ONE using address 10.0.0.2"), 1);
    assert_int_equal(said_any("KS_GM_REJECTS_SA_PAYLOAD") + said_any("GM_REJECTING_SA_PAYLOAD"), 0);
    assert_int_equal(said_any("KS_HASH_FAIL") + said_any("GM_HASH_FAIL"), 0);
}

static void a_member_is_attached_at_the_start(void **state)
{
    struct net *net = test_calloc(1, sizeof(*net));
    void *own = net;

    (void)state;
    said_begin();
    start(net, &net->ks, server_file);
    start(net, &net->gm, member_file);
    assert_int_equal(said("%GDOI-5-KS_GROUP_ADD: Group ONE (identity 484) is served"), 1);
    assert_int_equal(said("%GDOI-5-GM_CM_ATTACH: Group ONE: member on port pair wan"), 1);
    assert_int_equal(tear_down(&own), 0);
}

/* The key server says that features are missing: to the original that is a crypto engine that isn't there. */
static void the_server_says_what_is_missing(void **state)
{
    struct net *net = *state;

    features_less = FEATURE_ORDERED_POLICY;
    said_begin();
    attach(net, 0);
    while (deliver(net))
        ;
    features_less = 0;
    assert_int_equal(said_any("REJECT_GM_VERSION_REGISTER"), 1);
    assert_int_equal(said("%GDOI-3-GM_NO_CRYPTO_ENGINE: Group ONE: KS 10.0.0.1 asks for what can't be run here: missing features 0x1: the "
                          "key server refuses: the member lacks: ordered policy"), 1);
    assert_int_equal(said_any("GM_REJECTING_SA_PAYLOAD"), 0);
    assert_null(policy_at(net, 0));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_wrong_hash_at_the_key_server),
        T(a_wrong_hash_at_the_member),
        T(the_member_refuses_message_2),
        T(a_registration_that_goes_well),
        T(the_server_says_what_is_missing),
        cmocka_unit_test(a_member_is_attached_at_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
