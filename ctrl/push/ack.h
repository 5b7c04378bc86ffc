/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * GROUPKEY-PUSH-ACK (RFC 8263): a member says that it has processed a rekey. HDR, HASH, SEQ, ID in clear; the HASH is keyed
 * by the KEK, so any member could forge another's: it only silences retransmission (decision 20).
 */
#ifndef GVPN_CTRL_PUSH_ACK_H
#define GVPN_CTRL_PUSH_ACK_H

#include "ctrl/policy/policy.h"

#define PUSH_ACK_MAX_LEN 160 /* octets of the longest */

/* own: source address of the member's PULL. False: the library failed, or the KEK wants no acknowledgement. */
MUST_CHECK bool push_ack_put(const struct policy_kek *kek, uint32_t number, const struct addr *own,
                             struct buf_writer *out);

struct push_ack {
    uint32_t number;
    struct addr member; /* as its ID payload says */
};

/* Reads one without verifying it, which costs next to nothing. False: it isn't one. */
MUST_CHECK bool push_ack_read(const struct policy_kek *kek, struct span datagram, struct push_ack *out);
/*
 * Reads and verifies a datagram that may be an acknowledgement under `kek`; both readings of the key derivation's L are
 * accepted (RFC 8263 3.2). False: it isn't one, or is forged.
 */
MUST_CHECK bool push_ack_get(const struct policy_kek *kek, struct span datagram, struct push_ack *out);
/* Are these the cookies of an acknowledgement under `kek`? */
bool push_ack_is_for(const struct policy_kek *kek, struct span datagram);

#endif
