/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The metadata header on real packets between two gateways (DP4, DP10): what it says, opened and forged with the reference
 * cipher, and that both ends must want the same one.
 */
#include "tests/stage/replay_rig.h"

/* Opens (or seals) an ESP frame in place with the reference; returns where the text stands and its length in *len. */
static uint8_t *crypt(struct rig_result *esp, bool seal, uint32_t *len)
{
    static struct crypto_key key;
    const struct crypto_backend *c = crypto_libcrypto();
    struct ipc_sa m = message(&a, SPI, none);
    size_t header = esp->bytes[12] == 0x86 ? 14 + 40 : 14 + 20;
    struct crypto_op op = {.key = &key, .esp = esp->bytes + header};

    assert_true(c->key_set(&key, suite_by_id(SUITE_AES_GCM_128), m.key.b, NULL));
    op.len = (uint32_t)(esp->len - header - 16 - 16);
    memcpy(op.nonce, m.key.b + 16, 4);
    memcpy(op.nonce + 4, op.esp + 8, 8);
    (seal ? c->seal : c->open)(&op, 1);
    assert_true(seal || op.ok);
    crypto_key_wipe(&key);
    if (len != NULL)
        *len = op.len;
    return op.esp + 16;
}

static void the_header_is_first_in_the_payload(void **state)
{
    static const uint8_t with_time[12] = {4, 0x11, 3, 0, 0, 0, 0, 0, 0, 0x4c, 0x4b, 0x41};
    static const uint8_t with_both[16] = {41, 0x13, 4, 0, 0, 0, 0, 0, 0, 0x4c, 0x4b, 0x41, 0x12, 0x34, 0, 0};
    static const uint8_t with_tag[16] = {4, 0x12, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12, 0x34, 0, 0};
    struct rig_result esp;
    uint32_t len;
    uint8_t *text;

    (void)state;
    pair_up(by_time, 1); /* START + 1 = 0x4c4b41 */
    esp = sent(false);
    text = crypt(&esp, false, &len);
    assert_memory_equal(text, with_time, 12);
    assert_memory_equal(text + 12, frame + 14, 120);
    assert_int_equal(text[len - 1], 253);
    close_both();

    pair_up(tagged_time, 1);
    a.config.pairs[0].tag = 0x1234;
    esp = sent(true);
    text = crypt(&esp, false, &len);
    assert_memory_equal(text, with_both, 16);
    assert_memory_equal(text + 16, frame + 14, 140);
    assert_int_equal(text[len - 1], 253);
    close_both();

    pair_up(tagged, 1);
    a.config.pairs[0].tag = 0x1234;
    esp = sent(false);
    text = crypt(&esp, false, &len);
    assert_memory_equal(text, with_tag, 16);
    close_both();
}

/* Right ICV, wrong header: every octet but time and tag, in every value. */
static void a_header_that_differs_is_refused(void **state)
{
    const struct guard_kind kinds[] = {by_time, tagged_time, tagged};

    (void)state;
    for (unsigned k = 0; k < 3; k++) {
        bool has_time = kinds[k].metadata & IPC_META_TIME;
        struct rig_result esp, forged;
        uint64_t dropped;

        pair_up(kinds[k], 1);
        esp = sent(k == 1);
        (void)crypt(&esp, false, NULL);
        for (unsigned at = 0; at < (k == 0 ? 12u : 16u); at++)
            for (unsigned value = 0; value < 256; value++) {
                bool is_time = at >= 4 && at < 12, is_tag = at == 12 || at == 13;
                uint8_t *octet, was;

                forged = esp;
                octet = forged.bytes + (k == 1 ? 54 : 34) + 16 + at;
                was = *octet;
                *octet = (uint8_t)value;
                (void)crypt(&forged, true, NULL);
                dropped = rig_count(&b, VERDICT_DROP_METADATA);
                if (value == was || is_tag)
                    assert_int_equal(receive(&forged), VERDICT_RECEIVED_DECRYPTED);
                else if (is_time && has_time)
                    assert_true(receive(&forged) != VERDICT_DROP_METADATA);
                else
                    assert_int_equal(receive(&forged), VERDICT_DROP_METADATA);
                assert_int_equal(rig_count(&b, VERDICT_DROP_METADATA) - dropped,
                                 value != was && !is_tag && !(is_time && has_time));
            }
        close_both();
    }
}

/* Required exactly when the SA says so: any two SAs that differ don't talk. */
static void both_ends_need_the_same_header(void **state)
{
    const struct guard_kind kinds[] = {none, by_time, tagged, tagged_time};

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        for (unsigned j = 0; j < 4; j++) {
            struct rig_result esp;

            rig_open(&a, 1);
            rig_open(&b, 1);
            install(&a, kinds[i], START);
            install(&b, kinds[j], START);
            for (unsigned v6 = 0; v6 < 2; v6++) {
                esp = sent(v6);
                assert_int_equal(receive(&esp), i == j ? VERDICT_RECEIVED_DECRYPTED : VERDICT_DROP_METADATA);
            }
            close_both();
        }
}

/* A header that is cut by the end of the payload; lengths are what the wire says. */
static void a_payload_shorter_than_its_header(void **state)
{
    (void)state;
    pair_up(by_time, 1);
    for (uint32_t payload = 0; payload < 12; payload++) {
        struct rig_result esp = sent(false);
        uint32_t pad = (2u - payload) & 3, text_len = payload + pad + 2;
        uint8_t *text = crypt(&esp, false, NULL);

        for (uint32_t i = 0; i < pad; i++)
            text[payload + i] = (uint8_t)(i + 1);
        text[text_len - 2] = (uint8_t)pad;
        text[text_len - 1] = 253;
        esp.len = 34 + 16 + text_len + 16;
        esp.bytes[16] = 0;
        esp.bytes[17] = (uint8_t)(esp.len - 14);
        rig_fix_checksum(esp.bytes);
        (void)crypt(&esp, true, NULL);
        assert_int_equal(receive(&esp), VERDICT_DROP_METADATA);
    }
    close_both();
}

static void tags_arrive(void **state)
{
    static const uint16_t tags[] = {0, 1, 255, 256, 0xffff};

    (void)state;
    pair_up(tagged_time, 1);
    for (unsigned i = 0; i < 5; i++) {
        struct rig_result esp, back;

        a.config.pairs[0].tag = tags[i];
        esp = sent(i & 1);
        back = rig_one(&b, true, esp.bytes, esp.len);
        assert_int_equal(back.verdict, VERDICT_RECEIVED_DECRYPTED);
        assert_int_equal(back.tag, tags[i]);
    }
    close_both();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_header_is_first_in_the_payload),
        cmocka_unit_test(a_header_that_differs_is_refused),
        cmocka_unit_test(both_ends_need_the_same_header),
        cmocka_unit_test(a_payload_shorter_than_its_header),
        cmocka_unit_test(tags_arrive),
    };

    rig_start_eal();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
