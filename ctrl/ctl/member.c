/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * show gm, show acl, show ruleset, show fail-close: memberships and their lists, as gvpnd holds them and has given them to
 * the data plane (GM5, GM7). What the data plane decides for a packet is explain's business.
 */
#include "ctrl/ctl/view.h"

/* A group's lists in the order in which the data plane asks them (docs/packet.md). */
struct list {
    const char *name;
    const struct acl *acl;
    bool in_use;
    const char *permit, *deny, *no_match; /* what they mean */
};

#define N_LISTS 3

static const struct acl empty;

/* Must the data plane be without a policy of this group? */
static bool waits_for_policy(const struct gm *gm)
{
    return gm_current_policy(gm) == NULL;
}

static void get_lists(const struct gm *gm, struct list lists[N_LISTS])
{
    const struct config_member *c = &gm_config(gm)->gm;
    const struct policy *p = gm_current_policy(gm);

    lists[0] = (struct list){"fail-close", &c->fail_close_allow, !p && c->fail_close, "drop", "clear", "drop"};
    lists[1] = (struct list){"local", &c->local_acl, p != NULL, "drop", "clear", "next list"};
    lists[2] = (struct list){"downloaded", p ? &p->acl : &empty, p != NULL, "encrypt", "clear", "clear"};
}

static bool is_attached(struct ctl_request *r, const struct gm *gm)
{
    return dpc_attached(plane_dpc(roles_plane(r->roles, gm)));
}

static void put_servers(struct json *j, const struct gm *gm)
{
    const struct config_member *c = &gm_config(gm)->gm;
    char text[ADDR_TEXT_MAX];

    json_kv_string(j, "key_server", addr_text(gm_server(gm), text));
    json_kv_string(j, "registered_with", gm_home(gm) ? addr_text(gm_home(gm), text) : NULL);
    json_key(j, "key_servers");
    json_array(j);
    for (size_t i = 0; i < c->n_servers; i++)
        json_string(j, addr_text(&c->servers[i], text));
    json_end_array(j);
}

/* Who is a member of whom: our address, both sides' software. */
static void put_versions(struct json *j, const struct gm *gm)
{
    char text[ADDR_TEXT_MAX], version[KS_VERSION_TEXT_MAX];

    json_kv_string(j, "address", gm_own(gm)->family ? addr_text(gm_own(gm), text) : NULL);
    json_kv_string(j, "version", GVPN_VERSION);
    json_kv_string(j, "server_version", gm_home(gm) ? ks_version_text(gm_server_features(gm), version) : NULL);
}

/* SAs that are in use for receiving, and how many of them send. */
static void count_sas(struct json *j, const struct gm *gm, mono_t now)
{
    uint64_t receiving = 0, sending = 0;
    size_t n;
    const struct gm_sa *sas = gm_sas(gm, &n);

    for (size_t i = 0; i < n; i++) {
        receiving += sas[i].acknowledged && !sas[i].parked && !sas[i].gone && !mono_reached(sas[i].end, now);
        sending += gm_sending(gm, sas[i].sa.number, now) == &sas[i];
    }
    json_kv_u64(j, "sas", n);
    json_kv_u64(j, "sas_receiving", receiving);
    json_kv_u64(j, "sas_sending", sending);
}

static void put_gm(struct ctl_request *r, const struct gm *gm)
{
    struct json *j = r->out;
    mono_t now = roles_now(r->roles).scaled;
    const struct gm_stats *stats = gm_stats(gm);
    const struct policy *p = gm_current_policy(gm);
    char text[ADDR_TEXT_MAX];

    json_object(j);
    json_kv_string(j, "name", gm_config(gm)->name);
    json_kv_string(j, "identity", group_id_text(&gm_config(gm)->id, text));
    json_kv_string(j, "state", name_of(gm_state_names, gm_state(gm, now)));
    put_versions(j, gm);
    put_servers(j, gm);
    json_kv_u64(j, "attempted_registrations", stats->attempts);
    json_kv_u64(j, "registrations", stats->registrations);
    json_kv_u64(j, "failed_registrations", stats->failures);
    json_kv_string(j, "last_error", view_text_or_null(stats->last_error));
    if (mono_is_never(gm_next_registration(gm)))
        json_kv_null(j, "registers_in_s");
    else
        json_kv_u64(j, "registers_in_s", view_seconds_until(gm_next_registration(gm), now));
    json_kv_string(j, "data_plane", plane_socket(roles_plane(r->roles, gm)));
    json_kv_bool(j, "attached", is_attached(r, gm));
    view_bindings(j, gm_config(gm));
    view_gm_direction(j, gm, now);
    json_kv_bool(j, "receive_only", p && p->receive_only);
    if (p)
        view_digest(j, "policy_digest", p->digest);
    else
        json_kv_null(j, "policy_digest");
    json_kv_u64(j, "rules", p ? p->acl.n : 0);
    count_sas(j, gm, now);
    json_kv_bool(j, "fail_close", gm_config(gm)->gm.fail_close);
    json_kv_bool(j, "leave_on_stop", gm_config(gm)->gm.leave_on_stop);
    view_gm_accept(j, gm);
    view_gm_rekeys(j, gm, now);
    json_end_object(j);
}

int ctl_show_gm(struct ctl_request *r)
{
    return view_groups(r, 2, put_gm, NULL);
}

static void put_list(struct json *j, const char *name, bool in_use, const struct acl *acl)
{
    json_object(j);
    json_kv_string(j, "list", name);
    json_kv_bool(j, "in_use", in_use);
    view_rules(j, "rules", acl);
    json_end_object(j);
}

static void put_member_acl(struct ctl_request *r, const struct gm *gm)
{
    struct list lists[N_LISTS];

    get_lists(gm, lists);
    json_object(r->out);
    json_kv_string(r->out, "name", gm_config(gm)->name);
    json_kv_string(r->out, "role", "member");
    json_key(r->out, "lists");
    json_array(r->out);
    for (size_t i = 0; i < N_LISTS; i++)
        put_list(r->out, lists[i].name, lists[i].in_use, lists[i].acl);
    json_end_array(r->out);
    json_end_object(r->out);
}

static void put_server_acl(struct ctl_request *r, const struct ks_group *g)
{
    struct json *j = r->out;

    json_object(j);
    json_kv_string(j, "name", g->config->name);
    json_kv_string(j, "role", "key-server");
    json_key(j, "lists");
    json_array(j);
    put_list(j, "served", true, &g->acl);
    json_end_array(j);
    json_end_object(j);
}

int ctl_show_acl(struct ctl_request *r)
{
    return view_groups(r, 2, put_member_acl, put_server_acl);
}

static void put_fail_close(struct ctl_request *r, const struct gm *gm)
{
    struct json *j = r->out;
    const struct config_member *c = &gm_config(gm)->gm;
    mono_t now = roles_now(r->roles).scaled;

    json_object(j);
    json_kv_string(j, "name", gm_config(gm)->name);
    json_kv_string(j, "state", name_of(gm_state_names, gm_state(gm, now)));
    json_kv_bool(j, "enabled", c->fail_close);
    json_kv_bool(j, "revert", c->revert);
    if (is_attached(r, gm)) /* what a data plane does that nobody is attached to is known to itself only */
        json_kv_bool(j, "active", c->fail_close && waits_for_policy(gm));
    else
        json_kv_null(j, "active");
    if (c->revert && !waits_for_policy(gm))
        json_kv_u64(j, "policy_removed_in_s", view_seconds_until(gm_last_end(gm), now));
    else
        json_kv_null(j, "policy_removed_in_s");
    view_rules(j, "allow", &c->fail_close_allow);
    json_end_object(j);
}

int ctl_show_fail_close(struct ctl_request *r)
{
    return view_groups(r, 2, put_fail_close, NULL);
}

static void put_ruleset_list(struct json *j, const struct list *l, unsigned order)
{
    json_object(j);
    json_kv_u64(j, "order", order);
    json_kv_string(j, "list", l->name);
    json_kv_u64(j, "rules", l->acl->n);
    json_kv_string(j, "permit", l->permit);
    json_kv_string(j, "deny", l->deny);
    json_kv_string(j, "no_match", l->no_match);
    json_end_object(j);
}

/* A group in the data plane: its lists that count now, in the order in which they are asked. */
static void put_ruleset_group(struct ctl_request *r, const struct gm *gm)
{
    struct json *j = r->out;
    struct list lists[N_LISTS];
    unsigned order = 0;

    get_lists(gm, lists);
    json_object(j);
    json_kv_string(j, "name", gm_config(gm)->name);
    view_bindings(j, gm_config(gm));
    json_kv_string(j, "state",
                   !waits_for_policy(gm) ? "policy" : gm_config(gm)->gm.fail_close ? "fail-close" : "fail-open");
    json_kv_string(j, "direction", name_of(gm_direction_names, gm_direction(gm, roles_now(r->roles).scaled)));
    json_key(j, "lists");
    json_array(j);
    for (size_t i = 0; i < N_LISTS; i++) {
        if (lists[i].in_use)
            put_ruleset_list(j, &lists[i], ++order);
    }
    json_end_array(j);
    count_sas(j, gm, roles_now(r->roles).scaled);
    json_end_object(j);
}

static void put_ruleset(struct ctl_request *r, struct plane *p)
{
    struct json *j = r->out;

    json_object(j);
    json_kv_string(j, "data_plane", plane_socket(p));
    json_kv_u64(j, "epoch", atomic_load(&dpc_page(plane_dpc(p))->epoch));
    json_kv_bool(j, "change_under_way", plane_busy(p));
    json_key(j, "groups");
    json_array(j);
    for (size_t i = 0; i < roles_members(r->roles); i++) {
        const struct gm *gm = roles_member(r->roles, i);

        /* The data plane is told nothing of a group whose pairs it doesn't have: such a group is down. */
        if (roles_plane(r->roles, gm) == p && gm_state(gm, roles_now(r->roles).scaled) != GM_DOWN)
            put_ruleset_group(r, gm);
    }
    json_end_array(j);
    json_end_object(j);
}

int ctl_show_ruleset(struct ctl_request *r)
{
    struct plane *planes[CTL_MAX_PLANES];
    int code = CTL_OK, n = ctl_planes(r, 2, planes, &code);

    if (n < 0)
        return code;
    json_object(r->out);
    json_key(r->out, "data_planes");
    json_array(r->out);
    for (int i = 0; i < n; i++)
        put_ruleset(r, planes[i]);
    json_end_array(r->out);
    json_end_object(r->out);
    return CTL_OK;
}
