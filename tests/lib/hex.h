/* SPDX-License-Identifier: BSD-3-Clause */
/* Known answers are written as hex. */
#ifndef GVPN_TESTS_LIB_HEX_H
#define GVPN_TESTS_LIB_HEX_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

static inline int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Octets of `text` to out, up to the first that isn't one; returns how many (at most cap). */
static inline size_t hex_decode(const char *text, uint8_t *out, size_t cap)
{
    size_t n = 0;

    for (; n < cap && hex_digit(text[0]) >= 0 && hex_digit(text[1]) >= 0; text += 2)
        out[n++] = (uint8_t)(hex_digit(text[0]) * 16 + hex_digit(text[1]));
    return n;
}

#endif
