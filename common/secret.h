/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keys and other secrets: one type that knows its length and wipes itself, a wipe the compiler can't remove, and a
 * comparison whose time doesn't depend on the bytes.
 */
#ifndef GVPN_COMMON_SECRET_H
#define GVPN_COMMON_SECRET_H

#include "common/buf.h"

#define SECRET_MAX 128 /* octets: longer than any key, prf output or pre-shared key that we accept */

struct secret {
    uint16_t len;
    uint8_t b[SECRET_MAX];
};

/* Copies len octets in. Returns false (and leaves s empty) when they don't fit. */
MUST_CHECK bool secret_set(struct secret *s, const void *p, size_t len);
/* Wipes all of s, its length included. */
void secret_wipe(struct secret *s);
/* Wipes any memory. */
void wipe(void *p, size_t len);
/* Same length and bytes; time depends on the lengths only. */
bool secret_equal(struct span a, struct span b);

static inline struct span secret_span(const struct secret *s)
{
    return (struct span){s->b, s->len};
}

#endif
