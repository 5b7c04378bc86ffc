/* SPDX-License-Identifier: BSD-3-Clause */
/* SA TEK payloads (RFC 6407 5.5.1; attributes of RFC 2407 4.5 and our private ones). ESP only. */
#include "ctrl/gdoi/sat.h"

#include "ctrl/isakmp/attr.h"
#include "ctrl/isakmp/id.h"

#include <string.h>

enum life_type { LIFE_NONE = 0, LIFE_SECONDS = 1, LIFE_KILOBYTES = 2 };

/* One end of the selector as it stands on the wire. */
struct end {
    uint8_t type;
    uint16_t port;
    struct span data;
};

static bool get_end(struct buf_reader *r, struct end *e)
{
    uint8_t len;
    return buf_get_u8(r, &e->type) && buf_get_u16(r, &e->port) && buf_get_u8(r, &len) && buf_get_span(r, len, &e->data);
}

/* "Set to 3 octets or zero" (RFC 6407 5.5.1): nothing is said about this end. */
static bool says_nothing(const struct end *e)
{
    static const uint8_t zero[3];
    return e->data.len == 0 || (e->data.len == sizeof(zero) && memcmp(e->data.p, zero, sizeof(zero)) == 0);
}

static struct port_range ports_of(uint16_t port)
{
    return port == 0 ? (struct port_range){0, UINT16_MAX} : (struct port_range){port, port};
}

static enum isakmp_error selector_of(uint8_t proto, const struct end *src, const struct end *dst, struct selector *sel)
{
    struct selector x = {.proto = proto, .sport = ports_of(src->port), .dport = ports_of(dst->port)};
    bool any_src = says_nothing(src), any_dst = says_nothing(dst);
    if (!any_src && !isakmp_id_prefix(src->type, src->data, &x.src))
        return ISAKMP_E_SAT_SELECTOR;
    if (!any_dst && !isakmp_id_prefix(dst->type, dst->data, &x.dst))
        return ISAKMP_E_SAT_SELECTOR;
    if (any_src)
        x.src = (struct prefix){.addr.family = any_dst ? 4 : x.dst.addr.family};
    if (any_dst)
        x.dst = (struct prefix){.addr.family = x.src.addr.family};
    if (x.src.addr.family != x.dst.addr.family)
        return ISAKMP_E_SAT_SELECTOR;
    *sel = x;
    return ISAKMP_OK;
}

/* A number between low and high, into an octet. */
static enum isakmp_error get_u8(const struct isakmp_attr *a, uint16_t low, uint16_t high, uint8_t *v)
{
    uint16_t x;
    if (!isakmp_attr_u16(a, &x) || x < low || x > high)
        return ISAKMP_E_ATTR_VALUE;
    *v = (uint8_t)x;
    return ISAKMP_OK;
}

static enum isakmp_error get_u16(const struct isakmp_attr *a, uint16_t low, uint16_t high, uint16_t *v)
{
    uint16_t x;
    if (!isakmp_attr_u16(a, &x) || x < low || x > high)
        return ISAKMP_E_ATTR_VALUE;
    *v = x;
    return ISAKMP_OK;
}

static enum isakmp_error get_private(const struct isakmp_attr *a, struct gdoi_sat *sat)
{
    sat->has_private = true;
    switch (a->type) {
    case GDOI_SAT_NUMBER:
        return get_u16(a, 1, UINT16_MAX, &sat->number);
    case GDOI_SAT_REPLAY_METHOD:
        return get_u16(a, 0, 2, &sat->replay_method);
    case GDOI_SAT_REPLAY_WINDOW:
        return get_u16(a, 0, UINT16_MAX, &sat->replay_window);
    case GDOI_SAT_METADATA:
        return get_u16(a, 0, 3, &sat->metadata);
    case GDOI_SAT_STRICT_SENDER:
        return get_u16(a, 0, 1, &sat->strict_sender);
    case GDOI_SAT_GIVEN_BEFORE:
        return get_u16(a, 0, 1, &sat->given_before);
    default:
        return ISAKMP_E_ATTR_UNKNOWN;
    }
}

/* Lifetimes come as pairs: a type, then its duration. Kilobytes are read and left alone: this version counts none. */
static enum isakmp_error get_life(const struct isakmp_attr *a, uint16_t *type, struct gdoi_sat *sat)
{
    uint32_t duration;
    if (a->type == GDOI_SAT_LIFE_TYPE) {
        if (*type != LIFE_NONE)
            return ISAKMP_E_ATTR_VALUE;
        return get_u16(a, LIFE_SECONDS, LIFE_KILOBYTES, type);
    }
    if (*type == LIFE_NONE || !isakmp_attr_u32(a, &duration) || duration == 0)
        return ISAKMP_E_ATTR_VALUE;
    if (*type == LIFE_SECONDS) {
        if (sat->life_s != 0)
            return ISAKMP_E_ATTR_TWICE;
        sat->life_s = duration;
    }
    *type = LIFE_NONE;
    return ISAKMP_OK;
}

static enum isakmp_error get_attribute(const struct isakmp_attr *a, uint16_t *life_type, struct gdoi_sat *sat)
{
    switch (a->type) {
    case GDOI_SAT_LIFE_TYPE:
    case GDOI_SAT_LIFE_DURATION:
        return get_life(a, life_type, sat);
    case GDOI_SAT_GROUP_DESCRIPTION:
        return ISAKMP_OK;
    case GDOI_SAT_ENCAPSULATION:
        return get_u8(a, GDOI_ENCAP_TUNNEL, GDOI_ENCAP_TRANSPORT, &sat->encapsulation);
    case GDOI_SAT_AUTH:
        return get_u16(a, 1, UINT16_MAX, &sat->auth);
    case GDOI_SAT_KEY_LENGTH:
        return get_u16(a, 1, UINT16_MAX, &sat->key_bits);
    case GDOI_SAT_ADDRESS_PRESERVATION:
        return get_u8(a, GDOI_PRESERVE_NONE, GDOI_PRESERVE_BOTH, &sat->preservation);
    case GDOI_SAT_DIRECTION:
        return get_u8(a, GDOI_SENDER_ONLY, GDOI_SYMMETRIC, &sat->direction);
    default:
        return get_private(a, sat);
    }
}

static enum isakmp_error get_attributes(struct span bytes, struct gdoi_sat *sat)
{
    struct isakmp_attrs as = isakmp_attrs_of(bytes);
    as.repeatable[0] = GDOI_SAT_LIFE_TYPE;
    as.repeatable[1] = GDOI_SAT_LIFE_DURATION;
    uint16_t life_type = LIFE_NONE;
    while (!isakmp_attrs_end(&as)) {
        struct isakmp_attr a;
        enum isakmp_error e = isakmp_attr_next(&as, &a);
        if (e == ISAKMP_OK)
            e = get_attribute(&a, &life_type, sat);
        if (e != ISAKMP_OK)
            return e;
    }
    if (life_type != LIFE_NONE) /* a type without its duration */
        return ISAKMP_E_ATTR_VALUE;
    return sat->life_s != 0 && sat->encapsulation != 0 ? ISAKMP_OK : ISAKMP_E_SAT_MISSING;
}

enum isakmp_error gdoi_sat_get(struct span body, struct gdoi_sat *sat)
{
    struct buf_reader r = buf_reader_of(body);
    struct gdoi_sat x = {.preservation = GDOI_PRESERVE_BOTH, .direction = GDOI_SYMMETRIC};
    struct end src, dst;
    uint8_t protocol, proto;
    if (!buf_get_u8(&r, &protocol))
        return ISAKMP_E_SAT_SHORT;
    if (protocol != GDOI_PROTO_ESP)
        return ISAKMP_E_SAT_PROTOCOL;
    if (!buf_get_u8(&r, &proto) || !get_end(&r, &src) || !get_end(&r, &dst) || !buf_get_u8(&r, &x.transform) ||
        !buf_get_u32(&r, &x.spi))
        return ISAKMP_E_SAT_SHORT;
    if (x.spi < GDOI_FIRST_SPI)
        return ISAKMP_E_SAT_SPI;
    enum isakmp_error e = selector_of(proto, &src, &dst, &x.sel);
    if (e == ISAKMP_OK)
        e = get_attributes(buf_rest(&r), &x);
    if (e == ISAKMP_OK)
        *sat = x;
    return e;
}

static bool one_or_all(const struct port_range *r)
{
    return (r->low == 0 && r->high == UINT16_MAX) || (r->low == r->high && r->low != 0);
}

bool gdoi_sat_can_say(const struct selector *sel)
{
    return one_or_all(&sel->sport) && one_or_all(&sel->dport);
}

static void put_end(struct buf_writer *w, const struct prefix *p, const struct port_range *ports)
{
    size_t len = addr_len(p->addr.family);
    buf_put_u8(w, p->addr.family == 4 ? ISAKMP_ID_IPV4_ADDR_SUBNET : ISAKMP_ID_IPV6_ADDR_SUBNET);
    buf_put_u16(w, ports->low == ports->high ? ports->low : 0);
    buf_put_u8(w, (uint8_t)(2 * len));
    buf_put_bytes(w, p->addr.b, len);
    for (size_t i = 0; i < len; i++) {
        unsigned ones = p->len >= 8 * (i + 1) ? 8 : p->len > 8 * i ? p->len - 8 * (unsigned)i : 0;
        buf_put_u8(w, (uint8_t)(0xff00u >> ones));
    }
}

static void put_private(struct buf_writer *w, const struct gdoi_sat *sat)
{
    isakmp_attr_put_basic(w, GDOI_SAT_NUMBER, sat->number);
    isakmp_attr_put_basic(w, GDOI_SAT_REPLAY_METHOD, sat->replay_method);
    isakmp_attr_put_basic(w, GDOI_SAT_REPLAY_WINDOW, sat->replay_window);
    if (sat->metadata != 0)
        isakmp_attr_put_basic(w, GDOI_SAT_METADATA, sat->metadata);
    if (sat->strict_sender != 0)
        isakmp_attr_put_basic(w, GDOI_SAT_STRICT_SENDER, sat->strict_sender);
    if (sat->given_before != 0)
        isakmp_attr_put_basic(w, GDOI_SAT_GIVEN_BEFORE, sat->given_before);
}

void gdoi_sat_put(struct isakmp_chain *c, const struct gdoi_sat *sat)
{
    struct buf_writer *w = c->w;
    isakmp_payload_begin(c, ISAKMP_PAYLOAD_SAT);
    buf_put_u8(w, GDOI_PROTO_ESP);
    buf_put_u8(w, sat->sel.proto);
    put_end(w, &sat->sel.src, &sat->sel.sport);
    put_end(w, &sat->sel.dst, &sat->sel.dport);
    buf_put_u8(w, sat->transform);
    buf_put_u32(w, sat->spi);
    isakmp_attr_put_basic(w, GDOI_SAT_LIFE_TYPE, LIFE_SECONDS);
    isakmp_attr_put_u32(w, GDOI_SAT_LIFE_DURATION, sat->life_s);
    isakmp_attr_put_basic(w, GDOI_SAT_ENCAPSULATION, sat->encapsulation);
    if (sat->auth != 0)
        isakmp_attr_put_basic(w, GDOI_SAT_AUTH, sat->auth);
    if (sat->key_bits != 0)
        isakmp_attr_put_basic(w, GDOI_SAT_KEY_LENGTH, sat->key_bits);
    if (sat->preservation != GDOI_PRESERVE_BOTH)
        isakmp_attr_put_basic(w, GDOI_SAT_ADDRESS_PRESERVATION, sat->preservation);
    if (sat->direction != GDOI_SYMMETRIC)
        isakmp_attr_put_basic(w, GDOI_SAT_DIRECTION, sat->direction);
    if (sat->has_private)
        put_private(w, sat);
    isakmp_payload_end(c);
}
