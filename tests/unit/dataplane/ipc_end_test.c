/* SPDX-License-Identifier: BSD-3-Clause */
/* How the data plane's connection to gvpnd ends: gvpnd dies, at any point of a transaction, or breaks the ring. */
#include "tests/unit/dataplane/ipc_fixture.h"

static void death_of_gvpnd_changes_nothing(void **state)
{
    struct fixture *f = *state;
    attach(f);
    send_begin(f, 1);
    send_commit(f, 1, 0);
    run(f);
    send_begin(f, 2); /* dies in mid-transaction */
    send_time(f);
    ipc_channel_close(&f->ctrl, false);
    run(f);
    assert_false(ipc_server_attached(f->s));
    assert_int_equal(f->lost, 1);
    assert_string_equal(f->text, "it closed the connection");
    assert_int_equal(f->store.commits, 1);
    assert_int_equal(f->page.page->epoch, 1);
    assert_false(f->store.open); /* keys of the unfinished one are wiped now, not when somebody attaches again */
    attach(f);
    send_commit(f, 2, 1); /* nothing of the old transaction is left */
    run(f);
    assert_false(ipc_server_attached(f->s));
    assert_string_equal(f->text, "it sent part of a transaction without BEGIN");
}

/* gvpnd's last wish (removing its SAs) counts although it didn't wait for the answer. */
static void what_was_committed_before_death_counts(void **state)
{
    struct fixture *f = *state;
    attach(f);
    send_begin(f, 1);
    for (int i = 0; i < 600; i++)
        send_time(f);
    send_commit(f, 1, 600);
    ipc_channel_close(&f->ctrl, false);
    run(f);
    assert_int_equal(f->store.commits, 1);
    assert_false(ipc_server_attached(f->s));
}

static void a_policy_is_in_effect_although_nobody_waits_for_the_ack(void **state)
{
    struct fixture *f = *state;
    attach(f);
    f->store.settled = false;
    send_begin(f, 3);
    send_commit(f, 3, 0);
    ipc_channel_close(&f->ctrl, false);
    ipc_server_poll(f->s, &f->now);
    assert_false(ipc_server_attached(f->s));
    assert_int_equal(f->page.page->epoch, 3);
}

/* Whoever still holds the eventfd of an old connection can't keep the loop busy. */
static void an_old_eventfd_wakes_nobody(void **state)
{
    struct fixture *f = *state;
    attach(f);
    int old = dup(f->ctrl.wake_other);
    ipc_channel_close(&f->ctrl, false);
    run(f);
    ipc_kick(old);
    assert_false(readable(ipc_server_fd(f->s)));
    close(old);
}

static void check_thrown_out(struct fixture *f, const char *why)
{
    ipc_kick(f->ctrl.wake_other);
    run(f);
    assert_false(ipc_server_attached(f->s));
    assert_string_equal(f->text, why);
    assert_false(ipc_alive(&f->ctrl));
    assert_int_equal(f->store.commits, 0);
    ipc_channel_close(&f->ctrl, false);
    attach(f);
}

static void hostile_rings_end_the_connection(void **state)
{
    struct fixture *f = *state;
    attach(f);
    struct ipc_index_page *index = f->ctrl.maps[IPC_FD_INDEX];
    index->to_dp.head = IPC_RING_COUNT + 1;
    check_thrown_out(f, "it broke the ring");

    index = f->ctrl.maps[IPC_FD_INDEX];
    index->to_ctrl.tail = 1;
    send_begin(f, 1);
    send_commit(f, 2, 0); /* the answer finds it */
    check_thrown_out(f, "it broke the ring");

    struct ipc_ring_element *elements = f->ctrl.maps[IPC_FD_TO_DP];
    send_begin(f, 1);
    elements[0].len = IPC_MESSAGE_MAX + 1;
    check_thrown_out(f, "it broke the ring");

    assert_int_equal(ipc_send_bytes(&f->ctrl, span_of("\x05", 1)), IPC_RING_OK);
    check_thrown_out(f, "it broke the ring");

    struct ipc_msg m = {.type = IPC_ACK, .u.ack.epoch = 1};
    send_msg(f, &m);
    check_thrown_out(f, "it sent a message that is not its to send");

    send_time(f);
    check_thrown_out(f, "it sent part of a transaction without BEGIN");

    assert_int_equal(send(f->ctrl.sock, "x", 1, 0), 1);
    check_thrown_out(f, "it closed the connection");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(death_of_gvpnd_changes_nothing),
        T(what_was_committed_before_death_counts),
        T(a_policy_is_in_effect_although_nobody_waits_for_the_ack),
        T(an_old_eventfd_wakes_nobody),
        T(hostile_rings_end_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
