/* SPDX-License-Identifier: BSD-3-Clause */
/* RFC 2409 sections 5 and 5.4, appendix B: key material, IVs and hashes of phase 1 with a pre-shared key. */
#include "ctrl/crypto/ike_keys.h"

#include "ctrl/crypto/hash.h"
#include "ctrl/crypto/prf.h"

#include <assert.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static_assert(PRF_MAX == IKE_HASH_MAX && PRF_MAX <= SECRET_MAX, "a prf's output is a HASH and fits a secret");

static bool prf_secret(uint16_t hash, struct span key, const struct span *parts, size_t n, struct secret *out)
{
    *out = (struct secret){.len = (uint16_t)hash_len(hash)};
    return prf_compute(hash, key, parts, n, out->b);
}

/* SKEYID_d, _a, _e: prf(SKEYID, previous | g^xy | CKY-I | CKY-R | n). */
static bool derive_one(const struct ike_keys_input *in, const struct secret *skeyid, struct span previous,
                       uint8_t n, struct secret *out)
{
    const struct span parts[] = {previous, in->shared, in->cookie_i, in->cookie_r, span_of(&n, 1)};
    return prf_secret(in->suite.hash, secret_span(skeyid), parts, COUNT(parts), out);
}

bool ike_keys_derive(const struct ike_keys_input *in, struct span psk, struct ike_keys *out)
{
    const struct span nonces[] = {in->nonce_i, in->nonce_r};
    bool ok = prf_secret(in->suite.hash, psk, nonces, COUNT(nonces), &out->skeyid) &&
              derive_one(in, &out->skeyid, span_of(NULL, 0), 0, &out->skeyid_d) &&
              derive_one(in, &out->skeyid, secret_span(&out->skeyid_d), 1, &out->skeyid_a) &&
              derive_one(in, &out->skeyid, secret_span(&out->skeyid_a), 2, &out->skeyid_e) &&
              ike_keys_stretch(in->suite.hash, &out->skeyid_e, ike_suite_key_len(&in->suite), &out->key);
    if (!ok)
        ike_keys_wipe(out);
    return ok;
}

void ike_keys_wipe(struct ike_keys *k)
{
    wipe(k, sizeof *k);
}

bool ike_keys_stretch(uint16_t hash, const struct secret *skeyid_e, size_t len, struct secret *key)
{
    size_t step = hash_len(hash);
    if (step == 0 || len == 0 || len > SECRET_MAX)
        return false;
    if (len <= skeyid_e->len)
        return secret_set(key, skeyid_e->b, len);
    static const uint8_t zero = 0;
    struct span previous = span_of(&zero, 1);
    uint8_t block[PRF_MAX], last[PRF_MAX];
    bool ok = true;
    *key = (struct secret){.len = (uint16_t)len};
    for (size_t at = 0; at < len; at += step) {
        size_t take = len - at < step ? len - at : step;
        ok = prf_compute(hash, secret_span(skeyid_e), &previous, 1, block);
        if (!ok)
            break;
        memcpy(last, block, step);
        memcpy(key->b + at, block, take);
        previous = span_of(last, step);
    }
    if (!ok)
        secret_wipe(key);
    wipe(block, sizeof block);
    wipe(last, sizeof last);
    return ok;
}

bool ike_keys_first_iv(const struct ike_keys_input *in, struct ike_iv *iv)
{
    const struct span parts[] = {in->public_i, in->public_r};
    return ike_sa_make_iv(&in->suite, parts, COUNT(parts), iv);
}

bool ike_keys_auth_hash(const struct ike_keys_input *in, const struct secret *skeyid, bool of_initiator,
                        struct span sa_i_b, struct span id_b, uint8_t out[IKE_HASH_MAX])
{
    const struct span by_initiator[] = {in->public_i, in->public_r, in->cookie_i, in->cookie_r, sa_i_b, id_b};
    const struct span by_responder[] = {in->public_r, in->public_i, in->cookie_r, in->cookie_i, sa_i_b, id_b};
    return prf_compute(in->suite.hash, secret_span(skeyid), of_initiator ? by_initiator : by_responder,
                       COUNT(by_initiator), out);
}

bool ike_keys_message_hash(uint16_t hash, const struct secret *skeyid_a, uint32_t message_id, struct span nonces,
                           struct span after, uint8_t out[IKE_HASH_MAX])
{
    const uint8_t id[4] = {(uint8_t)(message_id >> 24), (uint8_t)(message_id >> 16),
                           (uint8_t)(message_id >> 8), (uint8_t)message_id};
    const struct span parts[] = {span_of(id, sizeof id), nonces, after};
    return prf_compute(hash, secret_span(skeyid_a), parts, COUNT(parts), out);
}
