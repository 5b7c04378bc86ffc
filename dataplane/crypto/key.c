/* SPDX-License-Identifier: BSD-3-Clause */
/* What the backends share: the comparison of ICVs, and the end of a key. */
#include "dataplane/crypto/crypto.h"

#include "common/secret.h"

#include <string.h>

void crypto_key_wipe(struct crypto_key *k)
{
    wipe(k, sizeof *k);
}

bool crypto_icv_right(const struct crypto_job *job)
{
    const uint8_t *a = job->tag, *b = crypto_icv(job);
    uint32_t diff = 0, x, y;

    for (unsigned i = 0; i < job->key->suite->icv_len; i += sizeof x) { /* ICVs are whole words */
        memcpy(&x, a + i, sizeof x);
        memcpy(&y, b + i, sizeof y);
        diff |= x ^ y;
    }
    return diff == 0;
}
