/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The payloads whose body is one field: key exchange (RFC 2408 3.7), hash (3.11), nonce (3.13). The readers check lengths
 * and give the body back; the bytes mean something to ctrl/crypto only.
 */
#ifndef GVPN_CTRL_ISAKMP_OPAQUE_H
#define GVPN_CTRL_ISAKMP_OPAQUE_H

#include "ctrl/isakmp/isakmp.h"

#define ISAKMP_NONCE_MIN 8   /* RFC 6407 5.8; RFC 2409 5 allows up to 256 */
#define ISAKMP_NONCE_MAX 128
#define ISAKMP_HASH_MAX  64

/* len: what the group's public value has on the wire; nothing shorter or longer passes. */
MUST_CHECK enum isakmp_error isakmp_ke_get(struct span body, size_t len, struct span *value);
MUST_CHECK enum isakmp_error isakmp_nonce_get(struct span body, struct span *nonce);
/* len: output of the negotiated prf. */
MUST_CHECK enum isakmp_error isakmp_hash_get(struct span body, size_t len, struct span *hash);

void isakmp_ke_put(struct isakmp_chain *c, struct span value);
void isakmp_nonce_put(struct isakmp_chain *c, struct span nonce);
/*
 * A HASH covers what is written behind it: reserve it (zeros), write the rest, compute over isakmp_hash_covers(), fill it.
 * Returns the offset of the HASH payload's body in c->w.
 */
size_t isakmp_hash_reserve(struct isakmp_chain *c, size_t len);
/* Octets written behind a reserved HASH; empty after an overflow. */
struct span isakmp_hash_covers(const struct buf_writer *w, size_t at, size_t len);
void isakmp_hash_fill(struct buf_writer *w, size_t at, struct span hash);
/* A HASH whose value is known already (phase 1). */
void isakmp_hash_put(struct isakmp_chain *c, struct span hash);

#endif
