/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A strict YAML document as a tree that remembers where everything stood (OP1). Duplicate keys, aliases,
 * anchors, tags, directives, several documents, non-scalar keys, tabs as indentation, bytes that aren't
 * UTF-8, control characters, files above 1 MiB, maps of more than 1024 keys and nesting deeper than 32 are
 * errors.
 */
#ifndef GVPN_COMMON_YAML_H
#define GVPN_COMMON_YAML_H

#include "common/buf.h"

#define YAML_MAX_SIZE  (1u << 20) /* octets of a file */
#define YAML_MAX_DEPTH 32
#define YAML_MAX_KEYS  1024 /* of one map */

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_node {
    enum yaml_kind kind;
    unsigned line, column; /* from 1; columns count characters */
    char *text;            /* scalar: NUL-terminated (embedded NUL is an error) */
    bool quoted;           /* scalar was quoted or a block: "12" is text, 12 is a number */
    char *key;             /* this node is the value of this key of a map; NULL elsewhere */
    unsigned key_line, key_column;
    struct yaml_node *children; /* list items or map values, in order */
    size_t n;
};

/* Where and what is wrong, as `FILE:LINE:COL: text`. First error wins. */
struct yaml_error {
    char text[1024]; /* empty = no error */
    int kind;        /* for the loader's own use; 0 = none in particular ... */
    char about[32];  /* ... and of what; NUL-terminated */
};

/* Fills *e unless an error already stands there. Control characters of the text become '?', long texts are
 * cut. */
void yaml_fail(struct yaml_error *e, const char *file, unsigned line, unsigned column, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* Reads and parses a file. Returns the root (free with yaml_free_tree) or NULL with *e filled. */
struct yaml_node *yaml_load(const char *file, struct yaml_error *e);
/* The same from memory; file is only the name in errors. text may be NULL when len is 0. */
struct yaml_node *yaml_parse(const char *file, const char *text, size_t len, struct yaml_error *e);
/* Wipes every text first: some of them are secrets. NULL is fine. (libyaml exports the name yaml_free.) */
void yaml_free_tree(struct yaml_node *n);
/* The child of a map with this key, or NULL. */
struct yaml_node *yaml_find(const struct yaml_node *map, const char *key);

#endif
