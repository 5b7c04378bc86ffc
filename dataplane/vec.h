/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vector: up to VEC_MAX packets of one direction with what the stages learned about each beside them. Stages are
 * plain loops over it and never call one another; pipeline.c is the one list. A packet belongs to the vector until it
 * stands in tx[] or punt[] (then to the worker) or was dropped (freed in one place). Not shared between threads.
 */
#ifndef GVPN_DATAPLANE_VEC_H
#define GVPN_DATAPLANE_VEC_H

#include "common/verdict.h"
#include "dataplane/core/l3.h"

#include <assert.h>

#define VEC_MAX   64 /* packets that fit */
#define VEC_BURST 32 /* packets that a worker asks a port for, at most */
#define VEC_LANES_MAX 128 /* packets of earlier vectors that may come out with one (lanes.h) */
#define VEC_OUT_MAX (VEC_MAX + VEC_LANES_MAX)

struct rte_mbuf;
struct sa;

/* What still has to happen to a packet. Every stage looks for its own value and moves the packet on. */
enum pkt_todo {
    PKT_CLASSIFY, /* parsed; policy has to judge it */
    PKT_FIT,      /* outbound, judged: too large perhaps, or a SYN; pkt.sa NULL = it leaves in clear */
    PKT_REASSEMBLE, /* inbound: a fragment of ESP */
    PKT_ESP_IN,   /* ESP with an SPI of ours */
    PKT_PROTECT,  /* policy: leaves as ESP with pkt.sa */
    PKT_ANY,      /* for esp_any.c: protect or open it with pkt.sa, whatever suite and mode */
    PKT_CRYPTO,   /* its crypto operation stands in the context */
    PKT_DONE,     /* verdict and `to` are final */
};

/* Where a packet that is done goes. */
enum pkt_to { PKT_TO_DROP, PKT_TO_TX, PKT_TO_PUNT, PKT_TO_LANES };

/* One cache line of metadata. */
struct pkt {
    struct l3 h; /* what the headers say; after decryption, the inner ones */
    uint8_t *l3; /* first octet of the IP header in the frame */
    struct sa *sa;
    union {
        struct {
            uint8_t todo;    /* enum pkt_todo */
            uint8_t way;     /* enum classify_way */
            uint8_t to;      /* enum pkt_to */
            uint8_t verdict; /* enum verdict */
            bool own_dst;    /* addressed to the appliance itself */
            uint8_t zero[3];
        };
        uint64_t state; /* these five at once */
    };
    union {
        struct {
            int16_t group; /* index in the snapshot of the group that protects it, -1 = none */
            uint16_t vlan; /* VID of the outermost tag, 0 = untagged */
            uint8_t l2_len; /* octets of frame in front of l3: 14, and 4 more for each tag */
            uint8_t zero2;
            uint16_t tag;   /* security group tag that it brought, or its metadata header carried; 0 = none */
        };
        uint64_t place; /* these four at once, without a tag */
    };
} __attribute__((aligned(64)));
static_assert(sizeof(struct pkt) == 64, "packet metadata fills one cache line");

struct pkt_vec {
    /* Filled by the worker before it calls the pipeline. */
    struct rte_mbuf *m[VEC_MAX];
    uint16_t n;
    uint16_t pair;
    bool local; /* outbound: frames come from our own TAP */

    /* Filled by the pipeline: the worker owns these packets now. Order is the order of arrival. PKT_TO_LANES: not yet. */
    uint16_t n_tx, n_punt;
    struct rte_mbuf *tx[VEC_OUT_MAX]; /* outbound: to the outside port; inbound: to the inside port */
    struct rte_mbuf *punt[VEC_OUT_MAX];
    uint8_t tx_verdict[VEC_OUT_MAX], punt_verdict[VEC_OUT_MAX];

    /*
     * Filled by fit.c, outbound only. back: what we have to say ourselves, for the port that the packets came from. rest:
     * packets for which there was no place because others were cut into pieces; not judged, not counted: vec_next().
     */
    uint16_t n_back, n_rest;
    struct rte_mbuf *back[VEC_MAX], *rest[VEC_MAX];

    struct pkt pkts[VEC_MAX];
};

/*
 * After the worker has sent what stands in tx, punt and back: makes the rest the vector's packets. False when there is none.
 */
static inline bool vec_next(struct pkt_vec *v)
{
    if (v->n_rest == 0)
        return false;
    memcpy(v->m, v->rest, v->n_rest * sizeof v->m[0]);
    v->n = v->n_rest;
    return true;
}

/* The value of pkt.place. */
static inline uint64_t pkt_place(int group, unsigned vlan, unsigned l2_len)
{
    return (uint16_t)group | (uint64_t)vlan << 16 | (uint64_t)l2_len << 32;
}

/* What a packet is when it begins its way. */
static inline void pkt_start(struct pkt *p, enum pkt_todo todo, unsigned way, bool own_dst)
{
    p->state = (uint64_t)todo | (uint64_t)way << 8 | (uint64_t)own_dst << 32;
}

/* Ends a packet's way with a verdict that drops it. */
static inline void pkt_drop(struct pkt *p, enum verdict v)
{
    p->verdict = (uint8_t)v;
    p->to = PKT_TO_DROP;
    p->todo = PKT_DONE;
}

/* Ends it otherwise; in one store. */
static inline void pkt_finish(struct pkt *p, enum verdict v, enum pkt_to to)
{
    p->state = (uint64_t)PKT_DONE | (uint64_t)to << 16 | (uint64_t)v << 24;
}

#endif
