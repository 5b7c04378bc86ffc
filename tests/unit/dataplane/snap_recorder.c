/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/dataplane/snap_recorder.h"

#include <stdio.h>
#include <string.h>

void snap_begin(struct snap_store *st, uint64_t epoch)
{
    st->open = true;
    st->begins++;
    st->epoch = epoch;
    st->groups = st->binds = st->rules = st->sas = st->times = 0;
}

void snap_forget(struct snap_store *st)
{
    st->open = false;
}

void snap_group(struct snap_store *st, const struct ipc_group *m)
{
    (void)m;
    st->groups++;
}

void snap_bind(struct snap_store *st, const struct ipc_bind *m)
{
    (void)m;
    st->binds++;
}

void snap_rule(struct snap_store *st, const struct ipc_rule *m)
{
    (void)m;
    st->rules++;
}

void snap_sa(struct snap_store *st, const struct ipc_sa *m)
{
    memcpy(st->key, m->key.b, m->key.len);
    st->sas++;
}

void snap_time(struct snap_store *st, const struct ipc_time *m)
{
    (void)m;
    st->times++;
}

enum ipc_result snap_commit(struct snap_store *st, const struct ipc_commit *m, uint64_t now_tsc, mono_t now,
                            char reason[IPC_TEXT_MAX])
{
    (void)m;
    st->commits++;
    st->now_tsc = now_tsc;
    st->now = now;
    snprintf(reason, IPC_TEXT_MAX, "%s", st->result == IPC_OK ? "" : "because");
    return st->result;
}

bool snap_store_settled(struct snap_store *st)
{
    return st->settled;
}

void snap_store_clear_counters(struct snap_store *st)
{
    st->clears++;
}

void snap_store_clear_replay(struct snap_store *st)
{
    st->replay_clears++;
}
