/* SPDX-License-Identifier: BSD-3-Clause */
/* Delete payloads by hand from RFC 2408 3.15, with counts and sizes that lie. */
#include "ctrl/isakmp/delete.h"

#include "tests/lib/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const uint8_t cky_i[8] = {1, 2, 3, 4, 5, 6, 7, 8}, cky_r[8] = {17, 18, 19, 20, 21, 22, 23, 24};
static const char one[] = "00000002 01 10 0001 0102030405060708 1112131415161718";

static void a_delete_is_read_and_written(void **state)
{
    (void)state;
    struct bytes b = bytes_hex(one);
    struct isakmp_delete d;
    uint8_t out[64];
    assert_int_equal(isakmp_delete_get(bytes_span(&b), &d), ISAKMP_OK);
    assert_int_equal(d.doi, 2);
    assert_int_equal(d.n, 1);
    assert_true(bytes_are(isakmp_delete_spi(&d, 0), "0102030405060708 1112131415161718"));
    assert_true(isakmp_delete_names(&d, cky_i, cky_r));
    assert_false(isakmp_delete_names(&d, cky_r, cky_i));
    for (int own = 0; own < 2; own++) {
        struct buf_writer w = buf_writer_of(out, sizeof(out));
        buf_put_u8(&w, 0);
        struct isakmp_chain c = isakmp_chain_at(&w, 0);
        if (own)
            isakmp_delete_put_isakmp(&c, 2, cky_i, cky_r);
        else
            isakmp_delete_put(&c, &d);
        char expected[128];
        snprintf(expected, sizeof(expected), "0c 0000001c %s", one);
        assert_true(bytes_are(buf_written(&w), expected));
    }
    bytes_free(&b);
}

static void several_esp_spis_are_read(void **state)
{
    (void)state;
    struct bytes b = bytes_hex("00000001 03 04 0002 00001000 00001001");
    struct isakmp_delete d;
    assert_int_equal(isakmp_delete_get(bytes_span(&b), &d), ISAKMP_OK);
    assert_true(bytes_are(isakmp_delete_spi(&d, 1), "00001001"));
    assert_false(isakmp_delete_names(&d, cky_i, cky_r));
    bytes_free(&b);
}

static void cve_2004_0221_spi_count_times_size_must_be_what_is_there(void **state)
{
    (void)state;
    struct bytes whole = bytes_hex("00000001 03 04 0000 00001000 00001001 00001002 00001003");
    for (unsigned count = 0; count < 65536; count++) {
        struct isakmp_delete d;
        struct bytes b = bytes_copy(bytes_span(&whole));
        b.p[6] = (uint8_t)(count >> 8);
        b.p[7] = (uint8_t)count;
        if (isakmp_delete_get(bytes_span(&b), &d) != (count == 4 ? ISAKMP_OK : ISAKMP_E_DELETE_SPIS))
            fail_msg("count %u", count);
        bytes_free(&b);
    }
    bytes_free(&whole);
}

static void cve_2002_2222_sizes_must_fit_their_protocol(void **state)
{
    (void)state;
    for (unsigned protocol = 0; protocol < 256; protocol++)
        for (unsigned size = 0; size < 256; size++) {
            uint8_t raw[8 + 255] = {0, 0, 0, 2, (uint8_t)protocol, (uint8_t)size, 0, 1};
            struct bytes b = bytes_copy(span_of(raw, 8 + size));
            struct isakmp_delete d;
            bool ok = (protocol == 1 && size == 16) || ((protocol == 2 || protocol == 3) && size == 4);
            if (isakmp_delete_get(bytes_span(&b), &d) != (ok ? ISAKMP_OK : ISAKMP_E_DELETE_SPI_SIZE))
                fail_msg("protocol %u size %u", protocol, size);
            bytes_free(&b);
        }
}

static void truncation_at_every_octet_is_refused(void **state)
{
    (void)state;
    struct bytes_cuts c = bytes_cuts_of(one);
    while (bytes_cuts_next(&c)) {
        struct isakmp_delete d;
        assert_int_equal(isakmp_delete_get(bytes_span(&c.cut), &d),
                         c.cut.len < 8 ? ISAKMP_E_DELETE_SHORT : ISAKMP_E_DELETE_SPIS);
    }
}

static void other_dois_are_refused(void **state)
{
    (void)state;
    struct bytes b = bytes_hex("00000003 03 04 0001 00001000");
    struct isakmp_delete d;
    assert_int_equal(isakmp_delete_get(bytes_span(&b), &d), ISAKMP_E_DELETE_DOI);
    bytes_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_delete_is_read_and_written),
        cmocka_unit_test(several_esp_spis_are_read),
        cmocka_unit_test(cve_2004_0221_spi_count_times_size_must_be_what_is_there),
        cmocka_unit_test(cve_2002_2222_sizes_must_fit_their_protocol),
        cmocka_unit_test(truncation_at_every_octet_is_refused),
        cmocka_unit_test(other_dois_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
