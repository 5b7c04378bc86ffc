/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counter replay over a restart of the data plane (KS12, DP5; docs/ipc.md): what the counter page says of an SA's sequence
 * numbers is said before it is true, and a gateway that begins behind it neither sends a number again nor takes a recorded
 * packet. In one suite that is encrypted at once and one that waits in lanes. The page of the dead one stands for gvpnd.
 */
#include "tests/stage/replay_rig.h"

#include "common/suite.h"

#define RECORDED 40

static const enum suite_id both_ways[] = {SUITE_AES_GCM_256, SUITE_AES_CBC_128_SHA256};

/* The highest number that any worker says. */
static uint64_t top_of(const struct ipc_page_sa *slot)
{
    uint64_t top = 0;

    for (unsigned i = 0; i < IPC_MAX_WORKERS; i++)
        top = slot->sequence_top[i] > top ? slot->sequence_top[i] : top;
    return top;
}

/* A gateway whose SA with counter replay begins as the page of another one says; NULL = a new SA. */
static void begin_behind(struct rig *r, enum suite_id suite, unsigned workers, const struct ipc_page_sa *dead)
{
    struct ipc_sa m;

    rig_open(r, workers);
    begin(r);
    m = rig_suite_message(r, suite, false, SPI, 10, r == &a ? 1 + (dead != NULL) * 8 : 101 + (dead != NULL) * 8);
    m.replay = IPC_REPLAY_COUNTER;
    m.window = 64;
    if (dead != NULL) {
        m.sequence_used = (uint32_t)dead->sequence_lease;
        m.sequence_top = (uint32_t)top_of(dead);
    }
    rig_sa(r, &m);
    assert_int_equal(rig_commit(r), IPC_OK);
}

/* The gateway dies, and another one takes its place. */
static void restart(struct rig *r, enum suite_id suite, unsigned workers)
{
    struct ipc_page_sa dead = r->page->sas[0];

    rig_close(r);
    begin_behind(r, suite, workers, &dead);
}

static uint32_t number_of(const struct rig_result *esp)
{
    return __builtin_bswap32(load32(esp->bytes + 34 + 4));
}

static struct replay *replay_of(const struct rig *r)
{
    return snap_store_current(r->store)->sas[0]->replay;
}

/* Every block is published before its first number leaves, whichever worker uses it. */
static void numbers_are_leased_before_use(void **state)
{
    const uint8_t *frames[1] = {frame};

    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        begin_behind(&a, both_ways[k], 2, NULL);
        assert_int_equal(a.page->sas[0].replay, IPC_REPLAY_COUNTER);
        assert_int_equal(a.page->sas[0].sequence_lease, 0);
        for (unsigned i = 0; i < 6; i++) {
            size_t len = plain(false);
            uint32_t before = (i / 2 + 1) * IPC_SEQUENCE_LEASE - 1;
            struct rig_result esp;

            if (i % 2 == 0)
                atomic_store(&replay_of(&a)->sequence, before); /* one that the block still has, and one of the next */
            rig_run(&a, i & 1, false, false, 1, frames, &len, &esp);
            assert_int_equal(esp.verdict, VERDICT_SENT_ENCRYPTED);
            assert_int_equal(number_of(&esp), before + 1 + i % 2);
            assert_true(a.page->sas[0].sequence_lease >= number_of(&esp));
            assert_true(a.page->sas[0].sequence_lease - number_of(&esp) < IPC_SEQUENCE_LEASE);
        }
        rig_close(&a);
    }
}

static void a_restarted_sender_uses_no_number_again(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        uint32_t last = 0;

        begin_behind(&a, both_ways[k], 2, NULL);
        begin_behind(&b, both_ways[k], 1, NULL);
        for (unsigned life = 0; life < 4; life++) {
            for (unsigned i = 0; i < 5; i++) {
                struct rig_result esp = sent(false);

                assert_true(number_of(&esp) > last && number_of(&esp) <= life * IPC_SEQUENCE_LEASE + 5);
                last = number_of(&esp);
                assert_int_equal(receive(&esp), VERDICT_RECEIVED_DECRYPTED);
            }
            restart(&a, both_ways[k], 1 + life % 2);
        }
        restart(&a, both_ways[k], 1); /* nothing was sent in between */
        assert_int_equal(a.page->sas[0].sequence_lease, 4 * IPC_SEQUENCE_LEASE);
        close_both();
    }
}

/* Blocks may end before 2^32 - 1, numbers go up to it, and then nothing leaves, however often it restarts. */
static void the_last_number_is_the_last(void **state)
{
    struct ipc_event events[4];
    struct rig_result esp;

    (void)state;
    begin_behind(&a, SUITE_AES_GCM_256, 2, NULL);
    atomic_store(&replay_of(&a)->sequence, UINT32_MAX - 2);
    for (unsigned i = 0; i < 2; i++) {
        esp = sent(false);
        assert_int_equal(number_of(&esp), UINT32_MAX - 1 + i);
        assert_int_equal(a.page->sas[0].sequence_lease, UINT32_MAX);
    }
    for (unsigned life = 0; life < 2; life++) {
        size_t len = plain(false);

        restart(&a, SUITE_AES_GCM_256, 2);
        esp = rig_one(&a, false, frame, len);
        assert_int_equal(esp.verdict, VERDICT_DROP_IV_EXHAUSTED);
        assert_int_equal(snap_store_tick(a.store, a.now_tsc, mono_ns((int64_t)a.now_tsc), events, 4), 2);
        assert_int_equal(events[0].kind, IPC_EVENT_IV_LOW);
        assert_int_equal(events[1].kind, IPC_EVENT_IV_EXHAUSTED);
        assert_int_equal(a.page->sas[0].sequence_lease, UINT32_MAX);
    }
    rig_close(&a);
}

/* The page says it of the whole burst when the burst comes out, on whatever worker; what lies behind takes nothing back. */
static void what_was_accepted_is_published_first(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        struct rig_result esp[RECORDED], got[RECORDED];
        const uint8_t *frames[RECORDED];
        size_t lens[RECORDED];

        begin_behind(&a, both_ways[k], 1, NULL);
        begin_behind(&b, both_ways[k], 2, NULL);
        for (unsigned i = 0; i < RECORDED; i++) {
            esp[i] = sent(false);
            frames[i] = esp[i].bytes;
            lens[i] = esp[i].len;
        }
        assert_int_equal(top_of(&b.page->sas[0]), 0);
        rig_run(&b, 0, true, false, 30, frames + 10, lens + 10, got);
        assert_int_equal(top_of(&b.page->sas[0]), 40);
        rig_run(&b, 1, true, false, 10, frames, lens, got);
        assert_int_equal(got[9].verdict, VERDICT_RECEIVED_DECRYPTED);
        assert_int_equal(top_of(&b.page->sas[0]), 40);
        close_both();
    }
}

/* A forgery moves nothing, so a restart behind it doesn't shut the sender out. */
static void forgeries_publish_nothing(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        struct rig_result esp;

        begin_behind(&a, both_ways[k], 1, NULL);
        begin_behind(&b, both_ways[k], 1, NULL);
        esp = sent(false);
        esp.bytes[34 + 4] = 0x7f;
        assert_int_equal(receive(&esp), VERDICT_DROP_AUTH);
        assert_int_equal(top_of(&b.page->sas[0]), 0);
        restart(&b, both_ways[k], 1);
        esp = sent(false);
        assert_int_equal(receive(&esp), VERDICT_RECEIVED_DECRYPTED);
        close_both();
    }
}

static void a_restarted_receiver_takes_nothing_twice(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        struct rig_result esp[RECORDED], never, late;

        begin_behind(&a, both_ways[k], 1, NULL);
        begin_behind(&b, both_ways[k], 2, NULL);
        never = sent(true); /* got lost, and comes after the restart: not taken, as nobody knows that */
        for (unsigned i = 0; i < RECORDED; i++) {
            esp[i] = sent(i & 1);
            assert_int_equal(receive_on(&esp[i], i & 1), VERDICT_RECEIVED_DECRYPTED);
        }
        late = sent(false);
        for (unsigned life = 0; life < 3; life++) {
            restart(&b, both_ways[k], 1 + life);
            for (unsigned i = 0; i < RECORDED; i++)
                assert_int_equal(receive(&esp[i]), VERDICT_DROP_REPLAY_COUNTER);
            assert_int_equal(receive(&never), VERDICT_DROP_REPLAY_COUNTER);
            assert_int_equal(rig_count(&b, VERDICT_DROP_REPLAY_COUNTER), RECORDED + 1);
        }
        assert_int_equal(receive(&late), VERDICT_RECEIVED_DECRYPTED); /* what is new is taken at once */
        assert_int_equal(receive(&late), VERDICT_DROP_REPLAY_COUNTER);
        close_both();
    }
}

/* From the first number behind on, the window is one as any other: each once, 64 behind the highest. */
static void the_window_behind_a_restart(void **state)
{
    struct rig_result esp[200];

    (void)state;
    begin_behind(&a, SUITE_AES_GCM_256, 1, NULL);
    begin_behind(&b, SUITE_AES_GCM_256, 1, NULL);
    for (unsigned i = 0; i < 200; i++)
        esp[i] = sent(false);
    assert_int_equal(receive(&esp[99]), VERDICT_RECEIVED_DECRYPTED);
    restart(&b, SUITE_AES_GCM_256, 1);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(receive(&esp[i]), VERDICT_DROP_REPLAY_COUNTER);
    assert_int_equal(receive(&esp[150]), VERDICT_RECEIVED_DECRYPTED);
    for (unsigned i = 0; i < 200; i++) {
        bool taken = i >= 100 && i != 150;

        assert_int_equal(receive(&esp[i]), taken ? VERDICT_RECEIVED_DECRYPTED : VERDICT_DROP_REPLAY_COUNTER);
    }
    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(receive(&esp[i]), VERDICT_DROP_REPLAY_COUNTER);
    close_both();
}

/* Installed is installed: a gvpnd that comes back with other numbers moves neither counter nor window. */
static void an_installed_sa_knows_better(void **state)
{
    static const uint32_t says[][2] = {{0, 0}, {5, 3}, {UINT32_MAX, UINT32_MAX}};
    struct rig_result first, esp;

    (void)state;
    pair_up(by_counter, 1);
    first = sent(false);
    assert_int_equal(receive(&first), VERDICT_RECEIVED_DECRYPTED);
    for (unsigned i = 0; i < 6; i++) {
        struct rig *r = i & 1 ? &b : &a;
        struct ipc_sa m = message(r, SPI, by_counter);

        m.sequence_used = says[i / 2][0];
        m.sequence_top = says[i / 2][1];
        begin(r);
        rig_sa(r, &m);
        assert_int_equal(rig_commit(r), IPC_OK);
        esp = sent(false);
        assert_int_equal(number_of(&esp), 2 + i);
        assert_int_equal(receive(&esp), VERDICT_RECEIVED_DECRYPTED);
        assert_int_equal(receive(&first), VERDICT_DROP_REPLAY_COUNTER);
    }
    assert_int_equal(a.page->sas[0].sequence_lease, IPC_SEQUENCE_LEASE);
    assert_int_equal(top_of(&b.page->sas[0]), 7);
    close_both();
}

/* A place of the page that another SA takes says nothing of the one before. */
static void places_begin_anew(void **state)
{
    static const struct guard_kind kinds[] = {{IPC_REPLAY_COUNTER, 64, 0, false}, {0}};

    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        struct ipc_sa m;
        struct rig_result esp;

        pair_up(by_counter, 1);
        esp = sent(false);
        assert_int_equal(receive(&esp), VERDICT_RECEIVED_DECRYPTED);
        m = message(&b, SPI + 1, kinds[k]);
        for (unsigned i = 0; i < 2; i++) { /* the first one's place is free when its snapshot is gone */
            begin(&b);
            if (i == 1)
                rig_sa(&b, &m);
            assert_int_equal(rig_commit(&b), IPC_OK);
            assert_true(snap_store_settled(b.store));
        }
        assert_int_equal(b.page->sas[0].spi, SPI + 1);
        assert_int_equal(b.page->sas[0].replay, kinds[k].replay);
        assert_int_equal(b.page->sas[0].sequence_lease, 0);
        assert_int_equal(top_of(&b.page->sas[0]), 0);
        close_both();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_leased_before_use),
        cmocka_unit_test(a_restarted_sender_uses_no_number_again),
        cmocka_unit_test(the_last_number_is_the_last),
        cmocka_unit_test(what_was_accepted_is_published_first),
        cmocka_unit_test(forgeries_publish_nothing),
        cmocka_unit_test(a_restarted_receiver_takes_nothing_twice),
        cmocka_unit_test(the_window_behind_a_restart),
        cmocka_unit_test(an_installed_sa_knows_better),
        cmocka_unit_test(places_begin_anew),
    };

    rig_start_eal();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
