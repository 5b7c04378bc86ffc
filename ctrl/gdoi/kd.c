/* SPDX-License-Identifier: BSD-3-Clause */
/* Key download (RFC 6407 5.6): TEK, KEK and SID packets. Keys are pointed at, never copied; suites are not known here. */
#include "ctrl/gdoi/kd.h"

#include "ctrl/isakmp/attr.h"

#define PACKET_HEADER_LEN 5 /* type, reserved, length, SPI size */
#define TEK_SPI_LEN       4

enum isakmp_error gdoi_kd_get(struct span body, struct gdoi_kd *kd)
{
    struct buf_reader r = buf_reader_of(body);
    uint16_t n, reserved;
    if (!buf_get_u16(&r, &n) || !buf_get_u16(&r, &reserved))
        return ISAKMP_E_KD_SHORT;
    if (reserved != 0)
        return ISAKMP_E_KD_RESERVED;
    if (n == 0 || n > GDOI_MAX_TEKS + 2)
        return ISAKMP_E_KD_COUNT;
    *kd = (struct gdoi_kd){.r = r, .left = n};
    return ISAKMP_OK;
}

static enum isakmp_error get_tek(struct span spi, struct span attributes, struct gdoi_tek *tek)
{
    struct isakmp_attrs as = isakmp_attrs_of(attributes);
    struct buf_reader r = buf_reader_of(spi);
    struct gdoi_tek x = {0};
    if (spi.len != TEK_SPI_LEN || !buf_get_u32(&r, &x.spi))
        return ISAKMP_E_KD_SPI_SIZE;
    while (!isakmp_attrs_end(&as)) {
        struct isakmp_attr a;
        enum isakmp_error e = isakmp_attr_next(&as, &a);
        if (e != ISAKMP_OK)
            return e;
        if (a.type != GDOI_TEK_ALGORITHM_KEY && a.type != GDOI_TEK_INTEGRITY_KEY)
            return ISAKMP_E_ATTR_UNKNOWN;
        if (a.value.len == 0 || a.value.len > GDOI_MAX_KEY_LEN)
            return ISAKMP_E_KD_TEK_KEY;
        *(a.type == GDOI_TEK_ALGORITHM_KEY ? &x.algorithm_key : &x.integrity_key) = a.value;
    }
    if (x.algorithm_key.len == 0 && x.integrity_key.len == 0)
        return ISAKMP_E_KD_TEK_KEY;
    *tek = x;
    return ISAKMP_OK;
}

static enum isakmp_error get_kek(struct span spi, struct span attributes, struct gdoi_kek *kek)
{
    struct isakmp_attrs as = isakmp_attrs_of(attributes);
    struct buf_reader r = buf_reader_of(spi);
    struct gdoi_kek x = {.algorithm_key = {0}};
    if (spi.len != GDOI_KEK_SPI_LEN || !buf_get_bytes(&r, x.spi, sizeof(x.spi)))
        return ISAKMP_E_KD_SPI_SIZE;
    while (!isakmp_attrs_end(&as)) {
        struct isakmp_attr a;
        enum isakmp_error e = isakmp_attr_next(&as, &a);
        if (e != ISAKMP_OK)
            return e;
        if (a.type != GDOI_KEK_ALGORITHM_KEY && a.type != GDOI_KEK_SIG_KEY)
            return ISAKMP_E_ATTR_UNKNOWN;
        if (a.value.len > (a.type == GDOI_KEK_SIG_KEY ? GDOI_MAX_PUBLIC_KEY : GDOI_MAX_KEY_LEN))
            return ISAKMP_E_KD_KEK;
        *(a.type == GDOI_KEK_SIG_KEY ? &x.signature_key : &x.algorithm_key) = a.value;
    }
    if (x.algorithm_key.len == 0 || x.signature_key.len == 0)
        return ISAKMP_E_KD_KEK;
    *kek = x;
    return ISAKMP_OK;
}

static bool has_sid(const struct gdoi_sids *sids, uint64_t value)
{
    for (size_t i = 0; i < sids->n; i++)
        if (sids->values[i] == value)
            return true;
    return false;
}

static enum isakmp_error get_sids(struct span spi, struct span attributes, struct gdoi_sids *sids)
{
    struct isakmp_attrs as = isakmp_attrs_of(attributes);
    as.repeatable[0] = GDOI_SID_VALUE;
    uint16_t bits = 0;
    sids->n = 0;
    if (spi.len != 0)
        return ISAKMP_E_KD_SPI_SIZE;
    while (!isakmp_attrs_end(&as)) {
        struct isakmp_attr a;
        uint64_t value;
        enum isakmp_error e = isakmp_attr_next(&as, &a);
        if (e != ISAKMP_OK)
            return e;
        if (a.type == GDOI_SID_BITS) {
            if (!isakmp_attr_u16(&a, &bits) || bits == 0 || bits > 63)
                return ISAKMP_E_KD_SID;
        } else if (a.type == GDOI_SID_VALUE) {
            if (!isakmp_attr_u64(&a, &value) || has_sid(sids, value) || sids->n == GDOI_MAX_SENDER_IDS)
                return ISAKMP_E_KD_SID;
            sids->values[sids->n++] = value;
        } else {
            return ISAKMP_E_ATTR_UNKNOWN;
        }
    }
    if (bits == 0 || sids->n == 0)
        return ISAKMP_E_KD_SID;
    for (size_t i = 0; i < sids->n; i++) /* the width may come last */
        if (sids->values[i] >> bits != 0)
            return ISAKMP_E_KD_SID;
    sids->bits = (uint8_t)bits;
    return ISAKMP_OK;
}

enum isakmp_error gdoi_kd_next(struct gdoi_kd *kd, struct gdoi_kd_packet *p)
{
    uint8_t type, reserved, spi_size;
    uint16_t len;
    struct span spi, attributes;
    enum isakmp_error e;
    if (kd->left == 0)
        return ISAKMP_E_KD_COUNT;
    if (!buf_get_u8(&kd->r, &type) || !buf_get_u8(&kd->r, &reserved) || !buf_get_u16(&kd->r, &len) ||
        !buf_get_u8(&kd->r, &spi_size))
        return ISAKMP_E_KD_SHORT;
    if (reserved != 0)
        return ISAKMP_E_KD_RESERVED;
    if (len < PACKET_HEADER_LEN + spi_size || !buf_get_span(&kd->r, spi_size, &spi) ||
        !buf_get_span(&kd->r, len - PACKET_HEADER_LEN - (size_t)spi_size, &attributes))
        return ISAKMP_E_KD_SHORT;
    switch (type) {
    case GDOI_KD_TEK:
        e = get_tek(spi, attributes, &p->tek);
        break;
    case GDOI_KD_SID:
        e = get_sids(spi, attributes, &p->sids);
        break;
    case GDOI_KD_KEK:
        e = get_kek(spi, attributes, &p->kek);
        break;
    case GDOI_KD_LKH:
        return ISAKMP_E_KD_LKH;
    default:
        return ISAKMP_E_KD_TYPE;
    }
    if (e != ISAKMP_OK)
        return e;
    kd->left--;
    if (kd->left == 0 && kd->r.left != 0)
        return ISAKMP_E_KD_COUNT;
    p->type = (enum gdoi_kd_type)type;
    return ISAKMP_OK;
}

void gdoi_kd_begin(struct isakmp_chain *c, uint16_t n)
{
    isakmp_payload_begin(c, ISAKMP_PAYLOAD_KD);
    buf_put_u16(c->w, n);
    buf_put_u16(c->w, 0);
}

static size_t begin_packet(struct buf_writer *w, enum gdoi_kd_type type, uint8_t spi_size)
{
    size_t start = w->len;
    buf_put_u8(w, (uint8_t)type);
    buf_put_u8(w, 0);
    buf_put_u16(w, 0);
    buf_put_u8(w, spi_size);
    return start;
}

static void end_packet(struct buf_writer *w, size_t start)
{
    size_t len = w->len - start;
    if (len > UINT16_MAX)
        w->overflow = true;
    buf_patch_u16(w, start + 2, (uint16_t)len);
}

void gdoi_kd_put_tek(struct buf_writer *w, const struct gdoi_tek *tek)
{
    size_t start = begin_packet(w, GDOI_KD_TEK, TEK_SPI_LEN);
    buf_put_u32(w, tek->spi);
    if (tek->algorithm_key.len > 0)
        isakmp_attr_put_span(w, GDOI_TEK_ALGORITHM_KEY, tek->algorithm_key);
    if (tek->integrity_key.len > 0)
        isakmp_attr_put_span(w, GDOI_TEK_INTEGRITY_KEY, tek->integrity_key);
    end_packet(w, start);
}

void gdoi_kd_put_kek(struct buf_writer *w, const struct gdoi_kek *kek)
{
    size_t start = begin_packet(w, GDOI_KD_KEK, sizeof(kek->spi));
    buf_put_bytes(w, kek->spi, sizeof(kek->spi));
    isakmp_attr_put_span(w, GDOI_KEK_ALGORITHM_KEY, kek->algorithm_key);
    isakmp_attr_put_span(w, GDOI_KEK_SIG_KEY, kek->signature_key);
    end_packet(w, start);
}

void gdoi_kd_put_sids(struct buf_writer *w, const struct gdoi_sids *sids)
{
    size_t start = begin_packet(w, GDOI_KD_SID, 0);
    uint16_t octets = (uint16_t)((sids->bits + 7) / 8);
    isakmp_attr_put_basic(w, GDOI_SID_BITS, sids->bits);
    for (size_t i = 0; i < sids->n; i++) {
        buf_put_u16(w, GDOI_SID_VALUE);
        buf_put_u16(w, octets);
        for (uint16_t o = octets; o > 0; o--)
            buf_put_u8(w, (uint8_t)(sids->values[i] >> (8 * (o - 1))));
    }
    end_packet(w, start);
}
