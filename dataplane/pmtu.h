/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the WAN says about packet sizes (RFC 1191, RFC 8201; decision 11 in docs/packet.md). A too-big message that quotes
 * ESP which we sent a moment ago caps its destination for 10 minutes; hosts then hear from us, because they could make
 * nothing of a message about ESP. One table for all workers, of fixed size; each entry is one atomic word.
 */
#ifndef GVPN_DATAPLANE_PMTU_H
#define GVPN_DATAPLANE_PMTU_H

#include "dataplane/ctx.h"

#define PMTU_SECONDS 600
#define PMTU_FLOOR4  576
#define PMTU_FLOOR6  1280
/* How many packets ago the quoted one may have been sent by its worker. */
#define PMTU_RECENT 65536

struct pmtu;

/* NULL when memory is short. seed: from a random source, so that nobody can aim at places in the table. */
struct pmtu *pmtu_new(const uint64_t seed[2]);
void pmtu_free(struct pmtu *t);

/* Is any destination capped at this time (TSC)? t may be NULL. */
bool pmtu_any(const struct pmtu *t, uint64_t now_tsc);

/* The cap of a destination (4 or 16 octets) reached by a pair and VLAN, in octets of IP packet; 0 = none. */
uint32_t pmtu_cap(const struct pmtu *t, uint64_t now_s, unsigned pair, unsigned vlan, enum l3_kind kind, const uint8_t *dst);

/* The same with the seconds that it still holds in *left_s, for who explains; 0 without a cap. t may be NULL. */
uint32_t pmtu_cap_left(const struct pmtu *t, uint64_t now_s, unsigned pair, unsigned vlan, enum l3_kind kind,
                       const uint8_t *dst, unsigned *left_s);

/* Caps it; a cap is only made smaller while it lasts. The floor is applied here. now_tsc and tsc_hz as for now_s * tsc_hz. */
void pmtu_learn(struct pmtu *t, uint64_t now_tsc, uint64_t tsc_hz, unsigned pair, unsigned vlan, enum l3_kind kind,
                const uint8_t *dst, uint32_t mtu);

/* Stage of the receiving side, before policy: consumes such messages. Exit: pmtu_learned. */
void pmtu_vec(struct pipeline_ctx *ctx, struct pkt_vec *v);

#endif
