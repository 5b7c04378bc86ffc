/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a member holds and the order in which the data plane gets it: SAs merged by SPI, sender ids given to one
 * data-plane process once, receiving before sending, ended SAs removed (GM2, DP3; RFC 6054).
 */
#include "ctrl/gm/gm_impl.h"

#include "common/log.h"

#include <stdio.h>
#include <string.h>

#define SEND_OLD_LEAD_S 30 /* GM2: stop sending with the old one this long before its end */

static struct gm_sa *find_spi(struct gm *gm, uint32_t spi)
{
    for (size_t i = 0; i < gm->n_sas; i++) {
        if (gm->sas[i].sa.spi == spi)
            return &gm->sas[i];
    }
    return NULL;
}

static bool number_in_policy(const struct policy *p, uint16_t number)
{
    for (size_t i = 0; i < p->n_sas; i++) {
        if (p->sas[i].number == number)
            return true;
    }
    return false;
}

/*
 * Drops SAs that have ended and those whose number the policy no longer has. Parked ones stay to their end: deleted, they
 * could not come back with the next policy.
 */
static void drop_gone(struct gm *gm, const struct policy *p, mono_t now)
{
    size_t kept = 0;

    for (size_t i = 0; i < gm->n_sas; i++) {
        const struct gm_sa *s = &gm->sas[i];

        if (mono_reached(s->end, now) || (!s->parked && !number_in_policy(p, s->sa.number)))
            continue;
        if (kept != i)
            gm->sas[kept] = gm->sas[i];
        kept++;
    }
    wipe(&gm->sas[kept], (gm->n_sas - kept) * sizeof(gm->sas[0]));
    gm->n_sas = kept;
}

/* An older SA of a number sends until 30 s before its end, or until the next one is activated; the last to its end. */
static void plan_sending(struct gm *gm)
{
    for (size_t i = 0; i < gm->n_sas; i++) {
        struct gm_sa *s = &gm->sas[i];

        s->send_until = s->end;
        for (size_t k = i + 1; k < gm->n_sas; k++) {
            if (gm->sas[k].sa.number != s->sa.number || gm->sas[k].parked)
                continue;
            s->send_until = mono_sub(s->end, mono_s(SEND_OLD_LEAD_S));
            break;
        }
    }
}

static void set_change_timer(struct gm *gm)
{
    mono_t next = MONO_NEVER;

    for (size_t i = 0; i < gm->n_sas; i++)
        next = mono_min(next, gm->sas[i].end);
    must_set_timer(gm->env->timers, &gm->change, next);
}

void gm_install_on_change(struct timer *t, mono_t now)
{
    struct gm *gm = (struct gm *)((char *)t - offsetof(struct gm, change));

    drop_gone(gm, &gm->policy, now);
    set_change_timer(gm);
    if (gm->n_sas == 0 && gm->has_policy && !gm_install_revert(gm))
        log_msg(GM_FAIL_CLOSE, gm->config->name);
    gm->ops.changed(gm->ops.ctx, gm);
}

bool gm_install_revert(struct gm *gm)
{
    if (!gm->config->gm.revert || !gm->has_policy || gm->n_sas > 0)
        return false;
    gm_install_park(gm);
    gm->reverted = true;
    log_msg(GM_REVERT, gm->config->name);
    return true;
}

/* How many SAs of the policy we don't hold yet. */
static size_t count_new(struct gm *gm, const struct policy *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n_sas; i++)
        n += find_spi(gm, p->sas[i].spi) == NULL;
    return n;
}

static void add_sa(struct gm *gm, const struct policy_sa *sa, uint8_t sid_bits, mono_t now, bool *told)
{
    struct gm_sa *s = find_spi(gm, sa->spi);
    mono_t end = mono_add(now, mono_s(sa->lifetime_s));

    if (s) { /* installed is installed: its end never moves later, its key never changes */
        s->end = mono_min(s->end, end);
        if (s->n_senders == 0)
            s->sid_bits = sid_bits;
        s->was_parked = s->was_parked || s->parked;
        s->parked = false;
        s->in_policy = true;
        gm_clock_correct(gm, s, now, told);
        return;
    }
    s = &gm->sas[gm->n_sas++];
    *s = (struct gm_sa){.sa = *sa,
                        .end = end,
                        .send_from = mono_add(now, mono_s(sa->activate_in_s)),
                        .sid_bits = sid_bits,
                        .time_zero = gm->clock.zero,
                        .in_policy = true};
}

static bool spi_in_policy(const struct policy *p, uint32_t spi)
{
    for (size_t i = 0; i < p->n_sas; i++) {
        if (p->sas[i].spi == spi)
            return true;
    }
    return false;
}

/* What was parked and doesn't come back has nothing to wait for. */
static void drop_parked(struct gm *gm, const struct policy *p)
{
    size_t kept = 0;

    for (size_t i = 0; i < gm->n_sas; i++) {
        if (gm->sas[i].parked && !spi_in_policy(p, gm->sas[i].sa.spi))
            continue;
        if (kept != i)
            gm->sas[kept] = gm->sas[i];
        kept++;
    }
    wipe(&gm->sas[kept], (gm->n_sas - kept) * sizeof(gm->sas[0]));
    gm->n_sas = kept;
}

void gm_install_park(struct gm *gm)
{
    for (size_t i = 0; i < gm->n_sas; i++) {
        gm->sas[i].parked = true;
        gm->sas[i].in_policy = gm->sas[i].acknowledged = false;
        gm->sas[i].wished_in = 0;
    }
    policy_wipe(&gm->policy);
    policy_init(&gm->policy);
    gm->has_policy = gm->reverted = false;
    gm->clock = (struct gm_clock){.is_set = false};
    memset(gm->ids, 0, sizeof(gm->ids));
    gm->n_ids = 0;
    gm->ids_instance = 0;
    gm->n_senders = 0;
}

bool gm_install_take(struct gm *gm, struct policy *policy, mono_t now, char why[160])
{
    bool told = false;

    if (policy->receive_only) { /* it would mean: send in clear (KS13, GM8) */
        snprintf(why, 160, "receive-only SAs: not supported by this version");
        return false;
    }
    drop_gone(gm, &gm->policy, now);
    drop_parked(gm, policy);
    if (gm->n_sas + count_new(gm, policy) > POLICY_MAX_SAS) {
        snprintf(why, 160, "it would hold more than %d SAs", POLICY_MAX_SAS);
        return false;
    }
    drop_gone(gm, policy, now);
    for (size_t i = 0; i < gm->n_sas; i++)
        gm->sas[i].in_policy = false;
    gm->clock = (struct gm_clock){.is_set = policy_time_window(policy) > 0,
                                  .zero = mono_sub(now, mono_ms((int64_t)policy->pseudotime_ms)),
                                  .set_at = now,
                                  .round_trip_ms = policy->round_trip_ms};
    for (size_t i = 0; i < policy->n_sas; i++) {
        add_sa(gm, &policy->sas[i], policy->sid_bits, now, &told);
        secret_wipe(&policy->sas[i].key);
        secret_wipe(&policy->sas[i].integrity);
    }
    plan_sending(gm);
    set_change_timer(gm);

    memcpy(gm->ids, policy->sender_ids, sizeof(gm->ids));
    gm->n_ids = policy->n_sender_ids;
    gm->ids_instance = 0;
    policy_wipe(&gm->policy);
    gm->policy = *policy;
    policy_init(policy);
    return true;
}

/* Takes one unused id per worker for the present process; false when too few are left. */
static bool take_senders(struct gm *gm)
{
    if (gm->ids_instance == gm->instance)
        return gm->n_senders == gm->n_workers;
    gm->ids_instance = gm->instance;
    gm->n_senders = 0;
    if (gm->n_ids < gm->n_workers || gm->n_workers == 0)
        return false;
    for (unsigned w = 0; w < gm->n_workers; w++)
        gm->senders[w] = (struct ipc_sender){.id = gm->ids[w], .iv_first = 0};
    gm->n_ids -= gm->n_workers;
    memmove(gm->ids, gm->ids + gm->n_workers, gm->n_ids * sizeof(gm->ids[0]));
    gm->n_senders = gm->n_workers;
    return true;
}

void gm_install_attached(struct gm *gm)
{
    for (size_t i = 0; i < gm->n_sas; i++) {
        gm->sas[i].acknowledged = gm->sas[i].gone = false;
        gm->sas[i].wished_in = 0;
    }
}

/* Only counters must not repeat: other suites send without sender ids, too, as from key servers of other makers. */
static bool has_senders(const struct gm_sa *s)
{
    return s->n_senders > 0 || !s->sa.suite->counter_mode;
}

bool gm_install_can_send(struct gm *gm)
{
    bool needless = gm->n_sas > 0;

    for (size_t i = 0; i < gm->n_sas; i++)
        needless = needless && !gm->sas[i].sa.suite->counter_mode;
    return take_senders(gm) || needless;
}

mono_t gm_install_first_end(const struct gm *gm)
{
    mono_t first = MONO_NEVER;

    for (size_t i = 0; i < gm->n_sas; i++) {
        mono_t newest = gm->sas[i].end;

        if (!gm->sas[i].in_policy)
            continue;
        for (size_t k = 0; k < gm->n_sas; k++) {
            if (gm->sas[k].in_policy && gm->sas[k].sa.number == gm->sas[i].sa.number)
                newest = mono_max(newest, gm->sas[k].end);
        }
        first = mono_min(first, newest);
    }
    return first;
}

size_t gm_install_usable(const struct gm *gm, mono_t now)
{
    size_t n = 0;

    for (size_t i = 0; i < gm->n_sas; i++)
        n += !mono_reached(gm->sas[i].end, now) && !gm->sas[i].parked && !gm->sas[i].gone;
    return n;
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
    s->n_senders = s->in_policy && take_senders(gm) ? gm->n_senders : 0;
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

/* An SA stops before its end only for one that is ready: a key that came late isn't in the first transaction. */
static mono_t stops_at(const struct gm *gm, const struct gm_sa *s)
{
    for (const struct gm_sa *next = s + 1; next < gm->sas + gm->n_sas; next++) {
        if (next->sa.number == s->sa.number && may_send(gm, next))
            return s->send_until;
    }
    return s->end;
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

void gm_wish(struct gm *gm, uint16_t index, uint64_t epoch, void (*put)(void *ctx, const struct ipc_msg *m), void *ctx,
             mono_t now)
{
    const struct config_member *c = &gm->config->gm;
    struct ipc_msg m = {.type = IPC_GROUP};

    m.u.group = (struct ipc_group){.group = index, .receive_only = gm->policy.receive_only};
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
    char server[ADDR_TEXT_MAX];
    bool more = false;
    unsigned n = 0;

    (void)now;
    if (refused) {
        log_msg(GM_INSTALL_POLICIES_FAIL, gm->config->name, addr_text(gm_server(gm), server), refused);
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
    log_msg(GM_INSTALL_POLICIES_SUCCESS, gm->config->name, addr_text(gm_server(gm), server), n, gm->policy.acl.n);
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
        if (mono_reached(s->send_from, now) && !mono_reached(s->send_until, now))
            return s;
        last = s; /* past its planned end, but better than nothing while it lives */
    }
    return last && mono_reached(last->send_from, now) ? last : NULL;
}
