/* SPDX-License-Identifier: BSD-3-Clause */
/* AES-CBC and 3DES-CBC over whole blocks. */
#include "ctrl/crypto/cbc.h"

#include "ctrl/crypto/ike_suite.h"

#include <limits.h>
#include <openssl/evp.h>

size_t cbc_block_len(uint16_t encryption)
{
    return encryption == IKE_AES_CBC ? 16 : encryption == IKE_3DES_CBC ? 8 : 0;
}

static const EVP_CIPHER *find_cipher(uint16_t encryption, size_t key_len)
{
    if (encryption == IKE_3DES_CBC)
        return key_len == 24 ? EVP_des_ede3_cbc() : NULL;
    if (encryption != IKE_AES_CBC)
        return NULL;
    return key_len == 16   ? EVP_aes_128_cbc()
           : key_len == 24 ? EVP_aes_192_cbc()
           : key_len == 32 ? EVP_aes_256_cbc()
                           : NULL;
}

static bool crypt_blocks(uint16_t encryption, struct span key, const uint8_t *iv, const uint8_t *in, uint8_t *out,
                         size_t len, int encrypt)
{
    const EVP_CIPHER *cipher = find_cipher(encryption, key.len);
    if (!cipher || len == 0 || len % cbc_block_len(encryption) || len > INT_MAX)
        return false;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0, last = 0;
    bool ok = ctx && EVP_CipherInit_ex(ctx, cipher, NULL, key.p, iv, encrypt) == 1 &&
              EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 && EVP_CipherUpdate(ctx, out, &n, in, (int)len) == 1 &&
              EVP_CipherFinal_ex(ctx, out + n, &last) == 1 && (size_t)n + (size_t)last == len;
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

bool cbc_encrypt(uint16_t encryption, struct span key, const uint8_t *iv, const uint8_t *in, uint8_t *out, size_t len)
{
    return crypt_blocks(encryption, key, iv, in, out, len, 1);
}

bool cbc_decrypt(uint16_t encryption, struct span key, const uint8_t *iv, const uint8_t *in, uint8_t *out, size_t len)
{
    return crypt_blocks(encryption, key, iv, in, out, len, 0);
}
