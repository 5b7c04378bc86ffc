/* SPDX-License-Identifier: BSD-3-Clause */
/* Operator messages: form, levels, escaping, rate limits, errno. The sink and a captured stderr are the witnesses. */
#include "common/log.h"
#include "common/log_target.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <regex.h>
#include <unistd.h>

#include <cmocka.h>

static char last[4096];
static enum log_id last_id;
static unsigned lines;
static int64_t now_s; /* tests share the log: each goes on where the one before stopped */

static void keep(void *ctx, enum log_id id, const char *line)
{
    assert_ptr_equal(ctx, &lines);
    snprintf(last, sizeof(last), "%s", line);
    last_id = id;
    lines++;
}

static int start(void **state)
{
    (void)state;
    log_open("gvpn-test", LOG_LEVEL_ERROR, LOG_TO_STDERR);
    now_s += 100;
    log_set_now(mono_s(now_s));
    log_set_sink(keep, &lines);
    lines = 0;
    last[0] = '\0';
    return 0;
}

static int stop(void **state)
{
    (void)state;
    log_set_sink(NULL, NULL);
    return 0;
}

/* stderr goes to a file between these two; the second gives what was written. */
static int kept_stderr;
static FILE *capture;

static void capture_begin(void)
{
    fflush(stderr);
    kept_stderr = dup(STDERR_FILENO);
    capture = tmpfile();
    assert_non_null(capture);
    assert_int_equal(dup2(fileno(capture), STDERR_FILENO), STDERR_FILENO);
}

static size_t capture_end(char *out, size_t cap)
{
    dup2(kept_stderr, STDERR_FILENO);
    close(kept_stderr);
    rewind(capture);
    size_t n = fread(out, 1, cap - 1, capture);
    out[n] = '\0';
    fclose(capture);
    return n;
}

static bool matches(const char *text, const char *pattern)
{
    regex_t re;
    assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
    bool ok = regexec(&re, text, 0, NULL, 0) == 0;
    regfree(&re);
    return ok;
}

static void a_message_has_its_mnemonic(void **state)
{
    (void)state;
    log_msg(GM_REGS_COMPL, "10.0.0.1", "GETVPN", "10.0.0.2");
    assert_string_equal(last, "%GDOI-5-GM_REGS_COMPL: Registration to KS 10.0.0.1 complete for group GETVPN using address "
                              "10.0.0.2");
    assert_int_equal(last_id, LOG_GM_REGS_COMPL);
    assert_string_equal(log_mnemonic(LOG_IKE_DROP), "IKE-4-IKE_DROP");
    assert_string_equal(log_text(LOG_IKE_DROP), "datagram from %s dropped: %s");
    assert_null(log_mnemonic(LOG_ID_COUNT));
    assert_null(log_text(LOG_ID_COUNT));
}

static void every_message_has_facility_severity_and_text(void **state)
{
    (void)state;
    for (unsigned id = 0; id < LOG_ID_COUNT; id++) {
        assert_true(matches(log_mnemonic(id), "^[A-Z]+-[13-6]-[A-Z0-9_]+$"));
        assert_non_null(strchr(log_text(id), '%')); /* log_msg() needs an argument */
    }
}

static void stderr_lines_have_time_and_program(void **state)
{
    (void)state;
    char out[4096], pattern[256];
    log_set_level(LOG_LEVEL_DEBUG);
    capture_begin();
    log_msg(CONFIG_ERROR, "a.yaml:1:2: no");
    log_debug("ike", "%d of %s", 7, "x");
    capture_end(out, sizeof(out));
    char *newline = strchr(out, '\n');
    assert_non_null(newline);
    *newline = '\0';
    snprintf(pattern, sizeof(pattern), "^%s gvpn-test\\[%d\\]: %s$",
             "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z", (int)getpid(),
             "%GVPN-3-CONFIG_ERROR: a\\.yaml:1:2: no");
    assert_true(matches(out, pattern));
    assert_true(matches(newline + 1, ": ike: 7 of x\n$"));
}

static unsigned lines_on_stderr(enum log_level level)
{
    char out[4096];
    unsigned n = 0;
    log_set_level(level);
    assert_int_equal(log_level(), level);
    capture_begin();
    log_msg(CONFIG_ERROR, "severity 3");
    log_msg(CONFIG_LINT, "severity 4");
    log_msg(GM_FAIL_CLOSE, "severity 4");
    log_msg(DAEMON_STOP, "severity 5", "x");
    log_msg(POLICY_INSTALLED, 1ull, 2u, 3u, 4u);
    log_debug("gm", "severity 7");
    size_t len = capture_end(out, sizeof(out));
    for (size_t i = 0; i < len; i++)
        n += out[i] == '\n';
    return n;
}

static void levels_filter_the_target_not_the_sink(void **state)
{
    (void)state;
    assert_int_equal(lines_on_stderr(LOG_LEVEL_ERROR), 1);
    assert_int_equal(lines_on_stderr(LOG_LEVEL_WARN), 3);
    assert_int_equal(lines_on_stderr(LOG_LEVEL_INFO), 5);
    assert_int_equal(lines_on_stderr(LOG_LEVEL_DEBUG), 6);
    assert_int_equal(lines, 4 * 5); /* debug text is no event */
}

static void a_line_cannot_be_forged(void **state)
{
    (void)state;
    log_msg(CONFIG_LINT, "a\nb\r\x1b[2J\x7f\xc3\xa9\\x");
    assert_string_equal(last, "%GVPN-4-CONFIG_LINT: a\\x0ab\\x0d\\x1b[2J\\x7f\\xc3\\xa9\\x");
}

static void long_lines_are_cut_visibly(void **state)
{
    (void)state;
    char long_text[5000];
    memset(long_text, 'a', sizeof(long_text));
    long_text[sizeof(long_text) - 1] = '\0';
    log_msg(CONFIG_LINT, long_text);
    assert_true(strlen(last) > 1000 && strlen(last) < 2048);
    assert_string_equal(last + strlen(last) - 4, "a...");
    memset(long_text, '\n', sizeof(long_text) - 1);
    log_msg(CONFIG_LINT, long_text);
    assert_string_equal(last + strlen(last) - 7, "\\x0a...");
}

static void escapes_foreign_text(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        size_t len, cap;
        const char *out;
    } cases[] = {
        {"abc", 3, 4, "abc"},      {"abcd", 4, 4, "..."},     {"abcde", 5, 5, "a..."},   {"a\0b", 3, 16, "a\\x00b"},
        {"\\", 1, 16, "\\\\"},     {"\x1f ~\x7f", 4, 16, "\\x1f ~\\x7f"},                 {"", 0, 1, ""},
        {"\n\n", 2, 9, "\\x0a\\x0a"}, {"\n\n", 2, 8, "\\x0a..."}, {"\n\n", 2, 7, "..."}, {"ab", 2, 2, "."},
        {"ab", 2, 1, ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *out = malloc(cases[i].cap); /* exact, for the sanitizer */
        assert_string_equal(log_escape(cases[i].in, cases[i].len, out, cases[i].cap), cases[i].out);
        free(out);
    }
    char untouched = 'x';
    log_escape("abc", 3, &untouched, 0);
    assert_int_equal(untouched, 'x');
}

static void drop(unsigned times)
{
    while (times-- > 0)
        log_msg(IKE_DROP, "10.0.0.1:848", "no");
}

static void a_burst_is_as_long_as_the_limit(void **state)
{
    (void)state;
    uint64_t before = log_suppressed();
    drop(5);
    assert_int_equal(lines, 5);
    assert_int_equal(log_suppressed() - before, 0);
    drop(1);
    assert_int_equal(lines, 5);
    drop(9);
    assert_int_equal(log_suppressed() - before, 10);
    log_msg(CONFIG_LINT, "others go on"); /* limits are per message */
    assert_int_equal(lines, 6);
}

static void what_was_suppressed_is_told_once(void **state)
{
    (void)state;
    drop(12);
    lines = 0;
    log_set_now(mono_add(mono_s(now_s), mono_ms(999)));
    assert_int_equal(lines, 0);
    log_set_now(mono_add(mono_s(now_s), mono_s(1)));
    assert_int_equal(lines, 1);
    assert_string_equal(last, "%IKE-4-IKE_DROP: 7 more of these were suppressed");
    log_set_now(mono_add(mono_s(now_s), mono_s(3)));
    assert_int_equal(lines, 1);
}

static void the_bucket_refills_evenly(void **state)
{
    (void)state;
    drop(5);
    lines = 0;
    log_set_now(mono_add(mono_s(now_s), mono_ms(199)));
    drop(1);
    assert_int_equal(lines, 0);
    log_set_now(mono_add(mono_s(now_s), mono_ms(200)));
    drop(2);
    assert_int_equal(lines, 1);
    log_set_now(mono_add(mono_s(now_s), mono_ms(600)));
    drop(9);
    assert_int_equal(lines, 3);
    log_set_now(mono_add(mono_s(now_s), mono_s(50)));
    lines = 0;
    drop(9);
    assert_int_equal(lines, 5); /* never more than one full bucket */
}

static void unlimited_messages_are_never_held_back(void **state)
{
    (void)state;
    uint64_t before = log_suppressed();
    for (int i = 0; i < 1000; i++)
        log_msg(CONFIG_LINT, "x");
    assert_int_equal(lines, 1000);
    assert_int_equal(log_suppressed(), before);
}

static void errno_survives(void **state)
{
    (void)state;
    log_set_level(LOG_LEVEL_DEBUG);
    int kept = dup(STDERR_FILENO);
    close(STDERR_FILENO); /* write fails with EBADF */
    errno = ENOTTY;
    log_msg(CONFIG_ERROR, "x");
    int after_msg = errno;
    log_debug("x", "%s", "x");
    int after_debug = errno;
    log_open("gvpn-test", LOG_LEVEL_INFO, LOG_TO_JOURNAL);
    log_msg(CONFIG_ERROR, "a test of gvpn writes this line");
    int after_journal = errno;
    log_open("gvpn-test", LOG_LEVEL_INFO, LOG_TO_STDERR);
    drop(20);
    log_set_now(mono_s(now_s + 5));
    int after_now = errno;
    dup2(kept, STDERR_FILENO);
    close(kept);
    assert_int_equal(after_msg, ENOTTY);
    assert_int_equal(after_debug, ENOTTY);
    assert_int_equal(after_journal, ENOTTY);
    assert_int_equal(after_now, ENOTTY);
}

static void journal_fields(void **state)
{
    (void)state;
    char out[256];
    struct log_line l = {"gvpnd", 5, "GDOI-5-X", "%GDOI-5-X: text"};
    static const char expected[] =
        "MESSAGE=%GDOI-5-X: text\nPRIORITY=5\nSYSLOG_IDENTIFIER=gvpnd\nGVPN_MESSAGE=GDOI-5-X\n";
    assert_int_equal(log_target_journal_fields(&l, out, sizeof(out)), sizeof(expected) - 1);
    assert_string_equal(out, expected);
    assert_int_equal(log_target_journal_fields(&l, out, sizeof(expected) - 1), 0);
    assert_int_equal(log_target_journal_fields(&l, out, sizeof(expected)), sizeof(expected) - 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
    const struct CMUnitTest tests[] = {
        T(a_message_has_its_mnemonic),
        T(every_message_has_facility_severity_and_text),
        T(stderr_lines_have_time_and_program),
        T(levels_filter_the_target_not_the_sink),
        T(a_line_cannot_be_forged),
        T(long_lines_are_cut_visibly),
        T(escapes_foreign_text),
        T(a_burst_is_as_long_as_the_limit),
        T(what_was_suppressed_is_told_once),
        T(the_bucket_refills_evenly),
        T(unlimited_messages_are_never_held_back),
        T(errno_survives),
        T(journal_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
