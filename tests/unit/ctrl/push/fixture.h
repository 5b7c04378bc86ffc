/* SPDX-License-Identifier: BSD-3-Clause */
/* A KEK, a signing key, a small group, and rekeys of it. */
#ifndef GVPN_TESTS_UNIT_CTRL_PUSH_FIXTURE_H
#define GVPN_TESTS_UNIT_CTRL_PUSH_FIXTURE_H

#include "ctrl/gdoi/gdoi.h"
#include "ctrl/push/push.h"
#include "tests/unit/ctrl/policy/fixture.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

#define PUSH_CAP 65535

/* A fresh private key as the module reads it from a file. */
static inline struct sig_key *make_key(enum sig_kind kind, unsigned rsa_bits)
{
    EVP_PKEY *key = kind == SIG_RSA ? EVP_RSA_gen(rsa_bits) : EVP_EC_gen(kind == SIG_ECDSA_256 ? "P-256" : "P-384");
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem, error[128] = "";
    assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    long len = BIO_get_mem_data(bio, &pem);
    struct sig_key *k = sig_key_load(span_of(pem, (size_t)len), error, sizeof(error));
    assert_string_equal(error, "");
    assert_non_null(k);
    BIO_free(bio);
    EVP_PKEY_free(key);
    return k;
}

static inline void make_kek(struct policy_kek *kek, const struct sig_key *key, uint16_t bits, uint8_t seed)
{
    uint8_t bytes[32];
    memset(kek, 0, sizeof(*kek));
    for (size_t i = 0; i < sizeof(kek->spi); i++)
        kek->spi[i] = (uint8_t)(seed + i + 1);
    for (size_t i = 0; i < sizeof(kek->iv); i++)
        kek->iv[i] = (uint8_t)(2 * seed + i);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(3 * seed + 7 * i);
    kek->cipher = bits == 0 ? GDOI_KEK_3DES : GDOI_KEK_AES;
    kek->key_bits = bits;
    assert_true(secret_set(&kek->key, bytes, bits == 0 ? 24 : bits / 8u));
    kek->signature = sig_key_kind(key);
    kek->signature_bits = (uint16_t)sig_key_bits(key);
    kek->hash = sig_key_kind(key) == SIG_RSA ? GDOI_SIG_SHA256 : 0;
    kek->ack = GDOI_ACK_KEK_SHA256;
    kek->lifetime_s = 86400;
    struct span public = sig_key_public(key);
    memcpy(kek->public_key, public.p, public.len);
    kek->public_key_len = public.len;
}

#endif
