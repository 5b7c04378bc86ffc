/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A gateway without ports for tests of the packet path: real mbufs, a real snapshot store filled by the messages that gvpnd
 * would send, a clock that the test turns (1 TSC tick = 1 ns), one pipeline context per worker. EAL runs without
 * hugepages.
 */
#ifndef GVPN_TESTS_STAGE_RIG_H
#define GVPN_TESTS_STAGE_RIG_H

#include "dataplane/pipeline.h"

#include <rte_mbuf.h>

#define RIG_WORKERS_MAX 4
#define RIG_MS          1000000ULL /* ticks */

struct rig {
    struct ipc_page *page;
    char pairs[2][IPC_NAME_MAX];
    struct pipeline_config config;
    struct snap_store *store;
    struct pipeline_ctx *ctx[RIG_WORKERS_MAX];
    struct rte_mempool *pool;
    const struct crypto_backend *crypto;
    unsigned n_workers;
    uint64_t now_tsc;
    uint64_t epoch;
    uint32_t n_messages;
    char reason[IPC_TEXT_MAX];
};

/* What became of one packet. */
struct rig_result {
    enum verdict verdict;
    enum pkt_to to;
    uint16_t tag; /* security group tag of a received one */
    uint8_t bytes[2048];
    size_t len; /* 0 when dropped */
};

/* Everything that came out of a run: more or less than went in when packets are cut or answered. */
#define RIG_OUT_MAX 512
struct rig_out {
    unsigned n_tx, n_back, n_punt, rounds; /* rounds: vectors that it took */
    struct rig_result tx[RIG_OUT_MAX], back[VEC_MAX], punt[VEC_MAX];
};

/* EAL and the mbuf pool, once per process. */
void rig_start_eal(void);
/* A gateway with pairs "wan" (own addresses 10.9.9.9 and 2001:db8::9) and "dmz"; no policy yet. */
void rig_open(struct rig *r, unsigned n_workers);
/* The same with another crypto backend. */
void rig_open_with(struct rig *r, unsigned n_workers, const struct crypto_backend *crypto);
/* Also checks that no mbuf was lost. */
void rig_close(struct rig *r);

/* One transaction; everything is checked with cmocka's asserts. */
void rig_begin(struct rig *r);
void rig_group(struct rig *r, unsigned index, const char *name, const char *pair, enum ipc_group_state state);
/* The same on one VLAN of the pair; 0 = all of it. */
void rig_group_on(struct rig *r, unsigned index, const char *name, const char *pair, unsigned vlan,
                  enum ipc_group_state state);
/* One more place where it rules. */
void rig_bind(struct rig *r, unsigned index, const char *pair, unsigned vlan);
void rig_rule(struct rig *r, unsigned group, enum ipc_list list, unsigned sa, const char *text);
/* A message for an SA of AES-GCM-128 that sends and receives; change what you need, then hand it to snap_sa(). */
struct ipc_sa rig_sa_message(const struct rig *r, uint32_t spi, unsigned number, uint64_t first_sender);
/* The same of any suite; the key says the suite and the SPI. Without sender ids where the suite needs none. */
struct ipc_sa rig_suite_message(const struct rig *r, enum suite_id id, bool transport, uint32_t spi, unsigned number,
                                uint64_t first_sender);
void rig_sa(struct rig *r, const struct ipc_sa *m);
/* Returns the result; on success the workers have seen it. */
enum ipc_result rig_commit(struct rig *r);
/*
 * Group 0 "g" on pair wan with SA 0x1000 of number 10 for 10.1.0.0/16 and 10.2.0.0/16, 2001:db8:1::/48 and
 * 2001:db8:2::/48, both ways, and what they send to multicast groups.
 */
void rig_simple_policy(struct rig *r, uint64_t first_sender);
/* The same policy with another SA of number 10. */
void rig_simple_sa(struct rig *r, const struct ipc_sa *sa);

/*
 * Runs frames through worker 0 (or `worker`), and what waits in lanes out of them; results in the order of arrival. What is
 * dropped behind lanes has its verdict only when it came alone, else drop_internal. local: frames come from the TAP. */
void rig_run(struct rig *r, unsigned worker, bool inbound, bool local, unsigned n, const uint8_t *const frames[],
             const size_t lens[], struct rig_result results[]);
/* The same as a worker does it, with what the packets became; everything is freed. */
void rig_all(struct rig *r, unsigned worker, bool inbound, bool local, unsigned n, const uint8_t *const frames[],
             const size_t lens[], struct rig_out *out);
struct rig_result rig_one(struct rig *r, bool inbound, const void *frame, size_t len);
/* One frame whose verdict, counter and owner are these. */
void rig_expect(struct rig *r, bool inbound, const void *frame, size_t len, enum verdict verdict, enum pkt_to to);
struct rig_result rig_local(struct rig *r, const void *frame, size_t len);
uint64_t rig_count(const struct rig *r, enum verdict v);

/* Builds an Ethernet frame with an IPv4 packet of ip_len octets; ports for TCP and UDP. Returns its length. */
size_t rig_ipv4(uint8_t *frame, const char *src, const char *dst, uint8_t proto, uint16_t sport, uint16_t dport,
                size_t ip_len);
/* The same with an IPv6 packet: traffic class 0xb8, flow label 0x12345, hop limit 63; ports when it has room for them. */
size_t rig_ipv6(uint8_t *frame, const char *src, const char *dst, uint8_t next, uint16_t sport, uint16_t dport,
                size_t ip_len);
/* Puts a tag in front of a frame's type or its first tag. Returns the new length. */
size_t rig_tag(uint8_t *frame, size_t len, uint16_t tpid, uint16_t tci);
/* Recomputes the IPv4 header checksum of a frame. */
void rig_fix_checksum(uint8_t *frame);

#endif
