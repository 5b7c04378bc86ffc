/* SPDX-License-Identifier: BSD-3-Clause */
/* The prf of IKEv1 without a PRF attribute: HMAC of the negotiated hash (RFC 2409 section 4), here
 * HMAC-SHA-256. */
#ifndef GVPN_CTRL_CRYPTO_PRF_H
#define GVPN_CTRL_CRYPTO_PRF_H

#include "common/buf.h"

#define PRF_LEN 32

/* out = prf(key, parts[0] | parts[1] | ...). A key of any length, empty included. False only when the library
 * fails. */
MUST_CHECK bool prf_compute(struct span key, const struct span *parts, size_t n, uint8_t out[PRF_LEN]);

#endif
