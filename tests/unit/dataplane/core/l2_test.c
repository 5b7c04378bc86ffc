/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the network header of a frame begins (IEEE 802.1Q, 802.1ad), on buffers of exactly the frame's size: TPIDs, VIDs,
 * every truncation, and what is IP in a way that the path doesn't take.
 */
#include "dataplane/core/l2.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static struct l2 parse(const uint8_t *frame, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    struct l2 l2;

    assert_non_null(copy);
    memcpy(copy, frame, len);
    l2_parse(copy, len, &l2);
    free(copy);
    return l2;
}

static const struct {
    uint8_t behind_macs[40];
    size_t len; /* of the frame */
    enum l2_flaw flaw;
    uint8_t l2_len;
    uint16_t vlan, type;
} frames[] = {
    {{8, 0}, 14, L2_OK, 14, 0, 0x0800},
    {{0x86, 0xdd, 0x60}, 60, L2_OK, 14, 0, 0x86dd},
    {{0x81, 0, 0, 10, 8, 0}, 18, L2_OK, 18, 10, 0x0800},
    {{0x88, 0xa8, 0x0f, 0xff, 0x86, 0xdd}, 60, L2_OK, 18, 4095, 0x86dd},
    {{0x91, 0, 0xe0, 1, 8, 0}, 18, L2_OK, 18, 1, 0x0800},            /* priority 7 is no part of the VID */
    {{0x81, 0, 0xf0, 0, 8, 0}, 60, L2_OK, 18, 0, 0x0800},            /* a priority tag */
    {{0x88, 0xa8, 0, 7, 0x81, 0, 0, 9, 8, 0}, 22, L2_OK, 22, 7, 0x0800},
    {{0x81, 0, 0, 0, 0x81, 0, 0, 9, 0x86, 0xdd}, 22, L2_OK, 22, 0, 0x86dd}, /* the outermost one counts */
    {{0x91, 0, 2, 0, 0x88, 0xa8, 0, 9, 8, 6}, 64, L2_OK, 22, 512, 0x0806},
    {{0x81, 0, 0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3, 8, 0}, 60, L2_DEEP, 0, 0, 0},
    {{0x81, 0, 0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3, 0x86, 0xdd}, 26, L2_DEEP, 0, 0, 0},
    {{0x81, 0, 0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3, 0x88, 0xcc}, 26, L2_OK, 26, 1, 0x88cc},
    {{0x81, 0, 0, 1, 0x81, 0, 0, 1, 0x81, 0, 0, 1, 0x81, 0, 0, 1, 0x81, 0, 0, 1, 0x81, 0, 0, 1, 0x81, 0, 0, 1, 0x81,
      0, 0, 1, 0x81, 0, 0, 1}, 60, L2_DEEP, 0, 0, 0},
    {{0, 40, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0}, 60, L2_DEEP, 0, 0, 0},   /* IP in SNAP */
    {{0, 40, 0xaa, 0xaa, 3, 0, 0, 0, 0x86, 0xdd}, 22, L2_DEEP, 0, 0, 0},
    {{0x81, 0, 0, 1, 0, 40, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0}, 60, L2_DEEP, 0, 0, 0},
    {{0, 40, 0xaa, 0xaa, 3, 0, 0, 0, 8, 6}, 60, L2_OK, 14, 0, 40},   /* ARP in SNAP isn't IP */
    {{0, 40, 0xaa, 0xaa, 3, 0, 0, 0, 8}, 21, L2_OK, 14, 0, 40},      /* cut: no type to see */
    {{0, 38, 0x42, 0x42, 3}, 60, L2_OK, 14, 0, 38},                  /* spanning tree */
    {{0x88, 0xcc}, 14, L2_OK, 14, 0, 0x88cc},
};

static void headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        uint8_t f[64] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
        struct l2 l2;

        memcpy(f + 12, frames[i].behind_macs, sizeof frames[i].behind_macs);
        l2 = parse(f, frames[i].len);
        if (l2.flaw != frames[i].flaw)
            fail_msg("frame %zu: flaw %u", i, l2.flaw);
        if (l2.flaw != L2_OK)
            continue;
        assert_int_equal(l2.len, frames[i].l2_len);
        assert_int_equal(l2.vlan, frames[i].vlan);
        assert_int_equal(__builtin_bswap16(l2.type_be), frames[i].type);
    }
}

/* A frame with n tags, cut at every octet of its header. */
static void every_cut_is_seen(void **state)
{
    (void)state;
    for (unsigned tags = 0; tags <= 3; tags++) {
        size_t whole = 14 + 4 * tags;
        uint8_t f[64] = {0};

        for (unsigned t = 0; t < tags; t++)
            f[12 + 4 * t] = 0x81, f[15 + 4 * t] = (uint8_t)(t + 1);
        f[12 + 4 * tags] = 0x88, f[13 + 4 * tags] = 0xcc;
        for (size_t len = 0; len < whole; len++)
            assert_int_equal(parse(f, len).flaw, L2_CUT);
        assert_int_equal(parse(f, whole).flaw, L2_OK);
        assert_int_equal(parse(f, whole).len, whole);
    }
}

static void every_vid(void **state)
{
    (void)state;
    for (unsigned tci = 0; tci < 0x10000; tci++) {
        uint8_t f[18] = {[12] = 0x81, 0, (uint8_t)(tci >> 8), (uint8_t)tci, 8, 0};

        assert_int_equal(parse(f, sizeof f).vlan, tci & 0xfff);
    }
}

/* Moves by any distance that occurs, forwards and backwards, overlapping or not. */
static void moving_keeps_every_octet(void **state)
{
    (void)state;
    for (uint32_t l2_len = 14; l2_len <= 22; l2_len += 4)
        for (int by = -56; by <= 56; by++) {
            uint8_t f[200], expected[200];

            for (unsigned i = 0; i < sizeof f; i++)
                f[i] = (uint8_t)(i * 7);
            memcpy(expected, f, sizeof f);
            memmove(expected + 100 + by - l2_len, f + 100 - l2_len, l2_len);
            l2_move(f + 100 + by, f + 100, l2_len);
            assert_memory_equal(f, expected, sizeof f);
        }
}

static void random_frames_never_read_too_far(void **state)
{
    static const uint16_t types[] = {0x0081, 0xa888, 0x0091, 0x0008, 0xdd86, 0x2800};
    unsigned seed = (unsigned)time(NULL);

    (void)state;
    print_message("seed %u\n", seed);
    srand(seed);
    for (unsigned round = 0; round < 200000; round++) {
        uint8_t f[80];
        size_t len = (unsigned)rand() % sizeof f;
        struct l2 l2;

        for (size_t i = 0; i < sizeof f; i++)
            f[i] = (uint8_t)rand();
        for (unsigned at = 12; at < 12 + 4 * (unsigned)(rand() % 12); at += 4)
            store16(f + at, types[rand() % 6]);
        l2 = parse(f, len);
        if (l2.flaw == L2_OK)
            assert_true(l2.len <= len && l2.len >= 14);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers),
        cmocka_unit_test(every_cut_is_seen),
        cmocka_unit_test(every_vid),
        cmocka_unit_test(moving_keeps_every_octet),
        cmocka_unit_test(random_frames_never_read_too_far),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
