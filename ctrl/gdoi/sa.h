/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The GDOI SA payload (RFC 6407 5.2), a frame around SAK, GAP and SATs.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *     ! Next Payload  !   RESERVED    !         Payload Length        !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     !                              DOI                              !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *     !                           Situation                           !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *     ! SA Attribute Next Payload     !          RESERVED2            !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 */
#ifndef GVPN_CTRL_GDOI_SA_H
#define GVPN_CTRL_GDOI_SA_H

#include "ctrl/gdoi/gap.h"
#include "ctrl/gdoi/sak.h"
#include "ctrl/gdoi/sat.h"

struct gdoi_sa {
    bool has_sak;
    struct gdoi_sak sak;
    bool has_gap;
    struct gdoi_gap gap;
    size_t n_sats; /* at least 1 when there is no SAK */
    struct isakmp_walk sats;
};

/*
 * Reads the frame: DOI 2, situation 0, reserved fields 0, at most one SAK, at most one GAP, then only SATs, to the last
 * octet; SAK and GAP are read too. The SATs are counted and their frames checked; take them with gdoi_sa_next().
 */
MUST_CHECK enum isakmp_error gdoi_sa_get(struct span body, struct gdoi_sa *sa);
/* True when all SATs were taken. */
static inline bool gdoi_sa_end(const struct gdoi_sa *sa)
{
    return sa->sats.next == 0;
}
MUST_CHECK enum isakmp_error gdoi_sa_next(struct gdoi_sa *sa, struct gdoi_sat *sat);

/* Begins the SA payload in `outer`; SAK, GAP and SATs are put into the chain it returns; then gdoi_sa_end_put(). */
struct isakmp_chain gdoi_sa_begin(struct isakmp_chain *outer);
void gdoi_sa_end_put(struct isakmp_chain *outer);

#endif
