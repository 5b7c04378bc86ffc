/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A member under rekeys of any content that a genuine key server could send, between registrations, failures, detaches and the
 * passing of time. What must hold after every step: never more SAs than fit, an SPI keeps its key and its end never moves later, one
 * that is over never comes back, a new SA receives before it sends, only a word makes a member send in clear, and with a policy there
 * is always something that will make it register before its keys end.
 */
#include "common/log.h"
#include "tests/unit/ctrl/gm/rekey_fixture.h"

#include <stdlib.h>
#include <time.h>

#define STEPS   20000
#define MAX_SPI 48 /* SPIs 1000 ... 1047 come again and again */

static uint64_t state;

static uint32_t any(uint32_t n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % n;
}

/* What was ever seen of an SPI. */
static struct known {
    bool seen, over;
    mono_t end;
    uint64_t instance; /* data-plane process that was asked to receive with it */
} known[MAX_SPI];

static unsigned came_of_it[GM_REKEY_EARLIER_KEK + 1]; /* so that it is seen that all of it is tried */

static uint64_t instance;
static bool attached;

static struct push any_push(struct fixture *f)
{
    static const uint32_t lives[] = {1, 30, 59, 300, 3600, UINT32_MAX};
    struct push p;

    push_init(&p);
    p.delete_all_teks = any(40) == 0;
    p.delete_kek = any(40) == 0;
    for (p.n_deleted = 0; p.n_deleted < any(3); p.n_deleted++)
        p.deleted[p.n_deleted] = 1000 + any(MAX_SPI);
    p.has_policy = any(10) > 0;
    if (!p.has_policy)
        return p;
    for (uint32_t n = any(6); n > 0; n--) {
        uint32_t spi = 1000 + any(MAX_SPI);
        bool twice = false;

        for (size_t i = 0; i < p.policy.n_sas; i++)
            twice = twice || p.policy.sas[i].spi == spi;
        if (!twice)
            add_sa(&p, (uint16_t)(10 + 10 * any(2)), spi, lives[any(6)]);
        if (!twice && any(4) == 0)
            p.policy.sas[p.policy.n_sas - 1].deactivate_in_s = any(400);
    }
    p.policy.digest[0] = (uint8_t)any(3);
    if (any(4) == 0) {
        p.policy.has_rules = true;
        add_rule(&p.policy, "permit ip 10.2.0.0/16 10.2.0.0/16", (uint16_t)(10 + 10 * any(2)));
    }
    if (any(6) == 0) {
        p.policy.has_kek = true;
        p.policy.kek = kek_of((uint8_t)any(8), lives[any(6)]);
    }
    p.policy.replace = any(8) == 0;
    p.policy.activate_in_s = any(3) == 0 ? any(400) : 0;
    p.policy.deactivate_in_s = any(3) == 0 ? any(400) : 0;
    p.policy.receive_only = any(10) == 0;
    (void)f;
    return p;
}

static void registers(struct fixture *f)
{
    uint32_t spis[2] = {1000 + any(MAX_SPI / 2), 1000 + MAX_SPI / 2 + any(MAX_SPI / 2)}, lives[2] = {300 + any(3600), 300 + any(3600)};
    struct policy p = policy_of(2, spis, lives, any(100000), 4 * WORKERS);

    p.digest[0] = (uint8_t)any(3);
    p.has_kek = any(10) > 0;
    p.kek = kek_of((uint8_t)any(8), 60 + any(4000));
    p.rekey_number = any(5);
    gm_policy(f->gm, &p, fake_now(f));
    policy_wipe(&p);
}

static void passes(struct fixture *f)
{
    mono_t until = mono_add(f->now, mono_ms(any(any(20) ? 5000 : 900000)));

    while (mono_before(timers_next(&f->timers), until) || mono_before(timers_next(&f->real_timers), until)) {
        f->now = mono_max(f->now, mono_min(timers_next(&f->timers), timers_next(&f->real_timers)));
        timers_fire(&f->timers, f->now);
        timers_fire(&f->real_timers, f->now);
    }
    f->now = until;
}

static void step(struct fixture *f)
{
    struct push p;
    char why[160] = "";

    switch (any(12)) {
    case 0:
        registers(f);
        break;
    case 1:
        gm_failed(f->gm, "random", fake_now(f));
        break;
    case 2:
        if (attached)
            gm_detached(f->gm, fake_now(f));
        attached = !attached;
        instance += attached ? any(2) : 0;
        if (attached)
            gm_attached(f->gm, instance, WORKERS, fake_now(f));
        break;
    case 3:
        if (any(8) == 0)
            gm_set_direction(f->gm, (enum gm_direction)any(3), fake_now(f));
        break;
    case 4:
    case 5:
        passes(f);
        break;
    default:
        p = any_push(f);
        came_of_it[gm_rekey(f->gm, &p, any(10) == 0, fake_now(f), why)]++;
        push_wipe(&p);
    }
}

static void assert_sane(struct fixture *f)
{
    const struct gm_directions *d = gm_directions(f->gm);
    uint8_t expected[20];
    bool held[MAX_SPI] = {false};

    wish(f);
    assert_in_range(f->n_sas, 0, POLICY_MAX_SAS);
    for (size_t i = 0; i < f->n_sas; i++) {
        const struct ipc_sa *sa = &f->sas[i];
        struct known *k = &known[sa->spi - 1000];
        mono_t end = mono_add(f->now, mono_ms((int64_t)sa->end_in_ms));

        assert_in_range(sa->spi, 1000, 1000 + MAX_SPI - 1);
        assert_false(held[sa->spi - 1000]); /* each once */
        held[sa->spi - 1000] = true;
        memset(expected, (int)sa->spi, sizeof(expected));
        assert_memory_equal(sa->key.b, expected, sizeof(expected));
        assert_true(sa->end_in_ms > 0);
        assert_false(k->over);
        if (k->seen)
            assert_true(end.ns <= mono_add(k->end, mono_ms(1)).ns);
        if (attached && k->instance != instance)
            assert_false(sa->send); /* receiving first */
        k->seen = true;
        k->end = end;
    }
    for (unsigned i = 0; i < MAX_SPI; i++) {
        if (known[i].seen && !held[i])
            known[i].over = true;
    }
    if (f->group.receive_only)
        assert_true(d->has_override ? d->override == GM_DIRECTION_INBOUND_ONLY : d->receive_only);
    if (attached && any(3)) {
        acknowledge(f);
        for (size_t i = 0; i < f->n_sas; i++)
            known[f->sas[i].spi - 1000].instance = instance;
    }
    if (attached && gm_current_policy(f->gm) && gm_state(f->gm, f->now) == GM_REGISTERED)
        assert_false(mono_is_never(gm_next_registration(f->gm)));
}

/* The data plane's memory: what was in a wish and then in none is deleted for good. */
static bool on_over(void *ctx, const struct gm *gm, uint32_t spi)
{
    (void)ctx;
    (void)gm;
    return known[spi - 1000].over;
}

static void whatever_comes(void **unused)
{
    (void)unused;
    for (unsigned life = 0; life < 20; life++) {
        void *s;
        struct fixture *f;
        struct gm_ops ops;

        assert_int_equal(set_up(&s), 0);
        f = s;
        ops = (struct gm_ops){.ctx = f, .register_with = on_register, .changed = on_changed, .gone = on_over, .listen = on_listen};
        gm_free(f->gm);
        f->gm = gm_new(&f->config->groups[0], &f->env, &ops);
        memset(known, 0, sizeof(known));
        instance = 1;
        attached = false;
        f->now = mono_s(1000);
        gm_server_announced(f->gm, &(struct peer_features){.ours = any(4) > 0});
        for (unsigned i = 0; i < STEPS / 20; i++) {
            step(f);
            assert_sane(f);
        }
        assert_int_equal(tear_down(&s), 0);
    }
    assert_true(came_of_it[GM_REKEY_APPLIED] > STEPS / 20 && came_of_it[GM_REKEY_REPEATED] > STEPS / 100);
    assert_true(came_of_it[GM_REKEY_REFUSED] > STEPS / 100 && came_of_it[GM_REKEY_EARLIER_KEK] > STEPS / 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whatever_comes)};
    const char *given = getenv("GVPN_SEED");

    state = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    printf("GVPN_SEED=%llu\n", (unsigned long long)state);
    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
