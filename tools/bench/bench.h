/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gvpn-bench: cycles per packet of the real packet path on generated packets, without a port, beside a bare harness and raw
 * crypto calls of the same run (decision 42). The parts: options and output (main.c, report.c), a gateway with its
 * policy and packets (gateway.c), the check and the rounds (measure.c).
 */
#ifndef GVPN_TOOLS_BENCH_BENCH_H
#define GVPN_TOOLS_BENCH_BENCH_H

#include "dataplane/pipeline.h"

#include <rte_mbuf.h>

#define BENCH_FLOWS    256
#define BENCH_PACKETS  768 /* templates: a multiple of the flows and of the 12 packets of the IMIX pattern */
#define BENCH_SIZES    16
#define BENCH_SIZE_MIN 28   /* IP and UDP header */
#define BENCH_SIZE_MAX 1446 /* what still fits 1500 once protected */
#define BENCH_IMIX     0    /* a size: 7:4:1 of 64, 570, 1418 */

struct bench_options {
    const struct suite *suite;
    unsigned sizes[BENCH_SIZES];
    unsigned n_sizes;
    bool out, in; /* directions */
    unsigned sas, rules, workers;
    unsigned burst; /* packets per poll; divides BENCH_PACKETS */
    bool json;
};

/* Reads the command line; on error prints what is wrong to stderr and returns false. *help: only usage was asked for. */
MUST_CHECK bool bench_options_parse(struct bench_options *o, int argc, char **argv, bool *help);

/* One packet to run: an Ethernet frame, and the one that must come out. */
struct bench_packet {
    uint8_t *frame;    /* goes into the pipeline */
    uint8_t *inner;    /* the packet in clear */
    uint16_t len;      /* of frame */
    uint16_t clear_len; /* of the clear frame */
    uint16_t text_len; /* octets that are encrypted */
    uint16_t sa;       /* index of its SA */
};

/* A gateway with its policy, and the packets to send through it in one direction and size. */
struct bench_gateway {
    struct pipeline_config config;
    char pairs[1][IPC_NAME_MAX];
    struct ipc_page *page;
    struct snap_store *store;
    struct pipeline_ctx *ctx;
    struct rte_mempool *pool;
    const struct bench_options *options;
    uint64_t tsc_hz;
};

/* The gateway under test. sender: the sender id of its one worker. Exits the program when it can't be made. */
void bench_gateway_open(struct bench_gateway *g, const struct bench_options *o, const struct crypto_backend *crypto,
                        struct rte_mempool *pool, uint64_t sender);
void bench_gateway_close(struct bench_gateway *g);
/* The key | salt of SA i. */
void bench_key(unsigned i, uint8_t key[36]);
/* What a template has in common for both directions: the clear packet. Memory is owned by p. */
void bench_packet_make(struct bench_packet *p, unsigned index, unsigned size, const struct bench_options *o);
void bench_packets_free(struct bench_packet *p);
/* IP octets of packet `index` of a size. */
unsigned bench_packet_len(unsigned index, unsigned size);
double bench_mean_len(unsigned size);

struct bench_result {
    bool outbound;
    unsigned size;
    double cycles_per_packet, harness_cycles, raw_cycles, net_over_raw, mpps, gbps;
};

/* Checks, then measures one size in one direction. Returns false (and says why on stderr) when the check fails. */
MUST_CHECK bool bench_measure(const struct bench_options *o, struct rte_mempool *pool, bool outbound, unsigned size,
                              struct bench_result *r);

void bench_report_table(const struct bench_options *o, const struct bench_result *r, unsigned n);
/* Returns false when memory is short. */
MUST_CHECK bool bench_report_json(const struct bench_options *o, const struct bench_result *r, unsigned n);
const char *bench_size_text(unsigned size, char out[16]);

#endif
