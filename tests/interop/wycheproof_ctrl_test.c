/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Wycheproof's vectors through ctrl/crypto: HMAC (prf), AES-CBC (cbc; the padding is done here), public values of the ECP
 * groups (dh), which must be refused when they are no point of the curve, and signatures (sig) as rekeys have them: RSA with
 * PKCS #1 v1.5, ECDSA as r|s. The folder is the first argument.
 */
#include "ctrl/crypto/cbc.h"
#include "ctrl/crypto/dh.h"
#include "ctrl/crypto/hash.h"
#include "ctrl/crypto/ike_suite.h"
#include "ctrl/crypto/prf.h"
#include "ctrl/crypto/sig.h"
#include "tests/interop/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char *folder;
static size_t accepted, refused;
static uint16_t algorithm; /* hash or group under test */
static enum sig_kind kind;
static size_t weak_keys;

static void count(const struct vector *v, bool ok)
{
    if (!vector_acceptable(v) && ok != vector_valid(v))
        fail_msg("vector %d is %s", vector_id(v), ok ? "accepted" : "refused");
    if (ok)
        accepted++;
    else
        refused++;
}

static void check_hmac(const struct vector *v)
{
    struct octets key, msg, tag;
    uint8_t out[PRF_MAX];

    vector_octets(v, "key", &key);
    vector_octets(v, "msg", &msg);
    vector_octets(v, "tag", &tag);
    assert_in_range(tag.len, 10, hash_len(algorithm)); /* some are cut short */
    const struct span halves[] = {span_of(msg.b, msg.len / 2),
                                  span_of(msg.b + msg.len / 2, msg.len - msg.len / 2)};
    assert_true(prf_compute(algorithm, span_of(key.b, key.len), halves, 2, out));
    count(v, memcmp(out, tag.b, tag.len) == 0);
}

/* Only valid ones: invalid ones have a bad padding, which we never look at. */
static void check_cbc(const struct vector *v)
{
    struct octets key, iv, msg, ct;
    uint8_t out[VECTORS_MAX];

    if (!vector_valid(v))
        return;
    vector_octets(v, "key", &key);
    vector_octets(v, "iv", &iv);
    vector_octets(v, "msg", &msg);
    vector_octets(v, "ct", &ct);
    size_t pad = CBC_BLOCK_MAX - msg.len % CBC_BLOCK_MAX;
    assert_in_range(msg.len + pad, 1, sizeof msg.b);
    memset(msg.b + msg.len, (int)pad, pad);
    msg.len += pad;
    assert_int_equal(msg.len, ct.len);
    assert_true(cbc_encrypt(IKE_AES_CBC, span_of(key.b, key.len), iv.b, msg.b, out, msg.len));
    assert_memory_equal(out, ct.b, ct.len);
    assert_true(cbc_decrypt(IKE_AES_CBC, span_of(key.b, key.len), iv.b, ct.b, out, ct.len));
    assert_memory_equal(out, msg.b, msg.len);
    accepted++;
}

/*
 * A KE payload has no room for the leading octet 04 (RFC 5903 section 7), nor for compressed points: those
 * become a value of the wrong length. Our private value is random, so the shared secret isn't compared.
 */
static void check_point(const struct vector *v)
{
    struct octets public;
    struct dh_shared shared;
    struct dh *dh = dh_new(algorithm);

    assert_non_null(dh);
    vector_octets(v, "public", &public);
    bool uncompressed = public.len > 0 && public.b[0] == 4;
    struct span peer = span_of(public.b + uncompressed, public.len - uncompressed);
    bool ok = dh_shared(dh, peer, &shared);
    if (vector_acceptable(v) && !uncompressed)
        assert_false(ok);
    count(v, ok);
    dh_free(dh);
}

/*
 * What is neither valid nor invalid (a DigestInfo without its NULL) is refused here, and so are keys with exponent 3, of
 * which a file has two (CVE-2006-4339).
 */
static void check_signature(const struct vector *v)
{
    struct octets public, msg, sig;

    vector_group_octets(v, "publicKeyDer", &public);
    vector_octets(v, "msg", &msg);
    vector_octets(v, "sig", &sig);
    const struct span halves[] = {span_of(msg.b, msg.len / 2), span_of(msg.b + msg.len / 2, msg.len - msg.len / 2)};
    bool ok = sig_verify(span_of(public.b, public.len), kind, algorithm, halves, 2, span_of(sig.b, sig.len));
    if (vector_acceptable(v))
        assert_false(ok);
    if (sig_fits(span_of(public.b, public.len), kind)) {
        count(v, ok);
        return;
    }
    assert_false(ok);
    assert_in_range(++weak_keys, 1, 2);
}

static void run(uint16_t which, const char *file, void (*check)(const struct vector *v), size_t least_accepted,
                size_t least_refused)
{
    algorithm = which;
    accepted = refused = weak_keys = 0;
    vectors_each(folder, file, check);
    print_message("%s: %zu accepted, %zu refused\n", file, accepted, refused);
    assert_in_range(accepted, least_accepted, 10000);
    assert_in_range(refused, least_refused, 10000);
}

static void hmac(void **state)
{
    (void)state;
    run(IKE_SHA1, "hmac_sha1_test.json", check_hmac, 50, 50);
    run(IKE_SHA256, "hmac_sha256_test.json", check_hmac, 50, 50);
    run(IKE_SHA384, "hmac_sha384_test.json", check_hmac, 50, 50);
    run(IKE_SHA512, "hmac_sha512_test.json", check_hmac, 50, 50);
}

/* All three lengths of key. */
static void aes_cbc(void **state)
{
    (void)state;
    run(IKE_AES_CBC, "aes_cbc_pkcs5_test.json", check_cbc, 60, 0);
}

static void points(void **state)
{
    (void)state;
    run(19, "ecdh_secp256r1_ecpoint_test.json", check_point, 50, 5);
    run(20, "ecdh_secp384r1_ecpoint_test.json", check_point, 50, 5);
    run(21, "ecdh_secp521r1_ecpoint_test.json", check_point, 50, 5);
}

static void rsa(void **state)
{
    (void)state;
    kind = SIG_RSA;
    run(SIG_HASH_SHA256, "rsa_signature_2048_sha256_test.json", check_signature, 7, 200);
    run(SIG_HASH_SHA384, "rsa_signature_2048_sha384_test.json", check_signature, 7, 200);
    run(SIG_HASH_SHA512, "rsa_signature_2048_sha512_test.json", check_signature, 7, 200);
    run(SIG_HASH_SHA256, "rsa_signature_3072_sha256_test.json", check_signature, 7, 200);
    run(SIG_HASH_SHA256, "rsa_signature_4096_sha256_test.json", check_signature, 7, 200);
    run(SIG_HASH_SHA512, "rsa_signature_4096_sha512_test.json", check_signature, 7, 200);
}

static void ecdsa(void **state)
{
    (void)state;
    kind = SIG_ECDSA_256;
    run(SIG_HASH_OF_CURVE, "ecdsa_secp256r1_sha256_p1363_test.json", check_signature, 150, 80);
    kind = SIG_ECDSA_384;
    run(SIG_HASH_OF_CURVE, "ecdsa_secp384r1_sha384_p1363_test.json", check_signature, 150, 80);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hmac), cmocka_unit_test(aes_cbc), cmocka_unit_test(points),
                                       cmocka_unit_test(rsa), cmocka_unit_test(ecdsa)};

    if (argc != 2)
        return 2;
    folder = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
