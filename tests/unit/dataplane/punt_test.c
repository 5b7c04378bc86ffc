/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames for the appliance: their class, on exact-size buffers cut at every octet, and the limit of every class. */
#include "dataplane/punt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HZ 1000000000u

struct frame {
    const char *what;
    enum punt_class class;
    size_t len;
    uint8_t bytes[80];
};

#define ETH(type) 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, (type) >> 8, (type)&0xff
#define V4(proto, frag) 0x45, 0, 0, 28, 0, 1, (frag) >> 8, (frag)&0xff, 64, proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2
#define V6(next) \
    0x60, 0, 0, 0, 0, 8, next, 255, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xfe, 0x80, 0, 0, 0, 0, 0, \
        0, 0, 0, 0, 0, 0, 0, 0, 2
#define UDP(s, d) (s) >> 8, (s)&0xff, (d) >> 8, (d)&0xff, 0, 8, 0, 0

static const struct frame frames[] = {
    {"ARP", PUNT_NEIGHBOUR, 42, {ETH(0x0806), 0, 1, 8, 0, 6, 4, 0, 1}},
    {"IKE to 848", PUNT_IKE, 42, {ETH(0x0800), V4(17, 0), UDP(1000, 848)}},
    {"IKE from 848", PUNT_IKE, 42, {ETH(0x0800), V4(17, 0), UDP(848, 1000)}},
    {"NAT traversal", PUNT_IKE, 42, {ETH(0x0800), V4(17, 0), UDP(4500, 4500)}},
    {"first fragment of IKE", PUNT_IKE, 42, {ETH(0x0800), V4(17, 0x2000), UDP(848, 848)}},
    {"later fragment: no ports", PUNT_OTHER, 42, {ETH(0x0800), V4(17, 0x0010), UDP(848, 848)}},
    {"other UDP", PUNT_OTHER, 42, {ETH(0x0800), V4(17, 0), UDP(53, 5353)}},
    {"TCP to 848", PUNT_OTHER, 42, {ETH(0x0800), V4(6, 0), UDP(848, 848)}},
    {"ping", PUNT_OTHER, 42, {ETH(0x0800), V4(1, 0), 8, 0}},
    {"redirect", PUNT_OTHER, 42, {ETH(0x0800), V4(1, 0), 5, 1}},
    {"redirect in a first fragment", PUNT_OTHER, 42, {ETH(0x0800), V4(1, 0x2000), 5, 1}},
    {"later fragment of a ping", PUNT_OTHER, 42, {ETH(0x0800), V4(1, 0x0010), 5, 1}},
    {"redirect behind options", PUNT_OTHER, 46,
     {ETH(0x0800), 0x46, 0, 0, 32, 0, 1, 0, 0, 64, 1, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1, 1, 1, 1, 5, 1}},
    {"IGMP", PUNT_MEMBERSHIP, 42, {ETH(0x0800), V4(2, 0), 0x16}},
    {"ND solicitation", PUNT_NEIGHBOUR, 62, {ETH(0x86dd), V6(58), 135}},
    {"router advertisement", PUNT_NEIGHBOUR, 62, {ETH(0x86dd), V6(58), 134}},
    {"ND redirect", PUNT_NEIGHBOUR, 62, {ETH(0x86dd), V6(58), 137}},
    {"ping6", PUNT_OTHER, 62, {ETH(0x86dd), V6(58), 128}},
    {"MLD behind hop-by-hop", PUNT_MEMBERSHIP, 62, {ETH(0x86dd), V6(0), 58}},
    {"UDP 848 over IPv6", PUNT_IKE, 62, {ETH(0x86dd), V6(17), UDP(848, 848)}},
    {"advertisement behind hop-by-hop", PUNT_MEMBERSHIP, 70, {ETH(0x86dd), V6(0), 58, 0, 1, 4, 0, 0, 0, 0, 134}},
    {"redirect behind destination options", PUNT_OTHER, 78, {ETH(0x86dd), V6(60), 60, 0, 1, 4, 0, 0, 0, 0, 58, 0, 1, 4, 0, 0, 0, 0, 137}},
    {"advertisement in a first fragment", PUNT_OTHER, 70, {ETH(0x86dd), V6(44), 58, 0, 0, 1, 0, 0, 0, 9, 134}},
    {"headers that nobody can look behind", PUNT_OTHER, 70, {ETH(0x86dd), V6(135), 58, 0, 1, 4, 0, 0, 0, 0, 134}},
    {"a later fragment", PUNT_OTHER, 70, {ETH(0x86dd), V6(44), 58, 0, 0, 8, 0, 0, 0, 9, 134}},
    {"ping6 behind hop-by-hop", PUNT_MEMBERSHIP, 70, {ETH(0x86dd), V6(0), 58, 0, 1, 4, 0, 0, 0, 0, 128}},
    {"something else", PUNT_OTHER, 60, {ETH(0x88cc)}},
};

static void classes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        print_message("%s\n", frames[i].what);
        assert_int_equal(punt_classify(frames[i].bytes, frames[i].len), frames[i].class);
    }
}

/* RFC 792 and RFC 4861: 5, 134 and 137, wherever they stand (the kernel looks behind other headers, too), and nothing else. */
static void routing_is_told_apart(void **state)
{
    static const char *const about_routes[] = {"redirect", "redirect in a first fragment", "redirect behind options",
                                               "router advertisement", "ND redirect", "advertisement behind hop-by-hop",
                                               "redirect behind destination options", "advertisement in a first fragment",
                                               "headers that nobody can look behind"};

    (void)state;
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        bool want = false;

        for (size_t k = 0; k < sizeof(about_routes) / sizeof(about_routes[0]); k++) {
            want = want || strcmp(frames[i].what, about_routes[k]) == 0;
        }
        print_message("%s\n", frames[i].what);
        assert_int_equal(punt_is_routing(frames[i].bytes, frames[i].len), want);
    }
}

/* Under ASan a read past the end of the copy is an error. */
static void cut_frames_are_not_read_past_their_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        for (size_t len = 0; len <= frames[i].len; len++) {
            uint8_t *exact = malloc(len > 0 ? len : 1);

            assert_non_null(exact);
            memcpy(exact, frames[i].bytes, len);
            assert_true(punt_classify(exact, len) < PUNT_CLASS_COUNT);
            assert_true(!punt_is_routing(exact, len) || len > 34);
            free(exact);
        }
    }
}

static void wrong_header_length_is_other(void **state)
{
    uint8_t f[42] = {ETH(0x0800), V4(17, 0), UDP(848, 848)};

    (void)state;
    f[14] = 0x4f; /* 60 octets: longer than the frame */
    assert_int_equal(punt_classify(f, sizeof(f)), PUNT_OTHER);
    f[14] = 0x44; /* 16: shorter than a header */
    assert_int_equal(punt_classify(f, sizeof(f)), PUNT_OTHER);
}

/* Tries 1 million times spread over `seconds`; how many were let through. */
static unsigned long flood(struct punt_limiter *l, enum punt_class c, uint64_t start, unsigned seconds)
{
    unsigned long passed = 0;

    for (uint64_t i = 0; i < 1000000; i++) {
        passed += punt_limiter_take(l, c, start + i * seconds * (HZ / 1000000));
    }
    return passed;
}

static void a_class_has_its_rate_and_burst(void **state)
{
    struct punt_limiter l;
    unsigned long ike;

    (void)state;
    punt_limiter_init(&l, HZ, 1);
    ike = flood(&l, PUNT_IKE, HZ, 10);
    assert_in_range(ike, 50000, 50600); /* 5000 a second and 500 at once */
}

static void one_class_does_not_starve_another(void **state)
{
    struct punt_limiter l;

    (void)state;
    punt_limiter_init(&l, HZ, 1);
    (void)flood(&l, PUNT_OTHER, HZ, 1);
    assert_false(punt_limiter_take(&l, PUNT_OTHER, 2 * (uint64_t)HZ - 1));
    for (unsigned i = 0; i < 100; i++) {
        assert_true(punt_limiter_take(&l, PUNT_IKE, 2 * (uint64_t)HZ));
        assert_true(punt_limiter_take(&l, PUNT_NEIGHBOUR, 2 * (uint64_t)HZ));
    }
}

/* A TSC that stands still or jumps gives no more than the burst. */
static void odd_clocks_give_nothing_away(void **state)
{
    struct punt_limiter l;
    unsigned passed = 0;

    (void)state;
    punt_limiter_init(&l, HZ, 1);
    for (unsigned i = 0; i < 10000; i++) {
        passed += punt_limiter_take(&l, PUNT_NEIGHBOUR, 5000);
    }
    assert_in_range(passed, 200, 202);
    assert_false(punt_limiter_take(&l, PUNT_NEIGHBOUR, 10));
    passed = 0;
    for (unsigned i = 0; i < 10000; i++) {
        passed += punt_limiter_take(&l, PUNT_NEIGHBOUR, UINT64_MAX);
    }
    assert_in_range(passed, 200, 202);
}

static void workers_share_the_rate(void **state)
{
    struct punt_limiter l;

    (void)state;
    punt_limiter_init(&l, HZ, 4);
    assert_in_range(flood(&l, PUNT_IKE, HZ, 10), 12500, 12700);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes),
        cmocka_unit_test(routing_is_told_apart),
        cmocka_unit_test(cut_frames_are_not_read_past_their_end),
        cmocka_unit_test(wrong_header_length_is_other),
        cmocka_unit_test(a_class_has_its_rate_and_burst),
        cmocka_unit_test(one_class_does_not_starve_another),
        cmocka_unit_test(odd_clocks_give_nothing_away),
        cmocka_unit_test(workers_share_the_rate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
