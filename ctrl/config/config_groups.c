/* SPDX-License-Identifier: BSD-3-Clause */
/* The section `groups`: what both roles have, and what must hold between groups. */
#include "ctrl/config/loader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct schema_field group_fields[] = {
    {.key = "name", .type = SCHEMA_NAME, .flags = SCHEMA_REQUIRED, SCHEMA_AT(struct config_group, name)},
    {.key = "identity",
     .type = SCHEMA_CUSTOM,
     .flags = SCHEMA_REQUIRED,
     SCHEMA_AT(struct config_group, id),
     .fn = config_value_group_id},
    {.key = "key-server", .type = SCHEMA_MAP, .fields = config_server_fields},
    {.key = "member", .type = SCHEMA_MAP, .fields = config_member_fields},
    {0},
};

/* Name and identity are each given once. */
static bool check_unique(struct schema *s, const struct yaml_node *n, const struct config *c,
                         const struct config_group *g)
{
    for (const struct config_group *o = c->groups; o < g; o++) {
        if (strcmp(o->name, g->name) == 0)
            return schema_fail(s, yaml_find(n, "name"), "'%s' is the group of line %u already", g->name,
                               o->line);
        if (group_id_equal(&o->id, &g->id))
            return schema_fail(s, yaml_find(n, "identity"), "group '%s' has it already, expected another",
                               o->name);
    }
    return true;
}

/* The value in the file that a binding comes from: its VLAN, or its pair without one. */
static const struct yaml_node *node_of(const struct yaml_node *data_plane, size_t binding)
{
    const struct yaml_node *pair = yaml_find(data_plane, "pair"), *vlan = yaml_find(data_plane, "vlan");
    size_t n_vlans = vlan && vlan->kind == YAML_LIST ? vlan->n : 1;

    if (vlan)
        return vlan->kind == YAML_LIST ? &vlan->children[binding % n_vlans] : vlan;
    return pair->kind == YAML_LIST ? &pair->children[binding] : pair;
}

static bool same_binding(const struct config_binding *a, const struct config_binding *b)
{
    return a->vlan == b->vlan && strcmp(a->pair, b->pair) == 0;
}

/* Is it another group's already? */
static bool check_binding(struct schema *s, const struct yaml_node *n, const struct config_group *o,
                          const struct config_binding *b)
{
    for (size_t i = 0; i < o->gm.n_bindings; i++) {
        if (!same_binding(&o->gm.bindings[i], b))
            continue;
        if (b->vlan)
            return schema_fail(s, n, "VLAN %u of '%s' is bound to group '%s' already, expected another", b->vlan,
                               b->pair, o->name);
        return schema_fail(s, n, "'%s' is bound to group '%s' already, expected another pair", b->pair, o->name);
    }
    return true;
}

/* No two groups rule one pair of ports, or one VLAN of it. */
static bool check_bindings(struct schema *s, const struct yaml_node *n, const struct config *c,
                           const struct config_group *g)
{
    const struct yaml_node *at = g->is_member ? yaml_find(yaml_find(n, "member"), "data-plane") : NULL;

    for (const struct config_group *o = c->groups; g->is_member && o < g; o++) {
        if (!o->is_member || strcmp(o->gm.dp_socket, g->gm.dp_socket) != 0)
            continue;
        for (size_t i = 0; i < g->gm.n_bindings; i++)
            if (!check_binding(s, node_of(at, i), o, &g->gm.bindings[i]))
                return false;
    }
    return true;
}

/* Back to what? With fail-close disabled a group without policy sends in clear, which the end of keys must never mean. */
static bool check_revert(struct schema *s, const struct yaml_node *n, const struct config_group *g)
{
    if (!g->is_member || !g->gm.revert || g->gm.fail_close)
        return true;
    return schema_fail(s, yaml_find(yaml_find(yaml_find(n, "member"), "fail-close"), "revert"),
                       "'true' needs fail-close, expected false beside `enabled: false`");
}

/* What is missing in a group is a mistake of its own kind. Always false. */
static bool name_mistake(struct schema *s, const struct yaml_node *n, const struct config_group *g)
{
    const struct yaml_node *member = n->kind == YAML_MAP ? yaml_find(n, "member") : NULL;
    const struct yaml_node *server = n->kind == YAML_MAP ? yaml_find(n, "key-server") : NULL;
    const struct yaml_node *rekey = server && server->kind == YAML_MAP ? yaml_find(server, "rekey") : NULL;

    snprintf(s->e->about, sizeof(s->e->about), "%s", g->name);
    if (s->e->kind)
        return false;
    if (member && member->kind == YAML_MAP && (!yaml_find(n, "identity") || !yaml_find(member, "key-servers")))
        return loader_is(s, CONFIG_MISTAKE_INCOMPLETE);
    if (rekey && rekey->kind == YAML_MAP && !yaml_find(rekey, "signing-key"))
        return loader_is(s, CONFIG_MISTAKE_SIGNING_KEY);
    return false;
}

static bool parse_group(struct schema *s, const struct yaml_node *n, void *at)
{
    struct config *c = at;
    struct config_group *g =
        &c->groups[c->n_groups++]; /* counted at once, so that it is freed whatever happens */
    const struct yaml_node *server, *member;

    g->line = n->line;
    g->ks.sender_id_bits = 24;
    g->ks.pseudotime_sync_s = CONFIG_PSEUDOTIME_SYNC_S;
    g->gm.fail_close = true;
    g->gm.leave_on_stop = true;
    g->gm.legacy = c->legacy;
    memcpy(g->gm.dp_socket, "gvpn-dp.sock", sizeof("gvpn-dp.sock"));
    server = yaml_find(n, "key-server");
    member = yaml_find(n, "member");
    if (n->kind == YAML_MAP && server && member)
        return schema_fail_key(s, member, "stands beside key-server, expected one of the two");
    g->is_member = member != NULL;
    loader_of(s)->with_rekey = server && server->kind == YAML_MAP && yaml_find(server, "rekey");
    if (!schema_map(s, n, group_fields, g))
        return name_mistake(s, n, g);
    if (!server && !member)
        return schema_fail(s, n, "a group without a role, expected the key 'key-server' or 'member'");
    return check_unique(s, n, c, g) && check_bindings(s, n, c, g) && check_revert(s, n, g);
}

/* A server of one group may be open to every peer it can authenticate; with several, each says who may join.
 */
static bool check_authorize(struct schema *s, const struct yaml_node *n, const struct config *c)
{
    size_t servers = 0;

    for (size_t i = 0; i < c->n_groups; i++)
        servers += !c->groups[i].is_member;
    for (size_t i = 0; i < c->n_groups; i++) {
        const struct yaml_node *at = yaml_find(&n->children[i], "key-server");

        if (c->groups[i].is_member || c->groups[i].ks.has_authorize)
            continue;
        if (servers > 1)
            return schema_fail_key(
                s, at, "the key 'authorize' is missing, expected it in every group of a server of several");
        if (!loader_lint(
                s, at, "key-server: without 'authorize' whoever knows a pre-shared key may join this group"))
            return false;
    }
    return true;
}

bool config_groups_parse(struct schema *s, const struct yaml_node *n, void *at)
{
    struct config *c = loader_of(s)->c;

    (void)at;
    c->groups = loader_alloc(s, n, n->n, sizeof(*c->groups));
    return c->groups && schema_list(s, n, 1, CONFIG_MAX_GROUPS, parse_group, c) && check_authorize(s, n, c) &&
           config_acl_lint(s);
}
