/* SPDX-License-Identifier: BSD-3-Clause */
/* The rarer frames: IPv4 with options, fragments and errors, IPv6, tags, ARP. Trusts no length. */
#include "dataplane/core/l3.h"

#define TYPE_IPV4 0x0800
#define TYPE_ARP  0x0806
#define TYPE_VLAN 0x8100
#define TYPE_IPV6 0x86dd
#define TYPE_QINQ 0x88a8
#define TYPE_9100 0x9100
#define MAX_TAGS  4

#define ICMPV6         58
#define ND_FIRST       133 /* router solicitation */
#define ND_SOLICIT     135
#define ND_ADVERTISE   136
#define ND_LAST        137 /* redirect */
#define ND_TARGET_AT   8 /* in the ICMPv6 message */
#define HOP_BY_HOP     0

#define TUPLE(proto)                                                                                                   \
    ((uint64_t)(proto) << 32 |                                                                                         \
     ((proto) == 6 || (proto) == 17 || (proto) == 33 || (proto) == 132 || (proto) == 136                               \
          ? (uint64_t)FLOW_PORTS << 40 | UINT32_MAX                                                                    \
          : (uint64_t)FLOW_NO_PORTS << 40))
#define TUPLES4(n)  TUPLE(n), TUPLE((n) + 1), TUPLE((n) + 2), TUPLE((n) + 3)
#define TUPLES16(n) TUPLES4(n), TUPLES4((n) + 4), TUPLES4((n) + 8), TUPLES4((n) + 12)
#define TUPLES64(n) TUPLES16(n), TUPLES16((n) + 16), TUPLES16((n) + 32), TUPLES16((n) + 48)

/* TCP, UDP, DCCP, SCTP and UDP-Lite have ports. */
const uint64_t l3_protos[256] = {TUPLES64(0), TUPLES64(64), TUPLES64(128), TUPLES64(192)};

static void set_flaw(struct l3 *h, enum l3_kind kind, enum l3_flaw flaw)
{
    *h = (struct l3){.kind = (uint8_t)kind, .flaw = (uint8_t)flaw};
}

void l3_parse_ipv4_odd(const uint8_t *p, size_t avail, struct l3 *h)
{
    size_t header_len, len;
    uint64_t sum = 0;
    uint16_t frag;
    bool first, has_ports;

    set_flaw(h, L3_IPV4, L3_MALFORMED);
    if (avail < IPV4_LEN || p[0] >> 4 != 4)
        return;
    header_len = (size_t)(p[0] & 15) * 4;
    len = load16_be(p + 2);
    if (header_len < IPV4_LEN || len < header_len || len > avail)
        return;
    for (size_t i = 0; i < header_len; i += 4)
        sum += load32(p + i);
    if (!sum_right(sum))
        return;
    frag = load16(p + 6);
    first = (load16_be(p + 6) & 0x1fff) == 0;
    has_ports = l3_proto_has_ports(p[9]);
    if (first && has_ports && len < header_len + 4)
        return; /* no ports to judge by */
    h->addrs = load64(p + 12);
    if (!first)
        h->tuple = l3_make_tuple(p[9], FLOW_LATER_FRAGMENT, 0);
    else if (has_ports)
        h->tuple = l3_make_tuple(p[9], FLOW_PORTS, load32(p + header_len));
    else
        h->tuple = l3_make_tuple(p[9], FLOW_NO_PORTS, 0);
    h->len = (uint16_t)len;
    h->head = load64(p);
    h->flaw = frag & IPV4_FRAGMENT_BE ? L3_FRAGMENT : header_len > IPV4_LEN ? L3_OPTIONS : L3_OK;
}

/* RFC 8200 section 4: headers that stand between the IPv6 header and the payload. */
static bool is_extension(uint8_t next)
{
    return next == HOP_BY_HOP || next == 43 || next == 44 || next == 60 || next == 135 || next == 139 || next == 140;
}

/* A hop-by-hop header of 8 octets with MLD behind it, as RFC 2710 and RFC 3810 want it. */
static bool is_mld(const uint8_t *p, size_t len)
{
    const uint8_t *hbh = p + IPV6_LEN;

    if (p[6] != HOP_BY_HOP || p[7] != 1 || len < IPV6_LEN + 8 + 4 || hbh[0] != ICMPV6 || hbh[1] != 0)
        return false;
    return (hbh[8] >= 130 && hbh[8] <= 132) || hbh[8] == 143;
}

void l3_parse_ipv6(const uint8_t *p, size_t avail, struct l3 *h)
{
    uint8_t next;
    size_t len;

    set_flaw(h, L3_IPV6, L3_MALFORMED);
    if (avail < IPV6_LEN || p[0] >> 4 != 6)
        return;
    len = IPV6_LEN + (size_t)load16_be(p + 4);
    if (len > avail || len > UINT16_MAX)
        return;
    next = p[6];
    h->len = (uint16_t)len;
    if (is_extension(next)) {
        h->tuple = l3_make_tuple(next, FLOW_NO_PORTS, 0);
        h->marks = is_mld(p, len) ? L3_IS_MLD : 0;
        h->flaw = L3_EXT_HEADER;
        return;
    }
    if (l3_proto_has_ports(next)) {
        if (len < IPV6_LEN + 4)
            return;
        h->tuple = l3_make_tuple(next, FLOW_PORTS, load32(p + IPV6_LEN));
    } else {
        h->tuple = l3_make_tuple(next, FLOW_NO_PORTS, 0);
    }
    if (next == ICMPV6 && p[7] == 255 && len >= IPV6_LEN + 8 && p[IPV6_LEN] >= ND_FIRST && p[IPV6_LEN] <= ND_LAST)
        h->marks = L3_IS_ND;
    h->flaw = L3_OK;
}

/* What stands in an 802.3 frame with a length instead of a type: IP behind a SNAP header (RFC 1042)? */
static bool is_snap_ip(const uint8_t *p, size_t left)
{
    static const uint8_t snap[6] = {0xaa, 0xaa, 3, 0, 0, 0};

    return left >= 8 && memcmp(p, snap, sizeof snap) == 0 &&
           (load16_be(p + 6) == TYPE_IPV4 || load16_be(p + 6) == TYPE_IPV6);
}

static bool is_tag(uint16_t type)
{
    return type == TYPE_VLAN || type == TYPE_QINQ || type == TYPE_9100;
}

void l3_parse_other(const uint8_t *frame, size_t len, struct l3 *h)
{
    size_t at = 12;
    unsigned tags = 0;
    uint16_t type;

    if (len < L2_LEN) {
        set_flaw(h, L3_NOT_IP, L3_MALFORMED);
        return;
    }
    type = load16_be(frame + at);
    while (is_tag(type)) {
        at += 4;
        if (++tags > MAX_TAGS || len < at + 2) {
            set_flaw(h, L3_NOT_IP, L3_VLAN);
            return;
        }
        type = load16_be(frame + at);
    }
    at += 2;
    if (type == TYPE_IPV4 || type == TYPE_IPV6 || (type < 0x0600 && is_snap_ip(frame + at, len - at))) {
        set_flaw(h, L3_NOT_IP, L3_VLAN);
        return;
    }
    set_flaw(h, L3_NOT_IP, L3_OK);
    if (type == TYPE_ARP && tags == 0)
        h->marks = L3_IS_ARP;
}

void l3_flow(const struct l3 *h, const uint8_t *p, struct flow *f)
{
    memset(f, 0, sizeof *f);
    if (h->kind == L3_IPV4) {
        f->src.family = f->dst.family = 4;
        memcpy(f->src.b, &h->addrs, 4);
        memcpy(f->dst.b, (const uint8_t *)&h->addrs + 4, 4);
    } else {
        f->src.family = f->dst.family = 6;
        memcpy(f->src.b, p + 8, 16);
        memcpy(f->dst.b, p + 24, 16);
    }
    f->proto = l3_proto(h);
    f->ports = l3_ports(h);
    f->sport = l3_sport(h);
    f->dport = l3_dport(h);
}

bool l3_arp_target(const uint8_t *frame, size_t len, uint32_t *target_be)
{
    static const uint8_t ethernet_ipv4[6] = {0, 1, 8, 0, 6, 4};

    if (len < L2_LEN + 28 || memcmp(frame + L2_LEN, ethernet_ipv4, sizeof ethernet_ipv4) != 0)
        return false;
    *target_be = load32(frame + L2_LEN + 24);
    return true;
}

bool l3_nd_target(const uint8_t *p, const struct l3 *h, struct addr *target)
{
    uint8_t type;

    if (h->kind != L3_IPV6 || !(h->marks & L3_IS_ND) || h->len < IPV6_LEN + ND_TARGET_AT + 16)
        return false;
    type = p[IPV6_LEN];
    if (type != ND_SOLICIT && type != ND_ADVERTISE)
        return false;
    return addr_from_bytes(target, span_of(p + IPV6_LEN + ND_TARGET_AT, 16));
}
