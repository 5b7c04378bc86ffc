/* SPDX-License-Identifier: BSD-3-Clause */
/* Delete payloads (RFC 2408 3.15). Nothing is deleted here. */
#include "ctrl/isakmp/delete.h"

#include <string.h>

#define PROTO_ISAKMP   1
#define PROTO_AH       2
#define PROTO_ESP      3
#define ISAKMP_SPI_LEN (2 * ISAKMP_COOKIE_LEN)
#define IPSEC_SPI_LEN  4

static uint8_t spi_size_of(uint8_t protocol)
{
    switch (protocol) {
    case PROTO_ISAKMP:
        return ISAKMP_SPI_LEN;
    case PROTO_AH:
    case PROTO_ESP:
        return IPSEC_SPI_LEN;
    default:
        return 0;
    }
}

enum isakmp_error isakmp_delete_get(struct span body, struct isakmp_delete *d)
{
    struct buf_reader r = buf_reader_of(body);
    struct isakmp_delete x;
    if (!buf_get_u32(&r, &x.doi) || !buf_get_u8(&r, &x.protocol) || !buf_get_u8(&r, &x.spi_size) ||
        !buf_get_u16(&r, &x.n))
        return ISAKMP_E_DELETE_SHORT;
    if (x.doi > ISAKMP_DOI_GDOI)
        return ISAKMP_E_DELETE_DOI;
    if (x.spi_size == 0 || x.spi_size != spi_size_of(x.protocol))
        return ISAKMP_E_DELETE_SPI_SIZE;
    x.spis = buf_rest(&r);
    if (x.n == 0 || (size_t)x.n * x.spi_size != x.spis.len) /* CVE-2004-0221 */
        return ISAKMP_E_DELETE_SPIS;
    *d = x;
    return ISAKMP_OK;
}

struct span isakmp_delete_spi(const struct isakmp_delete *d, uint16_t i)
{
    return span_of(d->spis.p + (size_t)i * d->spi_size, d->spi_size);
}

bool isakmp_delete_names(const struct isakmp_delete *d, const uint8_t cky_i[ISAKMP_COOKIE_LEN],
                         const uint8_t cky_r[ISAKMP_COOKIE_LEN])
{
    if (d->protocol != PROTO_ISAKMP)
        return false;
    for (uint16_t i = 0; i < d->n; i++) {
        struct span spi = isakmp_delete_spi(d, i);
        if (memcmp(spi.p, cky_i, ISAKMP_COOKIE_LEN) == 0 &&
            memcmp(spi.p + ISAKMP_COOKIE_LEN, cky_r, ISAKMP_COOKIE_LEN) == 0)
            return true;
    }
    return false;
}

void isakmp_delete_put(struct isakmp_chain *c, const struct isakmp_delete *d)
{
    isakmp_payload_begin(c, ISAKMP_PAYLOAD_DELETE);
    buf_put_u32(c->w, d->doi);
    buf_put_u8(c->w, d->protocol);
    buf_put_u8(c->w, d->spi_size);
    buf_put_u16(c->w, d->n);
    buf_put_span(c->w, d->spis);
    isakmp_payload_end(c);
}

void isakmp_delete_put_isakmp(struct isakmp_chain *c, uint32_t doi, const uint8_t cky_i[ISAKMP_COOKIE_LEN],
                              const uint8_t cky_r[ISAKMP_COOKIE_LEN])
{
    uint8_t spi[ISAKMP_SPI_LEN];
    memcpy(spi, cky_i, ISAKMP_COOKIE_LEN);
    memcpy(spi + ISAKMP_COOKIE_LEN, cky_r, ISAKMP_COOKIE_LEN);
    struct isakmp_delete d = {
        .doi = doi, .protocol = PROTO_ISAKMP, .spi_size = sizeof(spi), .n = 1, .spis = span_of(spi, sizeof(spi))};
    isakmp_delete_put(c, &d);
}
