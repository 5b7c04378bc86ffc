/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * GROUPKEY-PULL against a peer that has proved who it is and still sends what it shouldn't: the HASH is
 * right, the content isn't. Nothing of it gets out, and the genuine message is accepted afterwards.
 */
#include "tests/unit/ctrl/pull/pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct rng rng = {.get = rng_system};

/* An authenticated peer that sends Quick Mode, or old RFC 3547 payloads, in exchange 32. */
static void quick_mode_is_refused(void **state)
{
    (void)state;
    static const uint8_t quick[] = {
        10, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0, 1,                                /* SA */
        0,  0, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, /* nonce */
    };
    static const uint8_t old_ke[] = {
        5, 0, 0, 12, 1,  2, 3, 4, 5, 6, 7, 8,    /* nonce */
        4, 0, 0, 12, 11, 0, 0, 0, 0, 0, 1, 0xe4, /* ID */
        0, 0, 0, 8,  1,  2, 3, 4,                /* KE */
    };
    struct pair p;
    struct ike_iv iv;
    struct pair_message m;
    pair_init(&p);
    assert_true(ike_sa_first_iv(&p.sa_m, 77, &iv));
    pair_seal(&p.sa_m, 32, 77, span_of(NULL, 0), quick, sizeof quick, 1, &iv, &m);
    assert_int_equal(pair_request(&p, pair_span(&m)), PULL_DROP_STATE);
    assert_true(ike_sa_first_iv(&p.sa_m, 78, &iv));
    pair_seal(&p.sa_m, 32, 78, span_of(NULL, 0), old_ke, sizeof old_ke, 10, &iv, &m);
    assert_int_equal(pair_request(&p, pair_span(&m)), PULL_DROP_STATE);
    assert_true(ike_sa_first_iv(&p.sa_m, 79, &iv)); /* the same without KE is a PULL */
    uint8_t good[24];
    memcpy(good, old_ke, sizeof good);
    good[12] = 0;
    pair_seal(&p.sa_m, 32, 79, span_of(NULL, 0), good, sizeof good, 10, &iv, &m);
    assert_int_equal(pair_request(&p, pair_span(&m)), PULL_REQUEST);
    assert_false(pull_features(p.s)->ours);
    pair_free(&p);
}

/* Nonce lengths 7, 8, 128, 129 from an authenticated peer (RFC 6407 5.8). */
static void nonce_length_edges(void **state)
{
    (void)state;
    static const struct {
        uint8_t len;
        enum pull_result want;
    } cases[] = {
        {7, PULL_DROP_MALFORMED}, {8, PULL_REQUEST}, {128, PULL_REQUEST}, {129, PULL_DROP_MALFORMED}};
    for (size_t i = 0; i < 4; i++) {
        struct pair p;
        struct ike_iv iv;
        struct pair_message m;
        uint8_t body[256] = {5, 0, 0, (uint8_t)(4 + cases[i].len)};
        static const uint8_t id[] = {0, 0, 0, 12, 11, 0, 0, 0, 0, 0, 1, 0xe4};
        memcpy(body + 4 + cases[i].len, id, sizeof id);
        pair_init(&p);
        assert_true(ike_sa_first_iv(&p.sa_m, 5, &iv));
        pair_seal(&p.sa_m, 32, 5, span_of(NULL, 0), body, 4u + cases[i].len + sizeof id, 10, &iv, &m);
        assert_int_equal(pair_request(&p, pair_span(&m)), cases[i].want);
        pair_free(&p);
    }
}

/* What a hostile server knows after message 1: the nonce, and where the chain stands. */
struct view {
    uint8_t plain[512];
    struct span ni;
    struct ike_iv iv;
};

static void look_at_message_1(struct pair *p, struct view *v)
{
    struct ike_iv first;
    assert_true(ike_sa_first_iv(&p->sa_m, pull_message_id(p->m), &first));
    assert_true(ike_sa_open(&p->sa_m.suite, &p->sa_m.key, &first, pair_span(&p->msg[1]), v->plain, sizeof v->plain, &v->iv));
    v->ni = span_of(v->plain + 28 + 36 + 4, 32);
}

/* Message 2 with these payloads behind a right HASH; the chain isn't moved, so that several can be tried. */
static enum pull_result say_as_server(struct pair *p, const struct view *v, const uint8_t *payloads,
                                      size_t len, uint8_t first)
{
    struct pair_message m;
    struct ike_iv iv = v->iv;
    pair_seal(&p->sa_s, 32, pull_message_id(p->m), v->ni, payloads, len, first, &iv, &m);
    return pair_step(p, p->m, pair_span(&m), PAIR_NOW, NULL);
}

/* CVE-2023-20109: an authenticated key server sends nonsense; the member ends it, nothing gets out. */
static void CVE_2023_20109_bad_policy_from_the_server(void **state)
{
    (void)state;
    static const uint8_t payloads[] = {
        1, 0, 0, 12, 9, 9, 9, 9, 9, 9, 9, 9,              /* nonce */
        0, 0, 0, 16, 0, 0, 0, 2, 0, 0, 0, 0, 0, 16, 0, 1, /* SA: RESERVED2 1, no SAT */
    };
    struct pair p;
    struct view v;
    pair_init(&p);
    pair_run(&p, 1);
    look_at_message_1(&p, &v);
    assert_int_equal(say_as_server(&p, &v, payloads, sizeof payloads, 10), PULL_BAD_POLICY);
    assert_true(strlen(p.report.why) > 0);
    assert_int_equal(pull_policy(p.m)->n_sas, 0);
    pair_free(&p);
}

/* Authentic, but not a message 2: dropped, and the real one is accepted after all of them. */
static void authentic_but_not_message_2(void **state)
{
    (void)state;
    static const uint8_t sa[] = {0, 0, 0, 16, 0, 0, 0, 2, 0, 0, 0, 0, 0, 16, 0, 0};
    uint8_t b[256] = {1, 0, 0, 11};
    struct pair p;
    struct view v;
    pair_init(&p);
    pair_run(&p, 2);
    look_at_message_1(&p, &v);
    memcpy(b + 11, sa, sizeof sa);
    assert_int_equal(say_as_server(&p, &v, b, 11 + sizeof sa, 10),
                     PULL_DROP_MALFORMED); /* nonce of 7 octets */
    memset(b, 0, sizeof b);
    b[0] = 1;
    b[3] = 36;
    memcpy(b + 4, v.ni.p, 32);
    memcpy(b + 36, sa, sizeof sa);
    assert_int_equal(say_as_server(&p, &v, b, 36 + sizeof sa, 10), PULL_DROP_STATE); /* our own nonce */
    memset(b + 4, 0x77, 32);
    b[0] = 0;
    assert_int_equal(say_as_server(&p, &v, b, 36, 10), PULL_DROP_STATE);        /* no SA */
    assert_int_equal(say_as_server(&p, &v, sa, sizeof sa, 1), PULL_DROP_STATE); /* no nonce */
    b[0] = 10;
    memcpy(b + 36, b, 36);
    b[36] = 1;
    memcpy(b + 72, sa, sizeof sa);
    assert_int_equal(say_as_server(&p, &v, b, 72 + sizeof sa, 10), PULL_DROP_STATE); /* two nonces */
    b[0] = 4;                                                                        /* nonce, KE, SA */
    b[36] = 1;
    assert_int_equal(say_as_server(&p, &v, b, 72 + sizeof sa, 10), PULL_DROP_STATE);
    assert_int_equal(pair_step(&p, p.m, pair_span(&p.msg[2]), PAIR_NOW, &p.msg[3]), PULL_GOES_ON);
    assert_int_equal(pair_step(&p, p.s, pair_span(&p.msg[3]), PAIR_NOW, NULL), PULL_ACCEPT);
    pair_free(&p);
}

/* Message 3 of an authenticated member: SENDER_ID_REQUEST 0, 1, 64, 65, two GAPs, a stranger; then the real
 * one. */
static void authentic_message_3(void **state)
{
    (void)state;
    static const struct {
        uint8_t payloads[32], len, first;
        enum pull_result want;
    } cases[] = {
        {{0, 0, 0, 8, 0x80, 3, 0, 0}, 8, 22, PULL_DROP_MALFORMED},
        {{0, 0, 0, 8, 0x80, 3, 0, 65}, 8, 22, PULL_DROP_MALFORMED},
        {{0, 0, 0, 8, 0x80, 1, 0, 5}, 8, 22, PULL_DROP_MALFORMED}, /* ATD is the server's to say */
        {{22, 0, 0, 8, 0x80, 3, 0, 4, 0, 0, 0, 8, 0x80, 3, 0, 4}, 16, 22, PULL_DROP_STATE},
        {{22, 0, 0, 8, 1, 2, 3, 4, 0, 0, 0, 8, 0x80, 3, 0, 4}, 16, 4, PULL_DROP_STATE},
        {{0, 0, 0, 8, 0x80, 3, 0, 1}, 8, 22, PULL_ACCEPT},
        {{0, 0, 0, 8, 0x80, 3, 0, 64}, 8, 22, PULL_ACCEPT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pair p;
        struct view v;
        struct ike_iv iv;
        struct pair_message m;
        uint8_t plain[4096], nonces[64];
        pair_init(&p);
        pair_run(&p, 3);
        look_at_message_1(&p, &v);
        assert_true(ike_sa_open(&p.sa_m.suite, &p.sa_m.key, &v.iv, pair_span(&p.msg[2]), plain, sizeof plain, &iv));
        memcpy(nonces, v.ni.p, 32);
        memcpy(nonces + 32, plain + 28 + 36 + 4, 32);
        pair_seal(&p.sa_m, 32, pull_message_id(p.m), span_of(nonces, 64), cases[i].payloads, cases[i].len,
                  cases[i].first, &iv, &m);
        assert_int_equal(pair_step(&p, p.s, pair_span(&m), PAIR_NOW, NULL), cases[i].want);
        if (cases[i].want == PULL_ACCEPT)
            assert_int_equal(pull_sender_ids_wanted(p.s), cases[i].payloads[7]);
        else
            assert_int_equal(pair_step(&p, p.s, pair_span(&p.msg[3]), PAIR_NOW, NULL), PULL_ACCEPT);
        pair_free(&p);
    }
}

/* Who began phase 1 is the member (RFC 6407 3): it serves nobody, even when the message is right. */
static void initiator_serves_nobody(void **state)
{
    (void)state;
    static const uint8_t request[] = {5, 0, 0, 12, 1,  2, 3, 4, 5, 6, 7, 8,
                                      0, 0, 0, 12, 11, 0, 0, 0, 0, 0, 1, 0xe4};
    struct pair p;
    struct ike_iv iv;
    struct pair_message m;
    enum pull_result r;
    pair_init(&p);
    assert_true(ike_sa_first_iv(&p.sa_s, 31, &iv));
    pair_seal(&p.sa_s, 32, 31, span_of(NULL, 0), request, sizeof request, 10, &iv, &m);
    assert_null(pull_new_server(&p.sa_m, &rng, pair_span(&m), PAIR_NOW, &r, &p.report));
    assert_int_equal(r, PULL_DROP_STATE);
    assert_int_equal(pair_request(&p, pair_span(&m)), PULL_REQUEST);
    pair_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quick_mode_is_refused),
        cmocka_unit_test(nonce_length_edges),
        cmocka_unit_test(CVE_2023_20109_bad_policy_from_the_server),
        cmocka_unit_test(authentic_but_not_message_2),
        cmocka_unit_test(authentic_message_3),
        cmocka_unit_test(initiator_serves_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
