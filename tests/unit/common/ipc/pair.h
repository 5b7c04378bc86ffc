/* SPDX-License-Identifier: BSD-3-Clause */
/* A data plane that listens, and both ends of an attach in this process; every test must give back all descriptors. */
#ifndef GVPN_TESTS_UNIT_COMMON_IPC_PAIR_H
#define GVPN_TESTS_UNIT_COMMON_IPC_PAIR_H

#include "common/ipc/channel.h"
#include "tests/unit/common/ipc/fds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RATE 5

struct fixture {
    char dir[64], path[96];
    int listener;
    struct ipc_hello hello;
    struct ipc_page_mem page;
    size_t n_fds; /* open descriptors when the test begins */
};

static const struct ipc_attach good_attach = {IPC_VERSION, RATE};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    strcpy(f->dir, "/tmp/gvpn-ipc-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof(f->path), "%s/dp.sock", f->dir);
    f->listener = ipc_listen(f->path);
    assert_true(f->listener >= 0);
    f->hello = (struct ipc_hello){.clock_rate = RATE, .instance = 42, .n_pairs = 1, .n_workers = 2, .n_queues = 1};
    strcpy(f->hello.pairs[0], "wan0");
    assert_true(ipc_page_open(&f->page, 42));
    f->n_fds = count_fds();
    *state = f;
    alarm(30);
    return 0;
}

/* Every test must give back all descriptors, whatever it had refused. */
static int teardown(void **state)
{
    struct fixture *f = *state;
    size_t n = count_fds();
    int result = n == f->n_fds ? 0 : -1;
    if (result != 0)
        print_error("%zu descriptors are open, %zu were\n", n, f->n_fds);
    ipc_page_close(&f->page);
    close(f->listener);
    unlink(f->path);
    rmdir(f->dir);
    free(f);
    alarm(0);
    return result;
}

static int accepted(struct fixture *f)
{
    int fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    assert_true(fd >= 0);
    return fd;
}

static inline void attach(struct fixture *f, struct ipc_channel *dp, struct ipc_channel *ctrl)
{
    char reason[IPC_TEXT_MAX];
    struct ipc_hello hello;
    int fd = ipc_connect(f->path, &good_attach, reason);
    assert_true(fd >= 0);
    assert_int_equal(ipc_complete(ctrl, fd, &good_attach, &hello, reason), IPC_HANDSHAKE_WAIT);
    if (!ipc_accept(dp, accepted(f), &f->hello, &f->page, reason))
        fail_msg("%s", reason);
    if (ipc_complete(ctrl, fd, &good_attach, &hello, reason) != IPC_HANDSHAKE_DONE)
        fail_msg("%s", reason);
    assert_int_equal(hello.instance, 42);
    assert_int_equal(hello.version, IPC_VERSION);
    assert_string_equal(hello.pairs[0], "wan0");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
