/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pieces that several messages of the IPC share, to and from bytes; for common/ipc/codec.c only. What can't be written sets
 * the writer's overflow; what can't be read returns false, and *out is not to be used.
 */
#ifndef GVPN_COMMON_IPC_CODEC_PARTS_H
#define GVPN_COMMON_IPC_CODEC_PARTS_H

#include "common/acl.h"
#include "common/secret.h"

/* One octet, 0 or 1. */
void codec_put_bool(struct buf_writer *w, bool v);
MUST_CHECK bool codec_get_bool(struct buf_reader *r, bool *v);
/* An enum travels as one octet; the message's check judges its range. */
MUST_CHECK bool codec_get_enum(struct buf_reader *r, unsigned *v);
/* A length octet and the octets, without the NUL; cap: the size of text. A NUL inside is refused. */
void codec_put_text(struct buf_writer *w, const char *text, size_t cap);
MUST_CHECK bool codec_get_text(struct buf_reader *r, char *text, size_t cap);
/* A 16-bit length and the octets. The caller wipes what it read. */
void codec_put_secret(struct buf_writer *w, const struct secret *s);
MUST_CHECK bool codec_get_secret(struct buf_reader *r, struct secret *s);
/* The family's octet and 4 or 16 octets. */
void codec_put_addr(struct buf_writer *w, const struct addr *a);
MUST_CHECK bool codec_get_addr(struct buf_reader *r, struct addr *a);
/* A rule, in the order of its fields. */
void codec_put_entry(struct buf_writer *w, const struct acl_entry *e);
MUST_CHECK bool codec_get_entry(struct buf_reader *r, struct acl_entry *e);
/* Is it one that a search may meet: families alike, no host bits, no range that ends before it begins? */
MUST_CHECK bool codec_check_entry(const struct acl_entry *e);

#endif
