/* SPDX-License-Identifier: BSD-3-Clause */
/* Octets on the pipes of the drivers: hex, without spaces. */
#ifndef GVPN_TESTS_ORACLE_HEX_H
#define GVPN_TESTS_ORACLE_HEX_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Reads up to cap octets, to the first that isn't hex. Returns how many. */
static inline size_t unhex(const char *hex, uint8_t *out, size_t cap)
{
    size_t n = 0;
    unsigned v;

    for (; n < cap && sscanf(hex, "%2x", &v) == 1; hex += 2)
        out[n++] = (uint8_t)v;
    return n;
}

static inline void print_hex(const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        printf("%02x", p[i]);
}

#endif
