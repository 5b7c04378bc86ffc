/* SPDX-License-Identifier: BSD-3-Clause */
/* SA KEK payloads (RFC 6407 5.3.1-5.3.7, RFC 8263 2.1). LKH, DES, MD5, DSS and the deprecated ECDSS don't exist here. */
#include "ctrl/gdoi/sak.h"

#include "ctrl/isakmp/attr.h"
#include "ctrl/isakmp/id.h"

#include <string.h>

#define PROTO_UDP 17

bool gdoi_sak_key_len(uint16_t cipher, uint16_t key_bits, size_t *key, size_t *iv)
{
    if (cipher == GDOI_KEK_3DES && key_bits == 0) {
        *key = 24;
        *iv = 8;
        return true;
    }
    if (cipher != GDOI_KEK_AES || (key_bits != 128 && key_bits != 192 && key_bits != 256))
        return false;
    *key = key_bits / 8u;
    *iv = 16;
    return true;
}

/* One address, or any of them. */
static enum isakmp_error get_end(struct buf_reader *r, struct endpoint *e)
{
    static const struct addr none;
    struct span data;
    struct prefix p;
    uint8_t type, len;
    if (!buf_get_u8(r, &type) || !buf_get_u16(r, &e->port) || !buf_get_u8(r, &len) || !buf_get_span(r, len, &data))
        return ISAKMP_E_SAK_SHORT;
    e->addr = none;
    if (len == 0)
        return ISAKMP_OK;
    if (!isakmp_id_prefix(type, data, &p) || (p.len != 0 && p.len != 8 * addr_len(p.addr.family)))
        return ISAKMP_E_SAK_END;
    for (size_t i = 0; i < sizeof(p.addr.b); i++)
        if (p.addr.b[i] != 0)
            e->addr = p.addr;
    return ISAKMP_OK;
}

static bool is_one_of(uint16_t v, const uint16_t *list)
{
    while (*list != 0 && *list != v)
        list++;
    return *list != 0;
}

/* A number of a list that ends with 0. */
static enum isakmp_error get_one_of(const struct isakmp_attr *a, const uint16_t *list, uint16_t *v)
{
    uint16_t x;
    if (!isakmp_attr_u16(a, &x) || !is_one_of(x, list))
        return ISAKMP_E_ATTR_VALUE;
    *v = x;
    return ISAKMP_OK;
}

static const uint16_t ciphers[] = {GDOI_KEK_3DES, GDOI_KEK_AES, 0};
static const uint16_t key_lengths[] = {128, 192, 256, 0};
static const uint16_t hashes[] = {GDOI_SIG_SHA1, GDOI_SIG_SHA256, GDOI_SIG_SHA384, GDOI_SIG_SHA512, 0};
static const uint16_t signatures[] = {GDOI_SIG_RSA, GDOI_SIG_ECDSA_256, GDOI_SIG_ECDSA_384, 0};
static const uint16_t acks[] = {GDOI_ACK_KEK_SHA256, GDOI_ACK_KEK_SHA512, 0};

static enum isakmp_error get_attribute(const struct isakmp_attr *a, struct gdoi_sak *sak)
{
    switch (a->type) {
    case GDOI_SAK_MANAGEMENT:
        return ISAKMP_OK;
    case GDOI_SAK_CIPHER:
        return get_one_of(a, ciphers, &sak->cipher);
    case GDOI_SAK_KEY_LENGTH:
        return get_one_of(a, key_lengths, &sak->key_bits);
    case GDOI_SAK_LIFETIME:
        return isakmp_attr_u32(a, &sak->life_s) && sak->life_s != 0 ? ISAKMP_OK : ISAKMP_E_ATTR_VALUE;
    case GDOI_SAK_HASH:
        return get_one_of(a, hashes, &sak->hash);
    case GDOI_SAK_SIGNATURE:
        return get_one_of(a, signatures, &sak->signature);
    case GDOI_SAK_SIGNATURE_LENGTH:
        return isakmp_attr_u16(a, &sak->signature_bits) ? ISAKMP_OK : ISAKMP_E_ATTR_VALUE;
    case GDOI_SAK_ACK:
        if (!isakmp_attr_u16(a, &sak->ack))
            return ISAKMP_E_ATTR_VALUE;
        if (!is_one_of(sak->ack, acks))
            sak->ack = 0;
        return ISAKMP_OK;
    default:
        return ISAKMP_E_ATTR_UNKNOWN;
    }
}

/* What must be there, and what must fit together. */
static enum isakmp_error check(struct gdoi_sak *sak)
{
    size_t key, iv;
    if (sak->cipher == GDOI_KEK_3DES && sak->key_bits == 192) /* needn't be said, but may be */
        sak->key_bits = 0;
    if (sak->signature == 0 || !gdoi_sak_key_len(sak->cipher, sak->key_bits, &key, &iv))
        return ISAKMP_E_SAK_MISSING;
    if (sak->signature == GDOI_SIG_RSA)
        return sak->hash != 0 ? ISAKMP_OK : ISAKMP_E_SAK_MISSING;
    if (sak->hash != 0 && sak->hash != (sak->signature == GDOI_SIG_ECDSA_256 ? GDOI_SIG_SHA256 : GDOI_SIG_SHA384))
        return ISAKMP_E_ATTR_VALUE;
    return ISAKMP_OK;
}

static enum isakmp_error get_attributes(struct span bytes, struct gdoi_sak *sak)
{
    struct isakmp_attrs as = isakmp_attrs_of(bytes);
    while (!isakmp_attrs_end(&as)) {
        struct isakmp_attr a;
        enum isakmp_error e = isakmp_attr_next(&as, &a);
        if (e == ISAKMP_OK)
            e = get_attribute(&a, sak);
        if (e != ISAKMP_OK)
            return e;
    }
    return check(sak);
}

enum isakmp_error gdoi_sak_get(struct span body, struct gdoi_sak *sak)
{
    static const uint8_t no_cookie[ISAKMP_COOKIE_LEN];
    struct buf_reader r = buf_reader_of(body);
    struct gdoi_sak x = {.life_s = GDOI_KEK_DEFAULT_LIFE_S};
    uint8_t protocol;
    uint32_t reserved;
    if (!buf_get_u8(&r, &protocol))
        return ISAKMP_E_SAK_SHORT;
    if (protocol != PROTO_UDP)
        return ISAKMP_E_SAK_PROTOCOL;
    enum isakmp_error e = get_end(&r, &x.source);
    if (e == ISAKMP_OK)
        e = get_end(&r, &x.destination);
    if (e != ISAKMP_OK)
        return e;
    if (!buf_get_bytes(&r, x.spi, sizeof(x.spi)) || !buf_get_u32(&r, &reserved))
        return ISAKMP_E_SAK_SHORT;
    if (reserved != 0)
        return ISAKMP_E_SAK_RESERVED;
    if (memcmp(x.spi, no_cookie, sizeof(no_cookie)) == 0)
        return ISAKMP_E_SAK_SPI;
    e = get_attributes(buf_rest(&r), &x);
    if (e == ISAKMP_OK)
        *sak = x;
    return e;
}

static void put_end(struct buf_writer *w, const struct endpoint *e)
{
    bool v6 = e->addr.family == 6;
    uint8_t len = v6 ? 16 : 4;
    buf_put_u8(w, v6 ? ISAKMP_ID_IPV6_ADDR : ISAKMP_ID_IPV4_ADDR);
    buf_put_u16(w, e->port);
    buf_put_u8(w, len);
    buf_put_bytes(w, e->addr.b, len);
}

void gdoi_sak_put(struct isakmp_chain *c, const struct gdoi_sak *sak)
{
    struct buf_writer *w = c->w;
    isakmp_payload_begin(c, ISAKMP_PAYLOAD_SAK);
    buf_put_u8(w, PROTO_UDP);
    put_end(w, &sak->source);
    put_end(w, &sak->destination);
    buf_put_bytes(w, sak->spi, sizeof(sak->spi));
    buf_put_u32(w, 0);
    isakmp_attr_put_basic(w, GDOI_SAK_CIPHER, sak->cipher);
    if (sak->key_bits != 0)
        isakmp_attr_put_basic(w, GDOI_SAK_KEY_LENGTH, sak->key_bits);
    isakmp_attr_put_u32(w, GDOI_SAK_LIFETIME, sak->life_s);
    if (sak->hash != 0)
        isakmp_attr_put_basic(w, GDOI_SAK_HASH, sak->hash);
    isakmp_attr_put_basic(w, GDOI_SAK_SIGNATURE, sak->signature);
    if (sak->signature_bits != 0)
        isakmp_attr_put_basic(w, GDOI_SAK_SIGNATURE_LENGTH, sak->signature_bits);
    if (sak->ack != 0)
        isakmp_attr_put_basic(w, GDOI_SAK_ACK, sak->ack);
    isakmp_payload_end(c);
}
