/* SPDX-License-Identifier: BSD-3-Clause */
/* The swarm's socket. Addresses of members needn't be on an interface: loopback has all of 127.0.0.0/8. */
#include "tools/swarm/swarm.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER   (64 << 20)
#define BATCH    64
#define LONGEST  65536

bool swarm_net_open(struct swarm *s)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(s->o.port)};
    int one = 1, size = BUFFER;

    s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->fd < 0)
        return false;
    /* Without the right to more, as much as is allowed. */
    if (setsockopt(s->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
        (void)!setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    return setsockopt(s->fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one)) == 0 &&
           setsockopt(s->fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof(one)) == 0 &&
           bind(s->fd, (const struct sockaddr *)(const void *)&any, sizeof(any)) == 0;
}

uint32_t swarm_random(struct swarm *s, uint32_t n)
{
    s->random = s->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((s->random >> 33) % n);
}

static bool is_lost(struct swarm *s)
{
    if (s->o.loss == 0 || swarm_random(s, 100) >= s->o.loss)
        return false;
    s->counts.lost++;
    return true;
}

void swarm_net_send(void *swarm, const struct path *path, struct span datagram)
{
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
    } control = {.bytes = {0}};
    struct swarm *s = swarm;
    struct sockaddr_storage to;
    struct iovec iov = {.iov_len = datagram.len};
    struct msghdr m = {.msg_name = &to, .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
                       .msg_controllen = sizeof(control)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    struct in_pktinfo info = {.ipi_ifindex = 0};

    memcpy(&iov.iov_base, &datagram.p, sizeof(iov.iov_base)); /* sendmsg() only reads it */
    memcpy(&info.ipi_spec_dst, path->local.addr.b, 4);
    c->cmsg_level = IPPROTO_IP;
    c->cmsg_type = IP_PKTINFO;
    c->cmsg_len = CMSG_LEN(sizeof(info));
    memcpy(CMSG_DATA(c), &info, sizeof(info));
    m.msg_namelen = endpoint_to_sockaddr(&path->remote, &to);
    s->counts.sent++;
    if (!is_lost(s))
        (void)!sendmsg(s->fd, &m, 0); /* what the kernel doesn't take is lost on the way */
}

static void take(struct swarm *s, struct msghdr *m, uint8_t *bytes, size_t len)
{
    struct path path = {.local = {.port = s->o.port}};

    s->counts.received++;
    if (is_lost(s) || !endpoint_from_sockaddr(&path.remote, m->msg_name))
        return;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
        struct in_pktinfo info;

        if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_PKTINFO)
            continue;
        memcpy(&info, CMSG_DATA(c), sizeof(info));
        path.local.addr = addr_v4(ntohl(info.ipi_addr.s_addr));
    }
    swarm_members_datagram(s, &path, span_of(bytes, len));
}

static void receive_all(struct swarm *s)
{
    static uint8_t bytes[LONGEST];

    for (unsigned i = 0; i < BATCH; i++) {
        union {
            struct cmsghdr align;
            uint8_t bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
        } control;
        struct sockaddr_storage from;
        struct iovec iov = {bytes, sizeof(bytes)};
        struct msghdr m = {.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1,
                           .msg_control = &control, .msg_controllen = sizeof(control)};
        ssize_t n = recvmsg(s->fd, &m, 0);

        if (n < 0)
            return;
        take(s, &m, bytes, (size_t)n);
    }
}

void swarm_net_wait(struct swarm *s, mono_t until)
{
    struct pollfd p = {.fd = s->fd, .events = POLLIN};
    int64_t ms = mono_to_ms(mono_sub(until, clock_real_now())) + 1;
    int n = poll(&p, 1, ms < 0 ? 0 : ms > 1000 ? 1000 : (int)ms);

    s->now = (struct now){.scaled = clock_now(&s->clock), .real = clock_real_now()};
    if (n > 0)
        receive_all(s);
}
