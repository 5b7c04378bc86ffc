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
    uint8_t b[512];
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
    uint8_t hash[IKE_HASH_LEN];
    struct ike_keys_input in = {
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
    assert_hex(iv.b, sizeof iv.b, v->first_iv);

    assert_true(ike_keys_auth_hash(&in, &k.skeyid, true, load(v->sa, &sa), load(v->id_i, &id_i), hash));
    assert_hex(hash, sizeof hash, v->hash_i);
    assert_true(ike_keys_auth_hash(&in, &k.skeyid, false, load(v->sa, &sa), load(v->id_r, &id_r), hash));
    assert_hex(hash, sizeof hash, v->hash_r);

    struct ike_sa ike = {0};
    load(v->last_block, &last);
    memcpy(ike.last.b, last.b, sizeof ike.last.b);
    assert_true(ike_sa_first_iv(&ike, v->message_id, &iv));
    assert_hex(iv.b, sizeof iv.b, v->phase2_iv);

    uint8_t nonces[512];
    memcpy(nonces, in.nonce_i.p, in.nonce_i.len);
    memcpy(nonces + in.nonce_i.len, in.nonce_r.p, in.nonce_r.len);
    assert_true(
        ike_keys_message_hash(&k.skeyid_a, v->message_id, span_of(NULL, 0), load(v->after, &after), hash));
    assert_hex(hash, sizeof hash, v->hash_1);
    assert_true(ike_keys_message_hash(&k.skeyid_a, v->message_id,
                                      span_of(nonces, in.nonce_i.len + in.nonce_r.len),
                                      load(v->after, &after), hash));
    assert_hex(hash, sizeof hash, v->hash_3);

    ike_keys_wipe(&k);
    for (size_t i = 0; i < sizeof k; i++)
        assert_int_equal(((const uint8_t *)&k)[i], 0);
}

static void group_14(void **state)
{
    (void)state;
    check_vector(&ike_keys_vectors[0]);
}

static void group_19(void **state)
{
    (void)state;
    check_vector(&ike_keys_vectors[1]);
}

static void stretched_key_limits(void **state)
{
    (void)state;
    struct secret e = {.len = 32}, key;
    assert_false(ike_keys_stretch(&e, 0, &key));
    assert_true(ike_keys_stretch(&e, 1, &key));
    assert_int_equal(key.len, 1);
    assert_true(ike_keys_stretch(&e, SECRET_MAX, &key));
    assert_int_equal(key.len, SECRET_MAX);
    assert_false(ike_keys_stretch(&e, SECRET_MAX + 1, &key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(group_14),
        cmocka_unit_test(group_19),
        cmocka_unit_test(stretched_key_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
