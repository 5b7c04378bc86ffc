/* SPDX-License-Identifier: BSD-3-Clause */
/* Hashes over a list of spans: those that phase 1 negotiates, for IVs (RFC 2409 appendix B), and SHA-256 for what
 * nobody negotiates (policy digests, recognising a datagram). */
#ifndef GVPN_CTRL_CRYPTO_HASH_H
#define GVPN_CTRL_CRYPTO_HASH_H

#include "common/buf.h"

#define HASH_LEN 32 /* SHA-256 */
#define HASH_MAX 64 /* the longest that can be negotiated */

/* Octets of a negotiable hash (enum ike_hash): 20, 32, 48, 64; 0 for every other number. */
size_t hash_len(uint16_t hash);
/* Its name as the crypto library spells it; NULL for every other number. */
const char *hash_name(uint16_t hash);
/* out = hash(parts[0] | parts[1] | ...), hash_len() octets. False: unknown hash, or the library failed. */
MUST_CHECK bool hash_negotiated(uint16_t hash, const struct span *parts, size_t n, uint8_t out[HASH_MAX]);

/* out = SHA-256(parts[0] | parts[1] | ...). False only when the library fails. */
MUST_CHECK bool hash_compute(const struct span *parts, size_t n, uint8_t out[HASH_LEN]);
/* The same over one span; fits policy_digest_fn. */
MUST_CHECK bool hash_span(struct span bytes, uint8_t out[HASH_LEN]);

#endif
