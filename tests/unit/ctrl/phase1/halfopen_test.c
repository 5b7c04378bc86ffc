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

static void VU419128_no_amplification(void **state)
{
    (void)state;
    struct pair p;
    struct pair_message m, answer;
    static const uint8_t cookie[8] = {1};
    pair_init(&p, 19);
    pair_start(&p);
    /* The smallest acceptable request: no vendor id fits into its answer. */
    pair_offer(&m, (const uint16_t[]){19}, 1, cookie);
    assert_int_equal(pair_front(&p, pair_span(&m), PAIR_NOW, &answer), HALFOPEN_ANSWERED);
    assert_true(answer.len <= m.len);
    /* Exactly one transform comes back, by our choice. */
    pair_offer(&m, (const uint16_t[]){5, 20, 19, 14, 21}, 5, cookie);
    assert_int_equal(pair_front(&p, pair_span(&m), PAIR_NOW, &answer), HALFOPEN_ANSWERED);
    assert_true(answer.len <= m.len);
    assert_int_equal(answer.b[28 + 12 + 7], 1);
    assert_int_equal(answer.b[28 + 12 + 8 + 4], 3); /* its number */
    /* Nothing fits: one short notify without a cookie that could be used. */
    pair_offer(&m, (const uint16_t[]){2}, 1, cookie);
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
    pair_offer(&m, (const uint16_t[]){19, 14}, 2, cookie);
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
    pair_offer(&m, (const uint16_t[]){2, 16}, 2, cookie);
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
        cmocka_unit_test(refusal_names_both_sides),
        cmocka_unit_test(damaged_and_foreign_datagrams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
