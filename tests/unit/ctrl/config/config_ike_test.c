/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Proposals of phase 1 (IK1): every algorithm by its name and with its number of RFC 2409 appendix A, legacy ones only
 * with `legacy: true` and then with a warning at their place, and how many there may be.
 */
#include "ctrl/config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* `proposals` stands in line 5, column 14 on. */
static struct config *parse(const char *legacy, const char *proposals, struct yaml_error *e)
{
    static char text[8192];

    snprintf(text, sizeof(text),
             "gvpn: 1\n%s\nike:\n  listen: [10.0.0.2]\n  proposals: %s\n"
             "  pre-shared-keys: [{peer: 10.0.0.1, secret: 0123456789abcdef0123456789abcdef}]\n"
             "groups:\n- {name: g, identity: 1, member: {key-servers: [10.0.0.1], data-plane: {pair: wan}}}\n",
             legacy, proposals);
    return config_parse("f", text, strlen(text), e);
}

static void every_algorithm(void **state)
{
    static const struct {
        const char *text;
        uint16_t encryption, bits, hash, group;
        const char *name;
    } rows[] = {
        {"{}", 7, 256, 4, 14, "aes-256/sha256/14/psk"},
        {"{encryption: aes-128, hash: sha384, group: 15}", 7, 128, 5, 15, "aes-128/sha384/15/psk"},
        {"{encryption: aes-192, hash: sha512, group: 16}", 7, 192, 6, 16, "aes-192/sha512/16/psk"},
        {"{encryption: aes-256, hash: sha256, group: 19}", 7, 256, 4, 19, "aes-256/sha256/19/psk"},
        {"{group: 20}", 7, 256, 4, 20, "aes-256/sha256/20/psk"},
        {"{group: 21}", 7, 256, 4, 21, "aes-256/sha256/21/psk"},
        {"{encryption: 3des, hash: sha1, group: 2}", 5, 0, 2, 2, "3des/sha1/2/psk"},
        {"{group: 5}", 7, 256, 4, 5, "aes-256/sha256/5/psk"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct yaml_error e;
        char list[200], text[CONFIG_PROPOSAL_TEXT];
        snprintf(list, sizeof(list), "[%s]", rows[i].text);
        struct config *c = parse("legacy: true", list, &e);

        if (!c)
            fail_msg("%s: %s", rows[i].text, e.text);
        assert_int_equal(c->n_proposals, 1);
        assert_int_equal(c->proposals[0].encryption, rows[i].encryption);
        assert_int_equal(c->proposals[0].key_bits, rows[i].bits);
        assert_int_equal(c->proposals[0].hash, rows[i].hash);
        assert_int_equal(c->proposals[0].group, rows[i].group);
        assert_int_equal(c->proposals[0].auth, 1);
        assert_int_equal(c->proposals[0].lifetime_s, 86400);
        assert_string_equal(config_proposal_text(&c->proposals[0], text), rows[i].name);
        config_free(c);
    }
}

/* Alone, each is refused at its place; with the switch, each is a warning at its place. */
static void legacy_is_a_choice(void **state)
{
    static const struct {
        const char *text, *error, *lint;
    } rows[] = {
        {"[{}, {encryption: 3des}]",
         "f:5:32: encryption: 3des is legacy (blocks of 64 bits: CVE-2016-2183), expected `legacy: true` at the top of "
         "the file for it",
         "f:5:32: encryption: 3des is legacy (blocks of 64 bits: CVE-2016-2183); only for peers that have nothing better"},
        {"[{hash: sha1}]",
         "f:5:22: hash: sha1 is legacy (on its way out: NIST SP 800-131A), expected `legacy: true` at the top of the file "
         "for it",
         "f:5:22: hash: sha1 is legacy (on its way out: NIST SP 800-131A); only for peers that have nothing better"},
        {"[{group: 2}]",
         "f:5:23: group: 2 is legacy (MODP 1024, within reach of states: RFC 8247 section 2.4), expected `legacy: true` "
         "at the top of the file for it",
         "f:5:23: group: 2 is legacy (MODP 1024, within reach of states: RFC 8247 section 2.4); only for peers that have "
         "nothing better"},
        {"[{group: 5}]",
         "f:5:23: group: 5 is legacy (MODP 1536, too weak by now: RFC 8247 section 2.4), expected `legacy: true` at the "
         "top of the file for it",
         "f:5:23: group: 5 is legacy (MODP 1536, too weak by now: RFC 8247 section 2.4); only for peers that have nothing "
         "better"},
    };
    struct yaml_error e;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_null(parse("", rows[i].text, &e));
        assert_string_equal(e.text, rows[i].error);
        assert_null(parse("legacy: false", rows[i].text, &e));
        struct config *c = parse("legacy: true", rows[i].text, &e);
        assert_non_null(c);
        assert_int_equal(c->n_lints, 1);
        assert_string_equal(c->lints[0], rows[i].lint);
        config_free(c);
    }
    struct config *c = parse("legacy: true", "[{encryption: 3des, hash: sha1, group: 2}, {group: 21}]", &e);
    assert_non_null(c);
    assert_int_equal(c->n_lints, 3);
    config_free(c);
    c = parse("legacy: true", "[{group: 21}]", &e); /* the switch alone warns of nothing */
    assert_int_equal(c->n_lints, 0);
    config_free(c);
}

static void twenty_are_the_limit(void **state)
{
    static const char *const ciphers[] = {"aes-128", "aes-192", "aes-256"}, *const hashes[] = {"sha256", "sha384"};
    static const unsigned groups[] = {14, 15, 16, 19};
    struct yaml_error e;

    (void)state;
    for (size_t n = CONFIG_MAX_PROPOSALS; n <= CONFIG_MAX_PROPOSALS + 1; n++) {
        char list[4096] = "[";
        for (size_t i = 0; i < n; i++)
            snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s{encryption: %s, hash: %s, group: %u}",
                     i ? ", " : "", ciphers[i % 3], hashes[i / 3 % 2], groups[i / 6]);
        strcat(list, "]");
        struct config *c = parse("", list, &e);
        if (n > CONFIG_MAX_PROPOSALS) {
            assert_null(c);
            assert_non_null(strstr(e.text, "too many items, expected at most 20"));
            continue;
        }
        if (!c)
            fail_msg("%s", e.text);
        assert_int_equal(c->n_proposals, n);
        assert_int_equal(c->proposals[19].group, 19); /* in the file's order */
        config_free(c);
    }
    /* 3des and the default differ in the cipher alone: they aren't the same proposal */
    struct config *c = parse("legacy: true", "[{encryption: 3des}, {encryption: aes-256}]", &e);
    assert_non_null(c);
    config_free(c);
    assert_null(parse("legacy: true", "[{encryption: 3des}, {encryption: 3des, lifetime: 1h}]", &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_algorithm),
        cmocka_unit_test(legacy_is_a_choice),
        cmocka_unit_test(twenty_are_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
