/* SPDX-License-Identifier: BSD-3-Clause */
/* A key server's group: its life, from one configuration to the next, and what the operator asks of it. See group.h. */
#include "ctrl/ks/group.h"

#include "common/log.h"
#include "ctrl/crypto/hash.h"
#include "ctrl/policy/payloads.h"

#include <stdlib.h>
#include <string.h>

#define REPLACE_SPREAD_S 5  /* members install what came in the same wave within so much time of each other */
#define REPLACE_MARGIN_S 10 /* decision 21: the replaced keys receive for the rounds of the rekey, and so much more */

/* ---- life ---- */

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

/* A group without keys. */
static struct ks_group *new_group(const struct config_group *config, const struct env *env, struct ks_spis *spis, mono_t now)
{
    struct ks_group *g = calloc(1, sizeof(*g));

    if (!g)
        return NULL;
    g->config = config;
    g->env = env;
    g->spis = spis;
    g->roll.fire = ks_group_on_roll;
    g->rules_serial = 1;
    g->made_at = g->rekeyed_at = now;
    ks_rekey_init(&g->rekey, g, NULL, &g->keks, &g->members);
    ks_ids_init(&g->ids, config->ks.sender_id_bits);
    if (!merge_lists(g) || !digest_lists(g)) {
        ks_group_free(g);
        return NULL;
    }
    return g;
}

/* The KEK that the configuration asks for, if any: the present one, or a new one before it. */
static bool settle_kek(struct ks_group *g, mono_t now)
{
    if (!g->config->ks.has_rekey) {
        ks_kek_free(&g->keks);
        return true;
    }
    return (g->keks.n > 0 && ks_kek_fits(&g->keks.all[0], g->config)) || ks_kek_add(&g->keks, g->config, g->env, now);
}

struct ks_group *ks_group_new(const struct config_group *config, const struct env *env, struct ks_spis *spis, mono_t now)
{
    struct ks_group *g = new_group(config, env, spis, now);

    if (g && (!ks_tek_renew(g, now) || !settle_kek(g, now))) {
        ks_group_free(g);
        return NULL;
    }
    return g;
}

/* What a successor has of the group before it, as long as sender ids are as wide: else IVs could repeat under its keys. */
static bool inherit(struct ks_group *g, const struct ks_group *old)
{
    g->changes = ks_changes_between(old->config, g->config);
    g->rules_serial = old->rules_serial + (memcmp(g->digest, old->digest, sizeof(g->digest)) != 0);
    if (g->ids.bits != old->ids.bits) {
        g->keks.last_serial = old->keks.last_serial;
        g->spare = ks_farewell_new(old);
        return g->spare != NULL;
    }
    memcpy(g->teks, old->teks, sizeof(g->teks));
    g->n_teks = old->n_teks;
    g->replace_end = old->replace_end;
    g->replace_send = old->replace_send;
    ks_kek_copy(&g->keks, &old->keks);
    return true;
}

struct ks_group *ks_group_successor(const struct ks_group *old, const struct config_group *config, mono_t now)
{
    struct ks_group *g = new_group(config, old->env, old->spis, now);

    if (g && (!inherit(g, old) || !ks_tek_renew(g, now) || !settle_kek(g, now))) {
        ks_group_free(g);
        return NULL;
    }
    return g;
}

/* Without `rekey` its KEKs are gone: nobody is known to hold one any more, nor keeps its ids for keys that would have come. */
static void end_rekeys(struct ks_group *g)
{
    ks_ids_end(&g->ids, ks_tek_last_end(g));
    for (size_t i = 0; i < g->members.n; i++)
        g->members.entries[i].target = (struct ks_target){0};
}

static void take_over(struct ks_group *g, struct ks_group *old)
{
    ks_farewell_move(g, old);
    g->last_rekey = old->last_rekey;
    if (g->spare) {
        g->ids.epoch = old->ids.epoch + 1;
        ks_farewell_start(g->spare, g, old, g->made_at);
        g->spare = NULL;
    } else {
        g->members = old->members;
        old->members = (struct ks_members){0};
        g->ids = old->ids;
        if (!g->config->ks.has_rekey)
            end_rekeys(g);
        g->rekeyed_at = old->rekeyed_at;
        ks_rekey_move(&g->rekey, &old->rekey);
    }
    g->pseudotime = old->pseudotime;
    g->registrations = old->registrations;
    g->refusals = old->refusals;
    g->acks = old->acks;
    g->forgot = old->forgot;
    g->forgot_at = old->forgot_at;
    g->spent = old->spent;
    g->spent_at = old->spent_at;
    g->epoch_wanted = old->epoch_wanted;
    g->n_barred = old->n_barred;
    memcpy(g->barred, old->barred, sizeof(g->barred));
}

/* What operators know by name. */
static void log_changes(const struct ks_group *g)
{
    const char *name = g->config->name;
    char to[ADDR_TEXT_MAX];

    for (unsigned row = 0; row < KS_ROW_COUNT; row++) {
        if (g->changes.rows & 1u << row)
            log_debug("ks", "group %s: changed: %s%s", name, ks_rows[row].text, ks_rows[row].rekey ? ", rekey" : "");
    }
    if (g->changes.rows & 1u << KS_ROW_TO_UNICAST)
        log_msg(KS_REKEY_TRANS_2_UNI, name);
    if (g->changes.rows & 1u << KS_ROW_TO_MULTICAST)
        log_msg(KS_REKEY_TRANS_2_MULTI, name, addr_text(&g->config->ks.rekey.destination.addr, to));
    if (g->changes.rows & 1u << KS_ROW_RECEIVE_ONLY_ENABLED)
        log_msg(KS_CONV_SAS_INGRESS, name);
    if (g->changes.rows & 1u << KS_ROW_RECEIVE_ONLY_DISABLED)
        log_msg(KS_CONV_SAS_DUPLEX, name);
}

/* Has it keys that nobody was told of? A key may have been due at the moment of the reload, or be due by its settings. */
static bool has_new_keys(const struct ks_group *g)
{
    return (g->n_teks > 0 && !g->teks[g->n_teks - 1].announced) || (g->keks.n > 0 && !g->keks.all[0].announced);
}

void ks_group_start(struct ks_group *g, struct ks_group *old)
{
    bool tells = old && (g->changes.rekey || has_new_keys(g));

    if (old) {
        take_over(g, old);
        ks_group_free(old);
        log_changes(g);
    }
    ks_group_announce(g);
    if (tells)
        ks_group_start_rekey(g, KS_REKEY_POLICY, g->made_at);
    ks_group_set_timer(g);
}

void ks_group_free(struct ks_group *g)
{
    if (!g)
        return;
    timer_cancel(g->env->timers, &g->roll);
    ks_rekey_stop(&g->rekey);
    ks_farewell_free_all(g);
    ks_farewell_drop(g->spare);
    ks_kek_free(&g->keks);
    ks_members_free(&g->members);
    acl_free(&g->acl);
    wipe(g, sizeof(*g));
    free(g);
}

/* ---- what the operator asks for ---- */

bool ks_group_rekey(struct ks_group *g, mono_t now)
{
    ks_group_start_rekey(g, KS_REKEY_OPERATOR, now);
    return g->keks.n > 0;
}

mono_t ks_group_replace_delay(const struct ks_group *g)
{
    const struct config_rekey *r = &g->config->ks.rekey;

    return mono_add(ks_schedule_waves(r, ks_rekey_targets(g)), mono_s((int64_t)r->interval_s * r->count + REPLACE_MARGIN_S));
}

void ks_group_replaced(struct ks_group *g, enum ks_rekey_why why, bool at_once, mono_t delay, mono_t now)
{
    mono_t waves = ks_schedule_waves(&g->config->ks.rekey, ks_rekey_targets(g));

    g->replace_end = mono_add(now, delay);
    g->replace_send = at_once ? now : mono_add(mono_add(now, waves), mono_s(REPLACE_SPREAD_S));
    ks_group_announce(g);
    ks_group_start_rekey(g, why, now);
    g->rekey.replace = true;
    ks_group_set_timer(g);
}

bool ks_group_replace(struct ks_group *g, bool at_once, mono_t now)
{
    mono_t delay = at_once ? MONO_ZERO : ks_group_replace_delay(g), end = mono_add(now, delay);
    size_t before;

    if (g->keks.n == 0 || !ks_tek_make_all(g, now))
        return false;
    before = g->n_teks - g->config->ks.n_sas;
    for (size_t i = 0; i < before; i++) {
        g->teks[i].replaced = true;
        g->teks[i].end = mono_min(g->teks[i].end, end);
    }
    ks_group_replaced(g, KS_REKEY_OPERATOR, at_once, delay, now);
    return true;
}

/* ---- members ---- */

void ks_group_joined(struct ks_group *g, struct ks_member *m)
{
    struct ks_kek *k = ks_kek_newest(&g->keks);

    if (!k)
        return;
    k->in_use = true;
    m->target = (struct ks_target){.kek = k->serial, .rules = g->rules_serial};
    if (g->config->ks.rekey.unicast)
        ks_group_set_timer(g); /* one more to tell: rekeys begin earlier */
}

bool ks_group_is_barred(const struct ks_group *g, const struct addr *address)
{
    for (size_t i = 0; i < g->n_barred; i++) {
        if (addr_equal(&g->barred[i], address))
            return true;
    }
    return false;
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
