/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The data plane's side of the handshake: it makes all the memory, seals it, and hands it out with HELLO. The peer gets
 * nothing but descriptors; no number that it sends decides over a size or a place.
 */
#include "common/ipc/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SEALS_RW (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define SEALS_RO (SEALS_RW | F_SEAL_FUTURE_WRITE)

/*
 * New zeroed memory, mapped writable, then sealed: our mapping stays writable under F_SEAL_FUTURE_WRITE. Pages are
 * allocated now, so that running out of memory is an error here and no signal later.
 */
static void *make_memory(const char *name, size_t len, int seals, int *fd)
{
    void *p = MAP_FAILED;
    *fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (*fd < 0)
        return NULL;
    if (fallocate(*fd, 0, 0, (off_t)len) == 0)
        p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
    if (p != MAP_FAILED && fcntl(*fd, F_ADD_SEALS, seals) == 0) {
        (void)madvise(p, len, MADV_DONTDUMP);
        return p;
    }
    if (p != MAP_FAILED)
        munmap(p, len);
    close(*fd);
    *fd = -1;
    return NULL;
}

bool ipc_page_open(struct ipc_page_mem *m, uint64_t instance)
{
    m->page = make_memory("gvpn-page", sizeof(*m->page), SEALS_RO, &m->fd);
    if (!m->page)
        return false;
    m->page->magic = IPC_PAGE_MAGIC;
    m->page->version = IPC_VERSION;
    m->page->instance = instance;
    return true;
}

void ipc_page_close(struct ipc_page_mem *m)
{
    if (m->fd >= 0)
        close(m->fd);
    ipc_page_unmap(m->page);
    *m = (struct ipc_page_mem){.fd = -1};
}

int ipc_listen(const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    struct stat st;
    if (strlen(path) >= sizeof(sa.sun_path))
        return -ENAMETOOLONG;
    memcpy(sa.sun_path, path, strlen(path) + 1);
    if (lstat(path, &st) == 0) {
        if (!S_ISSOCK(st.st_mode))
            return -EEXIST;
        if (unlink(path) != 0)
            return -errno;
    }
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    /* Nobody can connect before listen(): the mode is right by then. */
    if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 && chmod(path, 0600) == 0 && listen(fd, 8) == 0)
        return fd;
    int error = errno;
    close(fd);
    return -error;
}

void ipc_refuse(int fd, const char *reason)
{
    uint8_t bytes[IPC_MESSAGE_MAX];
    struct ipc_msg m = {.type = IPC_REFUSE};
    struct buf_writer w = buf_writer_of(bytes, sizeof(bytes));
    snprintf(m.u.refuse.reason, sizeof(m.u.refuse.reason), "%s", reason);
    ipc_encode(&w, &m);
    (void)!send(fd, bytes, buf_written(&w).len, MSG_DONTWAIT | MSG_NOSIGNAL);
    /* Closing with something unread would reset the connection, and the peer would not see the reason. */
    for (int i = 0; i < 4 && recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0; i++)
        ;
    close(fd);
}

/* Receives without room for descriptors: what a peer attaches to its ATTACH is dropped by the kernel. */
static bool read_attach(int fd, const struct ipc_hello *hello, char reason[IPC_TEXT_MAX])
{
    uint8_t bytes[IPC_MESSAGE_MAX + 1];
    struct ipc_msg m;
    ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (n <= 0) {
        snprintf(reason, IPC_TEXT_MAX, "no attach message");
        return false;
    }
    if (!ipc_decode(span_of(bytes, (size_t)n), &m) || m.type != IPC_ATTACH) {
        snprintf(reason, IPC_TEXT_MAX, "not an attach message");
        return false;
    }
    if (m.u.attach.version != IPC_VERSION) {
        snprintf(reason, IPC_TEXT_MAX, "protocol version %u, the data plane speaks %u", m.u.attach.version,
                 IPC_VERSION);
        return false;
    }
    if (m.u.attach.clock_rate != hello->clock_rate) {
        snprintf(reason, IPC_TEXT_MAX, "clock rate %u, the data plane runs at %u", m.u.attach.clock_rate,
                 hello->clock_rate);
        return false;
    }
    return true;
}

static void close_all(int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

/* Rings and eventfds of a new connection; fds[IPC_FD_PAGE] stays -1. False leaves c and fds for the caller to close. */
static bool make_rings(struct ipc_channel *c, int fds[IPC_FD_COUNT])
{
    static const struct {
        const char *name;
        size_t len;
        int seals;
    } parts[] = {
        [IPC_FD_INDEX] = {"gvpn-index", IPC_INDEX_LEN, SEALS_RW},
        [IPC_FD_TO_DP] = {"gvpn-to-dp", IPC_RING_LEN, SEALS_RW},
        [IPC_FD_TO_CTRL] = {"gvpn-to-ctrl", IPC_RING_LEN, SEALS_RO},
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        c->maps[i] = make_memory(parts[i].name, parts[i].len, parts[i].seals, &fds[i]);
        c->map_len[i] = parts[i].len;
        if (!c->maps[i])
            return false;
    }
    fds[IPC_FD_WAKE_DP] = c->wake_self = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    fds[IPC_FD_WAKE_CTRL] = c->wake_other = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (c->wake_self < 0 || c->wake_other < 0)
        return false;
    struct ipc_index_page *index = c->maps[IPC_FD_INDEX];
    ipc_ring_init(&c->rx, &index->to_dp, c->maps[IPC_FD_TO_DP]);
    ipc_ring_init(&c->tx, &index->to_ctrl, c->maps[IPC_FD_TO_CTRL]);
    c->rx_writable = true;
    return true;
}

static bool send_hello(int fd, const struct ipc_hello *hello, const int fds[IPC_FD_COUNT])
{
    uint8_t bytes[IPC_MESSAGE_MAX];
    struct ipc_msg m = {.type = IPC_HELLO, .u.hello = *hello};
    struct buf_writer w = buf_writer_of(bytes, sizeof(bytes));
    m.u.hello.version = IPC_VERSION;
    ipc_encode(&w, &m);
    struct span s = buf_written(&w);
    if (s.len == 0)
        return false;

    union {
        char buf[CMSG_SPACE(IPC_FD_COUNT * sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec iov = {bytes, s.len};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf, .msg_controllen = sizeof(control.buf)};
    struct cmsghdr *h = CMSG_FIRSTHDR(&msg);
    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = SCM_RIGHTS;
    h->cmsg_len = CMSG_LEN(IPC_FD_COUNT * sizeof(int));
    memcpy(CMSG_DATA(h), fds, IPC_FD_COUNT * sizeof(int));
    return sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)s.len;
}

bool ipc_accept(struct ipc_channel *c, int fd, const struct ipc_hello *hello, const struct ipc_page_mem *page,
                char reason[IPC_TEXT_MAX])
{
    int fds[IPC_FD_COUNT] = {-1, -1, -1, -1, -1, -1};
    ipc_channel_init(c);
    reason[0] = 0;
    if (!ipc_peer_allowed(fd))
        snprintf(reason, IPC_TEXT_MAX, "the controller must run as root or as the data plane's own user");
    else if (!read_attach(fd, hello, reason))
        ;
    else if (!make_rings(c, fds))
        snprintf(reason, IPC_TEXT_MAX, "no memory for the rings: %s", strerror(errno));
    else {
        fds[IPC_FD_PAGE] = page->fd;
        if (!send_hello(fd, hello, fds))
            snprintf(reason, IPC_TEXT_MAX, "HELLO not sent: %s", strerror(errno));
    }
    close_all(fds, IPC_FD_PAGE); /* the mappings stay; page and eventfds go on */
    if (reason[0] == 0) {
        c->sock = fd;
        c->page = page->page;
        return true;
    }
    ipc_channel_close(c, false);
    ipc_refuse(fd, reason);
    return false;
}
