/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pseudotime of a whole group (KS11): whatever the network does to registrations and whoever restarts, every data plane's
 * clock for an SA is the one that its key server had for it, but for half of what a registration may take and the
 * tolerance of the first one; and the clocks of two epochs live side by side.
 *
 * No clock drifts here, so two clocks are alike when they began at the same instant.
 */
#include "tests/sim/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define LIFETIME_S 3600
#define MEMBERS    5
#define WINDOW_S   10
/* A last try may take a quarter of the window, half of which is the error; the first members may differ by a second. */
#define BOUND_MS   (WINDOW_S * 1000 / 4 / 2 + 1000 + 2)
#define MAX_SPIS   512
#if WORLD_SANITIZED
#define HOURS 6
#else
#define HOURS 72
#endif

static struct world w;

/* When the clock began by which an SPI was made. */
static struct {
    uint32_t spi;
    mono_t zero;
} made[MAX_SPIS];
static size_t n_made;

static const mono_t *zero_of(uint32_t spi)
{
    for (size_t i = 0; i < n_made; i++)
        if (made[i].spi == spi)
            return &made[i].zero;
    return NULL;
}

static void look_at_servers(void)
{
    const struct ks_group *g = w.servers[0].ss ? w.servers[0].ks.groups[0] : NULL;

    for (size_t i = 0; g && g->pseudotime.runs && i < g->n_teks; i++) {
        if (zero_of(g->teks[i].spi))
            continue;
        assert_true(n_made < MAX_SPIS);
        made[n_made].spi = g->teks[i].spi;
        made[n_made++].zero = g->pseudotime.zero;
    }
}

/* The largest error of any installed SA, in ms, and how many there are. */
static int64_t worst_error(size_t *n)
{
    int64_t worst = 0;

    look_at_servers();
    *n = 0;
    for (size_t i = 0; i < w.n_members; i++) {
        const struct dp *dp = &w.members[i].dp;

        for (size_t k = 0; k < dp->n_sas; k++) {
            const mono_t *zero = zero_of(dp->sas[k].spi);
            int64_t error;

            assert_true(dp->sas[k].has_time);
            if (!zero)
                fail_msg("SIM_SEED=%llu: SA 0x%08x of no server", (unsigned long long)w.seed, dp->sas[k].spi);
            error = mono_to_ms(mono_sub(dp->sas[k].time_zero, *zero));
            error = error < 0 ? -error : error;
            worst = error > worst ? error : worst;
            ++*n;
        }
    }
    return worst;
}

static void something_dies(void)
{
    struct world_member *m = &w.members[wire_random(&w.wire) % MEMBERS];

    switch (wire_random(&w.wire) % 6) {
    case 0:
        world_server_die(&w.servers[0]);
        world_server_start(&w.servers[0]); /* without its clock, so with new keys */
        break;
    case 1:
        world_gvpnd_die(m);
        world_gvpnd_start(m);
        break;
    case 2:
        world_dp_die(m);
        world_dp_start(m);
        break;
    default:
        break;
    }
}

static void clocks_stay_together_whatever_is_lost_late_or_dies(void **state)
{
    int64_t worst = 0;
    size_t n, most = 0;

    (void)state;
    n_made = 0;
    world_init_replay(&w, world_seed(1), 1, MEMBERS, LIFETIME_S, 20, "{time: 10s}");
    w.slow_ms = 1500; /* there and back: up to 3 s, where 2 s are asked for again */
    world_server_start(&w.servers[0]);
    world_start_members(&w);
    for (unsigned s = 0; s < HOURS * 3600; s += 5) {
        int64_t error;

        wire_run_for(&w.wire, mono_s(5));
        error = worst_error(&n);
        if (error > BOUND_MS)
            fail_msg("SIM_SEED=%llu: a clock is %lld ms wrong after %u s", (unsigned long long)w.seed, (long long)error, s);
        worst = error > worst ? error : worst;
        most = n > most ? n : most;
        if (s % 600 == 0)
            something_dies();
    }
    print_message("  worst error %lld ms; %zu keys; %u registrations, %u failed\n", (long long)worst, n_made,
                  world_registrations(&w), world_failures(&w));
    assert_true(most >= MEMBERS);
    assert_true(worst > 20); /* the network was as bad as it was meant to be */
    world_free(&w);
}

/* ---- one registration, datagram by datagram (loss_test.c has their numbers) ---- */

static mono_t silent_until;
static uint64_t silent_from; /* datagram */
static mono_t silence;

static struct wire_fate no_answers(void *ctx, struct wire *wire, uint64_t number, const struct wire_packet *p)
{
    struct wire_fate fate = {.copies = 1, .delay = {mono_ms(5)}};

    (void)ctx;
    if (number == silent_from)
        silent_until = mono_add(wire->now, silence);
    if (number >= silent_from && mono_before(wire->now, silent_until) &&
        addr_equal(&p->from.addr, &w.servers[0].host.at.addr))
        return wire_lose();
    return fate;
}

/* Message 2 of the PULL doesn't come for a while: above 2 s its time is of no use, and the next PULL is exact. */
static void a_slow_answer_is_not_believed(void **state)
{
    static const struct {
        int64_t silence_ms, least_ms, most_ms; /* error */
    } rows[] = {{0, 0, 1}, {1200, 200, 1000}, {2600, 0, 1}, {6000, 0, 1}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t n;
        int64_t error;

        n_made = 0;
        world_init_replay(&w, world_seed(1), 1, 2, LIFETIME_S, 0, "{time: 100s}");
        w.slow_ms = 1;
        world_server_start(&w.servers[0]);
        world_dp_start(&w.members[0]);
        world_gvpnd_start(&w.members[0]); /* starts the clock */
        wire_run_for(&w.wire, mono_s(5));
        w.wire.fate = no_answers;
        silent_from = w.wire.n_sent + 7;
        silence = mono_ms(rows[i].silence_ms);
        world_dp_start(&w.members[1]);
        world_gvpnd_start(&w.members[1]);
        wire_run_for(&w.wire, mono_s(30));
        assert_int_equal(world_registrations(&w), 2);
        assert_int_equal(world_failures(&w), 0);
        error = worst_error(&n);
        assert_int_equal(n, 2);
        if (error < rows[i].least_ms || error > rows[i].most_ms)
            fail_msg("%lld ms of silence: a clock is %lld ms wrong", (long long)rows[i].silence_ms, (long long)error);
        world_free(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_stay_together_whatever_is_lost_late_or_dies),
        cmocka_unit_test(a_slow_answer_is_not_believed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
