/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one table of ESP suites (DP2): names, wire numbers, key, salt, IV, ICV and block sizes. It drives configuration,
 * negotiation and the data plane's handlers. A suite that this version can't run has `supported` false.
 */
#ifndef GVPN_COMMON_SUITE_H
#define GVPN_COMMON_SUITE_H

#include "common/buf.h"

enum suite_id {
    SUITE_NONE = 0,
    SUITE_AES_GCM_128,
    SUITE_AES_GCM_192,
    SUITE_AES_GCM_256,
    SUITE_AES_GMAC_128,
    SUITE_AES_GMAC_192,
    SUITE_AES_GMAC_256,
    SUITE_CHACHA20_POLY1305,
    SUITE_AES_CBC_128_SHA1,
    SUITE_AES_CBC_128_SHA256,
    SUITE_AES_CBC_128_SHA384,
    SUITE_AES_CBC_128_SHA512,
    SUITE_AES_CBC_192_SHA1,
    SUITE_AES_CBC_192_SHA256,
    SUITE_AES_CBC_192_SHA384,
    SUITE_AES_CBC_192_SHA512,
    SUITE_AES_CBC_256_SHA1,
    SUITE_AES_CBC_256_SHA256,
    SUITE_AES_CBC_256_SHA384,
    SUITE_AES_CBC_256_SHA512,
    SUITE_NULL_SHA1,
    SUITE_NULL_SHA256,
    SUITE_NULL_SHA384,
    SUITE_NULL_SHA512,
    SUITE_3DES_SHA1,
    SUITE_COUNT
};

struct suite {
    enum suite_id id;
    const char *name;         /* "aes-gcm-128", as configuration and views say it */
    uint8_t transform;        /* RFC 2407 4.4.4 ESP transform id; 249 for ChaCha20-Poly1305 (private) */
    uint8_t auth;             /* RFC 2407 4.5 authentication algorithm; 0 = none (combined modes) */
    uint16_t key_bits;        /* KEY_LENGTH attribute; 0 = not sent */
    uint8_t key_len;          /* octets of cipher key, without salt */
    uint8_t salt_len;         /* octets of salt behind the key in TEK_ALGORITHM_KEY */
    uint8_t integrity_len;    /* octets of TEK_INTEGRITY_KEY; 0 = none */
    uint8_t iv_len;           /* octets of IV on the wire */
    uint8_t icv_len;          /* octets of ICV on the wire */
    uint8_t align;            /* payload + trailer are a multiple of this (4 or the cipher block) */
    bool counter_mode;        /* IV must be unique per key: needs sender ids (RFC 6054) */
    bool legacy;              /* only with `legacy: true` */
    bool supported;
};

/* Its key may come as an integrity key, too (RFC 6407 5.6.1 is unclear about GMAC). */
static inline bool suite_is_gmac(const struct suite *s)
{
    return s->id >= SUITE_AES_GMAC_128 && s->id <= SUITE_AES_GMAC_256;
}

/* Never NULL for a valid id; NULL for SUITE_NONE and numbers outside the table. */
const struct suite *suite_by_id(unsigned id);
/* NULL when no suite has this name. */
const struct suite *suite_by_name(const char *name);
/* From the wire: transform id, key length attribute in bits (0 when absent) and authentication algorithm; or NULL. */
const struct suite *suite_by_wire(uint8_t transform, uint16_t key_bits, uint16_t auth);

#endif
