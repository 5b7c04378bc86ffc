/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The SA payload of phase 1: DOI, situation, one ISAKMP proposal, its transforms (RFC 2408 3.4-3.6, RFC 2409 App. A).
 * The GDOI SA payload of a PULL has another layout: ctrl/gdoi/sa.h. Choosing a transform is phase 1's business.
 */
#ifndef GVPN_CTRL_ISAKMP_SA_H
#define GVPN_CTRL_ISAKMP_SA_H

#include "ctrl/isakmp/isakmp.h"

#define ISAKMP_MAX_TRANSFORMS 64
#define ISAKMP_PROTO_ISAKMP   1
#define ISAKMP_KEY_IKE        1 /* transform id */
#define ISAKMP_SIT_IDENTITY   1

enum isakmp_ike_attr {
    ISAKMP_IKE_ENCRYPTION = 1,
    ISAKMP_IKE_HASH = 2,
    ISAKMP_IKE_AUTH = 3,
    ISAKMP_IKE_GROUP = 4,
    ISAKMP_IKE_LIFE_TYPE = 11,
    ISAKMP_IKE_LIFE_DURATION = 12,
    ISAKMP_IKE_KEY_LENGTH = 14,
};
enum isakmp_life_type { ISAKMP_LIFE_SECONDS = 1, ISAKMP_LIFE_KILOBYTES = 2 };
enum isakmp_ike_encryption { ISAKMP_ENC_DES = 1, ISAKMP_ENC_3DES = 5, ISAKMP_ENC_AES = 7 };
enum isakmp_ike_hash {
    ISAKMP_HASH_MD5 = 1,
    ISAKMP_HASH_SHA1 = 2,
    ISAKMP_HASH_SHA256 = 4,
    ISAKMP_HASH_SHA384 = 5,
    ISAKMP_HASH_SHA512 = 6,
};
enum isakmp_ike_auth { ISAKMP_AUTH_PSK = 1, ISAKMP_AUTH_RSA = 3, ISAKMP_AUTH_ECDSA_256 = 9 };

struct isakmp_transform {
    uint8_t number;
    bool understood; /* false: it has another id, or an attribute unknown to us; such a transform is never chosen */
    uint16_t encryption, key_bits, hash, auth, group; /* 0 = attribute absent */
    uint64_t life_s, life_kb; /* 0 = absent; larger than 8 octets can say: UINT64_MAX */
    struct span attributes; /* as they came, in the body that was read: an answer repeats them octet by octet */
};

struct isakmp_sa {
    uint32_t doi;       /* ISAKMP_DOI_GDOI (RFC 6407 2.1) or ISAKMP_DOI_IPSEC */
    uint32_t situation; /* 0 or 1 */
    uint8_t proposal;   /* its number */
    struct isakmp_transform t[ISAKMP_MAX_TRANSFORMS]; /* in the order of preference */
    size_t n;
};

/*
 * Reads an SA payload's body. Accepts DOI 1 and 2, situation 0 and 1, one proposal with an SPI of 0 to 16 octets (ignored),
 * 1 to ISAKMP_MAX_TRANSFORMS transforms of any numbers. Refuses counts and lengths that contradict each other, and an
 * attribute that stands twice (life type and duration: once per life type).
 */
MUST_CHECK enum isakmp_error isakmp_sa_get(struct span body, struct isakmp_sa *sa);
/*
 * Appends the payload: proposal sa->proposal, SPI size 0, all transforms. One that was read is written as it came (RFC 2409
 * section 5 forbids changes), so the body that it was read from must still be there; of others (`attributes` empty) life as
 * 4-octet TLV, seconds only.
 */
void isakmp_sa_put(struct isakmp_chain *c, const struct isakmp_sa *sa);

#endif
