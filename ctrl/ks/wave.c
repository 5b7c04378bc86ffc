/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One wave of a rekey's round: who is next, what each of them needs to hear under which KEK, and one datagram made for all who
 * need the same. Part of ctrl/ks/rekey.h.
 */
#include "ctrl/ks/rekey.h"

#include "common/log.h"
#include "ctrl/ks/epoch.h"
#include "ctrl/ks/group.h"
#include "ctrl/push/push.h"

#include <stdlib.h>

#define DATAGRAM_MAX 65507 /* octets of UDP over IPv4 */

/* One datagram that somebody is to get. */
struct parcel {
    struct endpoint to;
    struct ks_kek *kek;
    struct peer_features features;
    bool offers; /* it brings the newest KEK */
    bool rules;  /* it brings the list */
    bool sent;
};

struct wave {
    struct ks_rekey *r;
    struct parcel *parcels;
    size_t n, cap;
    mono_t now;
};

static void add(struct wave *w, const struct endpoint *to, struct ks_kek *k, const struct ks_target *t,
                const struct peer_features *features)
{
    if (w->n == w->cap)
        return;
    w->parcels[w->n++] = (struct parcel){.to = *to,
                                         .kek = k,
                                         .features = *features,
                                         .offers = !w->r->farewell && k != ks_kek_newest(w->r->keks),
                                         .rules = !w->r->farewell && t->rules != w->r->group->rules_serial};
}

/*
 * A member hears it under the KEK that it is known to hold, and under every one that was offered since and that it may hold
 * alone by now, because its acknowledgement was lost or nobody asks for one. Under a multicast one it goes out once for all.
 */
static void add_member(struct wave *w, struct ks_member *m)
{
    struct ks_keks *keks = w->r->keks;
    const struct ks_kek *known = ks_kek_find(keks, m->target.kek), *newest = ks_kek_newest(keks);

    m->target.round = w->r->round;
    for (size_t i = keks->n; known && i-- > 0;) {
        struct ks_kek *k = &keks->all[i];

        if (k->serial >= known->serial && !k->closed && k->kek.destination.addr.family == 0 && (k == known || k->live))
            add(w, &m->peer, k, &m->target, &m->features);
    }
    if (known && known != newest && !w->r->farewell)
        m->target.offered = newest->serial;
}

/* What listeners of a multicast KEK can do: all of them are ours, or the group wouldn't have taken them. */
static const struct peer_features listeners = {.ours = true, .features = FEATURES_KNOWN};

/*
 * True: more are due. Where the wave before left off, whatever rekey that was of: with a rekey each second everybody has his turn.
 */
static bool collect(struct wave *w, size_t most)
{
    const struct ks_members *ms = w->r->members;
    size_t n = 0;

    for (size_t i = 0; i < w->r->keks->n; i++) {
        struct ks_kek *k = &w->r->keks->all[i];

        if (!ks_wave_is_due(w->r, &k->all))
            continue;
        k->all.round = w->r->round;
        add(w, &k->kek.destination, k, &k->all, &listeners);
    }
    for (size_t i = 0, first = w->r->next; i < ms->n; i++) {
        size_t at = (first + i) % ms->n;
        struct ks_member *m = &ms->entries[at];

        if (!ks_member_is_present(m) || !ks_wave_is_due(w->r, &m->target))
            continue;
        if (n++ == most) {
            w->r->next = at;
            return true;
        }
        add_member(w, m);
    }
    return false;
}

static bool same_text(const struct parcel *a, const struct parcel *b)
{
    return a->kek == b->kek && a->offers == b->offers && a->rules == b->rules && a->features.ours == b->features.ours &&
           a->features.features == b->features.features;
}

static void log_round(const struct ks_rekey *r, const struct ks_kek *k)
{
    const struct ks_group *g = r->group;
    const char *why = name_of(ks_rekey_names, r->why);
    char from[ADDR_TEXT_MAX], to[ADDR_TEXT_MAX];

    addr_text(&g->config->ks.address, from);
    if (k->kek.destination.addr.family)
        log_msg(KS_SEND_MCAST_REKEY, g->config->name, from, addr_text(&k->kek.destination.addr, to), k->number, why);
    else
        log_msg(KS_SEND_UNICAST_REKEY, g->config->name, from, k->number, why);
}

/* One number per round and KEK (KS7). */
static uint32_t number_of(const struct ks_rekey *r, struct ks_kek *k)
{
    if (k->in_rekey != r->id || k->in_round != r->round) {
        k->number++;
        k->in_rekey = r->id;
        k->in_round = r->round;
        log_round(r, k);
    }
    return k->number;
}

/* Others keep the old keys to the end that they are told. */
static bool knows_replace(const struct parcel *p)
{
    return p->features.ours && (p->features.features & FEATURE_REPLACE);
}

static bool fill(const struct wave *w, const struct parcel *p, struct push *push)
{
    const struct ks_rekey *r = w->r;
    struct ks_kek *newest = ks_kek_newest(r->keks);

    push->number = number_of(r, p->kek);
    push->has_policy = true;
    if (r->farewell) {
        ks_farewell_push(r->farewell, push, w->now);
    } else if (!ks_group_rekey_policy(r->group, p->features.ours, r->replace && knows_replace(p), &push->policy, w->now)) {
        return false;
    }
    push->policy.has_rules = p->rules;
    push->policy.has_kek = p->offers;
    if (p->offers) {
        ks_kek_value(newest, w->now, &push->policy.kek);
        newest->offered = true;
    }
    return true;
}

/* Seals what p needs and sends it to all who need the same. */
static void deliver(const struct wave *w, size_t at, uint8_t *bytes)
{
    const struct ks_group *g = w->r->group;
    const struct parcel *p = &w->parcels[at];
    struct path path = {.local = {.addr = g->config->ks.address, .port = KS_PORT}};
    struct buf_writer out = buf_writer_of(bytes, DATAGRAM_MAX);
    struct policy_fault why = {.text = "memory is short"};
    struct push push;
    bool ok;

    push_init(&push);
    ok = fill(w, p, &push) && push_seal(&p->kek->kek, p->kek->key->key, &push, &p->features, &out, &why);
    if (!ok)
        log_msg(KS_REKEY_FAILED, g->config->name, why.text);
    for (size_t i = at; i < w->n; i++) {
        if (w->parcels[i].sent || !same_text(&w->parcels[i], p))
            continue;
        w->parcels[i].sent = true;
        path.remote = w->parcels[i].to;
        if (ok)
            g->env->send(g->env->ctx, &path, buf_written(&out));
    }
    push_wipe(&push);
}

bool ks_wave_send(struct ks_rekey *r, mono_t now)
{
    size_t configured = ks_rekey_settings(r)->wave_members, most = configured ? configured : 1;
    struct wave w = {.r = r, .cap = KS_KEKS * (most + 1), .now = now};
    uint8_t *bytes = malloc(DATAGRAM_MAX);
    bool more = true;

    w.parcels = calloc(w.cap, sizeof(*w.parcels));
    if (bytes && w.parcels) { /* else the next tick tries again */
        more = collect(&w, most);
        for (size_t i = 0; i < w.n; i++) {
            if (!w.parcels[i].sent)
                deliver(&w, i, bytes);
        }
    }
    free(w.parcels);
    free(bytes);
    return more;
}
