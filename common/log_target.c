/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stderr, syslog and the journal. Reads the wall clock, which nothing else in the daemons does: for the time in front of a
 * line on stderr. syslog and journal put their own.
 */
#include "common/log_target.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_OCTETS 4096

static int journal_fd = -1;

void log_target_stderr(const struct log_line *l)
{
    char line[LINE_MAX_OCTETS];
    struct timespec now;
    struct tm tm;
    char when[32];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
    int len = snprintf(line, sizeof(line), "%s.%03ldZ %s[%d]: %s\n", when, now.tv_nsec / 1000000, l->program,
                       (int)getpid(), l->text);
    if (len < 0)
        return;
    size_t n = (size_t)len < sizeof(line) ? (size_t)len : sizeof(line) - 1;
    line[n - 1] = '\n';
    if (write(STDERR_FILENO, line, n) < 0)
        return; /* nobody is left to tell */
}

void log_target_open_syslog(const char *program)
{
    openlog(program, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

void log_target_syslog(const struct log_line *l)
{
    syslog(l->severity, "%s", l->text);
}

void log_target_open_journal(void)
{
    if (journal_fd < 0)
        journal_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

unsigned log_target_journal_fields(const struct log_line *l, char *out, unsigned cap)
{
    int len = snprintf(out, cap, "MESSAGE=%s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=%s\nGVPN_MESSAGE=%s\n", l->text, l->severity,
                       l->program, l->mnemonic != NULL ? l->mnemonic : "DEBUG");
    return len < 0 || (unsigned)len >= cap ? 0 : (unsigned)len;
}

void log_target_journal(const struct log_line *l)
{
    static const struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket"};
    char fields[LINE_MAX_OCTETS];
    struct sockaddr_un addr = to;
    unsigned len = log_target_journal_fields(l, fields, sizeof(fields));
    if (len == 0 || journal_fd < 0 ||
        sendto(journal_fd, fields, len, MSG_NOSIGNAL, (struct sockaddr *)&addr, sizeof(addr)) < 0)
        log_target_stderr(l);
}
