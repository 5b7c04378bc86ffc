/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Operator messages (OP3): filter, rate limit, format, escape, hand on. The table is in log_msgs.h, the targets are in
 * log_target.c. May be called from any thread; the sink and the targets are called without the lock.
 */
#include "common/log.h"
#include "common/log_target.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_OCTETS 2048
#define SECOND_NS 1000000000

static const struct message {
    const char *mnemonic, *text;
    int severity;
    int per_second; /* 0 = never limited */
} messages[LOG_ID_COUNT] = {
#define X(id, facility, severity, per_second, text)                                                                    \
    [LOG_##id] = {facility "-" #severity "-" #id, text, severity, per_second},
    LOG_MSGS(X)
#undef X
};

/* A leaky bucket per message: every line adds a second's worth of nanoseconds, time drains per_second of it. */
struct bucket {
    mono_t drained_at;
    int64_t level;
    uint64_t suppressed; /* not yet told */
    mono_t suppressed_since;
};

static struct {
    pthread_mutex_t lock; /* for now, buckets and suppressed */
    const char *program;
    enum log_level level;
    enum log_target to;
    void (*sink)(void *ctx, enum log_id id, const char *line);
    void *sink_ctx;
    mono_t now;
    bool any_suppressed;
    uint64_t suppressed;
    struct bucket buckets[LOG_ID_COUNT];
} g = {.lock = PTHREAD_MUTEX_INITIALIZER, .level = LOG_LEVEL_INFO};

void log_open(const char *program, enum log_level level, enum log_target to)
{
    int saved_errno = errno;
    g.program = program;
    g.level = level;
    g.to = to;
    if (to == LOG_TO_SYSLOG)
        log_target_open_syslog(program);
    else if (to == LOG_TO_JOURNAL)
        log_target_open_journal();
    errno = saved_errno;
}

void log_set_level(enum log_level level)
{
    g.level = level;
}

enum log_level log_level(void)
{
    return g.level;
}

void log_set_sink(void (*sink)(void *ctx, enum log_id id, const char *line), void *ctx)
{
    g.sink = sink;
    g.sink_ctx = ctx;
}

/* Appends to out what stands for octet c: itself, \\ or \xNN. Returns its length. */
static size_t escape_octet(unsigned char c, bool double_backslash, char out[5])
{
    if (c < 0x20 || c > 0x7e)
        return (size_t)snprintf(out, 5, "\\x%02x", c);
    bool twice = c == '\\' && double_backslash;
    return (size_t)snprintf(out, 5, twice ? "%c%c" : "%c", c, c);
}

static void escape(const char *text, size_t len, bool double_backslash, char *out, size_t cap)
{
    size_t n = 0, cut = 0; /* cut: where "..." still fits behind whole units */
    if (cap == 0)
        return;
    for (size_t i = 0; i < len; i++) {
        char unit[5];
        size_t unit_len = escape_octet((unsigned char)text[i], double_backslash, unit);
        if (n + unit_len + 1 > cap) {
            snprintf(out + cut, cap - cut, "...");
            return;
        }
        memcpy(out + n, unit, unit_len);
        n += unit_len;
        if (n + 4 <= cap)
            cut = n;
    }
    out[n] = '\0';
}

const char *log_escape(const void *text, size_t len, char *out, size_t cap)
{
    escape(text, len, true, out, cap);
    return out;
}

static bool shown(int severity)
{
    static const int least[] = {[LOG_LEVEL_ERROR] = 3, [LOG_LEVEL_WARN] = 4, [LOG_LEVEL_INFO] = 6, [LOG_LEVEL_DEBUG] = 7};
    return severity <= least[g.level];
}

/* Escapes a whole line (backslashes stay: arguments that need it were doubled before) and writes it where it belongs. */
static void hand_on(int severity, const char *mnemonic, enum log_id id, const char *raw)
{
    char line[LINE_MAX_OCTETS];
    escape(raw, strlen(raw), false, line, sizeof(line));
    if (mnemonic != NULL && g.sink != NULL)
        g.sink(g.sink_ctx, id, line);
    if (!shown(severity))
        return;
    struct log_line l = {.program = g.program != NULL ? g.program : program_invocation_short_name,
                         .severity = severity, .mnemonic = mnemonic, .text = line};
    switch (g.to) {
    case LOG_TO_STDERR:
        log_target_stderr(&l);
        break;
    case LOG_TO_SYSLOG:
        log_target_syslog(&l);
        break;
    case LOG_TO_JOURNAL:
        log_target_journal(&l);
        break;
    }
}

static void drain(struct bucket *b, int per_second, mono_t now)
{
    int64_t elapsed = mono_sub(now, b->drained_at).ns;
    if (elapsed <= 0)
        return;
    b->level -= (elapsed < SECOND_NS ? elapsed : SECOND_NS) * per_second;
    if (b->level < 0)
        b->level = 0;
    b->drained_at = now;
}

/* Takes one line's worth from the bucket; false when the line must not be written. */
static bool admit(enum log_id id)
{
    int64_t per_second = messages[id].per_second;
    struct bucket *b = &g.buckets[id];
    if (per_second == 0)
        return true;
    pthread_mutex_lock(&g.lock);
    drain(b, messages[id].per_second, g.now);
    bool ok = b->level + SECOND_NS <= per_second * SECOND_NS;
    if (ok) {
        b->level += SECOND_NS;
    } else {
        if (b->suppressed++ == 0)
            b->suppressed_since = g.now;
        g.any_suppressed = true;
        g.suppressed++;
    }
    pthread_mutex_unlock(&g.lock);
    return ok;
}

/* Takes the count of a message that was suppressed a second ago or longer; 0 = nothing to tell yet. */
static uint64_t take_suppressed(enum log_id id)
{
    struct bucket *b = &g.buckets[id];
    uint64_t n = 0;
    pthread_mutex_lock(&g.lock);
    if (b->suppressed > 0 && mono_reached(mono_add(b->suppressed_since, mono_s(1)), g.now)) {
        n = b->suppressed;
        b->suppressed = 0;
    }
    g.any_suppressed |= b->suppressed > 0;
    pthread_mutex_unlock(&g.lock);
    return n;
}

static void tell_suppressed(void)
{
    for (unsigned id = 0; id < LOG_ID_COUNT; id++) {
        char raw[128];
        uint64_t n = take_suppressed(id);
        if (n == 0)
            continue;
        snprintf(raw, sizeof(raw), "%%%s: %llu more of these were suppressed", messages[id].mnemonic,
                 (unsigned long long)n);
        hand_on(messages[id].severity, messages[id].mnemonic, id, raw);
    }
}

void log_set_now(mono_t now)
{
    int saved_errno = errno;
    pthread_mutex_lock(&g.lock);
    g.now = now;
    bool tell = g.any_suppressed;
    g.any_suppressed = false;
    pthread_mutex_unlock(&g.lock);
    if (tell)
        tell_suppressed();
    errno = saved_errno;
}

/* Formats into raw behind what is there already (`used` octets); shows with "..." that it was cut. */
__attribute__((format(printf, 3, 0))) static void format(char raw[LINE_MAX_OCTETS], int used, const char *fmt, va_list args)
{
    size_t left = LINE_MAX_OCTETS - (size_t)used;
    int n = vsnprintf(raw + used, left, fmt, args);
    if (n >= 0 && (size_t)n >= left)
        memcpy(raw + LINE_MAX_OCTETS - 4, "...", 4);
}

void log_emit(enum log_id id, const char *fmt, ...)
{
    int saved_errno = errno;
    if ((unsigned)id < LOG_ID_COUNT && (g.sink != NULL || shown(messages[id].severity)) && admit(id)) {
        char raw[LINE_MAX_OCTETS];
        int used = snprintf(raw, sizeof(raw), "%%%s: ", messages[id].mnemonic);
        va_list args;
        va_start(args, fmt);
        errno = saved_errno; /* for %m */
        format(raw, used, fmt, args);
        va_end(args);
        hand_on(messages[id].severity, messages[id].mnemonic, id, raw);
    }
    errno = saved_errno;
}

void log_debug(const char *area, const char *fmt, ...)
{
    int saved_errno = errno;
    if (shown(7)) {
        char raw[LINE_MAX_OCTETS];
        int used = snprintf(raw, sizeof(raw), "%.32s: ", area);
        va_list args;
        va_start(args, fmt);
        errno = saved_errno;
        format(raw, used, fmt, args);
        va_end(args);
        hand_on(7, NULL, LOG_ID_COUNT, raw);
    }
    errno = saved_errno;
}

const char *log_mnemonic(enum log_id id)
{
    return (unsigned)id < LOG_ID_COUNT ? messages[id].mnemonic : NULL;
}

const char *log_text(enum log_id id)
{
    return (unsigned)id < LOG_ID_COUNT ? messages[id].text : NULL;
}

uint64_t log_suppressed(void)
{
    pthread_mutex_lock(&g.lock);
    uint64_t n = g.suppressed;
    pthread_mutex_unlock(&g.lock);
    return n;
}
