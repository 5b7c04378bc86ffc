/* SPDX-License-Identifier: BSD-3-Clause */
/* What one worker's stages share. Internal to the pipeline: parse.c, esp_tx.c, esp_rx.c, pipeline.c. */
#ifndef GVPN_DATAPLANE_CTX_H
#define GVPN_DATAPLANE_CTX_H

#include "dataplane/pipeline.h"

#define CTX_FRAGMENTS 8

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

    struct crypto_op ops[VEC_MAX];
    uint8_t op_pkt[VEC_MAX]; /* receiving: the packet of each operation */
};

/* Stage: reads headers, sorts out what policy is not about. */
void parse_vec(struct pipeline_ctx *ctx, struct pkt_vec *v, bool inbound);
/* Stage of the sending side: returns the number of operations in ctx->ops. */
unsigned esp_tx_prepare(struct pipeline_ctx *ctx, struct pkt_vec *v);
/* Stages of the receiving side. */
unsigned esp_rx_prepare(struct pipeline_ctx *ctx, struct pkt_vec *v);
void esp_rx_finish(struct pipeline_ctx *ctx, struct pkt_vec *v, unsigned n);

#endif
