/* SPDX-License-Identifier: BSD-3-Clause */
/* A snapshot store that only records what reaches it and answers what it is told to: for tests of the IPC end alone. */
#ifndef GVPN_TESTS_UNIT_DATAPLANE_SNAP_RECORDER_H
#define GVPN_TESTS_UNIT_DATAPLANE_SNAP_RECORDER_H

#include "dataplane/snap.h"

struct snap_store {
    uint64_t epoch;
    bool open; /* something of a transaction is kept */
    unsigned begins, groups, binds, rules, sas, times, commits, clears, replay_clears;
    uint64_t now_tsc;
    mono_t now;
    enum ipc_result result; /* what snap_commit() answers, with the reason "because" */
    bool settled; /* what snap_store_settled() answers */
    uint8_t key[SECRET_MAX]; /* of the last SA */
};

#endif
