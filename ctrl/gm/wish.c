/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the data plane should hold now, told from what the member holds: receiving before sending, an SA that stops only for
 * one that is ready, sender ids given to one data-plane process once (GM2, DP3; RFC 6054).
 */
#include "ctrl/gm/gm_impl.h"

#include "common/log.h"

#include <stdio.h>
#include <string.h>

/* Only counters must not repeat: other suites send without sender ids, too, as from key servers of other makers. */
static bool has_senders(const struct gm_sa *s)
{
    return s->n_senders > 0 || !s->sa.suite->counter_mode;
}

static uint64_t ms_until(mono_t at, mono_t now)
{
    int64_t ms = mono_to_ms(mono_sub(at, now));

    return ms > 0 ? (uint64_t)ms : 0;
}

static void wish_list(uint16_t index, enum ipc_list list, const struct acl *acl,
                      void (*put)(void *ctx, const struct ipc_msg *m), void *ctx)
{
    for (size_t i = 0; i < acl->n; i++) {
        struct ipc_msg m = {.type = IPC_RULE};

        m.u.rule = (struct ipc_rule){.group = index, .list = list, .entry = acl->entries[i]};
        put(ctx, &m);
    }
}

static void wish_bindings(uint16_t index, const struct config_member *c,
                          void (*put)(void *ctx, const struct ipc_msg *m), void *ctx)
{
    for (size_t i = 0; i < c->n_bindings; i++) {
        struct ipc_msg m = {.type = IPC_BIND, .u.bind = {.group = index, .vlan = c->bindings[i].vlan}};

        snprintf(m.u.bind.pair, sizeof(m.u.bind.pair), "%s", c->bindings[i].pair);
        put(ctx, &m);
    }
}

/* Gives it sender ids when the present process has none for it yet. Ids are for the SAs that they came with. */
static void give_senders(struct gm *gm, struct gm_sa *s)
{
    if (s->instance == gm->instance && s->n_senders > 0)
        return;
    s->instance = gm->instance;
    s->n_senders = s->in_policy && gm_install_take_senders(gm) ? gm->n_senders : 0;
    memcpy(s->senders, gm->senders, sizeof(s->senders));
}

/* Must it be left out of the wish? */
static bool is_left_out(struct gm *gm, struct gm_sa *s, mono_t now)
{
    if (mono_reached(s->end, now) || (s->parked && s->instance != gm->instance))
        return true;
    if (!s->gone && gm->ops.gone && gm->ops.gone(gm->ops.ctx, gm, s->sa.spi)) {
        s->gone = true;
        log_msg(GM_KEY_GONE, gm->config->name, (unsigned)s->sa.spi);
    }
    return s->gone;
}

/* All are prepared before the first is wished: one may stop because another is ready. */
static void prepare_sa(struct gm *gm, struct gm_sa *s, uint64_t epoch, mono_t now)
{
    if (is_left_out(gm, s, now) || s->parked)
        return;
    give_senders(gm, s);
    if (s->wished_in == 0)
        s->wished_in = epoch;
}

/* May the data plane send with it? Workers that receive with it already needn't stop for the time of two transactions. */
static bool may_send(const struct gm *gm, const struct gm_sa *s)
{
    bool held = !s->was_parked && gm->ops.holds && gm->ops.holds(gm->ops.ctx, gm, s->sa.spi);

    return !s->parked && !s->gone && (s->acknowledged || held) && has_senders(s);
}

/*
 * An SA stops before its end only for one that is ready, as a key that came late isn't in the first transaction; and not before that
 * is active: ends and delays came in different messages, in whole seconds.
 */
static mono_t stops_at(const struct gm *gm, const struct gm_sa *s)
{
    mono_t active = MONO_NEVER;

    for (const struct gm_sa *next = s + 1; next < gm->sas + gm->n_sas; next++) {
        if (next->sa.number == s->sa.number && may_send(gm, next))
            active = mono_min(active, next->send_from);
    }
    return mono_min(s->end, mono_max(s->send_until, active));
}

static void wish_time(const struct gm_sa *s, uint16_t index, void (*put)(void *ctx, const struct ipc_msg *m), void *ctx,
                      mono_t now)
{
    struct ipc_msg m = {.type = IPC_TIME};

    m.u.time = (struct ipc_time){
        .group = index, .spi = s->sa.spi, .pseudotime_ms = gm_pseudotime_ms(s->time_zero, now)};
    put(ctx, &m);
}

static void wish_sa(struct gm *gm, struct gm_sa *s, uint16_t index, void (*put)(void *ctx, const struct ipc_msg *m),
                    void *ctx, mono_t now)
{
    struct ipc_msg m = {.type = IPC_SA};
    mono_t stop = stops_at(gm, s);

    if (is_left_out(gm, s, now))
        return;
    m.u.sa = (struct ipc_sa){
        .group = index,
        .number = s->sa.number,
        .spi = s->sa.spi,
        .suite = (uint8_t)s->sa.suite->id,
        .receive = !s->parked,
        .send = may_send(gm, s),
        .transport = s->sa.transport,
        .replay = (enum ipc_replay)s->sa.replay,
        .window = s->sa.replay == REPLAY_TIME ? s->sa.window * 1000u : s->sa.window,
        .metadata = (uint8_t)((s->sa.replay == REPLAY_TIME ? IPC_META_TIME : 0) | (s->sa.tag ? IPC_META_TAG : 0)),
        .strict_sender = s->sa.strict_sender,
        .sid_bits = s->sid_bits,
        .send_in_ms = (uint32_t)ms_until(s->send_from, now),
        .send_end_in_ms = (uint32_t)(mono_reached(stop, now) ? 1 : ms_until(stop, now)),
        .end_in_ms = ms_until(s->end, now),
        .key = s->sa.key,
        .integrity = s->sa.integrity,
        .n_senders = (uint16_t)s->n_senders,
    };
    memcpy(m.u.sa.senders, s->senders, sizeof(m.u.sa.senders));
    if (m.u.sa.end_in_ms > 0)
        put(ctx, &m);
    if (m.u.sa.end_in_ms > 0 && s->sa.replay == REPLAY_TIME)
        wish_time(s, index, put, ctx, now);
    wipe(&m, sizeof(m));
}

static enum ipc_group_state wished_state(const struct gm *gm)
{
    if (gm->own_config)
        return gm->config->gm.unprotected == CONFIG_UNPROTECTED_CLEAR ? IPC_GROUP_UNPROTECTED_CLEAR
                                                                      : IPC_GROUP_UNPROTECTED_DROP;
    if (gm->has_policy)
        return IPC_GROUP_POLICY;
    return gm->config->gm.fail_close ? IPC_GROUP_FAIL_CLOSE : IPC_GROUP_FAIL_OPEN;
}

/* Where rekeys come to, so that the data plane lets them through whatever the policy. */
static void wish_rekeys(struct ipc_group *g, const struct gm_kek *k)
{
    if (k->has && gm_kek_group(&k->kek, &g->rekeys[g->n_rekeys]))
        g->n_rekeys++;
    if (k->has_earlier && gm_kek_group(&k->earlier, &g->rekeys[g->n_rekeys]))
        g->n_rekeys++;
}

void gm_wish(struct gm *gm, uint16_t index, uint64_t epoch, void (*put)(void *ctx, const struct ipc_msg *m), void *ctx,
             mono_t now)
{
    const struct config_member *c = &gm->config->gm;
    struct ipc_msg m = {.type = IPC_GROUP};

    m.u.group = (struct ipc_group){.group = index,
                                   .receive_only = gm_direction(gm, now) == GM_DIRECTION_INBOUND_ONLY,
                                   .passive = gm_direction(gm, now) == GM_DIRECTION_INBOUND_OPTIONAL};
    wish_rekeys(&m.u.group, &gm->kek);
    snprintf(m.u.group.name, sizeof(m.u.group.name), "%s", gm->dp_name);
    m.u.group.state = wished_state(gm);
    put(ctx, &m);
    wish_bindings(index, c, put, ctx);
    wish_list(index, IPC_LIST_FAIL_CLOSE, &c->fail_close_allow, put, ctx);
    wish_list(index, IPC_LIST_LOCAL, &c->local_acl, put, ctx);
    wish_list(index, IPC_LIST_DOWNLOADED, &gm->policy.acl, put, ctx);
    for (size_t i = 0; i < gm->n_sas; i++)
        prepare_sa(gm, &gm->sas[i], epoch, now);
    for (size_t i = 0; i < gm->n_sas; i++)
        wish_sa(gm, &gm->sas[i], index, put, ctx, now);
}

void gm_acknowledged(struct gm *gm, uint64_t epoch, const char *refused, struct now now)
{
    char server[ADDR_TEXT_MAX], own[ADDR_TEXT_MAX], where[CONFIG_BINDINGS_TEXT];
    bool more = false;
    unsigned n = 0;

    (void)now;
    if (refused) {
        log_msg(GM_INSTALL_POLICIES_FAIL, addr_text(gm_server(gm), server), gm->config->name, addr_text(&gm->own, own), refused);
        return;
    }
    for (size_t i = 0; i < gm->n_sas; i++) {
        struct gm_sa *s = &gm->sas[i];

        if (s->acknowledged || s->parked || s->wished_in == 0 || s->wished_in > epoch)
            continue;
        s->acknowledged = true;
        s->was_parked = false;
        more = true;
        n++;
    }
    if (!more)
        return;
    log_msg(GM_INSTALL_POLICIES_SUCCESS, addr_text(gm_server(gm), server), gm->config->name, addr_text(&gm->own, own), n,
            gm->policy.acl.n);
    if (!gm->is_enabled)
        log_msg(GM_ENABLE_GDOI_CM, gm->config->name, server, gm->policy.acl.n, config_bindings_text(&gm->config->gm, where));
    gm->is_enabled = true;
    gm->ops.changed(gm->ops.ctx, gm); /* now for sending */
}

const struct gm_sa *gm_sas(const struct gm *gm, size_t *n)
{
    *n = gm->n_sas;
    return gm->sas;
}

const struct gm_sa *gm_sending(const struct gm *gm, uint16_t number, mono_t now)
{
    const struct gm_sa *last = NULL;

    for (size_t i = 0; i < gm->n_sas; i++) {
        const struct gm_sa *s = &gm->sas[i];

        if (s->sa.number != number || !s->acknowledged || s->gone || !has_senders(s) || mono_reached(s->end, now))
            continue;
        if (mono_reached(s->send_from, now) && !mono_reached(stops_at(gm, s), now))
            return s;
        last = s; /* past its planned end, but better than nothing while it lives */
    }
    return last && mono_reached(last->send_from, now) ? last : NULL;
}
