/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Either side loses all its state after any of the datagrams (07, fault catalogue A). A restarted server
 * stays silent to cookies that it doesn't know; the member's own timers bring it back. No sender id is ever
 * given twice.
 */
#include "tests/sim/peers.h"

#include <stdio.h>
#include <string.h>

static struct peers p;

struct plan {
    uint64_t after; /* restart when this many datagrams have left */
    bool server, member;
    bool before_delivery; /* at once; else after the datagram has arrived */
    bool done;
};

static void maybe_restart(void *ctx, struct wire *w)
{
    struct peers *peers = ctx;
    struct plan *plan = peers->ctx;
    if (plan->done || w->n_sent < plan->after || (!plan->before_delivery && w->n))
        return;
    plan->done = true;
    if (plan->server)
        peers_restart_server(peers);
    if (plan->member)
        peers_restart_member(peers);
}

static void run(struct plan plan, uint64_t seed)
{
    peers_init(&p, seed);
    p.ctx = &plan;
    p.gm.retry = true;
    p.wire.between = maybe_restart;
    peers_start(&p);
    wire_run_for(&p.wire, mono_s(300));
    assert_true(plan.done);
    peers_assert_registered(&p);
    /* what was begun twice is finished once; a member that restarted after it had registered has registered
     * again */
    assert_true(p.gm.policies <= 2 && p.ks.n_accepts <= 3);
    assert_true(p.gm.failures <= 1);
    assert_true(p.wire.n_sent <= 3 * PEERS_CLEAN + 12);
    assert_int_equal(sessions_count(p.ks.ss), 0);
    assert_int_equal(sessions_count(p.gm.ss), 0);
    peers_free(&p);
}

static void each_side_restarts_after_each_datagram(void **state)
{
    (void)state;
    for (int sides = 1; sides <= 3; sides++) {
        for (uint64_t after = 1; after <= 10; after++) {
            run((struct plan){.after = after, .server = sides & 1, .member = sides & 2}, after);
            run(
                (struct plan){
                    .after = after, .server = sides & 1, .member = sides & 2, .before_delivery = true},
                after);
        }
    }
}

/* After a restart, datagrams of the old life get no answer at all: not even a notify (a reflector otherwise).
 */
static void restarted_server_is_silent_to_old_cookies(void **state)
{
    (void)state;
    for (uint64_t after = 3; after <= 9; after++) {
        struct plan plan = {.after = after, .server = true, .before_delivery = true};
        peers_init(&p, after);
        p.ctx = &plan;
        p.wire.between = maybe_restart;
        peers_start(&p);
        while (!plan.done)
            wire_run_for(&p.wire, mono_ms(1));
        uint64_t sent = p.ks.host.sent;
        wire_run_for(&p.wire, mono_s(59)); /* the member repeats itself all the time */
        assert_int_equal(p.ks.host.sent, sent);
        assert_int_equal(sessions_count(p.ks.ss), 0);
        assert_true(sessions_stats(p.ks.ss)->datagrams_in > 5);
        assert_int_equal(peers_dropped(p.ks.ss), sessions_stats(p.ks.ss)->datagrams_in);
        assert_int_equal(sessions_stats(p.ks.ss)->dropped_unknown, sessions_stats(p.ks.ss)->datagrams_in);
        wire_run_for(&p.wire, mono_s(5));
        assert_int_equal(p.gm.failures, 1);
        assert_memory_equal(p.gm.reason, "no answer for 60 s (", 20);
        peers_free(&p);
    }
}

static void server_that_starts_late_is_found(void **state)
{
    (void)state;
    peers_init(&p, 77);
    p.gm.retry = true;
    peers_start(&p);
    p.ks.host.receive = NULL; /* switched off */
    wire_run_for(&p.wire, mono_s(150));
    assert_int_equal(p.gm.failures, 2);
    assert_true(p.wire.n_sent <= 12 + 12 + 7);
    peers_restart_server(&p);
    wire_run_for(&p.wire, mono_s(10));
    peers_assert_registered(&p);
    peers_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_side_restarts_after_each_datagram),
        cmocka_unit_test(restarted_server_is_silent_to_old_cookies),
        cmocka_unit_test(server_that_starts_late_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
