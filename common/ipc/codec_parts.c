/* SPDX-License-Identifier: BSD-3-Clause */
/* Pieces that several messages of the IPC share, see codec_parts.h. */
#include "common/ipc/codec_parts.h"

#include <string.h>

void codec_put_bool(struct buf_writer *w, bool v)
{
    buf_put_u8(w, v ? 1 : 0);
}

bool codec_get_bool(struct buf_reader *r, bool *v)
{
    uint8_t b;
    if (!buf_get_u8(r, &b) || b > 1)
        return false;
    *v = b;
    return true;
}

bool codec_get_enum(struct buf_reader *r, unsigned *v)
{
    uint8_t b;
    if (!buf_get_u8(r, &b))
        return false;
    *v = b;
    return true;
}

void codec_put_text(struct buf_writer *w, const char *text, size_t cap)
{
    size_t len = strnlen(text, cap);
    if (len == cap) {
        w->overflow = true;
        return;
    }
    buf_put_u8(w, (uint8_t)len);
    buf_put_bytes(w, text, len);
}

bool codec_get_text(struct buf_reader *r, char *text, size_t cap)
{
    uint8_t len;
    struct span s;
    if (!buf_get_u8(r, &len) || len >= cap || !buf_get_span(r, len, &s))
        return false;
    if (len > 0 && memchr(s.p, 0, len))
        return false;
    if (len > 0)
        memcpy(text, s.p, len);
    text[len] = 0;
    return true;
}

void codec_put_secret(struct buf_writer *w, const struct secret *s)
{
    if (s->len > SECRET_MAX) {
        w->overflow = true;
        return;
    }
    buf_put_u16(w, s->len);
    buf_put_span(w, secret_span(s));
}

bool codec_get_secret(struct buf_reader *r, struct secret *s)
{
    uint16_t len;
    struct span v;
    return buf_get_u16(r, &len) && buf_get_span(r, len, &v) && secret_set(s, v.p, v.len);
}

void codec_put_addr(struct buf_writer *w, const struct addr *a)
{
    buf_put_u8(w, a->family);
    buf_put_bytes(w, a->b, addr_len(a->family));
}

bool codec_get_addr(struct buf_reader *r, struct addr *a)
{
    uint8_t family;
    struct span s;
    return buf_get_u8(r, &family) && addr_len(family) != 0 && buf_get_span(r, addr_len(family), &s) &&
           addr_from_bytes(a, s);
}

void codec_put_entry(struct buf_writer *w, const struct acl_entry *e)
{
    codec_put_bool(w, e->permit);
    buf_put_u16(w, e->sa);
    buf_put_u16(w, e->number);
    codec_put_addr(w, &e->sel.src.addr);
    buf_put_u8(w, e->sel.src.len);
    codec_put_addr(w, &e->sel.dst.addr);
    buf_put_u8(w, e->sel.dst.len);
    buf_put_u8(w, e->sel.proto);
    buf_put_u16(w, e->sel.sport.low);
    buf_put_u16(w, e->sel.sport.high);
    buf_put_u16(w, e->sel.dport.low);
    buf_put_u16(w, e->sel.dport.high);
}

bool codec_get_entry(struct buf_reader *r, struct acl_entry *e)
{
    return codec_get_bool(r, &e->permit) && buf_get_u16(r, &e->sa) && buf_get_u16(r, &e->number) &&
           codec_get_addr(r, &e->sel.src.addr) && buf_get_u8(r, &e->sel.src.len) && codec_get_addr(r, &e->sel.dst.addr) &&
           buf_get_u8(r, &e->sel.dst.len) && buf_get_u8(r, &e->sel.proto) && buf_get_u16(r, &e->sel.sport.low) &&
           buf_get_u16(r, &e->sel.sport.high) && buf_get_u16(r, &e->sel.dport.low) &&
           buf_get_u16(r, &e->sel.dport.high);
}

/* Host bits must be zero: matching relies on it. */
static bool check_prefix(const struct prefix *p)
{
    size_t octets = addr_len(p->addr.family);
    if (octets == 0 || p->len > 8 * octets)
        return false;
    for (size_t i = 0; i < octets; i++) {
        size_t in_prefix = p->len > 8 * i ? p->len - 8 * i : 0;
        uint8_t host_bits = in_prefix >= 8 ? 0 : (uint8_t)(0xff >> in_prefix);
        if (p->addr.b[i] & host_bits)
            return false;
    }
    return true;
}

bool codec_check_entry(const struct acl_entry *e)
{
    const struct selector *s = &e->sel;
    return check_prefix(&s->src) && check_prefix(&s->dst) && s->src.addr.family == s->dst.addr.family &&
           s->sport.low <= s->sport.high && s->dport.low <= s->dport.high;
}
