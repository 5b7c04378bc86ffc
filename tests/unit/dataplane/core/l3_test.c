/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Header walking on buffers of exactly the frame's size, so that ASan sees every octet read beyond. Expectations are
 * written from RFC 791, RFC 8200, RFC 4861 and decisions 2 and 4 (what is exempt, what is dropped by name).
 */
#include "dataplane/core/l3.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

/* Parses a copy on the heap of exactly this length. */
static struct l2 l2; /* of the frame that was parsed last */

static struct l3 parse(const uint8_t *frame, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    struct l3 h;

    assert_non_null(copy);
    memcpy(copy, frame, len);
    l3_parse(copy, len, &l2, &h);
    free(copy);
    return h;
}

/* A checksum made the slow way. */
static void put_checksum(uint8_t *ip)
{
    uint32_t sum = 0;

    ip[10] = ip[11] = 0;
    for (unsigned i = 0; i < (ip[0] & 15u) * 4; i += 2)
        sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    ip[10] = (uint8_t)(~sum >> 8);
    ip[11] = (uint8_t)~sum;
}

/* UDP 10.1.0.1:1000 -> 10.2.0.1:53 with 4 octets; 46 octets of frame. */
static size_t udp(uint8_t *f)
{
    static const uint8_t udp4[46] = {2,  0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0xb9, 0,    32, 1, 2, 0x40, 0, 64,
                                     17, 0, 0, 10, 1, 0, 1, 10, 2, 0, 1, 3, 0xe8, 0, 53,   0,    12, 0, 0, 1, 2, 3,  4};

    memcpy(f, udp4, sizeof udp4);
    put_checksum(f + 14);
    return sizeof udp4;
}

static void plain_udp(void **state)
{
    uint8_t f[64] = {0};
    size_t len = udp(f);
    struct l3 h = parse(f, len);
    struct flow flow;

    (void)state;
    assert_int_equal(h.kind, L3_IPV4);
    assert_int_equal(h.flaw, L3_OK);
    assert_int_equal(h.len, 32);
    assert_int_equal(l3_tos(&h), 0xb9);
    assert_int_equal(l3_frag_be(&h), IPV4_DF_BE);
    l3_flow(&h, f + 14, &flow);
    assert_int_equal(flow.proto, 17);
    assert_int_equal(flow.ports, FLOW_PORTS);
    assert_int_equal(flow.sport, 1000);
    assert_int_equal(flow.dport, 53);
    assert_int_equal(flow.src.family, 4);
    assert_memory_equal(flow.src.b, "\12\1\0\1", 4);
    assert_memory_equal(flow.dst.b, "\12\2\0\1", 4);
    /* frame padding isn't the packet's */
    assert_int_equal(parse(f, 60).len, 32);
}

static void every_cut_is_malformed(void **state)
{
    uint8_t f[64];
    size_t len = udp(f);

    (void)state;
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(parse(f, cut).flaw, L3_MALFORMED);
}

static void lies_in_the_header(void **state)
{
    static const struct {
        unsigned at;
        uint8_t value;
        enum l3_flaw flaw;
    } lies[] = {
        {14, 0x55, L3_MALFORMED}, /* version 5 */
        {14, 0x44, L3_MALFORMED}, /* header of 16 octets */
        {14, 0x4f, L3_MALFORMED}, /* header longer than the packet */
        {17, 33, L3_MALFORMED},   /* longer than the frame */
        {17, 19, L3_MALFORMED},   /* shorter than its header */
        {17, 20, L3_MALFORMED},   /* UDP without ports */
        {17, 23, L3_MALFORMED},   {17, 24, L3_OK},
        {20, 0x20, L3_FRAGMENT}, /* more fragments */
        {21, 1, L3_FRAGMENT},    /* offset 8 */
        {14, 0x46, L3_OPTIONS},
    };

    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        uint8_t f[96] = {0};
        size_t len = udp(f);

        f[lies[i].at] = lies[i].value;
        put_checksum(f + 14);
        assert_int_equal(parse(f, len).flaw, lies[i].flaw);
    }
}

static void every_wrong_checksum_is_seen(void **state)
{
    uint8_t f[64];
    size_t len = udp(f);

    (void)state;
    for (unsigned bit = 0; bit < 20 * 8; bit++) {
        f[14 + bit / 8] ^= (uint8_t)(1u << (bit & 7));
        assert_int_equal(parse(f, len).flaw, L3_MALFORMED);
        f[14 + bit / 8] ^= (uint8_t)(1u << (bit & 7));
    }
    assert_int_equal(parse(f, len).flaw, L3_OK);
}

/* Headers of many ones, whose sums carry most: the sum in wide words is right when the one in small words is. */
static void checksums_that_carry(void **state)
{
    unsigned right = 0;

    (void)state;
    for (unsigned i = 0; i < 200000; i++) {
        uint8_t h[20];

        for (unsigned k = 0; k < sizeof h; k++)
            h[k] = rand() % 4 == 0 ? (uint8_t)rand() : 0xff;
        h[0] = 0x45;
        if (i % 2 == 0) {
            store16(h + 10, 0);
            store16(h + 10, (uint16_t)~sum_fold(sum_ipv4(h)));
        }
        assert_int_equal(sum_right_ipv4(h), sum_fold(sum_ipv4(h)) == 0xffff);
        right += (unsigned)sum_right_ipv4(h);
    }
    assert_true(right >= 100000);
}

static void ports_by_protocol(void **state)
{
    uint8_t f[64];
    size_t len = udp(f);

    (void)state;
    for (unsigned proto = 0; proto < 256; proto++) {
        bool has = proto == 6 || proto == 17 || proto == 33 || proto == 132 || proto == 136;
        struct l3 h;

        f[23] = (uint8_t)proto;
        put_checksum(f + 14);
        h = parse(f, len);
        assert_int_equal(h.flaw, L3_OK);
        assert_int_equal(l3_proto(&h), proto);
        assert_int_equal(l3_ports(&h), has ? FLOW_PORTS : FLOW_NO_PORTS);
        assert_int_equal(l3_sport(&h), has ? 1000 : 0);
        assert_int_equal(l3_dport(&h), has ? 53 : 0);
    }
}

static void fragments_and_their_ports(void **state)
{
    uint8_t f[64];
    size_t len = udp(f);
    struct l3 h;

    (void)state;
    f[20] = 0x20; /* first of several */
    put_checksum(f + 14);
    h = parse(f, len);
    assert_int_equal(l3_ports(&h), FLOW_PORTS);
    assert_int_equal(l3_dport(&h), 53);
    f[20] = 0;
    f[21] = 185; /* a later one */
    put_checksum(f + 14);
    h = parse(f, len);
    assert_int_equal(h.flaw, L3_FRAGMENT);
    assert_int_equal(l3_ports(&h), FLOW_LATER_FRAGMENT);
    assert_int_equal(l3_dport(&h), 0);
}

static void tags_and_other_types(void **state)
{
    static const struct {
        uint8_t bytes[24];
        size_t len;
        enum l3_flaw flaw;
    } frames[] = {
        {{[12] = 0x81, [15] = 10, [16] = 8, [17] = 6}, 24, L3_OK},                           /* tagged ARP */
        {{[12] = 0x81, [15] = 10}, 16, L3_MALFORMED},                                        /* tag cut off */
        {{[12] = 0x81, [16] = 0x81, [20] = 0x81}, 24, L3_MALFORMED},                         /* tags to the end */
        {{[12] = 0, [13] = 8, [14] = 0xaa, [15] = 0xaa, [16] = 3, [20] = 8}, 22, L3_VLAN},   /* IPv4 in SNAP */
        {{[12] = 0, [13] = 8, [14] = 0x42, [15] = 0x42, [16] = 3}, 22, L3_OK},               /* spanning tree */
        {{[12] = 0x88, [13] = 0xcc}, 20, L3_OK},                                             /* LLDP */
    };

    (void)state;
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        struct l3 h = parse(frames[i].bytes, frames[i].len);

        assert_int_equal(h.kind, L3_NOT_IP);
        assert_int_equal(h.flaw, frames[i].flaw);
    }
}

/* UDP 2001:db8:1::1:1000 -> 2001:db8:2::1:53 with 4 octets, traffic class 0xb9, flow label 0x12345; 66 octets of frame. */
static size_t udp6(uint8_t *f)
{
    static const uint8_t start[66] = {2,    0,    0,    0,    0, 2,  2,  0,    0,    0,    0,    1, 0x86, 0xdd, 0x6b, 0x91, 0x23,
                                      0x45, 0,    12,   17,   7, 32, 1,  0x0d, 0xb8, 0,    1,    0, 0,    0,    0,    0,    0,
                                      0,    0,    0,    1,    32, 1, 13, 0xb8, 0,    2,    0,    0, 0,    0,    0,    0,    0,
                                      0,    0,    1,    3,    0xe8, 0, 53, 0,  12,   0,    0,    1, 2,    3,    4};

    memcpy(f, start, sizeof start);
    return sizeof start;
}

static void plain_udp6(void **state)
{
    uint8_t f[80] = {0};
    size_t len = udp6(f);
    struct l3 h = parse(f, len);
    struct flow flow;
    struct addr src, dst;

    (void)state;
    assert_int_equal(h.kind, L3_IPV6);
    assert_int_equal(h.flaw, L3_OK);
    assert_int_equal(h.len, 52);
    assert_int_equal(l3_tos(&h), 0xb9);
    l3_flow(&h, f + 14, &flow);
    assert_int_equal(flow.proto, 17);
    assert_int_equal(flow.ports, FLOW_PORTS);
    assert_int_equal(flow.sport, 1000);
    assert_int_equal(flow.dport, 53);
    assert_true(addr_parse("2001:db8:1::1", &src) && addr_parse("2001:db8:2::1", &dst));
    assert_true(addr_equal(&flow.src, &src) && addr_equal(&flow.dst, &dst));
    assert_int_equal(parse(f, 80).len, 52); /* frame padding isn't the packet's */
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(parse(f, cut).flaw, L3_MALFORMED);
    for (unsigned tc = 0; tc < 256; tc++) {
        f[14] = (uint8_t)(0x60 | tc >> 4);
        f[15] = (uint8_t)(tc << 4 | 1);
        h = parse(f, len);
        assert_int_equal(l3_tos(&h), tc);
    }
}

static void lies_in_the_ipv6_header(void **state)
{
    static const struct {
        unsigned at;
        uint8_t value;
        enum l3_flaw flaw;
    } lies[] = {
        {14, 0x4b, L3_MALFORMED}, /* version 4 behind the IPv6 type */
        {14, 0x7b, L3_MALFORMED}, {18, 1, L3_MALFORMED}, /* longer than the frame */
        {19, 13, L3_MALFORMED},   {19, 11, L3_OK},       {19, 4, L3_OK},
        {19, 3, L3_MALFORMED},                           /* UDP without ports */
        {19, 0, L3_MALFORMED},                           /* a jumbogram, or nothing at all */
        {20, 44, L3_FRAGMENT},    
        {20, 51, L3_OK},          {20, 59, L3_OK},
    };

    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        uint8_t f[96] = {0};
        size_t len = udp6(f);

        f[lies[i].at] = lies[i].value;
        if (parse(f, len).flaw != lies[i].flaw)
            fail_msg("lie %zu", i);
    }
}

/* No payload: RFC 2675 puts a jumbogram's length into a hop-by-hop header, others have nothing to judge (DP1). */
static void ipv6_without_payload(void **state)
{
    (void)state;
    for (unsigned next = 0; next < 256; next++) {
        uint8_t f[96] = {0};
        size_t len = udp6(f);

        f[19] = 0;
        f[20] = (uint8_t)next;
        assert_int_equal(parse(f, len).flaw, L3_MALFORMED);
    }
}

/* Every payload length of every next header: the fast way says what the thorough one says, or nothing. */
static void ipv6_fast_and_thorough_agree(void **state)
{
    (void)state;
    for (unsigned next = 0; next < 256; next++)
        for (unsigned payload = 0; payload < 16; payload++)
            for (unsigned hops = 0; hops < 2; hops++) {
                uint8_t f[96] = {0}, *p = malloc(40 + payload);
                struct l3 fast, thorough;

                assert_non_null(p);
                udp6(f);
                f[19] = (uint8_t)payload;
                f[20] = (uint8_t)next;
                f[21] = hops ? 255 : 64;
                f[54] = 135;
                memcpy(p, f + 14, 40 + payload);
                l3_parse_ipv6_odd(p, 40 + payload, &thorough);
                if (l3_try_ipv6(p, 40 + payload, &fast))
                    assert_memory_equal(&fast, &thorough, sizeof fast);
                else if (thorough.flaw == L3_OK)
                    assert_true(payload < 4 || (next == 58 && hops));
                free(p);
            }
}

/* The same packet behind no, one and two tags. */
static void tags_in_front_of_both_families(void **state)
{
    (void)state;
    for (unsigned six = 0; six <= 1; six++) {
        uint8_t plain[96] = {0}, f[96];
        size_t len = six ? udp6(plain) : udp(plain);
        struct l3 bare = parse(plain, len), h;

        memcpy(f, plain, sizeof f);
        for (unsigned tags = 1; tags <= 3; tags++) {
            memmove(f + 16, f + 12, len - 12);
            f[12] = 0x81, f[13] = 0, f[14] = 0, f[15] = (uint8_t)(10 * tags);
            len += 4;
            h = parse(f, len);
            if (tags == 3) {
                assert_int_equal(h.flaw, L3_VLAN);
                assert_int_equal(h.kind, L3_NOT_IP);
                continue;
            }
            assert_memory_equal(&h, &bare, sizeof h);
            assert_int_equal(l2.len, 14 + 4 * tags);
            assert_int_equal(l2.vlan, 10 * tags);
            for (size_t cut = 0; cut < len; cut++)
                assert_int_equal(parse(f, cut).flaw, L3_MALFORMED);
        }
    }
}

static void arp_target(void **state)
{
    uint8_t f[42] = {[12] = 8, [13] = 6, [15] = 1, [16] = 8, [18] = 6, [19] = 4, [21] = 1, [38] = 10, 9, 9, 9};
    uint32_t target;

    (void)state;
    assert_int_equal(parse(f, sizeof f).marks, L3_IS_ARP);
    assert_true(l3_arp_target(f + 14, sizeof f - 14, &target));
    assert_memory_equal(&target, "\12\11\11\11", 4);
    assert_false(l3_arp_target(f + 14, sizeof f - 15, &target));
    f[18] = 8;
    assert_false(l3_arp_target(f + 14, sizeof f - 14, &target));
}

/* A neighbour solicitation for 2001:db8::9 in 78 octets. */
static void solicitation(uint8_t *f)
{
    memset(f, 0, 78);
    f[12] = 0x86, f[13] = 0xdd;
    f[14] = 0x60;
    f[19] = 24;
    f[20] = 58;
    f[21] = 255;
    f[54] = 135;
    memcpy(f + 62, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09", 16);
}

static void neighbour_discovery(void **state)
{
    uint8_t f[78];
    struct addr target, expected;
    struct l3 h;

    (void)state;
    assert_true(addr_parse("2001:db8::9", &expected));
    solicitation(f);
    h = parse(f, sizeof f);
    assert_int_equal(h.kind, L3_IPV6);
    assert_int_equal(h.marks, L3_IS_ND);
    assert_true(l3_nd_target(f + 14, &h, &target));
    assert_true(addr_equal(&target, &expected));
    for (unsigned type = 0; type < 256; type++) {
        f[54] = (uint8_t)type;
        assert_int_equal(parse(f, sizeof f).marks, type >= 133 && type <= 137 ? L3_IS_ND : 0);
    }
    f[54] = 135;
    f[21] = 254; /* came over a router: forged */
    assert_int_equal(parse(f, sizeof f).marks, 0);
    for (size_t cut = 0; cut < sizeof f; cut++)
        assert_int_equal(parse(f, cut).flaw, L3_MALFORMED);
}

/* RFC 8200 4.5: what policy sees of an IPv6 fragment. */
static void ipv6_fragments_and_their_ports(void **state)
{
    uint8_t f[78];
    struct l3 h;

    (void)state;
    for (unsigned next = 0; next < 256; next++)
        for (unsigned later = 0; later <= 1; later++) {
            bool extension = next == 0 || next == 43 || next == 44 || next == 60 || next == 135 || next == 139 || next == 140;
            bool ports = next == 6 || next == 17 || next == 33 || next == 132 || next == 136;

            solicitation(f);
            f[20] = 44;
            f[54] = (uint8_t)next;
            f[56] = 0, f[57] = (uint8_t)(later << 3 | 1);
            f[62] = 0x12, f[63] = 0x34, f[64] = 0x56, f[65] = 0x78;
            h = parse(f, sizeof f);
            assert_int_equal(h.flaw, extension ? L3_EXT_HEADER : L3_FRAGMENT);
            assert_int_equal(h.marks, 0);
            assert_int_equal(l3_proto(&h), next);
            assert_int_equal(l3_ports(&h), later ? FLOW_LATER_FRAGMENT : ports ? FLOW_PORTS : FLOW_NO_PORTS);
            assert_int_equal(l3_sport(&h), !later && ports ? 0x1234 : 0);
            assert_int_equal(l3_dport(&h), !later && ports ? 0x5678 : 0);
        }
    for (size_t payload = 0; payload < 24; payload++) { /* the fragment header, then two ports */
        f[54] = 17, f[57] = 1;
        f[19] = (uint8_t)payload;
        assert_int_equal(parse(f, 54 + payload).flaw, payload < 12 ? L3_MALFORMED : L3_FRAGMENT);
        f[57] = 9;
        assert_int_equal(parse(f, 54 + payload).flaw, payload < 8 ? L3_MALFORMED : L3_FRAGMENT);
    }
}

static void ipv6_extension_headers(void **state)
{
    uint8_t f[78];

    (void)state;
    for (unsigned next = 0; next < 256; next++) {
        bool extension = next == 0 || next == 43 || next == 44 || next == 60 || next == 135 || next == 139 || next == 140;

        solicitation(f);
        f[20] = (uint8_t)next;
        f[54] = next == 44 ? 17 : 135; /* a fragment shows what is behind it; behind others mobility isn't understood */
        f[56] = 2;                     /* a routing header of a type that may be there */
        assert_int_equal(parse(f, sizeof f).flaw, next == 44 ? L3_FRAGMENT : extension ? L3_EXT_HEADER : L3_OK);
    }
    solicitation(f); /* a listener report behind hop-by-hop options, from us */
    f[20] = 0;
    f[21] = 1;
    f[54] = 58, f[55] = 0;
    f[62] = 143;
    assert_int_equal(parse(f, sizeof f).marks, L3_IS_MLD);
    f[62] = 128;
    assert_int_equal(parse(f, sizeof f).marks, 0);
}

static void random_frames_never_read_too_far(void **state)
{
    unsigned seed = (unsigned)time(NULL);

    (void)state;
    print_message("seed %u\n", seed);
    srand(seed);
    for (unsigned round = 0; round < 200000; round++) {
        uint8_t f[128];
        size_t len = (unsigned)rand() % sizeof f;
        struct l3 h;

        for (size_t i = 0; i < len; i++)
            f[i] = (uint8_t)rand();
        if (len > 15 && rand() % 4) {
            static const uint16_t types[] = {0x0008, 0xdd86, 0x0081, 0x0608, 0xa888};

            store16(f + 12, types[rand() % 5]);
            store16(f + 16, types[rand() % 5]);
            f[14] = rand() % 2 ? 0x45 : 0x60;
        }
        h = parse(f, len);
        if (h.flaw == L3_OK && h.kind != L3_NOT_IP)
            assert_true((size_t)h.len + l2.len <= len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_udp),
        cmocka_unit_test(every_cut_is_malformed),
        cmocka_unit_test(lies_in_the_header),
        cmocka_unit_test(every_wrong_checksum_is_seen),
        cmocka_unit_test(checksums_that_carry),
        cmocka_unit_test(ports_by_protocol),
        cmocka_unit_test(fragments_and_their_ports),
        cmocka_unit_test(tags_and_other_types),
        cmocka_unit_test(plain_udp6),
        cmocka_unit_test(lies_in_the_ipv6_header),
        cmocka_unit_test(ipv6_without_payload),
        cmocka_unit_test(ipv6_fast_and_thorough_agree),
        cmocka_unit_test(tags_in_front_of_both_families),
        cmocka_unit_test(arp_target),
        cmocka_unit_test(neighbour_discovery),
        cmocka_unit_test(ipv6_fragments_and_their_ports),
        cmocka_unit_test(ipv6_extension_headers),
        cmocka_unit_test(random_frames_never_read_too_far),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
