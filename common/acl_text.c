/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ACL entries as text, both ways:
 *     permit|deny PROTO SRC [eq P | range P Q] DST [eq P | range P Q]
 *     PROTO  ip, a name of names_ip_proto, or 1..255      SRC, DST  any | host A | A/LEN | A WILDCARD
 * The grammar is strict: what it can't mean exactly is an error at the word that is to blame. No names of ports.
 */
#include "common/acl.h"
#include "common/names.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define WORDS_MAX 13 /* the longest entry has 12 */

enum { PROTO_ICMP = 1, PROTO_ICMPV6 = 58 };

static const struct port_range any_port = {0, UINT16_MAX};

/* The words of an entry, taken one by one; the first error is kept with its place. */
struct words {
    char text[ACL_TEXT_MAX]; /* the entry, NUL behind every word */
    const char *word[WORDS_MAX];
    size_t n, next;
    size_t end; /* column behind the last word */
    const char *error;
    size_t column;
};

static size_t column_of(const struct words *w, size_t i)
{
    return i < w->n ? (size_t)(w->word[i] - w->text) + 1 : w->end;
}

/* Remembers what is wrong with word i; always false. */
static bool fail(struct words *w, size_t i, const char *error)
{
    if (w->error == NULL) {
        w->error = error;
        w->column = column_of(w, i);
    }
    return false;
}

/* The word to look at next; "" at the end. */
static const char *peek(const struct words *w)
{
    return w->next < w->n ? w->word[w->next] : "";
}

/* Takes the next word if it is this one. */
static bool take(struct words *w, const char *what)
{
    if (strcmp(peek(w), what) != 0)
        return false;
    w->next++;
    return true;
}

static bool split(struct words *w, const char *text)
{
    size_t len = strnlen(text, sizeof(w->text));
    w->end = 1;
    if (len >= sizeof(w->text))
        return fail(w, 0, "an entry has at most 255 characters");
    memcpy(w->text, text, len + 1);
    char *rest = w->text, *word;
    while ((word = strsep(&rest, " \t")) != NULL) {
        if (*word == '\0')
            continue;
        w->word[w->n++] = word;
        w->end = column_of(w, w->n - 1) + strlen(word);
        if (w->n == WORDS_MAX)
            return fail(w, WORDS_MAX - 1, "expected the end of the entry");
    }
    return true;
}

/* A decimal number up to max, without sign and leading zeros. */
static bool parse_number(const char *text, unsigned max, unsigned *v)
{
    size_t digits = strspn(text, "0123456789");
    if (digits < 1 || digits > 5 || text[digits] != '\0' || (text[0] == '0' && digits > 1))
        return false;
    *v = 0;
    for (size_t i = 0; i < digits; i++)
        *v = 10 * *v + (unsigned)(text[i] - '0');
    return *v <= max;
}

static bool parse_action(struct words *w, bool *permit)
{
    *permit = take(w, "permit");
    return *permit || take(w, "deny") || fail(w, w->next, "expected `permit` or `deny`");
}

static bool parse_proto(struct words *w, uint8_t *proto)
{
    unsigned v;
    if (!name_find(names_ip_proto, peek(w), &v) && !(parse_number(peek(w), 255, &v) && v > 0))
        return fail(w, w->next, "expected a protocol: ip, tcp, udp, icmp, icmpv6, esp, ospf, eigrp, pim, igmp, gre, "
                                "vrrp, sctp, dccp, udplite or a number from 1 to 255");
    w->next++;
    *proto = (uint8_t)v;
    return true;
}

static bool parse_host(struct words *w, struct prefix *p)
{
    struct addr a;
    if (!addr_parse(peek(w), &a))
        return fail(w, w->next, "expected an address after `host`");
    w->next++;
    *p = (struct prefix){.addr = a, .len = (uint8_t)(8 * addr_len(a.family))};
    return true;
}

static bool parse_prefix(struct words *w, struct prefix *p)
{
    const char *slash = strchr(peek(w), '/');
    char addr[ADDR_TEXT_MAX];
    struct addr a;
    unsigned len;
    snprintf(addr, sizeof(addr), "%.*s", (int)(slash - peek(w)), peek(w));
    if (!addr_parse(addr, &a))
        return fail(w, w->next, "expected an address before the `/`");
    if (!parse_number(slash + 1, 8 * (unsigned)addr_len(a.family), &len))
        return fail(w, w->next, a.family == 4 ? "the prefix length must be a number from 0 to 32"
                                              : "the prefix length must be a number from 0 to 128");
    if (!prefix_from_addr(p, &a, len))
        return fail(w, w->next, "the address has bits set behind the prefix length");
    w->next++;
    return true;
}

/* A WILDCARD: set bits of the mask are the ones that may differ. */
static bool parse_wildcard(struct words *w, struct prefix *p)
{
    struct addr a, mask;
    if (!addr_parse(peek(w), &a))
        return fail(w, w->next, "expected an address: `any`, `host A`, `A/LENGTH` or `A WILDCARD-MASK`");
    if (a.family == 6)
        return fail(w, w->next, "an IPv6 address needs a prefix length, or `host` before it");
    w->next++;
    if (!addr_parse(peek(w), &mask) || mask.family != 4)
        return fail(w, w->next, "expected a wildcard mask such as 0.0.0.255 (one host: `host A`; a network: `A/LENGTH`)");
    uint32_t bits = (uint32_t)mask.b[0] << 24 | (uint32_t)mask.b[1] << 16 | (uint32_t)mask.b[2] << 8 | mask.b[3];
    if ((bits & (bits + 1)) != 0)
        return fail(w, w->next, "the wildcard mask must be zeros followed by ones, such as 0.0.0.255");
    if (!prefix_from_addr(p, &a, 32 - (unsigned)__builtin_popcount(bits)))
        return fail(w, w->next - 1, "the address has bits set that the wildcard mask ignores");
    w->next++;
    return true;
}

/* One address; `any` has family 0 until the other one tells. */
static bool parse_address(struct words *w, struct prefix *p)
{
    if (take(w, "any")) {
        *p = (struct prefix){0};
        return true;
    }
    if (take(w, "host"))
        return parse_host(w, p);
    return strchr(peek(w), '/') != NULL ? parse_prefix(w, p) : parse_wildcard(w, p);
}

static bool parse_port(struct words *w, uint16_t *port)
{
    unsigned v;
    if (!parse_number(peek(w), UINT16_MAX, &v))
        return fail(w, w->next, "expected a port number from 0 to 65535");
    w->next++;
    *port = (uint16_t)v;
    return true;
}

static bool parse_ports(struct words *w, uint8_t proto, struct port_range *r)
{
    size_t start = w->next;
    *r = any_port;
    bool eq = take(w, "eq"), range = !eq && take(w, "range");
    if (!eq && !range)
        return true;
    if (!selector_proto_has_ports(proto))
        return fail(w, start, "ports need protocol tcp, udp, sctp, dccp or udplite");
    if (!parse_port(w, &r->low))
        return false;
    r->high = r->low;
    if (range && !parse_port(w, &r->high))
        return false;
    return r->low <= r->high || fail(w, w->next - 1, "the range ends before it starts");
}

/* The family of an address against what protocol and the other address say; updates *family. */
static bool same_family(struct words *w, size_t word, uint8_t proto, const struct prefix *p, uint8_t *family)
{
    uint8_t f = p->addr.family;
    if (f == 0 || f == *family)
        return true;
    if (*family == 0) {
        *family = f;
        return true;
    }
    if (proto == PROTO_ICMP)
        return fail(w, word, "icmp is IPv4 only; for IPv6 use icmpv6");
    if (proto == PROTO_ICMPV6)
        return fail(w, word, "icmpv6 is IPv6 only; for IPv4 use icmp");
    return fail(w, word, "source and destination must be of one family");
}

static bool parse(struct words *w, struct acl_entry *e, uint8_t *family)
{
    if (!parse_action(w, &e->permit) || !parse_proto(w, &e->sel.proto))
        return false;
    uint8_t proto = e->sel.proto;
    *family = proto == PROTO_ICMP ? 4 : proto == PROTO_ICMPV6 ? 6 : 0;
    size_t src = w->next;
    if (!parse_address(w, &e->sel.src) || !same_family(w, src, proto, &e->sel.src, family) ||
        !parse_ports(w, proto, &e->sel.sport))
        return false;
    size_t dst = w->next;
    if (!parse_address(w, &e->sel.dst) || !same_family(w, dst, proto, &e->sel.dst, family) ||
        !parse_ports(w, proto, &e->sel.dport))
        return false;
    return w->next == w->n || fail(w, w->next, "expected the end of the entry");
}

/* The entry with every `any` in this family. */
static struct acl_entry of_family(struct acl_entry e, uint8_t family)
{
    e.sel.src.addr.family = family;
    e.sel.dst.addr.family = family;
    return e;
}

size_t acl_parse_entry(const char *text, struct acl_entry out[2], const char **error, size_t *column)
{
    struct words w = {.n = 0};
    struct acl_entry e = {0};
    uint8_t family = 0;
    if (!split(&w, text) || !parse(&w, &e, &family)) {
        *error = w.error;
        *column = w.column;
        return 0;
    }
    out[0] = of_family(e, family != 0 ? family : 4);
    if (family != 0)
        return 1;
    out[1] = of_family(e, 6);
    return 2;
}

/* `any` only where the family stays clear without it. */
static void put_address(char *out, const struct prefix *p, bool any_is_clear)
{
    char text[ADDR_TEXT_MAX];
    if (p->len == 0 && any_is_clear)
        snprintf(out, ADDR_TEXT_MAX, "any");
    else if (p->addr.family != 0 && p->len == 8 * addr_len(p->addr.family))
        snprintf(out, ADDR_TEXT_MAX, "host %.56s", addr_text(&p->addr, text));
    else
        prefix_text(p, out);
}

static const char *ports_text(const struct port_range *r, char out[24])
{
    if (r->low == any_port.low && r->high == any_port.high)
        out[0] = '\0';
    else if (r->low == r->high)
        snprintf(out, 24, " eq %u", r->low);
    else
        snprintf(out, 24, " range %u %u", r->low, r->high);
    return out;
}

const char *acl_entry_text(const struct acl_entry *e, char out[ACL_TEXT_MAX])
{
    const struct selector *s = &e->sel;
    char src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX], sport[24], dport[24], number[8];
    unsigned unused;
    const char *proto = name_of(names_ip_proto, s->proto);
    if (!name_find(names_ip_proto, proto, &unused)) {
        snprintf(number, sizeof(number), "%u", s->proto);
        proto = number;
    }
    bool any_is_clear = s->src.len > 0 || s->dst.len > 0 || s->proto == PROTO_ICMP || s->proto == PROTO_ICMPV6;
    put_address(src, &s->src, any_is_clear);
    put_address(dst, &s->dst, any_is_clear);
    snprintf(out, ACL_TEXT_MAX, "%s %s %s%s %s%s", e->permit ? "permit" : "deny", proto, src,
             ports_text(&s->sport, sport), dst, ports_text(&s->dport, dport));
    return out;
}
