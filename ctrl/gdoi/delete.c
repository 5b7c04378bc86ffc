/* SPDX-License-Identifier: BSD-3-Clause */
/* Delete payloads with GDOI's protocol numbers (RFC 6407 5.9, RFC 2408 3.15). Nothing is deleted here. */
#include "ctrl/gdoi/delete.h"

#include <string.h>

#define TEK_SPI_LEN 4

static const uint8_t zero[GDOI_KEK_SPI_LEN];

static size_t spi_len_of(uint8_t protocol)
{
    return protocol == GDOI_PROTO_KEK ? GDOI_KEK_SPI_LEN : TEK_SPI_LEN;
}

/* Every octet of them; sizes other than the protocol's can only say "all". */
static bool is_zero(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] != 0)
            return false;
    return true;
}

enum isakmp_error gdoi_delete_get(struct span body, struct gdoi_delete *d)
{
    struct buf_reader r = buf_reader_of(body);
    struct gdoi_delete x = {.all = false};
    uint32_t doi;
    uint8_t size;
    uint16_t n;
    if (!buf_get_u32(&r, &doi) || !buf_get_u8(&r, &x.protocol) || !buf_get_u8(&r, &size) || !buf_get_u16(&r, &n))
        return ISAKMP_E_DELETE_SHORT;
    if (doi != ISAKMP_DOI_GDOI)
        return ISAKMP_E_DELETE_DOI;
    if (x.protocol > GDOI_PROTO_AH)
        return ISAKMP_E_DELETE_PROTOCOL;
    if (size != 0 && size != TEK_SPI_LEN && size != GDOI_KEK_SPI_LEN)
        return ISAKMP_E_DELETE_SPI_SIZE;
    x.spis = buf_rest(&r);
    if ((size_t)n * size != x.spis.len || (n == 0 && size != 0))
        return ISAKMP_E_DELETE_SPIS;
    if (size != spi_len_of(x.protocol)) {
        if (!is_zero(x.spis))
            return ISAKMP_E_DELETE_SPI_SIZE;
        x.spis = span_of(NULL, 0);
        x.all = true;
    }
    for (size_t at = 0; at < x.spis.len; at += size)
        x.all |= memcmp(x.spis.p + at, zero, size) == 0;
    *d = x;
    return ISAKMP_OK;
}

static void begin(struct isakmp_chain *c, uint8_t protocol, uint16_t n)
{
    isakmp_payload_begin(c, ISAKMP_PAYLOAD_DELETE);
    buf_put_u32(c->w, ISAKMP_DOI_GDOI);
    buf_put_u8(c->w, protocol);
    buf_put_u8(c->w, (uint8_t)spi_len_of(protocol));
    buf_put_u16(c->w, n);
}

void gdoi_delete_put_teks(struct isakmp_chain *c, const uint32_t *spis, size_t n)
{
    begin(c, GDOI_PROTO_ESP, (uint16_t)n);
    for (size_t i = 0; i < n; i++)
        buf_put_u32(c->w, spis[i]);
    isakmp_payload_end(c);
}

void gdoi_delete_put_all_teks(struct isakmp_chain *c)
{
    begin(c, GDOI_PROTO_ESP, 1);
    buf_put_zero(c->w, TEK_SPI_LEN);
    isakmp_payload_end(c);
}

void gdoi_delete_put_kek(struct isakmp_chain *c)
{
    begin(c, GDOI_PROTO_KEK, 1);
    buf_put_zero(c->w, GDOI_KEK_SPI_LEN);
    isakmp_payload_end(c);
}
