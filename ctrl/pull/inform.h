/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Informational exchanges under an established phase 1 (RFC 2409 5.7): HDR*, HASH(1), N and D payloads, each
 * with a fresh message id. Nothing unprotected, and nothing whose HASH is wrong, ever gets out of here
 * (CVE-2019-10155).
 */
#ifndef GVPN_CTRL_PULL_INFORM_H
#define GVPN_CTRL_PULL_INFORM_H

#include "ctrl/crypto/ike_sa.h"
#include "ctrl/crypto/rng.h"
#include "ctrl/isakmp/notify.h"
#include "ctrl/policy/policy.h"

#define INFORM_MAX_NOTIFIES 8

struct inform_notify {
    uint16_t type;                 /* enum isakmp_notify_type and others */
    struct isakmp_refused refused; /* ISAKMP_N_REFUSED only, else empty: the peer's words, safe to print */
    struct group_id group;         /* ISAKMP_N_LEAVE only: which group it leaves */
};

/* What one informational said. */
struct inform {
    uint32_t message_id;
    struct inform_notify notifies[INFORM_MAX_NOTIFIES]; /* those beyond are ignored */
    size_t n_notifies;
    bool deletes_sa; /* it deletes the ISAKMP SA it came under */
};

/* An error, not a status (RFC 2408 3.14.1). */
static inline bool inform_is_error(uint16_t type)
{
    return type != 0 && type < 16384;
}

enum inform_result {
    INFORM_OK,
    INFORM_DROP_MALFORMED,
    INFORM_DROP_STATE, /* not encrypted, message id 0 or used before */
    INFORM_DROP_AUTH,  /* wrong HASH */
    INFORM_ERROR,
};

/* Opens a datagram of exchange 5. Its message id counts as used when it was valid. */
enum inform_result inform_open(struct ike_sa *sa, struct span datagram, struct inform *out);
/* Writes an informational with one notify without SPI (data may be empty). */
MUST_CHECK bool inform_put_notify(struct ike_sa *sa, const struct rng *rng, uint16_t type, struct span data,
                                  struct buf_writer *out);
/* Writes an informational with which a member leaves a group (GM12). */
MUST_CHECK bool inform_put_leave(struct ike_sa *sa, const struct rng *rng, const struct group_id *group,
                                 struct buf_writer *out);
/* Writes an informational that deletes this ISAKMP SA (protocol 1, SPI = both cookies). */
MUST_CHECK bool inform_put_delete(struct ike_sa *sa, const struct rng *rng, struct buf_writer *out);

#endif
