/* SPDX-License-Identifier: BSD-3-Clause */
/* hash, prf, cbc and rng against published vectors: FIPS 180-4, RFC 4231, NIST SP 800-38A F.2.5. */
#include "ctrl/crypto/cbc.h"
#include "ctrl/crypto/hash.h"
#include "ctrl/crypto/ike_suite.h"
#include "ctrl/crypto/prf.h"
#include "ctrl/crypto/rng.h"
#include "tests/lib/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void assert_hex(const uint8_t *got, size_t len, const char *expected)
{
    uint8_t want[256];
    assert_int_equal(hex_decode(expected, want, sizeof want), len);
    assert_memory_equal(got, want, len);
}

static void sha256_of_abc(void **state)
{
    (void)state;
    uint8_t out[HASH_LEN];
    const struct span parts[] = {span_of("a", 1), span_of(NULL, 0), span_of("bc", 2)};
    assert_true(hash_compute(parts, 3, out));
    assert_hex(out, sizeof out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_true(hash_span(span_of("abc", 3), out));
    assert_hex(out, sizeof out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_true(hash_compute(NULL, 0, out));
    assert_hex(out, sizeof out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void hmac_sha256_rfc4231(void **state)
{
    (void)state;
    uint8_t out[PRF_MAX], key[131];
    memset(key, 0x0b, 20);
    const struct span hi[] = {span_of("Hi ", 3), span_of("There", 5)};
    assert_true(prf_compute(IKE_SHA256, span_of(key, 20), hi, 2, out));
    assert_hex(out, 32, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    const struct span jefe = span_of("what do ya want for nothing?", 28);
    assert_true(prf_compute(IKE_SHA256, span_of("Jefe", 4), &jefe, 1, out));
    assert_hex(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key);
    const struct span big = span_of("Test Using Larger Than Block-Size Key - Hash Key First", 54);
    assert_true(prf_compute(IKE_SHA256, span_of(key, sizeof key), &big, 1, out));
    assert_hex(out, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void hmac_with_empty_key(void **state)
{
    (void)state;
    uint8_t out[PRF_MAX];
    assert_true(prf_compute(IKE_SHA256, span_of(NULL, 0), NULL, 0, out));
    assert_hex(out, 32, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void aes_256_cbc_sp800_38a(void **state)
{
    (void)state;
    static const char plain[] = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
                                "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
    static const char cipher[] = "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"
                                 "39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b";
    uint8_t key[32], iv[CBC_BLOCK_MAX], buf[64];
    hex_decode("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", key, sizeof key);
    hex_decode("000102030405060708090a0b0c0d0e0f", iv, sizeof iv);
    hex_decode(plain, buf, sizeof buf);
    assert_true(cbc_encrypt(IKE_AES_CBC, span_of(key, sizeof key), iv, buf, buf, sizeof buf));
    assert_hex(buf, sizeof buf, cipher);
    assert_true(cbc_decrypt(IKE_AES_CBC, span_of(key, sizeof key), iv, buf, buf, sizeof buf));
    assert_hex(buf, sizeof buf, plain);
}

static void cbc_takes_whole_blocks_only(void **state)
{
    (void)state;
    uint8_t key[32] = {0}, iv[CBC_BLOCK_MAX] = {0}, buf[33] = {0};
    for (size_t len = 0; len <= sizeof buf; len++) {
        bool whole = len == 16 || len == 32;
        assert_int_equal(cbc_encrypt(IKE_AES_CBC, span_of(key, sizeof key), iv, buf, buf, len), whole);
        assert_int_equal(cbc_decrypt(IKE_AES_CBC, span_of(key, sizeof key), iv, buf, buf, len), whole);
    }
}

static void rng_gives_different_octets(void **state)
{
    (void)state;
    uint8_t a[32] = {0}, b[32] = {0};
    const struct rng r = {.get = rng_system};
    assert_true(rng_get(&r, a, sizeof a) && rng_get(&r, b, sizeof b) && rng_get(&r, NULL, 0));
    assert_memory_not_equal(a, b, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_of_abc),
        cmocka_unit_test(hmac_sha256_rfc4231),
        cmocka_unit_test(hmac_with_empty_key),
        cmocka_unit_test(aes_256_cbc_sp800_38a),
        cmocka_unit_test(cbc_takes_whole_blocks_only),
        cmocka_unit_test(rng_gives_different_octets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
