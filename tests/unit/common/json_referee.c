/* SPDX-License-Identifier: BSD-3-Clause */
/* The independent JSON reader of json_test.c. */
#include "json_referee.h"

#include <jansson.h>
#include <string.h>

bool json_referee_agrees(const char *text)
{
    json_t *root = json_loads(text, 0, NULL);
    const char *key = json_object_iter_key(json_object_iter(root));
    const char *value = key != NULL ? json_string_value(json_object_get(root, key)) : NULL;
    bool agrees = value != NULL && strcmp(key, value) == 0;
    json_decref(root);
    return agrees;
}

size_t json_referee_array_size(const char *text)
{
    json_t *root = json_loads(text, 0, NULL);
    size_t n = json_array_size(root);
    for (size_t i = 0; i < n; i++)
        if (json_integer_value(json_array_get(root, i)) != (json_int_t)i)
            n = 0;
    json_decref(root);
    return n;
}
