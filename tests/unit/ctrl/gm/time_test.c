/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pseudotime in a rekey (KS11; "Control-Plane Time-Based Antireplay" of the guide): the allowable difference is the lesser of the
 * window and 30 s. Later is taken, with a log line when it is much; a little earlier is taken; much earlier drops the rekey.
 */
#include "common/log.h"
#include "tests/unit/ctrl/gm/rekey_fixture.h"

static char logged[1024];

static void on_log(void *ctx, enum log_id id, const char *line)
{
    (void)ctx;
    (void)id;
    if (strstr(line, "PSEUDO_TIME"))
        snprintf(logged, sizeof(logged), "%s", line);
}

/* A member with this policy, which is wiped, and a KEK; its pseudotime is 10000 s at 0. */
static void join_with(struct fixture *f, struct policy *p)
{
    p->has_pseudotime = true;
    p->pseudotime_ms = 10000000;
    p->has_kek = true;
    p->kek = kek_of(1, KEK_LIFE);
    p->digest[0] = 1;
    gm_attached(f->gm, 77, WORKERS, at(f, 0));
    gm_server_announced(f->gm, &(struct peer_features){.ours = true});
    gm_policy(f->gm, p, at(f, 0));
    policy_wipe(p);
}

/* Its SA 1000 has a window of so many seconds. */
static void join_timed(struct fixture *f, uint16_t window_s)
{
    struct policy p = policy_of(1, (uint32_t[]){1000}, (uint32_t[]){3600}, 0, 4 * WORKERS);

    p.sas[0].replay = REPLAY_TIME;
    p.sas[0].window = window_s;
    join_with(f, &p);
}

static struct push timed(uint32_t spi, uint32_t lifetime_s, uint16_t window_s, uint64_t pseudotime_ms)
{
    struct push p = rekey_of(1, &spi, &lifetime_s);

    p.policy.sas[0].replay = REPLAY_TIME;
    p.policy.sas[0].window = window_s;
    p.policy.has_pseudotime = true;
    p.policy.pseudotime_ms = pseudotime_ms;
    return p;
}

static void the_four_cases(void **state)
{
    static const struct {
        uint16_t window_s;
        int64_t off_ms; /* of the key server's clock against the member's */
        bool taken;
        const char *log;
    } rows[] = {
        {100, 0, true, ""},
        {100, 1, true, ""},
        {100, 30000, true, ""},
        {100, 30001, true, "PSEUDO_TIME_LARGE: Pseudotime difference between key server (10130 sec) and GM (10100 sec) is larger "
                           "than expected in group ONE. Adjust to new pseudotime"},
        {100, 9951000, true, "PSEUDO_TIME_LARGE: Pseudotime difference between key server (20051 sec) and GM (10100 sec)"},
        {100, -1, true, ""},
        {100, -30000, true, ""},
        {100, -30001, false, "PSEUDO_TIME_TOO_OLD: Rekey received in group ONE is too old and fail PST check: my_pst is 10100 sec, "
                             "peer_pst is 10069 sec, allowable_skew is 30 sec"},
        {5, 5000, true, ""},
        {5, 5001, true, "PSEUDO_TIME_LARGE"},
        {5, -5000, true, ""},
        {5, -5001, false, "allowable_skew is 5 sec"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture *f;
        struct push p = timed(2000, 3600, rows[i].window_s, (uint64_t)(10100000 + rows[i].off_ms));

        assert_int_equal(set_up(state), 0);
        f = *state;
        join_timed(f, rows[i].window_s);
        logged[0] = '\0';
        assert_int_equal(hand_in(f, 100, &p), rows[i].taken ? GM_REKEY_APPLIED : GM_REKEY_TOO_OLD);
        if (rows[i].log[0])
            assert_non_null(strstr(logged, rows[i].log));
        else
            assert_string_equal(logged, "");
        assert_int_equal(f->n_times, rows[i].taken ? 2 : 1);
        for (size_t k = 0; k < f->n_times; k++)
            assert_int_equal(f->times[k].pseudotime_ms, 10100000 + (rows[i].taken ? rows[i].off_ms : 0));
        assert_int_equal(tear_down(state), 0);
    }
}

/* Nothing of a rekey that is too old is used, and the next one isn't disturbed. */
static void a_rekey_that_is_too_old_leaves_no_trace(void **state)
{
    struct fixture *f = *state;
    struct push p = timed(2000, 3600, 100, 10000000);

    join_timed(f, 100);
    p.policy.has_kek = true;
    p.policy.kek = kek_of(2, 7200);
    p.delete_all_teks = p.delete_kek = true;
    assert_int_equal(hand_in(f, 100, &p), GM_REKEY_TOO_OLD);
    assert_int_equal(f->n_sas, 1);
    assert_int_equal(f->sas[0].spi, 1000);
    assert_int_equal(gm_kek(f->gm)->kek.spi[0], 1);
    assert_int_equal(f->asked, 1);
    p = timed(2000, 3600, 100, 10110000);
    assert_int_equal(hand_in(f, 110, &p), GM_REKEY_APPLIED);
    assert_int_equal(f->n_sas, 2);
}

/* A sync rekey repeats what is there: only the clock moves. */
static void a_sync_rekey_moves_the_clock_only(void **state)
{
    struct fixture *f = *state;
    struct push p = timed(1000, 3600, 100, 11800500);

    join_timed(f, 100);
    f->changed = 0;
    assert_int_equal(hand_in(f, 1800, &p), GM_REKEY_REPEATED);
    assert_true(f->changed > 0);
    assert_int_equal(f->n_times, 1);
    assert_int_equal(f->times[0].pseudotime_ms, 11800500);
    assert_int_equal(gm_clock(f->gm)->round_trip_ms, 0);
}

/* The smallest window of all SAs in use counts, that of a new one included. */
static void the_smallest_window_counts(void **state)
{
    struct fixture *f = *state;
    struct push p = timed(2000, 3600, 2, 10100000 - 2001);

    join_timed(f, 100);
    assert_int_equal(hand_in(f, 100, &p), GM_REKEY_TOO_OLD);
    p = timed(2000, 3600, 2, 10100000 - 2000);
    assert_int_equal(hand_in(f, 100, &p), GM_REKEY_APPLIED);
}

/*
 * Also where no SA looks at the time: who holds a rekey back, and all after it, must not make its keys live longer than the key server
 * wants. 30 s, a thousandth of the time since the clocks were compared, and half of the trip that did that.
 */
static void a_rekey_that_was_held_back_is_too_old_in_any_group(void **state)
{
    static const struct {
        int64_t at_s, late_ms;
        bool taken;
    } rows[] = {{100, 30100, true},      {100, 31101, false},        {100, -500000, true},     {3000, 34000, true},
                {3000, 34001, false},    {86400, 30000 + 86400 + 1000, true}, {86400, 30000 + 86400 + 1001, false}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct policy p = policy_of(1, (uint32_t[]){1000}, (uint32_t[]){30 * 86400}, 0, 4 * WORKERS);
        struct push push = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3600});
        struct fixture *f;

        assert_int_equal(set_up(state), 0);
        f = *state;
        p.round_trip_ms = 2000;
        join_with(f, &p);
        push.policy.has_pseudotime = true;
        push.policy.pseudotime_ms = (uint64_t)(10000000 + rows[i].at_s * 1000 - rows[i].late_ms);
        assert_int_equal(hand_in(f, rows[i].at_s, &push), rows[i].taken ? GM_REKEY_APPLIED : GM_REKEY_TOO_OLD);
        assert_false(gm_clock(f->gm)->is_set); /* no SA's business */
        if (!rows[i].taken) /* it was missed, or a clock is wrong: the key server knows */
            assert_true(mono_reached(gm_next_registration(f->gm), mono_s(rows[i].at_s + 30)));
        push = rekey_of(1, (uint32_t[]){3000}, (uint32_t[]){3600}); /* the comparison counts from the last one that was taken */
        push.policy.has_pseudotime = true;
        push.policy.pseudotime_ms = (uint64_t)(10000000 + rows[i].at_s * 1000 - (rows[i].taken ? rows[i].late_ms + 29999 : 0));
        assert_int_equal(hand_in(f, rows[i].at_s, &push), GM_REKEY_APPLIED);
        assert_int_equal(tear_down(state), 0);
    }
}

/* TEK: enable replay: the clock comes with the first rekey that needs it, and whatever it says is right. */
static void a_group_that_begins_to_use_time(void **state)
{
    struct fixture *f = *state;
    struct push p = timed(2000, 3600, 100, 5000);

    join(f);
    assert_false(gm_clock(f->gm)->is_set);
    assert_int_equal(hand_in(f, 100, &p), GM_REKEY_APPLIED);
    assert_true(gm_clock(f->gm)->is_set);
    assert_int_equal(f->n_times, 1);
    assert_int_equal(f->times[0].spi, 2000);
    assert_int_equal(f->times[0].pseudotime_ms, 5000);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_four_cases),
        T(a_rekey_that_is_too_old_leaves_no_trace),
        T(a_sync_rekey_moves_the_clock_only),
        T(the_smallest_window_counts),
        cmocka_unit_test(a_rekey_that_was_held_back_is_too_old_in_any_group),
        T(a_group_that_begins_to_use_time),
    };

    log_set_sink(on_log, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
