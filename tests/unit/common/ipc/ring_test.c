/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ring: order, edges, wrap-around at 2^64, and above all another side that lies, scribbles or dies. The elements
 * lie between unreadable pages, so an access outside is a crash with and without a sanitizer.
 */
#include "common/ipc/ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define PAGE 4096

struct shared {
    uint8_t *memory; /* guard | index page | guard | elements | guard */
    struct ipc_ring_index *index;
    struct ipc_ring_element *elements;
};

#define SHARED_LEN (3 * PAGE + IPC_INDEX_LEN + IPC_RING_LEN)

static struct shared shared_new(void)
{
    struct shared s;
    s.memory = mmap(NULL, SHARED_LEN, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(s.memory != MAP_FAILED);
    void *index = s.memory + PAGE, *elements = s.memory + 2 * PAGE + IPC_INDEX_LEN;
    assert_int_equal(mprotect(index, IPC_INDEX_LEN, PROT_READ | PROT_WRITE), 0);
    assert_int_equal(mprotect(elements, IPC_RING_LEN, PROT_READ | PROT_WRITE), 0);
    s.index = index;
    s.elements = elements;
    return s;
}

static void shared_free(struct shared *s)
{
    munmap(s->memory, SHARED_LEN);
}

/* Both sides at the same position. */
static void start_at(struct shared *s, struct ipc_ring *producer, struct ipc_ring *consumer, uint64_t pos)
{
    ipc_ring_init(producer, s->index, s->elements);
    ipc_ring_init(consumer, s->index, s->elements);
    producer->pos = consumer->pos = pos;
    atomic_store(&s->index->head, pos);
    atomic_store(&s->index->tail, pos);
    atomic_store(&s->index->sleeping, 0);
}

/* A message that proves itself: number, then octets that follow from it; its length too. */
static size_t message_len(uint64_t number)
{
    return 8 + number * 37 % (IPC_MESSAGE_MAX - 7);
}

static void message_make(uint64_t number, uint8_t out[IPC_MESSAGE_MAX])
{
    size_t len = message_len(number);
    memcpy(out, &number, 8);
    for (size_t i = 8; i < len; i++)
        out[i] = (uint8_t)(number + i);
}

/* Every element holds an old message, so that nothing but the index says that there is none. */
static void fill_with_old(struct shared *s)
{
    for (size_t i = 0; i < IPC_RING_COUNT; i++) {
        message_make(0, s->elements[i].bytes);
        atomic_store(&s->elements[i].len, (uint32_t)message_len(0));
    }
}

static bool message_right(uint64_t number, const uint8_t *bytes, size_t len)
{
    uint8_t expected[IPC_MESSAGE_MAX];
    message_make(number, expected);
    return len == message_len(number) && memcmp(bytes, expected, len) == 0;
}

static enum ipc_ring_result put_number(struct ipc_ring *r, uint64_t number)
{
    uint8_t bytes[IPC_MESSAGE_MAX];
    message_make(number, bytes);
    return ipc_ring_put(r, span_of(bytes, message_len(number)));
}

/* Gets into an exact heap block. */
static enum ipc_ring_result get_number(struct ipc_ring *r, bool wipe_element, uint64_t expected)
{
    uint8_t *out = malloc(IPC_MESSAGE_MAX);
    size_t len = 99;
    assert_non_null(out);
    enum ipc_ring_result result = ipc_ring_get(r, wipe_element, out, &len);
    if (result == IPC_RING_OK)
        assert_true(message_right(expected, out, len));
    else
        assert_int_equal(len, 0);
    free(out);
    return result;
}

static unsigned new_seed(void)
{
    const char *given = getenv("GVPN_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 0) : 0;
    if (!given && getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
        fail();
    print_message("GVPN_SEED=%u\n", seed);
    return seed;
}

/* ---- honest sides ---- */

static void full_and_empty_at_their_edges(void **state)
{
    (void)state;
    struct shared s = shared_new();
    struct ipc_ring p, c;
    start_at(&s, &p, &c, 0);
    assert_int_equal(get_number(&c, true, 0), IPC_RING_EMPTY);
    for (uint64_t i = 0; i < IPC_RING_COUNT; i++)
        assert_int_equal(put_number(&p, i), IPC_RING_OK);
    uint64_t head = atomic_load(&s.index->head);
    assert_int_equal(put_number(&p, 9999), IPC_RING_FULL);
    assert_int_equal(atomic_load(&s.index->head), head);
    assert_int_equal(get_number(&c, true, 0), IPC_RING_OK);
    assert_int_equal(put_number(&p, IPC_RING_COUNT), IPC_RING_OK);
    assert_int_equal(put_number(&p, 9999), IPC_RING_FULL);
    for (uint64_t i = 1; i <= IPC_RING_COUNT; i++)
        assert_int_equal(get_number(&c, true, i), IPC_RING_OK);
    assert_int_equal(get_number(&c, true, 0), IPC_RING_EMPTY);
    assert_false(p.broken || c.broken);
    shared_free(&s);
}

static void positions_wrap_at_2_to_the_64(void **state)
{
    (void)state;
    struct shared s = shared_new();
    struct ipc_ring p, c;
    start_at(&s, &p, &c, UINT64_MAX - 5);
    for (uint64_t i = 0; i < IPC_RING_COUNT; i++)
        assert_int_equal(put_number(&p, i), IPC_RING_OK);
    assert_true(p.pos < UINT64_MAX / 2);
    assert_int_equal(put_number(&p, 9999), IPC_RING_FULL);
    for (uint64_t i = 0; i < IPC_RING_COUNT; i++)
        assert_int_equal(get_number(&c, true, i), IPC_RING_OK);
    assert_int_equal(get_number(&c, true, 0), IPC_RING_EMPTY);
    shared_free(&s);
}

static void lengths_at_their_edges(void **state)
{
    (void)state;
    struct shared s = shared_new();
    struct ipc_ring p, c;
    uint8_t bytes[IPC_MESSAGE_MAX + 1] = {1}, out[IPC_MESSAGE_MAX];
    size_t len;
    start_at(&s, &p, &c, 0);
    assert_int_equal(ipc_ring_put(&p, span_of(bytes, 0)), IPC_RING_BROKEN);
    assert_int_equal(ipc_ring_put(&p, span_of(bytes, IPC_MESSAGE_MAX + 1)), IPC_RING_BROKEN);
    assert_false(p.broken);
    assert_int_equal(ipc_ring_put(&p, span_of(bytes, 1)), IPC_RING_OK);
    assert_int_equal(ipc_ring_put(&p, span_of(bytes, IPC_MESSAGE_MAX)), IPC_RING_OK);
    assert_int_equal(ipc_ring_get(&c, false, out, &len), IPC_RING_OK);
    assert_int_equal(len, 1);
    assert_int_equal(ipc_ring_get(&c, false, out, &len), IPC_RING_OK);
    assert_int_equal(len, IPC_MESSAGE_MAX);
    shared_free(&s);
}

static void consumed_elements_are_wiped(void **state)
{
    (void)state;
    struct shared s = shared_new();
    struct ipc_ring p, c;
    start_at(&s, &p, &c, 0);
    assert_int_equal(put_number(&p, 27), IPC_RING_OK);
    assert_int_equal(get_number(&c, true, 27), IPC_RING_OK);
    const uint8_t *octets = (const uint8_t *)s.elements;
    for (size_t i = 0; i < IPC_RING_LEN; i++)
        assert_int_equal(octets[i], 0);
    shared_free(&s);
}

/* The consumer of a read-only mapping writes nothing but its index. */
static void a_read_only_consumer_writes_no_element(void **state)
{
    (void)state;
    struct shared s = shared_new();
    struct ipc_ring p, c;
    start_at(&s, &p, &c, 0);
    assert_int_equal(put_number(&p, 5), IPC_RING_OK);
    assert_int_equal(mprotect(s.elements, IPC_RING_LEN, PROT_READ), 0);
    assert_int_equal(get_number(&c, false, 5), IPC_RING_OK);
    shared_free(&s);
}

static void one_wake_up_per_sleep(void **state)
{
    (void)state;
    struct shared s = shared_new();
    struct ipc_ring p, c;
    start_at(&s, &p, &c, 0);
    assert_int_equal(put_number(&p, 0), IPC_RING_OK);
    assert_false(ipc_ring_wants_wakeup(&p));
    assert_false(ipc_ring_sleep(&c)); /* there is something */
    assert_false(ipc_ring_wants_wakeup(&p));
    assert_int_equal(get_number(&c, true, 0), IPC_RING_OK);
    assert_true(ipc_ring_sleep(&c));
    assert_int_equal(put_number(&p, 1), IPC_RING_OK);
    assert_true(ipc_ring_wants_wakeup(&p));
    assert_false(ipc_ring_wants_wakeup(&p));
    ipc_ring_awake(&c);
    shared_free(&s);
}

/* ---- a side that lies ---- */

static void impossible_head_breaks_the_ring_for_good(void **state)
{
    (void)state;
    static const uint64_t ahead[] = {IPC_RING_COUNT + 1, IPC_RING_COUNT * 2, 1ULL << 63, UINT64_MAX};
    for (size_t i = 0; i < sizeof(ahead) / sizeof(ahead[0]); i++) {
        struct shared s = shared_new();
        struct ipc_ring p, c;
        start_at(&s, &p, &c, 1000);
        fill_with_old(&s);
        atomic_store(&s.index->head, 1000 + ahead[i]);
        assert_int_equal(get_number(&c, true, 0), IPC_RING_BROKEN);
        atomic_store(&s.index->head, 1000);
        assert_int_equal(get_number(&c, true, 0), IPC_RING_BROKEN);
        assert_false(ipc_ring_sleep(&c));
        assert_true(c.broken);
        shared_free(&s);
    }
}

static void impossible_tail_breaks_the_ring_for_good(void **state)
{
    (void)state;
    static const uint64_t ahead[] = {1, 1ULL << 63, UINT64_MAX - IPC_RING_COUNT}; /* the last: one too far behind */
    for (size_t i = 0; i < sizeof(ahead) / sizeof(ahead[0]); i++) {
        struct shared s = shared_new();
        struct ipc_ring p, c;
        start_at(&s, &p, &c, 1000);
        atomic_store(&s.index->tail, 1000 + ahead[i]);
        assert_int_equal(put_number(&p, 0), IPC_RING_BROKEN);
        atomic_store(&s.index->tail, 1000);
        assert_int_equal(put_number(&p, 0), IPC_RING_BROKEN);
        assert_true(p.broken);
        shared_free(&s);
    }
}

static void impossible_length_breaks_the_ring(void **state)
{
    (void)state;
    static const uint32_t lens[] = {0, IPC_MESSAGE_MAX + 1, IPC_ELEMENT_LEN, 1u << 31, UINT32_MAX};
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        struct shared s = shared_new();
        struct ipc_ring p, c;
        start_at(&s, &p, &c, IPC_RING_COUNT - 1); /* the last element: beyond it is the guard */
        assert_int_equal(put_number(&p, 3), IPC_RING_OK);
        atomic_store(&s.elements[IPC_RING_COUNT - 1].len, lens[i]);
        assert_int_equal(get_number(&c, true, 3), IPC_RING_BROKEN);
        assert_true(c.broken);
        shared_free(&s);
    }
}

/* Writes random values over everything that is shared until it is killed. */
static void scribble(struct shared *s, unsigned seed)
{
    srandom(seed);
    for (uint64_t n = 0;; n++) {
        uint64_t pos = atomic_load(&s->index->head), any = (uint64_t)random() << 32 ^ (uint64_t)random();
        unsigned at = (unsigned)random() % IPC_RING_COUNT;
        atomic_store(&s->elements[at].len, random() % 4 ? (uint32_t)random() % 2048 : (uint32_t)any);
        s->elements[at].bytes[(unsigned)random() % IPC_MESSAGE_MAX] = (uint8_t)any;
        if (random() % 4 == 0)
            atomic_store(&s->index->head, random() % 64 ? pos + (uint64_t)random() % 8 : any);
        if (random() % 4 == 0)
            atomic_store(&s->index->tail, random() % 64 ? pos + (uint64_t)random() % 8 : any);
        atomic_store(&s->index->sleeping, (uint32_t)any);
    }
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void kill_and_wait(pid_t pid)
{
    int status;
    kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
}

/* A child that can't outlive a failed test. */
static pid_t fork_child(void)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    return pid;
}

static void a_scribbling_side_never_leads_us_outside(void **state)
{
    (void)state;
    struct shared s = shared_new();
    struct ipc_ring p, c;
    unsigned seed = new_seed();
    unsigned long got = 0, put = 0, broken = 0;
    start_at(&s, &p, &c, 0);
    pid_t pid = fork_child();
    if (pid == 0)
        scribble(&s, seed);
    uint8_t *out = malloc(IPC_MESSAGE_MAX), message[100] = {7};
    for (double end = seconds() + 1.0; seconds() < end;) {
        size_t len;
        enum ipc_ring_result a = ipc_ring_get(&c, true, out, &len);
        assert_true(a == IPC_RING_OK ? len >= 1 && len <= IPC_MESSAGE_MAX : len == 0);
        enum ipc_ring_result b = ipc_ring_put(&p, span_of(message, sizeof(message)));
        (void)ipc_ring_wants_wakeup(&p);
        if (ipc_ring_sleep(&c))
            ipc_ring_awake(&c);
        got += a == IPC_RING_OK;
        put += b == IPC_RING_OK;
        if (c.broken || p.broken) { /* a new life at its present values, so that the attack goes on */
            broken++;
            ipc_ring_init(&c, s.index, s.elements);
            ipc_ring_init(&p, s.index, s.elements);
            c.pos = atomic_load(&s.index->head) - (broken & 3);
            p.pos = atomic_load(&s.index->tail);
        }
    }
    kill_and_wait(pid);
    print_message("got %lu, put %lu, found broken %lu times\n", got, put, broken);
    assert_true(got > 0 && put > 0 && broken > 0);
    free(out);
    shared_free(&s);
}

/* ---- a side that dies ---- */

/* Right before head moves, the only moment at which an element is half written. */
static void a_producer_dead_in_mid_put_leaves_nothing(void **state)
{
    (void)state;
    struct shared s = shared_new();
    struct ipc_ring p, c;
    start_at(&s, &p, &c, 0);
    assert_int_equal(put_number(&p, 1), IPC_RING_OK);
    pid_t pid = fork_child();
    if (pid == 0) {
        uint8_t bytes[IPC_MESSAGE_MAX];
        message_make(2, bytes);
        memcpy(s.elements[1].bytes, bytes, 500);
        atomic_store(&s.elements[1].len, 800);
        raise(SIGKILL);
    }
    kill_and_wait(pid);
    assert_int_equal(get_number(&c, true, 1), IPC_RING_OK);
    assert_int_equal(get_number(&c, true, 2), IPC_RING_EMPTY);
    shared_free(&s);
}

static void messages_of_a_killed_producer_are_whole(void **state)
{
    (void)state;
    struct shared s = shared_new();
    srandom(new_seed());
    for (int round = 0; round < 30; round++) {
        struct ipc_ring p, c;
        start_at(&s, &p, &c, 0);
        pid_t pid = fork_child();
        if (pid == 0)
            for (uint64_t n = 0;; n += put_number(&p, n) == IPC_RING_OK)
                ;
        uint64_t n = 0;
        for (long k = 1 + random() % 20000; k > 0; k--)
            n += get_number(&c, true, n) == IPC_RING_OK;
        kill_and_wait(pid);
        enum ipc_ring_result result;
        while ((result = get_number(&c, true, n)) == IPC_RING_OK)
            n++;
        assert_int_equal(result, IPC_RING_EMPTY);
    }
    shared_free(&s);
}

/* ---- two threads: order, no lost message, no lost wake-up ---- */

#define THREAD_MESSAGES 200000

struct pair {
    struct ipc_ring producer, consumer;
    int wake;
};

static void *produce(void *arg)
{
    struct pair *t = arg;
    for (uint64_t n = 0; n < THREAD_MESSAGES;) {
        if (put_number(&t->producer, n) != IPC_RING_OK) {
            sched_yield();
            continue;
        }
        uint64_t one = 1;
        if (ipc_ring_wants_wakeup(&t->producer) && write(t->wake, &one, sizeof(one)) != sizeof(one))
            abort();
        if (++n % 500 == 0)
            usleep(50); /* let the other fall asleep */
    }
    return NULL;
}

static void two_threads_lose_nothing_and_no_wake_up(void **state)
{
    (void)state;
    struct shared s = shared_new();
    struct pair t;
    pthread_t thread;
    unsigned sleeps = 0;
    start_at(&s, &t.producer, &t.consumer, UINT64_MAX - 1000);
    t.wake = eventfd(0, EFD_CLOEXEC);
    assert_true(t.wake >= 0);
    double begin = seconds();
    assert_int_equal(pthread_create(&thread, NULL, produce, &t), 0);
    for (uint64_t n = 0; n < THREAD_MESSAGES;) {
        enum ipc_ring_result result = get_number(&t.consumer, true, n);
        assert_int_not_equal(result, IPC_RING_BROKEN);
        n += result == IPC_RING_OK;
        if (result == IPC_RING_OK || !ipc_ring_sleep(&t.consumer))
            continue;
        struct pollfd p = {.fd = t.wake, .events = POLLIN};
        uint64_t count;
        sleeps++;
        assert_int_equal(poll(&p, 1, 20000), 1); /* a lost wake-up would end here */
        assert_int_equal(read(t.wake, &count, sizeof(count)), sizeof(count));
        ipc_ring_awake(&t.consumer);
    }
    pthread_join(thread, NULL);
    print_message("%.0f messages/s, %u sleeps\n", THREAD_MESSAGES / (seconds() - begin), sleeps);
    close(t.wake);
    shared_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_and_empty_at_their_edges),
        cmocka_unit_test(positions_wrap_at_2_to_the_64),
        cmocka_unit_test(lengths_at_their_edges),
        cmocka_unit_test(consumed_elements_are_wiped),
        cmocka_unit_test(a_read_only_consumer_writes_no_element),
        cmocka_unit_test(one_wake_up_per_sleep),
        cmocka_unit_test(impossible_head_breaks_the_ring_for_good),
        cmocka_unit_test(impossible_tail_breaks_the_ring_for_good),
        cmocka_unit_test(impossible_length_breaks_the_ring),
        cmocka_unit_test(a_scribbling_side_never_leads_us_outside),
        cmocka_unit_test(a_producer_dead_in_mid_put_leaves_nothing),
        cmocka_unit_test(messages_of_a_killed_producer_are_whole),
        cmocka_unit_test(two_threads_lose_nothing_and_no_wake_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
