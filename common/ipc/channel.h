/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The whole connection: a SOCK_SEQPACKET unix socket for the handshake (peer credentials checked) over which the data
 * plane hands out four memfds and two eventfds that it made: index page (RW both), ctrl->dp elements (RW both; the
 * data plane wipes what it consumed), dp->ctrl elements and counter page (the data plane maps them RW, then seals
 * future writes, so gvpnd can map them read-only only). All are sealed against resizing before they are passed.
 *
 * The socket stays open as the sign of life: when one side dies the other sees it close. A new attach always gets new
 * memory and a full resync; nothing of an old connection is repaired.
 */
#ifndef GVPN_COMMON_IPC_CHANNEL_H
#define GVPN_COMMON_IPC_CHANNEL_H

#include "common/ipc/page.h"
#include "common/ipc/ring.h"

struct ipc_channel {
    int sock;       /* connection, -1 when closed */
    int wake_self;  /* eventfd to sleep on, -1 when none */
    int wake_other; /* eventfd to write after ipc_ring_wants_wakeup() */
    struct ipc_ring tx, rx;
    bool rx_writable; /* wipe consumed elements */
    void *maps[4];
    size_t map_len[4];
    struct ipc_page *page; /* data plane: writable; gvpnd: read-only mapping */
};

/* An empty channel (all descriptors -1). */
void ipc_channel_init(struct ipc_channel *c);
/*
 * Closes and unmaps everything. With keep_page the counter page stays mapped and is returned (its length is
 * sizeof(struct ipc_page); release it with ipc_page_unmap()); otherwise NULL.
 */
const struct ipc_page *ipc_channel_close(struct ipc_channel *c, bool keep_page);
void ipc_page_unmap(const struct ipc_page *page);

/* Data plane: a listening socket at path (mode 0600, an old socket file replaced). Returns the descriptor or -errno. */
int ipc_listen(const char *path);
/*
 * Data plane: takes a connection that ipc_listen()'s socket accepted: checks that the peer runs as root or as our own
 * user, reads its ATTACH (waits at most 1 s), checks version and clock rate, makes the shared memory, sends HELLO
 * with the descriptors. On success c owns everything incl. the socket and the page is zeroed with its header set.
 * On failure returns false with the reason in `reason` (told to the peer as REFUSE where possible); fd is closed.
 */
MUST_CHECK bool ipc_accept(struct ipc_channel *c, int fd, const struct ipc_hello *hello, char reason[IPC_TEXT_MAX]);
/* Data plane: refuse a second controller with a reason; closes fd. */
void ipc_refuse(int fd, const char *reason);
/*
 * Control daemon: connects, sends ATTACH, receives HELLO and the descriptors (waits at most 1 s), checks sizes and
 * seals of every descriptor before mapping. Returns false with a reason; nothing is left open then.
 */
MUST_CHECK bool ipc_connect(struct ipc_channel *c, const char *path, const struct ipc_attach *attach,
                            struct ipc_hello *hello, char reason[IPC_TEXT_MAX]);

/* Encode, put, wake the other side when it sleeps. FULL: try again later. Wipes its own copy. */
MUST_CHECK enum ipc_ring_result ipc_send(struct ipc_channel *c, const struct ipc_msg *m);
/* Next message decoded; IPC_RING_BROKEN also for one that doesn't decode: detach then. */
MUST_CHECK enum ipc_ring_result ipc_receive(struct ipc_channel *c, struct ipc_msg *m);

#endif
