/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The start-up self test passes with both backends and notices an engine that doesn't look at the ICV (CVE-2015-4550),
 * one that gets a single answer wrong, and one that fails only in long bursts; the same in lanes, by the suite's name.
 */
#include "dataplane/crypto/crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

static bool no_key(struct crypto_key *k, const struct suite *suite, const uint8_t *key, const uint8_t *integrity)
{
    (void)k, (void)suite, (void)key, (void)integrity;
    return false;
}

/* The key schedule of one suite is another's. */
static bool mixed_up_192(struct crypto_key *k, const struct suite *suite, const uint8_t *key, const uint8_t *integrity)
{
    return crypto_ipsec_mb()->key_set(k, suite->id == SUITE_AES_GCM_192 ? suite_by_id(SUITE_AES_GCM_128) : suite, key,
                                      integrity);
}

/* What ipsec-mb 2.0 to 2.0.2 did: 3DES is wrong with more than one job in flight. */
static unsigned in_flight;

static void submit_3des_wrong(void *lanes, struct crypto_job *job)
{
    if (job->key->suite->id == SUITE_3DES_SHA1 && !job->open && ++in_flight == 2) {
        job->esp[30] ^= 1; /* other text than was asked for, with an ICV to match */
        crypto_ipsec_mb()->submit(lanes, job);
        return;
    }
    crypto_ipsec_mb()->submit(lanes, job);
}

static void flush_and_forget(void *lanes)
{
    in_flight = 0;
    crypto_ipsec_mb()->flush(lanes);
}

static void submit_believing_chacha(void *lanes, struct crypto_job *job)
{
    crypto_ipsec_mb()->submit(lanes, job);
    if (job->open && job->key->suite->id == SUITE_CHACHA20_POLY1305)
        job->ok = true;
}

/* Compares the first 8 octets of the ICV only. */
static void submit_half_icv(void *lanes, struct crypto_job *job)
{
    crypto_ipsec_mb()->submit(lanes, job);
    if (job->open && job->key->suite->id == SUITE_NULL_SHA512) {
        crypto_ipsec_mb()->flush(lanes);
        job->ok = memcmp(job->tag, job->esp + 8 + job->len, 8) == 0;
    }
}

/* HMAC truncated to 96 bits with the key of another: SHA-384 taken for SHA-512. */
static bool key_384_for_512(struct crypto_key *k, const struct suite *suite, const uint8_t *key, const uint8_t *integrity)
{
    bool wrong = suite->id == SUITE_AES_CBC_192_SHA512;

    if (!crypto_ipsec_mb()->key_set(k, wrong ? suite_by_id(SUITE_AES_CBC_192_SHA384) : suite, key, integrity))
        return false;
    k->suite = suite;
    return true;
}

static bool no_gmac_192(struct crypto_key *k, const struct suite *suite, const uint8_t *key, const uint8_t *integrity)
{
    return suite->id != SUITE_AES_GMAC_192 && crypto_ipsec_mb()->key_set(k, suite, key, integrity);
}

/* The self test fails; why begins with the suite and has these words. */
static void expect(const struct crypto_backend *b, const char *suite, const char *what)
{
    char why[256] = "";

    assert_false(crypto_selftest(b, why, sizeof why));
    assert_ptr_equal(strstr(why, suite), why);
    if (strstr(why, what) == NULL)
        fail_msg("%s", why);
}

static void broken_lanes_are_noticed(void **state)
{
    struct crypto_backend b;

    (void)state;
    b = *crypto_ipsec_mb();
    b.submit = submit_3des_wrong;
    b.flush = flush_and_forget;
    expect(&b, "3des-cbc/hmac-sha1-96", "on 2 packets");
    b = *crypto_ipsec_mb();
    b.submit = submit_believing_chacha;
    expect(&b, "chacha20-poly1305", "");
    b = *crypto_ipsec_mb();
    b.submit = submit_half_icv;
    expect(&b, "null/hmac-sha512-256", "wrong ICV");
    b = *crypto_ipsec_mb();
    b.key_set = key_384_for_512;
    expect(&b, "aes-cbc-192/hmac-sha512-256", "disagree");
    b = *crypto_ipsec_mb();
    b.key_set = no_gmac_192;
    expect(&b, "aes-gmac-192", "");
}

static void broken_engines_are_noticed(void **state)
{
    struct crypto_backend b;

    (void)state;
    b = *crypto_ipsec_mb();
    b.open = open_blindly;
    expect(&b, "", "accepts a wrong ICV");
    b = *crypto_ipsec_mb();
    b.seal = seal_long_bursts_wrong;
    expect(&b, "", "burst of 17");
    b = *crypto_ipsec_mb();
    b.seal_one = seal_one_wrong;
    expect(&b, "", "known test 4");
    b = *crypto_ipsec_mb();
    b.key_set = mixed_up_192;
    expect(&b, "", "aes-gcm-192");
    b = *crypto_ipsec_mb();
    b.key_set = no_key;
    expect(&b, "", "");
}

static void both_backends_run_every_suite(void **state)
{
    static struct crypto_key k;
    uint8_t key[64] = {0};

    (void)state;
    for (unsigned id = SUITE_NONE + 1; id < SUITE_COUNT; id++) {
        assert_true(crypto_ipsec_mb()->key_set(&k, suite_by_id(id), key, key));
        assert_true(crypto_libcrypto()->key_set(&k, suite_by_id(id), key, key));
    }
}

/* It stands between power-on and the first packet: how long it takes is said, but fails nothing. */
static void the_self_test_passes(void **state)
{
    struct timespec start, end;
    char why[256];
    double ms;

    (void)state;
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start), 0);
    assert_true(crypto_selftest(crypto_ipsec_mb(), why, sizeof why));
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end), 0);
    ms = (double)(end.tv_sec - start.tv_sec) * 1e3 + (double)(end.tv_nsec - start.tv_nsec) / 1e6;
    print_message("%.0f ms\n", ms);
}

static void wiped_keys_are_zero(void **state)
{
    static struct crypto_key k;
    static const struct crypto_key zero;
    uint8_t key[16] = {1, 2, 3};

    (void)state;
    assert_true(crypto_ipsec_mb()->key_set(&k, suite_by_id(SUITE_AES_GCM_128), key, NULL));
    assert_memory_not_equal(&k, &zero, sizeof k);
    crypto_key_wipe(&k);
    assert_memory_equal(&k, &zero, sizeof k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_backends_pass),
        cmocka_unit_test(broken_engines_are_noticed),
        cmocka_unit_test(broken_lanes_are_noticed),
        cmocka_unit_test(both_backends_run_every_suite),
        cmocka_unit_test(the_self_test_passes),
        cmocka_unit_test(wiped_keys_are_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
