/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where random octets come from: handed to every machine as a function, so that tests replay an exchange byte
 * by byte. rng_system() is the one that a daemon uses. No generator of our own.
 */
#ifndef GVPN_CTRL_CRYPTO_RNG_H
#define GVPN_CTRL_CRYPTO_RNG_H

#include "common/buf.h"

struct rng {
    /* Fills len octets; false only when the system has none. Same shape as env.random. */
    bool (*get)(void *ctx, void *out, size_t len);
    void *ctx;
};

/* OpenSSL's generator for private values; fits rng.get and env.random (ctx is not used). */
MUST_CHECK bool rng_system(void *ctx, void *out, size_t len);

static inline MUST_CHECK bool rng_get(const struct rng *r, void *out, size_t len)
{
    return r->get(r->ctx, out, len);
}

#endif
