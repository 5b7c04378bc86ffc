/* SPDX-License-Identifier: BSD-3-Clause */
/* Text of a key log line; who writes it where, and whether that is allowed, is decided elsewhere. */
#include "ctrl/policy/keylog.h"

#include <stdio.h>

static char *put_hex(char *at, const struct secret *s)
{
    for (size_t i = 0; i < s->len; i++)
        at += sprintf(at, "%02x", s->b[i]);
    return at;
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
