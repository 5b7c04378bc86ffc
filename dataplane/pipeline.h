/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The way of a vector of packets through the data plane: parse, classify, prepare, crypto, finish, and one owner for each
 * packet at the end. No port, no ring, no clock: the worker hands packets and the time in and takes tx[] and punt[].
 * (gvpn-bench and the stage tests run exactly this on packets of their own.)
 */
#ifndef GVPN_DATAPLANE_PIPELINE_H
#define GVPN_DATAPLANE_PIPELINE_H

#include "common/ipc/page.h"
#include "dataplane/classify.h"
#include "dataplane/crypto/crypto.h"
#include "dataplane/snap.h"
#include "dataplane/vec.h"

struct pmtu;

/* The outer header's "don't fragment" bit (`df`, DP7); IPv4 only. */
enum pipeline_df { PIPELINE_DF_COPY, PIPELINE_DF_SET, PIPELINE_DF_CLEAR };

struct pipeline_pair {
    char name[IPC_NAME_MAX];
    uint16_t mtu; /* largest IP packet that may leave outside */
    uint16_t tag; /* security group tag of packets that bring none; 0 = none */
    bool sgt_inline; /* tags stand in the frames of the inside port (sgt.h) */
};

/* Settled at start; read by all workers. Lives as long as they do. */
struct pipeline_config {
    unsigned n_pairs, n_workers;
    struct pipeline_pair pairs[IPC_MAX_PAIRS];
    int local_pair; /* the pair that the appliance's own addresses live on, -1 = none */
    unsigned n_own;
    struct addr own[IPC_MAX_ADDRESSES];
    bool unregistered_clear; /* `unregistered: clear` */
    enum pipeline_df df;
    bool mss_clamp;    /* `mss-clamp` */
    uint64_t tsc_hz;
    struct pmtu *pmtu; /* what the WAN said about destinations, shared by the workers; NULL: nobody listens */
};

/* One worker's state: flow cache, counters, what it loaded for this poll. */
struct pipeline_ctx;

/* NULL when memory is short. worker < config->n_workers. */
struct pipeline_ctx *pipeline_ctx_new(const struct pipeline_config *config, struct snap_store *store, unsigned worker,
                                      const struct crypto_backend *crypto, int socket);
void pipeline_ctx_free(struct pipeline_ctx *ctx);

/*
 * Start of every poll, packets or not: loads snapshot and counter page, takes the time. The worker must be online
 * (snap_store_online). End it with pipeline_end(): then nothing of the snapshot is held, unless packets wait in lanes; after a
 * change of the snapshot they come out in the next poll, which must call the pipeline for every pair and direction.
 */
void pipeline_begin(struct pipeline_ctx *ctx, uint64_t now_tsc);
void pipeline_end(struct pipeline_ctx *ctx);

/*
 * Packets from the inside port (or, with v->local, from the TAP) that would leave by the outside port. Repeat it while
 * vec_next() says that there are more: packets that are cut into pieces need places.
 */
void pipeline_outbound(struct pipeline_ctx *ctx, struct pkt_vec *v);
/* Packets from the outside port. */
void pipeline_inbound(struct pipeline_ctx *ctx, struct pkt_vec *v);

/* The stages of both ways, in their order, what is rare left out: classify is with fit, or with what belongs to clear packets. */
enum pipeline_stage {
    PIPELINE_PARSE,
    PIPELINE_CLASSIFY,
    PIPELINE_PREPARE,
    PIPELINE_CRYPTO,
    PIPELINE_FINISH, /* inbound */
    PIPELINE_SETTLE,
    PIPELINE_STAGES
};
/* The same two for gvpn-bench: they add the TSC cycles that every stage takes to ticks. */
void pipeline_outbound_timed(struct pipeline_ctx *ctx, struct pkt_vec *v, uint64_t ticks[PIPELINE_STAGES]);
void pipeline_inbound_timed(struct pipeline_ctx *ctx, struct pkt_vec *v, uint64_t ticks[PIPELINE_STAGES]);

/*
 * Are packets of this pair and direction waiting in lanes? Then call pipeline_outbound() or pipeline_inbound() even when there
 * is nothing new, with an empty vector: they come out. A worker that stops empties all of them first; before it sleeps, they are
 * empty, because its last poll brought nothing new.
 */
bool pipeline_waits(const struct pipeline_ctx *ctx, unsigned pair, bool inbound);

/* The port or punt queue took only the first `taken` of v->tx / v->punt: frees the rest and counts it so. */
void pipeline_tx_full(struct pipeline_ctx *ctx, struct pkt_vec *v, unsigned taken);
void pipeline_punt_full(struct pipeline_ctx *ctx, struct pkt_vec *v, unsigned taken);
/* The same for v->back. */
void pipeline_back_full(struct pipeline_ctx *ctx, struct pkt_vec *v, unsigned taken);
/* For packets that never were in a vector (TAP frames that leave inside, drops before the pipeline). */
void pipeline_count(struct pipeline_ctx *ctx, enum verdict verdict, unsigned n);
/* n packets that had this verdict get another one: counts them back. */
void pipeline_uncount(struct pipeline_ctx *ctx, enum verdict verdict, unsigned n);
/* This worker's count of a verdict since the last clearing. */
uint64_t pipeline_counted(const struct pipeline_ctx *ctx, enum verdict verdict);

/* Largest packet of a family (4 or 6) that can be protected on a pair with an SA of this layout (DP7); tags don't count. */
unsigned pipeline_effective_mtu(const struct pipeline_config *config, unsigned pair, const struct esp_geometry *g,
                                unsigned family);
/*
 * Is this untagged flow exempt from all policy for the appliance itself (decision 2): own IKE, rekeys to a group, own IGMP? Neighbour discovery
 * and MLD are exempt by ICMPv6 types and options, which a flow doesn't say.
 */
bool pipeline_exempt(const struct pipeline_config *config, const struct snap *s, unsigned pair, bool inbound,
                     const struct flow *f);
/* Is it an own address of this pair? */
bool pipeline_is_own(const struct pipeline_config *config, unsigned pair, const struct addr *a);

#endif
