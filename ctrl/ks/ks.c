/* SPDX-License-Identifier: BSD-3-Clause */
/* The key server role: admission by group, address and features; then policy, member entry and sender ids. */
#include "ctrl/ks/ks.h"

#include "common/log.h"
#include "ctrl/isakmp/isakmp.h"
#include "ctrl/policy/payloads.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SENDER_IDS 1 /* a member that asks for none still gets one (RFC 6407 3.5) */
#define SENDER_IDS_HIGH    90 /* percent given: time to tell the operator */

struct ks_change {
    struct ks_group **groups; /* made aside */
    struct ks_group **olds;   /* whose successors they are; NULL = a new group */
    size_t n;
};

static size_t find_by_id(const struct ks *ks, const struct group_id *id)
{
    size_t i = 0;

    while (i < ks->n_groups && !group_id_equal(&ks->groups[i]->config->id, id))
        i++;
    return i;
}

void ks_abandon(struct ks_change *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++)
        ks_group_free(c->groups[i]);
    free(c->groups);
    free(c->olds);
    free(c);
}

struct ks_change *ks_prepare(struct ks *ks, const struct config *config, mono_t now, char error[KS_ERROR_MAX])
{
    struct ks_change *c = calloc(1, sizeof(*c));

    snprintf(error, KS_ERROR_MAX, "memory is short");
    if (c) {
        c->groups = calloc(config->n_groups + 1, sizeof(struct ks_group *));
        c->olds = calloc(config->n_groups + 1, sizeof(struct ks_group *));
    }
    if (!c || !c->groups || !c->olds)
        goto fail;
    for (size_t i = 0; i < config->n_groups; i++) {
        const struct config_group *g = &config->groups[i];
        size_t at = find_by_id(ks, &g->id);

        if (g->is_member)
            continue;
        c->olds[c->n] = at < ks->n_groups ? ks->groups[at] : NULL;
        c->groups[c->n] = c->olds[c->n] ? ks_group_successor(c->olds[c->n], g, now)
                                        : ks_group_new(g, ks->env, &ks->spis, now);
        if (!c->groups[c->n]) {
            snprintf(error, KS_ERROR_MAX,
                     "group %s: memory or random octets are short, or more than %d TEKs would live at once", g->name,
                     POLICY_MAX_SAS);
            goto fail;
        }
        c->n++;
    }
    return c;
fail:
    ks_abandon(c);
    return NULL;
}

static bool goes_on(const struct ks_change *c, const struct ks_group *old)
{
    for (size_t i = 0; i < c->n; i++) {
        if (c->olds[i] == old)
            return true;
    }
    return false;
}

void ks_commit(struct ks *ks, struct ks_change *c)
{
    char id[ADDR_TEXT_MAX];

    for (size_t i = 0; i < ks->n_groups; i++) {
        if (goes_on(c, ks->groups[i]))
            continue;
        log_msg(KS_GROUP_DELETE, ks->groups[i]->config->name, group_id_text(&ks->groups[i]->config->id, id));
        ks_group_free(ks->groups[i]);
    }
    for (size_t i = 0; i < c->n; i++) {
        if (!c->olds[i])
            log_msg(KS_GROUP_ADD, c->groups[i]->config->name, group_id_text(&c->groups[i]->config->id, id));
        ks_group_start(c->groups[i], c->olds[i]);
    }
    free(ks->groups);
    ks->groups = c->groups;
    ks->n_groups = c->n;
    free(c->olds);
    free(c);
}

bool ks_init(struct ks *ks, const struct config *config, const struct env *env, mono_t now)
{
    char error[KS_ERROR_MAX];
    struct ks_change *c;

    *ks = (struct ks){.env = env};
    c = ks_prepare(ks, config, now, error);
    if (c)
        ks_commit(ks, c);
    return c != NULL;
}

void ks_free(struct ks *ks)
{
    for (size_t i = 0; i < ks->n_groups; i++)
        ks_group_free(ks->groups[i]);
    free(ks->groups);
    *ks = (struct ks){0};
}

struct ks_group *ks_find(struct ks *ks, const char *name)
{
    for (size_t i = 0; i < ks->n_groups; i++) {
        if (strcmp(ks->groups[i]->config->name, name) == 0)
            return ks->groups[i];
    }
    return NULL;
}

/* What the peer is told. The log is the caller's: most refusals have a message of their own. */
__attribute__((format(printf, 4, 5))) static void answer_no(struct ks_group *g, struct refusal *why, uint16_t notify,
                                                            const char *fmt, ...)
{
    va_list args;

    why->notify = notify;
    va_start(args, fmt);
    vsnprintf(why->text, sizeof(why->text), fmt, args);
    va_end(args);
    g->refusals++;
}

static void refuse(struct ks_group *g, const struct registration *reg, struct refusal *why, const char *reason)
{
    char peer[ADDR_TEXT_MAX];

    answer_no(g, why, ISAKMP_N_REFUSED, "%s", reason);
    log_msg(KS_REFUSED, g->config->name, endpoint_text(&reg->peer, peer), why->text);
}

/* Not for this address, and who tries may be hostile: both of the original's messages. */
static void refuse_stranger(struct ks_group *g, const struct registration *reg, struct refusal *why)
{
    char address[ADDR_TEXT_MAX], peer[ADDR_TEXT_MAX];

    addr_text(&reg->peer.addr, address);
    answer_no(g, why, ISAKMP_N_AUTHENTICATION_FAILED, "%s is not authorised for this group", address);
    log_msg(UNAUTHORIZED_IPADDR, g->config->name, address);
    log_msg(KS_UNAUTHORIZED, endpoint_text(&reg->peer, peer), g->config->name);
}

/* It can't do what the policy needs (KS16). */
static void refuse_version(struct ks_group *g, const struct registration *reg, uint64_t missing, struct refusal *why)
{
    char features[POLICY_FAULT_TEXT_MAX], peer[ADDR_TEXT_MAX];

    policy_features_text(missing, features);
    answer_no(g, why, ISAKMP_N_REFUSED, "the member lacks: %.120s", features);
    why->missing = missing;
    log_msg(REJECT_GM_VERSION_REGISTER, endpoint_text(&reg->peer, peer), (unsigned)reg->features.version, g->config->name,
            features);
}

/* The group that reg asks for, when it may have it; otherwise NULL and *why. */
static struct ks_group *admit(struct ks *ks, const struct registration *reg, struct refusal *why)
{
    size_t at = find_by_id(ks, &reg->group);
    struct ks_group *g = at < ks->n_groups ? ks->groups[at] : NULL;
    char a[ADDR_TEXT_MAX], b[ADDR_TEXT_MAX];

    *why = (struct refusal){0};
    if (!g) {
        group_id_text(&reg->group, a);
        why->notify = ISAKMP_N_INVALID_ID_INFORMATION;
        snprintf(why->text, sizeof(why->text), "no group with identity %s here", a);
        log_msg(KS_BAD_ID, endpoint_text(&reg->peer, b), a);
        return NULL;
    }
    if (!addr_equal(&g->config->ks.address, &reg->local.addr)) {
        addr_text(&reg->local.addr, a);
        answer_no(g, why, ISAKMP_N_INVALID_ID_INFORMATION, "the group is not served at %s", a);
        log_msg(UNREGISTERED_INTERFACE, g->config->name, a, endpoint_text(&reg->peer, b));
        return NULL;
    }
    if (ks_group_is_barred(g, &reg->peer.addr)) {
        answer_no(g, why, ISAKMP_N_AUTHENTICATION_FAILED, "%s is barred by the operator", addr_text(&reg->peer.addr, a));
        log_msg(KS_GM_REVOKED, g->config->name, endpoint_text(&reg->peer, b));
        return NULL;
    }
    if (!ks_group_authorizes(g, &reg->peer.addr)) {
        refuse_stranger(g, reg, why);
        return NULL;
    }
    return g;
}

/* What it lacks, whatever is left of a long life now (KS16). */
static uint64_t missing_of(const struct ks_group *g, const struct policy *p, const struct peer_features *peer)
{
    uint64_t missing = policy_missing(p, peer);

    for (size_t i = 0; i < g->n_teks; i++) {
        if (g->teks[i].lifetime_s > KS_LONG_S)
            missing |= FEATURE_LONG_LIFETIME & ~(peer->ours ? peer->features : 0);
    }
    return missing;
}

/* May it be a member of a group with these keys: does it do all that they need, and is there a place (KS12, KS16)? */
static bool fits(struct ks_group *g, const struct registration *reg, const struct policy *p, struct refusal *why,
                 mono_t now)
{
    const struct ks_member *m = ks_members_find(&g->members, &reg->peer.addr, reg->identity);
    uint64_t missing = missing_of(g, p, &reg->features);
    size_t limit = ks_group_limit(g);
    char text[80];

    if (missing) {
        refuse_version(g, reg, missing, why);
        return false;
    }
    if (g->config->ks.has_rekey && !g->config->ks.rekey.unicast && !reg->features.ours) {
        refuse(g, reg, why, "rekeys by multicast are for members with our extensions, others need unicast");
        return false;
    }
    if (limit && ks_members_others(&g->members, m, now) >= limit) {
        snprintf(text, sizeof(text), "counter replay is for %zu members, and the group has them", limit);
        refuse(g, reg, why, text);
        return false;
    }
    return true;
}

bool ks_request(struct ks *ks, const struct registration *reg, struct policy *out, struct refusal *why, struct now now)
{
    struct ks_group *g = admit(ks, reg, why);

    if (!g)
        return false;
    if (!ks_group_policy(g, out, now.scaled) || out->n_sas == 0) {
        policy_wipe(out);
        refuse(g, reg, why, "the key server has no key to give; try again");
        return false;
    }
    if (!fits(g, reg, out, why, now.scaled)) {
        policy_wipe(out);
        return false;
    }
    ks_spent_mark(g, ks_members_find(&g->members, &reg->peer.addr, reg->identity), out);
    return true;
}

/* Latest end of the keys that a policy brings, as its member counts it at most. */
static mono_t keys_end(const struct policy *p, mono_t now)
{
    mono_t end = now;

    for (size_t i = 0; i < p->n_sas; i++)
        end = mono_max(end, mono_add(now, mono_s(p->sas[i].lifetime_s)));
    return end;
}

static bool give_sender_ids(struct ks_group *g, const struct registration *reg, struct policy *policy, size_t n,
                            struct refusal *why, mono_t now)
{
    const struct ks_member *m = ks_members_find(&g->members, &reg->peer.addr, reg->identity);
    uint64_t had = m && m->ids_epoch == g->ids.epoch ? m->ids_given : 0;
    unsigned used_before = ks_ids_used_percent(&g->ids);
    mono_t until = policy->has_kek ? MONO_NEVER : keys_end(policy, now); /* with rekeys it keeps them for later keys, too */

    if (n > POLICY_MAX_SENDER_IDS || had + n > ks_ids_quota(&g->ids)) {
        refuse(g, reg, why, "the member has taken its share of the sender ids; try again later");
        return false;
    }
    if (!ks_ids_take(&g->ids, n, until, now, policy->sender_ids)) {
        refuse(g, reg, why, "no sender ids are left in this key epoch");
        return false;
    }
    if (used_before < SENDER_IDS_HIGH && ks_ids_used_percent(&g->ids) >= SENDER_IDS_HIGH) {
        log_msg(KS_SENDER_IDS_LOW, g->config->name, (unsigned)SENDER_IDS_HIGH);
        g->epoch_wanted = g->keks.n > 0;
    }
    policy->n_sender_ids = n;
    policy->sid_bits = g->ids.bits;
    return true;
}

bool ks_accept(struct ks *ks, const struct registration *reg, struct policy *policy, struct refusal *why,
               struct now now)
{
    struct ks_group *g = admit(ks, reg, why); /* again: a reload may have come between */
    size_t n = reg->sender_ids_wanted ? reg->sender_ids_wanted : DEFAULT_SENDER_IDS;
    struct ks_member *m;
    mono_t given;
    char peer[ADDR_TEXT_MAX], version[KS_VERSION_TEXT_MAX];

    if (!g)
        return false;
    if (!ks_group_is_current(g, policy)) { /* its keys or sender ids may belong to an epoch that is over */
        refuse(g, reg, why, "the group's policy or keys have changed meanwhile; try again");
        return false;
    }
    if (!fits(g, reg, policy, why, now.scaled))
        return false;
    if (!give_sender_ids(g, reg, policy, n, why, now.scaled))
        return false;
    if (!ks_pseudotime_accept(&g->pseudotime, policy)) {
        refuse(g, reg, why, "the group's clock was started meanwhile; try again");
        return false;
    }
    given = ks_spent_given(g, ks_members_find(&g->members, &reg->peer.addr, reg->identity));
    m = ks_members_record(&g->members, reg, now.scaled);
    if (!m) {
        refuse(g, reg, why, "the key server is out of memory");
        return false;
    }
    m->ids_given = n + (m->ids_epoch == g->ids.epoch ? m->ids_given : 0);
    m->ids_epoch = g->ids.epoch;
    m->keys_end = keys_end(policy, now.scaled);
    ks_spent_gave(g, m, given, policy);
    ks_group_joined(g, m);
    if (g->epoch_wanted) /* not before this registration has its keys */
        must_set_timer(g->env->timers, &g->roll, now.scaled);
    if (policy->has_kek)
        policy->rekey_number = g->keks.all[0].number;
    g->registrations++;
    log_msg(KS_REGS_COMPL, g->config->name, endpoint_text(&reg->peer, peer),
            ks_version_text(&reg->features, version));
    if (m->registrations == 1 && g->members.n == 1)
        log_msg(KS_FIRST_GM, g->config->name, peer);
    if (reg->replace_wanted)
        (void)ks_spent_replace(g, m, given, now.scaled);
    return true;
}

bool ks_left(struct ks *ks, const struct registration *reg, struct now now)
{
    size_t at = find_by_id(ks, &reg->group);
    struct ks_group *g = at < ks->n_groups ? ks->groups[at] : NULL;
    struct ks_member *m = NULL;
    char peer[ADDR_TEXT_MAX], own[ADDR_TEXT_MAX];

    if (g && addr_equal(&g->config->ks.address, &reg->local.addr))
        m = ks_members_find(&g->members, &reg->peer.addr, reg->identity);
    endpoint_text(&reg->peer, peer);
    if (!m || m->left) {
        log_msg(KS_LEAVE_IGNORED, peer, m ? "it has left already" : "it is not a member of that group here");
        return false;
    }
    m->left = true;
    m->target = (struct ks_target){0}; /* no rekey waits for it */
    m->last_seen = now.scaled;
    log_msg(GM_UNREGISTER, peer, g->config->name, addr_text(&reg->local.addr, own), "it has said so");
    if (ks_members_present(&g->members) == 0)
        log_msg(KS_LAST_GM, g->config->name, peer);
    return true;
}

static bool knows(const struct ks_group *g, const struct addr *address)
{
    bool known = ks_members_has_address(&g->members, address);

    for (const struct ks_farewell *f = g->farewells; f && !known; f = f->next)
        known = ks_members_has_address(&f->members, address);
    return known;
}

bool ks_knows(const struct ks *ks, const struct addr *address)
{
    for (size_t i = 0; i < ks->n_groups; i++) {
        if (knows(ks->groups[i], address))
            return true;
    }
    return false;
}

bool ks_acknowledged(struct ks *ks, const struct path *path, struct span datagram, struct now now)
{
    for (size_t i = 0; i < ks->n_groups; i++) {
        struct ks_group *g = ks->groups[i];

        if (!addr_equal(&g->config->ks.address, &path->local.addr))
            continue;
        if (ks_rekey_acknowledged(&g->rekey, path, datagram, now.scaled))
            return true;
        for (struct ks_farewell *f = g->farewells; f; f = f->next) {
            if (ks_rekey_acknowledged(&f->rekey, path, datagram, now.scaled))
                return true;
        }
    }
    return false;
}
