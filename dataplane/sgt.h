/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Security group tags on the inside port (DP10): read from the Ethernet header of type 0x8909 (core/cmd.h) and written
 * again where the packet comes out, when the pair says `sgt: inline`. On the way the tag stands in the ESP metadata
 * (guard.h), when the SA has one. IP behind such a header never passes unjudged, whatever the pair says.
 */
#ifndef GVPN_DATAPLANE_SGT_H
#define GVPN_DATAPLANE_SGT_H

#include "dataplane/ctx.h"

#include <rte_mbuf.h>

/* What parse has to do with a frame of that type. */
enum sgt_way {
    SGT_PASS,  /* nothing that policy is about: like other frames that aren't IP */
    SGT_READ,  /* the header was taken out; *tag is set, and the frame has to be parsed anew */
    SGT_REFUSE /* drop_group_tag: IP that can't be judged, or a header that isn't as it should be */
};

/* The frame in m has that type behind up to two VLAN tags. take: may the header be taken out (inside port, `sgt: inline`)? */
enum sgt_way sgt_read(struct rte_mbuf *m, bool take, uint16_t *tag);

/* Writes the header into a frame whose Ethernet header has l2_len octets. False when there is no room for it. */
MUST_CHECK bool sgt_write(struct rte_mbuf *m, uint32_t l2_len, uint16_t tag);

/* Stage, inbound, last: writes the header into decrypted packets that brought a tag. Exit: drop_no_buffer. */
void sgt_vec(struct pkt_vec *v);

#endif
