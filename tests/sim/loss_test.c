/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Registration over a network that loses, doubles, delays and reorders (IK6; RFC 2409 5.4, RFC 6407 3.2).
 *
 * The ladder, numbered as the datagrams of an undisturbed run:
 *   0 GM -> KS  SA             1 KS -> GM  SA
 *   2 GM -> KS  KE, Ni         3 KS -> GM  KE, Nr
 *   4 GM -> KS  IDii, HASH_I   5 KS -> GM  IDir, HASH_R
 *   6 GM -> KS  HASH, Ni, ID   7 KS -> GM  HASH, Nr, SA
 *   8 GM -> KS  HASH, GAP      9 KS -> GM  HASH, KD
 *  10 GM -> KS  HASH, D
 */
#include "tests/sim/peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct peers p;

/* ---- every pattern of losses among the first ten ---- */

static struct wire_fate lose_pattern(void *ctx, struct wire *w, uint64_t number,
                                     const struct wire_packet *packet)
{
    (void)w;
    (void)packet;
    const unsigned *pattern = ((struct peers *)ctx)->ctx;
    return number < 10 && (*pattern >> number & 1) ? wire_lose() : wire_deliver();
}

static void every_loss_pattern_ends_in_one_registration(void **state)
{
    (void)state;
    for (unsigned pattern = 0; pattern < 1024; pattern++) {
        peers_init(&p, pattern);
        p.ctx = &pattern;
        p.wire.fate = lose_pattern;
        peers_start(&p);
        wire_run_for(&p.wire, mono_s(300));
        peers_assert_registered_once(&p);
        /* a loss costs at most the question once more and its answer once more */
        unsigned lost = (unsigned)__builtin_popcount(pattern);
        assert_true(p.wire.n_sent <= PEERS_CLEAN + 2 * lost);
        /* and nobody keeps anything for ever */
        assert_int_equal(sessions_count(p.ks.ss), 0);
        assert_int_equal(sessions_count(p.gm.ss), 0);
        peers_free(&p);
    }
}

static void undisturbed_run_is_eleven_datagrams(void **state)
{
    (void)state;
    peers_init(&p, 1);
    peers_start(&p);
    wire_run_for(&p.wire, mono_ms(200));
    peers_assert_registered_once(&p);
    assert_string_equal(p.ks.identity, PEERS_GM);
    assert_int_equal(p.wire.n_sent, PEERS_CLEAN);
    assert_int_equal(peers_dropped(p.ks.ss), 0);
    assert_int_equal(peers_dropped(p.gm.ss), 0);
    assert_int_equal(sessions_stats(p.ks.ss)->datagrams_in, 6);
    assert_int_equal(sessions_stats(p.ks.ss)->datagrams_out, 5);
    assert_int_equal(sessions_stats(p.ks.ss)->pulls_served, 1);
    assert_int_equal(sessions_stats(p.ks.ss)->phase1_established, 1);
    /* the delete ended the server's session at once */
    assert_int_equal(sessions_count(p.ks.ss), 0);
    assert_int_equal(sessions_count(p.gm.ss), 0);
    /* both sides log one key, in tshark's fields: cookie of 16 hex digits, key of 64 */
    assert_int_equal(p.n_keylog[0], 1);
    assert_int_equal(p.n_keylog[1], 1);
    assert_string_equal(p.keylog[0], p.keylog[1]);
    assert_int_equal(strlen(p.keylog[0]), strlen("ikev1 ") + 16 + 1 + 64);
    assert_memory_equal(p.keylog[0], "ikev1 ", 6);
    assert_int_equal(p.keylog[0][22], ' ');
    peers_free(&p);
}

static void group_14_works_too(void **state)
{
    (void)state;
    peers_init(&p, 2);
    p.ks.c.proposal.group = p.gm.c.proposal.group = 14;
    peers_start(&p);
    wire_run_for(&p.wire, mono_s(2));
    peers_assert_registered_once(&p);
    assert_int_equal(p.wire.n_sent, PEERS_CLEAN);
    peers_free(&p);
}

/* Retransmission is real time: a clock that runs 1000 times faster changes nothing on the wire. */
static void clock_rate_does_not_touch_the_exchange(void **state)
{
    (void)state;
    unsigned pattern = 0x155; /* every datagram of the member's first five lost once */
    peers_init(&p, 3);
    p.ks.host.rate = p.gm.host.rate = 1000;
    p.ctx = &pattern;
    p.wire.fate = lose_pattern;
    peers_start(&p);
    wire_run_for(&p.wire, mono_s(120));
    peers_assert_registered_once(&p);
    assert_true(p.wire.n_sent <= PEERS_CLEAN + 2 * 5);
    peers_free(&p);
}

/* ---- copies ---- */

struct copy {
    uint64_t number; /* UINT64_MAX = all */
    unsigned copies;
    int64_t delay_ms;
};

static struct wire_fate make_copies(void *ctx, struct wire *w, uint64_t number,
                                    const struct wire_packet *packet)
{
    (void)w;
    (void)packet;
    const struct copy *c = ((struct peers *)ctx)->ctx;
    struct wire_fate fate = wire_deliver();
    if (c->number != UINT64_MAX && c->number != number)
        return fate;
    fate.copies = c->copies;
    for (unsigned i = 1; i < c->copies; i++)
        fate.delay[i] = mono_add(fate.delay[0], mono_ms(c->delay_ms * i));
    return fate;
}

/* A copy may arrive at once, between later messages, or long after everything has ended. */
static void copies_of_each_datagram_and_of_all_change_nothing(void **state)
{
    (void)state;
    static const int64_t delays[] = {0, 1, 7, 15, 25, 35, 45, 100, 300, 700, 3000, 59000, 200000};
    for (size_t d = 0; d < sizeof(delays) / sizeof(delays[0]); d++) {
        for (uint64_t number = 0; number <= PEERS_CLEAN; number++) {
            struct copy c = {number == PEERS_CLEAN ? UINT64_MAX : number, 4, delays[d]};
            peers_init(&p, number);
            p.ctx = &c;
            p.wire.fate = make_copies;
            peers_start(&p);
            wire_run_for(&p.wire, mono_s(900));
            peers_assert_registered_once(&p);
            /* the server answers copies of message 1 (it has no state), and of the last message at its pace:
               at most one answer for each copy, and the member never answers a copy */
            assert_true(p.gm.host.sent <= 6);
            assert_true(p.ks.host.sent <= p.ks.host.received);
            assert_true(p.wire.n_sent <= PEERS_CLEAN + 3 * 5);
            assert_int_equal(sessions_count(p.ks.ss), 0);
            peers_free(&p);
        }
    }
}

/* ---- delays: retransmissions overtake, neighbours change places ---- */

struct shuffle {
    uint64_t first;   /* this datagram ... */
    int64_t delay_ms; /* ... and the ones after it, by less and less, so that all of them arrive in reverse */
    unsigned n;
};

static struct wire_fate shuffled(void *ctx, struct wire *w, uint64_t number, const struct wire_packet *packet)
{
    (void)w;
    (void)packet;
    const struct shuffle *s = ((struct peers *)ctx)->ctx;
    struct wire_fate fate = wire_deliver();
    if (number >= s->first && number < s->first + s->n)
        fate.delay[0] = mono_ms(s->delay_ms * (int64_t)(s->n - (number - s->first)));
    return fate;
}

static void late_datagrams_in_reverse_order_are_harmless(void **state)
{
    (void)state;
    static const int64_t delays[] = {490, 510, 1100, 2600, 6000};
    for (size_t d = 0; d < sizeof(delays) / sizeof(delays[0]); d++) {
        for (unsigned n = 1; n <= 4; n++) {
            for (uint64_t first = 0; first < 14; first++) {
                struct shuffle s = {first, delays[d], n};
                peers_init(&p, first);
                p.ctx = &s;
                p.wire.fate = shuffled;
                peers_start(&p);
                wire_run_for(&p.wire, mono_s(400));
                peers_assert_registered_once(&p);
                assert_true(p.wire.n_sent <= 60);
                peers_free(&p);
            }
        }
    }
}

/* ---- everything at once ---- */

static struct wire_fate bad_weather(void *ctx, struct wire *w, uint64_t number,
                                    const struct wire_packet *packet)
{
    (void)ctx;
    (void)number;
    (void)packet;
    struct wire_fate fate = {.copies = wire_chance(w, 30) ? 0 : 1};
    if (wire_chance(w, 30))
        fate.copies++;
    for (unsigned i = 0; i < fate.copies; i++)
        fate.delay[i] = mono_us(1000 + (int64_t)(wire_random(w) % (wire_chance(w, 50) ? 20000 : 900000)));
    return fate;
}

static void random_bad_weather(void **state)
{
    (void)state;
    const char *given = getenv("SIM_SEED");
    uint64_t base = given ? strtoull(given, NULL, 0) : 20240601;
    unsigned slow = 0;
    uint64_t most = 0;
    for (uint64_t i = 0; i < 200; i++) {
        uint64_t seed = base + i;
        peers_init(&p, seed);
        p.gm.retry = true;
        p.wire.fate = bad_weather;
        peers_start(&p);
        wire_run_for(&p.wire, mono_s(600));
        if (p.gm.policies != 1 || p.wire.n_sent > 120)
            print_message("seed %llu: %u policies, %u failures, %llu datagrams\n", (unsigned long long)seed,
                          p.gm.policies, p.gm.failures, (unsigned long long)p.wire.n_sent);
        peers_assert_registered(&p);
        assert_int_equal(p.gm.policies, 1);
        assert_true(p.wire.n_sent <= 120);
        if (p.gm.failures || mono_to_s(mono_sub(p.gm.registered_at, mono_s(1000))) > 60)
            slow++;
        if (p.wire.n_sent > most)
            most = p.wire.n_sent;
        peers_free(&p);
    }
    print_message("SIM_SEED=%llu: 200 runs, %u took more than 60 s, at most %llu datagrams\n",
                  (unsigned long long)base, slow, (unsigned long long)most);
    assert_true(slow <= 4); /* 2 % */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(undisturbed_run_is_eleven_datagrams),
        cmocka_unit_test(group_14_works_too),
        cmocka_unit_test(clock_rate_does_not_touch_the_exchange),
        cmocka_unit_test(every_loss_pattern_ends_in_one_registration),
        cmocka_unit_test(copies_of_each_datagram_and_of_all_change_nothing),
        cmocka_unit_test(late_datagrams_in_reverse_order_are_harmless),
        cmocka_unit_test(random_bad_weather),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
