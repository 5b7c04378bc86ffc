/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The queue of packets that the crypto library holds: ciphers with HMAC are fast only when many packets are worked on
 * side by side, so a packet may wait for others, beyond its vector. One queue per worker, pair and direction: what
 * comes out belongs to that port, in the order in which it went in. A packet in here is the queue's, no vector's. Not
 * shared between threads.
 *
 * A packet waits for at most LANES_CALLS_MAX calls of the pipeline for its queue, and not at all when there is nothing
 * new to receive. SAs, keys and the snapshot under which it was judged must live until it is out: a worker with
 * packets in here doesn't say that it is quiescent (pipeline_end).
 */
#ifndef GVPN_DATAPLANE_LANES_H
#define GVPN_DATAPLANE_LANES_H

#include "dataplane/vec.h"

#include "dataplane/crypto/crypto.h"

#define LANES_CALLS_MAX 8

struct lanes_slot {
    struct crypto_job job;
    struct pkt p;
    struct rte_mbuf *m;
    uint64_t since; /* lanes.calls when it came */
};

struct lanes {
    const struct crypto_backend *crypto;
    void *library;       /* the backend's lanes */
    unsigned first, end; /* slots in use, oldest first; both run freely */
    uint64_t calls;      /* of the pipeline for this queue, for the age of packets */
    uint64_t senders;    /* hashes of (group, sa number) of packets in here: lanes_mark() */
    struct lanes_slot slots[VEC_LANES_MAX];
};
static_assert(VEC_LANES_MAX <= CRYPTO_JOBS_MAX, "the library has room for all packets");
static_assert((VEC_LANES_MAX & (VEC_LANES_MAX - 1)) == 0, "slots are found by a mask");

/* NULL when memory is short. */
struct lanes *lanes_new(const struct crypto_backend *crypto, int socket);
/* Must be empty. NULL is harmless. */
void lanes_free(struct lanes *q);

static inline unsigned lanes_count(const struct lanes *q)
{
    return q->end - q->first;
}

static inline struct lanes_slot *lanes_at(struct lanes *q, unsigned at)
{
    return &q->slots[at & (VEC_LANES_MAX - 1)];
}

/* One bit for what must stay in order with a packet: its group and the `sa` number of its SA. */
static inline uint64_t lanes_mark(int group, unsigned number)
{
    return 1ULL << (((unsigned)group * 7 + number) & 63);
}

/* The slot for the next packet: fill it, then lanes_put(). There must be room. */
static inline struct lanes_slot *lanes_next(struct lanes *q)
{
    return lanes_at(q, q->end);
}

/* Has the oldest packet waited for long enough? */
static inline bool lanes_late(struct lanes *q)
{
    return lanes_count(q) != 0 && q->calls - lanes_at(q, q->first)->since >= LANES_CALLS_MAX;
}

/* Hands the filled slot to the library. */
void lanes_put(struct lanes *q, uint64_t mark);
/* Makes all packets done. */
void lanes_flush(struct lanes *q);

/* The oldest packet when it is done, else NULL. It is out afterwards; the slot holds until the next lanes_put(). */
struct lanes_slot *lanes_take(struct lanes *q);

#endif
