/* SPDX-License-Identifier: BSD-3-Clause */
/* The checks on decrypted text, ECN, and the MTU formula. Every length from the wire is a lie until checked. */
#include "dataplane/core/esp.h"

#include "dataplane/core/frag.h"

unsigned esp_effective_mtu(enum l3_kind kind, unsigned mtu, const struct esp_geometry *g)
{
    unsigned header_len = l3_header_len(kind), fixed = header_len + esp_any_intro(g) + g->icv_len;
    unsigned text, payload;

    if (mtu < fixed + g->align)
        return 0;
    text = (mtu - fixed) / g->align * g->align;
    payload = text - 2;
    if (g->transport)
        return payload + header_len;
    return payload > g->meta_len ? payload - g->meta_len : 0;
}

/* RFC 4303 2.4: the padding octets count 1, 2, 3, ... */
static bool padding_right(const uint8_t *pad, uint32_t n)
{
    uint8_t wrong = 0;

    for (uint32_t i = 0; i < n; i++)
        wrong |= (uint8_t)(pad[i] ^ (i + 1));
    return wrong == 0;
}

enum verdict esp_check_trailer(const uint8_t *text, uint32_t len, uint32_t *payload_len, uint8_t *next)
{
    uint32_t pad_len;

    if (len < 2)
        return VERDICT_DROP_INNER_MALFORMED;
    *next = text[len - 1];
    pad_len = text[len - 2];
    if (pad_len > len - 2)
        return VERDICT_DROP_INNER_MALFORMED;
    *payload_len = len - 2 - pad_len;
    if (!padding_right(text + *payload_len, pad_len))
        return VERDICT_DROP_INNER_MALFORMED;
    return *next == NEXT_DUMMY ? VERDICT_DROP_DUMMY : VERDICT_RECEIVED_DECRYPTED;
}

enum verdict esp_check_inner(const uint8_t *payload, uint32_t len, uint8_t next, enum l3_kind kind, struct l3 *inner)
{
    if (next != esp_next(kind))
        return VERDICT_DROP_INNER_MALFORMED;
    if (kind == L3_IPV6)
        l3_parse_ipv6(payload, len, inner);
    else
        l3_parse_ipv4(payload, len, inner);
    switch ((enum l3_flaw)inner->flaw) {
    case L3_OK:
        return VERDICT_RECEIVED_DECRYPTED;
    case L3_FRAGMENT:
        return frag_can_be_judged(payload, inner) ? VERDICT_RECEIVED_DECRYPTED : VERDICT_DROP_FRAGMENT;
    case L3_OPTIONS:
        return VERDICT_DROP_IP_OPTIONS;
    case L3_EXT_HEADER:
        return VERDICT_DROP_EXT_HEADER;
    case L3_SOURCE_ROUTE:
        return VERDICT_DROP_SOURCE_ROUTE;
    default:
        return VERDICT_DROP_INNER_MALFORMED;
    }
}

enum verdict esp_check_text(const uint8_t *text, uint32_t len, enum l3_kind kind, struct l3 *inner)
{
    uint32_t payload_len;
    uint8_t next;
    enum verdict verdict = esp_check_trailer(text, len, &payload_len, &next);

    return verdict == VERDICT_RECEIVED_DECRYPTED ? esp_check_inner(text, payload_len, next, kind, inner) : verdict;
}

bool esp_merge_ecn(uint8_t *inner, enum l3_kind kind, uint8_t outer_tos)
{
    /* RFC 6040, figure 4. Rows: inner not-ECT, ECT(1), ECT(0), CE; columns: outer the same; 4 = drop. */
    static const uint8_t merged[4][4] = {
        {0, 0, 0, 4},
        {1, 1, 1, 3},
        {2, 1, 2, 3},
        {3, 3, 3, 3},
    };
    unsigned shift = kind == L3_IPV6 ? 4 : 0; /* of the mark in the second octet */
    uint8_t mark = inner[1] >> shift & 3, now = merged[mark][outer_tos & 3];
    uint16_t was = load16(inner);

    if (now == 4)
        return false;
    if (now == mark)
        return true;
    inner[1] ^= (uint8_t)((mark ^ now) << shift);
    if (kind == L3_IPV4)
        store16(inner + 10, sum_update(load16(inner + 10), was, load16(inner)));
    return true;
}
