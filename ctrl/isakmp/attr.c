/* SPDX-License-Identifier: BSD-3-Clause */
/* Data attributes (RFC 2408 3.3): both forms in, the form the caller names out. Meanings are elsewhere. */
#include "ctrl/isakmp/attr.h"

#define AF 0x8000u

struct isakmp_attrs isakmp_attrs_of(struct span bytes)
{
    return (struct isakmp_attrs){.r = buf_reader_of(bytes)};
}

static bool may_repeat(const struct isakmp_attrs *as, uint16_t type)
{
    return type != 0 && (type == as->repeatable[0] || type == as->repeatable[1]);
}

static bool was_seen(const struct isakmp_attrs *as, uint16_t type)
{
    for (size_t i = 0; i < as->n; i++)
        if (as->seen[i] == type)
            return true;
    return false;
}

enum isakmp_error isakmp_attr_next(struct isakmp_attrs *as, struct isakmp_attr *a)
{
    struct buf_reader r = as->r;
    uint16_t head, len = 2;
    struct span value;
    if (!buf_get_u16(&r, &head))
        return ISAKMP_E_ATTR_SHORT;
    bool basic = (head & AF) != 0;
    uint16_t type = head & (AF - 1);
    if (!basic && !buf_get_u16(&r, &len))
        return ISAKMP_E_ATTR_SHORT;
    if (!buf_get_span(&r, len, &value))
        return ISAKMP_E_ATTR_SHORT;
    if (as->n == ISAKMP_MAX_ATTRS)
        return ISAKMP_E_ATTR_COUNT;
    if (!may_repeat(as, type) && was_seen(as, type))
        return ISAKMP_E_ATTR_TWICE;
    as->seen[as->n++] = type;
    as->r = r;
    *a = (struct isakmp_attr){.type = type, .basic = basic, .value = value};
    return ISAKMP_OK;
}

/* A number of 1 to 8 octets that is at most max. */
static bool number(const struct isakmp_attr *a, uint64_t max, uint64_t *v)
{
    struct buf_reader r = buf_reader_of(a->value);
    uint64_t x = 0;
    uint8_t octet;
    if (a->value.len < 1 || a->value.len > sizeof(x))
        return false;
    while (buf_get_u8(&r, &octet))
        x = x << 8 | octet;
    if (x > max)
        return false;
    *v = x;
    return true;
}

bool isakmp_attr_u16(const struct isakmp_attr *a, uint16_t *v)
{
    uint64_t x;
    if (!number(a, UINT16_MAX, &x))
        return false;
    *v = (uint16_t)x;
    return true;
}

bool isakmp_attr_u32(const struct isakmp_attr *a, uint32_t *v)
{
    uint64_t x;
    if (!number(a, UINT32_MAX, &x))
        return false;
    *v = (uint32_t)x;
    return true;
}

bool isakmp_attr_u64(const struct isakmp_attr *a, uint64_t *v)
{
    return number(a, UINT64_MAX, v);
}

void isakmp_attr_put_basic(struct buf_writer *w, uint16_t type, uint16_t value)
{
    buf_put_u16(w, (uint16_t)(AF | type));
    buf_put_u16(w, value);
}

void isakmp_attr_put_u32(struct buf_writer *w, uint16_t type, uint32_t value)
{
    buf_put_u16(w, type);
    buf_put_u16(w, sizeof(value));
    buf_put_u32(w, value);
}

void isakmp_attr_put_span(struct buf_writer *w, uint16_t type, struct span value)
{
    if (value.len > UINT16_MAX)
        w->overflow = true;
    buf_put_u16(w, type);
    buf_put_u16(w, (uint16_t)value.len);
    buf_put_span(w, value);
}
