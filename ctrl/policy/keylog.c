/* SPDX-License-Identifier: BSD-3-Clause */
/* Text of a key log line; who writes it where, and whether that is allowed, is decided elsewhere. */
#include "ctrl/policy/keylog.h"

#include "ctrl/gdoi/gdoi.h"

#include <stdio.h>

#define DES_BLOCK 8

static char *put_octets(char *at, const uint8_t *b, size_t len)
{
    for (size_t i = 0; i < len; i++)
        at += sprintf(at, "%02x", b[i]);
    return at;
}

static char *put_hex(char *at, const struct secret *s)
{
    return put_octets(at, s->b, s->len);
}

void keylog_esp_line(uint32_t spi, const struct suite *suite, const struct secret *key, const struct secret *integrity,
                     char out[KEYLOG_LINE_MAX])
{
    char *at = out + snprintf(out, KEYLOG_LINE_MAX - 4 * SECRET_MAX, "esp 0x%08x %s ", spi, suite->name);

    at = put_hex(at, key);
    if (integrity->len > 0) {
        *at++ = ' ';
        at = put_hex(at, integrity);
    }
    *at = '\0';
}

void keylog_kek_line(const struct policy_kek *kek, char out[KEYLOG_LINE_MAX])
{
    size_t iv = kek->cipher == GDOI_KEK_3DES ? DES_BLOCK : POLICY_KEK_IV_LEN;
    char *at = put_octets(out + sprintf(out, "kek "), kek->spi, sizeof(kek->spi));

    *at++ = ' ';
    at = put_octets(at, kek->iv, iv);
    *at++ = ' ';
    at = put_hex(at, &kek->key);
    *at = '\0';
}
