/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * GROUPKEY-PULL as a pair (RFC 6407 3.2): the policy arrives whole; forged, cut, replayed and misplaced
 * messages change nothing and the genuine one still counts; refusals reach the other side's log.
 */
#include "tests/unit/ctrl/pull/pair.h"

#include "ctrl/crypto/hash.h"
#include "ctrl/policy/payloads.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct rng rng = {.get = rng_system};

static bool is_drop(enum pull_result r)
{
    return r == PULL_DROP_MALFORMED || r == PULL_DROP_STATE || r == PULL_DROP_AUTH;
}

static void assert_policy_arrived(struct pair *p)
{
    struct policy *got = pull_policy(p->m);
    assert_true(acl_equal(&got->acl, &p->policy.acl));
    assert_int_equal(got->n_sas, 1);
    assert_int_equal(got->sas[0].spi, 0x12345678);
    assert_ptr_equal(got->sas[0].suite, suite_by_id(SUITE_AES_GCM_128));
    assert_true(secret_equal(secret_span(&got->sas[0].key), secret_span(&p->policy.sas[0].key)));
    assert_int_equal(got->sid_bits, 24);
    assert_int_equal(got->n_sender_ids, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(got->sender_ids[i], 100 + i);
}

static void policy_arrives(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p);
    pair_run(&p, 4);
    assert_int_equal(pull_group(p.s)->value, PAIR_GROUP);
    assert_false(pull_group(p.s)->is_address);
    assert_true(pull_features(p.s)->ours && pull_features(p.m)->ours);
    assert_int_equal(pull_features(p.s)->features, feature_ours());
    assert_int_equal(pull_sender_ids_wanted(p.s), 4);
    assert_int_equal(pull_message_id(p.s), pull_message_id(p.m));
    assert_int_equal(pair_step(&p, p.m, pair_span(&p.msg[4]), PAIR_NOW, NULL), PULL_POLICY);
    assert_policy_arrived(&p);
    assert_int_equal(pull_policy(p.m)->sas[0].lifetime_s, 3600);
    assert_int_equal(pull_pending(p.s)->n_sas, 0); /* the server's copy of the keys is gone */
    pair_free(&p);
}

/* KS12: a member that can't go on with its keys says so in message 3, and nobody says so by itself. */
static void a_member_may_ask_for_other_keys(void **state)
{
    (void)state;
    for (int asks = 0; asks < 2; asks++) {
        struct pair p;
        pair_init(&p);
        pair_run(&p, 2);
        if (asks)
            pull_set_replace(p.m);
        assert_int_equal(pair_step(&p, p.m, pair_span(&p.msg[2]), PAIR_NOW, &p.msg[3]), PULL_GOES_ON);
        assert_int_equal(pair_step(&p, p.s, pair_span(&p.msg[3]), PAIR_NOW, NULL), PULL_ACCEPT);
        assert_int_equal(pull_replace_wanted(p.s), asks);
        assert_int_equal(pull_sender_ids_wanted(p.s), 4);
        pair_free(&p);
    }
}

/* DP2: what is legacy needs the member's own consent; without it nothing is accepted and the server records nobody. */
static void legacy_suites_need_consent(void **state)
{
    (void)state;
    for (unsigned id = SUITE_NONE + 1; id < SUITE_COUNT; id++) {
        const struct suite *suite = suite_by_id(id);
        for (int consent = 0; consent < 2; consent++) {
            struct pair p;
            pair_init(&p);
            struct policy_sa *sa = &p.policy.sas[0];
            sa->suite = suite;
            sa->key.len = (uint16_t)(suite->key_len + suite->salt_len);
            sa->integrity.len = suite->integrity_len;
            pair_run(&p, 2);
            if (consent)
                pull_set_legacy(p.m);
            enum pull_result r = pair_step(&p, p.m, pair_span(&p.msg[2]), PAIR_NOW, NULL);
            assert_int_equal(r, suite->legacy && !consent ? PULL_BAD_POLICY : PULL_GOES_ON);
            if (r == PULL_BAD_POLICY)
                assert_non_null(strstr(p.report.why, suite->name));
            pair_free(&p);
        }
    }
}

/* Decision 18: what has passed since message 1 is taken off, rounded up. */
static void lifetimes_count_from_message_1(void **state)
{
    (void)state;
    static const struct {
        int64_t passed_ms;
        uint32_t left; /* 0 = the policy is refused */
    } cases[] = {{1, 3599}, {1000, 3599}, {1001, 3598}, {3599000, 1}, {3599001, 0}, {9999000, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pair p;
        pair_init(&p);
        pair_run(&p, 4);
        mono_t now = mono_add(PAIR_NOW, mono_ms(cases[i].passed_ms));
        enum pull_result r = pair_step(&p, p.m, pair_span(&p.msg[4]), now, NULL);
        if (cases[i].left) {
            assert_int_equal(r, PULL_POLICY);
            assert_int_equal(pull_policy(p.m)->sas[0].lifetime_s, cases[i].left);
        } else {
            assert_int_equal(r, PULL_BAD_POLICY);
            assert_int_equal(pull_policy(p.m)->n_sas, 0);
        }
        pair_free(&p);
    }
}

/* Runs the pair to message n, damages it in every bit and length, and then lets the genuine one pass. */
static void damage(int n)
{
    struct pair p;
    pair_init(&p);
    pair_run(&p, n);
    for (size_t at = 0; at < p.msg[n].len; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            struct pair_message bad = p.msg[n];
            bad.b[at] ^= (uint8_t)(1u << bit);
            if (n == 1)
                assert_true(is_drop(pair_request(&p, pair_span(&bad))));
            else
                assert_true(is_drop(pair_step(&p, n % 2 ? p.s : p.m, pair_span(&bad), PAIR_NOW, NULL)));
        }
    }
    for (size_t len = 0; len < p.msg[n].len; len++) {
        struct pair_message bad = p.msg[n];
        for (int header_says_so = 0; header_says_so < 2; header_says_so++) {
            if (header_says_so) {
                bad.b[26] = (uint8_t)(len >> 8);
                bad.b[27] = (uint8_t)len;
            }
            if (n == 1)
                assert_true(is_drop(pair_request(&p, span_of(bad.b, len))));
            else
                assert_true(is_drop(pair_step(&p, n % 2 ? p.s : p.m, span_of(bad.b, len), PAIR_NOW, NULL)));
        }
    }
    if (n == 1) {
        assert_null(p.s);
        assert_int_equal(p.sa_s.n_used, 0); /* not even the message id was noted */
        assert_int_equal(pair_request(&p, pair_span(&p.msg[1])), PULL_REQUEST);
    } else {
        static const enum pull_result good[] = {[2] = PULL_GOES_ON, [3] = PULL_ACCEPT, [4] = PULL_POLICY};
        assert_int_equal(pair_step(&p, n % 2 ? p.s : p.m, pair_span(&p.msg[n]), PAIR_NOW, NULL), good[n]);
    }
    if (n == 4)
        assert_policy_arrived(&p);
    pair_free(&p);
}

static void damaged_message_1(void **state)
{
    (void)state;
    damage(1);
}

static void damaged_message_2(void **state)
{
    (void)state;
    damage(2);
}

static void damaged_message_3(void **state)
{
    (void)state;
    damage(3);
}

static void damaged_message_4(void **state)
{
    (void)state;
    damage(4);
}

/* Complement of the table: every message in every state but its own, to both sides. */
static void every_message_out_of_turn(void **state)
{
    (void)state;
    for (int has = 1; has <= 4; has++) {
        struct pair p;
        pair_init(&p);
        pair_run(&p, has);
        for (int n = 1; n <= has; n++) {
            if (!(n == has && n % 2 == 0))
                assert_true(is_drop(pair_step(&p, p.m, pair_span(&p.msg[n]), PAIR_NOW, NULL)));
            if (p.s && !(n == has && n % 2 == 1))
                assert_true(is_drop(pair_step(&p, p.s, pair_span(&p.msg[n]), PAIR_NOW, NULL)));
        }
        if (p.s) { /* message 1 again: its id was used */
            enum pull_result r;
            assert_null(pull_new_server(&p.sa_s, &rng, pair_span(&p.msg[1]), PAIR_NOW, &r, &p.report));
            assert_int_equal(r, PULL_DROP_STATE);
        }
        /* and to the wrong end: the initiator of phase 1 serves nobody */
        enum pull_result r;
        assert_null(pull_new_server(&p.sa_m, &rng, pair_span(&p.msg[1]), PAIR_NOW, &r, &p.report));
        assert_int_equal(r, PULL_DROP_STATE);
        pair_free(&p);
    }
}

static void message_id_zero(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p);
    pair_run(&p, 1);
    memset(p.msg[1].b + 20, 0, 4);
    assert_int_equal(pair_request(&p, pair_span(&p.msg[1])), PULL_DROP_STATE);
    pair_free(&p);
}

static void two_pulls_under_one_phase_1(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p);
    pair_run(&p, 4);
    assert_int_equal(pair_step(&p, p.m, pair_span(&p.msg[4]), PAIR_NOW, NULL), PULL_POLICY);
    struct pair_message old[5];
    memcpy(old, p.msg, sizeof old);
    pull_free(p.m);
    pull_free(p.s);
    p.m = p.s = NULL;
    pair_run(&p, 3);
    for (int n = 1; n <= 4; n++) /* nothing of the first belongs to the second */
        assert_true(is_drop(pair_step(&p, n % 2 ? p.s : p.m, pair_span(&old[n]), PAIR_NOW, NULL)));
    assert_int_equal(pair_step(&p, p.s, pair_span(&p.msg[3]), PAIR_NOW, NULL), PULL_ACCEPT);
    pair_free(&p);
}

/* Our own members learn the reason in words that are safe to print, before and after message 3. */
static void refusal_of_our_member(void **state)
{
    (void)state;
    static const struct {
        int has; /* message that the refusal answers */
        uint16_t notify, reason;
    } cases[] = {{1, 18, 18}, {1, 24, 24}, {3, 8192, 0}};
    for (size_t i = 0; i < 3; i++) {
        struct pair p;
        struct inform inform;
        uint8_t b[512];
        struct buf_writer w = buf_writer_of(b, sizeof b);
        pair_init(&p);
        pair_run(&p, cases[i].has);
        if (cases[i].has == 1)
            assert_int_equal(pair_request(&p, pair_span(&p.msg[1])), PULL_REQUEST);
        else
            assert_int_equal(pair_step(&p, p.s, pair_span(&p.msg[3]), PAIR_NOW, NULL), PULL_ACCEPT);
        assert_true(pull_refuse(p.s, cases[i].notify, FEATURE_TAG, "no \x1b[31m such group", &w));
        assert_int_equal(inform_open(&p.sa_m, buf_written(&w), &inform), INFORM_OK);
        assert_false(pull_refuse(p.s, cases[i].notify, 0, "twice", &w)); /* it is over */
        assert_int_equal(inform.n_notifies, 1);
        assert_int_equal(inform.notifies[0].type, 8192);
        assert_int_equal(inform.notifies[0].refused.reason, cases[i].reason);
        assert_int_equal(pull_inform(p.m, &inform, &p.report), PULL_REFUSED);
        assert_int_equal(p.report.notify, 8192);
        assert_int_equal(p.report.missing, FEATURE_TAG);
        assert_string_equal(p.report.why, "the key server refuses: no ?[31m such group");
        assert_int_equal(pull_inform(p.m, &inform, &p.report), PULL_GOES_ON); /* over already */
        pair_free(&p);
    }
}

/* Others than our members get the plain notify; the words stay here. */
static void refusal_of_a_foreign_member(void **state)
{
    (void)state;
    static const uint8_t plain[] = {5, 0, 0, 12, 1,  2, 3, 4, 5, 6, 7, 8,
                                    0, 0, 0, 12, 11, 0, 0, 0, 0, 0, 1, 0xe4};
    static const uint16_t cases[][2] = {{18, 18}, {24, 24}, {8192, 24}};
    for (size_t i = 0; i < 3; i++) {
        struct pair p;
        struct ike_iv iv;
        struct pair_message m;
        struct inform inform;
        uint8_t b[512];
        struct buf_writer w = buf_writer_of(b, sizeof b);
        pair_init(&p);
        pair_run(&p, 1);
        assert_true(ike_sa_first_iv(&p.sa_m, 99, &iv));
        pair_seal(&p.sa_m, 32, 99, span_of(NULL, 0), plain, sizeof plain, 10, &iv, &m);
        assert_int_equal(pair_request(&p, pair_span(&m)), PULL_REQUEST);
        assert_true(pull_refuse(p.s, cases[i][0], FEATURE_TAG, "secret words", &w));
        assert_int_equal(inform_open(&p.sa_m, buf_written(&w), &inform), INFORM_OK);
        assert_int_equal(inform.notifies[0].type, cases[i][1]);
        assert_string_equal(inform.notifies[0].refused.text, "");
        assert_int_equal(pull_inform(p.m, &inform, &p.report), PULL_REFUSED);
        assert_int_equal(p.report.missing, 0);
        pair_free(&p);
    }
}

/* The order of questions and answers is kept: nothing is delivered before message 3 (RFC 6407 3.2). */
static void answers_out_of_turn(void **state)
{
    (void)state;
    struct pair p;
    uint8_t b[4096];
    struct buf_writer w = buf_writer_of(b, sizeof b);
    pair_init(&p);
    pair_run(&p, 2);
    assert_false(pull_deliver(p.s, &w, &p.report));
    assert_int_equal(w.len, 0);
    assert_false(pull_answer(p.s, &p.policy, &w, &p.report));
    assert_false(pull_refuse(p.s, 24, 0, "", &w));
    assert_false(pull_refuse(p.m, 24, 0, "", &w));
    assert_int_equal(pair_step(&p, p.m, pair_span(&p.msg[2]), PAIR_NOW, &p.msg[3]), PULL_GOES_ON);
    assert_int_equal(pair_step(&p, p.s, pair_span(&p.msg[3]), PAIR_NOW, NULL), PULL_ACCEPT);
    pair_free(&p);
}

/* No room for the answer: said, nothing sent, and the request can still be refused. */
static void answer_without_room(void **state)
{
    (void)state;
    struct pair p;
    uint8_t b[100];
    struct buf_writer w = buf_writer_of(b, sizeof b);
    pair_init(&p);
    pair_run(&p, 1);
    assert_int_equal(pair_request(&p, pair_span(&p.msg[1])), PULL_REQUEST);
    assert_false(pull_answer(p.s, &p.policy, &w, &p.report));
    assert_int_equal(w.len, 0);
    assert_true(strlen(p.report.why) > 0);
    uint8_t big[512];
    w = buf_writer_of(big, sizeof big);
    assert_true(pull_refuse(p.s, 24, 0, "too large", &w));
    pair_free(&p);
}

/* A foreign member gets plain RFC 6407 or a refusal that names what it lacks: this policy has a deny entry.
 */
static void policy_that_a_foreign_member_lacks(void **state)
{
    (void)state;
    static const uint8_t plain[] = {5, 0, 0, 12, 1,  2, 3, 4, 5, 6, 7, 8,
                                    0, 0, 0, 12, 11, 0, 0, 0, 0, 0, 1, 0xe4};
    struct pair p;
    struct ike_iv iv;
    struct pair_message m;
    uint8_t b[4096];
    struct buf_writer w = buf_writer_of(b, sizeof b);
    pair_init(&p);
    assert_true(ike_sa_first_iv(&p.sa_m, 99, &iv));
    pair_seal(&p.sa_m, 32, 99, span_of(NULL, 0), plain, sizeof plain, 10, &iv, &m);
    assert_int_equal(pair_request(&p, pair_span(&m)), PULL_REQUEST);
    assert_false(pull_answer(p.s, &p.policy, &w, &p.report));
    assert_int_equal(w.len, 0);
    assert_true(p.report.missing & FEATURE_ORDERED_POLICY);
    pair_free(&p);
}

static void member_limits(void **state)
{
    (void)state;
    struct pair p;
    uint8_t b[512];
    struct buf_writer w = buf_writer_of(b, sizeof b);
    struct group_id group = {.is_address = true, .value = 0x0a010101};
    pair_init(&p);
    assert_null(pull_new_member(&p.sa_m, &group, 0, &rng, PAIR_NOW, &w));
    assert_null(pull_new_member(&p.sa_m, &group, 65, &rng, PAIR_NOW, &w));
    p.m = pull_new_member(&p.sa_m, &group, 64, &rng, PAIR_NOW, &w);
    assert_non_null(p.m);
    assert_int_equal(pair_request(&p, buf_written(&w)), PULL_REQUEST);
    assert_true(pull_group(p.s)->is_address);
    assert_int_equal(pull_group(p.s)->value, 0x0a010101);
    p.sa_m.n_used = IKE_MAX_MESSAGES;
    assert_null(pull_new_member(&p.sa_m, &group, 4, &rng, PAIR_NOW, &w));
    assert_int_equal(w.len, 0);
    pull_free(NULL);
    pair_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policy_arrives),
        cmocka_unit_test(a_member_may_ask_for_other_keys),
        cmocka_unit_test(legacy_suites_need_consent),
        cmocka_unit_test(lifetimes_count_from_message_1),
        cmocka_unit_test(damaged_message_1),
        cmocka_unit_test(damaged_message_2),
        cmocka_unit_test(damaged_message_3),
        cmocka_unit_test(damaged_message_4),
        cmocka_unit_test(every_message_out_of_turn),
        cmocka_unit_test(message_id_zero),
        cmocka_unit_test(two_pulls_under_one_phase_1),
        cmocka_unit_test(refusal_of_our_member),
        cmocka_unit_test(refusal_of_a_foreign_member),
        cmocka_unit_test(answers_out_of_turn),
        cmocka_unit_test(answer_without_room),
        cmocka_unit_test(policy_that_a_foreign_member_lacks),
        cmocka_unit_test(member_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
