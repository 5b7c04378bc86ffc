/* SPDX-License-Identifier: BSD-3-Clause */
/* Sequence numbers of rekeys (RFC 6407 5.7) as octets. Which number is new is decided elsewhere. */
#include "ctrl/gdoi/seq.h"

enum isakmp_error gdoi_seq_get(struct span body, uint32_t *number)
{
    struct buf_reader r = buf_reader_of(body);
    uint32_t x;
    if (!buf_get_u32(&r, &x) || r.left != 0)
        return ISAKMP_E_SEQ_LENGTH;
    *number = x;
    return ISAKMP_OK;
}

void gdoi_seq_put(struct isakmp_chain *c, uint32_t number)
{
    isakmp_payload_begin(c, ISAKMP_PAYLOAD_SEQ);
    buf_put_u32(c->w, number);
    isakmp_payload_end(c);
}
