/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stored SA bodies. Slots of both rings are numbered through, the short ones first; those with the same tag hang in one
 * chain, in which they are found by tag alone.
 */
#include "ctrl/phase1/bodies.h"

#include <stdlib.h>
#include <string.h>

#define TAGS    65536
#define SLOTS   (HALFOPEN_RING + HALFOPEN_LONG)
#define NO_SLOT UINT16_MAX

struct head {
    struct config_proposal chosen;
    uint16_t tag;
    uint16_t next; /* slot of the next body with this tag, or NO_SLOT */
    uint16_t len;  /* 0 = never used */
};

struct ring {
    uint16_t first, size; /* slots */
    uint16_t at, used;
};

struct bodies {
    struct head heads[SLOTS];
    uint8_t small[HALFOPEN_RING][HALFOPEN_SHORT];
    uint8_t large[HALFOPEN_LONG][PHASE1_MAX_OFFER];
    struct ring rings[2];
    uint16_t chain[TAGS]; /* first slot of each tag */
    struct head known[HALFOPEN_KNOWN];
    uint8_t known_b[HALFOPEN_KNOWN][PHASE1_MAX_OFFER];
    size_t known_at, known_n;
};

struct bodies *bodies_new(void)
{
    struct bodies *bs = calloc(1, sizeof *bs);
    if (!bs)
        return NULL;
    memset(bs->chain, 0xff, sizeof bs->chain);
    bs->rings[0] = (struct ring){.first = 0, .size = HALFOPEN_RING};
    bs->rings[1] = (struct ring){.first = HALFOPEN_RING, .size = HALFOPEN_LONG};
    return bs;
}

void bodies_free(struct bodies *bs)
{
    free(bs);
}

static uint8_t *octets(struct bodies *bs, uint16_t slot)
{
    return slot < HALFOPEN_RING ? bs->small[slot] : bs->large[slot - HALFOPEN_RING];
}

static struct body in_slot(const struct bodies *bs, uint16_t slot)
{
    const struct head *h = &bs->heads[slot];
    const uint8_t *b = slot < HALFOPEN_RING ? bs->small[slot] : bs->large[slot - HALFOPEN_RING];
    return (struct body){.chosen = h->chosen, .tag = h->tag, .sa = span_of(b, h->len)};
}

static bool same_proposal(const struct config_proposal *a, const struct config_proposal *b)
{
    return a->encryption == b->encryption && a->key_bits == b->key_bits && a->hash == b->hash &&
           a->group == b->group && a->auth == b->auth && a->lifetime_s == b->lifetime_s;
}

static bool is_known(const struct bodies *bs, const struct body *b)
{
    for (size_t i = 0; i < bs->known_n; i++)
        if (bs->known[i].tag == b->tag && same_proposal(&bs->known[i].chosen, &b->chosen) &&
            span_equal(span_of(bs->known_b[i], bs->known[i].len), b->sa))
            return true;
    return false;
}

static bool is_in_ring(const struct bodies *bs, const struct body *b)
{
    for (uint16_t s = bs->chain[b->tag]; s != NO_SLOT; s = bs->heads[s].next) {
        struct body other = in_slot(bs, s);
        if (same_proposal(&other.chosen, &b->chosen) && span_equal(other.sa, b->sa))
            return true;
    }
    return false;
}

static void unlink_slot(struct bodies *bs, uint16_t slot)
{
    uint16_t *at = &bs->chain[bs->heads[slot].tag];
    while (*at != NO_SLOT && *at != slot)
        at = &bs->heads[*at].next;
    if (*at == slot)
        *at = bs->heads[slot].next;
}

static void fill(struct head *h, uint8_t *to, const struct body *b)
{
    *h = (struct head){.chosen = b->chosen, .tag = b->tag, .next = NO_SLOT, .len = (uint16_t)b->sa.len};
    memcpy(to, b->sa.p, b->sa.len);
}

void bodies_keep(struct bodies *bs, const struct body *b)
{
    if (b->sa.len == 0 || b->sa.len > PHASE1_MAX_OFFER || is_known(bs, b) || is_in_ring(bs, b))
        return;
    struct ring *r = &bs->rings[b->sa.len > HALFOPEN_SHORT];
    uint16_t slot = (uint16_t)(r->first + r->at);
    if (bs->heads[slot].len)
        unlink_slot(bs, slot);
    else
        r->used++;
    fill(&bs->heads[slot], octets(bs, slot), b);
    bs->heads[slot].next = bs->chain[b->tag];
    bs->chain[b->tag] = slot;
    r->at = (uint16_t)((r->at + 1) % r->size);
}

void bodies_remember(struct bodies *bs, const struct body *b)
{
    if (b->sa.len == 0 || b->sa.len > PHASE1_MAX_OFFER || is_known(bs, b))
        return;
    fill(&bs->known[bs->known_at], bs->known_b[bs->known_at], b);
    bs->known_at = (bs->known_at + 1) % HALFOPEN_KNOWN;
    if (bs->known_n < HALFOPEN_KNOWN)
        bs->known_n++;
}

size_t bodies_count(const struct bodies *bs)
{
    return (size_t)bs->rings[0].used + bs->rings[1].used + bs->known_n;
}

struct bodies_walk bodies_walk_of(const struct bodies *bs, uint16_t tag)
{
    return (struct bodies_walk){.tag = tag, .slot = bs->chain[tag]};
}

bool bodies_next(const struct bodies *bs, struct bodies_walk *w, struct body *out)
{
    while (w->known < bs->known_n) {
        size_t i = w->known++;
        if (bs->known[i].tag != w->tag)
            continue;
        *out = (struct body){.chosen = bs->known[i].chosen,
                             .tag = w->tag,
                             .sa = span_of(bs->known_b[i], bs->known[i].len)};
        return true;
    }
    if (w->slot == NO_SLOT)
        return false;
    *out = in_slot(bs, w->slot);
    w->slot = bs->heads[w->slot].next;
    return true;
}
