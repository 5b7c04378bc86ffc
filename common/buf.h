/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bounded cursors: the only code of the control plane that touches packet bytes.
 *
 * A reader never reads past its end and every read must be checked (the compiler says so). A writer never writes
 * past its end; it remembers an overflow, so that a whole message is built first and checked once.
 * All integers on the wire are big endian. Nothing here allocates.
 */
#ifndef GVPN_COMMON_BUF_H
#define GVPN_COMMON_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))

/* A borrowed run of bytes; never owns them. */
struct span {
    const uint8_t *p;
    size_t len;
};

static inline struct span span_of(const void *p, size_t len)
{
    return (struct span){p, len};
}

/* True when both have the same length and bytes. Not for secrets: use secret_equal(). */
bool span_equal(struct span a, struct span b);

struct buf_reader {
    const uint8_t *at;
    size_t left;
};

static inline struct buf_reader buf_reader_of(struct span s)
{
    return (struct buf_reader){s.p, s.len};
}

/* Each takes the next octets and returns true, or returns false and takes nothing when too few are left. */
MUST_CHECK bool buf_get_u8(struct buf_reader *r, uint8_t *v);
MUST_CHECK bool buf_get_u16(struct buf_reader *r, uint16_t *v);
MUST_CHECK bool buf_get_u32(struct buf_reader *r, uint32_t *v);
MUST_CHECK bool buf_get_u64(struct buf_reader *r, uint64_t *v);
MUST_CHECK bool buf_get_bytes(struct buf_reader *r, void *dst, size_t len);
/* The next len octets as a span into the reader's own bytes. */
MUST_CHECK bool buf_get_span(struct buf_reader *r, size_t len, struct span *s);
MUST_CHECK bool buf_skip(struct buf_reader *r, size_t len);

/* What is left, as a span. */
static inline struct span buf_rest(const struct buf_reader *r)
{
    return (struct span){r->at, r->left};
}

struct buf_writer {
    uint8_t *base;
    size_t cap;
    size_t len;
    bool overflow; /* sticky: once set, nothing more is written */
};

static inline struct buf_writer buf_writer_of(void *base, size_t cap)
{
    return (struct buf_writer){base, cap, 0, false};
}

void buf_put_u8(struct buf_writer *w, uint8_t v);
void buf_put_u16(struct buf_writer *w, uint16_t v);
void buf_put_u32(struct buf_writer *w, uint32_t v);
void buf_put_u64(struct buf_writer *w, uint64_t v);
void buf_put_bytes(struct buf_writer *w, const void *src, size_t len);
void buf_put_span(struct buf_writer *w, struct span s);
void buf_put_zero(struct buf_writer *w, size_t len);
/* Overwrite octets already written at offset `at` (for lengths known late). An offset past len sets overflow. */
void buf_patch_u8(struct buf_writer *w, size_t at, uint8_t v);
void buf_patch_u16(struct buf_writer *w, size_t at, uint16_t v);
void buf_patch_u32(struct buf_writer *w, size_t at, uint32_t v);

/* What was written so far; empty after an overflow. */
static inline struct span buf_written(const struct buf_writer *w)
{
    return w->overflow ? (struct span){w->base, 0} : (struct span){w->base, w->len};
}

#endif
