/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A month of rekeys: one key server, 1000 members, 5 % of all datagrams lost (GM2 to GM4, KS5, KS6, KS10). Nobody is ever without
 * a usable key, nobody sends with one that has ended, what is sent can be read by the others, and what the key server
 * sends in a second is bounded by its waves.
 */
#include "tests/lib/signing_keys.h"
#include "tests/sim/crowd.h"
#include "tests/sim/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define MEMBERS    (WORLD_SANITIZED ? 150 : 1000)
#define DAYS       (WORLD_SANITIZED ? 6 : 30)
#define LOSS       5
#define WAVE       100 /* members; a wave a second */
#define TEK_HOURS  12
#define DAY        mono_s(86400)

static struct crowd c;

static void a_month_of_rekeys(void **state)
{
    unsigned first_peak = 0;
    char key[64], rekey[512];
    uint32_t first;

    (void)state;
    assert_true(signing_key_file(signing_key_rsa_2048, key));
    snprintf(rekey, sizeof(rekey),
             "{transport: unicast, lifetime: 24h, signing-key: %s, acknowledgement: rfc8263, waves: {members: %d, interval: 1s}, "
             "retransmit: {interval: 20s, count: 2}}",
             key, WAVE);
    crowd_init(&c, world_seed(1), MEMBERS, LOSS, "12h", rekey);
    unlink(key);
    crowd_server_start(&c);
    crowd_members_start(&c, 60);
    crowd_run_for(&c, mono_s(300));
    assert_int_equal(crowd_able(&c), MEMBERS);
    first = crowd_registrations(&c);
    first_peak = c.peak;
    c.peak = c.peak_server = 0;
    for (unsigned day = 0; day < DAYS; day++) {
        crowd_run_for(&c, DAY);
        crowd_judge_all(&c);
    }
    print_message("SIM_SEED=%llu: %d days, %zu members: %llu datagrams, %llu lost; %llu rekeys, %llu acknowledgements\n",
                  (unsigned long long)world_seed(1), DAYS, c.n, (unsigned long long)c.sent, (unsigned long long)c.lost,
                  (unsigned long long)c.pushes, (unsigned long long)c.acks);
    print_message("  in a second at most %u datagrams, %u of the key server's (%u when all began); %u registrations at the "
                  "beginning, %u later; %llu looks, %zu keys\n",
                  c.peak, c.peak_server, first_peak, first, crowd_registrations(&c) - first, (unsigned long long)c.looks, c.n_ends);
    assert_int_equal(c.mute, 0);
    assert_int_equal(c.expired, 0);
    assert_int_equal(c.deaf, 0);
    assert_int_equal(crowd_able(&c), MEMBERS);
    assert_true(c.n_ends >= DAYS * 24 / TEK_HOURS);
    assert_true(c.pushes >= (uint64_t)MEMBERS * DAYS * 24 / TEK_HOURS);
    /* A wave and what answers the few that register because they missed everything. */
    assert_true(c.peak_server <= WAVE + 40);
    assert_true(c.peak <= 2 * (WAVE + 40)); /* and their acknowledgements */
    assert_true(crowd_registrations(&c) - first <= MEMBERS / 4);
    crowd_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_month_of_rekeys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
