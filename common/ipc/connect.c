/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gvpnd's side of the handshake: takes HELLO and the descriptors, and believes neither: kind, exact size and seals of
 * every one are checked before it is mapped, so that no later act of the other side can make a mapping shrink under us
 * (SIGBUS) or let us write where we may only read.
 */
#include "common/ipc/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SEALS_SIZE (F_SEAL_SHRINK | F_SEAL_GROW)
#define MAX_FDS    16 /* taken from one message at most; the kernel drops the rest */

static const struct {
    const char *name;
    size_t len;
    int seals; /* all of these must be set */
    int prot;
} parts[IPC_FD_MAPS] = {
    [IPC_FD_INDEX] = {"index page", IPC_INDEX_LEN, SEALS_SIZE, PROT_READ | PROT_WRITE},
    [IPC_FD_TO_DP] = {"ring to the data plane", IPC_RING_LEN, SEALS_SIZE, PROT_READ | PROT_WRITE},
    [IPC_FD_TO_CTRL] = {"ring to gvpnd", IPC_RING_LEN, SEALS_SIZE | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL, PROT_READ},
    [IPC_FD_PAGE] = {"counter page", sizeof(struct ipc_page), SEALS_SIZE | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL,
                     PROT_READ},
};

int ipc_connect(const char *path, const struct ipc_attach *attach, char reason[IPC_TEXT_MAX])
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    uint8_t bytes[IPC_MESSAGE_MAX];
    struct ipc_msg m = {.type = IPC_ATTACH, .u.attach = *attach};
    struct buf_writer w = buf_writer_of(bytes, sizeof(bytes));
    if (strlen(path) >= sizeof(sa.sun_path)) {
        snprintf(reason, IPC_TEXT_MAX, "the socket's path is too long");
        return -1;
    }
    memcpy(sa.sun_path, path, strlen(path) + 1);
    ipc_encode(&w, &m);
    struct span s = buf_written(&w);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0)
        snprintf(reason, IPC_TEXT_MAX, "can't connect: %s", strerror(errno));
    else if (!ipc_peer_allowed(fd))
        snprintf(reason, IPC_TEXT_MAX, "the data plane must run as root or as our own user");
    else if (send(fd, s.p, s.len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)s.len)
        snprintf(reason, IPC_TEXT_MAX, "can't send: %s", strerror(errno));
    else
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Every descriptor of a message, whatever its control data look like. */
static size_t take_fds(struct msghdr *msg, int fds[MAX_FDS])
{
    size_t n = 0;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(msg); h; h = CMSG_NXTHDR(msg, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS || h->cmsg_len < CMSG_LEN(0))
            continue;
        size_t here = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < here && n < MAX_FDS; i++)
            memcpy(&fds[n++], CMSG_DATA(h) + i * sizeof(int), sizeof(int));
    }
    return n;
}

/* One message with its descriptors. Returns its length, 0 at the end of the connection, -1 with errno. */
static ssize_t receive(int sock, uint8_t *bytes, size_t cap, int fds[MAX_FDS], size_t *n_fds)
{
    union {
        char buf[CMSG_SPACE(MAX_FDS * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov = {bytes, cap};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf, .msg_controllen = sizeof(control.buf)};
    *n_fds = 0;
    ssize_t n = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0)
        return n;
    *n_fds = take_fds(&msg, fds);
    if (msg.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) {
        errno = EMSGSIZE;
        return -1;
    }
    return n;
}

static bool is_eventfd(int fd)
{
    static const char expected[] = "anon_inode:[eventfd]";
    char link[64], target[64];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, target, sizeof(target));
    return n == (ssize_t)sizeof(expected) - 1 && memcmp(target, expected, sizeof(expected) - 1) == 0;
}

/* Maps memory number i after judging it. F_GET_SEALS fails for everything that isn't a memfd. */
static bool map_part(struct ipc_channel *c, size_t i, int fd, char reason[IPC_TEXT_MAX])
{
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || seals < 0) {
        snprintf(reason, IPC_TEXT_MAX, "the %s is not a memfd", parts[i].name);
        return false;
    }
    if (st.st_size != (off_t)parts[i].len) {
        snprintf(reason, IPC_TEXT_MAX, "the %s has %lld octets, expected %zu", parts[i].name, (long long)st.st_size,
                 parts[i].len);
        return false;
    }
    if ((seals & parts[i].seals) != parts[i].seals) {
        snprintf(reason, IPC_TEXT_MAX, "the %s has seals 0x%x, expected 0x%x", parts[i].name, (unsigned)seals,
                 (unsigned)parts[i].seals);
        return false;
    }
    void *p = mmap(NULL, parts[i].len, parts[i].prot, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) {
        snprintf(reason, IPC_TEXT_MAX, "can't map the %s: %s", parts[i].name, strerror(errno));
        return false;
    }
    (void)madvise(p, parts[i].len, MADV_DONTDUMP);
    c->maps[i] = p;
    c->map_len[i] = parts[i].len;
    return true;
}

/* Takes over both eventfds out of fds, maps everything else; what stays in fds is the caller's to close. */
static bool open_parts(struct ipc_channel *c, int fds[MAX_FDS], size_t n_fds, char reason[IPC_TEXT_MAX])
{
    if (n_fds != IPC_FD_COUNT) {
        snprintf(reason, IPC_TEXT_MAX, "HELLO came with %zu descriptors, expected %d", n_fds, IPC_FD_COUNT);
        return false;
    }
    for (size_t i = 0; i < IPC_FD_MAPS; i++)
        if (!map_part(c, i, fds[i], reason))
            return false;
    if (!is_eventfd(fds[IPC_FD_WAKE_DP]) || !is_eventfd(fds[IPC_FD_WAKE_CTRL])) {
        snprintf(reason, IPC_TEXT_MAX, "a wake-up descriptor is not an eventfd");
        return false;
    }
    c->wake_other = fds[IPC_FD_WAKE_DP];
    c->wake_self = fds[IPC_FD_WAKE_CTRL];
    fds[IPC_FD_WAKE_DP] = fds[IPC_FD_WAKE_CTRL] = -1;
    struct ipc_index_page *index = c->maps[IPC_FD_INDEX];
    ipc_ring_init(&c->tx, &index->to_dp, c->maps[IPC_FD_TO_DP]);
    ipc_ring_init(&c->rx, &index->to_ctrl, c->maps[IPC_FD_TO_CTRL]);
    c->page = c->maps[IPC_FD_PAGE];
    return true;
}

static bool check_hello(const struct ipc_msg *m, const struct ipc_attach *attach, char reason[IPC_TEXT_MAX])
{
    if (m->type == IPC_REFUSE)
        snprintf(reason, IPC_TEXT_MAX, "refused: %.140s", m->u.refuse.reason);
    else if (m->type != IPC_HELLO)
        snprintf(reason, IPC_TEXT_MAX, "the answer is not HELLO");
    else if (m->u.hello.version != IPC_VERSION)
        snprintf(reason, IPC_TEXT_MAX, "the data plane speaks protocol version %u, not %u", m->u.hello.version,
                 IPC_VERSION);
    else if (m->u.hello.clock_rate != attach->clock_rate)
        snprintf(reason, IPC_TEXT_MAX, "the data plane's clock rate is %u, ours is %u", m->u.hello.clock_rate,
                 attach->clock_rate);
    else
        return true;
    return false;
}

static bool check_page(const struct ipc_page *p, const struct ipc_hello *hello, char reason[IPC_TEXT_MAX])
{
    if (p->magic == IPC_PAGE_MAGIC && p->version == IPC_VERSION && p->instance == hello->instance)
        return true;
    snprintf(reason, IPC_TEXT_MAX, "the counter page is of another data plane");
    return false;
}

enum ipc_handshake ipc_complete(struct ipc_channel *c, int fd, const struct ipc_attach *attach,
                                struct ipc_hello *hello, char reason[IPC_TEXT_MAX])
{
    uint8_t bytes[IPC_MESSAGE_MAX];
    struct ipc_msg m;
    int fds[MAX_FDS];
    size_t n_fds;
    bool ok = false;
    ipc_channel_init(c);
    ssize_t n = receive(fd, bytes, sizeof(bytes), fds, &n_fds);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return IPC_HANDSHAKE_WAIT;
    if (n < 0)
        snprintf(reason, IPC_TEXT_MAX, "can't receive: %s", strerror(errno));
    else if (n == 0)
        snprintf(reason, IPC_TEXT_MAX, "the data plane closed the connection");
    else if (!ipc_decode(span_of(bytes, (size_t)n), &m))
        snprintf(reason, IPC_TEXT_MAX, "the answer can't be decoded");
    else
        ok = check_hello(&m, attach, reason) && open_parts(c, fds, n_fds, reason) &&
             check_page(c->page, &m.u.hello, reason);
    for (size_t i = 0; i < n_fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    if (!ok) {
        ipc_channel_close(c, false);
        close(fd);
        return IPC_HANDSHAKE_FAILED;
    }
    c->sock = fd;
    *hello = m.u.hello;
    return IPC_HANDSHAKE_DONE;
}
