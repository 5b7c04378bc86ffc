/* SPDX-License-Identifier: BSD-3-Clause */
/* The prf of IKEv1 without a PRF attribute: HMAC of the negotiated hash (RFC 2409 section 4). */
#ifndef GVPN_CTRL_CRYPTO_PRF_H
#define GVPN_CTRL_CRYPTO_PRF_H

#include "common/buf.h"

#define PRF_MAX 64 /* octets of the longest: HMAC-SHA-512 */

/*
 * out = HMAC(hash, key, parts[0] | parts[1] | ...), hash_len(hash) octets; hash: enum ike_hash. A key of any length,
 * empty included. False: unknown hash, or the library failed.
 */
MUST_CHECK bool prf_compute(uint16_t hash, struct span key, const struct span *parts, size_t n, uint8_t out[PRF_MAX]);

#endif
