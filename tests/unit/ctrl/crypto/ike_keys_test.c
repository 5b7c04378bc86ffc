/* SPDX-License-Identifier: BSD-3-Clause */
/* Key material and hashes against known answers of tests/oracle/ike_keys.py (RFC 2409 5, 5.4, 5.7, appendix
 * B). */
#include "ctrl/crypto/ike_keys.h"
#include "tests/lib/hex.h"
#include "tests/unit/ctrl/crypto/ike_keys_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct bytes {
    uint8_t b[600];
    size_t len;
};

static struct span load(const char *hex, struct bytes *into)
{
    into->len = hex_decode(hex, into->b, sizeof into->b);
    return span_of(into->b, into->len);
}

static void assert_hex(const void *got, size_t len, const char *expected)
{
    struct bytes want;
    load(expected, &want);
    assert_int_equal(want.len, len);
    assert_memory_equal(got, want.b, len);
}

static void check_vector(const struct ike_keys_vector *v)
{
    struct bytes psk, m[7], sa, id_i, id_r, after, last;
    struct ike_keys k;
    struct ike_iv iv;
    uint8_t hash[IKE_HASH_MAX];
    struct ike_keys_input in = {
        .suite = {.encryption = v->encryption, .key_bits = v->key_bits, .hash = v->hash},
        .nonce_i = load(v->nonce_i, &m[0]),
        .nonce_r = load(v->nonce_r, &m[1]),
        .public_i = load(v->public_i, &m[2]),
        .public_r = load(v->public_r, &m[3]),
        .shared = load(v->shared, &m[4]),
        .cookie_i = load(v->cookie_i, &m[5]),
        .cookie_r = load(v->cookie_r, &m[6]),
    };
    assert_true(ike_keys_derive(&in, load(v->psk, &psk), &k));
    assert_hex(k.skeyid.b, k.skeyid.len, v->skeyid);
    assert_hex(k.skeyid_d.b, k.skeyid_d.len, v->skeyid_d);
    assert_hex(k.skeyid_a.b, k.skeyid_a.len, v->skeyid_a);
    assert_hex(k.skeyid_e.b, k.skeyid_e.len, v->skeyid_e);
    assert_hex(k.key.b, k.key.len, v->key);
    assert_true(ike_keys_first_iv(&in, &iv));
    assert_hex(iv.b, ike_suite_block_len(&in.suite), v->first_iv);

    assert_true(ike_keys_auth_hash(&in, &k.skeyid, true, load(v->sa, &sa), load(v->id_i, &id_i), hash));
    assert_hex(hash, ike_suite_hash_len(&in.suite), v->hash_i);
    assert_true(ike_keys_auth_hash(&in, &k.skeyid, false, load(v->sa, &sa), load(v->id_r, &id_r), hash));
    assert_hex(hash, ike_suite_hash_len(&in.suite), v->hash_r);

    struct ike_sa ike = {.suite = in.suite};
    load(v->last_block, &last);
    memcpy(ike.last.b, last.b, last.len);
    assert_true(ike_sa_first_iv(&ike, v->message_id, &iv));
    assert_hex(iv.b, ike_suite_block_len(&in.suite), v->phase2_iv);

    uint8_t nonces[512];
    memcpy(nonces, in.nonce_i.p, in.nonce_i.len);
    memcpy(nonces + in.nonce_i.len, in.nonce_r.p, in.nonce_r.len);
    assert_true(
        ike_keys_message_hash(v->hash, &k.skeyid_a, v->message_id, span_of(NULL, 0), load(v->after, &after), hash));
    assert_hex(hash, ike_suite_hash_len(&in.suite), v->hash_1);
    assert_true(ike_keys_message_hash(v->hash, &k.skeyid_a, v->message_id,
                                      span_of(nonces, in.nonce_i.len + in.nonce_r.len),
                                      load(v->after, &after), hash));
    assert_hex(hash, ike_suite_hash_len(&in.suite), v->hash_3);

    ike_keys_wipe(&k);
    for (size_t i = 0; i < sizeof k; i++)
        assert_int_equal(((const uint8_t *)&k)[i], 0);
}

static void known_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ike_keys_vectors / sizeof ike_keys_vectors[0]; i++) {
        print_message("vector %zu: cipher %u of %u bits, hash %u\n", i, ike_keys_vectors[i].encryption,
                      ike_keys_vectors[i].key_bits, ike_keys_vectors[i].hash);
        check_vector(&ike_keys_vectors[i]);
    }
}

static void stretched_key_limits(void **state)
{
    (void)state;
    struct secret e = {.len = 32}, key;
    assert_false(ike_keys_stretch(IKE_SHA256, &e, 0, &key));
    assert_false(ike_keys_stretch(3, &e, 16, &key)); /* Tiger: not here */
    assert_true(ike_keys_stretch(IKE_SHA256, &e, 1, &key));
    assert_int_equal(key.len, 1);
    assert_true(ike_keys_stretch(IKE_SHA256, &e, SECRET_MAX, &key));
    assert_int_equal(key.len, SECRET_MAX);
    assert_false(ike_keys_stretch(IKE_SHA256, &e, SECRET_MAX + 1, &key));
}

/* What isn't a suite of ours gives no keys. */
static void unknown_suites(void **state)
{
    (void)state;
    static const struct ike_suite bad[] = {{7, 256, 0}, {7, 256, 1}, {7, 256, 3}, {7, 256, 7}, {7, 0, 4},
                                           {7, 64, 4},  {7, 160, 4}, {5, 192, 4}, {1, 0, 4},   {0, 0, 0}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct ike_keys k;
        const struct ike_keys_input in = {.suite = bad[i]};
        assert_false(ike_keys_derive(&in, span_of("a pre-shared key", 16), &k));
        for (size_t at = 0; at < sizeof k; at++)
            assert_int_equal(((const uint8_t *)&k)[at], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(stretched_key_limits),
        cmocka_unit_test(unknown_suites),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
