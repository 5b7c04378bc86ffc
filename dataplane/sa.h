/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A security association as the data plane holds it. The object is known by its SPI, outlives snapshots and is shared by
 * successive ones: key, IV counters and hard limit are never copied, never reset, and the limit never moves later (GM2,
 * DP3). What workers touch per packet is apart from what they don't; what one worker writes stands in cache lines of
 * its own (a sender id per worker, RFC 6054), so nothing here is atomic read-modify-write.
 */
#ifndef GVPN_DATAPLANE_SA_H
#define GVPN_DATAPLANE_SA_H

#include "common/ipc/page.h"
#include "dataplane/core/esp.h"
#include "dataplane/crypto/crypto.h"
#include "dataplane/replay.h"

/* What a worker ran into: with its own IVs, and with the sequence numbers that all workers share. */
#define SA_EVENT_IV_LOW             0x1u
#define SA_EVENT_IV_EXHAUSTED       0x2u
#define SA_EVENT_SEQUENCE_LOW       0x4u
#define SA_EVENT_SEQUENCE_EXHAUSTED 0x8u
#define SA_EVENT_IV                 (SA_EVENT_IV_LOW | SA_EVENT_IV_EXHAUSTED)

/* What a packet of an SA needs beside the cipher: META_TIME and META_TAG of its metadata header, and these. */
#define SA_COUNTER 0x10u /* counter replay: window and shared sequence */
#define SA_STRICT  0x20u /* a window per sender id, on top of META_TIME */

#define SA_SENDERS_MAX (8 * IPC_MAX_WORKERS) /* sender ids that this process may have had for one SA */

/* What most SAs are like has code of its own, in which sizes and flags are constants. */
enum sa_shape {
    SA_PLAIN, /* no metadata header, no windows */
    SA_TIMED, /* time only */
    SA_STRICTLY_TIMED, /* time, and windows per sender */
    SA_ODD,   /* any other AES-GCM in tunnel mode */
    SA_SLOW,  /* the rest: esp_any.c */
};

/* One worker's part; only that worker touches it per packet. */
struct sa_worker {
    uint64_t iv_next;   /* next IV counter */
    uint64_t lease_end; /* first counter that isn't published as possibly used */
    uint64_t sender;    /* its sender id, a copy of one of sa.senders[] */
    uint32_t reserved;
    _Atomic uint32_t events; /* SA_EVENT_*; those of IVs go when it takes its next sender id */
    _Atomic uint64_t packets_out, bytes_out, packets_in, bytes_in;
} __attribute__((aligned(128)));
static_assert(sizeof(struct sa_worker) == 128, "CPUs fetch lines in pairs: one worker's SA state has a pair of its own");

struct sa {
    /* Read per packet or per burst, both directions. */
    _Atomic uint64_t end_tsc; /* hard limit; at and after it the SA is unusable. Only ever moves earlier. */
    uint32_t spi_be;
    uint32_t salt; /* as in memory */
    uint64_t sender_mask; /* of an IV */
    _Atomic uint16_t n_senders; /* in senders[]; 0 = receives only */
    uint16_t number;      /* of the `sa` whose traffic it protects */
    uint8_t checks;       /* META_ and SA_ bits */
    uint8_t shape;        /* enum sa_shape */
    uint8_t kind;         /* enum esp_kind, and the metadata header's octets: as in geometry */
    uint8_t meta_len;
    /* Sender ids of the workers, in the leftmost bits of an IV: those that they began with, then those that they went on with
       or will. The first four stand in this cache line. Every received packet is compared with all of them, so they mustn't
       stand in lines that workers write. */
    uint64_t senders[SA_SENDERS_MAX];
    uint64_t iv_limit; /* 2^(64 - sender id bits): counters below it exist; 0 while there are no ids */
    uint64_t iv_low;   /* 90 % of it */
    struct esp_geometry geometry;
    struct replay *replay; /* owned; NULL = none. With META_TIME its clock runs. */
    uint16_t slot;         /* in the counter page */

    struct sa_worker workers[IPC_MAX_WORKERS];
    struct crypto_key key;

    /* Cold: the control thread's, or rarely read. */
    uint64_t iv_first[IPC_MAX_WORKERS]; /* the first counter of each worker; of a next sender id it is 0 */
    /* The sender id with which a worker goes on when the counters of its present one are used up: as in an IV, and the lowest
       bit, which no id reaches; 0 = there is none. */
    _Atomic uint64_t next[IPC_MAX_WORKERS];
    uint32_t spi;
    const struct suite *suite;
    uint8_t sid_bits;
    mono_t end; /* hard limit on the scaled clock */
    bool expired_told;
    uint32_t events_told;
    mono_t told_at;
    unsigned refs;        /* snapshots that refer to it */
    uint64_t cleared[4];  /* packets and bytes out, packets and bytes in when the counters were last cleared */
    struct secret secret; /* to recognise the same key in a resync */
};
static_assert(offsetof(struct sa, senders) == 32, "what every packet reads of an SA is one cache line");

/* Relaxed: only the worker itself writes, and who reads wants no more than numbers. */
static inline void sa_count(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

/* A packet of so many octets left with the SA, or came with it. */
static inline void sa_count_out(struct sa_worker *w, uint64_t len)
{
    sa_count(&w->packets_out, 1);
    sa_count(&w->bytes_out, len);
}

static inline void sa_count_in(struct sa_worker *w, uint64_t len)
{
    sa_count(&w->packets_in, 1);
    sa_count(&w->bytes_in, len);
}

/* sa.checks and sa.meta_len of an SA of this shape: constants where they can be. */
static inline unsigned sa_shape_checks(const struct sa *sa, enum sa_shape shape)
{
    return shape == SA_PLAIN ? 0 : shape == SA_TIMED ? META_TIME : shape == SA_STRICTLY_TIMED ? META_TIME | SA_STRICT : sa->checks;
}

static inline uint32_t sa_shape_meta_len(const struct sa *sa, enum sa_shape shape)
{
    return shape == SA_PLAIN ? 0 : shape == SA_TIMED || shape == SA_STRICTLY_TIMED ? META_LEN : sa->meta_len;
}

/* Is the SA past its hard limit? */
static inline bool sa_expired(const struct sa *sa, uint64_t now_tsc)
{
    return now_tsc >= atomic_load_explicit(&sa->end_tsc, memory_order_relaxed);
}

/* Does an IV (host order) carry one of this process's own sender ids? */
static inline bool sa_own_sender(const struct sa *sa, uint64_t iv)
{
    unsigned n = atomic_load_explicit(&sa->n_senders, memory_order_acquire);

    if (__builtin_expect(n == 0, 0))
        return false;
    if (__builtin_expect(((iv ^ sa->senders[0]) & sa->sender_mask) == 0, 0))
        return true;
    for (unsigned i = 1; __builtin_expect(i < n, 0); i++)
        if (((iv ^ sa->senders[i]) & sa->sender_mask) == 0)
            return true;
    return false;
}

/*
 * Can this message be an SA here: suite, key length, SPI, sender ids and their first counters, lifetime? Returns true, or
 * false with a sentence in reason.
 */
MUST_CHECK bool sa_check(const struct ipc_sa *m, unsigned n_workers, char reason[IPC_TEXT_MAX]);
/*
 * Makes an SA of a checked message: prepares the key, zeroes the counters. Its end is left for the caller. Returns NULL
 * when memory is short or the backend can't run the suite.
 */
struct sa *sa_new(const struct ipc_sa *m, const struct crypto_backend *b);
/*
 * Takes the sender ids of a checked message. A receive-only SA gets them for its workers, with their width: true. One that has
 * ids goes on with these: each worker takes its next one when its present one is used up (RFC 6054). Only ids of which no
 * counter was used (iv_first 0) and that the SA neither has nor had are taken, one for each worker at a time, SA_SENDERS_MAX
 * in all.
 */
bool sa_set_senders(struct sa *sa, const struct ipc_sa *m);
/* In a lab: as if all IVs of its sender ids and all sequence numbers but so many were used. Before any worker knows it. */
void sa_leave(struct sa *sa, uint64_t left);
/*
 * What its workers ran into and nothing was done about yet, of SA_EVENT_*: a worker that has a next sender id needs
 * none, and an SA that takes no more of them can't be helped.
 */
uint32_t sa_raised(const struct sa *sa, unsigned n_workers);
/* Wipes and frees; NULL is harmless. No worker may know it any more. */
void sa_free(struct sa *sa);
/* Is this message about the same key? (Constant time in the key.) */
bool sa_same(const struct sa *sa, const struct ipc_sa *m);

/*
 * A worker's lease is used up: publishes the end of the next block in the counter page before any IV of it is used
 * (decision 14 in docs/ipc.md). Behind the last counter of its sender id the worker goes on with its next one: w->sender is
 * to be read afterwards. Returns false when no unused IV is left for this worker.
 */
bool sa_lease(struct sa *sa, unsigned worker, struct ipc_page *page);

/*
 * The next sequence number of an SA with counter replay, less one, as esp_front() wants it. Returns false when none is left.
 */
bool sa_next_sequence(struct sa *sa, unsigned worker, uint64_t *sequence);

/*
 * The next IV counter of a worker, whose part of the SA is w, in *counter. Returns false when none is left.
 */
static inline bool sa_next_iv(struct sa *sa, struct sa_worker *w, unsigned worker, struct ipc_page *page, uint64_t *counter)
{
    if (__builtin_expect(w->iv_next >= w->lease_end, 0) && !sa_lease(sa, worker, page))
        return false;
    *counter = w->iv_next++;
    return true;
}

#endif
