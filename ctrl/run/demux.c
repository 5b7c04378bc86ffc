/* SPDX-License-Identifier: BSD-3-Clause */
/* Cookies -> owner, see demux.h. Chains are short: sessions are bounded (SESSIONS_MAX) and the hash is keyed.
 */
#include "ctrl/run/demux.h"

#include <stdlib.h>
#include <string.h>

/* A multiply-and-fold mix of both halves with the secret seed; not for authentication, only to spread. */
static size_t bucket_of(const struct demux *d, const uint8_t cookies[DEMUX_COOKIES])
{
    uint64_t half[2];
    memcpy(half, cookies, sizeof(half));
    uint64_t h = d->seed[0];
    for (int i = 0; i < 2; i++) {
        h = (h ^ half[i]) * 0x9e3779b97f4a7c15u;
        h ^= (h >> 29) ^ d->seed[1];
        h *= 0xbf58476d1ce4e5b9u;
        h ^= h >> 32;
    }
    return h % DEMUX_BUCKETS;
}

bool demux_init(struct demux *d, const uint64_t seed[2])
{
    memset(d, 0, sizeof(*d));
    d->buckets = calloc(DEMUX_BUCKETS, sizeof(struct demux_entry *));
    memcpy(d->seed, seed, sizeof(d->seed));
    return d->buckets != NULL;
}

void demux_free(struct demux *d)
{
    free(d->buckets);
    memset(d, 0, sizeof(*d));
}

bool demux_put(struct demux *d, struct demux_entry *e, const uint8_t cookies[DEMUX_COOKIES])
{
    if (demux_find(d, cookies))
        return false;
    demux_remove(d, e);
    memcpy(e->cookies, cookies, DEMUX_COOKIES);
    struct demux_entry **head = &d->buckets[bucket_of(d, cookies)];
    e->next = *head;
    *head = e;
    e->in = true;
    d->n++;
    return true;
}

void demux_remove(struct demux *d, struct demux_entry *e)
{
    if (!e->in)
        return;
    struct demux_entry **at = &d->buckets[bucket_of(d, e->cookies)];
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    e->next = NULL;
    e->in = false;
    d->n--;
}

struct demux_entry *demux_find(const struct demux *d, const uint8_t cookies[DEMUX_COOKIES])
{
    struct demux_entry *e = d->buckets[bucket_of(d, cookies)];
    while (e && memcmp(e->cookies, cookies, DEMUX_COOKIES) != 0)
        e = e->next;
    return e;
}
