/* SPDX-License-Identifier: BSD-3-Clause */
/* Joins sessions, key-server groups, memberships and data planes: see roles.h. It decides nothing by itself. */
#include "ctrl/run/roles.h"

#include "common/log.h"
#include "ctrl/policy/keylog.h"
#include "ctrl/run/udp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct member {
    struct gm *gm;
    struct session *session; /* the registration under way */
    struct plane *plane;
};

struct roles {
    struct roles_settings s;
    struct ks ks;
    struct sessions *sessions;
    struct member *members;
    size_t n_members;
    struct plane **planes;
    size_t n_planes;
};

static struct member *member_of(struct roles *r, const struct gm *gm)
{
    for (size_t i = 0; i < r->n_members; i++) {
        if (r->members[i].gm == gm)
            return &r->members[i];
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
    char line[KEYLOG_LINE_MAX];

    m->session = NULL;
    for (size_t i = 0; r->s.env.keylog && i < policy->n_sas; i++) {
        const struct policy_sa *sa = &policy->sas[i];

        keylog_esp_line(sa->spi, sa->suite, &sa->key, &sa->integrity, line);
        r->s.env.keylog(r->s.env.ctx, line);
    }
    wipe(line, sizeof(line));
    log_registration(r, m->gm, true);
    gm_policy(m->gm, policy, now);
}

static void on_gm_failed(void *ctx, struct session *s, const char *reason, struct now now)
{
    struct member *m = session_owner(s);
    char server[ADDR_TEXT_MAX];

    (void)ctx;
    m->session = NULL;
    log_msg(GM_REGS_FAILED, addr_text(gm_server(m->gm), server), gm_config(m->gm)->name, reason);
    gm_failed(m->gm, reason, now);
}

/* What memberships ask. */

static bool on_register_with(void *ctx, struct gm *gm, const struct addr *server, uint16_t n_sender_ids,
                             struct now now)
{
    struct roles *r = ctx;
    struct member *m = member_of(r, gm);
    struct path path = {.local = {.addr = r->s.config->listen[0], .port = UDP_PORT_GDOI},
                        .remote = {.addr = *server, .port = UDP_PORT_GDOI}};

    log_registration(r, gm, false);
    m->session = sessions_register(r->sessions, &path, &gm_config(gm)->id, n_sender_ids, m, now);
    if (m->session && !session_set_patience(m->session, gm_patience(gm))) {
        session_abort(m->session);
        m->session = NULL;
    }
    return m->session != NULL;
}

static void on_changed(void *ctx, struct gm *gm)
{
    struct roles *r = ctx;

    plane_changed(member_of(r, gm)->plane);
}

static bool on_holds(void *ctx, const struct gm *gm, uint32_t spi)
{
    struct roles *r = ctx;

    return plane_holds(member_of(r, gm)->plane, spi);
}

/* Set-up. */

static struct plane *plane_for(struct roles *r, const char *socket)
{
    char path[2 * CONFIG_MAX_TEXT];

    if (socket[0] == '/')
        snprintf(path, sizeof(path), "%s", socket);
    else
        snprintf(path, sizeof(path), "%s/%s", r->s.run_dir, socket);
    for (size_t i = 0; i < r->n_planes; i++) {
        if (strcmp(plane_socket(r->planes[i]), path) == 0)
            return r->planes[i];
    }
    r->planes[r->n_planes] = plane_new(r->s.loop, path, r->s.clock_rate);
    return r->planes[r->n_planes] ? r->planes[r->n_planes++] : NULL;
}

static bool add_member(struct roles *r, const struct config_group *config)
{
    struct gm_ops ops = {.ctx = r, .register_with = on_register_with, .changed = on_changed, .holds = on_holds};
    struct member *m = &r->members[r->n_members];

    m->gm = gm_new(config, &r->s.env, &ops);
    if (!m->gm)
        return false;
    r->n_members++;
    m->plane = plane_for(r, config->gm.dp_socket);
    return m->plane && plane_add(m->plane, m->gm);
}

struct roles *roles_new(const struct roles_settings *s, struct now now)
{
    struct roles *r = calloc(1, sizeof(*r));
    struct session_events events = {.ctx = r,
                                    .ks_request = on_ks_request,
                                    .ks_accept = on_ks_accept,
                                    .gm_policy = on_gm_policy,
                                    .gm_failed = on_gm_failed};
    size_t n = s->config->n_groups;

    if (!r)
        return NULL;
    r->s = *s;
    r->members = calloc(n + 1, sizeof(*r->members));
    r->planes = calloc(n + 1, sizeof(*r->planes));
    if (!r->members || !r->planes || !ks_init(&r->ks, s->config, &r->s.env, now.scaled))
        goto fail;
    r->sessions = sessions_new(&r->s.env, s->config, &events);
    if (!r->sessions)
        goto fail;
    for (size_t i = 0; i < n; i++) {
        if (s->config->groups[i].is_member && !add_member(r, &s->config->groups[i]))
            goto fail;
    }
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
    for (size_t i = 0; i < r->n_planes; i++)
        plane_free(r->planes[i]);
    if (r->sessions)
        sessions_free(r->sessions);
    for (size_t i = 0; i < r->n_members; i++)
        gm_free(r->members[i].gm);
    ks_free(&r->ks);
    free(r->planes);
    free(r->members);
    free(r);
}

void roles_datagram(struct roles *r, const struct path *path, struct span bytes)
{
    sessions_datagram(r->sessions, path, bytes, loop_now(r->s.loop));
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
    return r->members[i].gm;
}

struct plane *roles_plane(const struct roles *r, const struct gm *gm)
{
    for (size_t i = 0; i < r->n_members; i++) {
        if (r->members[i].gm == gm)
            return r->members[i].plane;
    }
    return NULL;
}

size_t roles_planes(const struct roles *r)
{
    return r->n_planes;
}

struct plane *roles_plane_at(const struct roles *r, size_t i)
{
    return r->planes[i];
}
