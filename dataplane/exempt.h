/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Traffic that no policy judges (decision 2): the appliance's own IKE and group membership. Only the appliance itself
 * is exempt; a host that borrows its address on the inside is not.
 */
#ifndef GVPN_DATAPLANE_EXEMPT_H
#define GVPN_DATAPLANE_EXEMPT_H

#include "dataplane/ctx.h"

/* Is this packet of our TAP exempt, fragments of an exempt datagram included? */
bool exempt_from_us(struct pipeline_ctx *ctx, const struct pkt *p);
/* Is this IPv6 packet of our TAP a multicast listener report of the appliance itself (RFC 3810 5)? */
bool exempt_mld(const struct pipeline_ctx *ctx, const struct pkt *p);
/* Is this clear packet from the outside, addressed to us, exempt? */
bool exempt_to_us(const struct pkt *p);
/*
 * Is it a rekey to some group's multicast address (RFC 6407 4), or a later fragment of one? It is for the appliance's own gvpnd
 * when it comes from outside, and passes when it goes there; no IPv6, as IKE has none here.
 */
bool exempt_rekey(const struct snap *s, const struct l3 *h);
/* Does a multicast router ask who listens (RFC 3376)? The appliance has to answer, too, to go on hearing rekeys. */
bool exempt_is_query(const struct l3 *h, const uint8_t *ip);

#endif
