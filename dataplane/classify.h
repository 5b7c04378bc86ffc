/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the policy says about a packet (DP6, GM5, GM7, GM8). One function for packets and for `explain`; the flow cache
 * in front of it gives the same answers faster. Judges headers only; reads no packet bytes.
 */
#ifndef GVPN_DATAPLANE_CLASSIFY_H
#define GVPN_DATAPLANE_CLASSIFY_H

#include "common/ipc/ipc.h"
#include "dataplane/core/l3.h"
#include "dataplane/snap.h"

#include <assert.h>
#include <immintrin.h>

/* On what way the packet is. */
enum classify_way {
    CLASSIFY_OUT,     /* towards the outside */
    CLASSIFY_IN,      /* in clear from the outside */
    CLASSIFY_INNER,   /* was inside ESP: only the downloaded list counts */
    CLASSIFY_UNKNOWN, /* ESP from the outside with an unknown SPI: judged as protocol 50 */
};

enum classify_action {
    CLASSIFY_CLEAR,   /* passes in clear; verdict says under which name */
    CLASSIFY_PROTECT, /* OUT: permit; `number` is the index of its SA list. INNER: permit; `number` is its sa's number */
    CLASSIFY_DROP,    /* verdict says why */
};

struct classify_result {
    union {
        struct {
            uint8_t action;
            uint8_t verdict;
            uint16_t number;
        };
        uint32_t all; /* these three at once */
    };
};

static inline struct classify_result classify_result(enum classify_action action, enum verdict verdict, uint16_t number)
{
    return (struct classify_result){.all = (uint32_t)action | (uint32_t)verdict << 8 | (uint32_t)number << 16};
}

/* Why: for explain. Pointers into the snapshot; NULL where nothing matched. */
struct classify_why {
    const struct acl_entry *rule;
    enum ipc_source source;
    const char *group; /* name, NULL when there is none */
    int number;        /* index of the SA list that a downloaded permit names, -1 without */
};

/*
 * The decision for a flow of a group (index in the snapshot: snap_group_of(), -1 = none protects it). s NULL = nothing was
 * ever committed (`unregistered_clear` decides). why may be NULL. Exempt traffic and own addresses are not this
 * function's business.
 */
struct classify_result classify_flow(const struct snap *s, bool unregistered_clear, int group,
                                     enum classify_way way, const struct flow *f, struct classify_why *why);

/* Two entries share a cache line; the newer one stands first. */
struct classify_entry {
    uint64_t addrs;
    uint64_t tuple;      /* l3.tuple | way << 48 | group << 56 */
    uint32_t generation; /* of the snapshot that decided; 0: empty */
    struct classify_result result;
    uint64_t reserved;
};
static_assert(sizeof(struct classify_entry) == 32, "two entries of the flow cache fill one cache line");

/* An IPv6 flow fills a cache line; two of them are a bucket. */
struct classify_entry6 {
    uint64_t addrs[4]; /* source and destination as in memory */
    uint64_t tuple;
    uint32_t generation;
    struct classify_result result;
} __attribute__((aligned(64)));
static_assert(sizeof(struct classify_entry6) == 64, "an IPv6 entry of the flow cache fills one cache line");

/* The flow cache: exact match on addresses, protocol, ports, way and group; entries of older snapshots don't count. */
struct classify_cache {
    uint64_t seed;
    uint64_t mask; /* of bucket numbers, both families alike */
    struct classify_entry6 *entries6; /* behind the others */
    struct classify_entry entries[] __attribute__((aligned(64)));
};

/* entries per family: a power of two, at least 2. NULL when memory is short. */
struct classify_cache *classify_cache_new(unsigned entries, int socket);
void classify_cache_free(struct classify_cache *c);

/* The same decision for a parsed packet whose IP header stands at `ip`; asks the lists and remembers the answer. */
struct classify_result classify_miss(struct classify_cache *c, const struct snap *s, bool unregistered_clear,
                                     int group, enum classify_way way, const struct l3 *h, const uint8_t *ip);

static inline struct classify_entry *classify_bucket(struct classify_cache *c, uint64_t addrs, uint64_t tuple)
{
    uint64_t h = _mm_crc32_u64(_mm_crc32_u64(c->seed, addrs), tuple);

    return &c->entries[(h & c->mask) * 2];
}

/* ip: the IPv6 header. */
static inline struct classify_entry6 *classify_bucket6(struct classify_cache *c, const uint8_t *ip, uint64_t tuple)
{
    uint64_t src = _mm_crc32_u64(_mm_crc32_u64(c->seed, load64(ip + 8)), load64(ip + 16));
    uint64_t dst = _mm_crc32_u64(_mm_crc32_u64(tuple, load64(ip + 24)), load64(ip + 32));
    uint64_t h = _mm_crc32_u64(src, tuple >> 32 ^ dst);

    return &c->entries6[(h & c->mask) * 2];
}

static inline bool classify_is6(const struct classify_entry6 *e, const uint8_t *ip, uint64_t tuple, uint32_t generation)
{
    return e->tuple == tuple && e->generation == generation && same32(ip + 8, e->addrs);
}

/* What an entry says behind the addresses; tuple: l3.tuple. */
static inline uint64_t classify_key(uint64_t tuple, int group, enum classify_way way)
{
    return tuple | (uint64_t)way << 48 | (uint64_t)(uint8_t)group << 56;
}

/* Is a decrypted packet one that this SA number may carry, by an entry's answer? */
static inline bool classify_carries(uint32_t generation, struct classify_result result, const struct snap *s,
                                    uint16_t number)
{
    return generation == s->generation && result.number == number && result.action == CLASSIFY_PROTECT;
}

/*
 * Does the flow cache say so for the decrypted IPv4 packet at ip? tuple: its l3.tuple. False may also mean that it says nothing.
 */
static inline bool classify_carried(struct classify_cache *c, const struct snap *s, int group, uint64_t tuple,
                                    const uint8_t *ip, uint16_t number)
{
    uint64_t addrs = load64(ip + 12), key = classify_key(tuple, group, CLASSIFY_INNER);
    const struct classify_entry *e = classify_bucket(c, addrs, key);

    return e->addrs == addrs && e->tuple == key && classify_carries(e->generation, e->result, s, number);
}

/* The same for IPv6. */
static inline bool classify_carried6(struct classify_cache *c, const struct snap *s, int group, uint64_t tuple,
                                     const uint8_t *ip, uint16_t number)
{
    uint64_t key = classify_key(tuple, group, CLASSIFY_INNER);
    const struct classify_entry6 *e = classify_bucket6(c, ip, key);

    return same32(ip + 8, e->addrs) && e->tuple == key && classify_carries(e->generation, e->result, s, number);
}

/* Through the flow cache. */
static inline struct classify_result classify_packet(struct classify_cache *c, const struct snap *s,
                                                     bool unregistered_clear, int group, enum classify_way way,
                                                     const struct l3 *h, const uint8_t *ip)
{
    uint64_t tuple = classify_key(h->tuple, group, way);
    const struct classify_entry *e;

    if (__builtin_expect(s != NULL && h->kind == L3_IPV4, 1)) {
        e = classify_bucket(c, h->addrs, tuple);
        if (__builtin_expect(e->addrs == h->addrs && e->tuple == tuple && e->generation == s->generation, 1))
            return (struct classify_result){.all = e->result.all};
    } else if (s != NULL) {
        const struct classify_entry6 *e6 = classify_bucket6(c, ip, tuple);

        if (__builtin_expect(classify_is6(e6, ip, tuple, s->generation), 1))
            return (struct classify_result){.all = e6->result.all};
    }
    return classify_miss(c, s, unregistered_clear, group, way, h, ip);
}

#endif
