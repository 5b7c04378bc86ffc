/* SPDX-License-Identifier: BSD-3-Clause */
/* See ivs.h. */
#include "dataplane/ivs.h"

#include "common/secret.h"

#include <sys/random.h>

bool ivs_init(struct ivs *s, const struct crypto_backend *crypto)
{
    uint8_t key[16];
    bool ok = getrandom(key, sizeof key, 0) == (ssize_t)sizeof key &&
              crypto->key_set(&s->key, suite_by_id(SUITE_AES_GCM_128), key, NULL);

    s->crypto = crypto;
    s->batches = 0;
    s->used = IVS_BATCH;
    wipe(key, sizeof key);
    return ok;
}

void ivs_wipe(struct ivs *s)
{
    wipe(s, sizeof *s);
}

void ivs_refill(struct ivs *s)
{
    uint8_t nonce[12] = {0}, tag[CRYPTO_ICV_LEN];

    store64(nonce, s->batches++);
    memset(s->iv, 0, sizeof s->iv);
    s->crypto->seal_one(&s->key, nonce, span_of(NULL, 0), s->iv[0], sizeof s->iv, tag);
    s->used = 0;
}
