/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IVs of CBC (RFC 3602 section 3): a million never repeat, another start gives others, none says what the next will be
 * - their bits look like coins, differences of neighbours don't - and both backends make them.
 */
#include "dataplane/ivs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define MANY 1000000

static struct ivs generator, other;
static uint64_t (*ivs)[2];

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, 16);
}

static void a_million(void **state)
{
    (void)state;
    ivs = calloc(2 * MANY, 16);
    assert_non_null(ivs);
    assert_true(ivs_init(&generator, crypto_ipsec_mb()));
    assert_true(ivs_init(&other, crypto_ipsec_mb())); /* the same after a restart */
    for (unsigned i = 0; i < MANY; i++) {
        ivs_next(&generator, (uint8_t *)ivs[i], 16);
        ivs_next(&other, (uint8_t *)ivs[MANY + i], 16);
    }
}

/* Seven standard deviations: this is said 384 times in a run. */
#define COINS_OFF 3500

/* Each bit is set in half of them, give or take; so is each bit of two neighbours' difference. */
static void bits_are_coins(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 128; bit++) {
        unsigned set = 0, changes = 0, steps = 0;

        for (unsigned i = 0; i < MANY; i++) {
            uint64_t w = ivs[i][bit / 64] >> bit % 64;

            set += w & 1;
            if (i > 0) {
                changes += (w ^ ivs[i - 1][bit / 64] >> bit % 64) & 1;
                steps += (ivs[i][bit / 64] - ivs[i - 1][bit / 64]) >> bit % 64 & 1;
            }
        }
        assert_in_range(set, MANY / 2 - COINS_OFF, MANY / 2 + COINS_OFF);
        assert_in_range(changes, MANY / 2 - COINS_OFF, MANY / 2 + COINS_OFF);
        assert_in_range(steps, MANY / 2 - COINS_OFF, MANY / 2 + COINS_OFF);
    }
}

static void none_repeats(void **state)
{
    (void)state;
    qsort(ivs, 2 * MANY, 16, compare);
    for (unsigned i = 1; i < 2 * MANY; i++)
        assert_int_not_equal(compare(ivs[i - 1], ivs[i]), 0);
    /* The halves that 3DES gets: 2^20 out of 2^64. */
    for (unsigned i = 1; i < 2 * MANY; i++)
        assert_int_not_equal(memcmp(ivs[i - 1], ivs[i], 8), 0);
    free(ivs);
    ivs_wipe(&generator);
    ivs_wipe(&other);
}

static void lengths(void **state)
{
    static const uint8_t untouched[16] = {0};
    uint8_t iv[16] = {0};

    (void)state;
    assert_true(ivs_init(&generator, crypto_libcrypto()));
    ivs_next(&generator, iv, 0);
    assert_memory_equal(iv, untouched, 16);
    ivs_next(&generator, iv, 8);
    assert_memory_not_equal(iv, untouched, 8);
    assert_memory_equal(iv + 8, untouched, 8);
    ivs_next(&generator, iv, 16);
    assert_memory_not_equal(iv + 8, untouched, 8);
    ivs_wipe(&generator);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million),
        cmocka_unit_test(bits_are_coins),
        cmocka_unit_test(none_repeats),
        cmocka_unit_test(lengths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
