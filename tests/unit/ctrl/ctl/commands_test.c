/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Operator commands on a key server and a member without data plane: exit codes, the keys that scripts read, what `clear`
 * really clears, and that every answer is JSON and no answer holds a key (OP2; the table of exit codes in docs/operation.md).
 */
#include "tests/unit/ctrl/ctl/ctl_fixture.h"

static const char *const file =
    "gvpn: 1\n"
    "ike: {listen: [10.0.0.1], pre-shared-keys: [{peer: 10.0.0.0/24, secret: \"Never-shown-0123456789abcdef0123\"}]}\n"
    "acls: {a: [\"permit ip 10.1.0.0/16 10.1.0.0/16\"]}\n"
    "transform-sets: {t: {suite: aes-gcm-256}}\n"
    "profiles: {p: {transform-set: t, lifetime: 1h}}\n"
    "groups:\n"
    "  - {name: ONE, identity: 484, key-server: {address: 10.0.0.1, sa: [{number: 10, profile: p, acl: a, replay: none}]}}\n"
    "  - {name: GM, identity: 485, member: {key-servers: [10.0.0.9], data-plane: {pair: wan}}}\n";

static bool on_reload(void *ctx, struct ctl_reload *out)
{
    const struct fixture *f = ctx;

    *out = (struct ctl_reload){.file = "gvpnd.yaml", .config = f->reload_works ? f->config : NULL};
    if (!f->reload_works)
        snprintf(out->error, sizeof(out->error), "gvpnd.yaml:3:1: unknown key 'x'");
    return f->reload_works;
}

static int set_up(void **state)
{
    struct fixture *f = fixture_open(file);

    f->hooks.reload = on_reload;
    *state = f;
    return 0;
}

/* ask(), and no answer holds the file's secret. */
static int run(struct fixture *f, const char *line)
{
    int code = ask(f, line);

    assert_null(strstr(f->text, "Never-shown"));
    return code;
}

static const struct {
    const char *line;
    int code;
} exit_codes[] = {
    {"status", CTL_DEGRADED}, /* the member has no data plane */
    {"show group", CTL_OK},
    {"show group NONE", CTL_NOT_FOUND},
    {"show ks members ONE", CTL_OK},
    {"show ks members GM", CTL_NOT_FOUND},
    {"show ipsec sa", CTL_OK},
    {"show isakmp sa", CTL_OK},
    {"show version", CTL_OK},
    {"show events", CTL_OK},
    {"show events 5", CTL_OK},
    {"show events 0", CTL_USAGE},
    {"show events 1001", CTL_USAGE},
    {"show events x", CTL_USAGE},
    {"show events 5 5", CTL_USAGE},
    {"show log-messages", CTL_OK},
    {"show counters", CTL_UNREACHABLE},
    {"show ports", CTL_UNREACHABLE},
    {"show ports --pair wan", CTL_UNREACHABLE},
    {"show ports --pair lan", CTL_NOT_FOUND},
    {"show ports wan", CTL_USAGE},
    {"show workers", CTL_UNREACHABLE},
    {"explain 10.1.0.1 10.1.0.2 icmp", CTL_UNREACHABLE},
    {"explain --pair nowhere 10.1.0.1 10.1.0.2 icmp", CTL_NOT_FOUND},
    {"explain --vlan 10 2001:db8::1 2001:db8::2 icmpv6", CTL_UNREACHABLE},
    {"explain --in --vlan 4094 2001:db8::1 2001:db8::2 udp 1 2", CTL_UNREACHABLE},
    {"explain --vlan 4095 10.1.0.1 10.1.0.2 icmp", CTL_USAGE},
    {"explain 2001:db8::1 2001:db8::2 icmp", CTL_USAGE},
    {"explain 10.1.0.1 10.1.0.2 icmpv6", CTL_USAGE},
    {"explain 10.1.0.1 2001:db8::2 udp 1 2", CTL_USAGE},
    {"clear counters", CTL_OK},
    {"clear counters now", CTL_USAGE},
    {"clear group", CTL_USAGE},
    {"clear group NONE", CTL_NOT_FOUND},
    {"clear group GM", CTL_OK},
    {"clear ks members", CTL_USAGE},
    {"clear ks members GM", CTL_NOT_FOUND},
    {"clear ks members ONE 10.0.0.77", CTL_NOT_FOUND},
    {"clear ks members ONE somebody", CTL_USAGE},
    {"reload", CTL_FAILURE},
    {"reload now", CTL_USAGE},
    {"show gm", CTL_OK},
    {"show gm GM", CTL_OK},
    {"show gm ONE", CTL_NOT_FOUND}, /* a key server's */
    {"gm direction GM inbound-only", CTL_OK},
    {"gm direction GM inbound-optional", CTL_OK},
    {"gm direction GM both", CTL_OK},
    {"gm direction GM", CTL_USAGE},
    {"gm direction GM outbound", CTL_USAGE},
    {"gm direction GM both now", CTL_USAGE},
    {"gm direction ONE both", CTL_NOT_FOUND}, /* a key server's */
    {"show gm NONE", CTL_NOT_FOUND},
    {"show acl", CTL_OK},
    {"show acl ONE", CTL_OK},
    {"show acl GM", CTL_OK},
    {"show acl NONE", CTL_NOT_FOUND},
    {"show fail-close", CTL_OK},
    {"show fail-close GM", CTL_OK},
    {"show fail-close NONE", CTL_NOT_FOUND},
    {"show ruleset", CTL_UNREACHABLE},
    {"show ruleset --pair wan", CTL_UNREACHABLE},
    {"show ruleset --pair lan", CTL_NOT_FOUND},
    {"show ks policy", CTL_OK},
    {"show ks policy ONE", CTL_OK},
    {"show ks policy GM", CTL_NOT_FOUND},
    {"show ks replay", CTL_OK},
    {"show ks replay ONE", CTL_OK},
    {"show ks replay GM", CTL_NOT_FOUND},
    {"show ks replay ONE more", CTL_USAGE},
    {"show gm replay", CTL_OK},
    {"show gm replay GM", CTL_OK},
    {"show gm replay ONE", CTL_NOT_FOUND},
    {"clear gm replay", CTL_OK},
    {"clear gm replay GM", CTL_USAGE}, /* there is no clearing of one group */
    {"show feature", CTL_OK},
    {"show feature ordered-policy", CTL_OK},
    {"show feature flying", CTL_NOT_FOUND},
    {"status now", CTL_USAGE}, /* words too many are not passed over */
    {"show group ONE ONE", CTL_USAGE},
    {"show version 2", CTL_USAGE},
    {"sho group", CTL_USAGE}, /* no abbreviations: a script's typing error must not be another command */
    {"show", CTL_USAGE},
    {"show ks", CTL_USAGE},
    {"show ks nonsense", CTL_USAGE},
    {"gm", CTL_USAGE},
    {"nonsense", CTL_USAGE},
    {"", CTL_USAGE},
};

static void exit_codes_are_a_table(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(exit_codes) / sizeof(exit_codes[0]); i++) {
        int code = run(f, exit_codes[i].line);

        if (code != exit_codes[i].code)
            fail_msg("%s: %d, expected %d: %s", exit_codes[i].line, code, exit_codes[i].code, f->text);
    }
}

/* Named by the contract, but what they show or do isn't in this version: said, and told apart from a typing error. */
static void what_this_version_lacks_says_so(void **state)
{
    struct fixture *f = *state;
    static const char *const lines[] = {
        "show ks coop", "trace", "trace --count 5", "clear ks coop role ONE", "plan gvpnd.yaml",
        "debug ike debug", "monitor", "top",
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_int_equal(run(f, lines[i]), CTL_FAILURE);
        if (!strstr(referee_text(f->text, "error"), ": not supported by this version"))
            fail_msg("%s: %s", lines[i], f->text);
    }
}

static void wrong_words_are_answered_with_what_is_possible(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(run(f, "show ks"), CTL_USAGE);
    assert_string_equal(referee_text(f->text, "error"), "show ks: expected one of: members, policy, rekey, replay, coop");
    assert_int_equal(run(f, "show ks membres ONE"), CTL_USAGE);
    assert_string_equal(referee_text(f->text, "error"),
                        "show ks membres: no such command; expected one of: members, policy, rekey, replay, coop");
    assert_int_equal(run(f, "stat"), CTL_USAGE);
    assert_string_equal(referee_text(f->text, "error"),
                        "stat: no such command; expected one of: status, show, explain, trace, rekey, clear, gm, check, reload, "
                        "plan, debug, monitor, top, tech-support");
    assert_int_equal(run(f, "show"), CTL_USAGE);
    assert_string_equal(referee_text(f->text, "error"),
                        "show: expected one of: group, gm, isakmp, ipsec, acl, ruleset, ks, feature, counters, ports, workers, "
                        "fail-close, events, version, log-messages");
}

static void reload_says_what_was_wrong_or_what_is_in_effect(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(run(f, "reload"), CTL_FAILURE);
    assert_string_equal(referee_text(f->text, "error"), "gvpnd.yaml:3:1: unknown key 'x'");
    assert_int_equal(referee_number(f->text, "reloaded"), 0);
    f->reload_works = true;
    assert_int_equal(run(f, "reload"), CTL_OK);
    assert_int_equal(referee_number(f->text, "reloaded"), 1);
    assert_int_equal(referee_number(f->text, "groups"), 2);
    assert_string_equal(referee_text(f->text, "file"), "gvpnd.yaml");
    assert_int_equal(referee_size(f->text, "warnings"), f->config->n_lints);
    assert_true(f->config->n_lints > 0); /* no `authorize` */
}

static void clear_ks_members_forgets_entries_only(void **state)
{
    struct fixture *f = *state;
    struct ks_group *g = ks_find(roles_ks(f->roles), "ONE");
    uint32_t spi = g->teks[0].spi;

    join(f, "10.0.0.2", 484, FEATURE_ORDERED_POLICY);
    join(f, "10.0.0.3", 484, FEATURE_ORDERED_POLICY);
    join(f, "10.0.0.4", 484, FEATURE_ORDERED_POLICY);
    assert_int_equal(run(f, "clear ks members ONE 10.0.0.3"), CTL_OK);
    assert_int_equal(referee_number(f->text, "members_forgotten"), 1);
    assert_true(referee_has(f->text, "note"));
    assert_int_equal(run(f, "clear ks members ONE"), CTL_OK);
    assert_int_equal(referee_number(f->text, "members_forgotten"), 2);
    assert_int_equal(g->teks[0].spi, spi);
    assert_int_equal(g->ids.next, 12);
}

static void clear_group_on_the_key_server_makes_new_keys(void **state)
{
    struct fixture *f = *state;
    struct ks_group *g = ks_find(roles_ks(f->roles), "ONE");
    uint32_t spi = g->teks[0].spi;

    join(f, "10.0.0.2", 484, FEATURE_ORDERED_POLICY);
    assert_int_equal(run(f, "clear group ONE"), CTL_OK);
    assert_string_equal(referee_text(f->text, "role"), "key-server");
    assert_int_equal(referee_number(f->text, "members_forgotten"), 1);
    assert_int_equal(referee_number(f->text, "new_teks"), 1);
    assert_true(referee_has(f->text, "note"));
    assert_int_not_equal(g->teks[0].spi, spi);
    assert_int_equal(g->ids.next, 0);
    assert_int_equal(g->members.n, 0);
}

static void members_that_left_are_shown_as_left(void **state)
{
    struct fixture *f = *state;
    struct registration r = {.group.value = 484};

    join(f, "10.0.0.2", 484, FEATURE_ORDERED_POLICY);
    assert_int_equal(run(f, "show ks members"), CTL_OK);
    assert_non_null(strstr(f->text, "\"state\":\"registered\""));
    assert_non_null(strstr(f->text, "\"left_s_ago\":null"));
    assert_true(addr_parse("10.0.0.2", &r.peer.addr) && addr_parse("10.0.0.1", &r.local.addr));
    strcpy(r.identity, "10.0.0.2");
    assert_true(ks_left(roles_ks(f->roles), &r, loop_now(f->loop)));
    assert_int_equal(run(f, "show ks members"), CTL_OK);
    assert_non_null(strstr(f->text, "\"state\":\"left\""));
    assert_non_null(strstr(f->text, "\"left_s_ago\":0"));
}

static void events_come_newest_last(void **state)
{
    struct fixture *f = *state;

    log_msg(CONFIG_LINT, "the one before");
    log_msg(CONFIG_LINT, "the last one");
    assert_int_equal(run(f, "show events 1"), CTL_OK);
    assert_int_equal(referee_size(f->text, "events"), 1);
    assert_non_null(strstr(f->text, "the last one"));
    assert_non_null(strstr(f->text, "\"mnemonic\":\"GVPN-4-CONFIG_LINT\",\"severity\":4"));
    assert_int_equal(run(f, "show events"), CTL_OK);
    assert_int_equal(referee_size(f->text, "events"), events_count(f->events));
    assert_true(strstr(f->text, "the one before") < strstr(f->text, "the last one"));
    f->hooks.events = NULL;
    assert_int_equal(run(f, "show events"), CTL_OK);
    assert_int_equal(referee_size(f->text, "events"), 0);
}

static void every_log_message_is_listed(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(run(f, "show log-messages"), CTL_OK);
    assert_int_equal(referee_size(f->text, "messages"), LOG_ID_COUNT);
    for (unsigned id = 0; id < LOG_ID_COUNT; id++)
        assert_non_null(strstr(f->text, log_mnemonic(id)));
}

static void the_key_servers_policy_is_shown_without_keys(void **state)
{
    struct fixture *f = *state;
    struct ks_group *g = ks_find(roles_ks(f->roles), "ONE");
    char spi[32];

    assert_int_equal(run(f, "show ks policy"), CTL_OK);
    snprintf(spi, sizeof(spi), "\"spi\":\"0x%08x\"", (unsigned)g->teks[0].spi);
    assert_non_null(strstr(f->text, spi));
    assert_non_null(strstr(f->text, "\"number\":10,\"suite\":\"aes-gcm-256\",\"mode\":\"tunnel\",\"replay\":\"none\""));
    assert_non_null(strstr(f->text, "\"text\":\"permit ip 10.1.0.0/16 10.1.0.0/16\""));
    assert_non_null(strstr(f->text, "\"authorize\":null")); /* everybody */
    /* The key lives 3600 s; the next one is made before its end by the offset of KS5. */
    assert_non_null(strstr(f->text, "\"lifetime_s\":3600"));
    assert_int_equal(mono_to_s(ks_schedule_tek_offset(3600)), 360);
    assert_true(strstr(f->text, "\"next_key_in_s\":3239") || strstr(f->text, "\"next_key_in_s\":3240"));
}

static void the_clock_of_a_group_begins_with_its_first_member(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(run(f, "show ks replay ONE"), CTL_OK);
    assert_non_null(strstr(f->text, "\"pseudotime_ms\":null,\"started_s_ago\":null,\"members\":0,\"members_most\":null"));
    assert_non_null(strstr(f->text, "\"method\":\"none\",\"window_s\":null,\"window_packets\":null"));
    join(f, "10.0.0.2", 484, FEATURE_ORDERED_POLICY);
    assert_int_equal(run(f, "show ks replay ONE"), CTL_OK);
    assert_non_null(strstr(f->text, "\"started_s_ago\":0,\"members\":1"));
    ks_find(roles_ks(f->roles), "ONE")->pseudotime.zero = mono_sub(loop_now(f->loop).scaled, mono_ms(123456));
    assert_int_equal(run(f, "status"), CTL_DEGRADED);
    assert_non_null(strstr(f->text, "\"pseudotime_ms\":1234"));
    assert_int_equal(run(f, "show gm replay"), CTL_OK);
    assert_non_null(strstr(f->text, "\"pseudotime_ms\":null,\"synchronised_s_ago\":null,\"round_trip_ms\":null,\"sas\":[]"));
}

/* GM3, GM4, GM8: a member with a KEK, for whom receive-only was lifted. */
static void a_members_kek_is_shown(void **state)
{
    struct fixture *f = *state;
    struct gm *gm = roles_member(f->roles, 0);
    struct acl_entry e[2];
    const char *error;
    size_t column;

    gm_attached(gm, 7, 1, loop_now(f->loop));
    gm_set_own(gm, &(struct addr){.family = 4, .b = {10, 0, 0, 2}});
    gm_server_announced(gm, &(struct peer_features){.ours = true, .version = 0x010203});
    for (unsigned i = 0; i < 2; i++) {
        struct policy p;

        policy_init(&p);
        p.has_kek = true;
        p.kek = (struct policy_kek){.spi = {0xab}, .cipher = 3, .key_bits = 256, .signature = 4, .signature_bits = 256, .lifetime_s = 86400, .ack = 1,
                                    .destination = {.addr = addr_v4(0xefc001be), .port = 848}};
        p.rekey_number = 41;
        p.receive_only = i == 0;
        p.n_sas = 1;
        p.sas[0] = (struct policy_sa){.number = 10, .spi = 0x1234, .suite = suite_by_id(SUITE_AES_GCM_256), .lifetime_s = 3600};
        assert_int_equal(acl_parse_entry("permit ip 10.1.0.0/16 10.1.0.0/16", e, &error, &column), 1);
        e[0].sa = 10;
        assert_true(acl_append(&p.acl, &e[0]));
        gm_policy(gm, &p, loop_now(f->loop));
        policy_wipe(&p);
    }
    (void)run(f, "status");
    assert_non_null(strstr(f->text, "\"rekeys_received\":0,\"last_rekey_seq\":null"));
    assert_non_null(strstr(f->text, "\"kek\":{\"spi\":\"0xab000000000000000000000000000000\",\"expires_in_s\":86"));
    assert_int_equal(run(f, "show gm"), CTL_OK);
    assert_non_null(strstr(f->text, "\"encryption\":\"aes-256\",\"signature\":\"ecdsa-256\",\"hash\":\"sha256\",\"signing_key_bits\":256,\"transport\":"
                                    "\"multicast\",\"destination\":\"239.192.1.190:848\",\"acknowledged\":true,\"last_seq\":41}"));
    assert_non_null(strstr(f->text, "\"direction\":\"inbound-optional\",\"direction_by\":\"conversion\",\"converts_in_s\":"));
    assert_non_null(strstr(f->text, "\"address\":\"10.0.0.2\",\"version\":\"" GVPN_VERSION "\",\"server_version\":\"1.2.3\""));
    assert_non_null(strstr(f->text, "\"attempted_registrations\":1,\"registrations\":2"));
    assert_non_null(strstr(f->text, "\"received\":0,\"received_unicast\":0,\"received_multicast\":0,\"received_since_registration\":0"));
    assert_int_equal(run(f, "show ipsec sa"), CTL_OK);
    assert_non_null(strstr(f->text, "\"protection\":[{\"spi\":\"0x00001234\",\"mode\":\"tunnel\",\"replay\":\"none\",\"window_s\":null,"
                                    "\"window_packets\":null,\"strict_sender\":false,\"tag\":false,\"key_octets\":32,"
                                    "\"integrity_key_octets\":0}]"));
    assert_int_equal(run(f, "show fail-close GM"), CTL_OK);
    assert_non_null(strstr(f->text, "\"policy_removed_in_s\":null"));
    ((struct config_group *)(uintptr_t)gm_config(gm))->gm.revert = true;
    assert_int_equal(run(f, "show fail-close GM"), CTL_OK);
    assert_non_null(strstr(f->text, "\"policy_removed_in_s\":35"));
    assert_int_equal(run(f, "show gm"), CTL_OK);
    assert_non_null(strstr(f->text, "\"accept\":{\"suites\":[],\"rekey_encryption\":[],\"rekey_hash\":[]}"));
    assert_int_equal(run(f, "gm direction GM inbound-only"), CTL_OK);
    assert_int_equal(run(f, "show gm GM"), CTL_OK);
    assert_non_null(strstr(f->text, "\"direction\":\"inbound-only\",\"direction_by\":\"operator\""));
}

static void features_say_who_lacks_what(void **state)
{
    struct fixture *f = *state;

    join(f, "10.0.0.2", 484, FEATURE_ORDERED_POLICY);
    ks_find(roles_ks(f->roles), "ONE")->members.entries[0].features.features = 0;
    assert_int_equal(run(f, "show feature ordered-policy"), CTL_OK);
    assert_int_equal(referee_size(f->text, "features"), 1);
    assert_non_null(strstr(f->text, "\"members_with\":0,\"members_lacking\":1")); /* as if it had announced none */
    assert_non_null(strstr(f->text, "\"server\":\"10.0.0.1\",\"server_version\":\"" GVPN_VERSION "\",\"needed\":[\"ordered-policy\"]"));
    assert_non_null(strstr(f->text, "\"has\":[],\"lacks\":[\"ordered-policy\"]"));
    ks_find(roles_ks(f->roles), "ONE")->members.entries[0].features.features = FEATURE_ORDERED_POLICY | FEATURE_REPLACE;
    assert_int_equal(run(f, "show feature"), CTL_OK);
    assert_true(referee_size(f->text, "features") >= 8);
    assert_non_null(strstr(f->text, "\"has\":[\"ordered-policy\",\"replace\"],\"lacks\":[\"time-replay\""));
    ks_find(roles_ks(f->roles), "ONE")->members.entries[0].left = true;
    assert_int_equal(run(f, "show feature replace"), CTL_OK);
    assert_non_null(strstr(f->text, "\"members_with\":0,\"members_lacking\":0")); /* who has left counts no more */
}

/* Fail-close is in effect while there is no policy; whether a data plane without gvpnd does so only itself knows. */
static void lists_say_whether_they_are_in_use(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(run(f, "show fail-close GM"), CTL_OK);
    assert_non_null(strstr(f->text, "\"active\":null"));
    assert_int_equal(run(f, "show acl GM"), CTL_OK);
    assert_non_null(strstr(f->text, "{\"list\":\"downloaded\",\"in_use\":false,\"rules\":[]}"));
    assert_int_equal(run(f, "show acl ONE"), CTL_OK);
    assert_non_null(strstr(f->text, "\"role\":\"key-server\",\"lists\":[{\"list\":\"served\",\"in_use\":true"));
    assert_int_equal(run(f, "show gm"), CTL_OK);
    assert_non_null(strstr(f->text, "\"key_server\":\"10.0.0.9\",\"registered_with\":null,\"key_servers\":[\"10.0.0.9\"],\"attempted_registrations\":0"));
    assert_non_null(strstr(f->text, "\"bindings\":[{\"pair\":\"wan\",\"vlan\":null}]"));
}

/* A registration under way, seen from the member. */
static void isakmp_sas_are_shown_without_secrets(void **state)
{
    struct fixture *f = *state;

    gm_attached(roles_member(f->roles, 0), 7, 1, loop_now(f->loop));
    assert_int_equal(run(f, "show isakmp sa"), CTL_OK);
    assert_int_equal(referee_number(f->text, "count"), 1);
    assert_int_equal(referee_size(f->text, "sas"), 1);
    assert_non_null(strstr(f->text, "\"peer\":\"10.0.0.9:848\",\"local\":\"10.0.0.1:848\",\"role\":\"initiator\""));
    assert_non_null(strstr(f->text, "\"established\":false,\"state\":\"phase 1: sent message 1\",\"identity\":null"));
    assert_non_null(strstr(f->text, "\"encryption\":null"));
}

static void clear_counters_begins_anew(void **state)
{
    struct fixture *f = *state;
    struct path path = {.remote.port = 848};

    roles_datagram(f->roles, &path, span_of("x", 1));
    assert_int_equal(sessions_stats(roles_sessions(f->roles))->datagrams_in, 1);
    assert_int_equal(run(f, "clear counters"), CTL_OK);
    assert_int_equal(referee_number(f->text, "data_planes_not_reached"), 1);
    assert_int_equal(sessions_stats(roles_sessions(f->roles))->datagrams_in, 0);
    assert_int_equal(sessions_stats(roles_sessions(f->roles))->dropped_malformed, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(exit_codes_are_a_table),
        T(what_this_version_lacks_says_so),
        T(wrong_words_are_answered_with_what_is_possible),
        T(the_key_servers_policy_is_shown_without_keys),
        T(the_clock_of_a_group_begins_with_its_first_member),
        T(a_members_kek_is_shown),
        T(features_say_who_lacks_what),
        T(lists_say_whether_they_are_in_use),
        T(reload_says_what_was_wrong_or_what_is_in_effect),
        T(clear_ks_members_forgets_entries_only),
        T(clear_group_on_the_key_server_makes_new_keys),
        T(members_that_left_are_shown_as_left),
        T(events_come_newest_last),
        T(every_log_message_is_listed),
        T(isakmp_sas_are_shown_without_secrets),
        T(clear_counters_begins_anew),
    };

    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
