/* SPDX-License-Identifier: BSD-3-Clause */
/* flock() goes with the process however it ends, so a lock file that stays behind means nothing. */
#include "common/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

void daemon_protect_memory(void)
{
    struct rlimit none = {0, 0};

    /* The limit alone isn't enough: a core_pattern that is a pipe ignores it. */
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L);
}

bool daemon_path(const char *run_dir, const char *path, char *out, size_t cap)
{
    int n = path[0] == '/' ? snprintf(out, cap, "%s", path) : snprintf(out, cap, "%s/%s", run_dir, path);

    return n >= 0 && (size_t)n < cap;
}

int daemon_lock(const char *run_dir, const char *name, char error[DAEMON_ERROR_MAX])
{
    char path[PATH_MAX], pid[16];
    int fd, n;

    if (mkdir(run_dir, 0755) != 0 && errno != EEXIST) {
        (void)snprintf(error, DAEMON_ERROR_MAX, "run directory %.150s: %s", run_dir, strerror(errno));
        return -1;
    }
    if (!daemon_path(run_dir, name, path, sizeof(path))) {
        (void)snprintf(error, DAEMON_ERROR_MAX, "the run directory's name is too long");
        return -1;
    }
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) {
        (void)snprintf(error, DAEMON_ERROR_MAX, "lock file %.150s: %s", path, strerror(errno));
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        (void)snprintf(error, DAEMON_ERROR_MAX, "%.150s is locked: another one runs in this run directory", path);
        close(fd);
        return -1;
    }
    n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
    if (ftruncate(fd, 0) != 0 || write(fd, pid, (size_t)n) != n) {
        (void)snprintf(error, DAEMON_ERROR_MAX, "lock file %.150s: %s", path, strerror(errno));
        close(fd);
        return -1;
    }
    return fd;
}

void daemon_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t len = path == NULL ? 0 : strlen(path);
    int fd;

    if (len < 2 || len >= sizeof(to.sun_path) || (path[0] != '/' && path[0] != '@')) {
        return;
    }
    memcpy(to.sun_path, path, len);
    if (path[0] == '@') {
        to.sun_path[0] = '\0'; /* abstract name space */
    }
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to,
                     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
        close(fd);
    }
}

bool daemon_parse_level(const char *text, enum log_level *level)
{
    static const char *const words[] = {"error", "warn", "info", "debug"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(text, words[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool daemon_parse_rate(const char *text, uint32_t *rate)
{
    char *end;
    unsigned long v = strtoul(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end != '\0' || v < 1 || v > 1000)
        return false;
    *rate = (uint32_t)v;
    return true;
}
