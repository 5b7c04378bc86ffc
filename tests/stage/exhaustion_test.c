/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The end of a sender id's counters (DP3, RFC 6054): gvpnd hears of it in time, the worker goes on with its next id without losing
 * a packet, no IV comes twice over the change, and an id that the SA had is never taken again.
 */
#include "tests/stage/rig.h"

#include "dataplane/core/bytes.h"
#include "dataplane/snap_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define SPI      0x1000
#define SID_BITS 32 /* the narrowest counters there are */
#define LIMIT    (1ULL << 32)
#define LOW      (LIMIT / 10 * 9)

static struct rig r;
static uint8_t frame[2048];

static size_t permitted(void)
{
    return rig_ipv4(frame, "10.1.0.1", "10.2.0.1", 17, 1000, 53, 100);
}

static enum verdict send_on(unsigned worker, struct rig_result *esp)
{
    const uint8_t *frames[1] = {frame};
    size_t len = permitted();

    rig_run(&r, worker, false, false, 1, frames, &len, esp);
    return esp->verdict;
}

static uint64_t iv_of(const struct rig_result *esp)
{
    return __builtin_bswap64(load64(esp->bytes + 42));
}

/* Sends a packet, which must leave; returns its IV. */
static uint64_t sent(unsigned worker)
{
    struct rig_result esp;

    assert_int_equal(send_on(worker, &esp), VERDICT_SENT_ENCRYPTED);
    return iv_of(&esp);
}

/* An SA whose workers have ids from `first` on, with their counters at `iv_first`. */
static struct ipc_sa message(enum suite_id suite, uint64_t first, uint64_t iv_first)
{
    struct ipc_sa m = rig_suite_message(&r, suite, false, SPI, 10, first);

    m.sid_bits = SID_BITS;
    for (unsigned i = 0; i < m.n_senders; i++)
        m.senders[i].iv_first = iv_first;
    return m;
}

static void install(const struct ipc_sa *m)
{
    rig_begin(&r);
    rig_group(&r, 0, "g", "wan", IPC_GROUP_POLICY);
    rig_rule(&r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip 10.0.0.0/8 10.0.0.0/8");
    rig_sa(&r, m);
    assert_int_equal(rig_commit(&r), IPC_OK);
}

static struct sa *installed(void)
{
    return snap_store_current(r.store)->sas[0];
}

/* As if it had sent so much that so many counters are left. */
static void leave(unsigned worker, uint64_t left)
{
    struct sa_worker *w = &installed()->workers[worker];

    w->iv_next = w->lease_end = LIMIT - left;
}

/* Kinds of events at second `s`, as bits. */
static unsigned told(int64_t s)
{
    struct ipc_event events[8];
    unsigned n = snap_store_tick(r.store, r.now_tsc, mono_s(s), events, 8), kinds = 0;

    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(events[i].value, SPI);
        kinds |= 1u << events[i].kind;
    }
    return kinds;
}

#define TOLD_LOW       (1u << IPC_EVENT_IV_LOW)
#define TOLD_EXHAUSTED (1u << IPC_EVENT_IV_EXHAUSTED)

static const enum suite_id counted[] = {SUITE_AES_GCM_128, SUITE_AES_GCM_256, SUITE_AES_GMAC_128,
                                        SUITE_CHACHA20_POLY1305};

/* Every counter of the first id is used, and behind the last one come those of the next id: nothing is lost, nothing comes twice. */
static void a_worker_goes_on_with_its_next_id(void **state)
{
    (void)state;
    for (size_t s = 0; s < sizeof counted / sizeof counted[0]; s++) {
        struct ipc_sa m;

        rig_open(&r, 1);
        m = message(counted[s], 7, LIMIT - 100);
        install(&m);
        for (unsigned i = 0; i < 40; i++)
            assert_int_equal(sent(0), 7ULL << 32 | (LIMIT - 100 + i));
        assert_int_equal(told(1), TOLD_LOW);
        m = message(counted[s], 8, 0); /* the registration brings them */
        install(&m);
        for (unsigned i = 40; i < 100; i++)
            assert_int_equal(sent(0), 7ULL << 32 | (LIMIT - 100 + i));
        assert_int_equal(r.page->sas[0].sender_id[0], 7);
        assert_int_equal(r.page->sas[0].lease_end[0], LIMIT);
        for (unsigned i = 0; i < 100; i++)
            assert_int_equal(sent(0), 8ULL << 32 | i);
        assert_int_equal(r.page->sas[0].sender_id[0], 8);
        assert_int_equal(r.page->sas[0].lease_end[0], IPC_IV_LEASE);
        assert_int_equal(told(100), 0);
        assert_int_equal(rig_count(&r, VERDICT_DROP_IV_EXHAUSTED), 0);
        rig_close(&r);
    }
}

/* The last lease below 90 % says nothing, the first one from there on does; at the end sending stops, until there is an id. */
static void both_edges(void **state)
{
    struct rig_result esp;
    struct ipc_sa m;

    (void)state;
    rig_open(&r, 1);
    m = message(SUITE_AES_GCM_256, 1, LOW - 1);
    install(&m);
    (void)sent(0);
    assert_int_equal(told(1), 0);
    rig_close(&r);
    rig_open(&r, 1);
    m = message(SUITE_AES_GCM_256, 1, LOW);
    install(&m);
    (void)sent(0);
    assert_int_equal(told(1), TOLD_LOW);
    leave(0, 1);
    assert_int_equal(sent(0), 1ULL << 32 | (LIMIT - 1));
    assert_int_equal(told(2), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(send_on(0, &esp), VERDICT_DROP_IV_EXHAUSTED);
    assert_int_equal(told(3), TOLD_EXHAUSTED);
    m = message(SUITE_AES_GCM_256, 2, 0);
    install(&m);
    assert_int_equal(sent(0), 2ULL << 32);
    assert_int_equal(told(100), 0);
    rig_close(&r);
}

/* What nothing was done about is told again: gvpnd may have been away. */
static void it_is_told_again(void **state)
{
    struct ipc_sa m;

    (void)state;
    rig_open(&r, 2);
    m = message(SUITE_AES_GCM_256, 1, LIMIT - 50);
    install(&m);
    (void)sent(1);
    assert_int_equal(told(1), TOLD_LOW);
    (void)sent(0);
    (void)sent(1);
    assert_int_equal(told(2), 0);
    assert_int_equal(told(10), 0);
    assert_int_equal(told(11), TOLD_LOW);
    assert_int_equal(told(12), 0);
    m = message(SUITE_AES_GCM_256, 3, 0);
    install(&m);
    assert_int_equal(told(30), 0);
    leave(0, 1); /* and the next ones are used up in their turn, by one worker */
    (void)sent(0);
    assert_int_equal(sent(0), 3ULL << 32);
    leave(0, 1);
    assert_int_equal(sent(0) >> 32, 3);
    assert_int_equal(told(31), TOLD_LOW);
    r.now_tsc += 3600000 * RIG_MS; /* an SA that has ended needs none */
    assert_int_equal(told(50), 1u << IPC_EVENT_SA_EXPIRED);
    assert_int_equal(told(70), 0);
    rig_close(&r);
}

/* Neither its own, nor another worker's, nor one that was used up, nor one that somebody has used: their counters came before. */
static void an_id_that_was_had_is_never_taken_again(void **state)
{
    struct rig_result esp;
    struct ipc_sa m, first;

    (void)state;
    rig_open(&r, 2);
    first = m = message(SUITE_AES_GCM_256, 1, LIMIT - 3);
    install(&m);
    install(&m); /* what it has */
    m.senders[0].id = 2, m.senders[1].id = 1; /* each other's */
    m.senders[0].iv_first = m.senders[1].iv_first = 0;
    install(&m);
    m.senders[0].id = 30, m.senders[1].id = 31; /* of which counters may be used */
    m.senders[0].iv_first = m.senders[1].iv_first = 1;
    install(&m);
    for (unsigned i = 0; i < 3; i++)
        (void)sent(0);
    assert_int_equal(send_on(0, &esp), VERDICT_DROP_IV_EXHAUSTED);
    m = message(SUITE_AES_GCM_256, 3, 0);
    install(&m);
    assert_int_equal(sent(0), 3ULL << 32);
    first.senders[0].iv_first = first.senders[1].iv_first = 0; /* what it had, from the beginning */
    install(&first);
    leave(0, 1);
    (void)sent(0);
    assert_int_equal(send_on(0, &esp), VERDICT_DROP_IV_EXHAUSTED);
    rig_close(&r);
}

/* A packet of our own that comes back is known by any id that we had, have or will have. */
static void all_of_them_are_our_own(void **state)
{
    struct rig_result esp[3];
    struct ipc_sa m;

    (void)state;
    rig_open(&r, 1);
    m = message(SUITE_AES_GCM_256, 1, LIMIT - 2);
    install(&m);
    for (unsigned turn = 0; turn < 3; turn++) {
        assert_int_equal(send_on(0, &esp[turn]), VERDICT_SENT_ENCRYPTED);
        assert_int_equal(iv_of(&esp[turn]) >> 32, turn + 1);
        m = message(SUITE_AES_GCM_256, turn + 2, 0);
        install(&m);
        leave(0, 0);
        for (unsigned i = 0; i <= turn; i++)
            assert_int_equal(rig_one(&r, true, esp[i].bytes, esp[i].len).verdict, VERDICT_DROP_OWN_SENDER);
    }
    rig_close(&r);
}

/* So many, and no more; then sending stops at the end of the last one. */
static void ids_are_bounded(void **state)
{
    struct rig_result esp;
    struct ipc_sa m;

    (void)state;
    rig_open(&r, 1);
    for (unsigned id = 0; id < SA_SENDERS_MAX + 3; id++) {
        m = message(SUITE_AES_GCM_256, id + 1, 0);
        install(&m);
        assert_int_equal(installed()->n_senders, id < SA_SENDERS_MAX ? id + 1 : SA_SENDERS_MAX);
        if (id > 0)
            leave(0, 0);
        if (id < SA_SENDERS_MAX)
            assert_int_equal(sent(0), (id + 1ULL) << 32);
        else
            assert_int_equal(send_on(0, &esp), VERDICT_DROP_IV_EXHAUSTED);
    }
    rig_close(&r);
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* Four workers whose ids run out in random order, beside policies that come again and registrations that nobody asked for. */
static void no_iv_comes_twice_over_the_change(void **state)
{
    enum { ROUNDS = 20000, WORKERS = 4 };
    static uint64_t used[ROUNDS];
    unsigned seed = (unsigned)time(NULL), n = 0, turns = 0;
    uint64_t next_id = 1;
    struct ipc_sa m;

    (void)state;
    print_message("seed %u\n", seed);
    srand(seed);
    rig_open(&r, WORKERS);
    m = message(SUITE_AES_GCM_256, next_id, LIMIT - 1000);
    install(&m);
    while (n < ROUNDS) {
        unsigned what = (unsigned)rand() % 1000, worker = (unsigned)rand() % WORKERS;
        struct rig_result esp;

        if (what < 10) /* the same ids again */
            install(&m);
        if (what >= 10 && what < 20) {
            next_id += WORKERS;
            m = message(SUITE_AES_GCM_256, next_id, 0);
            install(&m);
        }
        if (what >= 20 && what < 30 && turns++ < 20 && installed()->workers[worker].iv_next < LIMIT - 100)
            leave(worker, (uint64_t)rand() % 100);
        if (send_on(worker, &esp) == VERDICT_SENT_ENCRYPTED)
            used[n++] = iv_of(&esp);
        else
            assert_int_equal(esp.verdict, VERDICT_DROP_IV_EXHAUSTED);
    }
    qsort(used, n, sizeof used[0], compare_u64);
    for (unsigned i = 1; i < n; i++)
        if (used[i] == used[i - 1])
            fail_msg("IV %016lx twice", used[i]);
    rig_close(&r);
}

/* Counter replay: the numbers that all workers share end apart from the ids, and next ids don't silence what is said of them. */
static void sequence_numbers_are_told_beside_next_ids(void **state)
{
    struct rig_result esp;
    struct ipc_sa m;

    (void)state;
    rig_open(&r, 2);
    m = message(SUITE_AES_GCM_256, 1, 0);
    m.replay = IPC_REPLAY_COUNTER;
    m.window = 64;
    install(&m);
    (void)sent(0);
    assert_int_equal(told(1), 0);
    atomic_store(&installed()->replay->sequence, UINT32_MAX / 10 * 9 - 2ULL);
    (void)sent(1);
    assert_int_equal(told(2), 0);
    (void)sent(0);
    assert_int_equal(told(3), TOLD_LOW);
    m.senders[0].id = 3, m.senders[1].id = 4;
    install(&m);
    assert_int_equal(told(13), TOLD_LOW);
    atomic_store(&installed()->replay->sequence, UINT32_MAX - 1ULL);
    (void)sent(1);
    assert_int_equal(send_on(1, &esp), VERDICT_DROP_IV_EXHAUSTED);
    assert_int_equal(told(14), TOLD_EXHAUSTED);
    rig_close(&r);
}

/* In a lab: the first SAs begin near their end, their successors don't. */
static void a_lab_begins_near_the_end(void **state)
{
    struct rig_result esp;
    struct ipc_sa m;

    (void)state;
    for (unsigned counter = 0; counter < 2; counter++) {
        rig_open(&r, 1);
        r.store->config.lab_left = 5;
        m = message(SUITE_AES_GCM_256, 1, 0);
        m.replay = counter ? IPC_REPLAY_COUNTER : IPC_REPLAY_NONE;
        m.window = counter ? 64 : 0;
        install(&m);
        for (unsigned i = 0; i < 5; i++)
            assert_int_equal(sent(0), 1ULL << 32 | (LIMIT - 5 + i));
        assert_int_equal(send_on(0, &esp), VERDICT_DROP_IV_EXHAUSTED);
        m.spi++;
        m.key.b[0] ^= 1;
        install(&m);
        assert_int_equal(sent(0), 1ULL << 32);
        rig_close(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_goes_on_with_its_next_id),
        cmocka_unit_test(both_edges),
        cmocka_unit_test(it_is_told_again),
        cmocka_unit_test(an_id_that_was_had_is_never_taken_again),
        cmocka_unit_test(all_of_them_are_our_own),
        cmocka_unit_test(ids_are_bounded),
        cmocka_unit_test(no_iv_comes_twice_over_the_change),
        cmocka_unit_test(sequence_numbers_are_told_beside_next_ids),
        cmocka_unit_test(a_lab_begins_near_the_end),
    };

    rig_start_eal();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
