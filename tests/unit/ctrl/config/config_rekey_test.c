/* SPDX-License-Identifier: BSD-3-Clause */
/* `key-server.rekey` (KS4 to KS8): defaults, what doesn't go together, what is warned of, signing keys of every kind. */
#include "ctrl/config/config.h"

#include "ctrl/gdoi/gdoi.h"
#include "tests/lib/signing_keys.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char head[] =
    "gvpn: 1\n"
    "%s"
    "ike: {listen: [10.0.0.1], pre-shared-keys: [{peer: 10.0.0.2, secret: 0123456789abcdef0123456789abcdef}]}\n"
    "acls: {a: [permit ip any any]}\n"
    "transform-sets: {t: {suite: aes-gcm-128}}\n"
    "profiles: {p: {transform-set: t, lifetime: %s}}\n"
    "groups:\n"
    "- {name: g, identity: 1, key-server: {address: 10.0.0.1, authorize: {addresses: [permit any]},\n"
    "   sa: [{number: 1, profile: p, acl: a, replay: none}],\n"
    "   rekey: {signing-key: %s, %s}}}\n";

static struct config *load(const char *pem, const char *top, const char *lifetime, const char *rekey, struct yaml_error *e)
{
    char text[2000], path[64];
    struct config *c;

    assert_true(signing_key_file(pem, path));
    snprintf(text, sizeof(text), head, top, lifetime, path, rekey);
    c = config_parse("f", text, strlen(text), e);
    unlink(path);
    return c;
}

static const struct config_rekey *loaded(struct config **c, const char *pem, const char *top, const char *rekey)
{
    struct yaml_error e = {.text = ""};

    *c = load(pem, top, "1h", rekey, &e);
    if (!*c)
        fail_msg("%s", e.text);
    return &(*c)->groups[0].ks.rekey;
}

static void what_isnt_said_has_the_defaults_of_the_manual(void **state)
{
    struct config *c;
    const struct config_rekey *r = loaded(&c, signing_key_rsa_2048, "", "multicast: {destination: 239.0.1.2}");

    (void)state;
    assert_true(c->groups[0].ks.has_rekey);
    assert_false(r->unicast);
    assert_int_equal(r->lifetime_s, 86400);
    assert_int_equal(r->cipher, GDOI_KEK_AES);
    assert_int_equal(r->key_bits, 256);
    assert_int_equal(r->hash, GDOI_SIG_SHA256);
    assert_int_equal(r->ack, 0); /* multicast */
    assert_int_equal(r->interval_s, 10);
    assert_int_equal(r->count, 2);
    assert_int_equal(r->wave_members, 50);
    assert_int_equal(r->wave_interval_s, 5);
    assert_int_equal(r->destination.port, 848);
    assert_int_equal(r->destination.addr.b[0], 239);
    assert_int_equal(c->groups[0].ks.pseudotime_sync_s, 1800);
    assert_int_equal(c->n_lints, 0);
    config_free(c);
}

static void unicast_wants_acknowledgements_unless_told_otherwise(void **state)
{
    struct config *c;
    const struct config_rekey *r = loaded(&c, signing_key_rsa_2048, "", "transport: unicast, encryption: aes-192, hash: sha512, "
                                          "retransmit: {interval: 15s, count: 0}, waves: {members: 7, interval: 1s}");

    (void)state;
    assert_true(r->unicast);
    assert_int_equal(r->ack, GDOI_ACK_KEK_SHA256);
    assert_int_equal(r->key_bits, 192);
    assert_int_equal(r->hash, GDOI_SIG_SHA512);
    assert_int_equal(r->interval_s, 15);
    assert_int_equal(r->count, 0);
    assert_int_equal(r->wave_members, 7);
    assert_int_equal(r->wave_interval_s, 1);
    assert_int_equal(r->destination.addr.family, 0);
    config_free(c);
    r = loaded(&c, signing_key_rsa_2048, "", "transport: unicast, acknowledgement: none");
    assert_int_equal(r->ack, 0);
    config_free(c);
}

static void keys_of_every_kind(void **state)
{
    struct config *c;
    const struct config_rekey *r = loaded(&c, signing_key_p256, "", "transport: unicast");

    (void)state;
    assert_int_equal(sig_key_kind(r->key->key), SIG_ECDSA_256);
    assert_int_equal(r->hash, 0);
    config_free(c);
    r = loaded(&c, signing_key_p384, "", "transport: unicast, hash: sha384");
    assert_int_equal(sig_key_kind(r->key->key), SIG_ECDSA_384);
    assert_int_equal(r->hash, 0);
    config_free(c);
    r = loaded(&c, signing_key_rsa_2048, "legacy: true\n", "transport: unicast, hash: sha1, encryption: 3des");
    assert_int_equal(r->hash, GDOI_SIG_SHA1);
    assert_int_equal(r->cipher, GDOI_KEK_3DES);
    assert_int_equal(r->key_bits, 0);
    assert_int_equal(c->n_lints, 1);
    config_free(c);
}

static void a_key_lives_as_long_as_somebody_needs_it(void **state)
{
    struct config *c;
    struct config_signing_key *k = config_signing_key_hold(loaded(&c, signing_key_p256, "", "transport: unicast")->key);

    (void)state;
    config_free(c);
    assert_int_equal(k->users, 1);
    assert_int_equal(sig_key_bits(k->key), 256);
    config_signing_key_release(k);
    config_signing_key_release(NULL);
}

static void what_does_not_go_together(void **state)
{
    static const struct {
        const char *pem, *rekey, *want;
    } rows[] = {
        {signing_key_rsa_2048, "lifetime: 1h", "f:9:11: rekey: the key 'multicast' is missing"},
        {signing_key_rsa_2048, "multicast: {destination: 239.0.0.1}, acknowledgement: rfc8263",
         "acknowledgement: rfc8263 is for unicast, expected none beside transport multicast"},
        {signing_key_p256, "transport: unicast, hash: sha384",
         "hash: the curve of the signing key has its own hash, expected sha256"},
        {signing_key_p384, "transport: unicast, hash: sha256",
         "hash: the curve of the signing key has its own hash, expected sha384"},
        {signing_key_rsa_1024, "transport: unicast", "RSA of at least 2048 bits"},
        {"no key at all", "transport: unicast", "expected a PEM private key"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct yaml_error e = {.text = ""};

        assert_null(load(rows[i].pem, "", "1h", rows[i].rekey, &e));
        if (!strstr(e.text, rows[i].want))
            fail_msg("'%s', expected '%s'", e.text, rows[i].want);
    }
}

/* Decision 20, KS4: lifetimes that leave no time are warned of. */
static void lifetimes_that_leave_no_time_are_warned_of(void **state)
{
    static const struct {
        const char *lifetime, *rekey, *want;
    } rows[] = {
        {"1h", "transport: unicast", NULL},
        {"15m", "transport: unicast, lifetime: 45m", NULL},
        {"8h", "transport: unicast, lifetime: 86399s", "better at least 3 lifetimes of a key (28800s)"},
        {"120s", "transport: unicast", "the first round of a rekey can't end 90s before the end of a key"},
        {"15m", "transport: unicast, lifetime: 5m, retransmit: {interval: 60s, count: 10}", "can't be renewed 200s before its end"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct yaml_error e = {.text = ""};
        struct config *c = load(signing_key_p256, "", rows[i].lifetime, rows[i].rekey, &e);
        bool found = !rows[i].want;

        if (!c)
            fail_msg("%s", e.text);
        for (size_t k = 0; k < c->n_lints; k++)
            found |= rows[i].want && strstr(c->lints[k], rows[i].want);
        if (!found || (!rows[i].want && c->n_lints > 0))
            fail_msg("%zu: %s", i, c->n_lints ? c->lints[0] : "no warning");
        config_free(c);
    }
}

static void a_key_that_everybody_can_read_is_refused(void **state)
{
    char text[2000], path[64];
    struct yaml_error e = {.text = ""};

    (void)state;
    assert_true(signing_key_file(signing_key_p256, path));
    assert_int_equal(chmod(path, 0644), 0);
    snprintf(text, sizeof(text), head, "", "1h", path, "transport: unicast");
    assert_null(config_parse("f", text, strlen(text), &e));
    assert_non_null(strstr(e.text, "others may use"));
    unlink(path);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_isnt_said_has_the_defaults_of_the_manual),
        cmocka_unit_test(unicast_wants_acknowledgements_unless_told_otherwise),
        cmocka_unit_test(keys_of_every_kind),
        cmocka_unit_test(a_key_lives_as_long_as_somebody_needs_it),
        cmocka_unit_test(what_does_not_go_together),
        cmocka_unit_test(lifetimes_that_leave_no_time_are_warned_of),
        cmocka_unit_test(a_key_that_everybody_can_read_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
