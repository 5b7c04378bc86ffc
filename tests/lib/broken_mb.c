/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A crypto library that is wrong in one suite, for tests: preloaded, it stands before the real one, sets its manager up and puts a
 * function of its own before the ones that make ICVs, which changes one bit of what they made. GVPN_BROKEN names the suite. Nothing
 * of the product knows it.
 */
#include <dlfcn.h>
#include <intel-ipsec-mb.h>
#include <stdlib.h>
#include <string.h>

/* What the jobs of a suite look like. key_len 0: any. */
static const struct suite {
    const char *name;
    IMB_CIPHER_MODE cipher;
    IMB_HASH_ALG hash;
    unsigned key_len;
} suites[] = {
    {"chacha20-poly1305", IMB_CIPHER_CHACHA20_POLY1305, IMB_AUTH_CHACHA20_POLY1305, 0},
    {"aes-cbc-192/hmac-sha384-192", IMB_CIPHER_CBC, IMB_AUTH_HMAC_SHA_384, 24},
    {"aes-cbc-256/hmac-sha1-96", IMB_CIPHER_CBC, IMB_AUTH_HMAC_SHA_1, 32},
    {"null/hmac-sha256-128", IMB_CIPHER_NULL, IMB_AUTH_HMAC_SHA_256, 0},
    {"3des-cbc/hmac-sha1-96", IMB_CIPHER_DES3, IMB_AUTH_HMAC_SHA_1, 0},
};

static const struct suite *broken;
static aes_gcm_enc_dec_t real_gcm;
static submit_job_t real_submit;
static get_completed_job_t real_completed;
static flush_job_t real_flush;

static void gcm(const struct gcm_key_data *key, struct gcm_context_data *context, uint8_t *out, uint8_t const *in, uint64_t len,
                const uint8_t *iv, uint8_t const *aad, uint64_t aad_len, uint8_t *tag, uint64_t tag_len)
{
    real_gcm(key, context, out, in, len, iv, aad, aad_len, tag, tag_len);
    tag[tag_len - 1] ^= 1;
}

static IMB_JOB *spoil(IMB_JOB *j)
{
    if (j != NULL && j->cipher_mode == broken->cipher && j->hash_alg == broken->hash &&
        (broken->key_len == 0 || j->key_len_in_bytes == broken->key_len))
        j->auth_tag_output[j->auth_tag_output_len_in_bytes - 1] ^= 1;
    return j;
}

static IMB_JOB *submit(IMB_MGR *m)
{
    return spoil(real_submit(m));
}

static IMB_JOB *completed(IMB_MGR *m)
{
    return spoil(real_completed(m));
}

static IMB_JOB *flush(IMB_MGR *m)
{
    return spoil(real_flush(m));
}

static void break_gcm(aes_gcm_enc_dec_t *enc)
{
    real_gcm = *enc;
    *enc = gcm;
}

static void break_jobs(IMB_MGR *m)
{
    real_submit = m->submit_job_nocheck;
    real_completed = m->get_completed_job;
    real_flush = m->flush_job;
    m->submit_job_nocheck = submit;
    m->get_completed_job = completed;
    m->flush_job = flush;
}

/* The library's own name: who calls it gets this one. */
void init_mb_mgr_auto(IMB_MGR *m, IMB_ARCH *arch)
{
    const char *name = getenv("GVPN_BROKEN");
    void (*real)(IMB_MGR *, IMB_ARCH *);

    *(void **)&real = dlsym(RTLD_NEXT, "init_mb_mgr_auto");
    if (real == NULL || name == NULL)
        abort();
    real(m, arch);
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++)
        if (strcmp(name, suites[i].name) == 0)
            broken = &suites[i];
    if (broken != NULL)
        break_jobs(m);
    else if (strcmp(name, "aes-gcm-128") == 0)
        break_gcm(&m->gcm128_enc);
    else if (strcmp(name, "aes-gcm-192") == 0)
        break_gcm(&m->gcm192_enc);
    else if (strcmp(name, "aes-gcm-256") == 0)
        break_gcm(&m->gcm256_enc);
    else if (strcmp(name, "none") != 0)
        abort();
}
