/* SPDX-License-Identifier: BSD-3-Clause */
/* Notification payloads (RFC 2408 3.14) and the data of our own REFUSED. Nothing is acted upon here. */
#include "ctrl/isakmp/notify.h"

#include <string.h>

enum isakmp_error isakmp_notify_get(struct span body, struct isakmp_notify *n)
{
    struct buf_reader r = buf_reader_of(body);
    struct isakmp_notify x;
    uint8_t spi_size;
    if (!buf_get_u32(&r, &x.doi) || !buf_get_u8(&r, &x.protocol) || !buf_get_u8(&r, &spi_size) ||
        !buf_get_u16(&r, &x.type) || !buf_get_span(&r, spi_size, &x.spi))
        return ISAKMP_E_NOTIFY_SHORT;
    if (x.doi > ISAKMP_DOI_GDOI)
        return ISAKMP_E_NOTIFY_DOI;
    x.data = buf_rest(&r);
    *n = x;
    return ISAKMP_OK;
}

void isakmp_notify_put(struct isakmp_chain *c, const struct isakmp_notify *n)
{
    struct buf_writer *w = c->w;
    isakmp_payload_begin(c, ISAKMP_PAYLOAD_NOTIFY);
    if (n->spi.len > UINT8_MAX)
        w->overflow = true;
    buf_put_u32(w, n->doi);
    buf_put_u8(w, n->protocol);
    buf_put_u8(w, (uint8_t)n->spi.len);
    buf_put_u16(w, n->type);
    buf_put_span(w, n->spi);
    buf_put_span(w, n->data);
    isakmp_payload_end(c);
}

bool isakmp_refused_get(struct span data, struct isakmp_refused *r)
{
    struct buf_reader reader = buf_reader_of(data);
    struct isakmp_refused x = {0};
    if (!buf_get_u16(&reader, &x.reason) || !buf_get_u64(&reader, &x.missing))
        return false;
    uint8_t c;
    for (size_t i = 0; i + 1 < sizeof(x.text) && buf_get_u8(&reader, &c); i++)
        x.text[i] = (char)(c >= ' ' && c <= '~' ? c : '?');
    *r = x;
    return true;
}

struct span isakmp_refused_body(const struct isakmp_refused *r, uint8_t *out, size_t cap)
{
    struct buf_writer w = buf_writer_of(out, cap);
    buf_put_u16(&w, r->reason);
    buf_put_u64(&w, r->missing);
    buf_put_bytes(&w, r->text, strnlen(r->text, sizeof(r->text)));
    return buf_written(&w);
}
