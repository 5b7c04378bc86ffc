/* SPDX-License-Identifier: BSD-3-Clause */
/* KD payloads by hand from RFC 6407 5.6: a TEK packet, a SID packet and a KEK packet, then every lie about them. */
#include "ctrl/gdoi/kd.h"

#include "tests/lib/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define KEY "000102030405060708090a0b0c0d0e0f a0a1a2a3" /* AES-128 and salt */
#define TEK "01 00 0021 04 deadbeef 0001 0014" KEY
#define SID "04 00 0017 00 8001 0018 0002 0003 000001 0002 0003 ffffff"
static const char body[] = "0002 0000" TEK SID;

/* All packets of a KD; the last one is in *p. */
static enum isakmp_error get(const char *hex, struct gdoi_kd_packet *p)
{
    struct bytes b = bytes_hex(hex);
    struct gdoi_kd kd;
    enum isakmp_error e = gdoi_kd_get(bytes_span(&b), &kd);
    while (e == ISAKMP_OK && !gdoi_kd_end(&kd))
        e = gdoi_kd_next(&kd, p);
    bytes_free(&b);
    return e;
}

static void keys_and_sender_ids_are_read_and_written(void **state)
{
    (void)state;
    struct bytes b = bytes_hex(body);
    struct gdoi_kd kd;
    struct gdoi_kd_packet tek, sid;
    uint8_t out[256];
    assert_int_equal(gdoi_kd_get(bytes_span(&b), &kd), ISAKMP_OK);
    assert_int_equal(gdoi_kd_next(&kd, &tek), ISAKMP_OK);
    assert_int_equal(tek.type, GDOI_KD_TEK);
    assert_int_equal(tek.tek.spi, 0xdeadbeef);
    assert_true(bytes_are(tek.tek.algorithm_key, KEY));
    assert_int_equal(tek.tek.integrity_key.len, 0);
    assert_false(gdoi_kd_end(&kd));
    assert_int_equal(gdoi_kd_next(&kd, &sid), ISAKMP_OK);
    assert_int_equal(sid.type, GDOI_KD_SID);
    assert_int_equal(sid.sids.bits, 24);
    assert_int_equal(sid.sids.n, 2);
    assert_true(sid.sids.values[0] == 1 && sid.sids.values[1] == 0xffffff);
    assert_true(gdoi_kd_end(&kd));
    assert_int_equal(gdoi_kd_next(&kd, &sid), ISAKMP_E_KD_COUNT);

    struct buf_writer w = buf_writer_of(out, sizeof(out));
    buf_put_u8(&w, 0);
    struct isakmp_chain c = isakmp_chain_at(&w, 0);
    gdoi_kd_begin(&c, 2);
    gdoi_kd_put_tek(&w, &tek.tek);
    sid.sids = (struct gdoi_sids){.bits = 24, .n = 2, .values = {1, 0xffffff}};
    gdoi_kd_put_sids(&w, &sid.sids);
    isakmp_payload_end(&c);
    assert_true(bytes_are(buf_written(&w), "11 00000040 0002 0000" TEK SID));
    bytes_free(&b);
}

static void an_integrity_key_goes_along(void **state)
{
    (void)state;
    static const char both[] = "0001 0000 01 00 0018 04 00001000 0001 0004 01020304 0002 0003 0a0b0c";
    struct bytes b = bytes_hex(both);
    struct gdoi_kd kd;
    struct gdoi_kd_packet p;
    uint8_t out[64];
    assert_int_equal(gdoi_kd_get(bytes_span(&b), &kd), ISAKMP_OK);
    assert_int_equal(gdoi_kd_next(&kd, &p), ISAKMP_OK);
    assert_true(bytes_are(p.tek.algorithm_key, "01020304"));
    assert_true(bytes_are(p.tek.integrity_key, "0a0b0c"));
    struct buf_writer w = buf_writer_of(out, sizeof(out));
    gdoi_kd_put_tek(&w, &p.tek);
    assert_true(bytes_are(buf_written(&w), both + 9));
    bytes_free(&b);
}

static void truncation_at_every_octet_is_refused(void **state)
{
    (void)state;
    struct bytes_cuts c = bytes_cuts_of(body);
    while (bytes_cuts_next(&c)) {
        struct gdoi_kd kd;
        struct gdoi_kd_packet p;
        enum isakmp_error e = gdoi_kd_get(bytes_span(&c.cut), &kd);
        while (e == ISAKMP_OK && !gdoi_kd_end(&kd))
            e = gdoi_kd_next(&kd, &p);
        assert_int_equal(e, ISAKMP_E_KD_SHORT);
    }
}

static void cve_2023_20109_counts_that_lie_are_refused(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 65536; n += n < 80 ? 1 : 99) {
        char hex[512];
        struct gdoi_kd_packet p;
        snprintf(hex, sizeof(hex), "%04x 0000" TEK SID, n);
        enum isakmp_error e = get(hex, &p);
        assert_int_equal(e, n == 2                    ? ISAKMP_OK
                            : n == 0 || n > 66 || n == 1 ? ISAKMP_E_KD_COUNT
                                                      : ISAKMP_E_KD_SHORT);
    }
}

static void cve_2023_20109_packet_lengths_that_lie_are_refused(void **state)
{
    (void)state;
    for (unsigned len = 0; len < 65536; len += len < 300 ? 1 : 99) {
        char hex[512];
        struct gdoi_kd_packet p;
        snprintf(hex, sizeof(hex), "0001 0000 01 00 %04x 04 deadbeef 0001 0014" KEY, len);
        assert_int_equal(get(hex, &p) == ISAKMP_OK, len == 0x21);
    }
}

static void cve_2023_20109_attribute_lengths_that_lie_are_refused(void **state)
{
    (void)state;
    for (unsigned len = 0; len < 65536; len += len < 300 ? 1 : 99) {
        char hex[512];
        struct gdoi_kd_packet p;
        snprintf(hex, sizeof(hex), "0001 0000 01 00 0021 04 deadbeef 0001 %04x" KEY, len);
        assert_int_equal(get(hex, &p) == ISAKMP_OK, len == 0x14);
    }
}

static void cve_2023_20109_keys_above_the_longest_are_refused(void **state)
{
    (void)state;
    for (unsigned len = 1; len <= 200; len++) {
        char hex[512], key[401] = "";
        struct gdoi_kd_packet p;
        for (unsigned i = 0; i < len; i++)
            snprintf(key + 2 * i, 3, "aa");
        snprintf(hex, sizeof(hex), "0001 0000 01 00 %04x 04 deadbeef 0002 %04x %s", len + 13, len, key);
        assert_int_equal(get(hex, &p), len <= GDOI_MAX_KEY_LEN ? ISAKMP_OK : ISAKMP_E_KD_TEK_KEY);
    }
}

static void cve_2023_20109_spi_sizes_must_fit_the_type(void **state)
{
    (void)state;
    for (unsigned size = 0; size < 256; size++) {
        char hex[1024], spi[511] = "";
        struct gdoi_kd_packet p;
        for (unsigned i = 0; i < size; i++)
            snprintf(spi + 2 * i, 3, "aa");
        snprintf(hex, sizeof(hex), "0001 0000 01 00 %04x %02x %s 0001 0001 aa", size + 10, size, spi);
        assert_int_equal(get(hex, &p), size == 4 ? ISAKMP_OK : ISAKMP_E_KD_SPI_SIZE);
        snprintf(hex, sizeof(hex), "0001 0000 04 00 %04x %02x %s 8001 0018 0002 0001 aa", size + 14, size, spi);
        assert_int_equal(get(hex, &p), size == 0 ? ISAKMP_OK : ISAKMP_E_KD_SPI_SIZE);
        if (size > 0) { /* a size that the packet doesn't have */
            snprintf(hex, sizeof(hex), "0001 0000 01 00 %04x %02x", 5 + size - 1, size);
            assert_int_equal(get(hex, &p), ISAKMP_E_KD_SHORT);
        }
    }
}

static void what_this_version_lacks_is_refused_by_name(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        char hex[256];
        struct gdoi_kd_packet p;
        snprintf(hex, sizeof(hex), "0001 0000 %02x 00 000d 04 00001000 80010001", type);
        enum isakmp_error want = type == 1   ? ISAKMP_OK
                                 : type == 2 ? ISAKMP_E_KD_SPI_SIZE
                                 : type == 3 ? ISAKMP_E_KD_LKH
                                 : type == 4 ? ISAKMP_E_KD_SPI_SIZE
                                             : ISAKMP_E_KD_TYPE;
        assert_int_equal(get(hex, &p), want);
    }
}

static void attributes_of_another_class_or_twice_or_none_are_refused(void **state)
{
    (void)state;
    struct gdoi_kd_packet p;
    for (unsigned type = 0; type < 32768; type++) {
        uint8_t raw[] = {0, 1, 0, 0, 1, 0, 0, 14, 4, 0, 0, 16, 0, (uint8_t)(type >> 8), (uint8_t)type, 0, 1, 0xaa};
        struct gdoi_kd kd;
        assert_int_equal(gdoi_kd_get(span_of(raw, sizeof(raw)), &kd), ISAKMP_OK);
        if (gdoi_kd_next(&kd, &p) != (type == 1 || type == 2 ? ISAKMP_OK : ISAKMP_E_ATTR_UNKNOWN))
            fail_msg("attribute %u", type);
    }
    assert_int_equal(get("0001 0000 01 00 0013 04 00001000 0001 0001 aa 0001 0001 aa", &p), ISAKMP_E_ATTR_TWICE);
    assert_int_equal(get("0001 0000 01 00 0009 04 00001000", &p), ISAKMP_E_KD_TEK_KEY);
    assert_int_equal(get("0001 0000 01 00 000d 04 00001000 0001 0000", &p), ISAKMP_E_KD_TEK_KEY);
}

static void reserved_fields_must_be_zero(void **state)
{
    (void)state;
    struct gdoi_kd_packet p;
    assert_int_equal(get("0001 0001" TEK, &p), ISAKMP_E_KD_RESERVED);
    assert_int_equal(get("0001 0000 01 01 0021 04 deadbeef 0001 0014" KEY, &p), ISAKMP_E_KD_RESERVED);
}

static void sender_ids_must_fit_their_width_and_differ(void **state)
{
    (void)state;
    struct gdoi_kd_packet p;
    assert_int_equal(get("0001 0000 04 00 000e 00 8001 0008 0002 0001 ff", &p), ISAKMP_OK);
    assert_int_equal(get("0001 0000 04 00 000e 00 0002 0001 ff 8001 0008", &p), ISAKMP_OK); /* the width comes last */
    assert_int_equal(get("0001 0000 04 00 000f 00 8001 0008 0002 0002 0100", &p), ISAKMP_E_KD_SID);
    assert_int_equal(get("0001 0000 04 00 000e 00 0002 0001 ff 8001 0007", &p), ISAKMP_E_KD_SID);
    assert_int_equal(get("0001 0000 04 00 000d 00 8001 0008 8002 00ff", &p), ISAKMP_OK);  /* TV */
    assert_int_equal(get("0001 0000 04 00 0015 00 8001 0018 0002 0008 0000000000ffffff", &p), ISAKMP_OK);
    assert_int_equal(get("0001 0000 04 00 0016 00 8001 0018 0002 0009 000000000000ffffff", &p), ISAKMP_E_KD_SID);
    assert_int_equal(get("0001 0000 04 00 000d 00 8001 0008 0002 0000", &p), ISAKMP_E_KD_SID);
    assert_int_equal(get("0001 0000 04 00 0013 00 8001 0008 0002 0001 05 0002 0001 05", &p), ISAKMP_E_KD_SID);
    assert_int_equal(get("0001 0000 04 00 0009 00 8001 0008", &p), ISAKMP_E_KD_SID); /* no value */
    assert_int_equal(get("0001 0000 04 00 000a 00 0002 0001 05", &p), ISAKMP_E_KD_SID); /* no width */
    assert_int_equal(get("0001 0000 04 00 000e 00 8001 0000 0002 0001 00", &p), ISAKMP_E_KD_SID);
    assert_int_equal(get("0001 0000 04 00 000e 00 8001 0040 0002 0001 00", &p), ISAKMP_E_KD_SID);
    assert_int_equal(get("0001 0000 04 00 000e 00 8001 003f 0002 0001 00", &p), ISAKMP_OK);
    assert_int_equal(get("0001 0000 04 00 0012 00 8001 0008 8001 0008 0002 0001 00", &p), ISAKMP_E_ATTR_TWICE);
    assert_int_equal(get("0001 0000 04 00 000d 00 8001 0008 8003 0000", &p), ISAKMP_E_ATTR_UNKNOWN);
}

static void sixty_four_sender_ids_are_read_and_sixty_five_refused(void **state)
{
    (void)state;
    for (unsigned n = 64; n <= 65; n++) {
        char hex[2048];
        struct gdoi_kd_packet p;
        int at = snprintf(hex, sizeof(hex), "0001 0000 04 00 %04x 00 8001 0018", 9 + 7 * n);
        for (unsigned i = 0; i < n; i++)
            at += snprintf(hex + at, sizeof(hex) - (size_t)at, "0002 0003 %06x", i);
        assert_int_equal(get(hex, &p), n == 64 ? ISAKMP_OK : ISAKMP_E_KD_SID);
    }
}

static void every_width_is_written_in_as_few_octets_as_it_needs(void **state)
{
    (void)state;
    for (uint8_t bits = 1; bits <= 63; bits++) {
        uint8_t out[64];
        struct gdoi_sids sids = {.bits = bits, .n = 1, .values = {(UINT64_C(1) << bits) - 1}};
        struct gdoi_kd_packet p;
        struct gdoi_kd kd;
        struct buf_writer w = buf_writer_of(out, sizeof(out));
        buf_put_u32(&w, 0x00010000);
        gdoi_kd_put_sids(&w, &sids);
        assert_int_equal(w.len, 4 + 5 + 4 + 4 + (bits + 7) / 8);
        assert_int_equal(gdoi_kd_get(buf_written(&w), &kd), ISAKMP_OK);
        assert_int_equal(gdoi_kd_next(&kd, &p), ISAKMP_OK);
        assert_true(p.sids.values[0] == sids.values[0]);
    }
}

#define KEK_SPI "0102030405060708090a0b0c0d0e0f10"
#define IV_KEY  "0001 0020 404142434445464748494a4b4c4d4e4f 000102030405060708090a0b0c0d0e0f"

static void a_kek_is_read_and_written(void **state)
{
    (void)state;
    static const char hex[] = "0001 0000 02 00 0040 10" KEK_SPI IV_KEY "0002 0003 30820a";
    struct bytes b = bytes_hex(hex);
    struct gdoi_kd kd;
    struct gdoi_kd_packet p;
    uint8_t out[256];
    assert_int_equal(gdoi_kd_get(bytes_span(&b), &kd), ISAKMP_OK);
    assert_int_equal(gdoi_kd_next(&kd, &p), ISAKMP_OK);
    assert_true(p.type == GDOI_KD_KEK && gdoi_kd_end(&kd));
    assert_true(bytes_are(span_of(p.kek.spi, 16), KEK_SPI));
    assert_int_equal(p.kek.algorithm_key.len, 32);
    assert_true(bytes_are(p.kek.signature_key, "30820a"));
    struct buf_writer w = buf_writer_of(out, sizeof(out));
    buf_put_u8(&w, 0);
    struct isakmp_chain c = isakmp_chain_at(&w, 0);
    gdoi_kd_begin(&c, 1);
    gdoi_kd_put_kek(&w, &p.kek);
    isakmp_payload_end(&c);
    assert_int_equal(w.len, 5 + b.len);
    assert_memory_equal(out + 5, b.p, b.len);
    for (size_t len = 0; len < b.len; len++) {
        struct bytes cut = bytes_copy(span_of(b.p, len));
        enum isakmp_error e = gdoi_kd_get(bytes_span(&cut), &kd);
        assert_int_equal(e == ISAKMP_OK ? gdoi_kd_next(&kd, &p) : e, ISAKMP_E_KD_SHORT);
        bytes_free(&cut);
    }
    bytes_free(&b);
}

static void keks_that_lack_something_are_refused(void **state)
{
    (void)state;
    struct gdoi_kd_packet p;
    char hex[4096];
    assert_int_equal(get("0001 0000 02 00 0039 10" KEK_SPI IV_KEY, &p), ISAKMP_E_KD_KEK);
    assert_int_equal(get("0001 0000 02 00 001a 10" KEK_SPI "0002 0001 aa", &p), ISAKMP_E_KD_KEK);
    assert_int_equal(get("0001 0000 02 00 003d 10" KEK_SPI IV_KEY "0002 0000", &p), ISAKMP_E_KD_KEK);
    assert_int_equal(get("0001 0000 02 00 0043 10" KEK_SPI IV_KEY "0002 0001 aa 0003 0001 aa", &p), ISAKMP_E_ATTR_UNKNOWN);
    assert_int_equal(get("0001 0000 02 00 0043 10" KEK_SPI IV_KEY "0002 0001 aa 0002 0001 aa", &p), ISAKMP_E_ATTR_TWICE);
    for (unsigned len = GDOI_MAX_PUBLIC_KEY; len <= GDOI_MAX_PUBLIC_KEY + 1; len++) {
        int at = snprintf(hex, sizeof(hex), "0001 0000 02 00 %04x 10" KEK_SPI IV_KEY "0002 %04x", 0x3d + len, len);
        for (unsigned i = 0; i < len; i++)
            at += snprintf(hex + at, sizeof(hex) - (size_t)at, "aa");
        assert_int_equal(get(hex, &p), len > GDOI_MAX_PUBLIC_KEY ? ISAKMP_E_KD_KEK : ISAKMP_OK);
    }
    for (unsigned size = 0; size < 32; size++) { /* octets of SPI */
        int at = snprintf(hex, sizeof(hex), "0001 0000 02 00 %04x %02x", 5 + size + 36 + 5, size);
        for (unsigned i = 0; i < size; i++)
            at += snprintf(hex + at, sizeof(hex) - (size_t)at, "bb");
        snprintf(hex + at, sizeof(hex) - (size_t)at, IV_KEY "0002 0001 aa");
        assert_int_equal(get(hex, &p), size == 16 ? ISAKMP_OK : ISAKMP_E_KD_SPI_SIZE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_and_sender_ids_are_read_and_written),
        cmocka_unit_test(an_integrity_key_goes_along),
        cmocka_unit_test(truncation_at_every_octet_is_refused),
        cmocka_unit_test(cve_2023_20109_counts_that_lie_are_refused),
        cmocka_unit_test(cve_2023_20109_packet_lengths_that_lie_are_refused),
        cmocka_unit_test(cve_2023_20109_attribute_lengths_that_lie_are_refused),
        cmocka_unit_test(cve_2023_20109_keys_above_the_longest_are_refused),
        cmocka_unit_test(cve_2023_20109_spi_sizes_must_fit_the_type),
        cmocka_unit_test(what_this_version_lacks_is_refused_by_name),
        cmocka_unit_test(attributes_of_another_class_or_twice_or_none_are_refused),
        cmocka_unit_test(reserved_fields_must_be_zero),
        cmocka_unit_test(sender_ids_must_fit_their_width_and_differ),
        cmocka_unit_test(sixty_four_sender_ids_are_read_and_sixty_five_refused),
        cmocka_unit_test(every_width_is_written_in_as_few_octets_as_it_needs),
        cmocka_unit_test(a_kek_is_read_and_written),
        cmocka_unit_test(keks_that_lack_something_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
