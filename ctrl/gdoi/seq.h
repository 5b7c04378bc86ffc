/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sequence number payload (RFC 6407 5.7): in a PULL that of the last rekey under the KEK, in a PUSH and in its
 * acknowledgement that of this rekey.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *     ! Next Payload  !   RESERVED    !         Payload Length        !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *     !                      Sequence Number                          !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 */
#ifndef GVPN_CTRL_GDOI_SEQ_H
#define GVPN_CTRL_GDOI_SEQ_H

#include "ctrl/gdoi/gdoi.h"

/* Reads a SEQ payload's body: exactly 4 octets. */
MUST_CHECK enum isakmp_error gdoi_seq_get(struct span body, uint32_t *number);
/* Appends a SEQ payload. */
void gdoi_seq_put(struct isakmp_chain *c, uint32_t number);

#endif
