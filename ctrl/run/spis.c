/* SPDX-License-Identifier: BSD-3-Clause */
/* See spis.h. */
#include "ctrl/run/spis.h"

#include <string.h>

static bool contains(const struct spis_known *list, size_t n, uint32_t spi)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i].spi == spi)
            return true;
    }
    return false;
}

static size_t lost_count(const struct spis *s)
{
    return s->n_lost < SPIS_MAX_LOST ? s->n_lost : SPIS_MAX_LOST;
}

/* Another process knows nothing of what was deleted, but what is gone with the windows stays gone. */
static void keep_counted(struct spis *s)
{
    size_t n = lost_count(s);

    s->n_lost = 0;
    for (size_t i = 0; i < n; i++) {
        if (s->lost[i].counted)
            s->lost[s->n_lost++] = s->lost[i];
    }
}

/* Its place in marks[]; SPIS_MAX_MARKS when it has none. */
static size_t place_of(const struct spis *s, uint32_t spi)
{
    size_t n = s->n_marks < SPIS_MAX_MARKS ? s->n_marks : SPIS_MAX_MARKS;

    for (size_t i = 0; i < n; i++) {
        if (s->marks[i].spi == spi)
            return i;
    }
    return SPIS_MAX_MARKS;
}

bool spis_has_mark(const struct spis *s, uint32_t spi)
{
    return place_of(s, spi) < SPIS_MAX_MARKS;
}

static uint32_t raised(uint32_t was, uint64_t now)
{
    if (now > UINT32_MAX)
        return UINT32_MAX;
    return now > was ? (uint32_t)now : was;
}

/* What the dead process published of its sequence numbers. */
static void note_marks(struct spis *s, const struct ipc_page *page)
{
    for (size_t i = 0; i < IPC_MAX_SAS; i++) {
        const struct ipc_page_sa *slot = &page->sas[i];
        uint32_t spi = atomic_load_explicit(&slot->spi, memory_order_acquire);
        size_t at = place_of(s, spi);
        struct spis_mark *m;

        if (!spi || atomic_load(&slot->replay) != IPC_REPLAY_COUNTER)
            continue;
        m = at < SPIS_MAX_MARKS ? &s->marks[at] : &s->marks[s->n_marks++ % SPIS_MAX_MARKS];
        if (at == SPIS_MAX_MARKS)
            *m = (struct spis_mark){.spi = spi};
        m->used = raised(m->used, atomic_load(&slot->sequence_lease));
        for (size_t w = 0; w < IPC_MAX_WORKERS; w++)
            m->top = raised(m->top, atomic_load(&slot->sequence_top[w]));
    }
}

void spis_attached(struct spis *s, uint64_t instance, const struct ipc_page *page, const struct ipc_page *last)
{
    if (s->instance != instance)
        keep_counted(s);
    s->instance = instance;
    if (last && last->instance != instance)
        note_marks(s, last);
    s->n_held = s->n_put = 0;
    for (size_t i = 0; page && i < IPC_MAX_SAS; i++) { /* what an earlier gvpnd installed can be lost, too */
        uint32_t spi = atomic_load_explicit(&page->sas[i].spi, memory_order_acquire);

        if (spi)
            s->held[s->n_held++] =
                (struct spis_known){spi, atomic_load(&page->sas[i].replay) == IPC_REPLAY_COUNTER};
    }
}

void spis_begin(struct spis *s)
{
    s->n_put = 0;
}

void spis_put(struct spis *s, struct ipc_sa *sa)
{
    size_t at = place_of(s, sa->spi);
    bool counted = sa->replay == IPC_REPLAY_COUNTER;

    if (s->n_put < IPC_MAX_SAS)
        s->put[s->n_put++] = (struct spis_known){sa->spi, counted};
    if (!counted || at == SPIS_MAX_MARKS)
        return;
    sa->sequence_used = raised(sa->sequence_used, s->marks[at].used);
    sa->sequence_top = raised(sa->sequence_top, s->marks[at].top);
}

void spis_in_effect(struct spis *s)
{
    for (size_t i = 0; i < s->n_held; i++) {
        if (!contains(s->put, s->n_put, s->held[i].spi))
            s->lost[s->n_lost++ % SPIS_MAX_LOST] = s->held[i];
    }
    memcpy(s->held, s->put, s->n_put * sizeof(s->put[0]));
    s->n_held = s->n_put;
}

bool spis_lost(const struct spis *s, uint32_t spi)
{
    return contains(s->lost, lost_count(s), spi);
}

bool spis_may_tell(struct spis *s, uint32_t spi, mono_t now)
{
    struct spis_told *place = &s->told[0]; /* the SA's own, or the one that is silent for the longest time */

    for (size_t i = 0; i < IPC_MAX_SAS; i++) {
        struct spis_told *t = &s->told[i];

        if (t->spi == spi) {
            place = t;
            break;
        }
        if (t->next.ns < place->next.ns)
            place = t;
    }
    if (place->spi == spi && !mono_reached(place->next, now))
        return false;
    *place = (struct spis_told){spi, mono_add(now, mono_s(1))};
    return true;
}
