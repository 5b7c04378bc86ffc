/* SPDX-License-Identifier: BSD-3-Clause */
/* Walks the option list of a SYN (RFC 9293 3.1). Trusts no length. */
#include "dataplane/core/mss.h"

#define OPTION_END     0
#define OPTION_NOP     1
#define OPTION_MSS     2
#define OPTION_MSS_LEN 4
#define CHECKSUM_AT    16

/* Lowers the value at `at`; the two octets may lie in two words of the checksum. */
static bool lower(uint8_t *tcp, size_t at, uint16_t max)
{
    uint16_t was = load16(tcp + at), is = __builtin_bswap16(max);

    if (load16_be(tcp + at) <= max)
        return false;
    store16(tcp + at, is);
    if (at & 1) {
        was = __builtin_bswap16(was);
        is = __builtin_bswap16(is);
    }
    store16(tcp + CHECKSUM_AT, sum_update(load16(tcp + CHECKSUM_AT), was, is));
    return true;
}

static bool lower_all(uint8_t *tcp, size_t end, uint16_t max)
{
    bool changed = false;
    size_t at = TCP_LEN;

    while (at < end && tcp[at] != OPTION_END) {
        size_t len;

        if (tcp[at] == OPTION_NOP) {
            at++;
            continue;
        }
        if (end - at < 2)
            break;
        len = tcp[at + 1];
        if (len < 2 || len > end - at)
            break;
        if (tcp[at] == OPTION_MSS && len == OPTION_MSS_LEN)
            changed |= lower(tcp, at + 2, max);
        at += len;
    }
    return changed;
}

bool mss_clamp(uint8_t *ip, const struct l3 *h, uint32_t mtu)
{
    uint32_t header_len = l3_header_len((enum l3_kind)h->kind), at = l3_payload_at(h), max;
    uint8_t *tcp = ip + at;
    size_t tcp_len, end;

    if (h->flaw != L3_OK || l3_proto(h) != 6 || h->len < at + TCP_LEN || mtu <= header_len + TCP_LEN)
        return false;
    tcp_len = h->len - at;
    end = (size_t)(tcp[12] >> 4) * 4;
    if ((tcp[TCP_FLAGS_AT] & (TCP_SYN | TCP_RST)) != TCP_SYN || end < TCP_LEN || end > tcp_len)
        return false;
    max = mtu - header_len - TCP_LEN;
    return lower_all(tcp, end, max > UINT16_MAX ? UINT16_MAX : (uint16_t)max);
}
