/* SPDX-License-Identifier: BSD-3-Clause */
/* Phase-1 SA payloads against octets written by hand from RFC 2408 3.4-3.6 and RFC 2409 App. A, and against lies. */
#include "ctrl/isakmp/sa.h"

#include "tests/lib/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

/* DOI 2, situation 1; proposal 1, ISAKMP, no SPI, two transforms: AES-256 SHA2-256 PSK group 14, 24 h; the same, group 19. */
#define TRANSFORM_1 "03 00 0028 01 01 0000 80010007 800e0100 80020004 80030001 8004000e 800b0001 000c000400015180"
#define TRANSFORM_2 "00 00 0028 02 01 0000 80010007 800e0100 80020004 80030001 80040013 800b0001 000c000400015180"
static const char body[] = "00000002 00000001"
                           "00 00 0058 01 01 00 02" TRANSFORM_1 TRANSFORM_2;

static enum isakmp_error get(const char *hex, struct isakmp_sa *sa)
{
    struct bytes b = bytes_hex(hex);
    enum isakmp_error e = isakmp_sa_get(bytes_span(&b), sa);
    bytes_free(&b);
    for (size_t i = 0; e == ISAKMP_OK && i < sa->n; i++)
        sa->t[i].attributes = span_of(NULL, 0); /* gone with the body */
    return e;
}

/* A body with one transform, these attributes. */
static enum isakmp_error attributes(const char *hex, struct isakmp_sa *sa)
{
    char text[1024];
    struct bytes b = bytes_hex(hex);
    snprintf(text, sizeof(text), "00000002 00000001 0000%04x 01010001 0000%04x 01010000 %s", (unsigned)(16 + b.len),
             (unsigned)(8 + b.len), hex);
    bytes_free(&b);
    return get(text, sa);
}

static void an_offer_is_read(void **state)
{
    (void)state;
    struct isakmp_sa sa;
    assert_int_equal(get(body, &sa), ISAKMP_OK);
    assert_int_equal(sa.doi, 2);
    assert_int_equal(sa.situation, 1);
    assert_int_equal(sa.proposal, 1);
    assert_int_equal(sa.n, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(sa.t[i].understood);
        assert_int_equal(sa.t[i].number, i + 1);
        assert_int_equal(sa.t[i].encryption, ISAKMP_ENC_AES);
        assert_int_equal(sa.t[i].key_bits, 256);
        assert_int_equal(sa.t[i].hash, ISAKMP_HASH_SHA256);
        assert_int_equal(sa.t[i].auth, ISAKMP_AUTH_PSK);
        assert_int_equal(sa.t[i].group, i == 0 ? 14 : 19);
        assert_int_equal(sa.t[i].life_s, 86400);
        assert_int_equal(sa.t[i].life_kb, 0);
    }
}

static void an_offer_is_written(void **state)
{
    (void)state;
    struct isakmp_sa sa;
    uint8_t out[128] = {0};
    assert_int_equal(get(body, &sa), ISAKMP_OK);
    struct buf_writer w = buf_writer_of(out, sizeof(out));
    buf_put_u8(&w, 0);
    struct isakmp_chain c = isakmp_chain_at(&w, 0);
    isakmp_sa_put(&c, &sa);
    char expected[512];
    snprintf(expected, sizeof(expected), "01 00000064 %s", body);
    assert_true(bytes_are(buf_written(&w), expected));
}

/* RFC 2409 section 5: no attribute of an offer may be changed. Odd forms and orders come back as they were, too. */
static void what_was_read_is_repeated(void **state)
{
    (void)state;
    static const char odd[] = "00000002 00000001 0000002f 01010001 00000027 05010000"
                              "800b0001 000c0003000e10 8004000e 80030001 0001000400000007 800e0100 80020004";
    struct bytes b = bytes_hex(odd);
    struct isakmp_sa sa;
    uint8_t out[128] = {0};
    b.p[11] = (uint8_t)(b.len - 8);
    b.p[19] = (uint8_t)(b.len - 16);
    assert_int_equal(isakmp_sa_get(bytes_span(&b), &sa), ISAKMP_OK);
    assert_int_equal(sa.t[0].life_s, 3600);
    struct buf_writer w = buf_writer_of(out, sizeof(out));
    buf_put_u8(&w, 0);
    struct isakmp_chain c = isakmp_chain_at(&w, 0);
    isakmp_sa_put(&c, &sa);
    assert_true(span_equal(span_of(out + 5, w.len - 5), bytes_span(&b)));
    bytes_free(&b);
}

static void truncation_at_every_octet_is_refused(void **state)
{
    (void)state;
    struct bytes_cuts c = bytes_cuts_of(body);
    while (bytes_cuts_next(&c)) {
        struct isakmp_sa sa;
        assert_int_not_equal(isakmp_sa_get(bytes_span(&c.cut), &sa), ISAKMP_OK);
        assert_int_equal(sa.n, 0);
    }
}

static void doi_and_situation_are_judged(void **state)
{
    (void)state;
    struct isakmp_sa sa;
    for (unsigned doi = 0; doi < 5; doi++)
        for (unsigned situation = 0; situation < 5; situation++) {
            char hex[256];
            snprintf(hex, sizeof(hex), "%08x %08x 0000002c 01010001 00000024 01010000 80010007 800e0100 80020004"
                     "80030001 8004000e 800b0001 800c0e10", doi, situation);
            assert_int_equal(get(hex, &sa), doi != 1 && doi != 2 ? ISAKMP_E_SA_DOI
                             : situation > 1 ? ISAKMP_E_SA_SITUATION : ISAKMP_OK);
        }
}

static void both_forms_of_a_lifetime_and_both_types_are_read(void **state)
{
    (void)state;
    struct isakmp_sa sa;
    assert_int_equal(attributes("800b0001 800c0e10", &sa), ISAKMP_OK);
    assert_int_equal(sa.t[0].life_s, 3600);
    assert_int_equal(attributes("800b0001 000c0002 0e10 800b0002 000c0004 00100000", &sa), ISAKMP_OK);
    assert_int_equal(sa.t[0].life_s, 3600);
    assert_int_equal(sa.t[0].life_kb, 0x100000);
    assert_int_equal(attributes("800b0001 000c0010 00000000000000000000000000000001", &sa), ISAKMP_OK);
    assert_true(sa.t[0].life_s == UINT64_MAX); /* 128 bits: more than anybody lives */
}

static void broken_lifetimes_are_refused(void **state)
{
    (void)state;
    struct isakmp_sa sa;
    assert_int_equal(attributes("800b0001", &sa), ISAKMP_E_ATTR_VALUE);
    assert_int_equal(attributes("800c0e10", &sa), ISAKMP_E_ATTR_VALUE);
    assert_int_equal(attributes("800b0001 800b0001 800c0e10", &sa), ISAKMP_E_ATTR_VALUE);
    assert_int_equal(attributes("800b0001 800c0000", &sa), ISAKMP_E_ATTR_VALUE);
    assert_int_equal(attributes("800b0001 000c0000", &sa), ISAKMP_E_ATTR_VALUE);
    assert_int_equal(attributes("800b0000 800c0001", &sa), ISAKMP_E_ATTR_VALUE);
    assert_int_equal(attributes("800b0001 800c0e10 800b0001 800c0e10", &sa), ISAKMP_E_ATTR_TWICE);
}

static void duplicate_attributes_are_refused(void **state)
{
    (void)state;
    static const uint8_t types[] = {1, 2, 3, 4, 14, 13, 99};
    for (size_t i = 0; i < sizeof(types); i++) {
        char hex[64];
        struct isakmp_sa sa;
        snprintf(hex, sizeof(hex), "80%02x0001 80%02x0001", types[i], types[i]);
        assert_int_equal(attributes(hex, &sa), ISAKMP_E_ATTR_TWICE);
    }
}

static void cve_2024_3652_a_key_length_of_zero_is_refused(void **state)
{
    (void)state;
    struct isakmp_sa sa;
    assert_int_equal(attributes("80010007 800e0000", &sa), ISAKMP_E_ATTR_VALUE);
    assert_int_equal(attributes("80010000 800e0080", &sa), ISAKMP_E_ATTR_VALUE);
}

static void a_transform_with_something_unknown_is_never_chosen_but_does_not_hurt(void **state)
{
    (void)state;
    struct isakmp_sa sa;
    assert_int_equal(attributes("80010007 800e0100 80130001", &sa), ISAKMP_OK);
    assert_false(sa.t[0].understood);
    assert_int_equal(get("00000002 00000001 00000018 01010002 03000008 01020000 00000008 02010000", &sa), ISAKMP_OK);
    assert_false(sa.t[0].understood); /* transform id 2 */
    assert_true(sa.t[1].understood);
    assert_int_equal(attributes("800b0003 800c0001", &sa), ISAKMP_OK);
    assert_false(sa.t[0].understood); /* life type 3 */
}

static void counts_that_lie_are_refused(void **state)
{
    (void)state;
    for (unsigned count = 0; count < 256; count++) {
        char hex[256];
        struct isakmp_sa sa;
        snprintf(hex, sizeof(hex), "00000002 00000001 00000018 010100%02x 03000008 01010000 00000008 02010000", count);
        assert_int_equal(get(hex, &sa), count == 2 ? ISAKMP_OK : ISAKMP_E_TRANSFORM_COUNT);
    }
}

static void spi_sizes_are_skipped_up_to_sixteen(void **state)
{
    (void)state;
    for (unsigned size = 0; size < 256; size++) {
        char hex[1024], spi[513] = "";
        struct isakmp_sa sa;
        for (unsigned i = 0; i < size; i++)
            snprintf(spi + 2 * i, 3, "aa");
        snprintf(hex, sizeof(hex), "00000002 00000001 0000%04x 0101%02x01 %s 00000008 01010000", 16 + size, size, spi);
        assert_int_equal(get(hex, &sa), size <= 16 ? ISAKMP_OK : ISAKMP_E_PROPOSAL_SPI);
        snprintf(hex, sizeof(hex), "00000002 00000001 00000010 0101%02x01 00000008 01010000", size);
        if (size > 0) /* a size without the SPI */
            assert_int_not_equal(get(hex, &sa), ISAKMP_OK);
    }
}

static void other_shapes_are_refused(void **state)
{
    (void)state;
    struct isakmp_sa sa;
    /* two proposals, by next payload and by octets */
    assert_int_equal(get("00000002 00000001 02000010 01010001 00000008 01010000"
                         "00000010 02010001 00000008 01010000", &sa), ISAKMP_E_PROPOSAL_COUNT);
    assert_int_equal(get("00000002 00000001 00000010 01010001 00000008 01010000 00", &sa), ISAKMP_E_PROPOSAL_COUNT);
    assert_int_equal(get("00000002 00000001", &sa), ISAKMP_E_PROPOSAL_SHORT);
    assert_int_equal(get("00000002 00000001 00010010 01010001 00000008 01010000", &sa), ISAKMP_E_PROPOSAL_RESERVED);
    assert_int_equal(get("00000002 00000001 00000010 01030001 00000008 01010000", &sa), ISAKMP_E_PROPOSAL_PROTOCOL);
    assert_int_equal(get("00000002 00000001 00000010 01010001 00010008 01010000", &sa), ISAKMP_E_TRANSFORM_RESERVED);
    assert_int_equal(get("00000002 00000001 00000010 01010001 00000008 01010001", &sa), ISAKMP_E_TRANSFORM_RESERVED);
    assert_int_equal(get("00000002 00000001 00000010 01010001 00000006 01010000", &sa), ISAKMP_E_TRANSFORM_SHORT);
    /* a transform that says another comes, and one that says a proposal comes */
    assert_int_equal(get("00000002 00000001 00000010 01010001 03000008 01010000", &sa), ISAKMP_E_TRANSFORM_COUNT);
    assert_int_equal(get("00000002 00000001 00000018 01010002 02000008 01010000 00000008 02010000", &sa),
                     ISAKMP_E_TRANSFORM_COUNT);
    assert_int_equal(get("00000002 00000001 00000011 01010001 00000008 01010000 00", &sa), ISAKMP_E_TRANSFORM_COUNT);
}

static void sixty_four_transforms_are_read_and_sixty_five_refused(void **state)
{
    (void)state;
    for (unsigned n = 64; n <= 65; n++) {
        char hex[4096];
        struct isakmp_sa sa;
        int at = snprintf(hex, sizeof(hex), "00000002 00000001 0000%04x 010100%02x", 8 + 8 * n, n);
        for (unsigned i = 0; i < n; i++)
            at += snprintf(hex + at, sizeof(hex) - (size_t)at, "%02x000008 %02x010000", i + 1 < n ? 3 : 0, i);
        assert_int_equal(get(hex, &sa), n == 64 ? ISAKMP_OK : ISAKMP_E_TRANSFORM_COUNT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_offer_is_read),
        cmocka_unit_test(an_offer_is_written),
        cmocka_unit_test(what_was_read_is_repeated),
        cmocka_unit_test(truncation_at_every_octet_is_refused),
        cmocka_unit_test(doi_and_situation_are_judged),
        cmocka_unit_test(both_forms_of_a_lifetime_and_both_types_are_read),
        cmocka_unit_test(broken_lifetimes_are_refused),
        cmocka_unit_test(duplicate_attributes_are_refused),
        cmocka_unit_test(cve_2024_3652_a_key_length_of_zero_is_refused),
        cmocka_unit_test(a_transform_with_something_unknown_is_never_chosen_but_does_not_hurt),
        cmocka_unit_test(counts_that_lie_are_refused),
        cmocka_unit_test(spi_sizes_are_skipped_up_to_sixteen),
        cmocka_unit_test(other_shapes_are_refused),
        cmocka_unit_test(sixty_four_transforms_are_read_and_sixty_five_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
