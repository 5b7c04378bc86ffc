/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A membership from its requirements: servers in order with back-off (GM1), receive before send (GM2), fail-close before
 * the first policy (GM7), installed is installed, sender ids given to one data-plane process once (DP3).
 */
#include "tests/unit/ctrl/gm/gm_fixture.h"

static void no_registration_before_the_data_plane_is_there(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(gm_state(f->gm, mono_s(1)), GM_DOWN);
    assert_int_equal(f->asked, 0);
    gm_attached(f->gm, 77, WORKERS, at(f, 1));
    assert_int_equal(f->asked, 1);
    assert_int_equal(f->asked_ids, 4 * WORKERS);
    assert_int_equal(gm_state(f->gm, mono_s(1)), GM_REGISTERING);
}

/* GM7: what the data plane is told before the first policy. */
static void before_the_first_policy_it_wishes_fail_close(void **state)
{
    struct fixture *f = *state;

    gm_attached(f->gm, 77, WORKERS, at(f, 1));
    wish(f);
    assert_int_equal(f->group.state, IPC_GROUP_FAIL_CLOSE);
    assert_int_equal(f->group.group, 3);
    assert_string_equal(f->group.name, "ONE");
    assert_int_equal(f->n_binds, 1);
    assert_int_equal(f->bind.group, 3);
    assert_string_equal(f->bind.pair, "wan");
    assert_int_equal(f->bind.vlan, 0);
    assert_int_equal(f->n_sas, 0);
    assert_int_equal(f->n_rules, 2); /* one entry per family */
    assert_int_equal(f->rules[0].list, IPC_LIST_FAIL_CLOSE);
}

/* GM1: every server at once, one after the other; then back-off that doubles up to a minute, with jitter. */
static void servers_are_asked_in_order_with_back_off(void **state)
{
    struct fixture *f = *state;
    static const char *const order[] = {"10.0.0.1", "10.0.0.9", "10.0.0.7"};
    char text[ADDR_TEXT_MAX];
    int64_t last_wait = 0;

    gm_attached(f->gm, 77, WORKERS, at(f, 1));
    for (unsigned round = 0; round < 12; round++) {
        for (unsigned i = 0; i < 3; i++) {
            mono_t next;

            assert_string_equal(addr_text(&f->asked_server, text), order[i]);
            gm_failed(f->gm, "timeout", (struct now){f->now, f->now});
            next = timers_next(&f->real_timers);
            last_wait = mono_to_ms(mono_sub(next, f->now));
            assert_in_range(last_wait, 700, 75100);
            if (i < 2)
                assert_in_range(last_wait, 700, 1300);
            f->now = next;
            timers_fire(&f->real_timers, next);
        }
    }
    assert_int_equal(f->asked, 37);
    assert_in_range(last_wait, 45000, 75100);
    assert_int_equal(gm_stats(f->gm)->failures, 36);
    assert_string_equal(gm_stats(f->gm)->last_error, "timeout");
}

static void a_registration_that_cannot_start_is_tried_again(void **state)
{
    struct fixture *f = *state;

    f->refuse_to_start = true;
    gm_attached(f->gm, 77, WORKERS, at(f, 1));
    assert_int_equal(f->asked, 1);
    assert_false(mono_is_never(timers_next(&f->real_timers)));
}

/* GM2: receiving on all workers first, acknowledged, then sending. */
static void it_receives_before_it_sends(void **state)
{
    struct fixture *f = *state;

    gm_attached(f->gm, 77, WORKERS, at(f, 1));
    give(f, 10, 1, (uint32_t[]){1000}, (uint32_t[]){3600}, 0);
    assert_int_equal(f->changed, 1);
    wish(f);
    assert_int_equal(f->group.state, IPC_GROUP_POLICY);
    assert_int_equal(f->n_sas, 1);
    assert_true(f->sas[0].receive);
    assert_false(f->sas[0].send);
    assert_null(gm_sending(f->gm, 10, f->now));
    acknowledge(f);
    assert_int_equal(f->changed, 2);
    wish(f);
    assert_true(f->sas[0].send);
    assert_int_equal(f->sas[0].n_senders, WORKERS);
    assert_int_equal(f->sas[0].senders[0].id, 0);
    assert_int_equal(f->sas[0].senders[1].id, 1);
    assert_int_equal(f->sas[0].end_in_ms, 3600000);
    assert_non_null(gm_sending(f->gm, 10, f->now));
    acknowledge(f);
    assert_int_equal(f->changed, 2); /* nothing more to say */
    assert_int_equal(gm_state(f->gm, f->now), GM_REGISTERED);
}

static void an_acknowledgement_of_an_earlier_transaction_enables_nothing(void **state)
{
    struct fixture *f = *state;

    gm_attached(f->gm, 77, WORKERS, at(f, 1));
    wish(f); /* without any SA */
    give(f, 10, 1, (uint32_t[]){1000}, (uint32_t[]){3600}, 0);
    acknowledge(f);
    wish(f);
    assert_false(f->sas[0].send);
}

static void a_refused_transaction_enables_nothing(void **state)
{
    struct fixture *f = *state;

    gm_attached(f->gm, 77, WORKERS, at(f, 1));
    give(f, 10, 1, (uint32_t[]){1000}, (uint32_t[]){3600}, 0);
    wish(f);
    gm_acknowledged(f->gm, f->epoch, "no such pair", (struct now){f->now, f->now});
    wish(f);
    assert_false(f->sas[0].send);
}

/* GM2: 60 s before `end`, or up to 20 s earlier, so that a group doesn't come in one second. */
static void assert_registers_before(const struct fixture *f, int64_t end)
{
    assert_false(mono_before(gm_next_registration(f->gm), mono_s(end - 80)));
    assert_false(mono_before(mono_s(end - 60), gm_next_registration(f->gm)));
}

/* GM2, decision 17: registers again 60 s before the end; the old one sends until 30 s before its end, then the new one. */
static void it_registers_again_in_time_and_rolls_over(void **state)
{
    struct fixture *f = *state;

    gm_attached(f->gm, 77, WORKERS, at(f, 0));
    give(f, 0, 1, (uint32_t[]){1000}, (uint32_t[]){3600}, 0);
    wish(f);
    acknowledge(f);
    assert_registers_before(f, 3600);
    f->now = mono_s(3540);
    timers_fire(&f->timers, f->now);
    assert_int_equal(f->asked, 2);
    /* A timer brings one clock; the exchange must not believe that the other one stood still, or it gives up at once. */
    assert_int_equal(mono_to_s(f->asked_at.scaled), 3540);
    assert_int_equal(mono_to_s(f->asked_at.real), 3540);
    assert_int_equal(gm_state(f->gm, f->now), GM_RE_REGISTERING);
    give(f, 3541, 2, (uint32_t[]){1000, 2000}, (uint32_t[]){59, 3300}, 100);
    wish(f);
    acknowledge(f);
    wish(f);
    assert_int_equal(f->n_sas, 2);
    assert_int_equal(gm_sending(f->gm, 10, mono_s(3569))->sa.spi, 1000);
    assert_int_equal(gm_sending(f->gm, 10, mono_s(3570))->sa.spi, 2000);
    assert_int_equal(f->sas[0].spi, 1000);
    assert_int_equal(f->sas[0].send_end_in_ms, 29000);
    assert_int_equal(f->sas[1].send_end_in_ms, f->sas[1].end_in_ms);
    f->now = mono_s(3600);
    timers_fire(&f->timers, f->now);
    wish(f);
    assert_int_equal(f->n_sas, 1);
    assert_int_equal(f->sas[0].spi, 2000);
}

/* After a change of servers the group moves on with the new server's keys, however long the earlier one's live. */
static void the_next_registration_follows_the_latest_policy(void **state)
{
    struct fixture *f = *state;

    gm_attached(f->gm, 77, WORKERS, at(f, 0));
    give(f, 0, 1, (uint32_t[]){1000}, (uint32_t[]){3600}, 0);
    give(f, 100, 2, (uint32_t[]){2000, 3000}, (uint32_t[]){200, 1000}, 0); /* another server's */
    assert_registers_before(f, 100 + 1000);
    give(f, 1040, 1, (uint32_t[]){4000}, (uint32_t[]){3600}, 0);
    assert_registers_before(f, 1040 + 3600);
}

/*
 * The wave: evenly spread over 20 s, less for keys that live short: earlier by at most a twentieth of what is left. KS5 makes
 * the next TEK 90 s before the end at the latest.
 */
static void members_of_a_group_come_one_after_another(void **state)
{
    static const uint32_t lives[] = {86400, 3600, 400, 300, 120};
    struct fixture *f = *state;

    gm_attached(f->gm, 77, WORKERS, at(f, 0));
    for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
        int64_t most = lives[i] < 400 ? lives[i] / 20 : 20;
        unsigned in_quarter[4] = {0};

        for (unsigned n = 0; n < 400; n++) {
            mono_t early;

            gm_clear(f->gm, at(f, 0));
            give(f, 0, 1, (uint32_t[]){1000 + 500 * (uint32_t)i + n}, (uint32_t[]){lives[i]}, 0);
            early = mono_sub(mono_s(lives[i] - 60), gm_next_registration(f->gm));
            assert_in_range(early.ns, 0, mono_s(most).ns);
            in_quarter[early.ns * 4 / (mono_s(most).ns + 1)]++;
        }
        for (unsigned q = 0; q < 4; q++)
            assert_in_range(in_quarter[q], 60, 140);
    }
}

/* Past its time to send an old SA must not become eligible again ("0" means: to its end). */
static void an_old_sa_past_its_time_does_not_send_again(void **state)
{
    struct fixture *f = *state;

    gm_attached(f->gm, 77, WORKERS, at(f, 0));
    give(f, 0, 2, (uint32_t[]){1000, 2000}, (uint32_t[]){20, 3600}, 0);
    wish(f);
    acknowledge(f);
    wish(f);
    assert_int_equal(f->sas[0].send_end_in_ms, 1);
}

/* A key that came in the last 30 s: until workers receive with it, and it has sender ids, the old one goes on. */
static void an_old_sa_sends_until_the_next_one_is_ready(void **state)
{
    struct fixture *f = *state;

    gm_attached(f->gm, 77, WORKERS, at(f, 0));
    give(f, 0, 1, (uint32_t[]){1000}, (uint32_t[]){3600}, 0);
    wish(f);
    acknowledge(f);
    give(f, 3580, 2, (uint32_t[]){1000, 2000}, (uint32_t[]){20, 3000}, 100);
    wish(f);
    assert_true(f->sas[0].send && !f->sas[1].send);
    assert_int_equal(f->sas[0].send_end_in_ms, 20000);
    acknowledge(f);
    wish(f);
    assert_true(f->sas[1].send);
    assert_int_equal(f->sas[0].send_end_in_ms, 1);
}

/* GM1: a server that is silent is left for the next one, and every registration begins with the first. */
static void registrations_begin_with_the_first_server_and_leave_silent_ones_early(void **state)
{
    struct fixture *f = *state;
    char text[ADDR_TEXT_MAX];

    gm_attached(f->gm, 77, WORKERS, at(f, 0));
    assert_int_equal(mono_to_s(gm_patience(f->gm)), 8);
    gm_failed(f->gm, "timeout", at(f, 8));
    f->now = timers_next(&f->real_timers);
    timers_fire(&f->real_timers, f->now);
    assert_string_equal(addr_text(&f->asked_server, text), "10.0.0.9");
    give(f, 10, 1, (uint32_t[]){1000}, (uint32_t[]){3600}, 0);
    assert_string_equal(addr_text(gm_server(f->gm), text), "10.0.0.9");
    f->now = mono_s(10 + 3540);
    timers_fire(&f->timers, f->now);
    assert_string_equal(addr_text(&f->asked_server, text), "10.0.0.1");
}

/* Installed is installed: the same SPI again keeps its key and sender ids, and its end never moves later. */
static void a_known_spi_keeps_key_ids_and_end(void **state)
{
    struct fixture *f = *state;
    struct policy p;

    gm_attached(f->gm, 77, WORKERS, at(f, 0));
    give(f, 0, 1, (uint32_t[]){1000}, (uint32_t[]){3600}, 0);
    wish(f);
    acknowledge(f);
    p = policy_of(1, (uint32_t[]){1000}, (uint32_t[]){7200}, 50, 8);
    memset(p.sas[0].key.b, 0xee, 20);
    gm_policy(f->gm, &p, at(f, 100));
    wish(f);
    assert_int_equal(f->n_sas, 1);
    assert_int_equal(f->sas[0].end_in_ms, 3500000);
    assert_int_equal(f->sas[0].key.b[0], 1000 & 0xff);
    assert_int_equal(f->sas[0].senders[0].id, 0);
    assert_true(f->sas[0].send);

    give(f, 200, 1, (uint32_t[]){1000}, (uint32_t[]){60}, 60);
    wish(f);
    assert_int_equal(f->sas[0].end_in_ms, 60000); /* earlier is allowed */
}

/* Decision 12, 14: each data-plane process gets ids of its own; with none left it registers first and doesn't send. */
static void every_data_plane_process_gets_its_own_ids_once(void **state)
{
    struct fixture *f = *state;
    bool seen[64] = {false};

    gm_attached(f->gm, 1, WORKERS, at(f, 0));
    give(f, 0, 1, (uint32_t[]){1000}, (uint32_t[]){3600}, 0);
    for (uint64_t process = 1; process <= 4; process++) {
        if (process > 1) {
            gm_detached(f->gm, at(f, (int64_t)process));
            gm_attached(f->gm, process, WORKERS, at(f, (int64_t)process));
        }
        assert_int_equal(f->asked, 1); /* "no registration" */
        wish(f);
        assert_false(f->sas[0].send); /* receive first, again */
        acknowledge(f);
        wish(f);
        assert_true(f->sas[0].send);
        for (unsigned w = 0; w < WORKERS; w++) {
            assert_false(seen[f->sas[0].senders[w].id]);
            seen[f->sas[0].senders[w].id] = true;
        }
    }
    gm_detached(f->gm, at(f, 10));
    gm_attached(f->gm, 5, WORKERS, at(f, 10));
    assert_int_equal(f->asked, 2); /* no ids are left */
    wish(f);
    acknowledge(f);
    wish(f);
    assert_false(f->sas[0].send);
    assert_int_equal(f->sas[0].n_senders, 0);
    give(f, 11, 1, (uint32_t[]){1000}, (uint32_t[]){3589}, 40);
    wish(f);
    assert_true(f->sas[0].send); /* the new ids are for the SA that it has */
    assert_int_equal(f->sas[0].senders[0].id, 40);
}

/* Decision 15: a gvpnd that finds its SA in the data plane doesn't interrupt sending with it. */
static void a_taken_over_sa_sends_at_once(void **state)
{
    struct fixture *f = *state;

    f->held = 1000;
    gm_attached(f->gm, 1, WORKERS, at(f, 0));
    give(f, 0, 2, (uint32_t[]){1000, 2000}, (uint32_t[]){60, 3600}, 0);
    wish(f);
    assert_true(f->sas[0].send);
    assert_false(f->sas[1].send);
}

/* The same process that lost only its control connection keeps its ids. */
static void the_same_process_keeps_its_ids(void **state)
{
    struct fixture *f = *state;
    uint64_t id;

    gm_attached(f->gm, 1, WORKERS, at(f, 0));
    give(f, 0, 1, (uint32_t[]){1000}, (uint32_t[]){3600}, 0);
    wish(f);
    id = f->sas[0].senders[0].id;
    gm_detached(f->gm, at(f, 1));
    gm_attached(f->gm, 1, WORKERS, at(f, 2));
    wish(f);
    assert_int_equal(f->sas[0].senders[0].id, id);
}

static void without_a_usable_sa_it_says_so_and_keeps_the_policy(void **state)
{
    struct fixture *f = *state;

    gm_attached(f->gm, 1, WORKERS, at(f, 0));
    give(f, 0, 1, (uint32_t[]){1000}, (uint32_t[]){300}, 0);
    gm_failed(f->gm, "timeout", at(f, 290));
    f->now = mono_s(300);
    timers_fire(&f->timers, f->now);
    assert_int_equal(gm_state(f->gm, f->now), GM_FAIL_CLOSE);
    wish(f);
    assert_int_equal(f->n_sas, 0);
    assert_int_equal(f->group.state, IPC_GROUP_POLICY); /* permits drop, denies still pass (GM6) */
}

static void a_key_with_little_life_is_not_asked_for_without_pause(void **state)
{
    struct fixture *f = *state;

    gm_attached(f->gm, 1, WORKERS, at(f, 0));
    give(f, 0, 1, (uint32_t[]){1000}, (uint32_t[]){40}, 0);
    assert_int_equal(mono_to_s(gm_next_registration(f->gm)), 20);
}

static void more_sas_than_fit_are_refused_whole(void **state)
{
    struct fixture *f = *state;
    uint32_t spis[POLICY_MAX_SAS], lives[POLICY_MAX_SAS];

    for (uint32_t i = 0; i < POLICY_MAX_SAS; i++) {
        spis[i] = 1000 + i;
        lives[i] = 3600;
    }
    gm_attached(f->gm, 1, WORKERS, at(f, 0));
    give(f, 0, POLICY_MAX_SAS, spis, lives, 0);
    give(f, 1, 1, (uint32_t[]){5000}, (uint32_t[]){3600}, 8);
    wish(f);
    assert_int_equal(f->n_sas, POLICY_MAX_SAS);
    for (size_t i = 0; i < f->n_sas; i++)
        assert_int_not_equal(f->sas[i].spi, 5000);
    assert_non_null(strstr(gm_stats(f->gm)->last_error, "more than"));
}

/* KS13, GM8: the key server's word for an incremental deployment: receive with the keys, send in clear. */
static void a_receive_only_policy_is_followed(void **state)
{
    struct fixture *f = *state;
    struct policy p = policy_of(1, (uint32_t[]){1000}, (uint32_t[]){3600}, 0, 4 * WORKERS);

    gm_attached(f->gm, 1, WORKERS, at(f, 0));
    p.receive_only = true;
    gm_policy(f->gm, &p, at(f, 1));
    policy_wipe(&p);
    wish(f);
    assert_int_equal(f->n_sas, 1);
    assert_true(f->sas[0].receive);
    assert_int_equal(f->group.state, IPC_GROUP_POLICY);
    assert_true(f->group.receive_only);
    assert_false(f->group.passive);
}

static void a_worker_low_on_ivs_makes_it_register(void **state)
{
    struct fixture *f = *state;

    gm_attached(f->gm, 1, WORKERS, at(f, 0));
    give(f, 0, 1, (uint32_t[]){1000}, (uint32_t[]){3600}, 0);
    gm_iv_low(f->gm, 4711, at(f, 5)); /* somebody else's */
    assert_int_equal(f->asked, 1);
    gm_iv_low(f->gm, 1000, at(f, 5));
    assert_int_equal(f->asked, 2);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(no_registration_before_the_data_plane_is_there),
        T(before_the_first_policy_it_wishes_fail_close),
        T(servers_are_asked_in_order_with_back_off),
        T(a_registration_that_cannot_start_is_tried_again),
        T(it_receives_before_it_sends),
        T(an_acknowledgement_of_an_earlier_transaction_enables_nothing),
        T(a_refused_transaction_enables_nothing),
        T(it_registers_again_in_time_and_rolls_over),
        T(the_next_registration_follows_the_latest_policy),
        T(members_of_a_group_come_one_after_another),
        T(an_old_sa_past_its_time_does_not_send_again),
        T(an_old_sa_sends_until_the_next_one_is_ready),
        T(registrations_begin_with_the_first_server_and_leave_silent_ones_early),
        T(a_known_spi_keeps_key_ids_and_end),
        T(every_data_plane_process_gets_its_own_ids_once),
        T(a_taken_over_sa_sends_at_once),
        T(the_same_process_keeps_its_ids),
        T(without_a_usable_sa_it_says_so_and_keeps_the_policy),
        T(a_key_with_little_life_is_not_asked_for_without_pause),
        T(more_sas_than_fit_are_refused_whole),
        T(a_receive_only_policy_is_followed),
        T(a_worker_low_on_ivs_makes_it_register),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
