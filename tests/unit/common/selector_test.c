/* SPDX-License-Identifier: BSD-3-Clause */
/* Matching: addresses, protocol, ports, and the rule for fragments (DP8). */
#include "common/acl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct selector selector(const char *text)
{
    struct acl_entry e[2];
    const char *error;
    size_t column;
    assert_int_equal(acl_parse_entry(text, e, &error, &column), 1);
    return e[0].sel;
}

static struct flow flow(const char *src, const char *dst, uint8_t proto, enum flow_ports ports, uint16_t sport, uint16_t dport)
{
    struct flow f = {.proto = proto, .ports = ports, .sport = sport, .dport = dport};
    assert_true(addr_parse(src, &f.src) && addr_parse(dst, &f.dst));
    return f;
}

static void matches_addresses_and_protocol(void **state)
{
    (void)state;
    struct selector s = selector("permit udp 10.0.0.0/8 192.168.1.0/24");
    static const struct {
        const char *src, *dst;
        uint8_t proto;
        bool match;
    } cases[] = {
        {"10.0.0.0", "192.168.1.0", 17, true},      {"10.255.255.255", "192.168.1.255", 17, true},
        {"9.255.255.255", "192.168.1.0", 17, false}, {"11.0.0.0", "192.168.1.0", 17, false},
        {"10.0.0.0", "192.168.0.255", 17, false},   {"10.0.0.0", "192.168.2.0", 17, false},
        {"10.0.0.0", "192.168.1.0", 6, false},      {"192.168.1.1", "10.0.0.1", 17, false},
        {"::", "::", 17, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct flow f = flow(cases[i].src, cases[i].dst, cases[i].proto, FLOW_PORTS, 1, 2);
        assert_int_equal(selector_match(&s, true, &f), cases[i].match);
        assert_int_equal(selector_match(&s, false, &f), cases[i].match);
    }
    struct selector any = selector("permit ip 0.0.0.0/0 host 1.2.3.4");
    struct flow f = flow("8.8.8.8", "1.2.3.4", 253, FLOW_NO_PORTS, 0, 0);
    assert_true(selector_match(&any, true, &f));
}

static void ports_match_at_both_ends(void **state)
{
    (void)state;
    struct selector s = selector("permit tcp host 1.1.1.1 eq 7 any range 8000 8010");
    static const struct {
        uint16_t sport, dport;
        bool match;
    } cases[] = {{7, 8000, true},  {7, 8010, true},  {7, 7999, false}, {7, 8011, false},
                 {6, 8005, false}, {8, 8005, false}, {8005, 7, false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct flow f = flow("1.1.1.1", "2.2.2.2", 6, FLOW_PORTS, cases[i].sport, cases[i].dport);
        assert_int_equal(selector_match(&s, true, &f), cases[i].match);
    }
}

static void fragments_and_portless_packets(void **state)
{
    (void)state;
    struct selector with = selector("permit udp any eq 53 host 2.2.2.2");
    struct selector without = selector("permit udp any host 2.2.2.2");
    struct flow later = flow("1.1.1.1", "2.2.2.2", 17, FLOW_LATER_FRAGMENT, 0, 0);
    struct flow portless = flow("1.1.1.1", "2.2.2.2", 17, FLOW_NO_PORTS, 53, 53);
    assert_true(selector_match(&with, true, &later));
    assert_false(selector_match(&with, false, &later));
    assert_false(selector_match(&with, true, &portless));
    assert_false(selector_match(&with, false, &portless));
    for (int permit = 0; permit < 2; permit++) {
        assert_true(selector_match(&without, permit, &later));
        assert_true(selector_match(&without, permit, &portless));
    }
    struct flow elsewhere = flow("1.1.1.1", "2.2.2.3", 17, FLOW_LATER_FRAGMENT, 0, 0);
    assert_false(selector_match(&with, true, &elsewhere));
}

static void mirror_and_equal(void **state)
{
    (void)state;
    struct selector s = selector("permit tcp 10.0.0.0/8 eq 1 20.0.0.0/8 range 2 3");
    struct selector m = selector("permit tcp 20.0.0.0/8 range 2 3 10.0.0.0/8 eq 1");
    struct selector mirrored = selector_mirror(&s);
    assert_true(selector_equal(&mirrored, &m));
    assert_false(selector_equal(&s, &m));
    mirrored = selector_mirror(&mirrored);
    assert_true(selector_equal(&mirrored, &s));

    static const char *const others[] = {
        "permit udp 10.0.0.0/8 eq 1 20.0.0.0/8 range 2 3", "permit tcp 10.0.0.0/9 eq 1 20.0.0.0/8 range 2 3",
        "permit tcp 10.0.0.0/8 eq 2 20.0.0.0/8 range 2 3", "permit tcp 10.0.0.0/8 range 0 1 20.0.0.0/8 range 2 3",
        "permit tcp 10.0.0.0/8 eq 1 21.0.0.0/8 range 2 3", "permit tcp 10.0.0.0/8 eq 1 20.0.0.0/8 range 1 3",
        "permit tcp 10.0.0.0/8 eq 1 20.0.0.0/8 range 2 4",
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct selector other = selector(others[i]);
        assert_false(selector_equal(&s, &other));
    }
}

static void has_ports(void **state)
{
    (void)state;
    struct selector s = selector("permit tcp any host 1.1.1.1");
    assert_false(selector_has_ports(&s));
    s = selector("permit tcp any range 0 65535 host 1.1.1.1");
    assert_false(selector_has_ports(&s));
    s = selector("permit tcp any range 1 65535 host 1.1.1.1");
    assert_true(selector_has_ports(&s));
    s = selector("permit tcp any host 1.1.1.1 range 0 65534");
    assert_true(selector_has_ports(&s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_addresses_and_protocol), cmocka_unit_test(ports_match_at_both_ends),
        cmocka_unit_test(fragments_and_portless_packets), cmocka_unit_test(mirror_and_equal),
        cmocka_unit_test(has_ports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
