/* SPDX-License-Identifier: BSD-3-Clause */
/* Secrets that wipe themselves, and a comparison in constant time. Memory locking is the daemons' business. */
#include "common/secret.h"

#include <string.h>

bool secret_set(struct secret *s, const void *p, size_t len)
{
    if (len > SECRET_MAX) {
        secret_wipe(s);
        return false;
    }
    if (len > 0)
        memmove(s->b, p, len); /* p may point into s itself */
    wipe(s->b + len, SECRET_MAX - len);
    s->len = (uint16_t)len;
    return true;
}

void secret_wipe(struct secret *s)
{
    wipe(s, sizeof(*s));
}

void wipe(void *p, size_t len)
{
    if (len > 0)
        explicit_bzero(p, len);
}

bool secret_equal(struct span a, struct span b)
{
    if (a.len != b.len)
        return false;
    const volatile uint8_t *x = a.p, *y = b.p; /* volatile: no early end when the compiler is clever */
    uint8_t diff = 0;
    for (size_t i = 0; i < a.len; i++)
        diff |= x[i] ^ y[i];
    return diff == 0;
}
