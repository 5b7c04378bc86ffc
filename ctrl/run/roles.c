/* SPDX-License-Identifier: BSD-3-Clause */
/* Joins sessions, key-server groups, memberships and data planes: see roles.h. It decides nothing by itself. */
#include "ctrl/run/roles_impl.h"

#include "common/log.h"
#include "ctrl/run/rekeys.h"
#include "ctrl/run/udp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct member *member_of(const struct roles *r, const struct gm *gm)
{
    for (size_t i = 0; i < r->n_members; i++) {
        if (r->members[i]->gm == gm)
            return r->members[i];
    }
    for (size_t i = 0; i < r->n_remnants; i++) {
        if (r->remnants[i]->gm == gm)
            return r->remnants[i];
    }
    return NULL;
}

/* What sessions ask or report. */

static bool on_ks_request(void *ctx, const struct registration *reg, struct policy *out, struct refusal *why,
                          struct now now)
{
    struct roles *r = ctx;

    return ks_request(&r->ks, reg, out, why, now);
}

static bool on_ks_accept(void *ctx, const struct registration *reg, struct policy *policy, struct refusal *why,
                         struct now now)
{
    struct roles *r = ctx;

    return ks_accept(&r->ks, reg, policy, why, now);
}

static void on_ks_left(void *ctx, const struct registration *reg, struct now now)
{
    struct roles *r = ctx;

    (void)ks_left(&r->ks, reg, now);
}

static bool on_ks_knows(void *ctx, const struct addr *address)
{
    const struct roles *r = ctx;

    return ks_knows(&r->ks, address);
}

static void log_registration(const struct roles *r, const struct gm *gm, bool complete)
{
    char server[ADDR_TEXT_MAX], own[ADDR_TEXT_MAX];

    addr_text(gm_server(gm), server);
    addr_text(&r->s.config->listen[0], own);
    if (complete)
        log_msg(GM_REGS_COMPL, server, gm_config(gm)->name, own);
    else
        log_msg(GM_REGSTER, server, gm_config(gm)->name, own);
}

static void on_gm_policy(void *ctx, struct session *s, struct policy *policy, struct now now)
{
    struct roles *r = ctx;
    struct member *m = session_owner(s);

    m->session = NULL;
    m->home_local = m->local;
    log_registration(r, m->gm, true);
    gm_set_own(m->gm, &m->home_local);
    gm_server_announced(m->gm, session_features(s));
    gm_policy(m->gm, policy, now);
}

static void on_gm_failed(void *ctx, struct session *s, const char *reason, struct now now)
{
    struct member *m = session_owner(s);
    struct session_fault fault = session_fault(s);
    char server[ADDR_TEXT_MAX];

    (void)ctx;
    m->session = NULL;
    addr_text(gm_server(m->gm), server);
    gm_log_fault(m->gm, fault.kind, reason);
    if (fault.bad_policy)
        log_msg(GM_REJECTING_SA_PAYLOAD, server, gm_config(m->gm)->name, reason);
    log_msg(GM_REGS_FAILED, server, gm_config(m->gm)->name, reason);
    gm_failed(m->gm, reason, now);
}

static void on_gm_left(void *ctx, struct session *s, const char *why, struct now now)
{
    (void)ctx;
    (void)now;
    roles_left(session_owner(s), why);
}

/* What memberships ask. */

static bool on_register_with(void *ctx, struct gm *gm, const struct addr *server, uint16_t n_sender_ids,
                             struct now now)
{
    struct roles *r = ctx;
    struct member *m = member_of(r, gm);
    struct path path = {.local = {.addr = r->s.config->listen[0], .port = UDP_PORT_GDOI},
                        .remote = {.addr = *server, .port = UDP_PORT_GDOI}};

    if (r->leaving.active)
        return false;
    log_registration(r, gm, false);
    m->local = path.local.addr;
    m->session = sessions_register(r->sessions, &path, &gm_config(gm)->id, n_sender_ids, m, now);
    if (m->session && gm_needs_key(gm))
        session_set_replace(m->session);
    if (m->session && !session_set_patience(m->session, gm_patience(gm))) {
        session_abort(m->session);
        m->session = NULL;
    }
    return m->session != NULL;
}

static void on_changed(void *ctx, struct gm *gm)
{
    const struct member *m = member_of(ctx, gm);

    if (m) /* else it is being made or freed, and its plane will hear of it anyway */
        plane_changed(m->plane);
}

static bool on_holds(void *ctx, const struct gm *gm, uint32_t spi)
{
    const struct member *m = member_of(ctx, gm);

    return m && plane_holds(m->plane, spi);
}

static bool on_knows_numbers(void *ctx, const struct gm *gm, uint32_t spi)
{
    const struct member *m = member_of(ctx, gm);

    return m && plane_knows_numbers(m->plane, spi);
}

static bool on_gone(void *ctx, const struct gm *gm, uint32_t spi)
{
    const struct member *m = member_of(ctx, gm);

    return m && plane_lost(m->plane, spi);
}

static void on_listen(void *ctx, struct gm *gm, const struct endpoint *group, const struct addr *source)
{
    struct member *m = member_of(ctx, gm);

    if (m)
        rekeys_hear(ctx, m, group, source);
}

/* Set-up. */

void roles_socket_path(const struct roles *r, const char *socket, char out[ROLES_SOCKET_MAX])
{
    if (socket[0] == '/')
        snprintf(out, ROLES_SOCKET_MAX, "%s", socket);
    else
        snprintf(out, ROLES_SOCKET_MAX, "%s/%s", r->s.run_dir, socket);
}

static struct plane *plane_for(struct roles *r, const char *socket)
{
    char path[ROLES_SOCKET_MAX];
    struct plane **grown;

    roles_socket_path(r, socket, path);
    for (size_t i = 0; i < r->n_planes; i++) {
        if (strcmp(plane_socket(r->planes[i]), path) == 0)
            return r->planes[i];
    }
    grown = reallocarray(r->planes, r->n_planes + 1, sizeof(struct plane *));
    if (!grown)
        return NULL;
    r->planes = grown;
    r->planes[r->n_planes] = plane_new(r->s.loop, path, r->s.clock_rate);
    return r->planes[r->n_planes] ? r->planes[r->n_planes++] : NULL;
}

void roles_free_unused_planes(struct roles *r)
{
    size_t kept = 0;

    for (size_t i = 0; i < r->n_planes; i++) {
        if (plane_members(r->planes[i]) > 0) {
            r->planes[kept++] = r->planes[i];
            continue;
        }
        roles_forget_plane(r, r->planes[i]);
        plane_free(r->planes[i]);
    }
    r->n_planes = kept;
}

struct member *roles_member_new(struct roles *r, const struct config_group *config)
{
    struct gm_ops ops = {
        .ctx = r, .register_with = on_register_with, .changed = on_changed, .holds = on_holds, .gone = on_gone,
        .knows_numbers = on_knows_numbers, .listen = on_listen};
    struct member *m = calloc(1, sizeof(*m));

    if (!m)
        return NULL;
    m->roles = r;
    m->gm = gm_new(config, &r->s.env, &ops);
    m->plane = m->gm ? plane_for(r, config->gm.dp_socket) : NULL;
    if (!m->plane) {
        roles_member_free(m);
        return NULL;
    }
    return m;
}

void roles_member_free(struct member *m)
{
    if (!m)
        return;
    if (m->session)
        session_abort(m->session);
    if (m->plane)
        plane_remove(m->plane, m->gm);
    rekeys_hear(m->roles, m, NULL, NULL);
    gm_free(m->gm);
    free(m);
}

/* The first members; nothing is attached yet. */
static bool add_members(struct roles *r, const struct config *config)
{
    char where[CONFIG_BINDINGS_TEXT];

    r->members = calloc(config->n_groups + 1, sizeof(struct member *));
    for (size_t i = 0; r->members && i < config->n_groups; i++) {
        struct member *m;

        if (!config->groups[i].is_member)
            continue;
        m = roles_member_new(r, &config->groups[i]);
        if (!m)
            return false;
        r->members[r->n_members++] = m;
        if (!plane_add(m->plane, m->gm))
            return false;
        log_msg(GM_CM_ATTACH, config->groups[i].name, config_bindings_text(&config->groups[i].gm, where));
    }
    return r->members != NULL;
}

struct roles *roles_new(const struct roles_settings *s, struct now now)
{
    struct roles *r = calloc(1, sizeof(*r));
    struct session_events events = {.ctx = r,
                                    .ks_request = on_ks_request,
                                    .ks_accept = on_ks_accept,
                                    .ks_left = on_ks_left,
                                    .ks_knows = on_ks_knows,
                                    .gm_policy = on_gm_policy,
                                    .gm_failed = on_gm_failed,
                                    .gm_left = on_gm_left};

    if (!r)
        return NULL;
    r->s = *s;
    if (!ks_init(&r->ks, s->config, &r->s.env, now.scaled))
        goto fail;
    r->sessions = sessions_new(&r->s.env, s->config, &events);
    if (!r->sessions || !add_members(r, s->config))
        goto fail;
    for (size_t i = 0; i < r->n_planes; i++)
        plane_start(r->planes[i]);
    return r;
fail:
    roles_free(r);
    return NULL;
}

void roles_free(struct roles *r)
{
    if (!r)
        return;
    timer_cancel(r->s.env.real_timers, &r->leaving.tick);
    roles_free_farewells(r);
    for (size_t i = 0; i < r->n_members; i++)
        roles_member_free(r->members[i]);
    for (size_t i = 0; i < r->n_remnants; i++)
        roles_member_free(r->remnants[i]);
    for (size_t i = 0; i < r->n_planes; i++)
        plane_free(r->planes[i]);
    if (r->sessions)
        sessions_free(r->sessions);
    ks_free(&r->ks);
    free(r->planes);
    free(r->members);
    free(r->remnants);
    free(r);
}

void roles_datagram(struct roles *r, const struct path *path, struct span bytes)
{
    struct now now = loop_now(r->s.loop);

    if (rekeys_datagram(r, path, bytes, now))
        return;
    if (!addr_is_multicast(&path->local.addr)) /* nothing else comes by multicast, and nothing is answered from there */
        sessions_datagram(r->sessions, path, bytes, now);
}

void roles_clear_member(struct roles *r, struct gm *gm)
{
    struct member *m = member_of(r, gm);
    char server[ADDR_TEXT_MAX];

    if (m->session)
        session_abort(m->session);
    m->session = NULL;
    log_msg(GM_CLEAR_REGISTER, gm_config(gm)->name, addr_text(&gm_config(gm)->gm.servers[0], server));
    gm_clear(gm, loop_now(r->s.loop));
}

/* Returns how many data planes it reached. */
static size_t tell_all(const struct roles *r, enum ipc_type type)
{
    struct ipc_msg m = {.type = type};
    size_t n = 0;

    for (size_t i = 0; i < r->n_planes; i++)
        n += dpc_tell(plane_dpc(r->planes[i]), &m);
    return n;
}

size_t roles_clear_counters(struct roles *r)
{
    sessions_clear_stats(r->sessions);
    return tell_all(r, IPC_CLEAR_COUNTERS);
}

size_t roles_clear_replay(struct roles *r)
{
    return tell_all(r, IPC_CLEAR_REPLAY);
}

const struct config *roles_config(const struct roles *r)
{
    return r->s.config;
}

struct now roles_now(const struct roles *r)
{
    return loop_now(r->s.loop);
}

struct ks *roles_ks(struct roles *r)
{
    return &r->ks;
}

const struct sessions *roles_sessions(const struct roles *r)
{
    return r->sessions;
}

size_t roles_members(const struct roles *r)
{
    return r->n_members;
}

struct gm *roles_member(const struct roles *r, size_t i)
{
    return r->members[i]->gm;
}

struct plane *roles_plane(const struct roles *r, const struct gm *gm)
{
    const struct member *m = member_of(r, gm);

    return m ? m->plane : NULL;
}

size_t roles_planes(const struct roles *r)
{
    return r->n_planes;
}

struct plane *roles_plane_at(const struct roles *r, size_t i)
{
    return r->planes[i];
}
