/* SPDX-License-Identifier: BSD-3-Clause */
/* SHA-256 over a list of spans: the phase-1 hash of this version, IVs (RFC 2409 appendix B) and policy
 * digests. */
#ifndef GVPN_CTRL_CRYPTO_HASH_H
#define GVPN_CTRL_CRYPTO_HASH_H

#include "common/buf.h"

#define HASH_LEN 32

/* out = SHA-256(parts[0] | parts[1] | ...). False only when the library fails. */
MUST_CHECK bool hash_compute(const struct span *parts, size_t n, uint8_t out[HASH_LEN]);
/* The same over one span; fits policy_digest_fn. */
MUST_CHECK bool hash_span(struct span bytes, uint8_t out[HASH_LEN]);

#endif
