/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The arithmetic of header-preserving ESP (RFC 4303, RFC 4106): sizes and padding, the outer header made of the inner
 * one, the IV made of sender id and counter (RFC 6054), and the checks on the way back. Bytes only. The ESP_ constants
 * are those of GCM in tunnel mode, the fast way; any other packet is laid out by its SA's struct esp_geometry.
 *
 *     frame   | L2 14, 18, 22 | inner IP packet                                                     |
 *     becomes | L2 14, 18, 22 | outer IP 20, 40 | SPI 4 | seq 4 | IV 8 | inner IP packet | trailer | ICV 16 |
 *
 * The outer packet is of the inner one's family: 20 octets of header for IPv4, 40 for IPv6.
 */
#ifndef GVPN_DATAPLANE_CORE_ESP_H
#define GVPN_DATAPLANE_CORE_ESP_H

#include "common/suite.h"
#include "common/verdict.h"
#include "dataplane/core/l3.h"

#define ESP_HEADER_LEN 8 /* SPI, sequence number */
#define ESP_IV_LEN     8
#define ESP_ICV_LEN    16
#define ESP_ALIGN      4 /* text and trailer are a multiple of it; also for the next header's place */
/* What stands between the outer header and the inner packet, and everything in front of the inner packet. */
#define ESP_INTRO_LEN  (ESP_HEADER_LEN + ESP_IV_LEN)
#define ESP_FRONT_LEN  (IPV4_LEN + ESP_INTRO_LEN)
#define ESP_FRONT6_LEN (IPV6_LEN + ESP_INTRO_LEN)
/* The largest trailer and the ICV: room that must be free behind the packet. */
#define ESP_BEHIND_MAX (ESP_ALIGN - 1 + 2 + ESP_ICV_LEN)
/* The shortest thing worth decrypting behind the outer header: ESP header, IV, one block of trailer, ICV. */
#define ESP_MIN_LEN (ESP_INTRO_LEN + ESP_ALIGN + ESP_ICV_LEN)

#define NEXT_IPV4  4
#define NEXT_IPV6  41
#define NEXT_DUMMY 59
#define NEXT_META  253 /* RFC 3692: a metadata header comes first, whose first octet is the real next header */

/* Which way through the data plane an SA's packets take. */
enum esp_kind {
    ESP_GCM,   /* AES-GCM in tunnel mode: the fast way, sizes are constants */
    ESP_AEAD,  /* combined modes otherwise (GMAC, ChaCha20-Poly1305, GCM in transport mode): one call per packet */
    ESP_LANES, /* cipher and HMAC apart: many packets at once, each side by side with others */
};

/* The layout of an SA's packets; settled when it is installed. */
struct esp_geometry {
    uint8_t kind;     /* enum esp_kind */
    uint8_t iv_len;   /* 0, 8, 16 */
    uint8_t icv_len;  /* 12 to 32 */
    uint8_t align;    /* text is a multiple of it: 4, 8, 16 */
    uint8_t meta_len; /* octets of metadata header before the inner packet: 0, 12, 16; 0 in transport mode */
    bool transport;   /* the IP header itself stays outside, instead of a copy of it */
};

/* transport with a metadata header doesn't exist. */
static inline struct esp_geometry esp_geometry_of(const struct suite *s, bool transport, unsigned meta_len)
{
    bool gcm = s->id == SUITE_AES_GCM_128 || s->id == SUITE_AES_GCM_192 || s->id == SUITE_AES_GCM_256;

    return (struct esp_geometry){.kind = (uint8_t)(s->salt_len == 0 ? ESP_LANES : gcm && !transport ? ESP_GCM : ESP_AEAD),
                                 .iv_len = s->iv_len,
                                 .icv_len = s->icv_len,
                                 .align = s->align,
                                 .meta_len = (uint8_t)meta_len,
                                 .transport = transport};
}

/* Octets between the outer header and the text. */
static inline uint32_t esp_any_intro(const struct esp_geometry *g)
{
    return ESP_HEADER_LEN + (uint32_t)g->iv_len;
}

/* What becomes payload of an IP packet of len octets with a header of header_len octets; with its metadata header. */
static inline uint32_t esp_any_payload(const struct esp_geometry *g, uint32_t header_len, uint32_t len)
{
    return g->transport ? len - header_len : g->meta_len + len;
}

/* Octets of text for a payload: payload, padding, pad length, next header. */
static inline uint32_t esp_any_text(const struct esp_geometry *g, uint32_t payload_len)
{
    return (payload_len + 2 + g->align - 1) & ~(uint32_t)(g->align - 1);
}

/* Octets of the outer IP packet for one of len octets. */
static inline uint32_t esp_any_outer(const struct esp_geometry *g, enum l3_kind kind, uint32_t len)
{
    uint32_t header_len = l3_header_len(kind);

    return header_len + esp_any_intro(g) + esp_any_text(g, esp_any_payload(g, header_len, len)) + g->icv_len;
}

/* Octets by which a packet grows in front. */
static inline uint32_t esp_any_front(const struct esp_geometry *g, enum l3_kind kind)
{
    return esp_any_intro(g) + (g->transport ? 0 : g->meta_len + l3_header_len(kind));
}

/* Is the length of what follows the outer header one that ESP of this layout can have? */
static inline bool esp_any_possible(const struct esp_geometry *g, uint32_t esp_len)
{
    uint32_t around = esp_any_intro(g) + g->icv_len;

    return esp_len >= around + g->align && ((esp_len - around) & (uint32_t)(g->align - 1)) == 0;
}

/* Octets of padding behind a payload of this length. */
static inline uint32_t esp_pad(uint32_t payload_len)
{
    return (0u - (payload_len + 2)) & (ESP_ALIGN - 1);
}

/* Octets of text (what is encrypted) for a payload: payload, padding, pad length, next header. */
static inline uint32_t esp_text_len(uint32_t payload_len)
{
    return payload_len + esp_pad(payload_len) + 2;
}

/* Octets in front of the inner packet, outer header included. */
static inline uint32_t esp_front_len(enum l3_kind kind)
{
    return l3_header_len(kind) + ESP_INTRO_LEN;
}

/* Octets of the outer IP packet for an inner one. */
static inline uint32_t esp_outer_len(enum l3_kind kind, uint32_t inner_len)
{
    return esp_front_len(kind) + esp_text_len(inner_len) + ESP_ICV_LEN;
}

/* The next header that says that a packet of this family is inside. */
static inline uint8_t esp_next(enum l3_kind kind)
{
    return kind == L3_IPV6 ? NEXT_IPV6 : NEXT_IPV4;
}

/* The next header of a text with a metadata header of this many octets, or none. */
static inline uint8_t esp_next_with(enum l3_kind kind, uint32_t meta_len)
{
    return meta_len != 0 ? NEXT_META : esp_next(kind);
}

/*
 * The largest packet whose protected form fits the MTU (DP7); 0 when nothing does.
 *     tunnel     floor((mtu - header - 8 - iv - icv) / align) * align - 2 - metadata     header: 20 for IPv4, 40 for IPv6
 *     transport  floor((mtu - header - 8 - iv - icv) / align) * align - 2 + header
 */
unsigned esp_effective_mtu(enum l3_kind kind, unsigned mtu, const struct esp_geometry *g);

/*
 * Writes padding 1, 2, 3, pad length and next header behind a payload. Stores 8 octets at `at`: up to 5 of them are
 * trailer, what follows belongs to the ICV.
 */
static inline void esp_put_trailer(uint8_t *at, uint32_t pad, uint8_t next)
{
    static const uint64_t trailers[ESP_ALIGN] = {0, 0x0101, 0x020201, 0x03030201};

    store64(at, trailers[pad] | (uint64_t)next << (8 * (pad + 1)));
}

/* The same for any amount of padding, one octet after the other: pad + 2 octets. */
static inline void esp_put_padding(uint8_t *at, uint32_t pad, uint8_t next)
{
    for (uint32_t i = 0; i < pad; i++)
        at[i] = (uint8_t)(i + 1);
    at[pad] = (uint8_t)pad;
    at[pad + 1] = next;
}

/*
 * The outer header: the inner one with protocol ESP, its own total length, and a checksum brought up to date (RFC 1624).
 * Type of service (so also ECN, RFC 6040 3.2: copied), identification, flags, TTL and addresses stay as they are.
 * outer must not overlap inner. inner has no options; head: its first 8 octets as in memory.
 */
static inline void esp_put_outer(uint8_t *outer, uint64_t head, const uint8_t *inner, uint16_t total_len)
{
    uint32_t ttl = load32(inner + 8); /* | protocol | checksum */
    uint16_t len_be = __builtin_bswap16(total_len);
    uint32_t was = (uint32_t)(head >> 16 & 0xffff) + (ttl & 0xff00), is = (uint32_t)len_be + (IPPROTO_ESP_OCTET << 8);

    store64(outer, head);
    store16(outer + 2, len_be);
    store32(outer + 8, (ttl & 0xff) | IPPROTO_ESP_OCTET << 8 | (uint32_t)sum_update((uint16_t)(ttl >> 16), was, is) << 16);
    store64(outer + 12, load64(inner + 12));
}

/* Another identification, as in memory, for an IPv4 header; with its checksum. */
static inline void esp_set_id(uint8_t *outer, uint16_t id_be)
{
    uint16_t was = load16(outer + 4);

    store16(outer + 4, id_be);
    store16(outer + 10, sum_update(load16(outer + 10), was, id_be));
}

/* The same when inner has options: the outer header doesn't (DP8). To be called behind esp_put_outer(). */
static inline void esp_leave_options(uint8_t *outer)
{
    outer[0] = 0x45;
    store16(outer + 10, 0);
    store16(outer + 10, (uint16_t)~sum_fold(sum_ipv4(outer)));
}

/* Other flags and fragment offset, as in memory, for an IPv4 header; with its checksum. */
static inline void esp_set_frag(uint8_t *outer, uint16_t frag_be)
{
    uint16_t was = load16(outer + 6);

    store16(outer + 6, frag_be);
    store16(outer + 10, sum_update(load16(outer + 10), was, frag_be));
}

/*
 * The same for IPv6: next header ESP and its own payload length. Traffic class (so also ECN), flow label, hop limit and
 * addresses stay as they are. inner has no extension headers.
 */
static inline void esp_put_outer6(uint8_t *outer, const uint8_t *inner, uint16_t payload_len)
{
    uint64_t head = load64(inner) & 0xff000000ffffffffULL;

    store64(outer, head | (uint64_t)__builtin_bswap16(payload_len) << 32 | (uint64_t)IPPROTO_ESP_OCTET << 48);
    memcpy(outer + 8, inner + 8, 32);
}

/*
 * Transport mode, on the way back: the outer header with the payload's own protocol and the length of what it now stands in front
 * of, and a new checksum. outer must not overlap ip.
 */
static inline void esp_put_restored(uint8_t *ip, const uint8_t *outer, enum l3_kind kind, uint32_t len, uint8_t next)
{
    memcpy(ip, outer, l3_header_len(kind));
    if (kind == L3_IPV6) {
        store16_be(ip + 4, (uint16_t)(len - IPV6_LEN));
        ip[6] = next;
    } else {
        store16_be(ip + 2, (uint16_t)len);
        ip[9] = next;
        store16(ip + 10, 0);
        store16(ip + 10, (uint16_t)~sum_fold(sum_ipv4(ip)));
    }
}

/* The IV on the wire, as in memory: sender id in the leftmost bits, then the counter (RFC 6054 section 4). */
static inline uint64_t esp_iv(uint64_t sender_shifted, uint64_t counter)
{
    return __builtin_bswap64(sender_shifted | counter);
}

/* SPI and sequence number on the wire, as in memory. The number counts with the IV: one counter, from 1 on. */
static inline uint64_t esp_front(uint32_t spi_be, uint64_t counter)
{
    return (uint64_t)spi_be | (uint64_t)__builtin_bswap32((uint32_t)counter + 1) << 32;
}

/* A sender id moved to the leftmost sid_bits of an IV. */
static inline uint64_t esp_sender_shift(uint64_t sender_id, unsigned sid_bits)
{
    return sid_bits >= 64 ? sender_id : sender_id << (64 - sid_bits);
}

/* Is the length of what follows the outer header one that ESP with GCM can have? Else it isn't worth a decryption. */
static inline bool esp_len_possible(uint32_t esp_len)
{
    return esp_len >= ESP_MIN_LEN && ((esp_len - ESP_INTRO_LEN - ESP_ICV_LEN) & (ESP_ALIGN - 1)) == 0;
}

/*
 * The trailer of a verified and decrypted text: padding must count 1, 2, 3, ... Sets the payload's octets and the next
 * header and returns VERDICT_RECEIVED_DECRYPTED, or the verdict that drops it (RFC 4303 2.4, 2.6).
 */
enum verdict esp_check_trailer(const uint8_t *text, uint32_t len, uint32_t *payload_len, uint8_t *next);

/*
 * The packet in a payload, as `next` announced it, in tunnel mode: it must be of the outer packet's family (`kind`) and
 * whole (surplus behind it is traffic flow padding and ignored); options, extension headers and fragments that say too little
 * are refused.
 * Returns VERDICT_RECEIVED_DECRYPTED and the parsed inner header, or the verdict that drops it.
 */
enum verdict esp_check_inner(const uint8_t *payload, uint32_t len, uint8_t next, enum l3_kind kind, struct l3 *inner);

/* Both, for a text without a metadata header. */
enum verdict esp_check_text(const uint8_t *text, uint32_t len, enum l3_kind kind, struct l3 *inner);

/*
 * Does a text of len octets (at least 8) end behind payload_len octets as usual: with 0 to 3 octets of right padding and this next
 * header? If not, ask esp_check_text(). payload_len may be anything.
 */
static inline bool esp_usual_trailer(const uint8_t *text, uint32_t len, uint32_t payload_len, uint8_t next)
{
    /* Padding and pad length as they stand behind the payload. */
    static const uint64_t right[ESP_ALIGN] = {0, 0x0101, 0x020201, 0x03030201};
    uint32_t pad = len - 2 - payload_len;
    uint64_t end;

    if (__builtin_expect(pad >= ESP_ALIGN, 0))
        return false;
    end = load64(text + len - 8) ^ (uint64_t)next << 56;
    return end >> (48 - 8 * pad) == right[pad];
}

/*
 * RFC 6040 section 4.2: brings the congestion mark of the outer header into the inner one (for IPv4 its checksum, too).
 * Returns false for a combination that must be dropped.
 */
MUST_CHECK bool esp_merge_ecn(uint8_t *inner, enum l3_kind kind, uint8_t outer_tos);

#endif
