/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IPv4 options and IPv6 extension headers by RFC 791, RFC 8200, RFC 5095, RFC 2675, RFC 7112: what is let through shows its real
 * protocol and ports, what isn't has a name. Everything lies in buffers of exactly its size.
 */
#include "dataplane/core/ext.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static enum l3_flaw options(const char *hex, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    enum l3_flaw flaw;

    assert_non_null(copy);
    memcpy(copy, hex, len);
    flaw = ext_walk_options(copy, len);
    free(copy);
    return flaw;
}

static void ipv4_options(void **state)
{
    static const struct {
        const char *octets;
        size_t len;
        enum l3_flaw flaw;
    } cases[] = {
        {"\x94\4\0\0", 4, L3_OK},                     /* router alert, as IGMP has it (RFC 2113) */
        {"\x07\7\4\0\0\0\0\0", 8, L3_OK},             /* record route */
        {"\x44\x0c\5\0\0\0\0\0\0\0\0\0", 12, L3_OK},  /* time stamps */
        {"\x86\6\0\0\0\1\0\0", 8, L3_OK},             /* CIPSO */
        {"\1\1\1\1", 4, L3_OK},                       /* no operation */
        {"\0\x83\xff\xff", 4, L3_OK},                 /* the end: what follows is padding */
        {"\1\1\1\x94\4\0\0\0", 8, L3_OK},
        {"\x83\7\4\12\2\0\1\0", 8, L3_SOURCE_ROUTE},  /* loose */
        {"\x89\7\4\12\2\0\1\0", 8, L3_SOURCE_ROUTE},  /* strict */
        {"\x94\4\0\0\1\x83\3\4", 8, L3_SOURCE_ROUTE}, /* behind others */
        {"\x94\0\0\0", 4, L3_OPTIONS},
        {"\x94\1\0\0", 4, L3_OPTIONS},
        {"\x94\5\0\0", 4, L3_OPTIONS},
        {"\x83\xff\0\0", 4, L3_OPTIONS},
        {"\1\1\1\x94", 4, L3_OPTIONS}, /* no room for a length */
        {"", 0, L3_OK},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(options(cases[i].octets, cases[i].len), cases[i].flaw);
}

static struct ext6 walk(uint8_t next, const char *octets, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    struct ext6 x;

    assert_non_null(copy);
    memcpy(copy, octets, len);
    x = ext_walk6(copy, len, next);
    free(copy);
    return x;
}

#define H8(next, rest) next "\0" rest /* a header of 8 octets */
#define ALERT "\5\2\0\0\1\0"
#define PADS  "\1\4\0\0\0\0"

static void ipv6_headers(void **state)
{
    static const struct {
        uint8_t first;
        const char *octets;
        size_t len;
        enum l3_flaw flaw;
        uint8_t next;
        uint16_t ext_len;
        bool later;
    } cases[] = {
        {17, "", 0, L3_OK, 17, 0, false},
        {0, H8("\x3a", ALERT), 8, L3_OK, 58, 8, false},
        {60, H8("\x11", PADS), 8, L3_OK, 17, 8, false},
        {60, H8("\x11", "\0\0\0\0\0\0"), 8, L3_OK, 17, 8, false},
        {43, H8("\6", "\2\0\0\0\0\0"), 8, L3_OK, 6, 8, false}, /* nowhere left to go */
        {43, H8("\6", "\4\0\0\0\0\0"), 8, L3_OK, 6, 8, false},
        {43, H8("\6", "\0\0\0\0\0\0"), 8, L3_SOURCE_ROUTE, 43, 0, false}, /* type 0, whatever it says */
        {43, H8("\6", "\2\1\0\0\0\0"), 8, L3_SOURCE_ROUTE, 43, 0, false},
        {43, H8("\6", "\4\2\0\0\0\0"), 8, L3_SOURCE_ROUTE, 43, 0, false},
        {43, H8("\6", "\xff\1\0\0\0\0"), 8, L3_SOURCE_ROUTE, 43, 0, false},
        {0, H8("\x3c", ALERT) H8("\x2b", PADS) H8("\x3c", "\2\0\0\0\0\0") H8("\x11", PADS), 32, L3_OK, 17, 32, false},
        {60, H8("\0", PADS) H8("\x11", PADS), 16, L3_EXT_HEADER, 0, 8, false}, /* hop-by-hop isn't first */
        {0, H8("\x11", "\xc2\4\0\1\0\0"), 8, L3_EXT_HEADER, 0, 0, false},      /* a jumbo payload */
        {0, H8("\x11", "\1\5\0\0\0\0"), 8, L3_EXT_HEADER, 0, 0, false},        /* an option over the end */
        {0, H8("\x11", "\1\3\0\0\0\1"), 8, L3_EXT_HEADER, 0, 0, false},        /* one without its length */
        {135, H8("\x3b", "\0\0\0\0\0\0"), 8, L3_EXT_HEADER, 135, 0, false},
        {139, H8("\x3b", "\0\0\0\0\0\0"), 8, L3_EXT_HEADER, 139, 0, false},
        {140, H8("\6", "\0\0\0\0\0\0"), 8, L3_EXT_HEADER, 140, 0, false},
        {60, "\x11\1" PADS, 8, L3_MALFORMED, 60, 0, false}, /* longer than the packet */
        {60, H8("\x11", "\1\4\0\0\0"), 7, L3_MALFORMED, 60, 0, false},
        {44, "\x11\0\0\1\0\0\0\7", 8, L3_FRAGMENT, 17, 8, false},
        {44, "\x11\0\0\0\0\0\0\7", 8, L3_FRAGMENT, 17, 8, false}, /* atomic */
        {44, "\x11\0\0\x08\0\0\0\7", 8, L3_FRAGMENT, 17, 8, true},
        {44, "\x11\0\0\6\0\0\0\7", 8, L3_FRAGMENT, 17, 8, false}, /* reserved bits */
        {0, H8("\x2c", ALERT) "\x11\0\0\x09\0\0\0\7", 16, L3_FRAGMENT, 17, 16, true},
        {44, "\x3c\0\0\1\0\0\0\7" H8("\x11", PADS), 16, L3_EXT_HEADER, 60, 8, false}, /* hides the protocol */
        {44, "\x2c\0\0\1\0\0\0\7" "\x11\0\0\1\0\0\0\7", 16, L3_EXT_HEADER, 44, 8, false},
        {44, "\x11\0\0\1\0\0\0", 7, L3_MALFORMED, 44, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ext6 x = walk(cases[i].first, cases[i].octets, cases[i].len);

        print_message("case %zu\n", i);
        assert_int_equal(x.flaw, cases[i].flaw);
        assert_int_equal(x.next, cases[i].next);
        assert_int_equal(x.len, cases[i].ext_len);
        assert_int_equal(x.later, cases[i].later);
    }
}

static void limits(void **state)
{
    uint8_t p[1024] = {0};

    (void)state;
    for (unsigned n = 1; n < 12; n++) { /* n headers of 8 octets */
        struct ext6 x;

        for (unsigned i = 0; i < n; i++)
            memcpy(p + 8 * i, i == n - 1 ? H8("\x11", PADS) : H8("\x3c", PADS), 8);
        x = walk(60, (const char *)p, 8 * n);
        assert_int_equal(x.flaw, n <= EXT_MAX_HEADERS ? L3_OK : L3_EXT_HEADER);
    }
    for (unsigned len = 8; len < 600; len += 8) { /* one header of len octets, all Pad1 */
        struct ext6 x;

        memset(p, 0, sizeof p);
        p[0] = 17;
        p[1] = (uint8_t)(len / 8 - 1);
        x = walk(60, (const char *)p, len);
        assert_int_equal(x.flaw, len <= EXT_MAX_LEN ? L3_OK : L3_EXT_HEADER);
    }
}

/* A packet of every kind, seen by the parser: payload, ports, marks. */
static void what_the_parser_makes_of_it(void **state)
{
    static const char hbh[8] = H8("\x11", ALERT);
    uint8_t p[40 + 8 + 8] = {[0] = 0x60, [5] = 16, [6] = 0, [7] = 9, [48] = 0x12, 0x34, 0x56, 0x78};
    uint8_t v4[32] = {0x46, 0, 0, 32, 0, 0, 0, 0, 9, 17, 0x9c, 0x48, 10, 0, 0, 1, 10, 0, 0, 2, 0x94, 4, 0, 0, 0x12, 0x34, 0x56, 0x78};
    uint32_t sum = 0;
    struct l3 h;

    (void)state;
    memcpy(p + 40, hbh, 8);
    l3_parse_ipv6(p, sizeof p, &h);
    assert_int_equal(h.flaw, L3_OK);
    assert_int_equal(l3_proto(&h), 17);
    assert_int_equal(l3_sport(&h), 0x1234);
    assert_int_equal(l3_dport(&h), 0x5678);
    assert_int_equal(l3_payload_at(&h), 48);
    p[5] = 11; /* no room for ports */
    l3_parse_ipv6(p, sizeof p, &h);
    assert_int_equal(h.flaw, L3_MALFORMED);
    p[5] = 16;
    p[40] = 58, p[7] = 255, p[48] = 135; /* neighbour discovery never has extension headers */
    l3_parse_ipv6(p, sizeof p, &h);
    assert_int_equal(h.flaw, L3_OK);
    assert_int_equal(h.marks, 0);
    p[7] = 1;
    for (unsigned type = 0; type < 256; type++) {
        p[48] = (uint8_t)type;
        l3_parse_ipv6(p, sizeof p, &h);
        assert_int_equal(h.marks, (type >= 130 && type <= 132) || type == 143 ? L3_IS_MLD : 0);
    }
    v4[10] = v4[11] = 0;
    for (unsigned i = 0; i < 24; i += 2)
        sum += (uint32_t)v4[i] << 8 | v4[i + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    v4[10] = (uint8_t)(~sum >> 8), v4[11] = (uint8_t)~sum;
    l3_parse_ipv4(v4, sizeof v4, &h);
    assert_int_equal(h.flaw, L3_OK);
    assert_int_equal(l3_sport(&h), 0x1234);
    assert_int_equal(l3_dport(&h), 0x5678);
    assert_int_equal(l3_payload_at(&h), 24);
}

static void random_octets(void **state)
{
    static const uint8_t headers[] = {0, 43, 44, 60, 17, 60, 43, 135};
    unsigned seed = (unsigned)time(NULL), seen[16] = {0};

    (void)state;
    print_message("seed %u\n", seed);
    srand(seed);
    for (unsigned i = 0; i < 200000; i++) {
        size_t len = (size_t)rand() % 80;
        char octets[80];
        struct ext6 x;

        for (size_t k = 0; k < len; k++)
            octets[k] = (char)(rand() % 3 ? 0 : k % 8 == 0 ? headers[rand() % 8] : rand() % 6);
        x = walk(headers[rand() % 8], octets, len);
        assert_true(x.len <= len && x.flaw < 16);
        assert_true(x.flaw != L3_OK || !l3_is_extension(x.next));
        seen[x.flaw]++;
        (void)options(octets, len < 40 ? len : 40);
    }
    assert_true(seen[L3_OK] && seen[L3_FRAGMENT] && seen[L3_EXT_HEADER] && seen[L3_SOURCE_ROUTE] && seen[L3_MALFORMED]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv4_options),
        cmocka_unit_test(ipv6_headers),
        cmocka_unit_test(limits),
        cmocka_unit_test(what_the_parser_makes_of_it),
        cmocka_unit_test(random_octets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
