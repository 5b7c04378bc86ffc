/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tables that say what a configuration map may hold, and one walk that checks a yaml tree against them and
 * stores the values (OP1). Messages say what is wrong and what was expected, at the value's (or key's) place;
 * the first error wins. It knows nothing of what the keys mean.
 */
#ifndef GVPN_COMMON_SCHEMA_H
#define GVPN_COMMON_SCHEMA_H

#include "common/names.h"
#include "common/yaml.h"

/* What every parser below is handed. */
struct schema {
    const char *file; /* name for messages */
    struct yaml_error *e;
    void *user; /* for the functions of a table */
};

/* Parses one node to `at`; false with *s->e filled. */
typedef bool schema_fn(struct schema *s, const struct yaml_node *n, void *at);

enum schema_type {
    SCHEMA_BOOL,         /* true or false -> bool */
    SCHEMA_FALSE,        /* only false; true is not supported by this version */
    SCHEMA_UINT,         /* decimal, min..max -> unsigned integer of `size` octets */
    SCHEMA_SECONDS,      /* duration, min..max seconds -> unsigned integer of `size` octets */
    SCHEMA_MICROSECONDS, /* duration, min..max microseconds */
    SCHEMA_ENUM, /* a word of `names`; one of `later` is not supported by this version -> integer of `size` */
    SCHEMA_TEXT, /* 1 to size-1 octets -> char[size]; min = least octets when not 0 */
    SCHEMA_NAME, /* like text; letters, digits, dot, underscore, hyphen, first a letter or digit */
    SCHEMA_MAP,  /* `fields`, stored from the same base: offsets count from the enclosing struct */
    SCHEMA_LIST, /* min..max items, each through `fn` with the field's place */
    SCHEMA_CUSTOM, /* the whole node through `fn` */
};

#define SCHEMA_REQUIRED 1u
#define SCHEMA_LATER    2u /* checked like the others, then refused: this version lacks it */

/* One key. A size of 0 means: check, store nothing (texts: at most max octets then). */
struct schema_field {
    const char *key; /* NULL ends a table */
    enum schema_type type;
    unsigned flags;
    size_t offset, size;
    uint64_t min, max;
    const struct name *names, *later;
    const struct schema_field *fields;
    schema_fn *fn;
};

/* Where a value goes, for use in a field. */
#define SCHEMA_AT(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)

/* Walks a map. Unknown keys first, then the fields in table order, so that a table's order is the order of
 * work. */
bool schema_map(struct schema *s, const struct yaml_node *n, const struct schema_field *fields, void *base);
/* Walks a list of min..max items.  */
bool schema_list(struct schema *s, const struct yaml_node *n, size_t min, size_t max, schema_fn *fn,
                 void *at);
/* Walks a map of 1..max named things; each name is checked like SCHEMA_NAME (at most name_max octets), n->key
 * holds it. */
bool schema_named(struct schema *s, const struct yaml_node *n, size_t max, size_t name_max, schema_fn *fn,
                  void *at);

/* Single values. Each returns false with the error set. Errors begin with the node's key when it has one. */
bool schema_bool(struct schema *s, const struct yaml_node *n, bool *out);
bool schema_uint(struct schema *s, const struct yaml_node *n, uint64_t min, uint64_t max, uint64_t *out);
/* Whole multiples of unit_us; min, max and *out count that unit. Units: us ms s m h d. */
bool schema_duration(struct schema *s, const struct yaml_node *n, uint64_t unit_us, uint64_t min,
                     uint64_t max, uint64_t *out);
/* later may be NULL: words that exist but not in this version. */
bool schema_enum(struct schema *s, const struct yaml_node *n, const struct name *names,
                 const struct name *later, unsigned *out);
/* The node's text when it is a single non-empty value of at most max octets; else NULL with the error set. */
const char *schema_text(struct schema *s, const struct yaml_node *n, size_t max);
/* The same, and a name. */
const char *schema_name(struct schema *s, const struct yaml_node *n, size_t max);
/* True when the node is of this kind; else false with the error set. */
bool schema_kind(struct schema *s, const struct yaml_node *n, enum yaml_kind kind);

/* Errors at the value or at the key; return false, so that a parser can end with them. `KEY: ` is put in
 * front. */
bool schema_fail(struct schema *s, const struct yaml_node *n, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool schema_fail_key(struct schema *s, const struct yaml_node *n, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same `column` characters (from 0) into a scalar's text, for parsers that know the word at fault. */
bool schema_fail_in(struct schema *s, const struct yaml_node *n, size_t column, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* `KEY: not supported by this version`, at the key. */
bool schema_not_supported(struct schema *s, const struct yaml_node *n);
/* `KEY: not supported by this version: VALUE, expected WANT`, at the value, when other values of the key are. */
bool schema_value_not_supported(struct schema *s, const struct yaml_node *n, const char *value, const char *want);

#endif
