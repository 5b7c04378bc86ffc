/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The data plane's side of the handshake: every way in which gvpnd may be refused, and where a data plane listens. Only foreign
 * credentials need another process.
 */
#include "tests/unit/common/ipc/pair.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

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

/* Nobody else can become another user: then the test isn't one, which this line says. */
static bool is_not_root(void)
{
    if (geteuid() == 0)
        return false;
    print_message("not tested: that needs root\n");
    return true;
}

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
    if (is_not_root())
        return;
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
    if (is_not_root())
        return;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
