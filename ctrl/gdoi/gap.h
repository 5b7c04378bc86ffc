/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Group associated policy (RFC 6407 5.4). From the key server inside the SA: delays and, to our members, the ordered
 * policy. From the member in message 3 of a PULL: how many sender ids it wants. An unknown attribute must abort (5.4).
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *     ! Next Payload  !   RESERVED    !        Payload Length         !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *     !               Group Associated Policy Attributes              ~
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 */
#ifndef GVPN_CTRL_GDOI_GAP_H
#define GVPN_CTRL_GDOI_GAP_H

#include "ctrl/gdoi/gdoi.h"

#define GDOI_DIGEST_LEN 32

struct gdoi_gap {
    uint16_t atd_s, dtd_s;       /* 0 = absent */
    uint16_t sender_id_request;  /* 0 = absent; at most GDOI_MAX_SENDER_IDS */
    bool has_pseudotime, has_digest, has_policy; /* ours */
    uint64_t pseudotime_ms; /* of the group, when the message was made (KS11) */
    uint8_t digest[GDOI_DIGEST_LEN];
    struct span policy; /* the encoded entries, borrowed; ctrl/policy/payloads.h reads them */
    bool replace;       /* what the rekey doesn't bring goes (KS18); from a member: it can't go on with its keys (KS12) */
    bool receive_only;  /* group mode 1 */
};

/*
 * Who may say what: the request goes from member to key server, replace both ways, everything else the other way. What the
 * direction doesn't allow counts as unknown.
 */
enum gdoi_gap_from { GDOI_GAP_FROM_SERVER, GDOI_GAP_FROM_MEMBER };

/* Reads a GAP payload's body. A request of 0 or of more than GDOI_MAX_SENDER_IDS is refused. */
MUST_CHECK enum isakmp_error gdoi_gap_get(struct span body, enum gdoi_gap_from from, struct gdoi_gap *gap);
/* Appends a GAP payload with what isn't 0 or absent; nothing at all when that is nothing. */
void gdoi_gap_put(struct isakmp_chain *c, const struct gdoi_gap *gap);

#endif
