/* SPDX-License-Identifier: BSD-3-Clause */
/* The GDOI SA payload by hand from RFC 6407 5.2: order, counts, reserved fields, and a SAK that this version refuses. */
#include "ctrl/gdoi/sa.h"

#include "tests/lib/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define HEAD    "00000002 00000000"
#define GAP     "0008 80010005"                 /* next payload and RESERVED before it */
#define SAT     "001f 01 00 00000000 00000000 14 00001000 8001000180020e1080040001"
static const char body[] = HEAD "0016 0000" /* GAP comes first */
                           "1000" GAP
                           "1000" SAT
                           "0000" SAT;

static enum isakmp_error get(const char *hex, struct gdoi_sa *sa)
{
    struct bytes b = bytes_hex(hex);
    enum isakmp_error e = gdoi_sa_get(bytes_span(&b), sa);
    bytes_free(&b);
    return e;
}

static void a_gap_and_two_sats_are_read(void **state)
{
    (void)state;
    struct bytes b = bytes_hex(body);
    struct gdoi_sa sa;
    struct gdoi_sat sat;
    assert_int_equal(gdoi_sa_get(bytes_span(&b), &sa), ISAKMP_OK);
    assert_true(sa.has_gap);
    assert_int_equal(sa.gap.atd_s, 5);
    assert_int_equal(sa.n_sats, 2);
    for (int i = 0; i < 2; i++) {
        assert_false(gdoi_sa_end(&sa));
        assert_int_equal(gdoi_sa_next(&sa, &sat), ISAKMP_OK);
        assert_int_equal(sat.spi, 0x1000);
    }
    assert_true(gdoi_sa_end(&sa));
    assert_int_not_equal(gdoi_sa_next(&sa, &sat), ISAKMP_OK); /* one too many is no disaster */
    bytes_free(&b);
}

static void the_frame_is_written(void **state)
{
    (void)state;
    uint8_t out[256];
    struct buf_writer w = buf_writer_of(out, sizeof(out));
    buf_put_u8(&w, 0);
    struct isakmp_chain outer = isakmp_chain_at(&w, 0);
    struct isakmp_chain inner = gdoi_sa_begin(&outer);
    gdoi_gap_put(&inner, &(struct gdoi_gap){.atd_s = 5});
    isakmp_payload_put(&inner, ISAKMP_PAYLOAD_SAT, span_of("ab", 2));
    gdoi_sa_end_put(&outer);
    isakmp_payload_put(&outer, ISAKMP_PAYLOAD_NONCE, span_of("cd", 2));
    assert_true(bytes_are(buf_written(&w), "01"
                                           "0a 00 001e" HEAD "0016 0000"
                                           "1000 0008 80010005"
                                           "0000 0006 6162"
                                           "00 00 0006 6364"));
}

static void truncation_at_every_octet_is_refused(void **state)
{
    (void)state;
    struct bytes_cuts c = bytes_cuts_of(body);
    while (bytes_cuts_next(&c)) {
        struct gdoi_sa sa = {.n_sats = 77};
        assert_int_not_equal(gdoi_sa_get(bytes_span(&c.cut), &sa), ISAKMP_OK);
        assert_int_equal(sa.n_sats, 77);
    }
}

static void trailing_octets_are_refused(void **state)
{
    (void)state;
    struct gdoi_sa sa;
    assert_int_equal(get(HEAD "0010 0000 0000" SAT "00", &sa), ISAKMP_E_TRAILING);
}

static void doi_situation_and_reserved_must_be_right(void **state)
{
    (void)state;
    struct gdoi_sa sa;
    assert_int_equal(get(HEAD "0010 0000 0000" SAT, &sa), ISAKMP_OK);
    assert_int_equal(get("00000001 00000000 0010 0000 0000" SAT, &sa), ISAKMP_E_SA_DOI);
    assert_int_equal(get("00000002 00000001 0010 0000 0000" SAT, &sa), ISAKMP_E_SA_SITUATION);
    assert_int_equal(get(HEAD "0010 0001 0000" SAT, &sa), ISAKMP_E_GDOI_SA_RESERVED);
    assert_int_equal(get(HEAD "0010 0000 0001" SAT, &sa), ISAKMP_E_PAYLOAD_RESERVED);
    assert_int_equal(get(HEAD "0110 0000 0000" SAT, &sa), ISAKMP_E_GDOI_SA_TYPE); /* 272 */
}

/* UDP, both ends "any", SPI 01..10, AES-128, RSA with SHA-256. */
#define SAK                                                                                                            \
    "00 0031 11 00 0000 00 00 0000 00 0102030405060708090a0b0c0d0e0f10 00000000 8002 0003 8003 0080 8005 0003 8006 0001"

/* First, once, and then SATs aren't needed (RFC 6407 5.2: at least one SAK or SAT). */
static void a_sak_stands_first_once_and_may_stand_alone(void **state)
{
    (void)state;
    struct gdoi_sa sa;
    assert_int_equal(get(HEAD "000f 0000 00" SAK, &sa), ISAKMP_OK);
    assert_true(sa.has_sak && !sa.has_gap && sa.n_sats == 0 && gdoi_sa_end(&sa));
    assert_int_equal(sa.sak.spi[15], 0x10);
    assert_int_equal(get(HEAD "000f 0000 10" SAK "0000" SAT, &sa), ISAKMP_OK);
    assert_true(sa.has_sak && sa.n_sats == 1);
    assert_int_equal(get(HEAD "000f 0000 16" SAK "1000" GAP "0000" SAT, &sa), ISAKMP_OK);
    assert_true(sa.has_sak && sa.has_gap && sa.n_sats == 1);
    assert_int_equal(get(HEAD "000f 0000 16" SAK "0000" GAP, &sa), ISAKMP_OK);
    assert_true(sa.has_sak && sa.has_gap && sa.n_sats == 0);
    assert_int_equal(get(HEAD "000f 0000 0f" SAK "00" SAK, &sa), ISAKMP_E_GDOI_SA_ORDER);
    assert_int_equal(get(HEAD "0010 0000 0f00" SAT "00" SAK, &sa), ISAKMP_E_GDOI_SA_ORDER);
    assert_int_equal(get(HEAD "0016 0000 0f00" GAP "00" SAK, &sa), ISAKMP_E_GDOI_SA_ORDER);
    assert_int_equal(get(HEAD "000f 0000 1000 0008 00000000 0000" SAT, &sa), ISAKMP_E_SAK_PROTOCOL);
    assert_int_equal(get(HEAD "000f 0000", &sa), ISAKMP_E_PAYLOAD_LENGTH);
}

static void every_other_payload_type_inside_is_refused(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        char hex[512];
        struct gdoi_sa sa;
        bool other = type == 15 || type == 22; /* a SAT read as a SAK or a GAP */
        enum isakmp_error want = type == 0 ? ISAKMP_E_TRAILING : type == 16 ? ISAKMP_OK : ISAKMP_E_GDOI_SA_TYPE;
        snprintf(hex, sizeof(hex), HEAD "00%02x 0000 0000" SAT, type);
        enum isakmp_error e = get(hex, &sa);
        assert_true(other ? e != ISAKMP_OK : e == want);
        snprintf(hex, sizeof(hex), HEAD "0010 0000 %02x00" SAT "0000" SAT, type);
        e = get(hex, &sa);
        assert_true(other ? e == ISAKMP_E_GDOI_SA_ORDER : e == want);
    }
}

static void order_and_number_are_judged(void **state)
{
    (void)state;
    struct gdoi_sa sa;
    assert_int_equal(get(HEAD "0016 0000 1600" GAP "1000" GAP "0000" SAT, &sa), ISAKMP_E_GDOI_SA_ORDER);
    assert_int_equal(get(HEAD "0010 0000 1600" SAT "0000" GAP, &sa), ISAKMP_E_GDOI_SA_ORDER);
    assert_int_equal(get(HEAD "0016 0000 0000" GAP, &sa), ISAKMP_E_GDOI_SA_EMPTY);
    assert_int_equal(get(HEAD "0000 0000", &sa), ISAKMP_E_GDOI_SA_EMPTY);
    assert_int_equal(get(HEAD "0016 0000 1000 0008 80030005 0000" SAT, &sa), ISAKMP_E_ATTR_UNKNOWN);
}

static void eleven_hundred_sats_are_read_and_one_more_refused(void **state)
{
    (void)state;
    static uint8_t raw[65536];
    for (unsigned n = GDOI_MAX_SATS; n <= GDOI_MAX_SATS + 1; n++) {
        struct buf_writer w = buf_writer_of(raw, sizeof(raw));
        struct gdoi_sa sa;
        buf_put_u32(&w, 2);
        buf_put_u32(&w, 0);
        buf_put_u16(&w, 16);
        buf_put_u16(&w, 0);
        for (unsigned i = 0; i < n; i++) {
            buf_put_u8(&w, i + 1 < n ? 16 : 0);
            buf_put_u8(&w, 0);
            buf_put_u16(&w, 4);
        }
        assert_int_equal(gdoi_sa_get(buf_written(&w), &sa), n <= GDOI_MAX_SATS ? ISAKMP_OK : ISAKMP_E_SAT_COUNT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gap_and_two_sats_are_read),
        cmocka_unit_test(the_frame_is_written),
        cmocka_unit_test(truncation_at_every_octet_is_refused),
        cmocka_unit_test(trailing_octets_are_refused),
        cmocka_unit_test(doi_situation_and_reserved_must_be_right),
        cmocka_unit_test(a_sak_stands_first_once_and_may_stand_alone),
        cmocka_unit_test(every_other_payload_type_inside_is_refused),
        cmocka_unit_test(order_and_number_are_judged),
        cmocka_unit_test(eleven_hundred_sats_are_read_and_one_more_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
