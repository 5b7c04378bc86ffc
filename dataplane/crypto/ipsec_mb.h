/* SPDX-License-Identifier: BSD-3-Clause */
/* Lanes of intel-ipsec-mb: the part of its backend that crypto.h's functions of the same names call. */
#ifndef GVPN_DATAPLANE_CRYPTO_IPSEC_MB_H
#define GVPN_DATAPLANE_CRYPTO_IPSEC_MB_H

#include "dataplane/crypto/crypto.h"

#include <intel-ipsec-mb.h>

/* Prepares a key of ChaCha20-Poly1305 or of a cipher with an HMAC; k->suite is set. False when it can't. */
bool ipsec_mb_lanes_key(IMB_MGR *m, struct crypto_key *k, const uint8_t *key, const uint8_t *integrity);

void *ipsec_mb_lanes_new(void);
void ipsec_mb_lanes_free(void *lanes);
void ipsec_mb_lanes_submit(void *lanes, struct crypto_job *job);
void ipsec_mb_lanes_flush(void *lanes);

#endif
