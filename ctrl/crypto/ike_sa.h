/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An established phase 1 (ISAKMP SA) as a value: cookies, keys, and the protected messages that run under it
 * (RFC 2409 section 5 and appendix B). phase1 makes one, pull uses it. It knows the 28 octets of the header
 * only as far as encryption needs them; payloads belong to the codecs.
 *
 * Opening a message never changes an IV chain: the caller gets the next IV and stores it once the content was
 * verified, so that a forged message can't break the chain for the genuine one.
 */
#ifndef GVPN_CTRL_CRYPTO_IKE_SA_H
#define GVPN_CTRL_CRYPTO_IKE_SA_H

#include "common/mono.h"
#include "common/secret.h"
#include "ctrl/crypto/ike_suite.h"
#include "ctrl/crypto/rng.h"

#define IKE_COOKIE_LEN   8
#define IKE_IV_MAX       16 /* AES; 3DES has 8 */
#define IKE_HASH_MAX     64 /* HMAC-SHA-512; how many count: ike_suite_hash_len() */
#define IKE_HEADER_LEN   28
#define IKE_MAX_MESSAGES 64 /* message ids that one phase 1 may see in its life, both directions */

/* As long as the cipher's block; what is behind it stays 0. */
struct ike_iv {
    uint8_t b[IKE_IV_MAX];
};

struct ike_sa {
    uint8_t cookie_i[IKE_COOKIE_LEN], cookie_r[IKE_COOKIE_LEN];
    bool initiator;      /* our role in phase 1 */
    uint32_t doi;        /* of phase 1: 2, or 1 on request; notifies and deletes carry it */
    mono_t started;      /* when the initiator's first (responder: third) message passed us; scaled clock */
    uint32_t lifetime_s; /* as negotiated */
    struct ike_suite suite;
    struct secret skeyid_d, skeyid_a, skeyid_e;
    struct secret key;               /* cipher key Ka, stretched from SKEYID_e */
    struct ike_iv last;              /* last ciphertext block of phase 1: base of every later IV */
    uint32_t used[IKE_MAX_MESSAGES]; /* message ids that were accepted or sent */
    size_t n_used;
};

void ike_sa_wipe(struct ike_sa *sa);

/* hash(parts), cut to the length of a block (RFC 2409 appendix B). False: unknown suite, or the library failed. */
MUST_CHECK bool ike_sa_make_iv(const struct ike_suite *suite, const struct span *parts, size_t n, struct ike_iv *iv);
/* IV of the first message with this message id: hash(last phase-1 block | M-ID). False when the library
 * fails. */
MUST_CHECK bool ike_sa_first_iv(const struct ike_sa *sa, uint32_t message_id, struct ike_iv *iv);
/* True when this id may begin an exchange: not 0, never used before under this SA, and room is left to note
 * it. */
bool ike_sa_message_id_is_new(const struct ike_sa *sa, uint32_t message_id);
/* Draws a fresh one. False: no random, or the SA has seen IKE_MAX_MESSAGES. */
MUST_CHECK bool ike_sa_new_message_id(const struct ike_sa *sa, const struct rng *rng, uint32_t *message_id);
/* Notes an id as used. Harmless when it is known already. */
void ike_sa_use_message_id(struct ike_sa *sa, uint32_t message_id);

/*
 * Encrypts a whole message in place: *len octets beginning with the header, flag E set by the caller. Pads
 * the payloads with zeros to the block, writes the final Length into the header, sets *len and moves *iv to
 * the last ciphertext block. False: it doesn't fit in cap, the key isn't one of this suite, or the library failed; then nothing may be sent.
 */
MUST_CHECK bool ike_sa_seal(const struct ike_suite *suite, const struct secret *key, struct ike_iv *iv, uint8_t *msg, size_t *len,
                            size_t cap);
/*
 * Decrypts a datagram into out (cap octets; header copied, then plaintext with its padding: the datagram's
 * length). *next: IV of the next message. False: no ciphertext, not whole blocks, more than cap, or the
 * header's Length isn't the datagram's. Nothing is authenticated here: the caller verifies the HASH inside.
 */
MUST_CHECK bool ike_sa_open(const struct ike_suite *suite, const struct secret *key, const struct ike_iv *iv,
                            struct span datagram, uint8_t *out, size_t cap, struct ike_iv *next);

#endif
