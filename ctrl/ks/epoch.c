/* SPDX-License-Identifier: BSD-3-Clause */
/* New key epochs and farewells: see epoch.h. */
#include "ctrl/ks/epoch.h"

#include "common/log.h"
#include "ctrl/ks/group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FAREWELLS 8 /* at once; the oldest has had a round or more by then */

struct ks_farewell *ks_farewell_new(const struct ks_group *of)
{
    struct ks_farewell *f = calloc(1, sizeof(*f));

    if (!f)
        return NULL;
    if (!acl_copy(&f->acl, &of->acl)) {
        free(f);
        return NULL;
    }
    memcpy(f->digest, of->digest, sizeof(f->digest));
    f->receive_only = of->config->ks.receive_only;
    f->settings = of->config->ks.rekey;
    f->settings.key = NULL; /* keks hold theirs */
    return f;
}

void ks_farewell_drop(struct ks_farewell *f)
{
    if (f)
        acl_free(&f->acl);
    free(f);
}

static void release(struct ks_farewell *f)
{
    ks_rekey_stop(&f->rekey);
    acl_free(&f->acl);
    ks_kek_free(&f->keks);
    ks_members_free(&f->members);
    wipe(f, sizeof(*f));
    free(f);
}

void ks_farewell_end(struct ks_farewell *f)
{
    struct ks_farewell **at = &f->rekey.group->farewells;

    while (*at && *at != f)
        at = &(*at)->next;
    if (*at)
        *at = f->next;
    release(f);
}

static void drop_oldest(struct ks_group *g)
{
    struct ks_farewell *last = g->farewells;
    size_t n = 0;

    for (struct ks_farewell *f = g->farewells; f; f = f->next) {
        last = f;
        n++;
    }
    if (n >= MAX_FAREWELLS)
        ks_farewell_end(last);
}

void ks_farewell_start(struct ks_farewell *f, struct ks_group *g, struct ks_group *from, mono_t now)
{
    ks_rekey_stop(&from->rekey);
    ks_rekey_init(&f->rekey, g, f, &f->keks, &f->members);
    ks_kek_move(&f->keks, &from->keks);
    f->members = from->members;
    from->members = (struct ks_members){0};
    memcpy(f->teks, from->teks, sizeof(f->teks));
    f->n_teks = from->n_teks;
    f->pseudotime = from->pseudotime;
    f->teks_end = mono_add(now, mono_s(KS_FAREWELL_S));
    drop_oldest(g);
    f->next = g->farewells;
    g->farewells = f;
    ks_rekey_start(&f->rekey, KS_REKEY_EPOCH, now);
    log_msg(KS_NEW_EPOCH, g->config->name, f->rekey.sent_to);
    if (!f->rekey.active)
        ks_farewell_end(f);
}

void ks_farewell_move(struct ks_group *to, struct ks_group *from)
{
    to->farewells = from->farewells;
    from->farewells = NULL;
    for (struct ks_farewell *f = to->farewells; f; f = f->next)
        f->rekey.group = to;
}

void ks_farewell_free_all(struct ks_group *g)
{
    while (g->farewells)
        ks_farewell_end(g->farewells);
}

void ks_farewell_push(const struct ks_farewell *f, struct push *out, mono_t now)
{
    struct policy *p = &out->policy;
    int64_t left = mono_to_s(mono_sub(f->teks_end, now));

    out->delete_all_teks = out->delete_kek = true;
    out->has_policy = false;
    for (size_t i = 0; left > 0 && i < f->n_teks; i++) {
        struct policy_sa sa = ks_tek_value(&f->teks[i], now);

        if (sa.lifetime_s == 0)
            continue;
        if (sa.lifetime_s > left)
            sa.lifetime_s = (uint32_t)left;
        sa.deactivate_in_s = sa.lifetime_s;
        p->sas[p->n_sas++] = sa;
        out->has_policy = true;
    }
    if (!out->has_policy || !acl_copy(&p->acl, &f->acl)) {
        out->has_policy = false; /* the TEKs have ended: nothing to keep */
        return;
    }
    memcpy(p->digest, f->digest, sizeof(p->digest));
    p->receive_only = f->receive_only;
    p->deactivate_in_s = (uint32_t)left;
    p->has_pseudotime = f->pseudotime.runs;
    p->pseudotime_ms = ks_pseudotime_ms(&f->pseudotime, now);
}

/* ---- beginning one ---- */

/* Keys of the new epoch, made aside. NULL when random octets or memory are short. */
static struct ks_group *fresh_keys(const struct ks_group *g, mono_t now)
{
    struct ks_group *fresh = ks_group_new(g->config, g->env, g->spis, now);

    if (fresh && fresh->keks.n > 0) { /* serials go on, since members' entries name them */
        fresh->keks.last_serial = g->keks.last_serial + 1;
        fresh->keks.all[0].serial = fresh->keks.all[0].all.kek = fresh->keks.last_serial;
    }
    return fresh;
}

static void take_keys(struct ks_group *g, struct ks_group *fresh)
{
    uint32_t epoch = g->ids.epoch + 1;

    ks_kek_free(&g->keks);
    ks_kek_move(&g->keks, &fresh->keks);
    memcpy(g->teks, fresh->teks, sizeof(g->teks));
    g->n_teks = fresh->n_teks;
    ks_ids_init(&g->ids, g->config->ks.sender_id_bits);
    g->ids.epoch = epoch;
    g->replace_end = MONO_ZERO;
    ks_group_free(fresh);
    ks_group_announce(g);
    ks_group_set_timer(g);
}

/* without: an address whose members aren't told; NULL = all are. */
static bool begin(struct ks_group *g, const struct addr *without, mono_t now)
{
    struct ks_group *fresh = fresh_keys(g, now);
    struct ks_farewell *f = fresh ? ks_farewell_new(g) : NULL;

    if (!f) {
        ks_group_free(fresh);
        return false;
    }
    if (without)
        ks_members_forget(&g->members, without);
    ks_farewell_start(f, g, g, now);
    take_keys(g, fresh);
    return true;
}

bool ks_epoch_begin(struct ks_group *g, mono_t now)
{
    return begin(g, NULL, now);
}

bool ks_epoch_clear(struct ks_group *g, mono_t now)
{
    if (!ks_epoch_begin(g, now))
        return false;
    g->pseudotime = (struct ks_pseudotime){.runs = false};
    return true;
}

static bool add_barred(struct ks_group *g, const struct addr *a)
{
    if (ks_group_is_barred(g, a))
        return true;
    if (g->n_barred == KS_MAX_BARRED)
        return false;
    g->barred[g->n_barred++] = *a;
    return true;
}

bool ks_epoch_bar(struct ks_group *g, const struct addr *address, mono_t now, char error[KS_EPOCH_ERROR_MAX])
{
    char text[ADDR_TEXT_MAX];
    size_t before = g->n_barred;

    if (!add_barred(g, address)) {
        snprintf(error, KS_EPOCH_ERROR_MAX, "%d addresses are barred already; take it out of `authorize` and reload",
                 KS_MAX_BARRED);
        return false;
    }
    if (!g->config->ks.has_rekey) {
        g->n_barred = before;
        snprintf(error, KS_EPOCH_ERROR_MAX, "the group has no `rekey`, so nobody can be told of other keys");
        return false;
    }
    if (!begin(g, address, now)) {
        g->n_barred = before;
        snprintf(error, KS_EPOCH_ERROR_MAX, "memory or random octets are short; nothing changed");
        return false;
    }
    log_msg(KS_GM_BARRED, g->config->name, addr_text(address, text));
    return true;
}

bool ks_epoch_unbar(struct ks_group *g, const struct addr *address)
{
    char text[ADDR_TEXT_MAX];

    for (size_t i = 0; i < g->n_barred; i++) {
        if (!addr_equal(&g->barred[i], address))
            continue;
        g->barred[i] = g->barred[--g->n_barred];
        log_msg(KS_GM_BAR_LIFTED, g->config->name, addr_text(address, text));
        return true;
    }
    return false;
}
