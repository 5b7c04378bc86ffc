/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Replay protection of one SA (KS11, KS12, DP4, DP5), shared by all workers and by successive snapshots: the clock, the
 * windows, the shared sequence counter, and what is known of the senders' clocks. Packets are checked before decryption
 * where the number stands in clear, and again after it, because another worker may have accepted the same packet
 * meanwhile; only the check after the ICV was right changes a window.
 *
 *   none      no object at all
 *   counter   for two members: one window over the ESP sequence number, one counter for all sending workers
 *   time      |sender's pseudotime - own| <= window
 *   strict    on top of time: one window of 4096 over the IV counter for each sender id
 *
 * A window is shared under a lock that a worker takes once for a run of packets of the same sender; everything else is
 * read without waiting.
 */
#ifndef GVPN_DATAPLANE_REPLAY_H
#define GVPN_DATAPLANE_REPLAY_H

#include "common/ipc/page.h"
#include "dataplane/core/meta.h"
#include "dataplane/core/offset.h"
#include "dataplane/core/pseudotime.h"
#include "dataplane/core/replay.h"

#define REPLAY_SENDERS      4096 /* windows of one strict SA: 2 MB, of which only the used ones take memory */
#define REPLAY_WAYS         8
#define REPLAY_BUCKETS      (REPLAY_SENDERS / REPLAY_WAYS)
#define REPLAY_CLOCKS       64 /* senders of one SA whose clocks are watched */
#define REPLAY_SEQUENCE_MAX UINT32_MAX

/* The windows of the sender ids that share a hash. Times are pseudotimes in ms. */
struct replay_bucket {
    _Atomic uint32_t lock; /* for everything here and for the windows behind it */
    uint32_t reserved;
    uint64_t floor; /* a window that is made now accepts only later stamps: nothing older was forgotten */
    _Atomic uint64_t keys[REPLAY_WAYS]; /* replay_key(); 0 = free */
    uint64_t floors[REPLAY_WAYS]; /* of each window: bucket.floor when it was made */
    uint64_t newest[REPLAY_WAYS]; /* highest stamp accepted */
} __attribute__((aligned(64)));

struct replay_strict {
    struct replay_bucket buckets[REPLAY_BUCKETS];
    struct replay_window windows[REPLAY_SENDERS];
};

/* What is known of one sender's clock. */
struct replay_clock {
    uint64_t key; /* sender id or a hash of the address, + 1; 0 = free */
    uint64_t sender_id;
    uint64_t seen_ms, last_ms;
    int64_t last_offset_ms;
    uint32_t family;
    uint64_t source[2];
    uint64_t bins[IPC_OFFSET_BINS];
};

/* The newest packet outside of the window, for the log. */
struct replay_late {
    uint64_t own_ms, sender_ms, sender_id;
    uint32_t family;
    uint64_t source[2];
};

struct replay {
    /* Settled when the SA is installed. */
    enum ipc_replay method;
    uint32_t window; /* packets, or ms */
    uint8_t sid_bits; /* 0 = packets have no sender id */
    bool shared; /* several workers: windows need their locks */
    struct pseudotime time;
    struct replay_strict *strict; /* NULL = not asked for */

    /* Written by workers, rarely. */
    _Atomic uint64_t dropped_time, dropped_counter, dropped_sender;
    _Atomic uint64_t sampled_ms; /* when a packet was last looked at for the histogram */
    _Atomic uint32_t clocks_lock;
    bool has_late;
    struct replay_late late;
    struct replay_clock clocks[REPLAY_CLOCKS];
    uint64_t aged_ms; /* the control thread's: when counts were halved */

    struct ipc_page_sa *slot; /* where the counter method publishes what it uses and accepts */

    /* Counter method: the last number sent, and the last one that is published as possibly sent. */
    _Atomic uint64_t sequence __attribute__((aligned(64)));
    _Atomic uint64_t sequence_lease;
    _Atomic uint32_t counter_lock __attribute__((aligned(64))); /* for the window and the lease */
    struct replay_window counter;
};

/*
 * The replay state of a checked message's SA: NULL for IPC_REPLAY_NONE with *ok true, NULL with *ok false when memory is
 * short. Its clock still has to be started (replay_start) before the method is time.
 */
struct replay *replay_new(const struct ipc_sa *m, bool *ok);
void replay_free(struct replay *r);
/* In a lab: sequence numbers begin with so many left. Before replay_attach(). */
void replay_leave(struct replay *r, uint64_t left);
/*
 * The SA gets its slot of the counter page, before any worker knows it: from now on sequence numbers may be used. shared: by
 * several workers.
 */
void replay_attach(struct replay *r, struct ipc_page_sa *slot, bool shared);
/* Is the message about the same protection? What an installed SA has never changes; r may be NULL. */
bool replay_same(const struct replay *r, const struct ipc_sa *m);

/* Starts the clock; strict windows accept only stamps later than this (decision 8 in docs/invariants.md). */
void replay_start(struct replay *r, uint64_t value_ms, uint64_t tsc, mono_t now, uint64_t tsc_hz, uint32_t clock_rate);

/* --- control thread, once a second --- */

/* Steers the clock by the control clock and lets counts age. */
void replay_tick(struct replay *r, uint64_t tsc, mono_t now);
/* Writes the SA's numbers into its slot of the counter page, and its senders into at most cap rows; returns how many. */
unsigned replay_publish(struct replay *r, uint32_t spi, uint64_t tsc, struct ipc_page_sa *slot,
                        struct ipc_page_sender *rows, unsigned cap);
/* The newest packet outside of the window since the last call: true and *late, or false. */
bool replay_take_late(struct replay *r, struct replay_late *late);

/*
 * Counts anew: what was dropped, and what is known of senders' clocks. What protects stays as it is, because a window that
 * forgot would let everything in again that it had let in before.
 */
void replay_clear(struct replay *r);

/* --- workers --- */

static inline void replay_lock(_Atomic uint32_t *lock)
{
    while (atomic_exchange_explicit(lock, 1, memory_order_acquire) != 0)
        while (atomic_load_explicit(lock, memory_order_relaxed) != 0)
            __builtin_ia32_pause();
}

static inline void replay_unlock(_Atomic uint32_t *lock)
{
    atomic_store_explicit(lock, 0, memory_order_release);
}

/* Own time and what is accepted, for one burst. */
struct replay_now {
    uint64_t ms;
    struct replay_span span;
};

static inline struct replay_now replay_now(const struct replay *r, uint64_t tsc)
{
    uint64_t ms = pseudotime_ms(&r->time, tsc);

    return (struct replay_now){ms, replay_span_of(ms, r->window)};
}

/* The numbers up to `next` aren't leased: publishes the end of another block. False after the last number of all. */
bool replay_lease(struct replay *r, uint64_t next);

/*
 * The next sequence number of the SA, shared by all workers (counter method). Returns false for ever after the last one
 * (RFC 4303 3.3.3). No number is given out before the page says that it may have been used.
 */
static inline bool replay_next_sequence(struct replay *r, uint32_t *sequence)
{
    uint64_t next = atomic_fetch_add_explicit(&r->sequence, 1, memory_order_relaxed) + 1;

    *sequence = (uint32_t)next;
    return __builtin_expect(next <= atomic_load_explicit(&r->sequence_lease, memory_order_acquire), 1) ||
           replay_lease(r, next);
}

/* Counter method, before decryption: false when the number can't be accepted any more. */
static inline bool replay_counter_may(const struct replay *r, uint32_t sequence)
{
    return replay_window_may(&r->counter, sequence);
}
/* The same after the ICV was right: accepts it once. */
bool replay_counter_accept(struct replay *r, uint32_t sequence);

/*
 * Once per run of packets that a worker accepted, before any of them leaves: the page says that numbers up to the top of the
 * window may have been accepted, so that the next process accepts none of them (docs/invariants.md).
 */
static inline void replay_counter_publish(struct replay *r, unsigned worker)
{
    atomic_store_explicit(&r->slot->sequence_top[worker], atomic_load_explicit(&r->counter.top, memory_order_relaxed),
                          memory_order_release);
}

/*
 * Strict. A sender is named by its key: the sender id where it stands in an IV, and the lowest bit, which no id reaches; a
 * number is the IV's counter and 1.
 */
static inline uint64_t replay_key(uint64_t iv, uint64_t sender_mask)
{
    return (iv & sender_mask) | 1;
}

static inline uint64_t replay_number(uint64_t iv, uint64_t sender_mask)
{
    return (iv & ~sender_mask) + 1;
}

/* The window of the last packet that was looked at before decryption. Begin with {0}; {0} again when SAs may be gone. */
struct replay_peek {
    uint64_t next_iv, ahead; /* the IV behind the highest accepted one, and how many of its sender are left from there on */
    const struct replay *replay;
    uint64_t key;
    const struct replay_window *window; /* NULL = nothing came from this sender yet */
    const _Atomic uint64_t *key_now;
};

/* At the beginning of a burst: the window has moved, or may be another sender's. */
static inline void replay_peek_again(struct replay_peek *peek)
{
    uint64_t next_iv;

    if (peek->window == NULL || atomic_load_explicit(peek->key_now, memory_order_relaxed) != peek->key) {
        peek->replay = NULL;
        return;
    }
    next_iv = (peek->key - 1) + atomic_load_explicit(&peek->window->top, memory_order_acquire);
    peek->ahead -= next_iv - peek->next_iv;
    peek->next_iv = next_iv;
}

/* Any packet that isn't ahead of its sender's window as it was when the burst began. */
bool replay_peek_odd(const struct replay *r, struct replay_peek *peek, uint64_t iv, uint64_t sender_mask);

/* Before decryption: false when this IV was accepted before or is too old. */
static inline bool replay_peek_may(const struct replay *r, struct replay_peek *peek, uint64_t iv, uint64_t sender_mask)
{
    return __builtin_expect(iv - peek->next_iv < peek->ahead && r == peek->replay, 1) ||
           replay_peek_odd(r, peek, iv, sender_mask);
}

/*
 * A run of packets of one SA. Its sender's bucket is locked from the first one on. Packets in a row are only counted; the window
 * learns of them when another one comes, and at the end.
 */
struct replay_run {
    uint64_t next_iv;   /* behind all that were accepted */
    uint64_t sender;    /* its part of an IV */
    uint64_t newest_ms; /* the highest stamp accepted, or the lowest that can be; UINT64_MAX without a bucket */
    uint64_t sender_mask; /* of an IV */
    uint64_t floor;
    struct replay_bucket *bucket; /* NULL before the first packet */
    struct replay_window *window;
    uint64_t *newest;
    struct replay *replay;
};

/* Begins one; r may be NULL when it isn't used. */
static inline void replay_run_begin(struct replay_run *run, struct replay *r, uint64_t sender_mask)
{
    run->next_iv = run->sender = 0;
    run->newest_ms = UINT64_MAX;
    run->bucket = NULL;
    run->replay = r;
    run->sender_mask = sender_mask;
}

/* Any packet but the next one with the same or a later stamp: finds or makes another sender's window, and asks it. */
bool replay_run_odd(struct replay_run *run, uint64_t iv, uint64_t stamp_ms);
/* Ends one that has a bucket: writes back and unlocks. */
void replay_run_close(struct replay_run *run);

static inline void replay_run_end(struct replay_run *run)
{
    if (run->bucket != NULL)
        replay_run_close(run);
}

/*
 * After the ICV was right: accepts an IV with this stamp, which isn't UINT64_MAX, once. Behind a sender's last IV comes another
 * sender's first, behind the very last one 0.
 */
static inline bool replay_run_accept(struct replay_run *run, uint64_t iv, uint64_t stamp_ms)
{
    if (__builtin_expect(stamp_ms < run->newest_ms || iv != run->next_iv || ((iv ^ run->sender) & run->sender_mask) != 0, 0))
        return replay_run_odd(run, iv, stamp_ms);
    run->next_iv = iv + 1;
    run->newest_ms = stamp_ms;
    return true;
}

/* Where a packet comes from, as the histogram wants it. */
struct replay_origin {
    uint64_t sender_id; /* UINT64_MAX = it has none */
    uint32_t family;
    uint64_t source[2];
};

/* A verified packet that is outside of the window: counted, remembered for the log and in the histogram. */
void replay_note_late(struct replay *r, const struct replay_origin *from, uint64_t own_ms, uint64_t stamp_ms);
/* A sample of one that is inside; call it when replay_sample_due() says so. */
void replay_note(struct replay *r, const struct replay_origin *from, uint64_t own_ms, uint64_t stamp_ms);

/* Was nothing sampled in this millisecond yet? */
static inline bool replay_sample_due(const struct replay *r, uint64_t own_ms)
{
    return atomic_load_explicit(&r->sampled_ms, memory_order_relaxed) != own_ms;
}

#endif
