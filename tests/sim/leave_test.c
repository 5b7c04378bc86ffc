/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Leaving a group (GM12) on a fake network: whichever datagram is lost, doubled or forged, the key server hears it exactly
 * once per try and only from the member itself, and the member hears that it was heard.
 */
#include "ctrl/isakmp/isakmp.h"
#include "ctrl/pull/inform.h"
#include "ctrl/run/session_impl.h"
#include "tests/sim/peers.h"

#include "common/log.h"

#include <stdio.h>
#include <string.h>

#define CLEAN 8 /* main mode, LEAVE, the server's delete */

struct leave {
    struct peers p; /* its configuration and wire; the sessions are made here */
    unsigned heard, ended;
    struct registration who;
    char why[320]; /* "" = the server answered */
    uint64_t lose, lose_too, twice; /* numbers of datagrams; UINT64_MAX = none */
    uint64_t change; /* a copy with one octet changed arrives first */
};

static void on_left_server(void *ctx, const struct registration *reg, struct now now)
{
    struct leave *l = ctx;

    (void)now;
    l->heard++;
    l->who = *reg;
}

static void on_left_member(void *ctx, struct session *s, const char *why, struct now now)
{
    struct leave *l = ctx;

    (void)now;
    assert_ptr_equal(session_owner(s), l);
    session_abort(s); /* within an event about itself: nothing */
    l->ended++;
    snprintf(l->why, sizeof(l->why), "%s", why ? why : "");
    l->p.gm.session = NULL;
}

static bool nobody_registers(void *ctx, const struct registration *reg, struct policy *out, struct refusal *why,
                             struct now now)
{
    (void)ctx;
    (void)reg;
    (void)out;
    (void)why;
    (void)now;
    fail_msg("nobody asked for a policy");
    return false;
}

static struct wire_fate fate(void *ctx, struct wire *w, uint64_t number, const struct wire_packet *p)
{
    struct leave *l = ctx;
    struct wire_fate f = number == l->lose || number == l->lose_too ? wire_lose() : wire_deliver();

    if (number == l->twice) {
        f.copies = 2;
        f.delay[1] = mono_ms(300);
    }
    if (number == l->change) {
        uint8_t bytes[2048];

        memcpy(bytes, p->bytes, p->len);
        bytes[p->len - 1] ^= 1;
        wire_inject(w, &p->from, &p->to, span_of(bytes, p->len), mono_ms(1));
    }
    return f;
}

static void receive(void *ctx, const struct path *path, struct span datagram, struct now now)
{
    sessions_datagram(*(struct sessions **)ctx, path, datagram, now);
}

static struct leave l; /* large */

static void begin(void)
{
    struct session_events ks = {.ctx = &l, .ks_request = nobody_registers, .ks_accept = nobody_registers, .ks_left = on_left_server};
    struct session_events gm = {.ctx = &l, .gm_left = on_left_member};
    struct path path;
    struct group_id group = {.value = PEERS_GROUP};

    memset(&l, 0, sizeof(l));
    peers_init(&l.p, 7);
    l.lose = l.lose_too = l.twice = l.change = UINT64_MAX;
    l.p.wire.ctx = &l;
    l.p.wire.fate = fate;
    l.p.ks.host.env.keylog = l.p.gm.host.env.keylog = NULL;
    l.p.ks.host.receive = l.p.gm.host.receive = receive;
    l.p.ks.ss = sessions_new(&l.p.ks.host.env, &l.p.ks.c.config, &ks);
    l.p.gm.ss = sessions_new(&l.p.gm.host.env, &l.p.gm.c.config, &gm);
    path = (struct path){.local = l.p.gm.host.at, .remote = l.p.ks.host.at};
    l.p.gm.session = sessions_leave(l.p.gm.ss, &path, &group, &l, wire_now(&l.p.gm.host));
    assert_non_null(l.p.gm.session);
}

static void heard_once(void)
{
    assert_int_equal(l.heard, 1);
    assert_int_equal(l.ended, 1);
    assert_string_equal(l.why, "");
    assert_int_equal(sessions_count(l.p.gm.ss), 0);
    assert_int_equal(l.who.group.value, PEERS_GROUP);
    assert_false(l.who.group.is_address);
    assert_string_equal(l.who.identity, PEERS_GM);
    assert_true(endpoint_equal(&l.who.peer, &l.p.gm.host.at));
    assert_true(endpoint_equal(&l.who.local, &l.p.ks.host.at));
}

static void undisturbed(void **state)
{
    (void)state;
    begin();
    wire_run_for(&l.p.wire, mono_ms(100));
    heard_once();
    assert_int_equal(l.p.wire.n_sent, CLEAN);
    assert_int_equal(sessions_count(l.p.ks.ss), 1); /* lingers to answer copies */
    wire_run_for(&l.p.wire, mono_s(70));
    assert_int_equal(sessions_count(l.p.ks.ss), 0);
    peers_free(&l.p);
}

/* GM12: 3 s at most in all; one lost datagram costs half a second, two a second and a half. */
static void any_two_datagrams_may_be_lost(void **state)
{
    (void)state;
    for (uint64_t a = 0; a < CLEAN + 2; a++) {
        for (uint64_t b = a; b < CLEAN + 2; b++) {
            begin();
            l.lose = a;
            l.lose_too = b;
            wire_run_for(&l.p.wire, mono_s(3));
            heard_once();
            peers_free(&l.p);
        }
    }
}

static void a_doubled_datagram_is_heard_once(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < CLEAN; i++) {
        begin();
        l.twice = i;
        wire_run_for(&l.p.wire, mono_s(3));
        heard_once();
        peers_free(&l.p);
    }
}

/* A changed copy that overtakes the genuine one changes nothing; in clear parts it may cost the attempt (docs/exchanges.md). */
static void a_changed_leave_or_answer_is_dropped(void **state)
{
    (void)state;
    for (uint64_t i = 4; i < CLEAN; i++) {
        begin();
        l.change = i;
        wire_run_for(&l.p.wire, mono_s(3));
        heard_once();
        peers_free(&l.p);
    }
}

/* Under a phase 1 that is over, nobody leaves another group; docs/exchanges.md. */
static void a_second_leave_under_the_same_phase_1_is_dropped(void **state)
{
    uint8_t bytes[1024];
    struct buf_writer out = buf_writer_of(bytes, sizeof(bytes));
    struct group_id other = {.value = PEERS_GROUP + 1};
    struct rng rng;

    (void)state;
    begin();
    l.lose = CLEAN - 1; /* the answer, so that the member's phase 1 still lives */
    wire_run_for(&l.p.wire, mono_ms(100));
    assert_int_equal(l.heard, 1);
    rng = sessions_rng(l.p.gm.ss);
    assert_true(inform_put_leave(phase1_sa(l.p.gm.session->phase1), &rng, &other, &out));
    wire_inject(&l.p.wire, &l.p.gm.host.at, &l.p.ks.host.at, buf_written(&out), mono_ms(1));
    wire_run_for(&l.p.wire, mono_ms(100));
    assert_int_equal(l.heard, 1);
    wire_run_for(&l.p.wire, mono_s(2));
    heard_once();
    peers_free(&l.p);
}

/* Without the server's word the member says so to its owner, who has had enough after 3 s. */
static void a_silent_server_is_given_up(void **state)
{
    (void)state;
    begin();
    l.p.ks.host.receive = NULL;
    wire_run_for(&l.p.wire, mono_s(3));
    assert_int_equal(l.ended, 0);
    session_abort(l.p.gm.session);
    l.p.gm.session = NULL;
    assert_int_equal(sessions_count(l.p.gm.ss), 0);
    peers_free(&l.p);

    begin();
    l.p.ks.host.receive = NULL;
    wire_run_for(&l.p.wire, mono_s(90));
    assert_int_equal(l.ended, 1);
    assert_non_null(strstr(l.why, "no answer"));
    assert_int_equal(l.heard, 0);
    peers_free(&l.p);
}

static void a_wrong_key_is_not_heard(void **state)
{
    (void)state;
    begin();
    assert_true(secret_set(&l.p.ks.c.psk.secret, "another pre-shared key of 32 octs", 32));
    wire_run_for(&l.p.wire, mono_s(3));
    assert_int_equal(l.heard, 0);
    assert_int_equal(l.ended, 0);
    session_abort(l.p.gm.session);
    peers_free(&l.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(undisturbed),
        cmocka_unit_test(any_two_datagrams_may_be_lost),
        cmocka_unit_test(a_doubled_datagram_is_heard_once),
        cmocka_unit_test(a_changed_leave_or_answer_is_dropped),
        cmocka_unit_test(a_second_leave_under_the_same_phase_1_is_dropped),
        cmocka_unit_test(a_silent_server_is_given_up),
        cmocka_unit_test(a_wrong_key_is_not_heard),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
