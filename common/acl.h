/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ordered lists of permit/deny entries (KS15) and their text form:
 *     permit|deny PROTO SRC [eq P | range P Q] DST [eq P | range P Q]
 * The first entry that matches decides; no match is "clear". The linear search here is the oracle for the data plane's
 * faster one.
 */
#ifndef GVPN_COMMON_ACL_H
#define GVPN_COMMON_ACL_H

#include "common/selector.h"

#define ACL_TEXT_MAX 256   /* one entry as text, NUL included */
#define ACL_MAX_ENTRIES 1000

struct acl_entry {
    bool permit;
    uint16_t sa;     /* number of the `sa` the entry belongs to; 0 for local and fail-close lists */
    uint16_t number; /* place in its list as people count: from 1 */
    struct selector sel;
};

struct acl {
    struct acl_entry *entries; /* owned */
    size_t n;
};

/*
 * Parses one entry of text into out[0..n). `any any` with a protocol of both families gives two entries, IPv4 first;
 * otherwise one. On error returns 0 and sets *error to a sentence that says what was expected and *column to the
 * 1-based place of the word at fault. sa and number are left 0.
 */
size_t acl_parse_entry(const char *text, struct acl_entry out[2], const char **error, size_t *column);
/*
 * The entry in canonical text, which acl_parse_entry() reads back as exactly this one entry: where both addresses are
 * "any" and the protocol doesn't tell the family, they are written 0.0.0.0/0 or ::/0. Returns out.
 */
const char *acl_entry_text(const struct acl_entry *e, char out[ACL_TEXT_MAX]);

/* Appends a copy, its number as it is; returns false when memory is short or the list is full. */
MUST_CHECK bool acl_append(struct acl *a, const struct acl_entry *e);
/* Fills dst, whose earlier content isn't freed, with a copy; returns false, dst empty, when memory is short. */
MUST_CHECK bool acl_copy(struct acl *dst, const struct acl *src);
void acl_free(struct acl *a);
bool acl_equal(const struct acl *a, const struct acl *b);
/* The first entry that matches, or NULL. */
const struct acl_entry *acl_find(const struct acl *a, const struct flow *f);
/*
 * True when some entry has e's action and its selector with source and destination exchanged, in whichever sa (used for
 * the `check` warning).
 */
bool acl_has_mirror(const struct acl *a, const struct acl_entry *e);

#endif
