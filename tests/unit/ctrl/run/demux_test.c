/* SPDX-License-Identifier: BSD-3-Clause */
/* Cookies -> owner: exact match only, no two owners of one pair, taking out from any place of a chain. */
#include "ctrl/run/demux.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define N 20000 /* several per bucket */

static const uint64_t SEED[2] = {0x1234567890abcdef, 0xfedcba0987654321};

static void cookies_of(unsigned i, uint8_t out[DEMUX_COOKIES])
{
    memset(out, 0, DEMUX_COOKIES);
    memcpy(out, &i, sizeof(i));
    out[15] = 1;
}

static void finds_what_was_put_and_nothing_else(void **state)
{
    (void)state;
    static struct demux_entry e[N];
    uint8_t c[DEMUX_COOKIES];
    struct demux d;
    memset(e, 0, sizeof(e));
    assert_true(demux_init(&d, SEED));
    for (unsigned i = 0; i < N; i++) {
        cookies_of(i, c);
        assert_true(demux_put(&d, &e[i], c));
    }
    assert_int_equal(d.n, N);
    for (unsigned i = 0; i < N; i++) {
        cookies_of(i, c);
        assert_ptr_equal(demux_find(&d, c), &e[i]);
        c[8] ^= 1; /* every octet counts */
        assert_null(demux_find(&d, c));
        c[8] ^= 1;
        c[15] ^= 1;
        assert_null(demux_find(&d, c));
    }
    for (unsigned i = 0; i < N; i += 2)
        demux_remove(&d, &e[i]);
    demux_remove(&d, &e[0]); /* twice is harmless */
    assert_int_equal(d.n, N / 2);
    for (unsigned i = 0; i < N; i++) {
        cookies_of(i, c);
        assert_ptr_equal(demux_find(&d, c), i % 2 ? &e[i] : NULL);
    }
    demux_free(&d);
}

static void refuses_cookies_that_are_taken(void **state)
{
    (void)state;
    struct demux_entry a = {0}, b = {0};
    uint8_t c[DEMUX_COOKIES], other[DEMUX_COOKIES];
    struct demux d;
    assert_true(demux_init(&d, SEED));
    cookies_of(1, c);
    cookies_of(2, other);
    assert_true(demux_put(&d, &a, c));
    assert_false(demux_put(&d, &b, c));
    assert_false(b.in);
    assert_true(demux_put(&d, &b, other));
    assert_false(demux_put(&d, &b, c)); /* a failed move changes nothing */
    assert_ptr_equal(demux_find(&d, other), &b);
    assert_ptr_equal(demux_find(&d, c), &a);
    demux_free(&d);
}

static void moves_an_entry_to_new_cookies(void **state)
{
    (void)state;
    struct demux_entry a = {0};
    uint8_t c[DEMUX_COOKIES], full[DEMUX_COOKIES];
    struct demux d;
    assert_true(demux_init(&d, SEED));
    cookies_of(1, c);
    memcpy(full, c, sizeof(full));
    full[9] = 77;
    assert_true(demux_put(&d, &a, c));
    assert_true(demux_put(&d, &a, full));
    assert_int_equal(d.n, 1);
    assert_null(demux_find(&d, c));
    assert_ptr_equal(demux_find(&d, full), &a);
    demux_free(&d);
}

/* Cookies are the peer's choice: counting up must not fill few buckets. */
static void spreads_cookies_that_a_peer_chose(void **state)
{
    (void)state;
    static struct demux_entry e[DEMUX_BUCKETS];
    struct demux d;
    uint8_t c[DEMUX_COOKIES];
    size_t longest = 0;
    memset(e, 0, sizeof(e));
    assert_true(demux_init(&d, SEED));
    for (unsigned i = 0; i < DEMUX_BUCKETS; i++) {
        cookies_of(i * DEMUX_BUCKETS, c);
        assert_true(demux_put(&d, &e[i], c));
    }
    for (size_t b = 0; b < DEMUX_BUCKETS; b++) {
        size_t n = 0;
        for (struct demux_entry *at = d.buckets[b]; at; at = at->next)
            n++;
        if (n > longest)
            longest = n;
    }
    assert_true(longest < 16);
    demux_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_put_and_nothing_else),
        cmocka_unit_test(refuses_cookies_that_are_taken),
        cmocka_unit_test(moves_an_entry_to_new_cookies),
        cmocka_unit_test(spreads_cookies_that_a_peer_chose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
