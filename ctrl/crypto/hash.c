/* SPDX-License-Identifier: BSD-3-Clause */
/* Hashes over a list of spans. */
#include "ctrl/crypto/hash.h"

#include "ctrl/crypto/ike_suite.h"

#include <openssl/evp.h>

static const struct {
    uint16_t hash, len;
    const char *name;
} hashes[] = {{IKE_SHA1, 20, "SHA1"}, {IKE_SHA256, 32, "SHA256"}, {IKE_SHA384, 48, "SHA384"}, {IKE_SHA512, 64, "SHA512"}};

size_t hash_len(uint16_t hash)
{
    for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++)
        if (hashes[i].hash == hash)
            return hashes[i].len;
    return 0;
}

const char *hash_name(uint16_t hash)
{
    for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++)
        if (hashes[i].hash == hash)
            return hashes[i].name;
    return NULL;
}

static bool digest(const EVP_MD *md, const struct span *parts, size_t n, uint8_t *out)
{
    EVP_MD_CTX *ctx = md ? EVP_MD_CTX_new() : NULL;
    bool ok = ctx && EVP_DigestInit_ex(ctx, md, NULL) == 1;
    for (size_t i = 0; ok && i < n; i++)
        ok = EVP_DigestUpdate(ctx, parts[i].p, parts[i].len) == 1;
    ok = ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

bool hash_negotiated(uint16_t hash, const struct span *parts, size_t n, uint8_t out[HASH_MAX])
{
    const char *name = hash_name(hash);
    return name && digest(EVP_get_digestbyname(name), parts, n, out);
}

bool hash_compute(const struct span *parts, size_t n, uint8_t out[HASH_LEN])
{
    return digest(EVP_sha256(), parts, n, out);
}

bool hash_span(struct span bytes, uint8_t out[HASH_LEN])
{
    return hash_compute(&bytes, 1, out);
}
