/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cipher and hash of a phase 1, as numbers of RFC 2409 appendix A (AES-CBC: RFC 3602; SHA-2: the IANA registry), and
 * what follows from them: lengths of keys, blocks and hashes. The prf is HMAC of the hash; PRF attributes don't
 * exist here. Which of them are allowed by configuration is not known here.
 */
#ifndef GVPN_CTRL_CRYPTO_IKE_SUITE_H
#define GVPN_CTRL_CRYPTO_IKE_SUITE_H

#include "common/buf.h"

enum ike_cipher { IKE_3DES_CBC = 5, IKE_AES_CBC = 7 };
enum ike_hash { IKE_SHA1 = 2, IKE_SHA256 = 4, IKE_SHA384 = 5, IKE_SHA512 = 6 };

struct ike_suite {
    uint16_t encryption; /* enum ike_cipher */
    uint16_t key_bits;   /* AES: 128, 192, 256; 0 for 3DES, whose key has one length only */
    uint16_t hash;       /* enum ike_hash */
};

/* Octets of the cipher key (16, 24, 32); 0: a cipher or key length that doesn't exist here. */
size_t ike_suite_key_len(const struct ike_suite *s);
/* Octets of a cipher block, which is also the length of an IV: 16, 8, or 0 for an unknown cipher. */
size_t ike_suite_block_len(const struct ike_suite *s);
/* Octets of HASH payloads and of every SKEYID: 20, 32, 48, 64, or 0 for an unknown hash. */
size_t ike_suite_hash_len(const struct ike_suite *s);

#endif
