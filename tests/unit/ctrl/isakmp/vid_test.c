/* SPDX-License-Identifier: BSD-3-Clause */
/* Vendor ids: our constant is what OpenSSL's SHA-256 says, and nothing but 28 octets is ours. */
#include "ctrl/isakmp/vid.h"

#include "tests/lib/bytes.h"

#include <openssl/sha.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void our_constant_is_half_a_sha256(void **state)
{
    (void)state;
    static const char text[] = "gvpn group vpn extensions v1";
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)text, strlen(text), digest);
    assert_memory_equal(digest, isakmp_vid_ours, ISAKMP_VID_FIXED_LEN);
}

/* Our payload with version 0.1.0 and features 0x8000000000000001, and this many octets of it or more. */
static struct bytes ours(size_t len)
{
    uint8_t raw[64] = {0};
    memcpy(raw, isakmp_vid_ours, 16);
    memcpy(raw + 16, "\x00\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x01", 12);
    return bytes_copy(span_of(raw, len));
}

static void only_exactly_ours_is_ours(void **state)
{
    (void)state;
    for (size_t len = 0; len <= 64; len++) {
        struct bytes b = ours(len);
        struct isakmp_vid v = isakmp_vid_get(bytes_span(&b));
        assert_int_equal(v.kind, len == 28 ? ISAKMP_VID_OURS : ISAKMP_VID_FOREIGN);
        if (len == 28) {
            assert_int_equal(v.version, 0x100);
            assert_true(v.features == 0x8000000000000001);
        } else {
            assert_int_equal(v.version, 0);
            assert_true(v.features == 0);
        }
        bytes_free(&b);
    }
    for (size_t i = 0; i < 16; i++) {
        struct bytes b = ours(28);
        b.p[i] ^= 1;
        assert_int_equal(isakmp_vid_get(bytes_span(&b)).kind, ISAKMP_VID_FOREIGN);
        bytes_free(&b);
    }
}

static void payloads_are_written_and_found(void **state)
{
    (void)state;
    static const uint8_t dpd[] = {0xaf, 0xca, 0xd7, 0x13, 0x68, 0xa1, 0xf1, 0xc9, 0x6b, 0x86, 0x96, 0xfc, 0x77, 0x57, 1, 0};
    uint8_t out[128];
    struct buf_writer w = buf_writer_of(out, sizeof(out));
    buf_put_u8(&w, 0);
    struct isakmp_chain c = isakmp_chain_at(&w, 0);
    isakmp_payload_put(&c, ISAKMP_PAYLOAD_VID, span_of(dpd, sizeof(dpd)));
    isakmp_vid_put_ours(&c, 0x102, 7);
    assert_true(bytes_are(buf_written(&w), "0d 0d000014 afcad71368a1f1c96b8696fc77570100"
                                           "00000020 6302c38e9fe0dd14390aac9d7a508ef4 00000102 0000000000000007"));
    struct isakmp_payloads ps;
    struct span body = span_of(out + 1, w.len - 1);
    assert_int_equal(isakmp_payloads_get(13, body, ISAKMP_TRAILING_REFUSE, &ps), ISAKMP_OK);
    struct isakmp_vid v = isakmp_vid_find_ours(&ps);
    assert_int_equal(v.kind, ISAKMP_VID_OURS);
    assert_int_equal(v.version, 0x102);
    ps.n = 1;
    assert_int_equal(isakmp_vid_find_ours(&ps).kind, ISAKMP_VID_FOREIGN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_constant_is_half_a_sha256),
        cmocka_unit_test(only_exactly_ours_is_ours),
        cmocka_unit_test(payloads_are_written_and_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
