/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Wycheproof's AES-GCM and AES-GMAC vectors with nonces of 12 octets, ICVs of 16 and keys of 128 and 256
 * bits, through both crypto backends of the data plane. Those whose additional data is as long as ESP's (8
 * octets) go through the packets' own calls as well, with every octet of the ICV spoilt once. The folder is
 * the first argument.
 */
#include "dataplane/crypto/crypto.h"
#include "tests/interop/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define TEXT_AT (CRYPTO_AAD_LEN + CRYPTO_IV_LEN)

static const char *folder;
static const struct crypto_backend *backend; /* of the running test */
static size_t seals, packets, refused;

static bool fits(const struct vector *v)
{
    size_t key = vector_number(v, "keySize");

    return vector_number(v, "ivSize") == 96 && vector_number(v, "tagSize") == 128 &&
           (key == 128 || key == 256);
}

static void set_key(const struct vector *v, struct crypto_key *k)
{
    struct octets key;
    enum suite_id suite = vector_number(v, "keySize") == 128 ? SUITE_AES_GCM_128 : SUITE_AES_GCM_256;

    vector_octets(v, "key", &key);
    assert_int_equal(key.len, suite_by_id(suite)->key_len);
    assert_true(backend->key_set(k, suite_by_id(suite), key.b, NULL));
}

/* The ICV is right exactly when the vector is valid. Ciphertext too, but that is given for invalid ones as
 * well. */
static void check_icv(const struct vector *v, const uint8_t got[CRYPTO_ICV_LEN])
{
    struct octets tag;

    vector_octets(v, "tag", &tag);
    assert_int_equal(tag.len, CRYPTO_ICV_LEN);
    if ((memcmp(got, tag.b, tag.len) == 0) != vector_valid(v))
        fail_msg("%s: vector %d", backend->name, vector_id(v));
    seals++;
    refused += !vector_valid(v);
}

/* One ESP packet around the vector's text. The packets' calls take the nonce from the operation, not the
 * packet. */
static void check_packet(const struct vector *v, const struct crypto_key *k)
{
    struct octets iv, aad, msg, ct, tag;
    uint8_t esp[TEXT_AT + VECTORS_MAX + CRYPTO_ICV_LEN] = {0};
    struct crypto_op op = {.key = k, .esp = esp};

    vector_octets(v, "iv", &iv);
    vector_octets(v, "aad", &aad);
    vector_octets(v, "msg", &msg);
    vector_octets(v, "ct", &ct);
    vector_octets(v, "tag", &tag);
    op.len = (uint32_t)msg.len;
    memcpy(op.nonce, iv.b, iv.len);
    memcpy(esp, aad.b, aad.len);
    memcpy(esp + TEXT_AT, msg.b, msg.len);
    backend->seal(&op, 1);
    assert_memory_equal(esp + TEXT_AT, ct.b, ct.len);
    assert_memory_equal(esp + TEXT_AT + ct.len, tag.b, tag.len);
    for (unsigned spoilt = 0; spoilt <= CRYPTO_ICV_LEN; spoilt++) {
        memcpy(esp + TEXT_AT, ct.b, ct.len);
        memcpy(esp + TEXT_AT + ct.len, tag.b, tag.len);
        if (spoilt < CRYPTO_ICV_LEN)
            esp[TEXT_AT + ct.len + spoilt] ^= 0x80;
        backend->open(&op, 1);
        assert_int_equal(op.ok != 0, spoilt == CRYPTO_ICV_LEN);
    }
    assert_memory_equal(esp + TEXT_AT, msg.b, msg.len);
    packets++;
}

static void check_gcm(const struct vector *v)
{
    struct octets iv, aad, msg, ct;
    uint8_t tag[CRYPTO_ICV_LEN];
    struct crypto_key k;

    if (!fits(v))
        return;
    set_key(v, &k);
    vector_octets(v, "iv", &iv);
    vector_octets(v, "aad", &aad);
    vector_octets(v, "msg", &msg);
    vector_octets(v, "ct", &ct);
    backend->seal_one(&k, iv.b, span_of(aad.b, aad.len), msg.b, msg.len, tag);
    if (vector_valid(v))
        assert_memory_equal(msg.b, ct.b, ct.len);
    check_icv(v, tag);
    if (aad.len == CRYPTO_AAD_LEN && vector_valid(v))
        check_packet(v, &k);
    crypto_key_wipe(&k);
}

/* GMAC is GCM without text (SP 800-38D): the message is additional data. */
static void check_gmac(const struct vector *v)
{
    struct octets iv, msg;
    uint8_t tag[CRYPTO_ICV_LEN], nothing[1] = {0};
    struct crypto_key k;

    if (!fits(v))
        return;
    set_key(v, &k);
    vector_octets(v, "iv", &iv);
    vector_octets(v, "msg", &msg);
    backend->seal_one(&k, iv.b, span_of(msg.b, msg.len), nothing, 0, tag);
    check_icv(v, tag);
    crypto_key_wipe(&k);
}

static void run(const struct crypto_backend *b, const char *file, void (*check)(const struct vector *v),
                size_t least_packets)
{
    assert_non_null(b);
    backend = b;
    seals = packets = refused = 0;
    vectors_each(folder, file, check);
    print_message("%s, %s: %zu vectors, %zu of them refused, %zu as packets\n", b->name, file, seals, refused,
                  packets);
    assert_in_range(seals, 100, 1000);
    assert_in_range(refused, 20, 500);
    assert_in_range(packets, least_packets, 1000);
}

static void gcm_ipsec_mb(void **state)
{
    (void)state;
    run(crypto_ipsec_mb(), "aes_gcm_test.json", check_gcm, 2);
}

static void gcm_libcrypto(void **state)
{
    (void)state;
    run(crypto_libcrypto(), "aes_gcm_test.json", check_gcm, 2);
}

static void gmac_ipsec_mb(void **state)
{
    (void)state;
    run(crypto_ipsec_mb(), "aes_gmac_test.json", check_gmac, 0);
}

static void gmac_libcrypto(void **state)
{
    (void)state;
    run(crypto_libcrypto(), "aes_gmac_test.json", check_gmac, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gcm_ipsec_mb), cmocka_unit_test(gcm_libcrypto),
                                       cmocka_unit_test(gmac_ipsec_mb), cmocka_unit_test(gmac_libcrypto)};

    if (argc != 2)
        return 2;
    folder = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
