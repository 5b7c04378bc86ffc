/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A data plane as a model: what docs/ipc.md promises of transactions, SAs and workers, and no packet. It
 * holds each SA as an object known by its SPI (installed is installed, a deleted SPI never comes back), gives
 * every worker the new snapshot at an instant of its own, acknowledges after the last one, keeps to hard
 * limits by itself, and answers two questions: which SA does worker w send with now, and does worker w
 * receive with this one. It lives in real time (rate 1).
 */
#ifndef GVPN_TESTS_SIM_DP_H
#define GVPN_TESTS_SIM_DP_H

#include "common/ipc/ipc.h"
#include "tests/sim/wire.h"

#define DP_WORKERS   2
#define DP_MAX_SAS   32
#define DP_SETTLE_MS 50 /* a worker takes the new snapshot at most so much later */

struct dp;

struct dp_events {
    void *ctx;
    /* The transaction is in effect on all workers (refused NULL), or refused with this reason, then from
     * within commit. */
    void (*ack)(void *ctx, struct dp *dp, uint64_t epoch, const char *refused);
    /* This process may now make IVs of (SPI, sender id) in this worker. */
    void (*given)(void *ctx, struct dp *dp, uint32_t spi, uint64_t sender, unsigned worker);
    /* What some worker does may be different from now on. */
    void (*changed)(void *ctx, struct dp *dp);
};

struct dp_sa {
    uint32_t spi;
    uint16_t number;
    uint8_t key[SECRET_MAX];
    mono_t end; /* only ever moves earlier */
    uint16_t n_senders;
    uint64_t senders[DP_WORKERS];
    bool has_time;    /* tells replays by time */
    mono_t time_zero; /* as it was told last: instant of pseudotime 0 */
};

/* One SA in a snapshot. */
struct dp_entry {
    uint32_t spi;
    uint16_t number;
    bool receive, send;
    mono_t from, until;
};

struct dp_snap {
    uint64_t epoch; /* 0 = nothing was ever committed */
    bool policy;    /* the group's state is IPC_GROUP_POLICY */
    struct dp_entry entries[DP_MAX_SAS];
    size_t n;
};

struct dp {
    struct wire *wire;
    struct timers *timers;
    struct dp_events events;
    bool up;
    uint64_t instance;

    struct dp_sa sas[DP_MAX_SAS];
    size_t n_sas;
    uint32_t *retired; /* owned: what was deleted, in any order */
    size_t n_retired, cap_retired;
    unsigned returned; /* SAs that were wished after their SPI was retired */

    struct dp_snap worker[DP_WORKERS]; /* what each worker holds */
    struct dp_snap published;
    mono_t takes_at[DP_WORKERS]; /* MONO_NEVER: it has it */
    struct timer take;           /* the next worker takes the published one */
    struct timer edge;           /* the next instant at which a choice may change by itself */
    uint64_t ack_epoch;          /* to acknowledge after the last worker; 0 = none */

    /* the transaction being written */
    struct ipc_sa wish[DP_MAX_SAS];
    struct ipc_time times[DP_MAX_SAS]; /* of the wish */
    size_t n_times;
    size_t n_wish;
    uint64_t wish_epoch;
    bool wish_policy;
};

/* timers: of a host at rate 1 that is never reset. */
void dp_init(struct dp *dp, struct wire *w, struct timers *timers, const struct dp_events *events);
void dp_free(struct dp *dp);
/* A new process; the earlier one must have died. */
void dp_start(struct dp *dp, uint64_t instance);
void dp_die(struct dp *dp);

/* A transaction: begin, the messages of gm_wish(), commit; ack() follows. */
void dp_begin(struct dp *dp, uint64_t epoch);
void dp_put(void *dp, const struct ipc_msg *m);
void dp_commit(struct dp *dp);
/* gvpnd went away: what was committed counts, nobody gets the answer. */
void dp_forget_controller(struct dp *dp);

/* As the counter page says. */
bool dp_holds(const struct dp *dp, uint32_t spi);
/* Was it deleted in this process? */
bool dp_gone(const struct dp *dp, uint32_t spi);
/* Does worker w know a policy? */
bool dp_has_policy(const struct dp *dp, unsigned w);
/* The SA that worker w sends with for this number at this instant; NULL when none is usable. */
const struct dp_sa *dp_sender(const struct dp *dp, unsigned w, uint16_t number, mono_t now);
bool dp_receives(const struct dp *dp, unsigned w, uint32_t spi, mono_t now);

#endif
