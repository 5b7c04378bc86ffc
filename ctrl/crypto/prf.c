/* SPDX-License-Identifier: BSD-3-Clause */
/* HMAC over a list of spans. */
#include "ctrl/crypto/prf.h"

#include "ctrl/crypto/hash.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>

static_assert(PRF_MAX == HASH_MAX, "HMAC is as long as its hash");

bool prf_compute(uint16_t hash, struct span key, const struct span *parts, size_t n, uint8_t out[PRF_MAX])
{
    const char *name = hash_name(hash);
    char digest[16];
    if (!name)
        return false;
    snprintf(digest, sizeof digest, "%s", name);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    /* A NULL key would mean "keep the last one" to the library. */
    const uint8_t *k = key.len ? key.p : (const uint8_t *)"";
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
    bool ok = ctx && EVP_MAC_init(ctx, k, key.len, params) == 1;
    for (size_t i = 0; ok && i < n; i++)
        ok = EVP_MAC_update(ctx, parts[i].p, parts[i].len) == 1;
    size_t len = 0;
    ok = ok && EVP_MAC_final(ctx, out, &len, PRF_MAX) == 1 && len == hash_len(hash);
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac);
    return ok;
}
