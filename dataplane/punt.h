/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames between the workers and the appliance's own TAP. Workers hand frames for the appliance over with punt_put(),
 * after a rate limit per class, so that no flood of one kind keeps the others (or the kernel) from being served. The
 * slow-path thread takes them out, and hands what the kernel sent to worker 0 the other way. Both ways own the mbuf.
 *
 * The eventfd is written once per batch: a worker that finds `woken` set knows that the slow path will still look.
 */
#ifndef GVPN_DATAPLANE_PUNT_H
#define GVPN_DATAPLANE_PUNT_H

#include "common/buf.h"

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <stdatomic.h>

enum punt_class { PUNT_IKE, PUNT_NEIGHBOUR, PUNT_MEMBERSHIP, PUNT_OTHER, PUNT_CLASS_COUNT };

/* A worker's own limits: token buckets whose unit is the TSC cycle, so that refilling is a subtraction. */
struct punt_limiter {
    uint64_t cost[PUNT_CLASS_COUNT];  /* cycles per frame */
    uint64_t depth[PUNT_CLASS_COUNT]; /* most cycles saved up */
    uint64_t saved[PUNT_CLASS_COUNT];
    uint64_t at[PUNT_CLASS_COUNT]; /* TSC when saved was right */
};

struct punt {
    struct rte_ring *to_tap;   /* workers -> slow path */
    struct rte_ring *from_tap; /* slow path -> worker 0 */
    int event_fd;              /* the slow path sleeps on it */
    _Atomic uint32_t woken;    /* 1: event_fd was written and not yet read */
};

/* Rates are shared out among n_workers; `hz` is the TSC's frequency. */
void punt_limiter_init(struct punt_limiter *l, uint64_t hz, unsigned n_workers);
/* True and one frame charged when the class has room at TSC `now`. */
MUST_CHECK bool punt_limiter_take(struct punt_limiter *l, enum punt_class c, uint64_t now);
/* What kind of frame this is; looks at the first segment only and never past its end. */
enum punt_class punt_classify(const uint8_t *frame, size_t len);

/*
 * Is it an IPv4 redirect (RFC 792), an IPv6 router advertisement or redirect (RFC 4861 4.2, 4.5), or behind extension headers
 * that hide what it is (core/ext.h)? The kernel would take routes from it, and whoever sits on the link can send one to our
 * address; routes are the file's.
 */
MUST_CHECK bool punt_is_routing(const uint8_t *frame, size_t len);

/* Makes rings and eventfd; EAL must run. False when memory or descriptors are short: close all the same. */
MUST_CHECK bool punt_open(struct punt *p);
/* Frees rings and every frame still in them. */
void punt_close(struct punt *p);
/* Worker: gives one frame to the slow path; false when the ring is full (the caller keeps the frame). */
MUST_CHECK bool punt_put(struct punt *p, struct rte_mbuf *m);
/* Worker, at the end of a burst in which punt_put() succeeded: wakes the slow path. */
void punt_wake(struct punt *p);
/* Slow path, when event_fd is readable: must come before punt_get(), so that a later frame wakes it again. */
void punt_awake(struct punt *p);
/* Slow path: the next frames, now its own; how many. */
unsigned punt_get(struct punt *p, struct rte_mbuf **frames, unsigned n);

#endif
