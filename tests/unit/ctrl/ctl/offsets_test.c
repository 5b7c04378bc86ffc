/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a counter page says about replays, as JSON (DP4, DP5): bounds and names of the bins, what belongs to
 * which method, rows of other SAs, and pages that no sane data plane writes. The referee is a JSON reader of
 * another house.
 */
#include "ctrl/ctl/view.h"
#include "tests/unit/ctrl/ctl/referee.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SPI 0x1234u

struct fixture {
    struct ipc_page *page;
    struct json json;
    char *text;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    f->page = calloc(1, sizeof(*f->page));
    assert_non_null(f->page);
    f->page->sas[3].spi = SPI;
    f->page->sas[3].pseudotime_ms = 5000;
    f->page->sas[3].sequence = 77;
    f->page->sas[3].replay_time = 1;
    f->page->sas[3].replay_counter = 2;
    f->page->sas[3].replay_sender = 3;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    free(f->text);
    free(f->page);
    free(f);
    return 0;
}

static void begin(struct fixture *f)
{
    json_init(&f->json);
    json_object(&f->json);
}

static const char *end(struct fixture *f)
{
    json_end_object(&f->json);
    free(f->text);
    f->text = json_finish(&f->json);
    json_free(&f->json);
    assert_non_null(f->text);
    if (!referee_is_object(f->text))
        fail_msg("not an object: %s", f->text);
    return f->text;
}

static const char *counts(struct fixture *f, const struct ipc_page *page, enum replay_method method,
                          bool strict)
{
    begin(f);
    view_replay_counts(&f->json, page, SPI, method, strict);
    return end(f);
}

static const char *senders(struct fixture *f, const struct ipc_page *page, uint32_t spi)
{
    begin(f);
    view_senders(&f->json, page, spi);
    return end(f);
}

static struct ipc_page_sender *row(struct fixture *f, unsigned i, uint32_t spi, enum ipc_offset judgement)
{
    struct ipc_page_sender *p = &f->page->senders[i];
    const uint8_t v4[8] = {10, 1, 2, 3};

    p->spi = spi;
    p->judgement = judgement;
    p->sender_id = i + 1;
    p->family = 4;
    memcpy(&p->source[0], v4, sizeof(v4));
    return p;
}

/* A number that the method doesn't have is null, whatever an earlier SA left in the slot. */
static void each_method_has_its_own_counts(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(
        counts(f, f->page, REPLAY_TIME, false),
        "{\"data_plane_pseudotime_ms\":5000,\"sequence\":null,\"dropped_time\":1,\"dropped_counter\":null,"
        "\"dropped_sender\":null}");
    assert_non_null(strstr(counts(f, f->page, REPLAY_TIME, true),
                           "\"dropped_time\":1,\"dropped_counter\":null,\"dropped_sender\":3"));
    assert_string_equal(
        counts(f, f->page, REPLAY_COUNTER, false),
        "{\"data_plane_pseudotime_ms\":null,\"sequence\":77,\"dropped_time\":null,\"dropped_counter\":2,"
        "\"dropped_sender\":null}");
    assert_null(strpbrk(counts(f, f->page, REPLAY_NONE, false), "0123456789"));
    assert_null(strpbrk(counts(f, NULL, REPLAY_TIME, true), "0123456789"));
    f->page->sas[3].spi = SPI + 1;
    assert_null(strpbrk(counts(f, f->page, REPLAY_TIME, true), "0123456789"));
}

static void bins_are_named_and_bounded_by_the_window(void **state)
{
    struct fixture *f = *state;
    const char *text;

    begin(f);
    view_offset_bins(&f->json, 100000);
    text = end(f);
    assert_int_equal(referee_size(text, "offset_bins"), IPC_OFFSET_BINS);
    assert_non_null(strstr(text, "[{\"name\":\"far_behind\",\"from_ms\":null,\"to_ms\":-1000000},"
                                 "{\"name\":\"behind\",\"from_ms\":-1000000,\"to_ms\":-100000},"
                                 "{\"name\":\"within_1\",\"from_ms\":-100000,\"to_ms\":-75000},"));
    assert_non_null(strstr(text, "{\"name\":\"within_4\",\"from_ms\":-25000,\"to_ms\":0},"
                                 "{\"name\":\"within_5\",\"from_ms\":0,\"to_ms\":25000},"));
    assert_non_null(strstr(text, "{\"name\":\"within_8\",\"from_ms\":75000,\"to_ms\":100000},"
                                 "{\"name\":\"ahead\",\"from_ms\":100000,\"to_ms\":1000000},"
                                 "{\"name\":\"far_ahead\",\"from_ms\":1000000,\"to_ms\":null}]"));
    begin(f);
    view_offset_bins(&f->json, 0);
    assert_string_equal(end(f), "{\"offset_bins\":[]}");
}

static void a_sender_is_shown_with_verdict_and_histogram(void **state)
{
    struct fixture *f = *state;
    struct ipc_page_sender *p = row(f, 0, SPI, IPC_OFFSET_SLOW_PATH);
    const uint8_t v6[16] = {0x20, 1, 0xd, 0xb8, [15] = 7};

    p->last_ms = 4000;
    p->last_offset_ms = -1000;
    for (unsigned k = 0; k < IPC_OFFSET_BINS; k++)
        p->bins[k] = k + 1;
    assert_string_equal(
        senders(f, f->page, SPI),
        "{\"senders\":[{\"sender_id\":1,\"source\":\"10.1.2.3\",\"verdict\":\"slow-path\",\"last_pseudotime_"
        "ms\":4000,"
        "\"last_offset_ms\":-1000,\"samples\":78,\"histogram\":{\"far_behind\":1,\"behind\":2,\"within_1\":3,"
        "\"within_2\":4,\"within_3\":5,\"within_4\":6,\"within_5\":7,\"within_6\":8,\"within_7\":9,\"within_"
        "8\":10,"
        "\"ahead\":11,\"far_ahead\":12}}]}");
    p->sender_id = UINT64_MAX; /* a suite without */
    p->family = 6;
    memcpy(&p->source[0], v6, sizeof(v6));
    assert_non_null(strstr(senders(f, f->page, SPI), "{\"sender_id\":null,\"source\":\"2001:db8::7\""));
}

static void every_verdict_has_its_word(void **state)
{
    static const char *const words[] = {"ok", "sender-clock-jumped", "slow-path", "stale-epoch", "own-clock"};
    struct fixture *f = *state;
    char key[64];

    assert_int_equal(sizeof(words) / sizeof(words[0]), IPC_OFFSET_COUNT);
    for (unsigned i = 0; i < IPC_OFFSET_COUNT; i++) {
        row(f, 0, SPI, i);
        snprintf(key, sizeof(key), "\"verdict\":\"%s\"", words[i]);
        assert_non_null(strstr(senders(f, f->page, SPI), key));
    }
}

static void rows_belong_to_their_sa(void **state)
{
    struct fixture *f = *state;

    row(f, 0, SPI, IPC_OFFSET_FINE);
    row(f, 1, SPI + 1, IPC_OFFSET_FINE);
    row(f, IPC_PAGE_SENDERS - 1, SPI, IPC_OFFSET_FINE);
    assert_int_equal(referee_size(senders(f, f->page, SPI), "senders"), 2);
    assert_int_equal(referee_size(senders(f, f->page, SPI + 1), "senders"), 1);
    assert_int_equal(referee_size(senders(f, f->page, SPI + 2), "senders"), 0);
    assert_int_equal(referee_size(senders(f, NULL, SPI), "senders"), 0);
}

/* Numbers stay within what readers of JSON take: an authentic sender may stamp anything, and a broken data
 * plane write it. */
static void nothing_in_the_page_is_trusted(void **state)
{
    struct fixture *f = *state;
    struct ipc_page_sender *p = row(f, 0, SPI, IPC_OFFSET_FINE);

    memset(f->page->sas, 0xff, sizeof(f->page->sas));
    f->page->sas[0].spi = SPI;
    assert_non_null(strstr(counts(f, f->page, REPLAY_TIME, true), "\"dropped_sender\":9223372036854775807"));
    p->last_ms = UINT64_MAX;
    p->last_offset_ms = INT64_MIN;
    p->sender_id = UINT64_MAX - 1;
    p->family = 5;
    memset(p->bins, 0xff, sizeof(p->bins));
    assert_non_null(
        strstr(senders(f, f->page, SPI),
               "{\"sender_id\":9223372036854775807,\"source\":null,\"verdict\":\"ok\","
               "\"last_pseudotime_ms\":9223372036854775807,\"last_offset_ms\":-9223372036854775808,"
               "\"samples\":9223372036854775807,\"histogram\":{\"far_behind\":9223372036854775807,"));
    p->judgement = IPC_OFFSET_COUNT;
    assert_int_equal(referee_size(senders(f, f->page, SPI), "senders"), 0);
    p->judgement = UINT32_MAX;
    assert_int_equal(referee_size(senders(f, f->page, SPI), "senders"), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(each_method_has_its_own_counts),
        T(bins_are_named_and_bounded_by_the_window),
        T(a_sender_is_shown_with_verdict_and_histogram),
        T(every_verdict_has_its_word),
        T(rows_belong_to_their_sa),
        T(nothing_in_the_page_is_trusted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
