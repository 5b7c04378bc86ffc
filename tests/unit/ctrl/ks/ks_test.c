/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The key server role from its requirements: what is given once is never given again, admission by group and address (KS2,
 * KS14), TEKs with lifetimes and their successors in time (KS3, KS5), members recorded only when accepted.
 */
#include "ctrl/ks/ks.h"

#include "ctrl/isakmp/isakmp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A random source that can be told to repeat itself or to fail. */
struct fixture {
    struct timers timers, real_timers;
    struct env env;
    uint64_t state;
    uint32_t repeat; /* hand out the same octets so many times */
    bool broken;
    struct config *config;
    struct ks ks;
};

static bool fake_random(void *ctx, void *out, size_t len)
{
    struct fixture *f = ctx;
    uint8_t *p = out;
    uint64_t x = f->repeat > 0 ? f->state : ++f->state;

    if (f->broken)
        return false;
    if (f->repeat > 0)
        f->repeat--;
    for (size_t i = 0; i < len; i++) {
        x = x * 6364136223846793005ull + 1442695040888963407ull;
        p[i] = (uint8_t)(x >> 56);
    }
    return true;
}

static const char *const two_groups =
    "gvpn: 1\n"
    "ike: {listen: [10.0.0.1, 10.0.0.9], pre-shared-keys: [{peer: 10.0.0.0/24, secret: \"0123456789abcdef0123456789abcdef\"}]}\n"
    "acls: {a: [\"permit ip 10.1.0.0/16 10.1.0.0/16\"], b: [\"deny udp any eq 848 any eq 848\", \"permit ip any any\"]}\n"
    "transform-sets: {t: {suite: aes-gcm-256}}\n"
    "profiles: {p: {transform-set: t, lifetime: 1h}, short: {transform-set: t, lifetime: 300s}}\n"
    "groups:\n"
    "  - name: ONE\n"
    "    identity: 484\n"
    "    key-server:\n"
    "      address: 10.0.0.1\n"
    "      authorize: {addresses: [\"permit 10.0.0.0/28\", \"deny any\"]}\n"
    "      sa: [{number: 10, profile: p, acl: b, replay: none}, {number: 5, profile: short, acl: a, replay: none}]\n"
    "  - name: TWO\n"
    "    identity: 10.9.9.9\n"
    "    key-server:\n"
    "      address: 10.0.0.9\n"
    "      authorize: {addresses: [\"deny 10.0.0.2\", \"permit any\"]}\n"
    "      sa: [{number: 1, profile: p, acl: a, replay: none}]\n";

static int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    struct yaml_error e = {.text = ""};

    timers_init(&f->timers);
    timers_init(&f->real_timers);
    f->env = (struct env){.ctx = f, .random = fake_random, .timers = &f->timers, .real_timers = &f->real_timers};
    f->config = config_parse("test.yaml", two_groups, strlen(two_groups), &e);
    if (!f->config)
        print_error("%s\n", e.text);
    assert_non_null(f->config);
    assert_true(ks_init(&f->ks, f->config, &f->env, mono_s(1000)));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    ks_free(&f->ks);
    config_free(f->config);
    assert_true(mono_is_never(timers_next(&f->timers)));
    timers_free(&f->timers);
    timers_free(&f->real_timers);
    test_free(f);
    return 0;
}

static struct registration registration(const char *peer, const char *local, bool is_address, uint32_t id)
{
    struct registration r = {.group = {.is_address = is_address, .value = id}, .sender_ids_wanted = 4};

    assert_true(addr_parse(peer, &r.peer.addr));
    assert_true(addr_parse(local, &r.local.addr));
    r.peer.port = r.local.port = 848;
    snprintf(r.identity, sizeof(r.identity), "%s", peer);
    r.features = (struct peer_features){.ours = true, .version = 0x000100, .features = feature_ours()};
    return r;
}

static struct now at(int64_t s)
{
    return (struct now){.scaled = mono_s(s), .real = mono_s(s)};
}

/* KS15, decision 1: all `sa` lists are one list, by number, then entry. */
static void lists_become_one_in_order_of_sa_numbers(void **state)
{
    struct fixture *f = *state;
    const struct acl *acl = &ks_find(&f->ks, "ONE")->acl;
    static const uint16_t expected[] = {5, 10, 10, 10, 10}; /* `any any` is an entry per family */

    assert_int_equal(acl->n, 5);
    for (size_t i = 0; i < acl->n; i++) {
        assert_int_equal(acl->entries[i].sa, expected[i]);
        assert_int_equal(acl->entries[i].number, i + 1);
    }
}

static void a_request_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct ks_group *g = ks_find(&f->ks, "ONE");
    struct registration r = registration("10.0.0.2", "10.0.0.1", false, 484);
    struct refusal why;
    struct policy p;

    assert_true(ks_request(&f->ks, &r, &p, &why, at(1000)));
    assert_int_equal(g->members.n, 0);
    assert_int_equal(g->ids.next, 0);
    assert_int_equal(g->registrations, 0);
    assert_int_equal(p.n_sender_ids, 0);
    assert_int_equal(p.n_sas, 2);
    policy_wipe(&p);
}

static void accepting_records_the_member_and_gives_ids(void **state)
{
    struct fixture *f = *state;
    struct ks_group *g = ks_find(&f->ks, "ONE");
    struct registration r = registration("10.0.0.2", "10.0.0.1", false, 484);
    struct refusal why;
    struct policy p;

    assert_true(ks_request(&f->ks, &r, &p, &why, at(1000)));
    assert_true(ks_accept(&f->ks, &r, &p, &why, at(1001)));
    assert_int_equal(p.sid_bits, 24);
    assert_int_equal(p.n_sender_ids, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(p.sender_ids[i], i);
    assert_non_null(ks_members_find(&g->members, &r.peer.addr, "10.0.0.2"));
    policy_wipe(&p);
}

static struct policy requested(struct fixture *f, const struct registration *r, struct now now)
{
    struct refusal why;
    struct policy p;

    assert_true(ks_request(&f->ks, r, &p, &why, now));
    return p;
}

/* One of 15 members takes 64 ids. True when it got them. */
static bool take_64(struct fixture *f, unsigned member, struct now now, struct policy *p, struct refusal *why)
{
    char peer[32];
    struct registration r;

    snprintf(peer, sizeof(peer), "10.0.0.%u", 1 + member % 15);
    r = registration(peer, "10.0.0.1", false, 484);
    r.sender_ids_wanted = 64;
    *p = requested(f, &r, now);
    return ks_accept(&f->ks, &r, p, why, now);
}

/* RFC 6054, decision 12: an id is never given again while a key lives that it was given with, and the space never ends. */
static void sender_ids_never_meet_a_key_twice_and_never_run_out(void **state)
{
    struct fixture *f = *state;
    static int64_t used_until[1 << 21]; /* 24 bits less the three that name the server */
    unsigned again = 0;

    memset(used_until, 0, sizeof(used_until));
    for (int64_t s = 1000; s < 40000; s++) {
        struct refusal why;
        struct policy p;
        int64_t end = 0;

        timers_fire(&f->timers, mono_s(s));
        assert_true(take_64(f, (unsigned)s, at(s), &p, &why));
        for (size_t i = 0; i < p.n_sas; i++)
            end = s + p.sas[i].lifetime_s > end ? s + p.sas[i].lifetime_s : end;
        for (size_t i = 0; i < p.n_sender_ids; i++) {
            assert_true(p.sender_ids[i] < 1 << 21);
            assert_true(used_until[p.sender_ids[i]] < s);
            again += used_until[p.sender_ids[i]] != 0;
            used_until[p.sender_ids[i]] = end;
        }
        policy_wipe(&p);
    }
    assert_true(again > 1 << 20);
}

/* All at once, faster than keys end: refused with the reason, not given twice; and given again when the keys have ended. */
static void faster_than_keys_end_ids_are_refused(void **state)
{
    struct fixture *f = *state;
    static uint8_t given[1 << 21];
    struct refusal why;
    struct policy p;
    unsigned n = 0;

    memset(given, 0, sizeof(given));
    while (take_64(f, n++, at(1001), &p, &why)) {
        for (size_t i = 0; i < p.n_sender_ids; i++)
            assert_int_equal(given[p.sender_ids[i]]++, 0);
        policy_wipe(&p);
    }
    policy_wipe(&p);
    assert_true(n > 16384);
    assert_int_equal(why.notify, ISAKMP_N_REFUSED);
    assert_non_null(strstr(why.text, "no sender ids"));
    timers_fire(&f->timers, mono_s(1000 + 3700));
    assert_true(take_64(f, 0, at(1000 + 3700), &p, &why));
    policy_wipe(&p);
}

static void one_member_cannot_take_the_others_share(void **state)
{
    struct fixture *f = *state;
    struct refusal why;
    struct policy p;
    unsigned n = 0;

    while (take_64(f, 3, at(1001), &p, &why)) {
        policy_wipe(&p);
        n++;
    }
    policy_wipe(&p);
    assert_int_equal(n, (1 << 20) / 4 / 64);
    assert_non_null(strstr(why.text, "its share"));
    assert_true(take_64(f, 4, at(1001), &p, &why));
    policy_wipe(&p);
}

static void more_ids_than_one_may_ask_are_refused(void **state)
{
    struct fixture *f = *state;
    struct registration r = registration("10.0.0.2", "10.0.0.1", false, 484);
    struct refusal why;
    struct policy p;

    policy_init(&p);
    r.sender_ids_wanted = POLICY_MAX_SENDER_IDS + 1;
    assert_false(ks_accept(&f->ks, &r, &p, &why, at(1001)));
    assert_int_equal(ks_find(&f->ks, "ONE")->ids.next, 0);
    assert_int_equal(ks_find(&f->ks, "ONE")->members.n, 0);
}

/* KS2, KS14: every identity against every group; members of one group can't get the other's keys. */
static void admission_is_a_matrix_of_groups_and_addresses(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *peer, *local;
        bool is_address;
        uint32_t id;
        uint16_t notify; /* 0 = admitted */
    } rows[] = {
        {"10.0.0.2", "10.0.0.1", false, 484, 0},
        {"10.0.0.15", "10.0.0.1", false, 484, 0},
        {"10.0.0.16", "10.0.0.1", false, 484, ISAKMP_N_AUTHENTICATION_FAILED},
        {"10.0.0.2", "10.0.0.9", false, 484, ISAKMP_N_INVALID_ID_INFORMATION}, /* not served at that address */
        {"10.0.0.2", "10.0.0.9", true, 0x0a090909, ISAKMP_N_AUTHENTICATION_FAILED},
        {"10.0.0.3", "10.0.0.9", true, 0x0a090909, 0},
        {"10.0.0.3", "10.0.0.1", false, 485, ISAKMP_N_INVALID_ID_INFORMATION},
        {"10.0.0.3", "10.0.0.9", false, 0x0a090909, ISAKMP_N_INVALID_ID_INFORMATION}, /* a number isn't an address */
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct registration r = registration(rows[i].peer, rows[i].local, rows[i].is_address, rows[i].id);
        struct refusal why;
        struct policy p;
        bool admitted = ks_request(&f->ks, &r, &p, &why, at(1000));

        if (admitted)
            policy_wipe(&p);
        assert_int_equal(admitted, rows[i].notify == 0);
        if (!admitted) {
            assert_int_equal(why.notify, rows[i].notify);
            assert_true(why.text[0] != '\0');
        }
        policy_init(&p);
        assert_int_equal(ks_accept(&f->ks, &r, &p, &why, at(1000)), rows[i].notify == 0);
    }
}

/* KS5: the table of offsets. */
static void the_next_tek_is_made_in_time(void **state)
{
    (void)state;
    assert_int_equal(mono_to_s(ks_schedule_tek_offset(300)), 90);
    assert_int_equal(mono_to_s(ks_schedule_tek_offset(899)), 90);
    assert_int_equal(mono_to_s(ks_schedule_tek_offset(900)), 90);
    assert_int_equal(mono_to_s(ks_schedule_tek_offset(901)), 90);
    assert_int_equal(mono_to_s(ks_schedule_tek_offset(3600)), 360);
    assert_int_equal(mono_to_s(ks_schedule_tek_offset(86400)), 8640);
}

static size_t count_teks(const struct ks_group *g, uint16_t number)
{
    size_t n = 0;

    for (size_t i = 0; i < g->n_teks; i++)
        n += g->teks[i].number == number;
    return n;
}

/* Decision 17: made at expiry less offset, its life starts then; both are returned meanwhile, the older first. */
static void overlap_returns_both_generations_oldest_first(void **state)
{
    struct fixture *f = *state;
    struct ks_group *g = ks_find(&f->ks, "ONE");
    struct registration r = registration("10.0.0.2", "10.0.0.1", false, 484);
    struct refusal why;
    struct policy p;
    uint32_t first = 0;

    timers_fire(&f->timers, mono_s(1000 + 209));
    assert_int_equal(count_teks(g, 5), 1);
    timers_fire(&f->timers, mono_s(1000 + 210)); /* 300 - 90 */
    assert_int_equal(count_teks(g, 5), 2);
    assert_int_equal(count_teks(g, 10), 1);

    assert_true(ks_request(&f->ks, &r, &p, &why, at(1000 + 211)));
    assert_int_equal(p.n_sas, 3);
    for (size_t i = 0; i < p.n_sas; i++) {
        if (p.sas[i].number != 5)
            continue;
        if (!first) {
            first = p.sas[i].spi;
            assert_int_equal(p.sas[i].lifetime_s, 89);
        } else {
            assert_int_not_equal(p.sas[i].spi, first);
            assert_int_equal(p.sas[i].lifetime_s, 299);
        }
    }
    policy_wipe(&p);
    timers_fire(&f->timers, mono_s(1000 + 300));
    assert_int_equal(count_teks(g, 5), 1);
    assert_int_not_equal(g->teks[0].number == 5 ? g->teks[0].spi : g->teks[1].spi, first);
}

/* A month of roll-overs: there is always a TEK with life in it, never one past its end, and no SPI or key comes twice. */
static void a_month_of_roll_overs(void **state)
{
    struct fixture *f = *state;
    struct ks_group *g = ks_find(&f->ks, "ONE");
    int64_t end = 1000 + 30 * 86400;
    uint32_t last_spi = 0;
    size_t made = 0;

    while (mono_to_s(timers_next(&f->timers)) < end) {
        mono_t now = timers_next(&f->timers);

        timers_fire(&f->timers, now);
        assert_true(count_teks(g, 5) >= 1 && count_teks(g, 5) <= 2);
        assert_true(count_teks(g, 10) >= 1 && count_teks(g, 10) <= 2);
        for (size_t i = 0; i < g->n_teks; i++) {
            assert_true(mono_before(now, g->teks[i].end));
            assert_true(g->teks[i].spi > 255);
            for (size_t k = 0; k < i; k++) {
                assert_int_not_equal(g->teks[i].spi, g->teks[k].spi);
                assert_memory_not_equal(g->teks[i].key.b, g->teks[k].key.b, g->teks[i].key.len);
            }
        }
        if (g->teks[g->n_teks - 1].spi != last_spi) {
            last_spi = g->teks[g->n_teks - 1].spi;
            made++;
        }
    }
    assert_in_range(made, 30 * 86400 / 210, 30 * 86400 / 210 + 30 * 86400 / 3240 + 3);
}

/* 07: the generator is forced to repeat; SPIs still differ, across groups too. */
static void an_spi_is_not_drawn_twice_when_the_generator_repeats(void **state)
{
    struct fixture *f = *state;
    uint32_t a, b;

    assert_true(ks_spi_take(&f->ks.spis, &f->env, mono_s(2000), mono_s(1000), &a));
    f->repeat = 3;
    assert_true(ks_spi_take(&f->ks.spis, &f->env, mono_s(2000), mono_s(1000), &b));
    assert_int_not_equal(a, b);
    assert_int_equal(f->repeat, 0);
    assert_true(a < 1u << 29 && b < 1u << 29); /* the top bits name the server */
}

static void without_random_octets_no_tek_is_made_and_it_is_tried_again(void **state)
{
    struct fixture *f = *state;
    struct ks_group *g = ks_find(&f->ks, "ONE");

    f->broken = true;
    timers_fire(&f->timers, mono_s(1000 + 210));
    assert_int_equal(count_teks(g, 5), 1);
    f->broken = false;
    timers_fire(&f->timers, mono_s(1000 + 212));
    assert_int_equal(count_teks(g, 5), 2);
}

static void without_any_key_registrations_are_refused_with_the_reason(void **state)
{
    struct fixture *f = *state;
    struct registration r = registration("10.0.0.2", "10.0.0.1", false, 484);
    struct refusal why;
    struct policy p;

    /* All TEKs have ended, and time has not been told: their remaining life is 0. */
    assert_false(ks_request(&f->ks, &r, &p, &why, at(1000 + 3600)));
    assert_int_equal(why.notify, ISAKMP_N_REFUSED);
    assert_non_null(strstr(why.text, "no key"));
}

static void a_member_that_comes_again_is_renewed_not_doubled(void **state)
{
    struct fixture *f = *state;
    struct ks_members ms = {0};
    struct registration r = registration("10.0.0.2", "10.0.0.1", false, 484);
    struct ks_member *m;

    (void)f;
    for (unsigned i = 0; i < 100; i++) {
        char peer[32];

        snprintf(peer, sizeof(peer), "10.0.%u.%u", i * 37 % 100, i);
        r = registration(peer, "10.0.0.1", false, 484);
        assert_non_null(ks_members_record(&ms, &r, mono_s(i)));
    }
    assert_int_equal(ms.n, 100);
    for (size_t i = 1; i < ms.n; i++)
        assert_true(addr_compare(&ms.entries[i - 1].peer.addr, &ms.entries[i].peer.addr) < 0);
    r.peer.port = 4500;
    m = ks_members_record(&ms, &r, mono_s(500));
    assert_non_null(m);
    assert_int_equal(ms.n, 100);
    assert_int_equal(m->registrations, 2);
    assert_int_equal(m->peer.port, 4500);
    assert_int_equal(mono_to_s(m->registered_at), 500);
    assert_null(ks_members_find(&ms, &r.peer.addr, "somebody else"));
    ks_members_free(&ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lists_become_one_in_order_of_sa_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_request_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(accepting_records_the_member_and_gives_ids, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sender_ids_never_meet_a_key_twice_and_never_run_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(faster_than_keys_end_ids_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_member_cannot_take_the_others_share, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_ids_than_one_may_ask_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(admission_is_a_matrix_of_groups_and_addresses, set_up, tear_down),
        cmocka_unit_test(the_next_tek_is_made_in_time),
        cmocka_unit_test_setup_teardown(overlap_returns_both_generations_oldest_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_month_of_roll_overs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_spi_is_not_drawn_twice_when_the_generator_repeats, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_random_octets_no_tek_is_made_and_it_is_tried_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_any_key_registrations_are_refused_with_the_reason, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_member_that_comes_again_is_renewed_not_doubled, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
