/* SPDX-License-Identifier: BSD-3-Clause */
/* Strict YAML (OP1): the tree with its positions, and everything that is refused, with the place that is
 * told. */
#include "common/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct yaml_node *parse(const char *text, struct yaml_error *e)
{
    return yaml_parse("f", text, strlen(text), e);
}

static void refuse(const char *text, size_t len, const char *want)
{
    struct yaml_error e;
    struct yaml_node *n = yaml_parse("f", text, len, &e);

    if (n)
        fail_msg("accepted: %s (wanted: %s)", text, want);
    if (strncmp(e.text, want, strlen(want)) != 0)
        fail_msg("wanted: %s\n   got: %s", want, e.text);
}

static void tree_remembers_places(void **state)
{
    struct yaml_error e;
    struct yaml_node *root = parse("a: 1\nlist:\n  - \"12\"\n  - {k: v}\nüx: 'ü' \n", &e);

    (void)state;
    assert_non_null(root);
    assert_int_equal(root->kind, YAML_MAP);
    assert_int_equal(root->n, 3);
    const struct yaml_node *a = yaml_find(root, "a"), *list = yaml_find(root, "list"),
                           *u = yaml_find(root, "üx");
    assert_string_equal(a->text, "1");
    assert_false(a->quoted);
    assert_int_equal(a->line, 1);
    assert_int_equal(a->column, 4);
    assert_int_equal(a->key_column, 1);
    assert_int_equal(list->kind, YAML_LIST);
    assert_int_equal(list->n, 2);
    assert_true(list->children[0].quoted);
    assert_int_equal(list->children[0].line, 3);
    assert_int_equal(list->children[0].column, 5);
    assert_null(list->children[0].key);
    assert_int_equal(list->children[1].kind, YAML_MAP);
    assert_string_equal(list->children[1].children[0].key, "k");
    assert_int_equal(list->children[1].children[0].key_column, 6);
    assert_int_equal(list->children[1].children[0].column, 9);
    assert_string_equal(u->text, "ü");
    assert_int_equal(u->column, 5); /* characters, not octets */
    assert_null(yaml_find(root, "b"));
    assert_null(yaml_find(list, "k"));
    yaml_free_tree(root);
    yaml_free_tree(NULL);
}

static void lone_values_and_empty_ones_are_trees(void **state)
{
    static const char *const texts[] = {"word",
                                        "- 1\n- 2\n",
                                        "{}",
                                        "[]",
                                        "a:\nb: ''\n",
                                        "---\na: 1\n...\n",
                                        "a: |\n  x\n  y\n",
                                        "a: \xf0\x9f\x94\x91 \xe2\x82\xac\n"};
    struct yaml_error e;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct yaml_node *n = parse(texts[i], &e);

        if (!n)
            fail_msg("%s: %s", texts[i], e.text);
        yaml_free_tree(n);
    }
}

static void frills_are_refused(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"a: 1\nb: 2\na: 3\n", "f:3:1: key 'a' stands twice, expected it once (first on line 1)"},
        {"a: {x: 1, x: 2}\n", "f:1:11: key 'x' stands twice"},
        {"a: &n 1\nb: *n\n", "f:1:4: an anchor (&name) isn't allowed"},
        {"a: &n [1]\n", "f:1:4: an anchor (&name) isn't allowed"},
        {"a: &n {k: 1}\n", "f:1:4: an anchor (&name) isn't allowed"},
        {"a: *n\n", "f:1:4: an alias (*name) isn't allowed"},
        {"a: !!str 1\n", "f:1:4: a tag (!name) isn't allowed"},
        {"a: ! 1\n", "f:1:4: a tag (!name) isn't allowed"},
        {"a: !x [1]\n", "f:1:4: a tag (!name) isn't allowed"},
        {"!x a: 1\n", "f:1:1: a tag (!name) isn't allowed"},
        {"%YAML 1.1\n---\na: 1\n", "f:1:1: a directive (%NAME) isn't allowed"},
        {"%TAG ! tag:x,2000:\n---\na: 1\n", "f:1:1: a directive (%NAME) isn't allowed"},
        {"a: 1\n---\nb: 2\n", "f:2:1: a second document, expected one"},
        {"[a, b]: 1\n", "f:1:1: a key is a list or map, expected a word"},
        {"? {a: 1}\n: 1\n", "f:1:3: a key is a list or map, expected a word"},
        {"", "f:1:1: nothing in the file, expected keys"},
        {"# only a comment\n", "f:2:1: nothing in the file, expected keys"},
        {"a:\n\tb: 1\n", "f:2:1: a tab as indentation, expected spaces"},
        {"a:\n  \tb: 1\n", "f:2:3: a tab as indentation, expected spaces"},
        {"a: [1, 2\n", "f:2:1: not valid YAML: "},
        {"a: \"x\n", "f:2:1: not valid YAML: "},
        {"a: 1\n b: 2\n", "f:2:3: not valid YAML: "},
        {"a: \"x\\0y\"\n", "f:1:4: a NUL character inside the text"},
        {"\"a\\0\": 1\n", "f:1:1: a NUL character inside the text"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        refuse(rows[i].text, strlen(rows[i].text), rows[i].want);
    refuse(NULL, 0, "f:1:1: nothing in the file, expected keys");
}

static void odd_octets_are_refused_in_place(void **state)
{
    (void)state;
    refuse("a: \0b\n", 6, "f:1:4: character U+0000 isn't allowed");
    refuse("a: 1\nb: \x01\n", 10, "f:2:4: character U+0001 isn't allowed");
    refuse("a: \x7f\n", 5, "f:1:4: character U+007F isn't allowed");
    refuse("a: \xc2\x80\n", 6, "f:1:4: character U+0080 isn't allowed");
    refuse("a: \xff\n", 5, "f:1:4: octet 0xff isn't UTF-8");
    refuse("a: \xc3\xbc\xc3\n", 7, "f:1:5: octet 0xc3 isn't UTF-8");
    refuse("a: \xc0\xaf\n", 6, "f:1:4: octet 0xc0 isn't UTF-8");         /* overlong */
    refuse("a: \xe0\x80\xaf\n", 7, "f:1:4: octet 0xe0 isn't UTF-8");     /* overlong */
    refuse("a: \xed\xa0\x80\n", 7, "f:1:4: octet 0xed isn't UTF-8");     /* surrogate */
    refuse("a: \xf4\x90\x80\x80\n", 8, "f:1:4: octet 0xf4 isn't UTF-8"); /* above U+10FFFF */
    refuse("a: \xe2\x82", 5, "f:1:4: octet 0xe2 isn't UTF-8");           /* cut */
    refuse("\xff\xfe"
           "a\0",
           4, "f:1:1: octet 0xff isn't UTF-8"); /* UTF-16 */
}

/* Nested `depth` levels, the scalar inside included. */
static char *nested(unsigned depth)
{
    char *text = calloc(1, 2 * depth + 2);

    for (unsigned i = 0; i + 1 < depth; i++) {
        text[i] = '[';
        text[2 * depth - 2 - i] = ']';
    }
    text[depth - 1] = 'x';
    return text;
}

static void depth_has_a_limit(void **state)
{
    struct yaml_error e;
    char *text = nested(YAML_MAX_DEPTH);
    struct yaml_node *n = parse(text, &e);

    (void)state;
    assert_non_null(n);
    yaml_free_tree(n);
    free(text);
    text = nested(YAML_MAX_DEPTH + 1);
    refuse(text, strlen(text), "f:1:33: nested too deep, expected at most 32 levels");
    free(text);
    text = malloc(100000);
    memset(text, '[', 100000);
    refuse(text, 100000, "f:1:33: nested too deep");
    free(text);
}

static void size_has_a_limit(void **state)
{
    char *text = malloc(YAML_MAX_SIZE + 1);
    struct yaml_error e;
    struct yaml_node *n;

    (void)state;
    memset(text, ' ', YAML_MAX_SIZE + 1);
    memcpy(text, "a: 1\n#", 6);
    n = yaml_parse("f", text, YAML_MAX_SIZE, &e);
    assert_non_null(n);
    yaml_free_tree(n);
    refuse(text, YAML_MAX_SIZE + 1, "f:1:1: the file is too large, expected at most 1 MiB");
    free(text);
}

static void keys_have_a_limit(void **state)
{
    char *text = malloc(20 * (YAML_MAX_KEYS + 1));
    size_t len = 0;
    struct yaml_error e;
    struct yaml_node *n;

    (void)state;
    for (int i = 0; i < YAML_MAX_KEYS; i++)
        len += (size_t)sprintf(text + len, "k%d: 1\n", i);
    n = yaml_parse("f", text, len, &e);
    assert_non_null(n);
    assert_int_equal(n->n, YAML_MAX_KEYS);
    yaml_free_tree(n);
    len += (size_t)sprintf(text + len, "more: 1\n");
    refuse(text, len, "f:1025:1: a map of more than 1024 keys");
    free(text);
}

static void files_are_read(void **state)
{
    char name[] = "/tmp/yaml_test.XXXXXX";
    int fd = mkstemp(name);
    struct yaml_error e;
    struct yaml_node *n;
    char want[200];

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "a: 1\n", 5), 5);
    n = yaml_load(name, &e);
    assert_non_null(n);
    yaml_free_tree(n);
    /* 100 MB, without that much disk. */
    assert_int_equal(ftruncate(fd, 100000000), 0);
    assert_null(yaml_load(name, &e));
    snprintf(want, sizeof(want), "%s:1:1: the file is too large, expected at most 1 MiB", name);
    assert_string_equal(e.text, want);
    close(fd);
    unlink(name);
    assert_null(yaml_load(name, &e));
    snprintf(want, sizeof(want), "%s:1:1: can't read the file: No such file or directory", name);
    assert_string_equal(e.text, want);
    assert_null(yaml_load("/", &e));
    assert_string_equal(e.text, "/:1:1: can't read the file: Is a directory");
}

static void first_error_wins_and_is_one_line(void **state)
{
    struct yaml_error e = {.text = ""};
    char longer[1000];

    (void)state;
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = 0;
    yaml_fail(&e, "f", 1, 2, "%s", "one\ntwo\x1b[m");
    yaml_fail(&e, "f", 3, 4, "three");
    assert_string_equal(e.text, "f:1:2: one?two?[m");
    e.text[0] = 0;
    yaml_fail(&e, longer, 1, 2, "%s", longer);
    assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tree_remembers_places),
        cmocka_unit_test(lone_values_and_empty_ones_are_trees),
        cmocka_unit_test(frills_are_refused),
        cmocka_unit_test(odd_octets_are_refused_in_place),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(size_has_a_limit),
        cmocka_unit_test(keys_have_a_limit),
        cmocka_unit_test(files_are_read),
        cmocka_unit_test(first_error_wins_and_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
