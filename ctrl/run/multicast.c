/* SPDX-License-Identifier: BSD-3-Clause */
/* Sockets that hear rekeys by multicast: see multicast.h. They never send, and nothing here looks into a datagram. */
#include "ctrl/run/multicast.h"

#include "common/secret.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DATAGRAM_MAX 65536
#define BURST        32 /* datagrams taken from one socket before the others and the timers get their turn */

struct listener {
    struct listener *next;
    struct multicast *set;
    const void *owner;
    struct endpoint group;
    struct addr source;
    unsigned interface; /* a TAP that comes again is another one */
    int fd;
    struct loop_watch *watch;
};

struct multicast {
    struct loop *loop;
    struct listener *listeners;
    void (*datagram)(void *ctx, const struct path *path, struct span bytes);
    void *ctx;
    uint8_t buffer[DATAGRAM_MAX];
};

static bool is_alive(const struct multicast *m, const struct listener *l)
{
    const struct listener *i = m->listeners;

    while (i && i != l)
        i = i->next;
    return i != NULL;
}

static void on_readable(void *ctx)
{
    struct listener *l = ctx;
    struct multicast *m = l->set;
    struct path path = {.local = l->group};

    for (int i = 0; i < BURST && is_alive(m, l); i++) { /* what comes may make us leave */
        struct sockaddr_storage from;
        socklen_t from_len = sizeof(from);
        ssize_t len = recvfrom(l->fd, m->buffer, sizeof(m->buffer), MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);

        if (len < 0)
            return;
        if (endpoint_from_sockaddr(&path.remote, &from))
            m->datagram(m->ctx, &path, span_of(m->buffer, (size_t)len));
    }
}

/* Index of the interface that has this address; 0 = none has. */
static unsigned interface_of(const struct addr *local)
{
    struct ifaddrs *all, *i;
    unsigned index = 0;

    if (getifaddrs(&all) < 0)
        return 0;
    for (i = all; i && index == 0; i = i->ifa_next) {
        struct sockaddr_storage ss = {.ss_family = AF_UNSPEC};
        struct endpoint e;

        if (!i->ifa_addr || (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6))
            continue;
        memcpy(&ss, i->ifa_addr,
               i->ifa_addr->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
        if (endpoint_from_sockaddr(&e, &ss) && addr_equal(&e.addr, local))
            index = if_nametoindex(i->ifa_name);
    }
    freeifaddrs(all);
    return index;
}

/* True when it is a member now, or was already. */
static bool join(int fd, unsigned interface, const struct endpoint *group, const struct addr *source)
{
    int level = group->addr.family == 6 ? IPPROTO_IPV6 : IPPROTO_IP;
    struct endpoint from = {.addr = *source};
    int result;

    if (source->family) {
        struct group_source_req req = {.gsr_interface = interface};

        (void)endpoint_to_sockaddr(group, &req.gsr_group);
        (void)endpoint_to_sockaddr(&from, &req.gsr_source);
        result = setsockopt(fd, level, MCAST_JOIN_SOURCE_GROUP, &req, sizeof(req));
    } else {
        struct group_req req = {.gr_interface = interface};

        (void)endpoint_to_sockaddr(group, &req.gr_group);
        result = setsockopt(fd, level, MCAST_JOIN_GROUP, &req, sizeof(req));
    }
    return result == 0 || errno == EADDRINUSE || errno == EADDRNOTAVAIL;
}

/* Returns the descriptor or -1. */
static int open_socket(const struct endpoint *group)
{
    struct sockaddr_storage ss;
    socklen_t len = endpoint_to_sockaddr(group, &ss);
    int on = 1, off = 0;
    int fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        (group->addr.family == 6 || setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &off, sizeof(off)) == 0) &&
        bind(fd, (struct sockaddr *)&ss, len) == 0)
        return fd;
    close(fd);
    return -1;
}

static struct listener **find(struct multicast *m, const void *owner)
{
    struct listener **l = &m->listeners;

    while (*l && (*l)->owner != owner)
        l = &(*l)->next;
    return l;
}

static void drop(struct listener **at)
{
    struct listener *l = *at;

    *at = l->next;
    loop_unwatch(l->watch);
    if (l->fd >= 0)
        close(l->fd);
    free(l);
}

static struct listener *add(struct multicast *m, const void *owner, const struct endpoint *group,
                            const struct addr *source)
{
    struct listener *l = calloc(1, sizeof(*l));

    if (!l)
        return NULL;
    *l = (struct listener){.next = m->listeners, .set = m, .owner = owner, .group = *group, .source = *source};
    m->listeners = l;
    l->fd = open_socket(group);
    l->watch = l->fd >= 0 ? loop_watch(m->loop, l->fd, on_readable, l) : NULL;
    if (l->watch)
        return l;
    drop(&m->listeners);
    return NULL;
}

const char *multicast_hear(struct multicast *m, const void *owner, const struct addr *local,
                           const struct endpoint *group, const struct addr *source)
{
    struct listener **at = find(m, owner);
    unsigned interface;

    if (*at && (!group || !endpoint_equal(&(*at)->group, group) || !addr_equal(&(*at)->source, source)))
        drop(at);
    if (!group)
        return NULL;
    at = find(m, owner);
    interface = interface_of(local);
    if (interface == 0)
        return "no interface has the member's address";
    if (*at && (*at)->interface != interface) /* joined on one that is gone, it counts on the socket: 20 are allowed */
        drop(at);
    at = find(m, owner);
    if (!*at && !add(m, owner, group, source))
        return "no socket for the group's address";
    at = find(m, owner);
    (*at)->interface = interface;
    return join((*at)->fd, interface, group, source) ? NULL : "the interface refuses the group";
}

struct multicast *multicast_new(struct loop *l, void (*datagram)(void *ctx, const struct path *path, struct span bytes),
                                void *ctx)
{
    struct multicast *m = calloc(1, sizeof(*m));

    if (!m)
        return NULL;
    m->loop = l;
    m->datagram = datagram;
    m->ctx = ctx;
    return m;
}

void multicast_free(struct multicast *m)
{
    if (!m)
        return;
    while (m->listeners)
        drop(&m->listeners);
    wipe(m, sizeof(*m));
    free(m);
}
