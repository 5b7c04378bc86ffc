/* SPDX-License-Identifier: BSD-3-Clause */
/* Known answers are written as hex. */
#ifndef GVPN_TESTS_LIB_HEX_H
#define GVPN_TESTS_LIB_HEX_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Octets of `text` to out; returns how many (at most cap). */
static inline size_t hex_decode(const char *text, uint8_t *out, size_t cap)
{
    size_t n = 0;
    unsigned v;
    for (; n < cap && text[0] && text[1] && sscanf(text, "%2x", &v) == 1; text += 2)
        out[n++] = (uint8_t)v;
    return n;
}

#endif
