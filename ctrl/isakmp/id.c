/* SPDX-License-Identifier: BSD-3-Clause */
/* Identification payloads (RFC 2407 4.6.2, RFC 6407 5.1): their form, and text that is safe to log. */
#include "ctrl/isakmp/id.h"

#include <string.h>

#define MAX_NAME_LEN 255
#define MAX_DER_LEN  4096
#define KEY_ID_LEN   4 /* of a group */

/* Octets of an address type's address; 0 for types that hold none. */
static size_t address_len(uint8_t type)
{
    switch (type) {
    case ISAKMP_ID_IPV4_ADDR:
    case ISAKMP_ID_IPV4_ADDR_SUBNET:
    case ISAKMP_ID_IPV4_ADDR_RANGE:
        return 4;
    case ISAKMP_ID_IPV6_ADDR:
    case ISAKMP_ID_IPV6_ADDR_SUBNET:
    case ISAKMP_ID_IPV6_ADDR_RANGE:
        return 16;
    default:
        return 0;
    }
}

static bool is_subnet(uint8_t type)
{
    return type == ISAKMP_ID_IPV4_ADDR_SUBNET || type == ISAKMP_ID_IPV6_ADDR_SUBNET;
}

static bool is_range(uint8_t type)
{
    return type == ISAKMP_ID_IPV4_ADDR_RANGE || type == ISAKMP_ID_IPV6_ADDR_RANGE;
}

/* Ones, then zeros; *ones counts them. */
static bool mask_bits(const uint8_t *mask, size_t len, uint8_t *ones)
{
    unsigned n = 0;
    while (n < 8 * len && (mask[n / 8] >> (7 - n % 8) & 1) != 0)
        n++;
    for (unsigned i = n; i < 8 * len; i++)
        if ((mask[i / 8] >> (7 - i % 8) & 1) != 0)
            return false;
    *ones = (uint8_t)n;
    return true;
}

enum isakmp_error isakmp_id_check(uint8_t type, struct span data)
{
    size_t len = address_len(type);
    uint8_t ones;
    if (len != 0) {
        if (data.len != (is_subnet(type) || is_range(type) ? 2 * len : len))
            return ISAKMP_E_ID_LENGTH;
        if (is_subnet(type) && !mask_bits(data.p + len, len, &ones))
            return ISAKMP_E_ID_LENGTH;
        if (is_range(type) && memcmp(data.p, data.p + len, len) > 0)
            return ISAKMP_E_ID_LENGTH;
        return ISAKMP_OK;
    }
    switch (type) {
    case ISAKMP_ID_FQDN:
    case ISAKMP_ID_USER_FQDN:
    case ISAKMP_ID_KEY_ID:
        return data.len >= 1 && data.len <= MAX_NAME_LEN ? ISAKMP_OK : ISAKMP_E_ID_LENGTH;
    case ISAKMP_ID_DER_ASN1_DN:
    case ISAKMP_ID_DER_ASN1_GN:
        return data.len >= 1 && data.len <= MAX_DER_LEN ? ISAKMP_OK : ISAKMP_E_ID_LENGTH;
    default:
        return ISAKMP_E_ID_TYPE;
    }
}

enum isakmp_error isakmp_id_get(struct span body, struct isakmp_id *id)
{
    struct buf_reader r = buf_reader_of(body);
    struct isakmp_id x;
    if (!buf_get_u8(&r, &x.type) || !buf_get_u8(&r, &x.protocol) || !buf_get_u16(&r, &x.port))
        return ISAKMP_E_ID_SHORT;
    x.data = buf_rest(&r);
    enum isakmp_error e = isakmp_id_check(x.type, x.data);
    if (e == ISAKMP_OK)
        *id = x;
    return e;
}

enum isakmp_error isakmp_id_check_phase1_port(const struct isakmp_id *id)
{
    bool none = id->protocol == 0 && id->port == 0;
    bool udp = id->protocol == 17 && (id->port == 500 || id->port == 848 || id->port == 4500);
    return none || udp ? ISAKMP_OK : ISAKMP_E_ID_PORT;
}

enum isakmp_error isakmp_id_get_group(struct span body, bool *is_address, uint32_t *value)
{
    struct isakmp_id id;
    enum isakmp_error e = isakmp_id_get(body, &id);
    if (e != ISAKMP_OK)
        return e;
    if (id.protocol != 0 || id.port != 0)
        return ISAKMP_E_ID_PORT;
    if (id.type != ISAKMP_ID_KEY_ID && id.type != ISAKMP_ID_IPV4_ADDR)
        return ISAKMP_E_ID_TYPE;
    struct buf_reader r = buf_reader_of(id.data);
    uint32_t x;
    if (id.data.len != KEY_ID_LEN || !buf_get_u32(&r, &x))
        return ISAKMP_E_ID_LENGTH;
    *is_address = id.type == ISAKMP_ID_IPV4_ADDR;
    *value = x;
    return ISAKMP_OK;
}

bool isakmp_id_prefix(uint8_t type, struct span data, struct prefix *prefix)
{
    size_t len = address_len(type);
    struct prefix x = {.addr.family = len == 4 ? 4 : 6, .len = (uint8_t)(8 * len)};
    uint8_t mask[16];
    if (len == 0 || isakmp_id_check(type, data) != ISAKMP_OK)
        return false;
    if (is_subnet(type) && !mask_bits(data.p + len, len, &x.len))
        return false;
    if (is_range(type)) {
        for (size_t i = 0; i < len; i++)
            mask[i] = (uint8_t)~(data.p[i] ^ data.p[len + i]);
        if (!mask_bits(mask, len, &x.len))
            return false;
    }
    for (unsigned i = 0; i < 8 * len; i++) {
        uint8_t bit = (uint8_t)(0x80 >> i % 8);
        if (i < x.len)
            x.addr.b[i / 8] |= data.p[i / 8] & bit;
        else if (is_range(type) && ((data.p[i / 8] & bit) != 0 || (data.p[len + i / 8] & bit) == 0))
            return false; /* begins or ends inside of the prefix */
    }
    *prefix = x;
    return true;
}

static void put_body(struct buf_writer *w, const struct isakmp_id *id)
{
    buf_put_u8(w, id->type);
    buf_put_u8(w, id->protocol);
    buf_put_u16(w, id->port);
    buf_put_span(w, id->data);
}

void isakmp_id_put(struct isakmp_chain *c, const struct isakmp_id *id)
{
    isakmp_payload_begin(c, ISAKMP_PAYLOAD_ID);
    put_body(c->w, id);
    isakmp_payload_end(c);
}

void isakmp_id_put_group(struct isakmp_chain *c, bool is_address, uint32_t value)
{
    isakmp_payload_begin(c, ISAKMP_PAYLOAD_ID);
    buf_put_u8(c->w, is_address ? ISAKMP_ID_IPV4_ADDR : ISAKMP_ID_KEY_ID);
    buf_put_zero(c->w, 3);
    buf_put_u32(c->w, value);
    isakmp_payload_end(c);
}

struct span isakmp_id_body(const struct isakmp_id *id, uint8_t *out, size_t cap)
{
    struct buf_writer w = buf_writer_of(out, cap);
    put_body(&w, id);
    return buf_written(&w);
}

/* Text under construction; keeps room for "..." and NUL. */
struct text {
    char *out;
    size_t n;
    bool cut;
};

static void add(struct text *t, const char *s)
{
    size_t len = strlen(s);
    if (t->cut || t->n + len + sizeof("...") > ISAKMP_ID_TEXT_MAX) {
        t->cut = true;
        return;
    }
    memcpy(t->out + t->n, s, len);
    t->n += len;
}

static const char digits[] = "0123456789abcdef";

static void add_hex(struct text *t, uint8_t octet)
{
    add(t, (const char[]){digits[octet >> 4], digits[octet & 15], '\0'});
}

static void add_escaped(struct text *t, struct span data)
{
    for (size_t i = 0; i < data.len && !t->cut; i++) {
        uint8_t c = data.p[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                     (c != '\0' && strchr(".-_@:/=, ", c) != NULL);
        if (plain)
            add(t, (const char[]){(char)c, '\0'});
        else /* in one piece, so that the cut never splits it */
            add(t, (const char[]){'\\', 'x', digits[c >> 4], digits[c & 15], '\0'});
    }
}

static void add_address(struct text *t, const struct isakmp_id *id)
{
    char text[ADDR_TEXT_MAX];
    size_t len = address_len(id->type);
    struct prefix p;
    struct addr a;
    if (is_subnet(id->type)) {
        add(t, isakmp_id_prefix(id->type, id->data, &p) ? prefix_text(&p, text) : "?");
        return;
    }
    add(t, addr_from_bytes(&a, span_of(id->data.p, len)) ? addr_text(&a, text) : "?");
    if (!is_range(id->type))
        return;
    add(t, "-");
    add(t, addr_from_bytes(&a, span_of(id->data.p + len, len)) ? addr_text(&a, text) : "?");
}

const char *isakmp_id_text(const struct isakmp_id *id, char out[ISAKMP_ID_TEXT_MAX])
{
    struct text t = {.out = out};
    if (isakmp_id_check(id->type, id->data) != ISAKMP_OK) {
        add(&t, "invalid");
    } else if (address_len(id->type) != 0) {
        add_address(&t, id);
    } else {
        add(&t, name_of(isakmp_id_names, id->type));
        add(&t, id->type == ISAKMP_ID_FQDN || id->type == ISAKMP_ID_USER_FQDN ? ":" : ":0x");
        if (id->type == ISAKMP_ID_FQDN || id->type == ISAKMP_ID_USER_FQDN)
            add_escaped(&t, id->data);
        else
            for (size_t i = 0; i < id->data.len; i++)
                add_hex(&t, id->data.p[i]);
    }
    if (t.cut)
        memcpy(out + t.n, "...", 3);
    out[t.n + (t.cut ? 3 : 0)] = '\0';
    return out;
}
