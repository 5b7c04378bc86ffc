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
            assert_false(got.delete_all_teks || got.delete_kek || got.n_deleted > 0 || got.policy.has_kek);
        }
}

static void every_hash_of_rsa_is_carried(void **state)
{
    (void)state;
    make_kek(&kek, keys[0], 128, 9);
    for (kek.hash = GDOI_SIG_SHA1; kek.hash <= GDOI_SIG_SHA512; kek.hash++)
        assert_int_equal(carry_push(keys[0], &plain), PUSH_OK);
}

/* RFC 6407 4.2, 4.3: cookies are the SPI, exchange 33, flag E alone, message id 0, Length that of the datagram. */
static void the_header_is_that_of_the_rfc(void **state)
{
    (void)state;
    assert_int_equal(carry_push(keys[1], &ours), PUSH_OK);
    assert_memory_equal(bytes, kek.spi, 16);
    const uint8_t want[] = {18, 0x10, 33, 1, 0, 0, 0, 0, 0, 0, (uint8_t)(w.len >> 8), (uint8_t)w.len};
    assert_memory_equal(bytes + 16, want, sizeof(want));
    assert_int_equal((w.len - 28) % 16, 0);
    assert_true(push_is_for(&kek, buf_written(&w)));
    kek.spi[15] ^= 1;
    assert_false(push_is_for(&kek, buf_written(&w)));
}

/* The IV is that of the KEK each time; the number makes the first block another one. */
static void the_number_keeps_ciphertexts_apart(void **state)
{
    (void)state;
    uint8_t first[16];
    make_kek(&kek, keys[0], 128, 1); /* RSA: the signature is a function of the message */
    assert_int_equal(carry_push(keys[0], &ours), PUSH_OK);
    memcpy(first, bytes + 28, 16);
    assert_int_equal(carry_push(keys[0], &ours), PUSH_OK);
    assert_memory_equal(first, bytes + 28, 16);
    sent.number = 2;
    assert_int_equal(carry_push(keys[0], &ours), PUSH_OK);
    assert_memory_not_equal(first, bytes + 28, 16);
    sent.number = UINT32_MAX;
    assert_int_equal(carry_push(keys[0], &ours), PUSH_OK);
    assert_true(got.number == UINT32_MAX);
}

static void deletes_alone_need_no_policy(void **state)
{
    (void)state;
    sent.has_policy = false;
    sent.deleted[0] = 0x100;
    sent.deleted[1] = 0xffffffff;
    sent.n_deleted = 2;
    assert_int_equal(carry_push(keys[1], &plain), PUSH_OK);
    assert_int_equal(got.n_deleted, 2);
    assert_true(got.deleted[0] == 0x100 && got.deleted[1] == 0xffffffff);
    assert_false(got.delete_all_teks || got.delete_kek || got.has_policy);
    sent.n_deleted = 0;
    sent.delete_kek = true;
    assert_int_equal(carry_push(keys[1], &plain), PUSH_OK);
    assert_true(got.delete_kek && !got.delete_all_teks && got.n_deleted == 0);
    sent.delete_all_teks = true;
    assert_int_equal(carry_push(keys[1], &plain), PUSH_OK);
    assert_true(got.delete_kek && got.delete_all_teks);
    sent.has_policy = true; /* a KEK may go with the message that brings keys */
    assert_int_equal(carry_push(keys[1], &ours), PUSH_OK);
    assert_true(got.delete_kek && got.delete_all_teks && got.policy.n_sas == 1);
}

static void a_new_kek_may_come_alone_or_with_keys(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        const struct peer_features *peer = i & 1 ? &ours : &plain;
        make_kek(&sent.policy.kek, keys[i & 2], 256, 77);
        sent.policy.has_kek = true;
        sent.policy.has_rules = false;
        sent.policy.n_sas = i < 2 ? 1 : 0;
        sent.policy.kek.source = (struct endpoint){addr_v4(0x0a000001), 848};
        sent.policy.kek.destination = (struct endpoint){addr_v4(0xefc00001), 848};
        assert_int_equal(carry_push(keys[1], peer), PUSH_OK);
        assert_true(got.policy.has_kek);
        assert_int_equal(got.policy.n_sas, i < 2 ? 1 : 0);
        const struct policy_kek *a = &sent.policy.kek, *b = &got.policy.kek;
        assert_memory_equal(a->spi, b->spi, 16);
        assert_memory_equal(a->iv, b->iv, 16);
        assert_true(secret_equal(secret_span(&a->key), secret_span(&b->key)));
        assert_true(span_equal(span_of(a->public_key, a->public_key_len), span_of(b->public_key, b->public_key_len)));
        assert_true(a->cipher == b->cipher && a->key_bits == b->key_bits && a->signature == b->signature);
        assert_true(a->hash == b->hash && a->signature_bits == b->signature_bits && a->ack == b->ack);
        assert_true(endpoint_equal(&a->source, &b->source) && endpoint_equal(&a->destination, &b->destination));
        assert_int_equal(b->lifetime_s, 86400);
        if (peer->ours)
            assert_memory_equal(got.policy.digest, sent.policy.digest, 32);
        assert_int_equal(got.policy.has_rules, !peer->ours && i < 2); /* SATs of others are their rules */
    }
}

static void a_rekey_that_leaves_the_list_says_its_digest_only(void **state)
{
    (void)state;
    sent.policy.has_rules = false;
    sent.policy.has_pseudotime = true;
    sent.policy.pseudotime_ms = 123456789;
    sent.policy.activate_in_s = 10;
    sent.policy.deactivate_in_s = 40;
    assert_int_equal(carry_push(keys[1], &ours), PUSH_OK);
    assert_false(got.policy.has_rules);
    assert_int_equal(got.policy.acl.n, 0);
    assert_memory_equal(got.policy.digest, sent.policy.digest, 32);
    assert_true(got.policy.has_pseudotime && got.policy.pseudotime_ms == 123456789);
    assert_int_equal(got.policy.activate_in_s, 10);
    assert_int_equal(got.policy.deactivate_in_s, 40);
    assert_int_equal(got.policy.n_sender_ids, 0);
}

/* One bad rekey, whatever is wrong with it, leaves nothing behind, and the next good one is taken. */
static void refusal_leaves_the_number_and_nothing_else(void **state)
{
    (void)state;
    sent.policy.sas[0].number = 7; /* the rules name sa 10: in a rekey the member may have it */
    assert_int_equal(carry_push(keys[1], &ours), PUSH_OK);
    push_wipe(&got);
    push_init(&got);
    sent.policy.digest[0] ^= 1;
    sent.delete_kek = true;
    assert_int_equal(carry_push(keys[1], &ours), PUSH_REFUSED);
    assert_string_equal(why.text, "the policy's digest is wrong");
    struct push empty;
    push_init(&empty);
    empty.number = 1;
    assert_memory_equal(&got, &empty, sizeof(empty));
    sent.policy.digest[0] ^= 1;
    sent.number = 2;
    assert_int_equal(carry_push(keys[1], &ours), PUSH_OK);
}

static void what_cannot_be_sent_is_refused_by_the_sender(void **state)
{
    (void)state;
    static uint8_t old[PUSH_CAP];
    struct push none;
    struct policy_fault f;
    assert_false(push_seal(&kek, keys[2], &sent, &ours, &w, &f)); /* members couldn't verify it */
    assert_int_equal(w.len, 0);
    push_init(&none);
    assert_false(push_seal(&kek, keys[1], &none, &ours, &w, &f));
    assert_string_equal(f.text, "a rekey that says nothing");
    sent.policy.n_sender_ids = 1;
    sent.policy.sid_bits = 24;
    assert_false(push_seal(&kek, keys[1], &sent, &ours, &w, &f));
    assert_string_equal(f.text, "sender ids don't go into a rekey");
    sent.policy.n_sender_ids = 0;
    for (size_t cap = 0; cap < 450; cap++) {
        w = buf_writer_of(old, cap);
        memset(old, 0, sizeof(old));
        if (push_seal(&kek, keys[1], &sent, &ours, &w, &f))
            break;
        assert_int_equal(w.len, 0);
        assert_true(f.text[0] != '\0');
        for (size_t i = cap; i < 512; i++)
            assert_int_equal(old[i], 0);
    }
    assert_true(w.len > 0 && w.len <= 450);
    w = buf_writer_of(bytes, sizeof(bytes));
    push_wipe(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_key_and_cipher_carries_a_rekey, begin, end),
        cmocka_unit_test_setup_teardown(every_hash_of_rsa_is_carried, begin, end),
        cmocka_unit_test_setup_teardown(the_header_is_that_of_the_rfc, begin, end),
        cmocka_unit_test_setup_teardown(the_number_keeps_ciphertexts_apart, begin, end),
        cmocka_unit_test_setup_teardown(deletes_alone_need_no_policy, begin, end),
        cmocka_unit_test_setup_teardown(a_new_kek_may_come_alone_or_with_keys, begin, end),
        cmocka_unit_test_setup_teardown(a_rekey_that_leaves_the_list_says_its_digest_only, begin, end),
        cmocka_unit_test_setup_teardown(refusal_leaves_the_number_and_nothing_else, begin, end),
        cmocka_unit_test_setup_teardown(what_cannot_be_sent_is_refused_by_the_sender, begin, end),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
