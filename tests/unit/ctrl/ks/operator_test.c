/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An operator without patience: reloads each second, clears and replaces while waves go out (KS6, KS9, KS18; OP1). What is told has
 * to reach everybody all the same, or at least not to be the same few each time.
 */
#include "tests/unit/ctrl/ks/rekey_fixture.h"

#include <time.h>

#define MEMBERS 200
#define WAVE    50
#define LIST(x) "{number: 10, profile: p, acl: " x ", replay: none}"

static unsigned told[MEMBERS + 1];

static void join_all(struct fixture *f)
{
    for (unsigned i = 1; i <= MEMBERS; i++)
        join_member(f, i, NULL);
}

static unsigned number_of_member(const struct endpoint *e)
{
    return (unsigned)e->addr.b[2] << 8 | e->addr.b[3];
}

/* Counts what each was sent since, and forgets it. */
static void count(struct fixture *f)
{
    for (size_t i = 0; i < f->n_sent; i++) {
        unsigned m = number_of_member(&f->sent[i].path.remote);

        assert_in_range(m, 1, MEMBERS);
        told[m]++;
    }
    forget_sent(f);
}

static unsigned least_told(void)
{
    unsigned least = UINT32_MAX;

    for (unsigned i = 1; i <= MEMBERS; i++)
        least = told[i] < least ? told[i] : least;
    return least;
}

/* A wave each 5 s, a change each second: each time another 50 hear of the newest. */
static void changes_each_second_reach_everybody(void **state)
{
    struct fixture *f = *state;

    memset(told, 0, sizeof(told));
    begin(f, UNICAST, "", LIST("a"));
    join_all(f);
    for (unsigned i = 1; i <= 2 * MEMBERS / WAVE; i++) {
        reload(f, config_of(f, NULL, UNICAST, "", i % 2 ? LIST("b") : LIST("a")));
        run_until(f, mono_add(f->now, mono_s(1)));
        count(f);
    }
    assert_int_equal(least_told(), 2);
    assert_true(group(f)->rekey.active);
    run_until(f, mono_add(f->now, mono_s(20))); /* and when it is quiet, all hear of the last one */
    for (unsigned i = 1; i <= MEMBERS; i++)
        assert_true(member(f, i)->target.rekey == group(f)->rekey.id && member(f, i)->target.round == 1);
}

/* The same by operators' rekeys, with members that come and go between. */
static void who_comes_or_goes_takes_nobodys_turn(void **state)
{
    struct fixture *f = *state;

    memset(told, 0, sizeof(told));
    begin(f, UNICAST, "", LIST("a"));
    join_all(f);
    for (unsigned i = 0; i < 3 * MEMBERS / WAVE; i++) {
        struct addr gone = registration_of(1 + i * 7 % MEMBERS).peer.addr;

        assert_true(ks_group_rekey(group(f), f->now));
        run_until(f, mono_add(f->now, mono_s(1)));
        count(f);
        assert_int_equal(ks_members_forget(&group(f)->members, &gone), 1);
        told[1 + i * 7 % MEMBERS]++;
        join_member(f, 1 + i * 7 % MEMBERS, NULL);
    }
    assert_true(least_told() >= 2);
}

/* A clear in the middle of a round: who wasn't told of the rekey is told of the end all the same, and nobody of a new key. */
static void a_clear_in_the_middle_of_a_round(void **state)
{
    struct fixture *f = *state;
    struct policy p;

    memset(told, 0, sizeof(told));
    begin(f, UNICAST, "", LIST("a"));
    join_member(f, 1, &p);
    join_all(f);
    reload(f, config_of(f, NULL, UNICAST ", encryption: aes-128", "", LIST("a"))); /* another KEK is being offered */
    run_until(f, mono_add(f->now, mono_s(1)));
    assert_int_equal(f->n_sent, WAVE);
    count(f);
    memset(told, 0, sizeof(told));
    assert_true(ks_epoch_clear(group(f), f->now));
    run_until(f, mono_add(f->now, mono_s(20)));
    for (size_t i = 0; i < f->n_sent; i++) {
        struct push push;

        if (!push_is_for(&p.kek, span_of(f->sent[i].bytes, f->sent[i].len)))
            continue; /* who may hold the KEK that was offered */
        open_push(f, i, &p.kek, &push);
        assert_true(push.delete_kek);
        assert_false(push.policy.has_kek);
        for (size_t k = 0; k < push.policy.n_sas; k++)
            assert_int_equal(push.policy.sas[k].spi, p.sas[0].spi);
        push_wipe(&push);
    }
    count(f);
    for (unsigned i = 1; i <= MEMBERS; i++)
        assert_in_range(told[i], 1, 2); /* under both, as nobody can know who has heard of the second */
    policy_wipe(&p);
}

/* Replacing each second: what can't be done any more is refused and changes nothing, keys stay within bounds, the last one counts. */
static void replacing_each_second(void **state)
{
    struct fixture *f = *state;
    unsigned refused = 0;

    begin(f, UNICAST, "", LIST("a"));
    join_all(f);
    for (unsigned i = 0; i < 100; i++) {
        size_t before = group(f)->n_teks;

        if (!ks_group_replace(group(f), i % 3 == 0, f->now)) {
            refused++;
            assert_int_equal(group(f)->n_teks, before);
        }
        assert_in_range(group(f)->n_teks, 1, POLICY_MAX_SAS);
        run_until(f, mono_add(f->now, mono_s(1)));
        forget_sent(f);
    }
    print_message("refused: %u\n", refused);
    run_until(f, mono_add(f->now, mono_s(300)));
    assert_int_equal(group(f)->n_teks, 1);
    assert_false(group(f)->teks[0].replaced);
}

/* ---- RFC 6054: whatever the operator does, no two registrations may send with the same key and sender id ---- */

#define FEW     20 /* of them the second half registers without end, the first half stays */
#define WIDTH   ", sender-id-bits: 12" /* 256 ids in a half */
#define STEPS   1000
#define MAX_USE 1500000

struct use {
    uint32_t spi;
    uint32_t registration;
    uint64_t id;
};

struct uses {
    struct use *all;
    size_t n;
    uint64_t ids[FEW + 1][4]; /* of each member's last registration */
    uint32_t registration[FEW + 1];
    uint32_t last_registration;
    unsigned refused;
    uint64_t seed;
};

static uint32_t draw(struct uses *u, uint32_t below)
{
    u->seed = u->seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(u->seed >> 33) % below;
}

static void note(struct uses *u, unsigned m, uint32_t spi)
{
    for (size_t i = 0; i < 4 && u->registration[m]; i++) {
        assert_true(u->n < MAX_USE);
        u->all[u->n++] = (struct use){spi, u->registration[m], u->ids[m][i]};
    }
}

static void join_and_note(struct fixture *f, struct uses *u, unsigned m)
{
    struct registration r = registration_of(m);
    struct refusal why = {.text = ""};
    struct policy p;

    if (!ks_request(&f->ks, &r, &p, &why, at(f->now)))
        return; /* barred */
    if (ks_accept(&f->ks, &r, &p, &why, at(f->now))) {
        assert_int_equal(p.n_sender_ids, 4);
        memcpy(u->ids[m], p.sender_ids, sizeof(u->ids[m]));
        u->registration[m] = ++u->last_registration;
        for (size_t i = 0; i < p.n_sas; i++)
            note(u, m, p.sas[i].spi);
    }
    policy_wipe(&p);
}

/* Has it a KEK that the group still uses: the one that it is known to hold, or one that it was offered since? */
static bool hears(const struct ks_group *g, const struct ks_member *m)
{
    bool found = false;

    for (size_t i = 0; i < g->keks.n; i++) {
        uint32_t serial = g->keks.all[i].serial;

        found |= serial == m->target.kek || (serial > m->target.kek && serial <= m->target.offered);
    }
    return found && m->target.kek && ks_member_is_present(m);
}

/* Who has a KEK gets every later key, and sends with the ids that it has. */
static void note_rekeys(struct fixture *f, struct uses *u)
{
    const struct ks_group *g = group(f);

    for (size_t i = 0; i < g->members.n; i++) {
        const struct ks_member *m = &g->members.entries[i];

        for (size_t k = 0; k < g->n_teks && hears(g, m); k++)
            note(u, number_of_member(&m->peer), g->teks[k].spi);
    }
}

static void operate(struct fixture *f, struct uses *u)
{
    static const char *const rekeys[] = {UNICAST, UNICAST ", encryption: aes-128", MULTICAST, NULL};
    static const char *const widths[] = {WIDTH, WIDTH, WIDTH, ", sender-id-bits: 13"};
    static const char *const sas[] = {SA("p"), SA("q"), SA("s"), LIST("b"), SA("s") ", {number: 20, profile: p, acl: b, replay: none}"};
    char error[KS_EPOCH_ERROR_MAX];
    struct addr a = registration_of(1 + draw(u, FEW)).peer.addr;

    switch (draw(u, 60)) {
    case 0:
        assert_true(ks_epoch_clear(group(f), f->now));
        break;
    case 1:
        if (ks_epoch_bar(group(f), &a, f->now, error) && draw(u, 5))
            (void)ks_epoch_unbar(group(f), &a);
        break;
    case 2:
        (void)ks_members_forget(&group(f)->members, &a);
        break;
    case 3:
        u->refused += !ks_group_replace(group(f), draw(u, 2), f->now);
        break;
    case 4:
        u->refused += !ks_group_rekey(group(f), f->now);
        break;
    default:
        break;
    case 5:
    case 6: {
        char why[KS_ERROR_MAX];
        struct config *c = config_of(f, NULL, rekeys[draw(u, 4)], widths[draw(u, 4)], sas[draw(u, 5)]);
        struct ks_change *change = ks_prepare(&f->ks, c, f->now, why);

        if (!change) { /* too many keys at once: nothing has changed */
            config_free(c);
            break;
        }
        ks_commit(&f->ks, change);
        config_free(f->config);
        f->config = c;
        break;
    }
    }
}

static int compare_uses(const void *a, const void *b)
{
    const struct use *x = a, *y = b;

    if (x->spi != y->spi)
        return x->spi < y->spi ? -1 : 1;
    return x->id != y->id ? x->id < y->id ? -1 : 1 : 0;
}

static void no_key_has_a_sender_id_twice(void **state)
{
    struct fixture *f = *state;
    struct uses *u = test_calloc(1, sizeof(*u));
    const char *seed = getenv("GVPN_SEED");

    u->all = test_calloc(MAX_USE, sizeof(*u->all));
    u->seed = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
    print_message("GVPN_SEED=%llu\n", (unsigned long long)u->seed);
    begin(f, UNICAST, WIDTH, SA("s"));
    for (unsigned step = 0; step < STEPS; step++) {
        operate(f, u);
        for (uint32_t n = draw(u, 9); n > 0; n--)
            join_and_note(f, u, draw(u, 40) ? FEW / 2 + 1 + draw(u, FEW / 2) : 1 + draw(u, FEW / 2));
        run_until(f, mono_add(f->now, mono_ms(draw(u, draw(u, 10) ? 3000 : 300000))));
        note_rekeys(f, u);
        forget_sent(f);
    }
    qsort(u->all, u->n, sizeof(*u->all), compare_uses);
    for (size_t i = 1; i < u->n; i++) {
        if (compare_uses(&u->all[i - 1], &u->all[i]) == 0 && u->all[i - 1].registration != u->all[i].registration)
            fail_msg("SPI 0x%08x: sender id %llu has registrations %u and %u", u->all[i].spi, (unsigned long long)u->all[i].id,
                     u->all[i - 1].registration, u->all[i].registration);
    }
    print_message("%u registrations, %zu uses, %u commands refused\n", u->last_registration, u->n, u->refused);
    assert_true(u->last_registration > STEPS / 2);
    test_free(u->all);
    test_free(u);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(changes_each_second_reach_everybody),
        T(who_comes_or_goes_takes_nobodys_turn),
        T(a_clear_in_the_middle_of_a_round),
        T(replacing_each_second),
        T(no_key_has_a_sender_id_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
