/* SPDX-License-Identifier: BSD-3-Clause */
/* The ring behind `show events`: the last 1000 messages in order, whatever the log's level, and nothing of debug (OP4). */
#include "ctrl/run/events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void it_keeps_the_latest_in_order(void **state)
{
    struct events *e = events_new();
    char text[16];

    (void)state;
    assert_non_null(e);
    assert_int_equal(events_count(e), 0);
    for (unsigned i = 0; i < EVENTS_MAX + 7; i++) {
        snprintf(text, sizeof(text), "%u", i);
        log_msg(CONFIG_LINT, text);
        log_debug("test", "%u", i);
    }
    assert_int_equal(events_count(e), EVENTS_MAX);
    assert_int_equal(events_total(e), EVENTS_MAX + 7);
    for (unsigned i = 0; i < EVENTS_MAX; i++) {
        snprintf(text, sizeof(text), "%u", i + 7);
        assert_string_equal(events_at(e, i)->text, text);
        assert_int_equal(events_at(e, i)->id, LOG_CONFIG_LINT);
        assert_true(i == 0 || events_at(e, i)->unix_ms >= events_at(e, i - 1)->unix_ms);
    }
    events_free(e);
    log_msg(CONFIG_LINT, "nobody listens");
}

static void long_texts_are_cut_and_show_it(void **state)
{
    struct events *e = events_new();
    char text[2 * EVENTS_TEXT_MAX];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    log_msg(CONFIG_LINT, text);
    assert_int_equal(strlen(events_at(e, 0)->text), EVENTS_TEXT_MAX - 1);
    assert_string_equal(events_at(e, 0)->text + EVENTS_TEXT_MAX - 5, "x...");
    text[EVENTS_TEXT_MAX - 1] = '\0'; /* just fits */
    log_msg(CONFIG_LINT, text);
    assert_string_equal(events_at(e, 1)->text, text);
    events_free(e);
}

static void time_is_utc_with_milliseconds(void **state)
{
    char text[EVENTS_TIME_MAX];

    (void)state;
    assert_string_equal(events_time_text(0, text), "1970-01-01T00:00:00.000Z");
    assert_string_equal(events_time_text(1000000000123, text), "2001-09-09T01:46:40.123Z");
    assert_string_equal(events_time_text(1709210096007, text), "2024-02-29T12:34:56.007Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_keeps_the_latest_in_order),
        cmocka_unit_test(long_texts_are_cut_and_show_it),
        cmocka_unit_test(time_is_utc_with_milliseconds),
    };

    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
