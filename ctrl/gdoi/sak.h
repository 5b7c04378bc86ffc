/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SA KEK payload (RFC 6407 5.3; KEK_ACK_REQUESTED: RFC 8263 2): what protects the rekeys of a group. The key itself is in
 * the KD.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *     ! Next Payload  !   RESERVED    !        Payload Length         !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *     !    Protocol   !  SRC ID Type  !         SRC ID Port           !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *     !SRC ID Data Len!          SRC Identification Data              ~
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *     ! DST ID Type   !         DST ID Port           !DST ID Data Len!
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *     !                    DST Identification Data                    ~
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *     ~                              SPI (16)                         ~
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *     !                           RESERVED2                           !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *     ~                        KEK Attributes                         ~
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *
 * The text of the RFC has a "DST ID Prot" octet besides; the figure has none, and nobody sends one.
 */
#ifndef GVPN_CTRL_GDOI_SAK_H
#define GVPN_CTRL_GDOI_SAK_H

#include "common/addr.h"
#include "ctrl/gdoi/gdoi.h"

#define GDOI_KEK_DEFAULT_LIFE_S 86400 /* of a KEK whose lifetime isn't said, as it needn't be */

struct gdoi_sak {
    struct endpoint source, destination; /* no address = any; port 0 = any */
    uint8_t spi[GDOI_KEK_SPI_LEN];
    uint16_t cipher;         /* enum gdoi_kek_cipher */
    uint16_t key_bits;       /* of AES: 128, 192, 256; 0 for 3DES */
    uint32_t life_s;         /* remaining; never 0 */
    uint16_t hash;           /* enum gdoi_signature_hash; 0 = that of the curve */
    uint16_t signature;      /* enum gdoi_signature */
    uint16_t signature_bits; /* 0 = absent. For people: some senders count the encoded key */
    uint16_t ack;            /* enum gdoi_kek_ack; 0 = none, or one that we don't have (RFC 8263 4: goes on without) */
};

/*
 * Reads a SAK payload's body. Refused: a protocol other than UDP, ends that aren't one address, an SPI whose first half is
 * zero (no cookie), unknown attributes and values (RFC 6407 5.3.2), a missing cipher, signature, key length of AES or hash
 * of RSA, a hash that isn't the curve's. KEK_MANAGEMENT_ALGORITHM is ignored: LKH is refused where its keys come.
 */
MUST_CHECK enum isakmp_error gdoi_sak_get(struct span body, struct gdoi_sak *sak);
/* Appends a SAK. "Any" as 0.0.0.0. */
void gdoi_sak_put(struct isakmp_chain *c, const struct gdoi_sak *sak);
/* Octets of the cipher's key and of its IV; false for a cipher and key length that don't exist. */
MUST_CHECK bool gdoi_sak_key_len(uint16_t cipher, uint16_t key_bits, size_t *key, size_t *iv);

#endif
