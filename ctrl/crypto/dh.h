/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Diffie-Hellman as IKE writes it: MODP groups 2 (RFC 2409 6.2), 5, 14, 15 and 16 (RFC 3526), ECP groups 19, 20 and 21
 * (RFC 5903). A value from the wire is checked before it is used: exact length, 2 to p-2 and in the right subgroup, or a
 * point on the curve (CVE-2015-3240). Whether a weak group is allowed is configuration's business.
 */
#ifndef GVPN_CTRL_CRYPTO_DH_H
#define GVPN_CTRL_CRYPTO_DH_H

#include "common/buf.h"

#define DH_MAX 512 /* octets of the longest public value or shared secret */

struct dh;

struct dh_shared {
    uint16_t len;
    uint8_t b[DH_MAX]; /* MODP: padded with zeros on the left to the prime's length; ECP: the x coordinate */
};

/* Octets of the KE payload body of a group: the prime's (128 to 512), or x and y (64, 96, 132); 0: a group that this
 * version lacks. */
size_t dh_public_len(uint16_t group);
/*
 * What one exchange costs, in units of one in group 14 (0.65 ms of a 2020s CPU; docs/exchanges.md has the table), rounded up.
 * 0: a group that this version lacks.
 */
unsigned dh_cost(uint16_t group);
/* A fresh key pair; NULL: unknown group, no memory or no random. */
struct dh *dh_new(uint16_t group);
/* Wipes the private value. NULL is harmless. */
void dh_free(struct dh *d);
/* Our public value as it stands in KE; valid until d is freed. */
struct span dh_public(const struct dh *d);
/* The shared secret; false: the peer's value must not be used, or the library failed. Wipe *out after use. */
MUST_CHECK bool dh_shared(const struct dh *d, struct span peer, struct dh_shared *out);

#endif
