/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes for codec tests: hex text (blanks and line ends are skipped) becomes a heap buffer of exactly its size, so that
 * the sanitizer sees the first octet read too many.
 */
#ifndef GVPN_TESTS_LIB_BYTES_H
#define GVPN_TESTS_LIB_BYTES_H

#include "common/buf.h"

#include <stdlib.h>
#include <string.h>

struct bytes {
    uint8_t *p;
    size_t len;
};

static inline struct span bytes_span(const struct bytes *b)
{
    return (struct span){b->p, b->len};
}

/* An exact heap copy; free with bytes_free(). */
static inline struct bytes bytes_copy(struct span s)
{
    struct bytes b = {malloc(s.len > 0 ? s.len : 1), s.len};
    if (b.p == NULL)
        abort();
    if (s.len == 0) { /* nothing of it may be read */
        free(b.p);
        b.p = NULL;
    } else {
        memcpy(b.p, s.p, s.len);
    }
    return b;
}

static inline int bytes_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static inline struct bytes bytes_hex(const char *hex)
{
    uint8_t all[65536];
    size_t n = 0;
    int high = -1;
    for (; *hex != '\0'; hex++) {
        int d = bytes_digit(*hex);
        if (d < 0) {
            if (*hex != ' ' && *hex != '\n')
                abort();
        } else if (high < 0) {
            high = d;
        } else {
            if (n == sizeof(all))
                abort();
            all[n++] = (uint8_t)(high << 4 | d);
            high = -1;
        }
    }
    if (high >= 0)
        abort();
    return bytes_copy((struct span){all, n});
}

static inline void bytes_free(struct bytes *b)
{
    free(b->p);
    *b = (struct bytes){NULL, 0};
}

/* Everything that a text stands for, cut short at every octet:
 *     struct bytes_cuts c = bytes_cuts_of(hex);
 *     while (bytes_cuts_next(&c))
 *         ... c.cut, an exact heap copy ...
 */
struct bytes_cuts {
    struct bytes whole, cut;
    bool begun;
};

static inline struct bytes_cuts bytes_cuts_of(const char *hex)
{
    return (struct bytes_cuts){.whole = bytes_hex(hex)};
}

/* False when there are no more; all is freed then. */
static inline bool bytes_cuts_next(struct bytes_cuts *c)
{
    size_t len = c->begun ? c->cut.len + 1 : 0;
    bytes_free(&c->cut);
    c->begun = true;
    if (len >= c->whole.len) {
        bytes_free(&c->whole);
        return false;
    }
    c->cut = bytes_copy((struct span){c->whole.p, len});
    return true;
}

/* Does the text stand for these bytes? */
static inline bool bytes_are(struct span s, const char *hex)
{
    struct bytes b = bytes_hex(hex);
    bool same = span_equal(s, bytes_span(&b));
    bytes_free(&b);
    return same;
}

#endif
