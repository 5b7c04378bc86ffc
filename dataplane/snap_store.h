/* SPDX-License-Identifier: BSD-3-Clause */
/* The inside of struct snap_store, shared by snap.c (life) and snap_build.c (transactions). */
#ifndef GVPN_DATAPLANE_SNAP_STORE_H
#define GVPN_DATAPLANE_SNAP_STORE_H

#include "dataplane/snap.h"

/* SPIs that left a snapshot and never come back (decision 16); beyond so many the oldest are forgotten. */
#define SNAP_RETIRED_MAX 16384
#define SNAP_OBJECTS_MAX (2 * IPC_MAX_SAS) /* SA objects: a snapshot's and those that still wait for their grace */
#define SNAP_PENDING_MAX 64                /* old snapshots that wait for their grace */

/* One SA of the transaction. */
struct snap_built_sa {
    struct sa *sa;
    bool is_new; /* belongs to the builder until the commit */
    bool receive, send;
    uint16_t group;
    uint32_t send_in_ms, send_end_in_ms;
    uint64_t end_in_ms;
    bool has_time; /* what its TIME message said */
    uint64_t pseudotime_ms;
    struct ipc_sa *senders; /* owned; for a known SA: to send with, or to go on with */
};

struct snap_builder {
    bool active;
    uint64_t epoch;
    uint32_t n_messages;
    enum ipc_result result; /* first error */
    char reason[IPC_TEXT_MAX];
    unsigned n_groups, n_sas;
    struct snap_group groups[IPC_MAX_GROUPS]; /* by the transaction's index */
    bool known[IPC_MAX_GROUPS];
    uint16_t n_bindings[IPC_MAX_GROUPS];
    unsigned n_rekeys;
    struct snap_rekey rekeys[IPC_MAX_GROUPS * IPC_MAX_REKEYS];
    int8_t bound[IPC_MAX_PAIRS][SNAP_VLANS]; /* VLAN 0: the whole pair; index of a group + 1, 0 = none */
    struct snap_built_sa sas[IPC_MAX_SAS];
};

struct snap_store {
    struct snap_config config;
    _Atomic(struct snap *) current;
    _Atomic uint64_t clear_generation;
    struct rte_rcu_qsbr *qsbr;
    uint32_t generation;
    struct {
        struct snap *snap;
        uint64_t token;
    } pending[SNAP_PENDING_MAX];
    unsigned n_pending;
    uint64_t newest_token; /* of the last publication */
    bool waiting;          /* for newest_token */

    struct sa *sas[SNAP_OBJECTS_MAX]; /* every object alive, current snapshot or not */
    unsigned n_sas;
    bool slots[IPC_MAX_SAS]; /* taken places of the counter page */
    uint32_t retired[SNAP_RETIRED_MAX];
    unsigned n_retired, next_retired;
    struct snap_builder builder;
};

/* The object of an SPI, or NULL. */
struct sa *snap_store_find(const struct snap_store *st, uint32_t spi);
bool snap_store_is_retired(const struct snap_store *st, uint32_t spi);
void snap_store_retire(struct snap_store *st, uint32_t spi);
/* Milliseconds of the scaled clock as ticks of the TSC; more than 20 years count as 20. */
uint64_t snap_store_ticks(const struct snap_store *st, uint64_t ms);
/* Frees a snapshot that no worker can reach, and the SAs that were only in it. */
void snap_store_drop(struct snap_store *st, struct snap *s);
/* Makes s current and lets the old one go once all workers have. */
void snap_store_publish(struct snap_store *st, struct snap *s);
void snap_group_free(struct snap_group *g);

#endif
