/* SPDX-License-Identifier: BSD-3-Clause */
/* See frag.h. */
#include "dataplane/core/frag.h"

#define IPV4_MF       0x2000
#define IPV4_OFFSET   0x1fff
#define PAYLOAD_MAX_6 UINT16_MAX

/* Is the layer-4 header at p, of which avail octets are there, whole? */
static bool has_whole_header(const uint8_t *p, size_t avail, uint8_t proto)
{
    enum { ICMP = 1, TCP = 6, UDP = 17, DCCP = 33, SCTP = 132, UDP_LITE = 136 };

    switch (proto) {
    case TCP:
        return avail >= 20 && avail >= (size_t)(p[12] >> 4) * 4;
    case DCCP:
    case SCTP:
        return avail >= 12;
    case ICMP:
    case IPPROTO_ICMPV6_OCTET:
    case UDP:
    case UDP_LITE:
    case IPPROTO_ESP_OCTET:
        return avail >= 8;
    default:
        return avail > 0;
    }
}

bool frag_can_be_judged(const uint8_t *ip, const struct l3 *h)
{
    bool six = h->kind == L3_IPV6;
    uint32_t front = l3_payload_at(h), payload_len, offset;

    if (h->len <= front)
        return false;
    payload_len = h->len - front;
    offset = six ? load16_be(ip + front - FRAG6_LEN + 2) & 0xfff8u : (load16_be(ip + 6) & (uint32_t)IPV4_OFFSET) * 8;
    if (offset + payload_len > (six ? PAYLOAD_MAX_6 : UINT16_MAX - front))
        return false;
    if (offset == 0)
        return has_whole_header(ip + front, payload_len, l3_proto(h));
    return offset > 8 || l3_proto(h) != 6;
}

void frag_put_header(uint8_t *out, const uint8_t *ip, uint32_t at, uint32_t payload_len, bool last)
{
    uint16_t was = load16_be(ip + 6), is = (uint16_t)(was + at / 8);

    memmove(out, ip, IPV4_LEN);
    if (!last)
        is |= IPV4_MF;
    store16_be(out + 2, (uint16_t)(IPV4_LEN + payload_len));
    store16_be(out + 6, is);
    store16(out + 10, 0);
    store16(out + 10, (uint16_t)~sum_fold(sum_ipv4(out)));
}
