/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The start-up self test passes with both backends and notices an engine that doesn't look at the ICV (CVE-2015-4550),
 * one that gets a single answer wrong, and one that fails only in long bursts.
 */
#include "dataplane/crypto/crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void both_backends_pass(void **state)
{
    char why[256] = "";

    (void)state;
    assert_non_null(crypto_ipsec_mb());
    assert_true(crypto_selftest(crypto_libcrypto(), why, sizeof why));
    assert_true(crypto_selftest(crypto_ipsec_mb(), why, sizeof why));
    assert_string_equal(why, "");
}

static void open_blindly(struct crypto_op *ops, unsigned n)
{
    crypto_ipsec_mb()->open(ops, n);
    for (unsigned i = 0; i < n; i++)
        ops[i].ok = 1;
}

/* The last packet of a burst of 17 or more is spoilt, as ipsec-mb 2.0 did with several jobs in flight. */
static void seal_long_bursts_wrong(struct crypto_op *ops, unsigned n)
{
    crypto_ipsec_mb()->seal(ops, n);
    if (n >= 17)
        ops[n - 1].esp[CRYPTO_AAD_LEN + CRYPTO_IV_LEN] ^= 1;
}

static void seal_one_wrong(const struct crypto_key *k, const uint8_t nonce[12], struct span aad, uint8_t *text,
                           size_t len, uint8_t tag[CRYPTO_ICV_LEN])
{
    crypto_ipsec_mb()->seal_one(k, nonce, aad, text, len, tag);
    if (aad.len > 0)
        tag[15] ^= 0x80;
}

static bool no_key(struct crypto_key *k, const struct suite *suite, const uint8_t *key)
{
    (void)k, (void)suite, (void)key;
    return false;
}

/* The key schedule of one suite is another's. */
static bool mixed_up_192(struct crypto_key *k, const struct suite *suite, const uint8_t *key)
{
    return crypto_ipsec_mb()->key_set(k, suite->id == SUITE_AES_GCM_192 ? suite_by_id(SUITE_AES_GCM_128) : suite, key);
}

static void broken_engines_are_noticed(void **state)
{
    struct crypto_backend b;
    char why[256];

    (void)state;
    b = *crypto_ipsec_mb();
    b.open = open_blindly;
    assert_false(crypto_selftest(&b, why, sizeof why));
    assert_non_null(strstr(why, "accepts a wrong ICV"));
    b = *crypto_ipsec_mb();
    b.seal = seal_long_bursts_wrong;
    assert_false(crypto_selftest(&b, why, sizeof why));
    assert_non_null(strstr(why, "burst of 17"));
    b = *crypto_ipsec_mb();
    b.seal_one = seal_one_wrong;
    assert_false(crypto_selftest(&b, why, sizeof why));
    assert_non_null(strstr(why, "known test 4"));
    b = *crypto_ipsec_mb();
    b.key_set = mixed_up_192;
    assert_false(crypto_selftest(&b, why, sizeof why));
    assert_non_null(strstr(why, "aes-gcm-192"));
    b = *crypto_ipsec_mb();
    b.key_set = no_key;
    assert_false(crypto_selftest(&b, why, sizeof why));
}

static void suites_that_no_backend_runs(void **state)
{
    static struct crypto_key k;
    uint8_t key[64] = {0};

    (void)state;
    for (unsigned id = SUITE_NONE + 1; id < SUITE_COUNT; id++) {
        bool gcm = id == SUITE_AES_GCM_128 || id == SUITE_AES_GCM_192 || id == SUITE_AES_GCM_256;

        assert_int_equal(crypto_ipsec_mb()->key_set(&k, suite_by_id(id), key), gcm);
        assert_int_equal(crypto_libcrypto()->key_set(&k, suite_by_id(id), key), gcm);
    }
}

static void wiped_keys_are_zero(void **state)
{
    static struct crypto_key k;
    static const struct crypto_key zero;
    uint8_t key[16] = {1, 2, 3};

    (void)state;
    assert_true(crypto_ipsec_mb()->key_set(&k, suite_by_id(SUITE_AES_GCM_128), key));
    assert_memory_not_equal(&k, &zero, sizeof k);
    crypto_key_wipe(&k);
    assert_memory_equal(&k, &zero, sizeof k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_backends_pass),
        cmocka_unit_test(broken_engines_are_noticed),
        cmocka_unit_test(suites_that_no_backend_runs),
        cmocka_unit_test(wiped_keys_are_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
