/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Replay protection on real packets between two gateways (KS11, KS12, DP4, DP5): both ends of the time window; replays at
 * every age, in the same burst, on another worker and after a change of policy; sequence numbers; what the counter page
 * says. That the protection is on is judged by what is dropped and counted, never by configuration.
 */
#include "tests/stage/replay_rig.h"

#include <malloc.h>

/* A second of the control thread, whose events nobody wants. */
static void tick(struct rig *r)
{
    struct ipc_event none_wanted[1];

    (void)snap_store_tick(r->store, r->now_tsc, mono_ns((int64_t)r->now_tsc), none_wanted, 0);
}

/* ---- time ---- */

/* The receiver's clock so many ms ahead of (or behind) the stamp of a packet. */
static enum verdict with_offset(struct guard_kind kind, int64_t ahead_ms)
{
    struct rig_result esp;
    enum verdict verdict;

    rig_open(&a, 1);
    rig_open(&b, 1);
    install(&a, kind, START);
    install(&b, kind, (uint64_t)((int64_t)START + ahead_ms));
    esp = sent(ahead_ms & 1);
    verdict = receive(&esp);
    assert_int_equal(rig_count(&b, VERDICT_DROP_REPLAY_TIME), verdict == VERDICT_DROP_REPLAY_TIME);
    close_both();
    return verdict;
}

static void both_directions_of_time(void **state)
{
    static const struct {
        int64_t ahead;
        enum verdict verdict;
    } rows[] = {
        {0, VERDICT_RECEIVED_DECRYPTED},          {1, VERDICT_RECEIVED_DECRYPTED},
        {WINDOW / 2, VERDICT_RECEIVED_DECRYPTED}, {-WINDOW / 2, VERDICT_RECEIVED_DECRYPTED},
        {WINDOW - 1, VERDICT_RECEIVED_DECRYPTED}, {-WINDOW + 1, VERDICT_RECEIVED_DECRYPTED},
        {WINDOW, VERDICT_RECEIVED_DECRYPTED},     {-WINDOW, VERDICT_RECEIVED_DECRYPTED},
        {WINDOW + 1, VERDICT_DROP_REPLAY_TIME},   {-WINDOW - 1, VERDICT_DROP_REPLAY_TIME},
        {100000000, VERDICT_DROP_REPLAY_TIME},    {-(int64_t)START, VERDICT_DROP_REPLAY_TIME},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(with_offset(by_time, rows[i].ahead), rows[i].verdict);
        assert_int_equal(with_offset(tagged_time, rows[i].ahead), rows[i].verdict);
    }
}

/* A recorded packet comes again at every age, on the same or another worker. */
static void replayed_at(struct guard_kind kind, uint64_t age_ms, unsigned worker, enum verdict want)
{
    struct rig_result esp;

    pair_up(kind, 2);
    esp = sent(false);
    assert_int_equal(receive(&esp), VERDICT_RECEIVED_DECRYPTED);
    b.now_tsc += age_ms * RIG_MS;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(receive_on(&esp, worker), want);
    if (want != VERDICT_RECEIVED_DECRYPTED)
        assert_int_equal(rig_count(&b, want), 3);
    close_both();
}

static void replays_at_every_age(void **state)
{
    static const uint64_t ages[] = {0, WINDOW / 2, WINDOW - 1, WINDOW};

    (void)state;
    for (unsigned worker = 0; worker < 2; worker++) {
        for (unsigned i = 0; i < 4; i++) {
            replayed_at(by_time, ages[i], worker, VERDICT_RECEIVED_DECRYPTED); /* inside of the window: by design */
            replayed_at(strict, ages[i], worker, VERDICT_DROP_REPLAY_SENDER);
            replayed_at(by_counter, ages[i], worker, VERDICT_DROP_REPLAY_COUNTER);
        }
        replayed_at(by_time, WINDOW + 1, worker, VERDICT_DROP_REPLAY_TIME);
        replayed_at(strict, WINDOW + 1, worker, VERDICT_DROP_REPLAY_SENDER);
        replayed_at(by_counter, WINDOW + 1, worker, VERDICT_DROP_REPLAY_COUNTER);
    }
}

/* The clocks go on together, by the TSC and by a policy that comes again with the key server's time. */
static void clocks_go_on(void **state)
{
    struct rig_result esp;

    (void)state;
    pair_up(by_time, 1);
    for (unsigned i = 1; i <= 50; i++) {
        a.now_tsc += 60000 * RIG_MS;
        b.now_tsc += 60000 * RIG_MS;
        if (i % 7 == 0)
            install(&a, by_time, START + i * 60000);
        if (i % 5 == 0)
            tick(&b);
        esp = sent(i & 1);
        assert_int_equal(receive(&esp), VERDICT_RECEIVED_DECRYPTED);
    }
    /* One end is told that it is 9 s ahead: it slows down, and both still understand each other. */
    install(&a, by_time, START + 3000000 - 9000);
    for (unsigned s = 0; s < 40; s++) {
        esp = sent(false);
        assert_int_equal(receive(&esp), VERDICT_RECEIVED_DECRYPTED);
        a.now_tsc += 1000 * RIG_MS;
        b.now_tsc += 1000 * RIG_MS;
    }
    /* Told that it is far behind: there at once, so the other end refuses what it sends. */
    install(&a, by_time, START + 3000000 + 60000);
    esp = sent(false);
    assert_int_equal(receive(&esp), VERDICT_DROP_REPLAY_TIME);
    install(&b, by_time, START + 3000000 + 60000);
    assert_int_equal(receive(&esp), VERDICT_RECEIVED_DECRYPTED);
    close_both();
}

/* ---- one acceptance ---- */

static void twice_in_a_burst(struct guard_kind kind, enum verdict want)
{
    const uint8_t *frames[6];
    size_t lens[6];
    struct rig_result esp[2], back[6];

    pair_up(kind, 1);
    esp[0] = sent(false);
    esp[1] = sent(true);
    for (unsigned i = 0; i < 6; i++) {
        frames[i] = esp[i % 2].bytes;
        lens[i] = esp[i % 2].len;
    }
    rig_run(&b, 0, true, false, 6, frames, lens, back);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(back[i].verdict, i < 2 ? VERDICT_RECEIVED_DECRYPTED : want);
    assert_int_equal(rig_count(&b, want), 4);
    assert_int_equal(rig_count(&b, VERDICT_RECEIVED_DECRYPTED), 2);
    tick(&b);
    assert_int_equal(b.page->sas[0].packets_in, 2);
    assert_int_equal(b.page->sas[0].bytes_in, 120 + 140);
    assert_int_equal(kind.strict ? b.page->sas[0].replay_sender : b.page->sas[0].replay_counter, 4);
    close_both();
}

static void the_same_packet_in_one_burst(void **state)
{
    (void)state;
    twice_in_a_burst(strict, VERDICT_DROP_REPLAY_SENDER);
    twice_in_a_burst(by_counter, VERDICT_DROP_REPLAY_COUNTER);
}

/* A policy that comes again, another key beside it: what was received stays received. */
static void a_change_of_policy_forgets_nothing(void **state)
{
    const struct guard_kind kinds[] = {strict, by_counter};

    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        enum verdict want = k == 0 ? VERDICT_DROP_REPLAY_SENDER : VERDICT_DROP_REPLAY_COUNTER;
        struct ipc_sa m, next;
        struct rig_result esp;

        pair_up(kinds[k], 1);
        esp = sent(false);
        assert_int_equal(receive(&esp), VERDICT_RECEIVED_DECRYPTED);
        install(&b, kinds[k], START + 1);
        assert_int_equal(receive(&esp), want);
        begin(&b);
        m = message(&b, SPI, kinds[k]);
        next = message(&b, 0x2000, none);
        rig_sa(&b, &m);
        rig_sa(&b, &next);
        if (k == 0)
            add_time(&b, SPI, START + 2);
        assert_int_equal(rig_commit(&b), IPC_OK);
        assert_int_equal(receive(&esp), want);
        esp = sent(false);
        assert_int_equal(receive(&esp), VERDICT_RECEIVED_DECRYPTED);
        close_both();
    }
}

/* Another strict key in place of the first, whose windows are gone with it: nothing looks at them any more. */
static void windows_go_with_their_key(void **state)
{
    struct rig_result esp;

    (void)state;
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 20); /* who looks at windows that were freed finds no memory there */
    pair_up(strict, 1);
    for (unsigned i = 0; i < 2; i++) { /* there is a window to look at with the second one */
        esp = sent(false);
        assert_int_equal(receive(&esp), VERDICT_RECEIVED_DECRYPTED);
    }
    for (unsigned i = 0; i < 2; i++) {
        struct rig *r = i == 0 ? &a : &b;
        struct ipc_sa m = message(r, 0x2000, strict);

        begin(r);
        rig_sa(r, &m);
        add_time(r, 0x2000, START + 1);
        assert_int_equal(rig_commit(r), IPC_OK);
        r->now_tsc += RIG_MS;
    }
    esp = sent(false);
    assert_int_equal(receive(&esp), VERDICT_RECEIVED_DECRYPTED);
    assert_int_equal(receive(&esp), VERDICT_DROP_REPLAY_SENDER);
    close_both();
}

/* The data plane died and came again with the same key: what was on the way before isn't taken twice. */
static void a_new_beginning_takes_later_stamps_only(void **state)
{
    struct rig_result old[3], fresh;

    (void)state;
    pair_up(strict, 1);
    for (unsigned i = 0; i < 3; i++) {
        old[i] = sent(i & 1);
        a.now_tsc += 100 * RIG_MS;
    }
    assert_int_equal(receive(&old[0]), VERDICT_RECEIVED_DECRYPTED);
    rig_close(&b);
    rig_open(&b, 1);
    install(&b, strict, START + 1 + 200); /* the third one's time */
    b.now_tsc += 50 * RIG_MS;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(receive(&old[i]), VERDICT_DROP_REPLAY_SENDER);
    fresh = sent(false);
    assert_int_equal(receive(&fresh), VERDICT_RECEIVED_DECRYPTED);
    assert_int_equal(receive(&fresh), VERDICT_DROP_REPLAY_SENDER);
    close_both();
}

/* Packets that are late on the way by less than the window are welcome once. */
static void reordered(struct guard_kind kind, unsigned window, enum verdict want)
{
    static struct rig_result esp[80];

    pair_up(kind, 1);
    for (unsigned i = 0; i < 80; i++)
        esp[i] = sent(false);
    for (unsigned i = 80; i-- > 0;)
        assert_int_equal(receive(&esp[i]), 79 - i < window ? VERDICT_RECEIVED_DECRYPTED : want);
    for (unsigned i = 0; i < 80; i++)
        assert_int_equal(receive(&esp[i]), want);
    close_both();
}

static void out_of_order(void **state)
{
    struct guard_kind wide = by_counter;

    (void)state;
    reordered(by_counter, 64, VERDICT_DROP_REPLAY_COUNTER);
    wide.window = 79;
    reordered(wide, 79, VERDICT_DROP_REPLAY_COUNTER);
    reordered(strict, 80, VERDICT_DROP_REPLAY_SENDER);
}

/* A forged packet, however far ahead, moves nothing. */
static void forgeries_move_no_window(void **state)
{
    const struct guard_kind kinds[] = {strict, by_counter};

    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        struct rig_result esp, forged;

        pair_up(kinds[k], 1);
        esp = forged = sent(false);
        forged.bytes[34 + 4] = 0x7f; /* sequence number */
        forged.bytes[34 + 8 + 3] = 0x7f; /* IV counter */
        assert_int_equal(receive(&forged), VERDICT_DROP_AUTH);
        assert_int_equal(receive(&esp), VERDICT_RECEIVED_DECRYPTED);
        esp.bytes[esp.len - 1] ^= 1; /* known already, so not even decrypted */
        assert_int_equal(receive(&esp), k == 0 ? VERDICT_DROP_REPLAY_SENDER : VERDICT_DROP_REPLAY_COUNTER);
        close_both();
    }
}

/* ---- sequence numbers ---- */

/* All workers count together, and stop for ever at 2^32 - 1, with a word in time. */
static void sequence_numbers_end(void **state)
{
    struct ipc_event events[4];
    struct rig_result esp;
    struct replay *r;
    const uint8_t *frames[1] = {frame};
    size_t len;

    (void)state;
    rig_open(&a, 2);
    rig_open(&b, 1);
    install(&a, by_counter, 0);
    install(&b, by_counter, 0);
    for (unsigned i = 1; i <= 4; i++) {
        len = plain(false);
        rig_run(&a, i & 1, false, false, 1, frames, &len, &esp);
        assert_int_equal(esp.bytes[34 + 7], i);
        assert_int_equal(receive(&esp), VERDICT_RECEIVED_DECRYPTED);
    }
    r = snap_store_current(a.store)->sas[0]->replay;
    assert_int_equal(snap_store_tick(a.store, a.now_tsc, mono_ns((int64_t)a.now_tsc), events, 4), 0);
    assert_int_equal(a.page->sas[0].sequence, 4);
    atomic_store(&r->sequence, UINT32_MAX / 10 * 9 - 1);
    esp = sent(false);
    assert_int_equal(receive(&esp), VERDICT_RECEIVED_DECRYPTED);
    assert_int_equal(snap_store_tick(a.store, a.now_tsc, mono_ns((int64_t)a.now_tsc), events, 4), 1);
    assert_int_equal(events[0].kind, IPC_EVENT_IV_LOW);
    atomic_store(&r->sequence, UINT32_MAX - 2);
    for (unsigned i = 0; i < 2; i++) {
        esp = sent(false);
        assert_memory_equal(esp.bytes + 34 + 4, i == 0 ? "\xff\xff\xff\xfe" : "\xff\xff\xff\xff", 4);
        assert_int_equal(receive(&esp), VERDICT_RECEIVED_DECRYPTED);
    }
    for (unsigned i = 0; i < 5; i++) {
        len = plain(false);
        rig_run(&a, i & 1, false, false, 1, frames, &len, &esp);
        assert_int_equal(esp.verdict, VERDICT_DROP_IV_EXHAUSTED);
    }
    assert_int_equal(snap_store_tick(a.store, a.now_tsc, mono_ns((int64_t)a.now_tsc), events, 4), 1);
    assert_int_equal(events[0].kind, IPC_EVENT_IV_EXHAUSTED);
    assert_int_equal(a.page->sas[0].sequence, UINT32_MAX);
    close_both();
}

/* Without counter replay the number rolls over and nobody looks at it (RFC 4303 3.3.3). */
static void otherwise_the_sequence_number_rolls_over(void **state)
{
    struct rig_result esp;

    (void)state;
    rig_open(&a, 1);
    rig_open(&b, 1);
    for (unsigned i = 0; i < 2; i++) {
        struct ipc_sa m = message(i ? &b : &a, SPI, by_time);

        m.senders[0].iv_first = UINT32_MAX - 1;
        begin(i ? &b : &a);
        rig_sa(i ? &b : &a, &m);
        add_time(i ? &b : &a, SPI, START);
        assert_int_equal(rig_commit(i ? &b : &a), IPC_OK);
    }
    for (unsigned i = 0; i < 4; i++) {
        esp = sent(false);
        assert_int_equal(receive(&esp), VERDICT_RECEIVED_DECRYPTED);
    }
    assert_memory_equal(esp.bytes + 34 + 4, "\0\0\0\2", 4);
    close_both();
}

/* ---- what gvpnd is told ---- */

static void senders_stand_in_the_page(void **state)
{
    struct ipc_page_sender *row;
    struct ipc_event events[4];
    struct rig_result esp;

    (void)state;
    pair_up(by_time, 1);
    row = &b.page->senders[0];
    esp = sent(false);
    assert_int_equal(receive(&esp), VERDICT_RECEIVED_DECRYPTED);
    b.now_tsc += 1000 * RIG_MS;
    assert_int_equal(receive(&esp), VERDICT_RECEIVED_DECRYPTED);
    tick(&b);
    assert_int_equal(row->spi, SPI);
    assert_int_equal(row->sender_id, 1);
    assert_int_equal(row->family, 4);
    assert_memory_equal(row->source, "\x0a\x01\x00\x01\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    assert_int_equal(row->last_offset_ms, -1000);
    assert_int_equal(row->last_ms, START + 1);
    assert_int_equal(row->bins[6], 1);
    assert_int_equal(row->bins[5], 1);
    assert_int_equal(row->judgement, IPC_OFFSET_FINE);
    assert_int_equal(b.page->senders[1].spi, 0);
    assert_int_equal(b.page->sas[0].pseudotime_ms, START + 1001);

    b.now_tsc += 3 * WINDOW * RIG_MS;
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(receive(&esp), VERDICT_DROP_REPLAY_TIME);
    assert_int_equal(snap_store_tick(b.store, b.now_tsc, mono_ns((int64_t)b.now_tsc), events, 4), 1);
    assert_int_equal(events[0].kind, IPC_EVENT_REPLAY_TIME);
    assert_int_equal(events[0].value, SPI);
    assert_int_equal(events[0].own_ms, START + 1001 + 3 * WINDOW);
    assert_int_equal(events[0].sender_ms, START + 1);
    assert_int_equal(events[0].source.family, 4);
    assert_memory_equal(events[0].source.b, "\x0a\x01\x00\x01", 4);
    assert_int_equal(snap_store_tick(b.store, b.now_tsc, mono_ns((int64_t)b.now_tsc), events, 4), 0); /* told once */
    assert_int_equal(row->bins[1], 5);
    assert_int_equal(row->judgement, IPC_OFFSET_SENDER_CLOCK);
    assert_int_equal(b.page->sas[0].replay_time, 5);

    b.now_tsc += 60000 * RIG_MS; /* counts age */
    tick(&b);
    assert_int_equal(row->bins[1], 2);
    begin(&b);
    assert_int_equal(rig_commit(&b), IPC_OK); /* the SA is gone */
    tick(&b);
    assert_int_equal(row->spi, 0);
    close_both();
}

/* Counts begin anew for who looks at them; what was accepted stays accepted, and the clock goes on. */
static void clearing_counts_clears_no_window(void **state)
{
    static const struct {
        const struct guard_kind *kind;
        enum verdict verdict;
    } rows[] = {{&by_counter, VERDICT_DROP_REPLAY_COUNTER}, {&strict, VERDICT_DROP_REPLAY_SENDER}};

    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        struct rig_result esp, late;
        uint64_t dropped[3];

        pair_up(*rows[k].kind, 1);
        late = sent(false);
        b.now_tsc += k * (WINDOW + 2) * RIG_MS;
        a.now_tsc = b.now_tsc;
        assert_int_equal(receive(&late), k == 0 ? VERDICT_RECEIVED_DECRYPTED : VERDICT_DROP_REPLAY_TIME);
        esp = sent(false);
        assert_int_equal(receive(&esp), VERDICT_RECEIVED_DECRYPTED);
        assert_int_equal(receive(&esp), rows[k].verdict);
        for (unsigned i = 0; i < 2; i++) {
            tick(&b);
            dropped[0] = b.page->sas[0].replay_counter;
            dropped[1] = b.page->sas[0].replay_sender;
            dropped[2] = b.page->sas[0].replay_time;
            assert_true(dropped[0] == (i == 0 && k == 0) && dropped[1] == (i == 0 && k == 1) && dropped[2] == dropped[1]);
            assert_int_equal(b.page->senders[0].spi, i == 0 && k == 1 ? SPI : 0);
            assert_int_equal(b.page->sas[0].pseudotime_ms, k == 0 ? 0 : START + 3 + WINDOW);
            assert_int_equal(b.page->sas[0].sequence_top[0], k == 0 ? 2 : 0);
            snap_store_clear_replay(b.store);
        }
        assert_int_equal(receive(&esp), rows[k].verdict);
        close_both();
    }
}

/* ---- messages that can't be ---- */

static enum ipc_result refused(struct guard_kind kind, unsigned times, uint64_t pseudotime_ms, unsigned sid_bits)
{
    struct ipc_sa m = message(&a, SPI, kind);

    m.sid_bits = (uint8_t)sid_bits;
    begin(&a);
    rig_sa(&a, &m);
    for (unsigned i = 0; i < times; i++)
        add_time(&a, SPI, pseudotime_ms);
    return rig_commit(&a);
}

static void messages_that_cant_be(void **state)
{
    struct guard_kind bad;

    (void)state;
    rig_open(&a, 1);
    assert_int_equal(refused(by_time, 0, 0, 24), IPC_BAD_ORDER);
    assert_int_equal(refused(by_time, 2, START, 24), IPC_BAD_ORDER);
    assert_int_equal(refused(none, 1, START, 24), IPC_BAD_ORDER);
    assert_int_equal(refused(by_counter, 1, START, 24), IPC_BAD_ORDER);
    assert_int_equal(refused(by_time, 1, UINT64_MAX, 24), IPC_BAD_MESSAGE);
    assert_int_equal(refused(by_time, 1, PSEUDOTIME_MAX_MS + 1, 24), IPC_BAD_MESSAGE);
    bad = (struct guard_kind){IPC_REPLAY_TIME, WINDOW, 0, false};
    assert_int_equal(refused(bad, 0, 0, 24), IPC_SA_REFUSED);
    bad = (struct guard_kind){IPC_REPLAY_NONE, 0, IPC_META_TIME, false};
    assert_int_equal(refused(bad, 0, 0, 24), IPC_SA_REFUSED);
    bad = (struct guard_kind){IPC_REPLAY_COUNTER, 4097, 0, false};
    assert_int_equal(refused(bad, 0, 0, 24), IPC_SA_REFUSED);
    bad = (struct guard_kind){IPC_REPLAY_COUNTER, 64, 0, true};
    assert_int_equal(refused(bad, 0, 0, 24), IPC_SA_REFUSED);
    bad = (struct guard_kind){IPC_REPLAY_TIME, 0, IPC_META_TIME, false};
    assert_int_equal(refused(bad, 0, 0, 24), IPC_SA_REFUSED);
    assert_null(snap_store_current(a.store));

    /* An SA that is installed keeps its protection. */
    install(&a, by_time, START);
    assert_int_equal(refused(strict, 1, START, 24), IPC_SA_REFUSED);
    assert_int_equal(refused(none, 0, 0, 24), IPC_SA_REFUSED);
    assert_int_equal(refused(tagged_time, 1, START, 24), IPC_SA_REFUSED);
    bad = by_time;
    bad.window++;
    assert_int_equal(refused(bad, 1, START, 24), IPC_SA_REFUSED);
    assert_int_equal(refused(by_time, 1, START, 24), IPC_OK);
    rig_close(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_directions_of_time),
        cmocka_unit_test(replays_at_every_age),
        cmocka_unit_test(clocks_go_on),
        cmocka_unit_test(the_same_packet_in_one_burst),
        cmocka_unit_test(a_change_of_policy_forgets_nothing),
        cmocka_unit_test(windows_go_with_their_key),
        cmocka_unit_test(a_new_beginning_takes_later_stamps_only),
        cmocka_unit_test(out_of_order),
        cmocka_unit_test(forgeries_move_no_window),
        cmocka_unit_test(sequence_numbers_end),
        cmocka_unit_test(otherwise_the_sequence_number_rolls_over),
        cmocka_unit_test(senders_stand_in_the_page),
        cmocka_unit_test(clearing_counts_clears_no_window),
        cmocka_unit_test(messages_that_cant_be),
    };

    rig_start_eal();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
