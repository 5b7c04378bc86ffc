/* SPDX-License-Identifier: BSD-3-Clause */
/* GM9: what isn't in `accept` is refused with the reason, at registration and in a rekey alike; GM8: `direction: passive`. */
#include "tests/unit/ctrl/gm/rekey_fixture.h"

#include "ctrl/gdoi/gdoi.h"

#define FILE_WITH(more)                                                                                                \
    "gvpn: 1\n"                                                                                                        \
    "ike: {listen: [10.0.0.2], pre-shared-keys: [{peer: 10.0.0.0/24, secret: \"0123456789abcdef0123456789abcdef\"}]}\n" \
    "groups:\n"                                                                                                        \
    "  - {name: ONE, identity: 484, member: {key-servers: [10.0.0.1], data-plane: {pair: wan}, " more "}}\n"

static int choosy(void **state)
{
    return set_up_with(state, FILE_WITH("accept: {suites: [aes-gcm-128], rekey-encryption: [aes-128, aes-256], "
                                        "rekey-hash: [sha256, sha384]}"));
}

static int passive(void **state)
{
    return set_up_with(state, FILE_WITH("direction: passive"));
}

static int plain(void **state)
{
    return set_up_with(state, FILE_WITH("direction: both"));
}

struct row {
    unsigned suite;
    uint16_t cipher, bits, signature, hash;
    const char *refused; /* NULL: it is taken */
};

static const struct row rows[] = {
    {SUITE_AES_GCM_128, GDOI_KEK_AES, 256, GDOI_SIG_RSA, GDOI_SIG_SHA256, NULL},
    {SUITE_AES_GCM_128, GDOI_KEK_AES, 128, GDOI_SIG_RSA, GDOI_SIG_SHA384, NULL},
    {SUITE_AES_GCM_128, GDOI_KEK_AES, 128, GDOI_SIG_ECDSA_256, 0, NULL}, /* what the curve says */
    {SUITE_AES_GCM_128, GDOI_KEK_AES, 128, GDOI_SIG_ECDSA_384, 0, NULL},
    {SUITE_AES_GCM_256, GDOI_KEK_AES, 256, GDOI_SIG_RSA, GDOI_SIG_SHA256, "suite aes-gcm-256, which isn't in accept.suites"},
    {SUITE_AES_GCM_128, GDOI_KEK_AES, 192, GDOI_SIG_RSA, GDOI_SIG_SHA256, "aes-192, which isn't in accept.rekey-encryption"},
    {SUITE_AES_GCM_128, GDOI_KEK_AES, 256, GDOI_SIG_RSA, GDOI_SIG_SHA512, "sha512, which isn't in accept.rekey-hash"},
    {SUITE_AES_GCM_128, GDOI_KEK_3DES, 0, GDOI_SIG_RSA, GDOI_SIG_SHA256, "3des needs `legacy: true`"},
};

static void put_row(const struct row *r, struct policy *p, uint8_t kek_spi)
{
    p->sas[0].suite = suite_by_id(r->suite);
    p->has_kek = true;
    p->kek = kek_of(kek_spi, KEK_LIFE);
    p->kek.cipher = r->cipher;
    p->kek.key_bits = r->bits;
    p->kek.signature = r->signature;
    p->kek.hash = r->hash;
}

static void at_registration(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture *f;
        struct policy p = policy_of(1, (uint32_t[]){1000}, (uint32_t[]){3600}, 0, 4 * WORKERS);

        assert_int_equal(choosy(state), 0);
        f = *state;
        put_row(&rows[i], &p, 1);
        gm_attached(f->gm, 77, WORKERS, at(f, 0));
        gm_policy(f->gm, &p, at(f, 0));
        policy_wipe(&p);
        wish(f);
        assert_int_equal(f->n_sas, rows[i].refused ? 0 : 1);
        assert_int_equal(gm_kek(f->gm)->has, !rows[i].refused);
        if (rows[i].refused)
            assert_non_null(strstr(gm_stats(f->gm)->last_error, rows[i].refused));
        assert_int_equal(tear_down(state), 0);
    }
}

static void in_a_rekey(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture *f;
        struct push p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3600});
        char why[160] = "";

        assert_int_equal(choosy(state), 0);
        f = *state;
        join(f);
        put_row(&rows[i], &p.policy, 2);
        assert_int_equal(gm_rekey(f->gm, &p, false, at(f, 10), why), rows[i].refused ? GM_REKEY_REFUSED : GM_REKEY_APPLIED);
        if (rows[i].refused)
            assert_non_null(strstr(why, rows[i].refused));
        assert_int_equal(gm_kek(f->gm)->kek.spi[0], rows[i].refused ? 1 : 2);
        push_wipe(&p);
        assert_int_equal(tear_down(state), 0);
    }
}

static void nothing_said_takes_whatever_we_can(void **state)
{
    struct fixture *f = *state;
    struct policy p = policy_of(1, (uint32_t[]){1000}, (uint32_t[]){3600}, 0, 4 * WORKERS);

    put_row(&rows[5], &p, 1);
    gm_attached(f->gm, 77, WORKERS, at(f, 0));
    gm_policy(f->gm, &p, at(f, 0));
    policy_wipe(&p);
    assert_true(gm_kek(f->gm)->has);
}

static void an_ipv6_group_for_rekeys_is_refused(void **state)
{
    struct fixture *f = *state;
    struct policy p = policy_of(1, (uint32_t[]){1000}, (uint32_t[]){3600}, 0, 4 * WORKERS);

    put_row(&rows[0], &p, 1);
    assert_true(addr_parse("ff3e::1", &p.kek.destination.addr));
    gm_attached(f->gm, 77, WORKERS, at(f, 0));
    gm_policy(f->gm, &p, at(f, 0));
    policy_wipe(&p);
    assert_non_null(strstr(gm_stats(f->gm)->last_error, "IPv6 multicast"));
}

/* The configuration's word is above the key server's, and the operator's above both. */
static void a_passive_member_stays_passive(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3600});

    join(f);
    assert_true(f->group.passive && !f->group.receive_only);
    p.policy.receive_only = true;
    (void)hand_in(f, 10, &p);
    assert_true(f->group.passive && !f->group.receive_only);
    gm_set_direction(f->gm, GM_DIRECTION_INBOUND_ONLY, at(f, 11));
    wish(f);
    assert_true(!f->group.passive && f->group.receive_only);
    gm_set_direction(f->gm, GM_DIRECTION_BOTH, at(f, 12));
    wish(f);
    assert_true(!f->group.passive && !f->group.receive_only);
    p = rekey_of(1, (uint32_t[]){3000}, (uint32_t[]){3600});
    (void)hand_in(f, 13, &p);
    assert_true(f->group.passive && !f->group.receive_only);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_registration),
        cmocka_unit_test(in_a_rekey),
        cmocka_unit_test_setup_teardown(nothing_said_takes_whatever_we_can, plain, tear_down),
        cmocka_unit_test_setup_teardown(an_ipv6_group_for_rekeys_is_refused, plain, tear_down),
        cmocka_unit_test_setup_teardown(a_passive_member_stays_passive, passive, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
