/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a right file becomes: every value of the contract's example that this version has, the defaults of the
 * smallest files (OP1, KS1, KS3, KS14, GM1, GM7, IK1), warnings, and the look-up of pre-shared keys.
 */
#include "ctrl/config/config.h"
#include "tests/lib/signing_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECRET "0123456789abcdef0123456789abcdef"

static struct config *parse(const char *text)
{
    struct yaml_error e;
    struct config *c = config_parse("f", text, strlen(text), &e);

    if (!c)
        fail_msg("%s\n%s", text, e.text);
    return c;
}

static const char smallest_server[] =
    "gvpn: 1\n"
    "ike:\n"
    "  listen: [10.0.0.1]\n"
    "  pre-shared-keys: [{peer: 10.0.0.2, secret: " SECRET "}]\n"
    "acls: {corporate: [permit ip 10.0.0.0/8 10.0.0.0/8]}\n"
    "transform-sets: {strong: {suite: aes-gcm-256}}\n"
    "profiles: {branch: {transform-set: strong}}\n"
    "groups:\n"
    "  - name: GETVPN\n"
    "    identity: 484\n"
    "    key-server:\n"
    "      address: 10.0.0.1\n"
    "      sa: [{number: 10, profile: branch, acl: corporate, replay: none}]\n";

static const char smallest_member[] =
    "gvpn: 1\n"
    "ike: {listen: [10.0.0.2], pre-shared-keys: [{peer: 10.0.0.1, secret: " SECRET "}]}\n"
    "groups: [{name: GETVPN, identity: 10.1.1.1, member: {key-servers: [10.0.0.1], "
    "data-plane: {pair: wan}}}]\n";

static void smallest_server_gets_defaults(void **state)
{
    struct config *c = parse(smallest_server);
    const struct config_group *g = config_find_group(c, "GETVPN");
    const struct addr address = addr_v4(0x0a000001);

    (void)state;
    assert_string_equal(c->file, "f");
    assert_int_equal(c->log_level, LOG_LEVEL_INFO);
    assert_int_equal(c->log_to, LOG_TO_STDERR);
    assert_false(c->lab);
    assert_false(c->legacy);
    assert_int_equal(c->phase1_doi, 2);
    assert_int_equal(c->n_proposals, 1);
    assert_int_equal(c->proposals[0].encryption, 7);
    assert_int_equal(c->proposals[0].key_bits, 256);
    assert_int_equal(c->proposals[0].hash, 4);
    assert_int_equal(c->proposals[0].group, 14);
    assert_int_equal(c->proposals[0].auth, 1);
    assert_int_equal(c->proposals[0].lifetime_s, 86400);
    assert_int_equal(c->n_listen, 1);
    assert_true(addr_equal(&c->listen[0], &address));
    assert_int_equal(c->n_psks, 1);
    assert_int_equal(c->psks[0].peer.len, 32);
    assert_string_equal(c->psks[0].id, "");
    assert_int_equal(c->psks[0].secret.len, 32);
    assert_memory_equal(c->psks[0].secret.b, SECRET, 32);
    assert_int_equal(c->n_groups, 1);
    assert_non_null(g);
    assert_int_equal(g->line, 9);
    assert_false(g->is_member);
    assert_false(g->id.is_address);
    assert_int_equal(g->id.value, 484);
    assert_true(addr_equal(&g->ks.address, &address));
    assert_false(g->ks.has_authorize);
    assert_false(g->ks.receive_only);
    assert_int_equal(g->ks.sender_id_bits, 24);
    assert_int_equal(g->ks.n_sas, 1);
    assert_int_equal(g->ks.sas[0].number, 10);
    assert_int_equal(g->ks.sas[0].suite->id, SUITE_AES_GCM_256);
    assert_false(g->ks.sas[0].transport);
    assert_int_equal(g->ks.sas[0].lifetime_s, 3600);
    assert_int_equal(g->ks.sas[0].replay, REPLAY_NONE);
    assert_int_equal(g->ks.sas[0].acl.n, 1);
    assert_int_equal(g->ks.sas[0].acl.entries[0].sa, 10);
    assert_int_equal(g->ks.sas[0].acl.entries[0].number, 1);
    assert_null(config_find_group(c, "getvpn"));
    config_free(c);
    config_free(NULL);
}

static void smallest_member_gets_defaults(void **state)
{
    struct config *c = parse(smallest_member);
    const struct config_group *g = &c->groups[0];

    (void)state;
    assert_true(g->is_member);
    assert_true(g->id.is_address);
    assert_int_equal(g->id.value, 0x0a010101);
    assert_int_equal(g->gm.n_servers, 1);
    assert_string_equal(g->gm.dp_socket, "gvpn-dp.sock");
    assert_int_equal(g->gm.n_bindings, 1);
    assert_string_equal(g->gm.bindings[0].pair, "wan");
    assert_int_equal(g->gm.bindings[0].vlan, 0);
    assert_true(g->gm.fail_close);
    assert_int_equal(g->gm.fail_close_allow.n, 0);
    assert_false(g->gm.revert);
    assert_int_equal(g->gm.local_acl.n, 0);
    assert_true(g->gm.leave_on_stop);
    assert_int_equal(g->gm.unprotected, CONFIG_UNPROTECTED_DROP);
    assert_int_equal(c->n_lints, 0);
    config_free(c);
}

static void server_values_are_taken(void **state)
{
    struct config *c = parse(
        "gvpn: 1\nlab: true\nlegacy: true\nlog: {level: debug, to: journal}\n"
        "ike:\n"
        "  listen: [10.0.0.1, 10.0.1.1]\n"
        "  identity: address\n"
        "  proposals: [{group: 19, lifetime: 60s}, {encryption: aes-256, hash: sha256, group: 14, auth: "
        "psk}]\n"
        "  pre-shared-keys: [{peer: 10.0.0.0/24, id: gm.example, secret: " SECRET "}]\n"
        "  phase1-doi: ipsec\n"
        "acls:\n"
        "  one: [deny udp any eq 848 any eq 848, permit ip any any]\n"
        "  two: [permit tcp host 10.0.0.1 range 1 9 10.0.0.0 0.0.0.255]\n"
        "transform-sets: {t: {suite: aes-gcm-128, mode: tunnel}}\n"
        "profiles: {short: {transform-set: t, lifetime: 2m}, long: {transform-set: t, lifetime: 1d}}\n"
        "groups:\n"
        "- name: g\n"
        "  identity: 4294967295\n"
        "  key-server:\n"
        "    address: 10.0.1.1\n"
        "    sa:\n"
        "    - {number: 65535, profile: long, acl: one, replay: none, tag: none, strict-sender: false}\n"
        "    - {number: 1, profile: short, acl: two, replay: none}\n"
        "    authorize: {addresses: [deny 10.0.0.66, permit 10.0.0.0/24, permit host 10.9.9.9, deny any]}\n"
        "    sender-id-bits: 16\n");
    const struct config_key_server *ks = &c->groups[0].ks;
    struct flow f = {.src = addr_v4(0x0a000042), .dst = addr_v4(0), .ports = FLOW_NO_PORTS};

    (void)state;
    assert_true(c->lab);
    assert_true(c->legacy);
    assert_int_equal(c->log_level, LOG_LEVEL_DEBUG);
    assert_int_equal(c->log_to, LOG_TO_JOURNAL);
    assert_int_equal(c->n_listen, 2);
    assert_int_equal(c->n_proposals, 2);
    assert_int_equal(c->proposals[0].group, 19);
    assert_int_equal(c->proposals[0].lifetime_s, 60);
    assert_int_equal(c->proposals[0].key_bits, 256);
    assert_int_equal(c->proposals[1].group, 14);
    assert_int_equal(c->proposals[1].lifetime_s, 86400);
    assert_int_equal(c->phase1_doi, 1);
    assert_string_equal(c->psks[0].id, "gm.example");
    assert_int_equal(c->psks[0].peer.len, 24);
    assert_true(c->groups[0].id.value == UINT32_MAX);
    /* Ordered by number, whatever the file's order. */
    assert_int_equal(ks->n_sas, 2);
    assert_int_equal(ks->sas[0].number, 1);
    assert_int_equal(ks->sas[0].lifetime_s, 120);
    assert_int_equal(ks->sas[0].acl.n, 1);
    assert_int_equal(ks->sas[1].number, 65535);
    assert_int_equal(ks->sas[1].lifetime_s, 86400);
    /* `any any` is an entry per family, one number for both. */
    assert_int_equal(ks->sas[1].acl.n, 4);
    assert_int_equal(ks->sas[1].acl.entries[1].number, 1);
    assert_int_equal(ks->sas[1].acl.entries[3].number, 2);
    assert_int_equal(ks->sas[1].acl.entries[3].sa, 65535);
    assert_int_equal(ks->sender_id_bits, 16);
    assert_true(ks->has_authorize);
    assert_false(acl_find(&ks->authorize, &f)->permit); /* 10.0.0.66 */
    f.src = addr_v4(0x0a000043);
    assert_true(acl_find(&ks->authorize, &f)->permit); /* 10.0.0.67 */
    f.src = addr_v4(0x0a090909);
    assert_true(acl_find(&ks->authorize, &f)->permit); /* 10.9.9.9 */
    f.src = addr_v4(0x0a09090a);
    assert_false(acl_find(&ks->authorize, &f)->permit); /* deny any */
    config_free(c);
}

static void member_values_are_taken(void **state)
{
    struct config *c =
        parse("gvpn: 1\n"
              "ike: {listen: [10.0.0.2], pre-shared-keys: [{peer: 0.0.0.0/0, secret: " SECRET "}],\n"
              "      nat-traversal: false, fragmentation: false, aggressive-mode: false}\n"
              "groups:\n"
              "- name: g\n"
              "  identity: 0\n"
              "  member:\n"
              "    key-servers: [10.0.0.1, 10.0.0.9]\n"
              "    data-plane: {socket: /run/x/dp.sock, pair: wan}\n"
              "    direction: both\n"
              "    fail-close: {enabled: false, allow: [deny tcp any eq 22 any], revert: false}\n"
              "    leave-on-stop: false\n"
              "    unprotected: clear\n"
              "    track: {link-loss-forwarding: false}\n"
              "- {name: h, identity: 1, member: {key-servers: [10.0.0.1], data-plane: {pair: wan}}}\n"
              "- {name: i, identity: 2, member: {key-servers: [10.0.0.1], data-plane: {pair: lan}}}\n");
    const struct config_member *gm = &c->groups[0].gm;

    (void)state;
    assert_int_equal(c->n_groups, 3);
    assert_int_equal(gm->n_servers, 2);
    assert_int_equal(gm->servers[1].b[3], 9);
    assert_string_equal(gm->dp_socket, "/run/x/dp.sock");
    assert_false(gm->fail_close);
    assert_int_equal(gm->fail_close_allow.n, 2); /* one for each family */
    assert_false(gm->fail_close_allow.entries[0].permit);
    assert_int_equal(gm->fail_close_allow.entries[0].sa, 0);
    assert_false(gm->leave_on_stop);
    assert_int_equal(gm->unprotected, CONFIG_UNPROTECTED_CLEAR);
    config_free(c);
}

/* GM11: pairs times VLANs, pair by pair; a pair and one of its VLANs may be two groups'. */
static void bindings_are_pairs_times_vlans(void **state)
{
    struct config *c =
        parse("gvpn: 1\n"
              "ike: {listen: [10.0.0.2], pre-shared-keys: [{peer: 0.0.0.0/0, secret: " SECRET "}]}\n"
              "groups:\n"
              "- {name: g, identity: 0, member: {key-servers: [10.0.0.1], data-plane: {vlan: [10, 4094, 7], pair: [a, b]}}}\n"
              "- {name: h, identity: 1, member: {key-servers: [10.0.0.1], data-plane: {pair: a}}}\n"
              "- {name: i, identity: 2, member: {key-servers: [10.0.0.1], data-plane: {pair: [b, c]}}}\n"
              "- {name: j, identity: 3, member: {key-servers: [10.0.0.1], data-plane: {pair: c, vlan: 1}}}\n"
              "- {name: k, identity: 4, member: {key-servers: [10.0.0.1], data-plane: {socket: x, pair: c, vlan: 1}}}\n");
    static const struct config_binding want[] = {{"a", 10}, {"a", 4094}, {"a", 7}, {"b", 10}, {"b", 4094}, {"b", 7}};
    static const char *const texts[] = {"a VLAN 10 and 5 more", "a", "b and 1 more", "c VLAN 1", "c VLAN 1"};
    const struct config_member *gm = &c->groups[0].gm;
    char text[CONFIG_BINDINGS_TEXT];

    (void)state;
    assert_int_equal(gm->n_bindings, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_string_equal(gm->bindings[i].pair, want[i].pair);
        assert_int_equal(gm->bindings[i].vlan, want[i].vlan);
    }
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(config_bindings_text(&c->groups[i].gm, text), texts[i]);
    config_free(c);
}

static bool has_lint(const struct config *c, const char *want)
{
    for (size_t i = 0; i < c->n_lints; i++)
        if (strcmp(c->lints[i], want) == 0)
            return true;
    return false;
}

static void warnings_have_places(void **state)
{
    struct config *c =
        parse("gvpn: 1\n"
              "ike: {listen: [10.0.0.1], pre-shared-keys: [{peer: 10.0.0.2, secret: 0123456789abcdef}]}\n"
              "acls:\n"
              "  a:\n"
              "    - deny udp any eq 848 any eq 848\n"
              "    - permit tcp any any eq 80\n"
              "    - permit ip 10.0.0.0/8 239.0.0.0/8\n"
              "  none: [deny ip any any]\n"
              "transform-sets: {t: {suite: aes-gcm-128}}\n"
              "profiles: {p: {transform-set: t, lifetime: 899s}, q: {transform-set: t, lifetime: 900s}}\n"
              "groups:\n"
              "- name: g\n"
              "  identity: 1\n"
              "  key-server: {address: 10.0.0.1, sa: [{number: 1, profile: p, acl: a, replay: none}]}\n");

    (void)state;
    assert_true(has_lint(c, "f:2:70: secret: 16 octets are short for a pre-shared key, better at least 32"));
    assert_true(
        has_lint(c, "f:6:7: a: no entry treats the way back alike (source and destination exchanged)"));
    assert_true(has_lint(c, "f:8:3: none: permits nothing, so it protects nothing"));
    assert_true(has_lint(c, "f:10:44: lifetime: 899s keeps members busy with renewing, better at least 15m"));
    assert_true(has_lint(
        c, "f:14:3: key-server: without 'authorize' whoever knows a pre-shared key may join this group"));
    assert_int_equal(c->n_lints, 5);
    config_free(c);
}

#define LOCAL_ACLS(groups)                                                                                   \
    "gvpn: 1\nike: {listen: [10.0.0.2], pre-shared-keys: [{peer: 10.0.0.0/8, secret: " SECRET "}]}\n"        \
    "acls:\n"                                                                                                \
    "  local:\n"                                                                                             \
    "    - deny tcp 10.1.0.0/16 range 80 90 any\n"                                                           \
    "    - permit udp any any eq 9\n"                                                                        \
    "    - permit tcp any host 10.9.9.9\n"                                                                   \
    "groups:\n" groups

/* GM5: deny entries are meant, and a list that is only local needs no mirror image. */
static void a_local_list_is_taken_and_its_permits_are_told(void **state)
{
    struct config *c =
        parse(LOCAL_ACLS("- {name: g, identity: 1, member: {key-servers: [10.0.0.1], data-plane: {pair: w},\n"
                         "   local-acl: local, fail-close: {revert: true}}}\n"
                         "- {name: h, identity: 2, member: {key-servers: [10.0.0.1], data-plane: {pair: v},\n"
                         "   local-acl: local}}\n"));
    const struct acl *acl = &c->groups[0].gm.local_acl;

    (void)state;
    assert_true(c->groups[0].gm.revert);
    assert_false(c->groups[1].gm.revert);
    assert_int_equal(acl->n, 4); /* the second entry is of both families */
    assert_int_equal(acl->entries[0].sel.sport.high, 90);
    assert_int_equal(acl->entries[0].sa, 0);
    assert_int_equal(acl->entries[3].number, 3);
    assert_true(acl_equal(acl, &c->groups[1].gm.local_acl));
    assert_true(has_lint(c, "f:6:7: local: a permit entry of a local-acl (line 10) drops what matches, better only "
                            "deny entries"));
    assert_true(has_lint(c, "f:7:7: local: a permit entry of a local-acl (line 10) drops what matches, better only "
                            "deny entries"));
    assert_int_equal(c->n_lints, 2);
    config_free(c);
}

/* Appends a pre-shared key to a growing text. */
static size_t put_psk(char *text, size_t len, const char *peer, unsigned i)
{
    return len + (size_t)sprintf(text + len, "  - {peer: %s, id: m%u, secret: " SECRET "%u}\n", peer, i, i);
}

static void psks_are_found_by_longest_prefix(void **state)
{
    char text[2000];
    size_t len = (size_t)sprintf(text, "gvpn: 1\nike:\n  listen: [10.0.0.1]\n  pre-shared-keys:\n");
    const struct config_psk *found[CONFIG_MAX_SHARED];
    struct addr a = addr_v4(0x0a000005), b = addr_v4(0x0a000006), other = addr_v4(0x0b000001);
    struct config *c;
    struct yaml_error e;

    (void)state;
    len = put_psk(text, len, "10.0.0.0/8", 0);
    for (unsigned i = 1; i <= CONFIG_MAX_SHARED; i++)
        len = put_psk(text, len, "10.0.0.5", i);
    len = put_psk(text, len, "10.0.0.0/24", 9);
    sprintf(text + len, "%s", strstr(smallest_member, "groups:"));
    text[strlen(text)] = 0;
    strcpy(strstr(text, "key-servers: [10.0.0.1]"), "key-servers: [10.0.0.7], data-plane: {pair: wan}}}]\n");
    c = parse(text);
    assert_int_equal(config_find_psks(c, &a, found), CONFIG_MAX_SHARED);
    assert_string_equal(found[0]->id, "m1");
    assert_string_equal(found[7]->id, "m8");
    assert_int_equal(config_find_psks(c, &b, found), 1);
    assert_string_equal(found[0]->id, "m9");
    assert_int_equal(config_find_psks(c, &other, found), 0);
    config_free(c);
    /* A ninth for one peer is refused. */
    len = (size_t)(strstr(text, "groups:") - text);
    put_psk(text, len, "10.0.0.5", 10);
    assert_null(config_parse("f", text, strlen(text), &e));
    assert_string_equal(e.text, "f:15:5: too many pre-shared keys for one peer, expected at most 8");
}

/* The whole language, a line for each thing, as the documentation shows it. */
static const char *const whole[] = {
    "gvpn: 1",
    "log: {level: info, to: stderr}",
    "ike:",
    "  listen: [10.0.0.1]",
    "  identity: address",
    "  proposals:",
    "    - {encryption: aes-256, hash: sha256, group: 14, auth: psk, lifetime: 1h}",
    "  pre-shared-keys:",
    "    - {peer: 10.0.0.2, secret: " SECRET "}",
    "  certificates: {ca: [ca.pem], certificate: me.pem, private-key: me.key, crl: [ca.crl], revocation: "
    "crl}",
    "  phase1-doi: gdoi",
    "  nat-traversal: true",
    "  fragmentation: true",
    "  aggressive-mode: false",
    "  dpd: {interval: 15s, retries: 3}",
    "acls:",
    "  corporate:",
    "    - deny udp any eq 848 any eq 848",
    "    - permit ip 10.0.0.0/8 10.0.0.0/8",
    "    - permit tcp any any range 8000 8010",
    "    - permit ip 2001:db8::/32 2001:db8::/32",
    "transform-sets:",
    "  strong: {suite: aes-gcm-256}",
    "  older: {suite: aes-cbc-128/hmac-sha1-96}",
    "profiles:",
    "  branch: {transform-set: strong, lifetime: 1h}",
    "groups:",
    "  - name: GETVPN",
    "    identity: 484",
    "    key-server:",
    "      address: 10.0.0.1",
    "      rekey: {transport: unicast, lifetime: 24h, encryption: aes-256, hash: sha256, signing-key: "
    "%s, "
    "retransmit: {interval: 10s, count: 2}, waves: {members: 50, interval: 5s}, acknowledgement: rfc8263, "
    "multicast: {destination: 239.0.1.2, port: 848}}",
    "      sa:",
    "        - {number: 10, profile: branch, acl: corporate, replay: {time: 100s}, tag: none}",
    "        - {number: 11, profile: branch, acl: corporate, replay: {counter: 64}, tag: sgt}",
    "        - {number: 12, profile: branch, acl: corporate, replay: {time: 100s}, strict-sender: true}",
    "        - {number: 13, profile: branch, acl: corporate, replay: none, tag: none}",
    "      receive-only: false",
    "      authorize:",
    "        addresses: [\"permit 10.0.0.0/24\", \"deny any\"]",
    "        identities: [\"ou=GETVPN\"]",
    "      sender-id-bits: 24",
    "      cooperative: {priority: 100, peers: [10.0.0.9], number: 1}",
    "      pseudotime-sync: 30m",
    "  - name: OTHER",
    "    identity: 10.1.1.1",
    "    member:",
    "      key-servers: [10.0.0.3, 10.0.0.9]",
    "      data-plane:",
    "        socket: gvpn-dp.sock",
    "        pair: wan",
    "        vlan: 10",
    "      direction: both",
    "      fail-close: {enabled: true, allow: [deny tcp any eq 22 any], revert: true}",
    "      local-acl: corporate",
    "      accept: {rekey-encryption: [aes-256], rekey-hash: [sha256], suites: [aes-gcm-256]}",
    "      track: {link-loss-forwarding: false}",
    "      interop: {push-signature: bare-hash}",
};

/* A line, with a file's name where it wants one. Returns its length. */
static size_t append(char *at, const char *line, const char *file)
{
    const char *place = strstr(line, "%s");

    if (!place)
        return (size_t)sprintf(at, "%s\n", line);
    return (size_t)sprintf(at, "%.*s%s%s\n", (int)(place - line), line, file, place + 2);
}

/*
 * Line after line that is said not to be supported is taken out, until the file loads: so nothing of the
 * language is an unknown key or value, and only these lines are lacking.
 */
static void the_whole_language_is_understood(void **state)
{
    static const char lacking[] =
        "certificates nat-traversal fragmentation dpd identities cooperative";
    /* And what waits for the data plane: the tables of suites and features say whether it is there. */
    unsigned waiting = !suite_by_name("aes-cbc-128/hmac-sha1-96")->supported + /* older */
                       !feature_supported(FEATURE_TIME_REPLAY) +               /* number: 10 */
                       !feature_supported(FEATURE_COUNTER_REPLAY | FEATURE_TAG) +
                       !feature_supported(FEATURE_TIME_REPLAY | FEATURE_STRICT_SENDER);
    bool gone[sizeof(whole) / sizeof(whole[0])] = {false};
    char text[8000];
    unsigned removed = 0, want = 1 + waiting;
    struct config *c = NULL;
    struct yaml_error e;
    char key[64];

    (void)state;
    assert_true(signing_key_file(signing_key_p256, key));
    for (const char *p = lacking; *p; p++)
        want += *p == ' ';
    while (!c && removed <= want) {
        size_t len = 0;
        unsigned line = 1;

        for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
            len += append(text + len, gone[i] ? "" : whole[i], key);
        c = config_parse("f", text, len, &e);
        if (c)
            break;
        if (!strstr(e.text, "not supported by this version") || sscanf(e.text, "f:%u:", &line) != 1 ||
            gone[line - 1])
            fail_msg("%s", e.text);
        gone[line - 1] = true;
        removed++;
    }
    assert_non_null(c);
    assert_int_equal(removed, want);
    assert_int_equal(c->n_groups, 2);
    config_free(c);
    unlink(key);
}

/* A list of n entries, each different. */
static struct config *with_entries(unsigned n, struct yaml_error *e)
{
    char *text = malloc(100 * (n + 20)), *at = text;
    struct config *c;

    at += sprintf(at, "gvpn: 1\nike: {listen: [10.0.0.1], pre-shared-keys: [{peer: 10.0.0.2, secret: " SECRET
                      "}]}\nacls:\n  a:\n");
    for (unsigned i = 0; i < n; i++)
        at += sprintf(at, "  - permit udp 10.0.0.0/8 eq %u 10.0.0.0/8 eq %u\n", i, i);
    at += sprintf(at, "  b: [permit icmp any any]\n");
    at +=
        sprintf(at, "transform-sets: {t: {suite: aes-gcm-128}}\nprofiles: {p: {transform-set: t}}\ngroups:\n"
                    "- {name: g, identity: 1, key-server: {address: 10.0.0.1, sa: [{number: 1, profile: p, "
                    "acl: a, replay: none}, "
                    "{number: 2, profile: p, acl: b, replay: none}]}}\n");
    c = config_parse("f", text, (size_t)(at - text), e);
    free(text);
    return c;
}

static void lists_have_a_limit(void **state)
{
    struct yaml_error e;
    struct config *c = with_entries(999, &e);

    (void)state;
    if (!c)
        fail_msg("%s", e.text);
    assert_int_equal(c->groups[0].ks.sas[0].acl.n, 999);
    config_free(c);
    assert_null(with_entries(1000, &e)); /* 1001 in the group */
    assert_string_equal(e.text, "f:1009:139: acl: the group's lists have more than 1000 entries together");
    assert_null(with_entries(1001, &e));
    assert_string_equal(e.text, "f:1005:5: too many entries, expected at most 1000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(smallest_server_gets_defaults),
        cmocka_unit_test(smallest_member_gets_defaults),
        cmocka_unit_test(server_values_are_taken),
        cmocka_unit_test(member_values_are_taken),
        cmocka_unit_test(bindings_are_pairs_times_vlans),
        cmocka_unit_test(warnings_have_places),
        cmocka_unit_test(a_local_list_is_taken_and_its_permits_are_told),
        cmocka_unit_test(psks_are_found_by_longest_prefix),
        cmocka_unit_test(lists_have_a_limit),
        cmocka_unit_test(the_whole_language_is_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
