/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The notification payload (RFC 2408 3.14). What a notification may change is decided where its HASH was checked.
 *
 *     0                   1                   2                   3
 *     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     ! Next Payload  !   RESERVED    !         Payload Length        !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     !              Domain of Interpretation  (DOI)                  !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     !  Protocol-ID  !   SPI Size    !      Notify Message Type      !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     ~                Security Parameter Index (SPI)                 ~
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     ~                       Notification Data                       ~
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
#ifndef GVPN_CTRL_ISAKMP_NOTIFY_H
#define GVPN_CTRL_ISAKMP_NOTIFY_H

#include "ctrl/isakmp/isakmp.h"

#define ISAKMP_REFUSED_TEXT_MAX 160

struct isakmp_notify {
    uint32_t doi; /* 0 (errors before an SA), 1 or 2 on receipt */
    uint8_t protocol;
    uint16_t type;
    struct span spi, data;
};

MUST_CHECK enum isakmp_error isakmp_notify_get(struct span body, struct isakmp_notify *n);
void isakmp_notify_put(struct isakmp_chain *c, const struct isakmp_notify *n);

/* The data of ISAKMP_N_REFUSED: why a registration was refused. */
struct isakmp_refused {
    uint16_t reason; /* an ISAKMP notify type that says it roughly, or 0 */
    uint64_t missing; /* vendor id feature bits that the refused peer lacks */
    char text[ISAKMP_REFUSED_TEXT_MAX]; /* NUL-terminated, printable ASCII; anything else came out as '?' */
};

/* False when shorter than its fixed part; a longer text is cut. */
MUST_CHECK bool isakmp_refused_get(struct span data, struct isakmp_refused *r);
/* The data to send; out needs 10 + ISAKMP_REFUSED_TEXT_MAX octets. */
struct span isakmp_refused_body(const struct isakmp_refused *r, uint8_t *out, size_t cap);

#endif
