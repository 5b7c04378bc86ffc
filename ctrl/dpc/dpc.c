/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One connection to one data plane: attaching in steps that never wait, transactions through a queue that is wiped
 * behind itself, everything that comes back handed to the owner's callbacks. A fault found while sending is only noted;
 * dpc_poll() is the one place that detaches, so no callback comes out of dpc_put().
 */
#include "ctrl/dpc/dpc.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_WAIT_MS 20   /* how long one dpc_attach() looks for HELLO; a living data plane takes well below 1 ms */
#define ANSWER_TRIES   10   /* so many calls look for the answer to one ATTACH before it is given up */
#define RECEIVE_MAX    1024 /* messages handled per dpc_poll() */
#define QUEUE_MAX      262144 /* messages that wait at most: more than one transaction at all limits */

struct queued {
    struct queued *next;
    size_t len;
    uint8_t bytes[];
};

struct dpc {
    char *path;
    struct ipc_attach attach;
    struct dpc_events events;

    int pending; /* socket whose HELLO hasn't come, -1 when none */
    unsigned tries;

    struct ipc_channel channel;
    bool attached;
    struct ipc_hello hello;
    const struct ipc_page *last_page; /* of the attach before */
    const char *fault; /* why to detach at the next dpc_poll(); NULL = all is well */

    uint64_t epoch;      /* of the newest transaction */
    uint32_t n_messages; /* put in it so far */
    uint64_t bad_epoch;  /* transaction with a message that can't be encoded */

    struct queued *first, **last;
    size_t n_queued;
};

struct dpc *dpc_new(const char *socket_path, uint32_t clock_rate, const struct dpc_events *events)
{
    struct dpc *d = calloc(1, sizeof(*d));
    if (!d)
        return NULL;
    d->path = strdup(socket_path);
    if (!d->path) {
        free(d);
        return NULL;
    }
    d->attach = (struct ipc_attach){IPC_VERSION, clock_rate};
    d->events = *events;
    d->pending = -1;
    d->last = &d->first;
    ipc_channel_init(&d->channel);
    return d;
}

static void drop_first(struct dpc *d)
{
    struct queued *q = d->first;
    d->first = q->next;
    if (!d->first)
        d->last = &d->first;
    d->n_queued--;
    wipe(q, sizeof(*q) + q->len);
    free(q);
}

static void drop_queue(struct dpc *d)
{
    while (d->first)
        drop_first(d);
}

static void drop_pending(struct dpc *d)
{
    if (d->pending >= 0)
        close(d->pending);
    d->pending = -1;
}

/* The page of the connection that ends takes the place of an older one. */
static void close_channel(struct dpc *d)
{
    if (d->channel.page) {
        ipc_page_unmap(d->last_page);
        d->last_page = ipc_channel_close(&d->channel, true);
    }
    drop_queue(d);
    d->attached = false;
    d->fault = NULL;
}

void dpc_free(struct dpc *d)
{
    if (!d)
        return;
    drop_pending(d);
    close_channel(d);
    ipc_page_unmap(d->last_page);
    free(d->path);
    free(d);
}

/* ---- attaching ---- */

static bool readable(int fd, int wait_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, wait_ms) == 1;
}

/* Epochs go on above everything that this data plane or this process has seen; a page that lies can't exhaust them. */
static void raise_epoch(struct dpc *d)
{
    uint64_t seen = atomic_load_explicit(&d->channel.page->epoch, memory_order_relaxed);
    if (seen > d->epoch && seen < UINT64_MAX / 2)
        d->epoch = seen;
}

bool dpc_attach(struct dpc *d, char reason[IPC_TEXT_MAX])
{
    if (d->attached)
        return true;
    if (d->pending < 0) {
        d->pending = ipc_connect(d->path, &d->attach, reason);
        d->tries = 0;
        if (d->pending < 0)
            return false;
    }
    enum ipc_handshake state = IPC_HANDSHAKE_WAIT;
    if (readable(d->pending, ANSWER_WAIT_MS))
        state = ipc_complete(&d->channel, d->pending, &d->attach, &d->hello, reason);
    if (state == IPC_HANDSHAKE_WAIT) {
        snprintf(reason, IPC_TEXT_MAX, "it has not answered yet");
        if (++d->tries == ANSWER_TRIES)
            drop_pending(d);
        return false;
    }
    d->pending = -1; /* the channel's now, or closed */
    if (state == IPC_HANDSHAKE_FAILED)
        return false;
    d->attached = true;
    raise_epoch(d);
    d->n_messages = 0;
    d->bad_epoch = 0;
    ipc_kick(d->channel.wake_self); /* dpc_poll() must announce sleep once, or nobody wakes us */
    if (d->events.attached)
        d->events.attached(d->events.ctx, d, &d->hello);
    return true;
}

bool dpc_attached(const struct dpc *d)
{
    return d->attached;
}

const struct ipc_hello *dpc_hello(const struct dpc *d)
{
    return d->attached ? &d->hello : NULL;
}

int dpc_socket_fd(const struct dpc *d)
{
    return d->channel.sock;
}

int dpc_wake_fd(const struct dpc *d)
{
    return d->channel.wake_self;
}

const struct ipc_page *dpc_page(const struct dpc *d)
{
    return d->attached ? d->channel.page : d->last_page;
}

const struct ipc_page *dpc_last_page(const struct dpc *d)
{
    return d->last_page;
}

/* ---- sending ---- */

/* The loop must come back to dpc_poll() although nothing came from outside. */
static void set_fault(struct dpc *d, const char *fault)
{
    if (!d->fault)
        d->fault = fault;
    ipc_kick(d->channel.wake_self);
}

static void enqueue(struct dpc *d, struct span bytes)
{
    if (d->n_queued >= QUEUE_MAX) {
        set_fault(d, "it does not read its messages");
        return;
    }
    struct queued *q = malloc(sizeof(*q) + bytes.len);
    if (!q) {
        set_fault(d, "out of memory");
        return;
    }
    q->next = NULL;
    q->len = bytes.len;
    memcpy(q->bytes, bytes.p, bytes.len);
    *d->last = q;
    d->last = &q->next;
    d->n_queued++;
}

static void drain(struct dpc *d)
{
    while (d->first && !d->fault) {
        enum ipc_ring_result result = ipc_send_bytes(&d->channel, span_of(d->first->bytes, d->first->len));
        if (result == IPC_RING_FULL)
            return;
        if (result == IPC_RING_OK)
            drop_first(d);
        else
            set_fault(d, "it broke the ring");
    }
}

/* Sends or queues, in order. Returns false when the message has values out of range. */
static bool send_or_queue(struct dpc *d, const struct ipc_msg *m)
{
    uint8_t bytes[IPC_MESSAGE_MAX];
    struct buf_writer w = buf_writer_of(bytes, sizeof(bytes));
    ipc_encode(&w, m);
    struct span s = buf_written(&w);
    bool ok = s.len > 0;
    if (ok) {
        drain(d);
        enum ipc_ring_result result = d->first ? IPC_RING_FULL : ipc_send_bytes(&d->channel, s);
        if (result == IPC_RING_FULL)
            enqueue(d, s);
        else if (result != IPC_RING_OK)
            set_fault(d, "it broke the ring");
    }
    wipe(bytes, sizeof(bytes));
    return ok;
}

static bool usable(const struct dpc *d)
{
    return d->attached && !d->fault;
}

uint64_t dpc_begin(struct dpc *d)
{
    if (!usable(d))
        return 0;
    struct ipc_msg m = {.type = IPC_BEGIN, .u.begin.epoch = ++d->epoch};
    d->n_messages = 0;
    (void)!send_or_queue(d, &m);
    return d->epoch;
}

void dpc_put(struct dpc *d, const struct ipc_msg *m)
{
    if (!usable(d))
        return;
    /* Counted even when it can't go: the data plane then misses one and refuses the whole. */
    d->n_messages++;
    if (!send_or_queue(d, m))
        d->bad_epoch = d->epoch;
}

void dpc_commit(struct dpc *d)
{
    if (!usable(d))
        return;
    struct ipc_msg m = {.type = IPC_COMMIT, .u.commit = {.epoch = d->epoch, .n_messages = d->n_messages}};
    (void)!send_or_queue(d, &m);
}

bool dpc_tell(struct dpc *d, const struct ipc_msg *m)
{
    if (!usable(d))
        return false;
    drain(d);
    if (d->first || d->fault)
        return false;
    enum ipc_ring_result result = ipc_send(&d->channel, m);
    if (d->channel.tx.broken)
        set_fault(d, "it broke the ring");
    return result == IPC_RING_OK;
}

/* ---- receiving ---- */

static void handle_ack(struct dpc *d, struct ipc_ack *ack)
{
    if (ack->epoch == d->bad_epoch && ack->result != IPC_OK) {
        ack->result = IPC_BAD_MESSAGE;
        snprintf(ack->reason, sizeof(ack->reason), "a message of the transaction had a value out of range");
    }
    if (d->events.ack)
        d->events.ack(d->events.ctx, d, ack);
}

/* Returns false for a message that a data plane never sends. */
static bool handle(struct dpc *d, struct ipc_msg *m)
{
    switch (m->type) {
    case IPC_ACK:
        handle_ack(d, &m->u.ack);
        return true;
    case IPC_EVENT:
        if (d->events.event)
            d->events.event(d->events.ctx, d, &m->u.event);
        return true;
    case IPC_EXPLAINED:
        if (d->events.explained)
            d->events.explained(d->events.ctx, d, &m->u.explained);
        return true;
    default:
        return false;
    }
}

/* Handles what came; true when the ring is empty and sleeping is announced. */
static bool receive_some(struct dpc *d)
{
    struct ipc_msg m;
    for (unsigned i = 0; i < RECEIVE_MAX && !d->fault; i++) {
        enum ipc_ring_result result = ipc_receive(&d->channel, &m);
        if (result == IPC_RING_EMPTY) {
            if (ipc_sleep(&d->channel))
                return true;
        } else if (result != IPC_RING_OK) {
            set_fault(d, "it broke the ring");
        } else if (!handle(d, &m)) {
            set_fault(d, "it sent a message that is not its to send");
        }
    }
    return false;
}

/*
 * The owner watches both descriptors and stops in the callback, so they are closed behind it: closed before, an eventfd
 * that the other side holds on would stay in the owner's epoll set with nothing to take it out by, and keep it awake.
 */
static void detach(struct dpc *d, const char *reason)
{
    int watched[] = {d->channel.sock, d->channel.wake_self};
    d->channel.sock = d->channel.wake_self = -1;
    close_channel(d);
    if (d->events.detached)
        d->events.detached(d->events.ctx, d, reason);
    for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++)
        close(watched[i]);
}

void dpc_poll(struct dpc *d)
{
    if (!d->attached)
        return;
    ipc_awake(&d->channel);
    drain(d);
    bool alive = ipc_alive(&d->channel); /* asked first: what it sent before it died is still handled */
    if (!receive_some(d) && !d->fault)
        ipc_kick(d->channel.wake_self); /* more is waiting: the loop must come back */
    if (!d->fault && alive)
        return;
    detach(d, d->fault ? d->fault : "it closed the connection");
}
