/* SPDX-License-Identifier: BSD-3-Clause */
/* The key server role: admission by group, address and features; then policy, member entry and sender ids. */
#include "ctrl/ks/ks.h"

#include "common/log.h"
#include "ctrl/isakmp/isakmp.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SENDER_IDS 1 /* a member that asks for none still gets one (RFC 6407 3.5) */
#define SENDER_IDS_HIGH    90 /* percent given: time to tell the operator */

bool ks_init(struct ks *ks, const struct config *config, const struct env *env, mono_t now)
{
    *ks = (struct ks){0};
    ks->groups = calloc(config->n_groups ? config->n_groups : 1, sizeof(*ks->groups));
    if (!ks->groups)
        return false;
    for (size_t i = 0; i < config->n_groups; i++) {
        if (config->groups[i].is_member)
            continue;
        if (!ks_group_init(&ks->groups[ks->n_groups++], &config->groups[i], env, &ks->spis, now))
            return false;
    }
    return true;
}

void ks_free(struct ks *ks)
{
    for (size_t i = 0; i < ks->n_groups; i++)
        ks_group_free(&ks->groups[i]);
    free(ks->groups);
    *ks = (struct ks){0};
}

struct ks_group *ks_find(struct ks *ks, const char *name)
{
    for (size_t i = 0; i < ks->n_groups; i++) {
        if (strcmp(ks->groups[i].config->name, name) == 0)
            return &ks->groups[i];
    }
    return NULL;
}

static struct ks_group *find_by_id(struct ks *ks, const struct group_id *id)
{
    for (size_t i = 0; i < ks->n_groups; i++) {
        if (group_id_equal(&ks->groups[i].config->id, id))
            return &ks->groups[i];
    }
    return NULL;
}

__attribute__((format(printf, 5, 6))) static void refuse(struct ks_group *g, const struct registration *reg,
                                                         struct refusal *why, uint16_t notify, const char *fmt, ...)
{
    char peer[ADDR_TEXT_MAX];
    va_list args;

    why->notify = notify;
    va_start(args, fmt);
    vsnprintf(why->text, sizeof(why->text), fmt, args);
    va_end(args);
    g->refusals++;
    log_msg(KS_REFUSED, g->config->name, endpoint_text(&reg->peer, peer), why->text);
}

/* The group that reg asks for, when it may have it; otherwise NULL and *why. */
static struct ks_group *admit(struct ks *ks, const struct registration *reg, struct refusal *why)
{
    struct ks_group *g = find_by_id(ks, &reg->group);
    char a[ADDR_TEXT_MAX], b[ADDR_TEXT_MAX];

    *why = (struct refusal){0};
    if (!g) {
        group_id_text(&reg->group, a);
        why->notify = ISAKMP_N_INVALID_ID_INFORMATION;
        snprintf(why->text, sizeof(why->text), "no group with identity %s here", a);
        log_msg(KS_UNKNOWN_GROUP, endpoint_text(&reg->peer, b), a);
        return NULL;
    }
    if (!addr_equal(&g->config->ks.address, &reg->local.addr)) {
        refuse(g, reg, why, ISAKMP_N_INVALID_ID_INFORMATION, "the group is not served at %s",
               addr_text(&reg->local.addr, a));
        return NULL;
    }
    if (!ks_group_authorizes(g, &reg->peer.addr)) {
        refuse(g, reg, why, ISAKMP_N_AUTHENTICATION_FAILED, "%s is not authorised for this group",
               addr_text(&reg->peer.addr, a));
        return NULL;
    }
    return g;
}

bool ks_request(struct ks *ks, const struct registration *reg, struct policy *out, struct refusal *why, struct now now)
{
    struct ks_group *g = admit(ks, reg, why);

    if (!g)
        return false;
    if (!ks_group_policy(g, out, now.scaled) || out->n_sas == 0) {
        refuse(g, reg, why, ISAKMP_N_REFUSED, "the key server has no key to give; try again");
        return false;
    }
    return true;
}

bool ks_accept(struct ks *ks, const struct registration *reg, struct policy *policy, struct refusal *why,
               struct now now)
{
    struct ks_group *g = admit(ks, reg, why); /* again: a reload may have come between */
    size_t n = reg->sender_ids_wanted ? reg->sender_ids_wanted : DEFAULT_SENDER_IDS;
    unsigned used_before;
    char peer[ADDR_TEXT_MAX], version[KS_VERSION_TEXT_MAX];

    if (!g)
        return false;
    used_before = ks_ids_used_percent(&g->ids);
    if (n > POLICY_MAX_SENDER_IDS || !ks_ids_take(&g->ids, n, policy->sender_ids)) {
        refuse(g, reg, why, ISAKMP_N_REFUSED, "no sender ids are left in this key epoch");
        return false;
    }
    policy->n_sender_ids = n;
    policy->sid_bits = g->ids.bits;
    if (!ks_members_record(&g->members, reg, now.scaled)) {
        refuse(g, reg, why, ISAKMP_N_REFUSED, "the key server is out of memory");
        return false;
    }
    g->registrations++;
    if (used_before < SENDER_IDS_HIGH && ks_ids_used_percent(&g->ids) >= SENDER_IDS_HIGH)
        log_msg(KS_SENDER_IDS_LOW, g->config->name, (unsigned)SENDER_IDS_HIGH);
    log_msg(KS_GM_REGISTERED, g->config->name, endpoint_text(&reg->peer, peer),
            ks_version_text(&reg->features, version));
    return true;
}
