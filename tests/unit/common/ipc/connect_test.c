/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gvpnd's side of the handshake against a data plane that lies: number, kind, size and seals of the descriptors,
 * contents of HELLO and page. After every refusal all descriptors must be closed.
 */
#include "common/ipc/channel.h"
#include "tests/unit/common/ipc/fds.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define RATE 5

static const struct ipc_attach good_attach = {IPC_VERSION, RATE};

static size_t fds_before;

static int setup(void **state)
{
    (void)state;
    fds_before = count_fds();
    alarm(30);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    alarm(0);
    return count_fds() == fds_before ? 0 : -1;
}

static int memory(size_t len, int seals)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)len), 0);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

#define SIZE (F_SEAL_SHRINK | F_SEAL_GROW)
#define RO   (SIZE | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

static const struct {
    size_t len;
    int seals;
} honest[IPC_FD_MAPS] = {
    {IPC_INDEX_LEN, SIZE}, {IPC_RING_LEN, SIZE}, {IPC_RING_LEN, RO}, {sizeof(struct ipc_page), RO}};

/* A page as it should be, of the given instance. */
static int page_memory(uint64_t magic, uint64_t instance)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    struct ipc_page page;
    assert_true(fd >= 0);
    memset(&page, 0, sizeof(page));
    page.magic = magic;
    page.version = IPC_VERSION;
    page.instance = instance;
    assert_int_equal(write(fd, &page, sizeof(page)), sizeof(page));
    assert_int_equal(fcntl(fd, F_ADD_SEALS, RO), 0);
    return fd;
}

static void honest_fds(int fds[IPC_FD_COUNT])
{
    for (size_t i = 0; i < IPC_FD_PAGE; i++)
        fds[i] = memory(honest[i].len, honest[i].seals);
    fds[IPC_FD_PAGE] = page_memory(IPC_PAGE_MAGIC, 42);
    fds[IPC_FD_WAKE_DP] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    fds[IPC_FD_WAKE_CTRL] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

/*
 * Sends HELLO with these descriptors (and closes them), lets gvpnd's side judge. Returns whether it attached; reason
 * says why not.
 */
static bool judged(const struct ipc_hello *hello, int *fds, size_t n, char reason[IPC_TEXT_MAX])
{
    uint8_t bytes[IPC_MESSAGE_MAX];
    struct ipc_msg m = {.type = IPC_HELLO, .u.hello = *hello};
    struct buf_writer w = buf_writer_of(bytes, sizeof(bytes));
    struct ipc_channel c;
    struct ipc_hello got;
    union {
        char buf[CMSG_SPACE(32 * sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    ipc_encode(&w, &m);
    struct iovec iov = {bytes, w.len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    if (n > 0) {
        msg.msg_control = control.buf;
        msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
        struct cmsghdr *h = CMSG_FIRSTHDR(&msg);
        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(n * sizeof(int));
        memcpy(CMSG_DATA(h), fds, n * sizeof(int));
    }
    assert_int_equal(sendmsg(pair[0], &msg, 0), w.len);
    for (size_t i = 0; i < n; i++)
        close(fds[i]);
    enum ipc_handshake result = ipc_complete(&c, pair[1], &good_attach, &got, reason);
    close(pair[0]);
    if (result == IPC_HANDSHAKE_DONE)
        ipc_channel_close(&c, false);
    else
        assert_int_equal(result, IPC_HANDSHAKE_FAILED);
    return result == IPC_HANDSHAKE_DONE;
}

static struct ipc_hello honest_hello(void)
{
    return (struct ipc_hello){.version = IPC_VERSION, .clock_rate = RATE, .instance = 42, .n_pairs = 1, .n_workers = 1};
}

static void an_honest_hello_is_taken(void **state)
{
    (void)state;
    struct ipc_hello hello = honest_hello();
    char reason[IPC_TEXT_MAX] = "";
    int fds[IPC_FD_COUNT];
    honest_fds(fds);
    if (!judged(&hello, fds, IPC_FD_COUNT, reason))
        fail_msg("%s", reason);
}

static void a_hello_of_other_version_or_rate_is_refused(void **state)
{
    (void)state;
    struct ipc_hello hello = honest_hello();
    char reason[IPC_TEXT_MAX];
    int fds[IPC_FD_COUNT];
    hello.version++;
    honest_fds(fds);
    assert_false(judged(&hello, fds, IPC_FD_COUNT, reason));
    assert_non_null(strstr(reason, "version"));
    hello = honest_hello();
    hello.clock_rate++;
    honest_fds(fds);
    assert_false(judged(&hello, fds, IPC_FD_COUNT, reason));
    assert_non_null(strstr(reason, "clock rate"));
}

static void a_wrong_number_of_descriptors_is_refused(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, IPC_FD_COUNT - 1, IPC_FD_COUNT + 1, 16, 17, 30};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct ipc_hello hello = honest_hello();
        char reason[IPC_TEXT_MAX];
        int fds[32];
        honest_fds(fds);
        for (size_t j = IPC_FD_COUNT; j < counts[i]; j++)
            fds[j] = eventfd(0, EFD_CLOEXEC);
        assert_false(judged(&hello, fds, counts[i], reason));
        for (size_t j = counts[i]; j < IPC_FD_COUNT; j++)
            close(fds[j]);
    }
}

static void wrong_sizes_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < IPC_FD_MAPS; i++) {
        const size_t wrong[] = {0, honest[i].len - 1, honest[i].len + 1, honest[i].len - 4096, honest[i].len + 4096};
        for (size_t j = 0; j < sizeof(wrong) / sizeof(wrong[0]); j++) {
            struct ipc_hello hello = honest_hello();
            char reason[IPC_TEXT_MAX];
            int fds[IPC_FD_COUNT];
            honest_fds(fds);
            close(fds[i]);
            fds[i] = memory(wrong[j], honest[i].seals);
            assert_false(judged(&hello, fds, IPC_FD_COUNT, reason));
            assert_non_null(strstr(reason, "octets"));
        }
    }
}

static void missing_seals_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < IPC_FD_MAPS; i++) {
        for (int seal = 1; seal <= F_SEAL_FUTURE_WRITE; seal <<= 1) {
            struct ipc_hello hello = honest_hello();
            char reason[IPC_TEXT_MAX];
            int fds[IPC_FD_COUNT];
            if (!(honest[i].seals & seal))
                continue;
            honest_fds(fds);
            close(fds[i]);
            fds[i] = memory(honest[i].len, honest[i].seals & ~seal);
            assert_false(judged(&hello, fds, IPC_FD_COUNT, reason));
            assert_non_null(strstr(reason, "seals"));
        }
    }
}

static void wrong_kinds_of_descriptors_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < IPC_FD_COUNT; i++) {
        for (int kind = 0; kind < 4; kind++) {
            struct ipc_hello hello = honest_hello();
            char reason[IPC_TEXT_MAX];
            int fds[IPC_FD_COUNT];
            honest_fds(fds);
            close(fds[i]);
            if (kind == 0) {
                fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
            } else if (kind == 1) {
                fds[i] = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
                assert_int_equal(ftruncate(fds[i], (off_t)honest[i % IPC_FD_MAPS].len), 0);
            } else if (kind == 2) {
                fds[i] = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
            } else {
                fds[i] = i < IPC_FD_MAPS ? eventfd(0, EFD_CLOEXEC) : memory(8, SIZE);
            }
            assert_true(fds[i] >= 0);
            assert_false(judged(&hello, fds, IPC_FD_COUNT, reason));
            assert_non_null(strstr(reason, i < IPC_FD_MAPS ? "memfd" : "eventfd"));
        }
    }
}

static void the_page_of_another_process_is_refused(void **state)
{
    (void)state;
    static const uint64_t wrong[][2] = {{IPC_PAGE_MAGIC, 43}, {IPC_PAGE_MAGIC + 1, 42}};
    for (size_t i = 0; i < 2; i++) {
        struct ipc_hello hello = honest_hello();
        char reason[IPC_TEXT_MAX];
        int fds[IPC_FD_COUNT];
        honest_fds(fds);
        close(fds[IPC_FD_PAGE]);
        fds[IPC_FD_PAGE] = page_memory(wrong[i][0], wrong[i][1]);
        assert_false(judged(&hello, fds, IPC_FD_COUNT, reason));
        assert_non_null(strstr(reason, "another data plane"));
    }
}

static void an_answer_that_is_no_hello_is_refused(void **state)
{
    (void)state;
    static const char *const answers[] = {"", "\xff", "\x0e"};
    for (size_t i = 0; i < 3; i++) {
        struct ipc_channel c;
        struct ipc_hello hello;
        char reason[IPC_TEXT_MAX];
        int pair[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
        assert_int_equal(ipc_complete(&c, pair[1], &good_attach, &hello, reason), IPC_HANDSHAKE_WAIT);
        if (answers[i][0])
            assert_int_equal(send(pair[0], answers[i], 1, 0), 1);
        close(pair[0]);
        assert_int_equal(ipc_complete(&c, pair[1], &good_attach, &hello, reason), IPC_HANDSHAKE_FAILED);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_honest_hello_is_taken),
        T(a_hello_of_other_version_or_rate_is_refused),
        T(a_wrong_number_of_descriptors_is_refused),
        T(wrong_sizes_are_refused),
        T(missing_seals_are_refused),
        T(wrong_kinds_of_descriptors_are_refused),
        T(the_page_of_another_process_is_refused),
        T(an_answer_that_is_no_hello_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
