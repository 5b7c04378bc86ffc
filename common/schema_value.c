/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Single values of a configuration: words, numbers, durations, names, and the messages about them. Numbers
 * are plain decimal: no sign, no leading zero (it would be octal elsewhere), no quotes.
 */
#include "common/schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void fail_v(struct schema *s, const struct yaml_node *n, unsigned line, unsigned column,
                   const char *fmt, va_list ap) __attribute__((format(printf, 5, 0)));

static void fail_v(struct schema *s, const struct yaml_node *n, unsigned line, unsigned column,
                   const char *fmt, va_list ap)
{
    char text[800];

    vsnprintf(text, sizeof(text), fmt, ap);
    yaml_fail(s->e, s->file, line, column, "%.64s%s%s", n->key ? n->key : "", n->key ? ": " : "", text);
}

bool schema_fail(struct schema *s, const struct yaml_node *n, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fail_v(s, n, n->line, n->column, fmt, ap);
    va_end(ap);
    return false;
}

bool schema_fail_key(struct schema *s, const struct yaml_node *n, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fail_v(s, n, n->key ? n->key_line : n->line, n->key ? n->key_column : n->column, fmt, ap);
    va_end(ap);
    return false;
}

bool schema_fail_in(struct schema *s, const struct yaml_node *n, size_t column, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fail_v(s, n, n->line, n->column + (unsigned)column + (n->quoted ? 1 : 0), fmt, ap);
    va_end(ap);
    return false;
}

bool schema_not_supported(struct schema *s, const struct yaml_node *n)
{
    return schema_fail_key(s, n, "not supported by this version");
}

bool schema_value_not_supported(struct schema *s, const struct yaml_node *n, const char *value, const char *want)
{
    return schema_fail(s, n, "not supported by this version: %s, expected %s", value, want);
}

bool schema_kind(struct schema *s, const struct yaml_node *n, enum yaml_kind kind)
{
    static const char *const words[] = {"a single value", "a list", "a map of keys"};

    if (n->kind == kind)
        return true;
    if (n->kind == YAML_SCALAR && !n->quoted && n->text[0] == 0)
        return schema_fail(s, n, "nothing here, expected %s", words[kind]);
    return schema_fail(s, n, "%s, expected %s", words[n->kind], words[kind]);
}

const char *schema_text(struct schema *s, const struct yaml_node *n, size_t max)
{
    if (!schema_kind(s, n, YAML_SCALAR))
        return NULL;
    if (n->text[0] == 0) {
        schema_fail(s, n, "nothing here, expected text");
        return NULL;
    }
    if (strlen(n->text) > max) {
        schema_fail(s, n, "%zu octets of text, expected at most %zu", strlen(n->text), max);
        return NULL;
    }
    return n->text;
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

const char *schema_name(struct schema *s, const struct yaml_node *n, size_t max)
{
    const char *text = schema_text(s, n, max);

    for (const char *p = text; p && *p; p++) {
        if (!is_alnum(*p) && (p == text || !strchr("._-", *p))) {
            schema_fail_in(
                s, n, (size_t)(p - text),
                "'%.64s' is no name, expected letters, digits, '.', '_' and '-', first a letter or digit",
                text);
            return NULL;
        }
    }
    return text;
}

bool schema_bool(struct schema *s, const struct yaml_node *n, bool *out)
{
    if (!schema_kind(s, n, YAML_SCALAR))
        return false;
    if (n->quoted || (strcmp(n->text, "true") != 0 && strcmp(n->text, "false") != 0))
        return schema_fail(s, n, "'%.64s', expected true or false", n->text);
    *out = n->text[0] == 't';
    return true;
}

/* Digits at the start of text; returns how many, 0 when there are none, a leading zero, or more than 18. */
static size_t digits(const char *text, uint64_t *out)
{
    size_t n = 0;

    *out = 0;
    for (; text[n] >= '0' && text[n] <= '9'; n++) {
        if (n == 18 || (n == 1 && text[0] == '0'))
            return 0;
        *out = *out * 10 + (uint64_t)(text[n] - '0');
    }
    return n;
}

bool schema_uint(struct schema *s, const struct yaml_node *n, uint64_t min, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    size_t len;

    if (!schema_kind(s, n, YAML_SCALAR))
        return false;
    len = digits(n->text, &value);
    if (n->quoted || len == 0 || n->text[len] || value < min || value > max) {
        if (min == max)
            return schema_fail(s, n, "'%.64s', expected %llu", n->text, (unsigned long long)min);
        return schema_fail(s, n, "'%.64s'%s, expected a number from %llu to %llu", n->text,
                           n->quoted ? " in quotes" : "", (unsigned long long)min, (unsigned long long)max);
    }
    *out = value;
    return true;
}

static const struct unit {
    const char *text;
    uint64_t us;
} units[] = {{"us", 1},       {"ms", 1000},       {"s", 1000000},
             {"m", 60000000}, {"h", 3600000000u}, {"d", 86400000000u}};
#define N_UNITS (sizeof(units) / sizeof(units[0]))

/* A duration as people write it: the largest unit that divides it. "0s" for nothing. */
static const char *duration_text(uint64_t us, char out[32])
{
    size_t u = N_UNITS - 1;

    if (us == 0)
        u = 2;
    while (us % units[u].us != 0)
        u--;
    snprintf(out, 32, "%llu%s", (unsigned long long)(us / units[u].us), units[u].text);
    return out;
}

bool schema_duration(struct schema *s, const struct yaml_node *n, uint64_t unit_us, uint64_t min,
                     uint64_t max, uint64_t *out)
{
    char low[32], high[32];
    uint64_t value = 0, us = 0;
    size_t len;

    if (!schema_kind(s, n, YAML_SCALAR))
        return false;
    len = digits(n->text, &value);
    if (len && n->text[len] == 0)
        return schema_fail(s, n,
                           "'%.64s' has no unit, expected a duration such as 50us, 10ms, 30s, 15m, 1h or 30d",
                           n->text);
    for (size_t i = 0; len && i < N_UNITS; i++)
        if (strcmp(n->text + len, units[i].text) == 0)
            us = units[i].us;
    if (us == 0)
        return schema_fail(s, n, "'%.64s', expected a duration such as 50us, 10ms, 30s, 15m, 1h or 30d",
                           n->text);
    if (value > UINT64_MAX / us || value * us > max * unit_us || value * us < min * unit_us)
        return schema_fail(s, n, "'%.64s', expected %s to %s", n->text, duration_text(min * unit_us, low),
                           duration_text(max * unit_us, high));
    if (value * us % unit_us != 0)
        return schema_fail(s, n, "'%.64s', expected whole multiples of %s", n->text,
                           duration_text(unit_us, low));
    *out = value * us / unit_us;
    return true;
}

bool schema_enum(struct schema *s, const struct yaml_node *n, const struct name *names,
                 const struct name *later, unsigned *out)
{
    char known[256] = "";
    size_t used = 0;

    if (!schema_kind(s, n, YAML_SCALAR))
        return false;
    for (const struct name *i = names; i->text; i++) {
        if (strcmp(i->text, n->text) == 0) {
            *out = i->value;
            return true;
        }
        if (used < sizeof(known))
            used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", used ? ", " : "", i->text);
    }
    for (const struct name *i = later; i && i->text; i++) {
        if (strcmp(i->text, n->text) == 0)
            return schema_value_not_supported(s, n, i->text, known);
    }
    for (const struct name *i = later; i && i->text; i++)
        if (used < sizeof(known))
            used += (size_t)snprintf(known + used, sizeof(known) - used, ", %s", i->text);
    return schema_fail(s, n, "'%.64s', expected one of: %s", n->text, known);
}
