/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * show feature [F]: which registered member announced which feature and version, and who lacks what (KS16). A member that
 * lacks what its policy needs is refused, so those listed here lack only what isn't needed yet.
 */
#include "ctrl/ctl/view.h"

#include "ctrl/policy/payloads.h"

#include <string.h>

/* What the group's configuration asks of its members. The list is told by the ordered policy always. */
static uint64_t needed(const struct ks_group *g)
{
    const struct config_key_server *c = &g->config->ks;
    uint64_t need = FEATURE_ORDERED_POLICY;

    for (size_t i = 0; i < c->n_sas; i++) {
        const struct config_sa *sa = &c->sas[i];

        need |= policy_sa_features(&(struct policy_sa){.suite = sa->suite,
                                                       .replay = sa->replay,
                                                       .tag = sa->tag,
                                                       .strict_sender = sa->strict_sender,
                                                       .lifetime_s = sa->lifetime_s});
    }
    return need;
}

static void put_names(struct json *j, const char *key, uint64_t bits)
{
    json_key(j, key);
    json_array(j);
    for (size_t i = 0; feature_at(i); i++) {
        if (bits & feature_at(i)->bit)
            json_string(j, feature_at(i)->name);
    }
    json_end_array(j);
}

/* How many members have a feature, and how many there are. Those that left count no more. */
static void count(const struct ks *ks, uint64_t bit, uint64_t *with, uint64_t *all)
{
    *with = *all = 0;
    for (size_t i = 0; i < ks->n_groups; i++) {
        const struct ks_members *ms = &ks->groups[i]->members;

        for (size_t k = 0; k < ms->n; k++) {
            if (!ks_member_is_present(&ms->entries[k]))
                continue;
            ++*all;
            *with += (ms->entries[k].features.features & bit) != 0;
        }
    }
}

static void put_feature(struct json *j, const struct ks *ks, const struct feature *f)
{
    uint64_t with, all;

    count(ks, f->bit, &with, &all);
    json_object(j);
    json_kv_string(j, "name", f->name);
    json_kv_string(j, "meaning", f->meaning);
    json_kv_bool(j, "this_version", feature_supported(f->bit));
    json_kv_u64(j, "members_with", with);
    json_kv_u64(j, "members_lacking", all - with);
    json_end_object(j);
}

static void put_group(struct json *j, const struct ks_group *g, uint64_t asked)
{
    char text[ADDR_TEXT_MAX], version[KS_VERSION_TEXT_MAX];

    json_object(j);
    json_kv_string(j, "name", g->config->name);
    json_kv_string(j, "server", addr_text(&g->config->ks.address, text));
    json_kv_string(j, "server_version", GVPN_VERSION);
    put_names(j, "needed", needed(g) & asked);
    json_key(j, "members");
    json_array(j);
    for (size_t i = 0; i < g->members.n; i++) {
        const struct ks_member *m = &g->members.entries[i];

        if (m->left)
            continue;
        json_object(j);
        json_kv_string(j, "address", addr_text(&m->peer.addr, text));
        json_kv_string(j, "identity", m->identity);
        json_kv_string(j, "version", ks_version_text(&m->features, version));
        put_names(j, "has", m->features.features & asked);
        put_names(j, "lacks", ~m->features.features & asked);
        json_end_object(j);
    }
    json_end_array(j);
    json_end_object(j);
}

int ctl_show_feature(struct ctl_request *r)
{
    const char *name = r->n_words > 2 ? r->words[2] : NULL;
    struct ks *ks = roles_ks(r->roles);
    uint64_t asked = 0;

    for (size_t i = 0; feature_at(i); i++) {
        if (!name || strcmp(feature_at(i)->name, name) == 0)
            asked |= feature_at(i)->bit;
    }
    if (!asked)
        return ctl_error(r, CTL_NOT_FOUND, "no feature named %s", name);
    json_object(r->out);
    json_key(r->out, "features");
    json_array(r->out);
    for (size_t i = 0; feature_at(i); i++) {
        if (asked & feature_at(i)->bit)
            put_feature(r->out, ks, feature_at(i));
    }
    json_end_array(r->out);
    json_key(r->out, "groups");
    json_array(r->out);
    for (size_t i = 0; i < ks->n_groups; i++)
        put_group(r->out, ks->groups[i], asked);
    json_end_array(r->out);
    json_end_object(r->out);
    return CTL_OK;
}
