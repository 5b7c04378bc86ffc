/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A table of sets and ways; every datagram has a bit for each 8 octets of its payload that are there. A datagram that was
 * given up stays as DEAD until its time is over, so that the rest of it doesn't begin anew (RFC 5722 section 3).
 */
#include "dataplane/core/reasm.h"

#include "dataplane/core/bytes.h"

#include <stdlib.h>

#define UNIT      8
#define MAP_WORDS ((REASM_PAYLOAD_MAX / UNIT + 63) / 64)
#define N_ENTRIES ((size_t)REASM_SETS * REASM_WAYS)

_Static_assert(sizeof(struct reasm_key) == 40, "a key is hashed and compared as memory");

enum state { FREE, OPEN, DEAD };

struct entry {
    struct reasm_key key;
    uint64_t expires;
    uint32_t have;  /* octets of payload that are there */
    uint32_t total; /* 0: the last fragment hasn't come */
    uint32_t end;   /* of the furthest fragment */
    uint16_t fragments;
    uint16_t counted; /* of these, those that a counter holds */
    uint8_t state;
    uint8_t why;      /* enum reasm_result, of a DEAD one */
    uint8_t ecn_seen; /* bit n: a fragment with mark n */
    uint8_t header_len;
    uint8_t header[REASM_HEADER_MAX];
    uint64_t map[MAP_WORDS];
};

struct reasm {
    uint64_t secret[2], timeout;
    uint32_t payload_max;
    uint8_t *payloads; /* N_ENTRIES of payload_max octets */
    struct entry entries[N_ENTRIES];
};

struct reasm *reasm_new(uint32_t payload_max, uint64_t timeout, const uint64_t secret[2])
{
    struct reasm *r;

    if (payload_max > REASM_PAYLOAD_MAX)
        return NULL;
    r = calloc(1, sizeof *r); /* the kernel gives pages when they are used: nobody pays for fragments that never come */
    if (r == NULL)
        return NULL;
    r->payloads = calloc(N_ENTRIES, payload_max);
    if (r->payloads == NULL) {
        free(r);
        return NULL;
    }
    r->payload_max = payload_max;
    r->timeout = timeout;
    memcpy(r->secret, secret, sizeof r->secret);
    return r;
}

void reasm_free(struct reasm *r)
{
    if (r == NULL)
        return;
    free(r->payloads);
    free(r);
}

size_t reasm_memory(uint32_t payload_max)
{
    return sizeof(struct reasm) + N_ENTRIES * payload_max;
}

static uint64_t rotate(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1], v[1] = rotate(v[1], 13) ^ v[0], v[0] = rotate(v[0], 32);
    v[2] += v[3], v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3], v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1], v[1] = rotate(v[1], 17) ^ v[2], v[2] = rotate(v[2], 32);
}

/* SipHash-2-4: who doesn't know the secret can't aim at a set. */
static uint64_t hash(const struct reasm *r, const struct reasm_key *key)
{
    uint64_t v[4] = {r->secret[0] ^ 0x736f6d6570736575, r->secret[1] ^ 0x646f72616e646f6d,
                     r->secret[0] ^ 0x6c7967656e657261, r->secret[1] ^ 0x7465646279746573};

    for (unsigned i = 0; i <= sizeof *key / 8; i++) {
        uint64_t word = i < sizeof *key / 8 ? load64((const uint8_t *)key + (size_t)8 * i) : (uint64_t)sizeof *key << 56;

        v[3] ^= word;
        sip_round(v);
        sip_round(v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    for (unsigned i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void lose(const struct entry *e, enum reasm_result why, struct reasm_lost *lost)
{
    if (why == REASM_OVERLAP)
        lost->overlap += e->counted;
    else if (why == REASM_ECN)
        lost->ecn += e->counted;
    else
        lost->limit += e->counted;
}

/* Ends a datagram, but remembers it. */
static enum reasm_result kill_entry(struct entry *e, enum reasm_result why, struct reasm_lost *lost)
{
    lose(e, why, lost);
    e->counted = 0;
    e->state = DEAD;
    e->why = (uint8_t)why;
    return why;
}

static void expire(struct entry *e, struct reasm_lost *lost)
{
    lost->timeout += e->counted;
    e->state = FREE;
}

/* The datagram of this key; a new one takes a free place or that of the oldest of its set. */
static struct entry *find_or_open(struct reasm *r, const struct reasm_key *key, uint64_t now, struct reasm_lost *lost)
{
    struct entry *set = &r->entries[hash(r, key) % REASM_SETS * REASM_WAYS], *place = NULL;

    for (unsigned i = 0; i < REASM_WAYS; i++) {
        struct entry *e = &set[i];

        if (e->state != FREE && now >= e->expires)
            expire(e, lost);
        if (e->state != FREE && memcmp(&e->key, key, sizeof *key) == 0)
            return e;
        if (place == NULL || (place->state != FREE && (e->state == FREE || e->expires < place->expires)))
            place = e;
    }
    if (place->state != FREE)
        lose(place, REASM_LIMIT, lost);
    memset(place, 0, sizeof *place);
    place->key = *key;
    place->state = OPEN;
    place->expires = now + r->timeout;
    return place;
}

/* Marks the units of a fragment; false when one is there already. */
static bool mark(struct entry *e, uint32_t offset, uint32_t len)
{
    for (uint32_t unit = offset / UNIT; unit < (offset + len + UNIT - 1) / UNIT; unit++) {
        uint64_t bit = 1ULL << (unit % 64);

        if (e->map[unit / 64] & bit)
            return false;
        e->map[unit / 64] |= bit;
    }
    return true;
}

/* Does the fragment contradict what is known about the end? */
static bool ends_fit(const struct entry *e, const struct reasm_fragment *f)
{
    uint32_t end = f->offset + f->len;

    if (f->more)
        return e->total == 0 || end <= e->total;
    return e->total == 0 && end >= e->end;
}

static enum reasm_result finish(struct entry *e, const uint8_t *payload, struct reasm_whole *whole,
                                struct reasm_lost *lost)
{
    bool congestion = e->ecn_seen & 1 << 3;

    if (congestion && (e->ecn_seen & 1 << 0))
        return kill_entry(e, REASM_ECN, lost);
    *whole = (struct reasm_whole){.header = e->header,
                                  .payload = payload,
                                  .header_len = e->header_len,
                                  .payload_len = e->total,
                                  .ecn = congestion ? 3 : e->ecn_seen & 1 << 0 ? 0 : e->ecn_seen & 1 << 2 ? 2 : 1};
    e->state = FREE;
    return REASM_WHOLE;
}

enum reasm_result reasm_add(struct reasm *r, const struct reasm_key *key, const struct reasm_fragment *f, uint64_t now,
                            struct reasm_whole *whole, struct reasm_lost *lost)
{
    struct entry *e;
    uint8_t *payload;

    if (f->len == 0 || f->offset % UNIT != 0 || (f->more && f->len % UNIT != 0) || f->header_len > REASM_HEADER_MAX ||
        (f->offset == 0 && f->len < REASM_FIRST_MIN))
        return REASM_MALFORMED;
    e = find_or_open(r, key, now, lost);
    if (e->state == DEAD)
        return (enum reasm_result)e->why;
    if (f->offset > r->payload_max || f->len > r->payload_max - f->offset || e->fragments >= REASM_FRAGMENTS)
        return kill_entry(e, REASM_LIMIT, lost);
    if (!ends_fit(e, f) || !mark(e, f->offset, f->len))
        return kill_entry(e, REASM_OVERLAP, lost);
    payload = r->payloads + (size_t)(e - r->entries) * r->payload_max;
    memcpy(payload + f->offset, f->payload, f->len);
    if (f->offset == 0) {
        memcpy(e->header, f->header, f->header_len);
        e->header_len = (uint8_t)f->header_len;
    }
    if (f->offset + f->len > e->end)
        e->end = f->offset + f->len;
    if (!f->more)
        e->total = f->offset + f->len;
    e->have += f->len;
    e->fragments++;
    e->ecn_seen |= (uint8_t)(1u << (f->ecn & 3));
    if (e->total != 0 && e->have == e->total)
        return finish(e, payload, whole, lost);
    e->counted++;
    return REASM_HELD;
}

unsigned reasm_sweep(struct reasm *r, uint64_t now, struct reasm_lost *lost)
{
    unsigned left = 0;

    for (unsigned i = 0; i < N_ENTRIES; i++) {
        struct entry *e = &r->entries[i];

        if (e->state != FREE && now >= e->expires)
            expire(e, lost);
        left += e->state != FREE;
    }
    return left;
}

void reasm_forget_counts(struct reasm *r)
{
    for (unsigned i = 0; i < N_ENTRIES; i++)
        r->entries[i].counted = 0;
}
