/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Wycheproof's vectors for the suites that go through lanes, in both crypto backends of the data plane, 16 packets at
 * once: ChaCha20-Poly1305 with additional data of ESP's 8 octets, AES-CBC (the vector's PKCS#5 padding is part of the
 * text), and HMACs as a NULL cipher's (the first 8 octets of the message are the ESP header). The folder is the first
 * argument.
 */
#include "dataplane/crypto/crypto.h"
#include "tests/interop/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define AT_ONCE 16

static const char *folder;
static const struct crypto_backend *backend; /* of the running test */
static void *lanes;
static size_t done, refused;

/* The same packet 16 times, through the lanes; the last one counts. Returns whether all were ok. */
static bool run_job(const struct crypto_job *like, const uint8_t *packet, size_t len, bool open, uint8_t *out)
{
    static uint8_t packets[AT_ONCE][2 * VECTORS_MAX];
    static struct crypto_job jobs[AT_ONCE];
    bool ok = true;

    for (unsigned i = 0; i < AT_ONCE; i++) {
        memcpy(packets[i], packet, len);
        jobs[i] = *like;
        jobs[i].esp = packets[i];
        jobs[i].open = open;
        jobs[i].done = false;
        backend->submit(lanes, &jobs[i]);
    }
    backend->flush(lanes);
    for (unsigned i = 0; i < AT_ONCE; i++) {
        assert_true(jobs[i].done);
        ok = ok && jobs[i].ok;
    }
    memcpy(out, packets[AT_ONCE - 1], len);
    return ok;
}

/*
 * A packet of front | text | ICV: sealed must be front | ct | icv; opened again, and refused with each octet of the
 * ICV spoilt.
 */
static void check_packet(struct crypto_job *job, const uint8_t *clear, const uint8_t *sealed, size_t len,
                         size_t icv_len)
{
    static uint8_t out[2 * VECTORS_MAX], spoilt[2 * VECTORS_MAX];

    assert_true(run_job(job, clear, len, false, out));
    assert_memory_equal(out, sealed, len);
    assert_true(run_job(job, sealed, len, true, out));
    assert_memory_equal(out, clear, len - icv_len);
    for (size_t i = 1; i <= icv_len; i++) {
        memcpy(spoilt, sealed, len);
        spoilt[len - i] ^= 0x01;
        assert_false(run_job(job, spoilt, len, true, out));
    }
    done++;
}

static void check_chacha(const struct vector *v)
{
    static uint8_t clear[2 * VECTORS_MAX], sealed[2 * VECTORS_MAX];
    struct octets key, iv, aad, msg, ct, tag;
    static struct crypto_key k;
    struct crypto_job job = {.key = &k};

    vector_octets(v, "aad", &aad);
    if (vector_number(v, "ivSize") != 96 || aad.len != CRYPTO_AAD_LEN || !vector_valid(v))
        return;
    vector_octets(v, "key", &key);
    vector_octets(v, "iv", &iv);
    vector_octets(v, "msg", &msg);
    vector_octets(v, "ct", &ct);
    vector_octets(v, "tag", &tag);
    assert_true(backend->key_set(&k, suite_by_id(SUITE_CHACHA20_POLY1305), key.b, NULL));
    memcpy(job.nonce, iv.b, 12);
    job.len = (uint32_t)msg.len;
    memset(clear, 0, sizeof clear);
    memcpy(clear, aad.b, 8);
    memcpy(clear + 8, iv.b + 4, 8);
    memcpy(sealed, clear, 16);
    memcpy(clear + 16, msg.b, msg.len);
    memcpy(sealed + 16, ct.b, ct.len);
    memcpy(sealed + 16 + ct.len, tag.b, tag.len);
    check_packet(&job, clear, sealed, 16 + msg.len + 16, 16);
    crypto_key_wipe(&k);
}

static void check_cbc(const struct vector *v)
{
    static uint8_t packet[2 * VECTORS_MAX], out[2 * VECTORS_MAX];
    struct octets key, iv, msg, ct;
    static struct crypto_key k;
    struct crypto_job job = {.key = &k};
    uint8_t integrity[20] = {0}, pad;
    enum suite_id id = vector_number(v, "keySize") == 128   ? SUITE_AES_CBC_128_SHA1
                       : vector_number(v, "keySize") == 192 ? SUITE_AES_CBC_192_SHA1
                                                            : SUITE_AES_CBC_256_SHA1;

    if (!vector_valid(v))
        return; /* what is wrong with the others is the padding, which ESP has not */
    vector_octets(v, "key", &key);
    vector_octets(v, "iv", &iv);
    vector_octets(v, "msg", &msg);
    vector_octets(v, "ct", &ct);
    assert_true(backend->key_set(&k, suite_by_id(id), key.b, integrity));
    memset(packet, 0, sizeof packet);
    memcpy(packet + 8, iv.b, 16);
    memcpy(packet + 24, msg.b, msg.len);
    pad = (uint8_t)(16 - msg.len % 16);
    memset(packet + 24 + msg.len, pad, pad);
    job.len = (uint32_t)msg.len + pad;
    assert_int_equal(job.len, ct.len);
    assert_true(run_job(&job, packet, 24 + ct.len + 12, false, out));
    assert_memory_equal(out + 24, ct.b, ct.len);
    memcpy(packet, out, 24 + ct.len + 12);
    assert_true(run_job(&job, packet, 24 + ct.len + 12, true, out));
    assert_memory_equal(out + 24, msg.b, msg.len);
    crypto_key_wipe(&k);
    done++;
}

/* Those with the suite's key, and with its ICV or, SHA-1, at least as much. */
static void check_hmac(const struct vector *v, enum suite_id id)
{
    static uint8_t packet[2 * VECTORS_MAX], out[2 * VECTORS_MAX];
    const struct suite *s = suite_by_id(id);
    size_t tag_bits = vector_number(v, "tagSize");
    struct octets key, msg, tag;
    static struct crypto_key k;
    struct crypto_job job = {.key = &k};

    if (vector_number(v, "keySize") != 8u * s->integrity_len)
        return;
    if (id == SUITE_NULL_SHA1 ? tag_bits != 160 || !vector_valid(v) : tag_bits != 8u * s->icv_len)
        return;
    vector_octets(v, "msg", &msg);
    if (msg.len < 8)
        return;
    vector_octets(v, "key", &key);
    vector_octets(v, "tag", &tag);
    assert_true(backend->key_set(&k, s, NULL, key.b));
    job.len = (uint32_t)msg.len - 8;
    memcpy(packet, msg.b, msg.len);
    memcpy(packet + msg.len, tag.b, s->icv_len);
    assert_int_equal(run_job(&job, packet, msg.len + s->icv_len, true, out), vector_valid(v));
    if (vector_valid(v))
        check_packet(&job, packet, packet, msg.len + s->icv_len, s->icv_len);
    else
        refused++;
    crypto_key_wipe(&k);
}

static void check_sha1(const struct vector *v)
{
    check_hmac(v, SUITE_NULL_SHA1);
}

static void check_sha256(const struct vector *v)
{
    check_hmac(v, SUITE_NULL_SHA256);
}

static void check_sha384(const struct vector *v)
{
    check_hmac(v, SUITE_NULL_SHA384);
}

static void check_sha512(const struct vector *v)
{
    check_hmac(v, SUITE_NULL_SHA512);
}

static void run(const char *file, void (*check)(const struct vector *v), size_t least, size_t least_refused)
{
    const struct crypto_backend *backends[] = {crypto_ipsec_mb(), crypto_libcrypto()};

    for (unsigned i = 0; i < 2; i++) {
        backend = backends[i];
        assert_non_null(backend);
        lanes = backend->lanes_new();
        assert_non_null(lanes);
        done = refused = 0;
        vectors_each(folder, file, check);
        backend->lanes_free(lanes);
        print_message("%s, %s: %zu vectors, and %zu refused\n", backend->name, file, done, refused);
        assert_in_range(done, least, 1000);
        assert_in_range(refused, least_refused, 1000);
    }
}

static void chacha(void **state)
{
    (void)state;
    run("chacha20_poly1305_test.json", check_chacha, 40, 0);
}

static void cbc(void **state)
{
    (void)state;
    run("aes_cbc_pkcs5_test.json", check_cbc, 60, 0);
}

static void hmacs(void **state)
{
    (void)state;
    run("hmac_sha1_test.json", check_sha1, 10, 0);
    run("hmac_sha256_test.json", check_sha256, 10, 20);
    run("hmac_sha384_test.json", check_sha384, 10, 20);
    run("hmac_sha512_test.json", check_sha512, 10, 20);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(chacha), cmocka_unit_test(cbc), cmocka_unit_test(hmacs)};

    if (argc != 2)
        return 2;
    folder = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
