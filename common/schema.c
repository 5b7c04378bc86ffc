/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The walk over maps and lists. Which keys were missing, unknown or not supported is said here; what a single
 * value must look like is in schema_value.c.
 */
#include "common/schema.h"

#include <stdio.h>
#include <string.h>

/* The edit distance of two words, or 99 when one of them is long. */
static size_t distance(const char *a, const char *b)
{
    size_t row[32], la = strlen(a), lb = strlen(b);

    if (la >= 32 || lb >= 32)
        return 99;
    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            size_t add = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;

            diagonal = row[j];
            row[j] = change < add ? change : add;
        }
    }
    return row[lb];
}

static bool fail_unknown(struct schema *s, const struct yaml_node *n, const struct schema_field *fields)
{
    const char *nearest = NULL;
    char known[320] = "";
    size_t best = 3, used = 0;

    for (const struct schema_field *f = fields; f->key; f++) {
        size_t d = distance(n->key, f->key);

        if (d < best && d < strlen(n->key)) {
            best = d;
            nearest = f->key;
        }
        if (used < sizeof(known))
            used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", used ? ", " : "", f->key);
    }
    if (nearest)
        yaml_fail(s->e, s->file, n->key_line, n->key_column, "unknown key '%.64s', did you mean '%s'?",
                  n->key, nearest);
    else
        yaml_fail(s->e, s->file, n->key_line, n->key_column, "unknown key '%.64s', expected one of: %s",
                  n->key, known);
    return false;
}

/* Stores an unsigned integer of 1, 2, 4 or 8 octets; ranges were checked. */
static void store(void *at, size_t size, uint64_t value)
{
    if (size == 1)
        *(uint8_t *)at = (uint8_t)value;
    else if (size == 2)
        *(uint16_t *)at = (uint16_t)value;
    else if (size == 4)
        *(uint32_t *)at = (uint32_t)value;
    else if (size == 8)
        *(uint64_t *)at = value;
}

static bool parse_number(struct schema *s, const struct schema_field *f, const struct yaml_node *n, void *at)
{
    uint64_t value = 0;
    unsigned word = 0;
    bool ok;

    if (f->type == SCHEMA_UINT)
        ok = schema_uint(s, n, f->min, f->max, &value);
    else if (f->type == SCHEMA_ENUM) {
        ok = schema_enum(s, n, f->names, f->later, &word);
        value = word;
    } else
        ok = schema_duration(s, n, f->type == SCHEMA_SECONDS ? 1000000 : 1, f->min, f->max, &value);
    if (ok)
        store(at, f->size, value);
    return ok;
}

static bool parse_text(struct schema *s, const struct schema_field *f, const struct yaml_node *n, char *at)
{
    size_t max = f->size ? f->size - 1 : f->max;
    const char *text = f->type == SCHEMA_NAME ? schema_name(s, n, max) : schema_text(s, n, max);

    if (!text)
        return false;
    if (strlen(text) < f->min)
        return schema_fail(s, n, "too short, expected at least %llu octets", (unsigned long long)f->min);
    if (f->size)
        memcpy(at, text, strlen(text) + 1);
    return true;
}

static bool parse_field(struct schema *s, const struct schema_field *f, const struct yaml_node *n, void *base)
{
    char *at = (char *)base + f->offset;
    bool flag = false;

    switch (f->type) {
    case SCHEMA_BOOL:
    case SCHEMA_FALSE:
        if (!schema_bool(s, n, &flag))
            return false;
        if (flag && f->type == SCHEMA_FALSE)
            return schema_not_supported(s, n);
        if (f->size)
            *(bool *)(void *)at = flag;
        return true;
    case SCHEMA_UINT:
    case SCHEMA_SECONDS:
    case SCHEMA_MICROSECONDS:
    case SCHEMA_ENUM:
        return parse_number(s, f, n, at);
    case SCHEMA_TEXT:
    case SCHEMA_NAME:
        return parse_text(s, f, n, at);
    case SCHEMA_MAP:
        return schema_map(s, n, f->fields, base);
    case SCHEMA_LIST:
        return schema_list(s, n, f->min, f->max, f->fn, at);
    case SCHEMA_CUSTOM:
        return f->fn(s, n, at);
    }
    return false;
}

static const struct schema_field *find_field(const struct schema_field *fields, const char *key)
{
    for (; fields->key; fields++)
        if (strcmp(fields->key, key) == 0)
            return fields;
    return NULL;
}

bool schema_map(struct schema *s, const struct yaml_node *n, const struct schema_field *fields, void *base)
{
    if (!schema_kind(s, n, YAML_MAP))
        return false;
    for (size_t i = 0; i < n->n; i++)
        if (!find_field(fields, n->children[i].key))
            return fail_unknown(s, &n->children[i], fields);
    for (const struct schema_field *f = fields; f->key; f++) {
        const struct yaml_node *child = yaml_find(n, f->key);

        if (!child && (f->flags & SCHEMA_REQUIRED)) {
            yaml_fail(s->e, s->file, n->key ? n->key_line : n->line, n->key ? n->key_column : n->column,
                      "%s%sthe key '%s' is missing, expected it here", n->key ? n->key : "", n->key ? ": " : "", f->key);
            return false;
        }
        if (child && !parse_field(s, f, child, base))
            return false;
        if (child && (f->flags & SCHEMA_LATER))
            return schema_not_supported(s, child);
    }
    return true;
}

bool schema_list(struct schema *s, const struct yaml_node *n, size_t min, size_t max, schema_fn *fn, void *at)
{
    if (!schema_kind(s, n, YAML_LIST))
        return false;
    if (n->n < min)
        return schema_fail(s, n, "too few items, expected at least %zu", min);
    if (n->n > max)
        return schema_fail(s, &n->children[max], "too many items, expected at most %zu", max);
    for (size_t i = 0; i < n->n; i++)
        if (!fn(s, &n->children[i], at))
            return false;
    return true;
}

bool schema_named(struct schema *s, const struct yaml_node *n, size_t max, size_t name_max, schema_fn *fn,
                  void *at)
{
    if (!schema_kind(s, n, YAML_MAP))
        return false;
    if (n->n == 0)
        return schema_fail(s, n, "nothing in it, expected at least one name");
    if (n->n > max)
        return schema_fail_key(s, &n->children[max], "one too many, expected at most %zu", max);
    for (size_t i = 0; i < n->n; i++) {
        struct yaml_node name = n->children[i];

        name.kind = YAML_SCALAR;
        name.text = name.key;
        name.line = name.key_line;
        name.column = name.key_column;
        name.key = NULL;
        if (!schema_name(s, &name, name_max) || !fn(s, &n->children[i], at))
            return false;
    }
    return true;
}
