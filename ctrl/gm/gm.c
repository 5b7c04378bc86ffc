/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of one membership: when to register and with whom. What is installed and in which order is gm/install.c. */
#include "ctrl/gm/gm_impl.h"

#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_FIRST_S       1    /* GM1: back-off after the whole list of servers has failed once, doubled ... */
#define RETRY_MAX_S         60   /* ... up to this */
#define REREGISTER_LEAD_S   60   /* GM2: before the end of the newest SA ... */
#define REREGISTER_EARLY_S  20   /* ... or up to so much earlier: a group doesn't come in one second (KS5: the next TEK is there by then) */
#define REREGISTER_EARLY_DIV 20  /* and at most by this part of what is left */
#define PATIENCE_S          8    /* for an answer: five tries, and three dead servers are passed 30 s before the end */
#define IDS_PER_WORKER      4    /* decision 12: restarts of the data plane that need no registration */

const struct name gm_state_names[] = {
    {GM_DOWN, "down"},
    {GM_REGISTERING, "registering"},
    {GM_REGISTERED, "registered"},
    {GM_RE_REGISTERING, "re-registering"},
    {GM_FAIL_CLOSE, "fail-close"},
    {GM_FAIL_OPEN, "fail-open"},
    {0, NULL},
};

static struct gm *of_timer(struct timer *t)
{
    return (struct gm *)((char *)t - offsetof(struct gm, next));
}

const struct name gm_rekey_drop_names[] = {
    {GM_DROP_COPY, "copy"},
    {GM_DROP_LIMIT, "limit"},
    {GM_DROP_MALFORMED, "malformed"},
    {GM_DROP_OLD_NUMBER, "old_number"},
    {GM_DROP_FORGED, "forged"},
    {GM_DROP_CONTENT, "content"},
    {GM_DROP_PSEUDOTIME, "pseudotime"},
    {GM_DROP_EARLIER_KEK, "earlier_kek"},
    {0, NULL},
};

static struct gm *of_real_timer(struct timer *t)
{
    return (struct gm *)((char *)t - offsetof(struct gm, retry));
}

static void start_registration(struct gm *gm, struct now now);

static void on_next(struct timer *t, mono_t now)
{
    struct gm *gm = of_timer(t);
    char server[ADDR_TEXT_MAX];

    (void)now;
    gm->due = true;
    if (gm->kek.has && mono_is_never(gm->soon))
        log_msg(GM_REKEY_NOT_RECD, gm->config->name, addr_text(&gm->home, server));
    if (gm->had_kek)
        log_msg(GM_RE_REGISTER, gm->config->name);
    gm->server = 0; /* in order, every time: members that went astray meet again, as long as servers don't cooperate */
    start_registration(gm, gm->env->now(gm->env->ctx));
}

static void on_retry(struct timer *t, mono_t now)
{
    struct gm *gm = of_real_timer(t);

    (void)now;
    start_registration(gm, gm->env->now(gm->env->ctx));
}

struct gm *gm_new(const struct config_group *config, const struct env *env, const struct gm_ops *ops)
{
    struct gm *gm = calloc(1, sizeof(*gm));

    if (!gm)
        return NULL;
    gm->config = config;
    memcpy(gm->dp_name, config->name, sizeof(gm->dp_name));
    gm->env = env;
    gm->ops = *ops;
    gm->next.fire = on_next;
    gm->retry.fire = on_retry;
    gm->change.fire = gm_install_on_change;
    gm->kek_end.fire = gm_kek_on_end;
    gm->ack.timer.fire = gm_ack_on_timer;
    gm->soon = MONO_NEVER;
    gm_kek_wipe(&gm->kek);
    gm_directions_init(&gm->directions);
    policy_init(&gm->policy);
    return gm;
}

void gm_free(struct gm *gm)
{
    if (!gm)
        return;
    timer_cancel(gm->env->timers, &gm->next);
    timer_cancel(gm->env->timers, &gm->change);
    timer_cancel(gm->env->timers, &gm->kek_end);
    timer_cancel(gm->env->timers, &gm->ack.timer);
    timer_cancel(gm->env->real_timers, &gm->retry);
    policy_wipe(&gm->policy);
    free(gm->own_config);
    wipe(gm, sizeof(*gm));
    free(gm);
}

/* 75 % to 125 % of d, so that members don't march in step. */
static mono_t jitter(struct gm *gm, mono_t d)
{
    return mono_add(mono_ns(d.ns / 4 * 3), gm_up_to(gm->env, mono_ns(d.ns / 2)));
}

static void retry_later(struct gm *gm, struct now now)
{
    int64_t seconds = RETRY_FIRST_S;

    /* The next server at once; only a whole round without success waits. */
    gm->server = (gm->server + 1) % gm->config->gm.n_servers;
    if (++gm->failed_in_a_row % gm->config->gm.n_servers == 0) {
        for (size_t i = 1; i < gm->failed_in_a_row / gm->config->gm.n_servers && seconds < RETRY_MAX_S; i++)
            seconds *= 2;
        seconds = seconds < RETRY_MAX_S ? seconds : RETRY_MAX_S;
    }
    must_set_timer(gm->env->real_timers, &gm->retry, mono_add(now.real, jitter(gm, mono_s(seconds))));
}

static void start_registration(struct gm *gm, struct now now)
{
    uint16_t ids = (uint16_t)(gm->n_workers * IDS_PER_WORKER);

    if (!gm->attached || gm->asking || gm->stopped)
        return;
    timer_cancel(gm->env->real_timers, &gm->retry);
    gm->asking = true;
    gm->stats.attempts++;
    if (ids > POLICY_MAX_SENDER_IDS)
        ids = POLICY_MAX_SENDER_IDS;
    if (!gm->ops.register_with(gm->ops.ctx, gm, gm_server(gm), ids, now))
        gm_failed(gm, "it could not be started", now);
}

void gm_attached(struct gm *gm, uint64_t instance, unsigned n_workers, struct now now)
{
    gm->attached = true;
    gm->instance = instance;
    gm->n_workers = n_workers < IPC_MAX_WORKERS ? n_workers : IPC_MAX_WORKERS;
    gm_install_attached(gm);
    gm_recover_forget(&gm->recover);
    gm_kek_changed(gm); /* its interface may be a new one */
    if (gm->has_policy && !gm_install_can_send(gm))
        gm->soon = now.scaled;
    if (!gm->has_policy || gm->due || !mono_is_never(gm->soon))
        start_registration(gm, now);
}

void gm_detached(struct gm *gm, struct now now)
{
    (void)now;
    gm->attached = false;
}

/* Before the newest SA of the number that runs out first ends. */
static mono_t before_keys_end(struct gm *gm, mono_t now)
{
    mono_t end = gm_install_first_end(gm);
    mono_t left = mono_sub(end, now);
    mono_t lead = mono_s(REREGISTER_LEAD_S);

    if (mono_is_never(end))
        return MONO_NEVER;
    /* A key with less life than the lead: half of what is left, so that it isn't asked for without pause. */
    if (mono_before(left, mono_add(lead, lead)))
        lead = mono_ns(left.ns / 2);
    else
        lead = mono_add(lead, gm_up_to(gm->env, mono_min(mono_s(REREGISTER_EARLY_S), mono_ns(left.ns / REREGISTER_EARLY_DIV))));
    return mono_sub(end, lead);
}

void gm_plan_next(struct gm *gm, mono_t now)
{
    gm->due = false;
    must_set_timer(gm->env->timers, &gm->next,
                   mono_min(before_keys_end(gm, now), mono_min(gm->kek.register_at, gm->soon)));
}

void gm_register_soon(struct gm *gm, mono_t spread, mono_t now)
{
    gm->soon = mono_min(gm->soon, mono_add(now, gm_up_to(gm->env, spread)));
    gm_plan_next(gm, now);
}

void gm_set_own(struct gm *gm, const struct addr *own)
{
    gm->own = *own;
}

/* A key that was asked for comes with a rekey, or with a later registration: each time it is waited for longer. */
static void wait_for_key(struct gm *gm, mono_t now)
{
    int64_t seconds = gm->n_waits == 0 ? 0 : 1;

    if (!gm_needs_key(gm)) {
        gm->n_waits = 0;
        return;
    }
    for (unsigned i = 1; i < gm->n_waits && seconds < RETRY_MAX_S; i++)
        seconds *= 2;
    gm->n_waits++;
    gm->soon = mono_add(now, jitter(gm, mono_s(seconds < RETRY_MAX_S ? seconds : RETRY_MAX_S)));
}

void gm_key_came(struct gm *gm)
{
    if (gm->n_waits == 0 || gm_needs_key(gm))
        return;
    gm->n_waits = 0;
    gm->soon = MONO_NEVER;
}

void gm_server_announced(struct gm *gm, const struct peer_features *server)
{
    gm->server_features = *server;
}

void gm_log_merge(const struct gm *gm)
{
    const struct acl *own = &gm->config->gm.local_acl;
    char server[ADDR_TEXT_MAX];
    size_t permits = 0;

    if (own->n == 0 || !gm->has_policy)
        return;
    for (size_t i = 0; i < own->n; i++)
        permits += own->entries[i].permit;
    log_msg(GM_ACL_MERGE, addr_text(&gm->home, server), gm->config->name, own->n, gm->policy.acl.n);
    if (permits > 0)
        log_msg(GM_ACL_PERMIT, gm->config->name, permits);
}

/*
 * A rekey was faster than this answer, which was lost and sent again, or held back: its list and keys are those before. Once; a
 * server that counts in another way has the last word.
 */
static bool ask_again(struct gm *gm, const struct policy *policy, mono_t real)
{
    char server[ADDR_TEXT_MAX];

    gm->overtaken = !gm->overtaken && gm->server_features.ours && gm_kek_overtook(&gm->kek, policy);
    if (!gm->overtaken)
        return false;
    log_debug("gm", "group %s: a rekey was faster than the answer of %s; it is asked again", gm->config->name,
              addr_text(gm_server(gm), server));
    must_set_timer(gm->env->real_timers, &gm->retry, real);
    return true;
}

void gm_policy(struct gm *gm, struct policy *policy, struct now now)
{
    char why[160] = "", server[ADDR_TEXT_MAX], own[ADDR_TEXT_MAX];
    bool receive_only = policy->receive_only;

    gm->asking = false;
    if (ask_again(gm, policy, now.real)) {
        policy_wipe(policy);
        return;
    }
    if (!gm_accepts(gm, policy, why)) {
        log_msg(GM_REJECTING_SA_PAYLOAD, addr_text(gm_server(gm), server), gm->config->name, why);
        policy_wipe(policy);
        gm_failed(gm, why, now);
        return;
    }
    gm_log_keys(gm, policy);
    if (!gm_install_take(gm, policy, now.scaled, why)) {
        gm_log_fault(gm, POLICY_FAULT_SAS, why);
        log_msg(GM_INSTALL_POLICIES_FAIL, addr_text(gm_server(gm), server), gm->config->name, addr_text(&gm->own, own), why);
        policy_wipe(policy);
        gm_failed(gm, why, now);
        return;
    }
    gm->has_policy = true;
    gm->reverted = false;
    gm->home = *gm_server(gm);
    gm->failed_in_a_row = 0;
    gm->stats.registrations++;
    gm->stats.rekey.since_registration = 0;
    gm->stats.last_error[0] = '\0';
    gm->soon = MONO_NEVER;
    gm_kek_log(gm, gm_kek_registered(&gm->kek, &gm->policy, gm->env, now.scaled));
    secret_wipe(&gm->policy.kek.key);
    gm_kek_changed(gm);
    gm_direction_follow(gm, receive_only, true, now.scaled);
    gm_log_merge(gm);
    wait_for_key(gm, now.scaled);
    gm_plan_next(gm, now.scaled);
    gm->ops.changed(gm->ops.ctx, gm);
}

void gm_failed(struct gm *gm, const char *reason, struct now now)
{
    gm->asking = false;
    gm->stats.failures++;
    snprintf(gm->stats.last_error, sizeof(gm->stats.last_error), "%s", reason);
    retry_later(gm, now);
}

void gm_iv_low(struct gm *gm, uint32_t spi, struct now now)
{
    struct gm_sa *s = gm_install_find(gm, spi);

    if (!s || s->low)
        return; /* it is told again until something has come of it */
    s->low = true;
    gm->soon = now.scaled;
    start_registration(gm, now);
}

void gm_traffic(struct gm *gm, const struct gm_traffic *counts, struct now now)
{
    enum gm_recover_reason why;
    char server[ADDR_TEXT_MAX];

    if (!gm->attached || !gm->has_policy)
        return;
    if (gm_install_has_lost(gm)) { /* others use it until they hear of the key that takes its place: known, and seen to */
        gm_recover_forget(&gm->recover);
        return;
    }
    why = gm_recover_look(&gm->recover, counts, now.real);
    if (why == GM_RECOVER_NONE || gm->asking || gm->stopped)
        return;
    gm->server = (gm->server + 1) % gm->config->gm.n_servers;
    gm->stats.recoveries++;
    log_msg(GM_RECOVER, gm->config->name,
            why == GM_RECOVER_TIME ? "more packets fail the time check than are accepted"
                                   : "most of its ESP has unknown SPIs",
            addr_text(gm_server(gm), server));
    gm->soon = now.scaled;
    start_registration(gm, now);
}

void gm_traffic_moved(struct gm *gm)
{
    gm_recover_forget(&gm->recover);
}

/* ---- what the operator wants ---- */

/* Nothing is planned, nothing is asked. */
static void stop_registering(struct gm *gm)
{
    timer_cancel(gm->env->timers, &gm->next);
    timer_cancel(gm->env->real_timers, &gm->retry);
    gm->asking = false;
    gm->due = false;
    gm->soon = MONO_NEVER;
    gm->failed_in_a_row = 0;
}

void gm_set_config(struct gm *gm, const struct config_group *config, struct now now)
{
    struct addr server = *gm_server(gm);
    bool begin = gm->stopped, listed = false;

    gm->config = config;
    free(gm->own_config);
    gm->own_config = NULL;
    gm->stopped = false;
    gm->server = 0;
    for (size_t i = 0; i < config->gm.n_servers && !listed; i++) {
        listed = addr_equal(&config->gm.servers[i], &server);
        gm->server = listed ? i : 0;
    }
    if (!listed && (gm->asking || gm->retry.slot)) {
        timer_cancel(gm->env->real_timers, &gm->retry);
        gm->asking = false;
        gm->failed_in_a_row = 0;
        begin = true;
    }
    (void)gm_install_revert(gm);
    gm_log_merge(gm);
    gm->ops.changed(gm->ops.ctx, gm);
    if (begin)
        start_registration(gm, now);
}

void gm_retire(struct gm *gm, struct config_group *own)
{
    gm_leave(gm);
    gm->config = gm->own_config = own;
    gm->server = 0;
}

struct config_group *gm_retired_config(struct gm *gm)
{
    return gm->own_config;
}

void gm_leave(struct gm *gm)
{
    stop_registering(gm);
    gm->stopped = true;
    gm_install_park(gm);
    gm->ops.changed(gm->ops.ctx, gm);
}

void gm_set_direction(struct gm *gm, enum gm_direction direction, struct now now)
{
    (void)now;
    gm->directions.has_override = true;
    gm->directions.override = direction;
    if (direction == GM_DIRECTION_BOTH)
        log_msg(GM_CONV_SA_DUPLEX_LOCAL, gm->config->name);
    else
        log_msg(GM_DIRECTION, gm->config->name, name_of(gm_direction_names, direction));
    gm->ops.changed(gm->ops.ctx, gm);
}

void gm_clear(struct gm *gm, struct now now)
{
    stop_registering(gm);
    gm->server = 0;
    gm_install_park(gm);
    gm->ops.changed(gm->ops.ctx, gm);
    start_registration(gm, now);
}

/* ---- views ---- */

const struct config_group *gm_config(const struct gm *gm)
{
    return gm->config;
}

const struct addr *gm_server(const struct gm *gm)
{
    return &gm->config->gm.servers[gm->server];
}

const struct addr *gm_home(const struct gm *gm)
{
    return gm->has_policy ? &gm->home : NULL;
}

const struct addr *gm_own(const struct gm *gm)
{
    return &gm->own;
}

const struct peer_features *gm_server_features(const struct gm *gm)
{
    return &gm->server_features;
}

mono_t gm_last_end(const struct gm *gm)
{
    mono_t end = gm->n_sas > 0 ? gm->sas[0].end : MONO_NEVER;

    for (size_t i = 1; i < gm->n_sas; i++)
        end = mono_max(end, gm->sas[i].end);
    return end;
}

mono_t gm_patience(const struct gm *gm)
{
    /* Alone and without keys nothing is gained by beginning anew. */
    return gm->config->gm.n_servers > 1 || gm->has_policy ? mono_s(PATIENCE_S) : MONO_NEVER;
}

const struct gm_stats *gm_stats(const struct gm *gm)
{
    return &gm->stats;
}

const struct gm_kek *gm_kek(const struct gm *gm)
{
    return &gm->kek;
}

const struct gm_directions *gm_directions(const struct gm *gm)
{
    return &gm->directions;
}

enum gm_direction gm_direction(const struct gm *gm, mono_t now)
{
    return gm_direction_of(&gm->directions, gm->config->gm.passive, now);
}

const struct policy *gm_current_policy(const struct gm *gm)
{
    return gm->has_policy ? &gm->policy : NULL;
}

mono_t gm_next_registration(const struct gm *gm)
{
    return gm->next.slot ? gm->next.at : MONO_NEVER;
}

enum gm_state gm_state(const struct gm *gm, mono_t now)
{
    if (!gm->attached)
        return GM_DOWN;
    if (gm->reverted)
        return gm->config->gm.fail_close ? GM_FAIL_CLOSE : GM_FAIL_OPEN; /* a reload may say the latter later on */
    if (!gm->has_policy)
        return GM_REGISTERING;
    if (gm_install_usable(gm, now) == 0)
        return GM_FAIL_CLOSE; /* the policy stays: what it wants encrypted is dropped (GM6) */
    return gm->asking || gm->retry.slot ? GM_RE_REGISTERING : GM_REGISTERED;
}
