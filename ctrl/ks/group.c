/* SPDX-License-Identifier: BSD-3-Clause */
/* A key server's group: see group.h. Keys are made here and leave only through ks_group_policy(). */
#include "ctrl/ks/group.h"

#include "common/log.h"
#include "ctrl/crypto/hash.h"
#include "ctrl/policy/keylog.h"
#include "ctrl/policy/payloads.h"

#include <string.h>

#define SHORT_LIFETIME_S 900 /* KS5: below it the offset is fixed */
#define SHORT_OFFSET_S   90
#define LONG_OFFSET_DIV  10

mono_t ks_tek_offset(uint32_t lifetime_s)
{
    return mono_s(lifetime_s < SHORT_LIFETIME_S ? SHORT_OFFSET_S : lifetime_s / LONG_OFFSET_DIV);
}

static void log_keys(const struct ks_group *g, const struct ks_tek *t)
{
    char line[KEYLOG_LINE_MAX];

    if (!g->env->keylog)
        return;
    keylog_esp_line(t->spi, t->sa->suite, &t->key, &t->integrity, line);
    g->env->keylog(g->env->ctx, line);
    wipe(line, sizeof(line));
}

static bool make_tek(struct ks_group *g, const struct config_sa *sa, mono_t now)
{
    struct ks_tek t = {.sa = sa, .made_at = now, .end = mono_add(now, mono_s(sa->lifetime_s))};
    bool ok = false;

    if (g->n_teks == POLICY_MAX_SAS)
        goto out;
    t.key.len = (uint16_t)(sa->suite->key_len + sa->suite->salt_len);
    t.integrity.len = sa->suite->integrity_len;
    if (!ks_spi_take(g->spis, g->env, &t.spi) || !g->env->random(g->env->ctx, t.key.b, t.key.len) ||
        !g->env->random(g->env->ctx, t.integrity.b, t.integrity.len))
        goto out;
    g->teks[g->n_teks++] = t;
    log_keys(g, &t);
    log_msg(KS_NEW_TEK, g->config->name, t.spi, sa->number, sa->lifetime_s);
    ok = true;
out:
    wipe(&t, sizeof(t));
    return ok;
}

/* Removes TEKs that have ended, keeping the order of the others. */
static void drop_ended(struct ks_group *g, mono_t now)
{
    size_t kept = 0;

    for (size_t i = 0; i < g->n_teks; i++) {
        if (mono_reached(g->teks[i].end, now))
            continue;
        if (kept != i)
            g->teks[kept] = g->teks[i];
        kept++;
    }
    wipe(&g->teks[kept], (g->n_teks - kept) * sizeof(g->teks[0]));
    g->n_teks = kept;
}

static const struct ks_tek *newest_tek(const struct ks_group *g, const struct config_sa *sa)
{
    for (size_t i = g->n_teks; i-- > 0;) {
        if (g->teks[i].sa == sa)
            return &g->teks[i];
    }
    return NULL;
}

/* When the TEK after t must exist. */
static mono_t next_due(const struct ks_tek *t)
{
    return mono_sub(t->end, ks_tek_offset(t->sa->lifetime_s));
}

/* Brings the TEKs up to date and sets the timer for the next change. */
static bool roll(struct ks_group *g, mono_t now)
{
    const struct config_key_server *ks = &g->config->ks;
    mono_t next = MONO_NEVER;

    drop_ended(g, now);
    for (size_t i = 0; i < ks->n_sas; i++) {
        const struct ks_tek *newest = newest_tek(g, &ks->sas[i]);

        if ((!newest || mono_reached(next_due(newest), now)) && !make_tek(g, &ks->sas[i], now))
            return false;
        next = mono_min(next, next_due(newest_tek(g, &ks->sas[i])));
    }
    for (size_t i = 0; i < g->n_teks; i++)
        next = mono_min(next, g->teks[i].end);
    must_set_timer(g->env->timers, &g->roll, next);
    return true;
}

static void on_roll(struct timer *t, mono_t now)
{
    struct ks_group *g = (struct ks_group *)((char *)t - offsetof(struct ks_group, roll));

    if (!roll(g, now)) {
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

bool ks_group_init(struct ks_group *g, const struct config_group *config, const struct env *env, struct ks_spis *spis,
                   mono_t now)
{
    *g = (struct ks_group){.config = config, .env = env, .spis = spis, .roll.fire = on_roll};
    ks_ids_init(&g->ids, config->ks.sender_id_bits);
    return merge_lists(g) && digest_lists(g) && roll(g, now);
}

void ks_group_free(struct ks_group *g)
{
    if (g->env)
        timer_cancel(g->env->timers, &g->roll);
    ks_members_free(&g->members);
    acl_free(&g->acl);
    wipe(g, sizeof(*g));
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
    for (size_t i = 0; i < g->n_teks; i++) {
        const struct ks_tek *t = &g->teks[i];
        uint32_t left = seconds_left(t->end, now);

        if (left == 0)
            continue;
        out->sas[out->n_sas++] = (struct policy_sa){
            .number = t->sa->number,
            .spi = t->spi,
            .suite = t->sa->suite,
            .transport = t->sa->transport,
            .replay = t->sa->replay,
            .window = t->sa->window,
            .lifetime_s = left,
            .key = t->key,
            .integrity = t->integrity,
        };
    }
    return true;
}
