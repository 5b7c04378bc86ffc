/* SPDX-License-Identifier: BSD-3-Clause */
/* AES-256-CBC over whole blocks. */
#include "ctrl/crypto/cbc.h"

#include <limits.h>
#include <openssl/evp.h>

static bool crypt_blocks(const uint8_t *key, const uint8_t *iv, const uint8_t *in, uint8_t *out, size_t len,
                         int encrypt)
{
    if (len == 0 || len % CBC_BLOCK || len > INT_MAX)
        return false;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0, last = 0;
    bool ok = ctx && EVP_CipherInit_ex(ctx, EVP_aes_256_cbc(), NULL, key, iv, encrypt) == 1 &&
              EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 && EVP_CipherUpdate(ctx, out, &n, in, (int)len) == 1 &&
              EVP_CipherFinal_ex(ctx, out + n, &last) == 1 && (size_t)n + (size_t)last == len;
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

bool cbc_encrypt(const uint8_t key[CBC_KEY_LEN], const uint8_t iv[CBC_BLOCK], const uint8_t *in, uint8_t *out,
                 size_t len)
{
    return crypt_blocks(key, iv, in, out, len, 1);
}

bool cbc_decrypt(const uint8_t key[CBC_KEY_LEN], const uint8_t iv[CBC_BLOCK], const uint8_t *in, uint8_t *out,
                 size_t len)
{
    return crypt_blocks(key, iv, in, out, len, 0);
}
