/* SPDX-License-Identifier: BSD-3-Clause */
/* See icmp.h. */
#include "dataplane/core/icmp.h"

#define ICMP_LEN            8
#define PROTO_ICMP          1
#define TYPE_UNREACHABLE    3
#define CODE_TOO_BIG        4
#define TYPE6_TOO_BIG       2
#define TYPE6_FIRST_INFO    128
#define TYPE6_REDIRECT      137
#define TOS_NETWORK_CONTROL 0xc0 /* RFC 1812 4.3.2.5 */
#define HOP_LIMIT           64

/* One's complement sum over octets that may be odd in number. */
static uint64_t sum_of(const uint8_t *p, size_t len)
{
    uint64_t sum = 0;

    for (; len >= 2; len -= 2, p += 2)
        sum += load16(p);
    return len ? sum + *p : sum;
}

/* With the pseudo header (RFC 8200 8.1). */
static uint64_t sum6(const uint8_t *ip, size_t icmp_len)
{
    return sum_of(ip + 8, 32) + __builtin_bswap16((uint16_t)icmp_len) + (IPPROTO_ICMPV6_OCTET << 8) +
           sum_of(ip + IPV6_LEN, icmp_len);
}

static bool is_one_host4(const uint8_t *a)
{
    return a[0] != 0 && a[0] != 127 && a[0] < 224;
}

static bool is_one_host6(const uint8_t *a)
{
    static const uint8_t zeroes[15];

    return a[0] != 0xff && (memcmp(a, zeroes, sizeof zeroes) != 0 || a[15] > 1);
}

/* Is it an ICMP error, or may it be one? */
static bool is_error4(const uint8_t *ip, const struct l3 *h)
{
    static const bool errors[256] = {[3] = true, [4] = true, [5] = true, [11] = true, [12] = true};

    return l3_proto(h) == PROTO_ICMP && (h->len <= l3_payload_at(h) || errors[ip[l3_payload_at(h)]]);
}

static bool is_error6(const uint8_t *ip, const struct l3 *h)
{
    uint32_t at = l3_payload_at(h);

    return l3_proto(h) == IPPROTO_ICMPV6_OCTET &&
           (h->len <= at || ip[at] < TYPE6_FIRST_INFO || ip[at] == TYPE6_REDIRECT);
}

bool icmp_may_answer(const uint8_t *ip, const struct l3 *h)
{
    if (h->flaw == L3_FRAGMENT && l3_ports(h) == FLOW_LATER_FRAGMENT)
        return false;
    if (h->kind == L3_IPV6)
        return is_one_host6(ip + 8) && is_one_host6(ip + 24) && !is_error6(ip, h);
    return is_one_host4(ip + 12) && is_one_host4(ip + 16) && !is_error4(ip, h);
}

uint32_t icmp_too_big_len(const struct l3 *h)
{
    uint32_t front = l3_header_len((enum l3_kind)h->kind) + ICMP_LEN, max = h->kind == L3_IPV6 ? ICMP_MAX6 : ICMP_MAX4;

    return front + h->len < max ? front + h->len : max;
}

static void put4(uint8_t *out, const uint8_t *ip, uint32_t len, uint16_t mtu)
{
    uint8_t *icmp = out + IPV4_LEN;

    memset(out, 0, IPV4_LEN + ICMP_LEN);
    out[0] = 0x45;
    out[1] = TOS_NETWORK_CONTROL;
    store16_be(out + 2, (uint16_t)len);
    store16(out + 6, IPV4_DF_BE); /* so identification 0 is right (RFC 6864 4.1) */
    out[8] = HOP_LIMIT;
    out[9] = PROTO_ICMP;
    store32(out + 12, load32(ip + 16));
    store32(out + 16, load32(ip + 12));
    store16(out + 10, (uint16_t)~sum_fold(sum_ipv4(out)));
    icmp[0] = TYPE_UNREACHABLE;
    icmp[1] = CODE_TOO_BIG;
    store16_be(icmp + 6, mtu);
    memcpy(icmp + ICMP_LEN, ip, len - IPV4_LEN - ICMP_LEN);
    store16(icmp + 2, (uint16_t)~sum_fold(sum_of(icmp, len - IPV4_LEN)));
}

static void put6(uint8_t *out, const uint8_t *ip, uint32_t len, uint16_t mtu)
{
    uint8_t *icmp = out + IPV6_LEN;

    memset(out, 0, IPV6_LEN + ICMP_LEN);
    out[0] = 0x60 | TOS_NETWORK_CONTROL >> 4;
    out[1] = (uint8_t)(TOS_NETWORK_CONTROL << 4);
    store16_be(out + 4, (uint16_t)(len - IPV6_LEN));
    out[6] = IPPROTO_ICMPV6_OCTET;
    out[7] = HOP_LIMIT;
    memcpy(out + 8, ip + 24, 16);
    memcpy(out + 24, ip + 8, 16);
    icmp[0] = TYPE6_TOO_BIG;
    store16_be(icmp + 6, mtu);
    memcpy(icmp + ICMP_LEN, ip, len - IPV6_LEN - ICMP_LEN);
    store16(icmp + 2, (uint16_t)~sum_fold(sum6(out, len - IPV6_LEN)));
}

void icmp_put_too_big(uint8_t *out, const uint8_t *ip, const struct l3 *h, uint16_t mtu)
{
    uint32_t len = icmp_too_big_len(h);

    if (h->kind == L3_IPV6)
        put6(out, ip, len, mtu);
    else
        put4(out, ip, len, mtu);
}

static bool read4(const uint8_t *ip, const struct l3 *h, struct icmp_quote *q)
{
    const uint8_t *icmp = ip + IPV4_LEN, *quoted = icmp + ICMP_LEN;

    if (l3_proto(h) != PROTO_ICMP || h->len < IPV4_LEN + ICMP_LEN + IPV4_LEN + 8)
        return false;
    if (icmp[0] != TYPE_UNREACHABLE || icmp[1] != CODE_TOO_BIG || quoted[0] != 0x45 || quoted[9] != IPPROTO_ESP_OCTET ||
        load32(quoted + 12) != load32(ip + 16) || !sum_right(sum_of(icmp, h->len - IPV4_LEN)))
        return false;
    *q = (struct icmp_quote){load16_be(icmp + 6), quoted, load32(quoted + IPV4_LEN),
                             __builtin_bswap32(load32(quoted + IPV4_LEN + 4))};
    return true;
}

static bool read6(const uint8_t *ip, const struct l3 *h, struct icmp_quote *q)
{
    const uint8_t *icmp = ip + IPV6_LEN, *quoted = icmp + ICMP_LEN;

    if (l3_proto(h) != IPPROTO_ICMPV6_OCTET || h->len < IPV6_LEN + ICMP_LEN + IPV6_LEN + 8)
        return false;
    if (icmp[0] != TYPE6_TOO_BIG || quoted[0] >> 4 != 6 || quoted[6] != IPPROTO_ESP_OCTET ||
        memcmp(quoted + 8, ip + 24, 16) != 0 || !sum_right(sum6(ip, h->len - IPV6_LEN)))
        return false;
    *q = (struct icmp_quote){__builtin_bswap32(load32(icmp + 4)), quoted, load32(quoted + IPV6_LEN),
                             __builtin_bswap32(load32(quoted + IPV6_LEN + 4))};
    return true;
}

bool icmp_read_too_big(const uint8_t *ip, const struct l3 *h, struct icmp_quote *q)
{
    if (h->flaw != L3_OK || h->extra != 0)
        return false;
    return h->kind == L3_IPV6 ? read6(ip, h, q) : h->kind == L3_IPV4 && read4(ip, h, q);
}
