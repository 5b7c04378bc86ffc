/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control and slow-path thread's loop: one epoll over the IPC, the TAP, the workers' punt eventfd, signals and a
 * timer. It moves frames between TAP and workers, looks at links and SAs, publishes counters, tells gvpnd what happened,
 * and never waits for anyone.
 */
#ifndef GVPN_DATAPLANE_SLOW_H
#define GVPN_DATAPLANE_SLOW_H

#include "common/clock.h"
#include "dataplane/ipc.h"
#include "dataplane/mac.h"
#include "dataplane/port.h"
#include "dataplane/punt.h"
#include "dataplane/snap.h"

#define SLOW_FRAME_MAX 16384
#define SLOW_ERROR_MAX 160

/* Everything here is borrowed and outlives the loop. */
struct slow_config {
    const struct cfg *cfg;
    const struct clock *clock;
    struct ports *ports;
    struct punt *punt;
    struct ipc_server *ipc;
    struct ipc_page *page;
    struct snap_store *store;
    int tap_fd;
    uint16_t inside, outside; /* ethdev ids of the TAP's pair */
    void (*reload)(void *ctx); /* SIGHUP came */
    void *ctx;
};

struct slow;

/* Blocks SIGTERM, SIGINT and SIGHUP for this thread and those that it starts: call it before EAL starts any. */
void slow_block_signals(void);
/* NULL with a sentence in error. */
struct slow *slow_new(const struct slow_config *config, char error[SLOW_ERROR_MAX]);
void slow_free(struct slow *s);
/* Runs until SIGTERM or SIGINT came; returns that signal's name, or NULL when waiting itself failed. */
const char *slow_run(struct slow *s);

#endif
