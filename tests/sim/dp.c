/* SPDX-License-Identifier: BSD-3-Clause */
/* The model of a data plane, see dp.h. Its rules are those of dataplane/snap_build.c, written again from
 * docs/ipc.md. */
#include "tests/sim/dp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void on_take(struct timer *t, mono_t now);
static void on_edge(struct timer *t, mono_t now);

void dp_init(struct dp *dp, struct wire *w, struct timers *timers, const struct dp_events *events)
{
    *dp = (struct dp){
        .wire = w, .timers = timers, .events = *events, .take.fire = on_take, .edge.fire = on_edge};
}

static void forget_all(struct dp *dp)
{
    timer_cancel(dp->timers, &dp->take);
    timer_cancel(dp->timers, &dp->edge);
    free(dp->retired);
    dp_init(dp, dp->wire, dp->timers,
            &(struct dp_events){dp->events.ctx, dp->events.ack, dp->events.given, dp->events.changed});
}

void dp_free(struct dp *dp)
{
    forget_all(dp);
}

void dp_start(struct dp *dp, uint64_t instance)
{
    assert_false(dp->up);
    dp->up = true;
    dp->instance = instance;
    for (unsigned w = 0; w < DP_WORKERS; w++)
        dp->takes_at[w] = MONO_NEVER;
}

void dp_die(struct dp *dp)
{
    forget_all(dp);
    dp->events.changed(dp->events.ctx, dp);
}

void dp_forget_controller(struct dp *dp)
{
    dp->ack_epoch = 0;
    dp->n_wish = 0;
    dp->wish_epoch = 0;
}

/* ---- SA objects ---- */

static struct dp_sa *find(const struct dp *dp, uint32_t spi)
{
    for (size_t i = 0; i < dp->n_sas; i++)
        if (dp->sas[i].spi == spi)
            return (struct dp_sa *)(uintptr_t)&dp->sas[i];
    return NULL;
}

static bool is_retired(const struct dp *dp, uint32_t spi)
{
    for (size_t i = 0; i < dp->n_retired; i++)
        if (dp->retired[i] == spi)
            return true;
    return false;
}

static void retire(struct dp *dp, uint32_t spi)
{
    if (dp->n_retired == dp->cap_retired) {
        dp->cap_retired = dp->cap_retired ? 2 * dp->cap_retired : 16;
        dp->retired = realloc(dp->retired, dp->cap_retired * sizeof(*dp->retired));
        assert_non_null(dp->retired);
    }
    dp->retired[dp->n_retired++] = spi;
}

bool dp_gone(const struct dp *dp, uint32_t spi)
{
    return is_retired(dp, spi);
}

bool dp_holds(const struct dp *dp, uint32_t spi)
{
    return find(dp, spi) != NULL;
}

static bool in_snap(const struct dp_snap *s, uint32_t spi)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->entries[i].spi == spi)
            return true;
    return false;
}

/* An object lives while the published snapshot or a worker's refers to it. */
static void drop_objects(struct dp *dp)
{
    size_t kept = 0;

    for (size_t i = 0; i < dp->n_sas; i++) {
        bool used = in_snap(&dp->published, dp->sas[i].spi);

        for (unsigned w = 0; w < DP_WORKERS; w++)
            used = used || in_snap(&dp->worker[w], dp->sas[i].spi);
        if (used)
            dp->sas[kept++] = dp->sas[i];
    }
    dp->n_sas = kept;
}

/* ---- transactions ---- */

void dp_begin(struct dp *dp, uint64_t epoch)
{
    dp->n_wish = dp->n_times = 0;
    dp->wish_epoch = epoch;
    dp->wish_policy = false;
}

void dp_put(void *ctx, const struct ipc_msg *m)
{
    struct dp *dp = ctx;

    if (m->type == IPC_GROUP) {
        dp->wish_policy = m->u.group.state == IPC_GROUP_POLICY;
    } else if (m->type == IPC_SA && is_retired(dp, m->u.sa.spi)) {
        dp->returned++; /* deleted is deleted; the rest of the transaction is applied all the same */
    } else if (m->type == IPC_SA) {
        assert_true(dp->n_wish < DP_MAX_SAS);
        dp->wish[dp->n_wish++] = m->u.sa;
    } else if (m->type == IPC_TIME) {
        assert_true(dp->n_times < DP_MAX_SAS);
        dp->times[dp->n_times++] = m->u.time;
    }
}

/* Why this SA can't be installed, or NULL. */
static const char *refuses(const struct dp *dp, const struct ipc_sa *m)
{
    const struct dp_sa *known = find(dp, m->spi);

    if (m->spi <= 255 || m->end_in_ms == 0)
        return "reserved SPI or no lifetime";
    if (known && (known->number != m->number || memcmp(known->key, m->key.b, m->key.len) != 0))
        return "the SPI is installed with another key or number";
    if ((m->send || m->n_senders) && m->n_senders != DP_WORKERS)
        return "not one sender id for each worker";
    return NULL;
}

/* Exactly the SAs that tell replays by time have one. */
static void tell_time(struct dp *dp, const struct ipc_sa *m, struct dp_sa *sa)
{
    sa->has_time = false;
    for (size_t i = 0; i < dp->n_times; i++) {
        if (dp->times[i].spi != m->spi)
            continue;
        assert_false(sa->has_time);
        sa->has_time = true;
        sa->time_zero = mono_sub(dp->wire->now, mono_ms((int64_t)dp->times[i].pseudotime_ms));
    }
    assert_int_equal(sa->has_time, m->replay == IPC_REPLAY_TIME);
}

static void install(struct dp *dp, const struct ipc_sa *m)
{
    mono_t now = dp->wire->now, end = mono_add(now, mono_ms((int64_t)m->end_in_ms));
    struct dp_sa *sa = find(dp, m->spi);
    struct dp_entry *e = &dp->published.entries[dp->published.n++];

    if (!sa) {
        assert_true(dp->n_sas < DP_MAX_SAS);
        sa = &dp->sas[dp->n_sas++];
        *sa = (struct dp_sa){.spi = m->spi, .number = m->number, .end = MONO_NEVER};
        memcpy(sa->key, m->key.b, m->key.len);
    }
    if (sa->n_senders == 0 && m->n_senders > 0) {
        sa->n_senders = m->n_senders;
        for (unsigned w = 0; w < m->n_senders; w++) {
            sa->senders[w] = m->senders[w].id;
            dp->events.given(dp->events.ctx, dp, m->spi, m->senders[w].id, w);
        }
    }
    sa->end = mono_min(sa->end, end);
    tell_time(dp, m, sa);
    *e = (struct dp_entry){
        .spi = m->spi,
        .number = m->number,
        .receive = m->receive,
        .send = m->send,
        .from = mono_add(now, mono_ms(m->send_in_ms)),
        .until = m->send_end_in_ms ? mono_add(now, mono_ms(m->send_end_in_ms)) : MONO_NEVER,
    };
}

static void set(struct dp *dp, struct timer *t, mono_t at)
{
    assert_true(timer_set(dp->timers, t, at));
}

static void set_take(struct dp *dp)
{
    mono_t next = MONO_NEVER;

    for (unsigned w = 0; w < DP_WORKERS; w++)
        next = mono_min(next, dp->takes_at[w]);
    set(dp, &dp->take, next);
}

void dp_commit(struct dp *dp)
{
    struct dp_snap old = dp->published;
    const char *why = NULL;
    uint64_t epoch = dp->wish_epoch;

    for (size_t i = 0; i < dp->n_wish && !why; i++)
        why = refuses(dp, &dp->wish[i]);
    dp->wish_epoch = 0;
    if (why) {
        dp->events.ack(dp->events.ctx, dp, epoch, why);
        return;
    }
    assert_true(epoch > old.epoch);
    dp->published = (struct dp_snap){.epoch = epoch, .policy = dp->wish_policy};
    for (size_t i = 0; i < dp->n_wish; i++)
        install(dp, &dp->wish[i]);
    for (size_t i = 0; i < old.n; i++)
        if (!in_snap(&dp->published, old.entries[i].spi))
            retire(dp, old.entries[i].spi);
    dp->ack_epoch = epoch;
    for (unsigned w = 0; w < DP_WORKERS; w++)
        dp->takes_at[w] =
            mono_add(dp->wire->now, mono_us(1 + (int64_t)(wire_random(dp->wire) % (DP_SETTLE_MS * 1000))));
    set_take(dp);
}

/* ---- time ---- */

static void set_edge(struct dp *dp, mono_t now)
{
    mono_t next = MONO_NEVER;

    for (unsigned w = 0; w < DP_WORKERS; w++) {
        for (size_t i = 0; i < dp->worker[w].n; i++) {
            const struct dp_entry *e = &dp->worker[w].entries[i];
            mono_t at[] = {e->from, e->until, find(dp, e->spi)->end};

            for (size_t k = 0; k < 3; k++)
                if (mono_before(now, at[k]))
                    next = mono_min(next, at[k]);
        }
    }
    set(dp, &dp->edge, next);
}

static void on_edge(struct timer *t, mono_t now)
{
    struct dp *dp = (struct dp *)(void *)((char *)t - offsetof(struct dp, edge));

    set_edge(dp, now);
    dp->events.changed(dp->events.ctx, dp);
}

static void on_take(struct timer *t, mono_t now)
{
    struct dp *dp = (struct dp *)(void *)((char *)t - offsetof(struct dp, take));
    uint64_t epoch = dp->ack_epoch;
    bool all = true;

    for (unsigned w = 0; w < DP_WORKERS; w++) {
        if (mono_reached(dp->takes_at[w], now)) {
            dp->worker[w] = dp->published;
            dp->takes_at[w] = MONO_NEVER;
        }
        all = all && mono_is_never(dp->takes_at[w]);
    }
    drop_objects(dp);
    set_edge(dp, now);
    set_take(dp);
    dp->events.changed(dp->events.ctx, dp);
    if (all && epoch) {
        dp->ack_epoch = 0;
        dp->events.ack(dp->events.ctx, dp, epoch, NULL);
    }
}

/* ---- questions ---- */

bool dp_has_policy(const struct dp *dp, unsigned w)
{
    return dp->up && dp->worker[w].policy;
}

const struct dp_sa *dp_sender(const struct dp *dp, unsigned w, uint16_t number, mono_t now)
{
    for (size_t i = 0; dp->up && i < dp->worker[w].n; i++) {
        const struct dp_entry *e = &dp->worker[w].entries[i];
        const struct dp_sa *sa = e->send && e->number == number ? find(dp, e->spi) : NULL;

        if (sa && mono_reached(e->from, now) && !mono_reached(e->until, now) && !mono_reached(sa->end, now))
            return sa;
    }
    return NULL;
}

bool dp_receives(const struct dp *dp, unsigned w, uint32_t spi, mono_t now)
{
    for (size_t i = 0; dp->up && i < dp->worker[w].n; i++) {
        const struct dp_entry *e = &dp->worker[w].entries[i];

        if (e->spi == spi)
            return e->receive && !mono_reached(find(dp, spi)->end, now);
    }
    return false;
}
