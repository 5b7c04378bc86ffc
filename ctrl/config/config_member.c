/* SPDX-License-Identifier: BSD-3-Clause */
/* `groups[].member`: whom to ask, which ports and VLANs the answer rules, and what happens without one (GM1,
 * GM7, GM11). */
#include "ctrl/config/loader.h"

#include <stdio.h>
#include <string.h>

static const struct name directions[] = {{false, "both"}, {true, "passive"}, {0, NULL}};
static const struct name unprotected[] = {
    {CONFIG_UNPROTECTED_DROP, "drop"}, {CONFIG_UNPROTECTED_CLEAR, "clear"}, {0, NULL}};

static bool parse_server(struct schema *s, const struct yaml_node *n, void *at)
{
    struct config_group *g = at;
    const struct config *c = loader_of(s)->c;
    const struct config_psk *psks[CONFIG_MAX_SHARED];
    struct addr a;

    if (!config_value_addr(s, n, &a))
        return false;
    for (size_t i = 0; i < g->gm.n_servers; i++)
        if (addr_equal(&g->gm.servers[i], &a))
            return schema_fail(s, n, "'%s' stands twice, expected it once", n->text);
    for (size_t i = 0; i < c->n_listen; i++)
        if (addr_equal(&c->listen[i], &a))
            return schema_fail(s, n, "'%s' is this machine's own (ike.listen), expected a key server's",
                               n->text);
    g->gm.servers[g->gm.n_servers++] = a;
    return config_find_psks(c, &a, psks) != 0 ||
           loader_lint(s, n, "'%s' has no entry in ike.pre-shared-keys, so it can never be registered with", n->text);
}

/* One name of a port pair -> another binding of the group. */
static bool parse_pair(struct schema *s, const struct yaml_node *n, void *at)
{
    struct config_group *g = at;
    const char *name = schema_name(s, n, CONFIG_NAME_MAX - 1);

    for (size_t i = 0; name && i < g->gm.n_bindings; i++)
        if (strcmp(g->gm.bindings[i].pair, name) == 0)
            return schema_fail(s, n, "'%s' stands twice, expected it once", name);
    if (name)
        memcpy(g->gm.bindings[g->gm.n_bindings++].pair, name, strlen(name) + 1);
    return name != NULL;
}

static bool parse_pairs(struct schema *s, const struct yaml_node *n, void *at)
{
    return n->kind == YAML_LIST ? schema_list(s, n, 1, CONFIG_MAX_PAIRS, parse_pair, at) : parse_pair(s, n, at);
}

struct vlans {
    uint16_t id[CONFIG_MAX_BINDINGS];
    size_t n;
};

static bool parse_vlan(struct schema *s, const struct yaml_node *n, void *at)
{
    struct vlans *v = at;
    uint64_t id;

    if (!schema_uint(s, n, 1, CONFIG_MAX_VLAN, &id))
        return false;
    for (size_t i = 0; i < v->n; i++)
        if (v->id[i] == id)
            return schema_fail(s, n, "'%s' stands twice, expected it once", n->text);
    v->id[v->n++] = (uint16_t)id;
    return true;
}

/* One VLAN or a list of them, each on every pair: the bindings become pairs times VLANs. */
static bool parse_vlans(struct schema *s, const struct yaml_node *n, void *at)
{
    struct config_member *m = &((struct config_group *)at)->gm;
    size_t n_pairs = m->n_bindings;
    struct vlans v = {.n = 0};

    if (n->kind == YAML_LIST ? !schema_list(s, n, 1, CONFIG_MAX_BINDINGS, parse_vlan, &v) : !parse_vlan(s, n, &v))
        return false;
    if (n_pairs * v.n > CONFIG_MAX_BINDINGS)
        return schema_fail(s, n, "%zu pairs with %zu VLANs each, expected at most %d places in one group", n_pairs,
                           v.n, CONFIG_MAX_BINDINGS);
    m->n_bindings = n_pairs * v.n;
    for (size_t i = m->n_bindings; i-- > 0;) { /* from the end, so that no pair is written over before it is read */
        struct config_binding b = m->bindings[i / v.n];

        b.vlan = v.id[i % v.n];
        m->bindings[i] = b;
    }
    return true;
}

char *config_bindings_text(const struct config_member *m, char out[CONFIG_BINDINGS_TEXT])
{
    const struct config_binding *b = &m->bindings[0];
    int len = snprintf(out, CONFIG_BINDINGS_TEXT, "%s", m->n_bindings ? b->pair : "");

    if (m->n_bindings && b->vlan)
        len += snprintf(out + len, CONFIG_BINDINGS_TEXT - (size_t)len, " VLAN %u", b->vlan);
    if (m->n_bindings > 1)
        snprintf(out + len, CONFIG_BINDINGS_TEXT - (size_t)len, " and %zu more", m->n_bindings - 1);
    return out;
}

static const struct schema_field data_plane_fields[] = {
    /* A socket's whole path has at most 107 octets, the run directory's included. */
    {.key = "socket",
     .type = SCHEMA_TEXT,
     .offset = offsetof(struct config_group, gm.dp_socket),
     .size = 100},
    {.key = "pair", .type = SCHEMA_CUSTOM, .flags = SCHEMA_REQUIRED, .fn = parse_pairs},
    {.key = "vlan", .type = SCHEMA_CUSTOM, .fn = parse_vlans}, /* after the pairs: it multiplies them */
    {0},
};

static const struct schema_field fail_close_fields[] = {
    {.key = "enabled", .type = SCHEMA_BOOL, SCHEMA_AT(struct config_group, gm.fail_close)},
    {.key = "allow",
     .type = SCHEMA_CUSTOM,
     SCHEMA_AT(struct config_group, gm.fail_close_allow),
     .fn = config_acl_fail_close},
    {.key = "revert", .type = SCHEMA_BOOL, SCHEMA_AT(struct config_group, gm.revert)},
    {0},
};

static const struct schema_field track_fields[] = {
    {.key = "link-loss-forwarding", .type = SCHEMA_FALSE},
    {.key = "hook", .type = SCHEMA_TEXT, .flags = SCHEMA_LATER, .max = CONFIG_MAX_TEXT - 1},
    {.key = "interface", .type = SCHEMA_TEXT, .flags = SCHEMA_LATER, .max = 15},
    {.key = "hold", .type = SCHEMA_CUSTOM, .flags = SCHEMA_LATER, .fn = config_later_duration},
    {0},
};

static const struct name push_signatures[] = {
    {POLICY_SIGNATURE_BARE_HASH, "bare-hash"}, {POLICY_SIGNATURE_PADDED_LENGTH, "padded-length"}, {0, NULL}};

static const struct schema_field interop_fields[] = {
    {.key = "push-signature",
     .type = SCHEMA_ENUM,
     SCHEMA_AT(struct config_group, gm.push_signature),
     .names = push_signatures},
    {0},
};

const struct schema_field config_member_fields[] = {
    {.key = "key-servers",
     .type = SCHEMA_LIST,
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = CONFIG_MAX_SERVERS,
     .fn = parse_server},
    {.key = "data-plane", .type = SCHEMA_MAP, .flags = SCHEMA_REQUIRED, .fields = data_plane_fields},
    {.key = "direction", .type = SCHEMA_ENUM, SCHEMA_AT(struct config_group, gm.passive), .names = directions},
    {.key = "fail-close", .type = SCHEMA_MAP, .fields = fail_close_fields},
    {.key = "leave-on-stop", .type = SCHEMA_BOOL, SCHEMA_AT(struct config_group, gm.leave_on_stop)},
    {.key = "unprotected",
     .type = SCHEMA_ENUM,
     SCHEMA_AT(struct config_group, gm.unprotected),
     .names = unprotected},
    {.key = "local-acl", .type = SCHEMA_CUSTOM, SCHEMA_AT(struct config_group, gm.local_acl), .fn = config_acl_local},
    {.key = "accept", .type = SCHEMA_MAP, .fields = config_accept_fields},
    {.key = "track", .type = SCHEMA_MAP, .fields = track_fields},
    {.key = "interop", .type = SCHEMA_MAP, .fields = interop_fields},
    {0},
};
