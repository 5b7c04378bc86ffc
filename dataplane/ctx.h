/* SPDX-License-Identifier: BSD-3-Clause */
/* What one worker's stages share. Internal to the pipeline: one file for each stage. */
#ifndef GVPN_DATAPLANE_CTX_H
#define GVPN_DATAPLANE_CTX_H

#include "dataplane/ivs.h"
#include "dataplane/lanes.h"
#include "dataplane/pipeline.h"

#define CTX_FRAGMENTS 8
#define CTX_HEAD_SHAPE 0xffff0000000000ffULL /* of l3.head: version, header length, flags, offset */

/* What fit.c needs: the token bucket of too-big messages, and a place for packets while others are cut. */
struct ctx_fit {
    uint64_t cost, depth; /* TSC ticks per message, and for the most that may come at once */
    uint64_t saved, at;
    struct rte_mbuf *m[VEC_MAX];
    struct pkt pkts[VEC_MAX];
};

/* A fragmented datagram of our own whose first fragment was exempt; its later fragments have no ports to judge by. */
struct ctx_fragment {
    uint64_t addrs;
    uint16_t id_be;
    bool used;
};

struct pipeline_ctx {
    /* Loaded at the start of every poll. */
    const struct snap *snap;
    struct ipc_page *page;
    uint64_t now_tsc;

    /* For life. */
    const struct pipeline_config *config;
    struct snap_store *store;
    _Atomic(struct snap *) *store_current; /* where the store publishes */
    _Atomic uint64_t *store_clear_generation;
    const struct crypto_backend *crypto;
    struct classify_cache *cache;
    unsigned worker;
    int local_pair;
    uint64_t plain_head;  /* CTX_HEAD_SHAPE of packets whose outer header needs no second look; none with `df: clear` */
    uint32_t own_id_frag; /* flags and offset, as in memory, with which a packet's own identification is good outside */
    uint16_t keep_frag;   /* flags and offset, as in memory, that the outer header may take over as they are ... */
    uint16_t set_frag;    /* ... and what replaces the others */
    bool capped;          /* for this poll: some destination has a smaller MTU than its pair */
    unsigned n_own4;
    uint32_t own4[IPC_MAX_ADDRESSES]; /* IPv4 addresses among config->own, as in a packet */
    unsigned n_own6;
    uint8_t own6[IPC_MAX_ADDRESSES][16]; /* IPv6 ones */

    /* Changing. */
    uint16_t ip_id; /* next outer IPv4 identification; workers count in steps so that they never meet */
    uint64_t clear_generation;
    unsigned next_fragment;
    struct ctx_fragment fragments[CTX_FRAGMENTS];
    uint64_t counted[VERDICT_COUNT];
    struct reasm *reasm;  /* fragments of ESP (reasm.h) */
    uint64_t reasm_due;   /* TSC when reasm_poll() is due */
    bool to_reassemble;   /* parse has seen fragments of ESP */
    struct ctx_fit fit;

    struct replay_peek peek; /* of the last burst with packets of a strict SA, for the snapshot with this generation */
    uint32_t peek_generation;

    struct ivs ivs;
    struct lanes *lanes[IPC_MAX_PAIRS][2]; /* queues of each pair: sending, receiving */
    unsigned in_lanes; /* packets in all of them */
    bool drain;        /* for this poll: empty every queue */
    unsigned n_any;    /* PKT_ANY packets in this vector */

    struct crypto_op ops[VEC_MAX]; /* receiving: mark says which packet it is, and its way through finish (esp_rx.c) */
};

/* Stage: reads headers, sorts out what policy is not about. */
void parse_vec(struct pipeline_ctx *ctx, struct pkt_vec *v, bool inbound);
/* Stage: asks the policy about every packet that isn't decided yet. Returns whether fit_vec() has to look at some packet. */
bool judge_vec(struct pipeline_ctx *ctx, struct pkt_vec *v);
/* Stage of the sending side: returns the number of operations in ctx->ops. */
unsigned esp_tx_prepare(struct pipeline_ctx *ctx, struct pkt_vec *v);
/* Stages of the receiving side. */
unsigned esp_rx_prepare(struct pipeline_ctx *ctx, struct pkt_vec *v);
void esp_rx_finish(struct pipeline_ctx *ctx, struct pkt_vec *v, unsigned n);
/* Last stage: gives every packet its owner, counts its verdict, and frees what was dropped. */
void settle_vec(struct pipeline_ctx *ctx, struct pkt_vec *v);
/* Counters were cleared: this worker's begin at zero. */
void settle_clear(struct pipeline_ctx *ctx, uint64_t generation);

/* Parts of the fast way that esp_any.c needs as well. */

/* The outer header for tunnel mode; outer_len: of the outer packet. inner must not overlap outer. */
void esp_tx_outer(struct pipeline_ctx *ctx, const struct pkt *p, uint8_t *outer, const uint8_t *inner, uint32_t outer_len);
/*
 * The whole judgement of a verified text in tunnel mode, check by check, p being the outer packet. Sets *len to the inner packet's
 * length, which begins behind the metadata header.
 */
enum verdict esp_rx_check(struct pipeline_ctx *ctx, const struct pkt *p, uint8_t *text, uint32_t text_len, uint32_t *len);
/* Does the policy let this SA carry the packet at ip? */
enum verdict esp_rx_judge(struct pipeline_ctx *ctx, int group, const struct sa *sa, const struct l3 *inner,
                          const uint8_t *ip);

#endif
