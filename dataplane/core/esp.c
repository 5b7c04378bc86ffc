/* SPDX-License-Identifier: BSD-3-Clause */
/* The checks on decrypted text, ECN, and the MTU formula. Every length from the wire is a lie until checked. */
#include "dataplane/core/esp.h"

unsigned esp_effective_mtu(unsigned mtu, unsigned iv_len, unsigned icv_len, unsigned align)
{
    unsigned fixed = IPV4_LEN + ESP_HEADER_LEN + iv_len + icv_len;
    unsigned text;

    if (align < ESP_ALIGN)
        align = ESP_ALIGN;
    if (mtu < fixed + align)
        return 0;
    text = (mtu - fixed) / align * align;
    return text - 2;
}

/* RFC 4303 2.4: the padding octets count 1, 2, 3, ... */
static bool padding_right(const uint8_t *pad, uint32_t n)
{
    uint8_t wrong = 0;

    for (uint32_t i = 0; i < n; i++)
        wrong |= (uint8_t)(pad[i] ^ (i + 1));
    return wrong == 0;
}

enum verdict esp_check_text(const uint8_t *text, uint32_t len, struct l3 *inner)
{
    uint32_t pad_len, payload_len;
    uint8_t next;

    if (len < 2)
        return VERDICT_DROP_INNER_MALFORMED;
    next = text[len - 1];
    pad_len = text[len - 2];
    if (pad_len > len - 2)
        return VERDICT_DROP_INNER_MALFORMED;
    payload_len = len - 2 - pad_len;
    if (!padding_right(text + payload_len, pad_len))
        return VERDICT_DROP_INNER_MALFORMED;
    if (next == NEXT_DUMMY)
        return VERDICT_DROP_DUMMY;
    if (next != NEXT_IPV4)
        return VERDICT_DROP_INNER_MALFORMED;
    l3_parse_ipv4(text, payload_len, inner);
    switch ((enum l3_flaw)inner->flaw) {
    case L3_OK:
        return VERDICT_RECEIVED_DECRYPTED;
    case L3_FRAGMENT:
        return VERDICT_DROP_FRAGMENT;
    case L3_OPTIONS:
        return VERDICT_DROP_IP_OPTIONS;
    default:
        return VERDICT_DROP_INNER_MALFORMED;
    }
}

bool esp_merge_ecn(uint8_t *inner, uint8_t outer_tos)
{
    /* RFC 6040, figure 4. Rows: inner not-ECT, ECT(1), ECT(0), CE; columns: outer the same; 4 = drop. */
    static const uint8_t merged[4][4] = {
        {0, 0, 0, 4},
        {1, 1, 1, 3},
        {2, 1, 2, 3},
        {3, 3, 3, 3},
    };
    uint8_t tos = inner[1], now = merged[tos & 3][outer_tos & 3];
    uint16_t was;

    if (now == 4)
        return false;
    if (now == (tos & 3))
        return true;
    was = load16(inner);
    inner[1] = (uint8_t)((tos & 0xfc) | now);
    store16(inner + 10, sum_update(load16(inner + 10), was, load16(inner)));
    return true;
}
