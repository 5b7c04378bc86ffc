/* SPDX-License-Identifier: BSD-3-Clause */
/* Walks lists of things that say their own length. Trusts none. */
#include "dataplane/core/ext.h"

#define IPV4_END          0
#define IPV4_NOP          1
#define IPV4_LOOSE_ROUTE  131
#define IPV4_STRICT_ROUTE 137

#define IPV6_PAD1  0
#define IPV6_JUMBO 0xc2

enum { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, DESTINATION = 60 };

enum l3_flaw ext_walk_options(const uint8_t *p, size_t len)
{
    size_t at = 0;

    while (at < len && p[at] != IPV4_END) {
        size_t option_len;

        if (p[at] == IPV4_NOP) {
            at++;
            continue;
        }
        if (len - at < 2)
            return L3_OPTIONS;
        option_len = p[at + 1];
        if (option_len < 2 || option_len > len - at)
            return L3_OPTIONS;
        if (p[at] == IPV4_LOOSE_ROUTE || p[at] == IPV4_STRICT_ROUTE)
            return L3_SOURCE_ROUTE;
        at += option_len;
    }
    return L3_OK;
}

/* Options of a hop-by-hop or destination header, len octets. */
static bool options6_right(const uint8_t *p, size_t len)
{
    size_t at = 0;

    while (at < len) {
        if (p[at] == IPV6_PAD1) {
            at++;
            continue;
        }
        if (p[at] == IPV6_JUMBO || len - at < 2 || p[at + 1] > len - at - 2)
            return false;
        at += 2u + p[at + 1];
    }
    return true;
}

/* One whole header of len octets that isn't a fragment header. */
static enum l3_flaw judge(uint8_t type, const uint8_t *p, size_t len, bool first)
{
    switch (type) {
    case HOP_BY_HOP:
        return first && options6_right(p + 2, len - 2) ? L3_OK : L3_EXT_HEADER;
    case DESTINATION:
        return options6_right(p + 2, len - 2) ? L3_OK : L3_EXT_HEADER;
    case ROUTING:
        return p[2] == 0 || p[3] != 0 ? L3_SOURCE_ROUTE : L3_OK;
    default:
        return L3_EXT_HEADER;
    }
}

static struct ext6 ended(struct ext6 x, enum l3_flaw flaw)
{
    x.flaw = (uint8_t)flaw;
    return x;
}

static struct ext6 at_fragment(struct ext6 x, const uint8_t *p)
{
    x.next = p[0];
    x.later = (load16_be(p + 2) & 0xfff8) != 0;
    x.len = (uint16_t)(x.len + 8);
    return ended(x, l3_is_extension(x.next) ? L3_EXT_HEADER : L3_FRAGMENT);
}

struct ext6 ext_walk6(const uint8_t *p, size_t avail, uint8_t next)
{
    struct ext6 x = {.next = next};

    for (unsigned n = 0; l3_is_extension(x.next); n++) {
        const uint8_t *header = p + x.len;
        size_t left = avail - x.len, len;
        enum l3_flaw flaw;

        if (left < 8)
            return ended(x, L3_MALFORMED);
        if (n == EXT_MAX_HEADERS)
            return ended(x, L3_EXT_HEADER);
        if (x.next == FRAGMENT)
            return at_fragment(x, header);
        len = 8 + 8 * (size_t)header[1];
        if (len > left)
            return ended(x, L3_MALFORMED);
        if (x.len + len > EXT_MAX_LEN)
            return ended(x, L3_EXT_HEADER);
        flaw = judge(x.next, header, len, n == 0);
        if (flaw != L3_OK)
            return ended(x, flaw);
        x.next = header[0];
        x.len = (uint16_t)(x.len + len);
    }
    return x;
}
