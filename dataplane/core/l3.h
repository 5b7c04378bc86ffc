/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads an Ethernet frame as far as policy needs it: which IP packet is inside, is it whole, who talks to whom.
 * Bytes only: nothing here knows mbufs. IPv4 without options and IPv6 without extension headers are the fast way and
 * stand here; what is rarer is in l3.c. RFC 791, RFC 8200, RFC 4861, RFC 3810.
 */
#ifndef GVPN_DATAPLANE_CORE_L3_H
#define GVPN_DATAPLANE_CORE_L3_H

#include "common/selector.h"
#include "dataplane/core/bytes.h"
#include "dataplane/core/l2.h"

#define IPV4_LEN         20
#define IPV6_LEN         40
#define IPPROTO_ESP_OCTET 50
#define IPPROTO_UDP_OCTET 17
#define IPPROTO_IGMP_OCTET 2
#define IPV4_DF_BE       0x0040 /* "don't fragment", as in memory */
#define IPV4_FRAGMENT_BE 0xff3f /* more fragments | offset, as in memory */
#define IPPROTO_ICMPV6_OCTET 58

enum l3_kind {
    L3_NOT_IP, /* nothing that this policy is about */
    L3_IPV4,
    L3_IPV6,
};

enum l3_flaw {
    L3_OK,
    L3_MALFORMED,
    L3_FRAGMENT,     /* with whatever else is fine in front of it */
    L3_OPTIONS,      /* IPv4 options that don't add up (ext.h) */
    L3_EXT_HEADER,   /* IPv6 extension headers that nobody here can look through */
    L3_SOURCE_ROUTE, /* goes where its destination address doesn't say */
    L3_VLAN, /* IP behind too many tags or a SNAP header */
};

#define L3_IS_ARP 0x1u
#define L3_IS_ND  0x2u /* neighbour discovery, RFC 4861: may not be forged from afar (hop limit 255) */
#define L3_IS_MLD 0x4u

/* Few wide fields: the fast way writes each with one store. */
struct l3 {
    uint64_t addrs; /* IPv4: source and destination as in memory. IPv6: 0, they stand in the packet only */
    uint64_t tuple; /* ports as in memory | protocol << 32 | enum flow_ports << 40; the rest is the caller's */
    uint64_t head;  /* the first 8 octets of the header as in memory */
    union {
        struct {
            uint16_t len;  /* of the IP packet; what follows in the frame is padding */
            uint8_t kind;  /* enum l3_kind */
            uint8_t flaw;  /* enum l3_flaw; with MALFORMED and VLAN nothing else is valid */
            uint8_t marks; /* L3_IS_* */
            uint8_t extra; /* words of 4 octets between the plain header and the payload: options, extension headers */
            uint8_t zero[2];
        };
        uint64_t what; /* these six at once */
    };
};

/* IPv4: type of service; IPv6: traffic class (RFC 2474, RFC 3168). */
static inline uint8_t l3_tos(const struct l3 *h)
{
    return h->kind == L3_IPV6 ? (uint8_t)((h->head & 0x0f) << 4 | (h->head >> 12 & 0x0f)) : (uint8_t)(h->head >> 8);
}

/* IPv4: identification, and flags with fragment offset, both as in memory. */

static inline uint16_t l3_id_be(const struct l3 *h)
{
    return (uint16_t)(h->head >> 32);
}

static inline uint16_t l3_frag_be(const struct l3 *h)
{
    return (uint16_t)(h->head >> 48);
}

static inline uint8_t l3_proto(const struct l3 *h)
{
    return (uint8_t)(h->tuple >> 32);
}

static inline enum flow_ports l3_ports(const struct l3 *h)
{
    return (enum flow_ports)((h->tuple >> 40) & 0xff);
}

/* Host order. */
static inline uint16_t l3_sport(const struct l3 *h)
{
    return __builtin_bswap16((uint16_t)h->tuple);
}

static inline uint16_t l3_dport(const struct l3 *h)
{
    return __builtin_bswap16((uint16_t)(h->tuple >> 16));
}

/*
 * Per protocol: the mask for the first four octets behind the header (all ones where they are two ports, else zero),
 * with the protocol and the enum flow_ports of a whole packet already in their places of a tuple.
 */
extern const uint64_t l3_protos[256];
/* The same for IPv6 next headers; 0 for extension headers. */
extern const uint64_t l3_nexts[256];

/* Does an IPv6 extension header stand behind this next header value? (RFC 8200 section 4, RFC 6275, RFC 7401, RFC 5533) */
static inline bool l3_is_extension(uint8_t next)
{
    return l3_nexts[next] == 0;
}

/* Does this protocol begin with two ports? */
static inline bool l3_proto_has_ports(uint8_t proto)
{
    return (uint32_t)l3_protos[proto] != 0;
}

static inline uint64_t l3_make_tuple(uint8_t proto, enum flow_ports ports, uint32_t ports_be)
{
    return (uint64_t)ports_be | (uint64_t)proto << 32 | (uint64_t)ports << 40;
}

/* The IPv4 packet at p, of which avail octets are there, when it is anything but the plain case. */
void l3_parse_ipv4_odd(const uint8_t *p, size_t avail, struct l3 *h);
/* The IPv6 packet at p, likewise. */
void l3_parse_ipv6_odd(const uint8_t *p, size_t avail, struct l3 *h);
/* A whole frame. The IP packet, if there is one, begins at frame + l2->len. */
void l3_parse(const uint8_t *frame, size_t len, struct l2 *l2, struct l3 *h);

/*
 * The length of the IPv4 packet at p, whose first 8 octets are head, when it is the plain case: no longer than avail, no options,
 * no fragment, right checksum, at least four octets of payload. Else 0. Reads 20 octets.
 */
static inline uint32_t l3_plain_ipv4(const uint8_t *p, uint64_t head, size_t avail)
{
    uint32_t len = __builtin_bswap16((uint16_t)(head >> 16));

    /* Version 4, five words of header, and neither offset nor more fragments. */
    if (__builtin_expect((head & (0xff | (uint64_t)IPV4_FRAGMENT_BE << 48)) != 0x45 || len > avail ||
                             len < IPV4_LEN + 4 || !sum_right_ipv4(p),
                         0))
        return 0;
    return len;
}

/* The tuple of a plain IPv4 packet. */
static inline uint64_t l3_tuple_ipv4(const uint8_t *p)
{
    return l3_protos[p[9]] & (load32(p + IPV4_LEN) | 0xffffffff00000000ULL);
}

/* The IPv4 packet at p, of which avail octets are there, when it is the plain case. Returns false and leaves h alone when it isn't. */
static inline bool l3_try_ipv4(const uint8_t *p, size_t avail, struct l3 *h)
{
    uint64_t head;
    uint32_t len;

    if (__builtin_expect(avail < IPV4_LEN + 4, 0))
        return false;
    head = load64(p);
    len = l3_plain_ipv4(p, head, avail);
    if (__builtin_expect(len == 0, 0))
        return false;
    h->addrs = load64(p + 12);
    h->tuple = l3_tuple_ipv4(p);
    h->head = head;
    h->what = (uint64_t)len | (uint64_t)L3_IPV4 << 16; /* flaw OK, no marks */
    return true;
}

/* The IPv4 packet at p, of which avail octets are there. */
static inline void l3_parse_ipv4(const uint8_t *p, size_t avail, struct l3 *h)
{
    if (__builtin_expect(!l3_try_ipv4(p, avail, h), 0))
        l3_parse_ipv4_odd(p, avail, h);
}

/*
 * The length of the IPv6 packet at p, whose first 8 octets are head, when it is the plain case: no longer than avail, no extension
 * header, at least four octets of payload, no ICMPv6 that hasn't been forwarded yet (it may be neighbour discovery). Else 0.
 */
static inline uint32_t l3_plain_ipv6(uint64_t head, size_t avail)
{
    uint32_t len = IPV6_LEN + (uint32_t)__builtin_bswap16((uint16_t)(head >> 32));

    if (__builtin_expect((head & 0xf0) != 0x60 || len > avail || len < IPV6_LEN + 4 || len > UINT16_MAX, 0) ||
        __builtin_expect(l3_nexts[(uint8_t)(head >> 48)] == 0, 0) ||
        __builtin_expect((head >> 48) == (0xff00 | IPPROTO_ICMPV6_OCTET), 0))
        return 0;
    return len;
}

/* The tuple of a plain IPv6 packet. */
static inline uint64_t l3_tuple_ipv6(const uint8_t *p, uint64_t head)
{
    return l3_nexts[(uint8_t)(head >> 48)] & (load32(p + IPV6_LEN) | 0xffffffff00000000ULL);
}

/* The IPv6 packet at p, of which avail octets are there, when it is the plain case. Returns false and leaves h alone when it isn't. */
static inline bool l3_try_ipv6(const uint8_t *p, size_t avail, struct l3 *h)
{
    uint64_t head;
    uint32_t len;

    if (__builtin_expect(avail < IPV6_LEN + 4, 0))
        return false;
    head = load64(p);
    len = l3_plain_ipv6(head, avail);
    if (__builtin_expect(len == 0, 0))
        return false;
    h->addrs = 0;
    h->tuple = l3_tuple_ipv6(p, head);
    h->head = head;
    h->what = (uint64_t)len | (uint64_t)L3_IPV6 << 16; /* flaw OK, no marks */
    return true;
}

/* The IPv6 packet at p, of which avail octets are there. */
static inline void l3_parse_ipv6(const uint8_t *p, size_t avail, struct l3 *h)
{
    if (__builtin_expect(!l3_try_ipv6(p, avail, h), 0))
        l3_parse_ipv6_odd(p, avail, h);
}

/* Does this frame of at least L2_LEN octets say that IPv4 or IPv6 follows, without a tag? */
static inline bool l3_is_ipv4(const uint8_t *frame)
{
    return load16(frame + 12) == L2_IPV4_BE;
}

static inline bool l3_is_ipv6(const uint8_t *frame)
{
    return load16(frame + 12) == L2_IPV6_BE;
}

/* Octets of a header of this family without options. */
static inline uint32_t l3_header_len(enum l3_kind kind)
{
    return kind == L3_IPV6 ? IPV6_LEN : IPV4_LEN;
}

/*
 * Where the payload of a parsed packet begins, counted from its first octet: behind options and extension headers. In an IPv6
 * fragment the fragment header is the last one: it stands 8 octets in front of this.
 */
static inline uint32_t l3_payload_at(const struct l3 *h)
{
    return l3_header_len((enum l3_kind)h->kind) + h->extra * 4u;
}

/* Do two IPv6 headers have the same source and destination? */
static inline bool l3_same_addrs6(const uint8_t *p, const uint8_t *q)
{
    return same32(p + 8, q + 8);
}

/* The flow of a parsed IP packet; p is its first octet (used for IPv6 addresses). kind must be IPv4 or IPv6. */
void l3_flow(const struct l3 *h, const uint8_t *p, struct flow *f);

/* ARP: the address it asks for or answers to, when it is a whole IPv4-over-Ethernet one. p: what is behind the type. */
MUST_CHECK bool l3_arp_target(const uint8_t *p, size_t len, uint32_t *target_be);
/* Neighbour solicitation and advertisement: the target address. p is the IPv6 header, marks has L3_IS_ND. */
MUST_CHECK bool l3_nd_target(const uint8_t *p, const struct l3 *h, struct addr *target);

#endif
