/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of a KEK's algorithms: see kek.h. */
#include "ctrl/policy/kek.h"

#include "ctrl/gdoi/gdoi.h"

#include <stdio.h>

#define UNKNOWN "unknown"

const struct name policy_kek_encryption_names[] = {{POLICY_KEK_AES_128, "aes-128"},
                                                   {POLICY_KEK_AES_192, "aes-192"},
                                                   {POLICY_KEK_AES_256, "aes-256"},
                                                   {POLICY_KEK_3DES, "3des"},
                                                   {0, NULL}};

const struct name policy_kek_hash_names[] = {{POLICY_KEK_SHA1, "sha1"},
                                             {POLICY_KEK_SHA256, "sha256"},
                                             {POLICY_KEK_SHA384, "sha384"},
                                             {POLICY_KEK_SHA512, "sha512"},
                                             {0, NULL}};

static const struct name signature_names[] = {{GDOI_SIG_RSA, "rsa"},
                                              {GDOI_SIG_ECDSA_256, "ecdsa-256"},
                                              {GDOI_SIG_ECDSA_384, "ecdsa-384"},
                                              {0, NULL}};

bool policy_kek_encryption(const struct policy_kek *k, enum policy_kek_encryption *out)
{
    static const struct {
        uint16_t cipher, bits;
        enum policy_kek_encryption is;
    } rows[] = {
        {GDOI_KEK_AES, 128, POLICY_KEK_AES_128},
        {GDOI_KEK_AES, 192, POLICY_KEK_AES_192},
        {GDOI_KEK_AES, 256, POLICY_KEK_AES_256},
    };

    *out = POLICY_KEK_3DES;
    if (k->cipher == GDOI_KEK_3DES)
        return true;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        *out = rows[i].is;
        if (k->cipher == rows[i].cipher && k->key_bits == rows[i].bits)
            return true;
    }
    return false;
}

bool policy_kek_hash(const struct policy_kek *k, enum policy_kek_hash *out)
{
    uint16_t hash = k->signature == GDOI_SIG_ECDSA_256   ? GDOI_SIG_SHA256
                    : k->signature == GDOI_SIG_ECDSA_384 ? GDOI_SIG_SHA384
                                                         : k->hash;

    *out = hash == GDOI_SIG_SHA1     ? POLICY_KEK_SHA1
           : hash == GDOI_SIG_SHA256 ? POLICY_KEK_SHA256
           : hash == GDOI_SIG_SHA384 ? POLICY_KEK_SHA384
                                     : POLICY_KEK_SHA512;
    return hash >= GDOI_SIG_SHA1 && hash <= GDOI_SIG_SHA512;
}

const char *policy_kek_encryption_text(const struct policy_kek *k)
{
    enum policy_kek_encryption e;

    return policy_kek_encryption(k, &e) ? name_of(policy_kek_encryption_names, e) : UNKNOWN;
}

const char *policy_kek_hash_text(const struct policy_kek *k)
{
    enum policy_kek_hash h;

    return policy_kek_hash(k, &h) ? name_of(policy_kek_hash_names, h) : UNKNOWN;
}

const char *policy_kek_signature_text(const struct policy_kek *k)
{
    return name_of(signature_names, k->signature);
}

const char *policy_kek_spi_text(const struct policy_kek *k, char out[2 * POLICY_KEK_SPI_LEN + 1])
{
    for (size_t i = 0; i < POLICY_KEK_SPI_LEN; i++)
        snprintf(out + 2 * i, 3, "%02x", k->spi[i]);
    return out;
}
