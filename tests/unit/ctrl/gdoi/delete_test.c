/* SPDX-License-Identifier: BSD-3-Clause */
/* Deletes (RFC 6407 5.9) and sequence numbers (5.7) by hand; what a rekey makes of them is push_hostile_test's. */
#include "ctrl/gdoi/delete.h"
#include "ctrl/gdoi/seq.h"
#include "tests/lib/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static enum isakmp_error get(const char *hex, struct gdoi_delete *d)
{
    struct bytes b = bytes_hex(hex);
    enum isakmp_error e = gdoi_delete_get(bytes_span(&b), d);
    if (e == ISAKMP_OK && d->spis.len > 0) /* inside the message */
        assert_true(d->spis.p == b.p + 8 && d->spis.len == b.len - 8);
    bytes_free(&b);
    return e;
}

static void we_write_size_4_for_teks_and_16_for_the_kek(void **state)
{
    (void)state;
    static const uint32_t spis[] = {0x100, 0xffffffff};
    static const char want[] = "0c 00 0014 00000002 01 04 0002 00000100 ffffffff" /* TEKs */
                               "0c 00 0010 00000002 01 04 0001 00000000"          /* all of them */
                               "12 00 001c 00000002 00 10 0001 00000000000000000000000000000000"
                               "00 00 0008 fffffffe";
    uint8_t out[128];
    struct bytes b = bytes_hex(want);
    struct buf_writer w = buf_writer_of(out, sizeof(out));
    buf_put_u8(&w, 0);
    struct isakmp_chain c = isakmp_chain_at(&w, 0);
    gdoi_delete_put_teks(&c, spis, 2);
    gdoi_delete_put_all_teks(&c);
    gdoi_delete_put_kek(&c);
    gdoi_seq_put(&c, 0xfffffffe);
    assert_int_equal(out[0], ISAKMP_PAYLOAD_DELETE);
    assert_int_equal(w.len, 1 + b.len);
    assert_memory_equal(out + 1, b.p, b.len);
    bytes_free(&b);
}

static void all_may_be_said_in_three_sizes(void **state)
{
    (void)state;
    static const char *const all[] = {"00 0000", "00 0001", "00 ffff", "04 0001 00000000",
                                      "10 0001 00000000000000000000000000000000", "04 0002 00000000 00000000"};
    for (unsigned protocol = 0; protocol < 3; protocol++)
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
            struct gdoi_delete d;
            char hex[128];
            snprintf(hex, sizeof(hex), "00000002 %02x %s", protocol, all[i]);
            assert_int_equal(get(hex, &d), ISAKMP_OK);
            assert_true(d.all && d.protocol == protocol);
        }
}

static void sizes_protocols_and_counts_are_judged(void **state)
{
    (void)state;
    struct gdoi_delete d;
    for (unsigned v = 0; v < 256; v++) {
        char hex[1024];
        snprintf(hex, sizeof(hex), "00000002 %02x 04 0001 00000000", v);
        assert_int_equal(get(hex, &d), v <= 2 ? ISAKMP_OK : ISAKMP_E_DELETE_PROTOCOL);
        int at = snprintf(hex, sizeof(hex), "00000002 01 %02x 0001", v);
        for (unsigned i = 0; i < v; i++)
            at += snprintf(hex + at, sizeof(hex) - (size_t)at, "00");
        assert_int_equal(get(hex, &d), v == 0 || v == 4 || v == 16 ? ISAKMP_OK : ISAKMP_E_DELETE_SPI_SIZE);
    }
    for (unsigned n = 0; n < 65536; n += n < 300 ? 1 : 99) { /* CVE-2004-0221 */
        char hex[64];
        snprintf(hex, sizeof(hex), "00000002 01 04 %04x 00000100 00000200", n);
        assert_int_equal(get(hex, &d), n == 2 ? ISAKMP_OK : ISAKMP_E_DELETE_SPIS);
    }
    assert_int_equal(get("00000002 00 04 0001 00000100", &d), ISAKMP_E_DELETE_SPI_SIZE);
    assert_int_equal(get("00000002 01 10 0001 00000000000000000000000000000001", &d), ISAKMP_E_DELETE_SPI_SIZE);
    assert_int_equal(get("00000001 01 04 0001 00000100", &d), ISAKMP_E_DELETE_DOI);
    assert_int_equal(get("00000000 01 04 0001 00000100", &d), ISAKMP_E_DELETE_DOI);
    assert_int_equal(get("00000002 01 04 00", &d), ISAKMP_E_DELETE_SHORT);
    assert_int_equal(get("", &d), ISAKMP_E_DELETE_SHORT);
    assert_int_equal(get("00000002 01 04 0001 00000100", &d), ISAKMP_OK);
    assert_false(d.all);
}

static void a_sequence_number_has_four_octets(void **state)
{
    (void)state;
    static const uint8_t octets[8] = {1, 2, 3, 4};
    for (size_t len = 0; len <= sizeof(octets); len++) {
        uint32_t number = 77;
        struct bytes b = bytes_copy(span_of(octets, len));
        assert_int_equal(gdoi_seq_get(bytes_span(&b), &number), len == 4 ? ISAKMP_OK : ISAKMP_E_SEQ_LENGTH);
        assert_true(number == (len == 4 ? 0x01020304u : 77u));
        bytes_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(we_write_size_4_for_teks_and_16_for_the_kek),
        cmocka_unit_test(all_may_be_said_in_three_sizes),
        cmocka_unit_test(sizes_protocols_and_counts_are_judged),
        cmocka_unit_test(a_sequence_number_has_four_octets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
