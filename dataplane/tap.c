/* SPDX-License-Identifier: BSD-3-Clause */
/* TUNSETIFF and rtnetlink in the one order that works: the MAC can't be changed once the interface is up. */
#include "dataplane/tap.h"

#include "dataplane/rtnl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define GATEWAY_METRIC 1024

static bool fail(char error[TAP_ERROR_MAX], const struct cfg_local *local, const char *what, int err)
{
    (void)snprintf(error, TAP_ERROR_MAX, "TAP %s: %s: %s", local->tap, what, strerror(err));
    return false;
}

static bool configure(const struct cfg_local *local, const uint8_t mac[6], unsigned mtu, unsigned ifindex,
                      char error[TAP_ERROR_MAX])
{
    char text[ADDR_TEXT_MAX], what[ADDR_TEXT_MAX + 32];
    int rc = rtnl_link_prepare(ifindex, mac, mtu);

    if (rc != 0) {
        return fail(error, local, "setting MAC and MTU", -rc);
    }
    for (size_t i = 0; i < local->n_addresses; i++) {
        const struct cfg_local_address *a = &local->addresses[i];

        rc = rtnl_addr_add(ifindex, &a->addr, a->prefix_len);
        if (rc != 0) {
            (void)snprintf(what, sizeof(what), "adding address %s/%u", addr_text(&a->addr, text), a->prefix_len);
            return fail(error, local, what, -rc);
        }
    }
    rc = rtnl_link_up(ifindex);
    if (rc != 0) {
        return fail(error, local, "setting it up", -rc);
    }
    for (size_t i = 0; i < local->n_gateways; i++) {
        rc = rtnl_route_default(ifindex, &local->gateways[i], GATEWAY_METRIC);
        if (rc != 0) {
            (void)snprintf(what, sizeof(what), "route via gateway %s", addr_text(&local->gateways[i], text));
            return fail(error, local, what, -rc);
        }
    }
    return true;
}

int tap_open(const struct cfg_local *local, const uint8_t mac[6], unsigned mtu, char error[TAP_ERROR_MAX])
{
    struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    unsigned ifindex;

    if (fd < 0) {
        (void)fail(error, local, "opening /dev/net/tun", errno);
        return -1;
    }
    (void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", local->tap);
    if (ioctl(fd, TUNSETIFF, &ifr) != 0) {
        (void)fail(error, local, "TUNSETIFF (is the name taken by another interface or process?)", errno);
        close(fd);
        return -1;
    }
    ifindex = if_nametoindex(ifr.ifr_name);
    if (ifindex == 0) {
        (void)fail(error, local, "looking it up", errno);
        close(fd);
        return -1;
    }
    if (!configure(local, mac, mtu, ifindex, error)) {
        close(fd);
        return -1;
    }
    return fd;
}

bool tap_write(int fd, const void *frame, size_t len)
{
    return write(fd, frame, len) == (ssize_t)len;
}

size_t tap_read(int fd, void *frame, size_t cap)
{
    ssize_t n = read(fd, frame, cap);

    return n > 0 ? (size_t)n : 0;
}
