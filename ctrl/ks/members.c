/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of a group's members: a sorted array, because it is read far more often than it grows. */
#include "ctrl/ks/members.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const struct ks_member *m, const struct addr *address, const char *identity)
{
    int c = addr_compare(&m->peer.addr, address);

    return c ? c : strcmp(m->identity, identity);
}

/* The place of the member, or where it would stand. */
static size_t place_of(const struct ks_members *ms, const struct addr *address, const char *identity)
{
    size_t low = 0, high = ms->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare(&ms->entries[middle], address, identity) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void ks_members_free(struct ks_members *ms)
{
    free(ms->entries);
    *ms = (struct ks_members){0};
}

struct ks_member *ks_members_find(struct ks_members *ms, const struct addr *address, const char *identity)
{
    size_t at = place_of(ms, address, identity);

    return at < ms->n && compare(&ms->entries[at], address, identity) == 0 ? &ms->entries[at] : NULL;
}

static struct ks_member *insert(struct ks_members *ms, const struct registration *reg)
{
    size_t at = place_of(ms, &reg->peer.addr, reg->identity);

    if (ms->n == ms->cap) {
        size_t cap = ms->cap ? 2 * ms->cap : 16;
        struct ks_member *grown = realloc(ms->entries, cap * sizeof(*grown));

        if (!grown)
            return NULL;
        ms->entries = grown;
        ms->cap = cap;
    }
    memmove(&ms->entries[at + 1], &ms->entries[at], (ms->n - at) * sizeof(*ms->entries));
    ms->n++;
    ms->entries[at] = (struct ks_member){0};
    memcpy(ms->entries[at].identity, reg->identity, sizeof(reg->identity));
    return &ms->entries[at];
}

struct ks_member *ks_members_record(struct ks_members *ms, const struct registration *reg, mono_t now)
{
    struct ks_member *m = ks_members_find(ms, &reg->peer.addr, reg->identity);

    if (!m)
        m = insert(ms, reg);
    if (!m)
        return NULL;
    m->peer = reg->peer;
    m->features = reg->features;
    m->registered_at = m->last_seen = now;
    m->registrations++;
    m->left = m->ejected = false;
    m->missed = 0;
    m->target = (struct ks_target){0};
    return m;
}

size_t ks_members_others(const struct ks_members *ms, const struct ks_member *m, mono_t now)
{
    size_t n = 0;

    for (size_t i = 0; i < ms->n; i++)
        n += &ms->entries[i] != m && !ms->entries[i].left && mono_before(now, ms->entries[i].keys_end);
    return n;
}

size_t ks_members_present(const struct ks_members *ms)
{
    size_t n = 0;

    for (size_t i = 0; i < ms->n; i++)
        n += ks_member_is_present(&ms->entries[i]);
    return n;
}

bool ks_members_has_address(const struct ks_members *ms, const struct addr *address)
{
    for (size_t i = place_of(ms, address, ""); i < ms->n && addr_equal(&ms->entries[i].peer.addr, address); i++) {
        if (ks_member_is_present(&ms->entries[i]))
            return true;
    }
    return false;
}

struct ks_member *ks_members_at(struct ks_members *ms, const struct endpoint *peer)
{
    struct ks_member *found = NULL;

    for (size_t i = place_of(ms, &peer->addr, ""); i < ms->n && addr_equal(&ms->entries[i].peer.addr, &peer->addr); i++) {
        struct ks_member *m = &ms->entries[i];

        if (endpoint_equal(&m->peer, peer) && (!found || (m->target.pending && !found->target.pending)))
            found = m;
    }
    return found;
}

size_t ks_members_count(const struct ks_members *ms, const struct addr *address)
{
    size_t n = 0;

    for (size_t i = place_of(ms, address, ""); i < ms->n && addr_equal(&ms->entries[i].peer.addr, address); i++)
        n++;
    return n;
}

size_t ks_members_forget(struct ks_members *ms, const struct addr *address)
{
    size_t kept = 0, n = ms->n;

    for (size_t i = 0; i < n; i++) {
        if (!address || addr_equal(&ms->entries[i].peer.addr, address))
            continue;
        if (kept != i)
            ms->entries[kept] = ms->entries[i];
        kept++;
    }
    ms->n = kept;
    return n - kept;
}

const char *ks_version_text(const struct peer_features *f, char out[KS_VERSION_TEXT_MAX])
{
    if (!f->ours)
        snprintf(out, KS_VERSION_TEXT_MAX, "other");
    else
        snprintf(out, KS_VERSION_TEXT_MAX, "%u.%u.%u", (unsigned)(f->version >> 16), (unsigned)(f->version >> 8 & 0xff),
                 (unsigned)(f->version & 0xff));
    return out;
}
