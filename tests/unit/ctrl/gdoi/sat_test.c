/* SPDX-License-Identifier: BSD-3-Clause */
/* SAT payloads by hand from RFC 6407 5.5.1 and RFC 2407 4.5: tcp 10.0.0.0/8 any port to 10.1.0.0/16 port 443. */
#include "ctrl/gdoi/sat.h"

#include "tests/lib/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define SELECTOR   "06 04 0000 08 0a000000ff000000 04 01bb 08 0a010000ffff0000"
#define TRANSFORM  "14 deadbeef"
#define ATTRIBUTES "8001 0001 0002 0004 00000e10 8004 0001 8006 0100"
static const char plain[] = "01" SELECTOR TRANSFORM ATTRIBUTES;
static const char private[] = "01 00 04 0000 08 0000000000000000 04 0000 08 0000000000000000" TRANSFORM ATTRIBUTES
                              "fd01 000a fd02 0002 fd03 0064 fd04 0003 fd05 0001 fd06 0001";

static enum isakmp_error get(const char *hex, struct gdoi_sat *sat)
{
    struct bytes b = bytes_hex(hex);
    enum isakmp_error e = gdoi_sat_get(bytes_span(&b), sat);
    bytes_free(&b);
    return e;
}

/* The plain SAT with other attributes. */
static enum isakmp_error attributes(const char *hex, struct gdoi_sat *sat)
{
    char text[512];
    snprintf(text, sizeof(text), "01" SELECTOR TRANSFORM "%s", hex);
    return get(text, sat);
}

static enum isakmp_error selector(const char *hex, struct gdoi_sat *sat)
{
    char text[512];
    snprintf(text, sizeof(text), "01 %s" TRANSFORM ATTRIBUTES, hex);
    return get(text, sat);
}

static bool writes(const struct gdoi_sat *sat, const char *hex)
{
    uint8_t out[256];
    char expected[512];
    struct buf_writer w = buf_writer_of(out, sizeof(out));
    struct bytes b = bytes_hex(hex);
    buf_put_u8(&w, 0);
    struct isakmp_chain c = isakmp_chain_at(&w, 0);
    gdoi_sat_put(&c, sat);
    snprintf(expected, sizeof(expected), "10 0000%04x %s", (unsigned)b.len + 4, hex);
    bytes_free(&b);
    return bytes_are(buf_written(&w), expected);
}

static void a_plain_sat_is_read_and_written(void **state)
{
    (void)state;
    struct gdoi_sat sat;
    char t[ADDR_TEXT_MAX];
    assert_int_equal(get(plain, &sat), ISAKMP_OK);
    assert_int_equal(sat.sel.proto, 6);
    assert_string_equal(prefix_text(&sat.sel.src, t), "10.0.0.0/8");
    assert_string_equal(prefix_text(&sat.sel.dst, t), "10.1.0.0/16");
    assert_int_equal(sat.sel.sport.low, 0);
    assert_int_equal(sat.sel.sport.high, 65535);
    assert_int_equal(sat.sel.dport.low, 443);
    assert_int_equal(sat.sel.dport.high, 443);
    assert_int_equal(sat.transform, 20);
    assert_int_equal(sat.spi, 0xdeadbeef);
    assert_int_equal(sat.life_s, 3600);
    assert_int_equal(sat.encapsulation, GDOI_ENCAP_TUNNEL);
    assert_int_equal(sat.key_bits, 256);
    assert_int_equal(sat.auth, 0);
    assert_int_equal(sat.preservation, GDOI_PRESERVE_BOTH);
    assert_int_equal(sat.direction, GDOI_SYMMETRIC);
    assert_false(sat.has_private);
    assert_true(writes(&sat, plain));
}

static void our_attributes_are_read_and_written(void **state)
{
    (void)state;
    struct gdoi_sat sat;
    assert_int_equal(get(private, &sat), ISAKMP_OK);
    assert_true(sat.has_private);
    assert_int_equal(sat.number, 10);
    assert_int_equal(sat.replay_method, 2);
    assert_int_equal(sat.replay_window, 100);
    assert_int_equal(sat.metadata, 3);
    assert_int_equal(sat.strict_sender, 1);
    assert_int_equal(sat.given_before, 1);
    assert_true(writes(&sat, private));
}

static void every_standard_attribute_is_read_and_written(void **state)
{
    (void)state;
    static const char all[] = "01" SELECTOR "0c 00000100"
                              "8001 0001 0002 0004 00278d00 8004 0002 8005 0005 8006 0080 800e 0001 800f 0002";
    struct gdoi_sat sat;
    assert_int_equal(get(all, &sat), ISAKMP_OK);
    assert_int_equal(sat.spi, 256);
    assert_int_equal(sat.life_s, 2592000);
    assert_int_equal(sat.encapsulation, GDOI_ENCAP_TRANSPORT);
    assert_int_equal(sat.auth, 5);
    assert_int_equal(sat.key_bits, 128);
    assert_int_equal(sat.preservation, GDOI_PRESERVE_NONE);
    assert_int_equal(sat.direction, GDOI_RECEIVER_ONLY);
    assert_true(writes(&sat, all));
}

static void truncation_at_every_octet_is_refused(void **state)
{
    (void)state;
    const char *vectors[] = {plain, private};
    for (size_t v = 0; v < 2; v++) {
        struct bytes_cuts c = bytes_cuts_of(vectors[v]);
        while (bytes_cuts_next(&c)) {
            struct gdoi_sat sat = {.spi = 77};
            enum isakmp_error e = gdoi_sat_get(bytes_span(&c.cut), &sat);
            /* all attributes behind the encapsulation mode may be absent */
            bool enough = c.cut.len >= 47 && (c.cut.len - 47) % 4 == 0;
            assert_int_equal(e == ISAKMP_OK, enough);
            if (!enough)
                assert_int_equal(sat.spi, 77);
        }
    }
}

static void both_forms_of_every_attribute_are_read(void **state)
{
    (void)state;
    struct gdoi_sat sat;
    assert_int_equal(attributes("0001 0002 0001 8002 0e10 0004 0002 0001 0006 0002 0100", &sat), ISAKMP_OK);
    assert_int_equal(sat.life_s, 3600);
    assert_int_equal(sat.key_bits, 256);
    assert_int_equal(attributes("8001 0001 0002 0008 0000000000000e10 8004 0001", &sat), ISAKMP_OK);
    assert_int_equal(sat.life_s, 3600);
}

static void unknown_attributes_abort(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 32768; type++) {
        char hex[128];
        struct gdoi_sat sat;
        if (type == 1 || type == 2 || type == 4)
            continue;
        snprintf(hex, sizeof(hex), "80010001 80020e10 80040001 %04x0001", 0x8000 | type);
        bool known = type == 3 || type == 5 || type == 6 || type == 14 || type == 15 || (type >= 32001 && type <= 32006);
        if (attributes(hex, &sat) != (known ? ISAKMP_OK : ISAKMP_E_ATTR_UNKNOWN))
            fail_msg("attribute %u", type);
    }
}

static void duplicates_are_refused(void **state)
{
    (void)state;
    static const char *types[] = {"8003", "8004", "8005", "8006", "800e", "800f", "fd01", "fd02", "fd03", "fd04", "fd05"};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        char hex[128];
        struct gdoi_sat sat;
        snprintf(hex, sizeof(hex), "80010001 80020e10 %s0001 %s0001", types[i], types[i]);
        assert_int_equal(attributes(hex, &sat), ISAKMP_E_ATTR_TWICE);
    }
}

static void lifetimes_come_as_pairs(void **state)
{
    (void)state;
    struct gdoi_sat sat;
    assert_int_equal(attributes("80010002 80021000 80010001 80020e10 80040001", &sat), ISAKMP_OK);
    assert_int_equal(sat.life_s, 3600);
    assert_int_equal(attributes("80010002 80021000 80040001", &sat), ISAKMP_E_SAT_MISSING);
    assert_int_equal(attributes("80010001 80040001", &sat), ISAKMP_E_ATTR_VALUE);
    assert_int_equal(attributes("80020e10 80040001", &sat), ISAKMP_E_ATTR_VALUE);
    assert_int_equal(attributes("80010001 80010001 80020e10 80040001", &sat), ISAKMP_E_ATTR_VALUE);
    assert_int_equal(attributes("80010001 80020e10 80010001 80020e10 80040001", &sat), ISAKMP_E_ATTR_TWICE);
    assert_int_equal(attributes("80010003 80020e10 80040001", &sat), ISAKMP_E_ATTR_VALUE);
    assert_int_equal(attributes("80010001 80020000 80040001", &sat), ISAKMP_E_ATTR_VALUE);
    assert_int_equal(attributes("80010001 00020005 0100000000 80040001", &sat), ISAKMP_E_ATTR_VALUE);
    assert_int_equal(attributes("80010001 80020e10", &sat), ISAKMP_E_SAT_MISSING);
    assert_int_equal(attributes("", &sat), ISAKMP_E_SAT_MISSING);
}

static void values_outside_their_tables_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        unsigned low, high;
    } t[] = {{"8004", 1, 2}, {"8005", 1, 65535}, {"8006", 1, 65535}, {"800e", 1, 4}, {"800f", 1, 3}, {"fd01", 1, 65535},
             {"fd02", 0, 2}, {"fd03", 0, 65535}, {"fd04", 0, 3}, {"fd05", 0, 1}};
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
        for (unsigned v = 0; v <= 65535; v += v < 8 || v >= 65528 ? 1 : 3760) {
            char hex[128];
            struct gdoi_sat sat;
            snprintf(hex, sizeof(hex), "%s %04x 80010001 80020e10 %s", t[i].type, v, i == 0 ? "" : "80040001");
            assert_int_equal(attributes(hex, &sat), v >= t[i].low && v <= t[i].high ? ISAKMP_OK : ISAKMP_E_ATTR_VALUE);
        }
}

static void reserved_spis_and_other_protocols_are_refused(void **state)
{
    (void)state;
    for (unsigned v = 0; v < 258; v++) {
        char hex[256];
        struct gdoi_sat sat;
        snprintf(hex, sizeof(hex), "01" SELECTOR "14 %08x" ATTRIBUTES, v);
        assert_int_equal(get(hex, &sat), v >= 256 ? ISAKMP_OK : ISAKMP_E_SAT_SPI);
        if (v > 255)
            continue;
        snprintf(hex, sizeof(hex), "%02x" SELECTOR TRANSFORM ATTRIBUTES, v);
        assert_int_equal(get(hex, &sat), v == 1 ? ISAKMP_OK : ISAKMP_E_SAT_PROTOCOL);
    }
}

static void selectors_of_every_form_are_read(void **state)
{
    (void)state;
    struct gdoi_sat sat;
    char t[ADDR_TEXT_MAX];
    /* address to range */
    assert_int_equal(selector("00 01 0000 04 0a000001 07 0000 08 0a0000000a0000ff", &sat), ISAKMP_OK);
    assert_string_equal(prefix_text(&sat.sel.src, t), "10.0.0.1/32");
    assert_string_equal(prefix_text(&sat.sel.dst, t), "10.0.0.0/24");
    /* nothing said about the source: zero octets, or three zero ones */
    assert_int_equal(selector("00 01 0000 00 01 0000 04 ef000102", &sat), ISAKMP_OK);
    assert_string_equal(prefix_text(&sat.sel.src, t), "0.0.0.0/0");
    assert_string_equal(prefix_text(&sat.sel.dst, t), "239.0.1.2/32");
    assert_int_equal(selector("00 00 0000 03 000000 05 0000 10 ff0e0000000000000000000000000001", &sat), ISAKMP_OK);
    assert_string_equal(prefix_text(&sat.sel.src, t), "::/0");
    assert_int_equal(selector("00 00 0000 00 00 0000 00", &sat), ISAKMP_OK);
    assert_string_equal(prefix_text(&sat.sel.dst, t), "0.0.0.0/0");
    /* IPv6 subnets */
    assert_int_equal(selector("00 06 0000 20 20010db8000000000000000000000000 ffffffff000000000000000000000000"
                              "   06 0000 20 20010db8000000000000000000000000 ffffffff000000000000000000000000", &sat),
                     ISAKMP_OK);
    assert_string_equal(prefix_text(&sat.sel.src, t), "2001:db8::/32");
}

static void selectors_that_can_not_be_used_are_refused(void **state)
{
    (void)state;
    struct gdoi_sat sat;
    assert_int_equal(selector("00 00 0000 03 000001 01 0000 04 0a000001", &sat), ISAKMP_E_SAT_SELECTOR);
    assert_int_equal(selector("00 01 0000 03 0a0000 01 0000 04 0a000001", &sat), ISAKMP_E_SAT_SELECTOR);
    assert_int_equal(selector("00 01 0000 04 0a000001 05 0000 10 00000000000000000000000000000001", &sat),
                     ISAKMP_E_SAT_SELECTOR); /* two families */
    assert_int_equal(selector("00 07 0000 08 0a0000010a000002 01 0000 04 0a000001", &sat), ISAKMP_E_SAT_SELECTOR);
    assert_int_equal(selector("00 04 0000 08 0a000000ff00ff00 01 0000 04 0a000001", &sat), ISAKMP_E_SAT_SELECTOR);
    assert_int_equal(selector("00 02 0000 04 61626364 01 0000 04 0a000001", &sat), ISAKMP_E_SAT_SELECTOR);
}

static void cve_2023_38711_every_id_type_and_length_in_a_selector(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++)
        for (unsigned len = 0; len < 256; len++) {
            uint8_t raw[400] = {1, 0};
            struct gdoi_sat sat;
            struct buf_writer w = buf_writer_of(raw + 2, sizeof(raw) - 2);
            buf_put_u8(&w, (uint8_t)type);
            buf_put_u16(&w, 0);
            buf_put_u8(&w, (uint8_t)len);
            buf_put_zero(&w, len);
            struct bytes rest = bytes_hex("01 0000 00" TRANSFORM ATTRIBUTES);
            buf_put_span(&w, bytes_span(&rest));
            struct bytes b = bytes_copy(span_of(raw, 2 + w.len));
            unsigned size = type == 1 ? 4 : type == 5 ? 16 : type == 4 || type == 7 ? 8 : type == 6 || type == 8 ? 32 : 0;
            bool ok = len == 0 || len == 3 || (size != 0 && len == size);
            if (gdoi_sat_get(bytes_span(&b), &sat) != (ok ? ISAKMP_OK : ISAKMP_E_SAT_SELECTOR))
                fail_msg("type %u length %u", type, len);
            bytes_free(&b);
            bytes_free(&rest);
        }
}

static void only_single_ports_can_be_said(void **state)
{
    (void)state;
    struct selector s = {.sport = {0, 65535}, .dport = {443, 443}};
    assert_true(gdoi_sat_can_say(&s));
    s.dport.high = 444;
    assert_false(gdoi_sat_can_say(&s));
    s.dport = (struct port_range){0, 0}; /* port 0 would mean any */
    assert_false(gdoi_sat_can_say(&s));
    s = (struct selector){.sport = {1, 65535}, .dport = {0, 65535}};
    assert_false(gdoi_sat_can_say(&s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_sat_is_read_and_written),
        cmocka_unit_test(our_attributes_are_read_and_written),
        cmocka_unit_test(every_standard_attribute_is_read_and_written),
        cmocka_unit_test(truncation_at_every_octet_is_refused),
        cmocka_unit_test(both_forms_of_every_attribute_are_read),
        cmocka_unit_test(unknown_attributes_abort),
        cmocka_unit_test(duplicates_are_refused),
        cmocka_unit_test(lifetimes_come_as_pairs),
        cmocka_unit_test(values_outside_their_tables_are_refused),
        cmocka_unit_test(reserved_spis_and_other_protocols_are_refused),
        cmocka_unit_test(selectors_of_every_form_are_read),
        cmocka_unit_test(selectors_that_can_not_be_used_are_refused),
        cmocka_unit_test(cve_2023_38711_every_id_type_and_length_in_a_selector),
        cmocka_unit_test(only_single_ports_can_be_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
