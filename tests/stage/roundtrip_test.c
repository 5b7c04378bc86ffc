/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two gateways: what one sends, the other gives out octet by octet as it went in (DP1), in every burst size and packet
 * length, on real mbufs; and each judged by the independent crypto backend.
 */
#include "tests/stage/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* What a frame looks like, apart from its length. */
struct shape {
    bool six, multicast;
    unsigned tags;
};

static uint8_t frames[VEC_MAX][2048];
static const uint8_t *pointers[VEC_MAX];
static size_t lens[VEC_MAX], l2_lens[VEC_MAX];
static struct rig_result sent[VEC_MAX], received[VEC_MAX];

static size_t len_min(bool six)
{
    return six ? 41 : 20; /* IPv6 without payload is malformed */
}

/* The effective MTU of 1500. */
static size_t len_max(bool six)
{
    return six ? 1426 : 1446;
}

static void outer_is_right(const uint8_t *in, const uint8_t *out, size_t ip_len, size_t outer_len)
{
    bool six = in[0] >> 4 == 6;
    size_t header_len = six ? 40 : 20;

    assert_int_equal((ip_len + 2 + 3) / 4 * 4 + header_len + 16 + 16, outer_len);
    if (six) {
        assert_memory_equal(out, in, 4); /* version, traffic class, flow label */
        assert_int_equal(out[4] << 8 | out[5], outer_len - 40);
        assert_int_equal(out[6], 50);
        assert_int_equal(out[7], in[7]);
        assert_memory_equal(out + 8, in + 8, 32);
    } else {
        assert_int_equal(out[2] << 8 | out[3], outer_len);
        assert_int_equal(out[9], 50);
        assert_int_equal(out[1], in[1]);
        assert_int_equal(out[8], in[8]);
        assert_memory_equal(out + 12, in + 12, 8);
    }
    if (ip_len >= 40)
        assert_memory_not_equal(out + header_len + 16, in, 20);
}

/* Sends n frames from a to b and compares. */
static void there(struct rig *a, struct rig *b, unsigned n)
{
    const uint8_t *esp[VEC_MAX];
    size_t esp_lens[VEC_MAX];

    rig_run(a, 0, false, false, n, pointers, lens, sent);
    for (unsigned i = 0; i < n; i++) {
        size_t l2_len = l2_lens[i];

        assert_int_equal(sent[i].verdict, VERDICT_SENT_ENCRYPTED);
        assert_memory_equal(sent[i].bytes, frames[i], l2_len);
        outer_is_right(frames[i] + l2_len, sent[i].bytes + l2_len, lens[i] - l2_len, sent[i].len - l2_len);
        esp[i] = sent[i].bytes;
        esp_lens[i] = sent[i].len;
    }
    rig_run(b, 0, true, false, n, esp, esp_lens, received);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(received[i].verdict, VERDICT_RECEIVED_DECRYPTED);
        assert_int_equal(received[i].to, PKT_TO_TX);
        assert_int_equal(received[i].len, lens[i]);
        assert_memory_equal(received[i].bytes, frames[i], lens[i]);
    }
}

static void fill(unsigned i, struct shape shape, size_t ip_len)
{
    static const uint16_t tpids[] = {0x8100, 0x88a8, 0x9100};
    uint8_t *f = frames[i];
    uint16_t sport = (uint16_t)(1000 + i);

    if (shape.six)
        lens[i] = rig_ipv6(f, "2001:db8:1::1", shape.multicast ? "ff0e::1:2:3" : "2001:db8:2::1", ip_len >= 44 ? 17 : 58,
                           sport, 53, ip_len);
    else
        lens[i] = rig_ipv4(f, "10.1.0.1", shape.multicast ? "239.1.2.3" : "10.2.0.1", ip_len >= 24 ? 17 : 1, sport, 53,
                           ip_len);
    if (shape.multicast)
        memcpy(f, shape.six ? "\x33\x33\0\2\0\3" : "\1\0\x5e\1\2\3", 6);
    for (unsigned t = 0; t < shape.tags; t++)
        lens[i] = rig_tag(f, lens[i], tpids[(i + t) % 3], (uint16_t)(0x6000 + i + 100 * t));
    l2_lens[i] = 14 + 4 * shape.tags;
    pointers[i] = f;
}

static void both_ways(struct rig *a, struct rig *b, struct shape shape)
{
    for (size_t len = len_min(shape.six); len <= len_max(shape.six); len += VEC_BURST) {
        unsigned n = 0;

        while (n < VEC_BURST && len + n <= len_max(shape.six)) {
            fill(n, shape, len + n);
            n++;
        }
        there(a, b, n);
        there(b, a, n);
    }
}

/* Both families, no, one and two tags, unicast and multicast. */
static void every_length_of_every_shape_comes_back(void **state)
{
    struct rig a, b;

    (void)state;
    rig_open(&a, 1);
    rig_open(&b, 1);
    rig_simple_policy(&a, 1);
    rig_simple_policy(&b, 2);
    for (unsigned k = 0; k < 12; k++)
        both_ways(&a, &b, (struct shape){.six = k & 1, .multicast = k & 2, .tags = k / 4});
    rig_close(&a);
    rig_close(&b);
}

static struct shape random_shape(void)
{
    return (struct shape){.six = rand() % 2, .multicast = rand() % 2, .tags = (unsigned)rand() % 3};
}

/* Frames of all shapes side by side. */
static void every_burst_size_comes_back(void **state)
{
    struct rig a, b;
    unsigned seed = (unsigned)time(NULL);

    (void)state;
    print_message("seed %u\n", seed);
    srand(seed);
    rig_open(&a, 1);
    rig_open(&b, 1);
    rig_simple_policy(&a, 1);
    rig_simple_policy(&b, 2);
    for (unsigned round = 0; round < 10 * VEC_MAX; round++) {
        unsigned n = 1 + round % VEC_MAX;

        for (unsigned i = 0; i < n; i++) {
            struct shape shape = random_shape();

            fill(i, shape, len_min(shape.six) + (unsigned)rand() % (len_max(shape.six) - len_min(shape.six) + 1));
        }
        there(&a, &b, n);
    }
    rig_close(&a);
    rig_close(&b);
}

/* What ipsec-mb sends OpenSSL must read, and the other way round: no bug of ours cancels itself out. */
static void backends_read_each_other(void **state)
{
    struct rig a, b;

    (void)state;
    rig_open_with(&a, 1, crypto_ipsec_mb());
    rig_open_with(&b, 1, crypto_libcrypto());
    rig_simple_policy(&a, 1);
    rig_simple_policy(&b, 2);
    for (unsigned i = 0; i < VEC_BURST; i++)
        fill(i, (struct shape){.six = i & 1, .tags = i % 3}, 48 + i * 43);
    there(&a, &b, VEC_BURST);
    there(&b, &a, VEC_BURST);
    rig_close(&a);
    rig_close(&b);
}

/* The outer identification of a frame with this inner one and these flags. */
static unsigned outer_id(struct rig *r, unsigned worker, uint16_t id, bool df)
{
    uint8_t *ip = frames[0] + 14;

    lens[0] = rig_ipv4(frames[0], "10.1.0.1", "10.2.0.1", 17, 1000, 53, 100);
    pointers[0] = frames[0];
    ip[4] = (uint8_t)(id >> 8);
    ip[5] = (uint8_t)id;
    ip[6] = df ? 0x40 : 0;
    rig_fix_checksum(frames[0]);
    rig_run(r, worker, false, false, 1, pointers, lens, sent);
    assert_int_equal(sent[0].verdict, VERDICT_SENT_ENCRYPTED);
    assert_int_equal(sent[0].bytes[14 + 6], ip[6]);
    return (unsigned)sent[0].bytes[14 + 4] << 8 | sent[0].bytes[14 + 5];
}

/*
 * Hosts behind a gateway don't know of each other: where a packet may be fragmented on the way, equal inner identifications must
 * not become equal outer ones, on no worker. Where it may not, its own one goes on (RFC 6864 4.1, 4.3).
 */
static void identification_of_what_may_be_fragmented(void **state)
{
    static bool seen[1 << 16];
    struct rig r;

    (void)state;
    memset(seen, 0, sizeof seen);
    rig_open(&r, 2);
    rig_simple_policy(&r, 1);
    for (unsigned i = 0; i < 1000; i++) {
        unsigned id = outer_id(&r, i % 2, 7, false);

        assert_false(seen[id]);
        seen[id] = true;
        assert_int_equal(outer_id(&r, i % 2, (uint16_t)(i * 77), true), (uint16_t)(i * 77));
    }
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_of_every_shape_comes_back),
        cmocka_unit_test(every_burst_size_comes_back),
        cmocka_unit_test(backends_read_each_other),
        cmocka_unit_test(identification_of_what_may_be_fragmented),
    };

    rig_start_eal();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
