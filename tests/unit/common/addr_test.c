/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses, prefixes, endpoints: what is read, what is refused, and that text goes round. */
#include "common/addr.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct addr address(const char *text)
{
    struct addr a;
    assert_true(addr_parse(text, &a));
    return a;
}

static struct prefix prefix(const char *text)
{
    struct prefix p;
    assert_true(prefix_parse(text, &p));
    return p;
}

static void reads_and_writes_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
        uint8_t family;
    } good[] = {
        {"0.0.0.0", "0.0.0.0", 4},     {"255.255.255.255", "255.255.255.255", 4},
        {"::", "::", 6},               {"2001:DB8:0::1", "2001:db8::1", 6},
        {"::ffff:10.0.0.1", "::ffff:10.0.0.1", 6},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 6},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        char text[ADDR_TEXT_MAX];
        struct addr a = address(good[i].in);
        assert_int_equal(a.family, good[i].family);
        assert_string_equal(addr_text(&a, text), good[i].out);
    }
    char text[ADDR_TEXT_MAX];
    assert_string_equal(addr_text(&(struct addr){0}, text), "none");
    assert_string_equal(prefix_text(&(struct prefix){{0}, 0}, text), "none");
}

static void refuses_what_is_no_address(void **state)
{
    (void)state;
    static const char *const bad[] = {"",         " 10.0.0.1", "10.0.0.1 ", "10.0.0",  "10.0.0.256", "010.0.0.1", "10.0.0.1.2",
                                      "0x0a.0.0.1", ":::",       "1::2::3",   "fe80::1%lo", "host",    "12345::",   "1:2:3:4:5:6:7"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct addr a = addr_v4(7), same = a;
        assert_false(addr_parse(bad[i], &a));
        assert_true(addr_equal(&a, &same));
    }
}

static void reads_prefixes(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out; /* out NULL = refused */
    } cases[] = {
        {"10.0.0.0/8", "10.0.0.0/8"},   {"0.0.0.0/0", "0.0.0.0/0"},   {"10.0.0.1/32", "10.0.0.1/32"}, {"10.0.0.1", "10.0.0.1/32"},
        {"10.0.0.1/31", NULL},          {"10.0.0.2/31", "10.0.0.2/31"}, {"128.0.0.0/1", "128.0.0.0/1"}, {"128.0.0.0/0", NULL},
        {"10.0.0.0/33", NULL},          {"10.0.0.0/", NULL},          {"10.0.0.0/-1", NULL},          {"10.0.0.0/+8", NULL},
        {"10.0.0.0/08", NULL},          {"10.0.0.0/8 ", NULL},        {"10.0.0.0/8/8", NULL},         {"/8", NULL},
        {"10.0.0.0/0008", NULL},        {"10.0.0.0/255.0.0.0", NULL}, {"10.0.0.0/4294967304", NULL},
        {"::/0", "::/0"},               {"2001:db8::/32", "2001:db8::/32"}, {"2001:db8::/31", "2001:db8::/31"},
        {"2001:db8::/28", NULL},        {"2001:db8::1/127", NULL},    {"2001:db8::1/128", "2001:db8::1/128"}, {"::1/129", NULL},
        {"::1", "::1/128"},
        {"0000000000000000000000000000000000000000000000000000000000000000/8", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct prefix p;
        char text[ADDR_TEXT_MAX];
        assert_int_equal(prefix_parse(cases[i].in, &p), cases[i].out != NULL);
        if (cases[i].out != NULL)
            assert_string_equal(prefix_text(&p, text), cases[i].out);
    }
}

static void contains_up_to_the_last_bit(void **state)
{
    (void)state;
    /* For every length: an address differs in the last bit that counts, or in the first that doesn't. */
    static const uint8_t families[] = {4, 6};
    for (size_t f = 0; f < 2; f++) {
        unsigned bits = 8 * (unsigned)addr_len(families[f]);
        for (unsigned len = 0; len <= bits; len++) {
            struct addr zero = {.family = families[f]};
            struct prefix p;
            assert_true(prefix_from_addr(&p, &zero, len));
            for (unsigned bit = 0; bit < bits; bit++) {
                struct addr a = zero;
                a.b[bit / 8] = (uint8_t)(0x80 >> bit % 8);
                assert_int_equal(prefix_contains(&p, &a), bit >= len);
                struct prefix q;
                assert_int_equal(prefix_from_addr(&q, &a, len), bit < len);
            }
        }
        struct prefix p;
        struct addr zero = {.family = families[f]};
        assert_false(prefix_from_addr(&p, &zero, bits + 1));
    }
    struct prefix all4 = prefix("0.0.0.0/0"), all6 = prefix("::/0");
    struct addr a4 = address("1.2.3.4"), a6 = address("1::");
    assert_true(prefix_contains(&all4, &a4) && prefix_contains(&all6, &a6));
    assert_false(prefix_contains(&all4, &a6) || prefix_contains(&all6, &a4));
    struct prefix broken = {.addr = a4, .len = 33}; /* never built here, but it mustn't read past the address */
    assert_false(prefix_contains(&broken, &a4));
    struct prefix none;
    assert_false(prefix_from_addr(&none, &(struct addr){0}, 0));
}

static void compares(void **state)
{
    (void)state;
    static const char *const ordered[] = {"0.0.0.0", "9.255.255.255", "10.0.0.0", "255.0.0.0", "::", "::1", "2001:db8::"};
    for (int i = 0; i < 7; i++) {
        for (int j = 0; j < 7; j++) {
            struct addr a = address(ordered[i]), b = address(ordered[j]);
            int c = addr_compare(&a, &b);
            assert_true(i < j ? c < 0 : i > j ? c > 0 : c == 0);
            assert_int_equal(addr_equal(&a, &b), i == j);
        }
    }
    struct prefix p = prefix("10.0.0.0/8"), q = prefix("10.0.0.0/9"), r = prefix("11.0.0.0/8");
    assert_true(prefix_equal(&p, &p));
    assert_false(prefix_equal(&p, &q) || prefix_equal(&p, &r));
}

static void knows_multicast(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool multicast;
    } cases[] = {{"223.255.255.255", false}, {"224.0.0.0", true}, {"239.255.255.255", true}, {"240.0.0.0", false},
                 {"fe80::1", false},         {"ff02::1", true},   {"feff::", false},         {"e000::", false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct addr a = address(cases[i].text);
        assert_int_equal(addr_is_multicast(&a), cases[i].multicast);
    }
}

static void takes_bytes_of_two_lengths(void **state)
{
    (void)state;
    uint8_t bytes[17] = {10, 1, 2, 3};
    struct addr a, v4 = addr_v4(0x0a010203);
    for (size_t len = 0; len <= 17; len++)
        assert_int_equal(addr_from_bytes(&a, span_of(bytes, len)), len == 4 || len == 16);
    assert_true(addr_from_bytes(&a, span_of(bytes, 4)));
    assert_true(addr_equal(&a, &v4));
    assert_true(addr_from_bytes(&a, span_of(bytes, 16)));
    assert_int_equal(a.family, 6);
    assert_int_equal(addr_len(4), 4);
    assert_int_equal(addr_len(6), 16);
    assert_int_equal(addr_len(0), 0);
}

static void endpoints_go_to_the_kernel_and_back(void **state)
{
    (void)state;
    static const char *const texts[] = {"10.0.0.1:848", "[2001:db8::1]:4500"};
    struct endpoint in[] = {{address("10.0.0.1"), 848}, {address("2001:db8::1"), 4500}};
    for (int i = 0; i < 2; i++) {
        struct sockaddr_storage ss;
        struct endpoint out;
        char text[ADDR_TEXT_MAX];
        assert_int_equal(endpoint_to_sockaddr(&in[i], &ss),
                         i == 0 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
        assert_true(endpoint_from_sockaddr(&out, &ss));
        assert_true(endpoint_equal(&in[i], &out));
        assert_string_equal(endpoint_text(&out, text), texts[i]);
        out.port++;
        assert_false(endpoint_equal(&in[i], &out));
    }
    struct sockaddr_storage ss = {.ss_family = AF_UNIX};
    struct endpoint e, none = {.port = 1};
    assert_false(endpoint_from_sockaddr(&e, &ss));
    assert_int_equal(endpoint_to_sockaddr(&none, &ss), 0);
    char text[ADDR_TEXT_MAX];
    struct endpoint longest = {address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 65535};
    assert_string_equal(endpoint_text(&longest, text), "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes_addresses),  cmocka_unit_test(refuses_what_is_no_address),
        cmocka_unit_test(reads_prefixes),              cmocka_unit_test(contains_up_to_the_last_bit),
        cmocka_unit_test(compares),                    cmocka_unit_test(knows_multicast),
        cmocka_unit_test(takes_bytes_of_two_lengths),  cmocka_unit_test(endpoints_go_to_the_kernel_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
