/* SPDX-License-Identifier: BSD-3-Clause */
/* IPv4 and IPv6 addresses, prefixes and UDP endpoints as values, with their text forms. No name resolution. */
#ifndef GVPN_COMMON_ADDR_H
#define GVPN_COMMON_ADDR_H

#include "common/buf.h"

#include <sys/socket.h>

#define ADDR_TEXT_MAX 64 /* fits any text written by the functions below, NUL included */

struct addr {
    uint8_t family; /* 4, 6, or 0 = none */
    uint8_t b[16];  /* network order; 4 octets used for IPv4, the rest zero */
};

struct prefix {
    struct addr addr; /* host bits are zero */
    uint8_t len;
};

struct endpoint {
    struct addr addr;
    uint16_t port; /* host order */
};

/* Octets of an address of this family: 4, 16, or 0. */
static inline size_t addr_len(uint8_t family)
{
    return family == 4 ? 4 : family == 6 ? 16 : 0;
}

MUST_CHECK bool addr_parse(const char *text, struct addr *a);
/* "10.0.0.0/8", "2001:db8::/32"; set host bits are an error. A bare address is a full-length prefix. */
MUST_CHECK bool prefix_parse(const char *text, struct prefix *p);
/* The prefix of len bits at this address. Returns false when host bits are set or len is too large for the family. */
MUST_CHECK bool prefix_from_addr(struct prefix *p, const struct addr *a, unsigned len);
/* An IPv4 address from 4 octets, an IPv6 address from 16. Returns false for another length. */
MUST_CHECK bool addr_from_bytes(struct addr *a, struct span bytes);
struct addr addr_v4(uint32_t host_order);

bool addr_equal(const struct addr *a, const struct addr *b);
/* <0, 0, >0: by family, then bytes. */
int addr_compare(const struct addr *a, const struct addr *b);
bool addr_is_multicast(const struct addr *a);
bool prefix_contains(const struct prefix *p, const struct addr *a);
bool prefix_equal(const struct prefix *a, const struct prefix *b);
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);

/* Write text to out (ADDR_TEXT_MAX octets) and return out, so that they can stand in an argument list. */
const char *addr_text(const struct addr *a, char out[ADDR_TEXT_MAX]);
const char *prefix_text(const struct prefix *p, char out[ADDR_TEXT_MAX]);
const char *endpoint_text(const struct endpoint *e, char out[ADDR_TEXT_MAX]); /* 10.0.0.1:848, [::1]:848 */

/*
 * To and from the kernel's form. The first returns the length to give to the kernel, 0 for an endpoint without address;
 * the second returns false for other families.
 */
socklen_t endpoint_to_sockaddr(const struct endpoint *e, struct sockaddr_storage *ss);
MUST_CHECK bool endpoint_from_sockaddr(struct endpoint *e, const struct sockaddr_storage *ss);

#endif
