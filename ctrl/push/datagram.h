/* SPDX-License-Identifier: BSD-3-Clause */
/* For the files of this folder only: whose datagram is it? The rest of its header is looked at later. */
#ifndef GVPN_CTRL_PUSH_DATAGRAM_H
#define GVPN_CTRL_PUSH_DATAGRAM_H

#include "ctrl/isakmp/isakmp.h"
#include "ctrl/policy/policy.h"

/* Has it the cookies of this KEK, and this exchange type? */
static inline bool push_datagram_is(const struct policy_kek *kek, struct span datagram, enum isakmp_exchange exchange)
{
    struct buf_reader r = buf_reader_of(datagram);
    struct span cookies;
    uint8_t next, version, type;
    return datagram.len >= ISAKMP_HEADER_LEN && buf_get_span(&r, sizeof(kek->spi), &cookies) && buf_get_u8(&r, &next) &&
           buf_get_u8(&r, &version) && buf_get_u8(&r, &type) && type == exchange &&
           span_equal(cookies, span_of(kek->spi, sizeof(kek->spi)));
}

#endif
