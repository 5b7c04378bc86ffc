/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Loads and stores of packet bytes at any alignment, and the Internet checksum (RFC 1071, RFC 1624). Host values are
 * little endian here, as on every CPU that the data plane runs on. Callers have checked the bounds.
 */
#ifndef GVPN_DATAPLANE_CORE_BYTES_H
#define GVPN_DATAPLANE_CORE_BYTES_H

#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the packet path is written for little-endian CPUs");

static inline uint16_t load16(const void *p)
{
    uint16_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint32_t load32(const void *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t load64(const void *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint16_t load16_be(const void *p)
{
    return __builtin_bswap16(load16(p));
}

static inline void store16(void *p, uint16_t v)
{
    memcpy(p, &v, sizeof v);
}

static inline void store32(void *p, uint32_t v)
{
    memcpy(p, &v, sizeof v);
}

static inline void store64(void *p, uint64_t v)
{
    memcpy(p, &v, sizeof v);
}

static inline void store16_be(void *p, uint16_t v)
{
    store16(p, __builtin_bswap16(v));
}

/* Are these 32 octets the same? (Two IPv6 addresses; in one register where there is one.) */
static inline int same32(const void *p, const void *q)
{
#ifdef __AVX2__
    long long a __attribute__((vector_size(32))), b __attribute__((vector_size(32)));

    memcpy(&a, p, sizeof a);
    memcpy(&b, q, sizeof b);
    a ^= b;
    return __builtin_ia32_ptestz256(a, a);
#else
    const uint8_t *a = p, *b = q;
    uint64_t differs = 0;

    for (size_t i = 0; i < 32; i += 8)
        differs |= load64(a + i) ^ load64(b + i);
    return differs == 0;
#endif
}

/* One's complement sum of 16-bit words, folded; words as in memory (the sum doesn't care about byte order). */
static inline uint16_t sum_fold(uint64_t sum)
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* The sum over an IPv4 header of 20 octets, not folded. */
static inline uint64_t sum_ipv4(const uint8_t *h)
{
    uint64_t a = load64(h), b = load64(h + 8);

    return (uint32_t)a + (a >> 32) + (uint32_t)b + (b >> 32) + load32(h + 16);
}

/*
 * Is a header's checksum right? Its one's complement sum is then "minus zero", and as the version isn't zero, that is
 * when the plain sum is a multiple of 0xffff: one multiplication for the compiler, no folding.
 */
static inline int sum_right(uint64_t sum)
{
    return sum % 0xffff == 0;
}

/* The same for an IPv4 header of 20 octets: sums of eight octets and their carries. */
static inline int sum_right_ipv4(const uint8_t *h)
{
    uint64_t a = load64(h), sum = a + load64(h + 8), rest = (uint64_t)load32(h + 16) + (sum < a);

    sum += rest;
    return sum_right(sum + (sum < rest));
}

/*
 * A checksum after up to four words of sum `was` became words of sum `is` (RFC 1624, equation 3). As in memory.
 */
static inline uint16_t sum_update(uint16_t checksum, uint32_t was, uint32_t is)
{
    uint32_t sum = (uint16_t)~checksum + (4 * 0xffffu - was) + is;

    sum += sum << 16 | sum >> 16; /* both halves and their carry, in the upper one */
    return (uint16_t)(~sum >> 16);
}

#endif
