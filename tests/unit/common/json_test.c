/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON text: exact where it matters to scripts, and read back by an independent parser (jansson) for everything else. */
#include "common/json.h"
#include "json_referee.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* Compares what was written and frees it. */
static void expect(struct json *j, const char *expected)
{
    char *text = json_finish(j);
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
    assert_null(j->text);
}

static void commas_and_nesting(void **state)
{
    (void)state;
    struct json j;
    json_init(&j);
    json_object(&j);
    json_kv_u64(&j, "a", 1);
    json_key(&j, "list");
    json_array(&j);
    json_array(&j);
    json_end_array(&j);
    json_object(&j);
    json_end_object(&j);
    json_string(&j, "x");
    json_array(&j);
    json_u64(&j, 1);
    json_u64(&j, 2);
    json_end_array(&j);
    json_end_array(&j);
    json_kv_string(&j, "none", NULL);
    json_kv_null(&j, "null");
    json_kv_bool(&j, "yes", true);
    json_kv_bool(&j, "no", false);
    json_key(&j, "o");
    json_object(&j);
    json_kv_i64(&j, "k", -1);
    json_end_object(&j);
    json_end_object(&j);
    expect(&j, "{\"a\":1,\"list\":[[],{},\"x\",[1,2]],\"none\":null,\"null\":null,\"yes\":true,\"no\":false,\"o\":{\"k\":-1}}");
}

static void numbers(void **state)
{
    (void)state;
    struct json j;
    json_init(&j);
    json_array(&j);
    json_u64(&j, UINT64_MAX);
    json_i64(&j, INT64_MIN);
    json_i64(&j, INT64_MAX);
    json_double(&j, 1.005, 1);
    json_double(&j, -0.5, 0);
    json_double(&j, 2.0 / 3, 3);
    json_double(&j, NAN, 2);
    json_double(&j, -INFINITY, 2);
    json_double(&j, 5, -1);
    json_end_array(&j);
    expect(&j, "[18446744073709551615,-9223372036854775808,9223372036854775807,1.0,-0,0.667,null,null,5]");
    json_init(&j);
    json_double(&j, 1.7976931348623157e308, 99);
    char *text = json_finish(&j);
    assert_non_null(text);
    assert_true(strtod(text, NULL) == 1.7976931348623157e308);
    free(text);
}

static void strings(void **state)
{
    (void)state;
#define BAD "\xef\xbf\xbd"
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"", ""},
        {"a/b", "a/b"},
        {"\"\\", "\\\"\\\\"},
        {"\n\t\r\x01\x1f\x7f", "\\n\\t\\u000d\\u0001\\u001f\\u007f"},
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
        {"\xe2\x82\xac \xf0\x9f\x94\x91", "\xe2\x82\xac \xf0\x9f\x94\x91"},
        {"\xff", BAD},
        {"\x80z", BAD "z"},
        {"\xc3", BAD},                           /* cut short */
        {"\xe2\x82", BAD BAD},                   /* cut short */
        {"\xf0\x9f\x94z", BAD BAD BAD "z"},
        {"\xc0\xaf", BAD BAD},                   /* overlong */
        {"\xe0\x80\xaf", BAD BAD BAD},           /* overlong */
        {"\xed\xa0\x80", BAD BAD BAD},           /* surrogate */
        {"\xed\x9f\xbf", "\xed\x9f\xbf"},        /* last before the surrogates */
        {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"}, /* U+10FFFF */
        {"\xf4\x90\x80\x80", BAD BAD BAD BAD},   /* beyond */
        {"\xf0\x8f\xbf\xbf", BAD BAD BAD BAD},   /* overlong */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct json j;
        char expected[128];
        json_init(&j);
        json_string(&j, cases[i].in);
        snprintf(expected, sizeof(expected), "\"%s\"", cases[i].out);
        expect(&j, expected);
    }
}

static void any_octets_make_valid_json(void **state)
{
    (void)state;
    unsigned seed = (unsigned)time(NULL);
    printf("seed %u\n", seed);
    srandom(seed);
    for (int i = 0; i < 5000; i++) {
        char text[40] = "";
        size_t len = (size_t)random() % sizeof(text);
        for (size_t k = 0; k + 1 < len; k++) {
            static const uint8_t lead[] = {0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0x80, 0xbf, '"', '\\', '\n'};
            text[k] = (char)(random() % 2 == 0 ? lead[random() % 10] : 1 + random() % 255);
        }
        struct json j;
        json_init(&j);
        json_object(&j);
        json_kv_string(&j, text, text);
        json_end_object(&j);
        char *out = json_finish(&j);
        if (!json_referee_agrees(out))
            fail_msg("not JSON, or key and value differ: %s", out);
        free(out);
    }
}

static void grows(void **state)
{
    (void)state;
    struct json j;
    json_init(&j);
    json_array(&j);
    for (unsigned i = 0; i < 100000; i++)
        json_u64(&j, i);
    json_end_array(&j);
    char *text = json_finish(&j);
    assert_int_equal(json_referee_array_size(text), 100000);
    free(text);
}

static void a_failed_allocation_is_remembered(void **state)
{
    (void)state;
    struct json j;
    json_init(&j);
    json_string(&j, "x");
    j.failed = true; /* as after a failed realloc */
    json_string(&j, "y");
    assert_null(json_finish(&j));
    json_init(&j);
    json_string(&j, "x");
    json_free(&j);
    assert_null(j.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_and_nesting),         cmocka_unit_test(numbers),
        cmocka_unit_test(strings),                    cmocka_unit_test(any_octets_make_valid_json),
        cmocka_unit_test(grows),                      cmocka_unit_test(a_failed_allocation_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
