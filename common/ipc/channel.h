/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The whole connection: a SOCK_SEQPACKET unix socket for the handshake (peer credentials checked) over which the data
 * plane hands out four memfds and two eventfds that it made: index page (RW both), ctrl->dp elements (RW both; the
 * data plane wipes what it consumed), dp->ctrl elements and counter page (the data plane maps them RW, then seals
 * future writes, so gvpnd can map them read-only only). All are sealed against resizing before they are passed.
 *
 * The socket stays open as the sign of life: when one side dies the other sees it close. A new attach always gets new
 * rings and a full resync; nothing of an old connection is repaired. Only the counter page is one for the whole life of
 * a data-plane process, so that workers never have to change theirs and no published IV lease is ever lost.
 * Nothing here waits. Neither side has to trust what the other does with memory, descriptors or socket.
 */
#ifndef GVPN_COMMON_IPC_CHANNEL_H
#define GVPN_COMMON_IPC_CHANNEL_H

#include "common/ipc/page.h"
#include "common/ipc/ring.h"

/* What travels with HELLO, in this order. */
enum ipc_fd {
    IPC_FD_INDEX,   /* struct ipc_index_page */
    IPC_FD_TO_DP,   /* IPC_RING_COUNT elements */
    IPC_FD_TO_CTRL, /* IPC_RING_COUNT elements */
    IPC_FD_PAGE,    /* struct ipc_page */
    IPC_FD_MAPS,    /* so many of them are memory */
    IPC_FD_WAKE_DP = IPC_FD_MAPS,
    IPC_FD_WAKE_CTRL,
    IPC_FD_COUNT
};

struct ipc_channel {
    int sock;       /* connection, -1 when closed */
    int wake_self;  /* eventfd to sleep on, -1 when none */
    int wake_other; /* eventfd to write after ipc_ring_wants_wakeup() */
    struct ipc_ring tx, rx;
    bool rx_writable; /* wipe consumed elements */
    void *maps[IPC_FD_MAPS]; /* the data plane has no IPC_FD_PAGE here: its page outlives the channel */
    size_t map_len[IPC_FD_MAPS];
    struct ipc_page *page; /* data plane: writable; gvpnd: read-only mapping */
};

/* The counter page of a data-plane process, and its descriptor to hand out. */
struct ipc_page_mem {
    int fd; /* -1 when none */
    struct ipc_page *page;
};

/*
 * Data plane, once per process: makes the page (all zero but magic, version and the instance), maps it writable and
 * seals it against every later writable mapping. Returns false when the system has no memory; m is empty then.
 */
MUST_CHECK bool ipc_page_open(struct ipc_page_mem *m, uint64_t instance);
void ipc_page_close(struct ipc_page_mem *m);
/* gvpnd: releases a page that ipc_channel_close() kept. NULL is allowed. */
void ipc_page_unmap(const struct ipc_page *page);

/* An empty channel (all descriptors -1). */
void ipc_channel_init(struct ipc_channel *c);
/*
 * Closes and unmaps everything; the channel is empty again. With keep_page gvpnd's counter page stays mapped and is
 * returned (release it with ipc_page_unmap()); otherwise, and always on the data plane's side, NULL.
 */
const struct ipc_page *ipc_channel_close(struct ipc_channel *c, bool keep_page);

/*
 * Data plane: a listening non-blocking socket at path (mode 0600; an old socket file is replaced, anything else there
 * is -EEXIST). Returns the descriptor or -errno.
 */
int ipc_listen(const char *path);
/*
 * Data plane: does the peer of an accepted connection run as root or as our own user? (SO_PEERCRED)
 */
MUST_CHECK bool ipc_peer_allowed(int fd);
/*
 * Data plane: completes the handshake on a connection that ipc_listen()'s socket accepted and that is readable: checks
 * the peer's credentials, reads its ATTACH, checks version and clock rate (decision 31), makes the rings, sends HELLO
 * with the descriptors. On success c owns everything incl. fd. On failure returns false with the reason in `reason`
 * (told to the peer as REFUSE where possible); fd is closed, c is empty.
 */
MUST_CHECK bool ipc_accept(struct ipc_channel *c, int fd, const struct ipc_hello *hello,
                           const struct ipc_page_mem *page, char reason[IPC_TEXT_MAX]);
/* Data plane: refuse a connection with a reason; closes fd. */
void ipc_refuse(int fd, const char *reason);

/*
 * gvpnd: connects to the data plane at path, checks that it runs as root or as our own user, sends ATTACH. Returns a
 * non-blocking descriptor to hand to ipc_complete(), or -1 with a reason.
 */
int ipc_connect(const char *path, const struct ipc_attach *attach, char reason[IPC_TEXT_MAX]);
enum ipc_handshake { IPC_HANDSHAKE_DONE, IPC_HANDSHAKE_WAIT, IPC_HANDSHAKE_FAILED };
/*
 * gvpnd: receives HELLO and the descriptors if they are there; checks kind, size and seals of every one before mapping,
 * and version and clock rate against `attach`. DONE: c owns everything incl. fd. WAIT: nothing came yet, call again
 * when fd is readable. FAILED: fd and everything received is closed, `reason` says why, c is empty.
 */
MUST_CHECK enum ipc_handshake ipc_complete(struct ipc_channel *c, int fd, const struct ipc_attach *attach,
                                           struct ipc_hello *hello, char reason[IPC_TEXT_MAX]);

/* Is the other side still there? False when its end of the socket is closed or it sent something unasked. */
MUST_CHECK bool ipc_alive(const struct ipc_channel *c);
/*
 * Encode, put, wake the other side when it sleeps. FULL: try again later. Wipes its own copy. BROKEN: detach, the
 * other side corrupted the ring; also returned (without harm to the ring) for a message with values out of range,
 * which a caller can tell apart with ipc_ring.broken.
 */
MUST_CHECK enum ipc_ring_result ipc_send(struct ipc_channel *c, const struct ipc_msg *m);
/* The same for a message that is encoded already. */
MUST_CHECK enum ipc_ring_result ipc_send_bytes(struct ipc_channel *c, struct span bytes);
/* Next message decoded (wipe it when it may hold a key); BROKEN also for one that doesn't decode: detach then. */
MUST_CHECK enum ipc_ring_result ipc_receive(struct ipc_channel *c, struct ipc_msg *m);
/* Before sleeping: true when nothing came meanwhile; wake_self becomes readable when something comes. */
MUST_CHECK bool ipc_sleep(struct ipc_channel *c);
/* After sleeping: takes the wake-up away from wake_self. */
void ipc_awake(struct ipc_channel *c);
/* Makes an eventfd readable; never waits. ipc_kick(c->wake_other) wakes the other side whether it sleeps or not. */
void ipc_kick(int eventfd);

#endif
