/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The product's backend: intel-ipsec-mb's one-shot AES-GCM calls (RFC 4106), reached directly through the manager's
 * function pointers. The job API costs half as much again on short packets and brings nothing for GCM, which never
 * waits for a lane. The key schedule and hash powers are expanded once, when the SA is installed. Everything else goes
 * through lanes: ipsec_mb_lanes.c.
 */
#include "dataplane/crypto/ipsec_mb.h"

#include "common/secret.h"

#include <immintrin.h>
#include <string.h>

static_assert(sizeof(struct gcm_key_data) <= CRYPTO_KEY_STATE, "a GCM key schedule fits a crypto_key");
static_assert(_Alignof(struct gcm_key_data) <= 64, "crypto_key aligns its state well enough");

/*
 * The library wants a manager before it works; GCM and key schedules only use its function pointers, so that threads may
 * share it.
 */
static IMB_MGR *manager;

static const struct gcm_key_data *schedule(const struct crypto_key *k)
{
    return (const struct gcm_key_data *)(const void *)k->state;
}

/* GMAC is GCM that has no text: schedule and calls are the same (RFC 4543 section 3). */
static void set_gcm(struct crypto_key *k, const uint8_t *key)
{
    struct gcm_key_data *data = (struct gcm_key_data *)(void *)k->state;

    switch (k->suite->key_len) {
    case 16:
        IMB_AES128_GCM_PRE(manager, key, data);
        k->run = (void (*)(void))manager->gcm128_enc;
        k->run_open = (void (*)(void))manager->gcm128_dec;
        break;
    case 24:
        IMB_AES192_GCM_PRE(manager, key, data);
        k->run = (void (*)(void))manager->gcm192_enc;
        k->run_open = (void (*)(void))manager->gcm192_dec;
        break;
    default:
        IMB_AES256_GCM_PRE(manager, key, data);
        k->run = (void (*)(void))manager->gcm256_enc;
        k->run_open = (void (*)(void))manager->gcm256_dec;
        break;
    }
}

static bool mb_key_set(struct crypto_key *k, const struct suite *suite, const uint8_t *key, const uint8_t *integrity)
{
    memset(k, 0, sizeof *k);
    k->suite = suite;
    if (suite->salt_len != 0 && suite->id != SUITE_CHACHA20_POLY1305) {
        set_gcm(k, key);
        return true;
    }
    return ipsec_mb_lanes_key(manager, k, key, integrity);
}

static void mb_seal(struct crypto_op *ops, unsigned n)
{
    struct gcm_context_data scratch;

    for (unsigned i = 0; i < n; i++) {
        struct crypto_op *op = &ops[i];
        uint8_t *text = op->esp + CRYPTO_AAD_LEN + CRYPTO_IV_LEN;

        ((aes_gcm_enc_dec_t)op->key->run)(schedule(op->key), &scratch, text, text, op->len, op->nonce, op->esp,
                                          CRYPTO_AAD_LEN, text + op->len, CRYPTO_ICV_LEN);
    }
}

/* Constant time: all 16 octets at once. */
static bool icv_equal(const uint8_t *a, const uint8_t *b)
{
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)a);
    __m128i diff = _mm_xor_si128(x, _mm_loadu_si128((const __m128i *)(const void *)b));

    return _mm_testz_si128(diff, diff);
}

static void mb_open(struct crypto_op *ops, unsigned n)
{
    struct gcm_context_data scratch;

    for (unsigned i = 0; i < n; i++) {
        struct crypto_op *op = &ops[i];
        uint8_t *text = op->esp + CRYPTO_AAD_LEN + CRYPTO_IV_LEN;

        ((aes_gcm_enc_dec_t)op->key->run_open)(schedule(op->key), &scratch, text, text, op->len, op->nonce, op->esp,
                                               CRYPTO_AAD_LEN, op->tag, CRYPTO_ICV_LEN);
    }
    /* A loop of its own: tags just stored would stall their loads. */
    for (unsigned i = 0; i < n; i++) {
        const uint8_t *icv = ops[i].esp + CRYPTO_AAD_LEN + CRYPTO_IV_LEN + ops[i].len;

        ops[i].ok = icv_equal(ops[i].tag, icv);
    }
}

static void mb_seal_one(const struct crypto_key *k, const uint8_t nonce[12], struct span aad, uint8_t *text, size_t len,
                        uint8_t tag[CRYPTO_ICV_LEN])
{
    struct gcm_context_data scratch;

    ((aes_gcm_enc_dec_t)k->run)(schedule(k), &scratch, text, text, len, nonce, aad.p, aad.len, tag, CRYPTO_ICV_LEN);
}

const struct crypto_backend *crypto_ipsec_mb(void)
{
    static const struct crypto_backend backend = {"ipsec-mb",
                                                  mb_key_set,
                                                  mb_seal,
                                                  mb_open,
                                                  mb_seal_one,
                                                  ipsec_mb_lanes_new,
                                                  ipsec_mb_lanes_free,
                                                  ipsec_mb_lanes_submit,
                                                  ipsec_mb_lanes_flush};

    if (manager == NULL) {
        manager = alloc_mb_mgr(0);
        if (manager == NULL)
            return NULL;
        init_mb_mgr_auto(manager, NULL);
    }
    return manager->gcm128_enc != NULL && imb_get_errno(manager) == 0 ? &backend : NULL;
}
