/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Data attributes (RFC 2408 3.3), the type-value pairs inside transforms, SAT, GAP and key packets. Both forms (basic TV
 * and variable TLV) are accepted for every attribute; what the numbers mean is the business of whoever reads them.
 *
 *     0                   1                   2                   3
 *     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     !A!       Attribute Type        !    AF=0  Attribute Length     !
 *     !F!                             !    AF=1  Attribute Value      !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     .                   AF=0  Attribute Value                       .
 */
#ifndef GVPN_CTRL_ISAKMP_ATTR_H
#define GVPN_CTRL_ISAKMP_ATTR_H

#include "ctrl/isakmp/isakmp.h"

#define ISAKMP_MAX_ATTRS 96 /* in one payload or key packet: 64 sender ids and room */

struct isakmp_attr {
    uint16_t type; /* without the AF bit */
    bool basic;    /* came as TV */
    struct span value;
};

/* Walks attributes. A type that comes again is refused, except the two that may. */
struct isakmp_attrs {
    struct buf_reader r;
    uint16_t repeatable[2]; /* 0 = none */
    uint16_t seen[ISAKMP_MAX_ATTRS];
    size_t n;
};

struct isakmp_attrs isakmp_attrs_of(struct span bytes);
/* True when all were taken. */
static inline bool isakmp_attrs_end(const struct isakmp_attrs *as)
{
    return as->r.left == 0;
}
MUST_CHECK enum isakmp_error isakmp_attr_next(struct isakmp_attrs *as, struct isakmp_attr *a);

/* The value as a number of 1 to 8 octets (2 when basic); false when its length or size doesn't fit. */
MUST_CHECK bool isakmp_attr_u16(const struct isakmp_attr *a, uint16_t *v);
MUST_CHECK bool isakmp_attr_u32(const struct isakmp_attr *a, uint32_t *v);
MUST_CHECK bool isakmp_attr_u64(const struct isakmp_attr *a, uint64_t *v);

/* Writers: TV, TLV of 4 octets, TLV of any. */
void isakmp_attr_put_basic(struct buf_writer *w, uint16_t type, uint16_t value);
void isakmp_attr_put_u32(struct buf_writer *w, uint16_t type, uint32_t value);
void isakmp_attr_put_span(struct buf_writer *w, uint16_t type, struct span value);

#endif
