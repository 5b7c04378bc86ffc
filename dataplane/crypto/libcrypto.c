/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The reference backend: OpenSSL, one call after the other, all suites. Slow and independent of ipsec-mb: the self test
 * and the tests judge by it. The product never sends a packet with it.
 */
#include "dataplane/crypto/crypto.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

/* What stands in crypto_key.state. */
struct reference_key {
    uint8_t key[32];
    uint8_t integrity[64];
};

static const struct reference_key *state_of(const struct crypto_key *k)
{
    return (const struct reference_key *)(const void *)k->state;
}

/* The cipher of a combined mode. */
static const EVP_CIPHER *aead_of(const struct suite *s)
{
    if (s->id == SUITE_CHACHA20_POLY1305)
        return EVP_chacha20_poly1305();
    return s->key_len == 16 ? EVP_aes_128_gcm() : s->key_len == 24 ? EVP_aes_192_gcm() : EVP_aes_256_gcm();
}

static const EVP_CIPHER *cbc_of(const struct suite *s)
{
    if (s->id == SUITE_3DES_SHA1)
        return EVP_des_ede3_cbc();
    return s->key_len == 16 ? EVP_aes_128_cbc() : s->key_len == 24 ? EVP_aes_192_cbc() : EVP_aes_256_cbc();
}

static const EVP_MD *digest_of(const struct suite *s)
{
    return s->integrity_len == 20   ? EVP_sha1()
           : s->integrity_len == 32 ? EVP_sha256()
           : s->integrity_len == 48 ? EVP_sha384()
                                    : EVP_sha512();
}

static bool reference_key_set(struct crypto_key *k, const struct suite *suite, const uint8_t *key,
                              const uint8_t *integrity)
{
    struct reference_key *r = (struct reference_key *)(void *)k->state;

    memset(k, 0, sizeof *k);
    k->suite = suite;
    if (suite->key_len != 0)
        memcpy(r->key, key, suite->key_len);
    if (suite->integrity_len != 0)
        memcpy(r->integrity, integrity, suite->integrity_len);
    return true;
}

/*
 * Runs a combined mode in place. Sealing writes the tag, opening checks it; false when it is wrong or the library
 * fails.
 */
static bool run_aead(const struct crypto_key *k, bool seal, const uint8_t *nonce, struct span aad, uint8_t *text,
                     size_t len, uint8_t *tag)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool ok = false;
    int n;

    if (ctx == NULL)
        return false;
    if (EVP_CipherInit_ex(ctx, aead_of(k->suite), NULL, state_of(k)->key, nonce, seal) != 1)
        goto out;
    if (aad.len > 0 && EVP_CipherUpdate(ctx, NULL, &n, aad.p, (int)aad.len) != 1)
        goto out;
    if (len > 0 && EVP_CipherUpdate(ctx, text, &n, text, (int)len) != 1)
        goto out;
    if (!seal && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, CRYPTO_ICV_LEN, tag) != 1)
        goto out;
    if (EVP_CipherFinal_ex(ctx, text + len, &n) != 1)
        goto out;
    if (seal && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, CRYPTO_ICV_LEN, tag) != 1)
        goto out;
    ok = true;
out:
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

/* CBC in place, no padding of its own. */
static bool run_cbc(const struct crypto_job *job)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t *text = crypto_text(job);
    bool ok = false;
    int n;

    if (ctx == NULL)
        return false;
    if (EVP_CipherInit_ex(ctx, cbc_of(job->key->suite), NULL, state_of(job->key)->key, job->esp + CRYPTO_AAD_LEN,
                          !job->open) != 1)
        goto out;
    if (EVP_CIPHER_CTX_set_padding(ctx, 0) != 1)
        goto out;
    if (job->len > 0 && EVP_CipherUpdate(ctx, text, &n, text, (int)job->len) != 1)
        goto out;
    ok = EVP_CipherFinal_ex(ctx, text + job->len, &n) == 1;
out:
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

/* The whole HMAC over everything in front of the ICV. */
static bool run_hmac(const struct crypto_job *job, uint8_t mac[EVP_MAX_MD_SIZE])
{
    const struct suite *s = job->key->suite;
    unsigned len = 0;

    return HMAC(digest_of(s), state_of(job->key)->integrity, s->integrity_len, job->esp,
                (size_t)(crypto_icv(job) - job->esp), mac, &len) != NULL &&
           len >= s->icv_len;
}

/* Encrypt, then authenticate; verify, then decrypt (RFC 4303 3.3.2, 3.4.4.1). */
static bool run_cbc_hmac(struct crypto_job *job)
{
    const struct suite *s = job->key->suite;
    uint8_t mac[EVP_MAX_MD_SIZE];

    if (!job->open && s->key_len != 0 && !run_cbc(job))
        return false;
    if (!run_hmac(job, mac))
        return false;
    memcpy(job->open ? job->tag : crypto_icv(job), mac, s->icv_len);
    if (!job->open)
        return true;
    return crypto_icv_right(job) && (s->key_len == 0 || run_cbc(job));
}

static void reference_submit(void *lanes, struct crypto_job *job)
{
    uint8_t *text = crypto_text(job);

    (void)lanes;
    if (job->key->suite->salt_len == 0)
        job->ok = run_cbc_hmac(job);
    else if (suite_is_gmac(job->key->suite))
        job->ok = run_aead(job->key, !job->open, job->nonce,
                           span_of(job->esp, (size_t)(crypto_icv(job) - job->esp)), text, 0, crypto_icv(job));
    else
        job->ok = run_aead(job->key, !job->open, job->nonce, span_of(job->esp, CRYPTO_AAD_LEN), text, job->len,
                           crypto_icv(job));
    job->done = true;
}

static void run_op(struct crypto_op *op, bool seal)
{
    uint8_t *text = op->esp + CRYPTO_AAD_LEN + CRYPTO_IV_LEN;

    op->ok = run_aead(op->key, seal, op->nonce, span_of(op->esp, CRYPTO_AAD_LEN), text, op->len, text + op->len);
}

static void reference_seal(struct crypto_op *ops, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        run_op(&ops[i], true);
}

static void reference_open(struct crypto_op *ops, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        run_op(&ops[i], false);
}

static void reference_seal_one(const struct crypto_key *k, const uint8_t nonce[12], struct span aad, uint8_t *text,
                               size_t len, uint8_t tag[CRYPTO_ICV_LEN])
{
    if (!run_aead(k, true, nonce, aad, text, len, tag))
        memset(tag, 0, CRYPTO_ICV_LEN); /* no vector expects this */
}

/* Nothing waits here. */
static void *reference_lanes_new(void)
{
    static char nothing;

    return &nothing;
}

static void reference_lanes_free(void *lanes)
{
    (void)lanes;
}

static void reference_flush(void *lanes)
{
    (void)lanes;
}

const struct crypto_backend *crypto_libcrypto(void)
{
    static const struct crypto_backend backend = {
        "libcrypto",         reference_key_set,    reference_seal,       reference_open,  reference_seal_one,
        reference_lanes_new, reference_lanes_free, reference_submit, reference_flush,
    };

    return &backend;
}
