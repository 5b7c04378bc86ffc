/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gvpn-bench: cycles per packet of the real packet path on generated packets, without a port, beside a bare harness and raw
 * crypto calls of the same run (decision 42). The parts: options and output (main.c, options.c, report.c), packets and a
 * gateway with its policy (packets.c, gateway.c), one thing to measure (run.c), its check (check.c), the rounds
 * (measure.c), several things in turns (compare.c), several workers at once (workers.c).
 */
#ifndef GVPN_TOOLS_BENCH_BENCH_H
#define GVPN_TOOLS_BENCH_BENCH_H

#include "dataplane/pipeline.h"

#include <intel-ipsec-mb.h>
#include <rte_mbuf.h>

#define BENCH_FLOWS     256
#define BENCH_PACKETS   768 /* templates: a multiple of the flows and of the 12 packets of the IMIX pattern */
#define BENCH_SIZES     16
#define BENCH_IMIX      0 /* a size: 7:4:1 of 64, 570, 1418 */
#define BENCH_MTU       1518 /* so that 1420 octets in clear fit with any header, metadata and nearly any suite */
#define BENCH_ROUNDS    601
#define BENCH_PER_ROUND (2 * BENCH_PACKETS) /* packets of one measurement */
#define BENCH_SENDER    7 /* sender id of the first worker of the gateway that is measured */
#define BENCH_PORT_FIRST 5000 /* destination port of the first rule */

struct bench_options {
    const struct suite *suite;
    unsigned sizes[BENCH_SIZES];
    unsigned n_sizes;
    bool out, in; /* directions */
    unsigned sas, rules, workers;
    unsigned burst;  /* packets per poll; divides BENCH_PACKETS */
    unsigned family; /* 4, 6 */
    unsigned vlan;   /* tag of the frames; 0 = none */
    enum ipc_replay replay;
    bool strict;     /* beside IPC_REPLAY_TIME: windows per sender */
    unsigned rounds; /* of the three measurements in turns */
    bool compare, json;
    bool stages; /* the path, stage by stage, too */
};

/* Reads the command line; on error prints what is wrong to stderr and returns false. *help: only usage was asked for. */
MUST_CHECK bool bench_options_parse(struct bench_options *o, int argc, char **argv, bool *help);

/* --- packets.c --- */

/* One packet to run: an Ethernet frame, and the one that must come out. */
struct bench_packet {
    uint8_t *frame;    /* goes into the pipeline */
    uint8_t *inner;    /* the packet in clear */
    uint16_t len;      /* of frame */
    uint16_t clear_len; /* of the clear frame */
    uint16_t text_len; /* octets that are encrypted */
    uint16_t sa;       /* index of its SA */
};

/* What a template has in common for both directions: the clear packet. Memory is owned by p. */
void bench_packet_make(struct bench_packet *p, unsigned index, unsigned size, const struct bench_options *o);
void bench_packets_free(struct bench_packet *p);
/* IP octets of packet `index` of a size. */
unsigned bench_packet_len(unsigned index, unsigned size);
double bench_mean_len(unsigned size);
/* Octets of a frame in front of the IP header. */
unsigned bench_l2_len(const struct bench_options *o);
enum l3_kind bench_kind(const struct bench_options *o);
/* How the suite lays out packets: tunnel mode. */
struct esp_geometry bench_layout(const struct bench_options *o);
/* The smallest and largest size that can be measured. */
unsigned bench_size_min(const struct bench_options *o);
unsigned bench_size_max(const struct bench_options *o);

/* --- gateway.c --- */

/* A gateway with its policy. */
struct bench_gateway {
    struct pipeline_config config;
    char pairs[1][IPC_NAME_MAX];
    struct ipc_page *page;
    struct snap_store *store;
    struct pipeline_ctx *ctx[IPC_MAX_WORKERS];
    uint64_t tsc_hz;
};

/* sender: the sender id of its first worker; the others have the next ones. Exits the program when it can't be made. */
void bench_gateway_open(struct bench_gateway *g, const struct bench_options *o, const struct crypto_backend *crypto,
                        uint64_t sender);
void bench_gateway_close(struct bench_gateway *g);
/* The key | salt of SA i, and from BENCH_INTEGRITY on its integrity key. */
#define BENCH_INTEGRITY 64
#define BENCH_KEY_MAX   128
void bench_key(unsigned i, uint8_t key[BENCH_KEY_MAX]);

/* --- run.c, check.c --- */

/* One thing to measure: a gateway, and packets of one size to send through it in one direction. */
struct bench_run {
    struct bench_options o;
    struct bench_gateway gateway;
    struct bench_packet packets[BENCH_PACKETS];
    struct rte_mempool *pool;
    bool outbound;
    unsigned n; /* packets in use: the fewer, the less the CPU's caches matter */
    unsigned against; /* comparisons: the index of the run that this one is put against */
    struct replay_window *window; /* inbound with counter or strict: what the same packets must not find closed */
    /* raw */
    IMB_MGR *manager;
    aes_gcm_enc_dec_t call;  /* of GCM; NULL: any other suite, as jobs through lanes */
    void *lanes;
    struct crypto_job jobs[VEC_MAX];
    struct crypto_key *keys; /* one per SA */
    struct rte_mbuf *buffers[VEC_MAX];
    uint8_t nonce[VEC_MAX][16], tag[VEC_MAX][16];
};

/* NULL when memory is short or the path's output is wrong (which is said on stderr). */
struct bench_run *bench_run_open(const struct bench_options *o, struct rte_mempool *pool, bool outbound, unsigned size);
void bench_run_close(struct bench_run *run);
/* TSC cycles per packet of BENCH_PER_ROUND packets (a multiple of them with `times`), by the worker `lane`. */
double bench_time_whole(struct bench_run *run, unsigned lane, unsigned times);
double bench_time_harness(struct bench_run *run);
/* The same for every stage of the path, by the TSC at its end; what reading the TSC takes is left out. */
void bench_time_stages(struct bench_run *run, double stages[PIPELINE_STAGES]);
double bench_time_raw(struct bench_run *run);
/* One burst of packets from `first` on: fresh mbufs; the path of the run's gateway; away with them. */
struct pkt_vec *bench_receive(struct bench_run *run, unsigned lane, unsigned first);
void bench_path(struct bench_run *run, unsigned lane, struct pkt_vec *v);
void bench_give_back(unsigned lane, struct rte_mbuf **m, unsigned n);
/* What waits in lanes comes out into the returned vector's tx. */
struct pkt_vec *bench_empty(struct bench_run *run, unsigned lane);
/* Frees what stands in the rings of sent packets. */
void bench_drain(void);
/* This thread alone on its CPU, where the system allows it. */
void bench_own_cpu(bool on);

/* Every template once through the path; every octet that comes out is checked, with libcrypto. */
MUST_CHECK bool bench_check(struct bench_run *run);
/* Inbound needs ESP to open: a peer with the reference crypto makes it. */
MUST_CHECK bool bench_protect(struct bench_run *run);

/* --- measure.c, compare.c, workers.c --- */

struct bench_result {
    struct bench_options o;
    const char *name, *against; /* of a comparison's line, and of the line it is put against; NULL: none */
    bool outbound;
    unsigned size;
    double cycles_per_packet, harness_cycles, raw_cycles, net_over_raw, mpps, gbps;
    double stages[PIPELINE_STAGES]; /* with --stages */
    double over_percent, over_cycles; /* net cycles over those of `against`: the medians of the rounds' */
    double times_one;         /* throughput of all workers over one's; several workers only */
};

/* Measures n open runs in turns, all of one size and as many rounds; each is put against the one that it names. */
void bench_measure(struct bench_run **runs, unsigned n, unsigned size, struct bench_result *results);
/* Measures all workers of a run against its first one. */
MUST_CHECK bool bench_workers(struct bench_run *run, unsigned size, struct bench_result *result);
/* The comparison table: what is special against the base case. Returns the number of results (at most cap), 0 on failure. */
#define BENCH_CASES_MAX 12
MUST_CHECK unsigned bench_compare(const struct bench_options *o, struct rte_mempool *pool, struct bench_result *results);

void bench_report_table(const struct bench_options *o, const struct bench_result *r, unsigned n);
/* Returns false when memory is short. */
MUST_CHECK bool bench_report_json(const struct bench_options *o, const struct bench_result *r, unsigned n);
const char *bench_size_text(unsigned size, char out[16]);
extern const char *const bench_stage_names[PIPELINE_STAGES];

#endif
