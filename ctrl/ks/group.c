/* SPDX-License-Identifier: BSD-3-Clause */
/* A key server's group: see group.h. Keys are made here and leave only through ks_group_policy(). */
#include "ctrl/ks/group.h"

#include "common/log.h"
#include "ctrl/crypto/hash.h"
#include "ctrl/policy/keylog.h"
#include "ctrl/policy/payloads.h"

#include <stdlib.h>
#include <string.h>

#define SHORT_LIFETIME_S 900 /* KS5: below it the offset is fixed */
#define SHORT_OFFSET_S   90
#define LONG_OFFSET_DIV  10

mono_t ks_tek_offset(uint32_t lifetime_s)
{
    return mono_s(lifetime_s < SHORT_LIFETIME_S ? SHORT_OFFSET_S : lifetime_s / LONG_OFFSET_DIV);
}

/* Log and key log learn of a TEK when it is in effect, not when it is made aside. */
static void announce(struct ks_group *g)
{
    char line[KEYLOG_LINE_MAX];

    for (size_t i = 0; i < g->n_teks; i++) {
        struct ks_tek *t = &g->teks[i];

        if (t->announced)
            continue;
        t->announced = true;
        log_msg(KS_NEW_TEK, g->config->name, t->spi, t->number, t->lifetime_s);
        if (!g->env->keylog)
            continue;
        keylog_esp_line(t->spi, t->suite, &t->key, &t->integrity, line);
        g->env->keylog(g->env->ctx, line);
    }
    wipe(line, sizeof(line));
}

static bool make_tek(struct ks_group *g, const struct config_sa *sa, mono_t now)
{
    struct ks_tek t = {.number = sa->number,
                       .suite = sa->suite,
                       .transport = sa->transport,
                       .replay = sa->replay,
                       .window = sa->window,
                       .tag = sa->tag,
                       .strict_sender = sa->strict_sender,
                       .lifetime_s = sa->lifetime_s,
                       .made_at = now,
                       .end = mono_add(now, mono_s(sa->lifetime_s))};
    bool ok = false;

    if (g->n_teks == POLICY_MAX_SAS)
        goto out;
    t.key.len = (uint16_t)(sa->suite->key_len + sa->suite->salt_len);
    t.integrity.len = sa->suite->integrity_len;
    if (!ks_spi_take(g->spis, g->env, t.end, now, &t.spi) || !g->env->random(g->env->ctx, t.key.b, t.key.len) ||
        !g->env->random(g->env->ctx, t.integrity.b, t.integrity.len))
        goto out;
    g->teks[g->n_teks++] = t;
    ok = true;
out:
    wipe(&t, sizeof(t));
    return ok;
}

static const struct config_sa *find_sa(const struct config_key_server *ks, uint16_t number)
{
    for (size_t i = 0; i < ks->n_sas; i++) {
        if (ks->sas[i].number == number)
            return &ks->sas[i];
    }
    return NULL;
}

/* Removes TEKs that have ended or whose `sa` entry is gone, keeping the order of the others. */
static void drop_gone(struct ks_group *g, mono_t now)
{
    size_t kept = 0;

    for (size_t i = 0; i < g->n_teks; i++) {
        if (mono_reached(g->teks[i].end, now) || !find_sa(&g->config->ks, g->teks[i].number))
            continue;
        if (kept != i)
            g->teks[kept] = g->teks[i];
        kept++;
    }
    wipe(&g->teks[kept], (g->n_teks - kept) * sizeof(g->teks[0]));
    g->n_teks = kept;
}

/* The newest TEK that is what the entry asks for. Lifetime and window hold for the next one made (KS9). */
static const struct ks_tek *newest_tek(const struct ks_group *g, const struct config_sa *sa)
{
    for (size_t i = g->n_teks; i-- > 0;) {
        const struct ks_tek *t = &g->teks[i];

        if (t->number == sa->number && t->suite == sa->suite && t->transport == sa->transport &&
            t->replay == sa->replay && t->tag == sa->tag && t->strict_sender == sa->strict_sender)
            return t;
    }
    return NULL;
}

/* When the TEK after t must exist. */
static mono_t next_due(const struct ks_tek *t)
{
    return mono_sub(t->end, ks_tek_offset(t->lifetime_s));
}

/* Brings the TEKs up to date. */
static bool renew(struct ks_group *g, mono_t now)
{
    const struct config_key_server *ks = &g->config->ks;

    drop_gone(g, now);
    for (size_t i = 0; i < ks->n_sas; i++) {
        const struct ks_tek *newest = newest_tek(g, &ks->sas[i]);

        if ((!newest || mono_reached(next_due(newest), now)) && !make_tek(g, &ks->sas[i], now))
            return false;
    }
    return true;
}

/* Sets the timer for the next change. */
static void set_roll_timer(struct ks_group *g)
{
    const struct config_key_server *ks = &g->config->ks;
    mono_t next = MONO_NEVER;

    for (size_t i = 0; i < ks->n_sas; i++)
        next = mono_min(next, next_due(newest_tek(g, &ks->sas[i])));
    for (size_t i = 0; i < g->n_teks; i++)
        next = mono_min(next, g->teks[i].end);
    must_set_timer(g->env->timers, &g->roll, next);
}

static void on_roll(struct timer *t, mono_t now)
{
    struct ks_group *g = (struct ks_group *)((char *)t - offsetof(struct ks_group, roll));
    bool ok = renew(g, now);

    announce(g);
    if (ok) {
        set_roll_timer(g);
    } else {
        log_msg(KS_NO_TEK, g->config->name);
        /* What exists goes on to its end; try again soon. */
        must_set_timer(g->env->timers, &g->roll, mono_add(now, mono_s(1)));
    }
}

static bool merge_lists(struct ks_group *g)
{
    const struct config_key_server *ks = &g->config->ks;

    for (size_t i = 0; i < ks->n_sas; i++) {
        for (size_t k = 0; k < ks->sas[i].acl.n; k++) {
            struct acl_entry e = ks->sas[i].acl.entries[k];

            e.sa = ks->sas[i].number;
            e.number = (uint16_t)(g->acl.n + 1);
            if (!acl_append(&g->acl, &e))
                return false;
        }
    }
    return true;
}

static bool sha256(struct span bytes, uint8_t out[GDOI_DIGEST_LEN])
{
    return hash_compute(&bytes, 1, out);
}

static bool digest_lists(struct ks_group *g)
{
    struct policy p = {.acl = g->acl};

    if (!policy_set_digest(&p, sha256))
        return false;
    memcpy(g->digest, p.digest, sizeof(g->digest));
    return true;
}

/* A group without TEKs. */
static struct ks_group *new_group(const struct config_group *config, const struct env *env, struct ks_spis *spis)
{
    struct ks_group *g = calloc(1, sizeof(*g));

    if (!g)
        return NULL;
    g->config = config;
    g->env = env;
    g->spis = spis;
    g->roll.fire = on_roll;
    ks_ids_init(&g->ids, config->ks.sender_id_bits);
    if (!merge_lists(g) || !digest_lists(g)) {
        ks_group_free(g);
        return NULL;
    }
    return g;
}

struct ks_group *ks_group_new(const struct config_group *config, const struct env *env, struct ks_spis *spis, mono_t now)
{
    struct ks_group *g = new_group(config, env, spis);

    if (g && !renew(g, now)) {
        ks_group_free(g);
        return NULL;
    }
    return g;
}

struct ks_group *ks_group_successor(const struct ks_group *old, const struct config_group *config, mono_t now)
{
    struct ks_group *g = new_group(config, old->env, old->spis);

    if (g && g->ids.bits == old->ids.bits) {
        memcpy(g->teks, old->teks, sizeof(g->teks));
        g->n_teks = old->n_teks;
    }
    if (g && !renew(g, now)) {
        ks_group_free(g);
        return NULL;
    }
    return g;
}

void ks_group_start(struct ks_group *g, struct ks_group *old)
{
    if (old) {
        g->members = old->members;
        old->members = (struct ks_members){0};
        if (g->ids.bits == old->ids.bits)
            g->ids = old->ids;
        g->pseudotime = old->pseudotime;
        g->registrations = old->registrations;
        g->refusals = old->refusals;
        ks_group_free(old);
    }
    announce(g);
    set_roll_timer(g);
}

void ks_group_free(struct ks_group *g)
{
    if (!g)
        return;
    timer_cancel(g->env->timers, &g->roll);
    ks_members_free(&g->members);
    acl_free(&g->acl);
    wipe(g, sizeof(*g));
    free(g);
}

bool ks_group_clear(struct ks_group *g, mono_t now)
{
    struct ks_group *fresh = ks_group_new(g->config, g->env, g->spis, now);

    if (!fresh)
        return false;
    memcpy(g->teks, fresh->teks, sizeof(g->teks));
    g->n_teks = fresh->n_teks;
    ks_ids_init(&g->ids, g->config->ks.sender_id_bits);
    g->pseudotime = (struct ks_pseudotime){.runs = false};
    ks_members_free(&g->members);
    ks_group_free(fresh);
    announce(g);
    set_roll_timer(g);
    return true;
}

bool ks_group_authorizes(const struct ks_group *g, const struct addr *address)
{
    const struct acl *list = &g->config->ks.authorize;

    if (!g->config->ks.has_authorize)
        return true;
    for (size_t i = 0; i < list->n; i++) {
        if (prefix_contains(&list->entries[i].sel.src, address))
            return list->entries[i].permit;
    }
    return false;
}

size_t ks_group_limit(const struct ks_group *g)
{
    for (size_t i = 0; i < g->n_teks; i++) {
        if (g->teks[i].replay == REPLAY_COUNTER)
            return REPLAY_COUNTER_MEMBERS;
    }
    return 0;
}

/* Whole seconds left, rounded down: a member must never use a key longer than we do. */
static uint32_t seconds_left(mono_t end, mono_t now)
{
    int64_t s = mono_to_s(mono_sub(end, now));

    return s < 0 ? 0 : (uint32_t)s;
}

bool ks_group_policy(const struct ks_group *g, struct policy *out, mono_t now)
{
    policy_init(out);
    if (!acl_copy(&out->acl, &g->acl))
        return false;
    memcpy(out->digest, g->digest, sizeof(out->digest));
    out->sid_bits = g->ids.bits;
    out->receive_only = g->config->ks.receive_only;
    out->has_pseudotime = true;
    out->pseudotime_ms = ks_pseudotime_ms(&g->pseudotime, now);
    out->made_at = now;
    for (size_t i = 0; i < g->n_teks; i++) {
        const struct ks_tek *t = &g->teks[i];
        uint32_t left = seconds_left(t->end, now);

        if (left == 0)
            continue;
        out->sas[out->n_sas++] = (struct policy_sa){
            .number = t->number,
            .spi = t->spi,
            .suite = t->suite,
            .transport = t->transport,
            .replay = t->replay,
            .window = t->window,
            .tag = t->tag,
            .strict_sender = t->strict_sender,
            .lifetime_s = left,
            .key = t->key,
            .integrity = t->integrity,
        };
    }
    return true;
}

static bool has_tek(const struct ks_group *g, uint32_t spi)
{
    for (size_t i = 0; i < g->n_teks; i++) {
        if (g->teks[i].spi == spi)
            return true;
    }
    return false;
}

bool ks_group_is_current(const struct ks_group *g, const struct policy *p)
{
    if (p->n_sas == 0)
        return true; /* without keys there is nothing that could be stale */
    for (size_t i = 0; i < p->n_sas; i++) {
        if (!has_tek(g, p->sas[i].spi))
            return false;
    }
    return memcmp(p->digest, g->digest, sizeof(g->digest)) == 0 && p->sid_bits == g->ids.bits &&
           p->receive_only == g->config->ks.receive_only;
}
