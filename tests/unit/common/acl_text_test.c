/* SPDX-License-Identifier: BSD-3-Clause */
/* The grammar of ACL entries: what is read and how it is written back, every error with its column, a random round trip. */
#include "common/acl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void reads_and_writes(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out, *second; /* second: the IPv6 entry of a pair */
    } cases[] = {
        {"permit ip 10.0.0.0/8 10.0.0.0/8", "permit ip 10.0.0.0/8 10.0.0.0/8", NULL},
        {"deny udp any eq 848 any eq 848", "deny udp 0.0.0.0/0 eq 848 0.0.0.0/0 eq 848", "deny udp ::/0 eq 848 ::/0 eq 848"},
        {"permit tcp any any range 8000 8010", "permit tcp 0.0.0.0/0 0.0.0.0/0 range 8000 8010",
         "permit tcp ::/0 ::/0 range 8000 8010"},
        {"permit ip any any", "permit ip 0.0.0.0/0 0.0.0.0/0", "permit ip ::/0 ::/0"},
        {"permit icmp any any", "permit icmp any any", NULL},
        {"permit icmpv6 any any", "permit icmpv6 any any", NULL},
        {"permit 1 any any", "permit icmp any any", NULL},
        {"permit 58 any any", "permit icmpv6 any any", NULL},
        {"permit 6 any eq 1 host 1.1.1.1", "permit tcp any eq 1 host 1.1.1.1", NULL},
        {"permit ip 2001:db8::/32 any", "permit ip 2001:db8::/32 any", NULL},
        {"permit ip any 2001:db8::/32", "permit ip any 2001:db8::/32", NULL},
        {"permit ip host 2001:db8::1 host 2001:db8::2", "permit ip host 2001:db8::1 host 2001:db8::2", NULL},
        {"permit ip 10.1.2.3/32 10.0.0.0/31", "permit ip host 10.1.2.3 10.0.0.0/31", NULL},
        {"permit ip 0.0.0.0/0 0.0.0.0/0", "permit ip 0.0.0.0/0 0.0.0.0/0", NULL},
        {"permit ip ::/0 any", "permit ip ::/0 ::/0", NULL},
        {"permit ip 10.0.0.0 0.255.255.255 192.168.1.0 0.0.0.255", "permit ip 10.0.0.0/8 192.168.1.0/24", NULL},
        {"permit ip 10.0.0.1 0.0.0.0 0.0.0.0 255.255.255.255", "permit ip host 10.0.0.1 any", NULL},
        {"permit udp 10.0.0.0 0.0.0.1 eq 5 host 1.1.1.1 range 0 0", "permit udp 10.0.0.0/31 eq 5 host 1.1.1.1 eq 0", NULL},
        {"permit udp any range 0 65535 host 1.1.1.1", "permit udp any host 1.1.1.1", NULL},
        {"permit udp host 1.1.1.1 eq 65535 any range 65535 65535", "permit udp host 1.1.1.1 eq 65535 any eq 65535", NULL},
        {"  permit\tgre   any\t\thost 1.1.1.1  ", "permit gre any host 1.1.1.1", NULL},
        {"permit 255 any host 1.1.1.1", "permit 255 any host 1.1.1.1", NULL},
        {"deny esp host 1.1.1.1 any", "deny esp host 1.1.1.1 any", NULL},
        {"deny ospf host 1.1.1.1 any", "deny ospf host 1.1.1.1 any", NULL},
        {"deny 88 host 1.1.1.1 any", "deny eigrp host 1.1.1.1 any", NULL},
        {"deny pim host 1.1.1.1 any", "deny pim host 1.1.1.1 any", NULL},
        {"deny igmp host 1.1.1.1 any", "deny igmp host 1.1.1.1 any", NULL},
        {"deny vrrp host 1.1.1.1 any", "deny vrrp host 1.1.1.1 any", NULL},
        {"permit sctp host 1.1.1.1 eq 36412 any", "permit sctp host 1.1.1.1 eq 36412 any", NULL},
        {"deny 132 any range 1 9 host 1.1.1.1", "deny sctp any range 1 9 host 1.1.1.1", NULL},
        {"deny dccp any host 1.1.1.1 eq 0", "deny dccp any host 1.1.1.1 eq 0", NULL},
        {"permit 136 any eq 7 host 1.1.1.1", "permit udplite any eq 7 host 1.1.1.1", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct acl_entry e[2];
        const char *error = NULL;
        size_t column = 0;
        char text[ACL_TEXT_MAX];
        size_t n = acl_parse_entry(cases[i].in, e, &error, &column);
        assert_int_equal(n, cases[i].second != NULL ? 2 : 1);
        assert_string_equal(acl_entry_text(&e[0], text), cases[i].out);
        if (n == 2)
            assert_string_equal(acl_entry_text(&e[1], text), cases[i].second);
        for (size_t k = 0; k < n; k++)
            assert_true(e[k].sa == 0 && e[k].number == 0 && e[k].sel.src.addr.family == e[k].sel.dst.addr.family);
    }
}

static void says_what_is_wrong_and_where(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        size_t column;
        const char *says; /* part of the sentence */
    } cases[] = {
        {"", 1, "`permit` or `deny`"},
        {"   ", 1, "`permit` or `deny`"},
        {"allow ip any any", 1, "`permit` or `deny`"},
        {"  Permit ip any any", 3, "`permit` or `deny`"},
        {"permit", 7, "expected a protocol"},
        {"permit stcp any any", 8, "expected a protocol"},
        {"permit 0 any any", 8, "expected a protocol"},
        {"permit 256 any any", 8, "expected a protocol"},
        {"permit 06 any any", 8, "expected a protocol"},
        {"permit ip", 10, "expected an address"},
        {"permit ip ", 10, "expected an address"},
        {"permit ip any", 14, "expected an address"},
        {"permit ip any all", 15, "expected an address"},
        {"permit ip any host", 19, "after `host`"},
        {"permit ip host 10.0.0.0/8 any", 16, "after `host`"},
        {"permit ip 10.0.0.1 any", 20, "expected a wildcard mask"},
        {"permit ip any 10.0.0.1", 23, "expected a wildcard mask"},
        {"permit ip any 2001:db8::1", 15, "an IPv6 address needs"},
        {"permit ip 10.0.0.0 255.0.0.0 any", 20, "zeros followed by ones"},
        {"permit ip 10.0.0.0 0.255.0.255 any", 20, "zeros followed by ones"},
        {"permit ip 10.0.0.1 0.0.0.255 any", 11, "wildcard mask ignores"},
        {"permit ip 10.0.0.1/24 any", 11, "bits set behind"},
        {"permit ip 10.0.0.0/33 any", 11, "from 0 to 32"},
        {"permit ip ::/129 any", 11, "from 0 to 128"},
        {"permit ip 10.0.0/8 any", 11, "before the `/`"},
        {"permit ip /8 any", 11, "before the `/`"},
        {"permit ip 10.0.0.0/8 2001:db8::/32", 22, "one family"},
        {"permit ip host ::1 host 1.1.1.1", 20, "one family"},
        {"permit icmp ::/0 any", 13, "icmp is IPv4 only"},
        {"permit icmp any host ::1", 17, "icmp is IPv4 only"},
        {"permit icmpv6 10.0.0.0/8 any", 15, "icmpv6 is IPv6 only"},
        {"permit ip any eq 80 any", 15, "ports need protocol tcp, udp, sctp, dccp or udplite"},
        {"permit icmp any any range 1 2", 21, "ports need protocol tcp, udp, sctp, dccp or udplite"},
        {"permit tcp any eq www any", 19, "expected a port number"},
        {"permit tcp any any eq", 22, "expected a port number"},
        {"permit tcp any any eq 65536", 23, "expected a port number"},
        {"permit tcp any any eq -1", 23, "expected a port number"},
        {"permit tcp any any eq 080", 23, "expected a port number"},
        {"permit tcp any any range 5", 27, "expected a port number"},
        {"permit tcp any any range 5 4", 28, "ends before it starts"},
        {"permit tcp any gt 5 any", 16, "expected an address"},
        {"permit ip any any log", 19, "expected the end"},
        {"permit tcp any any eq 5 6", 25, "expected the end"},
        {"a b c d e f g h i j k l m n", 25, "expected the end"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct acl_entry e[2];
        const char *error = NULL;
        size_t column = 0;
        assert_int_equal(acl_parse_entry(cases[i].in, e, &error, &column), 0);
        assert_non_null(error);
        if (strstr(error, cases[i].says) == NULL || column != cases[i].column)
            fail_msg("`%s`: column %zu: %s", cases[i].in, column, error);
    }
}

static void long_text_is_refused(void **state)
{
    (void)state;
    static const char entry[] = "permit ip any any";
    for (size_t len = ACL_TEXT_MAX - 2; len <= ACL_TEXT_MAX; len++) {
        char *text = malloc(len + 1);
        struct acl_entry e[2];
        const char *error;
        size_t column;
        assert_non_null(text);
        memset(text, ' ', len);
        memcpy(text, entry, sizeof(entry) - 1);
        text[len] = '\0';
        assert_int_equal(acl_parse_entry(text, e, &error, &column), len < ACL_TEXT_MAX ? 2 : 0);
        if (len >= ACL_TEXT_MAX) {
            assert_string_equal(error, "an entry has at most 255 characters");
            assert_int_equal(column, 1);
        }
        free(text);
    }
}

static uint16_t random_port(void)
{
    static const uint16_t edges[] = {0, 1, 65534, 65535};
    return random() % 2 == 0 ? edges[random() % 4] : (uint16_t)random();
}

static struct port_range random_ports(void)
{
    uint16_t a = random_port(), b = random_port();
    if (random() % 3 == 0)
        return (struct port_range){0, 65535};
    return a < b ? (struct port_range){a, b} : (struct port_range){b, a};
}

static struct prefix random_prefix(uint8_t family)
{
    unsigned bits = 8 * (unsigned)addr_len(family);
    unsigned len = random() % 4 == 0 ? 0 : random() % 4 == 0 ? bits : (unsigned)random() % (bits + 1);
    struct prefix p = {.addr = {.family = family}, .len = (uint8_t)len};
    for (unsigned bit = 0; bit < len; bit++)
        if (random() % 2 == 0)
            p.addr.b[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
    return p;
}

static struct acl_entry random_entry(void)
{
    static const uint8_t protos[] = {0, 1, 2, 6, 17, 33, 47, 50, 58, 88, 89, 103, 112, 132, 136, 200};
    struct acl_entry e = {.permit = random() % 2 == 0};
    e.sel.proto = protos[random() % 16];
    uint8_t family = e.sel.proto == 1 ? 4 : e.sel.proto == 58 ? 6 : random() % 2 == 0 ? 4 : 6;
    e.sel.src = random_prefix(family);
    e.sel.dst = random_prefix(family);
    bool ports = selector_proto_has_ports(e.sel.proto);
    e.sel.sport = ports ? random_ports() : (struct port_range){0, 65535};
    e.sel.dport = ports ? random_ports() : (struct port_range){0, 65535};
    return e;
}

static void text_goes_round(void **state)
{
    (void)state;
    unsigned seed = (unsigned)time(NULL);
    printf("seed %u\n", seed);
    srandom(seed);
    for (int i = 0; i < 20000; i++) {
        struct acl_entry in = random_entry(), out[2];
        char text[ACL_TEXT_MAX];
        const char *error = "";
        size_t column = 0;
        if (acl_parse_entry(acl_entry_text(&in, text), out, &error, &column) != 1)
            fail_msg("`%s`: column %zu: %s", text, column, error);
        if (in.permit != out[0].permit || !selector_equal(&in.sel, &out[0].sel))
            fail_msg("`%s` came back as another entry", text);
    }
}

/* Whatever is thrown at it: an entry or an error inside the text, never more. */
static void noise_gives_an_error_with_a_place(void **state)
{
    (void)state;
    static const char *const words[] = {"permit", "deny", "ip",  "tcp", "icmp", "any",  "host", "10.0.0.0/8", "0.0.0.255", "10.0.0.0",
                                        "::/0",   "::1",  "eq",  "range", "5",  "99999", "/",   "\xff\x01",   "%s%n",      "-"};
    unsigned seed = (unsigned)time(NULL);
    printf("seed %u\n", seed);
    srandom(seed);
    for (int i = 0; i < 50000; i++) {
        char text[400] = "";
        for (long n = random() % 15; n > 0; n--) {
            strcat(text, words[random() % 20]);
            strcat(text, random() % 8 == 0 ? "\t " : " ");
        }
        struct acl_entry e[2];
        const char *error = NULL;
        size_t column = 0;
        if (acl_parse_entry(text, e, &error, &column) == 0)
            assert_true(error != NULL && column >= 1 && column <= strlen(text) + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes),     cmocka_unit_test(says_what_is_wrong_and_where),
        cmocka_unit_test(long_text_is_refused), cmocka_unit_test(text_goes_round),
        cmocka_unit_test(noise_gives_an_error_with_a_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
