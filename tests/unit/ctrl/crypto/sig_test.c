/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Signatures: which keys are taken, which aren't, and that nothing but the right signature passes. Published vectors are in
 * tests/interop/wycheproof_ctrl_test.c, another implementation's signatures in tests/oracle/push_test.py.
 */
#include "ctrl/crypto/sig.h"
#include "tests/lib/bytes.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static EVP_PKEY *rsa, *p256, *p384;
static struct sig_key *keys[3];
static const enum sig_kind kinds[] = {SIG_RSA, SIG_ECDSA_256, SIG_ECDSA_384};
static char error[256];

/* Private key as PEM, with a pass phrase if one is given. */
static struct sig_key *load(EVP_PKEY *key, const char *pass)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem;
    assert_non_null(key);
    assert_int_equal(PEM_write_bio_PrivateKey(bio, key, pass ? EVP_aes_128_cbc() : NULL, (const unsigned char *)pass,
                                              pass ? (int)strlen(pass) : 0, NULL, NULL), 1);
    long len = BIO_get_mem_data(bio, &pem);
    struct bytes copy = bytes_copy(span_of(pem, (size_t)len)); /* not ended by a NUL */
    error[0] = '\0';
    struct sig_key *k = sig_key_load(bytes_span(&copy), error, sizeof(error));
    bytes_free(&copy);
    BIO_free(bio);
    assert_int_equal(k == NULL, error[0] != '\0');
    return k;
}

static struct bytes public_of(EVP_PKEY *key)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    assert_true(len > 0);
    struct bytes b = bytes_copy(span_of(der, (size_t)len));
    OPENSSL_free(der);
    return b;
}

static EVP_PKEY *rsa_with(unsigned bits, unsigned long exponent)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, NULL);
    EVP_PKEY *key = NULL;
    BIGNUM *e = BN_new();
    assert_int_equal(BN_set_word(e, exponent), 1);
    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
    assert_true(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits) > 0 && EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e) > 0);
    assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
    EVP_PKEY_CTX_free(ctx);
    BN_free(e);
    return key;
}

static int set_up(void **state)
{
    (void)state;
    rsa = EVP_RSA_gen(2048);
    p256 = EVP_EC_gen("P-256");
    p384 = EVP_EC_gen("P-384");
    keys[0] = load(rsa, NULL);
    keys[1] = load(p256, NULL);
    keys[2] = load(p384, NULL);
    return keys[0] && keys[1] && keys[2] ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++)
        sig_key_free(keys[i]);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(p256);
    EVP_PKEY_free(p384);
    return 0;
}

static void keys_say_what_they_are(void **state)
{
    (void)state;
    static const unsigned bits[] = {2048, 256, 384}, octets[] = {256, 64, 96};
    EVP_PKEY *const originals[] = {rsa, p256, p384};
    for (size_t i = 0; i < 3; i++) {
        struct bytes der = public_of(originals[i]);
        assert_int_equal(sig_key_kind(keys[i]), kinds[i]);
        assert_int_equal(sig_key_bits(keys[i]), bits[i]);
        assert_true(span_equal(sig_key_public(keys[i]), bytes_span(&der)));
        assert_int_equal(sig_len(bytes_span(&der)), octets[i]);
        for (uint16_t kind = 0; kind < 8; kind++)
            assert_int_equal(sig_fits(bytes_span(&der), kind), kind == kinds[i]);
        bytes_free(&der);
    }
}

static void other_keys_are_refused(void **state)
{
    (void)state;
    const struct {
        EVP_PKEY *key;
        const char *text;
    } bad[] = {
        {EVP_RSA_gen(1024), "an RSA key below 2048 bits"},
        {EVP_RSA_gen(2047), "an RSA key below 2048 bits"},
        {rsa_with(2048, 3), "an RSA key with a public exponent below 65537, even or above 64 bits"},
        {rsa_with(2048, 65535), "an RSA key with a public exponent below 65537, even or above 64 bits"},
        {EVP_EC_gen("P-521"), "an EC key on a curve other than P-256 and P-384"},
        {EVP_EC_gen("P-224"), "an EC key on a curve other than P-256 and P-384"},
        {EVP_EC_gen("secp256k1"), "an EC key on a curve other than P-256 and P-384"},
        {EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "a key that is neither RSA nor ECDSA"},
        {EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), "a key that is neither RSA nor ECDSA"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct bytes der = public_of(bad[i].key);
        assert_null(load(bad[i].key, NULL));
        assert_string_equal(error, bad[i].text);
        assert_int_equal(sig_len(bytes_span(&der)), 0);
        for (uint16_t kind = 0; kind < 8; kind++)
            assert_false(sig_fits(bytes_span(&der), kind));
        bytes_free(&der);
        EVP_PKEY_free(bad[i].key);
    }
}

/* A curve of one's own makes one's own signatures valid for somebody else's point (CVE-2020-0601). */
static void a_curve_said_by_its_numbers_is_refused(void **state)
{
    (void)state;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
    EVP_PKEY *key = NULL;
    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
    assert_true(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx, NID_X9_62_prime256v1) > 0 &&
                EVP_PKEY_CTX_set_ec_param_enc(ctx, OPENSSL_EC_EXPLICIT_CURVE) > 0);
    assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
    struct bytes der = public_of(key);
    assert_true(der.len > 200);
    assert_int_equal(sig_len(bytes_span(&der)), 0);
    assert_null(load(key, NULL));
    bytes_free(&der);
    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(ctx);
}

/* It must not ask anybody for the pass phrase either: a daemon has no terminal. */
static void what_is_no_open_private_key_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "x", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
                                      "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"};
    assert_null(load(rsa, "secret"));
    assert_string_equal(error, "not an unencrypted private key in PEM form");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_null(sig_key_load(span_of(bad[i], strlen(bad[i])), error, sizeof(error)));
        assert_string_equal(error, "not an unencrypted private key in PEM form");
    }
    sig_key_free(NULL);
}

static void public_keys_must_be_whole_and_nothing_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct span der = sig_key_public(keys[i]);
        struct bytes longer = {malloc(der.len + 1), der.len + 1};
        memcpy(longer.p, der.p, der.len);
        longer.p[der.len] = 0;
        assert_int_equal(sig_len(bytes_span(&longer)), 0);
        bytes_free(&longer);
        for (size_t len = 0; len < der.len; len++) {
            struct bytes cut = bytes_copy(span_of(der.p, len));
            assert_int_equal(sig_len(bytes_span(&cut)), 0);
            bytes_free(&cut);
        }
    }
}

static void only_the_right_signature_passes(void **state)
{
    (void)state;
    const struct span parts[] = {span_of("rek", 3), span_of("ey", 2), span_of("", 0)}, whole = span_of("rekey", 5);
    for (size_t i = 0; i < 3; i++) {
        struct span public = sig_key_public(keys[i]);
        uint8_t sig[SIG_MAX_LEN];
        size_t len;
        uint16_t hash = kinds[i] == SIG_ECDSA_384 ? SIG_HASH_SHA384 : SIG_HASH_SHA256;
        assert_true(sig_sign(keys[i], hash, parts, 3, sig, &len));
        assert_int_equal(len, sig_len(public));
        assert_true(sig_verify(public, kinds[i], hash, &whole, 1, span_of(sig, len)));
        assert_int_equal(sig_verify(public, kinds[i], SIG_HASH_OF_CURVE, &whole, 1, span_of(sig, len)), i > 0);
        assert_false(sig_verify(public, kinds[(i + 1) % 3], hash, &whole, 1, span_of(sig, len)));
        assert_false(sig_verify(sig_key_public(keys[(i + 1) % 3]), kinds[i], hash, &whole, 1, span_of(sig, len)));
        assert_false(sig_verify(public, kinds[i], hash, parts, 1, span_of(sig, len)));
        assert_false(sig_verify(span_of(public.p, public.len - 1), kinds[i], hash, &whole, 1, span_of(sig, len)));
        for (uint16_t other = 0; other < 8; other++) /* the hash is part of what was said before */
            if (other != hash && other != SIG_HASH_OF_CURVE)
                assert_false(sig_verify(public, kinds[i], other, &whole, 1, span_of(sig, len)));
        for (size_t cut = 0; cut < len; cut++)
            assert_false(sig_verify(public, kinds[i], hash, &whole, 1, span_of(sig, cut)));
        for (size_t bit = 0; bit < 8 * len; bit += 3) {
            sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_false(sig_verify(public, kinds[i], hash, &whole, 1, span_of(sig, len)));
            sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        memset(sig, 0, sizeof(sig)); /* r = s = 0: valid for everything where nobody looks (CVE-2022-21449) */
        assert_false(sig_verify(public, kinds[i], hash, &whole, 1, span_of(sig, len)));
    }
}

static void hashes_are_those_of_the_rfc(void **state)
{
    (void)state;
    const struct span whole = span_of("rekey", 5);
    for (size_t i = 0; i < 3; i++)
        for (uint16_t hash = 0; hash < 8; hash++) {
            uint8_t sig[SIG_MAX_LEN];
            size_t len;
            bool fits = kinds[i] == SIG_RSA ? hash >= SIG_HASH_SHA1 && hash <= SIG_HASH_SHA512
                                            : hash == 0 || hash == (kinds[i] == SIG_ECDSA_256 ? 3 : 4);
            assert_int_equal(sig_sign(keys[i], hash, &whole, 1, sig, &len), fits);
            if (fits)
                assert_true(sig_verify(sig_key_public(keys[i]), kinds[i], hash, &whole, 1, span_of(sig, len)));
        }
}

/* IKEv1's form of RSA: the hash itself in a block of type 1. The one form never passes as the other. */
static void a_bare_hash_is_another_form(void **state)
{
    (void)state;
    const struct span whole = span_of("rekey", 5);
    uint8_t digest[32], sig[256], full[SIG_MAX_LEN];
    size_t len = sizeof(sig), full_len;
    assert_int_equal(EVP_Digest(whole.p, whole.len, digest, NULL, EVP_sha256(), NULL), 1);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(rsa, NULL);
    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    assert_true(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0);
    assert_int_equal(EVP_PKEY_sign(ctx, sig, &len, digest, sizeof(digest)), 1);
    EVP_PKEY_CTX_free(ctx);
    struct span public = sig_key_public(keys[0]);
    assert_true(sig_verify_bare(public, SIG_RSA, SIG_HASH_SHA256, &whole, 1, span_of(sig, len)));
    assert_false(sig_verify(public, SIG_RSA, SIG_HASH_SHA256, &whole, 1, span_of(sig, len)));
    assert_false(sig_verify_bare(public, SIG_RSA, SIG_HASH_SHA384, &whole, 1, span_of(sig, len)));
    assert_false(sig_verify_bare(public, SIG_ECDSA_256, SIG_HASH_SHA256, &whole, 1, span_of(sig, len)));
    assert_false(sig_verify_bare(public, SIG_RSA, SIG_HASH_SHA256, &whole, 1, span_of(sig, len - 1)));
    assert_false(sig_verify_bare(public, SIG_RSA, SIG_HASH_SHA256, &public, 1, span_of(sig, len)));
    assert_true(sig_sign(keys[0], SIG_HASH_SHA256, &whole, 1, full, &full_len));
    assert_false(sig_verify_bare(public, SIG_RSA, SIG_HASH_SHA256, &whole, 1, span_of(full, full_len)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_say_what_they_are),
        cmocka_unit_test(other_keys_are_refused),
        cmocka_unit_test(a_curve_said_by_its_numbers_is_refused),
        cmocka_unit_test(what_is_no_open_private_key_is_refused),
        cmocka_unit_test(public_keys_must_be_whole_and_nothing_more),
        cmocka_unit_test(only_the_right_signature_passes),
        cmocka_unit_test(hashes_are_those_of_the_rfc),
        cmocka_unit_test(a_bare_hash_is_another_form),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
