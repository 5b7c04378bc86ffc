/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When gvpnd takes over a data plane that still runs what an earlier gvpnd installed: the first transaction waits for all
 * members, but for 30 s at most after the first one, whatever happens meanwhile (GM2); and what several members on one data
 * plane mean to each other (GM11). Loop, dpc and gm are played here.
 */
#include "ctrl/run/plane.h"

#include "tests/unit/ctrl/run/dpc_quiet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct {
    struct timers timers, real_timers;
    mono_t now;
    struct dpc_events events;
    struct ipc_page page;
    struct ipc_hello hello;
    struct config_group config[2];
    struct policy policy;
    bool has_policy[2], attached;
    unsigned met[2], left_alone[2], wished[2], acknowledged[2]; /* what each member heard */
    uint32_t spis[4]; /* that the members wish; 0 ends */
    enum ipc_replay replay; /* of these SAs */
    struct ipc_sa sa; /* the last one that reached the data plane */
    struct ipc_page last; /* of the attach before */
    struct ipc_bind binds[8]; /* that reached the data plane */
    unsigned n_binds;
    unsigned transactions;
    unsigned told; /* questions that reached the ring */
    bool ring_full;
    struct gm_traffic traffic[2]; /* what each was told last ... */
    enum policy_fault_kind fault; /* of the last refusal that a member was told */
    unsigned looks[2], moved[2];  /* ... how often, and how often that its counts begin anew */
} w;

/* Two members that are only addresses to plane.c. */
static char members[2];

static struct gm *member(size_t i)
{
    return (struct gm *)(void *)&members[i];
}

/* ---- the loop ---- */

struct now loop_now(const struct loop *l)
{
    (void)l;
    return (struct now){.scaled = w.now, .real = w.now};
}

struct timers *loop_real_timers(struct loop *l)
{
    (void)l;
    return &w.real_timers;
}

struct loop_watch *loop_watch(struct loop *l, int fd, void (*ready)(void *ctx), void *ctx)
{
    (void)l;
    (void)fd;
    (void)ready;
    (void)ctx;
    return NULL;
}

void loop_unwatch(struct loop_watch *watch)
{
    (void)watch;
}

/* ---- the data plane ---- */

struct dpc *dpc_new(const char *socket_path, uint32_t clock_rate, const struct dpc_events *events)
{
    (void)socket_path;
    (void)clock_rate;
    w.events = *events;
    return (struct dpc *)(void *)&w;
}

void dpc_free(struct dpc *d)
{
    (void)d;
}

bool dpc_attach(struct dpc *d, char reason[IPC_TEXT_MAX])
{
    (void)reason;
    w.attached = true;
    w.events.attached(w.events.ctx, d, &w.hello);
    return true;
}

bool dpc_attached(const struct dpc *d)
{
    (void)d;
    return w.attached;
}

const struct ipc_hello *dpc_hello(const struct dpc *d)
{
    (void)d;
    return &w.hello;
}

uint64_t dpc_begin(struct dpc *d)
{
    (void)d;
    w.n_binds = 0;
    return ++w.transactions;
}

void dpc_put(struct dpc *d, const struct ipc_msg *m)
{
    (void)d;
    if (m->type == IPC_BIND)
        w.binds[w.n_binds++] = m->u.bind;
    else if (m->type == IPC_SA)
        w.sa = m->u.sa;
}

bool dpc_tell(struct dpc *d, const struct ipc_msg *m)
{
    (void)d;
    w.told += !w.ring_full;
    return m->type == IPC_EXPLAIN && !w.ring_full;
}

const struct ipc_page *dpc_page(const struct dpc *d)
{
    (void)d;
    return &w.page;
}

const struct ipc_page *dpc_last_page(const struct dpc *d)
{
    (void)d;
    return w.last.instance != 0 ? &w.last : NULL;
}

/* ---- the members ---- */

const struct config_group *gm_config(const struct gm *gm)
{
    return &w.config[gm == member(1)];
}

const struct policy *gm_current_policy(const struct gm *gm)
{
    return w.has_policy[gm == member(1)] ? &w.policy : NULL;
}

void gm_attached(struct gm *gm, uint64_t instance, unsigned n_workers, struct now now)
{
    w.met[gm == member(1)]++;
    (void)instance;
    (void)n_workers;
    (void)now;
}

void gm_detached(struct gm *gm, struct now now)
{
    w.left_alone[gm == member(1)]++;
    (void)now;
}

void gm_wish(struct gm *gm, uint16_t index, uint64_t epoch, void (*put)(void *ctx, const struct ipc_msg *m), void *ctx,
             mono_t now)
{
    const struct config_member *c = &gm_config(gm)->gm;

    w.wished[gm == member(1)]++;
    for (size_t i = 0; i < c->n_bindings; i++) {
        struct ipc_msg m = {.type = IPC_BIND, .u.bind = {.group = index, .vlan = c->bindings[i].vlan}};

        strcpy(m.u.bind.pair, c->bindings[i].pair);
        put(ctx, &m);
    }
    for (size_t i = 0; gm == member(0) && w.spis[i]; i++) {
        struct ipc_msg m = {.type = IPC_SA, .u.sa = {.spi = w.spis[i], .replay = w.replay}};

        put(ctx, &m);
    }
    (void)epoch;
    (void)now;
}

void gm_log_fault(const struct gm *gm, enum policy_fault_kind kind, const char *why)
{
    (void)gm;
    assert_true(why[0]);
    w.fault = kind;
}

void gm_acknowledged(struct gm *gm, uint64_t epoch, const char *refused, struct now now)
{
    w.acknowledged[gm == member(1)]++;
    (void)epoch;
    (void)refused;
    (void)now;
}

const struct gm_sa *gm_sas(const struct gm *gm, size_t *n)
{
    (void)gm;
    *n = 0;
    return NULL;
}

void gm_traffic(struct gm *gm, const struct gm_traffic *counts, struct now now)
{
    (void)now;
    w.looks[gm == member(1)]++;
    w.traffic[gm == member(1)] = *counts;
}

void gm_traffic_moved(struct gm *gm)
{
    w.moved[gm == member(1)]++;
}

void gm_iv_low(struct gm *gm, uint32_t spi, struct now now)
{
    (void)gm;
    (void)spi;
    (void)now;
}

/* ---- tests ---- */

static void bind_member(size_t i, const char *pair)
{
    strcpy(w.config[i].gm.bindings[0].pair, pair);
    w.config[i].gm.n_bindings = 1;
}

static void run_until(int64_t s)
{
    while (!mono_is_never(timers_next(&w.real_timers)) && mono_reached(timers_next(&w.real_timers), mono_s(s))) {
        w.now = mono_max(w.now, timers_next(&w.real_timers));
        timers_fire(&w.real_timers, w.now);
    }
    w.now = mono_s(s);
}

/* Two members on a data plane whose page says that `epoch` is in effect. */
static struct plane *start(uint64_t epoch)
{
    struct plane *p;

    memset(&w, 0, sizeof(w));
    timers_init(&w.real_timers);
    w.page.epoch = epoch;
    w.hello = (struct ipc_hello){.n_pairs = 1, .n_workers = 1, .instance = 1, .pairs = {"wan"}};
    bind_member(0, "wan");
    bind_member(1, "wan");
    w.now = mono_s(1);
    p = plane_new(NULL, "/nowhere", 1);
    assert_non_null(p);
    assert_true(plane_add(p, member(0)) && plane_add(p, member(1)));
    plane_start(p);
    run_until(2);
    return p;
}

static void stop(struct plane *p)
{
    plane_free(p);
    timers_free(&w.real_timers);
}

static void a_fresh_data_plane_is_told_at_once(void **state)
{
    struct plane *p = start(0);

    (void)state;
    assert_int_equal(w.transactions, 1);
    stop(p);
}

static void what_runs_stays_until_all_members_are_ready(void **state)
{
    struct plane *p = start(7);

    (void)state;
    run_until(100);
    assert_int_equal(w.transactions, 0);
    w.has_policy[0] = true;
    plane_changed(p);
    run_until(101);
    assert_int_equal(w.transactions, 0);
    w.has_policy[1] = true;
    plane_changed(p);
    run_until(102);
    assert_int_equal(w.transactions, 1);
    stop(p);
}

/* One member's key server is gone: the other's new keys must not wait for it for ever, also when something changes. */
static void one_member_waits_for_another_for_half_a_minute(void **state)
{
    struct plane *p = start(7);

    (void)state;
    w.has_policy[0] = true;
    plane_changed(p);
    run_until(10);
    plane_changed(p);
    run_until(31);
    assert_int_equal(w.transactions, 0);
    run_until(33);
    assert_int_equal(w.transactions, 1);
    stop(p);
}

/* Says that the transaction under way is in effect. */
static void acknowledge(void)
{
    struct ipc_ack ack = {.epoch = w.transactions};

    w.events.ack(w.events.ctx, (struct dpc *)(void *)&w, &ack);
}

/* Isolation: a pair that isn't there keeps nobody else from being served, and its member goes on when it is there. */
static void a_member_without_a_pair_holds_up_nobody(void **state)
{
    struct plane *p;

    (void)state;
    memset(&w, 0, sizeof(w));
    timers_init(&w.real_timers);
    w.hello = (struct ipc_hello){.n_pairs = 1, .n_workers = 1, .instance = 1, .pairs = {"wan"}};
    bind_member(0, "wan");
    bind_member(1, "lan");
    p = plane_new(NULL, "/nowhere", 1);
    assert_non_null(p);
    assert_true(plane_add(p, member(0)) && plane_add(p, member(1)));
    plane_start(p);
    run_until(2);
    acknowledge();
    assert_true(w.met[0] == 1 && w.wished[0] == 1 && w.acknowledged[0] == 1);
    assert_true(w.met[1] == 0 && w.wished[1] == 0 && w.acknowledged[1] == 0);
    bind_member(1, "wan"); /* a reload mends it */
    plane_check_pairs(p);
    plane_changed(p);
    run_until(3);
    assert_true(w.met[0] == 1 && w.met[1] == 1 && w.wished[1] == 1);
    bind_member(0, "lan"); /* and breaks the other */
    plane_check_pairs(p);
    assert_int_equal(w.left_alone[0], 1);
    stop(p);
}

/* GM11: a group on several pairs goes on with those that are there; one more is no second meeting. */
static void a_pair_that_is_missing_holds_up_no_other(void **state)
{
    struct plane *p = start(0);

    (void)state;
    assert_int_equal(w.n_binds, 2);
    w.config[1].gm.n_bindings = 3;
    strcpy(w.config[1].gm.bindings[0].pair, "dmz");
    strcpy(w.config[1].gm.bindings[1].pair, "wan");
    w.config[1].gm.bindings[1].vlan = 10;
    strcpy(w.config[1].gm.bindings[2].pair, "lab");
    acknowledge();
    w.n_binds = 0;
    plane_check_pairs(p);
    plane_changed(p);
    run_until(3);
    assert_int_equal(w.n_binds, 2);
    assert_int_equal(w.binds[1].group, 1);
    assert_string_equal(w.binds[1].pair, "wan");
    assert_int_equal(w.binds[1].vlan, 10);
    assert_true(w.met[1] == 1 && w.left_alone[1] == 0);
    stop(p);
}

/* What was in effect and then wasn't is deleted for the life of that data-plane process. */
static void deleted_spis_are_remembered(void **state)
{
    struct plane *p = start(0);

    (void)state;
    w.spis[0] = 1000;
    w.spis[1] = 2000;
    acknowledge();
    plane_changed(p);
    run_until(3);
    acknowledge();
    assert_false(plane_lost(p, 1000) || plane_lost(p, 2000));
    w.spis[1] = 0;
    plane_changed(p);
    run_until(4);
    assert_false(plane_lost(p, 2000)); /* not in effect yet */
    assert_true(plane_busy(p));
    acknowledge();
    assert_false(plane_busy(p));
    assert_true(plane_lost(p, 2000));
    assert_false(plane_lost(p, 1000));
    w.events.detached(w.events.ctx, (struct dpc *)(void *)&w, "test");
    run_until(5); /* attached again: the same process */
    assert_true(plane_lost(p, 2000));
    w.hello.instance = 2;
    w.events.detached(w.events.ctx, (struct dpc *)(void *)&w, "test");
    run_until(6);
    assert_false(plane_lost(p, 2000));
    stop(p);
}

/* KS12: the next data plane goes on behind what the dead one published, whatever dies when. */
static void sequence_numbers_outlive_the_data_plane(void **state)
{
    struct plane *p = start(0);

    (void)state;
    w.spis[0] = 1000;
    w.replay = IPC_REPLAY_COUNTER;
    acknowledge();
    plane_changed(p);
    run_until(3);
    assert_true(w.sa.spi == 1000 && w.sa.sequence_used == 0 && w.sa.sequence_top == 0);
    acknowledge();
    w.page.sas[5].spi = 1000;
    w.page.sas[5].replay = IPC_REPLAY_COUNTER;
    w.page.sas[5].sequence_lease = 65536;
    w.page.sas[5].sequence_top[15] = 777;
    w.last = w.page; /* it dies, and another one attaches, whose page is empty */
    w.last.instance = w.hello.instance++;
    memset(&w.page, 0, sizeof(w.page));
    w.events.detached(w.events.ctx, (struct dpc *)(void *)&w, "test");
    run_until(5);
    assert_true(w.sa.spi == 1000 && w.sa.sequence_used == 65536 && w.sa.sequence_top == 777);
    stop(p);
}

/* What an earlier gvpnd installed and we leave out is deleted, too. */
static void spis_of_an_earlier_gvpnd_are_remembered(void **state)
{
    struct plane *p;

    (void)state;
    p = start(7);
    atomic_store(&w.page.sas[3].spi, 3000);
    w.events.detached(w.events.ctx, (struct dpc *)(void *)&w, "test");
    w.has_policy[0] = w.has_policy[1] = true;
    run_until(3);
    acknowledge();
    assert_true(plane_lost(p, 3000));
    stop(p);
}

/* A second start, as a group brings one that joins by reload, must not attach again. */
static void starting_twice_attaches_once(void **state)
{
    struct plane *p = start(0);

    (void)state;
    plane_start(p);
    run_until(3);
    assert_true(w.met[0] == 1 && w.met[1] == 1);
    stop(p);
}

/* What a data plane refuses now it may take later: memory may be there again. */
static void a_refused_transaction_is_tried_again_after_ten_seconds(void **state)
{
    struct plane *p = start(0);
    struct ipc_ack refused = {.epoch = 1, .result = IPC_NO_MEMORY, .reason = "no memory"};

    (void)state;
    assert_int_equal(w.transactions, 1);
    w.events.ack(w.events.ctx, NULL, &refused); /* at 2 s */
    assert_int_equal(w.fault, POLICY_FAULT_UNSUPPORTED); /* which is GM_NO_CRYPTO_ENGINE: resources are short */
    run_until(11);
    assert_int_equal(w.transactions, 1);
    run_until(13);
    assert_int_equal(w.transactions, 2);
    refused.epoch = 2;
    refused.result = IPC_LIMIT;
    w.events.ack(w.events.ctx, NULL, &refused);
    assert_int_equal(w.fault, POLICY_FAULT_SAS); /* GM_NO_IPSEC_FLOWS */
    plane_changed(p); /* something new isn't held up */
    run_until(14);
    assert_int_equal(w.transactions, 3);
    stop(p);
}

static void on_answer(void *ctx, const struct ipc_explained *a)
{
    assert_null(a);
    ++*(unsigned *)ctx;
}

static void an_unanswered_question_ends_after_two_seconds(void **state)
{
    struct plane *p = start(0);
    struct ipc_explain question = {.pair = ""};
    struct ipc_explained late = {.request = 1};
    unsigned answers = 0;

    (void)state;
    assert_true(plane_explain(p, &question, on_answer, &answers));
    assert_false(plane_explain(p, &question, on_answer, &answers)); /* one at a time */
    run_until(3);
    assert_int_equal(answers, 0);
    run_until(5);
    assert_int_equal(answers, 1);
    w.events.explained(w.events.ctx, NULL, &late);
    assert_int_equal(answers, 1);
    assert_true(plane_explain(p, &question, on_answer, &answers));
    stop(p);
    assert_int_equal(answers, 2); /* nobody is left waiting */
}

static void count_answer(void *ctx, const struct ipc_explained *a)
{
    assert_non_null(a);
    ++*(unsigned *)ctx;
}

/* While a transaction waits for room in the ring, so does the question; nobody is told to try again. */
static void a_question_waits_for_room_in_the_ring(void **state)
{
    struct plane *p = start(0);
    struct ipc_explain question = {.pair = ""};
    struct ipc_explained answer = {.request = 1};
    unsigned answers = 0;

    (void)state;
    w.ring_full = true;
    assert_true(plane_explain(p, &question, count_answer, &answers));
    run_until(3);
    assert_int_equal(w.told, 0);
    w.ring_full = false;
    timers_fire(&w.real_timers, w.now);
    w.now = mono_add(w.now, mono_ms(20));
    timers_fire(&w.real_timers, w.now);
    assert_int_equal(w.told, 1);
    w.events.explained(w.events.ctx, NULL, &answer);
    assert_int_equal(answers, 1);

    w.ring_full = true; /* who goes away meanwhile is forgotten */
    assert_true(plane_explain(p, &question, count_answer, &answers));
    plane_explain_cancel(p, &answers);
    w.ring_full = false;
    run_until(5);
    assert_int_equal(w.told, 1);
    stop(p);
    assert_int_equal(answers, 1);
}

/* GM13: every 10 s each member hears of its own packets; when its place changes, those numbers are another's. */
static void members_hear_what_their_traffic_says(void **state)
{
    struct plane *p = start(0);

    (void)state;
    w.page.workers[0].unknown_spi[1] = 7;
    run_until(10);
    assert_int_equal(w.looks[1], 0);
    run_until(32);
    assert_int_equal(w.looks[1], 3);
    assert_int_equal(w.traffic[1].unknown_spi, 7);
    plane_remove(p, member(0));
    assert_int_equal(w.moved[1], 1);
    w.attached = false;
    run_until(100);
    assert_int_equal(w.looks[1], 3);
    stop(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_hear_what_their_traffic_says),
        cmocka_unit_test(a_refused_transaction_is_tried_again_after_ten_seconds),
        cmocka_unit_test(an_unanswered_question_ends_after_two_seconds),
        cmocka_unit_test(a_question_waits_for_room_in_the_ring),
        cmocka_unit_test(a_fresh_data_plane_is_told_at_once),
        cmocka_unit_test(what_runs_stays_until_all_members_are_ready),
        cmocka_unit_test(one_member_waits_for_another_for_half_a_minute),
        cmocka_unit_test(a_member_without_a_pair_holds_up_nobody),
        cmocka_unit_test(a_pair_that_is_missing_holds_up_no_other),
        cmocka_unit_test(deleted_spis_are_remembered),
        cmocka_unit_test(sequence_numbers_outlive_the_data_plane),
        cmocka_unit_test(spis_of_an_earlier_gvpnd_are_remembered),
        cmocka_unit_test(starting_twice_attaches_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
