/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SA TEK payload (RFC 6407 5.5): one data SA, or one selector of it. ESP only.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *     ! Next Payload  !   RESERVED    !        Payload Length         !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *     ! Protocol-ID   !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *     !    Protocol   !  SRC ID Type  !         SRC ID Port           !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *     !SRC ID Data Len!          SRC Identification Data              ~
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *     ! DST ID Type   !         DST ID Port           !DST ID Data Len!
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *     ! DST Identification Data                                       ~
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *     ! Transform ID  !                        SPI                    !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *     !      SPI      !       RFC 2407 SA Attributes                  ~
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *
 * The text of the RFC has a "DST ID Prot" octet besides; the figure has none, and nobody sends one.
 */
#ifndef GVPN_CTRL_GDOI_SAT_H
#define GVPN_CTRL_GDOI_SAT_H

#include "common/selector.h"
#include "ctrl/gdoi/gdoi.h"

struct gdoi_sat {
    struct selector sel;   /* port 0 on the wire = any; nothing said about an address = any of the other side's family */
    uint8_t transform;     /* RFC 2407 4.4.4 */
    uint32_t spi;          /* host order, at least GDOI_FIRST_SPI */
    uint32_t life_s;       /* remaining; never 0 */
    uint8_t encapsulation; /* enum gdoi_encapsulation */
    uint16_t auth;         /* RFC 2407 4.5; 0 = absent */
    uint16_t key_bits;     /* 0 = absent */
    uint8_t preservation;  /* enum gdoi_preservation, the default filled in */
    uint8_t direction;     /* enum gdoi_direction, the default filled in */
    /* ours; has_private says that at least one came */
    bool has_private;
    uint16_t number; /* 0 = absent */
    uint16_t replay_method, replay_window, metadata, strict_sender, given_before;
};

/*
 * Reads a SAT payload's body. Addresses: single, subnet or a range that is one prefix; source data of length 0 or of three
 * zero octets = any. Refused: protocols other than ESP, reserved SPIs, unknown attributes and values (RFC 6407 5.3.2),
 * both life types missing or in kilobytes only, no encapsulation mode, UDP encapsulation.
 */
MUST_CHECK enum isakmp_error gdoi_sat_get(struct span body, struct gdoi_sat *sat);
/*
 * Appends a SAT. Selectors as subnets; address preservation and direction only when they aren't the default; private
 * attributes only with has_private. A selector with real port ranges can't be said: see gdoi_sat_can_say().
 */
void gdoi_sat_put(struct isakmp_chain *c, const struct gdoi_sat *sat);
/* Each port is one port (not 0) or all of them. */
bool gdoi_sat_can_say(const struct selector *sel);

#endif
