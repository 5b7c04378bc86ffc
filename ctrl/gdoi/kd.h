/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Key download (RFC 6407 5.6): TEK, KEK and SID packets. LKH is refused by name.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *     ! Next Payload  !   RESERVED    !         Payload Length        !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *     ! Number of Key Packets         !            RESERVED2          !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *     ~                    Key Packets                                ~
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *     !   KD Type     !   RESERVED    !            KD Length          !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *     !    SPI Size   !                   SPI (variable)              ~
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 *     ~                    Key Packet Attributes                      ~
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
 */
#ifndef GVPN_CTRL_GDOI_KD_H
#define GVPN_CTRL_GDOI_KD_H

#include "ctrl/gdoi/gdoi.h"

#define GDOI_MAX_KEY_LEN    64   /* of one key attribute: the longest integrity key; of a KEK: IV | key */
#define GDOI_MAX_PUBLIC_KEY 1100 /* octets of a DER SubjectPublicKeyInfo: RSA of 8192 bits */

/* Spans point into the message: they are keys, and whoever holds the message wipes it. */
struct gdoi_tek {
    uint32_t spi; /* host order */
    struct span algorithm_key; /* cipher key | salt; empty when absent */
    struct span integrity_key; /* empty when absent */
};

struct gdoi_kek {
    uint8_t spi[GDOI_KEK_SPI_LEN];
    struct span algorithm_key; /* IV | key */
    struct span signature_key; /* DER SubjectPublicKeyInfo that rekeys are verified with */
};

struct gdoi_sids {
    uint8_t bits; /* 1 to 63 */
    uint64_t values[GDOI_MAX_SENDER_IDS]; /* each below 2^bits, all different */
    size_t n;     /* at least 1 */
};

struct gdoi_kd_packet {
    enum gdoi_kd_type type; /* GDOI_KD_TEK, GDOI_KD_KEK or GDOI_KD_SID */
    union {
        struct gdoi_tek tek;
        struct gdoi_kek kek;
        struct gdoi_sids sids;
    };
};

struct gdoi_kd {
    struct buf_reader r;
    size_t left; /* packets not yet taken */
};

/* Reads the frame; count and octets must agree when the last packet was taken. */
MUST_CHECK enum isakmp_error gdoi_kd_get(struct span body, struct gdoi_kd *kd);
static inline bool gdoi_kd_end(const struct gdoi_kd *kd)
{
    return kd->left == 0;
}
/*
 * The next packet. Refused: LKH, unknown types and attributes, attributes that stand twice, SPI sizes other than 4 (TEK), 16
 * (KEK) and 0 (SID), keys above GDOI_MAX_KEY_LEN or of 0 octets, a KEK without its public key, sender ids that don't fit or
 * repeat, octets behind the last packet. Whether a key has its suite's length is for policy_from_payloads() to say.
 */
MUST_CHECK enum isakmp_error gdoi_kd_next(struct gdoi_kd *kd, struct gdoi_kd_packet *p);

/* Begins a KD payload with n packets to come; end it with isakmp_payload_end(). */
void gdoi_kd_begin(struct isakmp_chain *c, uint16_t n);
void gdoi_kd_put_tek(struct buf_writer *w, const struct gdoi_tek *tek);
void gdoi_kd_put_kek(struct buf_writer *w, const struct gdoi_kek *kek);
/* Values as ceil(bits / 8) octets. */
void gdoi_kd_put_sids(struct buf_writer *w, const struct gdoi_sids *sids);

#endif
