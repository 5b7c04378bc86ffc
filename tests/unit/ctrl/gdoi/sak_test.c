/* SPDX-License-Identifier: BSD-3-Clause */
/* SA KEK payloads by hand (RFC 6407 5.3): both forms of attributes, every value that exists, everything else refused. */
#include "ctrl/gdoi/sak.h"
#include "tests/lib/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define SPI   "0102030405060708090a0b0c0d0e0f10"
#define ENDS  "11 01 0350 04 0a000001 01 0350 04 efc00001"
#define START ENDS SPI "00000000"
#define RSA   "8002 0003 8003 0080 8005 0003 8006 0001"

static enum isakmp_error get(const char *hex, struct gdoi_sak *sak)
{
    struct bytes b = bytes_hex(hex);
    enum isakmp_error e = gdoi_sak_get(bytes_span(&b), sak);
    bytes_free(&b);
    return e;
}

static void a_sak_says_all_that_a_kek_is(void **state)
{
    (void)state;
    struct gdoi_sak s;
    char text[ADDR_TEXT_MAX];
    assert_int_equal(get(START "8002 0003 8003 0100 0004 0004 00015180 8005 0005 8006 0001 8007 0800 8009 0003", &s), ISAKMP_OK);
    assert_string_equal(endpoint_text(&s.source, text), "10.0.0.1:848");
    assert_string_equal(endpoint_text(&s.destination, text), "239.192.0.1:848");
    assert_int_equal(s.spi[0], 1);
    assert_int_equal(s.spi[15], 16);
    assert_true(s.cipher == GDOI_KEK_AES && s.key_bits == 256 && s.life_s == 86400 && s.hash == GDOI_SIG_SHA512);
    assert_true(s.signature == GDOI_SIG_RSA && s.signature_bits == 2048 && s.ack == GDOI_ACK_KEK_SHA512);
}

static void what_was_said_is_written_so(void **state)
{
    (void)state;
    struct gdoi_sak s;
    uint8_t out[256];
    static const char *const bodies[] = {
        START "8002 0003 8003 0100 0004 0004 00015180 8005 0005 8006 0001 8007 0800 8009 0003",
        START "8002 0002 0004 0004 00000001 8006 0004", /* 3DES, ECDSA: nothing that needn't be said */
        "11 05 0000 10 20010db8000000000000000000000001 01 0350 04 00000000" SPI "00000000 8002 0003 8003 00c0"
        "0004 0004 ffffffff 8005 0004 8006 0005 8009 0001",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct bytes b = bytes_hex(bodies[i]);
        struct buf_writer w = buf_writer_of(out, sizeof(out));
        assert_int_equal(gdoi_sak_get(bytes_span(&b), &s), ISAKMP_OK);
        buf_put_u8(&w, 0);
        struct isakmp_chain c = isakmp_chain_at(&w, 0);
        gdoi_sak_put(&c, &s);
        assert_int_equal(out[0], ISAKMP_PAYLOAD_SAK);
        assert_int_equal(w.len, 1 + 4 + b.len);
        assert_memory_equal(out + 5, b.p, b.len);
        bytes_free(&b);
    }
}

/* Some senders write the lifetime as TV, though it is variable; both forms are taken for every attribute. */
static void both_forms_of_attributes_are_taken(void **state)
{
    (void)state;
    struct gdoi_sak s;
    assert_int_equal(get(START "0002 0002 0003 0003 0004 00000080 8004 0e10 0005 0001 03 0006 0003 000001 0009 0002 0001", &s),
                     ISAKMP_OK);
    assert_true(s.cipher == 3 && s.key_bits == 128 && s.life_s == 3600 && s.hash == 3 && s.signature == 1 && s.ack == 1);
}

static void ends_are_one_address_or_any(void **state)
{
    (void)state;
    static const struct {
        const char *ends;
        uint8_t source, destination; /* families; 0 = any */
        enum isakmp_error error;
    } cases[] = {
        {"11 00 0000 00 00 0000 00", 0, 0, ISAKMP_OK},
        {"11 01 0000 04 00000000 04 0000 08 0000000000000000", 0, 0, ISAKMP_OK},
        {"11 04 0000 08 0a000001ffffffff 07 0000 08 e0000001e0000001", 4, 4, ISAKMP_OK},
        {"11 05 0000 10 ff0e0000000000000000000000000001 01 0000 04 0a000001", 6, 4, ISAKMP_OK},
        {"11 04 0000 08 0a000000ff000000 00 0000 00", 0, 0, ISAKMP_E_SAK_END},
        {"11 07 0000 08 0a0000010a000002 00 0000 00", 0, 0, ISAKMP_E_SAK_END},
        {"11 02 0000 04 6b733121 00 0000 00", 0, 0, ISAKMP_E_SAK_END},
        {"11 01 0000 05 0a00000100 00 0000 00", 0, 0, ISAKMP_E_SAK_END},
        {"06 00 0000 00 00 0000 00", 0, 0, ISAKMP_E_SAK_PROTOCOL},
        {"00 00 0000 00 00 0000 00", 0, 0, ISAKMP_E_SAK_PROTOCOL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gdoi_sak s;
        char hex[512];
        snprintf(hex, sizeof(hex), "%s" SPI "00000000" RSA, cases[i].ends);
        assert_int_equal(get(hex, &s), cases[i].error);
        if (cases[i].error == ISAKMP_OK) {
            assert_int_equal(s.source.addr.family, cases[i].source);
            assert_int_equal(s.destination.addr.family, cases[i].destination);
        }
    }
}

static void spi_and_reserved_field_are_judged(void **state)
{
    (void)state;
    struct gdoi_sak s;
    assert_int_equal(get(ENDS "0000000000000000090a0b0c0d0e0f10 00000000" RSA, &s), ISAKMP_E_SAK_SPI);
    assert_int_equal(get(ENDS "00000000000000010000000000000000 00000000" RSA, &s), ISAKMP_OK);
    assert_int_equal(get(ENDS SPI "00000100" RSA, &s), ISAKMP_E_SAK_RESERVED); /* POP of RFC 3547 */
}

static void every_value_that_does_not_exist_is_refused(void **state)
{
    (void)state;
    for (unsigned v = 0; v < 1024; v++) {
        struct gdoi_sak s;
        char hex[256];
        snprintf(hex, sizeof(hex), START "8002 %04x 8003 0080 8005 0003 8006 0001", v);
        assert_int_equal(get(hex, &s), v == 3 ? ISAKMP_OK : v == 2 ? ISAKMP_E_SAK_MISSING : ISAKMP_E_ATTR_VALUE);
        snprintf(hex, sizeof(hex), START "8002 0003 8003 %04x 8005 0003 8006 0001", v);
        assert_int_equal(get(hex, &s), v == 128 || v == 192 || v == 256 ? ISAKMP_OK : ISAKMP_E_ATTR_VALUE);
        snprintf(hex, sizeof(hex), START "8002 0003 8003 0080 8005 %04x 8006 0001", v);
        assert_int_equal(get(hex, &s), v >= 2 && v <= 5 ? ISAKMP_OK : ISAKMP_E_ATTR_VALUE);
        snprintf(hex, sizeof(hex), START "8002 0003 8003 0080 8006 %04x", v);
        assert_int_equal(get(hex, &s), v == 4 || v == 5 ? ISAKMP_OK : v == 1 ? ISAKMP_E_SAK_MISSING : ISAKMP_E_ATTR_VALUE);
        snprintf(hex, sizeof(hex), START RSA "8009 %04x", v); /* RFC 8263 4: the member goes on without */
        assert_int_equal(get(hex, &s), ISAKMP_OK);
        assert_int_equal(s.ack, v == 1 || v == 3 ? v : 0);
    }
}

static void hashes_of_ecdsa_are_those_of_the_curve(void **state)
{
    (void)state;
    for (unsigned signature = 4; signature <= 5; signature++)
        for (unsigned hash = 2; hash <= 5; hash++) {
            struct gdoi_sak s;
            char hex[256];
            snprintf(hex, sizeof(hex), START "8002 0003 8003 0080 8005 %04x 8006 %04x", hash, signature);
            assert_int_equal(get(hex, &s), hash == signature - 1 ? ISAKMP_OK : ISAKMP_E_ATTR_VALUE);
        }
}

static void attributes_are_known_and_stand_once(void **state)
{
    (void)state;
    struct gdoi_sak s;
    for (unsigned type = 0; type < 32768; type += type < 300 ? 1 : 77) {
        char hex[256];
        bool twice = type == 2 || type == 3 || type == 5 || type == 6;
        snprintf(hex, sizeof(hex), START RSA "%04x 0001", 0x8000 | type);
        enum isakmp_error want = twice                                                ? ISAKMP_E_ATTR_TWICE
                                 : type == 1 || type == 4 || type == 7 || type == 9 ? ISAKMP_OK
                                                                                    : ISAKMP_E_ATTR_UNKNOWN;
        assert_int_equal(get(hex, &s), want);
    }
    assert_int_equal(get(START, &s), ISAKMP_E_SAK_MISSING);
    assert_int_equal(get(START "8006 0004", &s), ISAKMP_E_SAK_MISSING);
    assert_int_equal(get(START "8002 0003 8006 0004", &s), ISAKMP_E_SAK_MISSING); /* AES without key length */
    assert_int_equal(get(START "8002 0002 8003 00c0 8006 0004", &s), ISAKMP_OK);  /* 3DES has 192 */
    assert_int_equal(s.key_bits, 0);
    assert_int_equal(get(START "8002 0002 8003 0080 8006 0004", &s), ISAKMP_E_SAK_MISSING);
    assert_int_equal(get(START "8002 0002 8006 0004", &s), ISAKMP_OK);
    assert_int_equal(s.life_s, GDOI_KEK_DEFAULT_LIFE_S);
    assert_int_equal(get(START RSA "0004 0004 00000000", &s), ISAKMP_E_ATTR_VALUE);
    assert_int_equal(get(START RSA "0004 0005 0100000000", &s), ISAKMP_E_ATTR_VALUE);
    assert_int_equal(get(START RSA "0004 0000", &s), ISAKMP_E_ATTR_VALUE);
}

static void truncation_at_every_octet_is_found(void **state)
{
    (void)state;
    struct bytes whole = bytes_hex(START RSA);
    for (size_t len = 0; len < whole.len; len++) {
        struct bytes b = bytes_copy(span_of(whole.p, len));
        struct gdoi_sak s = {.cipher = 99};
        assert_int_not_equal(gdoi_sak_get(bytes_span(&b), &s), ISAKMP_OK);
        assert_int_equal(s.cipher, 99);
        bytes_free(&b);
    }
    bytes_free(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sak_says_all_that_a_kek_is),
        cmocka_unit_test(what_was_said_is_written_so),
        cmocka_unit_test(both_forms_of_attributes_are_taken),
        cmocka_unit_test(ends_are_one_address_or_any),
        cmocka_unit_test(spi_and_reserved_field_are_judged),
        cmocka_unit_test(every_value_that_does_not_exist_is_refused),
        cmocka_unit_test(hashes_of_ecdsa_are_those_of_the_curve),
        cmocka_unit_test(attributes_are_known_and_stand_once),
        cmocka_unit_test(truncation_at_every_octet_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
