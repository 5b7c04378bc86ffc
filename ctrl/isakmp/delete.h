/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The delete payload (RFC 2408 3.15; RFC 6407 5.9). Acting on it is up to whoever checked the HASH.
 *
 *     0                   1                   2                   3
 *     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     ! Next Payload  !   RESERVED    !         Payload Length        !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     !              Domain of Interpretation  (DOI)                  !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     !  Protocol-Id  !   SPI Size    !           # of SPIs           !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     ~               Security Parameter Index(es) (SPI)              ~
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
#ifndef GVPN_CTRL_ISAKMP_DELETE_H
#define GVPN_CTRL_ISAKMP_DELETE_H

#include "ctrl/isakmp/isakmp.h"

struct isakmp_delete {
    uint32_t doi;
    uint8_t protocol; /* 1 ISAKMP with SPIs of 16 octets, 2 AH or 3 ESP (IPsec numbering) with SPIs of 4 */
    uint8_t spi_size;
    uint16_t n;       /* at least 1 */
    struct span spis; /* n * spi_size octets */
};

/* Reads a delete payload's body; count times size must be exactly what it holds. */
MUST_CHECK enum isakmp_error isakmp_delete_get(struct span body, struct isakmp_delete *d);
/* SPI number i, i < d->n. */
struct span isakmp_delete_spi(const struct isakmp_delete *d, uint16_t i);
/* Does it name the ISAKMP SA with these cookies? */
bool isakmp_delete_names(const struct isakmp_delete *d, const uint8_t cky_i[ISAKMP_COOKIE_LEN],
                         const uint8_t cky_r[ISAKMP_COOKIE_LEN]);
void isakmp_delete_put(struct isakmp_chain *c, const struct isakmp_delete *d);
/* Delete of one ISAKMP SA: protocol 1, SPI = both cookies. */
void isakmp_delete_put_isakmp(struct isakmp_chain *c, uint32_t doi, const uint8_t cky_i[ISAKMP_COOKIE_LEN],
                              const uint8_t cky_r[ISAKMP_COOKIE_LEN]);

#endif
