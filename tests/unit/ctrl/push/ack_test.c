/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Acknowledgements (RFC 8263 3): octets against HMACs computed here by hand, both readings of L, and everything that makes
 * one invalid.
 */
#include "tests/unit/ctrl/push/fixture.h"

#include "ctrl/push/ack.h"

#include <openssl/hmac.h>

static struct sig_key *key;
static struct policy_kek kek;
static uint8_t message[PUSH_ACK_MAX_LEN];
static struct buf_writer w;
static struct push_ack ack;

static int begin(void **state)
{
    set_up(state);
    make_kek(&kek, key, 256, 1);
    w = buf_writer_of(message, sizeof(message));
    memset(&ack, 0, sizeof(ack));
    return 0;
}

static struct addr own(const char *text)
{
    struct addr a;
    assert_true(addr_parse(text, &a));
    return a;
}

static bool get(struct span datagram)
{
    struct bytes copy = bytes_copy(datagram);
    struct push_ack x = {.number = 77};
    bool ok = push_ack_get(&kek, bytes_span(&copy), &x);
    bytes_free(&copy);
    if (ok)
        ack = x;
    else
        assert_int_equal(x.number, 77);
    return ok;
}

/* The message as RFC 8263 3 says, with this L, into message. */
static size_t by_hand(const EVP_MD *md, uint16_t l, const char *payloads)
{
    uint8_t context[18 + 16 + 2] = "GROUPKEY-PUSH ACK", ack_key[64], hash[64];
    unsigned len;
    struct bytes covered = bytes_hex(payloads);
    memcpy(context + 18, kek.spi, 16);
    context[34] = (uint8_t)(l >> 8);
    context[35] = (uint8_t)l;
    HMAC(md, kek.key.b, kek.key.len, context, sizeof(context), ack_key, &len);
    HMAC(md, ack_key, (int)len, covered.p, covered.len, hash, &len);
    struct buf_writer b = buf_writer_of(message, sizeof(message));
    buf_put_bytes(&b, kek.spi, 16);
    const uint8_t rest[] = {8, 0x10, 35, 0, 0, 0, 0, 0, 0, 0, 0, (uint8_t)(28 + 4 + len + covered.len),
                            18, 0, 0, (uint8_t)(4 + len)};
    buf_put_bytes(&b, rest, sizeof(rest));
    buf_put_bytes(&b, hash, len);
    buf_put_bytes(&b, covered.p, covered.len);
    bytes_free(&covered);
    assert_false(b.overflow);
    return b.len;
}

#define SEQ_ID "05 00 0008 00000007 00 00 000c 01 00 0000 0a000002"

static void we_send_what_the_rfc_writes(void **state)
{
    (void)state;
    struct addr a = own("10.0.0.2");
    for (int i = 0; i < 2; i++) {
        uint8_t out[PUSH_ACK_MAX_LEN];
        kek.ack = i == 0 ? GDOI_ACK_KEK_SHA256 : GDOI_ACK_KEK_SHA512;
        w = buf_writer_of(out, sizeof(out));
        assert_true(push_ack_put(&kek, 7, &a, &w));
        size_t len = by_hand(i == 0 ? EVP_sha256() : EVP_sha512(), i == 0 ? 512 : 1024, SEQ_ID);
        assert_int_equal(w.len, len);
        assert_memory_equal(out, message, len);
    }
}

static void both_readings_of_l_are_taken(void **state)
{
    (void)state;
    for (unsigned l = 0; l <= 2048; l += 64) {
        kek.ack = GDOI_ACK_KEK_SHA256;
        assert_int_equal(get(span_of(message, by_hand(EVP_sha256(), (uint16_t)l, SEQ_ID))), l == 256 || l == 512);
        kek.ack = GDOI_ACK_KEK_SHA512;
        assert_int_equal(get(span_of(message, by_hand(EVP_sha512(), (uint16_t)l, SEQ_ID))), l == 512 || l == 1024);
    }
}

static void it_comes_back_as_it_was(void **state)
{
    (void)state;
    static const char *const addresses[] = {"10.0.0.2", "255.255.255.255", "2001:db8::1"};
    for (size_t i = 0; i < 3; i++)
        for (uint32_t number = 1; number != 0; number <<= 1) {
            struct addr a = own(addresses[i]);
            assert_true(push_ack_put(&kek, number, &a, &w));
            assert_true(push_ack_is_for(&kek, buf_written(&w)));
            assert_true(get(buf_written(&w)));
            assert_true(ack.number == number && addr_equal(&ack.member, &a));
        }
}

static void none_is_made_when_none_is_wanted(void **state)
{
    (void)state;
    struct addr a = own("10.0.0.2"), none = {0};
    assert_true(push_ack_put(&kek, 1, &a, &w));
    for (kek.ack = 0; kek.ack < 6; kek.ack++) {
        struct buf_writer x = buf_writer_of(message, sizeof(message));
        bool known = kek.ack == 1 || kek.ack == 3;
        assert_int_equal(push_ack_put(&kek, 1, &a, &x), known);
        assert_int_equal(x.len > 0, known);
    }
    kek.ack = 0;
    assert_false(get(buf_written(&w)));
    kek.ack = 1;
    assert_false(push_ack_put(&kek, 1, &none, &w));
    for (size_t cap = 0; cap < 84; cap++) {
        struct buf_writer x = buf_writer_of(message, cap);
        assert_false(push_ack_put(&kek, 1, &a, &x));
        assert_int_equal(x.len, 0);
    }
}

static void every_octet_counts(void **state)
{
    (void)state;
    struct addr a = own("10.0.0.2");
    assert_true(push_ack_put(&kek, 7, &a, &w));
    for (size_t bit = 0; bit < 8 * w.len; bit++) {
        message[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(get(buf_written(&w)));
        message[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t len = 0; len < w.len; len++) {
        struct buf_writer x = {.base = message, .cap = sizeof(message), .len = w.len};
        assert_false(get(span_of(message, len)));
        if (len < 28)
            continue;
        buf_patch_u32(&x, 24, (uint32_t)len);
        assert_false(get(span_of(message, len)));
        buf_patch_u32(&x, 24, (uint32_t)w.len);
    }
    assert_true(get(buf_written(&w)));
}

static void it_is_bound_to_its_kek(void **state)
{
    (void)state;
    struct addr a = own("10.0.0.2");
    assert_true(push_ack_put(&kek, 7, &a, &w));
    kek.key.b[31] ^= 1;
    assert_false(get(buf_written(&w)));
    kek.key.b[31] ^= 1;
    kek.spi[0] ^= 1;
    assert_false(push_ack_is_for(&kek, buf_written(&w)));
    assert_false(get(buf_written(&w)));
    message[0] ^= 1; /* the other KEK's cookies, this one's HASH */
    assert_true(push_ack_is_for(&kek, buf_written(&w)));
    assert_false(get(buf_written(&w)));
}

static void other_structures_are_refused_though_their_hash_is_right(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "05 00 0007 000007 00 00 000c 01 00 0000 0a000002",           /* SEQ of three octets */
        "00 00 0008 00000007",                                        /* no ID */
        "05 00 0008 00000007 00 00 000c 01 11 0000 0a000002",         /* protocol */
        "05 00 0008 00000007 00 00 000c 01 00 0350 0a000002",         /* port */
        "05 00 0008 00000007 00 00 000c 0b 00 0000 0a000002",         /* a key id */
        "05 00 0008 00000007 00 00 0010 04 00 0000 0a000002 ffffff00", /* a subnet */
        "05 00 0008 00000007 00 00 000b 01 00 0000 0a0000",           /* three octets */
        "05 00 0008 00000007 0d 00 000c 01 00 0000 0a000002 00 00 0008 01020304", /* one more */
        "05 00 0008 00000007 00 00 000c 01 00 0000 0a000002 00000000", /* padding, in clear */
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (get(span_of(message, by_hand(EVP_sha256(), 512, bad[i]))))
            fail_msg("acknowledgement %zu is taken", i);
    assert_true(get(span_of(message, by_hand(EVP_sha256(), 512, SEQ_ID))));
}

static int make_keys(void **state)
{
    (void)state;
    key = make_key(SIG_ECDSA_256, 0);
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    sig_key_free(key);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(we_send_what_the_rfc_writes),
        TEST(both_readings_of_l_are_taken),
        TEST(it_comes_back_as_it_was),
        TEST(none_is_made_when_none_is_wanted),
        TEST(every_octet_counts),
        TEST(it_is_bound_to_its_kek),
        TEST(other_structures_are_refused_though_their_hash_is_right),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
