/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Signatures of rekeys (RFC 6407 4.3, 5.3): RSA EMSA-PKCS1-v1_5 with DigestInfo, ECDSA over P-256 and P-384 as r|s of fixed
 * width (RFC 4754 7). Keys are the library's; nothing here parses a signature by hand.
 */
#ifndef GVPN_CTRL_CRYPTO_SIG_H
#define GVPN_CTRL_CRYPTO_SIG_H

#include "common/buf.h"

#define SIG_RSA_MIN_BITS 2048
#define SIG_RSA_MAX_BITS 8192
#define SIG_MAX_LEN      1024 /* octets: RSA of 8192 bits */

/* The numbers are those of SIG_ALGORITHM and SIG_HASH_ALGORITHM (RFC 6407 5.3.6, 5.3.5), as policies carry them. */
enum sig_kind { SIG_RSA = 1, SIG_ECDSA_256 = 4, SIG_ECDSA_384 = 5 };
enum sig_hash { SIG_HASH_OF_CURVE = 0, SIG_HASH_SHA1 = 2, SIG_HASH_SHA256 = 3, SIG_HASH_SHA384 = 4, SIG_HASH_SHA512 = 5 };

/* A private key. Owned by whoever loaded it. */
struct sig_key;

/*
 * Reads an unencrypted PEM private key. NULL with a sentence in error (of error_len octets): not a key, another kind, RSA
 * below SIG_RSA_MIN_BITS or above SIG_RSA_MAX_BITS, public exponent below 65537 or above 64 bits.
 */
struct sig_key *sig_key_load(struct span pem, char *error, size_t error_len);
/* NULL is harmless. */
void sig_key_free(struct sig_key *k);
enum sig_kind sig_key_kind(const struct sig_key *k);
/* Of the modulus or the curve's field: 2048, 256, ... */
unsigned sig_key_bits(const struct sig_key *k);
/* Its public half as DER SubjectPublicKeyInfo; valid as long as the key. */
struct span sig_key_public(const struct sig_key *k);

/* Octets of a signature by a key with this public half; 0 when it is none that we take. */
size_t sig_len(struct span public_key);
/* Is it a public key of this kind (enum sig_kind, any other number is none) that we take? */
bool sig_fits(struct span public_key, uint16_t kind);
/*
 * hash: enum sig_hash; for ECDSA that of the curve, by its number or as SIG_HASH_OF_CURVE. out has SIG_MAX_LEN octets.
 * False: another hash, or the library failed.
 */
MUST_CHECK bool sig_sign(const struct sig_key *k, uint16_t hash, const struct span *parts, size_t n, uint8_t *out,
                         size_t *len);
/* True only for a right signature by a key of this kind that we take (same limits as above). */
MUST_CHECK bool sig_verify(struct span public_key, uint16_t kind, uint16_t hash, const struct span *parts, size_t n,
                           struct span signature);
/* The same for RSA over the hash without DigestInfo, as IKEv1 has it (RFC 2409 5.1) and some key servers sign rekeys. */
MUST_CHECK bool sig_verify_bare(struct span public_key, uint16_t kind, uint16_t hash, const struct span *parts, size_t n,
                                struct span signature);

#endif
