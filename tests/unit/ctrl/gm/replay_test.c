/* SPDX-License-Identifier: BSD-3-Clause */
/* Pseudotime, replay and metadata on their way from a policy to the data plane (KS11, DP4, DP5), and suites without sender ids. */
#include "gm_fixture.h"

/* One SA of this kind; pseudotime_ms as at the moment of gm_policy(). */
static struct policy timed(uint32_t spi, uint32_t lifetime, uint16_t window_s, uint64_t pseudotime_ms)
{
    struct policy p = policy_of(1, &spi, &lifetime, spi, 4 * WORKERS);

    p.sas[0].replay = REPLAY_TIME;
    p.sas[0].window = window_s;
    p.has_pseudotime = true;
    p.pseudotime_ms = pseudotime_ms;
    p.round_trip_ms = 14;
    return p;
}

static void give_policy(struct fixture *f, int64_t s, struct policy *p)
{
    gm_policy(f->gm, p, at(f, s));
    policy_wipe(p);
}

static void attach(struct fixture *f, int64_t s)
{
    gm_attached(f->gm, 77, WORKERS, at(f, s));
}

static void what_the_policy_says_is_what_the_data_plane_gets(void **state)
{
    static const struct {
        enum replay_method replay;
        uint16_t window;
        bool tag, strict, transport;
        struct ipc_sa expected;
    } rows[] = {
        {REPLAY_NONE, 0, false, false, true, {.transport = true}},
        {REPLAY_NONE, 0, true, false, false, {.metadata = IPC_META_TAG}},
        {REPLAY_COUNTER, 1024, true, false, false, {.replay = IPC_REPLAY_COUNTER, .window = 1024, .metadata = IPC_META_TAG}},
        {REPLAY_TIME, 100, false, false, false, {.replay = IPC_REPLAY_TIME, .window = 100000, .metadata = IPC_META_TIME}},
        {REPLAY_TIME, 1, true, true, false,
         {.replay = IPC_REPLAY_TIME, .window = 1000, .metadata = IPC_META_TIME | IPC_META_TAG, .strict_sender = true}},
    };
    struct fixture *f = *state;
    uint8_t bytes[IPC_MESSAGE_MAX];

    attach(f, 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct policy p = timed((uint32_t)(0x1000 + i), 3600, rows[i].window, 5000);
        struct ipc_msg m = {.type = IPC_SA};
        struct buf_writer w = buf_writer_of(bytes, sizeof(bytes));

        p.sas[0].replay = rows[i].replay;
        p.sas[0].tag = rows[i].tag;
        p.sas[0].strict_sender = rows[i].strict;
        p.sas[0].transport = rows[i].transport;
        give_policy(f, 10, &p);
        wish(f);
        m.u.sa = f->sas[f->n_sas - 1];
        assert_int_equal(m.u.sa.spi, 0x1000 + i);
        assert_int_equal(m.u.sa.replay, rows[i].expected.replay);
        assert_int_equal(m.u.sa.window, rows[i].expected.window);
        assert_int_equal(m.u.sa.metadata, rows[i].expected.metadata);
        assert_int_equal(m.u.sa.strict_sender, rows[i].expected.strict_sender);
        assert_int_equal(m.u.sa.transport, rows[i].expected.transport);
        ipc_encode(&w, &m); /* can be said */
        assert_false(w.overflow);
    }
    assert_int_equal(f->n_times, 2); /* one behind each SA with time replay, and no other */
    assert_int_equal(f->times[0].spi, 0x1003);
    assert_int_equal(f->times[1].spi, 0x1004);
    assert_true(gm_clock(f->gm)->is_set);
    gm_clear(f->gm, at(f, 20));
    assert_false(gm_clock(f->gm)->is_set);
}

static void the_time_of_a_wish_is_the_time_of_the_wish(void **state)
{
    struct fixture *f = *state;
    struct policy p = timed(0x1000, 3600, 100, 5000);

    attach(f, 0);
    give_policy(f, 10, &p);
    assert_int_equal(gm_clock(f->gm)->round_trip_ms, 14);
    wish(f);
    assert_int_equal(f->n_times, 1);
    assert_int_equal(f->times[0].group, 3);
    assert_int_equal(f->times[0].pseudotime_ms, 5000);
    at(f, 75);
    wish(f);
    assert_int_equal(f->times[0].pseudotime_ms, 70000);
    gm_detached(f->gm, at(f, 100)); /* another process of the data plane */
    gm_attached(f->gm, 78, WORKERS, at(f, 110));
    wish(f);
    assert_int_equal(f->times[0].pseudotime_ms, 105000);
    assert_int_equal(gm_pseudotime_ms(gm_clock(f->gm)->zero, mono_s(110)), 105000);
}

/* Same SPIs, another time: later is taken, a little earlier too, much earlier isn't. */
static void a_registration_corrects_installed_clocks(void **state)
{
    static const struct {
        uint16_t window_s;
        int64_t off_ms; /* of the server's clock against ours */
        bool taken;
    } rows[] = {
        {100, 1, true},       {100, 29999, true}, {100, 30001, true}, {100, 5000000, true}, {100, -1, true},
        {100, -30000, true},  {100, -30001, false}, {5, -5000, true},  {5, -5001, false},    {5, 5001, true},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture *f;
        struct policy p;

        assert_int_equal(set_up(state), 0);
        f = *state;
        attach(f, 0);
        p = timed(0x1000, 3600, rows[i].window_s, 1000000);
        give_policy(f, 10, &p);
        p = timed(0x1000, 3600, rows[i].window_s, (uint64_t)(1100000 + rows[i].off_ms));
        p.sas[0].lifetime_s = 3500;
        give_policy(f, 110, &p);
        wish(f);
        assert_int_equal(f->n_times, 1);
        assert_int_equal(f->times[0].pseudotime_ms, rows[i].taken ? 1100000 + rows[i].off_ms : 1100000);
        /* The group's own clock is the server's in any case: keys that come with it run by it. */
        assert_int_equal(gm_pseudotime_ms(gm_clock(f->gm)->zero, mono_s(110)), 1100000 + rows[i].off_ms);
        assert_int_equal(tear_down(state), 0);
    }
}

/* A key server that lost its clock begins anew with new keys; the old ones go on with the old time until they end. */
static void keys_of_two_epochs_have_two_clocks(void **state)
{
    struct fixture *f = *state;
    struct policy p = timed(0x1000, 3600, 100, 900000000);

    attach(f, 0);
    give_policy(f, 10, &p);
    wish(f);
    acknowledge(f);
    p = timed(0x2000, 3600, 100, 3000);
    give_policy(f, 110, &p);
    wish(f);
    assert_int_equal(f->n_times, 2);
    assert_int_equal(f->times[0].spi, 0x1000);
    assert_int_equal(f->times[0].pseudotime_ms, 900100000);
    assert_int_equal(f->times[1].spi, 0x2000);
    assert_int_equal(f->times[1].pseudotime_ms, 3000);
    at(f, 120);
    wish(f);
    assert_int_equal(f->times[0].pseudotime_ms, 900110000);
    assert_int_equal(f->times[1].pseudotime_ms, 13000);
}

/* Key servers of other makers give no sender ids beside CBC, and need not. */
static void suites_without_counters_send_without_sender_ids(void **state)
{
    struct fixture *f = *state;
    uint32_t spi = 0x1000, lifetime = 3600;

    attach(f, 0);
    for (unsigned cbc = 0; cbc < 2; cbc++) {
        struct policy p = policy_of(1, &spi, &lifetime, 0, 0);

        p.sid_bits = 0;
        if (cbc) {
            p.sas[0].suite = suite_by_id(SUITE_AES_CBC_128_SHA256);
            p.sas[0].key.len = 16;
            p.sas[0].integrity.len = 32;
        }
        give_policy(f, 10, &p);
        wish(f);
        acknowledge(f);
        wish(f);
        assert_int_equal(f->sas[f->n_sas - 1].spi, spi);
        assert_int_equal(f->sas[f->n_sas - 1].send, cbc);
        assert_int_equal(f->sas[f->n_sas - 1].n_senders, 0);
        if (cbc)
            assert_non_null(gm_sending(f->gm, 10, mono_s(10)));
        else
            assert_null(gm_sending(f->gm, 10, mono_s(10)));
        spi++;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_the_policy_says_is_what_the_data_plane_gets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_time_of_a_wish_is_the_time_of_the_wish, set_up, tear_down),
        cmocka_unit_test(a_registration_corrects_installed_clocks),
        cmocka_unit_test_setup_teardown(keys_of_two_epochs_have_two_clocks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(suites_without_counters_send_without_sender_ids, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
