/* SPDX-License-Identifier: BSD-3-Clause */
/* SHA-256 over a list of spans. */
#include "ctrl/crypto/hash.h"

#include <openssl/evp.h>

bool hash_compute(const struct span *parts, size_t n, uint8_t out[HASH_LEN])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; ok && i < n; i++)
        ok = EVP_DigestUpdate(ctx, parts[i].p, parts[i].len) == 1;
    ok = ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

bool hash_span(struct span bytes, uint8_t out[HASH_LEN])
{
    return hash_compute(&bytes, 1, out);
}
