/* SPDX-License-Identifier: BSD-3-Clause */
/* Wycheproof's files, read with jansson. */
#include "tests/interop/vectors.h"

#include "tests/lib/hex.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct vector {
    const json_t *group, *test;
};

size_t vectors_each(const char *folder, const char *file, void (*check)(const struct vector *v))
{
    char path[4096];
    json_error_t error;
    size_t i, j, n = 0;
    json_t *group, *test;

    assert_in_range(snprintf(path, sizeof path, "%s/%s", folder, file), 1, sizeof path - 1);
    json_t *root = json_load_file(path, 0, &error);
    if (!root)
        fail_msg("%s: %s", path, error.text);
    json_array_foreach(json_object_get(root, "testGroups"), i, group)
    {
        json_array_foreach(json_object_get(group, "tests"), j, test)
        {
            const struct vector v = {group, test};
            check(&v);
            n++;
        }
    }
    assert_int_equal(n, json_integer_value(json_object_get(root, "numberOfTests")));
    json_decref(root);
    return n;
}

size_t vector_number(const struct vector *v, const char *name)
{
    return (size_t)json_integer_value(json_object_get(v->group, name));
}

static void get_octets(const struct vector *v, const json_t *from, const char *name, struct octets *out)
{
    const char *text = json_string_value(json_object_get(from, name));

    if (!text)
        fail_msg("vector %d has no %s", vector_id(v), name);
    out->len = hex_decode(text, out->b, sizeof out->b);
    assert_int_equal(2 * out->len, strlen(text));
}

void vector_octets(const struct vector *v, const char *name, struct octets *out)
{
    get_octets(v, v->test, name, out);
}

void vector_group_octets(const struct vector *v, const char *name, struct octets *out)
{
    get_octets(v, v->group, name, out);
}

static bool result_is(const struct vector *v, const char *what)
{
    const char *text = json_string_value(json_object_get(v->test, "result"));

    assert_non_null(text);
    return strcmp(text, what) == 0;
}

bool vector_valid(const struct vector *v)
{
    return result_is(v, "valid");
}

bool vector_acceptable(const struct vector *v)
{
    return result_is(v, "acceptable");
}

int vector_id(const struct vector *v)
{
    return (int)json_integer_value(json_object_get(v->test, "tcId"));
}
