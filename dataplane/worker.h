/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker: polls its queue of every port, runs the pipeline, sends what comes out, punts what is for the appliance,
 * and sleeps a little when nothing comes. Worker 0 also carries the TAP's frames. Decides nothing about packets.
 */
#ifndef GVPN_DATAPLANE_WORKER_H
#define GVPN_DATAPLANE_WORKER_H

#include "dataplane/cfg.h"
#include "dataplane/pipeline.h"
#include "dataplane/port.h"
#include "dataplane/punt.h"

/* Settled before the workers start and the same for all; only `stop` changes. */
struct worker_shared {
    const struct pipeline_config *pipeline;
    struct snap_store *store;
    const struct crypto_backend *crypto;
    struct ipc_page *page;
    struct punt *punt;
    unsigned n_pairs;
    uint16_t inside[CFG_MAX_PAIRS], outside[CFG_MAX_PAIRS]; /* ethdev ids */
    unsigned idle_poll;     /* empty polls before it sleeps */
    unsigned idle_sleep_us; /* 0 = never sleep */
    _Atomic bool stop;
};

struct worker;

/* One worker, not yet running; NULL when memory is short. `cpu` is only told in the counter page. */
struct worker *worker_new(struct worker_shared *shared, unsigned index, unsigned cpu);
/* It must have returned. NULL is harmless. */
void worker_free(struct worker *w);
/* The lcore function: runs until shared->stop is set. Returns 0. */
int worker_run(void *worker);

#endif
