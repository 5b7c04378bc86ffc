/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `replay`, `strict-sender`, `tag`, `mode` and every suite in a key server's file (KS11, KS12, DP2, DP5, DP10), with
 * everything supported: what is taken, what is refused and what is warned of.
 */
#include "ctrl/config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct config *load(const char *set, const char *acl, const char *lifetime, const char *sa, struct yaml_error *e)
{
    char text[2000];
    int n = snprintf(text, sizeof(text),
                     "gvpn: 1\n"
                     "legacy: true\n"
                     "ike: {listen: [10.0.0.1], pre-shared-keys: [{peer: 10.0.0.2, secret: \"0123456789abcdef0123456789abcdef\"}]}\n"
                     "acls: {a: %s}\n"
                     "transform-sets: {t: %s}\n"
                     "profiles: {p: {transform-set: t, lifetime: %s}}\n"
                     "groups:\n"
                     "  - name: ONE\n"
                     "    identity: 1\n"
                     "    key-server: {address: 10.0.0.1, authorize: {addresses: [permit any]}, sa: [%s]}\n",
                     acl, set, lifetime, sa);

    assert_true(n > 0 && (size_t)n < sizeof(text));
    *e = (struct yaml_error){.text = ""};
    return config_parse("f", text, (size_t)n, e);
}

#define ANY   "[permit ip any any]"
#define HOSTS "[permit gre host 10.0.0.2 host 10.0.0.3, permit gre host 10.0.0.3 host 10.0.0.2]"
#define GCM   "{suite: aes-gcm-128}"

static void methods_and_windows(void **state)
{
    static const struct {
        const char *text;
        enum replay_method replay;
        uint16_t window;
        bool tag, strict;
    } rows[] = {
        {"replay: none", REPLAY_NONE, 0, false, false},
        {"replay: none, tag: sgt", REPLAY_NONE, 0, true, false},
        {"replay: time", REPLAY_TIME, 100, false, false},
        {"replay: {time: 1s}", REPLAY_TIME, 1, false, false},
        {"replay: {time: 100s}, tag: none, strict-sender: false", REPLAY_TIME, 100, false, false},
        {"replay: {time: 1m}, tag: sgt, strict-sender: true", REPLAY_TIME, 60, true, true},
        {"replay: counter", REPLAY_COUNTER, 4096, false, false},
        {"replay: {counter: 64}", REPLAY_COUNTER, 64, false, false},
        {"replay: {counter: 1024}, tag: sgt", REPLAY_COUNTER, 1024, true, false},
        {"replay: {counter: 4096}", REPLAY_COUNTER, 4096, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char sa[200];
        struct yaml_error e;
        struct config *c;
        const struct config_sa *s;

        snprintf(sa, sizeof(sa), "{number: 10, profile: p, acl: a, %s}", rows[i].text);
        c = load(GCM, ANY, "1h", sa, &e);
        assert_string_equal(e.text, "");
        assert_non_null(c);
        assert_int_equal(c->n_lints, 0);
        s = &c->groups[0].ks.sas[0];
        assert_int_equal(s->replay, rows[i].replay);
        assert_int_equal(s->window, rows[i].window);
        assert_int_equal(s->tag, rows[i].tag);
        assert_int_equal(s->strict_sender, rows[i].strict);
        assert_false(s->transport);
        config_free(c);
    }
}

static void what_does_not_go_together(void **state)
{
    static const struct {
        const char *set, *sa, *want;
    } rows[] = {
        {GCM, "{number: 10, profile: p, acl: a, replay: none, strict-sender: true}",
         "f:10:142: strict-sender: strict-sender needs time replay, expected another value"},
        {GCM, "{number: 10, profile: p, acl: a, replay: {counter: 64}, strict-sender: true}",
         "f:10:151: strict-sender: strict-sender needs time replay, expected another value"},
        {"{suite: aes-cbc-128/hmac-sha256-128}", "{number: 10, profile: p, acl: a, replay: time, strict-sender: true}",
         "f:10:142: strict-sender: strict-sender needs a suite whose IVs are counters, expected another value"},
        {"{suite: aes-gcm-128, mode: transport}", "{number: 10, profile: p, acl: a, replay: {time: 10s}}",
         "f:10:121: replay: time replay doesn't go with transport mode, expected another value"},
        {"{suite: aes-gcm-128, mode: transport}", "{number: 10, profile: p, acl: a, replay: none, tag: sgt}",
         "f:10:132: tag: a tag doesn't go with transport mode, expected another value"},
        {GCM, "{number: 10, profile: p, acl: a, replay: {time: 0s}}", "f:10:128: time: '0s', expected 1s to 100s"},
        {GCM, "{number: 10, profile: p, acl: a, replay: {time: 101s}}", "f:10:128: time: '101s', expected 1s to 100s"},
        {GCM, "{number: 10, profile: p, acl: a, replay: {time: 100}}",
         "f:10:128: time: '100' has no unit, expected a duration such as 50us, 10ms, 30s, 15m, 1h or 30d"},
        {GCM, "{number: 10, profile: p, acl: a, replay: {counter: 63}}",
         "f:10:131: counter: '63', expected a number from 64 to 4096"},
        {GCM, "{number: 10, profile: p, acl: a, replay: {counter: 4097}}",
         "f:10:131: counter: '4097', expected a number from 64 to 4096"},
        {GCM, "{number: 10, profile: p, acl: a, replay: {}}",
         "f:10:121: replay: expected one of the keys 'time' and 'counter'"},
        {GCM, "{number: 10, profile: p, acl: a, replay: window}",
         "f:10:121: replay: 'window', expected none, {time: DURATION} or {counter: PACKETS}"},
        {GCM, "{number: 10, profile: p, acl: a, replay: none, tag: 7}",
         "f:10:132: tag: '7', expected one of: none, sgt"},
        {"{suite: aes-gcm-128, mode: bridge}", "{number: 10, profile: p, acl: a, replay: none}",
         "f:5:48: mode: 'bridge', expected one of: tunnel, transport"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct yaml_error e;
        struct config *c = load(rows[i].set, ANY, "1h", rows[i].sa, &e);

        if (c)
            fail_msg("accepted: %s", rows[i].sa);
        assert_string_equal(e.text, rows[i].want);
    }
}

static void what_is_warned_of(void **state)
{
    static const struct {
        const char *set, *acl, *lifetime, *sa, *want; /* NULL: nothing */
    } rows[] = {
        {GCM, ANY, "2h", "{number: 10, profile: p, acl: a, replay: time}", NULL},
        {GCM, ANY, "121m", "{number: 10, profile: p, acl: a, replay: time}",
         "f:10:121: replay: without rekey members set their clocks when they register, better a lifetime of at most 2h"},
        {GCM, ANY, "24h", "{number: 10, profile: p, acl: a, replay: counter}", NULL},
        {"{suite: aes-gcm-128, mode: transport}", HOSTS, "1h", "{number: 10, profile: p, acl: a, replay: none}", NULL},
        {"{suite: aes-gcm-128, mode: transport}", HOSTS, "1h", "{number: 10, profile: p, acl: a, replay: counter}", NULL},
        {"{suite: aes-gcm-128, mode: transport}", ANY, "1h", "{number: 10, profile: p, acl: a, replay: none}",
         "f:10:110: acl: transport mode is for packets between the members themselves, but entry 1 isn't from host to host"},
        {"{suite: aes-gcm-128, mode: transport}", "[deny ip any any]", "1h", "{number: 10, profile: p, acl: a, replay: none}",
         "f:4:8: a: permits nothing, so it protects nothing"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct yaml_error e;
        struct config *c = load(rows[i].set, rows[i].acl, rows[i].lifetime, rows[i].sa, &e);

        assert_string_equal(e.text, "");
        assert_non_null(c);
        if (rows[i].want) {
            assert_true(c->n_lints > 0);
            assert_string_equal(c->lints[0], rows[i].want);
        } else {
            assert_string_equal(c->n_lints ? c->lints[0] : "", "");
        }
        config_free(c);
    }
}

static void every_suite_in_both_modes(void **state)
{
    (void)state;
    for (unsigned id = SUITE_NONE + 1; id < SUITE_COUNT; id++) {
        for (unsigned transport = 0; transport < 2; transport++) {
            char set[100];
            struct yaml_error e;
            struct config *c;

            snprintf(set, sizeof(set), "{suite: %s, mode: %s}", suite_by_id(id)->name, transport ? "transport" : "tunnel");
            c = load(set, HOSTS, "1h", "{number: 10, profile: p, acl: a, replay: none}", &e);
            assert_string_equal(e.text, "");
            assert_non_null(c);
            assert_ptr_equal(c->groups[0].ks.sas[0].suite, suite_by_id(id));
            assert_int_equal(c->groups[0].ks.sas[0].transport, transport);
            config_free(c);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_and_windows),
        cmocka_unit_test(what_does_not_go_together),
        cmocka_unit_test(what_is_warned_of),
        cmocka_unit_test(every_suite_in_both_modes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
