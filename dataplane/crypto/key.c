/* SPDX-License-Identifier: BSD-3-Clause */
/* What the backends share: the end of a key. */
#include "dataplane/crypto/crypto.h"

#include "common/secret.h"

void crypto_key_wipe(struct crypto_key *k)
{
    wipe(k, sizeof *k);
}
