/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Operator commands about rekeys on a key server: what `show ks rekey` says, what `rekey` and `clear` do, their exit codes, and that
 * no answer holds a key (OP2, KS18).
 */
#include "tests/lib/signing_keys.h"
#include "tests/unit/ctrl/ctl/ctl_fixture.h"

static const char *const file =
    "gvpn: 1\n"
    "ike: {listen: [10.0.0.1], pre-shared-keys: [{peer: 10.0.0.0/24, secret: \"0123456789abcdef0123456789abcdef\"}]}\n"
    "acls: {a: [\"permit ip 10.1.0.0/16 10.1.0.0/16\"]}\n"
    "transform-sets: {t: {suite: aes-gcm-256}}\n"
    "profiles: {p: {transform-set: t, lifetime: 1h}}\n"
    "groups:\n"
    "  - {name: ONE, identity: 484, key-server: {address: 10.0.0.1, authorize: {addresses: [permit any]},\n"
    "     rekey: {transport: unicast, signing-key: %s}, sa: [{number: 10, profile: p, acl: a, replay: {time: 100s}}]}}\n"
    "  - {name: OLD, identity: 485, key-server: {address: 10.0.0.1, authorize: {addresses: [permit any]},\n"
    "     sa: [{number: 10, profile: p, acl: a, replay: none}]}}\n"
    "  - {name: CAST, identity: 486, key-server: {address: 10.0.0.1, authorize: {addresses: [permit any]},\n"
    "     rekey: {multicast: {destination: 239.0.1.2}, signing-key: %s}, sa: [{number: 10, profile: p, acl: a, replay: none}]}}\n";

static int set_up(void **state)
{
    char text[3000], key[64];

    log_set_level(LOG_LEVEL_ERROR);
    assert_true(signing_key_file(signing_key_p384, key));
    snprintf(text, sizeof(text), file, key, key);
    *state = fixture_open(text);
    unlink(key);
    return 0;
}

/* Are these octets somewhere in the answer, as hex? */
static bool shows(const char *text, const uint8_t *b, size_t len)
{
    char hex[2 * SECRET_MAX + 1];

    for (size_t i = 0; i < len; i++)
        snprintf(hex + 2 * i, 3, "%02x", b[i]);
    return strstr(text, hex) != NULL;
}

/* ask(), and no answer holds a KEK. */
static int run(struct fixture *f, const char *line)
{
    int code = ask(f, line);
    const struct ks *ks = roles_ks(f->roles);

    for (size_t i = 0; i < ks->n_groups; i++) {
        for (size_t k = 0; k < ks->groups[i]->keks.n; k++)
            assert_false(shows(f->text, ks->groups[i]->keks.all[k].kek.key.b, ks->groups[i]->keks.all[k].kek.key.len));
    }
    return code;
}

static struct ks_group *group(struct fixture *f, const char *name)
{
    return ks_find(roles_ks(f->roles), name);
}

/* The first wave of what was asked for. */
static void tick(struct fixture *f)
{
    timers_fire(loop_timers(f->loop), loop_now(f->loop).scaled);
}

static void what_is_due_and_how_it_stands(void **state)
{
    struct fixture *f = *state;

    join(f, "10.0.0.2", 484, FEATURES_KNOWN);
    join(f, "10.0.0.3", 484, FEATURES_KNOWN);
    join(f, "10.0.0.4", 486, FEATURES_KNOWN);
    assert_int_equal(run(f, "show ks rekey"), CTL_OK);
    assert_int_equal(referee_size(f->text, "groups"), 3);
    assert_non_null(strstr(f->text, "{\"name\":\"OLD\",\"server\":\"10.0.0.1\",\"rekey\":null}"));
    assert_non_null(strstr(f->text, "\"transport\":\"multicast\",\"destination\":\"239.0.1.2:848\",\"acknowledgement\":\"none\""));
    assert_int_equal(run(f, "show ks rekey ONE"), CTL_OK);
    assert_non_null(strstr(f->text, "\"transport\":\"unicast\",\"destination\":null,\"acknowledgement\":\"rfc8263\""));
    assert_non_null(strstr(f->text, "\"encryption\":\"aes-256\",\"key_octets\":32,\"iv_octets\":16,\"signature\":\"ecdsa-384\",\"hash\":"
                                    "\"sha384\",\"signing_key_bits\":384,\"signing_key_octets\":120,\"signature_octets\":96,"
                                    "\"signing_key_file\":\"/"));
    assert_non_null(strstr(f->text, "\"teks\":1,\"kek\":{"));
    assert_non_null(strstr(f->text, "\"last\":null,\"leaving\":[]"));
    assert_non_null(strstr(f->text, "\"members\":null"));
    assert_true(strstr(f->text, "\"next_tek_in_s\":3214") || strstr(f->text, "\"next_tek_in_s\":3215"));
    assert_true(strstr(f->text, "\"next_time_in_s\":1799") || strstr(f->text, "\"next_time_in_s\":1800"));
    assert_int_equal(run(f, "rekey ONE"), CTL_OK);
    assert_int_equal(referee_number(f->text, "members_told"), 2);
    assert_int_equal(referee_number(f->text, "new_teks"), 0);
    tick(f);
    assert_int_equal(f->sent, 2);
    assert_int_equal(run(f, "show ks rekey ONE members"), CTL_OK);
    assert_non_null(strstr(f->text, "\"why\":\"operator\",\"began_s_ago\":0,\"under_way\":true,\"round\":1,\"members\":2,\"pending\":2"));
    assert_non_null(strstr(f->text, "\"address\":\"10.0.0.2\",\"identity\":\"10.0.0.2\",\"kek\":\"newest\",\"pending\":true,\"rekeys_sent\":1"));
    assert_int_equal(run(f, "status"), CTL_OK);
    assert_non_null(strstr(f->text, "\"last_rekey_seq\":1"));
    assert_int_equal(run(f, "show ks policy ONE"), CTL_OK);
    assert_non_null(strstr(f->text, "\"kek\":{\"spi\":\"0x"));
    assert_int_equal(run(f, "show ks policy OLD"), CTL_OK);
    assert_non_null(strstr(f->text, "\"kek\":null"));
    assert_int_equal(run(f, "show ks members ONE"), CTL_OK);
    assert_non_null(strstr(f->text, "\"rekeys_sent\":1,\"rekeys_acked\":0,\"missed\":0"));
    assert_int_equal(run(f, "rekey CAST"), CTL_OK);
    tick(f);
    assert_int_equal(f->sent, 3);
    assert_int_equal(run(f, "show ks rekey CAST"), CTL_OK);
    assert_non_null(strstr(f->text, "\"pending\":null"));
}

static void keys_are_replaced(void **state)
{
    struct fixture *f = *state;

    join(f, "10.0.0.2", 484, FEATURES_KNOWN);
    assert_int_equal(run(f, "rekey ONE --replace"), CTL_OK);
    assert_int_equal(referee_number(f->text, "new_teks"), 1);
    assert_true(referee_number(f->text, "old_keys_receive_s") >= 34);
    assert_int_equal(group(f, "ONE")->n_teks, 2);
    assert_int_equal(run(f, "rekey ONE --replace now"), CTL_OK);
    assert_int_equal(referee_number(f->text, "old_keys_receive_s"), 0);
    tick(f);
    tick(f);
    assert_int_equal(group(f, "ONE")->n_teks, 1);
}

static void members_are_cleared_and_barred(void **state)
{
    struct fixture *f = *state;
    uint32_t spi = group(f, "ONE")->teks[0].spi;

    join(f, "10.0.0.2", 484, FEATURES_KNOWN);
    join(f, "10.0.0.3", 484, FEATURES_KNOWN);
    join(f, "10.0.0.4", 484, FEATURES_KNOWN);
    assert_int_equal(run(f, "clear ks members ONE 10.0.0.4"), CTL_OK);
    assert_int_equal(referee_number(f->text, "barred"), 0);
    assert_int_equal(run(f, "clear ks members ONE 10.0.0.2 --bar"), CTL_OK);
    assert_int_equal(referee_number(f->text, "members_forgotten"), 1);
    assert_int_equal(referee_number(f->text, "barred"), 1);
    assert_int_not_equal(group(f, "ONE")->teks[0].spi, spi);
    tick(f);
    assert_int_equal(f->sent, 1); /* to 10.0.0.3 */
    assert_int_equal(run(f, "show ks rekey ONE"), CTL_OK);
    assert_non_null(strstr(f->text, "\"leaving\":[{\"why\":\"new key epoch\""));
    assert_non_null(strstr(f->text, "\"barred\":[\"10.0.0.2\"]"));
    join(f, "10.0.0.3", 484, FEATURES_KNOWN);
    assert_int_equal(run(f, "clear group ONE"), CTL_OK);
    assert_int_equal(referee_number(f->text, "members_told"), 1);
    assert_int_equal(run(f, "clear ks members ONE"), CTL_OK); /* everybody's entries, and nobody's bar */
    assert_int_equal(group(f, "ONE")->n_barred, 1);
    assert_int_equal(run(f, "clear ks members ONE 10.0.0.2"), CTL_OK);
    assert_non_null(strstr(f->text, "may register again"));
    assert_int_equal(referee_number(f->text, "barred"), 0);
    assert_int_equal(group(f, "ONE")->n_barred, 0);
    assert_int_equal(run(f, "clear ks members ONE 10.0.0.2"), CTL_NOT_FOUND); /* neither member nor barred */
    assert_int_equal(run(f, "clear group OLD"), CTL_OK);
    assert_int_equal(referee_number(f->text, "members_told"), 0);
}

static void exit_codes(void **state)
{
    static const struct {
        const char *line;
        int code;
    } rows[] = {
        {"rekey", CTL_USAGE},
        {"rekey NONE", CTL_NOT_FOUND},
        {"rekey OLD", CTL_FAILURE},
        {"rekey OLD --replace", CTL_FAILURE},
        {"rekey ONE --please", CTL_USAGE},
        {"rekey ONE --replace later", CTL_USAGE},
        {"rekey ONE --replace now now", CTL_USAGE},
        {"show ks rekey NONE", CTL_NOT_FOUND},
        {"show ks rekey ONE everybody", CTL_USAGE},
        {"clear ks members ONE 10.0.0.2 --forever", CTL_USAGE},
        {"clear ks members ONE --bar", CTL_USAGE},
        {"clear ks members OLD 10.0.0.2 --bar", CTL_FAILURE},
        {"clear ks members ONE 10.0.0.2 --bar", CTL_OK}, /* also who isn't there now may be barred */
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (run(f, rows[i].line) != rows[i].code)
            fail_msg("%s: %s", rows[i].line, f->text);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(what_is_due_and_how_it_stands),
        T(keys_are_replaced),
        T(members_are_cleared_and_barred),
        T(exit_codes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
