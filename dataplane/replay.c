/* SPDX-License-Identifier: BSD-3-Clause */
/* Objects, strict windows, and what is told about senders; replay.h says how they belong together. */
#include "dataplane/replay.h"

#include "common/suite.h"

#include <stdlib.h>
#include <string.h>

#define AGE_MS 60000 /* pseudotime after which counts are halved */

struct replay *replay_new(const struct ipc_sa *m, bool *ok)
{
    struct replay *r;

    *ok = true;
    if (m->replay == IPC_REPLAY_NONE)
        return NULL;
    r = aligned_alloc(64, (sizeof *r + 63) & ~(size_t)63);
    *ok = r != NULL;
    if (r == NULL)
        return NULL;
    memset(r, 0, sizeof *r);
    r->method = m->replay;
    r->window = m->window;
    r->sid_bits = suite_by_id(m->suite)->counter_mode ? m->sid_bits : 0;
    r->counter.size = m->replay == IPC_REPLAY_COUNTER ? m->window : 1;
    atomic_init(&r->sequence, m->sequence_used);
    atomic_init(&r->sequence_lease, m->sequence_used);
    if (m->sequence_top != 0)
        replay_window_shut(&r->counter, m->sequence_top);
    if (!m->strict_sender)
        return r;
    /* Memory of windows that are never used stays untouched: big blocks of calloc() are pages of zeroes. */
    r->strict = calloc(1, sizeof *r->strict + 64);
    if (r->strict == NULL) {
        replay_free(r);
        *ok = false;
        return NULL;
    }
    return r;
}

void replay_free(struct replay *r)
{
    if (r != NULL)
        free(r->strict);
    free(r);
}

void replay_leave(struct replay *r, uint64_t left)
{
    uint64_t used = left < REPLAY_SEQUENCE_MAX ? REPLAY_SEQUENCE_MAX - left : 0;

    if (atomic_load(&r->sequence) >= used)
        return;
    atomic_store(&r->sequence, used);
    atomic_store(&r->sequence_lease, used);
}

void replay_attach(struct replay *r, struct ipc_page_sa *slot, bool shared)
{
    r->shared = shared;
    atomic_store(&slot->sequence_lease, atomic_load(&r->sequence_lease));
    for (unsigned i = 0; i < IPC_MAX_WORKERS; i++)
        atomic_store(&slot->sequence_top[i], atomic_load(&r->counter.top));
    r->slot = slot;
}

bool replay_same(const struct replay *r, const struct ipc_sa *m)
{
    if (r == NULL || m->replay == IPC_REPLAY_NONE)
        return r == NULL && m->replay == IPC_REPLAY_NONE;
    return r->method == m->replay && r->window == m->window && (r->strict != NULL) == m->strict_sender &&
           (r->strict == NULL || r->sid_bits == m->sid_bits);
}

void replay_start(struct replay *r, uint64_t value_ms, uint64_t tsc, mono_t now, uint64_t tsc_hz, uint32_t clock_rate)
{
    pseudotime_start(&r->time, value_ms, tsc, now.ns, tsc_hz, clock_rate);
    r->aged_ms = value_ms;
    for (unsigned i = 0; r->strict != NULL && i < REPLAY_BUCKETS; i++)
        r->strict->buckets[i].floor = value_ms;
}

/* ---- windows ---- */

bool replay_counter_accept(struct replay *r, uint32_t sequence)
{
    bool accepted;

    replay_lock(&r->counter_lock);
    accepted = replay_window_accept(&r->counter, sequence);
    replay_unlock(&r->counter_lock);
    return accepted;
}

bool replay_lease(struct replay *r, uint64_t next)
{
    uint64_t end = next + (IPC_SEQUENCE_LEASE - 1);

    if (next > REPLAY_SEQUENCE_MAX)
        return false;
    if (end > REPLAY_SEQUENCE_MAX)
        end = REPLAY_SEQUENCE_MAX;
    replay_lock(&r->counter_lock);
    if (next > atomic_load_explicit(&r->sequence_lease, memory_order_relaxed)) {
        /* Published first, used afterwards, as with IVs. */
        atomic_store(&r->slot->sequence_lease, end);
        atomic_store_explicit(&r->sequence_lease, end, memory_order_release);
    }
    replay_unlock(&r->counter_lock);
    return true;
}

/* Ids are given in blocks; the golden ratio spreads what lies in equal steps evenly. */
static unsigned bucket_of(const struct replay *r, uint64_t key)
{
    uint32_t id = (uint32_t)(key >> (64u - r->sid_bits));

    return (unsigned)(id * 0x9e3779b1u >> 23) % REPLAY_BUCKETS;
}

static unsigned way_of(const struct replay_bucket *b, uint64_t key)
{
    unsigned way = 0;

    while (way < REPLAY_WAYS && atomic_load_explicit(&b->keys[way], memory_order_relaxed) != key)
        way++;
    return way;
}

static void meet(const struct replay *r, struct replay_peek *peek, uint64_t key, uint64_t sender_mask)
{
    unsigned bucket = bucket_of(r, key), way = way_of(&r->strict->buckets[bucket], key);
    uint64_t top = 0;

    atomic_thread_fence(memory_order_acquire); /* what is read now isn't older than the key */
    *peek = (struct replay_peek){.replay = r, .key = key};
    if (way != REPLAY_WAYS) {
        peek->window = &r->strict->windows[bucket * REPLAY_WAYS + way];
        peek->key_now = &r->strict->buckets[bucket].keys[way];
        top = atomic_load_explicit(&peek->window->top, memory_order_acquire);
    }
    peek->next_iv = (key & sender_mask) + top;
    peek->ahead = ~sender_mask + 1 - top;
}

bool replay_peek_odd(const struct replay *r, struct replay_peek *peek, uint64_t iv, uint64_t sender_mask)
{
    uint64_t key = replay_key(iv, sender_mask);

    if (r != peek->replay || key != peek->key)
        meet(r, peek, key, sender_mask);
    if (iv - peek->next_iv < peek->ahead || replay_window_may(peek->window, replay_number(iv, sender_mask)))
        return true;
    /* No lock is held: what was seen (by loads that acquire) counts only if the window still is this sender's. */
    return atomic_load_explicit(peek->key_now, memory_order_relaxed) != key;
}

/* A place for a sender that has no window: a free one, or that of the one that was silent for the longest time. */
static unsigned make_way(struct replay_strict *s, unsigned bucket, uint64_t key)
{
    struct replay_bucket *b = &s->buckets[bucket];
    unsigned way = way_of(b, 0), oldest = 0;
    struct replay_window *w;

    if (way == REPLAY_WAYS) {
        for (unsigned i = 1; i < REPLAY_WAYS; i++)
            if (b->newest[i] < b->newest[oldest])
                oldest = i;
        way = oldest;
        /* What it accepted is forgotten now, so nothing that it may have accepted can be accepted any more. */
        if (b->newest[way] > b->floor)
            b->floor = b->newest[way];
    }
    w = &s->windows[bucket * REPLAY_WAYS + way];
    atomic_store_explicit(&b->keys[way], 0, memory_order_relaxed);
    for (unsigned i = 0; i < REPLAY_WORDS; i++)
        atomic_store_explicit(&w->bits[i], 0, memory_order_release);
    atomic_store_explicit(&w->top, 0, memory_order_release);
    w->size = IPC_STRICT_WINDOW;
    b->floors[way] = b->newest[way] = b->floor;
    atomic_store_explicit(&b->keys[way], key, memory_order_release);
    return way;
}

/* The window learns of the packets in a row: number and IV of a sender's packet differ by 1. */
static void write_back(const struct replay_run *run)
{
    replay_window_extend(run->window, run->next_iv - run->sender);
}

static void read_top(struct replay_run *run)
{
    run->next_iv = run->sender + atomic_load_explicit(&run->window->top, memory_order_relaxed);
}

void replay_run_close(struct replay_run *run)
{
    write_back(run);
    if (run->next_iv != run->sender) /* something was accepted, now or before */
        *run->newest = run->newest_ms;
    replay_unlock(&run->bucket->lock);
    run->bucket = NULL;
    run->newest_ms = UINT64_MAX;
}

static void turn(struct replay_run *run, uint64_t sender)
{
    struct replay *r = run->replay;
    uint64_t key = sender | 1;
    unsigned bucket = bucket_of(r, key), way;
    struct replay_bucket *b = &r->strict->buckets[bucket];

    replay_run_end(run);
    if (r->shared)
        replay_lock(&b->lock);
    way = way_of(b, key);
    if (way == REPLAY_WAYS)
        way = make_way(r->strict, bucket, key);
    run->floor = b->floors[way];
    run->newest_ms = b->newest[way] > run->floor ? b->newest[way] : run->floor + 1;
    run->sender = sender;
    run->bucket = b;
    run->window = &r->strict->windows[bucket * REPLAY_WAYS + way];
    run->newest = &b->newest[way];
    read_top(run);
}

bool replay_run_odd(struct replay_run *run, uint64_t iv, uint64_t stamp_ms)
{
    uint64_t sender = iv & run->sender_mask;
    bool accepted;

    if (run->bucket == NULL || sender != run->sender)
        turn(run, sender);
    else
        write_back(run);
    if (stamp_ms <= run->floor)
        return false;
    accepted = replay_window_accept(run->window, replay_number(iv, run->sender_mask));
    read_top(run);
    if (accepted && stamp_ms > run->newest_ms)
        run->newest_ms = stamp_ms;
    return accepted;
}

/* ---- clocks of senders ---- */

static uint64_t clock_key(const struct replay_origin *from)
{
    uint64_t address = from->source[0] ^ from->source[1] * 0x9e3779b97f4a7c15ULL;

    return (from->sender_id != UINT64_MAX ? from->sender_id : address) + 1;
}

/* The row of a sender, or a new one in the place of who was silent for the longest time. */
static struct replay_clock *find_clock(struct replay *r, const struct replay_origin *from)
{
    uint64_t key = clock_key(from);
    struct replay_clock *oldest = &r->clocks[0];

    for (unsigned i = 0; i < REPLAY_CLOCKS; i++) {
        struct replay_clock *c = &r->clocks[i];

        if (c->key == key)
            return c;
        if (oldest->key != 0 && (c->key == 0 || c->seen_ms < oldest->seen_ms))
            oldest = c;
    }
    memset(oldest, 0, sizeof *oldest);
    oldest->key = key;
    oldest->sender_id = from->sender_id;
    return oldest;
}

static void note(struct replay *r, const struct replay_origin *from, uint64_t own_ms, uint64_t stamp_ms)
{
    struct replay_clock *c = find_clock(r, from);
    int64_t offset = offset_of(stamp_ms, own_ms);

    c->seen_ms = own_ms;
    c->last_ms = stamp_ms;
    c->last_offset_ms = offset;
    c->family = from->family;
    c->source[0] = from->source[0];
    c->source[1] = from->source[1];
    c->bins[offset_bin(offset, r->window)]++;
}

void replay_note(struct replay *r, const struct replay_origin *from, uint64_t own_ms, uint64_t stamp_ms)
{
    atomic_store_explicit(&r->sampled_ms, own_ms, memory_order_relaxed);
    /* A sample isn't worth waiting for. */
    if (atomic_exchange_explicit(&r->clocks_lock, 1, memory_order_acquire) != 0)
        return;
    note(r, from, own_ms, stamp_ms);
    replay_unlock(&r->clocks_lock);
}

void replay_note_late(struct replay *r, const struct replay_origin *from, uint64_t own_ms, uint64_t stamp_ms)
{
    replay_lock(&r->clocks_lock);
    note(r, from, own_ms, stamp_ms);
    r->late = (struct replay_late){own_ms, stamp_ms, from->sender_id, from->family, {from->source[0], from->source[1]}};
    r->has_late = true;
    replay_unlock(&r->clocks_lock);
}

bool replay_take_late(struct replay *r, struct replay_late *late)
{
    bool has;

    replay_lock(&r->clocks_lock);
    has = r->has_late;
    *late = r->late;
    r->has_late = false;
    replay_unlock(&r->clocks_lock);
    return has;
}

void replay_clear(struct replay *r)
{
    atomic_store_explicit(&r->dropped_time, 0, memory_order_relaxed);
    atomic_store_explicit(&r->dropped_counter, 0, memory_order_relaxed);
    atomic_store_explicit(&r->dropped_sender, 0, memory_order_relaxed);
    replay_lock(&r->clocks_lock);
    memset(r->clocks, 0, sizeof r->clocks);
    replay_unlock(&r->clocks_lock);
}

/* ---- once a second ---- */

void replay_tick(struct replay *r, uint64_t tsc, mono_t now)
{
    if (r->method != IPC_REPLAY_TIME)
        return;
    pseudotime_tick(&r->time, tsc, now.ns);
    if (pseudotime_ms(&r->time, tsc) - r->aged_ms < AGE_MS)
        return;
    r->aged_ms = pseudotime_ms(&r->time, tsc);
    replay_lock(&r->clocks_lock);
    for (unsigned i = 0; i < REPLAY_CLOCKS; i++)
        for (unsigned k = 0; k < IPC_OFFSET_BINS; k++)
            r->clocks[i].bins[k] /= 2;
    replay_unlock(&r->clocks_lock);
}

static void publish_clock(const struct replay_clock *c, uint32_t spi, enum ipc_offset say, struct ipc_page_sender *row)
{
    atomic_store_explicit(&row->spi, 0, memory_order_relaxed);
    atomic_store_explicit(&row->judgement, say, memory_order_relaxed);
    atomic_store_explicit(&row->sender_id, c->sender_id, memory_order_relaxed);
    atomic_store_explicit(&row->last_ms, c->last_ms, memory_order_relaxed);
    atomic_store_explicit(&row->last_offset_ms, c->last_offset_ms, memory_order_relaxed);
    atomic_store_explicit(&row->family, c->family, memory_order_relaxed);
    atomic_store_explicit(&row->source[0], c->source[0], memory_order_relaxed);
    atomic_store_explicit(&row->source[1], c->source[1], memory_order_relaxed);
    for (unsigned k = 0; k < IPC_OFFSET_BINS; k++)
        atomic_store_explicit(&row->bins[k], c->bins[k], memory_order_relaxed);
    atomic_store_explicit(&row->spi, spi, memory_order_release);
}

/* Copies the clocks in use and judges them. */
static unsigned take_clocks(struct replay *r, struct replay_clock *clocks, enum ipc_offset *say)
{
    uint64_t bins[REPLAY_CLOCKS][IPC_OFFSET_BINS];
    unsigned n = 0;

    replay_lock(&r->clocks_lock);
    for (unsigned i = 0; i < REPLAY_CLOCKS; i++)
        if (r->clocks[i].key != 0)
            clocks[n++] = r->clocks[i];
    replay_unlock(&r->clocks_lock);
    for (unsigned i = 0; i < n; i++)
        memcpy(bins[i], clocks[i].bins, sizeof bins[i]);
    offset_judge_all(bins, n, say);
    return n;
}

unsigned replay_publish(struct replay *r, uint32_t spi, uint64_t tsc, struct ipc_page_sa *slot,
                        struct ipc_page_sender *rows, unsigned cap)
{
    struct replay_clock clocks[REPLAY_CLOCKS];
    enum ipc_offset say[REPLAY_CLOCKS];
    uint64_t sent = atomic_load_explicit(&r->sequence, memory_order_relaxed);
    bool by_time = r->method == IPC_REPLAY_TIME;
    unsigned n = by_time ? take_clocks(r, clocks, say) : 0;

    atomic_store_explicit(&slot->pseudotime_ms, by_time ? pseudotime_ms(&r->time, tsc) : 0, memory_order_relaxed);
    atomic_store_explicit(&slot->sequence, sent < REPLAY_SEQUENCE_MAX ? sent : REPLAY_SEQUENCE_MAX, memory_order_relaxed);
    atomic_store_explicit(&slot->replay_time, atomic_load(&r->dropped_time), memory_order_relaxed);
    atomic_store_explicit(&slot->replay_counter, atomic_load(&r->dropped_counter), memory_order_relaxed);
    atomic_store_explicit(&slot->replay_sender, atomic_load(&r->dropped_sender), memory_order_relaxed);
    if (n > cap)
        n = cap;
    for (unsigned i = 0; i < n; i++)
        publish_clock(&clocks[i], spi, say[i], &rows[i]);
    return n;
}
