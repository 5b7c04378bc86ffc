/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A month of roll-overs: one key server, 50 members, TEKs of an hour, 5 % of all datagrams lost; every few
 * minutes some member's gvpnd dies, or its data plane, or both. Sender ids have 16 bits, so that they come
 * round every day or two. A constant stream between any two members that are up would lose nothing (GM2, DP3,
 * DP9; docs/invariants.md).
 */
#include "tests/sim/world.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define LIFETIME_S 3600
#define LOSS       5
#define DAY        mono_s(86400)
#define SETTLED    5 /* days until the half-open ring of 16384 is full once */
#if WORLD_SANITIZED
#define DAYS 2
#else
#define DAYS 30
#endif

static struct world w;

/* What dies, how often, for how long, and how many times in a row. */
struct misfortune {
    struct timer timer;
    mono_t every; /* on the average */
    bool gvpnd, dp;
    mono_t shortest, longest;
    unsigned in_a_row;
};

static struct misfortune misfortunes[] = {
    {.every = {1200000000000}, .gvpnd = true, .shortest = {50000000}, .longest = {8000000000}},
    {.every = {1800000000000}, .dp = true, .shortest = {50000000}, .longest = {2000000000}},
    {.every = {3600000000000}, .gvpnd = true, .dp = true, .shortest = {50000000}, .longest = {8000000000}},
    /* more processes than one registration has sender ids for */
    {.every = {14400000000000}, .dp = true, .shortest = {50000000}, .longest = {2000000000}, .in_a_row = 7},
};
static struct timer gvpnd_up[WORLD_MEMBERS], dp_up[WORLD_MEMBERS];
static unsigned deaths[2], more_dp_deaths[WORLD_MEMBERS];

static void set(struct timer *t, void (*fire)(struct timer *, mono_t), mono_t in)
{
    t->fire = fire;
    assert_true(timer_set(&w.ground.real_timers, t, mono_add(w.wire.now, in)));
}

static void on_gvpnd_up(struct timer *t, mono_t now)
{
    (void)now;
    world_gvpnd_start(&w.members[t - gvpnd_up]);
}

static void on_dp_up(struct timer *t, mono_t now);

static void on_dp_down(struct timer *t, mono_t now)
{
    (void)now;
    world_dp_die(&w.members[t - dp_up]);
    deaths[1]++;
    set(t, on_dp_up, world_between(&w, mono_ms(50), mono_s(2)));
}

static void on_dp_up(struct timer *t, mono_t now)
{
    size_t i = (size_t)(t - dp_up);

    (void)now;
    world_dp_start(&w.members[i]);
    if (more_dp_deaths[i] == 0)
        return;
    more_dp_deaths[i]--;
    set(t, on_dp_down, world_between(&w, mono_ms(50), mono_s(5)));
}

static void on_misfortune(struct timer *t, mono_t now)
{
    struct misfortune *f = (struct misfortune *)(void *)((char *)t - offsetof(struct misfortune, timer));
    size_t i = wire_random(&w.wire) % w.n_members;

    (void)now;
    if (f->gvpnd && w.members[i].gm) {
        world_gvpnd_die(&w.members[i]);
        set(&gvpnd_up[i], on_gvpnd_up, world_between(&w, f->shortest, f->longest));
        deaths[0]++;
    }
    if (f->dp && w.members[i].dp.up) {
        world_dp_die(&w.members[i]);
        set(&dp_up[i], on_dp_up, world_between(&w, f->shortest, f->longest));
        more_dp_deaths[i] = f->in_a_row;
        deaths[1]++;
    }
    set(t, on_misfortune, world_between(&w, mono_ms(1), mono_add(f->every, f->every)));
}

static void a_month_of_losses_and_restarts(void **state)
{
    size_t used = 0;

    (void)state;
    world_init(&w, world_seed(1), 1, WORLD_MEMBERS, LIFETIME_S, LOSS);
    world_server_start(&w.servers[0]);
    world_start_members(&w);
    wire_run_for(&w.wire, mono_s(60));
    w.peak = 0; /* they all began at once; afterwards the waves are seconds wide */
    for (size_t i = 0; i < sizeof(misfortunes) / sizeof(misfortunes[0]); i++)
        on_misfortune(&misfortunes[i].timer, w.wire.now);
    for (unsigned day = 0; day < DAYS; day++) {
        wire_run_for(&w.wire, DAY);
        if (day == SETTLED)
            used = mallinfo2().uordblks;
    }
    judge_close(&w.judge);
    world_print(&w);
    print_message("  %u gvpnd and %u gvpn-dp died; the server had at most %zu sessions, %zu members\n",
                  deaths[0], deaths[1], w.servers[0].most_sessions, w.servers[0].ks.groups[0]->members.n);
    assert_int_equal(w.judge.mute.n, 0); /* once it can send, a data plane always can */
    assert_int_equal(w.judge.deaf.n, 0); /* and everybody that is up can read it */
    assert_int_equal(w.judge.returned, 0);
    /* Without sender ids a new data plane waits for a registration, and that for the weather. */
    assert_true(mono_before(w.judge.back.longest, mono_s(60)));
    assert_true(w.judge.switches >= DAYS * 86400 / 3240 * WORLD_MEMBERS);
    assert_true(w.peak <= WORLD_MEMBERS * 11 / 2);
    assert_int_equal(w.servers[0].ks.groups[0]->members.n, WORLD_MEMBERS);
    assert_true(w.servers[0].most_sessions <= 2 * WORLD_MEMBERS);
    if (DAYS > SETTLED + 1) {
        print_message("  heap of all: +%zd octets since day %d\n", (ssize_t)(mallinfo2().uordblks - used),
                      SETTLED);
        assert_true(mallinfo2().uordblks < used + (1 << 18));
    }
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_month_of_losses_and_restarts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
