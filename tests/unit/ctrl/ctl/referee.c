/* SPDX-License-Identifier: BSD-3-Clause */
/* The referee is libjansson: see referee.h. Duplicate keys are errors. */
#include "tests/unit/ctrl/ctl/referee.h"

#include <jansson.h>
#include <stdio.h>

static json_t *load(const char *text)
{
    json_error_t e;
    json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, &e);

    if (!json_is_object(j)) {
        json_decref(j);
        return NULL;
    }
    return j;
}

bool referee_is_object(const char *text)
{
    json_t *j = load(text);
    bool is = j != NULL;

    json_decref(j);
    return is;
}

bool referee_has(const char *text, const char *key)
{
    json_t *j = load(text);
    bool has = json_object_get(j, key) != NULL;

    json_decref(j);
    return has;
}

const char *referee_text(const char *text, const char *key)
{
    static char value[1024];
    json_t *j = load(text);
    const char *s = json_string_value(json_object_get(j, key));

    (void)snprintf(value, sizeof(value), "%s", s ? s : "");
    json_decref(j);
    return value;
}

long long referee_number(const char *text, const char *key)
{
    json_t *j = load(text);
    const json_t *v = json_object_get(j, key);
    long long n = json_is_integer(v) ? json_integer_value(v) : json_is_boolean(v) ? json_is_true(v) : -1;

    json_decref(j);
    return n;
}

size_t referee_size(const char *text, const char *key)
{
    json_t *j = load(text);
    size_t n = json_array_size(json_object_get(j, key));

    json_decref(j);
    return n;
}
