/* SPDX-License-Identifier: BSD-3-Clause */
/* status, show group, show ipsec sa: groups as their members and their key server see them. */
#include "ctrl/ctl/view.h"

#include <string.h>

/* What both roles and both views begin with. Keys whose mechanism this version lacks are null. */
static void put_head(struct json *j, const struct config_group *g, const char *role, const char *state)
{
    char id[ADDR_TEXT_MAX];

    json_kv_string(j, "name", g->name);
    json_kv_string(j, "identity", group_id_text(&g->id, id));
    json_kv_string(j, "role", role);
    json_kv_string(j, "state", state);
}

static void put_member_sas(struct ctl_request *r, const struct gm *gm)
{
    mono_t now = roles_now(r->roles).scaled;
    const struct ipc_page *page = view_page(r->roles, gm);
    size_t n;
    const struct gm_sa *sas = gm_sas(gm, &n);

    json_key(r->out, "sas");
    json_array(r->out);
    for (size_t i = 0; i < n; i++)
        view_member_sa(r->out, gm, &sas[i], page, now);
    json_end_array(r->out);
}

/* How each SA protects: what its row among the SAs doesn't say. No key, only how long keys are. */
static void put_protection(struct json *j, const struct gm *gm)
{
    size_t n;
    const struct gm_sa *sas = gm_sas(gm, &n);

    json_key(j, "protection");
    json_array(j);
    for (size_t i = 0; i < n; i++) {
        const struct policy_sa *sa = &sas[i].sa;

        json_object(j);
        view_spi(j, "spi", sa->spi);
        json_kv_string(j, "mode", sa->transport ? "transport" : "tunnel");
        json_kv_string(j, "replay", name_of(replay_names, sa->replay));
        view_window(j, sa->replay, sa->window);
        json_kv_bool(j, "strict_sender", sa->strict_sender);
        json_kv_bool(j, "tag", sa->tag);
        json_kv_u64(j, "key_octets", sa->suite->key_len);
        json_kv_u64(j, "integrity_key_octets", sa->suite->integrity_len);
        json_end_object(j);
    }
    json_end_array(j);
}

static void put_member(struct ctl_request *r, const struct gm *gm, bool details)
{
    struct json *j = r->out;
    mono_t now = roles_now(r->roles).scaled;
    const struct config_group *g = gm_config(gm);
    const struct policy *policy = gm_current_policy(gm);
    const struct gm_stats *stats = gm_stats(gm);
    char server[ADDR_TEXT_MAX];

    json_object(j);
    put_head(j, g, "member", name_of(gm_state_names, gm_state(gm, now)));
    json_kv_string(j, "key_server", addr_text(gm_server(gm), server));
    if (policy)
        view_digest(j, "policy_digest", policy->digest);
    else
        json_kv_null(j, "policy_digest");
    json_kv_u64(j, "registrations", stats->registrations);
    view_member_rekeys(j, gm, now);
    view_gm_pseudotime(j, gm, now);
    json_kv_u64(j, "failed_registrations", stats->failures);
    json_kv_string(j, "last_error", view_text_or_null(stats->last_error));
    if (mono_is_never(gm_next_registration(gm)))
        json_kv_null(j, "registers_in_s");
    else
        json_kv_u64(j, "registers_in_s", view_seconds_until(gm_next_registration(gm), now));
    json_kv_bool(j, "attached", dpc_attached(plane_dpc(roles_plane(r->roles, gm))));
    view_bindings(j, g);
    json_kv_bool(j, "fail_close", g->gm.fail_close);
    put_member_sas(r, gm);
    if (details) {
        json_key(j, "key_servers");
        json_array(j);
        for (size_t i = 0; i < g->gm.n_servers; i++)
            json_string(j, addr_text(&g->gm.servers[i], server));
        json_end_array(j);
        view_rules(j, "fail_close_allow", &g->gm.fail_close_allow);
        view_rules(j, "local_acl", &g->gm.local_acl);
        view_rules(j, "rules", policy ? &policy->acl : &(struct acl){0});
    }
    json_end_object(j);
}

static void put_server_rekeys(struct json *j, const struct ks_group *g, mono_t now)
{
    json_kv_u64(j, "rekeys_received", 0);
    if (g->keks.n > 0)
        json_kv_u64(j, "last_rekey_seq", g->keks.all[0].number);
    else
        json_kv_null(j, "last_rekey_seq");
    view_ks_kek(j, g, now);
}

static void put_server(struct ctl_request *r, const struct ks_group *g, bool details)
{
    struct json *j = r->out;
    mono_t now = roles_now(r->roles).scaled;
    char address[ADDR_TEXT_MAX];

    json_object(j);
    put_head(j, g->config, "key-server", "alone");
    json_kv_string(j, "key_server", addr_text(&g->config->ks.address, address));
    view_digest(j, "policy_digest", g->digest);
    json_kv_u64(j, "registrations", g->registrations);
    put_server_rekeys(j, g, now);
    view_ks_pseudotime(j, g, now);
    json_kv_u64(j, "refused_registrations", g->refusals);
    json_kv_u64(j, "members", ks_members_present(&g->members));
    json_kv_u64(j, "sender_ids_used_percent", ks_ids_used_percent(&g->ids));
    json_key(j, "sas");
    json_array(j);
    for (size_t i = 0; i < g->n_teks; i++)
        view_tek(j, &g->teks[i], g->config->ks.receive_only, now);
    json_end_array(j);
    if (details)
        view_rules(j, "rules", &g->acl);
    json_end_object(j);
}

static bool is_healthy(enum gm_state s)
{
    return s == GM_REGISTERED || s == GM_RE_REGISTERING;
}

/* Groups by name (NULL = all): members first. Returns how many there were; *healthy: all of them do their work. */
static size_t put_groups(struct ctl_request *r, const char *name, bool details, bool *healthy)
{
    struct ks *ks = roles_ks(r->roles);
    size_t n = 0;

    *healthy = true;
    json_key(r->out, "groups");
    json_array(r->out);
    for (size_t i = 0; i < roles_members(r->roles); i++) {
        const struct gm *gm = roles_member(r->roles, i);

        if (name && strcmp(gm_config(gm)->name, name) != 0)
            continue;
        put_member(r, gm, details);
        *healthy = *healthy && is_healthy(gm_state(gm, roles_now(r->roles).scaled));
        n++;
    }
    for (size_t i = 0; i < ks->n_groups; i++) {
        if (name && strcmp(ks->groups[i]->config->name, name) != 0)
            continue;
        put_server(r, ks->groups[i], details);
        *healthy = *healthy && ks->groups[i]->n_teks > 0;
        n++;
    }
    json_end_array(r->out);
    return n;
}

int ctl_status(struct ctl_request *r)
{
    bool healthy;

    json_object(r->out);
    json_kv_string(r->out, "version", GVPN_VERSION);
    (void)put_groups(r, NULL, false, &healthy);
    json_end_object(r->out);
    return healthy ? CTL_OK : CTL_DEGRADED;
}

int ctl_show_group(struct ctl_request *r)
{
    const char *name;
    bool healthy;
    int code;

    if (!view_group_name(r, 2, true, true, &name, &code))
        return code;
    json_object(r->out);
    (void)put_groups(r, name, true, &healthy);
    json_end_object(r->out);
    return CTL_OK;
}

int ctl_show_ipsec_sa(struct ctl_request *r)
{
    json_object(r->out);
    json_key(r->out, "groups");
    json_array(r->out);
    for (size_t i = 0; i < roles_members(r->roles); i++) {
        const struct gm *gm = roles_member(r->roles, i);

        json_object(r->out);
        json_kv_string(r->out, "name", gm_config(gm)->name);
        put_member_sas(r, gm);
        put_protection(r->out, gm);
        json_end_object(r->out);
    }
    json_end_array(r->out);
    json_end_object(r->out);
    return CTL_OK;
}
