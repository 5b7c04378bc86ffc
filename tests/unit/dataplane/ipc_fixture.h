/* SPDX-License-Identifier: BSD-3-Clause */
/* The data plane's end of the IPC on its real channel, with a recorded snapshot store and a fake clock; the test plays gvpnd. */
#ifndef GVPN_TESTS_UNIT_DATAPLANE_IPC_FIXTURE_H
#define GVPN_TESTS_UNIT_DATAPLANE_IPC_FIXTURE_H

#include "dataplane/ipc.h"
#include "tests/unit/dataplane/snap_recorder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    char dir[64], path[96];
    struct snap_store store;
    struct ipc_page_mem page;
    struct ipc_server *s;
    struct ipc_server_now now;
    struct ipc_channel ctrl;
    unsigned attached, lost, asked;
    char text[IPC_TEXT_MAX];
};

static const struct ipc_attach good_attach = {IPC_VERSION, 1};

static void explain(void *ctx, const struct ipc_explain *question, struct ipc_explained *answer)
{
    struct fixture *f = ctx;
    f->asked++;
    assert_int_equal(answer->request, question->request);
    answer->known_pair = true;
    answer->effective_mtu = 1446;
}

static void on_attached(void *ctx, bool attached, const char *text)
{
    struct fixture *f = ctx;
    f->attached += attached;
    f->lost += !attached;
    snprintf(f->text, sizeof(f->text), "%s", text ? text : "");
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    char reason[IPC_TEXT_MAX];
    assert_non_null(f);
    strcpy(f->dir, "/tmp/gvpn-dpipc-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof(f->path), "%s/dp.sock", f->dir);
    assert_true(ipc_page_open(&f->page, 42));
    f->store.settled = true;
    struct ipc_server_config c = {.path = f->path,
                                  .hello = {.clock_rate = 1, .instance = 42, .n_workers = 1},
                                  .page = f->page,
                                  .store = &f->store,
                                  .ctx = f,
                                  .explain = explain,
                                  .attached = on_attached};
    f->s = ipc_server_new(&c, reason);
    if (!f->s)
        fail_msg("%s", reason);
    ipc_channel_init(&f->ctrl);
    *state = f;
    alarm(50);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    alarm(0);
    ipc_server_free(f->s);
    ipc_channel_close(&f->ctrl, false);
    ipc_page_close(&f->page);
    int result = stat(f->path, &st) != 0 ? 0 : -1; /* the socket file is gone */
    rmdir(f->dir);
    free(f);
    return result;
}

static bool readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

/* Runs the server as its loop does, until it has nothing to do. */
static void run(struct fixture *f)
{
    for (int i = 0; i < 100; i++) {
        if (!readable(ipc_server_fd(f->s)) && ipc_server_wait_ms(f->s, f->now.real) > 0)
            return;
        ipc_server_poll(f->s, &f->now);
    }
    fail_msg("the server never rests");
}

static int dial(struct fixture *f)
{
    char reason[IPC_TEXT_MAX];
    int fd = ipc_connect(f->path, &good_attach, reason);
    if (fd < 0)
        fail_msg("%s", reason);
    return fd;
}

/* Connects and says nothing. */
static inline int connect_silently(struct fixture *f)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    strcpy(sa.sun_path, f->path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    return fd;
}

static enum ipc_handshake answer_to(int fd, struct ipc_channel *c, char reason[IPC_TEXT_MAX])
{
    struct ipc_hello hello;
    return ipc_complete(c, fd, &good_attach, &hello, reason);
}

static void attach(struct fixture *f)
{
    char reason[IPC_TEXT_MAX];
    int fd = dial(f);
    run(f);
    if (answer_to(fd, &f->ctrl, reason) != IPC_HANDSHAKE_DONE)
        fail_msg("%s", reason);
    assert_true(ipc_server_attached(f->s));
}

static void send_msg(struct fixture *f, const struct ipc_msg *m)
{
    assert_int_equal(ipc_send(&f->ctrl, m), IPC_RING_OK);
}

static void send_begin(struct fixture *f, uint64_t epoch)
{
    struct ipc_msg m = {.type = IPC_BEGIN, .u.begin.epoch = epoch};
    send_msg(f, &m);
}

static void send_commit(struct fixture *f, uint64_t epoch, uint32_t n)
{
    struct ipc_msg m = {.type = IPC_COMMIT, .u.commit = {.epoch = epoch, .n_messages = n}};
    send_msg(f, &m);
}

static void send_time(struct fixture *f)
{
    struct ipc_msg m = {.type = IPC_TIME, .u.time = {.group = 1, .spi = 256}};
    send_msg(f, &m);
}

static inline void check_ack(struct fixture *f, uint64_t epoch, enum ipc_result result, const char *reason)
{
    struct ipc_msg m;
    assert_int_equal(ipc_receive(&f->ctrl, &m), IPC_RING_OK);
    assert_int_equal(m.type, IPC_ACK);
    assert_int_equal(m.u.ack.epoch, epoch);
    assert_int_equal(m.u.ack.result, result);
    assert_string_equal(m.u.ack.reason, reason);
}

static inline void check_nothing_came(struct fixture *f)
{
    struct ipc_msg m;
    assert_int_equal(ipc_receive(&f->ctrl, &m), IPC_RING_EMPTY);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
