/* SPDX-License-Identifier: BSD-3-Clause */
/* gvpnd's view of one data plane: see plane.h. */
#include "ctrl/run/plane.h"

#include "common/log.h"
#include "ctrl/run/spis.h"
#include "ctrl/run/traffic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATTACH_EVERY   mono_ms(200)
#define REFUSED_RETRY  mono_s(10) /* a refused transaction is tried again this much later */
#define EXPLAIN_WAIT   mono_s(2)
#define EXPLAIN_AGAIN  mono_ms(20) /* a full ring: one look of the other side, or a few */
#define TAKE_OVER_WAIT mono_s(30) /* see may_transact() */

struct plane_member {
    struct gm *gm;
    bool pair_there; /* the attached data plane has one of its pairs at least */
    char missing[CONFIG_NAME_MAX]; /* the first of its pairs that it hasn't and that was told of; empty = none */
};

struct plane {
    struct loop *loop;
    char *socket;
    struct dpc *dpc;
    struct loop_watch *socket_watch, *wake_watch;
    struct timer attach;   /* real: next attempt */
    struct timer transact; /* real: run a transaction now, or again later */
    struct timer look;     /* real: what does the traffic say (GM13)? */
    struct plane_member members[IPC_MAX_GROUPS];
    size_t n_members;
    bool changed;
    uint64_t under_way; /* epoch of the transaction that waits for its answer; 0 = none */
    bool takes_over;    /* the data plane still runs what an earlier gvpnd installed */
    mono_t takes_over_until;
    char last_reason[IPC_TEXT_MAX];
    struct spis spis;

    struct timer explain_timeout, explain_again;
    struct ipc_explain question; /* its `request` tells a late answer to an earlier one */
    void (*explain_answer)(void *ctx, const struct ipc_explained *a);
    void *explain_ctx;
};

static mono_t real_now(const struct plane *p)
{
    return loop_now(p->loop).real;
}

static void set_timer(struct plane *p, struct timer *t, mono_t in)
{
    must_set_timer(loop_real_timers(p->loop), t, mono_add(real_now(p), in));
}

static bool has_pair(const struct plane *p, const char *pair)
{
    const struct ipc_hello *h = dpc_hello(p->dpc);

    for (unsigned i = 0; h && i < h->n_pairs && i < IPC_MAX_PAIRS; i++) {
        if (strcmp(h->pairs[i], pair) == 0)
            return true;
    }
    return false;
}

/* An SA as the member wishes it, and what earlier data-plane processes did with it. */
static void put_sa(struct plane *p, const struct ipc_msg *m)
{
    struct ipc_msg sa = *m;

    spis_put(&p->spis, &sa.u.sa);
    dpc_put(p->dpc, &sa);
    wipe(&sa, sizeof(sa));
}

static void put(void *ctx, const struct ipc_msg *m)
{
    struct plane *p = ctx;

    if (m->type == IPC_BIND && !has_pair(p, m->u.bind.pair))
        return; /* told of already: the group's other places go on */
    if (m->type == IPC_SA)
        put_sa(p, m);
    else
        dpc_put(p->dpc, m);
}

bool plane_lost(const struct plane *p, uint32_t spi)
{
    return spis_lost(&p->spis, spi);
}

/* Has the attached data plane one of the membership's pairs? Says which it hasn't, once. */
static bool look_for_pairs(struct plane *p, struct plane_member *m)
{
    const struct config_group *g = gm_config(m->gm);
    const char *missing = "", *last = "";
    bool there = false, is_news = true;

    for (size_t i = 0; i < g->gm.n_bindings; i++) {
        const char *pair = g->gm.bindings[i].pair;

        if (has_pair(p, pair)) {
            there = true;
            continue;
        }
        if (!missing[0]) {
            missing = pair;
            is_news = strcmp(missing, m->missing) != 0;
        }
        if (is_news && strcmp(pair, last) != 0)
            log_msg(GM_PAIR_UNKNOWN, g->name, p->socket, pair);
        last = pair;
    }
    snprintf(m->missing, sizeof(m->missing), "%s", missing);
    return there;
}

/* A membership and an attached data plane meet, or don't for want of a pair. */
static void meet(struct plane *p, struct plane_member *m)
{
    const struct ipc_hello *h = dpc_hello(p->dpc);

    m->pair_there = look_for_pairs(p, m);
    if (m->pair_there)
        gm_attached(m->gm, h->instance, h->n_workers, loop_now(p->loop));
}

/*
 * Whatever an earlier gvpnd installed stays in use until we have better: the first transaction waits for the policies of
 * all members, or for a while after the first of them.
 */
static bool may_transact(struct plane *p)
{
    size_t ready = 0, n = 0;

    if (!p->takes_over)
        return true;
    for (size_t i = 0; i < p->n_members; i++) {
        n += p->members[i].pair_there;
        ready += p->members[i].pair_there && gm_current_policy(p->members[i].gm) != NULL;
    }
    if (ready == 0)
        return false;
    if (ready < n && mono_is_never(p->takes_over_until))
        p->takes_over_until = mono_add(real_now(p), TAKE_OVER_WAIT);
    if (ready < n && !mono_reached(p->takes_over_until, real_now(p))) {
        set_timer(p, &p->transact, mono_sub(p->takes_over_until, real_now(p))); /* anew each time: a change sets it, too */
        return false;
    }
    p->takes_over = false;
    return true;
}

static void on_transact(struct timer *t, mono_t now)
{
    struct plane *p = (struct plane *)((char *)t - offsetof(struct plane, transact));
    mono_t scaled = loop_now(p->loop).scaled;

    (void)now;
    if (!p->changed || p->under_way || !dpc_attached(p->dpc) || !may_transact(p))
        return;
    p->under_way = dpc_begin(p->dpc);
    if (!p->under_way)
        return;
    p->changed = false;
    spis_begin(&p->spis);
    for (size_t i = 0; i < p->n_members; i++) {
        if (p->members[i].pair_there)
            gm_wish(p->members[i].gm, (uint16_t)i, p->under_way, put, p, scaled);
    }
    dpc_commit(p->dpc);
}

void plane_changed(struct plane *p)
{
    p->changed = true;
    set_timer(p, &p->transact, MONO_ZERO);
}

static void on_attached(void *ctx, struct dpc *d, const struct ipc_hello *hello)
{
    struct plane *p = ctx;
    const struct ipc_page *page = dpc_page(d);

    log_msg(DP_ATTACHED, p->socket, (unsigned)hello->n_pairs, (unsigned)hello->n_workers);
    p->last_reason[0] = '\0';
    p->under_way = 0;
    p->takes_over = page && atomic_load(&page->epoch) > 0;
    p->takes_over_until = MONO_NEVER;
    spis_attached(&p->spis, hello->instance, page, dpc_last_page(d));
    for (size_t i = 0; i < p->n_members; i++) {
        p->members[i].missing[0] = '\0';
        meet(p, &p->members[i]);
    }
    set_timer(p, &p->look, mono_s(GM_RECOVER_EVERY_S));
    plane_changed(p);
}

static void on_look(struct timer *t, mono_t now)
{
    struct plane *p = (struct plane *)((char *)t - offsetof(struct plane, look));
    const struct ipc_page *page = dpc_attached(p->dpc) ? dpc_page(p->dpc) : NULL;

    (void)now;
    if (!page)
        return;
    for (size_t i = 0; i < p->n_members; i++) {
        struct gm_traffic counts = traffic_of(page, (unsigned)i, p->members[i].gm);

        if (p->members[i].pair_there)
            gm_traffic(p->members[i].gm, &counts, loop_now(p->loop));
    }
    set_timer(p, &p->look, mono_s(GM_RECOVER_EVERY_S));
}

static void forget_question(struct plane *p)
{
    p->explain_answer = NULL;
    timer_cancel(loop_real_timers(p->loop), &p->explain_timeout);
    timer_cancel(loop_real_timers(p->loop), &p->explain_again);
}

static void end_explain(struct plane *p, const struct ipc_explained *a)
{
    void (*answer)(void *ctx, const struct ipc_explained *a) = p->explain_answer;

    forget_question(p);
    if (answer)
        answer(p->explain_ctx, a);
}

static void unwatch(struct plane *p)
{
    loop_unwatch(p->socket_watch);
    loop_unwatch(p->wake_watch);
    p->socket_watch = p->wake_watch = NULL;
}

static void on_detached(void *ctx, struct dpc *d, const char *reason)
{
    struct plane *p = ctx;

    (void)d;
    log_msg(DP_DETACHED, p->socket, reason);
    unwatch(p);
    p->under_way = 0;
    for (size_t i = 0; i < p->n_members; i++)
        gm_detached(p->members[i].gm, loop_now(p->loop));
    end_explain(p, NULL);
    set_timer(p, &p->attach, ATTACH_EVERY);
}

/* What a refusal means to a member; other results are mistakes of ours. */
static enum policy_fault_kind fault_of(enum ipc_result result)
{
    switch (result) {
    case IPC_SA_REFUSED:
    case IPC_NO_MEMORY:
        return POLICY_FAULT_UNSUPPORTED;
    case IPC_LIMIT:
        return POLICY_FAULT_SAS;
    default:
        return POLICY_FAULT_OTHER;
    }
}

static void on_ack(void *ctx, struct dpc *d, const struct ipc_ack *ack)
{
    struct plane *p = ctx;
    bool refused = ack->result != IPC_OK;

    (void)d;
    if (ack->epoch != p->under_way)
        return;
    p->under_way = 0;
    if (!refused)
        spis_in_effect(&p->spis);
    for (size_t i = 0; i < p->n_members; i++) {
        if (!p->members[i].pair_there)
            continue;
        if (refused)
            gm_log_fault(p->members[i].gm, fault_of(ack->result), ack->reason);
        gm_acknowledged(p->members[i].gm, ack->epoch, refused ? ack->reason : NULL, loop_now(p->loop));
    }
    if (refused) {
        p->changed = true;
        set_timer(p, &p->transact, REFUSED_RETRY);
    } else if (p->changed) {
        set_timer(p, &p->transact, MONO_ZERO);
    }
}

static void on_event(void *ctx, struct dpc *d, const struct ipc_event *event)
{
    struct plane *p = ctx;
    char source[ADDR_TEXT_MAX];

    (void)d;
    switch (event->kind) {
    case IPC_EVENT_IV_LOW:
    case IPC_EVENT_IV_EXHAUSTED:
        for (size_t i = 0; i < p->n_members; i++)
            gm_iv_low(p->members[i].gm, (uint32_t)event->value, loop_now(p->loop));
        break;
    case IPC_EVENT_SA_EXPIRED:
        log_msg(SA_EXPIRED, (unsigned)event->value);
        break;
    case IPC_EVENT_REPLAY_TIME:
        if (spis_may_tell(&p->spis, (uint32_t)event->value, real_now(p)))
            log_msg(REPLAY_FAILED, addr_text(&event->source, source), (unsigned)event->value,
                    (unsigned long long)event->own_ms, (unsigned long long)event->sender_ms);
        break;
    case IPC_EVENT_UNREGISTERED_CLEAR:
        log_msg(DP_UNREGISTERED_CLEAR, p->socket);
        break;
    default:
        log_debug("dp", "event %d, value %llu", (int)event->kind, (unsigned long long)event->value);
        break;
    }
}

static void on_explained(void *ctx, struct dpc *d, const struct ipc_explained *answer)
{
    struct plane *p = ctx;

    (void)d;
    if (answer->request == p->question.request)
        end_explain(p, answer);
}

static void on_readable(void *ctx)
{
    struct plane *p = ctx;

    dpc_poll(p->dpc);
}

static void on_attach(struct timer *t, mono_t now)
{
    struct plane *p = (struct plane *)((char *)t - offsetof(struct plane, attach));
    char reason[IPC_TEXT_MAX] = "";

    (void)now;
    if (dpc_attach(p->dpc, reason)) {
        p->socket_watch = loop_watch(p->loop, dpc_socket_fd(p->dpc), on_readable, p);
        p->wake_watch = loop_watch(p->loop, dpc_wake_fd(p->dpc), on_readable, p);
        return;
    }
    if (strcmp(reason, p->last_reason) != 0) { /* say it once, not five times a second */
        snprintf(p->last_reason, sizeof(p->last_reason), "%s", reason);
        log_msg(DP_UNREACHABLE, p->socket, reason);
    }
    set_timer(p, &p->attach, ATTACH_EVERY);
}

/* Nothing passes a transaction that waits for room in the ring: the question waits, too. */
static void tell_question(struct plane *p)
{
    struct ipc_msg m = {.type = IPC_EXPLAIN, .u.explain = p->question};

    if (!dpc_tell(p->dpc, &m))
        set_timer(p, &p->explain_again, EXPLAIN_AGAIN);
}

static void on_explain_again(struct timer *t, mono_t now)
{
    (void)now;
    tell_question((struct plane *)((char *)t - offsetof(struct plane, explain_again)));
}

static void on_explain_timeout(struct timer *t, mono_t now)
{
    (void)now;
    end_explain((struct plane *)((char *)t - offsetof(struct plane, explain_timeout)), NULL);
}

struct plane *plane_new(struct loop *l, const char *socket, uint32_t clock_rate)
{
    struct plane *p = calloc(1, sizeof(*p));
    struct dpc_events events = {.ctx = p,
                                .attached = on_attached,
                                .detached = on_detached,
                                .ack = on_ack,
                                .event = on_event,
                                .explained = on_explained};

    if (!p)
        return NULL;
    p->loop = l;
    p->attach.fire = on_attach;
    p->transact.fire = on_transact;
    p->look.fire = on_look;
    p->explain_timeout.fire = on_explain_timeout;
    p->explain_again.fire = on_explain_again;
    p->socket = strdup(socket);
    p->dpc = dpc_new(socket, clock_rate, &events);
    if (!p->socket || !p->dpc) {
        plane_free(p);
        return NULL;
    }
    return p;
}

void plane_free(struct plane *p)
{
    if (!p)
        return;
    end_explain(p, NULL);
    unwatch(p);
    timer_cancel(loop_real_timers(p->loop), &p->attach);
    timer_cancel(loop_real_timers(p->loop), &p->transact);
    timer_cancel(loop_real_timers(p->loop), &p->look);
    dpc_free(p->dpc);
    free(p->socket);
    free(p);
}

bool plane_add(struct plane *p, struct gm *gm)
{
    if (p->n_members == IPC_MAX_GROUPS)
        return false;
    p->members[p->n_members++] = (struct plane_member){.gm = gm};
    if (dpc_attached(p->dpc)) {
        meet(p, &p->members[p->n_members - 1]);
        plane_changed(p);
    }
    return true;
}

void plane_remove(struct plane *p, const struct gm *gm)
{
    size_t kept = 0;

    for (size_t i = 0; i < p->n_members; i++) {
        if (p->members[i].gm != gm)
            p->members[kept++] = p->members[i];
    }
    if (kept == p->n_members)
        return;
    p->n_members = kept;
    for (size_t i = 0; i < kept; i++)
        gm_traffic_moved(p->members[i].gm);
    plane_changed(p);
}

void plane_check_pairs(struct plane *p)
{
    for (size_t i = 0; dpc_attached(p->dpc) && i < p->n_members; i++) {
        struct plane_member *m = &p->members[i];
        bool there = look_for_pairs(p, m);

        if (there && !m->pair_there)
            meet(p, m);
        if (there || !m->pair_there)
            continue;
        m->pair_there = false;
        gm_detached(m->gm, loop_now(p->loop));
    }
}

size_t plane_members(const struct plane *p)
{
    return p->n_members;
}

bool plane_busy(const struct plane *p)
{
    return dpc_attached(p->dpc) && (p->changed || p->under_way);
}

void plane_start(struct plane *p)
{
    if (!dpc_attached(p->dpc))
        set_timer(p, &p->attach, MONO_ZERO);
}

static bool page_has(const struct ipc_page *page, uint32_t spi)
{
    for (size_t i = 0; page && i < IPC_MAX_SAS; i++) {
        if (atomic_load_explicit(&page->sas[i].spi, memory_order_acquire) == spi)
            return true;
    }
    return false;
}

bool plane_holds(const struct plane *p, uint32_t spi)
{
    return page_has(dpc_attached(p->dpc) ? dpc_page(p->dpc) : NULL, spi);
}

bool plane_knows_numbers(const struct plane *p, uint32_t spi)
{
    /* One that has died just now leaves its marks with the next attach. */
    return plane_holds(p, spi) || page_has(dpc_last_page(p->dpc), spi) || spis_has_mark(&p->spis, spi);
}

const char *plane_socket(const struct plane *p)
{
    return p->socket;
}

struct dpc *plane_dpc(const struct plane *p)
{
    return p->dpc;
}

bool plane_explain(struct plane *p, const struct ipc_explain *question,
                   void (*answer)(void *ctx, const struct ipc_explained *a), void *ctx)
{
    uint32_t request = p->question.request + 1;

    if (p->explain_answer || !dpc_attached(p->dpc))
        return false;
    p->question = *question;
    p->question.request = request;
    p->explain_answer = answer;
    p->explain_ctx = ctx;
    set_timer(p, &p->explain_timeout, EXPLAIN_WAIT);
    tell_question(p);
    return true;
}

void plane_explain_cancel(struct plane *p, void *ctx)
{
    if (p->explain_answer && p->explain_ctx == ctx)
        forget_question(p);
}
