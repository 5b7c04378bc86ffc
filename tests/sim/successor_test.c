/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A key server dies and starts again with new keys (its TEKs live in memory only), among members that know
 * nothing of it. In a quiet time nobody notices. When members hold different generations at that moment, they
 * can't read each other until the later half registers again: found here second by second, and bounded.
 */
#include "tests/sim/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define LIFETIME_S 3600
#define OFFSET_S   360 /* KS5: the next TEK is made so long before the end */
#define LEAD_S     60  /* members register so long before the end ... */
#define EARLY_S    20  /* ... or up to so much earlier, each for itself */
#define SWITCH_S   30  /* and send with the next one so long before it */
#define MEMBERS    12
/* From one wave of registrations to the next. */
#define PERIOD_S (LIFETIME_S - OFFSET_S)
#if WORLD_SANITIZED
#define STEP_S 600
#else
#define STEP_S 60
#endif

static struct world w;

/* The server was started at `origin`; the first TEK ends LIFETIME_S later. */
static mono_t origin;

static void begin(uint64_t seed, unsigned loss)
{
    world_init(&w, seed, 1, MEMBERS, LIFETIME_S, loss);
    origin = w.wire.now;
    world_server_start(&w.servers[0]);
    world_start_members(&w);
}

static void run_until(int64_t s)
{
    wire_run(&w.wire, mono_add(origin, mono_s(s)));
}

static void restart_server(int64_t down_s)
{
    world_server_die(&w.servers[0]);
    wire_run_for(&w.wire, mono_s(down_s));
    world_server_start(&w.servers[0]);
}

static void restart_gvpnd(size_t i)
{
    world_gvpnd_die(&w.members[i]);
    world_gvpnd_start(&w.members[i]);
}

/* All members hold the same keys: whenever it dies, and however long it is down before they register, nothing
 * is lost. */
static void a_restart_between_two_waves_is_not_noticed(void **state)
{
    (void)state;
    for (int64_t at = 120; at < LIFETIME_S - LEAD_S - EARLY_S - 60; at += STEP_S) {
        begin(world_seed(1) + (uint64_t)at, 5);
        run_until(at);
        restart_server((LIFETIME_S - LEAD_S - EARLY_S - 10 - at) * (int64_t)(at / STEP_S % 3) / 2);
        run_until(3 * LIFETIME_S);
        judge_close(&w.judge);
        assert_int_equal(w.judge.mute.n, 0);
        assert_int_equal(w.judge.deaf.n, 0);
        assert_int_equal(world_registrations(&w),
                         world_registrations(&w) / MEMBERS * MEMBERS); /* nobody but in a wave */
        world_free(&w);
    }
}

/*
 * It is down when members want to register, with nobody else to ask: they go on to the end of their keys, are
 * mute, and back within a back-off.
 */
static void down_over_the_end_of_the_keys(void **state)
{
    (void)state;
    for (int64_t late = -50; late <= 600; late += 50) {
        mono_t up;

        begin(world_seed(2) + (uint64_t)(late + 50), 5);
        run_until(1800);
        restart_server(LIFETIME_S - 1800 + late);
        up = w.wire.now;
        wire_run_for(&w.wire, mono_s(300));
        judge_close(&w.judge);
        print_message("up %lld s after the end: mute for at most %lld s, until %lld s after that\n",
                      (long long)late, (long long)mono_to_s(w.judge.mute.longest),
                      (long long)mono_to_s(mono_sub(w.judge.mute.at, up)));
        /* Mute from the end (two seconds early, by rounding) until a pause of the back-off is over. */
        assert_true(w.judge.mute.n <= MEMBERS);
        if (late <= -40)
            assert_int_equal(w.judge.mute.n, 0);
        else
            assert_true(mono_before(mono_sub(w.judge.mute.at, up), mono_s(75 + 8 + 10)));
        world_free(&w);
    }
}

/* How long somebody can't read somebody: the server dies at `dies`, member 0's gvpnd before or after that. */
static mono_t gap(int64_t dies, int64_t joins)
{
    mono_t longest;

    begin(world_seed(3), 0);
    for (int done = 0; done < 2; done++) {
        if (done == (joins > dies)) {
            run_until(joins);
            restart_gvpnd(0);
        } else {
            run_until(dies);
            restart_server(1);
        }
    }
    run_until(4 * LIFETIME_S);
    judge_close(&w.judge);
    assert_true(mono_before(w.judge.mute.longest, mono_ms(3 * DP_SETTLE_MS)));
    longest = w.judge.deaf.longest;
    world_free(&w);
    return longest;
}

/*
 * Member 0 registers in the overlap and so holds the next TEK, which dies with the server; the others get
 * another one. From the moment when the others send with theirs until member 0 registers again, and they
 * can't read 0 until it sends with it.
 */
static void who_registered_in_the_overlap_is_cut_off_for_most_of_a_period(void **state)
{
    mono_t worst = MONO_ZERO;

    (void)state;
    for (int64_t dies = LIFETIME_S - OFFSET_S + 20; dies < LIFETIME_S - LEAD_S - EARLY_S - 5; dies += 60)
        worst = mono_max(worst, gap(dies, dies - 10));
    print_message("registered in the overlap, then the server died: %.1f s\n", (double)worst.ns / 1e9);
    assert_in_range(mono_to_s(worst), PERIOD_S - 5, PERIOD_S);
}

/*
 * Member 0 registers after the restart and holds the new TEK alone until the others' next wave; it can't read
 * them until they send with it. Its own first moment is the hole of two transactions: the keys that its data
 * plane has are not the server's.
 */
static void who_registers_after_a_restart_waits_for_the_others(void **state)
{
    mono_t worst = MONO_ZERO;

    (void)state;
    for (int64_t dies = LIFETIME_S - LEAD_S - 300; dies < LIFETIME_S; dies += 5)
        worst = mono_max(worst, gap(dies, dies + 2));
    print_message("registered after the restart: %.1f s\n", (double)worst.ns / 1e9);
    assert_in_range(mono_to_s(worst), PERIOD_S, PERIOD_S + LEAD_S + EARLY_S - SWITCH_S);
}

/* The server dies while members register: the wave is split. */
static void a_restart_within_a_wave_splits_the_group(void **state)
{
    mono_t worst = MONO_ZERO;

    (void)state;
    for (int64_t ms = -1000 * EARLY_S - 2500; ms <= 500; ms += 250) {
        begin(world_seed(4), 0);
        wire_run(&w.wire, mono_add(origin, mono_add(mono_s(LIFETIME_S - LEAD_S), mono_ms(ms))));
        world_server_die(&w.servers[0]);
        world_server_start(&w.servers[0]);
        run_until(3 * LIFETIME_S);
        judge_close(&w.judge);
        assert_int_equal(w.judge.mute.n, 0);
        worst = mono_max(worst, w.judge.deaf.longest);
        world_free(&w);
    }
    print_message("died within a wave: %.1f s\n", (double)worst.ns / 1e9);
    assert_in_range(mono_to_s(worst), PERIOD_S - 5, PERIOD_S + EARLY_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restart_between_two_waves_is_not_noticed),
        cmocka_unit_test(down_over_the_end_of_the_keys),
        cmocka_unit_test(who_registered_in_the_overlap_is_cut_off_for_most_of_a_period),
        cmocka_unit_test(who_registers_after_a_restart_waits_for_the_others),
        cmocka_unit_test(a_restart_within_a_wave_splits_the_group),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
