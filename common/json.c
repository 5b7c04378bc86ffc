/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON text (RFC 8259), written as it comes. Doesn't read, doesn't indent, doesn't check that braces balance. */
#include "common/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void json_init(struct json *j)
{
    *j = (struct json){0};
}

void json_free(struct json *j)
{
    free(j->text);
    json_init(j);
}

/* Appends; there is always room for a NUL behind the text. */
static void put(struct json *j, const char *s, size_t len)
{
    if (j->failed)
        return;
    if (len >= j->cap - j->len) {
        size_t cap = j->cap > 0 ? j->cap : 256;
        while (cap - j->len <= len)
            cap *= 2;
        char *text = realloc(j->text, cap);
        if (text == NULL) {
            j->failed = true;
            return;
        }
        j->text = text;
        j->cap = cap;
    }
    memcpy(j->text + j->len, s, len);
    j->len += len;
}

static void puts_raw(struct json *j, const char *s)
{
    put(j, s, strlen(s));
}

char *json_finish(struct json *j)
{
    put(j, "", 1);
    char *text = j->failed ? NULL : j->text;
    if (j->failed)
        free(j->text);
    json_init(j);
    return text;
}

/* What stands before a key or value: a comma, if something came before it on this level. */
static void separate(struct json *j)
{
    if (j->need_comma && !j->after_key)
        put(j, ",", 1);
    j->after_key = false;
    j->need_comma = true;
}

void json_begin(struct json *j, char bracket)
{
    separate(j);
    put(j, &bracket, 1);
    j->need_comma = false;
}

void json_end(struct json *j, char bracket)
{
    put(j, &bracket, 1);
    j->need_comma = true;
}

/* Octets of the UTF-8 sequence at s (RFC 3629: shortest form, no surrogates, up to U+10FFFF), or 0 when it is none. */
static size_t utf8_len(const unsigned char *s)
{
    static const struct {
        unsigned char first_low, first_high, second_low, second_high, len;
    } forms[] = {
        {0x01, 0x7f, 0, 0, 1},          {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3},    {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4},    {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
        if (s[0] < forms[f].first_low || s[0] > forms[f].first_high)
            continue;
        if (forms[f].len > 1 && (s[1] < forms[f].second_low || s[1] > forms[f].second_high))
            return 0;
        for (size_t i = 2; i < forms[f].len; i++)
            if ((s[i] & 0xc0) != 0x80) /* stops at the NUL, too */
                return 0;
        return forms[f].len;
    }
    return 0;
}

static void put_escaped(struct json *j, unsigned char c)
{
    char text[8];
    if (c == '"' || c == '\\')
        snprintf(text, sizeof(text), "\\%c", c);
    else if (c == '\n')
        snprintf(text, sizeof(text), "\\n");
    else if (c == '\t')
        snprintf(text, sizeof(text), "\\t");
    else
        snprintf(text, sizeof(text), "\\u%04x", c);
    puts_raw(j, text);
}

static void put_quoted(struct json *j, const char *s)
{
    const unsigned char *at = (const unsigned char *)s;
    put(j, "\"", 1);
    while (*at != '\0') {
        size_t len = utf8_len(at);
        if (len == 0)
            puts_raw(j, "\xef\xbf\xbd"); /* U+FFFD for each octet that belongs to nothing */
        else if (*at < 0x20 || *at == '"' || *at == '\\' || *at == 0x7f)
            put_escaped(j, *at);
        else
            put(j, (const char *)at, len);
        at += len > 0 ? len : 1;
    }
    put(j, "\"", 1);
}

void json_key(struct json *j, const char *key)
{
    separate(j);
    put_quoted(j, key);
    put(j, ":", 1);
    j->after_key = true;
}

void json_put_string(struct json *j, const char *s)
{
    if (s == NULL) {
        json_null(j);
        return;
    }
    separate(j);
    put_quoted(j, s);
}

void json_u64(struct json *j, uint64_t v)
{
    char text[32];
    snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
    separate(j);
    puts_raw(j, text);
}

void json_i64(struct json *j, int64_t v)
{
    char text[32];
    snprintf(text, sizeof(text), "%lld", (long long)v);
    separate(j);
    puts_raw(j, text);
}

void json_double(struct json *j, double v, int decimals)
{
    char text[352]; /* the largest double has 309 digits before the point */
    if (!isfinite(v)) {
        json_null(j);
        return;
    }
    snprintf(text, sizeof(text), "%.*f", decimals < 0 ? 0 : decimals > 17 ? 17 : decimals, v);
    separate(j);
    puts_raw(j, text);
}

void json_bool(struct json *j, bool v)
{
    separate(j);
    puts_raw(j, v ? "true" : "false");
}

void json_put_null(struct json *j)
{
    separate(j);
    puts_raw(j, "null");
}

void json_kv_string(struct json *j, const char *key, const char *s)
{
    json_key(j, key);
    json_string(j, s);
}

void json_kv_u64(struct json *j, const char *key, uint64_t v)
{
    json_key(j, key);
    json_u64(j, v);
}

void json_kv_i64(struct json *j, const char *key, int64_t v)
{
    json_key(j, key);
    json_i64(j, v);
}

void json_kv_bool(struct json *j, const char *key, bool v)
{
    json_key(j, key);
    json_bool(j, v);
}

void json_kv_null(struct json *j, const char *key)
{
    json_key(j, key);
    json_null(j);
}
