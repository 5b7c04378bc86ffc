/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Delete payloads of a rekey (RFC 6407 5.9). The layout is that of ctrl/isakmp/delete.h, the numbers aren't: the protocol
 * is a TEK's (1 = ESP) or 0 for the KEK, and an SPI of zero means all of that protocol.
 */
#ifndef GVPN_CTRL_GDOI_DELETE_H
#define GVPN_CTRL_GDOI_DELETE_H

#include "ctrl/gdoi/gdoi.h"

struct gdoi_delete {
    uint8_t protocol; /* GDOI_PROTO_KEK, GDOI_PROTO_ESP or GDOI_PROTO_AH */
    bool all;         /* an SPI of zero stands there */
    struct span spis; /* as they stand there, zeros too: of 16 octets for a KEK, else of 4; empty when "all" has another size */
};

/*
 * Reads a delete payload's body: DOI 2, count times size exactly what it holds. SPI sizes: 4 for TEKs, 16 for a KEK; "all"
 * may be of 0, 4 or 16 octets for either, as the RFC doesn't say which.
 */
MUST_CHECK enum isakmp_error gdoi_delete_get(struct span body, struct gdoi_delete *d);
/* Delete of n TEKs (host order). */
void gdoi_delete_put_teks(struct isakmp_chain *c, const uint32_t *spis, size_t n);
/* Delete of all TEKs: ESP, one SPI of 4 zero octets. */
void gdoi_delete_put_all_teks(struct isakmp_chain *c);
/* Delete of the KEK: protocol 0, one SPI of 16 zero octets. */
void gdoi_delete_put_kek(struct isakmp_chain *c);

#endif
