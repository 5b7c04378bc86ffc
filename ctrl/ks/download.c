/* SPDX-License-Identifier: BSD-3-Clause */
/* A group as the policy that goes to its members, by registration or by rekey. Part of ctrl/ks/group.h. */
#include "ctrl/ks/group.h"

#include <string.h>

bool ks_group_policy(const struct ks_group *g, struct policy *out, mono_t now)
{
    policy_init(out);
    if (!acl_copy(&out->acl, &g->acl))
        return false;
    out->has_rules = true;
    memcpy(out->digest, g->digest, sizeof(out->digest));
    out->sid_bits = g->ids.bits;
    out->receive_only = g->config->ks.receive_only;
    out->has_pseudotime = true;
    out->pseudotime_ms = ks_pseudotime_ms(&g->pseudotime, now);
    out->made_at = now;
    for (size_t i = 0; i < g->n_teks; i++) {
        struct policy_sa sa = ks_tek_value(&g->teks[i], now);

        if (sa.lifetime_s > 0)
            out->sas[out->n_sas++] = sa;
        wipe(&sa, sizeof(sa));
    }
    if (g->keks.n > 0) {
        out->has_kek = true;
        out->rekey_number = g->keks.all[0].number;
        ks_kek_value(&g->keks.all[0], now, &out->kek);
    }
    return true;
}

/* Leaves out the SAs that were replaced, and says when they go. */
static void leave_out_replaced(const struct ks_group *g, struct policy *p, mono_t now)
{
    int64_t left = mono_to_s(mono_sub(g->replace_end, now));
    size_t kept = 0;

    for (size_t i = 0; i < p->n_sas; i++) {
        const struct ks_tek *t = ks_tek_find(g, p->sas[i].spi);

        if (t && !t->replaced)
            p->sas[kept++] = p->sas[i];
    }
    wipe(&p->sas[kept], (p->n_sas - kept) * sizeof(p->sas[0]));
    p->n_sas = kept;
    p->replace = true;
    p->deactivate_in_s = left <= 0 ? 0 : left < UINT16_MAX ? (uint32_t)left : UINT16_MAX;
}

/* When the keys that replace others begin to send, in whole seconds, rounded up. */
static uint32_t replaced_activation(const struct ks_group *g, mono_t now)
{
    int64_t s = mono_to_s(mono_add(mono_sub(g->replace_send, now), mono_ms(999)));
    uint32_t latest = ks_tek_latest_activation(g, now);

    if (!mono_before(now, g->replace_send))
        return 0;
    return s < latest ? (uint32_t)s : latest;
}

bool ks_group_rekey_policy(const struct ks_group *g, bool ours, bool replace, struct policy *out, mono_t now)
{
    if (!ks_group_policy(g, out, now))
        return false;
    out->has_kek = false;
    out->sid_bits = 0;
    out->has_pseudotime = g->pseudotime.runs;
    ks_tek_delays(g, ours, now, &out->activate_in_s, &out->deactivate_in_s);
    if (mono_before(now, g->replace_end)) /* also for those that don't know how to replace */
        out->activate_in_s = replaced_activation(g, now);
    if (replace)
        leave_out_replaced(g, out, now);
    return true;
}

/* Was anything made since that it doesn't have, and that no rekey would bring to its member? */
static bool lacks_keys(const struct ks_group *g, const struct policy *p)
{
    for (size_t i = 0; i < g->n_teks; i++) {
        bool found = false;

        for (size_t k = 0; k < p->n_sas && !found; k++)
            found = p->sas[k].spi == g->teks[i].spi;
        if (!found && mono_reached(p->made_at, g->teks[i].made_at))
            return true;
    }
    return false;
}

static bool same_kek(const struct ks_group *g, const struct policy *p)
{
    if (g->keks.n == 0 || !p->has_kek)
        return (g->keks.n > 0) == p->has_kek;
    return memcmp(g->keks.all[0].kek.spi, p->kek.spi, sizeof(p->kek.spi)) == 0;
}

bool ks_group_is_current(const struct ks_group *g, const struct policy *p)
{
    if (p->n_sas == 0)
        return true; /* without keys there is nothing that could be stale */
    for (size_t i = 0; i < p->n_sas; i++) {
        if (!ks_tek_find(g, p->sas[i].spi))
            return false;
    }
    return same_kek(g, p) && (!p->has_kek || !lacks_keys(g, p)) &&
           memcmp(p->digest, g->digest, sizeof(g->digest)) == 0 && p->sid_bits == g->ids.bits &&
           p->receive_only == g->config->ks.receive_only;
}
