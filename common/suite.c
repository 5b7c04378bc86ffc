/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of ESP suites: RFC 4106 (GCM), 4543 (GMAC), 7634 (ChaCha20-Poly1305), 3602 (AES-CBC), 2410 (NULL), 2451 (3DES),
 * 2404 and 4868 (HMACs); wire numbers of RFC 2407 4.4.4 and 4.5. Nothing here encrypts.
 */
#include "common/suite.h"

#include <string.h>

enum transform {
    ESP_3DES = 3,
    ESP_NULL = 11,
    ESP_AES_CBC = 12,
    ESP_AES_GCM_16 = 20,
    ESP_NULL_AUTH_AES_GMAC = 23, /* IKEv2 gives it 21 */
    ESP_CHACHA20_POLY1305 = 249, /* private: only with peers that announced it */
};

enum auth { AUTH_NONE = 0, AUTH_SHA1 = 2, AUTH_SHA256 = 5, AUTH_SHA384 = 6, AUTH_SHA512 = 7 };

/* Tests of what only handles suites build this file with all of them (tests/lib/everything.c). */
#ifdef SUITE_TEST_ALL
#define DONE(x) true
#else
#define DONE(x) (x)
#endif

/* key | salt of 4, IV of 8, ICV of 16, unique IVs: GCM, GMAC and ChaCha20-Poly1305 alike. */
#define COMBINED(ID, NAME, TRANSFORM, ATTR_BITS, KEY, SUPPORTED)                                                       \
    [ID] = {.id = ID, .name = NAME, .transform = TRANSFORM, .auth = AUTH_NONE, .key_bits = ATTR_BITS, .key_len = KEY,  \
            .salt_len = 4, .iv_len = 8, .icv_len = 16, .align = 4, .counter_mode = true, .supported = DONE(SUPPORTED)}

#define WITH_HMAC(ID, NAME, TRANSFORM, AUTH, ATTR_BITS, KEY, INTEGRITY, IV, ICV, ALIGN, LEGACY)                        \
    [ID] = {.id = ID, .name = NAME, .transform = TRANSFORM, .auth = AUTH, .key_bits = ATTR_BITS, .key_len = KEY,       \
            .integrity_len = INTEGRITY, .iv_len = IV, .icv_len = ICV, .align = ALIGN, .legacy = LEGACY, .supported = DONE(true)}

#define WITH_ANY_HMAC(ID, NAME, TRANSFORM, ATTR_BITS, KEY, IV, ALIGN, LEGACY)                                          \
    WITH_HMAC(ID##_SHA1, NAME "/hmac-sha1-96", TRANSFORM, AUTH_SHA1, ATTR_BITS, KEY, 20, IV, 12, ALIGN, LEGACY),       \
    WITH_HMAC(ID##_SHA256, NAME "/hmac-sha256-128", TRANSFORM, AUTH_SHA256, ATTR_BITS, KEY, 32, IV, 16, ALIGN, LEGACY), \
    WITH_HMAC(ID##_SHA384, NAME "/hmac-sha384-192", TRANSFORM, AUTH_SHA384, ATTR_BITS, KEY, 48, IV, 24, ALIGN, LEGACY), \
    WITH_HMAC(ID##_SHA512, NAME "/hmac-sha512-256", TRANSFORM, AUTH_SHA512, ATTR_BITS, KEY, 64, IV, 32, ALIGN, LEGACY)

static const struct suite suites[SUITE_COUNT] = {
    COMBINED(SUITE_AES_GCM_128, "aes-gcm-128", ESP_AES_GCM_16, 128, 16, true),
    COMBINED(SUITE_AES_GCM_192, "aes-gcm-192", ESP_AES_GCM_16, 192, 24, true),
    COMBINED(SUITE_AES_GCM_256, "aes-gcm-256", ESP_AES_GCM_16, 256, 32, true),
    COMBINED(SUITE_AES_GMAC_128, "aes-gmac-128", ESP_NULL_AUTH_AES_GMAC, 128, 16, true),
    COMBINED(SUITE_AES_GMAC_192, "aes-gmac-192", ESP_NULL_AUTH_AES_GMAC, 192, 24, true),
    COMBINED(SUITE_AES_GMAC_256, "aes-gmac-256", ESP_NULL_AUTH_AES_GMAC, 256, 32, true),
    COMBINED(SUITE_CHACHA20_POLY1305, "chacha20-poly1305", ESP_CHACHA20_POLY1305, 0, 32, true),
    WITH_ANY_HMAC(SUITE_AES_CBC_128, "aes-cbc-128", ESP_AES_CBC, 128, 16, 16, 16, false),
    WITH_ANY_HMAC(SUITE_AES_CBC_192, "aes-cbc-192", ESP_AES_CBC, 192, 24, 16, 16, false),
    WITH_ANY_HMAC(SUITE_AES_CBC_256, "aes-cbc-256", ESP_AES_CBC, 256, 32, 16, 16, false),
    WITH_ANY_HMAC(SUITE_NULL, "null", ESP_NULL, 0, 0, 0, 4, true),
    WITH_HMAC(SUITE_3DES_SHA1, "3des-cbc/hmac-sha1-96", ESP_3DES, AUTH_SHA1, 0, 24, 20, 8, 12, 8, true),
};

const struct suite *suite_by_id(unsigned id)
{
    return id > SUITE_NONE && id < SUITE_COUNT ? &suites[id] : NULL;
}

const struct suite *suite_by_name(const char *name)
{
    for (unsigned id = SUITE_NONE + 1; id < SUITE_COUNT; id++)
        if (strcmp(suites[id].name, name) == 0)
            return &suites[id];
    return NULL;
}

const struct suite *suite_by_wire(uint8_t transform, uint16_t key_bits, uint16_t auth)
{
    for (unsigned id = SUITE_NONE + 1; id < SUITE_COUNT; id++) {
        const struct suite *s = &suites[id];
        if (s->transform == transform && s->key_bits == key_bits && s->auth == auth)
            return s;
    }
    return NULL;
}
