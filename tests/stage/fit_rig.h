/* SPDX-License-Identifier: BSD-3-Clause */
/* A sender and a receiver for packets that don't fit: what goes in, what comes out, and whether its pieces are the packet. */
#ifndef GVPN_TESTS_STAGE_FIT_RIG_H
#define GVPN_TESTS_STAGE_FIT_RIG_H

#include "dataplane/fit.h"
#include "tests/stage/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DF 0x40

/* Suites, what fits, and what of an MTU isn't the packet's; in lanes it is more by up to a block. */
struct kind {
    enum suite_id suite;
    unsigned fit4, fit6, align;
    unsigned fixed; /* ESP header, IV, ICV and trailer */
    enum ipc_replay replay;
};

static const struct kind gcm = {SUITE_AES_GCM_128, 1446, 1426, 4, 8 + 8 + 16, IPC_REPLAY_NONE};
static const struct kind cbc = {SUITE_AES_CBC_128_SHA256, 1438, 1406, 16, 8 + 16 + 16, IPC_REPLAY_NONE};
static const struct kind *kind; /* the one in use */

static struct rig a, b; /* a sends, b receives */
static unsigned worker; /* of a */
static struct rig_out out, in;
static uint8_t f[2048];

/* a has so many workers. */
static inline int open_both(const struct kind *k, unsigned workers)
{
    kind = k;
    worker = 0;
    for (unsigned i = 0; i < 2; i++) {
        struct rig *r = i == 0 ? &a : &b;
        struct ipc_sa sa;

        rig_open(r, i == 0 ? workers : 1);
        sa = rig_suite_message(r, k->suite, false, 0x1000, 10, 1 + 4 * i);
        sa.replay = k->replay;
        sa.window = k->replay == IPC_REPLAY_COUNTER ? 64 : 0;
        rig_simple_sa(r, &sa);
    }
    return 0;
}

static inline int close_both(void **state)
{
    (void)state;
    rig_close(&a);
    rig_close(&b);
    return 0;
}

/* flags: the first octet of flags and offset. */
static inline size_t packet4(uint8_t flags, size_t ip_len)
{
    size_t len = rig_ipv4(f, "10.1.0.1", "10.2.0.1", 17, 1000, 53, ip_len);

    f[18] = 0x12, f[19] = 0x34;
    f[20] = flags;
    rig_fix_checksum(f);
    return len;
}

static inline size_t packet6(size_t ip_len)
{
    return rig_ipv6(f, "2001:db8:1::1", "2001:db8:2::1", 17, 1000, 53, ip_len);
}

static inline size_t tagged(size_t len, unsigned tags)
{
    for (unsigned i = 0; i < tags; i++)
        len = rig_tag(f, len, i ? 0x88a8 : 0x8100, (uint16_t)(5 + i));
    return len;
}

static inline void run(struct rig *r, bool inbound, size_t len, struct rig_out *result)
{
    const uint8_t *frames[1] = {f};

    rig_all(r, r == &a ? worker : 0, inbound, false, 1, frames, &len, result);
}

/* All that came out of a is put into b. */
static inline void receive(void)
{
    static const uint8_t *frames[VEC_MAX];
    static size_t lens[VEC_MAX];

    assert_true(out.n_tx <= VEC_MAX);
    for (unsigned i = 0; i < out.n_tx; i++) {
        frames[i] = out.tx[i].bytes;
        lens[i] = out.tx[i].len;
    }
    rig_all(&b, 0, true, false, out.n_tx, frames, lens, &in);
}

/* The pieces that b let through, put together the slow way, are the packet in `whole`. */
static inline void together(const uint8_t *whole, unsigned l2_len)
{
    const uint8_t *ip = whole + l2_len;
    uint32_t payload_len = load16_be(ip + 2) - 20u, first = (load16_be(ip + 6) & 0x1fffu) * 8, done = 0;

    for (unsigned i = 0; i < in.n_tx; i++) {
        const uint8_t *piece = in.tx[i].bytes + l2_len;
        uint32_t n = load16_be(piece + 2) - 20u, at = (load16_be(piece + 6) & 0x1fffu) * 8 - first;
        bool last = i + 1 == in.n_tx;

        assert_int_equal(in.tx[i].verdict, VERDICT_RECEIVED_DECRYPTED);
        assert_memory_equal(in.tx[i].bytes, whole, l2_len);
        assert_int_equal(in.tx[i].len, l2_len + 20 + n);
        assert_true(sum_right(sum_ipv4(piece)));
        assert_int_equal(at, done); /* in order */
        assert_int_equal(load16(piece + 4), load16(ip + 4));
        assert_int_equal(load16_be(piece + 6) & 0x2000, last ? load16_be(ip + 6) & 0x2000 : 0x2000);
        assert_memory_equal(piece + 20, ip + 20 + at, n);
        done += n;
    }
    assert_int_equal(done, payload_len);
}

#endif
