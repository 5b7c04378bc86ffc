/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Transactions: messages of gvpnd become a snapshot beside the current one. Everything is checked into the builder first and
 * takes effect in one pointer swap; an error anywhere leaves store and SAs as they were. An SPI that is installed keeps
 * its object, one that was deleted or has expired never comes back (decision 16; GM2).
 */
#include "dataplane/snap.h"

#include "common/secret.h"
#include "dataplane/snap_store.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 3, 4))) static void fail(struct snap_store *st, enum ipc_result result, const char *fmt,
                                                       ...)
{
    struct snap_builder *b = &st->builder;
    va_list args;

    if (b->result != IPC_OK)
        return;
    b->result = result;
    va_start(args, fmt);
    vsnprintf(b->reason, sizeof b->reason, fmt, args);
    va_end(args);
}

static void free_senders(struct ipc_sa *senders)
{
    if (senders != NULL)
        wipe(senders, sizeof *senders);
    free(senders);
}

/* Forgets a transaction and everything that belongs to it alone. */
static void clear_builder(struct snap_builder *b)
{
    for (unsigned i = 0; i < b->n_sas; i++) {
        if (b->sas[i].is_new)
            sa_free(b->sas[i].sa);
        free_senders(b->sas[i].senders);
    }
    for (unsigned i = 0; i < IPC_MAX_GROUPS; i++)
        snap_group_free(&b->groups[i]);
    memset(b, 0, sizeof *b);
}

void snap_forget(struct snap_store *st)
{
    clear_builder(&st->builder);
}

void snap_begin(struct snap_store *st, uint64_t epoch)
{
    clear_builder(&st->builder);
    st->builder.active = true;
    st->builder.epoch = epoch;
}

/* Counts a message; false when there is nothing to do with it any more. */
static bool take(struct snap_store *st, unsigned group, bool new_group)
{
    struct snap_builder *b = &st->builder;

    b->n_messages++;
    if (!b->active)
        fail(st, IPC_BAD_ORDER, "a message outside of a transaction");
    else if (group >= IPC_MAX_GROUPS)
        fail(st, IPC_LIMIT, "group %u: at most %u groups", group, IPC_MAX_GROUPS);
    else if (b->known[group] == new_group)
        fail(st, IPC_BAD_ORDER, new_group ? "group %u comes twice" : "group %u isn't announced", group);
    return b->result == IPC_OK;
}

static int find_pair(const struct snap_store *st, const char *name)
{
    for (unsigned i = 0; i < st->config.n_pairs; i++)
        if (strcmp(st->config.pairs[i], name) == 0)
            return (int)i;
    return -1;
}

void snap_group(struct snap_store *st, const struct ipc_group *m)
{
    struct snap_builder *b = &st->builder;
    struct snap_group *g;

    if (!take(st, m->group, true))
        return;
    g = &b->groups[m->group];
    snprintf(g->name, sizeof g->name, "%s", m->name);
    g->state = m->state;
    g->passive = m->passive;
    g->receive_only = m->receive_only;
    for (unsigned i = 0; i < m->n_rekeys && i < IPC_MAX_REKEYS; i++) {
        struct snap_rekey *r = &b->rekeys[b->n_rekeys++];

        memcpy(&r->addr, m->rekeys[i].addr.b, sizeof r->addr);
        r->port = m->rekeys[i].port;
    }
    b->known[m->group] = true;
    if (m->group >= b->n_groups)
        b->n_groups = m->group + 1u;
}

void snap_bind(struct snap_store *st, const struct ipc_bind *m)
{
    struct snap_builder *b = &st->builder;
    const char *name;
    int pair = find_pair(st, m->pair);
    int8_t *bound;

    if (!take(st, m->group, false))
        return;
    name = b->groups[m->group].name;
    if (pair < 0) {
        fail(st, IPC_UNKNOWN_PAIR, "group %s: no pair is called %s", name, m->pair);
        return;
    }
    if (m->vlan > IPC_MAX_VLAN) {
        fail(st, IPC_BAD_MESSAGE, "group %s: there is no VLAN %u", name, m->vlan);
        return;
    }
    if (++b->n_bindings[m->group] > IPC_MAX_BINDINGS) {
        fail(st, IPC_LIMIT, "group %s: more than %u bindings", name, IPC_MAX_BINDINGS);
        return;
    }
    bound = &b->bound[pair][m->vlan];
    if (*bound != 0) {
        fail(st, IPC_LIMIT, "pair %s, VLAN %u has two groups: %s and %s", m->pair, m->vlan,
             b->groups[*bound - 1].name, name);
        return;
    }
    *bound = (int8_t)(m->group + 1);
}

void snap_rule(struct snap_store *st, const struct ipc_rule *m)
{
    if (!take(st, m->group, false))
        return;
    if ((unsigned)m->list >= IPC_LIST_COUNT)
        fail(st, IPC_BAD_MESSAGE, "a rule of no list");
    else if (!acl_append(&st->builder.groups[m->group].lists[m->list], &m->entry))
        fail(st, IPC_LIMIT, "group %s: a list of more than %u rules, or no memory",
             st->builder.groups[m->group].name, ACL_MAX_ENTRIES);
}

void snap_time(struct snap_store *st, const struct ipc_time *m)
{
    struct snap_builder *b = &st->builder;
    struct snap_built_sa *built = NULL;

    if (!take(st, m->group, false) || snap_store_is_retired(st, m->spi))
        return;
    for (unsigned i = 0; i < b->n_sas; i++)
        if (b->sas[i].sa->spi == m->spi && b->sas[i].group == m->group)
            built = &b->sas[i];
    if (built == NULL || built->has_time || !(built->sa->checks & META_TIME)) {
        fail(st, IPC_BAD_ORDER, "SA 0x%08x: pseudotime for an SA that isn't announced or has no use for it", m->spi);
    } else if (m->pseudotime_ms > PSEUDOTIME_MAX_MS) {
        fail(st, IPC_BAD_MESSAGE, "SA 0x%08x: pseudotime beyond all measure", m->spi);
    } else {
        built->has_time = true;
        built->pseudotime_ms = m->pseudotime_ms;
    }
}

/* An SA whose packets carry the time can't be without. */
static void check_times(struct snap_store *st)
{
    const struct snap_builder *b = &st->builder;

    for (unsigned i = 0; i < b->n_sas; i++)
        if ((b->sas[i].sa->checks & META_TIME) && !b->sas[i].has_time)
            fail(st, IPC_BAD_ORDER, "SA 0x%08x: time replay without a pseudotime", b->sas[i].sa->spi);
}

/* The object of a known SPI, or a new one. NULL when the message is refused. */
static struct sa *sa_of(struct snap_store *st, const struct ipc_sa *m, bool *is_new)
{
    struct sa *sa = snap_store_find(st, m->spi);
    char reason[IPC_TEXT_MAX];

    *is_new = false;
    if (!sa_check(m, st->config.n_workers, reason)) {
        fail(st, IPC_SA_REFUSED, "%s", reason);
        return NULL;
    }
    if (sa != NULL) {
        if (!sa_same(sa, m)) { /* the group may have another name or index by now */
            fail(st, IPC_SA_REFUSED, "SA 0x%08x is installed with another key or number", m->spi);
            return NULL;
        }
        return sa;
    }
    sa = sa_new(m, st->config.crypto);
    if (sa == NULL) {
        fail(st, IPC_NO_MEMORY, "SA 0x%08x: no memory", m->spi);
        return NULL;
    }
    if (st->config.lab_left != 0 && st->n_sas == 0)
        sa_leave(sa, st->config.lab_left);
    *is_new = true;
    return sa;
}

void snap_sa(struct snap_store *st, const struct ipc_sa *m)
{
    struct snap_builder *b = &st->builder;
    struct snap_built_sa built = {.receive = m->receive, .send = m->send, .group = m->group};

    if (!take(st, m->group, false))
        return;
    /* Deleted is deleted, and what else the transaction says is applied all the same (decision 16). */
    if (snap_store_is_retired(st, m->spi))
        return;
    if (b->n_sas == IPC_MAX_SAS) {
        fail(st, IPC_LIMIT, "more than %u SAs", IPC_MAX_SAS);
        return;
    }
    for (unsigned i = 0; i < b->n_sas; i++)
        if (b->sas[i].sa->spi == m->spi) {
            fail(st, IPC_SA_REFUSED, "SA 0x%08x comes twice", m->spi);
            return;
        }
    built.sa = sa_of(st, m, &built.is_new);
    if (built.sa == NULL)
        return;
    built.send_in_ms = m->send_in_ms;
    built.send_end_in_ms = m->send_end_in_ms;
    built.end_in_ms = m->end_in_ms;
    if (!built.is_new && m->n_senders != 0) {
        built.senders = malloc(sizeof *built.senders);
        if (built.senders == NULL) {
            fail(st, IPC_NO_MEMORY, "SA 0x%08x: no memory", m->spi);
            return;
        }
        *built.senders = *m;
    }
    b->sas[b->n_sas++] = built;
}

/* The place of a group's `sa` number in the snapshot, made when it isn't there yet; -1 when memory is short. */
static int number_index(struct snap *s, unsigned group, unsigned number)
{
    struct snap_number *grown;

    for (unsigned i = 0; i < s->n_numbers; i++)
        if (s->numbers[i].group == group && s->numbers[i].number == number)
            return (int)i;
    if (s->n_numbers == UINT16_MAX)
        return -1;
    grown = reallocarray(s->numbers, s->n_numbers + 1u, sizeof *grown);
    if (grown == NULL)
        return -1;
    s->numbers = grown;
    s->numbers[s->n_numbers] = (struct snap_number){.group = (uint16_t)group, .number = (uint16_t)number};
    return s->n_numbers++;
}

/* Gives every permit of the downloaded list the place of its number. */
static bool link_rules(struct snap *s, unsigned group)
{
    struct snap_group *g = &s->groups[group];
    const struct acl *list = &g->lists[IPC_LIST_DOWNLOADED];

    for (unsigned i = 0; i < IPC_LIST_COUNT; i++)
        s->n_rules += (uint32_t)g->lists[i].n;
    if (list->n == 0)
        return true;
    g->numbers = calloc(list->n, sizeof *g->numbers);
    if (g->numbers == NULL)
        return false;
    for (size_t i = 0; i < list->n; i++) {
        int at = list->entries[i].permit ? number_index(s, group, list->entries[i].sa) : 0;

        if (at < 0)
            return false;
        g->numbers[i] = (uint16_t)at;
    }
    return true;
}

/* The list before the last change goes on counting for decrypted packets for a while (decision 1). */
static bool keep_previous(const struct snap_store *st, const struct snap *old, struct snap_group *g, uint64_t now_tsc)
{
    const struct snap_group *before = NULL;

    for (unsigned i = 0; old != NULL && i < old->n_groups; i++)
        if (strcmp(old->groups[i].name, g->name) == 0)
            before = &old->groups[i];
    if (before == NULL || before->state != IPC_GROUP_POLICY || g->state != IPC_GROUP_POLICY)
        return true;
    if (!acl_equal(&before->lists[IPC_LIST_DOWNLOADED], &g->lists[IPC_LIST_DOWNLOADED])) {
        g->previous_until_tsc = now_tsc + snap_store_ticks(st, SNAP_INNER_GRACE * UINT64_C(1000));
        return acl_copy(&g->previous, &before->lists[IPC_LIST_DOWNLOADED]);
    }
    if (before->previous_until_tsc <= now_tsc)
        return true;
    g->previous_until_tsc = before->previous_until_tsc;
    return acl_copy(&g->previous, &before->previous);
}

/* Once the group holds its lists for good: they are borrowed. */
static bool compile_lists(struct snap_group *g)
{
    for (unsigned i = 0; i < IPC_LIST_COUNT; i++)
        if (!ruleset_compile(&g->sets[i], &g->lists[i]))
            return false;
    return ruleset_compile(&g->previous_set, &g->previous);
}

static void put_spi(struct snap *s, struct sa *sa, unsigned group)
{
    uint32_t i = snap_spi_place(sa->spi_be);

    while (s->spis[i & s->spi_mask].used)
        i++;
    s->spis[i & s->spi_mask] = (struct snap_spi){sa->spi_be, 1, (uint16_t)group, sa};
}

static bool put_sender(const struct snap_store *st, struct snap *s, const struct snap_built_sa *built, uint64_t now_tsc)
{
    int at = number_index(s, built->group, built->sa->number);
    struct snap_number *list;

    if (at < 0 || s->numbers[at].n == SNAP_SEND_MAX)
        return false;
    list = &s->numbers[at];
    list->send[list->n++] = (struct snap_send){
        built->sa,
        now_tsc + snap_store_ticks(st, built->send_in_ms),
        built->send_end_in_ms == 0 ? UINT64_MAX : now_tsc + snap_store_ticks(st, built->send_end_in_ms),
    };
    return true;
}

static bool link_sas(const struct snap_store *st, struct snap *s, uint64_t now_tsc)
{
    const struct snap_builder *b = &st->builder;
    uint32_t size = 16;

    while (size < 4 * b->n_sas)
        size *= 2;
    s->spi_mask = size - 1;
    s->spis = calloc(size, sizeof *s->spis);
    s->sas = calloc(b->n_sas + 1u, sizeof(struct sa *));
    if (s->spis == NULL || s->sas == NULL)
        return false;
    for (unsigned i = 0; i < b->n_sas; i++) {
        s->sas[i] = b->sas[i].sa;
        if (b->sas[i].receive)
            put_spi(s, b->sas[i].sa, b->sas[i].group);
        if (b->sas[i].send && !put_sender(st, s, &b->sas[i], now_tsc))
            return false;
    }
    return true;
}

/* A VLAN without a group of its own belongs to its pair's. */
static void link_bindings(struct snap *s, const struct snap_builder *b)
{
    for (unsigned pair = 0; pair < IPC_MAX_PAIRS; pair++)
        for (unsigned vlan = 0; vlan < SNAP_VLANS; vlan++) {
            int own = b->bound[pair][vlan], all = b->bound[pair][0];

            s->group_of[pair][vlan] = (int8_t)((own != 0 ? own : all) - 1);
        }
}

/* A snapshot of the builder's groups and SAs; it takes the groups' lists over. NULL when memory is short. */
static struct snap *make_snap(struct snap_store *st, uint64_t now_tsc)
{
    struct snap_builder *b = &st->builder;
    const struct snap *old = snap_store_current(st);
    struct snap *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->epoch = b->epoch;
    s->groups = calloc(b->n_groups + 1u, sizeof *s->groups);
    if (s->groups == NULL)
        goto failed;
    s->n_groups = (uint16_t)b->n_groups;
    link_bindings(s, b);
    s->n_rekeys = b->n_rekeys;
    memcpy(s->rekeys, b->rekeys, sizeof s->rekeys);
    memcpy(s->groups, b->groups, b->n_groups * sizeof *s->groups);
    memset(b->groups, 0, sizeof b->groups);
    for (unsigned i = 0; i < b->n_groups; i++) {
        if (!b->known[i])
            continue;
        if (!keep_previous(st, old, &s->groups[i], now_tsc) || !link_rules(s, i) ||
            !compile_lists(&s->groups[i]))
            goto failed;
    }
    if (!link_sas(st, s, now_tsc))
        goto failed;
    return s;
failed:
    s->n_sas = 0;
    snap_store_drop(st, s);
    return NULL;
}

/* Can the store take the transaction's SAs? Checked before anything is touched. */
static void check_room(struct snap_store *st)
{
    unsigned free_slots = 0, fresh = 0;

    for (unsigned i = 0; i < IPC_MAX_SAS; i++)
        free_slots += !st->slots[i];
    for (unsigned i = 0; i < st->builder.n_sas; i++)
        fresh += st->builder.sas[i].is_new;
    if (fresh > free_slots || st->n_sas + fresh > SNAP_OBJECTS_MAX)
        fail(st, IPC_LIMIT, "%u new SAs, but only %u places are free yet", fresh, free_slots);
    if (st->n_pending == SNAP_PENDING_MAX)
        fail(st, IPC_LIMIT, "workers still hold %u older policies", st->n_pending);
}

static void take_slot(struct snap_store *st, struct sa *sa)
{
    struct ipc_page_sa *page;

    sa->slot = 0;
    while (st->slots[sa->slot])
        sa->slot++;
    st->slots[sa->slot] = true;
    st->sas[st->n_sas++] = sa;
    page = &st->config.page->sas[sa->slot];
    atomic_store(&page->packets_in, 0);
    atomic_store(&page->bytes_in, 0);
    atomic_store(&page->packets_out, 0);
    atomic_store(&page->bytes_out, 0);
    atomic_store(&page->pseudotime_ms, 0);
    atomic_store(&page->sequence, 0);
    atomic_store(&page->replay_time, 0);
    atomic_store(&page->replay_counter, 0);
    atomic_store(&page->replay_sender, 0);
    atomic_store(&page->replay, sa->replay != NULL ? sa->replay->method : IPC_REPLAY_NONE);
    atomic_store(&page->sequence_lease, 0);
    for (unsigned i = 0; i < IPC_MAX_WORKERS; i++)
        atomic_store(&page->sequence_top[i], 0);
    if (sa->replay != NULL)
        replay_attach(sa->replay, page, st->config.n_workers > 1);
}

static void show_sa(struct snap_store *st, const struct sa *sa, unsigned group)
{
    struct ipc_page_sa *page = &st->config.page->sas[sa->slot];
    unsigned n = atomic_load(&sa->n_senders);

    for (unsigned i = 0; i < IPC_MAX_WORKERS; i++) {
        uint64_t lease = i < n ? sa->workers[i].lease_end : 0;

        atomic_store(&page->sender_id[i], i < n ? sa->workers[i].sender >> (64 - sa->sid_bits) : 0);
        /* A worker that sends already has published its own, newer lease. */
        if (i >= n || atomic_load(&page->lease_end[i]) < lease || atomic_load(&page->spi) == 0)
            atomic_store(&page->lease_end[i], lease);
    }
    atomic_store(&page->group, group);
    atomic_store(&page->spi, sa->spi);
}

/* Point of no return: what was built becomes what is. */
static void install_sa(struct snap_store *st, struct snap *s, struct snap_built_sa *built, uint64_t now_tsc, mono_t now)
{
    struct sa *sa = built->sa;
    uint64_t end_tsc = now_tsc + snap_store_ticks(st, built->end_in_ms);
    mono_t end = mono_add(now, built->end_in_ms < INT64_MAX / 1000000 ? mono_ms((int64_t)built->end_in_ms) : MONO_NEVER);
    bool may_send_now = false;

    if (built->is_new && built->has_time)
        replay_start(sa->replay, built->pseudotime_ms, now_tsc, now, st->config.tsc_hz, st->config.clock_rate);
    else if (built->has_time)
        pseudotime_tell(&sa->replay->time, built->pseudotime_ms, now_tsc, now.ns);
    if (built->is_new) {
        take_slot(st, sa);
    } else if (built->senders != NULL) {
        may_send_now = sa_set_senders(sa, built->senders);
    }
    if (end_tsc < atomic_load(&sa->end_tsc))
        atomic_store(&sa->end_tsc, end_tsc);
    sa->end = mono_min(sa->end, end);
    if (built->is_new || may_send_now)
        show_sa(st, sa, built->group);
    else
        atomic_store(&st->config.page->sas[sa->slot].group, built->group);
    sa->refs++;
    s->n_sas++;
    built->is_new = false;
}

enum ipc_result snap_commit(struct snap_store *st, const struct ipc_commit *m, uint64_t now_tsc, mono_t now,
                            char reason[IPC_TEXT_MAX])
{
    struct snap_builder *b = &st->builder;
    struct snap *s = NULL;
    enum ipc_result result;

    if (!b->active)
        fail(st, IPC_BAD_ORDER, "COMMIT without BEGIN");
    else if (m->epoch != b->epoch || m->n_messages != b->n_messages)
        fail(st, IPC_BAD_ORDER, "COMMIT of %u messages in another epoch than the %u that came", m->n_messages,
             b->n_messages);
    (void)snap_store_settled(st);
    check_times(st);
    check_room(st);
    if (b->result == IPC_OK) {
        s = make_snap(st, now_tsc);
        if (s == NULL)
            fail(st, IPC_NO_MEMORY, "no memory for the policy, or more than %u SAs ready to send for one number",
                 SNAP_SEND_MAX);
    }
    if (s != NULL) {
        s->generation = ++st->generation;
        for (unsigned i = 0; i < b->n_sas; i++)
            install_sa(st, s, &b->sas[i], now_tsc, now);
        snap_store_publish(st, s);
    }
    result = b->result;
    snprintf(reason, IPC_TEXT_MAX, "%s", b->reason);
    clear_builder(b);
    return result;
}
