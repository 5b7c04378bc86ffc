/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rows of the original guide's table "Commands That Trigger a Rekey" about what is outside of a group, named by the row: they
 * count at once, for who registers from then on, and send nothing (KS9). The other rows are in changes_test.c.
 */
#include "tests/unit/ctrl/ks/rekey_fixture.h"

#define OLD   SA("p")
#define LATER 100

/* A member is there, and hears nothing of a reload to this; keys stay. */
static void expect_nothing_of(struct fixture *f, struct config *fresh)
{
    struct policy p;

    join_member(f, 1, &p);
    run_to(f, START + LATER);
    reload(f, fresh);
    run_to(f, START + LATER + 1);
    assert_int_equal(f->n_sent, 0);
    assert_int_equal(group(f)->n_teks, 1);
    assert_int_equal(group(f)->keks.n, 1);
    assert_int_equal(group(f)->teks[0].spi, p.sas[0].spi);
    policy_wipe(&p);
}

static void add_isakmp_preshared_key_arbitrary(void **state)
{
    struct fixture *f = *state;
    struct config *fresh;

    begin(f, UNICAST, "", OLD);
    fresh = config_of(f, NULL, UNICAST, "", OLD);
    fresh->psks[0].peer.len = 16; /* the others have none any more */
    expect_nothing_of(f, fresh);
}

static void add_isakmp_preshared_key_of_a_member(void **state)
{
    struct fixture *f = *state;
    struct config *fresh;

    begin(f, UNICAST, "", OLD);
    fresh = config_of(f, NULL, UNICAST, "", OLD);
    fresh->psks[0].secret.b[0] ^= 1;
    expect_nothing_of(f, fresh);
}

static void add_isakmp_policy(void **state)
{
    struct fixture *f = *state;
    struct config *fresh;

    begin(f, UNICAST, "", OLD);
    fresh = config_of(f, NULL, UNICAST, "", OLD);
    fresh->proposals[0].hash = 5;
    expect_nothing_of(f, fresh);
}

static void add_ipsec_profile(void **state) /* one that no entry uses */
{
    struct fixture *f = *state;
    struct yaml_error e = {.text = ""};
    struct config *fresh;
    char text[2000];

    begin(f, UNICAST, "", OLD);
    snprintf(text, sizeof(text),
             "gvpn: 1\n"
             "ike: {listen: [10.0.0.1, 10.0.0.9], pre-shared-keys: [{peer: 10.0.0.0/8, secret: 0123456789abcdef0123456789abcdef}]}\n"
             "acls: {a: [\"permit ip 10.1.0.0/16 10.1.0.0/16\"]}\n"
             "transform-sets: {t: {suite: aes-gcm-256}, v: {suite: aes-gcm-192}}\n"
             "profiles: {p: {transform-set: t, lifetime: 1h}, x: {transform-set: v, lifetime: 20m}}\n"
             "groups: [{name: G, identity: 484, key-server: {address: 10.0.0.1, rekey: {signing-key: %s, " UNICAST "}, sa: [" OLD "]}}]\n",
             f->key);
    fresh = config_parse("test.yaml", text, strlen(text), &e);
    if (!fresh)
        fail_msg("%s", e.text);
    expect_nothing_of(f, fresh);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(add_isakmp_preshared_key_arbitrary),
        T(add_isakmp_preshared_key_of_a_member),
        T(add_isakmp_policy),
        T(add_ipsec_profile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
