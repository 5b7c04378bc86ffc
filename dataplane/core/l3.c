/* SPDX-License-Identifier: BSD-3-Clause */
/* The rarer frames: IPv4 with options, fragments and errors, IPv6 that isn't plain, ARP. Trusts no length. */
#include "dataplane/core/l3.h"

#include "dataplane/core/ext.h"

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
#undef TUPLES4

/* RFC 8200 section 4, RFC 6275, RFC 7401, RFC 5533: headers that stand between the IPv6 header and the payload. */
#define EXTENSION(n)                                                                                                   \
    ((n) == HOP_BY_HOP || (n) == 43 || (n) == 44 || (n) == 60 || (n) == 135 || (n) == 139 || (n) == 140)
#define NEXT(n)    (EXTENSION(n) ? 0 : TUPLE(n))
#define TUPLES4(n) NEXT(n), NEXT((n) + 1), NEXT((n) + 2), NEXT((n) + 3)

const uint64_t l3_nexts[256] = {TUPLES64(0), TUPLES64(64), TUPLES64(128), TUPLES64(192)};

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
    h->extra = (uint8_t)((header_len - IPV4_LEN) / 4);
    h->flaw = (uint8_t)ext_walk_options(p + IPV4_LEN, header_len - IPV4_LEN);
    if (h->flaw == L3_OK && frag & IPV4_FRAGMENT_BE)
        h->flaw = L3_FRAGMENT;
}

/* A hop-by-hop header of 8 octets with MLD behind it, as RFC 2710 and RFC 3810 want it. */
static bool is_mld(const uint8_t *p, size_t len)
{
    const uint8_t *hbh = p + IPV6_LEN;

    if (p[6] != HOP_BY_HOP || p[7] != 1 || len < IPV6_LEN + 8 + 4 || hbh[0] != IPPROTO_ICMPV6_OCTET || hbh[1] != 0)
        return false;
    return (hbh[8] >= 130 && hbh[8] <= 132) || hbh[8] == 143;
}

static bool is_nd(const uint8_t *p, size_t len)
{
    return p[6] == IPPROTO_ICMPV6_OCTET && p[7] == 255 && len >= IPV6_LEN + 8 && p[IPV6_LEN] >= ND_FIRST &&
           p[IPV6_LEN] <= ND_LAST;
}

void l3_parse_ipv6_odd(const uint8_t *p, size_t avail, struct l3 *h)
{
    uint32_t payload_at;
    struct ext6 x;
    size_t len;

    set_flaw(h, L3_IPV6, L3_MALFORMED);
    if (avail < IPV6_LEN || p[0] >> 4 != 6)
        return;
    len = IPV6_LEN + (size_t)load16_be(p + 4);
    /* Without payload there is nothing to judge; RFC 2675's jumbograms say so, too. */
    if (len == IPV6_LEN || len > avail || len > UINT16_MAX)
        return;
    x = ext_walk6(p + IPV6_LEN, len - IPV6_LEN, p[6]);
    payload_at = IPV6_LEN + x.len;
    if (x.flaw == L3_MALFORMED)
        return;
    if (x.later)
        h->tuple = l3_make_tuple(x.next, FLOW_LATER_FRAGMENT, 0);
    else if (!l3_proto_has_ports(x.next))
        h->tuple = l3_make_tuple(x.next, FLOW_NO_PORTS, 0);
    else if (len >= payload_at + 4)
        h->tuple = l3_make_tuple(x.next, FLOW_PORTS, load32(p + payload_at));
    else
        return; /* no ports to judge by */
    h->len = (uint16_t)len;
    h->head = load64(p);
    h->extra = (uint8_t)(x.len / 4);
    h->flaw = x.flaw;
    if (x.flaw == L3_OK)
        h->marks = is_nd(p, len) ? L3_IS_ND : is_mld(p, len) ? L3_IS_MLD : 0;
}

void l3_parse(const uint8_t *frame, size_t len, struct l2 *l2, struct l3 *h)
{
    l2_parse(frame, len, l2);
    if (l2->flaw != L2_OK) {
        set_flaw(h, L3_NOT_IP, l2->flaw == L2_CUT ? L3_MALFORMED : L3_VLAN);
    } else if (l2->type_be == L2_IPV4_BE) {
        l3_parse_ipv4(frame + l2->len, len - l2->len, h);
    } else if (l2->type_be == L2_IPV6_BE) {
        l3_parse_ipv6(frame + l2->len, len - l2->len, h);
    } else {
        set_flaw(h, L3_NOT_IP, L3_OK);
        h->marks = l2->type_be == L2_ARP_BE ? L3_IS_ARP : 0;
    }
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

bool l3_arp_target(const uint8_t *p, size_t len, uint32_t *target_be)
{
    static const uint8_t ethernet_ipv4[6] = {0, 1, 8, 0, 6, 4};

    if (len < 28 || memcmp(p, ethernet_ipv4, sizeof ethernet_ipv4) != 0)
        return false;
    *target_be = load32(p + 24);
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
