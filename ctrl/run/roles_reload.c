/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Another configuration in the place of the present one (OP1). First everything that may fail is done aside; then all is
 * exchanged in one go, in which nothing fails, and no pointer into the old configuration remains.
 */
#include "ctrl/run/roles_impl.h"

#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct change {
    struct roles *r;
    const struct config *config;
    struct ks_change *ks;
    struct member **members;          /* as they will be */
    const struct config_group **groups; /* theirs */
    bool *is_new;
    size_t n;
    struct member **remnants; /* room for all */
    struct member **over;     /* to be freed when nothing finds them any more */
    size_t n_over;
    struct config_group **own; /* for every present member: what it keeps of its configuration when it is retired */
    size_t n_own;
};

static bool same_membership(const struct change *c, const struct member *m, const struct config_group *g)
{
    char path[ROLES_SOCKET_MAX];

    roles_socket_path(c->r, g->gm.dp_socket, path);
    return group_id_equal(&gm_config(m->gm)->id, &g->id) && strcmp(plane_socket(m->plane), path) == 0;
}

static struct member *find_member(const struct change *c, const struct config_group *g)
{
    for (size_t i = 0; i < c->r->n_members; i++) {
        if (same_membership(c, c->r->members[i], g))
            return c->r->members[i];
    }
    for (size_t i = 0; i < c->r->n_remnants; i++) {
        if (same_membership(c, c->r->remnants[i], g))
            return c->r->remnants[i];
    }
    return NULL;
}

/* What a retired membership still says: no lists, nothing that another configuration owns. */
static struct config_group *copy_for_remnant(const struct config_group *g)
{
    struct config_group *own = calloc(1, sizeof(*own));

    if (!own)
        return NULL;
    *own = *g;
    own->gm.fail_close_allow = own->gm.local_acl = (struct acl){0};
    own->ks = (struct config_key_server){0};
    return own;
}

static bool prepare_members(struct change *c)
{
    struct roles *r = c->r;
    size_t n = c->config->n_groups;

    c->members = calloc(n + 1, sizeof(struct member *));
    c->groups = calloc(n + 1, sizeof(struct config_group *));
    c->is_new = calloc(n + 1, sizeof(bool));
    c->remnants = calloc(r->n_members + r->n_remnants + 1, sizeof(struct member *));
    c->over = calloc(r->n_members + r->n_remnants + 1, sizeof(struct member *));
    c->own = calloc(r->n_members + 1, sizeof(struct config_group *));
    if (!c->members || !c->groups || !c->is_new || !c->remnants || !c->over || !c->own)
        return false;
    for (; c->n_own < r->n_members; c->n_own++) {
        c->own[c->n_own] = copy_for_remnant(gm_config(r->members[c->n_own]->gm));
        if (!c->own[c->n_own])
            return false;
    }
    for (size_t i = 0; i < n; i++) {
        const struct config_group *g = &c->config->groups[i];
        struct member *m = g->is_member ? find_member(c, g) : NULL;

        if (!g->is_member)
            continue;
        c->is_new[c->n] = !m;
        c->members[c->n] = m ? m : roles_member_new(r, g);
        c->groups[c->n] = g;
        if (!c->members[c->n])
            return false;
        c->n++;
    }
    return true;
}

static void free_change(struct change *c)
{
    for (size_t i = 0; i < c->n_own; i++)
        free(c->own[i]);
    free(c->own);
    free(c->over);
    free(c->members);
    free(c->groups);
    free(c->is_new);
    free(c->remnants);
}

static void abandon(struct change *c)
{
    ks_abandon(c->ks);
    for (size_t i = 0; i < c->n; i++) {
        if (c->is_new[i])
            roles_member_free(c->members[i]);
    }
    roles_free_unused_planes(c->r);
    free_change(c);
}

static bool stays(const struct change *c, const struct member *m)
{
    for (size_t i = 0; i < c->n; i++) {
        if (c->members[i] == m)
            return true;
    }
    return false;
}

/* Does a membership of the new configuration rule this place? */
static bool is_taken(const struct change *c, const struct plane *plane, const struct config_binding *b)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct config_member *g = &c->groups[i]->gm;

        for (size_t k = 0; c->members[i]->plane == plane && k < g->n_bindings; k++)
            if (strcmp(g->bindings[k].pair, b->pair) == 0 && (g->bindings[k].vlan == b->vlan || g->bindings[k].vlan == 0))
                return true;
    }
    return false;
}

/* Leaves a membership that is over only those places that nobody else rules now. Returns how many. */
static size_t give_way(const struct change *c, const struct plane *plane, struct config_member *old)
{
    size_t kept = 0;

    for (size_t i = 0; i < old->n_bindings; i++)
        if (!is_taken(c, plane, &old->bindings[i]))
            old->bindings[kept++] = old->bindings[i];
    old->n_bindings = kept;
    return kept;
}

/* Is there still a membership of its group? */
static bool group_stays(const struct change *c, const struct member *m)
{
    for (size_t i = 0; i < c->n; i++) {
        if (group_id_equal(&c->groups[i]->id, &gm_config(m->gm)->id))
            return true;
    }
    return false;
}

static void end_session(struct member *m)
{
    if (m->session)
        session_abort(m->session);
    m->session = NULL;
}

/* The old lists fall apart into what stays, what is retired and what is over. */
static void part(struct change *c)
{
    struct roles *r = c->r;
    size_t n = 0;

    for (size_t i = 0; i < r->n_members; i++) {
        struct member *m = r->members[i];
        const struct config_member *g = &gm_config(m->gm)->gm;
        bool drops = g->unprotected == CONFIG_UNPROTECTED_DROP;
        char where[CONFIG_BINDINGS_TEXT];
        size_t left;

        if (stays(c, m))
            continue;
        left = give_way(c, m->plane, &c->own[i]->gm);
        log_msg(GM_CM_DETACH, gm_config(m->gm)->name, config_bindings_text(g, where),
                left == 0 ? "another group's" : drops ? "dropped" : "passed in clear");
        end_session(m);
        if (!group_stays(c, m))
            roles_say_leave(r, m, c->config);
        /* A data plane that never was there has nothing to be told. */
        if (left == 0 || !dpc_page(plane_dpc(m->plane))) {
            c->over[c->n_over++] = m;
            continue;
        }
        gm_retire(m->gm, c->own[i]);
        c->own[i] = NULL;
        c->remnants[n++] = m;
    }
    for (size_t i = 0; i < r->n_remnants; i++) {
        struct member *m = r->remnants[i];

        if (stays(c, m))
            continue;
        if (give_way(c, m->plane, &gm_retired_config(m->gm)->gm) == 0)
            c->over[c->n_over++] = m;
        else
            c->remnants[n++] = m;
    }
    free(r->remnants);
    r->remnants = c->remnants;
    r->n_remnants = n;
    c->remnants = NULL;
}

bool roles_listens(const struct config *config, const struct addr *a)
{
    for (size_t i = 0; i < config->n_listen; i++) {
        if (addr_equal(&config->listen[i], a))
            return true;
    }
    return false;
}

static bool lists_server(const struct config_group *g, const struct addr *server)
{
    for (size_t i = 0; i < g->gm.n_servers; i++) {
        if (addr_equal(&g->gm.servers[i], server))
            return true;
    }
    return false;
}

static void go_on(struct roles *r, struct member *m, const struct config_group *g)
{
    struct now now = loop_now(r->s.loop);
    bool lost_address = m->session && !roles_listens(r->s.config, &m->local);

    if (m->session && (lost_address || !lists_server(g, gm_server(m->gm))))
        end_session(m);
    gm_set_config(m->gm, g, now);
    if (lost_address && !m->session)
        gm_failed(m->gm, "the address that it registered from is no longer ours", now);
}

/* A remnant yields its place when a plane has no other, and is over; its pair drops everything then. */
static void join_plane(struct roles *r, struct member *m)
{
    size_t kept = 0;
    bool joined = plane_add(m->plane, m->gm);

    for (size_t i = 0; i < r->n_remnants; i++) {
        if (joined || r->remnants[i]->plane != m->plane) {
            r->remnants[kept++] = r->remnants[i];
            continue;
        }
        roles_member_free(r->remnants[i]);
        joined = plane_add(m->plane, m->gm);
    }
    r->n_remnants = kept;
}

static void commit(struct change *c)
{
    struct roles *r = c->r;

    ks_commit(&r->ks, c->ks);
    part(c);
    sessions_set_config(r->sessions, c->config); /* after LEAVE, which may need a key that is gone now */
    free(r->members);
    r->members = c->members;
    r->n_members = c->n;
    c->members = NULL;
    r->s.config = c->config;
    for (size_t i = 0; i < c->n_over; i++)
        roles_member_free(c->over[i]);
    for (size_t i = 0; i < r->n_members; i++) {
        struct member *m = r->members[i];
        char where[CONFIG_BINDINGS_TEXT];

        roles_stay(r, &c->groups[i]->id);
        if (!c->is_new[i]) {
            go_on(r, m, c->groups[i]);
            plane_check_pairs(m->plane);
            continue;
        }
        log_msg(GM_CM_ATTACH, c->groups[i]->name, config_bindings_text(&c->groups[i]->gm, where));
        join_plane(r, m);
        plane_start(m->plane);
    }
    roles_free_unused_planes(r);
    free_change(c);
}

bool roles_reload(struct roles *r, const struct config *config, char error[ROLES_ERROR_MAX])
{
    struct change c = {.r = r, .config = config};
    char why[KS_ERROR_MAX];

    snprintf(error, ROLES_ERROR_MAX, "memory is short");
    if (r->leaving.active) {
        snprintf(error, ROLES_ERROR_MAX, "gvpnd is stopping");
        return false;
    }
    if (!prepare_members(&c)) {
        abandon(&c);
        return false;
    }
    c.ks = ks_prepare(&r->ks, config, loop_now(r->s.loop).scaled, why);
    if (!c.ks || !sessions_prepare(r->sessions, config)) {
        snprintf(error, ROLES_ERROR_MAX, "%s", c.ks ? "memory or random octets are short" : why);
        abandon(&c);
        return false;
    }
    commit(&c);
    return true;
}
