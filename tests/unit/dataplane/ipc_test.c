/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The data plane's end of the IPC, driven by its real channel, with a recorded snapshot store in place of the real
 * one and with a fake clock: who is let in, transactions, questions. The test plays gvpnd.
 */
#include "tests/unit/dataplane/ipc_fixture.h"

/* ---- who is let in ---- */

static void one_controller_attaches(void **state)
{
    struct fixture *f = *state;
    assert_false(ipc_server_attached(f->s));
    attach(f);
    assert_int_equal(f->attached, 1);
    assert_int_equal(f->ctrl.page->instance, 42);
    uint64_t beat = f->ctrl.page->heartbeat;
    ipc_server_poll(f->s, &f->now);
    assert_true(f->ctrl.page->heartbeat > beat);
}

static void a_second_controller_is_refused_while_the_first_lives(void **state)
{
    struct fixture *f = *state;
    struct ipc_channel second;
    char reason[IPC_TEXT_MAX];
    attach(f);
    int fd = dial(f);
    run(f);
    assert_int_equal(answer_to(fd, &second, reason), IPC_HANDSHAKE_FAILED);
    assert_string_equal(reason, "refused: another controller is attached");
    send_begin(f, 1);
    send_commit(f, 1, 0);
    run(f);
    check_ack(f, 1, IPC_OK, ""); /* the first has noticed nothing */
    assert_int_equal(f->lost, 0);

    ipc_channel_close(&f->ctrl, false);
    attach(f); /* it is dead: the next one is welcome at once */
    assert_int_equal(f->attached, 2);
}

static void an_idle_client_holds_up_nobody(void **state)
{
    struct fixture *f = *state;
    struct ipc_channel c;
    char reason[IPC_TEXT_MAX];
    int idle = connect_silently(f);
    run(f);
    attach(f);
    assert_true(ipc_server_wait_ms(f->s, f->now.real) <= 1000);
    f->now.real = mono_ms(999);
    ipc_server_poll(f->s, &f->now);
    assert_int_equal(answer_to(idle, &c, reason), IPC_HANDSHAKE_WAIT);
    f->now.real = mono_ms(1000);
    assert_int_equal(ipc_server_wait_ms(f->s, f->now.real), 0);
    ipc_server_poll(f->s, &f->now);
    assert_int_equal(answer_to(idle, &c, reason), IPC_HANDSHAKE_FAILED);
    assert_string_equal(reason, "refused: no attach message within a second");
    assert_true(ipc_server_attached(f->s));
    run(f);
}

static void a_crowd_of_idle_clients_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct ipc_channel c;
    char reason[IPC_TEXT_MAX];
    int fds[6];
    for (int i = 0; i < 6; i++) {
        fds[i] = connect_silently(f);
        run(f);
    }
    assert_int_equal(answer_to(fds[3], &c, reason), IPC_HANDSHAKE_WAIT);
    assert_int_equal(answer_to(fds[4], &c, reason), IPC_HANDSHAKE_FAILED);
    assert_int_equal(answer_to(fds[5], &c, reason), IPC_HANDSHAKE_FAILED);
    assert_string_equal(reason, "refused: too many connections wait");
    close(fds[0]); /* one that goes makes room */
    run(f);
    attach(f);
    for (int i = 1; i < 4; i++)
        close(fds[i]);
    run(f);
}

/* ---- transactions ---- */

static void a_transaction_reaches_the_store(void **state)
{
    struct fixture *f = *state;
    struct ipc_msg sa = {.type = IPC_SA, .u.sa = {.spi = 256, .suite = 1, .end_in_ms = 1, .sid_bits = 24}};
    struct ipc_msg group = {.type = IPC_GROUP, .u.group = {.name = "g"}};
    struct ipc_msg bind = {.type = IPC_BIND, .u.bind = {.pair = "p", .vlan = 10}};
    struct ipc_msg rule = {.type = IPC_RULE};
    rule.u.rule.entry.sel.src.addr.family = rule.u.rule.entry.sel.dst.addr.family = 4;
    memset(sa.u.sa.key.b, 0xc5, 20);
    sa.u.sa.key.len = 20;
    f->now.tsc = 123;
    f->now.scaled = mono_s(9);
    attach(f);
    send_begin(f, 8);
    send_msg(f, &group);
    send_msg(f, &bind);
    send_msg(f, &rule);
    send_msg(f, &rule);
    send_msg(f, &sa);
    send_time(f);
    send_commit(f, 8, 6);
    run(f);
    check_ack(f, 8, IPC_OK, "");
    assert_int_equal(f->store.epoch, 8);
    assert_int_equal(f->store.groups, 1);
    assert_int_equal(f->store.binds, 1);
    assert_int_equal(f->store.rules, 2);
    assert_int_equal(f->store.sas, 1);
    assert_int_equal(f->store.times, 1);
    assert_int_equal(f->store.commits, 1);
    assert_int_equal(f->store.now_tsc, 123);
    assert_int_equal(f->store.now.ns, mono_s(9).ns);
    assert_int_equal(f->store.key[19], 0xc5);
    assert_int_equal(f->ctrl.page->epoch, 8);
    assert_null(memmem(f->ctrl.maps[IPC_FD_TO_DP], IPC_RING_LEN, "\xc5\xc5\xc5\xc5", 4));
}

static void ack_waits_for_every_worker(void **state)
{
    struct fixture *f = *state;
    attach(f);
    f->store.settled = false;
    send_begin(f, 1);
    send_commit(f, 1, 0);
    send_begin(f, 2);
    send_commit(f, 2, 0);
    ipc_server_poll(f->s, &f->now);
    ipc_server_poll(f->s, &f->now);
    check_nothing_came(f);
    assert_int_equal(f->ctrl.page->epoch, 0);
    assert_int_equal(f->store.begins, 1); /* the next transaction waits too */
    assert_int_equal(ipc_server_wait_ms(f->s, f->now.real), 1);
    f->store.settled = true;
    ipc_server_poll(f->s, &f->now);
    check_ack(f, 1, IPC_OK, "");
    run(f);
    check_ack(f, 2, IPC_OK, "");
}

static void an_error_of_the_store_is_the_answer(void **state)
{
    struct fixture *f = *state;
    attach(f);
    f->store.result = IPC_SA_REFUSED;
    f->store.settled = false; /* nothing was published: there is nothing to wait for */
    send_begin(f, 1);
    send_commit(f, 1, 0);
    run(f);
    check_ack(f, 1, IPC_SA_REFUSED, "because");
    assert_int_equal(f->ctrl.page->epoch, 0);
}

static void misordered_transactions_change_nothing(void **state)
{
    struct fixture *f = *state;
    attach(f);
    send_begin(f, 5);
    send_time(f);
    send_commit(f, 6, 1);
    run(f);
    check_ack(f, 5, IPC_BAD_ORDER, "COMMIT of another epoch than BEGIN");
    assert_false(f->store.open); /* nor is a key of it kept */

    send_begin(f, 7);
    send_time(f);
    send_commit(f, 7, 2);
    run(f);
    check_ack(f, 7, IPC_BAD_ORDER, "COMMIT counts other messages than came");

    static const uint64_t old[] = {7, 5, 6}; /* a refused old epoch doesn't lower the mark either */
    for (size_t i = 0; i < 3; i++) {
        send_begin(f, old[i]);
        send_commit(f, old[i], 0);
        run(f);
        check_ack(f, old[i], IPC_BAD_ORDER, "the epoch does not grow");
    }

    send_begin(f, 8);
    send_time(f);
    send_begin(f, 9);
    send_commit(f, 9, 0);
    run(f);
    check_ack(f, 9, IPC_BAD_ORDER, "BEGIN inside a transaction");

    assert_int_equal(f->store.commits, 0);
    send_begin(f, 10);
    send_commit(f, 10, 0);
    run(f);
    check_ack(f, 10, IPC_OK, "");
}

static void a_long_transaction_is_taken_in_portions(void **state)
{
    struct fixture *f = *state;
    attach(f);
    send_begin(f, 1);
    for (int i = 0; i < 1000; i++)
        send_time(f);
    send_commit(f, 1, 1000);
    ipc_server_poll(f->s, &f->now);
    assert_true(f->store.times > 0 && f->store.times < 1000);
    assert_int_equal(ipc_server_wait_ms(f->s, f->now.real), 0);
    assert_true(readable(f->ctrl.wake_self)); /* gvpnd may send what waits in its queue */
    run(f);
    assert_int_equal(f->store.times, 1000);
    check_ack(f, 1, IPC_OK, "");
}

/* ---- the rest ---- */

static void questions_are_answered_and_counters_cleared(void **state)
{
    struct fixture *f = *state;
    struct ipc_msg m = {.type = IPC_EXPLAIN, .u.explain.request = 77};
    attach(f);
    m.u.explain.flow.src.family = m.u.explain.flow.dst.family = 4;
    send_msg(f, &m);
    m = (struct ipc_msg){.type = IPC_CLEAR_COUNTERS};
    send_msg(f, &m);
    m = (struct ipc_msg){.type = IPC_CLEAR_REPLAY};
    send_msg(f, &m);
    run(f);
    assert_int_equal(ipc_receive(&f->ctrl, &m), IPC_RING_OK);
    assert_int_equal(m.type, IPC_EXPLAINED);
    assert_int_equal(m.u.explained.request, 77);
    assert_int_equal(m.u.explained.effective_mtu, 1446);
    assert_int_equal(f->asked, 1);
    assert_int_equal(f->store.clears, 1);
    assert_int_equal(f->store.replay_clears, 1);
}

static void events_are_sent_or_counted(void **state)
{
    struct fixture *f = *state;
    struct ipc_event event = {.kind = IPC_EVENT_SA_EXPIRED, .value = 300};
    struct ipc_msg m;
    assert_false(ipc_server_event(f->s, &event));
    assert_int_equal(ipc_server_events_lost(f->s), 1);
    attach(f);
    for (int i = 0; i < IPC_RING_COUNT; i++)
        assert_true(ipc_server_event(f->s, &event));
    assert_false(ipc_server_event(f->s, &event));
    assert_int_equal(ipc_server_events_lost(f->s), 2);

    /* gvpnd doesn't read: the answer waits for room, and is not lost. */
    send_begin(f, 1);
    send_commit(f, 1, 0);
    ipc_server_poll(f->s, &f->now);
    ipc_server_poll(f->s, &f->now);
    assert_int_equal(ipc_server_wait_ms(f->s, f->now.real), 10);
    for (int i = 0; i < IPC_RING_COUNT; i++) {
        assert_int_equal(ipc_receive(&f->ctrl, &m), IPC_RING_OK);
        assert_int_equal(m.u.event.value, 300);
    }
    run(f);
    ipc_server_poll(f->s, &f->now);
    check_ack(f, 1, IPC_OK, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(one_controller_attaches),
        T(a_second_controller_is_refused_while_the_first_lives),
        T(an_idle_client_holds_up_nobody),
        T(a_crowd_of_idle_clients_is_bounded),
        T(a_transaction_reaches_the_store),
        T(ack_waits_for_every_worker),
        T(an_error_of_the_store_is_the_answer),
        T(misordered_transactions_change_nothing),
        T(a_long_transaction_is_taken_in_portions),
        T(questions_are_answered_and_counters_cleared),
        T(events_are_sent_or_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
