/* SPDX-License-Identifier: BSD-3-Clause */
/* The walk by tables (OP1): values stored, edges of every range, and the exact message at the exact place. */
#include "common/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct target {
    bool flag;
    uint8_t tiny;
    uint16_t small;
    uint32_t middle;
    uint64_t large;
    uint32_t seconds;
    uint32_t us;
    uint8_t colour;
    char text[9];
    char name[9];
    unsigned items[4];
    size_t n_items;
    unsigned custom;
};

static const struct name colours[] = {{1, "red"}, {2, "green"}, {0, NULL}};
static const struct name colours_later[] = {{3, "blue"}, {0, NULL}};

static bool put_item(struct schema *s, const struct yaml_node *n, void *at)
{
    struct target *t = at;
    uint64_t v;

    if (!schema_uint(s, n, 0, 9, &v))
        return false;
    t->items[t->n_items++] = (unsigned)v;
    return true;
}

static bool put_custom(struct schema *s, const struct yaml_node *n, void *at)
{
    *(unsigned *)at = *(unsigned *)s->user + (unsigned)n->n;
    return true;
}

static const struct schema_field inner[] = {
    {.key = "tiny", .type = SCHEMA_UINT, SCHEMA_AT(struct target, tiny), .min = 1, .max = 255},
    {.key = "must", .type = SCHEMA_FALSE, .flags = SCHEMA_REQUIRED},
    {0},
};

static const struct schema_field fields[] = {
    {.key = "flag", .type = SCHEMA_BOOL, SCHEMA_AT(struct target, flag)},
    {.key = "off", .type = SCHEMA_FALSE},
    {.key = "small", .type = SCHEMA_UINT, SCHEMA_AT(struct target, small), .min = 10, .max = 65535},
    {.key = "middle", .type = SCHEMA_UINT, SCHEMA_AT(struct target, middle), .max = UINT32_MAX},
    {.key = "large", .type = SCHEMA_UINT, SCHEMA_AT(struct target, large), .max = 999999999999999999u},
    {.key = "seconds", .type = SCHEMA_SECONDS, SCHEMA_AT(struct target, seconds), .min = 60, .max = 86400},
    {.key = "us", .type = SCHEMA_MICROSECONDS, SCHEMA_AT(struct target, us), .min = 0, .max = 10000},
    {.key = "colour",
     .type = SCHEMA_ENUM,
     SCHEMA_AT(struct target, colour),
     .names = colours,
     .later = colours_later},
    {.key = "text", .type = SCHEMA_TEXT, SCHEMA_AT(struct target, text), .min = 2},
    {.key = "name", .type = SCHEMA_NAME, SCHEMA_AT(struct target, name)},
    {.key = "items", .type = SCHEMA_LIST, .min = 1, .max = 4, .fn = put_item},
    {.key = "map", .type = SCHEMA_MAP, .fields = inner},
    {.key = "custom", .type = SCHEMA_CUSTOM, SCHEMA_AT(struct target, custom), .fn = put_custom},
    {.key = "later", .type = SCHEMA_SECONDS, .flags = SCHEMA_LATER, .min = 1, .max = 5},
    {0},
};

/* Walks text; returns the error, "" for none. */
static const char *walk(const char *text, struct target *t)
{
    static struct yaml_error e;
    unsigned user = 40;
    struct schema s = {.file = "f", .e = &e, .user = &user};
    struct yaml_node *root = yaml_parse("f", text, strlen(text), &e);

    if (root && schema_map(&s, root, fields, t) != (e.text[0] == 0))
        fail_msg("%s: result and error text disagree", text);
    yaml_free_tree(root);
    return e.text;
}

static void values_are_stored(void **state)
{
    struct target t = {.middle = 7};

    (void)state;
    assert_string_equal(
        walk("flag: true\noff: false\nsmall: 10\nlarge: 999999999999999999\nseconds: 1h\nus: 5ms\n"
             "colour: green\ntext: 12345678\nname: a.b_c-9\nitems: [0, 9]\nmap: {tiny: 255, must: false}\n"
             "custom: [x, y]\n",
             &t),
        "");
    assert_true(t.flag);
    assert_int_equal(t.small, 10);
    assert_int_equal(t.middle, 7); /* not in the file: the caller's default stays */
    assert_true(t.large == 999999999999999999u);
    assert_int_equal(t.seconds, 3600);
    assert_int_equal(t.us, 5000);
    assert_int_equal(t.colour, 2);
    assert_string_equal(t.text, "12345678");
    assert_string_equal(t.name, "a.b_c-9");
    assert_int_equal(t.n_items, 2);
    assert_int_equal(t.items[1], 9);
    assert_int_equal(t.tiny, 255);
    assert_int_equal(t.custom, 42);
}

static void edges_are_inside(void **state)
{
    struct target t = {.small = 0};

    (void)state;
    assert_string_equal(
        walk("small: 65535\nmiddle: 4294967295\nseconds: 60s\nus: 10ms\ntext: ab\nname: abcdefgh\n"
             "items: [1, 2, 3, 4]\nmap: {tiny: 1, must: false}\n",
             &t),
        "");
    assert_int_equal(t.small, 65535);
    assert_int_equal(t.middle, UINT32_MAX);
    assert_int_equal(t.seconds, 60);
    assert_int_equal(t.us, 10000);
    assert_string_equal(t.text, "ab");
    assert_int_equal(t.tiny, 1);
    assert_string_equal(walk("seconds: 1d\nus: 0s\n", &t), "");
    assert_int_equal(t.seconds, 86400);
    assert_int_equal(t.us, 0);
}

static void errors_say_what_and_where(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"[]", "f:1:1: a list, expected a map of keys"},
        {"word", "f:1:1: a single value, expected a map of keys"},
        {"flags: true", "f:1:1: unknown key 'flags', did you mean 'flag'?"},
        {"map: {must: false, tint: 1}", "f:1:20: unknown key 'tint', did you mean 'tiny'?"},
        {"map: {must: false, zzzzz: 1}", "f:1:20: unknown key 'zzzzz', expected one of: tiny, must"},
        {"flag: yes", "f:1:7: flag: 'yes', expected true or false"},
        {"flag: \"true\"", "f:1:7: flag: 'true', expected true or false"},
        {"flag:", "f:1:6: flag: '', expected true or false"},
        {"flag: []", "f:1:7: flag: a list, expected a single value"},
        {"flag: {}", "f:1:7: flag: a map of keys, expected a single value"},
        {"off: true", "f:1:1: off: not supported by this version"},
        {"off: 1", "f:1:6: off: '1', expected true or false"},
        {"small: 9", "f:1:8: small: '9', expected a number from 10 to 65535"},
        {"small: 65536", "f:1:8: small: '65536', expected a number from 10 to 65535"},
        {"small: -10", "f:1:8: small: '-10', expected a number from 10 to 65535"},
        {"small: +10", "f:1:8: small: '+10', expected a number from 10 to 65535"},
        {"small: 010", "f:1:8: small: '010', expected a number from 10 to 65535"},
        {"small: 0x10", "f:1:8: small: '0x10', expected a number from 10 to 65535"},
        {"small: 1e2", "f:1:8: small: '1e2', expected a number from 10 to 65535"},
        {"small: 10.0", "f:1:8: small: '10.0', expected a number from 10 to 65535"},
        {"small: \"10\"", "f:1:8: small: '10' in quotes, expected a number from 10 to 65535"},
        {"small: ''", "f:1:8: small: '' in quotes, expected a number from 10 to 65535"},
        {"middle: 4294967296", "f:1:9: middle: '4294967296', expected a number from 0 to 4294967295"},
        {"large: 18446744073709551617",
         "f:1:8: large: '18446744073709551617', expected a number from 0 to 999999999999999999"},
        {"seconds: 60",
         "f:1:10: seconds: '60' has no unit, expected a duration such as 50us, 10ms, 30s, 15m, 1h or 30d"},
        {"seconds: 60x",
         "f:1:10: seconds: '60x', expected a duration such as 50us, 10ms, 30s, 15m, 1h or 30d"},
        {"seconds: s", "f:1:10: seconds: 's', expected a duration such as 50us, 10ms, 30s, 15m, 1h or 30d"},
        {"seconds: 1 h",
         "f:1:10: seconds: '1 h', expected a duration such as 50us, 10ms, 30s, 15m, 1h or 30d"},
        {"seconds: -5m",
         "f:1:10: seconds: '-5m', expected a duration such as 50us, 10ms, 30s, 15m, 1h or 30d"},
        {"seconds: 59s", "f:1:10: seconds: '59s', expected 1m to 1d"},
        {"seconds: 86401s", "f:1:10: seconds: '86401s', expected 1m to 1d"},
        {"seconds: 999999999999999999d", "f:1:10: seconds: '999999999999999999d', expected 1m to 1d"},
        {"seconds: 61500ms", "f:1:10: seconds: '61500ms', expected whole multiples of 1s"},
        {"us: 11ms", "f:1:5: us: '11ms', expected 0s to 10ms"},
        {"colour: pink", "f:1:9: colour: 'pink', expected one of: red, green, blue"},
        {"colour: blue", "f:1:9: colour: not supported by this version: blue, expected red, green"},
        {"colour: [red]", "f:1:9: colour: a list, expected a single value"},
        {"text: 123456789", "f:1:7: text: 9 octets of text, expected at most 8"},
        {"text: 1", "f:1:7: text: too short, expected at least 2 octets"},
        {"text: ''", "f:1:7: text: nothing here, expected text"},
        {"text: {}", "f:1:7: text: a map of keys, expected a single value"},
        {"name: a b", "f:1:8: name: 'a b' is no name, expected letters, digits, '.', '_' and '-', first a "
                      "letter or digit"},
        {"name: \"a/b\"", "f:1:9: name: 'a/b' is no name"},
        {"name: .x", "f:1:7: name: '.x' is no name"},
        {"name: \xc3\xbcx", "f:1:7: name: '\xc3\xbcx' is no name"},
        {"name: abcdefghi", "f:1:7: name: 9 octets of text, expected at most 8"},
        {"items: []", "f:1:8: items: too few items, expected at least 1"},
        {"items: [1, 2, 3, 4, 5]", "f:1:21: too many items, expected at most 4"},
        {"items: 1", "f:1:8: items: a single value, expected a list"},
        {"items:", "f:1:7: items: nothing here, expected a list"},
        {"items: [1, x]", "f:1:12: 'x', expected a number from 0 to 9"},
        {"map: {tiny: 1}", "f:1:1: map: the key 'must' is missing, expected it here"},
        {"map: {tiny: 0, must: false}", "f:1:13: tiny: '0', expected a number from 1 to 255"},
        {"map: {tiny: 256, must: false}", "f:1:13: tiny: '256', expected a number from 1 to 255"},
        {"map:", "f:1:5: map: nothing here, expected a map of keys"},
        {"later: 5s", "f:1:1: later: not supported by this version"},
        {"later: 6s", "f:1:8: later: '6s', expected 1s to 5s"}, /* checked before it is refused */
        {"small: x\nflag: x", "f:2:7: flag: 'x'"},              /* the table's order */
        {"flag: x\nnope: 1", "f:2:1: unknown key 'nope'"},      /* unknown keys first */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct target t = {.flag = false};
        const char *got = walk(rows[i].text, &t);

        if (strncmp(got, rows[i].want, strlen(rows[i].want)) != 0)
            fail_msg("%s\nwanted: %s\n   got: %s", rows[i].text, rows[i].want, got);
    }
}

static bool count_named(struct schema *s, const struct yaml_node *n, void *at)
{
    (void)s;
    assert_non_null(n->key);
    ++*(unsigned *)at;
    return true;
}

static const char *walk_named(const char *text, unsigned *count)
{
    static struct yaml_error e;
    struct schema s = {.file = "f", .e = &e};
    struct yaml_node *root = yaml_parse("f", text, strlen(text), &e);

    *count = 0;
    if (root)
        (void)!schema_named(&s, root, 2, 5, count_named, count);
    yaml_free_tree(root);
    return e.text;
}

static void named_things_have_names(void **state)
{
    unsigned n;

    (void)state;
    assert_string_equal(walk_named("a: 1\nbcdef: {}\n", &n), "");
    assert_int_equal(n, 2);
    assert_string_equal(walk_named("{}", &n), "f:1:1: nothing in it, expected at least one name");
    assert_string_equal(walk_named("a: 1\nb: 1\nc: 1\n", &n), "f:3:1: c: one too many, expected at most 2");
    assert_int_equal(n, 0);
    assert_string_equal(walk_named("a: 1\nbcdefg: 1\n", &n), "f:2:1: 6 octets of text, expected at most 5");
    assert_string_equal(walk_named("'': 1\n", &n), "f:1:1: nothing here, expected text");
    assert_string_equal(walk_named("[]", &n), "f:1:1: a list, expected a map of keys");
}

static void words_in_a_text_have_places(void **state)
{
    struct yaml_error e = {.text = ""};
    struct schema s = {.file = "f", .e = &e};
    struct yaml_node n = {.kind = YAML_SCALAR, .line = 3, .column = 7, .quoted = true};

    (void)state;
    assert_false(schema_fail_in(&s, &n, 4, "here"));
    assert_string_equal(e.text, "f:3:12: here");
    e.text[0] = 0;
    n.quoted = false;
    assert_false(schema_fail_in(&s, &n, 4, "here"));
    assert_string_equal(e.text, "f:3:11: here");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_stored),           cmocka_unit_test(edges_are_inside),
        cmocka_unit_test(errors_say_what_and_where),   cmocka_unit_test(named_things_have_names),
        cmocka_unit_test(words_in_a_text_have_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
