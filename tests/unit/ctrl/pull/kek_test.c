/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A PULL of a group with rekeys (RFC 6407 3.2, 5.3, 5.7): SAK in message 2, SEQ and KEK packet in message 4, exactly then;
 * what of it a member doesn't take.
 */
#include "tests/unit/ctrl/pull/pair.h"

#include "ctrl/crypto/sig.h"
#include "ctrl/gdoi/gdoi.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static EVP_PKEY *p256;

static void give_kek(struct pair *p)
{
    static const uint8_t key[32] = {1, 2, 3};
    struct policy_kek *k = &p->policy.kek;
    uint8_t *der = k->public_key;
    p->policy.has_kek = true;
    p->policy.rekey_number = 41;
    memcpy(k->spi, "0123456789abcdef", 16);
    memcpy(k->iv, "fedcba9876543210", 16);
    k->cipher = GDOI_KEK_AES;
    k->key_bits = 256;
    assert_true(secret_set(&k->key, key, sizeof key));
    k->signature = GDOI_SIG_ECDSA_256;
    k->ack = GDOI_ACK_KEK_SHA256;
    k->lifetime_s = 86400;
    k->source = (struct endpoint){addr_v4(0x0a000001), 848};
    k->public_key_len = (size_t)i2d_PUBKEY(p256, &der);
}

/* Message 4 in clear, without header and padding: HASH, then the rest; and the IV it was encrypted with. */
struct view {
    uint8_t plain[4][4096];
    struct ike_iv iv;
    uint8_t nonces[64];
};

static void look(struct pair *p, struct view *v)
{
    struct ike_iv iv, next;
    assert_true(ike_sa_first_iv(&p->sa_m, pull_message_id(p->m), &iv));
    for (int i = 1; i <= 4; i++) {
        v->iv = iv;
        assert_true(ike_sa_open(&p->sa_m.suite, &p->sa_m.key, &iv, pair_span(&p->msg[i]), v->plain[i - 1],
                                sizeof v->plain[0], &next));
        iv = next;
    }
    memcpy(v->nonces, v->plain[0] + 28 + 36 + 4, 32);
    memcpy(v->nonces + 32, v->plain[1] + 28 + 36 + 4, 32);
}

static void the_kek_arrives(void **state)
{
    (void)state;
    struct pair p;
    struct view v;
    pair_init(&p);
    give_kek(&p);
    pair_run(&p, 4);
    look(&p, &v);
    assert_int_equal(v.plain[1][28 + 36 + 36 + 13], 15);             /* message 2: HASH, nonce, SA whose first is a SAK */
    const uint8_t seq[] = {17, 0, 0, 8, 0, 0, 0, 41};
    assert_int_equal(v.plain[3][28], 18);
    assert_memory_equal(v.plain[3] + 28 + 36, seq, sizeof seq);      /* message 4: HASH, SEQ, KD */
    mono_t later = mono_add(PAIR_NOW, mono_ms(2001));
    assert_int_equal(pair_step(&p, p.m, pair_span(&p.msg[4]), later, NULL), PULL_POLICY);
    const struct policy *got = pull_policy(p.m);
    const struct policy_kek *a = &p.policy.kek, *b = &got->kek;
    assert_true(got->has_kek && got->rekey_number == 41);
    assert_memory_equal(a->spi, b->spi, 16);
    assert_memory_equal(a->iv, b->iv, 16);
    assert_true(secret_equal(secret_span(&a->key), secret_span(&b->key)));
    assert_int_equal(b->public_key_len, a->public_key_len);
    assert_memory_equal(a->public_key, b->public_key, a->public_key_len);
    assert_true(endpoint_equal(&a->source, &b->source));
    assert_int_equal(b->lifetime_s, 86400 - 3); /* counted from message 1 */
    pair_free(&p);
}

static void without_one_nothing_of_it_is_said(void **state)
{
    (void)state;
    struct pair p;
    struct view v;
    pair_init(&p);
    pair_run(&p, 4);
    look(&p, &v);
    assert_int_equal(v.plain[1][28 + 36 + 36 + 13], 22);
    assert_int_equal(v.plain[3][28], 17);
    assert_int_equal(pair_step(&p, p.m, pair_span(&p.msg[4]), PAIR_NOW, NULL), PULL_POLICY);
    assert_false(pull_policy(p.m)->has_kek);
    pair_free(&p);
}

/* An authenticated key server that says one of the two only, or twice, or nonsense. */
static void seq_and_kek_come_together(void **state)
{
    (void)state;
    static const struct {
        bool kek;
        const char *seq; /* in place of the SEQ payload; without first octet, which is `next` */
        size_t len;
        const char *why;
        enum pull_result result;
    } cases[] = {
        {true, "\x11\0\0\x08\0\0\0\x07", 8, "", PULL_POLICY},
        {true, "", 0, "a KEK without a SEQ payload", PULL_BAD_POLICY},
        {true, "\x11\0\0\x07\0\0\x07", 7, "SEQ payload doesn't hold exactly 4 octets", PULL_BAD_POLICY},
        {true, "\x12\0\0\x08\0\0\0\x07\x11\0\0\x08\0\0\0\x07", 16, NULL, PULL_DROP_STATE},
        {false, "\x11\0\0\x08\0\0\0\x07", 8, "a SEQ payload without a KEK", PULL_BAD_POLICY},
        {false, "", 0, "", PULL_POLICY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pair p;
        struct view v;
        struct pair_message m;
        uint8_t payloads[4096];
        pair_init(&p);
        if (cases[i].kek)
            give_kek(&p);
        pair_run(&p, 4);
        look(&p, &v);
        const uint8_t *kd = v.plain[3] + 28 + 36 + (cases[i].kek ? 8 : 0);
        size_t kd_len = (size_t)kd[2] << 8 | kd[3];
        memcpy(payloads, cases[i].seq, cases[i].len);
        memcpy(payloads + cases[i].len, kd, kd_len);
        pair_seal(&p.sa_s, 32, pull_message_id(p.m), span_of(v.nonces, 64), payloads, cases[i].len + kd_len,
                  cases[i].len ? 18 : 17, &v.iv, &m);
        assert_int_equal(pair_step(&p, p.m, pair_span(&m), PAIR_NOW, NULL), cases[i].result);
        if (cases[i].why)
            assert_string_equal(p.report.why, cases[i].why);
        if (cases[i].result == PULL_BAD_POLICY) {
            assert_false(pull_policy(p.m)->has_kek);
            assert_int_equal(pull_policy(p.m)->n_sas, 0);
        }
        pair_free(&p);
    }
}

static void a_public_key_of_no_use_is_refused(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct pair p;
        pair_init(&p);
        give_kek(&p);
        if (i == 0)
            p.policy.kek.public_key[40] ^= 1; /* no point of the curve */
        else if (i == 1)
            p.policy.kek.signature = GDOI_SIG_ECDSA_384;
        else
            p.policy.kek.public_key_len--;
        pair_run(&p, 4);
        assert_int_equal(pair_step(&p, p.m, pair_span(&p.msg[4]), PAIR_NOW, NULL), PULL_BAD_POLICY);
        assert_string_equal(p.report.why, "the KEK's public key isn't of its signature algorithm, or too weak");
        assert_int_equal(p.report.kind, POLICY_FAULT_SIGNATURE_KEY);
        pair_free(&p);
    }
}

/* What is weak needs the member's consent, before it says anything that a server would count as accepted. */
static void a_weak_kek_needs_consent(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct pair p;
        pair_init(&p);
        give_kek(&p);
        if (i & 1) {
            p.policy.kek.cipher = GDOI_KEK_3DES;
            p.policy.kek.key_bits = 0;
            p.policy.kek.key.len = 24;
        } else {
            p.policy.kek.signature = GDOI_SIG_RSA; /* whether its key fits is known with message 4 only */
            p.policy.kek.hash = GDOI_SIG_SHA1;
        }
        pair_run(&p, 2);
        if (i & 2)
            pull_set_legacy(p.m);
        enum pull_result r = pair_step(&p, p.m, pair_span(&p.msg[2]), PAIR_NOW, NULL);
        assert_int_equal(r, i & 2 ? PULL_GOES_ON : PULL_BAD_POLICY);
        if (!(i & 2))
            assert_non_null(strstr(p.report.why, i & 1 ? "uses 3des, which needs" : "uses sha1, which needs"));
        pair_free(&p);
    }
}

/* It ended on the way: the policy is good, the next rekey must be asked for. */
static void a_kek_that_has_ended_is_left_out(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p);
    give_kek(&p);
    p.policy.kek.lifetime_s = 2;
    pair_run(&p, 4);
    assert_int_equal(pair_step(&p, p.m, pair_span(&p.msg[4]), mono_add(PAIR_NOW, mono_ms(1500)), NULL), PULL_POLICY);
    assert_int_equal(pull_policy(p.m)->n_sas, 1);
    assert_false(pull_policy(p.m)->has_kek);
    assert_int_equal(pull_policy(p.m)->kek.key.len, 0);
    pair_free(&p);
}

static void impossible_keks_are_not_sent(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        struct pair p;
        struct buf_writer w;
        pair_init(&p);
        give_kek(&p);
        struct policy_kek *k = &p.policy.kek;
        k->lifetime_s = i == 0 ? 0 : i == 1 ? UINT32_MAX : k->lifetime_s;
        k->key.len = i == 2 ? 16 : k->key.len;
        k->public_key_len = i == 3 ? 0 : i == 4 ? sizeof k->public_key + 1 : k->public_key_len;
        pair_run(&p, 1);
        assert_int_equal(pair_request(&p, pair_span(&p.msg[1])), PULL_REQUEST);
        w = buf_writer_of(p.msg[2].b, sizeof p.msg[2].b);
        assert_false(pull_answer(p.s, &p.policy, &w, &p.report));
        assert_int_equal(w.len, 0);
        pair_free(&p);
    }
}

static int set_up(void **state)
{
    (void)state;
    p256 = EVP_EC_gen("P-256");
    return p256 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    EVP_PKEY_free(p256);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kek_arrives),
        cmocka_unit_test(without_one_nothing_of_it_is_said),
        cmocka_unit_test(seq_and_kek_come_together),
        cmocka_unit_test(a_public_key_of_no_use_is_refused),
        cmocka_unit_test(a_weak_kek_needs_consent),
        cmocka_unit_test(a_kek_that_has_ended_is_left_out),
        cmocka_unit_test(impossible_keks_are_not_sent),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
