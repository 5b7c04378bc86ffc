/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Everything that IKEv1 computes from a pre-shared key, nonces and g^xy (RFC 2409 sections 5, 5.4 and
 * appendix B), and the HASH of messages under phase 1 (RFC 2409 5.7, RFC 6407 3.2). Pure functions;
 * `tests/oracle/ike_keys.py` is an independent second reading of the same pages.
 */
#ifndef GVPN_CTRL_CRYPTO_IKE_KEYS_H
#define GVPN_CTRL_CRYPTO_IKE_KEYS_H

#include "common/secret.h"
#include "ctrl/crypto/ike_sa.h"

/* What both sides have exchanged; spans into the caller's memory. */
struct ike_keys_input {
    struct ike_suite suite;         /* as negotiated */
    struct span nonce_i, nonce_r;   /* bodies */
    struct span public_i, public_r; /* KE bodies: g^xi, g^xr */
    struct span shared;             /* g^xy */
    struct span cookie_i, cookie_r;
};

struct ike_keys {
    struct secret skeyid, skeyid_d, skeyid_a, skeyid_e;
    struct secret key; /* of the cipher: ike_suite_key_len() octets */
};

/* SKEYID and what follows from it. False: unknown suite, or library failure; *out is wiped then. */
MUST_CHECK bool ike_keys_derive(const struct ike_keys_input *in, struct span psk, struct ike_keys *out);
void ike_keys_wipe(struct ike_keys *k);
/* Ka of len octets (1 to SECRET_MAX): SKEYID_e itself, or K1 | K2 | ... when it is too short (appendix B). */
MUST_CHECK bool ike_keys_stretch(uint16_t hash, const struct secret *skeyid_e, size_t len, struct secret *key);
/* IV of the first encrypted phase-1 message: hash(g^xi | g^xr). */
MUST_CHECK bool ike_keys_first_iv(const struct ike_keys_input *in, struct ike_iv *iv);
/*
 * HASH_I (of_initiator) or HASH_R over SAi_b and the ID body of that side: type, protocol, port, data,
 * without generic header. out: ike_suite_hash_len() octets.
 */
MUST_CHECK bool ike_keys_auth_hash(const struct ike_keys_input *in, const struct secret *skeyid,
                                   bool of_initiator, struct span sa_i_b, struct span id_b,
                                   uint8_t out[IKE_HASH_MAX]);
/* prf(SKEYID_a, M-ID | before | after): nonce bodies so far (may be empty), then all raw octets after HASH.
 */
MUST_CHECK bool ike_keys_message_hash(uint16_t hash, const struct secret *skeyid_a, uint32_t message_id,
                                      struct span nonces, struct span after, uint8_t out[IKE_HASH_MAX]);

#endif
