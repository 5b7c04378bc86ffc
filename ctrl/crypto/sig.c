/* SPDX-License-Identifier: BSD-3-Clause */
/* Signing and verifying by the library (EVP); what is done here is to say no to keys and hashes that don't fit. */
#include "ctrl/crypto/sig.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RSA_MIN_EXPONENT      65537
#define RSA_MAX_EXPONENT_BITS 64 /* a longer one only costs time */
#define ECDSA_MAX_DER         128

static const struct curve {
    uint16_t kind, hash, width; /* width: octets of r and of s */
    const char *group;
} curves[] = {{SIG_ECDSA_256, SIG_HASH_SHA256, 32, "prime256v1"}, {SIG_ECDSA_384, SIG_HASH_SHA384, 48, "secp384r1"}};

struct sig_key {
    EVP_PKEY *key;
    uint16_t kind;
    uint8_t *public;
    size_t public_len;
};

static const struct curve *find_curve(uint16_t kind)
{
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++)
        if (curves[i].kind == kind)
            return &curves[i];
    return NULL;
}

/* ---- which keys we take ---- */

static const char *judge_rsa(EVP_PKEY *key)
{
    BIGNUM *e = NULL, *n = NULL;
    const char *why = "not a whole RSA key";
    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 &&
        EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1) {
        if (BN_num_bits(n) < SIG_RSA_MIN_BITS)
            why = "an RSA key below 2048 bits";
        else if (BN_num_bits(n) > SIG_RSA_MAX_BITS)
            why = "an RSA key above 8192 bits";
        else if (!BN_is_odd(n))
            why = "an RSA key with an even modulus";
        else if (BN_num_bits(e) > RSA_MAX_EXPONENT_BITS || !BN_is_odd(e) || BN_get_word(e) < RSA_MIN_EXPONENT)
            why = "an RSA key with a public exponent below 65537, even or above 64 bits";
        else
            why = NULL;
    }
    BN_free(e);
    BN_free(n);
    return why;
}

static const char *judge_ec(EVP_PKEY *key, uint16_t *kind)
{
    char group[32];
    size_t len;
    int explicit = 0;
    if (EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &explicit) == 1 && explicit)
        return "an EC key with a curve of its own (CVE-2020-0601)";
    if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group, &len) != 1)
        return "an EC key on an unknown curve";
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++) {
        if (strcmp(group, curves[i].group) == 0) {
            *kind = curves[i].kind;
            return NULL;
        }
    }
    return "an EC key on a curve other than P-256 and P-384";
}

/* NULL when we take it; or what it is instead. */
static const char *judge(EVP_PKEY *key, uint16_t *kind)
{
    *kind = SIG_RSA;
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
        return judge_rsa(key);
    case EVP_PKEY_EC:
        return judge_ec(key, kind);
    default:
        return "a key that is neither RSA nor ECDSA";
    }
}

/* The library's form of a public half, or NULL when we don't take it. */
static EVP_PKEY *read_public(struct span der, uint16_t *kind)
{
    const unsigned char *at = der.p;
    if (der.len == 0 || der.len > LONG_MAX)
        return NULL;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)der.len);
    if (key && (at != der.p + der.len || judge(key, kind) != NULL)) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    return key;
}

static size_t octets(EVP_PKEY *key, uint16_t kind)
{
    const struct curve *c = find_curve(kind);
    return c ? 2 * (size_t)c->width : (size_t)EVP_PKEY_get_size(key);
}

size_t sig_len(struct span public_key)
{
    uint16_t kind;
    EVP_PKEY *key = read_public(public_key, &kind);
    size_t len = key ? octets(key, kind) : 0;
    EVP_PKEY_free(key);
    return len;
}

bool sig_fits(struct span public_key, uint16_t kind)
{
    uint16_t is;
    EVP_PKEY *key = read_public(public_key, &is);
    bool fits = key && is == kind;
    EVP_PKEY_free(key);
    return fits;
}

/* ---- private keys ---- */

/* A key behind a pass phrase is no key here; without this the library would ask on the terminal. */
static int no_pass_phrase(char *buf, int size, int writing, void *ctx)
{
    (void)writing;
    (void)ctx;
    if (size > 0)
        buf[0] = '\0';
    return -1;
}

static bool fill(struct sig_key *k, EVP_PKEY *key, const char **why)
{
    *why = key ? judge(key, &k->kind) : "not an unencrypted private key in PEM form";
    if (*why)
        return false;
    int len = i2d_PUBKEY(key, &k->public);
    if (len <= 0 || EVP_PKEY_up_ref(key) != 1) {
        *why = "a key that the crypto library can't handle";
        return false;
    }
    k->public_len = (size_t)len;
    k->key = key;
    return true;
}

struct sig_key *sig_key_load(struct span pem, char *error, size_t error_len)
{
    const char *why = "memory is short";
    struct sig_key *k = calloc(1, sizeof *k);
    BIO *bio = pem.len > 0 && pem.len <= INT_MAX ? BIO_new_mem_buf(pem.p, (int)pem.len) : NULL;
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL) : NULL;
    bool ok = k && fill(k, key, &why);
    EVP_PKEY_free(key);
    BIO_free(bio);
    if (ok)
        return k;
    snprintf(error, error_len, "%s", why);
    sig_key_free(k);
    return NULL;
}

void sig_key_free(struct sig_key *k)
{
    if (!k)
        return;
    EVP_PKEY_free(k->key);
    OPENSSL_free(k->public);
    free(k);
}

enum sig_kind sig_key_kind(const struct sig_key *k)
{
    return (enum sig_kind)k->kind;
}

unsigned sig_key_bits(const struct sig_key *k)
{
    return (unsigned)EVP_PKEY_get_bits(k->key);
}

struct span sig_key_public(const struct sig_key *k)
{
    return span_of(k->public, k->public_len);
}

/* ---- signatures ---- */

static const EVP_MD *find_hash(uint16_t kind, uint16_t hash)
{
    const struct curve *c = find_curve(kind);
    if (c && hash != SIG_HASH_OF_CURVE && hash != c->hash)
        return NULL;
    switch (c ? c->hash : hash) {
    case SIG_HASH_SHA1:
        return EVP_sha1();
    case SIG_HASH_SHA256:
        return EVP_sha256();
    case SIG_HASH_SHA384:
        return EVP_sha384();
    case SIG_HASH_SHA512:
        return EVP_sha512();
    default:
        return NULL;
    }
}

/* The library's DER form to r|s. */
static bool narrow(const struct curve *c, const uint8_t *der, size_t der_len, uint8_t *out, size_t *len)
{
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)der_len);
    bool ok = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, c->width) == c->width &&
              BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + c->width, c->width) == c->width;
    ECDSA_SIG_free(sig);
    *len = ok ? 2 * (size_t)c->width : 0;
    return ok;
}

/* And back; der has ECDSA_MAX_DER octets. */
static bool widen(const struct curve *c, struct span rs, uint8_t *der, size_t *len)
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(rs.p, c->width, NULL), *s = BN_bin2bn(rs.p + c->width, c->width, NULL);
    bool ok = sig && r && s && ECDSA_SIG_set0(sig, r, s) == 1;
    if (!ok) {
        BN_free(r);
        BN_free(s);
    }
    int n = ok ? i2d_ECDSA_SIG(sig, NULL) : 0;
    ok = n > 0 && n <= ECDSA_MAX_DER && i2d_ECDSA_SIG(sig, &der) == n;
    ECDSA_SIG_free(sig);
    *len = ok ? (size_t)n : 0;
    return ok;
}

bool sig_sign(const struct sig_key *k, uint16_t hash, const struct span *parts, size_t n, uint8_t *out, size_t *len)
{
    const struct curve *c = find_curve(k->kind);
    const EVP_MD *md = find_hash(k->kind, hash);
    EVP_MD_CTX *ctx = md ? EVP_MD_CTX_new() : NULL;
    EVP_PKEY_CTX *pctx;
    uint8_t sig[SIG_MAX_LEN];
    size_t sig_octets = sizeof sig;
    bool ok = ctx && EVP_DigestSignInit(ctx, &pctx, md, NULL, k->key) == 1 &&
              (c || EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PADDING) == 1);
    for (size_t i = 0; ok && i < n; i++)
        ok = EVP_DigestSignUpdate(ctx, parts[i].p, parts[i].len) == 1;
    ok = ok && EVP_DigestSignFinal(ctx, sig, &sig_octets) == 1;
    EVP_MD_CTX_free(ctx);
    if (ok && c)
        return narrow(c, sig, sig_octets, out, len);
    *len = ok ? sig_octets : 0;
    if (ok)
        memcpy(out, sig, sig_octets);
    return ok;
}

static bool verify_with(EVP_PKEY *key, const EVP_MD *md, bool rsa, const struct span *parts, size_t n, struct span sig)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx;
    bool ok = ctx && EVP_DigestVerifyInit(ctx, &pctx, md, NULL, key) == 1 &&
              (!rsa || EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PADDING) == 1);
    for (size_t i = 0; ok && i < n; i++)
        ok = EVP_DigestVerifyUpdate(ctx, parts[i].p, parts[i].len) == 1;
    ok = ok && EVP_DigestVerifyFinal(ctx, sig.p, sig.len) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

bool sig_verify(struct span public_key, uint16_t kind, uint16_t hash, const struct span *parts, size_t n,
                struct span signature)
{
    uint16_t is;
    uint8_t der[ECDSA_MAX_DER];
    size_t der_len;
    const struct curve *c = find_curve(kind);
    const EVP_MD *md = find_hash(kind, hash);
    EVP_PKEY *key = md ? read_public(public_key, &is) : NULL;
    bool ok = key && is == kind && signature.len == octets(key, kind);
    if (ok && c) {
        ok = widen(c, signature, der, &der_len);
        signature = span_of(der, der_len);
    }
    ok = ok && verify_with(key, md, c == NULL, parts, n, signature);
    EVP_PKEY_free(key);
    return ok;
}

/* hash(parts), which becomes the signed data itself. */
static bool digest_of(const EVP_MD *md, const struct span *parts, size_t n, uint8_t out[EVP_MAX_MD_SIZE], unsigned *len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestInit_ex(ctx, md, NULL) == 1;
    for (size_t i = 0; ok && i < n; i++)
        ok = EVP_DigestUpdate(ctx, parts[i].p, parts[i].len) == 1;
    ok = ok && EVP_DigestFinal_ex(ctx, out, len) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

bool sig_verify_bare(struct span public_key, uint16_t kind, uint16_t hash, const struct span *parts, size_t n,
                     struct span signature)
{
    uint16_t is;
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned digest_len;
    const EVP_MD *md = kind == SIG_RSA ? find_hash(kind, hash) : NULL;
    EVP_PKEY *key = md ? read_public(public_key, &is) : NULL;
    bool ok = key && is == kind && signature.len == octets(key, kind) && digest_of(md, parts, n, digest, &digest_len);
    EVP_PKEY_CTX *ctx = ok ? EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL) : NULL;
    ok = ctx && EVP_PKEY_verify_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
         EVP_PKEY_verify(ctx, signature.p, signature.len, digest, digest_len) == 1;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    return ok;
}
