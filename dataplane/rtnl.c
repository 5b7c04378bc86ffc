/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rtnetlink requests built in a fixed buffer: header, fixed part, attributes (RFC 3549 section 2). One request, one
 * acknowledgement. Attributes are appended by put(), which never leaves the buffer: all sizes here are small constants.
 */
#include "dataplane/rtnl.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

struct request {
    struct nlmsghdr head;
    uint8_t rest[512];
};

/* Room for `len` octets at the end of the request, rounded up and zeroed; NULL when the buffer is full. */
static void *extend(struct request *r, size_t len)
{
    size_t at = NLMSG_ALIGN(r->head.nlmsg_len);

    if (at + len > sizeof(*r)) {
        return NULL;
    }
    r->head.nlmsg_len = (uint32_t)(at + len);
    return (uint8_t *)r + at;
}

static struct rtattr *put(struct request *r, uint16_t type, const void *data, size_t len)
{
    struct rtattr *a = extend(r, RTA_LENGTH(len));

    if (a != NULL) {
        a->rta_type = type;
        a->rta_len = (uint16_t)RTA_LENGTH(len);
        if (len > 0) {
            memcpy(RTA_DATA(a), data, len);
        }
    }
    return a;
}

/* Attributes put between nest() and this are inside it. */
static void end_nest(struct request *r, struct rtattr *outer)
{
    if (outer != NULL) {
        outer->rta_len = (uint16_t)((uint8_t *)r + r->head.nlmsg_len - (uint8_t *)outer);
    }
}

static struct request start(uint16_t type, uint16_t flags)
{
    struct request r = {0};

    r.head.nlmsg_len = NLMSG_LENGTH(0);
    r.head.nlmsg_type = type;
    r.head.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
    r.head.nlmsg_seq = 1;
    return r;
}

static int transact(const struct request *r)
{
    struct timeval wait = {.tv_sec = 5};
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    _Alignas(struct nlmsghdr) uint8_t answer[1024];
    struct nlmsghdr *h = (struct nlmsghdr *)answer; /* NLMSG_DATA() takes no const */
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    int rc = -EIO;
    ssize_t n;

    if (fd < 0) {
        return -errno;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    if (sendto(fd, r, r->head.nlmsg_len, 0, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0 ||
        (n = recv(fd, answer, sizeof(answer), 0)) < 0) {
        rc = -errno;
    } else if (NLMSG_OK(h, (size_t)n) && h->nlmsg_type == NLMSG_ERROR &&
               h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nlmsgerr))) {
        rc = ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
    }
    close(fd);
    return rc;
}

int rtnl_link_prepare(unsigned ifindex, const uint8_t mac[6], unsigned mtu)
{
    struct request r = start(RTM_NEWLINK, 0);
    struct ifinfomsg *i = extend(&r, sizeof(*i));
    uint32_t mtu32 = mtu;
    uint8_t no_address = IN6_ADDR_GEN_MODE_NONE;
    struct rtattr *spec, *inet6;

    i->ifi_family = AF_UNSPEC;
    i->ifi_index = (int)ifindex;
    put(&r, IFLA_ADDRESS, mac, 6);
    put(&r, IFLA_MTU, &mtu32, sizeof(mtu32));
    spec = put(&r, IFLA_AF_SPEC, NULL, 0);
    inet6 = put(&r, AF_INET6, NULL, 0);
    put(&r, IFLA_INET6_ADDR_GEN_MODE, &no_address, sizeof(no_address));
    end_nest(&r, inet6);
    end_nest(&r, spec);
    return transact(&r);
}

int rtnl_link_up(unsigned ifindex)
{
    struct request r = start(RTM_NEWLINK, 0);
    struct ifinfomsg *i = extend(&r, sizeof(*i));

    i->ifi_family = AF_UNSPEC;
    i->ifi_index = (int)ifindex;
    i->ifi_flags = IFF_UP;
    i->ifi_change = IFF_UP;
    return transact(&r);
}

int rtnl_addr_add(unsigned ifindex, const struct addr *a, uint8_t prefix_len)
{
    struct request r = start(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
    struct ifaddrmsg *m = extend(&r, sizeof(*m));

    m->ifa_family = a->family == 6 ? AF_INET6 : AF_INET;
    m->ifa_prefixlen = prefix_len;
    m->ifa_flags = a->family == 6 ? IFA_F_NODAD : 0;
    m->ifa_index = ifindex;
    put(&r, IFA_LOCAL, a->b, addr_len(a->family));
    put(&r, IFA_ADDRESS, a->b, addr_len(a->family));
    if (a->family == 4 && prefix_len < 31) {
        uint8_t broadcast[4];

        for (unsigned i = 0; i < 4; i++) {
            unsigned host_bits = prefix_len >= 8 * (i + 1) ? 0 : prefix_len <= 8 * i ? 8 : 8 * (i + 1) - prefix_len;

            broadcast[i] = (uint8_t)(a->b[i] | ((1u << host_bits) - 1));
        }
        put(&r, IFA_BROADCAST, broadcast, sizeof(broadcast));
    }
    return transact(&r);
}

int rtnl_route_default(unsigned ifindex, const struct addr *gateway, uint32_t metric)
{
    struct request r = start(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
    struct rtmsg *m = extend(&r, sizeof(*m));
    uint32_t index = ifindex;

    m->rtm_family = gateway->family == 6 ? AF_INET6 : AF_INET;
    m->rtm_table = RT_TABLE_MAIN;
    m->rtm_protocol = RTPROT_STATIC;
    m->rtm_scope = RT_SCOPE_UNIVERSE;
    m->rtm_type = RTN_UNICAST;
    put(&r, RTA_GATEWAY, gateway->b, addr_len(gateway->family));
    put(&r, RTA_OIF, &index, sizeof(index));
    put(&r, RTA_PRIORITY, &metric, sizeof(metric));
    return transact(&r);
}
