/* SPDX-License-Identifier: BSD-3-Clause */
/* The suite table against a second one, written from the RFCs' own numbers (in bits, as they give them). */
#include "common/suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void combined_modes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned transform, attribute_bits, key_bits;
    } rows[] = {
        {"aes-gcm-128", 20, 128, 128},  {"aes-gcm-192", 20, 192, 192},  {"aes-gcm-256", 20, 256, 256},
        {"aes-gmac-128", 23, 128, 128}, {"aes-gmac-192", 23, 192, 192}, {"aes-gmac-256", 23, 256, 256},
        {"chacha20-poly1305", 249, 0, 256},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct suite *s = suite_by_name(rows[i].name);
        assert_non_null(s);
        assert_int_equal(s->transform, rows[i].transform);
        assert_int_equal(s->key_bits, rows[i].attribute_bits);
        assert_int_equal(8 * s->key_len, rows[i].key_bits);
        assert_int_equal(s->salt_len, 4);
        assert_int_equal(s->iv_len, 8);
        assert_int_equal(s->icv_len, 16);
        assert_int_equal(s->align, 4);
        assert_int_equal(s->auth, 0);
        assert_int_equal(s->integrity_len, 0);
        assert_true(s->counter_mode);
        assert_false(s->legacy);
    }
}

static void ciphers_with_hmac(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned transform, attribute_bits, key_bits, block;
        bool legacy, only_sha1;
    } ciphers[] = {
        {"aes-cbc-128", 12, 128, 128, 16, false, false}, {"aes-cbc-192", 12, 192, 192, 16, false, false},
        {"aes-cbc-256", 12, 256, 256, 16, false, false}, {"null", 11, 0, 0, 0, true, false},
        {"3des-cbc", 3, 0, 192, 8, true, true},
    };
    static const struct {
        const char *name;
        unsigned auth, key_bits, icv_bits;
    } hmacs[] = {{"hmac-sha1-96", 2, 160, 96},
                 {"hmac-sha256-128", 5, 256, 128},
                 {"hmac-sha384-192", 6, 384, 192},
                 {"hmac-sha512-256", 7, 512, 256}};
    for (size_t c = 0; c < sizeof(ciphers) / sizeof(ciphers[0]); c++) {
        for (size_t h = 0; h < (ciphers[c].only_sha1 ? 1 : 4); h++) {
            char name[64];
            snprintf(name, sizeof(name), "%s/%s", ciphers[c].name, hmacs[h].name);
            const struct suite *s = suite_by_name(name);
            assert_non_null(s);
            assert_int_equal(s->transform, ciphers[c].transform);
            assert_int_equal(s->key_bits, ciphers[c].attribute_bits);
            assert_int_equal(8 * s->key_len, ciphers[c].key_bits);
            assert_int_equal(s->iv_len, ciphers[c].block);
            assert_int_equal(s->align, ciphers[c].block > 4 ? ciphers[c].block : 4);
            assert_int_equal(s->auth, hmacs[h].auth);
            assert_int_equal(8 * s->integrity_len, hmacs[h].key_bits);
            assert_int_equal(8 * s->icv_len, hmacs[h].icv_bits);
            assert_int_equal(s->salt_len, 0);
            assert_int_equal(s->legacy, ciphers[c].legacy);
            assert_false(s->counter_mode);
        }
    }
}

static void every_suite_is_found_again(void **state)
{
    (void)state;
    for (unsigned id = 1; id < SUITE_COUNT; id++) {
        const struct suite *s = suite_by_id(id);
        assert_non_null(s);
        assert_int_equal(s->id, id);
        assert_ptr_equal(suite_by_name(s->name), s);
        assert_ptr_equal(suite_by_wire(s->transform, s->key_bits, s->auth), s);
        assert_true(s->supported);
    }
}

static void others_are_not_found(void **state)
{
    (void)state;
    assert_null(suite_by_id(SUITE_NONE));
    assert_null(suite_by_id(SUITE_COUNT));
    assert_null(suite_by_id(~0u));
    assert_null(suite_by_name(""));
    assert_null(suite_by_name("AES-GCM-128"));
    assert_null(suite_by_name("aes-gcm-128 "));
    assert_null(suite_by_name("3des-cbc/hmac-sha256-128"));
    static const unsigned wire[][3] = {{20, 0, 0},   {20, 129, 0}, {20, 128, 2}, {18, 128, 0}, {19, 128, 0}, {21, 128, 0},
                                       {12, 0, 2},   {12, 128, 0}, {12, 128, 1}, {11, 0, 0},   {3, 192, 2},  {3, 0, 5},
                                       {249, 256, 0}, {0, 0, 0},   {23, 0, 0},   {20, 128, 256}};
    for (size_t i = 0; i < sizeof(wire) / sizeof(wire[0]); i++)
        assert_null(suite_by_wire((uint8_t)wire[i][0], (uint16_t)wire[i][1], (uint16_t)wire[i][2]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(combined_modes),
        cmocka_unit_test(ciphers_with_hmac),
        cmocka_unit_test(every_suite_is_found_again),
        cmocka_unit_test(others_are_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
