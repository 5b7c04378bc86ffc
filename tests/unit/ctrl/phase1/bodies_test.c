/* SPDX-License-Identifier: BSD-3-Clause */
/* What message 1 leaves behind: every body comes back as it was, in rings that a flood can fill and not grow (IK7). */
#include "tests/unit/ctrl/phase1/pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* The worst flood: every body is another one. The ring is full then and never grows; who is known is still
 * served. */
static void flood_of_different_bodies(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, 19);
    pair_start(&p);
    pair_run(&p, 4);
    halfopen_remember(p.front, &p.offer);
    halfopen_remember(p.front, &p.offer);
    assert_int_equal(halfopen_count(p.front), 2); /* one in the ring, one known */
    struct pair_message m = p.m[1];
    size_t sa_end = 28 + (size_t)(m.b[30] << 8 | m.b[31]);
    for (uint32_t i = 1; i <= 2 * HALFOPEN_RING + 100; i++) {
        uint32_t life = 86400 + i;
        for (int k = 0; k < 4; k++) /* the last attribute is the life duration */
            m.b[sa_end - 1 - (size_t)k] = (uint8_t)(life >> 8 * k);
        assert_int_equal(pair_front(&p, pair_span(&m), PAIR_NOW, NULL), HALFOPEN_ANSWERED);
        assert_true(halfopen_count(p.front) <= HALFOPEN_RING + 1);
    }
    assert_int_equal(halfopen_count(p.front), HALFOPEN_RING + 1);
    assert_int_equal(pair_front(&p, pair_span(&p.m[3]), PAIR_NOW, NULL), HALFOPEN_MESSAGE3);
    pair_free(&p);
}

/* Oldest out: exactly HALFOPEN_RING newer bodies push one out, one fewer don't. */
static void ring_edges(void **state)
{
    (void)state;
    for (uint32_t newer = HALFOPEN_RING - 1; newer <= HALFOPEN_RING; newer++) {
        struct pair p;
        pair_init(&p, 19);
        pair_start(&p);
        pair_run(&p, 3);
        struct pair_message m = p.m[1];
        size_t sa_end = 28 + (size_t)(m.b[30] << 8 | m.b[31]);
        for (uint32_t i = 1; i <= newer; i++) {
            uint32_t life = 86400 + i;
            for (int k = 0; k < 4; k++)
                m.b[sa_end - 1 - (size_t)k] = (uint8_t)(life >> 8 * k);
            assert_int_equal(pair_front(&p, pair_span(&m), PAIR_NOW, NULL), HALFOPEN_ANSWERED);
        }
        assert_int_equal(pair_front(&p, pair_span(&p.m[3]), PAIR_NOW, NULL),
                         newer < HALFOPEN_RING ? HALFOPEN_MESSAGE3 : HALFOPEN_DROP_COOKIE);
        pair_free(&p);
    }
}

/* After the ring went round several times, exactly its newest bodies are found: nothing is lost in the
 * chains. */
static void every_body_in_the_ring_is_found(void **state)
{
    (void)state;
    enum { ROUNDS = 3, TOTAL = ROUNDS * HALFOPEN_RING };
    static uint8_t cookies[TOTAL][8];
    struct pair p;
    pair_init(&p, 19);
    pair_start(&p);
    struct pair_message m = p.m[1], answer;
    size_t sa_end = 28 + (size_t)(m.b[30] << 8 | m.b[31]);
    for (uint32_t i = 0; i < TOTAL; i++) {
        for (int k = 0; k < 4; k++)
            m.b[sa_end - 1 - (size_t)k] = (uint8_t)((i + 1) >> 8 * k);
        assert_int_equal(pair_front(&p, pair_span(&m), PAIR_NOW, &answer), HALFOPEN_ANSWERED);
        memcpy(cookies[i], answer.b + 8, 8);
    }
    struct pair_message third = {.len = 28};
    memcpy(third.b, m.b, 28);
    third.b[26] = 0;
    third.b[27] = 28;
    for (uint32_t i = 0; i < TOTAL; i++) {
        memcpy(third.b + 8, cookies[i], 8);
        bool kept = i >= TOTAL - HALFOPEN_RING;
        assert_int_equal(pair_front(&p, pair_span(&third), PAIR_NOW, NULL),
                         kept ? HALFOPEN_MESSAGE3 : HALFOPEN_DROP_COOKIE);
        if (kept)
            assert_int_equal(p.offer.chosen.lifetime_s, i + 1 < 86400 ? i + 1 : 86400);
    }
    pair_free(&p);
}

/* An offer of n transforms whose first octets of life make its body one of many; group 19 among them. */
static void long_offer(struct pair_message *m, size_t n, uint32_t which)
{
    uint16_t groups[64];
    static const uint8_t cookie[8] = {1};
    for (size_t i = 0; i < n; i++)
        groups[i] = 19;
    pair_offer(m, groups, n, cookie);
    /* The hash of the first transforms becomes a number: those are never chosen, and the bodies differ. */
    for (size_t i = 0; i < 3; i++)
        m->b[28 + 12 + 8 + i * 28 + 8 + 8 + 3] = (uint8_t)(128 + (which >> 6 * i & 63));
}

/* The cookie of its answer comes back in a message 3. */
static enum halfopen_result come_back(struct pair *p, const struct pair_message *first,
                                      const struct pair_message *second)
{
    struct pair_message third = {.len = 28};
    memcpy(third.b, first->b, 28);
    memcpy(third.b + 8, second->b + 8, 8);
    third.b[26] = 0;
    third.b[27] = 28;
    return pair_front(p, pair_span(&third), PAIR_NOW, NULL);
}

/* 16 + n * 28 octets: 8 transforms are a short body, 9 a long one, 64 still fit, above 2048 octets nothing does. */
static void bodies_of_every_length(void **state)
{
    (void)state;
    struct pair p;
    struct pair_message m, answer, again;
    pair_init(&p, 19);
    pair_start(&p);
    for (size_t n = 4; n <= 64; n++) {
        long_offer(&m, n, 0);
        assert_int_equal(pair_front(&p, pair_span(&m), PAIR_NOW, &answer), HALFOPEN_ANSWERED);
        assert_true(answer.len <= m.len);
        assert_int_equal(pair_front(&p, pair_span(&m), PAIR_NOW, &again), HALFOPEN_ANSWERED);
        assert_memory_equal(again.b, answer.b, answer.len);
        assert_int_equal(come_back(&p, &m, &answer), HALFOPEN_MESSAGE3);
        assert_int_equal(p.offer.body_len, 16 + n * 28);
        assert_memory_equal(p.offer.body, m.b + 32, p.offer.body_len);
        assert_int_equal(halfopen_count(p.front), n - 3); /* each once */
    }
    /* 63 transforms of 28 octets and one with an attribute of 1260 octets more: well formed, too long */
    size_t before = halfopen_count(p.front);
    uint8_t big[4096] = {0};
    long_offer(&m, 10, 0);
    memcpy(big, m.b, m.len);
    const size_t more = 2000, last = 28 + 12 + 8 + 9 * 28;
    const struct {
        size_t at, value;
    } lengths[] = {{26, m.len + more}, {30, m.len - 28 + more}, {42, m.len - 40 + more}, {last + 2, 28 + more}};
    for (size_t i = 0; i < 4; i++) {
        big[lengths[i].at] = (uint8_t)(lengths[i].value >> 8);
        big[lengths[i].at + 1] = (uint8_t)lengths[i].value;
    }
    big[m.len + 1] = 99; /* TLV 99 */
    big[m.len + 2] = (uint8_t)((more - 4) >> 8);
    big[m.len + 3] = (uint8_t)(more - 4);
    assert_int_equal(pair_front(&p, span_of(big, m.len + more), PAIR_NOW, &answer), HALFOPEN_DROP_TOO_BIG);
    assert_int_equal(answer.len, 0);
    assert_int_equal(halfopen_count(p.front), before);
    pair_free(&p);
}

/* Long bodies push out long ones, the oldest first, and never a short one; nor do short ones push out long ones. */
static void long_bodies_have_their_own_room(void **state)
{
    (void)state;
    struct pair p;
    struct pair_message m, answer, first, second;
    pair_init(&p, 19);
    pair_start(&p);
    pair_run(&p, 3); /* a short body */
    long_offer(&first, 20, 0);
    assert_int_equal(pair_front(&p, pair_span(&first), PAIR_NOW, &second), HALFOPEN_ANSWERED);
    struct pair_message short_one = p.m[1];
    size_t sa_end = 28 + (size_t)(short_one.b[30] << 8 | short_one.b[31]);
    for (uint32_t i = 1; i < HALFOPEN_RING; i++) {
        for (int k = 0; k < 4; k++)
            short_one.b[sa_end - 1 - (size_t)k] = (uint8_t)((86400 + i) >> 8 * k);
        assert_int_equal(pair_front(&p, pair_span(&short_one), PAIR_NOW, NULL), HALFOPEN_ANSWERED);
    }
    assert_int_equal(halfopen_count(p.front), HALFOPEN_RING + 1);
    assert_int_equal(come_back(&p, &first, &second), HALFOPEN_MESSAGE3);
    for (uint32_t i = 1; i < HALFOPEN_LONG; i++) {
        long_offer(&m, 10 + i % 50, i);
        assert_int_equal(pair_front(&p, pair_span(&m), PAIR_NOW, &answer), HALFOPEN_ANSWERED);
        if (i % 97 == 0)
            assert_int_equal(come_back(&p, &m, &answer), HALFOPEN_MESSAGE3);
    }
    assert_int_equal(halfopen_count(p.front), HALFOPEN_RING + HALFOPEN_LONG);
    assert_int_equal(come_back(&p, &first, &second), HALFOPEN_MESSAGE3);
    long_offer(&m, 30, HALFOPEN_LONG);
    assert_int_equal(pair_front(&p, pair_span(&m), PAIR_NOW, &answer), HALFOPEN_ANSWERED);
    assert_int_equal(come_back(&p, &first, &second), HALFOPEN_DROP_COOKIE); /* exactly the oldest */
    assert_int_equal(come_back(&p, &m, &answer), HALFOPEN_MESSAGE3);
    assert_int_equal(pair_front(&p, pair_span(&p.m[3]), PAIR_NOW, NULL), HALFOPEN_MESSAGE3); /* the short one */
    assert_int_equal(halfopen_count(p.front), HALFOPEN_RING + HALFOPEN_LONG);
    pair_free(&p);
}

/* A member with a long offer that was here before is served whatever a flood does. */
static void flood_of_long_bodies_and_a_known_member(void **state)
{
    (void)state;
    struct pair p;
    struct pair_message m, first, second;
    pair_init(&p, 19);
    pair_start(&p);
    long_offer(&first, 20, 0);
    assert_int_equal(pair_front(&p, pair_span(&first), PAIR_NOW, &second), HALFOPEN_ANSWERED);
    assert_int_equal(come_back(&p, &first, &second), HALFOPEN_MESSAGE3);
    halfopen_remember(p.front, &p.offer);
    for (uint32_t i = 1; i <= 3 * HALFOPEN_LONG; i++) {
        long_offer(&m, 10 + i % 50, i);
        assert_int_equal(pair_front(&p, pair_span(&m), PAIR_NOW, NULL), HALFOPEN_ANSWERED);
        assert_true(halfopen_count(p.front) <= HALFOPEN_LONG + 1);
    }
    assert_int_equal(halfopen_count(p.front), HALFOPEN_LONG + 1);
    assert_int_equal(come_back(&p, &first, &second), HALFOPEN_MESSAGE3);
    pair_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flood_of_different_bodies),
        cmocka_unit_test(ring_edges),
        cmocka_unit_test(every_body_in_the_ring_is_found),
        cmocka_unit_test(bodies_of_every_length),
        cmocka_unit_test(long_bodies_have_their_own_room),
        cmocka_unit_test(flood_of_long_bodies_and_a_known_member),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
