/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An open connection: messages in and out, sleeping and waking, closing. How one comes to be is accept.c (data plane)
 * and connect.c (gvpnd).
 */
#include "common/ipc/channel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

void ipc_channel_init(struct ipc_channel *c)
{
    memset(c, 0, sizeof(*c));
    c->sock = c->wake_self = c->wake_other = -1;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

const struct ipc_page *ipc_channel_close(struct ipc_channel *c, bool keep_page)
{
    const struct ipc_page *kept = NULL;
    if (keep_page) {
        kept = c->maps[IPC_FD_PAGE];
        c->maps[IPC_FD_PAGE] = NULL;
    }
    for (size_t i = 0; i < IPC_FD_MAPS; i++)
        if (c->maps[i])
            munmap(c->maps[i], c->map_len[i]);
    close_fd(&c->sock);
    close_fd(&c->wake_self);
    close_fd(&c->wake_other);
    ipc_channel_init(c);
    return kept;
}

bool ipc_peer_allowed(int fd)
{
    struct ucred cred;
    socklen_t len = sizeof(cred);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && len == sizeof(cred) &&
           (cred.uid == 0 || cred.uid == geteuid());
}

bool ipc_alive(const struct ipc_channel *c)
{
    uint8_t b;
    ssize_t n = recv(c->sock, &b, 1, MSG_DONTWAIT | MSG_PEEK);
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

enum ipc_ring_result ipc_send_bytes(struct ipc_channel *c, struct span bytes)
{
    if (c->sock < 0)
        return IPC_RING_BROKEN;
    enum ipc_ring_result result = ipc_ring_put(&c->tx, bytes);
    if (result == IPC_RING_OK && ipc_ring_wants_wakeup(&c->tx))
        ipc_kick(c->wake_other);
    return result;
}

enum ipc_ring_result ipc_send(struct ipc_channel *c, const struct ipc_msg *m)
{
    uint8_t bytes[IPC_MESSAGE_MAX];
    struct buf_writer w = buf_writer_of(bytes, sizeof(bytes));
    ipc_encode(&w, m);
    /* What doesn't encode is empty here, and the ring refuses empty messages. */
    enum ipc_ring_result result = ipc_send_bytes(c, buf_written(&w));
    wipe(bytes, sizeof(bytes));
    return result;
}

enum ipc_ring_result ipc_receive(struct ipc_channel *c, struct ipc_msg *m)
{
    uint8_t bytes[IPC_MESSAGE_MAX];
    size_t len;
    if (c->sock < 0)
        return IPC_RING_BROKEN;
    enum ipc_ring_result result = ipc_ring_get(&c->rx, c->rx_writable, bytes, &len);
    if (result != IPC_RING_OK)
        return result;
    if (!ipc_decode(span_of(bytes, len), m)) {
        c->rx.broken = true;
        result = IPC_RING_BROKEN;
    }
    wipe(bytes, len);
    return result;
}

bool ipc_sleep(struct ipc_channel *c)
{
    return c->sock >= 0 && ipc_ring_sleep(&c->rx);
}

/*
 * The file behind an eventfd is shared, its O_NONBLOCK too: a hostile other side could take it away and let us wait.
 * So reading asks for no waiting in the call itself, and writing looks first (only a counter near 2^64 would wait, and
 * that one needs no more waking).
 */
void ipc_awake(struct ipc_channel *c)
{
    uint64_t count;
    struct iovec v = {&count, sizeof(count)};
    if (c->sock < 0)
        return;
    if (!c->rx.broken)
        ipc_ring_awake(&c->rx);
    ssize_t n = preadv2(c->wake_self, &v, 1, -1, RWF_NOWAIT);
    (void)n; /* nothing to take is as good */
}

void ipc_kick(int eventfd)
{
    struct pollfd p = {.fd = eventfd, .events = POLLOUT};
    uint64_t one = 1;
    if (eventfd < 0 || poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT))
        return;
    ssize_t n = write(eventfd, &one, sizeof(one));
    (void)n;
}

void ipc_page_unmap(const struct ipc_page *page)
{
    union {
        const struct ipc_page *in;
        void *out;
    } p = {page};
    if (page)
        munmap(p.out, sizeof(*page));
}
