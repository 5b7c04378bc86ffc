/* SPDX-License-Identifier: BSD-3-Clause */
/* The list as octets, by hand from docs/exchanges.md: one encoding per list, everything else refused. */
#include "ctrl/policy/payloads.h"

#include "tests/lib/bytes.h"

#include <openssl/sha.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

/* deny udp any eq 848 any eq 848; permit tcp any 10.0.0.0/8 range 8000 8010; permit ip 2001:db8::/32 2001:db8::/32 */
#define RULE_1 "00 04 11 00 00 00 000a 0350 0350 0350 0350 00000000 00000000"
#define RULE_2 "01 04 06 00 08 00 000a 0000 ffff 1f40 1f4a 00000000 0a000000"
#define V6     "20010db8000000000000000000000000"
#define RULE_3 "01 06 00 20 20 00 0014 0000 ffff 0000 ffff" V6 V6
static const char rules[] = RULE_1 RULE_2 RULE_3;

static bool sha256(struct span bytes, uint8_t out[GDOI_DIGEST_LEN])
{
    return SHA256(bytes.p, bytes.len, out) != NULL;
}

static bool no_digest(struct span bytes, uint8_t out[GDOI_DIGEST_LEN])
{
    (void)bytes;
    (void)out;
    return false;
}

static bool get(const char *hex, struct acl *acl, struct policy_fault *why)
{
    struct bytes b = bytes_hex(hex);
    bool ok = policy_rules_get(bytes_span(&b), acl, why);
    bytes_free(&b);
    return ok;
}

static void a_list_is_read_and_written(void **state)
{
    (void)state;
    struct acl acl;
    struct policy_fault why;
    char t[ADDR_TEXT_MAX];
    uint8_t out[256];
    assert_true(get(rules, &acl, &why));
    assert_int_equal(acl.n, 3);
    assert_false(acl.entries[0].permit);
    assert_int_equal(acl.entries[0].sel.proto, 17);
    assert_int_equal(acl.entries[0].sel.sport.low, 848);
    assert_int_equal(acl.entries[0].sel.dport.high, 848);
    assert_int_equal(acl.entries[0].sa, 10);
    assert_int_equal(acl.entries[0].number, 1);
    assert_true(acl.entries[1].permit);
    assert_int_equal(acl.entries[1].sel.dport.low, 8000);
    assert_int_equal(acl.entries[1].sel.dport.high, 8010);
    assert_string_equal(prefix_text(&acl.entries[1].sel.dst, t), "10.0.0.0/8");
    assert_string_equal(prefix_text(&acl.entries[2].sel.src, t), "2001:db8::/32");
    assert_int_equal(acl.entries[2].sa, 20);
    assert_int_equal(acl.entries[2].number, 3);
    struct buf_writer w = buf_writer_of(out, sizeof(out));
    policy_rules_put(&w, &acl);
    assert_true(bytes_are(buf_written(&w), rules));
    acl_free(&acl);
}

static void truncation_at_every_octet_is_refused(void **state)
{
    (void)state;
    struct bytes_cuts c = bytes_cuts_of(rules);
    assert_int_equal(c.whole.len, 2 * POLICY_RULE_V4_LEN + POLICY_RULE_V6_LEN);
    while (bytes_cuts_next(&c)) {
        struct acl acl;
        struct policy_fault why;
        bool ok = policy_rules_get(bytes_span(&c.cut), &acl, &why);
        assert_int_equal(ok, c.cut.len % POLICY_RULE_V4_LEN == 0 && c.cut.len <= 48);
        if (!ok) {
            assert_int_equal(acl.n, 0);
            assert_non_null(strstr(why.text, "cut short"));
        }
        acl_free(&acl);
    }
}

static void whatever_is_not_the_one_encoding_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *hex, *text;
    } bad[] = {
        {"02 04 11 00 00 00 000a 0350 0350 0350 0350 00000000 00000000", "rule 1: the list has an unknown action"},
        {RULE_1 "01 05 11 00 00 00 000a 0350 0350 0350 0350 00000000 00000000", "rule 2: the list has an unknown address family"},
        {"01 00 11 00 00 00 000a 0350 0350 0350 0350 00000000 00000000", "rule 1: the list has an unknown address family"},
        {"01 04 11 00 00 01 000a 0350 0350 0350 0350 00000000 00000000", "rule 1: the list has a nonzero reserved octet"},
        {"01 04 11 21 00 00 000a 0350 0350 0350 0350 00000000 00000000", "rule 1: the list has a prefix that is too long"},
        {"01 04 11 00 21 00 000a 0350 0350 0350 0350 00000000 00000000", "rule 1: the list has a prefix that is too long"},
        {"01 06 00 81 20 00 0014 0000 ffff 0000 ffff" V6 V6, "rule 1: the list has a prefix that is too long"},
        {"01 04 11 00 00 00 000a 0350 0350 0350 0350 00000001 00000000", "rule 1: the list has an address with host bits set"},
        {"01 04 11 00 1f 00 000a 0350 0350 0350 0350 00000000 00000001", "rule 1: the list has an address with host bits set"},
        {"01 04 11 00 00 00 000a 0351 0350 0350 0350 00000000 00000000", "rule 1: the list has a port range that ends before it begins"},
        {"01 04 11 00 00 00 000a 0350 0350 ffff 0000 00000000 00000000", "rule 1: the list has a port range that ends before it begins"},
        {"01 04 00 00 00 00 000a 0350 0350 0000 ffff 00000000 00000000", "rule 1: the list has ports with a protocol that has none"},
        {"01 04 01 00 00 00 000a 0000 ffff 0000 fffe 00000000 00000000", "rule 1: the list has ports with a protocol that has none"},
        {"01 04 11 00 00 00 0000 0350 0350 0350 0350 00000000 00000000", "rule 1: the list has a permit without an SA number"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct acl acl;
        struct policy_fault why;
        assert_false(get(bad[i].hex, &acl, &why));
        assert_string_equal(why.text, bad[i].text);
        assert_int_equal(why.notify, ISAKMP_N_ATTRIBUTES_NOT_SUPPORTED);
        assert_null(acl.entries);
    }
}

static void a_thousand_entries_are_read_and_one_more_refused(void **state)
{
    (void)state;
    static uint8_t raw[(ACL_MAX_ENTRIES + 1) * POLICY_RULE_V4_LEN];
    struct bytes rule = bytes_hex(RULE_2);
    for (size_t n = ACL_MAX_ENTRIES; n <= ACL_MAX_ENTRIES + 1; n++) {
        struct acl acl;
        struct policy_fault why;
        for (size_t i = 0; i < n; i++)
            memcpy(raw + i * rule.len, rule.p, rule.len);
        assert_int_equal(policy_rules_get(span_of(raw, n * rule.len), &acl, &why), n == ACL_MAX_ENTRIES);
        if (n > ACL_MAX_ENTRIES)
            assert_int_equal(why.kind, POLICY_FAULT_RULES);
        acl_free(&acl);
    }
    assert_true(POLICY_MAX_RULES_LEN <= UINT16_MAX); /* the longest list fits its attribute */
    bytes_free(&rule);
}

/* The digest comes from outside: sha256sum over the octets above. */
static void the_digest_is_over_the_octets(void **state)
{
    (void)state;
    struct policy p;
    struct policy_fault why;
    struct bytes b = bytes_hex(rules);
    uint8_t expected[32];
    SHA256(b.p, b.len, expected);
    policy_init(&p);
    assert_true(get(rules, &p.acl, &why));
    assert_true(policy_set_digest(&p, sha256));
    assert_memory_equal(p.digest, expected, 32);
    p.acl.entries[0].number = 77; /* a place in a list isn't content */
    assert_true(policy_set_digest(&p, sha256));
    assert_memory_equal(p.digest, expected, 32);
    p.acl.entries[0].sa = 11;
    assert_true(policy_set_digest(&p, sha256));
    assert_memory_not_equal(p.digest, expected, 32);
    assert_false(policy_set_digest(&p, no_digest));
    policy_wipe(&p);
    policy_init(&p);
    assert_true(policy_set_digest(&p, sha256)); /* of nothing */
    SHA256(NULL, 0, expected);
    assert_memory_equal(p.digest, expected, 32);
    bytes_free(&b);
}

static void what_is_read_is_written_the_same(void **state)
{
    (void)state;
    unsigned seed = (unsigned)time(NULL), taken = 0;
    struct bytes base = bytes_hex(rules);
    print_message("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 50000; round++) {
        struct bytes b = bytes_copy(bytes_span(&base));
        struct acl acl;
        struct policy_fault why;
        uint8_t out[256];
        for (int k = rand() % 3; k >= 0; k--)
            b.p[(size_t)rand() % b.len] ^= (uint8_t)(1 << rand() % 8);
        if (policy_rules_get(bytes_span(&b), &acl, &why)) {
            struct buf_writer w = buf_writer_of(out, sizeof(out));
            policy_rules_put(&w, &acl);
            assert_true(span_equal(buf_written(&w), bytes_span(&b)));
            taken++;
        }
        acl_free(&acl);
        bytes_free(&b);
    }
    assert_true(taken > 1000);
    bytes_free(&base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_read_and_written),
        cmocka_unit_test(truncation_at_every_octet_is_refused),
        cmocka_unit_test(whatever_is_not_the_one_encoding_is_refused),
        cmocka_unit_test(a_thousand_entries_are_read_and_one_more_refused),
        cmocka_unit_test(the_digest_is_over_the_octets),
        cmocka_unit_test(what_is_read_is_written_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
