/* SPDX-License-Identifier: BSD-3-Clause */
/* show ks members, show ks policy: what a key server knows of its members and gives to them (KS1, KS2). No key is shown. */
#include "ctrl/ctl/view.h"

static void put_ks_member(struct json *j, const struct ks_member *m, const struct ks_group *g, mono_t now)
{
    char text[ADDR_TEXT_MAX], version[KS_VERSION_TEXT_MAX];

    json_object(j);
    json_kv_string(j, "address", addr_text(&m->peer.addr, text));
    json_kv_string(j, "identity", m->identity);
    json_kv_string(j, "version", ks_version_text(&m->features, version));
    json_kv_u64(j, "registered_s_ago", view_seconds_since(m->registered_at, now));
    json_kv_string(j, "state", m->left ? "left" : m->ejected ? "removed" : "registered");
    if (m->left)
        json_kv_u64(j, "left_s_ago", view_seconds_since(m->last_seen, now));
    else
        json_kv_null(j, "left_s_ago");
    json_kv_u64(j, "registrations", m->registrations);
    json_kv_u64(j, "rekeys_sent", m->rekeys_sent);
    json_kv_u64(j, "rekeys_acked", m->rekeys_acked);
    json_kv_u64(j, "missed", m->missed);
    json_kv_string(j, "server", addr_text(&g->config->ks.address, text));
    json_end_object(j);
}

static void put_members(struct ctl_request *r, const struct ks_group *g)
{
    json_object(r->out);
    json_kv_string(r->out, "name", g->config->name);
    json_key(r->out, "members");
    json_array(r->out);
    for (size_t i = 0; i < g->members.n; i++)
        put_ks_member(r->out, &g->members.entries[i], g, roles_now(r->roles).scaled);
    json_end_array(r->out);
    json_end_object(r->out);
}

int ctl_show_ks_members(struct ctl_request *r)
{
    return view_groups(r, 3, NULL, put_members);
}

/* One generation of a key. */
static void put_tek(struct json *j, const struct ks_tek *t, mono_t now)
{
    json_object(j);
    view_spi(j, "spi", t->spi);
    json_kv_string(j, "suite", t->suite->name);
    json_kv_u64(j, "lifetime_s", t->lifetime_s);
    json_kv_u64(j, "made_s_ago", view_seconds_since(t->made_at, now));
    json_kv_u64(j, "expires_in_s", view_seconds_until(t->end, now));
    json_end_object(j);
}

/* One `sa` entry with its keys, oldest first; the next key is made some time before the end of the newest (KS5). */
static void put_sa(struct json *j, const struct ks_group *g, const struct config_sa *sa, mono_t now)
{
    const struct ks_tek *newest = NULL;

    json_object(j);
    json_kv_u64(j, "number", sa->number);
    json_kv_string(j, "suite", sa->suite->name);
    json_kv_string(j, "mode", sa->transport ? "transport" : "tunnel");
    json_kv_string(j, "replay", name_of(replay_names, sa->replay));
    view_window(j, sa->replay, sa->window);
    json_kv_bool(j, "strict_sender", sa->strict_sender);
    json_kv_bool(j, "tag", sa->tag);
    json_kv_u64(j, "lifetime_s", sa->lifetime_s);
    json_kv_u64(j, "rules", sa->acl.n);
    json_key(j, "teks");
    json_array(j);
    for (size_t i = 0; i < g->n_teks; i++) {
        if (g->teks[i].number != sa->number)
            continue;
        put_tek(j, &g->teks[i], now);
        newest = &g->teks[i];
    }
    json_end_array(j);
    if (newest)
        json_kv_u64(j, "next_key_in_s",
                    view_seconds_until(ks_tek_due(g, newest), now));
    else
        json_kv_null(j, "next_key_in_s");
    json_end_object(j);
}

static void put_policy(struct ctl_request *r, const struct ks_group *g)
{
    mono_t now = roles_now(r->roles).scaled;
    struct json *j = r->out;
    const struct config_key_server *c = &g->config->ks;
    char text[ADDR_TEXT_MAX];

    json_object(j);
    json_kv_string(j, "name", g->config->name);
    json_kv_string(j, "identity", group_id_text(&g->config->id, text));
    json_kv_string(j, "server", addr_text(&c->address, text));
    view_digest(j, "policy_digest", g->digest);
    json_kv_bool(j, "receive_only", c->receive_only);
    json_kv_u64(j, "sender_id_bits", c->sender_id_bits);
    json_kv_u64(j, "sender_ids_used_percent", ks_ids_used_percent(&g->ids));
    json_kv_u64(j, "key_epoch", g->ids.epoch);
    view_ks_kek(j, g, now);
    if (c->has_authorize) {
        view_rules(j, "authorize", &c->authorize);
    } else {
        json_kv_null(j, "authorize");
    }
    json_key(j, "sas");
    json_array(j);
    for (size_t i = 0; i < c->n_sas; i++)
        put_sa(j, g, &c->sas[i], now);
    json_end_array(j);
    view_rules(j, "rules", &g->acl);
    json_end_object(j);
}

int ctl_show_ks_policy(struct ctl_request *r)
{
    return view_groups(r, 3, NULL, put_policy);
}
