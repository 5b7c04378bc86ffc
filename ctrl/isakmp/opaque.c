/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * KE (RFC 2408 3.7), HASH (3.11), NONCE (3.13): a generic header and one field.
 *
 *     0                   1                   2                   3
 *     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     ! Next Payload  !   RESERVED    !         Payload Length        !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     ~            Key Exchange Data, Hash Data or Nonce Data         ~
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
#include "ctrl/isakmp/opaque.h"

enum isakmp_error isakmp_ke_get(struct span body, size_t len, struct span *value)
{
    if (len == 0 || body.len != len)
        return ISAKMP_E_KE_LENGTH;
    *value = body;
    return ISAKMP_OK;
}

enum isakmp_error isakmp_nonce_get(struct span body, struct span *nonce)
{
    if (body.len < ISAKMP_NONCE_MIN || body.len > ISAKMP_NONCE_MAX)
        return ISAKMP_E_NONCE_LENGTH;
    *nonce = body;
    return ISAKMP_OK;
}

enum isakmp_error isakmp_hash_get(struct span body, size_t len, struct span *hash)
{
    if (len == 0 || body.len != len)
        return ISAKMP_E_HASH_LENGTH;
    *hash = body;
    return ISAKMP_OK;
}

void isakmp_ke_put(struct isakmp_chain *c, struct span value)
{
    isakmp_payload_put(c, ISAKMP_PAYLOAD_KE, value);
}

void isakmp_nonce_put(struct isakmp_chain *c, struct span nonce)
{
    isakmp_payload_put(c, ISAKMP_PAYLOAD_NONCE, nonce);
}

size_t isakmp_hash_reserve(struct isakmp_chain *c, size_t len)
{
    size_t at = isakmp_payload_begin(c, ISAKMP_PAYLOAD_HASH) + ISAKMP_GENERIC_LEN;
    buf_put_zero(c->w, len);
    isakmp_payload_end(c);
    return at;
}

struct span isakmp_hash_covers(const struct buf_writer *w, size_t at, size_t len)
{
    struct span all = buf_written(w);
    if (at > all.len || len > all.len - at)
        return span_of(NULL, 0);
    return span_of(all.p + at + len, all.len - at - len);
}

void isakmp_hash_fill(struct buf_writer *w, size_t at, struct span hash)
{
    for (size_t i = 0; i < hash.len; i++)
        buf_patch_u8(w, at + i, hash.p[i]);
}

void isakmp_hash_put(struct isakmp_chain *c, struct span hash)
{
    isakmp_payload_put(c, ISAKMP_PAYLOAD_HASH, hash);
}
