/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bounded cursors over packet bytes: a reader that never passes its end and a writer that remembers an overflow.
 * Integers are big endian, as in every protocol here. No payload is known to this file.
 */
#include "common/buf.h"

#include <string.h>

bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

/* Takes len octets and returns where they start, or NULL when too few are left. */
static const uint8_t *take(struct buf_reader *r, size_t len)
{
    if (len > r->left)
        return NULL;
    const uint8_t *p = r->at;
    if (len > 0) { /* an empty reader may have no address at all */
        r->at += len;
        r->left -= len;
    }
    return p;
}

/* Takes an integer of len octets. */
static bool take_int(struct buf_reader *r, size_t len, uint64_t *v)
{
    const uint8_t *p = take(r, len);
    if (p == NULL)
        return false;
    *v = 0;
    for (size_t i = 0; i < len; i++)
        *v = *v << 8 | p[i];
    return true;
}

bool buf_get_u8(struct buf_reader *r, uint8_t *v)
{
    uint64_t x;
    if (!take_int(r, sizeof(*v), &x))
        return false;
    *v = (uint8_t)x;
    return true;
}

bool buf_get_u16(struct buf_reader *r, uint16_t *v)
{
    uint64_t x;
    if (!take_int(r, sizeof(*v), &x))
        return false;
    *v = (uint16_t)x;
    return true;
}

bool buf_get_u32(struct buf_reader *r, uint32_t *v)
{
    uint64_t x;
    if (!take_int(r, sizeof(*v), &x))
        return false;
    *v = (uint32_t)x;
    return true;
}

bool buf_get_u64(struct buf_reader *r, uint64_t *v)
{
    return take_int(r, sizeof(*v), v);
}

bool buf_get_bytes(struct buf_reader *r, void *dst, size_t len)
{
    if (len > r->left)
        return false;
    if (len > 0)
        memcpy(dst, take(r, len), len);
    return true;
}

bool buf_get_span(struct buf_reader *r, size_t len, struct span *s)
{
    if (len > r->left)
        return false;
    *s = span_of(r->at, len);
    (void)take(r, len);
    return true;
}

bool buf_skip(struct buf_reader *r, size_t len)
{
    if (len > r->left)
        return false;
    (void)take(r, len);
    return true;
}

/* Room for len more octets, or NULL with the overflow remembered. */
static uint8_t *room(struct buf_writer *w, size_t len)
{
    if (w->overflow || len > w->cap - w->len) {
        w->overflow = true;
        return NULL;
    }
    uint8_t *p = w->base + w->len;
    w->len += len;
    return p;
}

static void store(uint8_t *p, size_t len, uint64_t v)
{
    for (size_t i = len; i > 0; i--) {
        p[i - 1] = (uint8_t)v;
        v >>= 8;
    }
}

static void put_int(struct buf_writer *w, size_t len, uint64_t v)
{
    uint8_t *p = room(w, len);
    if (p != NULL)
        store(p, len, v);
}

void buf_put_u8(struct buf_writer *w, uint8_t v)
{
    put_int(w, sizeof(v), v);
}

void buf_put_u16(struct buf_writer *w, uint16_t v)
{
    put_int(w, sizeof(v), v);
}

void buf_put_u32(struct buf_writer *w, uint32_t v)
{
    put_int(w, sizeof(v), v);
}

void buf_put_u64(struct buf_writer *w, uint64_t v)
{
    put_int(w, sizeof(v), v);
}

void buf_put_bytes(struct buf_writer *w, const void *src, size_t len)
{
    if (len == 0)
        return;
    uint8_t *p = room(w, len);
    if (p != NULL)
        memcpy(p, src, len);
}

void buf_put_span(struct buf_writer *w, struct span s)
{
    buf_put_bytes(w, s.p, s.len);
}

void buf_put_zero(struct buf_writer *w, size_t len)
{
    if (len == 0)
        return;
    uint8_t *p = room(w, len);
    if (p != NULL)
        memset(p, 0, len);
}

static void patch(struct buf_writer *w, size_t at, size_t len, uint64_t v)
{
    if (w->overflow || at > w->len || len > w->len - at) {
        w->overflow = true;
        return;
    }
    store(w->base + at, len, v);
}

void buf_patch_u8(struct buf_writer *w, size_t at, uint8_t v)
{
    patch(w, at, sizeof(v), v);
}

void buf_patch_u16(struct buf_writer *w, size_t at, uint16_t v)
{
    patch(w, at, sizeof(v), v);
}

void buf_patch_u32(struct buf_writer *w, size_t at, uint32_t v)
{
    patch(w, at, sizeof(v), v);
}
