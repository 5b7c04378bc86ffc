/* SPDX-License-Identifier: BSD-3-Clause */
/* When each member registers, and what it has then. */
#include "tools/swarm/swarm.h"

#include "common/feature.h"
#include "ctrl/crypto/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS     1000 /* after a failure: this and at most three times as much again */
#define RENEW_LEAD_S 60   /* before the newest key ends, when no rekey brought another */

static uint32_t host_order(const struct addr *a)
{
    return (uint32_t)a->b[0] << 24 | (uint32_t)a->b[1] << 16 | (uint32_t)a->b[2] << 8 | a->b[3];
}

static void set(struct timers *timers, struct timer *t, mono_t at)
{
    must_set_timer(timers, t, at);
}

static void begin(struct swarm_member *m)
{
    struct swarm *s = m->swarm;
    struct path path = {.local = m->at, .remote = s->o.server};

    m->begun = s->now.real;
    m->session = sessions_register(s->sessions, &path, &s->o.group, (uint16_t)s->o.sender_ids, m, s->now);
    if (m->session != NULL)
        s->n_under_way++;
    else
        set(&s->real_timers, &m->next, mono_add(s->now.real, mono_ms(RETRY_MS)));
}

static void on_next(struct timer *t, mono_t now)
{
    struct swarm_member *m = (struct swarm_member *)(void *)((char *)t - offsetof(struct swarm_member, next));

    (void)now;
    if (m->session == NULL)
        begin(m);
}

/* Its newest key ends soon, or has ended. */
static void on_end(struct timer *t, mono_t now)
{
    struct swarm_member *m = (struct swarm_member *)(void *)((char *)t - offsetof(struct swarm_member, end));

    if (mono_reached(m->keys_end, now)) {
        if (!m->past_end)
            m->swarm->past_end++;
        m->past_end = true;
    } else {
        set(&m->swarm->timers, &m->end, m->keys_end);
        m->swarm->reregistered++;
    }
    if (m->session == NULL)
        begin(m);
}

void swarm_members_begin(struct swarm *s)
{
    while (s->n_begun < s->o.members && s->n_under_way < s->o.parallel)
        begin(&s->members[s->n_begun++]);
}

static void on_policy(void *ctx, struct session *session, struct policy *policy, struct now now)
{
    struct swarm *s = ctx;
    struct swarm_member *m = session_owner(session);

    m->session = NULL;
    s->n_under_way--;
    m->registrations++;
    m->past_end = false;
    swarm_rekey_policy(m, policy);
    set(&s->timers, &m->end, mono_sub(m->keys_end, mono_s(RENEW_LEAD_S)));
    if (m->registered)
        return;
    m->registered = true;
    s->took_us[s->n_registered++] = (uint32_t)((now.real.ns - m->begun.ns) / 1000);
    if (s->n_registered < s->o.members)
        return;
    s->all_registered = now.real;
    swarm_report_server(s, &s->rss_kb[1], &s->cpu_s[1]);
}

static void on_failed(void *ctx, struct session *session, const char *reason, struct now now)
{
    struct swarm *s = ctx;
    struct swarm_member *m = session_owner(session);

    m->session = NULL;
    s->n_under_way--;
    m->failures++;
    s->n_failed++;
    snprintf(s->last_error, sizeof(s->last_error), "%s", reason);
    set(&s->real_timers, &m->next, mono_add(now.real, mono_ms(RETRY_MS + swarm_random(s, 3 * RETRY_MS))));
}

bool swarm_members_open(struct swarm *s)
{
    struct session_events events = {.ctx = s, .gm_policy = on_policy, .gm_failed = on_failed};
    uint32_t first = host_order(&s->o.first);

    s->members = calloc(s->o.members, sizeof(*s->members));
    s->took_us = calloc(s->o.members, sizeof(*s->took_us));
    s->sessions = sessions_new(&s->env, s->config, &events);
    if (s->members == NULL || s->took_us == NULL || s->sessions == NULL)
        return false;
    for (unsigned i = 0; i < s->o.members; i++) {
        struct swarm_member *m = &s->members[i];

        m->swarm = s;
        m->at = (struct endpoint){addr_v4(first + i), s->o.port};
        m->server = (struct peer_features){.ours = true, .version = 1, .features = feature_ours()};
        m->next.fire = on_next;
        m->end.fire = on_end;
    }
    return true;
}

void swarm_members_close(struct swarm *s)
{
    if (s->sessions != NULL)
        sessions_free(s->sessions);
    for (unsigned i = 0; s->members != NULL && i < s->o.members; i++) {
        struct swarm_member *m = &s->members[i];

        timer_cancel(&s->real_timers, &m->next);
        timer_cancel(&s->timers, &m->end);
        swarm_rekey_free(m);
    }
    free(s->members);
    free(s->took_us);
    for (unsigned i = 0; i < s->n_rekeys; i++)
        free(s->rekeys[i].after_us);
}

void swarm_members_datagram(struct swarm *s, const struct path *path, struct span datagram)
{
    uint32_t at = host_order(&path->local.addr) - host_order(&s->o.first);

    if (at < s->o.members && swarm_rekey_datagram(&s->members[at], datagram))
        return;
    sessions_datagram(s->sessions, path, datagram, s->now);
}
