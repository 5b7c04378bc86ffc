/* SPDX-License-Identifier: BSD-3-Clause */
/* Every way in which gvpnd's connection to a data plane ends. */
#include "tests/unit/ctrl/dpc/dpc_fixture.h"

static void death_keeps_the_page_and_what_was_said_before(void **state)
{
    struct fixture *f = *state;
    attach(f);
    const struct ipc_page *page = dpc_page(f->d);
    f->page.page->sas[0].lease_end[1] = 777;
    acknowledge(f, 1, IPC_OK);
    ipc_channel_close(&f->dp, false);
    assert_true(is_readable(dpc_socket_fd(f->d)));
    dpc_poll(f->d);
    assert_int_equal(f->acks, 1);
    assert_int_equal(f->detached, 1);
    assert_string_equal(f->reason, "it closed the connection");
    assert_int_equal(dpc_socket_fd(f->d), -1);
    assert_ptr_equal(dpc_page(f->d), page);
    assert_ptr_equal(dpc_last_page(f->d), page);

    /* The next data plane has a page of its own; the dead one's leases stay readable. */
    ipc_page_close(&f->page);
    f->hello.instance = 43;
    assert_true(ipc_page_open(&f->page, 43));
    attach(f);
    assert_int_equal(dpc_page(f->d)->instance, 43);
    assert_int_equal(dpc_last_page(f->d)->instance, 42);
    assert_int_equal(dpc_last_page(f->d)->sas[0].lease_end[1], 777);
    dpc_poll(f->d);
    assert_int_equal(f->detached, 1);
}

static void check_ended(struct fixture *f, const char *reason)
{
    assert_true(is_readable(dpc_wake_fd(f->d)) || is_readable(dpc_socket_fd(f->d)));
    dpc_poll(f->d);
    assert_int_equal(f->detached, 1);
    assert_string_equal(f->reason, reason);
    ipc_channel_close(&f->dp, false);
    attach(f); /* and it can begin anew */
    assert_true(dpc_begin(f->d) > 0);
    assert_int_equal(f->attached, 2);
}

static void a_broken_send_ring_ends_it_from_poll_only(void **state)
{
    struct fixture *f = *state;
    attach(f);
    dpc_poll(f->d);
    struct ipc_index_page *index = f->dp.maps[IPC_FD_INDEX];
    index->to_dp.tail = 5;
    (void)dpc_begin(f->d);
    dpc_put(f->d, &group);
    assert_int_equal(dpc_begin(f->d), 0);
    assert_int_equal(f->detached, 0); /* never out of put */
    check_ended(f, "it broke the ring");
}

static void a_broken_receive_ring_ends_it(void **state)
{
    struct fixture *f = *state;
    attach(f);
    dpc_poll(f->d);
    struct ipc_index_page *index = f->dp.maps[IPC_FD_INDEX];
    index->to_ctrl.head = IPC_RING_COUNT + 1;
    ipc_kick(f->dp.wake_other);
    check_ended(f, "it broke the ring");
}

static void a_message_that_cannot_be_decoded_ends_it(void **state)
{
    struct fixture *f = *state;
    attach(f);
    dpc_poll(f->d);
    assert_int_equal(ipc_send_bytes(&f->dp, span_of("\x0a", 1)), IPC_RING_OK);
    check_ended(f, "it broke the ring");
}

static void a_message_of_the_wrong_direction_ends_it(void **state)
{
    struct fixture *f = *state;
    attach(f);
    dpc_poll(f->d);
    say(f, &group);
    check_ended(f, "it sent a message that is not its to send");
}

static void words_on_the_socket_after_hello_end_it(void **state)
{
    struct fixture *f = *state;
    attach(f);
    assert_int_equal(send(f->dp.sock, "x", 1, 0), 1);
    check_ended(f, "it closed the connection");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(death_keeps_the_page_and_what_was_said_before),
        T(a_broken_send_ring_ends_it_from_poll_only),
        T(a_broken_receive_ring_ends_it),
        T(a_message_that_cannot_be_decoded_ends_it),
        T(a_message_of_the_wrong_direction_ends_it),
        T(words_on_the_socket_after_hello_end_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
