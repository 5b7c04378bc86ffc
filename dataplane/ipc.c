/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The data plane's end of the IPC. A connection is in one of two places: `waiting` (accepted, its ATTACH hasn't
 * come; four places, a second each) or `channel` (the one controller). While a snapshot settles or an answer doesn't
 * fit the ring, no further message is taken, so everything is answered in order without a queue.
 */
#include "dataplane/ipc.h"

#include "common/log.h"
#include "dataplane/snap.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAITING_MAX   4
#define HANDSHAKE_MS  1000
#define MESSAGES_MAX  256 /* taken per poll, so that the control thread gets to its other work */
#define IDLE_MS       1000

struct waiting {
    int fd; /* -1 = free */
    mono_t until;
};

struct ipc_server {
    struct ipc_server_config config;
    char *path;
    int epoll, listener;
    struct waiting waiting[WAITING_MAX];
    struct ipc_channel channel;

    bool more;           /* stopped although messages may be waiting */
    bool open;           /* between BEGIN and COMMIT */
    uint64_t epoch;      /* of the newest BEGIN */
    uint64_t last_epoch; /* largest of this attach */
    uint32_t n_messages; /* since BEGIN */
    const char *misordered; /* what is wrong with the open transaction, NULL = nothing */
    bool settling;       /* answer is an ACK that waits for the workers */
    bool has_answer;
    struct ipc_msg answer; /* not sent yet */
    uint64_t events_lost;
};

/* ---- life ---- */

static void watch(struct ipc_server *s, int fd)
{
    struct epoll_event e = {.events = EPOLLIN};
    /* Failure costs a delay of at most a second: poll() looks at everything. */
    (void)epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e);
}

struct ipc_server *ipc_server_new(const struct ipc_server_config *config, char reason[IPC_TEXT_MAX])
{
    struct ipc_server *s = calloc(1, sizeof(*s));
    if (!s) {
        snprintf(reason, IPC_TEXT_MAX, "out of memory");
        return NULL;
    }
    s->config = *config;
    s->listener = -1;
    ipc_channel_init(&s->channel);
    for (size_t i = 0; i < WAITING_MAX; i++)
        s->waiting[i].fd = -1;
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    s->path = strdup(config->path);
    if (s->epoll < 0 || !s->path) {
        snprintf(reason, IPC_TEXT_MAX, "out of memory or descriptors");
        ipc_server_free(s);
        return NULL;
    }
    s->listener = ipc_listen(s->path);
    if (s->listener < 0) {
        snprintf(reason, IPC_TEXT_MAX, "can't listen on %.100s: %s", config->path, strerror(-s->listener));
        ipc_server_free(s);
        return NULL;
    }
    watch(s, s->listener);
    return s;
}

void ipc_server_free(struct ipc_server *s)
{
    if (!s)
        return;
    ipc_channel_close(&s->channel, false);
    for (size_t i = 0; i < WAITING_MAX; i++)
        if (s->waiting[i].fd >= 0)
            close(s->waiting[i].fd);
    if (s->listener >= 0) {
        close(s->listener);
        unlink(s->path);
    }
    if (s->epoll >= 0)
        close(s->epoll);
    free(s->path);
    free(s);
}

static void tell_owner(struct ipc_server *s, bool attached, const char *text)
{
    if (s->config.attached)
        s->config.attached(s->config.ctx, attached, text);
}

static void set_epoch(struct ipc_server *s)
{
    atomic_store_explicit(&s->config.page.page->epoch, s->epoch, memory_order_relaxed);
}

static void detach(struct ipc_server *s, const char *why)
{
    if (s->settling)
        set_epoch(s); /* published already: nobody is left to wait for the last worker */
    /* gvpnd may hold the eventfd on, so that closing ours would leave it in the epoll set. */
    (void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, s->channel.wake_self, NULL);
    ipc_channel_close(&s->channel, false);
    snap_forget(s->config.store); /* it may have died in mid-transaction */
    s->more = s->open = s->settling = s->has_answer = false;
    tell_owner(s, false, why);
}

/* ---- handshakes ---- */

static void accept_all(struct ipc_server *s, mono_t now)
{
    for (int tries = 0; tries < WAITING_MAX; tries++) {
        int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
            return;
        size_t i = 0;
        while (i < WAITING_MAX && s->waiting[i].fd >= 0)
            i++;
        if (!ipc_peer_allowed(fd) || i == WAITING_MAX) {
            ipc_refuse(fd, i == WAITING_MAX ? "too many connections wait" : "not root and not our own user");
            continue;
        }
        s->waiting[i] = (struct waiting){fd, mono_add(now, mono_ms(HANDSHAKE_MS))};
        watch(s, fd);
    }
}

static void start(struct ipc_server *s, int fd)
{
    char reason[IPC_TEXT_MAX];
    if (s->channel.sock >= 0) {
        ipc_refuse(fd, "another controller is attached");
        return;
    }
    if (!ipc_accept(&s->channel, fd, &s->config.hello, &s->config.page, reason)) {
        tell_owner(s, false, reason);
        return;
    }
    watch(s, s->channel.wake_self); /* the socket is watched since it was accepted */
    s->epoch = s->last_epoch = 0;
    s->more = true; /* look at once: until it sleeps nobody wakes it */
    tell_owner(s, true, NULL);
}

static void serve_waiting(struct ipc_server *s, mono_t now)
{
    for (size_t i = 0; i < WAITING_MAX; i++) {
        struct waiting *w = &s->waiting[i];
        struct pollfd p = {.fd = w->fd, .events = POLLIN};
        if (w->fd < 0)
            continue;
        if (poll(&p, 1, 0) == 1) {
            start(s, w->fd);
        } else if (mono_reached(w->until, now)) {
            ipc_refuse(w->fd, "no attach message within a second");
        } else {
            continue;
        }
        w->fd = -1;
    }
}

/* ---- transactions ---- */

static void answer_ack(struct ipc_server *s, enum ipc_result result, const char *reason)
{
    s->answer = (struct ipc_msg){.type = IPC_ACK, .u.ack = {.epoch = s->epoch, .result = result}};
    snprintf(s->answer.u.ack.reason, sizeof(s->answer.u.ack.reason), "%s", reason);
    s->has_answer = true;
    if (result != IPC_OK)
        log_msg(POLICY_REFUSED, (unsigned long long)s->epoch, reason);
}

static void begin(struct ipc_server *s, const struct ipc_begin *m)
{
    s->misordered = NULL;
    if (s->open)
        s->misordered = "BEGIN inside a transaction";
    else if (m->epoch <= s->last_epoch)
        s->misordered = "the epoch does not grow";
    else
        s->last_epoch = m->epoch;
    s->open = true;
    s->epoch = m->epoch;
    s->n_messages = 0;
    snap_begin(s->config.store, m->epoch);
}

static void add(struct ipc_server *s, const struct ipc_msg *m)
{
    s->n_messages++;
    if (m->type == IPC_GROUP)
        snap_group(s->config.store, &m->u.group);
    else if (m->type == IPC_BIND)
        snap_bind(s->config.store, &m->u.bind);
    else if (m->type == IPC_RULE)
        snap_rule(s->config.store, &m->u.rule);
    else if (m->type == IPC_SA)
        snap_sa(s->config.store, &m->u.sa);
    else
        snap_time(s->config.store, &m->u.time);
}

static void commit(struct ipc_server *s, const struct ipc_commit *m, const struct ipc_server_now *now)
{
    char reason[IPC_TEXT_MAX] = "";
    s->open = false;
    if (!s->misordered && m->epoch != s->epoch)
        s->misordered = "COMMIT of another epoch than BEGIN";
    if (!s->misordered && m->n_messages != s->n_messages)
        s->misordered = "COMMIT counts other messages than came";
    if (s->misordered) {
        snap_forget(s->config.store);
        answer_ack(s, IPC_BAD_ORDER, s->misordered);
        return;
    }
    enum ipc_result result = snap_commit(s->config.store, m, now->tsc, now->scaled, reason);
    answer_ack(s, result, reason);
    s->settling = result == IPC_OK;
}

static void explain(struct ipc_server *s, const struct ipc_explain *question)
{
    s->answer = (struct ipc_msg){.type = IPC_EXPLAINED, .u.explained.request = question->request};
    s->config.explain(s->config.ctx, question, &s->answer.u.explained);
    s->has_answer = true;
}

/* Returns NULL, or why the connection can't go on. */
static const char *handle(struct ipc_server *s, const struct ipc_msg *m, const struct ipc_server_now *now)
{
    static const char no_begin[] = "it sent part of a transaction without BEGIN";
    switch (m->type) {
    case IPC_BEGIN:
        begin(s, &m->u.begin);
        return NULL;
    case IPC_GROUP:
    case IPC_BIND:
    case IPC_RULE:
    case IPC_SA:
    case IPC_TIME:
        if (!s->open)
            return no_begin;
        add(s, m);
        return NULL;
    case IPC_COMMIT:
        if (!s->open)
            return no_begin;
        commit(s, &m->u.commit, now);
        return NULL;
    case IPC_EXPLAIN:
        explain(s, &m->u.explain);
        return NULL;
    case IPC_CLEAR_COUNTERS:
        snap_store_clear_counters(s->config.store);
        return NULL;
    case IPC_CLEAR_REPLAY:
        snap_store_clear_replay(s->config.store);
        return NULL;
    default:
        return "it sent a message that is not its to send";
    }
}

/* Sends what is owed; true when nothing is (any more). */
static bool answer(struct ipc_server *s)
{
    if (s->settling && !snap_store_settled(s->config.store))
        return false;
    if (s->settling)
        set_epoch(s);
    s->settling = false;
    if (!s->has_answer)
        return true;
    if (ipc_send(&s->channel, &s->answer) == IPC_RING_FULL)
        return false;
    s->has_answer = false;
    return true;
}

/* Takes at most `most` messages, fewer when an answer has to wait. Returns why to detach, or NULL. */
static const char *serve_channel(struct ipc_server *s, const struct ipc_server_now *now, unsigned most)
{
    struct ipc_msg m;
    const char *why = NULL;
    unsigned taken = 0;
    ipc_awake(&s->channel);
    s->more = true;
    while (!why && taken < most && answer(s)) {
        enum ipc_ring_result result = ipc_receive(&s->channel, &m);
        if (result == IPC_RING_OK) {
            why = handle(s, &m, now);
            wipe(&m, sizeof(m));
            taken++;
        } else if (result != IPC_RING_EMPTY) {
            why = "it broke the ring";
        } else if (ipc_sleep(&s->channel)) {
            s->more = false;
            break;
        }
    }
    if (taken > 0)
        ipc_kick(s->channel.wake_other); /* there is room again for what waits in its queue */
    if (s->channel.tx.broken || s->channel.rx.broken)
        why = "it broke the ring";
    return why;
}

void ipc_server_poll(struct ipc_server *s, const struct ipc_server_now *now)
{
    atomic_fetch_add_explicit(&s->config.page.page->heartbeat, 1, memory_order_relaxed);
    if (s->channel.sock >= 0) {
        /* Asked first, and a dead one's whole ring is still taken: what it wished last counts. */
        bool alive = ipc_alive(&s->channel);
        const char *why = serve_channel(s, now, alive ? MESSAGES_MAX : IPC_RING_COUNT);
        if (!why && !alive)
            why = "it closed the connection";
        if (why)
            detach(s, why);
    }
    accept_all(s, now->real);
    serve_waiting(s, now->real);
}

int ipc_server_fd(const struct ipc_server *s)
{
    return s->epoll;
}

int ipc_server_wait_ms(const struct ipc_server *s, mono_t real)
{
    if (s->channel.sock >= 0 && s->settling)
        return 1;
    if (s->channel.sock >= 0 && s->has_answer)
        return 10; /* it doesn't read: look now and then */
    if (s->channel.sock >= 0 && s->more)
        return 0;
    mono_t wait = mono_ms(IDLE_MS);
    for (size_t i = 0; i < WAITING_MAX; i++)
        if (s->waiting[i].fd >= 0)
            wait = mono_min(wait, mono_max(mono_sub(s->waiting[i].until, real), MONO_ZERO));
    return (int)mono_to_ms(mono_add(wait, mono_ns(999999)));
}

bool ipc_server_attached(const struct ipc_server *s)
{
    return s->channel.sock >= 0;
}

bool ipc_server_event(struct ipc_server *s, const struct ipc_event *event)
{
    struct ipc_msg m = {.type = IPC_EVENT, .u.event = *event};
    if (s->channel.sock >= 0 && ipc_send(&s->channel, &m) == IPC_RING_OK)
        return true;
    s->events_lost++;
    return false;
}

uint64_t ipc_server_events_lost(const struct ipc_server *s)
{
    return s->events_lost;
}
