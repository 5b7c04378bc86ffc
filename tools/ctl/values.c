/* SPDX-License-Identifier: BSD-3-Clause */
/* How values read in tables, and tables that are nothing but an array. */
#include "tools/ctl/views_impl.h"

#include <string.h>

const char *view_text(const json_t *object, const char *key)
{
    static char numbers[12][24];
    static unsigned next;
    const json_t *v = json_object_get(object, key);
    char *out = numbers[next++ % 12];

    if (json_is_string(v))
        return json_string_value(v);
    if (json_is_boolean(v))
        return json_is_true(v) ? "yes" : "no";
    if (!json_is_integer(v))
        return "-";
    (void)snprintf(out, sizeof(numbers[0]), "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    return out;
}

const char *view_duration(const json_t *object, const char *key)
{
    static char texts[8][32];
    static unsigned next;
    const json_t *v = json_object_get(object, key);
    char *out = texts[next++ % 8];
    long long s = json_integer_value(v);

    if (!json_is_integer(v))
        return "-";
    if (s < 60)
        (void)snprintf(out, sizeof(texts[0]), "%llds", s);
    else if (s < 3600)
        (void)snprintf(out, sizeof(texts[0]), "%lldm%02llds", s / 60, s % 60);
    else if (s < 86400)
        (void)snprintf(out, sizeof(texts[0]), "%lldh%02lldm", s / 3600, s / 60 % 60);
    else
        (void)snprintf(out, sizeof(texts[0]), "%lldd%02lldh", s / 86400, s / 3600 % 24);
    return out;
}

char *view_list(const json_t *object, const char *key)
{
    const json_t *item;
    char *text = NULL;
    size_t i, len = 0;
    FILE *to = open_memstream(&text, &len);

    if (!to)
        return NULL;
    json_array_foreach (json_object_get(object, key), i, item) {
        (void)fputs(i ? ", " : "", to);
        if (json_is_string(item))
            (void)fputs(json_string_value(item), to);
        else
            (void)fprintf(to, "%" JSON_INTEGER_FORMAT, json_integer_value(item));
    }
    if (json_array_size(json_object_get(object, key)) == 0)
        (void)fputs("-", to);
    (void)fclose(to);
    return text;
}

char *view_bindings(const json_t *object)
{
    const json_t *b;
    char *text = NULL;
    size_t i, len = 0;
    FILE *to = open_memstream(&text, &len);

    if (!to)
        return NULL;
    json_array_foreach (json_object_get(object, "bindings"), i, b) {
        (void)fprintf(to, "%s%s", i ? ", " : "", view_text(b, "pair"));
        if (json_is_integer(json_object_get(b, "vlan")))
            (void)fprintf(to, " vlan %s", view_text(b, "vlan"));
    }
    (void)fclose(to);
    return text;
}

void view_array(FILE *to, size_t indent, const json_t *array, const char *const *heads, const char *const *keys)
{
    const json_t *row;
    struct table t;
    size_t i;

    table_init(&t, indent, heads);
    json_array_foreach (array, i, row) {
        for (size_t k = 0; keys[k]; k++) {
            size_t len = strlen(keys[k]);
            int seconds = len > 2 && (strcmp(keys[k] + len - 2, "_s") == 0 || strstr(keys[k], "_s_ago"));

            table_cell(&t, "%s", seconds ? view_duration(row, keys[k]) : view_text(row, keys[k]));
        }
    }
    table_print(&t, to);
}

void view_rules(FILE *to, size_t indent, const json_t *rules)
{
    static const char *const heads[] = {">#", ">SA", "RULE", NULL};
    const json_t *rule;
    struct table t;
    size_t i;

    table_init(&t, indent, heads);
    json_array_foreach (rules, i, rule) {
        table_cell(&t, "%s", view_text(rule, "number"));
        table_cell(&t, "%s", json_integer_value(json_object_get(rule, "sa")) ? view_text(rule, "sa") : "-");
        table_cell(&t, "%s", view_text(rule, "text"));
    }
    table_print(&t, to);
}

void view_no_group(FILE *to, const json_t *document, const char *what)
{
    if (json_array_size(json_object_get(document, "groups")) == 0)
        (void)fprintf(to, "no group %s\n", what);
}
