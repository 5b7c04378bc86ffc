/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The reference backend: OpenSSL's AES-GCM, one call after the other. Slow and independent of ipsec-mb: the self test
 * and the tests judge by it. The product never sends a packet with it.
 */
#include "dataplane/crypto/crypto.h"

#include <openssl/evp.h>
#include <string.h>

/* What stands in crypto_key.state. */
struct reference_key {
    uint8_t len;
    uint8_t key[32];
};

static const struct reference_key *state_of(const struct crypto_key *k)
{
    return (const struct reference_key *)(const void *)k->state;
}

static const EVP_CIPHER *cipher_of(uint8_t key_len)
{
    return key_len == 16 ? EVP_aes_128_gcm() : key_len == 24 ? EVP_aes_192_gcm() : EVP_aes_256_gcm();
}

static bool reference_key_set(struct crypto_key *k, const struct suite *suite, const uint8_t *key)
{
    struct reference_key *r = (struct reference_key *)(void *)k->state;

    memset(k, 0, sizeof *k);
    if (suite->id != SUITE_AES_GCM_128 && suite->id != SUITE_AES_GCM_192 && suite->id != SUITE_AES_GCM_256)
        return false;
    r->len = suite->key_len;
    memcpy(r->key, key, suite->key_len);
    return true;
}

/* Runs GCM in place. Sealing writes the tag, opening checks it; returns false when it is wrong or the library fails. */
static bool run(const struct crypto_key *k, bool seal, const uint8_t *nonce, struct span aad, uint8_t *text, size_t len,
                uint8_t *tag)
{
    const struct reference_key *r = state_of(k);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool ok = false;
    int n;

    if (ctx == NULL)
        return false;
    if (EVP_CipherInit_ex(ctx, cipher_of(r->len), NULL, r->key, nonce, seal) != 1)
        goto out;
    if (aad.len > 0 && EVP_CipherUpdate(ctx, NULL, &n, aad.p, (int)aad.len) != 1)
        goto out;
    if (len > 0 && EVP_CipherUpdate(ctx, text, &n, text, (int)len) != 1)
        goto out;
    if (!seal && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, CRYPTO_ICV_LEN, tag) != 1)
        goto out;
    if (EVP_CipherFinal_ex(ctx, text + len, &n) != 1)
        goto out;
    if (seal && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, CRYPTO_ICV_LEN, tag) != 1)
        goto out;
    ok = true;
out:
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

static void run_op(struct crypto_op *op, bool seal)
{
    uint8_t *text = op->esp + CRYPTO_AAD_LEN + CRYPTO_IV_LEN;

    op->ok = run(op->key, seal, op->nonce, span_of(op->esp, CRYPTO_AAD_LEN), text, op->len, text + op->len);
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
    if (!run(k, true, nonce, aad, text, len, tag))
        memset(tag, 0, CRYPTO_ICV_LEN); /* no vector expects this */
}

const struct crypto_backend *crypto_libcrypto(void)
{
    static const struct crypto_backend backend = {"libcrypto", reference_key_set, reference_seal, reference_open,
                                                  reference_seal_one};

    return &backend;
}
