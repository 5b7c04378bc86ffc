/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Leaving on stop (GM12): LEAVE to the key server of every membership that wants it, then its keys out of use in the data
 * plane. Both steps have a limit; a data plane that is gone ends them at once, since IKE travels through it.
 */
#include "ctrl/run/roles_impl.h"

#include "common/log.h"
#include "ctrl/run/udp.h"

#define SAY_LIMIT  mono_s(3)
#define PARK_LIMIT mono_s(1)
#define TICK       mono_ms(10)

static bool wants_to_leave(const struct member *m)
{
    return gm_config(m->gm)->gm.leave_on_stop && (gm_home(m->gm) || m->leave) && dpc_attached(plane_dpc(m->plane));
}

void roles_left(struct member *m, const char *why)
{
    const struct addr *home = gm_home(m->gm);
    char server[ADDR_TEXT_MAX];

    m->leave = NULL;
    log_msg(GM_LEAVE, gm_config(m->gm)->name, home ? addr_text(home, server) : "-",
            why ? why : "the key server has taken note");
}

static void say_leave(struct roles *r, struct member *m)
{
    struct path path = {.local = {.addr = r->s.config->listen[0], .port = UDP_PORT_GDOI},
                        .remote = {.addr = *gm_home(m->gm), .port = UDP_PORT_GDOI}};

    if (m->session)
        session_abort(m->session);
    m->session = NULL;
    m->leave = sessions_leave(r->sessions, &path, &gm_config(m->gm)->id, m, loop_now(r->s.loop));
    if (!m->leave)
        roles_left(m, "it could not be said");
}

/* Is an answer awaited that may still come? */
static bool is_saying(const struct roles *r)
{
    for (size_t i = 0; i < r->n_members; i++) {
        if (r->members[i]->leave && dpc_attached(plane_dpc(r->members[i]->plane)))
            return true;
    }
    return false;
}

static void park_all(struct roles *r)
{
    for (size_t i = 0; i < r->n_members; i++) {
        struct member *m = r->members[i];

        if (m->leave) {
            session_abort(m->leave);
            roles_left(m, "the key server did not answer in time");
        }
        if (wants_to_leave(m))
            gm_leave(m->gm);
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
        if (!wants_to_leave(r->members[i]))
            continue;
        say_leave(r, r->members[i]);
        n++;
    }
    if (n == 0)
        done(ctx);
    else
        must_set_timer(r->s.env.real_timers, &r->leaving.tick, mono_add(now, TICK));
}

bool roles_is_leaving(const struct roles *r)
{
    return r->leaving.active;
}
