/* SPDX-License-Identifier: BSD-3-Clause */
/* Identities of every type and length (RFC 2407 4.6.2), the group of a PULL, prefixes, and text that is safe to log. */
#include "ctrl/isakmp/id.h"

#include "tests/lib/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static enum isakmp_error get(const char *hex, struct isakmp_id *id)
{
    struct bytes b = bytes_hex(hex);
    enum isakmp_error e = isakmp_id_get(bytes_span(&b), id);
    bytes_free(&b);
    return e;
}

static void an_address_is_read_and_written(void **state)
{
    (void)state;
    struct bytes b = bytes_hex("01 11 01f4 0a000002");
    struct isakmp_id id;
    uint8_t out[64];
    assert_int_equal(isakmp_id_get(bytes_span(&b), &id), ISAKMP_OK);
    assert_int_equal(id.type, ISAKMP_ID_IPV4_ADDR);
    assert_int_equal(id.protocol, 17);
    assert_int_equal(id.port, 500);
    assert_true(bytes_are(id.data, "0a000002"));
    struct span body = isakmp_id_body(&id, out, sizeof(out));
    assert_true(bytes_are(body, "01 11 01f4 0a000002"));
    assert_int_equal(isakmp_id_body(&id, out, 7).len, 0);
    struct buf_writer w = buf_writer_of(out, sizeof(out));
    buf_put_u8(&w, 0);
    struct isakmp_chain c = isakmp_chain_at(&w, 0);
    isakmp_id_put(&c, &id);
    assert_true(bytes_are(buf_written(&w), "05 0000000c 011101f4 0a000002"));
    bytes_free(&b);
}

/* The length that a type's data may have, from RFC 2407 4.6.2.2-4.6.2.12; -1 = 1 to 255 and 4096 for DER. */
static const int lengths[12] = {-2, 4, -1, -1, 8, 16, 32, 8, 32, -3, -3, -1};

static void cve_2023_38711_every_id_type_with_every_length(void **state)
{
    (void)state;
    static uint8_t data[4100];
    for (unsigned type = 0; type < 256; type++) {
        for (size_t len = 0; len <= sizeof(data); len += len < 300 ? 1 : 3796) {
            int want = type < 12 ? lengths[type] : -2;
            bool ok = want == -2   ? false
                      : want == -1 ? len >= 1 && len <= 255
                      : want == -3 ? len >= 1 && len <= 4096
                                   : (int)len == want;
            struct bytes b = bytes_copy(span_of(data, len));
            struct isakmp_id id = {.type = (uint8_t)type, .data = bytes_span(&b)};
            char text[ISAKMP_ID_TEXT_MAX];
            struct prefix p;
            assert_int_equal(isakmp_id_check((uint8_t)type, bytes_span(&b)),
                             ok ? ISAKMP_OK : want == -2 ? ISAKMP_E_ID_TYPE : ISAKMP_E_ID_LENGTH);
            assert_true(strlen(isakmp_id_text(&id, text)) < sizeof(text));
            assert_int_equal(isakmp_id_prefix((uint8_t)type, bytes_span(&b), &p), ok && want > 0);
            bytes_free(&b);
        }
    }
}

static void truncation_is_refused(void **state)
{
    (void)state;
    struct isakmp_id id = {.type = 99};
    assert_int_equal(get("", &id), ISAKMP_E_ID_SHORT);
    assert_int_equal(get("01", &id), ISAKMP_E_ID_SHORT);
    assert_int_equal(get("0111", &id), ISAKMP_E_ID_SHORT);
    assert_int_equal(get("011101", &id), ISAKMP_E_ID_SHORT);
    assert_int_equal(get("011101f4", &id), ISAKMP_E_ID_LENGTH);
    assert_int_equal(get("011101f4 0a0000", &id), ISAKMP_E_ID_LENGTH);
    assert_int_equal(id.type, 99);
}

static void masks_must_be_contiguous_and_ranges_in_order(void **state)
{
    (void)state;
    struct isakmp_id id;
    assert_int_equal(get("04000000 0a000000 ff000000", &id), ISAKMP_OK);
    assert_int_equal(get("04000000 0a000000 00000000", &id), ISAKMP_OK);
    assert_int_equal(get("04000000 0a000000 ff00ff00", &id), ISAKMP_E_ID_LENGTH);
    assert_int_equal(get("04000000 0a000000 00000001", &id), ISAKMP_E_ID_LENGTH);
    assert_int_equal(get("07000000 0a000000 0a0000ff", &id), ISAKMP_OK);
    assert_int_equal(get("07000000 0a0000ff 0a000000", &id), ISAKMP_E_ID_LENGTH);
}

static const char *prefix(uint8_t type, const char *hex, char text[ADDR_TEXT_MAX])
{
    struct bytes b = bytes_hex(hex);
    struct prefix p;
    bool ok = isakmp_id_prefix(type, bytes_span(&b), &p);
    bytes_free(&b);
    return ok ? prefix_text(&p, text) : "none";
}

static void addresses_mean_prefixes(void **state)
{
    (void)state;
    char t[ADDR_TEXT_MAX];
    assert_string_equal(prefix(1, "0a000002", t), "10.0.0.2/32");
    assert_string_equal(prefix(4, "0a000000 ff000000", t), "10.0.0.0/8");
    assert_string_equal(prefix(4, "0a010203 ff000000", t), "10.0.0.0/8"); /* host bits dropped */
    assert_string_equal(prefix(4, "00000000 00000000", t), "0.0.0.0/0");
    assert_string_equal(prefix(4, "0a000002 ffffffff", t), "10.0.0.2/32");
    assert_string_equal(prefix(4, "0a000000 fe000000", t), "10.0.0.0/7");
    assert_string_equal(prefix(5, "20010db8 00000000 00000000 00000001", t), "2001:db8::1/128");
    assert_string_equal(prefix(6, "20010db8 00000000 00000000 00000000 ffffffff 00000000 00000000 00000000", t),
                        "2001:db8::/32");
    assert_string_equal(prefix(7, "0a000000 0a0000ff", t), "10.0.0.0/24");
    assert_string_equal(prefix(7, "0a000002 0a000002", t), "10.0.0.2/32");
    assert_string_equal(prefix(7, "00000000 ffffffff", t), "0.0.0.0/0");
    assert_string_equal(prefix(7, "0a000001 0a0000ff", t), "none");
    assert_string_equal(prefix(7, "0a000000 0a0000fe", t), "none");
    assert_string_equal(prefix(7, "0a000080 0a00017f", t), "none");
    assert_string_equal(prefix(8, "20010db8 00000000 00000000 00000000 20010db8 ffffffff ffffffff ffffffff", t),
                        "2001:db8::/32");
    assert_string_equal(prefix(11, "000001e4", t), "none");
}

static void phase_1_ports_are_the_four_known_ones(void **state)
{
    (void)state;
    for (unsigned protocol = 0; protocol < 256; protocol++)
        for (unsigned port = 0; port < 65536; port++) {
            struct isakmp_id id = {.type = 1, .protocol = (uint8_t)protocol, .port = (uint16_t)port};
            bool ok = (protocol == 0 && port == 0) || (protocol == 17 && (port == 500 || port == 848 || port == 4500));
            if (isakmp_id_check_phase1_port(&id) != (ok ? ISAKMP_OK : ISAKMP_E_ID_PORT))
                fail_msg("%u/%u", protocol, port);
        }
}

static enum isakmp_error group(const char *hex, bool *is_address, uint32_t *value)
{
    struct bytes b = bytes_hex(hex);
    enum isakmp_error e = isakmp_id_get_group(bytes_span(&b), is_address, value);
    bytes_free(&b);
    return e;
}

static void groups_are_numbers_or_addresses(void **state)
{
    (void)state;
    bool is_address = true;
    uint32_t value = 0;
    assert_int_equal(group("0b000000 000001e4", &is_address, &value), ISAKMP_OK);
    assert_false(is_address);
    assert_int_equal(value, 484);
    assert_int_equal(group("01000000 0a010101", &is_address, &value), ISAKMP_OK);
    assert_true(is_address);
    assert_int_equal(value, 0x0a010101);
    assert_int_equal(group("0b000000 01e4", &is_address, &value), ISAKMP_E_ID_LENGTH);
    assert_int_equal(group("0b000000 0000000001e4", &is_address, &value), ISAKMP_E_ID_LENGTH);
    assert_int_equal(group("0b110000 000001e4", &is_address, &value), ISAKMP_E_ID_PORT);
    assert_int_equal(group("0b000350 000001e4", &is_address, &value), ISAKMP_E_ID_PORT);
    assert_int_equal(group("02000000 61626364", &is_address, &value), ISAKMP_E_ID_TYPE);
    assert_int_equal(group("04000000 0a000000ff000000", &is_address, &value), ISAKMP_E_ID_TYPE);
    assert_int_equal(value, 0x0a010101);

    uint8_t out[32];
    struct buf_writer w = buf_writer_of(out, sizeof(out));
    buf_put_u8(&w, 0);
    struct isakmp_chain c = isakmp_chain_at(&w, 0);
    isakmp_id_put_group(&c, false, 484);
    isakmp_id_put_group(&c, true, 0x0a010101);
    assert_true(bytes_are(buf_written(&w), "05 0500000c 0b000000 000001e4 0000000c 01000000 0a010101"));
}

static const char *text(const char *hex, char out[ISAKMP_ID_TEXT_MAX])
{
    struct bytes b = bytes_hex(hex);
    struct isakmp_id id;
    assert_int_equal(isakmp_id_get(bytes_span(&b), &id), ISAKMP_OK);
    isakmp_id_text(&id, out);
    bytes_free(&b);
    return out;
}

static void identities_have_text(void **state)
{
    (void)state;
    char t[ISAKMP_ID_TEXT_MAX];
    assert_string_equal(text("01000000 0a000002", t), "10.0.0.2");
    assert_string_equal(text("02000000 6b73312e6578616d706c652e6e6574", t), "fqdn:ks1.example.net");
    assert_string_equal(text("03000000 61406222", t), "user-fqdn:a@b\\x22");
    assert_string_equal(text("04000000 0a000000 ff000000", t), "10.0.0.0/8");
    assert_string_equal(text("05000000 20010db8000000000000000000000001", t), "2001:db8::1");
    assert_string_equal(text("07000000 0a000001 0a000009", t), "10.0.0.1-10.0.0.9");
    assert_string_equal(text("0b000000 000001e4", t), "key-id:0x000001e4");
    assert_string_equal(text("09000000 3000", t), "dn:0x3000");
}

static void cve_2023_28771_what_a_peer_says_never_reaches_a_log_unescaped(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        uint8_t octet[255];
        char out[ISAKMP_ID_TEXT_MAX];
        memset(octet, (int)c, sizeof(octet));
        for (size_t len = 1; len <= sizeof(octet); len += 2) {
            struct bytes b = bytes_copy(span_of(octet, len));
            struct isakmp_id id = {.type = ISAKMP_ID_FQDN, .data = bytes_span(&b)};
            isakmp_id_text(&id, out);
            for (const char *p = out; *p != '\0'; p++)
                assert_true(*p >= ' ' && *p <= '~' && strchr("%$`;|&'\"<>(){}*?!#~^[]", *p) == NULL);
            bytes_free(&b);
        }
        assert_string_equal(out + strlen(out) - 3, "...");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_read_and_written),
        cmocka_unit_test(cve_2023_38711_every_id_type_with_every_length),
        cmocka_unit_test(truncation_is_refused),
        cmocka_unit_test(masks_must_be_contiguous_and_ranges_in_order),
        cmocka_unit_test(addresses_mean_prefixes),
        cmocka_unit_test(phase_1_ports_are_the_four_known_ones),
        cmocka_unit_test(groups_are_numbers_or_addresses),
        cmocka_unit_test(identities_have_text),
        cmocka_unit_test(cve_2023_28771_what_a_peer_says_never_reaches_a_log_unescaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
