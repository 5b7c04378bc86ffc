/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The clock of a group (KS11), the two members of counter replay (KS12) and features that members lack (KS16), with
 * everything supported.
 */
#include "ctrl/isakmp/isakmp.h"
#include "ctrl/ks/ks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FILE_WITH(replay)                                                                                              \
    "gvpn: 1\n"                                                                                                        \
    "ike: {listen: [10.0.0.1], pre-shared-keys: [{peer: 0.0.0.0/0, secret: \"0123456789abcdef0123456789abcdef\"}]}\n"   \
    "acls: {a: [permit ip any any]}\n"                                                                                 \
    "transform-sets: {t: {suite: aes-gcm-128}}\n"                                                                      \
    "profiles: {p: {transform-set: t, lifetime: 1h}}\n"                                                                \
    "groups: [{name: ONE, identity: 1, key-server: {address: 10.0.0.1, sa: [{number: 10, profile: p, acl: a, " replay  \
    "}]}}]\n"

struct fixture {
    struct timers timers, real_timers;
    struct env env;
    uint32_t seed;
    struct config *config;
    struct ks ks;
};

static bool fake_random(void *ctx, void *out, size_t len)
{
    struct fixture *f = ctx;

    for (size_t i = 0; i < len; i++) {
        f->seed = f->seed * 1103515245 + 12345;
        ((uint8_t *)out)[i] = (uint8_t)(f->seed >> 16);
    }
    return true;
}

static struct config *parse(const char *text)
{
    struct yaml_error e = {.text = ""};
    struct config *c = config_parse("test.yaml", text, strlen(text), &e);

    if (!c)
        print_error("%s\n", e.text);
    assert_non_null(c);
    return c;
}

static void start(struct fixture *f, const char *text)
{
    *f = (struct fixture){.seed = 1};
    timers_init(&f->timers);
    timers_init(&f->real_timers);
    f->env = (struct env){.ctx = f, .random = fake_random, .timers = &f->timers, .real_timers = &f->real_timers};
    f->config = parse(text);
    assert_true(ks_init(&f->ks, f->config, &f->env, mono_s(1000)));
}

static void stop(struct fixture *f)
{
    ks_free(&f->ks);
    config_free(f->config);
    timers_free(&f->timers);
    timers_free(&f->real_timers);
}

static void reload(struct fixture *f, const char *text, int64_t s)
{
    char error[KS_ERROR_MAX];
    struct config *c = parse(text);
    struct ks_change *change = ks_prepare(&f->ks, c, mono_s(s), error);

    assert_non_null(change);
    ks_commit(&f->ks, change);
    config_free(f->config);
    f->config = c;
}

static struct now at_ms(int64_t ms)
{
    return (struct now){.scaled = mono_ms(ms), .real = mono_ms(ms)};
}

static struct registration of(const char *peer, uint64_t features)
{
    struct registration r = {.group.value = 1, .sender_ids_wanted = 4};

    assert_true(addr_parse(peer, &r.peer.addr) && addr_parse("10.0.0.1", &r.local.addr));
    snprintf(r.identity, sizeof(r.identity), "%s", peer);
    r.features = (struct peer_features){.ours = true, .version = 0x100, .features = features};
    return r;
}

/* Both messages of a registration; returns the pseudotime that it gave, -1 when it was refused. */
static int64_t join(struct fixture *f, const char *peer, int64_t request_ms, int64_t accept_ms, struct refusal *why)
{
    struct registration r = of(peer, FEATURES_KNOWN);
    struct policy p;
    int64_t given = -1;

    if (!ks_request(&f->ks, &r, &p, why, at_ms(request_ms)))
        return -1;
    assert_true(p.has_pseudotime);
    if (ks_accept(&f->ks, &r, &p, why, at_ms(accept_ms)))
        given = (int64_t)p.pseudotime_ms;
    policy_wipe(&p);
    return given;
}

static int64_t clock_at(struct fixture *f, int64_t ms)
{
    return (int64_t)ks_pseudotime_ms(&f->ks.groups[0]->pseudotime, mono_ms(ms));
}

static void the_clock_starts_with_the_first_registration(void **state)
{
    struct fixture f;
    struct refusal why;
    struct registration r = of("10.0.0.9", FEATURES_KNOWN);
    struct policy p;

    (void)state;
    start(&f, FILE_WITH("replay: {time: 100s}"));
    assert_false(f.ks.groups[0]->pseudotime.runs);
    assert_true(ks_request(&f.ks, &r, &p, &why, at_ms(2000000))); /* asked only: nothing begins (RFC 6407 3.2) */
    assert_int_equal(p.pseudotime_ms, 0);
    assert_false(f.ks.groups[0]->pseudotime.runs);
    policy_wipe(&p);
    assert_int_equal(clock_at(&f, 3000000), 0);
    assert_int_equal(join(&f, "10.0.0.2", 3000000, 3000040, &why), 0);
    assert_int_equal(clock_at(&f, 3000040), 40); /* what the member was given was right when it was given */
    assert_int_equal(join(&f, "10.0.0.3", 3007000, 3007100, &why), 7000);
    assert_int_equal(clock_at(&f, 3600000), 600000);
    stop(&f);
}

static void two_first_members_get_one_clock(void **state)
{
    static const struct {
        const char *file;
        int64_t apart_ms;
        bool ok;
    } rows[] = {
        {FILE_WITH("replay: {time: 100s}"), 1000, true}, {FILE_WITH("replay: {time: 100s}"), 1001, false},
        {FILE_WITH("replay: {time: 1s}"), 125, true},    {FILE_WITH("replay: {time: 1s}"), 126, false},
        {FILE_WITH("replay: none"), 50000, true}, /* nobody looks at the time */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int swapped = 0; swapped < 2; swapped++) {
            struct registration a = of("10.0.0.2", FEATURES_KNOWN), b = of("10.0.0.3", FEATURES_KNOWN);
            struct policy pa, pb;
            struct refusal why;
            struct fixture f;

            start(&f, rows[i].file);
            assert_true(ks_request(&f.ks, &a, &pa, &why, at_ms(2000000)));
            assert_true(ks_request(&f.ks, &b, &pb, &why, at_ms(2000000 + rows[i].apart_ms)));
            assert_true(ks_accept(&f.ks, swapped ? &b : &a, swapped ? &pb : &pa, &why, at_ms(2060000)));
            assert_int_equal(ks_accept(&f.ks, swapped ? &a : &b, swapped ? &pa : &pb, &why, at_ms(2060000)), rows[i].ok);
            if (!rows[i].ok) {
                assert_string_equal(why.text, "the group's clock was started meanwhile; try again");
                assert_int_equal(f.ks.groups[0]->members.n, 1);
                assert_true(join(&f, swapped ? "10.0.0.2" : "10.0.0.3", 2070000, 2070000, &why) > 0);
            }
            policy_wipe(&pa);
            policy_wipe(&pb);
            stop(&f);
        }
    }
}

static void a_reload_keeps_the_clock_and_a_new_epoch_starts_it_anew(void **state)
{
    struct fixture f;
    struct refusal why;

    (void)state;
    start(&f, FILE_WITH("replay: none"));
    assert_int_equal(join(&f, "10.0.0.2", 2000000, 2000000, &why), 0);
    reload(&f, FILE_WITH("replay: {time: 10s}"), 2100);
    assert_int_equal(clock_at(&f, 2200000), 200000);
    assert_int_equal(join(&f, "10.0.0.2", 2200000, 2200000, &why), 200000);
    assert_true(ks_epoch_clear(f.ks.groups[0], mono_s(2300)));
    assert_false(f.ks.groups[0]->pseudotime.runs); /* with new keys only */
    assert_int_equal(join(&f, "10.0.0.2", 2400000, 2400000, &why), 0);
    stop(&f);
}

/* KS9: what packets must carry, or how they are judged, is another SA; the window holds for the next one made. */
static void changes_of_what_packets_carry_make_new_keys(void **state)
{
    static const struct {
        const char *before, *after;
        size_t teks;
    } rows[] = {
        {FILE_WITH("replay: none"), FILE_WITH("replay: {time: 10s}"), 2},
        {FILE_WITH("replay: {time: 10s}"), FILE_WITH("replay: {counter: 64}"), 2},
        {FILE_WITH("replay: none"), FILE_WITH("replay: none, tag: sgt"), 2},
        {FILE_WITH("replay: {time: 10s}, strict-sender: true"), FILE_WITH("replay: {time: 10s}"), 2},
        {FILE_WITH("replay: {time: 10s}"), FILE_WITH("replay: {time: 99s}"), 1},
        {FILE_WITH("replay: {counter: 64}"), FILE_WITH("replay: {counter: 1024}"), 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture f;
        struct policy p;

        start(&f, rows[i].before);
        reload(&f, rows[i].after, 1100);
        assert_int_equal(f.ks.groups[0]->n_teks, rows[i].teks);
        assert_true(ks_group_policy(f.ks.groups[0], &p, mono_s(1100)));
        assert_int_equal(p.sas[0].replay, f.ks.groups[0]->teks[0].replay);
        assert_int_equal(p.sas[0].window, f.ks.groups[0]->teks[0].window);
        assert_int_equal(p.sas[p.n_sas - 1].tag, f.config->groups[0].ks.sas[0].tag);
        assert_int_equal(p.sas[p.n_sas - 1].strict_sender, f.config->groups[0].ks.sas[0].strict_sender);
        policy_wipe(&p);
        stop(&f);
    }
}

static void counter_replay_is_for_two(void **state)
{
    struct fixture f;
    struct refusal why;

    (void)state;
    start(&f, FILE_WITH("replay: {counter: 64}"));
    assert_int_equal(join(&f, "10.0.0.2", 2000000, 2000000, &why), 0);
    assert_true(join(&f, "10.0.0.3", 2000000, 2000000, &why) >= 0);
    assert_int_equal(join(&f, "10.0.0.4", 2001000, 2001000, &why), -1);
    assert_int_equal(why.notify, ISAKMP_N_REFUSED);
    assert_string_equal(why.text, "counter replay is for 2 members, and the group has them");
    assert_int_equal(f.ks.groups[0]->members.n, 2);
    assert_true(join(&f, "10.0.0.3", 2002000, 2002000, &why) >= 0); /* those two as often as they like */
    /* one leaves: there is a place */
    struct registration r = of("10.0.0.2", FEATURES_KNOWN);
    assert_true(ks_left(&f.ks, &r, at_ms(2003000)));
    assert_true(join(&f, "10.0.0.4", 2004000, 2004000, &why) >= 0);
    assert_int_equal(join(&f, "10.0.0.2", 2005000, 2005000, &why), -1);
    /* one renews when the next key is there, the other is silent until its keys have ended: there is a place, too */
    timers_fire(&f.timers, mono_s(4300));
    assert_true(join(&f, "10.0.0.4", 4300000, 4300000, &why) >= 0);
    assert_int_equal(join(&f, "10.0.0.2", 4599000, 4599000, &why), -1);
    timers_fire(&f.timers, mono_s(4600));
    assert_true(join(&f, "10.0.0.2", 4600000, 4600000, &why) >= 0);
    assert_int_equal(join(&f, "10.0.0.5", 4601000, 4601000, &why), -1);
    stop(&f);
}

/* Two may have asked at once; the third message decides. */
static void the_last_place_is_given_once(void **state)
{
    struct registration b = of("10.0.0.3", FEATURES_KNOWN), c = of("10.0.0.4", FEATURES_KNOWN);
    struct policy pb, pc;
    struct refusal why;
    struct fixture f;

    (void)state;
    start(&f, FILE_WITH("replay: {counter: 64}"));
    assert_true(join(&f, "10.0.0.2", 2000000, 2000000, &why) >= 0);
    assert_true(ks_request(&f.ks, &b, &pb, &why, at_ms(2000000)));
    assert_true(ks_request(&f.ks, &c, &pc, &why, at_ms(2000000)));
    assert_true(ks_accept(&f.ks, &c, &pc, &why, at_ms(2000000)));
    assert_false(ks_accept(&f.ks, &b, &pb, &why, at_ms(2000000)));
    assert_string_equal(why.text, "counter replay is for 2 members, and the group has them");
    policy_wipe(&pb);
    policy_wipe(&pc);
    stop(&f);
}

static void a_member_that_lacks_a_feature_is_refused_by_its_name(void **state)
{
    static const struct {
        const char *file;
        uint64_t has, missing;
        const char *text;
    } rows[] = {
        {FILE_WITH("replay: {time: 10s}"), FEATURE_ORDERED_POLICY, FEATURE_TIME_REPLAY, "the member lacks: time replay"},
        {FILE_WITH("replay: {counter: 64}"), FEATURE_ORDERED_POLICY | FEATURE_TIME_REPLAY, FEATURE_COUNTER_REPLAY,
         "the member lacks: counter replay"},
        {FILE_WITH("replay: {time: 10s}, tag: sgt, strict-sender: true"), FEATURE_ORDERED_POLICY | FEATURE_TIME_REPLAY,
         FEATURE_TAG | FEATURE_STRICT_SENDER, "the member lacks: tag, strict sender"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct registration lacks = of("10.0.0.2", rows[i].has), other = of("10.0.0.3", 0);
        struct refusal why;
        struct policy p;
        struct fixture f;

        start(&f, rows[i].file);
        assert_false(ks_request(&f.ks, &lacks, &p, &why, at_ms(2000000)));
        assert_int_equal(why.notify, ISAKMP_N_REFUSED);
        assert_true(why.missing == rows[i].missing);
        assert_string_equal(why.text, rows[i].text);
        other.features = (struct peer_features){.ours = false, .features = UINT64_MAX};
        assert_false(ks_request(&f.ks, &other, &p, &why, at_ms(2000000)));
        assert_true((why.missing & rows[i].missing) == rows[i].missing);
        assert_int_equal(f.ks.groups[0]->refusals, 2);
        lacks.features.features |= rows[i].missing;
        assert_true(ks_request(&f.ks, &lacks, &p, &why, at_ms(2000000)));
        policy_wipe(&p);
        stop(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_clock_starts_with_the_first_registration),
        cmocka_unit_test(two_first_members_get_one_clock),
        cmocka_unit_test(a_reload_keeps_the_clock_and_a_new_epoch_starts_it_anew),
        cmocka_unit_test(changes_of_what_packets_carry_make_new_keys),
        cmocka_unit_test(counter_replay_is_for_two),
        cmocka_unit_test(the_last_place_is_given_once),
        cmocka_unit_test(a_member_that_lacks_a_feature_is_refused_by_its_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
