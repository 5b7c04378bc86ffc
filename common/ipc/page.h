/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The counter page: one memfd that the data plane makes when it starts, hands out at every attach, writes, and gvpnd
 * can only map read-only. gvpnd keeps it mapped when the data plane dies, because the leases in it say which IVs may
 * have been used (RFC 6054; DP3): before a worker uses a block of IPC_IV_LEASE IVs it publishes the block's end
 * here. With counter replay the workers lease their common sequence numbers alike, in blocks of IPC_SEQUENCE_LEASE.
 *
 * Readers treat every number in it as hostile: counts are clamped, indices checked.
 */
#ifndef GVPN_COMMON_IPC_PAGE_H
#define GVPN_COMMON_IPC_PAGE_H

#include "common/ipc/ipc.h"
#include "common/verdict.h"

#include <stdatomic.h>

#define IPC_PAGE_MAGIC 0x6776706e70616765ULL /* "gvpnpage" */
#define IPC_IV_LEASE   (1u << 20)
#define IPC_SEQUENCE_LEASE (1u << 16)

/* By what a port spreads frames over its queues: addresses of IPv4 and IPv6, and ports of TCP and UDP as well. */
#define IPC_PORT_RSS_IPV4  1u
#define IPC_PORT_RSS_IPV6  2u
#define IPC_PORT_RSS_PORTS 4u

/* Replay protection by time (DP4): how far the pseudotimes of senders lie from our own. */
#define IPC_PAGE_SENDERS 256
#define IPC_OFFSET_BINS  12

/* What the offsets of a sender say. */
enum ipc_offset {
    IPC_OFFSET_FINE,
    IPC_OFFSET_SENDER_CLOCK, /* that sender's clock jumped or drifts */
    IPC_OFFSET_SLOW_PATH,    /* packets wait on the way for longer than the window, beside others that don't */
    IPC_OFFSET_STALE_EPOCH,  /* its pseudotime began with another start of the key server's clock */
    IPC_OFFSET_OWN_CLOCK,    /* most senders are off to the same side: it is our own clock */
    IPC_OFFSET_COUNT,
};

/*
 * One sender of an SA with time-based replay, by sender id, or by source address for suites without. Filled once a
 * second; rows in use come first, spi 0 = unused. Offset = the sender's pseudotime minus our own. Counts are samples
 * (at most one per millisecond and worker, and every packet outside of the window) and halve every minute. Bins: 0 and 11
 * farther than ten windows before and after our own time, 1 and 10 outside of the window, 2 to 9 an eighth of what is
 * accepted each.
 */
struct ipc_page_sender {
    _Atomic uint32_t spi;
    _Atomic uint32_t judgement; /* enum ipc_offset */
    _Atomic uint64_t sender_id; /* UINT64_MAX = the suite has none */
    _Atomic uint64_t last_ms;   /* newest sample: the sender's pseudotime */
    _Atomic int64_t last_offset_ms;
    _Atomic uint32_t family;    /* 4 or 6: a source address of its traffic */
    uint32_t reserved;
    _Atomic uint64_t source[2]; /* as in a packet; IPv4 in the first four octets */
    _Atomic uint64_t bins[IPC_OFFSET_BINS];
};

/* The text and the uint32_t fields but link_up and speed never change after the start. */
struct ipc_page_port {
    char name[IPC_NAME_MAX];
    char device[64];
    char driver[32]; /* as DPDK calls it */
    _Atomic uint64_t rx_packets, rx_bytes;
    _Atomic uint64_t rx_missed; /* the device had no free descriptor: workers were too slow */
    _Atomic uint64_t rx_nombuf; /* no buffer to refill a descriptor */
    _Atomic uint64_t rx_errors; /* bad frames */
    _Atomic uint64_t tx_packets, tx_bytes, tx_errors;
    _Atomic uint32_t link_up;
    _Atomic uint32_t speed; /* Mbit/s; 0 = not known */
    uint32_t queues, rx_descriptors, tx_descriptors, mtu, rss;
    uint32_t reserved;
};

struct ipc_page_worker {
    _Atomic uint64_t lcore;
    _Atomic uint64_t polls, empty_polls;
    _Atomic uint64_t packets[VERDICT_COUNT]; /* per verdict */
    /* Of each group (by its index): ESP that was dropped because nobody here knows its SPI (GM13). Never cleared. */
    _Atomic uint64_t unknown_spi[IPC_MAX_GROUPS];
};

/* Slot of one SA; spi 0 = free. Slots are reused only after the SA has left all snapshots. */
struct ipc_page_sa {
    _Atomic uint32_t spi;
    _Atomic uint32_t group;
    _Atomic uint64_t packets_in, bytes_in, packets_out, bytes_out;
    _Atomic uint64_t sender_id[IPC_MAX_WORKERS];
    _Atomic uint64_t lease_end[IPC_MAX_WORKERS]; /* first IV counter that this worker has surely not used */
    /* Counter replay: no number above the first was sent, none above the highest of the others (one per worker) accepted.
       Each is published before it is true of a packet that leaves; for the next data-plane process they are sequence_used and
       sequence_top of the SA. */
    _Atomic uint64_t sequence_lease;
    _Atomic uint64_t sequence_top[IPC_MAX_WORKERS];
    _Atomic uint32_t replay; /* enum ipc_replay */
    uint32_t reserved;
    /* Replay protection: our pseudotime when the page was written, the highest sequence number sent (counter method),
       and what was dropped as a replay. */
    _Atomic uint64_t pseudotime_ms, sequence, replay_time, replay_counter, replay_sender;
};

struct ipc_page {
    uint64_t magic;
    uint32_t version; /* IPC_VERSION */
    uint32_t n_ports, n_workers, n_sas;
    uint64_t instance;
    _Atomic uint64_t epoch;     /* in effect */
    _Atomic uint64_t heartbeat; /* +1 at least every second */
    _Atomic uint64_t clear_generation; /* counters were cleared so often */
    struct ipc_page_port ports[2 * IPC_MAX_PAIRS];
    struct ipc_page_worker workers[IPC_MAX_WORKERS + 1]; /* last: the slow path */
    struct ipc_page_sa sas[IPC_MAX_SAS];
    struct ipc_page_sender senders[IPC_PAGE_SENDERS];
};

#endif
