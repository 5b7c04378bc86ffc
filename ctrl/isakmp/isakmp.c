/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The header and the chain of payloads (RFC 2408 3.1, 3.2, 5.2-5.4). What a payload's body means is in the other files;
 * which payloads a message must have is the exchanges' business.
 */
#include "ctrl/isakmp/isakmp.h"

#include <string.h>

/*
 *     0                   1                   2                   3
 *     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     !                          Initiator                            !
 *     !                            Cookie                             !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     !                          Responder                            !
 *     !                            Cookie                             !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     !  Next Payload ! MjVer ! MnVer ! Exchange Type !     Flags     !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     !                          Message ID                           !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     !                            Length                             !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
enum isakmp_error isakmp_header_get(struct span datagram, struct isakmp_header *h, struct span *body)
{
    static const uint8_t zero[ISAKMP_COOKIE_LEN];
    struct buf_reader r = buf_reader_of(datagram);
    struct isakmp_header x = {0};
    uint8_t version;
    if (!buf_get_bytes(&r, x.cky_i, sizeof(x.cky_i)) || !buf_get_bytes(&r, x.cky_r, sizeof(x.cky_r)) ||
        !buf_get_u8(&r, &x.next_payload) || !buf_get_u8(&r, &version) || !buf_get_u8(&r, &x.exchange) ||
        !buf_get_u8(&r, &x.flags) || !buf_get_u32(&r, &x.message_id) || !buf_get_u32(&r, &x.length))
        return ISAKMP_E_HEADER_SHORT;
    if (version >> 4 != ISAKMP_VERSION >> 4)
        return ISAKMP_E_HEADER_MAJOR;
    if (version != ISAKMP_VERSION)
        return ISAKMP_E_HEADER_MINOR;
    if (x.length != datagram.len)
        return ISAKMP_E_HEADER_LENGTH;
    if ((x.flags & ~(ISAKMP_FLAG_ENCRYPTED | ISAKMP_FLAG_COMMIT | ISAKMP_FLAG_AUTH_ONLY)) != 0)
        return ISAKMP_E_HEADER_FLAGS;
    if (memcmp(x.cky_i, zero, sizeof(zero)) == 0)
        return ISAKMP_E_HEADER_COOKIE;
    *h = x;
    *body = buf_rest(&r);
    return ISAKMP_OK;
}

/*
 *     0                   1                   2                   3
 *     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     ! Next Payload  !   RESERVED    !         Payload Length        !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
enum isakmp_error isakmp_walk_next(struct isakmp_walk *w, struct isakmp_payload *p)
{
    struct buf_reader r = w->r;
    struct span rest = buf_rest(&r);
    struct isakmp_payload x = {.type = w->next};
    uint8_t next, reserved;
    uint16_t len;
    if (!buf_get_u8(&r, &next) || !buf_get_u8(&r, &reserved) || !buf_get_u16(&r, &len) || len < ISAKMP_GENERIC_LEN)
        return ISAKMP_E_PAYLOAD_LENGTH;
    if (reserved != 0)
        return ISAKMP_E_PAYLOAD_RESERVED;
    if (!buf_get_span(&r, len - ISAKMP_GENERIC_LEN, &x.body))
        return ISAKMP_E_PAYLOAD_LENGTH;
    x.whole = span_of(rest.p, len);
    w->r = r;
    w->next = next;
    *p = x;
    return ISAKMP_OK;
}

/* May a message have it outside of an SA? IKEv2 numbers its payloads from 33 (CVE-2015-3991). */
static bool is_top_level(uint8_t type)
{
    switch (type) {
    case ISAKMP_PAYLOAD_SA:
    case ISAKMP_PAYLOAD_KE:
    case ISAKMP_PAYLOAD_ID:
    case ISAKMP_PAYLOAD_CERT:
    case ISAKMP_PAYLOAD_CR:
    case ISAKMP_PAYLOAD_HASH:
    case ISAKMP_PAYLOAD_SIG:
    case ISAKMP_PAYLOAD_NONCE:
    case ISAKMP_PAYLOAD_NOTIFY:
    case ISAKMP_PAYLOAD_DELETE:
    case ISAKMP_PAYLOAD_VID:
    case ISAKMP_PAYLOAD_KD:
    case ISAKMP_PAYLOAD_SEQ:
    case ISAKMP_PAYLOAD_NAT_D:
    case ISAKMP_PAYLOAD_NAT_OA:
    case ISAKMP_PAYLOAD_GAP:
        return true;
    default:
        return false;
    }
}

enum isakmp_error isakmp_payloads_get(uint8_t first, struct span body, enum isakmp_trailing trailing,
                                      struct isakmp_payloads *out)
{
    struct isakmp_walk w = isakmp_walk_of(first, body);
    out->n = 0;
    out->padding = span_of(NULL, 0);
    if (w.next == ISAKMP_PAYLOAD_NONE)
        return ISAKMP_E_PAYLOAD_COUNT;
    while (w.next != ISAKMP_PAYLOAD_NONE) {
        if (!is_top_level(w.next))
            return ISAKMP_E_PAYLOAD_TYPE;
        if (out->n == ISAKMP_MAX_PAYLOADS)
            return ISAKMP_E_PAYLOAD_COUNT;
        enum isakmp_error e = isakmp_walk_next(&w, &out->p[out->n]);
        if (e != ISAKMP_OK)
            return e;
        out->n++;
    }
    if (w.r.left > (trailing == ISAKMP_TRAILING_PADDING ? ISAKMP_MAX_PADDING : 0u))
        return ISAKMP_E_TRAILING;
    out->padding = buf_rest(&w.r);
    return ISAKMP_OK;
}

const struct isakmp_payload *isakmp_payloads_find(const struct isakmp_payloads *ps, uint8_t type)
{
    for (size_t i = 0; i < ps->n; i++)
        if (ps->p[i].type == type)
            return &ps->p[i];
    return NULL;
}

size_t isakmp_payloads_count(const struct isakmp_payloads *ps, uint8_t type)
{
    size_t n = 0;
    for (size_t i = 0; i < ps->n; i++)
        n += ps->p[i].type == type;
    return n;
}

bool isakmp_payloads_fit(const struct isakmp_payloads *ps, const uint8_t *required, const uint8_t *allowed)
{
    size_t known = 0;
    for (const uint8_t *t = required; *t; t++, known++)
        if (isakmp_payloads_count(ps, *t) != 1)
            return false;
    for (const uint8_t *t = allowed; *t; t++)
        known += isakmp_payloads_count(ps, *t);
    return known == ps->n;
}

struct span isakmp_payloads_behind(const struct isakmp_payloads *ps, const struct isakmp_payload *p)
{
    const struct span last = ps->p[ps->n - 1].whole;
    const uint8_t *from = p->whole.p + p->whole.len;
    return span_of(from, (size_t)(last.p + last.len - from));
}

struct isakmp_chain isakmp_message_begin(struct buf_writer *w, const struct isakmp_header *h)
{
    size_t start = w->len;
    buf_put_bytes(w, h->cky_i, sizeof(h->cky_i));
    buf_put_bytes(w, h->cky_r, sizeof(h->cky_r));
    buf_put_u8(w, ISAKMP_PAYLOAD_NONE);
    buf_put_u8(w, ISAKMP_VERSION);
    buf_put_u8(w, h->exchange);
    buf_put_u8(w, h->flags);
    buf_put_u32(w, h->message_id);
    buf_put_u32(w, 0);
    return isakmp_chain_at(w, start + ISAKMP_NEXT_OFFSET);
}

void isakmp_message_end(struct buf_writer *w)
{
    if (w->len > ISAKMP_MAX_MESSAGE)
        w->overflow = true;
    buf_patch_u32(w, ISAKMP_LENGTH_OFFSET, (uint32_t)w->len);
}

struct isakmp_chain isakmp_chain_at(struct buf_writer *w, size_t next_at)
{
    return (struct isakmp_chain){.w = w, .next_at = next_at, .start = w->len};
}

size_t isakmp_payload_begin(struct isakmp_chain *c, uint8_t type)
{
    buf_patch_u8(c->w, c->next_at, type);
    c->start = c->w->len;
    c->next_at = c->start;
    buf_put_u8(c->w, ISAKMP_PAYLOAD_NONE);
    buf_put_u8(c->w, 0);
    buf_put_u16(c->w, 0);
    return c->start;
}

void isakmp_payload_end(struct isakmp_chain *c)
{
    size_t len = c->w->len - c->start;
    if (len > UINT16_MAX)
        c->w->overflow = true;
    buf_patch_u16(c->w, c->start + 2, (uint16_t)len);
}

void isakmp_payload_put(struct isakmp_chain *c, uint8_t type, struct span body)
{
    isakmp_payload_begin(c, type);
    buf_put_span(c->w, body);
    isakmp_payload_end(c);
}
