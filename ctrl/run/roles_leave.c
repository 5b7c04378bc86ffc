/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Leaving (GM12): LEAVE to the key server of a membership, when gvpnd stops or the group is removed by a reload, which takes
 * its keys out of use at once. On stop the keys go afterwards, and both steps have a limit; a data plane that is gone ends
 * them at once, since IKE travels through it.
 */
#include "ctrl/run/roles_impl.h"

#include "common/log.h"
#include "ctrl/run/udp.h"

#include <stdio.h>
#include <stdlib.h>

#define SAY_LIMIT  mono_s(3)
#define PARK_LIMIT mono_s(1)
#define TICK       mono_ms(10)

static bool wants_to_leave(const struct member *m)
{
    return gm_config(m->gm)->gm.leave_on_stop && gm_home(m->gm) && dpc_attached(plane_dpc(m->plane));
}

static void log_left(const struct addr *own, const char *group, const struct addr *server, const char *why)
{
    char from[ADDR_TEXT_MAX], to[ADDR_TEXT_MAX];

    log_msg(GM_UNREGISTER, addr_text(own, from), group, addr_text(server, to), why ? why : "the key server has taken note");
}

static void unlist(struct farewell *f)
{
    struct farewell **at = &f->r->farewells;

    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    free(f);
}

void roles_left(struct farewell *f, const char *why)
{
    log_left(&f->own, f->name, &f->server, why);
    unlist(f);
}

/* Has it been said already, for another membership of the group? */
static bool is_said(const struct roles *r, const struct group_id *group, const struct addr *server)
{
    for (const struct farewell *f = r->farewells; f; f = f->next) {
        if (group_id_equal(&f->group, group) && addr_equal(&f->server, server))
            return true;
    }
    return false;
}

void roles_say_leave(struct roles *r, const struct member *m, const struct config *config)
{
    const struct config_group *g = gm_config(m->gm);
    const struct addr *home = gm_home(m->gm);
    struct path path;
    struct farewell *f;
    const char *why = "it could not be said: memory or random is short";

    if (!home || is_said(r, &g->id, home))
        return;
    path = (struct path){.local = {.addr = m->home_local, .port = UDP_PORT_GDOI},
                         .remote = {.addr = *home, .port = UDP_PORT_GDOI}};
    f = calloc(1, sizeof(*f));
    if (f) {
        *f = (struct farewell){.next = r->farewells, .r = r, .group = g->id, .server = *home, .own = m->home_local,
                               .plane = m->plane};
        snprintf(f->name, sizeof(f->name), "%s", g->name);
        r->farewells = f;
        if (!dpc_attached(plane_dpc(m->plane)))
            why = "it could not be said: the data plane is not there";
        else if (!roles_listens(config, &m->home_local))
            why = "it could not be said: the address that it registered from is no longer ours";
        else
            f->session = sessions_leave(r->sessions, &path, &g->id, f, loop_now(r->s.loop));
    }
    if (!f)
        log_left(&m->home_local, g->name, home, why);
    else if (!f->session)
        roles_left(f, why);
}

void roles_stay(struct roles *r, const struct group_id *group)
{
    struct farewell *next;

    for (struct farewell *f = r->farewells; f; f = next) {
        next = f->next;
        if (!group_id_equal(&f->group, group))
            continue;
        session_abort(f->session);
        roles_left(f, "no answer yet, and the group is back");
    }
}

void roles_free_farewells(struct roles *r)
{
    while (r->farewells) {
        session_abort(r->farewells->session);
        unlist(r->farewells);
    }
}

void roles_forget_plane(struct roles *r, const struct plane *p)
{
    for (struct farewell *f = r->farewells; f; f = f->next) {
        if (f->plane == p)
            f->plane = NULL;
    }
}

/* Is an answer awaited that may still come? */
static bool is_saying(const struct roles *r)
{
    for (const struct farewell *f = r->farewells; f; f = f->next) {
        if (!f->plane || dpc_attached(plane_dpc(f->plane)))
            return true;
    }
    return false;
}

static void park_all(struct roles *r)
{
    while (r->farewells) {
        session_abort(r->farewells->session);
        roles_left(r->farewells, "the key server did not answer in time");
    }
    for (size_t i = 0; i < r->n_members; i++) {
        if (wants_to_leave(r->members[i]))
            gm_leave(r->members[i]->gm);
    }
}

static bool is_parking(const struct roles *r)
{
    for (size_t i = 0; i < r->n_planes; i++) {
        if (plane_busy(r->planes[i]))
            return true;
    }
    return false;
}

static void on_tick(struct timer *t, mono_t now)
{
    struct roles *r = (struct roles *)((char *)t - offsetof(struct roles, leaving.tick));
    struct leaving *l = &r->leaving;
    bool over = mono_reached(l->until, now);

    if (!l->parked && (over || !is_saying(r))) {
        park_all(r);
        l->parked = true;
        l->until = mono_add(now, PARK_LIMIT);
    } else if (l->parked && (over || !is_parking(r))) {
        l->done(l->ctx);
        return;
    }
    must_set_timer(r->s.env.real_timers, &l->tick, mono_add(now, TICK));
}

void roles_leave(struct roles *r, void (*done)(void *ctx), void *ctx)
{
    mono_t now = loop_now(r->s.loop).real;
    size_t n = 0;

    r->leaving = (struct leaving){.active = true, .until = mono_add(now, SAY_LIMIT), .done = done, .ctx = ctx};
    r->leaving.tick.fire = on_tick;
    for (size_t i = 0; i < r->n_members; i++) {
        struct member *m = r->members[i];

        if (m->session) /* what it would bring is of no use any more */
            session_abort(m->session);
        m->session = NULL;
        if (!wants_to_leave(m))
            continue;
        roles_say_leave(r, m, r->s.config);
        n++;
    }
    if (n == 0 && !r->farewells)
        done(ctx);
    else
        must_set_timer(r->s.env.real_timers, &r->leaving.tick, mono_add(now, TICK));
}

bool roles_is_leaving(const struct roles *r)
{
    return r->leaving.active;
}
