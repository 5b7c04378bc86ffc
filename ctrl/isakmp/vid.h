/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Vendor id payloads (RFC 2408 3.16). Ours says which extensions we have; it is believed only inside a PULL, where the
 * HASH covers it. Every other one is foreign and ignored.
 *
 * Body of ours: 16 fixed octets (first half of SHA-256 of "gvpn group vpn extensions v1") | software version 4 (major << 16
 * | minor << 8 | patch) | feature bits 8. Exactly 28 octets; anything else is foreign.
 */
#ifndef GVPN_CTRL_ISAKMP_VID_H
#define GVPN_CTRL_ISAKMP_VID_H

#include "ctrl/isakmp/isakmp.h"

#define ISAKMP_VID_OURS_LEN  28
#define ISAKMP_VID_FIXED_LEN 16

extern const uint8_t isakmp_vid_ours[ISAKMP_VID_FIXED_LEN];

enum isakmp_vid_kind { ISAKMP_VID_FOREIGN, ISAKMP_VID_OURS };

struct isakmp_vid {
    enum isakmp_vid_kind kind;
    uint32_t version;  /* ours only */
    uint64_t features; /* ours only; bits we don't know included */
};

/* Never fails: what it doesn't know is foreign. */
struct isakmp_vid isakmp_vid_get(struct span body);
/* Looks through a message for ours; the first one counts. */
struct isakmp_vid isakmp_vid_find_ours(const struct isakmp_payloads *ps);
void isakmp_vid_put_ours(struct isakmp_chain *c, uint32_t version, uint64_t features);

#endif
