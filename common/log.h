/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Operator messages: every one has an id with mnemonic, severity, text and rate limit in one table (common/log_msgs.h),
 * e.g. `%GDOI-5-GM_REGS_COMPL: Registration to KS 10.0.0.1 complete for group GETVPN using address 10.0.0.2` (OP3).
 * Free text is for debug only. What came from the wire is escaped, so it can't forge a line or reach a terminal.
 */
#ifndef GVPN_COMMON_LOG_H
#define GVPN_COMMON_LOG_H

#include "common/buf.h"
#include "common/mono.h"

#include "common/log_msgs.h" /* LOG_MSGS(X): X(id, facility, severity, per_second, text) */

enum log_id {
#define X(id, facility, severity, per_second, text) LOG_##id,
    LOG_MSGS(X)
#undef X
        LOG_ID_COUNT
};

/* The texts as constants, so that the compiler checks arguments against them. */
#define X(id, facility, severity, per_second, text)                                                                    \
    static const char log_text_##id[] __attribute__((unused)) = text;
LOG_MSGS(X)
#undef X

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_target { LOG_TO_STDERR, LOG_TO_SYSLOG, LOG_TO_JOURNAL };

/*
 * Process-wide set-up; the log is the one piece of global state. `program` must live as long as the process. Before it,
 * messages of level info go to stderr. No call here changes errno.
 */
void log_open(const char *program, enum log_level level, enum log_target to);
void log_set_level(enum log_level level);
enum log_level log_level(void);
/*
 * The clock for rate limits: the loop sets it before it handles anything. Real time, not scaled. A limit of N per second
 * allows a burst of N; what it held back is counted and told in one line here, a second after the first of it.
 */
void log_set_now(mono_t now);
/*
 * Where messages also go (the event ring behind `show events`, or a test), whatever the level; NULL = nowhere. The line
 * starts at the `%`, is printable and is valid during the call only.
 */
void log_set_sink(void (*sink)(void *ctx, enum log_id id, const char *line), void *ctx);

/* log_msg(GM_REGS_COMPL, ks, group, addr): arguments as the table's text wants them, at least one. */
#define log_msg(id, ...) log_emit(LOG_##id, log_text_##id, __VA_ARGS__)
void log_emit(enum log_id id, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Only shown at level debug. area: "ike", "gdoi", "ks", "gm", "dp", ... */
void log_debug(const char *area, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* For `show log-messages`: mnemonic ("GDOI-5-GM_REGS_COMPL") and text of an id; NULL for other numbers. */
const char *log_mnemonic(enum log_id id);
const char *log_text(enum log_id id);
/* Lines not written because of their rate limit, since start. */
uint64_t log_suppressed(void);
/*
 * Copies len octets of foreign text to out (cap octets, NUL included), everything outside printable ASCII as \xNN and
 * backslash doubled; cut with "..." when it doesn't fit. Returns out.
 */
const char *log_escape(const void *text, size_t len, char *out, size_t cap);

#endif
