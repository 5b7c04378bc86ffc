/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MSS clamping on buffers of exactly the packet's size: every option list that a SYN may carry, at every alignment and cut
 * off everywhere; afterwards the whole TCP checksum, computed anew, must be right.
 */
#include "dataplane/core/mss.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define MTU  1446u
#define MTU6 1426u

static enum l3_kind kind; /* of the packets of a test */
static uint8_t *ip;
static struct l3 h;

static size_t front(void)
{
    return kind == L3_IPV6 ? 40 : 20;
}

static uint32_t add(const uint8_t *p, size_t n)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
    return sum;
}

/* The TCP checksum made the slow way (RFC 9293 3.1); 0 when the one in the packet is right. */
static uint16_t tcp_sum(void)
{
    size_t n = h.len - front();
    uint32_t sum = add(ip + front(), n) + 6 + (uint32_t)n;

    sum += kind == L3_IPV6 ? add(ip + 8, 32) : add(ip + 12, 8);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* A TCP packet with these octets of options, a data offset (in words) and payload behind; its checksum is right. */
static void make(uint8_t flags, unsigned words, const uint8_t *options, size_t n, size_t payload)
{
    size_t len = front() + 20 + n + payload;
    uint8_t *tcp;

    free(ip);
    ip = calloc(1, len);
    assert_non_null(ip);
    ip[0] = kind == L3_IPV6 ? 0x60 : 0x45;
    for (size_t i = 0; i < (kind == L3_IPV6 ? 32 : 8); i++)
        ip[(kind == L3_IPV6 ? 8 : 12) + i] = (uint8_t)(i * 37 + 1);
    if (kind == L3_IPV6) {
        store16_be(ip + 4, (uint16_t)(len - 40));
        ip[6] = 6;
        ip[7] = 64;
    } else {
        store16_be(ip + 2, (uint16_t)len);
        ip[9] = 6;
        store16(ip + 10, (uint16_t)~sum_fold(sum_ipv4(ip)));
    }
    tcp = ip + front();
    tcp[1] = 80;
    tcp[12] = (uint8_t)(words << 4);
    tcp[13] = flags;
    if (n > 0)
        memcpy(tcp + 20, options, n);
    memset(tcp + 20 + n, 0xa5, payload);
    h = (struct l3){0};
    if (kind == L3_IPV6)
        l3_parse_ipv6(ip, len, &h);
    else
        l3_parse_ipv4(ip, len, &h);
    assert_int_equal(h.flaw, L3_OK);
    store16_be(tcp + 16, tcp_sum());
    assert_int_equal(tcp_sum(), 0);
}

static bool clamp(void)
{
    return mss_clamp(ip, &h, kind == L3_IPV6 ? MTU6 : MTU);
}

static uint16_t mss_at(size_t at)
{
    return load16_be(ip + front() + 20 + at);
}

/* Both families come to the same: 1446 - 40 = 1406, 1426 - 60 = 1366. */
static uint16_t limit(void)
{
    return kind == L3_IPV6 ? 1366 : 1406;
}

static void around_the_limit(void)
{
    static const int around[] = {-1, 0, 1, 54, 8000};

    for (size_t i = 0; i < sizeof around / sizeof around[0]; i++) {
        uint16_t mss = (uint16_t)(limit() + around[i]);
        uint8_t o[4] = {2, 4, (uint8_t)(mss >> 8), (uint8_t)mss};

        for (unsigned ack = 0; ack <= 1; ack++) {
            make((uint8_t)(0x02 | ack << 4), 6, o, 4, 0);
            assert_int_equal(clamp(), around[i] > 0);
            assert_int_equal(mss_at(2), around[i] > 0 ? limit() : mss);
            assert_int_equal(tcp_sum(), 0);
            assert_false(clamp()); /* the second member on the way finds nothing to do */
        }
    }
}

static void with_neighbours(void)
{
    /* Linux: mss, sack ok, timestamps, nop, window scale; then at odd places; twice; behind an option nobody knows. */
    static const uint8_t usual[20] = {2, 4, 0x23, 0, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7};
    static const uint8_t odd[8] = {1, 2, 4, 0x23, 1, 1, 1, 0};
    static const uint8_t odd_carry[8] = {3, 3, 7, 2, 4, 0xff, 0xff, 1};
    static const uint8_t twice[12] = {2, 4, 0x23, 0, 1, 1, 1, 2, 4, 0x24, 1, 0};
    static const uint8_t unknown[12] = {253, 7, 1, 2, 3, 4, 5, 2, 4, 0x23, 0x28, 0};

    make(0x02, 10, usual, sizeof usual, 5);
    assert_true(clamp());
    assert_int_equal(mss_at(2), limit());
    assert_memory_equal(ip + front() + 24, usual + 4, sizeof usual - 4);
    assert_int_equal(tcp_sum(), 0);
    make(0x12, 7, odd, sizeof odd, 0);
    assert_true(clamp());
    assert_int_equal(mss_at(3), limit());
    assert_int_equal(tcp_sum(), 0);
    make(0x12, 7, odd_carry, sizeof odd_carry, 0);
    assert_true(clamp());
    assert_int_equal(mss_at(5), limit());
    assert_int_equal(tcp_sum(), 0);
    make(0x02, 8, twice, sizeof twice, 0);
    assert_true(clamp());
    assert_int_equal(mss_at(2), limit());
    assert_int_equal(mss_at(9), limit());
    assert_int_equal(tcp_sum(), 0);
    make(0x02, 8, unknown, sizeof unknown, 0);
    assert_true(clamp());
    assert_int_equal(mss_at(9), limit());
    assert_int_equal(tcp_sum(), 0);
}

static void left_alone(void)
{
    static const uint8_t big[4] = {2, 4, 0x23, 0};
    static const uint8_t ended[8] = {0, 0, 0, 0, 2, 4, 0x23, 0};
    static const uint8_t short_mss[4] = {2, 3, 0x23, 1}, long_mss[8] = {2, 6, 0x23, 0, 0, 0, 1, 1};
    static const uint8_t zero_len[8] = {5, 0, 1, 1, 2, 4, 0x23, 0}, one_len[8] = {5, 1, 1, 1, 2, 4, 0x23, 0};
    static const uint8_t too_long[8] = {5, 9, 1, 1, 2, 4, 0x23, 0}, cut[4] = {1, 1, 1, 2}, cut2[4] = {1, 1, 2, 4};
    struct {
        uint8_t flags;
        unsigned words;
        const uint8_t *options;
        size_t n, payload;
    } cases[] = {
        {0x10, 6, big, 4, 0},       /* no SYN */
        {0x06, 6, big, 4, 0},       /* SYN with RST */
        {0x02, 5, big, 4, 0},       /* what follows is payload */
        {0x02, 4, big, 4, 0},       /* a header shorter than there is */
        {0x02, 7, big, 4, 3},       /* and longer than the packet */
        {0x02, 15, big, 4, 35},     {0x02, 5, NULL, 0, 0},    {0x02, 7, ended, 8, 0},   {0x02, 6, short_mss, 4, 0},
        {0x02, 7, long_mss, 8, 0},  {0x02, 7, zero_len, 8, 0}, {0x02, 7, one_len, 8, 0}, {0x02, 7, too_long, 8, 0},
        {0x02, 6, cut, 4, 0},       {0x02, 6, cut2, 4, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t before[200];

        make(cases[i].flags, cases[i].words, cases[i].options, cases[i].n, cases[i].payload);
        memcpy(before, ip, h.len);
        assert_false(clamp());
        assert_memory_equal(before, ip, h.len);
    }
}

/* A packet that says TCP and SYN and ends anywhere. */
static void cut_everywhere(void)
{
    static const uint8_t o[12] = {2, 4, 0x23, 0, 1, 1, 2, 4, 0xff, 0xff, 1, 0};

    make(0x02, 8, o, sizeof o, 0);
    for (size_t len = front() + 4; len < front() + 32; len++) {
        uint8_t *copy = malloc(len);
        struct l3 cut = h;

        assert_non_null(copy);
        memcpy(copy, ip, len);
        cut.len = (uint16_t)len;
        assert_false(mss_clamp(copy, &cut, MTU6));
        free(copy);
    }
}

static void not_on_fragments(void)
{
    static const uint8_t o[4] = {2, 4, 0x23, 0};

    make(0x02, 6, o, 4, 0);
    h.flaw = L3_FRAGMENT;
    assert_false(clamp());
    h.flaw = L3_OK;
    h.tuple = l3_make_tuple(17, FLOW_PORTS, 0);
    assert_false(clamp());
}

static void no_room_no_clamp(void)
{
    static const uint8_t o[4] = {2, 4, 0, 2};

    make(0x02, 6, o, 4, 0);
    assert_false(mss_clamp(ip, &h, 0));
    assert_false(mss_clamp(ip, &h, (uint32_t)front() + 20));
    assert_true(mss_clamp(ip, &h, (uint32_t)front() + 21));
    assert_int_equal(mss_at(2), 1);
    assert_int_equal(tcp_sum(), 0);
}

static void random_options(void)
{
    unsigned seed = getenv("GVPN_SEED") ? (unsigned)atoi(getenv("GVPN_SEED")) : (unsigned)time(NULL);

    print_message("GVPN_SEED=%u\n", seed);
    srand(seed);
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t o[40];
        size_t n = (size_t)(rand() % 11) * 4;

        for (size_t k = 0; k < n; k++)
            o[k] = (uint8_t)(rand() % 3 ? rand() % 6 : rand());
        make(0x02, (unsigned)(5 + n / 4), o, n, (size_t)(rand() % 4));
        (void)clamp();
        assert_int_equal(tcp_sum(), 0);
        assert_false(clamp());
    }
}

static void both_families(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        kind = k ? L3_IPV6 : L3_IPV4;
        around_the_limit();
        with_neighbours();
        left_alone();
        cut_everywhere();
        not_on_fragments();
        no_room_no_clamp();
        random_options();
    }
    free(ip);
    ip = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_families),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
