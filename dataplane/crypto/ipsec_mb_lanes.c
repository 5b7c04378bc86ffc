/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lanes: intel-ipsec-mb's job manager, one per thread and direction. It collects jobs of CBC, 3DES and HMAC until all of a
 * register's lanes have one, and works on them side by side; so a job is done when others have come, or at a flush.
 * GCM and GMAC are done at once, by the one-shot calls. RFC 3602, 2451, 2410, 2404, 4868, 7634, 4543.
 */
#include "dataplane/crypto/ipsec_mb.h"

#include "common/secret.h"

#include <string.h>

#define AES_SCHEDULE 240 /* octets: 15 round keys */

/* What stands in crypto_key.state. It points into itself: such a key can't be copied. */
struct lanes_key {
    union {
        struct {
            uint8_t enc[AES_SCHEDULE] __attribute__((aligned(16)));
            uint8_t dec[AES_SCHEDULE] __attribute__((aligned(16)));
        } aes;
        struct {
            uint64_t schedules[3][IMB_DES_KEY_SCHED_SIZE / 8];
            const void *places[3];
        } des;
        uint8_t chacha[32];
    };
    uint8_t ipad[64] __attribute__((aligned(16))); /* hash states behind the key's block (RFC 2104) */
    uint8_t opad[64] __attribute__((aligned(16)));
    const void *enc_keys, *dec_keys;
    IMB_CIPHER_MODE cipher;
    IMB_HASH_ALG hash;
};
static_assert(sizeof(struct lanes_key) <= CRYPTO_KEY_STATE, "keys of lanes fit a crypto_key");
static_assert(CRYPTO_JOBS_MAX <= IMB_MAX_JOBS / 2, "the manager has room for all jobs");

static struct lanes_key *state_of(struct crypto_key *k)
{
    return (struct lanes_key *)(void *)k->state;
}

static const struct lanes_key *const_state_of(const struct crypto_key *k)
{
    return (const struct lanes_key *)(const void *)k->state;
}

/* The hash's state behind one block of key xor pad. */
static void hash_pad(IMB_MGR *m, IMB_HASH_ALG hash, const uint8_t *key, size_t len, uint8_t pad, uint8_t *state)
{
    uint8_t block[128];

    memset(block, pad, sizeof block);
    for (size_t i = 0; i < len; i++)
        block[i] ^= key[i];
    switch (hash) {
    case IMB_AUTH_HMAC_SHA_1:
        IMB_SHA1_ONE_BLOCK(m, block, state);
        break;
    case IMB_AUTH_HMAC_SHA_256:
        IMB_SHA256_ONE_BLOCK(m, block, state);
        break;
    case IMB_AUTH_HMAC_SHA_384:
        IMB_SHA384_ONE_BLOCK(m, block, state);
        break;
    default:
        IMB_SHA512_ONE_BLOCK(m, block, state);
        break;
    }
    wipe(block, sizeof block);
}

static void set_hmac(IMB_MGR *m, struct lanes_key *s, const uint8_t *integrity, size_t len)
{
    s->hash = len == 20   ? IMB_AUTH_HMAC_SHA_1
              : len == 32 ? IMB_AUTH_HMAC_SHA_256
              : len == 48 ? IMB_AUTH_HMAC_SHA_384
                          : IMB_AUTH_HMAC_SHA_512;
    hash_pad(m, s->hash, integrity, len, 0x36, s->ipad);
    hash_pad(m, s->hash, integrity, len, 0x5c, s->opad);
}

static void set_3des(IMB_MGR *m, struct lanes_key *s, const uint8_t *key)
{
    for (unsigned i = 0; i < 3; i++) {
        IMB_DES_KEYSCHED(m, s->des.schedules[i], key + (size_t)8 * i);
        s->des.places[i] = s->des.schedules[i];
    }
    s->cipher = IMB_CIPHER_DES3;
    s->enc_keys = s->dec_keys = s->des.places;
}

static void set_cbc(IMB_MGR *m, struct lanes_key *s, const uint8_t *key, size_t len)
{
    if (len == 16)
        IMB_AES_KEYEXP_128(m, key, s->aes.enc, s->aes.dec);
    else if (len == 24)
        IMB_AES_KEYEXP_192(m, key, s->aes.enc, s->aes.dec);
    else
        IMB_AES_KEYEXP_256(m, key, s->aes.enc, s->aes.dec);
    s->cipher = IMB_CIPHER_CBC;
    s->enc_keys = s->aes.enc;
    s->dec_keys = s->aes.dec;
}

bool ipsec_mb_lanes_key(IMB_MGR *m, struct crypto_key *k, const uint8_t *key, const uint8_t *integrity)
{
    const struct suite *suite = k->suite;
    struct lanes_key *s = state_of(k);

    if (suite->id == SUITE_CHACHA20_POLY1305) {
        memcpy(s->chacha, key, sizeof s->chacha);
        s->cipher = IMB_CIPHER_CHACHA20_POLY1305;
        s->hash = IMB_AUTH_CHACHA20_POLY1305;
        s->enc_keys = s->dec_keys = s->chacha;
        return true;
    }
    if (suite->id == SUITE_3DES_SHA1)
        set_3des(m, s, key);
    else if (suite->key_len != 0)
        set_cbc(m, s, key, suite->key_len);
    else
        s->cipher = IMB_CIPHER_NULL;
    set_hmac(m, s, integrity, suite->integrity_len);
    return imb_get_errno(m) == 0;
}

void *ipsec_mb_lanes_new(void)
{
    IMB_MGR *m = alloc_mb_mgr(0);

    if (m != NULL)
        init_mb_mgr_auto(m, NULL);
    return m;
}

void ipsec_mb_lanes_free(void *lanes)
{
    if (lanes == NULL)
        return;
    wipe(lanes, imb_get_mb_mgr_size()); /* its schedulers have seen text */
    free_mb_mgr(lanes);
}

/* GCM: the text is text. GMAC: everything is additional data, nothing is text (RFC 4543 figure 4). */
static void run_at_once(struct crypto_job *job)
{
    const struct gcm_key_data *key = (const struct gcm_key_data *)(const void *)job->key->state;
    bool gmac = suite_is_gmac(job->key->suite);
    aes_gcm_enc_dec_t run = (aes_gcm_enc_dec_t)(job->open ? job->key->run_open : job->key->run);
    uint8_t *text = crypto_text(job), *icv = job->open ? job->tag : crypto_icv(job);
    struct gcm_context_data scratch;

    run(key, &scratch, text, text, gmac ? 0 : job->len, job->nonce, job->esp,
        gmac ? CRYPTO_AAD_LEN + CRYPTO_IV_LEN + job->len : CRYPTO_AAD_LEN, icv, CRYPTO_ICV_LEN);
    job->ok = !job->open || crypto_icv_right(job);
    job->done = true;
}

static void fill(IMB_JOB *j, struct crypto_job *job)
{
    const struct lanes_key *s = const_state_of(job->key);
    const struct suite *suite = job->key->suite;
    uint32_t intro_len = CRYPTO_AAD_LEN + suite->iv_len;

    j->enc_keys = s->enc_keys;
    j->dec_keys = s->dec_keys;
    j->key_len_in_bytes = suite->key_len != 0 ? suite->key_len : 16; /* it indexes a table even without a cipher */
    j->src = job->esp;
    j->dst = job->esp + intro_len;
    j->cipher_start_src_offset_in_bytes = intro_len;
    j->msg_len_to_cipher_in_bytes = job->len;
    j->auth_tag_output = job->open ? job->tag : job->esp + intro_len + job->len;
    j->auth_tag_output_len_in_bytes = suite->icv_len;
    j->cipher_mode = s->cipher;
    j->hash_alg = s->hash;
    j->cipher_direction = job->open ? IMB_DIR_DECRYPT : IMB_DIR_ENCRYPT;
    j->chain_order = job->open ? IMB_ORDER_HASH_CIPHER : IMB_ORDER_CIPHER_HASH;
    j->user_data = job;
    if (suite->id == SUITE_CHACHA20_POLY1305) {
        j->iv = job->nonce;
        j->iv_len_in_bytes = 12;
        j->hash_start_src_offset_in_bytes = intro_len;
        j->msg_len_to_hash_in_bytes = job->len;
        j->u.CHACHA20_POLY1305.aad = job->esp;
        j->u.CHACHA20_POLY1305.aad_len_in_bytes = CRYPTO_AAD_LEN;
    } else {
        j->iv = job->esp + CRYPTO_AAD_LEN;
        j->iv_len_in_bytes = suite->iv_len;
        j->hash_start_src_offset_in_bytes = 0;
        j->msg_len_to_hash_in_bytes = intro_len + job->len;
        j->u.HMAC._hashed_auth_key_xor_ipad = s->ipad;
        j->u.HMAC._hashed_auth_key_xor_opad = s->opad;
    }
}

static void finish(const IMB_JOB *j)
{
    struct crypto_job *job = j->user_data;

    job->ok = j->status == IMB_STATUS_COMPLETED && (!job->open || crypto_icv_right(job));
    job->done = true;
}

void ipsec_mb_lanes_submit(void *lanes, struct crypto_job *job)
{
    IMB_MGR *m = lanes;
    IMB_JOB *j;

    job->done = false;
    if (job->key->run != NULL) {
        run_at_once(job);
        return;
    }
    fill(IMB_GET_NEXT_JOB(m), job);
    for (j = IMB_SUBMIT_JOB_NOCHECK(m); j != NULL; j = IMB_GET_COMPLETED_JOB(m))
        finish(j);
}

void ipsec_mb_lanes_flush(void *lanes)
{
    IMB_MGR *m = lanes;
    IMB_JOB *j;

    while ((j = IMB_FLUSH_JOB(m)) != NULL)
        finish(j);
}
