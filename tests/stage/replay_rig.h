/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two gateways that share one SA with replay protection, a packet from one to the other and what becomes of it. For the
 * tests of the metadata header (metadata_test.c) and of replays (replay_test.c).
 */
#ifndef GVPN_TESTS_STAGE_REPLAY_RIG_H
#define GVPN_TESTS_STAGE_REPLAY_RIG_H

#include "tests/stage/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SPI    0x1000
#define WINDOW 10000 /* ms */
#define START  5000000ULL /* pseudotime at which gateways begin */

static struct rig a, b; /* sends, receives */
static uint8_t frame[2048];

/* What the SA of group 0 is protected by. */
struct guard_kind {
    enum ipc_replay replay;
    uint32_t window;
    uint8_t metadata;
    bool strict;
};
__attribute__((unused)) static const struct guard_kind none = {0}, by_time = {IPC_REPLAY_TIME, WINDOW, IPC_META_TIME, false},
                               strict = {IPC_REPLAY_TIME, WINDOW, IPC_META_TIME, true},
                               by_counter = {IPC_REPLAY_COUNTER, 64, 0, false}, tagged = {IPC_REPLAY_NONE, 0, IPC_META_TAG, false},
                               tagged_time = {IPC_REPLAY_TIME, WINDOW, IPC_META_TIME | IPC_META_TAG, false};

static inline void add_time(struct rig *r, uint32_t spi, uint64_t pseudotime_ms)
{
    struct ipc_time m = {0, spi, pseudotime_ms};

    r->n_messages++;
    snap_time(r->store, &m);
}

static inline struct ipc_sa message(const struct rig *r, uint32_t spi, struct guard_kind kind)
{
    struct ipc_sa m = rig_sa_message(r, spi, 10, r == &a ? 1 : 101);

    m.replay = kind.replay;
    m.window = kind.window;
    m.metadata = kind.metadata;
    m.strict_sender = kind.strict;
    return m;
}

static inline void begin(struct rig *r)
{
    rig_begin(r);
    rig_group(r, 0, "g", "wan", IPC_GROUP_POLICY);
    rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip 10.1.0.0/16 10.2.0.0/16");
    rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip 2001:db8:1::/48 2001:db8:2::/48");
}

static inline void install(struct rig *r, struct guard_kind kind, uint64_t pseudotime_ms)
{
    struct ipc_sa m = message(r, SPI, kind);

    begin(r);
    rig_sa(r, &m);
    if (kind.metadata & IPC_META_TIME)
        add_time(r, SPI, pseudotime_ms);
    assert_int_equal(rig_commit(r), IPC_OK);
}

/* Two gateways with the same SA, whose clocks agree; 1 ms later, because strict begins after its beginning. */
static inline void pair_up(struct guard_kind kind, unsigned workers)
{
    rig_open(&a, 1);
    rig_open(&b, workers);
    install(&a, kind, START);
    install(&b, kind, START);
    a.now_tsc += RIG_MS;
    b.now_tsc += RIG_MS;
}

static inline void close_both(void)
{
    rig_close(&a);
    rig_close(&b);
}

static inline size_t plain(bool v6)
{
    return v6 ? rig_ipv6(frame, "2001:db8:1::1", "2001:db8:2::1", 17, 1000, 53, 140)
              : rig_ipv4(frame, "10.1.0.1", "10.2.0.1", 17, 1000, 53, 120);
}

static inline struct rig_result sent(bool v6)
{
    size_t len = plain(v6);
    struct rig_result esp = rig_one(&a, false, frame, len);

    assert_int_equal(esp.verdict, VERDICT_SENT_ENCRYPTED);
    return esp;
}

/* The receiver's verdict, on one of its workers. */
static inline enum verdict receive_on(const struct rig_result *esp, unsigned worker)
{
    const uint8_t *frames[1] = {esp->bytes};
    struct rig_result back;
    enum verdict before = VERDICT_COUNT;

    rig_run(&b, worker, true, false, 1, frames, &esp->len, &back);
    before = back.verdict;
    if (before == VERDICT_RECEIVED_DECRYPTED) {
        bool v6 = esp->bytes[12] == 0x86;
        size_t len = plain(v6);

        assert_int_equal(back.len, len);
        assert_memory_equal(back.bytes + 14, frame + 14, len - 14);
    }
    return before;
}

static inline enum verdict receive(const struct rig_result *esp)
{
    return receive_on(esp, 0);
}

#endif
