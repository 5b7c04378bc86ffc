/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The data plane's end of the IPC (docs/ipc.md): accepts one gvpnd, refuses a second while the first lives, turns
 * BEGIN..COMMIT into a snapshot, sends ACK when every worker has seen it, answers EXPLAIN, sends events. When gvpnd
 * dies everything stays as it is and the next attach gets new rings. Runs on the control thread; nothing here waits.
 */
#ifndef GVPN_DATAPLANE_IPC_H
#define GVPN_DATAPLANE_IPC_H

#include "common/ipc/channel.h"

struct snap_store;
struct ipc_server;

struct ipc_server_config {
    const char *path;         /* of the socket */
    struct ipc_hello hello;   /* what every attach is told; version is filled in */
    struct ipc_page_mem page; /* from ipc_page_open() with hello.instance; borrowed, also the store's page */
    struct snap_store *store;
    void *ctx;
    /* Answers a question from the current snapshot. `answer` is zeroed but for `request`. */
    void (*explain)(void *ctx, const struct ipc_explain *question, struct ipc_explained *answer);
    /* For the log: a controller attached (text = NULL), or was refused or lost (text = why). May be NULL. */
    void (*attached)(void *ctx, bool attached, const char *text);
};

/* One instant on three clocks. */
struct ipc_server_now {
    mono_t real;   /* deadline of a handshake */
    mono_t scaled; /* SA lifetimes count from it */
    uint64_t tsc;
};

/* Listens. NULL with a sentence in reason when that fails. Copies the configuration. */
struct ipc_server *ipc_server_new(const struct ipc_server_config *config, char reason[IPC_TEXT_MAX]);
/* Closes everything and removes the socket file; page and store stay the caller's. NULL is allowed. */
void ipc_server_free(struct ipc_server *s);

/* One descriptor to watch for reading: it stands for listener, handshakes, connection and wake-up. */
int ipc_server_fd(const struct ipc_server *s);
/* How long to sleep at most before the next ipc_server_poll(), in ms: 0 to 1000. */
int ipc_server_wait_ms(const struct ipc_server *s, mono_t real);
/*
 * Does whatever is due: when the descriptor is readable, when ipc_server_wait_ms() has passed, at any other time.
 * Counts the page's heartbeat.
 */
void ipc_server_poll(struct ipc_server *s, const struct ipc_server_now *now);

bool ipc_server_attached(const struct ipc_server *s);
/*
 * Tells gvpnd. Returns false when it can't be told now (detached, or it doesn't read): the event is lost and
 * counted.
 */
bool ipc_server_event(struct ipc_server *s, const struct ipc_event *event);
uint64_t ipc_server_events_lost(const struct ipc_server *s);

#endif
