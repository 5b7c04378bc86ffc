/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gvpnd's end of the IPC against a data plane that this test plays by hand: attaching, transactions larger than the
 * ring, epochs, answers.
 */
#include "tests/unit/ctrl/dpc/dpc_fixture.h"

/* ---- attaching ---- */

static void attaching_reports_hello(void **state)
{
    struct fixture *f = *state;
    char reason[IPC_TEXT_MAX];
    assert_false(dpc_attached(f->d));
    assert_null(dpc_hello(f->d));
    assert_null(dpc_page(f->d));
    assert_int_equal(dpc_socket_fd(f->d), -1);
    assert_int_equal(dpc_begin(f->d), 0);
    attach(f);
    assert_int_equal(f->attached, 1);
    assert_int_equal(dpc_hello(f->d)->n_workers, 2);
    assert_int_equal(dpc_page(f->d)->instance, 42);
    assert_null(dpc_last_page(f->d));
    assert_true(dpc_socket_fd(f->d) >= 0 && is_readable(dpc_wake_fd(f->d))); /* the loop must look once */
    dpc_poll(f->d);
    assert_false(is_readable(dpc_wake_fd(f->d)));
    assert_true(dpc_attach(f->d, reason)); /* no second time */
    assert_int_equal(f->attached, 1);
}

static void no_data_plane_is_said(void **state)
{
    struct fixture *f = *state;
    char reason[IPC_TEXT_MAX] = "";
    struct dpc_events events = {.ctx = f};
    struct dpc *d = dpc_new("/nowhere/dp.sock", RATE, &events);
    assert_non_null(d);
    assert_false(dpc_attach(d, reason));
    assert_non_null(strstr(reason, "can't connect"));
    dpc_free(d);
}

/* A frozen data plane costs 20 ms per call and is left for a new try after ten. */
static void a_silent_data_plane_is_not_waited_for(void **state)
{
    struct fixture *f = *state;
    char reason[IPC_TEXT_MAX];
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (int i = 0; i < 10; i++) {
        assert_false(dpc_attach(f->d, reason));
        assert_non_null(strstr(reason, "not answered"));
    }
    clock_gettime(CLOCK_MONOTONIC, &b);
    assert_true(b.tv_sec - a.tv_sec < 15); /* 200 ms, on a machine that has others to serve */
    close(accepted(f));
    assert_false(is_readable(f->listener));
    assert_false(dpc_attach(f->d, reason));
    assert_true(is_readable(f->listener)); /* a new connection */
    char refused[IPC_TEXT_MAX];
    assert_true(ipc_accept(&f->dp, accepted(f), &f->hello, &f->page, refused));
    assert_true(dpc_attach(f->d, reason));
}

static void an_unequal_clock_rate_is_refused(void **state)
{
    struct fixture *f = *state;
    char reason[IPC_TEXT_MAX], theirs[IPC_TEXT_MAX];
    f->hello.clock_rate = 60;
    assert_false(dpc_attach(f->d, reason));
    assert_false(ipc_accept(&f->dp, accepted(f), &f->hello, &f->page, theirs));
    assert_false(dpc_attach(f->d, reason));
    assert_string_equal(reason, "refused: clock rate 1, the data plane runs at 60");
    assert_false(dpc_attached(f->d));
    assert_int_equal(f->attached, 0);
}

/* ---- transactions ---- */

static void a_transaction_arrives_in_order_and_is_acknowledged(void **state)
{
    struct fixture *f = *state;
    attach(f);
    uint64_t epoch = dpc_begin(f->d);
    assert_true(epoch > 0);
    dpc_put(f->d, &group);
    dpc_put(f->d, &group);
    dpc_commit(f->d);
    assert_int_equal(take(f, IPC_BEGIN).u.begin.epoch, epoch);
    assert_string_equal(take(f, IPC_GROUP).u.group.name, "corp");
    take(f, IPC_GROUP);
    struct ipc_msg m = take(f, IPC_COMMIT);
    assert_int_equal(m.u.commit.epoch, epoch);
    assert_int_equal(m.u.commit.n_messages, 2);
    dpc_poll(f->d); /* now it sleeps, so that the answer wakes it */
    assert_false(is_readable(dpc_wake_fd(f->d)));
    acknowledge(f, epoch, IPC_OK);
    assert_true(is_readable(dpc_wake_fd(f->d)));
    dpc_poll(f->d);
    assert_int_equal(f->acks, 1);
    assert_int_equal(f->ack.epoch, epoch);
    assert_int_equal(f->ack.result, IPC_OK);
    assert_false(is_readable(dpc_wake_fd(f->d)));
}

/* Three rings' worth, twice, with another transaction behind it. */
static void a_transaction_larger_than_the_ring_waits_in_order(void **state)
{
    struct fixture *f = *state;
    enum { MANY = 3 * IPC_RING_COUNT };
    attach(f);
    for (int round = 0; round < 2; round++) {
        uint64_t epoch = dpc_begin(f->d);
        for (uint32_t i = 0; i < MANY; i++) {
            struct ipc_msg m = {.type = IPC_TIME, .u.time = {.group = 1, .spi = 256, .pseudotime_ms = i}};
            dpc_put(f->d, &m);
        }
        dpc_commit(f->d);
        struct ipc_msg clear = {.type = IPC_CLEAR_COUNTERS};
        assert_false(dpc_tell(f->d, &clear)); /* never past what waits */

        assert_int_equal(take(f, IPC_BEGIN).u.begin.epoch, epoch);
        for (uint32_t i = 0; i < MANY; i++) {
            struct ipc_msg m;
            enum ipc_ring_result result = ipc_receive(&f->dp, &m);
            if (result == IPC_RING_EMPTY) {
                ipc_kick(f->dp.wake_other);
                assert_true(is_readable(dpc_wake_fd(f->d)));
                dpc_poll(f->d);
                result = ipc_receive(&f->dp, &m);
            }
            assert_int_equal(result, IPC_RING_OK);
            assert_int_equal(m.u.time.pseudotime_ms, i);
        }
        dpc_poll(f->d);
        assert_int_equal(take(f, IPC_COMMIT).u.commit.n_messages, MANY);
        assert_true(dpc_tell(f->d, &clear));
        take(f, IPC_CLEAR_COUNTERS);
    }
}

/* Takes THREAD_MESSAGES in order on a thread of its own, as a real data plane does; counts those out of order. */
#define THREAD_MESSAGES 50000
static void *consume(void *arg)
{
    struct fixture *f = arg;
    uintptr_t wrong = 0;
    for (uint32_t n = 0; n < THREAD_MESSAGES;) {
        struct ipc_msg m;
        enum ipc_ring_result result = ipc_receive(&f->dp, &m);
        if (result == IPC_RING_OK && m.type == IPC_TIME)
            wrong += m.u.time.pseudotime_ms != n++;
        else if (result != IPC_RING_OK)
            sched_yield();
    }
    return (void *)wrong;
}

static void nothing_overtakes_what_waits(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    void *wrong;
    attach(f);
    assert_int_equal(pthread_create(&thread, NULL, consume, f), 0);
    (void)dpc_begin(f->d);
    for (uint32_t i = 0; i < THREAD_MESSAGES; i++) {
        struct ipc_msg m = {.type = IPC_TIME, .u.time = {.group = 1, .spi = 256, .pseudotime_ms = i}};
        dpc_put(f->d, &m);
    }
    struct ipc_msg clear = {.type = IPC_CLEAR_COUNTERS};
    while (!dpc_tell(f->d, &clear))
        dpc_poll(f->d);
    pthread_join(thread, &wrong);
    assert_null(wrong);
}

/* What waits holds keys: gone with the connection (leaks and use after free are the sanitizer's to see). */
static void what_waits_goes_with_the_connection(void **state)
{
    struct fixture *f = *state;
    attach(f);
    (void)dpc_begin(f->d);
    for (int i = 0; i < 2 * IPC_RING_COUNT; i++)
        dpc_put(f->d, &group);
    ipc_channel_close(&f->dp, false);
    dpc_poll(f->d);
    assert_int_equal(f->detached, 1);
    attach(f);
    struct ipc_msg m;
    assert_int_equal(ipc_receive(&f->dp, &m), IPC_RING_EMPTY);
    dpc_commit(f->d); /* of the old transaction: the data plane will refuse it, nothing worse */
    (void)dpc_begin(f->d);
    for (int i = 0; i < 2 * IPC_RING_COUNT; i++)
        dpc_put(f->d, &group);
}

static void epochs_only_grow(void **state)
{
    struct fixture *f = *state;
    attach(f);
    uint64_t first = dpc_begin(f->d);
    uint64_t second = dpc_begin(f->d);
    assert_true(second > first);
    ipc_channel_close(&f->dp, false);
    dpc_poll(f->d);
    attach(f);
    uint64_t third = dpc_begin(f->d);
    assert_true(third > second);

    /* A gvpnd that is younger than the data plane goes on above what is in effect there. */
    ipc_channel_close(&f->dp, false);
    dpc_poll(f->d);
    f->page.page->epoch = 1000;
    attach(f);
    uint64_t fourth = dpc_begin(f->d);
    assert_int_equal(fourth, 1001);

    /* A page that lies can't make them run out. */
    ipc_channel_close(&f->dp, false);
    dpc_poll(f->d);
    f->page.page->epoch = UINT64_MAX;
    attach(f);
    assert_int_equal(dpc_begin(f->d), 1002);
}

static void a_message_out_of_range_fails_its_transaction(void **state)
{
    struct fixture *f = *state;
    struct ipc_msg bad = group;
    bad.u.group.group = IPC_MAX_GROUPS;
    attach(f);
    uint64_t epoch = dpc_begin(f->d);
    dpc_put(f->d, &group);
    dpc_put(f->d, &bad);
    dpc_commit(f->d);
    take(f, IPC_BEGIN);
    take(f, IPC_GROUP);
    assert_int_equal(take(f, IPC_COMMIT).u.commit.n_messages, 2); /* one too many: the data plane refuses */
    acknowledge(f, epoch, IPC_BAD_ORDER);
    dpc_poll(f->d);
    assert_int_equal(f->ack.result, IPC_BAD_MESSAGE);
    assert_non_null(strstr(f->ack.reason, "out of range"));
    assert_true(dpc_attached(f->d));
}

/* ---- what comes back ---- */

static void events_and_answers_are_reported(void **state)
{
    struct fixture *f = *state;
    attach(f);
    struct ipc_msg question = {.type = IPC_EXPLAIN, .u.explain.request = 9};
    question.u.explain.flow.src.family = question.u.explain.flow.dst.family = 4;
    assert_true(dpc_tell(f->d, &question));
    assert_int_equal(take(f, IPC_EXPLAIN).u.explain.request, 9);
    struct ipc_msg m = {.type = IPC_EXPLAINED, .u.explained = {.request = 9, .known_pair = true}};
    say(f, &m);
    m = (struct ipc_msg){.type = IPC_EVENT, .u.event = {.kind = IPC_EVENT_IV_LOW, .value = 256}};
    say(f, &m);
    dpc_poll(f->d);
    assert_int_equal(f->answers, 1);
    assert_int_equal(f->answer.request, 9);
    assert_int_equal(f->events, 1);
    assert_int_equal(f->event.value, 256);
    question.u.explain.vlan = 5000;
    assert_false(dpc_tell(f->d, &question));
    assert_true(dpc_attached(f->d));
}

/* More than one poll takes at once: the eventfd stays readable until all is done. */
static void nothing_is_left_behind_without_a_wake_up(void **state)
{
    struct fixture *f = *state;
    attach(f);
    for (int i = 0; i < IPC_RING_COUNT; i++)
        acknowledge(f, (uint64_t)i + 1, IPC_OK);
    dpc_poll(f->d);
    while (is_readable(dpc_wake_fd(f->d)))
        dpc_poll(f->d);
    assert_int_equal(f->acks, IPC_RING_COUNT);
    acknowledge(f, IPC_RING_COUNT + 1, IPC_OK);
    assert_true(is_readable(dpc_wake_fd(f->d)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(attaching_reports_hello),
        T(no_data_plane_is_said),
        T(a_silent_data_plane_is_not_waited_for),
        T(an_unequal_clock_rate_is_refused),
        T(a_transaction_arrives_in_order_and_is_acknowledged),
        T(a_transaction_larger_than_the_ring_waits_in_order),
        T(nothing_overtakes_what_waits),
        T(what_waits_goes_with_the_connection),
        T(epochs_only_grow),
        T(a_message_out_of_range_fails_its_transaction),
        T(events_and_answers_are_reported),
        T(nothing_is_left_behind_without_a_wake_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
