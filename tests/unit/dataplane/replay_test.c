/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Windows that several workers share: every number is accepted exactly once whoever asks, a sender that was forgotten
 * gets nothing accepted that it may have got before, and the rows of the senders' clocks stay bounded. Suite `threads`: also for
 * ThreadSanitizer. The random part prints its seed.
 */
#include "dataplane/replay.h"

#include "common/suite.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define THREADS 3
#define NUMBERS 400000
#define MASK    0xffffff0000000000ULL /* sender ids of 24 bits */
#define HZ      1000000000ULL

static struct ipc_page_sa page_slot; /* of the SA in hand */

static struct replay *made(enum ipc_replay method, uint32_t window, bool strict, uint64_t start_ms)
{
    struct ipc_sa m = {.suite = SUITE_AES_GCM_128, .replay = method, .window = window, .strict_sender = strict, .sid_bits = 24};
    bool ok;
    struct replay *r = replay_new(&m, &ok);

    assert_true(ok && r != NULL && replay_same(r, &m));
    memset(&page_slot, 0, sizeof page_slot);
    replay_attach(r, &page_slot, true);
    if (method == IPC_REPLAY_TIME)
        replay_start(r, start_ms, 0, MONO_ZERO, HZ, 1);
    return r;
}

static uint64_t iv(uint64_t sender, uint64_t counter)
{
    return sender << 40 | counter;
}

/* As the receiving path does it: both checks, a lock for one packet. */
static bool take(struct replay *r, uint64_t at, uint64_t stamp_ms)
{
    struct replay_peek peek = {0};
    struct replay_run run;
    bool may, accepted;

    replay_run_begin(&run, r, MASK);
    may = replay_peek_may(r, &peek, at, MASK);
    accepted = replay_run_accept(&run, at, stamp_ms);

    replay_run_end(&run);
    assert_true(may || !accepted);
    return accepted;
}

struct shared {
    struct replay *r;
    _Atomic uint32_t accepted[2][NUMBERS]; /* by sender */
    _Atomic uint32_t workers;
    _Atomic uint32_t unpublished; /* numbers that were in use before the page said so */
    uint64_t seed;
    pthread_barrier_t start;
};

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* All offer the same numbers, a little out of order, in runs like a burst. */
static void *offer_counter(void *at)
{
    struct shared *s = at;
    uint64_t seed = s->seed ^ (uint64_t)pthread_self(), highest = 0;
    unsigned worker = atomic_fetch_add(&s->workers, 1);

    (void)pthread_barrier_wait(&s->start);
    for (uint64_t n = 1; n < NUMBERS; n++) {
        uint64_t number = n > 20 ? n - next_random(&seed) % 20 : n;

        if (replay_counter_may(s->r, (uint32_t)number) && replay_counter_accept(s->r, (uint32_t)number)) {
            atomic_fetch_add(&s->accepted[0][number], 1);
            highest = number > highest ? number : highest;
        }
        if (n % 16 != 0)
            continue;
        replay_counter_publish(s->r, worker);
        atomic_fetch_add(&s->unpublished, atomic_load(&page_slot.sequence_top[worker]) < highest);
    }
    return NULL;
}

/* All take numbers to send with, over the ends of blocks. */
static void *take_numbers(void *at)
{
    struct shared *s = at;
    uint32_t number;

    (void)pthread_barrier_wait(&s->start);
    while (replay_next_sequence(s->r, &number) && number < NUMBERS) {
        atomic_fetch_add(&s->unpublished, atomic_load(&page_slot.sequence_lease) < number);
        atomic_fetch_add(&s->accepted[0][number], 1);
    }
    return NULL;
}

static void *offer_strict(void *at)
{
    struct shared *s = at;
    uint64_t seed = s->seed ^ (uint64_t)pthread_self();
    struct replay_peek peek = {0};

    (void)pthread_barrier_wait(&s->start);
    for (uint64_t n = 1; n < NUMBERS; n += 16) {
        uint64_t sender = next_random(&seed) % 2;
        struct replay_run run;

        replay_run_begin(&run, s->r, MASK);
        for (uint64_t k = n; k < n + 16 && k < NUMBERS; k++) {
            uint64_t packet = iv(sender, k > 40 ? k - next_random(&seed) % 40 : k);

            if (replay_peek_may(s->r, &peek, packet, MASK) && replay_run_accept(&run, packet, 5000))
                atomic_fetch_add(&s->accepted[sender][packet & ~MASK], 1);
        }
        replay_run_end(&run);
    }
    return NULL;
}

static void exactly_once(struct replay *r, void *(*offer)(void *), unsigned senders)
{
    static struct shared s;
    pthread_t threads[THREADS];
    uint64_t sum = 0;

    memset(&s, 0, sizeof s);
    s.r = r;
    s.seed = (uint64_t)time(NULL) * 2654435761u | 1;
    assert_int_equal(pthread_barrier_init(&s.start, NULL, THREADS), 0);
    print_message("seed %llu\n", (unsigned long long)s.seed);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, offer, &s), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    (void)pthread_barrier_destroy(&s.start);
    for (unsigned sender = 0; sender < senders; sender++)
        for (unsigned n = 0; n < NUMBERS; n++) {
            assert_in_range(s.accepted[sender][n], 0, 1);
            sum += s.accepted[sender][n];
        }
    assert_true(sum > NUMBERS / 4); /* it was no empty promise */
    assert_int_equal(s.unpublished, 0);
    replay_free(r);
}

static void workers_share_a_window(void **state)
{
    (void)state;
    exactly_once(made(IPC_REPLAY_COUNTER, 1024, false, 0), offer_counter, 1);
    exactly_once(made(IPC_REPLAY_COUNTER, 64, false, 0), offer_counter, 1);
    exactly_once(made(IPC_REPLAY_TIME, 10000, true, 1000), offer_strict, 2);
}

/* RFC 4303 3.3.3: each number once, and none before the page has it. */
static void workers_share_a_sequence(void **state)
{
    (void)state;
    exactly_once(made(IPC_REPLAY_COUNTER, 64, false, 0), take_numbers, 1);
    assert_true(page_slot.sequence_lease >= NUMBERS && page_slot.sequence_lease < NUMBERS + 2 * IPC_SEQUENCE_LEASE);
}

/* Runs of any length that end anywhere: what is held in registers meanwhile is written back. */
static void runs_of_every_length(void **state)
{
    (void)state;
    for (unsigned len = 1; len < 300; len++) {
        struct replay *r = made(IPC_REPLAY_TIME, 10000, true, 1000);
        struct replay_run run;
        uint64_t first = 60;

        replay_run_begin(&run, r, MASK);
        for (unsigned i = 0; i < len; i++)
            assert_true(replay_run_accept(&run, iv(1, first + i), 2000));
        assert_false(replay_run_accept(&run, iv(1, first), 2000));
        replay_run_end(&run);
        for (unsigned i = 0; i < len; i++)
            assert_false(take(r, iv(1, first + i), 2000));
        assert_true(take(r, iv(1, first + len), 2000));
        assert_true(take(r, iv(1, first - 1), 2000));
        replay_free(r);
    }
}

/* Behind a sender's last IV comes the next sender's first: a run over both, and over IV 0, asks two windows. */
static void runs_over_the_end_of_a_sender(void **state)
{
    struct replay *r = made(IPC_REPLAY_TIME, 10000, true, 1000);
    struct replay_run run;
    uint64_t first = iv(1, 0) - 100;

    (void)state;
    replay_run_begin(&run, r, MASK);
    assert_true(take(r, 0, 2000));
    assert_false(take(r, 0, 2000));
    for (uint64_t at = first; at < first + 200; at++)
        assert_true(replay_run_accept(&run, at, 2000));
    for (uint64_t at = 0; at < 100; at++)
        assert_false(replay_run_accept(&run, at, 2000)); /* the first of sender 0, whose last ones came */
    replay_run_end(&run);
    for (uint64_t at = first; at < first + 200; at++)
        assert_false(take(r, at, 2000));
    assert_true(take(r, first - 1, 2000));
    assert_true(take(r, first + 200, 2000));
    assert_true(take(r, iv(2, 0), 2000)); /* nobody took it for somebody's next one */
    assert_true(take(r, iv(3, 1), 2000));
    replay_free(r);
}

/* Behind the very last IV comes 0, which is the first sender's first. */
static void a_run_over_the_end_of_all_ivs(void **state)
{
    struct replay *r = made(IPC_REPLAY_TIME, 10000, true, 1000);
    struct replay_run run;

    (void)state;
    replay_run_begin(&run, r, MASK);
    assert_true(replay_run_accept(&run, UINT64_MAX - 1, 2000));
    assert_true(replay_run_accept(&run, UINT64_MAX, 2000));
    assert_true(replay_run_accept(&run, 0, 2000));
    assert_true(replay_run_accept(&run, 1, 2000));
    replay_run_end(&run);
    assert_false(take(r, UINT64_MAX, 2000));
    assert_false(take(r, 0, 2000));
    assert_false(take(r, 1, 2000));
    assert_true(take(r, 2, 2000));
    replay_free(r);
}

/* Old packets of forgotten senders, again and again: they are refused, and nobody else's packets with them. */
static void refusals_move_nothing(void **state)
{
    enum { SENDERS = 30000, A_MS = 64, ROUNDS = 30 };
    struct replay *r = made(IPC_REPLAY_TIME, 10000, true, 1000);

    (void)state;
    for (unsigned i = 0; i < SENDERS; i++)
        (void)take(r, iv(i, 7), 2000 + i / A_MS);
    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned i = 0; i < SENDERS; i++)
            assert_false(take(r, iv(i, 7), 2000 + i / A_MS));
    for (unsigned i = 0; i < 3; i++)
        assert_true(take(r, iv(i, 8), 2000 + SENDERS / A_MS + 1));
    replay_free(r);
}

/* In a run, too, only later stamps are accepted, and what was refused counts for nothing. */
static void runs_refuse_early_stamps(void **state)
{
    struct replay *r = made(IPC_REPLAY_TIME, 10000, true, 1000);
    struct replay_run run;

    (void)state;
    replay_run_begin(&run, r, MASK);
    assert_true(replay_run_accept(&run, iv(1, 1), 1001));
    assert_false(replay_run_accept(&run, iv(1, 2), 1000));
    assert_true(replay_run_accept(&run, iv(1, 2), 1001));
    assert_true(replay_run_accept(&run, iv(1, 3), 1500));
    assert_false(replay_run_accept(&run, iv(1, 3), 1500));
    assert_true(replay_run_accept(&run, iv(1, 4), 1400));
    replay_run_end(&run);
    assert_false(take(r, iv(1, 2), 2000));
    assert_true(take(r, iv(1, 5), 2000));
    replay_free(r);
}

/* What was looked at before decryption is asked again for each burst: replays of what came meanwhile cost no decryption. */
static void a_look_follows_the_window(void **state)
{
    struct replay *r = made(IPC_REPLAY_TIME, 10000, true, 1000);
    struct replay_peek peek = {0};

    (void)state;
    assert_true(replay_peek_may(r, &peek, iv(1, 9), MASK));
    assert_true(take(r, iv(1, 9), 2000));
    replay_peek_again(&peek); /* there was no window then */
    assert_false(replay_peek_may(r, &peek, iv(1, 9), MASK));
    assert_true(take(r, iv(1, 20), 2000));
    assert_true(replay_peek_may(r, &peek, iv(1, 20), MASK)); /* within a burst it is only a look */
    replay_peek_again(&peek);
    assert_false(replay_peek_may(r, &peek, iv(1, 20), MASK));
    assert_true(replay_peek_may(r, &peek, iv(1, 10), MASK));
    assert_true(replay_peek_may(r, &peek, iv(1, 21), MASK));
    assert_true(replay_peek_may(r, &peek, iv(1, ~MASK), MASK));
    assert_true(replay_peek_may(r, &peek, iv(2, 0), MASK));
    assert_false(replay_peek_may(r, &peek, iv(1, 20), MASK));
    replay_free(r);
}

/* Somebody else's window now: what it says about the sender that had it before doesn't count. */
static void a_look_at_a_window_that_was_given_away(void **state)
{
    enum { SENDERS = 30000 };
    struct replay *r = made(IPC_REPLAY_TIME, 10000, true, 1000);
    struct replay_peek peek = {0};

    (void)state;
    assert_true(take(r, iv(0, 100), 2000));
    assert_false(replay_peek_may(r, &peek, iv(0, 100), MASK));
    for (unsigned i = 1; i < SENDERS; i++)
        assert_true(take(r, iv(i, 200), 2000 + i));
    assert_true(replay_peek_may(r, &peek, iv(0, 100), MASK));
    replay_peek_again(&peek);
    assert_true(replay_peek_may(r, &peek, iv(0, 100), MASK));
    replay_free(r);
}

/* Senders don't disturb one another, and each has its 4096 numbers. */
static void every_sender_has_a_window(void **state)
{
    struct replay *r = made(IPC_REPLAY_TIME, 10000, true, 1000);

    (void)state;
    for (unsigned sender = 0; sender < 2000; sender++) {
        assert_true(take(r, iv(sender * 4, 10000), 2000));
        assert_false(take(r, iv(sender * 4, 10000), 2000));
    }
    for (unsigned sender = 0; sender < 2000; sender++) {
        assert_false(take(r, iv(sender * 4, 10000), 2000));
        assert_true(take(r, iv(sender * 4, 10000 - 4095), 2000));
        assert_false(take(r, iv(sender * 4, 10000 - 4096), 2000));
        assert_false(take(r, iv(sender * 4, 10000 - 4095), 2000));
    }
    assert_true(take(r, iv(0xffffff, 0xffffffffff), 2000)); /* the last of all */
    assert_false(take(r, iv(0xffffff, 0xffffffffff), 2000));
    assert_true(take(r, iv(0, 0xffffffffff), 2000));
    replay_free(r);
}

/* More senders than places: nothing is accepted twice, whatever was forgotten. */
static void forgotten_senders_get_nothing_twice(void **state)
{
    enum { SENDERS = 30000 };
    struct replay *r = made(IPC_REPLAY_TIME, 10000, true, 1000);
    unsigned again = 0, later = 0;

    (void)state;
    for (unsigned i = 0; i < SENDERS; i++)
        assert_true(take(r, iv(i, 7), 2000 + i)); /* each the only one at its time, so each is new */
    for (unsigned i = 0; i < SENDERS; i++)
        again += take(r, iv(i, 7), 2000 + i);
    assert_int_equal(again, 0);
    for (unsigned i = 0; i < SENDERS; i++)
        later += take(r, iv(i, 8), 2000 + SENDERS + i);
    assert_int_equal(later, SENDERS); /* what was sent afterwards is welcome */
    replay_free(r);
}

/* Only stamps later than the beginning (decision 8). */
static void nothing_from_before_the_beginning(void **state)
{
    struct replay *r = made(IPC_REPLAY_TIME, 10000, true, 5000);

    (void)state;
    assert_false(take(r, iv(1, 1), 4999));
    assert_false(take(r, iv(1, 2), 5000));
    assert_true(take(r, iv(1, 3), 5001));
    assert_false(take(r, iv(1, 4), 5000)); /* it goes on: what was sent before may have been received before */
    assert_true(take(r, iv(1, 1), 5002));
    replay_free(r);
}

/* Any number of senders: 64 rows, the most recently seen ones. */
static void clocks_are_bounded(void **state)
{
    static struct ipc_page_sender rows[IPC_PAGE_SENDERS];
    struct ipc_page_sa slot;
    struct replay *r = made(IPC_REPLAY_TIME, 10000, false, 1000);
    struct replay_origin from = {.family = 4};
    struct replay_late late;

    (void)state;
    memset(&slot, 0, sizeof slot);
    assert_false(replay_take_late(r, &late));
    for (unsigned i = 0; i < 1000; i++) {
        from.sender_id = i;
        from.source[0] = i;
        replay_note(r, &from, 1000 + i, 1000);
    }
    from.sender_id = 5;
    replay_note_late(r, &from, 90000, 1000);
    assert_int_equal(replay_publish(r, 0x1000, 0, &slot, rows, IPC_PAGE_SENDERS), REPLAY_CLOCKS);
    for (unsigned i = 0; i < REPLAY_CLOCKS; i++) {
        assert_int_equal(rows[i].spi, 0x1000);
        assert_true(rows[i].sender_id == 5 || rows[i].sender_id >= 1000 - REPLAY_CLOCKS);
    }
    assert_int_equal(rows[REPLAY_CLOCKS].spi, 0);
    assert_int_equal(replay_publish(r, 0x1000, 0, &slot, rows, 3), 3);
    assert_true(replay_take_late(r, &late));
    assert_true(late.sender_id == 5 && late.own_ms == 90000 && late.sender_ms == 1000);
    assert_false(replay_take_late(r, &late));
    replay_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_share_a_window),
        cmocka_unit_test(workers_share_a_sequence),
        cmocka_unit_test(runs_of_every_length),
        cmocka_unit_test(runs_over_the_end_of_a_sender),
        cmocka_unit_test(a_run_over_the_end_of_all_ivs),
        cmocka_unit_test(refusals_move_nothing),
        cmocka_unit_test(runs_refuse_early_stamps),
        cmocka_unit_test(a_look_follows_the_window),
        cmocka_unit_test(a_look_at_a_window_that_was_given_away),
        cmocka_unit_test(every_sender_has_a_window),
        cmocka_unit_test(forgotten_senders_get_nothing_twice),
        cmocka_unit_test(nothing_from_before_the_beginning),
        cmocka_unit_test(clocks_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
