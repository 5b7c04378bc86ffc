/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where finished log lines go; only common/log.c uses this. It stands apart because <syslog.h> and the message ids share
 * the prefix LOG_.
 */
#ifndef GVPN_COMMON_LOG_TARGET_H
#define GVPN_COMMON_LOG_TARGET_H

/* One line without newline, everything printable. severity as in syslog; mnemonic NULL for debug text. */
struct log_line {
    const char *program;
    int severity;
    const char *mnemonic;
    const char *text;
};

/* ISO 8601 UTC time, program and text on stderr, in one write. */
void log_target_stderr(const struct log_line *l);

/* program must live as long as the process. */
void log_target_open_syslog(const char *program);
void log_target_syslog(const struct log_line *l);

/*
 * The journal's native protocol: one datagram of FIELD=value lines to /run/systemd/journal/socket. The socket is opened
 * once; what the journal doesn't take goes to stderr.
 */
void log_target_open_journal(void);
void log_target_journal(const struct log_line *l);
/* The fields of the datagram in out (cap octets); returns their length, 0 when they don't fit. */
unsigned log_target_journal_fields(const struct log_line *l, char *out, unsigned cap);

#endif
