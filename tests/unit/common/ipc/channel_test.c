/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The channel of an honest attach: messages both ways, what the descriptors allow, closing and attaching again. Both sides
 * live in this process. Who is refused by the data plane: accept_test.c; by gvpnd: connect_test.c.
 */
#include "tests/unit/common/ipc/pair.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* ---- an honest pair ---- */

static void messages_pass_both_ways_and_wake_the_sleeper(void **state)
{
    struct fixture *f = *state;
    struct ipc_channel dp, ctrl;
    struct ipc_msg m, got;
    attach(f, &dp, &ctrl);

    assert_true(ipc_sleep(&dp));
    m = (struct ipc_msg){.type = IPC_BEGIN, .u.begin.epoch = 7};
    assert_int_equal(ipc_send(&ctrl, &m), IPC_RING_OK);
    struct pollfd p = {.fd = dp.wake_self, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 0), 1);
    ipc_awake(&dp);
    assert_int_equal(poll(&p, 1, 0), 0);
    assert_int_equal(ipc_receive(&dp, &got), IPC_RING_OK);
    assert_int_equal(got.type, IPC_BEGIN);
    assert_int_equal(got.u.begin.epoch, 7);
    assert_int_equal(ipc_receive(&dp, &got), IPC_RING_EMPTY);

    assert_true(ipc_sleep(&ctrl));
    m = (struct ipc_msg){.type = IPC_ACK, .u.ack = {.epoch = 7, .result = IPC_LIMIT, .reason = "why"}};
    assert_int_equal(ipc_send(&dp, &m), IPC_RING_OK);
    p.fd = ctrl.wake_self;
    assert_int_equal(poll(&p, 1, 0), 1);
    ipc_awake(&ctrl);
    assert_int_equal(ipc_receive(&ctrl, &got), IPC_RING_OK);
    assert_string_equal(got.u.ack.reason, "why");

    f->page.page->n_ports = 77;
    assert_int_equal(ctrl.page->n_ports, 77);
    f->page.page->n_ports = 0;

    assert_true(ipc_alive(&ctrl));
    ipc_channel_close(&dp, false);
    assert_false(ipc_alive(&ctrl));
    ipc_channel_close(&ctrl, false);
    assert_int_equal(ipc_receive(&ctrl, &got), IPC_RING_BROKEN);
    assert_int_equal(ipc_send(&ctrl, &m), IPC_RING_BROKEN);
}

static void no_descriptor_survives_exec(void **state)
{
    struct fixture *f = *state;
    struct ipc_channel dp, ctrl;
    attach(f, &dp, &ctrl);
    const int fds[] = {dp.sock,        dp.wake_self,    dp.wake_other, ctrl.sock,
                       ctrl.wake_self, ctrl.wake_other, f->page.fd,    f->listener};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
    ipc_channel_close(&dp, false);
    ipc_channel_close(&ctrl, false);
}

static void a_message_that_cannot_be_encoded_harms_nothing(void **state)
{
    struct ipc_channel dp, ctrl;
    attach(*state, &dp, &ctrl);
    struct ipc_msg m = {.type = IPC_BEGIN};
    assert_int_equal(ipc_send(&ctrl, &m), IPC_RING_BROKEN);
    assert_false(ctrl.tx.broken);
    assert_int_equal(ipc_receive(&dp, &m), IPC_RING_EMPTY);
    ipc_channel_close(&dp, false);
    ipc_channel_close(&ctrl, false);
}

static void a_message_that_cannot_be_decoded_breaks_the_channel(void **state)
{
    struct ipc_channel dp, ctrl;
    struct ipc_msg m;
    attach(*state, &dp, &ctrl);
    assert_int_equal(ipc_send_bytes(&ctrl, span_of("\xff", 1)), IPC_RING_OK);
    assert_int_equal(ipc_receive(&dp, &m), IPC_RING_BROKEN);
    assert_true(dp.rx.broken);
    ipc_channel_close(&dp, false);
    ipc_channel_close(&ctrl, false);
}

static void keys_are_wiped_from_the_ring_once_consumed(void **state)
{
    struct ipc_channel dp, ctrl;
    struct ipc_msg m = {.type = IPC_SA, .u.sa = {.spi = 256, .suite = 1, .end_in_ms = 1, .sid_bits = 24}};
    attach(*state, &dp, &ctrl);
    uint8_t key[20];
    memset(key, 0xc5, sizeof(key));
    assert_true(secret_set(&m.u.sa.key, key, sizeof(key)));
    assert_int_equal(ipc_send(&ctrl, &m), IPC_RING_OK);
    assert_non_null(memmem(ctrl.maps[IPC_FD_TO_DP], IPC_RING_LEN, key, sizeof(key)));
    assert_int_equal(ipc_receive(&dp, &m), IPC_RING_OK);
    assert_null(memmem(ctrl.maps[IPC_FD_TO_DP], IPC_RING_LEN, key, sizeof(key)));
    ipc_channel_close(&dp, false);
    ipc_channel_close(&ctrl, false);
}

static void a_new_attach_has_new_rings_and_the_same_page(void **state)
{
    struct fixture *f = *state;
    struct ipc_channel dp, ctrl, dp2, ctrl2;
    struct ipc_msg m = {.type = IPC_BEGIN, .u.begin.epoch = 1};
    attach(f, &dp, &ctrl);
    assert_int_equal(ipc_send(&ctrl, &m), IPC_RING_OK);
    f->page.page->sas[3].spi = 0xabcdef;
    ipc_channel_close(&dp, false);
    attach(f, &dp2, &ctrl2);
    assert_int_equal(ipc_receive(&dp2, &m), IPC_RING_EMPTY);
    /* The old gvpnd still scribbles over its memory: nobody looks there any more. */
    memset(ctrl.maps[IPC_FD_INDEX], 0xff, IPC_INDEX_LEN);
    assert_int_equal(ipc_receive(&dp2, &m), IPC_RING_EMPTY);
    const struct ipc_page *kept = ipc_channel_close(&ctrl, true);
    assert_int_equal(kept->sas[3].spi, 0xabcdef);
    assert_int_equal(ctrl2.page->sas[3].spi, 0xabcdef);
    ipc_page_unmap(kept);
    assert_null(ipc_channel_close(&dp2, true));
    assert_null(ipc_channel_close(&ctrl2, false));
    assert_int_equal(f->page.page->sas[3].spi, 0xabcdef);
    f->page.page->sas[3].spi = 0;
}

/* ---- what the descriptors allow ---- */

/* Receives HELLO as it came: bytes dropped, descriptors in fds. */
static size_t raw_receive(int sock, int fds[16])
{
    char bytes[IPC_ELEMENT_LEN];
    union {
        char buf[CMSG_SPACE(16 * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov = {bytes, sizeof(bytes)};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf, .msg_controllen = sizeof(control.buf)};
    assert_true(recvmsg(sock, &msg, MSG_CMSG_CLOEXEC) > 0);
    struct cmsghdr *h = CMSG_FIRSTHDR(&msg);
    assert_non_null(h);
    size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(fds, CMSG_DATA(h), n * sizeof(int));
    return n;
}

static size_t raw_attach(struct fixture *f, struct ipc_channel *dp, int *sock, int fds[16])
{
    char reason[IPC_TEXT_MAX];
    *sock = ipc_connect(f->path, &good_attach, reason);
    assert_true(*sock >= 0);
    assert_true(ipc_accept(dp, accepted(f), &f->hello, &f->page, reason));
    return raw_receive(*sock, fds);
}

static void nothing_can_be_resized_and_the_page_is_read_only(void **state)
{
    static const bool may_write[IPC_FD_MAPS] = {true, true, false, false};
    struct ipc_channel dp;
    int sock, fds[16];
    size_t n = raw_attach(*state, &dp, &sock, fds);
    assert_int_equal(n, IPC_FD_COUNT);
    for (size_t i = 0; i < IPC_FD_MAPS; i++) {
        struct stat st;
        assert_int_equal(fstat(fds[i], &st), 0);
        assert_int_equal(ftruncate(fds[i], 0), -1);
        assert_int_equal(errno, EPERM);
        assert_int_equal(ftruncate(fds[i], st.st_size + 1), -1);
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fds[i], 0);
        assert_int_equal(p != MAP_FAILED, may_write[i]);
        if (p != MAP_FAILED)
            munmap(p, (size_t)st.st_size);
        p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fds[i], 0);
        assert_true(p != MAP_FAILED);
        assert_int_equal(mprotect(p, (size_t)st.st_size, PROT_READ | PROT_WRITE) == 0, may_write[i]);
        munmap(p, (size_t)st.st_size);
        if (!may_write[i])
            assert_int_equal(pwrite(fds[i], "x", 1, 0), -1);
        assert_int_equal(fcntl(fds[i], F_ADD_SEALS, F_SEAL_WRITE), -1);
    }
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
        close(fds[i]);
    }
    dp.page->heartbeat++; /* the data plane's own mapping still writes */
    close(sock);
    ipc_channel_close(&dp, false);
}

/* gvpnd shares the eventfds' files: it may fill the counter and take O_NONBLOCK away. (alarm() ends a hang.) */
static void a_hostile_eventfd_lets_nobody_wait(void **state)
{
    struct ipc_channel dp;
    int sock, fds[16];
    size_t n = raw_attach(*state, &dp, &sock, fds);
    uint64_t most = UINT64_MAX - 1;
    assert_int_equal(write(fds[IPC_FD_WAKE_CTRL], &most, sizeof(most)), sizeof(most));
    assert_int_equal(fcntl(fds[IPC_FD_WAKE_CTRL], F_SETFL, 0), 0);
    assert_int_equal(fcntl(fds[IPC_FD_WAKE_DP], F_SETFL, 0), 0);
    ipc_kick(dp.wake_other);
    ipc_awake(&dp); /* nothing to read there */
    for (size_t i = 0; i < n; i++)
        close(fds[i]);
    close(sock);
    ipc_channel_close(&dp, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(messages_pass_both_ways_and_wake_the_sleeper),
        T(no_descriptor_survives_exec),
        T(a_message_that_cannot_be_encoded_harms_nothing),
        T(a_message_that_cannot_be_decoded_breaks_the_channel),
        T(keys_are_wiped_from_the_ring_once_consumed),
        T(a_new_attach_has_new_rings_and_the_same_page),
        T(nothing_can_be_resized_and_the_page_is_read_only),
        T(a_hostile_eventfd_lets_nobody_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
