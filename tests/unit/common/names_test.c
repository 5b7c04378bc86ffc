/* SPDX-License-Identifier: BSD-3-Clause */
/* Name tables; the protocol numbers are compared with the system's own /etc/protocols. */
#include "common/names.h"

#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct name colours[] = {{1, "red"}, {7, "blue"}, {0, NULL}};

static void finds_both_ways(void **state)
{
    (void)state;
    unsigned v = 99;
    char out[32];
    assert_string_equal(name_of(colours, 7), "blue");
    assert_string_equal(name_of(colours, 0), "unknown");
    assert_string_equal(name_text(colours, 1, out), "red");
    assert_string_equal(name_text(colours, 2, out), "unknown(2)");
    assert_string_equal(name_text(colours, ~0u, out), "unknown(4294967295)");
    assert_true(name_find(colours, "blue", &v));
    assert_int_equal(v, 7);
    assert_false(name_find(colours, "Blue", &v));
    assert_false(name_find(colours, "", &v));
    assert_int_equal(v, 7);
}

static void knows_the_protocols(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned number;
    } expected[] = {{"ip", 0},   {"icmp", 1},   {"igmp", 2},   {"tcp", 6},  {"udp", 17},  {"gre", 47},
                    {"esp", 50}, {"icmpv6", 58}, {"eigrp", 88}, {"ospf", 89}, {"pim", 103}, {"vrrp", 112},
                    {"sctp", 132}, {"dccp", 33}, {"udplite", 136}};
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        unsigned v = 999;
        assert_true(name_find(names_ip_proto, expected[i].name, &v));
        assert_int_equal(v, expected[i].number);
        assert_string_equal(name_of(names_ip_proto, expected[i].number), expected[i].name);
    }
    static const char *const same_in_the_system[] = {"icmp", "tcp", "udp", "esp", "gre"};
    for (size_t i = 0; i < 5; i++) {
        const struct protoent *p = getprotobyname(same_in_the_system[i]);
        unsigned v;
        assert_true(name_find(names_ip_proto, same_in_the_system[i], &v));
        if (p != NULL) /* a machine without that file has nothing to compare with */
            assert_int_equal(v, p->p_proto);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_both_ways),
        cmocka_unit_test(knows_the_protocols),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
