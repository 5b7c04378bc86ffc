/* SPDX-License-Identifier: BSD-3-Clause */
/* Random octets from OpenSSL's generator for private values. */
#include "ctrl/crypto/rng.h"

#include <limits.h>
#include <openssl/rand.h>

bool rng_system(void *ctx, void *out, size_t len)
{
    (void)ctx;
    if (len == 0)
        return true;
    return len <= INT_MAX && RAND_priv_bytes(out, (int)len) == 1;
}
