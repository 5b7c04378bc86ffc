/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of snapshots and SAs: publication, grace, retirement, counters and expiry. Building is snap_build.c. */
#include "dataplane/snap.h"

#include "dataplane/snap_store.h"

#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

#include <stdlib.h>
#include <string.h>

#define TELL_AGAIN_S 10 /* scaled: an event that nothing was done about */
#define TICKS_MAX_MS (20ULL * 366 * 86400 * 1000) /* 20 years: nothing lives longer, and the product fits 64 bits */

struct snap_store *snap_store_new(const struct snap_config *c)
{
    struct snap_store *st = calloc(1, sizeof *st);

    if (st == NULL)
        return NULL;
    st->config = *c;
    st->qsbr = rte_zmalloc("qsbr", rte_rcu_qsbr_get_memsize(c->n_workers), RTE_CACHE_LINE_SIZE);
    if (st->qsbr == NULL || rte_rcu_qsbr_init(st->qsbr, c->n_workers) != 0) {
        rte_free(st->qsbr);
        free(st);
        return NULL;
    }
    for (unsigned w = 0; w < c->n_workers; w++)
        rte_rcu_qsbr_thread_register(st->qsbr, w);
    return st;
}

void snap_store_free(struct snap_store *st)
{
    struct snap *current;

    if (st == NULL)
        return;
    snap_begin(st, 0); /* forgets an unfinished transaction */
    for (unsigned i = 0; i < st->n_pending; i++)
        snap_store_drop(st, st->pending[i].snap);
    current = atomic_load(&st->current);
    if (current != NULL)
        snap_store_drop(st, current);
    rte_free(st->qsbr);
    free(st);
}

struct sa *snap_store_find(const struct snap_store *st, uint32_t spi)
{
    for (unsigned i = 0; i < st->n_sas; i++)
        if (st->sas[i]->spi == spi)
            return st->sas[i];
    return NULL;
}

bool snap_store_is_retired(const struct snap_store *st, uint32_t spi)
{
    for (unsigned i = 0; i < st->n_retired; i++)
        if (st->retired[i] == spi)
            return true;
    return false;
}

void snap_store_retire(struct snap_store *st, uint32_t spi)
{
    if (snap_store_is_retired(st, spi))
        return;
    st->retired[st->next_retired] = spi;
    st->next_retired = (st->next_retired + 1) % SNAP_RETIRED_MAX;
    if (st->n_retired < SNAP_RETIRED_MAX)
        st->n_retired++;
}

uint64_t snap_store_ticks(const struct snap_store *st, uint64_t ms)
{
    uint64_t capped = ms < TICKS_MAX_MS ? ms : TICKS_MAX_MS;

    return capped * (st->config.tsc_hz / 1000) / st->config.clock_rate;
}

void snap_group_free(struct snap_group *g)
{
    for (unsigned i = 0; i < IPC_LIST_COUNT; i++) {
        ruleset_free(&g->sets[i]);
        acl_free(&g->lists[i]);
    }
    ruleset_free(&g->previous_set);
    acl_free(&g->previous);
    free(g->numbers);
    memset(g, 0, sizeof *g);
}

static void forget_sa(struct snap_store *st, struct sa *sa)
{
    struct ipc_page_sa *slot = &st->config.page->sas[sa->slot];

    atomic_store(&slot->spi, 0);
    st->slots[sa->slot] = false;
    for (unsigned i = 0; i < st->n_sas; i++)
        if (st->sas[i] == sa) {
            st->sas[i] = st->sas[--st->n_sas];
            break;
        }
    sa_free(sa);
}

void snap_store_drop(struct snap_store *st, struct snap *s)
{
    for (unsigned i = 0; i < s->n_sas; i++)
        if (--s->sas[i]->refs == 0)
            forget_sa(st, s->sas[i]);
    for (unsigned i = 0; i < s->n_groups; i++)
        snap_group_free(&s->groups[i]);
    free(s->groups);
    free(s->numbers);
    free(s->spis);
    free(s->sas);
    free(s);
}

static bool has_sa(const struct snap *s, const struct sa *sa)
{
    for (unsigned i = 0; i < s->n_sas; i++)
        if (s->sas[i] == sa)
            return true;
    return false;
}

void snap_store_publish(struct snap_store *st, struct snap *s)
{
    struct snap *old = atomic_exchange_explicit(&st->current, s, memory_order_acq_rel);

    atomic_store(&st->config.page->epoch, s->epoch);
    st->newest_token = rte_rcu_qsbr_start(st->qsbr);
    st->waiting = true;
    if (old == NULL)
        return;
    for (unsigned i = 0; i < old->n_sas; i++)
        if (!has_sa(s, old->sas[i]))
            snap_store_retire(st, old->sas[i]->spi);
    st->pending[st->n_pending].snap = old;
    st->pending[st->n_pending].token = st->newest_token;
    st->n_pending++;
}

bool snap_store_settled(struct snap_store *st)
{
    unsigned done = 0;

    while (done < st->n_pending && rte_rcu_qsbr_check(st->qsbr, st->pending[done].token, false) == 1)
        snap_store_drop(st, st->pending[done++].snap);
    st->n_pending -= done;
    memmove(st->pending, st->pending + done, st->n_pending * sizeof st->pending[0]);
    if (st->waiting && rte_rcu_qsbr_check(st->qsbr, st->newest_token, false) == 1)
        st->waiting = false;
    return !st->waiting;
}

/* Packets and bytes out, packets and bytes in, over all workers, since the SA was made. */
static void sum_counters(const struct snap_store *st, struct sa *sa, uint64_t sums[4])
{
    memset(sums, 0, 4 * sizeof sums[0]);
    for (unsigned i = 0; i < st->config.n_workers; i++) {
        struct sa_worker *w = &sa->workers[i];

        sums[0] += atomic_load_explicit(&w->packets_out, memory_order_relaxed);
        sums[1] += atomic_load_explicit(&w->bytes_out, memory_order_relaxed);
        sums[2] += atomic_load_explicit(&w->packets_in, memory_order_relaxed);
        sums[3] += atomic_load_explicit(&w->bytes_in, memory_order_relaxed);
    }
}

static void publish_counters(struct snap_store *st, struct sa *sa)
{
    struct ipc_page_sa *slot = &st->config.page->sas[sa->slot];
    uint64_t sums[4];

    sum_counters(st, sa, sums);
    atomic_store_explicit(&slot->packets_out, sums[0] - sa->cleared[0], memory_order_relaxed);
    atomic_store_explicit(&slot->bytes_out, sums[1] - sa->cleared[1], memory_order_relaxed);
    atomic_store_explicit(&slot->packets_in, sums[2] - sa->cleared[2], memory_order_relaxed);
    atomic_store_explicit(&slot->bytes_in, sums[3] - sa->cleared[3], memory_order_relaxed);
}

static struct ipc_event late_event(const struct sa *sa, uint16_t group, const struct replay_late *late)
{
    struct ipc_event e = {.kind = IPC_EVENT_REPLAY_TIME,
                          .group = group,
                          .value = sa->spi,
                          .own_ms = late->own_ms,
                          .sender_ms = late->sender_ms,
                          .source.family = (uint8_t)late->family};

    memcpy(e.source.b, late->source, e.source.family == 6 ? 16 : 4);
    return e;
}

/*
 * What its workers ran into, told again as long as nothing is done about it: gvpnd may have been away, or may not have known
 * the SA yet.
 */
static unsigned used_up_events(const struct snap_store *st, struct sa *sa, uint16_t group, mono_t now,
                               struct ipc_event *events, unsigned cap)
{
    uint32_t raised = sa->expired_told ? 0 : sa_raised(sa, st->config.n_workers);
    bool again = mono_reached(mono_add(sa->told_at, mono_s(TELL_AGAIN_S)), now);
    uint32_t news = raised & ~(again ? 0 : sa->events_told);
    unsigned n = 0;

    sa->events_told &= raised;
    if (news == 0 || cap < 2)
        return 0;
    if (news & (SA_EVENT_IV_LOW | SA_EVENT_SEQUENCE_LOW))
        events[n++] = (struct ipc_event){.kind = IPC_EVENT_IV_LOW, .group = group, .value = sa->spi};
    if (news & (SA_EVENT_IV_EXHAUSTED | SA_EVENT_SEQUENCE_EXHAUSTED))
        events[n++] = (struct ipc_event){.kind = IPC_EVENT_IV_EXHAUSTED, .group = group, .value = sa->spi};
    sa->events_told = raised;
    sa->told_at = now;
    return n;
}

/* Events of the workers and of the clock; of packets outside of the time window, the newest. */
static unsigned sa_events(struct snap_store *st, struct sa *sa, uint64_t now_tsc, mono_t now, struct ipc_event *events,
                          unsigned cap)
{
    uint16_t group = (uint16_t)atomic_load_explicit(&st->config.page->sas[sa->slot].group, memory_order_relaxed);
    struct replay_late late;
    unsigned n = 0;

    if (mono_reached(sa->end, now))
        atomic_store_explicit(&sa->end_tsc, 0, memory_order_relaxed);
    if (!sa->expired_told && sa_expired(sa, now_tsc) && n < cap) {
        events[n++] = (struct ipc_event){.kind = IPC_EVENT_SA_EXPIRED, .group = group, .value = sa->spi};
        sa->expired_told = true;
    }
    if (sa->replay != NULL && n < cap && replay_take_late(sa->replay, &late))
        events[n++] = late_event(sa, group, &late);
    n += used_up_events(st, sa, group, now, events + n, cap - n);
    return n;
}

/* Steers the SA's clock and shows its numbers; returns how many rows of senders from `row` on it took. */
static unsigned publish_replay(struct snap_store *st, struct sa *sa, uint64_t now_tsc, mono_t now, unsigned row)
{
    struct ipc_page *page = st->config.page;

    replay_tick(sa->replay, now_tsc, now);
    return replay_publish(sa->replay, sa->spi, now_tsc, &page->sas[sa->slot], &page->senders[row],
                          IPC_PAGE_SENDERS - row);
}

unsigned snap_store_tick(struct snap_store *st, uint64_t now_tsc, mono_t now, struct ipc_event *events, unsigned cap)
{
    unsigned n = 0, rows = 0;

    (void)snap_store_settled(st);
    for (unsigned i = 0; i < st->n_sas; i++) {
        publish_counters(st, st->sas[i]);
        n += sa_events(st, st->sas[i], now_tsc, now, events + n, cap - n);
        if (st->sas[i]->replay != NULL && st->sas[i]->refs != 0)
            rows += publish_replay(st, st->sas[i], now_tsc, now, rows);
    }
    for (; rows < IPC_PAGE_SENDERS; rows++)
        atomic_store_explicit(&st->config.page->senders[rows].spi, 0, memory_order_relaxed);
    return n;
}

void snap_store_clear_counters(struct snap_store *st)
{
    uint64_t generation = atomic_fetch_add(&st->clear_generation, 1) + 1;

    atomic_store(&st->config.page->clear_generation, generation);
    for (unsigned i = 0; i < st->n_sas; i++) {
        sum_counters(st, st->sas[i], st->sas[i]->cleared);
        publish_counters(st, st->sas[i]);
    }
}

void snap_store_clear_replay(struct snap_store *st)
{
    for (unsigned i = 0; i < st->n_sas; i++)
        if (st->sas[i]->replay != NULL)
            replay_clear(st->sas[i]->replay);
}

const struct snap *snap_store_current(const struct snap_store *st)
{
    return atomic_load_explicit(&st->current, memory_order_acquire);
}

struct sa *snap_sender_later(const struct snap_number *list, uint64_t now_tsc)
{
    for (unsigned i = 1; i < list->n; i++)
        if (snap_can_send(&list->send[i], now_tsc))
            return list->send[i].sa;
    return NULL;
}

struct ipc_page *snap_store_page(const struct snap_store *st)
{
    return st->config.page;
}

uint64_t snap_store_clear_generation(const struct snap_store *st)
{
    return atomic_load_explicit(&st->clear_generation, memory_order_relaxed);
}

void snap_store_watch(struct snap_store *st, _Atomic(struct snap *) **current, _Atomic uint64_t **clear_generation)
{
    *current = &st->current;
    *clear_generation = &st->clear_generation;
}

void snap_store_online(struct snap_store *st, unsigned w)
{
    rte_rcu_qsbr_thread_online(st->qsbr, w);
}

void snap_store_offline(struct snap_store *st, unsigned w)
{
    rte_rcu_qsbr_thread_offline(st->qsbr, w);
}

void snap_store_quiescent(struct snap_store *st, unsigned w)
{
    rte_rcu_qsbr_quiescent(st->qsbr, w);
}
