/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses, prefixes and endpoints as values, their text and the kernel's form of them. Opens no socket. */
#include "common/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

bool addr_parse(const char *text, struct addr *a)
{
    struct addr v4 = {.family = 4}, v6 = {.family = 6};
    if (inet_pton(AF_INET, text, v4.b) == 1)
        *a = v4;
    else if (inet_pton(AF_INET6, text, v6.b) == 1)
        *a = v6;
    else
        return false;
    return true;
}

/* A prefix length as people write it: 1 to 3 digits, no leading zero. */
static bool parse_len(const char *text, unsigned max, uint8_t *len)
{
    size_t digits = strspn(text, "0123456789");
    unsigned v = 0;
    if (digits < 1 || digits > 3 || text[digits] != '\0' || (text[0] == '0' && digits > 1))
        return false;
    for (size_t i = 0; i < digits; i++)
        v = 10 * v + (unsigned)(text[i] - '0');
    if (v > max)
        return false;
    *len = (uint8_t)v;
    return true;
}

/* Are the first len bits of both equal? */
static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned len)
{
    unsigned whole = len / 8, rest = len % 8;
    return memcmp(a, b, whole) == 0 && (rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0);
}

bool prefix_from_addr(struct prefix *p, const struct addr *a, unsigned len)
{
    struct prefix made = {.addr = {.family = a->family}, .len = (uint8_t)len};
    if (a->family == 0 || len > 8 * addr_len(a->family))
        return false;
    for (unsigned bit = 0; bit < len; bit++)
        made.addr.b[bit / 8] |= (uint8_t)(a->b[bit / 8] & (0x80 >> bit % 8));
    if (!addr_equal(&made.addr, a))
        return false;
    *p = made;
    return true;
}

bool prefix_parse(const char *text, struct prefix *p)
{
    char addr[ADDR_TEXT_MAX];
    struct addr a;
    const char *slash = strchr(text, '/');
    size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
    if (len >= sizeof(addr))
        return false;
    memcpy(addr, text, len);
    addr[len] = '\0';
    if (!addr_parse(addr, &a))
        return false;
    uint8_t bits = (uint8_t)(8 * addr_len(a.family));
    if (slash != NULL && !parse_len(slash + 1, bits, &bits))
        return false;
    return prefix_from_addr(p, &a, bits);
}

bool addr_from_bytes(struct addr *a, struct span bytes)
{
    if (bytes.len != 4 && bytes.len != 16)
        return false;
    *a = (struct addr){.family = bytes.len == 4 ? 4 : 6};
    memcpy(a->b, bytes.p, bytes.len);
    return true;
}

struct addr addr_v4(uint32_t host_order)
{
    uint32_t v = host_order;
    return (struct addr){4, {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v}};
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
    return addr_compare(a, b) == 0;
}

int addr_compare(const struct addr *a, const struct addr *b)
{
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    return memcmp(a->b, b->b, addr_len(a->family));
}

bool addr_is_multicast(const struct addr *a)
{
    return (a->family == 4 && (a->b[0] & 0xf0) == 0xe0) || (a->family == 6 && a->b[0] == 0xff);
}

bool prefix_contains(const struct prefix *p, const struct addr *a)
{
    return p->addr.family == a->family && p->len <= 8 * addr_len(a->family) && same_bits(p->addr.b, a->b, p->len);
}

bool prefix_equal(const struct prefix *a, const struct prefix *b)
{
    return a->len == b->len && addr_equal(&a->addr, &b->addr);
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
    return a->port == b->port && addr_equal(&a->addr, &b->addr);
}

const char *addr_text(const struct addr *a, char out[ADDR_TEXT_MAX])
{
    int af = a->family == 4 ? AF_INET : AF_INET6;
    if (addr_len(a->family) == 0 || inet_ntop(af, a->b, out, ADDR_TEXT_MAX) == NULL)
        snprintf(out, ADDR_TEXT_MAX, "none");
    return out;
}

const char *prefix_text(const struct prefix *p, char out[ADDR_TEXT_MAX])
{
    addr_text(&p->addr, out);
    size_t len = strlen(out);
    if (p->addr.family != 0)
        snprintf(out + len, ADDR_TEXT_MAX - len, "/%u", p->len);
    return out;
}

const char *endpoint_text(const struct endpoint *e, char out[ADDR_TEXT_MAX])
{
    char addr[INET6_ADDRSTRLEN + 8];
    char text[ADDR_TEXT_MAX];
    snprintf(addr, sizeof(addr), e->addr.family == 6 ? "[%.48s]" : "%.48s", addr_text(&e->addr, text));
    snprintf(out, ADDR_TEXT_MAX, "%s:%u", addr, e->port);
    return out;
}

socklen_t endpoint_to_sockaddr(const struct endpoint *e, struct sockaddr_storage *ss)
{
    memset(ss, 0, sizeof(*ss));
    if (e->addr.family == 4) {
        struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(e->port)};
        memcpy(&sin.sin_addr, e->addr.b, 4);
        memcpy(ss, &sin, sizeof(sin));
        return sizeof(sin);
    }
    if (e->addr.family == 6) {
        struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6, .sin6_port = htons(e->port)};
        memcpy(&sin6.sin6_addr, e->addr.b, 16);
        memcpy(ss, &sin6, sizeof(sin6));
        return sizeof(sin6);
    }
    return 0;
}

bool endpoint_from_sockaddr(struct endpoint *e, const struct sockaddr_storage *ss)
{
    struct sockaddr_in sin;
    struct sockaddr_in6 sin6;
    switch (ss->ss_family) {
    case AF_INET:
        memcpy(&sin, ss, sizeof(sin));
        e->port = ntohs(sin.sin_port);
        return addr_from_bytes(&e->addr, span_of(&sin.sin_addr, 4));
    case AF_INET6:
        memcpy(&sin6, ss, sizeof(sin6));
        e->port = ntohs(sin6.sin6_port);
        return addr_from_bytes(&e->addr, span_of(&sin6.sin6_addr, 16));
    default:
        return false;
    }
}
