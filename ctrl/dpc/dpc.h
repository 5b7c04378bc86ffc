/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gvpnd's end of the IPC: one connection to one data plane. It attaches (and attaches again when the data plane
 * comes back), sends whole transactions, and reports acknowledgements, events and answers. It doesn't sleep or poll
 * by itself: run/loop watches its descriptors and calls it. One object per data-plane socket; several groups share
 * it. Callbacks come out of dpc_attach() and dpc_poll() only and may begin, put, commit and tell, but not attach,
 * poll or free.
 */
#ifndef GVPN_CTRL_DPC_DPC_H
#define GVPN_CTRL_DPC_DPC_H

#include "common/ipc/channel.h"

struct dpc;

struct dpc_events {
    void *ctx;
    /* HELLO came: nothing is installed through this attach yet; send a full transaction. */
    void (*attached)(void *ctx, struct dpc *d, const struct ipc_hello *hello);
    /*
     * The connection is gone; `reason` for the log. Its counter page stays readable with dpc_last_page(). Stop watching
     * its two descriptors now: they are closed after this call.
     */
    void (*detached)(void *ctx, struct dpc *d, const char *reason);
    /* For every epoch that was committed, in order, unless the connection ends before. */
    void (*ack)(void *ctx, struct dpc *d, const struct ipc_ack *ack);
    void (*event)(void *ctx, struct dpc *d, const struct ipc_event *event);
    void (*explained)(void *ctx, struct dpc *d, const struct ipc_explained *answer);
};

/* Copies path and events. NULL when memory is short. Any callback may be NULL. */
struct dpc *dpc_new(const char *socket_path, uint32_t clock_rate, const struct dpc_events *events);
void dpc_free(struct dpc *d);

/*
 * Tries to attach when detached; call it now and every 200 ms or so. Looks for the data plane's answer for 20 ms at
 * most and goes on with the same attempt at the next call. Returns true when attached, otherwise false with a reason
 * (for a rate-limited log). A reason that begins with "refused: " is the data plane's own.
 */
bool dpc_attach(struct dpc *d, char reason[IPC_TEXT_MAX]);
bool dpc_attached(const struct dpc *d);
/* The HELLO of the present attach; NULL when detached. */
const struct ipc_hello *dpc_hello(const struct dpc *d);

/*
 * Descriptors to watch for reading while attached: the socket (its end is the other side's death) and the eventfd; -1
 * otherwise. They are other ones after every attach.
 */
int dpc_socket_fd(const struct dpc *d);
int dpc_wake_fd(const struct dpc *d);
/* One of them is readable (or a timer says look): handles all that came. May detach; safe to call at any time. */
void dpc_poll(struct dpc *d);

/*
 * Transactions. dpc_begin() chooses the epoch (returned; 0 when detached). Messages that don't fit the ring at once
 * wait in a wiped-after-use queue and go out from dpc_poll(). dpc_commit() ends it; the answer comes as events.ack,
 * also when a message had values out of range (result IPC_BAD_MESSAGE, nothing changed). Epochs only grow within the
 * process. The caller wipes its own messages. Put and commit do nothing when detached.
 */
uint64_t dpc_begin(struct dpc *d);
void dpc_put(struct dpc *d, const struct ipc_msg *m);
void dpc_commit(struct dpc *d);
/* Anything outside a transaction: EXPLAIN, CLEAR_COUNTERS. Returns false when detached, invalid or the ring is full. */
MUST_CHECK bool dpc_tell(struct dpc *d, const struct ipc_msg *m);

/* The counter page of the present attach, or of the last one when detached; NULL when there was none. */
const struct ipc_page *dpc_page(const struct dpc *d);
/*
 * The page of the attach before the present one, or of the last when detached (IV leases of a dead data plane); NULL
 * when there was none. hello.instance tells whether it is the same process's. dpc owns both; valid until the next
 * detach.
 */
const struct ipc_page *dpc_last_page(const struct dpc *d);

#endif
