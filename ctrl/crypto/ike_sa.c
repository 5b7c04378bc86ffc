/* SPDX-License-Identifier: BSD-3-Clause */
/* Protected messages under an ISAKMP SA: RFC 2409 appendix B (IVs, zero padding), RFC 2408 3.1 (where Length
 * stands). */
#include "ctrl/crypto/ike_sa.h"

#include "ctrl/crypto/cbc.h"
#include "ctrl/crypto/hash.h"

#include <string.h>

#define LENGTH_AT 24 /* offset of the header's Length */

void ike_sa_wipe(struct ike_sa *sa)
{
    wipe(sa, sizeof *sa);
}

bool ike_sa_make_iv(const struct ike_suite *suite, const struct span *parts, size_t n, struct ike_iv *iv)
{
    size_t block = ike_suite_block_len(suite);
    uint8_t digest[HASH_MAX];
    if (block == 0 || !hash_negotiated(suite->hash, parts, n, digest))
        return false;
    *iv = (struct ike_iv){{0}};
    memcpy(iv->b, digest, block); /* every hash is longer than every block */
    return true;
}

bool ike_sa_first_iv(const struct ike_sa *sa, uint32_t message_id, struct ike_iv *iv)
{
    const uint8_t id[4] = {(uint8_t)(message_id >> 24), (uint8_t)(message_id >> 16),
                           (uint8_t)(message_id >> 8), (uint8_t)message_id};
    const struct span parts[] = {span_of(sa->last.b, ike_suite_block_len(&sa->suite)), span_of(id, sizeof id)};
    return ike_sa_make_iv(&sa->suite, parts, 2, iv);
}

static bool is_used(const struct ike_sa *sa, uint32_t message_id)
{
    for (size_t i = 0; i < sa->n_used; i++)
        if (sa->used[i] == message_id)
            return true;
    return false;
}

bool ike_sa_message_id_is_new(const struct ike_sa *sa, uint32_t message_id)
{
    return message_id != 0 && sa->n_used < IKE_MAX_MESSAGES && !is_used(sa, message_id);
}

void ike_sa_use_message_id(struct ike_sa *sa, uint32_t message_id)
{
    if (sa->n_used < IKE_MAX_MESSAGES && !is_used(sa, message_id))
        sa->used[sa->n_used++] = message_id;
}

bool ike_sa_new_message_id(const struct ike_sa *sa, const struct rng *rng, uint32_t *message_id)
{
    /* A collision is next to impossible: a generator that repeats itself eight times is a broken one. */
    for (int i = 0; i < 8; i++) {
        if (!rng_get(rng, message_id, sizeof *message_id))
            return false;
        if (ike_sa_message_id_is_new(sa, *message_id))
            return true;
    }
    return false;
}

bool ike_sa_seal(const struct ike_suite *suite, const struct secret *key, struct ike_iv *iv, uint8_t *msg,
                 size_t *len, size_t cap)
{
    size_t block = ike_suite_block_len(suite);
    if (block == 0 || key->len != ike_suite_key_len(suite) || *len <= IKE_HEADER_LEN || *len > cap)
        return false;
    size_t pad = (block - (*len - IKE_HEADER_LEN) % block) % block;
    if (pad > cap - *len)
        return false;
    memset(msg + *len, 0, pad);
    size_t total = *len + pad;
    struct buf_writer w = {.base = msg, .cap = cap, .len = total};
    buf_patch_u32(&w, LENGTH_AT, (uint32_t)total);
    uint8_t *body = msg + IKE_HEADER_LEN;
    if (w.overflow || !cbc_encrypt(suite->encryption, secret_span(key), iv->b, body, body, total - IKE_HEADER_LEN))
        return false;
    memcpy(iv->b, msg + total - block, block);
    *len = total;
    return true;
}

bool ike_sa_open(const struct ike_suite *suite, const struct secret *key, const struct ike_iv *iv,
                 struct span datagram, uint8_t *out, size_t cap, struct ike_iv *next)
{
    size_t block = ike_suite_block_len(suite);
    if (block == 0 || key->len != ike_suite_key_len(suite) || datagram.len <= IKE_HEADER_LEN || datagram.len > cap ||
        (datagram.len - IKE_HEADER_LEN) % block)
        return false;
    struct buf_reader r = buf_reader_of(datagram);
    uint32_t length;
    if (!buf_skip(&r, LENGTH_AT) || !buf_get_u32(&r, &length) || length != datagram.len)
        return false;
    memcpy(out, datagram.p, IKE_HEADER_LEN);
    if (!cbc_decrypt(suite->encryption, secret_span(key), iv->b, datagram.p + IKE_HEADER_LEN, out + IKE_HEADER_LEN,
                     datagram.len - IKE_HEADER_LEN))
        return false;
    *next = (struct ike_iv){{0}};
    memcpy(next->b, datagram.p + datagram.len - block, block);
    return true;
}
