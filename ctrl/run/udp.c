/* SPDX-License-Identifier: BSD-3-Clause */
/* UDP sockets: see udp.h. Nothing here looks into a datagram. */
#include "ctrl/run/udp.h"

#include "common/log.h"
#include "common/secret.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DATAGRAM_MAX  65536
#define BURST         32 /* datagrams taken from one socket before the others and the timers get their turn */
#define RECEIVE_QUEUE (4 << 20)
#define MULTICAST_TTL 64 /* rekeys by multicast cross routers; their reach is what the routers' configuration makes it */

struct socket {
    struct udp *owner;
    struct endpoint local;
    int fd;
    struct loop_watch *watch;
    bool wanted, fresh; /* while other addresses are prepared */
};

struct udp {
    struct loop *loop;
    struct socket *sockets[2 * UDP_MAX_LISTEN]; /* owned; the second half is for a change of addresses */
    size_t n;
    void (*datagram)(void *ctx, const struct path *path, struct span bytes);
    void *ctx;
    uint8_t buffer[DATAGRAM_MAX];
};

static void on_readable(void *ctx)
{
    struct socket *s = ctx;
    struct udp *u = s->owner;

    for (int i = 0; i < BURST; i++) {
        struct sockaddr_storage from;
        socklen_t from_len = sizeof(from);
        struct path path = {.local = s->local};
        ssize_t len = recvfrom(s->fd, u->buffer, sizeof(u->buffer), MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);

        if (len < 0)
            return; /* EAGAIN, or an ICMP error of something sent earlier: nobody's news */
        if (endpoint_from_sockaddr(&path.remote, &from))
            u->datagram(u->ctx, &path, span_of(u->buffer, (size_t)len));
    }
}

/* Rekeys by multicast leave by the interface of the address that they come from, whatever the routes say (KS6). */
static void send_multicast_by(int fd, const struct endpoint *local)
{
    struct in_addr interface;
    int ttl = MULTICAST_TTL;

    if (local->addr.family != 4)
        return;
    memcpy(&interface, local->addr.b, sizeof(interface));
    (void)setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof(interface));
    (void)setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof(ttl));
}

/* Returns the descriptor or -errno. */
static int open_socket(const struct endpoint *local)
{
    struct sockaddr_storage ss;
    socklen_t len = endpoint_to_sockaddr(local, &ss);
    int queue = RECEIVE_QUEUE;
    int fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &queue, sizeof(queue));
    send_multicast_by(fd, local);
    if (bind(fd, (struct sockaddr *)&ss, len) < 0) {
        int err = errno;

        close(fd);
        return -err;
    }
    return fd;
}

static void close_socket(struct socket *s)
{
    if (!s)
        return;
    loop_unwatch(s->watch);
    if (s->fd >= 0)
        close(s->fd);
    free(s);
}

/* Adds a bound socket. False with *err. */
static bool add_socket(struct udp *u, const struct addr *listen, int *err)
{
    struct socket *s = calloc(1, sizeof(*s));

    *err = ENOMEM;
    if (!s)
        return false;
    *s = (struct socket){.owner = u, .local = {.addr = *listen, .port = UDP_PORT_GDOI}, .wanted = true, .fresh = true};
    s->fd = open_socket(&s->local);
    if (s->fd < 0)
        *err = -s->fd;
    s->watch = s->fd >= 0 ? loop_watch(u->loop, s->fd, on_readable, s) : NULL;
    if (!s->watch) {
        close_socket(s);
        return false;
    }
    u->sockets[u->n++] = s;
    return true;
}

static struct socket *find_socket(const struct udp *u, const struct addr *a)
{
    for (size_t i = 0; i < u->n; i++) {
        if (addr_equal(&u->sockets[i]->local.addr, a))
            return u->sockets[i];
    }
    return NULL;
}

/* Closes the sockets that aren't `wanted` (or, with fresh, those that are new). */
static void close_some(struct udp *u, bool fresh)
{
    size_t kept = 0;

    for (size_t i = 0; i < u->n; i++) {
        struct socket *s = u->sockets[i];

        if (fresh ? s->fresh : !s->wanted)
            close_socket(s);
        else
            u->sockets[kept++] = s;
    }
    u->n = kept;
}

bool udp_prepare(struct udp *u, const struct addr *listen, size_t n, int *err, struct addr *failed)
{
    for (size_t i = 0; i < u->n; i++)
        u->sockets[i]->wanted = u->sockets[i]->fresh = false;
    for (size_t i = 0; i < n && i < UDP_MAX_LISTEN; i++) {
        struct socket *s = find_socket(u, &listen[i]);

        if (s) {
            s->wanted = true;
        } else if (!add_socket(u, &listen[i], err)) {
            *failed = listen[i];
            udp_abandon(u);
            return false;
        }
    }
    return true;
}

void udp_commit(struct udp *u)
{
    close_some(u, false);
}

void udp_abandon(struct udp *u)
{
    close_some(u, true);
}

struct udp *udp_open(struct loop *l, const struct addr *listen, size_t n, int *err, struct addr *failed,
                     void (*datagram)(void *ctx, const struct path *path, struct span bytes), void *ctx)
{
    struct udp *u = calloc(1, sizeof(*u));

    *err = ENOMEM;
    *failed = (struct addr){0};
    if (!u)
        return NULL;
    u->loop = l;
    u->datagram = datagram;
    u->ctx = ctx;
    if (!udp_prepare(u, listen, n, err, failed)) {
        udp_close(u);
        return NULL;
    }
    return u;
}

void udp_close(struct udp *u)
{
    if (!u)
        return;
    for (size_t i = 0; i < u->n; i++)
        close_socket(u->sockets[i]);
    wipe(u, sizeof(*u));
    free(u);
}

void udp_send(struct udp *u, const struct path *path, struct span bytes)
{
    struct sockaddr_storage to;
    socklen_t len = endpoint_to_sockaddr(&path->remote, &to);
    char text[ADDR_TEXT_MAX];

    for (size_t i = 0; i < u->n; i++) {
        if (!endpoint_equal(&u->sockets[i]->local, &path->local))
            continue;
        if (sendto(u->sockets[i]->fd, bytes.p, bytes.len, MSG_DONTWAIT, (struct sockaddr *)&to, len) < 0)
            log_debug("ike", "datagram of %zu octets to %s not sent: %s", bytes.len,
                      endpoint_text(&path->remote, text), strerror(errno));
        return;
    }
    log_debug("ike", "datagram to %s not sent: no socket for its source", endpoint_text(&path->remote, text));
}
