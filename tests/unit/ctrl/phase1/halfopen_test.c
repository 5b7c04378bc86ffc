/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The stateless front: pure answers, cookies that only their receiver can use, bounded memory, no
 * amplification (VU#419128; half-open exhaustion; CVE-2023-30570).
 */
#include "tests/unit/ctrl/phase1/pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static mono_t later(int64_t s)
{
    return mono_add(PAIR_NOW, mono_s(s));
}

static void same_request_same_answer(void **state)
{
    (void)state;
    struct pair p;
    struct pair_message again;
    pair_init(&p, 19);
    pair_start(&p);
    pair_run(&p, 2);
    size_t n = halfopen_count(p.front);
    assert_int_equal(n, 1);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(pair_front(&p, pair_span(&p.m[1]), PAIR_NOW, &again), HALFOPEN_ANSWERED);
        assert_int_equal(again.len, p.m[2].len);
        assert_memory_equal(again.b, p.m[2].b, again.len);
    }
    assert_int_equal(halfopen_count(p.front), n);
    pair_free(&p);
}

/* Each thing that goes into the cookie makes another one. */
static void cookie_depends_on_everything(void **state)
{
    (void)state;
    struct pair p;
    struct pair_message other;
    pair_init(&p, 19);
    pair_start(&p);
    pair_run(&p, 2);
    p.responder.remote.port++;
    pair_front(&p, pair_span(&p.m[1]), PAIR_NOW, &other);
    assert_memory_not_equal(other.b + 8, p.m[2].b + 8, 8);
    p.responder.remote.port--;
    p.responder.remote.addr.b[3]++;
    pair_front(&p, pair_span(&p.m[1]), PAIR_NOW, &other);
    assert_memory_not_equal(other.b + 8, p.m[2].b + 8, 8);
    p.responder.remote.addr.b[3]--;
    p.m[1].b[0] ^= 2;
    pair_front(&p, pair_span(&p.m[1]), PAIR_NOW, &other);
    assert_memory_not_equal(other.b + 8, p.m[2].b + 8, 8);
    p.m[1].b[0] ^= 2;
    pair_front(&p, pair_span(&p.m[1]), later(HALFOPEN_EPOCH_S), &other);
    assert_memory_not_equal(other.b + 8, p.m[2].b + 8, 8);
    p.m[1].b[39] ^= 1; /* situation 0: another body */
    pair_front(&p, pair_span(&p.m[1]), PAIR_NOW, &other);
    assert_memory_not_equal(other.b + 8, p.m[2].b + 8, 8);
    pair_free(&p);
}

static void cookie_is_checked_before_anything_else(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, 19);
    pair_start(&p);
    pair_run(&p, 3);
    assert_int_equal(pair_front(&p, pair_span(&p.m[3]), PAIR_NOW, NULL), HALFOPEN_MESSAGE3);
    size_t body_len = (size_t)(p.m[1].b[30] << 8 | p.m[1].b[31]) - 4;
    assert_int_equal(p.offer.body_len, body_len);
    assert_memory_equal(p.offer.body, p.m[1].b + 32, body_len);
    assert_int_equal(p.offer.chosen.group, 19);
    assert_int_equal(p.offer.doi, 2);
    for (size_t bit = 0; bit < 128; bit++) {
        struct pair_message bad = p.m[3];
        struct pair_message answer;
        bad.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(pair_front(&p, pair_span(&bad), PAIR_NOW, &answer), HALFOPEN_DROP_COOKIE);
        assert_int_equal(answer.len, 0);
    }
    p.responder.remote.port++;
    assert_int_equal(pair_front(&p, pair_span(&p.m[3]), PAIR_NOW, NULL), HALFOPEN_DROP_COOKIE);
    pair_free(&p);
}

static void cookie_lives_two_epochs(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, 19);
    pair_start(&p);
    pair_run(&p, 3);
    int64_t left = HALFOPEN_EPOCH_S - mono_to_s(PAIR_NOW) % HALFOPEN_EPOCH_S; /* of the present epoch */
    assert_int_equal(pair_front(&p, pair_span(&p.m[3]), later(left), NULL), HALFOPEN_MESSAGE3);
    assert_int_equal(pair_front(&p, pair_span(&p.m[3]), later(left + HALFOPEN_EPOCH_S - 1), NULL),
                     HALFOPEN_MESSAGE3);
    assert_int_equal(pair_front(&p, pair_span(&p.m[3]), later(left + HALFOPEN_EPOCH_S), NULL),
                     HALFOPEN_DROP_COOKIE);
    pair_free(&p);
}

static void CVE_2023_30570_spent_cookie_is_dead(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, 19);
    pair_start(&p);
    pair_run(&p, 4);
    halfopen_spend(p.front, &p.offer);
    assert_int_equal(pair_front(&p, pair_span(&p.m[3]), PAIR_NOW, NULL), HALFOPEN_DROP_COOKIE);
    pair_free(&p);
}

/* A message 1 with n transforms as the product writes them, or as small as it can be. */
static void offer_groups(struct pair_message *m, const uint16_t *groups, size_t n, const uint8_t *cookie_i)
{
    static const uint8_t head[] = {1, 0x10, 2, 0, 0, 0, 0, 0};
    memset(m, 0, sizeof *m);
    memcpy(m->b, cookie_i, 8);
    memcpy(m->b + 16, head, sizeof head);
    size_t t_len = 8 + 5 * 4, p_len = 8 + n * t_len, sa_len = 4 + 8 + p_len;
    m->len = 28 + sa_len;
    m->b[27] = (uint8_t)m->len;
    m->b[26] = (uint8_t)(m->len >> 8);
    uint8_t *q = m->b + 28;
    q[2] = (uint8_t)(sa_len >> 8);
    q[3] = (uint8_t)sa_len;
    q[7] = 2;
    q[11] = 1;
    q += 12;
    q[2] = (uint8_t)(p_len >> 8);
    q[3] = (uint8_t)p_len;
    q[4] = 1;
    q[5] = 1;
    q[7] = (uint8_t)n;
    q += 8;
    for (size_t i = 0; i < n; i++, q += t_len) {
        const uint8_t attrs[] = {0x80, 1, 0,    7, 0x80, 14, 1,    0, 0x80, 2,
                                 0,    4, 0x80, 3, 0,    1,  0x80, 4, 0,    (uint8_t)groups[i]};
        q[0] = i + 1 < n ? 3 : 0;
        q[3] = (uint8_t)t_len;
        q[4] = (uint8_t)(i + 1);
        q[5] = 1;
        memcpy(q + 8, attrs, sizeof attrs);
    }
}

static void VU419128_no_amplification(void **state)
{
    (void)state;
    struct pair p;
    struct pair_message m, answer;
    static const uint8_t cookie[8] = {1};
    pair_init(&p, 19);
    pair_start(&p);
    /* The smallest acceptable request: no vendor id fits into its answer. */
    offer_groups(&m, (const uint16_t[]){19}, 1, cookie);
    assert_int_equal(pair_front(&p, pair_span(&m), PAIR_NOW, &answer), HALFOPEN_ANSWERED);
    assert_true(answer.len <= m.len);
    /* Exactly one transform comes back, by our choice. */
    offer_groups(&m, (const uint16_t[]){5, 20, 19, 14, 21}, 5, cookie);
    assert_int_equal(pair_front(&p, pair_span(&m), PAIR_NOW, &answer), HALFOPEN_ANSWERED);
    assert_true(answer.len <= m.len);
    assert_int_equal(answer.b[28 + 12 + 7], 1);
    assert_int_equal(answer.b[28 + 12 + 8 + 4], 3); /* its number */
    /* Nothing fits: one short notify without a cookie that could be used. */
    offer_groups(&m, (const uint16_t[]){2}, 1, cookie);
    assert_int_equal(pair_front(&p, pair_span(&m), PAIR_NOW, &answer), HALFOPEN_NO_PROPOSAL);
    assert_true(answer.len == 40 && answer.len <= m.len);
    assert_int_equal(answer.b[39], 14);
    for (int i = 8; i < 16; i++)
        assert_int_equal(answer.b[i], 0);
    assert_int_equal(pair_step(&p, p.i, pair_span(&answer), NULL),
                     PHASE1_DROP_STATE); /* of another exchange */
    memcpy(answer.b, p.m[1].b, 8);
    assert_int_equal(pair_step(&p, p.i, pair_span(&answer), NULL), PHASE1_NOTED);
    pair_free(&p);
}

/* Our order decides, not theirs. */
static void our_order_decides(void **state)
{
    (void)state;
    struct pair p;
    struct pair_message m, answer;
    static const uint8_t cookie[8] = {1};
    pair_init(&p, 19);
    pair_start(&p);
    struct config_proposal own[2] = {p.proposal, p.proposal};
    own[0].group = 14;
    halfopen_set_proposals(p.front, own, 2);
    offer_groups(&m, (const uint16_t[]){19, 14}, 2, cookie);
    assert_int_equal(pair_front(&p, pair_span(&m), PAIR_NOW, &answer), HALFOPEN_ANSWERED);
    assert_int_equal(answer.b[28 + 12 + 8 + 4], 2);
    own[0].group = 19;
    own[1].group = 14;
    halfopen_set_proposals(p.front, own, 2);
    assert_int_equal(pair_front(&p, pair_span(&m), PAIR_NOW, &answer), HALFOPEN_ANSWERED);
    assert_int_equal(answer.b[28 + 12 + 8 + 4], 1);
    pair_free(&p);
}

/* A reload between messages 1 and 3: what was answered still holds. */
static void reload_keeps_what_was_answered(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, 19);
    pair_start(&p);
    pair_run(&p, 3);
    struct config_proposal other = p.proposal;
    other.group = 14;
    other.lifetime_s = 60;
    halfopen_set_proposals(p.front, &other, 1);
    assert_int_equal(pair_front(&p, pair_span(&p.m[3]), PAIR_NOW, NULL), HALFOPEN_MESSAGE3);
    assert_int_equal(p.offer.chosen.group, 19);
    assert_int_equal(p.offer.chosen.lifetime_s, 86400);
    pair_free(&p);
}

static void flood_of_50000_spoofed_peers(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, 19);
    pair_start(&p);
    pair_run(&p, 3);
    size_t before = halfopen_count(p.front);
    struct pair_message m = p.m[1], answer;
    struct endpoint genuine = p.responder.remote;
    for (uint32_t i = 0; i < 50000; i++) {
        memcpy(m.b + 4, &i, 4);
        p.responder.remote.addr = addr_v4(0x0b000000 + i);
        p.responder.remote.port = (uint16_t)(1024 + i);
        assert_int_equal(pair_front(&p, pair_span(&m), PAIR_NOW, &answer), HALFOPEN_ANSWERED);
        assert_true(answer.len <= m.len);
    }
    assert_int_equal(halfopen_count(p.front), before); /* zero growth */
    p.responder.remote = genuine;
    assert_int_equal(pair_front(&p, pair_span(&p.m[3]), PAIR_NOW, NULL), HALFOPEN_MESSAGE3);
    pair_free(&p);
}

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
    offer_groups(m, groups, n, cookie);
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

/* What the log says when nothing fits: both sides' proposals. */
static void refusal_names_both_sides(void **state)
{
    (void)state;
    struct pair p;
    struct pair_message m, answer;
    char text[512];
    static const uint8_t cookie[8] = {1};
    pair_init(&p, 19);
    pair_start(&p);
    offer_groups(&m, (const uint16_t[]){2, 16}, 2, cookie);
    assert_int_equal(pair_front(&p, pair_span(&m), PAIR_NOW, &answer), HALFOPEN_NO_PROPOSAL);
    halfopen_refusal(p.front, pair_span(&m), text, sizeof text);
    assert_string_equal(text, "no proposal that both sides accept: offered were aes-256/sha256/2/psk, "
                              "aes-256/sha256/16/psk; we accept aes-256/sha256/19/psk");
    for (size_t cap = 1; cap < 130; cap++) {
        memset(text, 'x', sizeof text);
        halfopen_refusal(p.front, pair_span(&m), text, cap);
        assert_true(strlen(text) < cap && text[cap] == 'x');
    }
    pair_free(&p);
}

static void damaged_and_foreign_datagrams(void **state)
{
    (void)state;
    struct pair p;
    struct pair_message answer;
    pair_init(&p, 19);
    pair_start(&p);
    for (size_t len = 0; len < p.m[1].len; len++) {
        assert_int_equal(pair_front(&p, span_of(p.m[1].b, len), PAIR_NOW, &answer), HALFOPEN_DROP_MALFORMED);
        assert_int_equal(answer.len, 0);
    }
    static const struct {
        size_t at;
        uint8_t value;
    } foreign[] = {{18, 4}, {18, 1}, {18, 32}, {18, 33}, {18, 5}, {19, 1}, {19, 2}, {19, 4}, {23, 1}};
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        struct pair_message bad = p.m[1];
        bad.b[foreign[i].at] = foreign[i].value;
        assert_int_equal(pair_front(&p, pair_span(&bad), PAIR_NOW, &answer), HALFOPEN_DROP_STATE);
        assert_int_equal(answer.len, 0);
    }
    for (size_t at = 0; at < p.m[1].len; at++) { /* any octet at all: an answer never exceeds its request */
        for (unsigned v = 0; v < 256; v += 5) {
            struct pair_message bad = p.m[1];
            bad.b[at] = (uint8_t)v;
            pair_front(&p, pair_span(&bad), PAIR_NOW, &answer);
            assert_true(answer.len <= bad.len);
        }
    }
    pair_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_request_same_answer),
        cmocka_unit_test(cookie_depends_on_everything),
        cmocka_unit_test(cookie_is_checked_before_anything_else),
        cmocka_unit_test(cookie_lives_two_epochs),
        cmocka_unit_test(CVE_2023_30570_spent_cookie_is_dead),
        cmocka_unit_test(VU419128_no_amplification),
        cmocka_unit_test(our_order_decides),
        cmocka_unit_test(reload_keeps_what_was_answered),
        cmocka_unit_test(flood_of_50000_spoofed_peers),
        cmocka_unit_test(flood_of_different_bodies),
        cmocka_unit_test(ring_edges),
        cmocka_unit_test(every_body_in_the_ring_is_found),
        cmocka_unit_test(bodies_of_every_length),
        cmocka_unit_test(long_bodies_have_their_own_room),
        cmocka_unit_test(flood_of_long_bodies_and_a_known_member),
        cmocka_unit_test(refusal_names_both_sides),
        cmocka_unit_test(damaged_and_foreign_datagrams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
