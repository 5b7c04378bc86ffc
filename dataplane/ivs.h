/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IVs for CBC: unpredictable and unique (RFC 3602 section 3, RFC 2451 section 3). One generator per worker: AES in
 * counter mode (SP 800-90A's CTR_DRBG without its updates, as nothing it gives out has to stay secret) under a random
 * key from the kernel, many IVs per call of the cipher. IVs of 16 octets never repeat under one key; those of 8 are
 * halves, and repeat no sooner than random ones would.
 */
#ifndef GVPN_DATAPLANE_IVS_H
#define GVPN_DATAPLANE_IVS_H

#include "dataplane/core/bytes.h"
#include "dataplane/crypto/crypto.h"

#define IVS_BATCH 32

struct ivs {
    struct crypto_key key; /* AES-GCM-128; its hash goes unused */
    const struct crypto_backend *crypto;
    uint64_t batches; /* made so far: the nonce of the next one */
    unsigned used;
    uint8_t iv[IVS_BATCH][16];
};

/* A new random key. False when the kernel or the backend fails; then it must not be used. Wipe it at the end. */
MUST_CHECK bool ivs_init(struct ivs *s, const struct crypto_backend *crypto);
void ivs_wipe(struct ivs *s);
/* Makes the next batch; ivs_next() calls it. */
void ivs_refill(struct ivs *s);

/* The next IV: len octets, 0, 8 or 16. */
static inline void ivs_next(struct ivs *s, uint8_t *to, uint32_t len)
{
    if (len == 0)
        return;
    if (__builtin_expect(s->used == IVS_BATCH, 0))
        ivs_refill(s);
    if (len == 16)
        store64(to + 8, load64(s->iv[s->used] + 8));
    store64(to, load64(s->iv[s->used++]));
}

#endif
