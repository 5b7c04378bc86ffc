/* SPDX-License-Identifier: BSD-3-Clause */
/* Retransmission and duplicates of one exchange (IK6): the schedule, who answers what, and how often at most.
 */
#include "ctrl/run/repeat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const mono_t T0 = {7000000000};

static struct span text(const char *s)
{
    return span_of(s, strlen(s));
}

static void assert_stored(const struct repeat *r, const char *s)
{
    assert_true(span_equal(repeat_stored(r), text(s)));
}

/* 0.5 1 2 4 8 8 8 8 8 8 s: eleven sendings within the minute, then the end. */
static void initiator_backs_off_and_gives_up(void **state)
{
    (void)state;
    static const int at_ms[] = {500, 1500, 3500, 7500, 15500, 23500, 31500, 39500, 47500, 55500};
    struct repeat r;
    repeat_init(&r, true, 0);
    assert_true(mono_is_never(repeat_next(&r)));
    assert_true(repeat_sent(&r, text("message 1"), T0));
    for (size_t i = 0; i < sizeof(at_ms) / sizeof(at_ms[0]); i++) {
        mono_t at = mono_add(T0, mono_ms(at_ms[i]));
        assert_int_equal(repeat_next(&r).ns, at.ns);
        assert_int_equal(repeat_due(&r, mono_sub(at, mono_ns(1))), REPEAT_WAIT);
        assert_int_equal(repeat_due(&r, at), REPEAT_AGAIN);
        assert_stored(&r, "message 1");
    }
    assert_int_equal(repeat_next(&r).ns, mono_add(T0, mono_ms(REPEAT_GIVE_UP_MS)).ns);
    assert_int_equal(repeat_due(&r, repeat_next(&r)), REPEAT_GIVE_UP);
    assert_true(mono_is_never(repeat_next(&r)));
    repeat_wipe(&r);
}

static void jitter_shortens_by_less_than_an_eighth(void **state)
{
    (void)state;
    for (int jitter = 0; jitter < 256; jitter++) {
        struct repeat r;
        repeat_init(&r, true, (uint8_t)jitter);
        assert_true(repeat_sent(&r, text("x"), T0));
        int64_t wait = mono_sub(repeat_next(&r), T0).ns;
        assert_true(wait <= 500000000 && wait > 500000000 * 7ll / 8);
        /* the responder's gap must never swallow an honest retransmission */
        assert_true(wait > mono_ms(REPEAT_ANSWER_GAP_MS).ns);
        repeat_wipe(&r);
    }
}

static void responder_has_no_timer(void **state)
{
    (void)state;
    struct repeat r;
    repeat_init(&r, false, 0);
    repeat_accepted(&r, text("question"));
    assert_true(repeat_sent(&r, text("answer"), T0));
    assert_true(mono_is_never(repeat_next(&r)));
    assert_int_equal(repeat_due(&r, mono_add(T0, mono_s(100000))), REPEAT_WAIT);
    repeat_wipe(&r);
}

static void responder_answers_copies_of_the_last_message_only(void **state)
{
    (void)state;
    struct repeat r;
    mono_t later = mono_add(T0, mono_s(1));
    repeat_init(&r, false, 0);
    assert_int_equal(repeat_judge(&r, text("3"), T0), REPEAT_NEW);
    repeat_accepted(&r, text("3"));
    assert_true(repeat_sent(&r, text("4"), T0));
    assert_int_equal(repeat_judge(&r, text("3"), later), REPEAT_ANSWER);
    assert_stored(&r, "4");
    assert_int_equal(repeat_judge(&r, text("5"), later), REPEAT_NEW);
    assert_int_equal(repeat_judge(&r, text("3x"), later), REPEAT_NEW);
    repeat_accepted(&r, text("5"));
    assert_true(repeat_sent(&r, text("6"), later));
    assert_int_equal(repeat_judge(&r, text("3"), mono_add(later, mono_s(1))), REPEAT_DUPLICATE);
    assert_int_equal(repeat_judge(&r, text("5"), mono_add(later, mono_s(1))), REPEAT_ANSWER);
    assert_stored(&r, "6");
    repeat_wipe(&r);
}

static void a_storm_of_copies_gets_few_answers(void **state)
{
    (void)state;
    struct repeat r;
    unsigned answers = 0;
    repeat_init(&r, false, 0);
    repeat_accepted(&r, text("3"));
    assert_true(repeat_sent(&r, text("4"), T0));
    mono_t gap = mono_ms(REPEAT_ANSWER_GAP_MS);
    assert_int_equal(repeat_judge(&r, text("3"), mono_add(T0, mono_sub(gap, mono_ns(1)))), REPEAT_DUPLICATE);
    for (int ms = 0; ms < 60000; ms++)
        answers += repeat_judge(&r, text("3"), mono_add(T0, mono_ms(ms))) == REPEAT_ANSWER;
    assert_int_equal(answers, REPEAT_MAX_ANSWERS);
    repeat_wipe(&r);
}

static void initiator_never_answers_a_copy(void **state)
{
    (void)state;
    struct repeat r;
    repeat_init(&r, true, 0);
    assert_true(repeat_sent(&r, text("1"), T0));
    repeat_accepted(&r, text("2"));
    assert_true(repeat_sent(&r, text("3"), T0));
    for (int s = 0; s < 60; s++)
        assert_int_equal(repeat_judge(&r, text("2"), mono_add(T0, mono_s(s))), REPEAT_DUPLICATE);
    repeat_wipe(&r);
}

static void an_answer_stops_the_retransmission(void **state)
{
    (void)state;
    struct repeat r;
    repeat_init(&r, true, 0);
    assert_true(repeat_sent(&r, text("1"), T0));
    repeat_accepted(&r, text("2"));
    assert_true(mono_is_never(repeat_next(&r)));
    assert_int_equal(repeat_due(&r, mono_add(T0, mono_s(10))), REPEAT_WAIT);
    assert_int_equal(repeat_stored(&r).len, 0);
    repeat_wipe(&r);
}

/* Cremers' reflection: our own words come back. */
static void own_datagram_is_recognised(void **state)
{
    (void)state;
    struct repeat r;
    repeat_init(&r, true, 0);
    assert_true(repeat_sent(&r, text("1"), T0));
    assert_int_equal(repeat_judge(&r, text("1"), T0), REPEAT_OWN);
    repeat_wipe(&r);
}

static void refused_copies_are_dropped_until_something_is_accepted(void **state)
{
    (void)state;
    struct repeat r;
    repeat_init(&r, false, 0);
    repeat_refused(&r, text("bad"));
    assert_int_equal(repeat_judge(&r, text("bad"), T0), REPEAT_DUPLICATE);
    assert_int_equal(repeat_judge(&r, text("good"), T0), REPEAT_NEW);
    repeat_accepted(&r, text("good"));
    assert_int_equal(repeat_judge(&r, text("bad"), T0), REPEAT_NEW);
    repeat_wipe(&r);
}

/* More accepted messages than are remembered: the latest ones count. */
static void memory_of_messages_is_bounded(void **state)
{
    (void)state;
    struct repeat r;
    char m[2] = "a";
    repeat_init(&r, false, 0);
    for (; m[0] < 'a' + 10; m[0]++)
        repeat_accepted(&r, text(m));
    assert_int_equal(r.n_seen, REPEAT_SEEN);
    assert_int_equal(repeat_judge(&r, text("j"), T0), REPEAT_DUPLICATE);
    assert_int_equal(repeat_judge(&r, text("a"), T0), REPEAT_NEW);
    repeat_wipe(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(initiator_backs_off_and_gives_up),
        cmocka_unit_test(jitter_shortens_by_less_than_an_eighth),
        cmocka_unit_test(responder_has_no_timer),
        cmocka_unit_test(responder_answers_copies_of_the_last_message_only),
        cmocka_unit_test(a_storm_of_copies_gets_few_answers),
        cmocka_unit_test(initiator_never_answers_a_copy),
        cmocka_unit_test(an_answer_stops_the_retransmission),
        cmocka_unit_test(own_datagram_is_recognised),
        cmocka_unit_test(refused_copies_are_dropped_until_something_is_accepted),
        cmocka_unit_test(memory_of_messages_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
