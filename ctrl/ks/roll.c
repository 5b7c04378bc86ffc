/* SPDX-License-Identifier: BSD-3-Clause */
/* What happens to a group by itself: when a key is due, when members should hear of the time. Part of ctrl/ks/group.h. */
#include "ctrl/ks/group.h"

#include "common/log.h"
#include "ctrl/policy/keylog.h"

#include <stddef.h>

mono_t ks_group_kek_due(const struct ks_group *g)
{
    const struct ks_kek *k = g->keks.n > 0 ? &g->keks.all[0] : NULL;

    if (!k)
        return MONO_NEVER;
    return mono_sub(k->end, ks_schedule_kek(k->kek.lifetime_s, &g->config->ks.rekey, ks_rekey_targets(g)));
}

mono_t ks_group_next_rekey(const struct ks_group *g, uint32_t *lifetime_s)
{
    mono_t tek = ks_tek_next_due(g, lifetime_s), kek = ks_group_kek_due(g);

    if (!mono_before(kek, tek))
        return tek;
    if (lifetime_s)
        *lifetime_s = g->keks.all[0].kek.lifetime_s;
    return kek;
}

static bool has_time_replay(const struct ks_group *g)
{
    for (size_t i = 0; i < g->n_teks; i++) {
        if (g->teks[i].replay == REPLAY_TIME)
            return true;
    }
    return false;
}

static bool has_long_lifetime(const struct ks_group *g)
{
    for (size_t i = 0; i < g->n_teks; i++) {
        if (g->teks[i].lifetime_s > KS_LONG_S)
            return true;
    }
    return false;
}

/* When members should hear of the time, although nothing is new; a rekey that is due soon does it as well (KS10). */
mono_t ks_group_time_due(const struct ks_group *g)
{
    mono_t due = mono_add(g->rekeyed_at, mono_s(g->config->ks.pseudotime_sync_s)), next = ks_group_next_rekey(g, NULL);

    if (g->keks.n == 0 || !has_time_replay(g))
        return MONO_NEVER;
    return !mono_before(mono_add(due, mono_s(KS_MERGE_SYNC_S)), next) ? mono_max(due, next) : due;
}

/* When those that didn't acknowledge should be told again (KS17). */
static mono_t reminder_due(const struct ks_group *g)
{
    if (g->keks.n == 0 || !has_long_lifetime(g))
        return MONO_NEVER;
    return mono_add(g->rekeyed_at, mono_s(KS_REMIND_S));
}

void ks_group_set_timer(struct ks_group *g)
{
    mono_t next = mono_min(ks_group_next_rekey(g, NULL), ks_tek_next_end(g));

    next = mono_min(next, mono_min(ks_group_time_due(g), reminder_due(g)));
    if (g->keks.n > 1)
        next = mono_min(next, g->keks.all[g->keks.n - 1].end);
    must_set_timer(g->env->timers, &g->roll, next);
}

static void announce_keks(struct ks_group *g)
{
    char line[KEYLOG_LINE_MAX];

    for (size_t i = 0; i < g->keks.n; i++) {
        struct ks_kek *k = &g->keks.all[i];

        if (k->announced)
            continue;
        k->announced = true;
        log_msg(KS_NEW_KEK, g->config->name, k->kek.lifetime_s);
        if (!g->env->keylog)
            continue;
        keylog_kek_line(&k->kek, line);
        g->env->keylog(g->env->ctx, line);
    }
    wipe(line, sizeof(line));
}

void ks_group_announce(struct ks_group *g)
{
    ks_tek_announce(g);
    announce_keks(g);
}

void ks_group_start_rekey(struct ks_group *g, enum ks_rekey_why why, mono_t now)
{
    if (g->keks.n == 0)
        return;
    g->rekeyed_at = now;
    ks_rekey_start(&g->rekey, why, now);
}

/* Brings the keys up to date. *why: what that has to be told for. */
static bool renew(struct ks_group *g, enum ks_rekey_why *why, mono_t now)
{
    uint32_t newest = g->n_teks > 0 ? g->teks[g->n_teks - 1].spi : 0;
    bool ok = ks_tek_renew(g, now);

    *why = g->n_teks > 0 && g->teks[g->n_teks - 1].spi != newest ? KS_REKEY_TEK : KS_REKEY_NONE;
    ks_kek_expire(&g->keks, now);
    if (mono_reached(ks_group_kek_due(g), now)) {
        if (!ks_kek_add(&g->keks, g->config, g->env, now))
            return false;
        *why = KS_REKEY_KEK;
    }
    return ok;
}

void ks_group_on_roll(struct timer *t, mono_t now)
{
    struct ks_group *g = (struct ks_group *)((char *)t - offsetof(struct ks_group, roll));
    enum ks_rekey_why why;
    bool ok, sync = mono_reached(ks_group_time_due(g), now), remind = mono_reached(reminder_due(g), now);

    if (g->epoch_wanted && ks_epoch_begin(g, now)) {
        g->epoch_wanted = false;
        return;
    }
    ok = renew(g, &why, now);
    ks_group_announce(g);
    if (why == KS_REKEY_NONE && (sync || remind))
        why = sync ? KS_REKEY_TIME : KS_REKEY_REMINDER;
    if (why != KS_REKEY_NONE)
        ks_group_start_rekey(g, why, now);
    if (ok && !g->epoch_wanted) {
        ks_group_set_timer(g);
    } else {
        log_msg(KS_NO_TEK, g->config->name);
        /* What exists goes on to its end; try again soon. */
        must_set_timer(g->env->timers, &g->roll, mono_add(now, mono_s(1)));
    }
}
