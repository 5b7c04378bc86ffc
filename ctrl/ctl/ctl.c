/* SPDX-License-Identifier: BSD-3-Clause */
/* The operator socket: connections, requests cut into words, answers written out. What commands say is not its business. */
#include "ctrl/ctl/ctl.h"

#include "common/log.h"
#include "ctrl/ctl/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECTION_TIME mono_s(10)

struct connection {
    struct ctl *owner;
    int fd; /* -1 = free */
    struct loop_watch *watch;
    struct timer deadline; /* real */
    char request[CTL_MAX_REQUEST];
    size_t request_len;
    struct json json;
    struct ctl_request parsed;
    char *answer;
    size_t answer_len, answer_sent;
};

struct ctl {
    struct loop *loop;
    struct roles *roles;
    struct ctl_hooks hooks;
    int fd;
    struct loop_watch *watch;
    char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
    struct connection connections[CTL_MAX_CONNECTIONS];
};

static void end_connection(struct connection *c)
{
    if (c->fd < 0)
        return;
    loop_unwatch(c->watch);
    timer_cancel(loop_real_timers(c->owner->loop), &c->deadline);
    if (c->parsed.waits_for)
        plane_explain_cancel(c->parsed.waits_for, &c->parsed);
    close(c->fd);
    json_free(&c->json);
    free(c->answer);
    *c = (struct connection){.owner = c->owner, .fd = -1};
}

static void on_deadline(struct timer *t, mono_t now)
{
    (void)now;
    end_connection((struct connection *)((char *)t - offsetof(struct connection, deadline)));
}

static void on_writable(void *ctx)
{
    struct connection *c = ctx;
    ssize_t n = send(c->fd, c->answer + c->answer_sent, c->answer_len - c->answer_sent, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        c->answer_sent += (size_t)n;
    if (n <= 0 || c->answer_sent == c->answer_len)
        end_connection(c);
}

/* The command is done: put exit code and document together and write them when the socket takes them. */
static void answer(void *ctx, int exit_code)
{
    struct connection *c = ctx;
    char *text = json_finish(&c->json);
    int len = text ? asprintf(&c->answer, "%d\n%s\n", exit_code, text) : -1;

    c->parsed.waits_for = NULL;
    free(text);
    loop_unwatch(c->watch);
    c->watch = NULL;
    if (len < 0) {
        c->answer = NULL;
        end_connection(c);
        return;
    }
    c->answer_len = (size_t)len;
    c->watch = loop_watch_write(c->owner->loop, c->fd, on_writable, c);
    if (!c->watch)
        end_connection(c);
}

/* Cuts the request into words in place. False: it isn't complete yet. */
static bool cut_words(struct connection *c)
{
    char *at = c->request;
    struct ctl_request *r = &c->parsed;

    if (c->request_len < 2 || memcmp(c->request + c->request_len - 2, "\n\n", 2) != 0)
        return false;
    r->n_words = 0;
    while (r->n_words < CTL_MAX_WORDS && *at != '\n') {
        char *end = strchr(at, '\n');

        *end = '\0';
        r->words[r->n_words++] = at;
        at = end + 1;
    }
    return true;
}

static void on_readable(void *ctx)
{
    struct connection *c = ctx;
    size_t room = sizeof(c->request) - 1 - c->request_len;
    ssize_t n = recv(c->fd, c->request + c->request_len, room, MSG_DONTWAIT);
    int code;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || memchr(c->request + c->request_len, '\0', (size_t)n)) {
        end_connection(c);
        return;
    }
    c->request_len += (size_t)n;
    c->request[c->request_len] = '\0';
    if (c->answer || c->parsed.n_words > 0)
        return; /* talks on while we answer: ignored */
    if (!cut_words(c)) {
        if (c->request_len == sizeof(c->request) - 1)
            end_connection(c);
        return;
    }
    json_init(&c->json);
    c->parsed.roles = c->owner->roles;
    c->parsed.hooks = &c->owner->hooks;
    c->parsed.out = &c->json;
    c->parsed.done = answer;
    c->parsed.ctx = c;
    code = ctl_run(&c->parsed);
    if (code != CTL_LATER)
        answer(c, code);
}

static void on_connect(void *ctx)
{
    struct ctl *ctl = ctx;
    struct connection *c = NULL;
    struct ucred peer;
    socklen_t len = sizeof(peer);
    int fd = accept4(ctl->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0)
        return;
    for (size_t i = 0; i < CTL_MAX_CONNECTIONS && !c; i++) {
        if (ctl->connections[i].fd < 0)
            c = &ctl->connections[i];
    }
    if (!c || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || (peer.uid != 0 && peer.uid != geteuid())) {
        close(fd);
        return;
    }
    *c = (struct connection){.owner = ctl, .fd = fd, .deadline.fire = on_deadline};
    c->watch = loop_watch(ctl->loop, fd, on_readable, c);
    if (!c->watch ||
        !timer_set(loop_real_timers(ctl->loop), &c->deadline, mono_add(loop_now(ctl->loop).real, CONNECTION_TIME)))
        end_connection(c);
}

struct ctl *ctl_open(struct loop *l, struct roles *roles, const struct ctl_hooks *hooks, const char *path, int *err)
{
    struct ctl *c = calloc(1, sizeof(*c));
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    mode_t mask;
    int bound;

    *err = ENOMEM;
    if (!c)
        return NULL;
    c->loop = l;
    c->roles = roles;
    c->hooks = *hooks;
    c->fd = -1;
    for (size_t i = 0; i < CTL_MAX_CONNECTIONS; i++)
        c->connections[i] = (struct connection){.owner = c, .fd = -1};
    *err = ENAMETOOLONG;
    if (strlen(path) >= sizeof(sun.sun_path))
        goto fail;
    strcpy(sun.sun_path, path);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)unlink(path); /* ours: the lock of the run directory says that no other daemon lives there */
    mask = umask(0177);
    bound = c->fd < 0 ? -1 : bind(c->fd, (struct sockaddr *)&sun, sizeof(sun));
    *err = errno;
    umask(mask);
    if (bound < 0)
        goto fail;
    strcpy(c->path, path);
    if (listen(c->fd, CTL_MAX_CONNECTIONS) < 0) {
        *err = errno;
        goto fail;
    }
    *err = ENOMEM;
    c->watch = loop_watch(l, c->fd, on_connect, c);
    if (!c->watch)
        goto fail;
    return c;
fail:
    ctl_close(c);
    return NULL;
}

void ctl_close(struct ctl *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < CTL_MAX_CONNECTIONS; i++)
        end_connection(&c->connections[i]);
    loop_unwatch(c->watch);
    if (c->fd >= 0)
        close(c->fd);
    if (c->path[0])
        (void)unlink(c->path);
    free(c);
}
