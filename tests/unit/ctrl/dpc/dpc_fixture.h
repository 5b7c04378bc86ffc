/* SPDX-License-Identifier: BSD-3-Clause */
/* gvpnd's end of the IPC against a data plane that the test plays by hand. */
#ifndef GVPN_TESTS_UNIT_CTRL_DPC_DPC_FIXTURE_H
#define GVPN_TESTS_UNIT_CTRL_DPC_DPC_FIXTURE_H

#include "ctrl/dpc/dpc.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define RATE 1

struct fixture {
    char dir[64], path[96];
    int listener;
    struct ipc_hello hello;
    struct ipc_page_mem page;
    struct ipc_channel dp;
    struct dpc *d;
    /* what the callbacks saw */
    unsigned attached, detached, acks, events, answers;
    uint64_t epochs[8];
    struct ipc_ack ack;
    struct ipc_event event;
    struct ipc_explained answer;
    char reason[IPC_TEXT_MAX];
    int watched[2]; /* descriptors that an event loop would watch; -1 = none */
};

static void on_attached(void *ctx, struct dpc *d, const struct ipc_hello *hello)
{
    struct fixture *f = ctx;
    assert_true(dpc_attached(d));
    assert_int_equal(hello->instance, f->hello.instance);
    f->attached++;
}

static void on_detached(void *ctx, struct dpc *d, const char *reason)
{
    struct fixture *f = ctx;
    assert_false(dpc_attached(d));
    for (size_t i = 0; i < 2; i++) /* else they could not be taken out of an epoll set any more */
        assert_true(f->watched[i] < 0 || fcntl(f->watched[i], F_GETFD) >= 0);
    f->detached++;
    snprintf(f->reason, sizeof(f->reason), "%s", reason);
}

static void on_ack(void *ctx, struct dpc *d, const struct ipc_ack *ack)
{
    struct fixture *f = ctx;
    (void)d;
    f->epochs[f->acks++ % 8] = ack->epoch;
    f->ack = *ack;
}

static void on_event(void *ctx, struct dpc *d, const struct ipc_event *event)
{
    struct fixture *f = ctx;
    (void)d;
    f->events++;
    f->event = *event;
}

static void on_explained(void *ctx, struct dpc *d, const struct ipc_explained *answer)
{
    struct fixture *f = ctx;
    (void)d;
    f->answers++;
    f->answer = *answer;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    strcpy(f->dir, "/tmp/gvpn-dpc-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof(f->path), "%s/dp.sock", f->dir);
    f->listener = ipc_listen(f->path);
    assert_true(f->listener >= 0);
    f->hello = (struct ipc_hello){.clock_rate = RATE, .instance = 42, .n_pairs = 1, .n_workers = 2, .n_queues = 1};
    assert_true(ipc_page_open(&f->page, 42));
    ipc_channel_init(&f->dp);
    f->watched[0] = f->watched[1] = -1;
    struct dpc_events events = {f, on_attached, on_detached, on_ack, on_event, on_explained};
    f->d = dpc_new(f->path, RATE, &events);
    assert_non_null(f->d);
    *state = f;
    alarm(50);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    alarm(0);
    dpc_free(f->d);
    ipc_channel_close(&f->dp, false);
    ipc_page_close(&f->page);
    close(f->listener);
    unlink(f->path);
    rmdir(f->dir);
    free(f);
    return 0;
}

static int accepted(struct fixture *f)
{
    struct pollfd p = {.fd = f->listener, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 5000), 1);
    return accept4(f->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

/* The first call only sends ATTACH, as nobody answers; then the data plane answers, and the second call attaches. */
static void attach(struct fixture *f)
{
    char reason[IPC_TEXT_MAX];
    assert_false(dpc_attach(f->d, reason));
    if (!ipc_accept(&f->dp, accepted(f), &f->hello, &f->page, reason))
        fail_msg("%s", reason);
    if (!dpc_attach(f->d, reason))
        fail_msg("%s", reason);
    f->watched[0] = dpc_socket_fd(f->d);
    f->watched[1] = dpc_wake_fd(f->d);
}

static inline struct ipc_msg take(struct fixture *f, enum ipc_type type)
{
    struct ipc_msg m;
    assert_int_equal(ipc_receive(&f->dp, &m), IPC_RING_OK);
    assert_int_equal(m.type, type);
    return m;
}

static void say(struct fixture *f, const struct ipc_msg *m)
{
    assert_int_equal(ipc_send(&f->dp, m), IPC_RING_OK);
}

static void acknowledge(struct fixture *f, uint64_t epoch, enum ipc_result result)
{
    struct ipc_msg m = {.type = IPC_ACK, .u.ack = {.epoch = epoch, .result = result}};
    say(f, &m);
}

static bool is_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static const struct ipc_msg group = {
    .type = IPC_GROUP, .u.group = {.group = 1, .name = "corp", .state = IPC_GROUP_POLICY}};

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
