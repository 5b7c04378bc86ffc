/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The channel and the data plane's side of the handshake: an honest attach, every way in which gvpnd may be refused,
 * what the descriptors allow, closing and attaching again. Both sides live in this process; only foreign credentials
 * need another. gvpnd's side against a data plane that lies: connect_test.c.
 */
#include "common/ipc/channel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define RATE 5

struct fixture {
    char dir[64], path[96];
    int listener;
    struct ipc_hello hello;
    struct ipc_page_mem page;
    size_t n_fds; /* open descriptors when the test begins */
};

static const struct ipc_attach good_attach = {IPC_VERSION, RATE};

static size_t count_fds(void)
{
    size_t n = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

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

static void attach(struct fixture *f, struct ipc_channel *dp, struct ipc_channel *ctrl)
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

static void descriptors_sent_with_attach_are_dropped(void **state)
{
    struct fixture *f = *state;
    struct ipc_channel dp;
    char reason[IPC_TEXT_MAX];
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    static uint8_t bytes[] = {IPC_ATTACH, 0, 0, 0, IPC_VERSION, 0, 0, 0, RATE};
    union {
        char buf[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec iov = {bytes, sizeof(bytes)};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf, .msg_controllen = sizeof(control.buf)};
    struct cmsghdr *h = CMSG_FIRSTHDR(&msg);
    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = SCM_RIGHTS;
    h->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(h), &f->listener, sizeof(int));
    assert_true(sendmsg(pair[0], &msg, 0) > 0);
    size_t before = count_fds();
    assert_true(ipc_accept(&dp, pair[1], &f->hello, &f->page, reason));
    assert_int_equal(count_fds(), before + 2); /* the eventfds; nothing of the peer's */
    close(pair[0]);
    ipc_channel_close(&dp, false);
}

/* ---- the data plane refuses ---- */

static void check_refused(struct fixture *f, const struct ipc_attach *attach, const char *expected)
{
    struct ipc_channel dp, ctrl;
    struct ipc_hello hello;
    char reason[IPC_TEXT_MAX];
    int fd = ipc_connect(f->path, attach, reason);
    assert_true(fd >= 0);
    assert_false(ipc_accept(&dp, accepted(f), &f->hello, &f->page, reason));
    assert_non_null(strstr(reason, expected));
    assert_int_equal(dp.sock, -1);
    assert_int_equal(ipc_complete(&ctrl, fd, attach, &hello, reason), IPC_HANDSHAKE_FAILED);
    assert_true(strncmp(reason, "refused: ", 9) == 0);
    assert_non_null(strstr(reason, expected));
}

static void another_version_is_refused(void **state)
{
    struct ipc_attach attach = {99, 1};
    check_refused(*state, &attach, "protocol version 99, the data plane speaks");
}

static void another_clock_rate_is_refused(void **state)
{
    struct ipc_attach attach = {IPC_VERSION, RATE + 1};
    check_refused(*state, &attach, "clock rate 6");
}

static void what_is_not_attach_is_refused(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *bytes;
        size_t len;
    } first[] = {{"\x02\0\0\0\x01\0\0\0", 8}, {"\x02\0\0\0\x01\0\0\0\x05\0", 10}, {"\x04\0\0\0\0\0\0\0\x01", 9},
                 {"\xff", 1}, {"GET / HTTP/1.0", 14}};
    for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
        struct ipc_channel dp;
        char reason[IPC_TEXT_MAX];
        int pair[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
        assert_int_equal(send(pair[0], first[i].bytes, first[i].len, 0), first[i].len);
        assert_false(ipc_accept(&dp, pair[1], &f->hello, &f->page, reason));
        assert_string_equal(reason, "not an attach message");
        close(pair[0]);
    }
}

static void silence_is_refused_without_waiting(void **state)
{
    struct fixture *f = *state;
    struct ipc_channel dp;
    char reason[IPC_TEXT_MAX];
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0); /* blocking */
    assert_false(ipc_accept(&dp, pair[1], &f->hello, &f->page, reason));
    close(pair[0]);
}

/* ---- who may, and where ---- */

/* Runs f as user 65534 in a child; true when it returned 0 there. */
static bool as_nobody(int (*f)(const char *path), const char *path)
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(20);
        _exit(setgid(65534) == 0 && setuid(65534) == 0 ? f(path) : 99);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int attach_and_be_refused(const char *path)
{
    struct ipc_channel c;
    struct ipc_hello hello;
    char reason[IPC_TEXT_MAX];
    int fd = ipc_connect(path, &good_attach, reason);
    if (fd < 0)
        return 1;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, 10000) != 1)
        return 2;
    if (ipc_complete(&c, fd, &good_attach, &hello, reason) != IPC_HANDSHAKE_FAILED)
        return 3;
    return strstr(reason, "must run as root") ? 0 : 4;
}

static void a_controller_of_another_user_is_refused(void **state)
{
    struct fixture *f = *state;
    if (geteuid() != 0)
        skip();
    /* Even if somebody opened the socket for all. */
    assert_int_equal(chmod(f->dir, 0755), 0);
    assert_int_equal(chmod(f->path, 0666), 0);
    pid_t server = fork();
    assert_true(server >= 0);
    if (server == 0) {
        struct ipc_channel dp;
        char reason[IPC_TEXT_MAX];
        struct pollfd p = {.fd = f->listener, .events = POLLIN};
        alarm(20);
        if (poll(&p, 1, 10000) != 1)
            _exit(1);
        int fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        p.fd = fd;
        if (poll(&p, 1, 10000) != 1)
            _exit(2);
        _exit(ipc_accept(&dp, fd, &f->hello, &f->page, reason) ? 3 : 0);
    }
    assert_true(as_nobody(attach_and_be_refused, f->path));
    int status;
    assert_int_equal(waitpid(server, &status, 0), server);
    assert_int_equal(status, 0);
}

static int listen_a_while(const char *path)
{
    int fd = ipc_listen(path);
    if (fd < 0 || chmod(path, 0666) != 0)
        return 1;
    sleep(10);
    return 0;
}

static void a_data_plane_of_another_user_is_refused(void **state)
{
    struct fixture *f = *state;
    char path[128], reason[IPC_TEXT_MAX] = "";
    struct stat st;
    if (geteuid() != 0)
        skip();
    assert_int_equal(chmod(f->dir, 0777), 0);
    snprintf(path, sizeof(path), "%s/other.sock", f->dir);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(setgid(65534) == 0 && setuid(65534) == 0 ? listen_a_while(path) : 99);
    for (int i = 0; i < 1000 && (stat(path, &st) != 0 || (st.st_mode & 0777) != 0666); i++)
        usleep(5000);
    int fd = -1;
    for (int i = 0; i < 100 && !strstr(reason, "must run as root"); i++) { /* it may not listen yet */
        fd = ipc_connect(path, &good_attach, reason);
        usleep(fd < 0 ? 5000 : 0);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    unlink(path);
    assert_int_equal(fd, -1);
    assert_non_null(strstr(reason, "must run as root"));
}

static void listening_replaces_a_socket_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    char path[128], reason[IPC_TEXT_MAX], too_long[256];
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    int again = ipc_listen(f->path);
    assert_true(again >= 0);
    close(again);
    assert_int_equal(ipc_connect(f->path, &good_attach, reason), -1);

    snprintf(path, sizeof(path), "%s/file", f->dir);
    int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    close(file);
    assert_int_equal(ipc_listen(path), -EEXIST);
    assert_int_equal(stat(path, &st), 0);
    unlink(path);

    memset(too_long, 'x', sizeof(too_long) - 1);
    too_long[sizeof(too_long) - 1] = 0;
    assert_int_equal(ipc_listen(too_long), -ENAMETOOLONG);
    assert_int_equal(ipc_connect(too_long, &good_attach, reason), -1);
    assert_int_equal(ipc_listen("/nowhere/at/all.sock"), -ENOENT);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
        T(descriptors_sent_with_attach_are_dropped),
        T(another_version_is_refused),
        T(another_clock_rate_is_refused),
        T(what_is_not_attach_is_refused),
        T(silence_is_refused_without_waiting),
        T(a_controller_of_another_user_is_refused),
        T(a_data_plane_of_another_user_is_refused),
        T(listening_replaces_a_socket_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
