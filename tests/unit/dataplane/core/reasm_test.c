/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reassembly against RFC 791, RFC 5722 and the attacks of the last thirty years: overlap, teardrop, more than 64 KiB, tiny first
 * fragments, duplicates, floods; and random fragments against a model that keeps every octet by itself. Fragments lie in
 * buffers of exactly their size.
 */
#include "dataplane/core/reasm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define TIMEOUT 1000
#define MAX     1600

static const uint64_t secret[2] = {0x0123456789abcdef, 0xfedcba9876543210};
static struct reasm *r;
static struct reasm_whole whole;
static struct reasm_lost lost;
static uint8_t header[20];
static uint64_t now;

static int open_table(void **state)
{
    (void)state;
    memset(&lost, 0, sizeof lost);
    now = 5000;
    r = reasm_new(MAX, TIMEOUT, secret);
    assert_non_null(r);
    return 0;
}

static int close_table(void **state)
{
    (void)state;
    reasm_free(r);
    return 0;
}

static struct reasm_key key_of(uint32_t id)
{
    struct reasm_key k = {.id = id, .family = 4, .addrs = {10, 1, 0, 1, 10, 2, 0, 1}};

    return k;
}

/* Octet `at` of datagram `id`. */
static uint8_t octet(uint32_t id, uint32_t at)
{
    return (uint8_t)(id * 7 + at + (at >> 8) * 3);
}

static enum reasm_result add_ecn(uint32_t id, uint32_t offset, uint32_t len, bool more, uint8_t ecn)
{
    struct reasm_key k = key_of(id);
    uint8_t *payload = malloc(len ? len : 1), *h = malloc(sizeof header);
    struct reasm_fragment f = {.header = h, .payload = payload, .header_len = sizeof header, .offset = offset, .len = len,
                               .more = more, .ecn = ecn};
    enum reasm_result result;

    assert_non_null(payload);
    assert_non_null(h);
    memset(h, (int)(offset + 1), sizeof header);
    for (uint32_t i = 0; i < len; i++)
        payload[i] = octet(id, offset + i);
    result = reasm_add(r, &k, &f, now, &whole, &lost);
    free(payload);
    free(h);
    return result;
}

static enum reasm_result add(uint32_t id, uint32_t offset, uint32_t len, bool more)
{
    return add_ecn(id, offset, len, more, 2);
}

static void check_whole(uint32_t id, uint32_t len)
{
    assert_int_equal(whole.payload_len, len);
    assert_int_equal(whole.header_len, sizeof header);
    assert_int_equal(whole.header[0], 1); /* of the fragment at 0 */
    for (uint32_t i = 0; i < len; i++)
        assert_int_equal(whole.payload[i], octet(id, i));
}

static void any_order(void **state)
{
    static const uint32_t cuts[4] = {0, 96, 640, 1304}; /* and 1600 */

    (void)state;
    for (unsigned order = 0; order < 256; order++) {
        unsigned at[4] = {order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6};
        bool permutation = (1u << at[0] | 1u << at[1] | 1u << at[2] | 1u << at[3]) == 15;

        for (unsigned k = 0; permutation && k < 4; k++) {
            uint32_t from = cuts[at[k]], to = at[k] == 3 ? MAX : cuts[at[k] + 1];

            assert_int_equal(add(order, from, to - from, at[k] != 3), k == 3 ? REASM_WHOLE : REASM_HELD);
        }
        if (permutation)
            check_whole(order, MAX);
    }
    assert_int_equal(reasm_sweep(r, now, &lost), 0);
    assert_int_equal(lost.timeout + lost.limit + lost.overlap + lost.ecn, 0);
}

static void odd_ends(void **state)
{
    (void)state;
    for (uint32_t len = 1; len < 40; len++) {
        assert_int_equal(add(len, 8, len, false), REASM_HELD);
        assert_int_equal(add(len, 0, 8, true), REASM_WHOLE);
        check_whole(len, 8 + len);
    }
    assert_int_equal(add(1, 0, 8, false), REASM_WHOLE); /* RFC 6946: an atomic fragment */
    check_whole(1, 8);
}

/* Whoever begins: the datagram is lost, and so is what comes later, until its time is over. */
static void overlaps(void **state)
{
    static const struct {
        uint32_t o1, l1, m1, o2, l2, m2;
    } cases[] = {
        {0, 16, 1, 8, 16, 1},    /* the usual one */
        {8, 16, 1, 0, 16, 1},    /* the other way round */
        {0, 24, 1, 8, 4, 0},     /* teardrop: the last one within the first */
        {0, 16, 1, 0, 16, 1},    /* a duplicate */
        {8, 4, 0, 8, 4, 0},      /* a duplicate of the last */
        {8, 5, 0, 8, 4, 0},      /* two ends */
        {8, 8, 0, 16, 8, 0},     /* two ends */
        {8, 8, 0, 16, 8, 1},     /* beyond the end */
        {8, 5, 0, 8, 8, 1},      /* over the end */
        {32, 8, 1, 8, 8, 0},     /* an end before what is there */
        {16, 8, 1, 0, 800, 1},   /* swallowed */
    };

    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned before = lost.overlap;

        assert_int_equal(add(i, cases[i].o1, cases[i].l1, cases[i].m1), REASM_HELD);
        assert_int_equal(add(i, cases[i].o2, cases[i].l2, cases[i].m2), REASM_OVERLAP);
        assert_int_equal(lost.overlap, before + 1); /* the first one; the second has its verdict from the result */
        assert_int_equal(add(i, 80, 8, true), REASM_OVERLAP);
        assert_int_equal(add(i, 0, 8, true), REASM_OVERLAP);
        assert_int_equal(lost.overlap, before + 1);
    }
    now += TIMEOUT;
    assert_int_equal(add(0, 8, 8, false), REASM_HELD);
    assert_int_equal(add(0, 0, 8, true), REASM_WHOLE);
    assert_int_equal(lost.timeout, 0);
}

static void no_fragment_at_all(void **state)
{
    (void)state;
    assert_int_equal(add(1, 0, 0, true), REASM_MALFORMED);
    assert_int_equal(add(1, 8, 0, false), REASM_MALFORMED);
    assert_int_equal(add(1, 0, 7, true), REASM_MALFORMED);
    assert_int_equal(add(1, 0, 7, false), REASM_MALFORMED); /* no room for the ESP header */
    assert_int_equal(add(1, 8, 12, true), REASM_MALFORMED);
    assert_int_equal(add(1, 4, 8, true), REASM_MALFORMED);
    assert_int_equal(reasm_sweep(r, now, &lost), 0); /* and nothing of it stays */
}

/* "Ping of death" and its relatives: no octet is written behind the room, whatever offset and length say. */
static void too_long(void **state)
{
    static const struct {
        uint32_t offset, len, more;
    } cases[] = {{65528, 1480, 0}, {65528, 8, 1}, {MAX - 8, 16, 1}, {MAX - 8, 9, 0}, {0, MAX + 8, 1}, {MAX, 8, 1}, {MAX + 8, 1, 0}};

    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(add(i, 0, 8, true), REASM_HELD);
        assert_int_equal(add(i, cases[i].offset, cases[i].len, cases[i].more), REASM_LIMIT);
        assert_int_equal(lost.limit, i + 1);
        assert_int_equal(add(i, 8, 8, false), REASM_LIMIT);
    }
}

static void too_many_pieces(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < REASM_FRAGMENTS; i++)
        assert_int_equal(add(1, i * 8, 8, true), REASM_HELD);
    assert_int_equal(add(1, REASM_FRAGMENTS * 8, 8, false), REASM_LIMIT);
    assert_int_equal(lost.limit, REASM_FRAGMENTS);
    for (uint32_t i = 0; i < REASM_FRAGMENTS; i++)
        assert_int_equal(add(2, i * 8, 8, i < REASM_FRAGMENTS - 1), i < REASM_FRAGMENTS - 1 ? REASM_HELD : REASM_WHOLE);
}

/* To the tick, whether somebody asks or not. */
static void time_is_limited(void **state)
{
    (void)state;
    assert_int_equal(add(1, 0, 8, true), REASM_HELD);
    now += TIMEOUT - 1;
    assert_int_equal(add(2, 0, 8, true), REASM_HELD);
    assert_int_equal(reasm_sweep(r, now, &lost), 2);
    assert_int_equal(add(1, 8, 8, false), REASM_WHOLE);
    assert_int_equal(add(3, 0, 8, true), REASM_HELD);
    now += TIMEOUT;
    assert_int_equal(add(2, 8, 8, false), REASM_HELD); /* of a new one */
    assert_int_equal(lost.timeout, 1);
    assert_int_equal(reasm_sweep(r, now, &lost), 1);
    assert_int_equal(lost.timeout, 2);
    assert_int_equal(reasm_sweep(r, now + TIMEOUT, &lost), 0);
    assert_int_equal(lost.timeout, 3);
}

/* A flood takes places, no memory; the newest datagram always has one; every fragment is accounted for. */
static void flood(void **state)
{
    unsigned n = 100000, held;

    (void)state;
    assert_true(reasm_memory(MAX) < 1100000);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(add(i, 8, 8, true), REASM_HELD);
    held = reasm_sweep(r, now, &lost);
    assert_true(held == REASM_SETS * REASM_WAYS);
    assert_int_equal(lost.limit, n - held);
    now++;
    assert_int_equal(add(n, 0, 16, true), REASM_HELD);
    for (uint32_t i = 0; i < 2 * REASM_SETS; i++)
        assert_int_equal(add(n + 1 + i, 8, 8, true), REASM_HELD);
    assert_int_equal(add(n, 16, 8, false), REASM_WHOLE);
}

/* As many datagrams as there are places: some sets overflow. Notes whose datagrams stayed; returns how many. */
static unsigned who_stays(const uint64_t with[2], bool stays[REASM_SETS * REASM_WAYS])
{
    unsigned n = 0;

    reasm_free(r);
    r = reasm_new(MAX, TIMEOUT, with);
    assert_non_null(r);
    for (uint32_t i = 0; i < REASM_SETS * REASM_WAYS; i++)
        assert_int_equal(add(i, 0, 8, true), REASM_HELD);
    for (uint32_t i = REASM_SETS * REASM_WAYS; i-- > 0;)
        n += stays[i] = add(i, 8, 8, false) == REASM_WHOLE;
    return n;
}

/* Keys are spread over the sets, and which of them meet depends on the secret: nobody can aim at a set. */
static void sets_cannot_be_aimed_at(void **state)
{
    static const uint64_t other[2] = {0x0123456789abcdef, 0xfedcba9876543211};
    static bool one[REASM_SETS * REASM_WAYS], two[REASM_SETS * REASM_WAYS];
    unsigned differ = 0;

    (void)state;
    assert_true(who_stays(secret, one) > REASM_SETS * REASM_WAYS * 3 / 5);
    assert_true(who_stays(other, two) > REASM_SETS * REASM_WAYS * 3 / 5);
    for (unsigned i = 0; i < REASM_SETS * REASM_WAYS; i++)
        differ += one[i] != two[i];
    assert_true(differ > REASM_SETS);
}

static void keys_differ_in_every_octet(void **state)
{
    struct reasm_key base = key_of(1);
    uint8_t octets[8] = {0};
    struct reasm_fragment first = {header, octets, sizeof header, 0, 8, true, 0};
    struct reasm_fragment last = {header, octets, sizeof header, 8, 8, false, 0};

    (void)state;
    assert_int_equal(reasm_add(r, &base, &first, now, &whole, &lost), REASM_HELD);
    for (size_t at = 0; at < sizeof base; at++) {
        struct reasm_key k = base;

        ((uint8_t *)&k)[at] ^= 1;
        assert_int_equal(reasm_add(r, &k, &last, now, &whole, &lost), REASM_HELD);
    }
    assert_int_equal(reasm_add(r, &base, &last, now, &whole, &lost), REASM_WHOLE);
}

/* RFC 3168 5.3: congestion seen by one fragment is the datagram's; beside one that can't carry it the datagram is lost. */
static void congestion(void **state)
{
    (void)state;
    for (uint8_t a = 0; a < 4; a++)
        for (uint8_t b = 0; b < 4; b++) {
            bool ce = a == 3 || b == 3, not = a == 0 || b == 0;
            uint8_t expected = ce ? 3 : not ? 0 : a == 2 || b == 2 ? 2 : 1;

            memset(&lost, 0, sizeof lost);
            assert_int_equal(add_ecn(a * 4u + b, 0, 8, true, a), REASM_HELD);
            assert_int_equal(add_ecn(a * 4u + b, 8, 8, false, b), ce && not? REASM_ECN : REASM_WHOLE);
            assert_int_equal(lost.ecn, ce && not);
            if (!(ce && not))
                assert_int_equal(whole.ecn, expected);
        }
}

static void cleared_counters_stay_cleared(void **state)
{
    (void)state;
    assert_int_equal(add(1, 0, 8, true), REASM_HELD);
    reasm_forget_counts(r);
    assert_int_equal(add(1, 16, 8, true), REASM_HELD);
    now += TIMEOUT;
    assert_int_equal(reasm_sweep(r, now, &lost), 0);
    assert_int_equal(lost.timeout, 1);
}

static void a_table_has_a_largest_size(void **state)
{
    (void)state;
    assert_null(reasm_new(REASM_PAYLOAD_MAX + 1, TIMEOUT, secret));
    reasm_free(r);
    r = reasm_new(REASM_PAYLOAD_MAX, TIMEOUT, secret);
    assert_non_null(r);
    for (uint32_t at = 0; at < REASM_PAYLOAD_MAX; at += 1024)
        assert_int_equal(add(1, at, 1024, at + 1024 < REASM_PAYLOAD_MAX),
                         at + 1024 < REASM_PAYLOAD_MAX ? REASM_HELD : REASM_WHOLE);
    check_whole(1, REASM_PAYLOAD_MAX);
}

/* What the table should know, kept octet by octet. */
static struct model {
    bool open, dead;
    uint64_t expires;
    uint32_t total, n;
    uint8_t there[MAX];
} models[6];

static enum reasm_result model_add(struct model *m, uint32_t offset, uint32_t len, bool more)
{
    bool all = true;

    if (len == 0 || (more && len % 8) || offset % 8 || (offset == 0 && len < 8))
        return REASM_MALFORMED;
    if (m->open && now >= m->expires)
        m->open = false;
    if (!m->open) {
        memset(m, 0, sizeof *m);
        m->open = true;
        m->expires = now + TIMEOUT;
    }
    if (m->dead)
        return REASM_OVERLAP; /* or LIMIT: the caller looks */
    m->dead = true;
    if (offset + len > MAX || m->n == REASM_FRAGMENTS)
        return REASM_LIMIT;
    for (uint32_t i = offset; i < offset + len; i++)
        if (m->there[i] || (m->total && i >= m->total))
            return REASM_OVERLAP;
    if (!more && m->total)
        return REASM_OVERLAP;
    for (uint32_t i = offset; i < offset + len; i++)
        m->there[i] = 1;
    if (!more)
        m->total = offset + len;
    for (uint32_t i = 0; m->total && i < MAX; i++) {
        if (i >= m->total && m->there[i])
            return REASM_OVERLAP;
        all = all && (i >= m->total || m->there[i]);
    }
    m->dead = false;
    m->n++;
    if (!m->total || !all)
        return REASM_HELD;
    m->open = false;
    return REASM_WHOLE;
}

static void random_fragments(void **state)
{
    unsigned seed = (unsigned)time(NULL), wholes = 0;

    (void)state;
    print_message("seed %u\n", seed);
    srand(seed);
    for (unsigned i = 0; i < 300000; i++) {
        uint32_t id = (uint32_t)rand() % 6, unit = (uint32_t)rand() % 8, len = 8 * (1 + (uint32_t)rand() % 3);
        bool more = rand() % 4 != 0;
        struct model *m = &models[id];
        enum reasm_result expected, result;
        bool was_dead;

        if (rand() % 10 == 0)
            now += (uint64_t)rand() % 700;
        was_dead = m->open && m->dead && now < m->expires;
        if (rand() % 50 == 0)
            unit = (uint32_t)rand() % (MAX / 4);
        if (!more || rand() % 50 == 0)
            len -= (uint32_t)rand() % 8;
        expected = model_add(m, unit * 8, len, more);
        result = add(id, unit * 8, len, more);
        if (was_dead && expected != REASM_MALFORMED)
            assert_true(result == REASM_OVERLAP || result == REASM_LIMIT);
        else
            assert_int_equal(result, expected);
        if (result == REASM_WHOLE) {
            wholes++;
            check_whole(id, m->total);
        }
    }
    assert_true(wholes > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(any_order, open_table, close_table),
        cmocka_unit_test_setup_teardown(odd_ends, open_table, close_table),
        cmocka_unit_test_setup_teardown(overlaps, open_table, close_table),
        cmocka_unit_test_setup_teardown(no_fragment_at_all, open_table, close_table),
        cmocka_unit_test_setup_teardown(too_long, open_table, close_table),
        cmocka_unit_test_setup_teardown(too_many_pieces, open_table, close_table),
        cmocka_unit_test_setup_teardown(time_is_limited, open_table, close_table),
        cmocka_unit_test_setup_teardown(flood, open_table, close_table),
        cmocka_unit_test_setup_teardown(sets_cannot_be_aimed_at, open_table, close_table),
        cmocka_unit_test_setup_teardown(keys_differ_in_every_octet, open_table, close_table),
        cmocka_unit_test_setup_teardown(congestion, open_table, close_table),
        cmocka_unit_test_setup_teardown(cleared_counters_stay_cleared, open_table, close_table),
        cmocka_unit_test_setup_teardown(a_table_has_a_largest_size, open_table, close_table),
        cmocka_unit_test_setup_teardown(random_fragments, open_table, close_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
