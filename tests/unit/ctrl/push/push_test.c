/* SPDX-License-Identifier: BSD-3-Clause */
/* Rekeys from one side to the other: every kind of content, key and cipher, for our members and for others. */
#include "tests/unit/ctrl/push/fixture.h"

static struct sig_key *keys[3];
static struct policy_kek kek;
static struct push sent, got;
static uint8_t bytes[PUSH_CAP];
static struct buf_writer w;

static int make_keys(void **state)
{
    (void)state;
    keys[0] = make_key(SIG_RSA, 2048);
    keys[1] = make_key(SIG_ECDSA_256, 0);
    keys[2] = make_key(SIG_ECDSA_384, 0);
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++)
        sig_key_free(keys[i]);
    return 0;
}

static int begin(void **state)
{
    set_up(state);
    make_kek(&kek, keys[1], 256, 1);
    push_init(&sent);
    push_init(&got);
    w = buf_writer_of(bytes, sizeof(bytes));
    small_policy(&sent.policy);
    sent.policy.n_sender_ids = 0;
    sent.policy.sid_bits = 0;
    sent.policy.has_rules = true;
    sent.has_policy = true;
    sent.number = 1;
    return 0;
}

static int end(void **state)
{
    push_wipe(&sent);
    push_wipe(&got);
    return tear_down(state);
}

static enum push_result carry_push(const struct sig_key *key, const struct peer_features *peer)
{
    why.text[0] = '\0';
    if (!push_seal(&kek, key, &sent, peer, &w, &why))
        fail_msg("%s", why.text);
    struct bytes copy = bytes_copy(buf_written(&w));
    enum push_result r = push_open(&kek, sent.number - 1, peer, POLICY_SIGNATURE_CANONICAL, bytes_span(&copy), &got, &why);
    bytes_free(&copy);
    return r;
}

static void every_key_and_cipher_carries_a_rekey(void **state)
{
    (void)state;
    static const uint16_t bits[] = {128, 192, 256, 0};
    for (size_t k = 0; k < 3; k++)
        for (size_t b = 0; b < 4; b++) {
            make_kek(&kek, keys[k], bits[b], (uint8_t)(k + 10 * b));
            assert_int_equal(carry_push(keys[k], &ours), PUSH_OK);
            assert_int_equal(got.number, 1);
            assert_true(got.has_policy && got.policy.has_rules);
            assert_true(acl_equal(&got.policy.acl, &sent.policy.acl));
            assert_int_equal(got.policy.n_sas, 1);
            assert_true(secret_equal(secret_span(&got.policy.sas[0].key), secret_span(&sent.policy.sas[0].key)));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_key_and_cipher_carries_a_rekey, begin, end),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
