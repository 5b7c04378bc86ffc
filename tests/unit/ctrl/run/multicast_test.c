/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rekeys by multicast on the loopback interface: heard from the source that was named and from no other, by whoever listens, until
 * it doesn't. What IGMP says on a wire is the kernel's, and the smoke tests'.
 */
#include "ctrl/run/multicast.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const struct addr loopback = {.family = 4, .b = {127, 0, 0, 1}};
static const struct addr elsewhere = {.family = 4, .b = {127, 0, 0, 9}};
static const struct addr anywhere;
static const char a_owner, b_owner;

/* ---- the loop ---- */

#define MAX_WATCHES 4

struct loop_watch {
    int fd;
    void (*ready)(void *ctx);
    void *ctx;
};

static struct loop_watch watches[MAX_WATCHES];

struct loop_watch *loop_watch(struct loop *l, int fd, void (*ready)(void *ctx), void *ctx)
{
    struct loop_watch *w = watches;

    (void)l;
    while (w->ready)
        w++;
    assert_true(w < watches + MAX_WATCHES);
    *w = (struct loop_watch){.fd = fd, .ready = ready, .ctx = ctx};
    return w;
}

void loop_unwatch(struct loop_watch *w)
{
    if (w)
        *w = (struct loop_watch){.fd = -1};
}

/* ---- who listens ---- */

struct heard {
    struct multicast *m;
    unsigned n;
    struct path path;
    uint8_t byte;
    bool leave; /* stop listening as soon as one comes */
};

static void on_datagram(void *ctx, const struct path *path, struct span bytes)
{
    struct heard *h = ctx;

    h->n++;
    h->path = *path;
    h->byte = bytes.len ? bytes.p[0] : 0;
    if (h->leave)
        assert_null(multicast_hear(h->m, &a_owner, &loopback, NULL, NULL));
}

/* A port of our own, so that tests may run side by side. */
static struct endpoint group_of_ours(void)
{
    return (struct endpoint){.addr = {.family = 4, .b = {232, 84, 8, 1}}, .port = (uint16_t)(20000 + getpid() % 20000)};
}

static void say(const struct endpoint *group, const struct addr *from, uint8_t byte)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_storage ss;
    struct endpoint local = {.addr = *from};
    struct in_addr out = {.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len;

    assert_true(fd >= 0);
    len = endpoint_to_sockaddr(&local, &ss);
    assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
    assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &out, sizeof(out)), 0);
    len = endpoint_to_sockaddr(group, &ss);
    assert_int_equal(sendto(fd, &byte, 1, 0, (struct sockaddr *)&ss, len), 1);
    close(fd);
}

/* What was sent to the loopback interface is there at once or very soon: waits for it only where it must come. */
static void look(struct heard *h, unsigned expected)
{
    for (unsigned tries = 0; tries < 200; tries++) {
        for (struct loop_watch *w = watches; w < watches + MAX_WATCHES; w++) {
            struct pollfd p = {.fd = w->fd, .events = POLLIN};

            if (w->ready && poll(&p, 1, h->n < expected ? 10 : 0) > 0)
                w->ready(w->ctx);
        }
        if (h->n >= expected)
            break;
    }
    assert_int_equal(h->n, expected);
}

static int begin(void **state)
{
    static struct heard h;

    h = (struct heard){.n = 0};
    h.m = multicast_new(NULL, on_datagram, &h);
    assert_non_null(h.m);
    *state = &h;
    return 0;
}

static int end(void **state)
{
    struct heard *h = *state;

    multicast_free(h->m);
    for (unsigned i = 0; i < MAX_WATCHES; i++)
        assert_null(watches[i].ready);
    return 0;
}

static void the_named_source_is_heard_and_no_other(void **state)
{
    struct heard *h = *state;
    struct endpoint group = group_of_ours();

    say(&group, &loopback, 1); /* nobody listens */
    assert_null(multicast_hear(h->m, &a_owner, &loopback, &group, &loopback));
    say(&group, &loopback, 2);
    look(h, 1);
    assert_int_equal(h->byte, 2);
    assert_true(endpoint_equal(&h->path.local, &group));
    assert_true(addr_equal(&h->path.remote.addr, &loopback));
    say(&group, &elsewhere, 3);
    look(h, 1);
    assert_null(multicast_hear(h->m, &a_owner, &loopback, &group, &anywhere));
    say(&group, &elsewhere, 4);
    look(h, 2);
    assert_int_equal(h->byte, 4);
}

static void said_again_it_is_heard_once(void **state)
{
    struct heard *h = *state;
    struct endpoint group = group_of_ours();

    for (unsigned i = 0; i < 3; i++) {
        assert_null(multicast_hear(h->m, &a_owner, &loopback, &group, &loopback));
        say(&group, &loopback, (uint8_t)i);
        look(h, i + 1);
    }
    assert_null(multicast_hear(h->m, &a_owner, &loopback, NULL, NULL));
    assert_null(multicast_hear(h->m, &a_owner, &loopback, NULL, NULL));
    say(&group, &loopback, 9);
    look(h, 3);
}

static void two_members_hear_the_same_group(void **state)
{
    struct heard *h = *state;
    struct endpoint group = group_of_ours();

    assert_null(multicast_hear(h->m, &a_owner, &loopback, &group, &loopback));
    assert_null(multicast_hear(h->m, &b_owner, &loopback, &group, &loopback));
    say(&group, &loopback, 1);
    look(h, 2); /* copies are dropped elsewhere */
    assert_null(multicast_hear(h->m, &a_owner, &loopback, NULL, NULL));
    say(&group, &loopback, 2);
    look(h, 3);
}

/* A rekey may say that the next ones come another way. */
static void a_listener_may_go_while_it_hears(void **state)
{
    struct heard *h = *state;
    struct endpoint group = group_of_ours();

    assert_null(multicast_hear(h->m, &a_owner, &loopback, &group, &loopback));
    h->leave = true;
    say(&group, &loopback, 1);
    say(&group, &loopback, 2);
    look(h, 1);
}

static unsigned other_interface; /* what the C library says of a name, unless 0 */

unsigned if_nametoindex(const char *name)
{
    struct ifreq r = {.ifr_ifindex = 0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
    assert_int_equal(ioctl(fd, SIOCGIFINDEX, &r), 0);
    close(fd);
    return other_interface ? other_interface : (unsigned)r.ifr_ifindex;
}

/* A data plane that starts again brings another TAP: nothing of the one before must stay, as a socket may join no more than 20. */
static void another_interface_is_another_socket(void **state)
{
    struct heard *h = *state;
    struct endpoint group = group_of_ours();

    assert_null(multicast_hear(h->m, &a_owner, &loopback, &group, &loopback));
    other_interface = 1u << 30; /* none has it */
    assert_non_null(multicast_hear(h->m, &a_owner, &loopback, &group, &loopback));
    say(&group, &loopback, 1);
    look(h, 0);
    other_interface = 0;
    assert_null(multicast_hear(h->m, &a_owner, &loopback, &group, &loopback));
    say(&group, &loopback, 2);
    look(h, 1);
}

static void an_address_that_is_nowhere_is_said(void **state)
{
    struct heard *h = *state;
    struct endpoint group = group_of_ours();
    struct addr foreign = addr_v4(0xc6336401); /* 198.51.100.1 */

    assert_string_equal(multicast_hear(h->m, &a_owner, &foreign, &group, &loopback), "no interface has the member's address");
    assert_null(multicast_hear(h->m, &a_owner, &loopback, &group, &loopback)); /* later it has */
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(the_named_source_is_heard_and_no_other),
        T(said_again_it_is_heard_once),
        T(two_members_hear_the_same_group),
        T(a_listener_may_go_while_it_hears),
        T(another_interface_is_another_socket),
        T(an_address_that_is_nowhere_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
