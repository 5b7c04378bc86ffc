/* SPDX-License-Identifier: BSD-3-Clause */
/* Lengths of phase 1's ciphers and hashes. */
#include "ctrl/crypto/ike_suite.h"

#include "ctrl/crypto/cbc.h"
#include "ctrl/crypto/hash.h"

size_t ike_suite_key_len(const struct ike_suite *s)
{
    if (s->encryption == IKE_3DES_CBC)
        return s->key_bits == 0 ? 24 : 0;
    if (s->encryption != IKE_AES_CBC)
        return 0;
    return s->key_bits == 128 || s->key_bits == 192 || s->key_bits == 256 ? s->key_bits / 8u : 0;
}

size_t ike_suite_block_len(const struct ike_suite *s)
{
    return cbc_block_len(s->encryption);
}

size_t ike_suite_hash_len(const struct ike_suite *s)
{
    return hash_len(s->hash);
}
