/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A key server under another configuration, cleared, and left by members: what must stay, what must begin anew, and that no
 * sender id ever meets a key that another member used it with (KS2, KS3, KS9, GM12, OP1; RFC 6054).
 */
#include "ctrl/ks/ks.h"

#include "ctrl/isakmp/isakmp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct timers timers, real_timers;
    struct env env;
    uint64_t state;
    bool broken;
    struct config *config;
    struct ks ks;
};

static bool fake_random(void *ctx, void *out, size_t len)
{
    struct fixture *f = ctx;
    uint64_t x = ++f->state;

    for (size_t i = 0; i < len && !f->broken; i++) {
        x = x * 6364136223846793005ull + 1442695040888963407ull;
        ((uint8_t *)out)[i] = (uint8_t)(x >> 56);
    }
    return !f->broken;
}

/* A file with two profiles, two lists, and the groups that are given. */
static struct config *config_of(const char *groups)
{
    static const char head[] =
        "gvpn: 1\n"
        "ike: {listen: [10.0.0.1], pre-shared-keys: [{peer: 10.0.0.0/24, secret: \"0123456789abcdef0123456789abcdef\"}]}\n"
        "acls: {a: [\"permit ip 10.1.0.0/16 10.1.0.0/16\"], b: [\"permit ip 10.2.0.0/16 10.2.0.0/16\"]}\n"
        "transform-sets: {t: {suite: aes-gcm-256}, u: {suite: aes-gcm-128}}\n"
        "profiles: {p: {transform-set: t, lifetime: 1h}, q: {transform-set: u, lifetime: 1h},"
        " r: {transform-set: t, lifetime: 2h}}\n"
        "groups:\n";
    struct yaml_error e = {.text = ""};
    char text[4096];
    struct config *c;

    snprintf(text, sizeof(text), "%s%s", head, groups);
    c = config_parse("test.yaml", text, strlen(text), &e);
    if (!c)
        print_error("%s\n", e.text);
    assert_non_null(c);
    return c;
}

#define GROUP(name, id, more, sas)                                                                                     \
    "  - {name: " name ", identity: " id ", key-server: {address: 10.0.0.1, authorize: {addresses: [\"permit any\"]}" more \
    ", sa: [" sas "]}}\n"
#define SA(number, profile, acl) "{number: " number ", profile: " profile ", acl: " acl ", replay: none}"

static const char *const one = GROUP("ONE", "484", "", SA("10", "p", "a"));

static int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    timers_init(&f->timers);
    timers_init(&f->real_timers);
    f->env = (struct env){.ctx = f, .random = fake_random, .timers = &f->timers, .real_timers = &f->real_timers};
    f->config = config_of(one);
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

/* Puts another file into effect and frees the one before, as the daemon does. */
static void reload(struct fixture *f, const char *groups, int64_t now)
{
    char error[KS_ERROR_MAX];
    struct config *c = config_of(groups);
    struct ks_change *change = ks_prepare(&f->ks, c, mono_s(now), error);

    assert_non_null(change);
    ks_commit(&f->ks, change);
    config_free(f->config);
    f->config = c;
}

static struct now at(int64_t s)
{
    return (struct now){.scaled = mono_s(s), .real = mono_s(s)};
}

static struct registration registration_of(const char *peer, uint32_t group)
{
    struct registration r = {.group = {.value = group}, .sender_ids_wanted = 4};

    assert_true(addr_parse(peer, &r.peer.addr));
    assert_true(addr_parse("10.0.0.1", &r.local.addr));
    r.peer.port = r.local.port = 848;
    snprintf(r.identity, sizeof(r.identity), "%s", peer);
    r.features = (struct peer_features){.ours = true, .version = 0x000100, .features = feature_ours()};
    return r;
}

/* Registers and gives the first sender id. */
static uint64_t join(struct fixture *f, const char *peer, uint32_t group, int64_t now)
{
    struct registration r = registration_of(peer, group);
    struct refusal why;
    struct policy p;
    uint64_t id;

    assert_true(ks_request(&f->ks, &r, &p, &why, at(now)));
    assert_true(ks_accept(&f->ks, &r, &p, &why, at(now)));
    id = p.sender_ids[0];
    policy_wipe(&p);
    return id;
}

static struct ks_group *group(struct fixture *f)
{
    return ks_find(&f->ks, "ONE");
}

/* OP1: keys, members, sender ids and counts stay when nothing that matters to them changes. */
static void the_same_file_changes_nothing(void **state)
{
    struct fixture *f = *state;
    uint32_t spi = group(f)->teks[0].spi;
    mono_t end = group(f)->teks[0].end;

    assert_int_equal(join(f, "10.0.0.2", 484, 1001), 0);
    reload(f, one, 1100);
    assert_int_equal(group(f)->n_teks, 1);
    assert_int_equal(group(f)->teks[0].spi, spi);
    assert_int_equal(group(f)->teks[0].end.ns, end.ns);
    assert_int_equal(group(f)->members.n, 1);
    assert_int_equal(group(f)->registrations, 1);
    assert_int_equal(join(f, "10.0.0.3", 484, 1101), 4); /* ids go on */
    assert_int_equal(mono_to_s(timers_next(&f->timers)), 1000 + 3600 - 360);
}

/* KS9: another list is served at once, under the same keys. */
static void another_list_keeps_the_keys(void **state)
{
    struct fixture *f = *state;
    uint32_t spi = group(f)->teks[0].spi;
    uint8_t digest[32];

    memcpy(digest, group(f)->digest, sizeof(digest));
    reload(f, GROUP("ONE", "484", "", SA("10", "p", "b")), 1100);
    assert_int_equal(group(f)->teks[0].spi, spi);
    assert_memory_not_equal(digest, group(f)->digest, sizeof(digest));
    assert_int_equal(group(f)->acl.n, 1);
    assert_int_equal(group(f)->acl.entries[0].sel.src.addr.b[1], 2);
}

/* KS9: a lifetime holds for the next key made. */
static void another_lifetime_holds_for_the_next_key(void **state)
{
    struct fixture *f = *state;

    reload(f, GROUP("ONE", "484", "", SA("10", "r", "a")), 1100);
    assert_int_equal(group(f)->n_teks, 1);
    assert_int_equal(mono_to_s(group(f)->teks[0].end), 4600);
    timers_fire(&f->timers, mono_s(4600 - 360));
    assert_int_equal(group(f)->n_teks, 2);
    assert_int_equal(mono_to_s(group(f)->teks[1].end), 4600 - 360 + 7200);
}

/* KS9: a changed suite makes a new key beside the old, which lives to its end as it was. */
static void another_suite_comes_beside_the_old(void **state)
{
    struct fixture *f = *state;
    uint32_t old = group(f)->teks[0].spi;

    reload(f, GROUP("ONE", "484", "", SA("10", "q", "a")), 1100);
    assert_int_equal(group(f)->n_teks, 2);
    assert_int_equal(group(f)->teks[0].spi, old);
    assert_int_equal(group(f)->teks[0].suite->id, SUITE_AES_GCM_256);
    assert_int_equal(group(f)->teks[1].suite->id, SUITE_AES_GCM_128);
    assert_int_equal(group(f)->teks[1].key.len, 20);
    timers_fire(&f->timers, mono_s(4600 - 360)); /* the old one has no successor of its kind */
    assert_int_equal(group(f)->n_teks, 2);
    timers_fire(&f->timers, mono_s(4600));
    assert_int_equal(group(f)->teks[0].suite->id, SUITE_AES_GCM_128);
    reload(f, one, 4650); /* and back */
    assert_int_equal(group(f)->teks[group(f)->n_teks - 1].suite->id, SUITE_AES_GCM_256);
}

static void new_numbers_get_a_key_and_old_ones_lose_theirs(void **state)
{
    struct fixture *f = *state;
    uint32_t spi = group(f)->teks[0].spi;

    reload(f, GROUP("ONE", "484", "", SA("10", "p", "a") ", " SA("20", "q", "b")), 1100);
    assert_int_equal(group(f)->n_teks, 2);
    assert_int_equal(group(f)->teks[0].spi, spi);
    assert_int_equal(group(f)->teks[1].number, 20);
    assert_int_equal(mono_to_s(group(f)->teks[1].end), 1100 + 3600);
    reload(f, GROUP("ONE", "484", "", SA("20", "q", "b")), 1200);
    assert_int_equal(group(f)->n_teks, 1);
    assert_int_equal(group(f)->teks[0].number, 20);
}

/* Decision: another identity is another group. A group is known by its identity, not by its name. */
static void another_identity_is_another_group(void **state)
{
    struct fixture *f = *state;
    uint32_t spi = group(f)->teks[0].spi;

    (void)join(f, "10.0.0.2", 484, 1001);
    reload(f, GROUP("RENAMED", "484", "", SA("10", "p", "a")), 1100);
    assert_null(group(f));
    assert_int_equal(ks_find(&f->ks, "RENAMED")->teks[0].spi, spi);
    assert_int_equal(ks_find(&f->ks, "RENAMED")->members.n, 1);
    reload(f, GROUP("RENAMED", "485", "", SA("10", "p", "a")), 1200);
    assert_int_not_equal(ks_find(&f->ks, "RENAMED")->teks[0].spi, spi);
    assert_int_equal(ks_find(&f->ks, "RENAMED")->members.n, 0);
    assert_int_equal(join(f, "10.0.0.2", 485, 1201), 0);
}

/* RFC 6054: ids of two widths would repeat IVs under one key, so the old keys end with the old width. */
static void another_width_of_sender_ids_begins_a_key_epoch(void **state)
{
    struct fixture *f = *state;
    uint32_t spi = group(f)->teks[0].spi;

    (void)join(f, "10.0.0.2", 484, 1001);
    reload(f, GROUP("ONE", "484", ", sender-id-bits: 16", SA("10", "p", "a")), 1100);
    assert_int_equal(group(f)->n_teks, 1);
    assert_int_not_equal(group(f)->teks[0].spi, spi);
    assert_int_equal(group(f)->ids.bits, 16);
    assert_int_equal(join(f, "10.0.0.3", 484, 1101), 0);
}

static void groups_come_and_go_without_touching_others(void **state)
{
    struct fixture *f = *state;
    uint32_t spi = group(f)->teks[0].spi;
    struct registration r = registration_of("10.0.0.2", 500);
    struct refusal why;
    struct policy p;

    reload(f, GROUP("TWO", "500", "", SA("1", "p", "b")) GROUP("ONE", "484", "", SA("10", "p", "a")), 1100);
    assert_int_equal(f->ks.n_groups, 2);
    assert_int_equal(group(f)->teks[0].spi, spi);
    (void)join(f, "10.0.0.2", 500, 1101);
    assert_int_equal(group(f)->members.n, 0);
    reload(f, one, 1200);
    assert_null(ks_find(&f->ks, "TWO"));
    assert_false(ks_request(&f->ks, &r, &p, &why, at(1201)));
    assert_int_equal(why.notify, ISAKMP_N_INVALID_ID_INFORMATION);
}

/* OP1: what can't be made whole is not made at all. */
static void a_change_that_fails_leaves_no_trace(void **state)
{
    struct fixture *f = *state;
    char error[KS_ERROR_MAX] = "";
    struct config *c = config_of(GROUP("ONE", "484", "", SA("10", "q", "b")) GROUP("TWO", "500", "", SA("1", "p", "b")));
    uint32_t spi = group(f)->teks[0].spi;
    mono_t next = timers_next(&f->timers);

    f->broken = true;
    assert_null(ks_prepare(&f->ks, c, mono_s(1100), error));
    assert_non_null(strstr(error, "ONE"));
    f->broken = false;
    ks_abandon(ks_prepare(&f->ks, c, mono_s(1100), error));
    assert_int_equal(f->ks.n_groups, 1);
    assert_int_equal(group(f)->n_teks, 1);
    assert_int_equal(group(f)->teks[0].spi, spi);
    assert_ptr_equal(group(f)->config, &f->config->groups[0]);
    assert_int_equal(timers_next(&f->timers).ns, next.ns);
    config_free(c);
}

/* Keys live to their ends and their number is bounded, so a change may have to wait. */
static void too_many_keys_at_once_are_refused(void **state)
{
    struct fixture *f = *state;
    char error[KS_ERROR_MAX] = "", many[2][4096];

    for (int k = 0; k < 2; k++) {
        char sas[3000] = "";

        for (int i = 1; i <= CONFIG_MAX_SAS; i++)
            snprintf(sas + strlen(sas), sizeof(sas) - strlen(sas), "%s{number: %d, profile: %s, acl: a, replay: none}",
                     i > 1 ? ", " : "", i, k ? "q" : "p");
        snprintf(many[k], sizeof(many[k]), "%s%s]}}\n",
                 "  - {name: ONE, identity: 484, key-server: {address: 10.0.0.1, authorize: {addresses: [\"permit any\"]}, sa: [",
                 sas);
    }
    reload(f, many[0], 1100);
    reload(f, many[1], 1100);
    assert_int_equal(group(f)->n_teks, 2 * CONFIG_MAX_SAS);
    struct config *c = config_of(many[1]);

    assert_null(ks_prepare(&f->ks, c, mono_s(1100 + 3600 - 360), error)); /* a third generation is due */
    assert_non_null(strstr(error, "more than 32 TEKs"));
    assert_int_equal(group(f)->n_teks, 2 * CONFIG_MAX_SAS);
    config_free(c);
}

/* New keys for the new ids: an id given before `clear` never meets a key given after it. */
static void clear_begins_a_key_epoch(void **state)
{
    struct fixture *f = *state;
    uint32_t spi = group(f)->teks[0].spi;
    uint8_t key[16];

    memcpy(key, group(f)->teks[0].key.b, sizeof(key));
    assert_int_equal(join(f, "10.0.0.2", 484, 1001), 0);
    assert_true(ks_epoch_clear(group(f), mono_s(1500)));
    assert_int_equal(group(f)->n_teks, 1);
    assert_int_not_equal(group(f)->teks[0].spi, spi);
    assert_memory_not_equal(group(f)->teks[0].key.b, key, sizeof(key));
    assert_int_equal(mono_to_s(group(f)->teks[0].end), 1500 + 3600);
    assert_int_equal(group(f)->members.n, 0);
    assert_int_equal(join(f, "10.0.0.3", 484, 1501), 0);
    f->broken = true;
    spi = group(f)->teks[0].spi;
    assert_false(ks_epoch_clear(group(f), mono_s(1600)));
    f->broken = false;
    assert_int_equal(group(f)->teks[0].spi, spi);
    assert_int_equal(group(f)->members.n, 1);
}

/* A registration between its message 2 and 3 holds keys of the epoch that ended: it gets no ids of the new one. */
static void a_registration_from_before_a_change_is_refused(void **state)
{
    struct fixture *f = *state;
    struct registration r = registration_of("10.0.0.2", 484);
    struct refusal why;
    struct policy p;

    assert_true(ks_request(&f->ks, &r, &p, &why, at(1001)));
    assert_true(ks_epoch_clear(group(f), mono_s(1002)));
    assert_false(ks_accept(&f->ks, &r, &p, &why, at(1003)));
    assert_int_equal(why.notify, ISAKMP_N_REFUSED);
    assert_non_null(strstr(why.text, "meanwhile"));
    assert_int_equal(group(f)->ids.next, 0);
    assert_int_equal(group(f)->members.n, 0);
    policy_wipe(&p);

    assert_true(ks_request(&f->ks, &r, &p, &why, at(1004)));
    reload(f, GROUP("ONE", "484", "", SA("10", "p", "b")), 1005);
    assert_false(ks_accept(&f->ks, &r, &p, &why, at(1006))); /* it would run the old list for an hour */
    policy_wipe(&p);
    assert_true(ks_request(&f->ks, &r, &p, &why, at(1007)));
    reload(f, GROUP("ONE", "484", "", SA("10", "r", "b")), 1008); /* nothing that it holds has changed */
    assert_true(ks_accept(&f->ks, &r, &p, &why, at(1009)));
    policy_wipe(&p);
}

/* GM12: only a recorded member's own word counts, and only once. */
static void leaving_is_a_matrix(void **state)
{
    struct fixture *f = *state;
    struct registration r = registration_of("10.0.0.2", 484);
    const struct registration good = r;

    (void)join(f, "10.0.0.2", 484, 1001);
    (void)join(f, "10.0.0.3", 484, 1002);
    r.group.value = 485; /* another group */
    assert_false(ks_left(&f->ks, &r, at(1010)));
    r = good;
    r.group.is_address = true;
    assert_false(ks_left(&f->ks, &r, at(1010)));
    r = good;
    strcpy(r.identity, "10.0.0.3"); /* another member's address */
    assert_false(ks_left(&f->ks, &r, at(1010)));
    r = good;
    r.peer.addr.b[3] = 4; /* another address */
    assert_false(ks_left(&f->ks, &r, at(1010)));
    r = good;
    r.local.addr.b[3] = 9; /* another server's address */
    assert_false(ks_left(&f->ks, &r, at(1010)));
    assert_int_equal(ks_members_present(&group(f)->members), 2);
    assert_true(ks_knows(&f->ks, &good.peer.addr));

    assert_true(ks_left(&f->ks, &good, at(1010)));
    assert_int_equal(ks_members_present(&group(f)->members), 1);
    assert_true(ks_members_find(&group(f)->members, &good.peer.addr, "10.0.0.2")->left);
    assert_false(ks_knows(&f->ks, &good.peer.addr));
    assert_false(ks_left(&f->ks, &good, at(1020))); /* twice */
    assert_int_equal(mono_to_s(ks_members_find(&group(f)->members, &good.peer.addr, "10.0.0.2")->last_seen), 1010);

    assert_int_equal(join(f, "10.0.0.2", 484, 1030), 8); /* back, with ids of its own */
    assert_int_equal(ks_members_present(&group(f)->members), 2);
    assert_true(ks_knows(&f->ks, &good.peer.addr));
}

static void members_are_forgotten_by_address_or_all(void **state)
{
    struct fixture *f = *state;
    struct addr a;

    for (unsigned i = 2; i < 12; i++) {
        char peer[16];

        snprintf(peer, sizeof(peer), "10.0.0.%u", i);
        (void)join(f, peer, 484, 1001);
    }
    assert_true(addr_parse("10.0.0.5", &a));
    assert_int_equal(ks_members_forget(&group(f)->members, &a), 1);
    assert_int_equal(ks_members_forget(&group(f)->members, &a), 0);
    assert_int_equal(group(f)->members.n, 9);
    assert_null(ks_members_find(&group(f)->members, &a, "10.0.0.5"));
    assert_int_equal(ks_members_forget(&group(f)->members, NULL), 9);
    assert_int_equal(group(f)->members.n, 0);
    assert_int_equal(join(f, "10.0.0.5", 484, 1002), 40); /* ids aren't given back */
}

/* Isolation: every member of every group gets that group's keys and list, and no other's. */
static void groups_share_nothing(void **state)
{
    struct fixture *f = *state;
    static const uint32_t ids[] = {484, 500, 501};
    uint32_t seen[8];
    size_t n = 0;

    reload(f,
           GROUP("ONE", "484", "", SA("10", "p", "a") ", " SA("20", "q", "b")) GROUP("TWO", "500", "", SA("10", "p", "a"))
               GROUP("THREE", "501", "", SA("10", "q", "a") ", " SA("11", "p", "b")),
           1100);
    for (size_t g = 0; g < 3; g++) {
        struct registration r = registration_of("10.0.0.2", ids[g]);
        struct refusal why;
        struct policy p;

        assert_true(ks_request(&f->ks, &r, &p, &why, at(1101)));
        for (size_t i = 0; i < p.n_sas; i++) {
            for (size_t k = 0; k < n; k++)
                assert_int_not_equal(p.sas[i].spi, seen[k]);
            seen[n++] = p.sas[i].spi;
        }
        assert_true(ks_accept(&f->ks, &r, &p, &why, at(1102)));
        assert_int_equal(p.sender_ids[0], 0); /* each group counts its own */
        /* The policy of one group is nothing to another. */
        r.group.value = ids[(g + 1) % 3];
        assert_false(ks_accept(&f->ks, &r, &p, &why, at(1102)));
        policy_wipe(&p);
    }
    assert_int_equal(n, 5);
    assert_true(ks_epoch_clear(ks_find(&f->ks, "TWO"), mono_s(1200)));
    assert_int_equal(ks_find(&f->ks, "ONE")->teks[0].spi, seen[0]);
    assert_int_equal(ks_find(&f->ks, "ONE")->members.n, 1);
    assert_int_equal(ks_find(&f->ks, "TWO")->members.n, 0);
    assert_int_equal(ks_find(&f->ks, "THREE")->teks[1].spi, seen[4]);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(the_same_file_changes_nothing),
        T(another_list_keeps_the_keys),
        T(another_lifetime_holds_for_the_next_key),
        T(another_suite_comes_beside_the_old),
        T(new_numbers_get_a_key_and_old_ones_lose_theirs),
        T(another_identity_is_another_group),
        T(another_width_of_sender_ids_begins_a_key_epoch),
        T(groups_come_and_go_without_touching_others),
        T(a_change_that_fails_leaves_no_trace),
        T(too_many_keys_at_once_are_refused),
        T(clear_begins_a_key_epoch),
        T(a_registration_from_before_a_change_is_refused),
        T(leaving_is_a_matrix),
        T(members_are_forgotten_by_address_or_all),
        T(groups_share_nothing),
    };

    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
