/* SPDX-License-Identifier: BSD-3-Clause */
/* UDP sockets: see udp.h. Nothing here looks into a datagram. */
#include "ctrl/run/udp.h"

#include "common/log.h"
#include "common/secret.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DATAGRAM_MAX  65536
#define BURST         32 /* datagrams taken from one socket before the others and the timers get their turn */
#define RECEIVE_QUEUE (4 << 20)

struct socket {
    struct udp *owner;
    struct endpoint local;
    int fd;
    struct loop_watch *watch;
};

struct udp {
    struct socket sockets[UDP_MAX_LISTEN];
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
    if (bind(fd, (struct sockaddr *)&ss, len) < 0) {
        int err = errno;

        close(fd);
        return -err;
    }
    return fd;
}

struct udp *udp_open(struct loop *l, const struct addr *listen, size_t n, int *err, struct addr *failed,
                     void (*datagram)(void *ctx, const struct path *path, struct span bytes), void *ctx)
{
    struct udp *u = calloc(1, sizeof(*u));

    *err = ENOMEM;
    *failed = (struct addr){0};
    if (!u || n > UDP_MAX_LISTEN)
        goto fail;
    u->datagram = datagram;
    u->ctx = ctx;
    for (size_t i = 0; i < n; i++) {
        struct socket *s = &u->sockets[i];

        *s = (struct socket){.owner = u, .local = {.addr = listen[i], .port = UDP_PORT_GDOI}};
        s->fd = open_socket(&s->local);
        if (s->fd < 0) {
            *err = -s->fd;
            *failed = listen[i];
            goto fail;
        }
        u->n++;
        s->watch = loop_watch(l, s->fd, on_readable, s);
        if (!s->watch)
            goto fail;
    }
    return u;
fail:
    udp_close(u);
    return NULL;
}

void udp_close(struct udp *u)
{
    if (!u)
        return;
    for (size_t i = 0; i < u->n; i++) {
        loop_unwatch(u->sockets[i].watch);
        close(u->sockets[i].fd);
    }
    wipe(u, sizeof(*u));
    free(u);
}

void udp_send(struct udp *u, const struct path *path, struct span bytes)
{
    struct sockaddr_storage to;
    socklen_t len = endpoint_to_sockaddr(&path->remote, &to);
    char text[ADDR_TEXT_MAX];

    for (size_t i = 0; i < u->n; i++) {
        if (!endpoint_equal(&u->sockets[i].local, &path->local))
            continue;
        if (sendto(u->sockets[i].fd, bytes.p, bytes.len, MSG_DONTWAIT, (struct sockaddr *)&to, len) < 0)
            log_debug("ike", "datagram of %zu octets to %s not sent: %s", bytes.len,
                      endpoint_text(&path->remote, text), strerror(errno));
        return;
    }
    log_debug("ike", "datagram to %s not sent: no socket for its source", endpoint_text(&path->remote, text));
}
