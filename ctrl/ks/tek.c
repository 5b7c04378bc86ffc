/* SPDX-License-Identifier: BSD-3-Clause */
/* The TEKs of a group: see tek.h. Keys are made here and leave only through ks_tek_value(). */
#include "ctrl/ks/tek.h"

#include "common/log.h"
#include "ctrl/ks/group.h"
#include "ctrl/policy/keylog.h"

#include <string.h>

#define MAX_DELAY_S UINT16_MAX /* what a message can say (RFC 6407 5.4.1: type B) */
#define INSTALL_S   10         /* and so long until a member that heard of a key has it in use */
#define TURN_S      60         /* a new key sends for so long at least before its own end */

void ks_tek_announce(struct ks_group *g)
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

static bool make(struct ks_group *g, const struct config_sa *sa, mono_t now)
{
    struct ks_tek t = {.number = sa->number,
                       .suite = sa->suite,
                       .transport = sa->transport,
                       .replay = sa->replay,
                       .window = sa->window,
                       .tag = sa->tag,
                       .strict_sender = sa->strict_sender,
                       .receive_only = g->config->ks.receive_only,
                       .lifetime_s = sa->lifetime_s,
                       .made_at = now,
                       .end = mono_add(now, mono_s(sa->lifetime_s))};
    bool ok = false;

    if (g->n_teks == POLICY_MAX_SAS)
        goto out;
    memcpy(t.profile, sa->profile, sizeof(t.profile));
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

/* Keeps the order of those that stay. */
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

/*
 * Is it what the entry asks for? Lifetime and window hold for the next one made. Where rekeys bring it, another profile is
 * another key even if it says the same, and the end of receive-only is a new beginning (KS9, KS13).
 */
static bool fits(const struct ks_group *g, const struct ks_tek *t, const struct config_sa *sa)
{
    if (t->number != sa->number || t->suite != sa->suite || t->transport != sa->transport || t->replay != sa->replay ||
        t->tag != sa->tag || t->strict_sender != sa->strict_sender || t->replaced)
        return false;
    if (!g->config->ks.has_rekey)
        return true;
    return strcmp(t->profile, sa->profile) == 0 && (!t->receive_only || g->config->ks.receive_only);
}

static const struct ks_tek *newest(const struct ks_group *g, const struct config_sa *sa)
{
    for (size_t i = g->n_teks; i-- > 0;) {
        if (fits(g, &g->teks[i], sa))
            return &g->teks[i];
    }
    return NULL;
}

mono_t ks_tek_due(const struct ks_group *g, const struct ks_tek *t)
{
    const struct config_key_server *ks = &g->config->ks;

    return mono_sub(t->end, ks_schedule_tek(t->lifetime_s, ks->has_rekey ? &ks->rekey : NULL, ks_rekey_targets(g)));
}

bool ks_tek_renew(struct ks_group *g, mono_t now)
{
    const struct config_key_server *ks = &g->config->ks;

    drop_gone(g, now);
    for (size_t i = 0; i < ks->n_sas; i++) {
        const struct ks_tek *t = newest(g, &ks->sas[i]);

        if ((!t || mono_reached(ks_tek_due(g, t), now)) && !make(g, &ks->sas[i], now))
            return false;
    }
    return true;
}

bool ks_tek_make_all(struct ks_group *g, mono_t now)
{
    const struct config_key_server *ks = &g->config->ks;
    size_t before;

    drop_gone(g, now);
    before = g->n_teks;
    for (size_t i = 0; i < ks->n_sas; i++) {
        if (make(g, &ks->sas[i], now))
            continue;
        wipe(&g->teks[before], (g->n_teks - before) * sizeof(g->teks[0]));
        g->n_teks = before;
        return false;
    }
    return true;
}

bool ks_tek_replace(struct ks_group *g, mono_t given, mono_t end, mono_t now)
{
    const struct config_key_server *ks = &g->config->ks;
    bool any = false;

    drop_gone(g, now);
    for (size_t i = 0; i < ks->n_sas; i++) {
        const struct ks_tek *t = newest(g, &ks->sas[i]);

        if (!t || t->replay != REPLAY_COUNTER || mono_before(given, t->made_at) || !make(g, &ks->sas[i], now))
            continue;
        for (size_t k = 0; k + 1 < g->n_teks; k++) {
            struct ks_tek *old = &g->teks[k];

            if (old->number != ks->sas[i].number)
                continue;
            old->replaced = true;
            old->end = mono_min(old->end, end);
        }
        any = true;
    }
    return any;
}

const struct ks_tek *ks_tek_find(const struct ks_group *g, uint32_t spi)
{
    for (size_t i = 0; i < g->n_teks; i++) {
        if (g->teks[i].spi == spi)
            return &g->teks[i];
    }
    return NULL;
}

mono_t ks_tek_next_due(const struct ks_group *g, uint32_t *lifetime_s)
{
    const struct config_key_server *ks = &g->config->ks;
    mono_t next = MONO_NEVER;

    for (size_t i = 0; i < ks->n_sas; i++) {
        const struct ks_tek *t = newest(g, &ks->sas[i]);
        mono_t due = t ? ks_tek_due(g, t) : MONO_ZERO;

        if (!mono_before(due, next))
            continue;
        next = due;
        if (lifetime_s)
            *lifetime_s = ks->sas[i].lifetime_s;
    }
    return next;
}

mono_t ks_tek_next_end(const struct ks_group *g)
{
    mono_t next = MONO_NEVER;

    for (size_t i = 0; i < g->n_teks; i++)
        next = mono_min(next, g->teks[i].end);
    return next;
}

mono_t ks_tek_last_end(const struct ks_group *g)
{
    mono_t last = MONO_ZERO;

    for (size_t i = 0; i < g->n_teks; i++)
        last = mono_max(last, g->teks[i].end);
    return last;
}

/* Whole seconds, rounded down: a member must never use a key longer than we do. */
static uint32_t seconds_left(mono_t end, mono_t now)
{
    int64_t s = mono_to_s(mono_sub(end, now));

    return s < 0 ? 0 : (uint32_t)s;
}

/* The next older key of the same entry that lives; NULL when there is none. */
static const struct ks_tek *predecessor(const struct ks_group *g, size_t at)
{
    for (size_t i = at; i-- > 0;) {
        if (g->teks[i].number == g->teks[at].number)
            return &g->teks[i];
    }
    return NULL;
}

/* A key that ends before the old one must get its turn. */
static uint32_t latest_turn(uint32_t left)
{
    return left > 2 * TURN_S ? left - TURN_S : left / 2;
}

uint32_t ks_tek_latest_activation(const struct ks_group *g, mono_t now)
{
    uint32_t latest = MAX_DELAY_S;

    for (size_t i = 0; i < g->n_teks; i++) {
        uint32_t turn = latest_turn(seconds_left(g->teks[i].end, now));

        if (!g->teks[i].replaced && predecessor(g, i) && turn < latest)
            latest = turn;
    }
    return latest;
}

/* Members of other makers drop the old key by the delay: the last one to hear of it must send with the new one by then. */
static uint32_t longest_wait(const struct ks_group *g)
{
    int64_t spread = mono_to_s(ks_schedule_rounds(&g->config->ks.rekey, ks_rekey_targets(g))) + INSTALL_S;

    return spread < MAX_DELAY_S ? (uint32_t)(MAX_DELAY_S - spread) : 0;
}

void ks_tek_delays(const struct ks_group *g, bool ours, mono_t now, uint32_t *activate_s, uint32_t *deactivate_s)
{
    uint32_t activate = 0, deactivate = 0, most = UINT32_MAX, longest = ours ? MAX_DELAY_S : longest_wait(g);

    for (size_t i = 0; i < g->n_teks; i++) {
        const struct ks_tek *old = predecessor(g, i);
        uint32_t left = old ? seconds_left(old->end, now) : 0, own = seconds_left(g->teks[i].end, now);

        if (!old)
            continue;
        if (left > KS_SEND_OLD_S && left - KS_SEND_OLD_S > activate)
            activate = left - KS_SEND_OLD_S;
        deactivate = left > deactivate ? left : deactivate;
        most = latest_turn(own) < most ? latest_turn(own) : most;
    }
    if (ours && activate <= most && activate > MAX_DELAY_S)
        activate = 0;
    if (ours && deactivate > MAX_DELAY_S)
        deactivate = 0;
    activate = activate < most ? activate : most;
    *activate_s = activate < longest ? activate : longest;
    *deactivate_s = deactivate < MAX_DELAY_S ? deactivate : MAX_DELAY_S;
}

struct policy_sa ks_tek_value(const struct ks_tek *t, mono_t now)
{
    return (struct policy_sa){
        .number = t->number,
        .spi = t->spi,
        .suite = t->suite,
        .transport = t->transport,
        .replay = t->replay,
        .window = t->window,
        .tag = t->tag,
        .strict_sender = t->strict_sender,
        .lifetime_s = seconds_left(t->end, now),
        .key = t->key,
        .integrity = t->integrity,
    };
}
