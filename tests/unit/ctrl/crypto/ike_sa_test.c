/* SPDX-License-Identifier: BSD-3-Clause */
/* Sealed messages and message ids of an ISAKMP SA: edges, and that a failure changes nothing. */
#include "ctrl/crypto/ike_sa.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct ike_suite suite = {.encryption = IKE_AES_CBC, .key_bits = 256, .hash = IKE_SHA256};
static const struct secret key = {.len = 32, .b = {1, 2, 3}};

static void seal_and_open_every_length(void **state)
{
    (void)state;
    for (size_t body = 1; body <= 70; body++) {
        uint8_t msg[128], out[128];
        struct ike_iv iv = {{9}}, next = {{0}}, start = iv;
        for (size_t i = 0; i < sizeof msg; i++)
            msg[i] = (uint8_t)(i + body);
        uint8_t before[128];
        memcpy(before, msg, sizeof msg);
        size_t len = IKE_HEADER_LEN + body;
        assert_true(ike_sa_seal(&suite, &key, &iv, msg, &len, sizeof msg));
        assert_int_equal((len - IKE_HEADER_LEN) % 16, 0);
        assert_true(len - IKE_HEADER_LEN - body < 16); /* an aligned message gets no padding */
        assert_int_equal(msg[26] << 8 | msg[27], len);
        assert_memory_equal(iv.b, msg + len - 16, 16);
        assert_true(ike_sa_open(&suite, &key, &start, span_of(msg, len), out, sizeof out, &next));
        assert_memory_equal(&next, &iv, sizeof iv);
        assert_memory_equal(out + IKE_HEADER_LEN, before + IKE_HEADER_LEN, body);
        for (size_t i = IKE_HEADER_LEN + body; i < len; i++)
            assert_int_equal(out[i], 0);
    }
}

static void seal_refuses_what_does_not_fit(void **state)
{
    (void)state;
    uint8_t msg[64] = {0};
    struct ike_iv iv = {{0}}, zero = {{0}};
    size_t len = IKE_HEADER_LEN;
    assert_false(ike_sa_seal(&suite, &key, &iv, msg, &len, sizeof msg)); /* nothing to encrypt */
    len = IKE_HEADER_LEN + 17;
    assert_false(ike_sa_seal(&suite, &key, &iv, msg, &len, IKE_HEADER_LEN + 31));
    assert_true(len == IKE_HEADER_LEN + 17 && memcmp(&iv, &zero, sizeof iv) == 0);
    assert_true(ike_sa_seal(&suite, &key, &iv, msg, &len, IKE_HEADER_LEN + 32));
    struct secret none = {0};
    len = IKE_HEADER_LEN + 16;
    assert_false(ike_sa_seal(&suite, &none, &iv, msg, &len, sizeof msg));
}

static void open_refuses_every_truncation(void **state)
{
    (void)state;
    uint8_t msg[96] = {0}, out[96];
    struct ike_iv iv = {{0}}, start = {{0}}, next, untouched;
    size_t len = IKE_HEADER_LEN + 60;
    assert_true(ike_sa_seal(&suite, &key, &iv, msg, &len, sizeof msg));
    memset(&next, 0x55, sizeof next);
    untouched = next;
    for (size_t cut = 0; cut < len; cut++)
        assert_false(ike_sa_open(&suite, &key, &start, span_of(msg, cut), out, sizeof out, &next));
    assert_false(ike_sa_open(&suite, &key, &start, span_of(msg, len), out, len - 1, &next)); /* no room */
    msg[27] ^= 16; /* Length isn't the datagram's */
    assert_false(ike_sa_open(&suite, &key, &start, span_of(msg, len), out, sizeof out, &next));
    assert_memory_equal(&next, &untouched, sizeof next);
}

static bool count_up(void *ctx, void *out, size_t len)
{
    uint32_t *n = ctx;
    (*n)++;
    memset(out, 0, len);
    memcpy(out, n, len < sizeof *n ? len : sizeof *n);
    return true;
}

static bool no_random(void *ctx, void *out, size_t len)
{
    (void)ctx;
    (void)out;
    (void)len;
    return false;
}

static bool always_zero(void *ctx, void *out, size_t len)
{
    (void)ctx;
    memset(out, 0, len);
    return true;
}

static void message_ids_are_used_once(void **state)
{
    (void)state;
    struct ike_sa sa = {0};
    uint32_t n = 0, id;
    assert_false(ike_sa_message_id_is_new(&sa, 0));
    assert_true(ike_sa_message_id_is_new(&sa, 7));
    ike_sa_use_message_id(&sa, 7);
    ike_sa_use_message_id(&sa, 7);
    assert_false(ike_sa_message_id_is_new(&sa, 7));
    assert_int_equal(sa.n_used, 1);
    for (size_t i = 1; i < IKE_MAX_MESSAGES; i++) {
        assert_true(ike_sa_new_message_id(&sa, &(struct rng){count_up, &n}, &id));
        assert_true(ike_sa_message_id_is_new(&sa, id));
        ike_sa_use_message_id(&sa, id);
    }
    assert_false(ike_sa_message_id_is_new(&sa, 0xffff0000)); /* full: nothing is forgotten, so nothing new */
    assert_false(ike_sa_new_message_id(&sa, &(struct rng){count_up, &n}, &id));
    ike_sa_use_message_id(&sa, 0xffff0000);
    assert_int_equal(sa.n_used, IKE_MAX_MESSAGES);
}

static void message_id_needs_random(void **state)
{
    (void)state;
    struct ike_sa sa = {0};
    uint32_t id;
    assert_false(ike_sa_new_message_id(&sa, &(struct rng){no_random, NULL}, &id));
    assert_false(ike_sa_new_message_id(&sa, &(struct rng){always_zero, NULL}, &id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seal_and_open_every_length),    cmocka_unit_test(seal_refuses_what_does_not_fit),
        cmocka_unit_test(open_refuses_every_truncation), cmocka_unit_test(message_ids_are_used_once),
        cmocka_unit_test(message_id_needs_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
