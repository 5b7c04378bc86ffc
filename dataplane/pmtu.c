/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See pmtu.h. An entry: tag 24 | end 24 | MTU 16 bits. Tag and bucket are 34 bits of a keyed hash of the destination; `end`
 * is in seconds, modulo 2^24, which is half a year. A full bucket loses the entry that ends first.
 */
#include "dataplane/pmtu.h"

#include "dataplane/core/icmp.h"

#include <rte_malloc.h>

#define BUCKETS   1024
#define WAYS      8
#define TAG_SHIFT 40
#define END_MASK  0xffffffu

struct pmtu {
    uint64_t seed[2];
    _Atomic uint64_t live_until_tsc; /* the last end of all */
    _Atomic uint64_t entries[BUCKETS][WAYS];
};

struct pmtu *pmtu_new(const uint64_t seed[2])
{
    struct pmtu *t = rte_zmalloc("pmtu", sizeof *t, 64);

    if (t != NULL)
        memcpy(t->seed, seed, sizeof t->seed);
    return t;
}

void pmtu_free(struct pmtu *t)
{
    rte_free(t);
}

bool pmtu_any(const struct pmtu *t, uint64_t now_tsc)
{
    return t != NULL && now_tsc < atomic_load_explicit(&t->live_until_tsc, memory_order_relaxed);
}

/* A word into the hash: multiplication to 128 bits, folded. The constant is 2^64 / golden ratio. */
static uint64_t mix(uint64_t h, uint64_t word, uint64_t seed)
{
    __extension__ unsigned __int128 product = (unsigned __int128)(h ^ word ^ seed) * 0x9e3779b97f4a7c15;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_of(const struct pmtu *t, unsigned pair, unsigned vlan, enum l3_kind kind, const uint8_t *dst)
{
    uint64_t h = mix(t->seed[1], (uint64_t)pair << 32 | vlan << 8 | kind, t->seed[0]);

    if (kind == L3_IPV4)
        return mix(mix(h, load32(dst), t->seed[1]), h, t->seed[0]);
    h = mix(h, load64(dst), t->seed[1]);
    return mix(mix(h, load64(dst + 8), t->seed[0]), h, t->seed[1]);
}

/* Seconds that an entry still lives, 0 = it is over (or was never there). */
static unsigned left(uint64_t entry, uint64_t now_s)
{
    unsigned seconds = (unsigned)((entry >> 16) - now_s) & END_MASK;

    return (entry & 0xffff) == 0 || seconds > PMTU_SECONDS ? 0 : seconds;
}

/* The entry of a destination; 0 = none that counts. */
static uint64_t find(const struct pmtu *t, uint64_t now_s, unsigned pair, unsigned vlan, enum l3_kind kind, const uint8_t *dst)
{
    uint64_t hash = hash_of(t, pair, vlan, kind, dst);
    const _Atomic uint64_t *bucket = t->entries[hash % BUCKETS];

    for (unsigned i = 0; i < WAYS; i++) {
        uint64_t entry = atomic_load_explicit(&bucket[i], memory_order_relaxed);

        if (entry >> TAG_SHIFT == hash >> TAG_SHIFT && left(entry, now_s) != 0)
            return entry;
    }
    return 0;
}

uint32_t pmtu_cap(const struct pmtu *t, uint64_t now_s, unsigned pair, unsigned vlan, enum l3_kind kind, const uint8_t *dst)
{
    return find(t, now_s, pair, vlan, kind, dst) & 0xffff;
}

uint32_t pmtu_cap_left(const struct pmtu *t, uint64_t now_s, unsigned pair, unsigned vlan, enum l3_kind kind,
                       const uint8_t *dst, unsigned *left_s)
{
    uint64_t entry = t != NULL ? find(t, now_s, pair, vlan, kind, dst) : 0;

    *left_s = left(entry, now_s);
    return entry & 0xffff;
}

/* Where the destination stands, or where it may be put. */
static unsigned place_of(const _Atomic uint64_t *bucket, uint64_t hash, uint64_t now_s)
{
    unsigned best = 0, best_left = UINT_MAX;

    for (unsigned i = 0; i < WAYS; i++) {
        uint64_t entry = atomic_load_explicit(&bucket[i], memory_order_relaxed);
        unsigned seconds = left(entry, now_s);

        if (seconds != 0 && entry >> TAG_SHIFT == hash >> TAG_SHIFT)
            return i;
        if (seconds < best_left) {
            best = i;
            best_left = seconds;
        }
    }
    return best;
}

void pmtu_learn(struct pmtu *t, uint64_t now_tsc, uint64_t tsc_hz, unsigned pair, unsigned vlan, enum l3_kind kind,
                const uint8_t *dst, uint32_t mtu)
{
    uint64_t hash = hash_of(t, pair, vlan, kind, dst), now_s = now_tsc / tsc_hz, was;
    uint32_t floor = kind == L3_IPV6 ? PMTU_FLOOR6 : PMTU_FLOOR4;
    uint64_t end = (now_s + PMTU_SECONDS) & END_MASK, until = now_tsc + (PMTU_SECONDS + 1) * tsc_hz;
    _Atomic uint64_t *at = t->entries[hash % BUCKETS];

    at += place_of(at, hash, now_s);
    was = atomic_load_explicit(at, memory_order_relaxed);
    mtu = mtu < floor ? floor : mtu > UINT16_MAX ? UINT16_MAX : mtu;
    if (was >> TAG_SHIFT == hash >> TAG_SHIFT && left(was, now_s) != 0 && (was & 0xffff) < mtu)
        return;
    atomic_store_explicit(at, (hash >> TAG_SHIFT) << TAG_SHIFT | end << 16 | mtu, memory_order_relaxed);
    /* Two workers at once: both ends lie within a moment of each other. */
    atomic_store_explicit(&t->live_until_tsc, until, memory_order_relaxed);
}

/* `last` was sent after `sent` - 1 others. */
static bool is_near(uint64_t last, uint64_t sent, uint32_t seq)
{
    uint32_t ago = (uint32_t)last - seq;

    return ago < PMTU_RECENT && ago < sent;
}

/* Did one of our workers send this number lately? Each counts its own IVs, and a number is the counter + 1; or all count one. */
static bool is_recent(const struct sa *sa, unsigned n_workers, uint32_t seq)
{
    if (sa->checks & SA_COUNTER) {
        uint64_t last = atomic_load_explicit(&sa->replay->sequence, memory_order_relaxed);

        return is_near(last, last, seq);
    }
    for (unsigned i = 0; i < n_workers; i++) {
        uint64_t sent = atomic_load_explicit(&sa->workers[i].packets_out, memory_order_relaxed);

        if (is_near(sa->iv_first[i] + sent, sent, seq))
            return true;
    }
    return false;
}

/* Is it a message about our ESP? Then it is noted. */
static bool learn(struct pipeline_ctx *ctx, const struct pkt_vec *v, const struct pkt *p)
{
    const struct pipeline_config *config = ctx->config;
    const struct sa *sa;
    struct icmp_quote q;

    if (config->pmtu == NULL || ctx->snap == NULL || !icmp_read_too_big(p->l3, &p->h, &q))
        return false;
    sa = snap_sa_find(ctx->snap, snap_spi_key(q.spi_be, p->group));
    if (sa == NULL || !is_recent(sa, config->n_workers, q.seq))
        return false;
    pmtu_learn(config->pmtu, ctx->now_tsc, config->tsc_hz, v->pair, p->vlan, (enum l3_kind)p->h.kind,
               q.ip + (p->h.kind == L3_IPV6 ? 24 : 16), q.mtu);
    return true;
}

void pmtu_vec(struct pipeline_ctx *ctx, struct pkt_vec *v)
{
    for (unsigned i = 0; i < v->n; i++) {
        struct pkt *p = &v->pkts[i];

        if (p->todo == PKT_CLASSIFY && p->way == CLASSIFY_IN && (l3_proto(&p->h) == 1 || l3_proto(&p->h) == 58) &&
            learn(ctx, v, p))
            pkt_drop(p, VERDICT_PMTU_LEARNED);
    }
}
