/* SPDX-License-Identifier: BSD-3-Clause */
/* `groups[].member`: whom to ask, which pair of ports the answer rules, and what happens without one (GM1,
 * GM7). */
#include "ctrl/config/loader.h"

static const struct name directions[] = {{0, "both"}, {0, NULL}};
static const struct name directions_later[] = {{1, "passive"}, {0, NULL}};
static const struct name unprotected[] = {
    {CONFIG_UNPROTECTED_DROP, "drop"}, {CONFIG_UNPROTECTED_CLEAR, "clear"}, {0, NULL}};

static bool parse_server(struct schema *s, const struct yaml_node *n, void *at)
{
    struct config_group *g = at;
    const struct config *c = loader_of(s)->c;
    struct addr a;

    if (!config_value_addr(s, n, &a))
        return false;
    for (size_t i = 0; i < g->gm.n_servers; i++)
        if (addr_equal(&g->gm.servers[i], &a))
            return schema_fail(s, n, "'%s' stands twice", n->text);
    for (size_t i = 0; i < c->n_listen; i++)
        if (addr_equal(&c->listen[i], &a))
            return schema_fail(s, n, "'%s' is this machine's own (ike.listen), expected a key server's",
                               n->text);
    g->gm.servers[g->gm.n_servers++] = a;
    return true;
}

static const struct schema_field data_plane_fields[] = {
    /* A socket's whole path has at most 107 octets, the run directory's included. */
    {.key = "socket",
     .type = SCHEMA_TEXT,
     .offset = offsetof(struct config_group, gm.dp_socket),
     .size = 100},
    {.key = "pair", .type = SCHEMA_NAME, .flags = SCHEMA_REQUIRED, SCHEMA_AT(struct config_group, gm.pair)},
    {.key = "vlan", .type = SCHEMA_UINT, .flags = SCHEMA_LATER, .min = 1, .max = 4094},
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

const struct schema_field config_member_fields[] = {
    {.key = "key-servers",
     .type = SCHEMA_LIST,
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = CONFIG_MAX_SERVERS,
     .fn = parse_server},
    {.key = "data-plane", .type = SCHEMA_MAP, .flags = SCHEMA_REQUIRED, .fields = data_plane_fields},
    {.key = "direction", .type = SCHEMA_ENUM, .names = directions, .later = directions_later},
    {.key = "fail-close", .type = SCHEMA_MAP, .fields = fail_close_fields},
    {.key = "leave-on-stop", .type = SCHEMA_BOOL, SCHEMA_AT(struct config_group, gm.leave_on_stop)},
    {.key = "unprotected",
     .type = SCHEMA_ENUM,
     SCHEMA_AT(struct config_group, gm.unprotected),
     .names = unprotected},
    {.key = "local-acl", .type = SCHEMA_CUSTOM, SCHEMA_AT(struct config_group, gm.local_acl), .fn = config_acl_local},
    {.key = "accept", .type = SCHEMA_MAP, .flags = SCHEMA_LATER, .fields = config_later_accept},
    {.key = "track", .type = SCHEMA_MAP, .fields = track_fields},
    {.key = "interop", .type = SCHEMA_MAP, .flags = SCHEMA_LATER, .fields = config_later_interop},
    {0},
};
