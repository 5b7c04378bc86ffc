/* SPDX-License-Identifier: BSD-3-Clause */
/* The header for security group tags, octet by octet as cmd.h draws it, in buffers of exactly the frame's size. */
#include "dataplane/core/cmd.h"

#include "dataplane/core/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const uint8_t tagged[36] = {2, 0, 0, 0, 0, 2, 2,    0,    0, 0, 0, 1, 0x81, 0, 0x20, 7,
                                   0x89, 0x09, 1, 1, 0, 1, 0x12, 0x34, 8, 0, 0x45, 1, 2,    3, 4,    5,
                                   6,    7,    8, 9};

static struct cmd c;

static enum cmd_result read_copy(const uint8_t *frame, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    enum cmd_result result;

    assert_non_null(copy);
    memcpy(copy, frame, len);
    result = cmd_read(copy, len, &c);
    free(copy);
    return result;
}

static void reads_what_others_write(void **state)
{
    uint8_t f[36];

    (void)state;
    assert_int_equal(read_copy(tagged, sizeof tagged), CMD_TAGGED);
    assert_int_equal(c.tag, 0x1234);
    assert_int_equal(c.at, 16);
    assert_int_equal(c.type_be, 0x0008);
    memcpy(f, tagged, 12);
    memcpy(f + 12, tagged + 16, 20); /* untagged */
    assert_int_equal(read_copy(f, 32), CMD_TAGGED);
    assert_int_equal(c.at, 12);
    memcpy(f, tagged, sizeof f);
    f[22] = f[23] = 0; /* "unknown" is a tag like others */
    assert_int_equal(read_copy(f, sizeof f), CMD_TAGGED);
    assert_int_equal(c.tag, 0);
}

static void everything_else_is_broken_or_none(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof tagged; len++)
        assert_int_equal(read_copy(tagged, len), len < 18 ? CMD_NONE : len < 26 ? CMD_BROKEN : CMD_TAGGED);
    for (unsigned at = 16; at < 24; at++)
        for (unsigned value = 0; value < 256; value++) {
            uint8_t f[sizeof tagged];
            enum cmd_result expected = value == tagged[at] || at >= 22 ? CMD_TAGGED : at < 18 ? CMD_NONE : CMD_BROKEN;

            memcpy(f, tagged, sizeof f);
            f[at] = (uint8_t)value;
            assert_int_equal(read_copy(f, sizeof f), expected);
        }
    {
        uint8_t f[sizeof tagged];

        memcpy(f, tagged, sizeof f);
        f[22] = f[23] = 0xff;
        assert_int_equal(read_copy(f, sizeof f), CMD_BROKEN);
    }
}

static void behind_three_tags_nobody_looks(void **state)
{
    uint8_t f[48];

    (void)state;
    for (unsigned tags = 0; tags < 5; tags++) {
        memcpy(f, tagged, 12);
        for (unsigned t = 0; t < tags; t++)
            memcpy(f + 12 + 4 * t, tagged + 12, 4);
        memcpy(f + 12 + 4 * tags, tagged + 16, 16);
        assert_int_equal(read_copy(f, 28 + 4 * tags), tags <= 2 ? CMD_TAGGED : CMD_NONE);
    }
}

static void out_and_in_again(void **state)
{
    uint8_t *f = malloc(sizeof tagged), *begins;

    (void)state;
    assert_non_null(f);
    memcpy(f, tagged, sizeof tagged);
    assert_int_equal(cmd_read(f, sizeof tagged, &c), CMD_TAGGED);
    begins = cmd_strip(f, &c);
    assert_ptr_equal(begins, f + 8);
    assert_memory_equal(begins, tagged, 16);
    assert_memory_equal(begins + 16, tagged + 24, 12);
    begins = cmd_put(begins, 18, 0x1234);
    assert_ptr_equal(begins, f);
    assert_memory_equal(f, tagged, sizeof tagged);
    free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_others_write),
        cmocka_unit_test(everything_else_is_broken_or_none),
        cmocka_unit_test(behind_three_tags_nobody_looks),
        cmocka_unit_test(out_and_in_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
