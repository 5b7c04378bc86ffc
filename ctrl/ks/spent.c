/* SPDX-License-Identifier: BSD-3-Clause */
/* Keys with which a member can't go on: see spent.h. */
#include "ctrl/ks/spent.h"

#include "common/log.h"
#include "ctrl/ks/group.h"

#include <string.h>

#define NEVER_BEFORE mono_ns(INT64_MIN)

mono_t ks_spent_given(const struct ks_group *g, const struct ks_member *m)
{
    if (m && m->was_given)
        return m->given_at;
    return g->forgot ? g->forgot_at : NEVER_BEFORE;
}

void ks_spent_mark(const struct ks_group *g, const struct ks_member *m, struct policy *p)
{
    mono_t given = ks_spent_given(g, m);

    for (size_t i = 0; i < p->n_sas; i++) {
        const struct ks_tek *t = ks_tek_find(g, p->sas[i].spi);

        p->sas[i].given_before = t && t->replay == REPLAY_COUNTER && mono_reached(t->made_at, given);
    }
}

void ks_spent_gave(const struct ks_group *g, struct ks_member *m, mono_t before, const struct policy *p)
{
    m->was_given = true;
    m->given_at = before;
    for (size_t i = 0; i < p->n_sas; i++) {
        const struct ks_tek *t = ks_tek_find(g, p->sas[i].spi);

        if (t)
            m->given_at = mono_max(m->given_at, t->made_at);
    }
}

static mono_t newest(const struct ks_group *g)
{
    mono_t at = NEVER_BEFORE;

    for (size_t i = 0; i < g->n_teks; i++)
        at = mono_max(at, g->teks[i].made_at);
    return at;
}

void ks_spent_sent(const struct ks_group *g, struct ks_member *m)
{
    m->given_at = mono_max(ks_spent_given(g, m), newest(g));
    m->was_given = true;
}

void ks_spent_forgot(struct ks_group *g)
{
    g->forgot = true;
    g->forgot_at = newest(g);
}

bool ks_spent_replace(struct ks_group *g, const struct ks_member *m, mono_t given, mono_t now)
{
    char peer[ADDR_TEXT_MAX];
    mono_t delay = g->keks.n > 0 ? ks_group_replace_delay(g) : mono_s(KS_SPENT_OLD_S);

    if (g->spent && mono_before(now, mono_add(g->spent_at, mono_s(KS_SPENT_EVERY_S))))
        return false;
    if (!ks_tek_replace(g, given, mono_add(now, delay), now))
        return false;
    g->spent = true;
    g->spent_at = now;
    log_msg(KS_KEYS_SPENT, g->config->name, endpoint_text(&m->peer, peer));
    ks_group_replaced(g, KS_REKEY_TEK, false, delay, now);
    return true;
}
