/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A member whose IVs or sequence numbers run out, or aren't known any more (DP3, KS12; RFC 6054): an SA goes on with fresh sender
 * ids; with counter replay it asks for another key, and uses none of which it lost the numbers, neither for sending nor for receiving.
 */
#include "tests/unit/ctrl/gm/rekey_fixture.h"

#include "common/log.h"

#define COUNTED_SPI 1000

static bool knows;

static bool on_knows(void *ctx, const struct gm *gm, uint32_t spi)
{
    (void)ctx;
    (void)gm;
    return knows && spi == COUNTED_SPI;
}

static int set_up_spent(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    struct gm_ops ops = {.ctx = f,
                         .register_with = on_register,
                         .changed = on_changed,
                         .holds = on_holds,
                         .knows_numbers = on_knows,
                         .gone = on_gone,
                         .listen = on_listen};

    log_set_level(LOG_LEVEL_ERROR);
    knows = false;
    timers_init(&f->timers);
    timers_init(&f->real_timers);
    f->env = (struct env){.ctx = f,
                          .now = fake_now,
                          .send = on_send,
                          .random = fake_random,
                          .timers = &f->timers,
                          .real_timers = &f->real_timers};
    f->config = config_from(member_file);
    f->gm = gm_new(&f->config->groups[0], &f->env, &ops);
    assert_non_null(f->gm);
    *state = f;
    return 0;
}

/* A registration answered with SAs of number 10 with counter replay, those in `marked` (bits) given before; a KEK if asked for. */
static void answer(struct fixture *f, int64_t s, size_t n, const uint32_t *spis, unsigned marked, bool kek)
{
    struct peer_features ours = {.ours = true};
    uint32_t lifetimes[8] = {3600, 3600, 3600, 3600, 3600, 3600, 3600, 3600};
    struct policy p = policy_of(n, spis, lifetimes, 100, 4 * WORKERS);

    for (size_t i = 0; i < n; i++) {
        p.sas[i].replay = REPLAY_COUNTER;
        p.sas[i].window = 64;
        p.sas[i].given_before = marked & 1u << i;
    }
    p.has_kek = kek;
    if (kek)
        p.kek = kek_of(1, KEK_LIFE);
    p.digest[0] = 1;
    gm_server_announced(f->gm, &ours);
    gm_policy(f->gm, &p, at(f, s));
    policy_wipe(&p);
    for (unsigned i = 0; i < 3; i++) {
        wish(f);
        acknowledge(f);
    }
    wish(f);
}

/* The scaled timers that are due until then, in order; returns at which second it asked for the n-th time, or -1. */
static int64_t asked_by(struct fixture *f, unsigned n, int64_t until)
{
    while (f->asked < n && mono_reached(timers_next(&f->timers), mono_s(until))) {
        f->now = timers_next(&f->timers);
        timers_fire(&f->timers, f->now);
    }
    return f->asked >= n ? mono_to_s(f->now) : -1;
}

static void ids_that_run_out_are_followed_by_fresh_ones(void **state)
{
    struct fixture *f = *state;

    gm_attached(f->gm, 1, WORKERS, at(f, 0));
    give(f, 0, 2, (uint32_t[]){1000, 2000}, (uint32_t[]){1800, 3600}, 0);
    for (unsigned i = 0; i < 2; i++) {
        wish(f);
        acknowledge(f);
    }
    gm_iv_low(f->gm, 2000, at(f, 10));
    assert_int_equal(f->asked, 2);
    wish(f);
    assert_int_equal(wished(f, 2000)->senders[0].id, 0); /* nothing has come yet */
    assert_true(wished(f, 2000)->send);
    assert_false(gm_needs_key(f->gm));
    give(f, 11, 2, (uint32_t[]){1000, 2000}, (uint32_t[]){1789, 3589}, 40);
    wish(f);
    assert_true(wished(f, 2000)->send); /* it never stops for it */
    for (unsigned w = 0; w < WORKERS; w++) {
        assert_int_equal(wished(f, 2000)->senders[w].id, 40 + w);
        assert_int_equal(wished(f, 2000)->senders[w].iv_first, 0);
        assert_int_equal(wished(f, 1000)->senders[w].id, w); /* who has no need keeps its own */
    }
    gm_iv_low(f->gm, 2000, at(f, 20)); /* and once more */
    assert_int_equal(f->asked, 3);
    give(f, 21, 2, (uint32_t[]){1000, 2000}, (uint32_t[]){1779, 3579}, 80);
    wish(f);
    assert_int_equal(wished(f, 2000)->senders[0].id, 80);
}

/* It is told every 10 s, and registers once, however long that takes; an answer that was on its way serves as well. */
static void it_asks_once(void **state)
{
    struct fixture *f = *state;

    gm_attached(f->gm, 1, WORKERS, at(f, 0));
    give(f, 0, 1, (uint32_t[]){1000}, (uint32_t[]){3600}, 0);
    wish(f);
    gm_iv_low(f->gm, 4711, at(f, 1)); /* not ours */
    assert_int_equal(f->asked, 1);
    for (int64_t s = 10; s < 100; s += 10)
        gm_iv_low(f->gm, 1000, at(f, s));
    assert_int_equal(f->asked, 2);
    gm_failed(f->gm, "no answer", at(f, 100));
    gm_iv_low(f->gm, 1000, at(f, 100));
    assert_int_equal(f->asked, 2); /* the next try is planned */
    timers_fire(&f->real_timers, mono_s(102));
    assert_int_equal(f->asked, 3);
    give(f, 103, 1, (uint32_t[]){1000}, (uint32_t[]){3490}, 40);
    wish(f);
    assert_int_equal(f->sas[0].senders[0].id, 40);
}

/* Too few came: what it has goes on. */
static void without_fresh_ids_it_goes_on(void **state)
{
    struct fixture *f = *state;
    struct policy p = policy_of(1, (uint32_t[]){1000}, (uint32_t[]){3500}, 40, WORKERS - 1);

    gm_attached(f->gm, 1, WORKERS, at(f, 0));
    give(f, 0, 1, (uint32_t[]){1000}, (uint32_t[]){3600}, 0);
    for (unsigned i = 0; i < 2; i++) {
        wish(f);
        acknowledge(f);
    }
    gm_iv_low(f->gm, 1000, at(f, 10));
    gm_policy(f->gm, &p, at(f, 11));
    policy_wipe(&p);
    wish(f);
    assert_true(f->sas[0].send);
    assert_int_equal(f->sas[0].n_senders, WORKERS);
    assert_int_equal(f->sas[0].senders[0].id, 0);
}

/* Both daemons died: a key that this member had is used for nothing, and it asks for another. */
static void a_key_whose_numbers_are_lost_is_not_used(void **state)
{
    struct fixture *f = *state;
    struct push p;
    int64_t s;

    gm_attached(f->gm, 1, WORKERS, at(f, 0));
    answer(f, 0, 1, (uint32_t[]){1000}, 1, true);
    assert_int_equal(f->n_sas, 0);
    assert_true(gm_needs_key(f->gm));
    assert_int_equal(gm_state(f->gm, f->now), GM_FAIL_CLOSE);
    assert_int_equal(asked_by(f, 2, 1), 0); /* at once, and says so */
    assert_true(gm_needs_key(f->gm));
    answer(f, 1, 1, (uint32_t[]){1000}, 1, true);
    assert_int_equal(f->n_sas, 0);
    p = rekey_of(2, (uint32_t[]){1000, 2000}, (uint32_t[]){30, 3600}); /* the old one must not come back by a rekey */
    p.policy.sas[0].replay = p.policy.sas[1].replay = REPLAY_COUNTER;
    p.policy.sas[0].window = p.policy.sas[1].window = 64;
    p.policy.activate_in_s = 6;
    assert_int_equal(hand_in(f, 1, &p), GM_REKEY_APPLIED);
    assert_int_equal(f->n_sas, 1);
    assert_int_equal(f->sas[0].spi, 2000);
    assert_int_equal(f->sas[0].send_in_ms, 0); /* there is nothing that it takes over from */
    assert_true(f->sas[0].send && f->sas[0].receive);
    assert_false(gm_needs_key(f->gm));
    s = asked_by(f, 3, 3600);
    assert_in_range(s, 3500, 3550); /* as usual, and no sooner */
}

/* What others still send with the lost key has an unknown SPI here: no reason to go to another server (GM13), as long as it lives. */
static void a_lost_key_s_packets_are_no_surprise(void **state)
{
    struct fixture *f = *state;
    struct gm_traffic counts = {.unknown_spi = 0};
    struct push p;

    gm_attached(f->gm, 1, WORKERS, at(f, 0));
    answer(f, 0, 1, (uint32_t[]){1000}, 1, true);
    assert_int_equal(asked_by(f, 2, 1), 0);
    answer(f, 1, 1, (uint32_t[]){1000}, 1, true);
    p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3600});
    p.policy.sas[0].replay = REPLAY_COUNTER;
    p.policy.sas[0].window = 64;
    p.policy.replace = true;
    p.policy.deactivate_in_s = 35;
    assert_int_equal(hand_in(f, 1, &p), GM_REKEY_APPLIED);
    for (int64_t s = 1; s < 36; s += 5) {
        counts.unknown_spi += 5000;
        gm_traffic(f->gm, &counts, at(f, s));
        assert_int_equal(f->asked, 2);
    }
    f->now = mono_s(36);
    timers_fire(&f->timers, f->now);
    gm_traffic(f->gm, &counts, at(f, 37));
    counts.unknown_spi += 5000;
    gm_traffic(f->gm, &counts, at(f, 48));
    assert_int_equal(f->asked, 3); /* it has gone, and something else is wrong */
}

/* The new key comes with the second registration where there are no rekeys. */
static void it_comes_by_registration_too(void **state)
{
    struct fixture *f = *state;
    size_t n;

    gm_attached(f->gm, 1, WORKERS, at(f, 0));
    answer(f, 0, 1, (uint32_t[]){1000}, 1, false);
    assert_int_equal(asked_by(f, 2, 1), 0);
    answer(f, 0, 1, (uint32_t[]){1000}, 1, false);
    assert_in_range(asked_by(f, 3, 3), 0, 2);
    answer(f, 2, 2, (uint32_t[]){1000, 2000}, 1, false);
    assert_int_equal(f->n_sas, 1);
    assert_int_equal(f->sas[0].spi, 2000);
    assert_true(f->sas[0].send);
    assert_false(gm_needs_key(f->gm));
    assert_int_equal(asked_by(f, 4, 3000), -1);
    answer(f, 3000, 1, (uint32_t[]){2000}, 0, false); /* the server has the old one no more */
    assert_int_equal(f->n_sas, 1);
    (void)gm_sas(f->gm, &n);
    assert_int_equal(n, 1);
}

/* gvpnd alone starts again: its data plane knows the numbers, living or dead. Nothing is asked. */
static void a_key_whose_numbers_are_known_goes_on(void **state)
{
    struct fixture *f = *state;

    knows = true;
    f->held = 1000;
    gm_attached(f->gm, 1, WORKERS, at(f, 0));
    answer(f, 0, 1, (uint32_t[]){1000}, 1, true);
    assert_int_equal(f->n_sas, 1);
    assert_true(f->sas[0].receive && f->sas[0].send);
    assert_false(gm_needs_key(f->gm));
    assert_int_equal(asked_by(f, 2, 3000), -1);
}

/* A new member doesn't lose the older one of two keys, which nobody here had. */
static void a_key_that_was_never_given_is_used(void **state)
{
    struct fixture *f = *state;

    gm_attached(f->gm, 1, WORKERS, at(f, 0));
    answer(f, 0, 2, (uint32_t[]){1000, 2000}, 0, true);
    assert_int_equal(f->n_sas, 2);
    assert_false(gm_needs_key(f->gm));
}

/*
 * A rekey was sent to us and got lost: the server thinks that we had its key. But it is younger than what we hold of this
 * server, so that no earlier life can have had it.
 */
static void a_key_that_only_was_on_its_way_is_used(void **state)
{
    struct fixture *f = *state;

    gm_attached(f->gm, 1, WORKERS, at(f, 0));
    answer(f, 0, 1, (uint32_t[]){1000}, 0, true);
    answer(f, 10, 2, (uint32_t[]){1000, 2000}, 3, true);
    assert_int_equal(f->n_sas, 2);
    assert_true(wished(f, 2000)->receive);
    assert_false(gm_needs_key(f->gm));
    gm_failed(f->gm, "no answer", at(f, 20)); /* the next server, which we may have known in an earlier life */
    answer(f, 21, 2, (uint32_t[]){3000, 4000}, 1, true);
    assert_null(wished(f, 3000));
    assert_non_null(wished(f, 4000));
    assert_false(gm_needs_key(f->gm));
}

/* Sequence numbers that run out: it asks for a key, goes on with what it has, and is content with a newer one. */
static void numbers_that_run_out_need_a_key(void **state)
{
    struct fixture *f = *state;

    knows = true;
    gm_attached(f->gm, 1, WORKERS, at(f, 0));
    answer(f, 0, 1, (uint32_t[]){1000}, 0, true);
    assert_false(gm_needs_key(f->gm));
    gm_iv_low(f->gm, 1000, at(f, 10));
    assert_int_equal(f->asked, 2);
    assert_true(gm_needs_key(f->gm));
    answer(f, 10, 1, (uint32_t[]){1000}, 1, true);
    assert_true(gm_needs_key(f->gm));
    assert_true(f->sas[0].send);
    assert_int_equal(f->sas[0].senders[0].id, 100); /* fresh ids would be no help */
    answer(f, 12, 2, (uint32_t[]){1000, 2000}, 1, true);
    assert_false(gm_needs_key(f->gm));
    for (int64_t s = 20; s < 60; s += 10)
        gm_iv_low(f->gm, 1000, at(f, s)); /* it still is, and nobody minds */
    assert_int_equal(f->asked, 2);
    gm_iv_low(f->gm, 2000, at(f, 60));
    assert_int_equal(f->asked, 3);
}

/* A server that gives no other key is asked more and more seldom: never more often than once a minute in the end. */
static void a_key_that_does_not_come_is_waited_for(void **state)
{
    struct fixture *f = *state;
    int64_t last = 0;

    gm_attached(f->gm, 1, WORKERS, at(f, 0));
    answer(f, 0, 1, (uint32_t[]){1000}, 1, true);
    for (unsigned i = 2; i < 20; i++) {
        int64_t pause = i < 3 ? 0 : i < 9 ? INT64_C(1) << (i - 3) : 60, s = asked_by(f, i, last + 2 * pause + 1);

        assert_true(s >= 0);
        assert_true(s - last >= pause * 3 / 4 - 1 && s - last <= pause * 5 / 4 + 1);
        answer(f, s, 1, (uint32_t[]){1000}, 1, true);
        last = s;
    }
}

/* An SA that the data plane deleted never comes back: then, too, another one is needed. */
static void a_key_that_is_gone_is_asked_for(void **state)
{
    struct fixture *f = *state;

    gm_attached(f->gm, 1, WORKERS, at(f, 0));
    answer(f, 0, 1, (uint32_t[]){1000}, 0, true);
    assert_false(gm_needs_key(f->gm));
    f->gone = 1000;
    assert_true(gm_needs_key(f->gm));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up_spent, tear_down)
    const struct CMUnitTest tests[] = {
        T(ids_that_run_out_are_followed_by_fresh_ones),
        T(it_asks_once),
        T(without_fresh_ids_it_goes_on),
        T(a_key_whose_numbers_are_lost_is_not_used),
        T(a_lost_key_s_packets_are_no_surprise),
        T(it_comes_by_registration_too),
        T(a_key_whose_numbers_are_known_goes_on),
        T(a_key_that_was_never_given_is_used),
        T(a_key_that_only_was_on_its_way_is_used),
        T(numbers_that_run_out_need_a_key),
        T(a_key_that_does_not_come_is_waited_for),
        T(a_key_that_is_gone_is_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
