/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Deadlines in a binary heap, 1-based in `slot`: the children of slot i are 2i and 2i + 1.
 * Timers that a fire function sets for an instant already reached are "late": they sort behind all others until
 * timers_fire() is through, so that a function which re-arms itself can't keep it from returning.
 */
#include "common/timer.h"

#include <stdlib.h>

void timers_init(struct timers *ts)
{
    *ts = (struct timers){0};
}

void timers_free(struct timers *ts)
{
    for (size_t i = 0; i < ts->n; i++)
        ts->heap[i]->slot = 0;
    free(ts->heap);
    timers_init(ts);
}

static bool before(const struct timer *a, const struct timer *b)
{
    return a->late != b->late ? b->late : mono_before(a->at, b->at);
}

static struct timer *in_slot(const struct timers *ts, size_t slot)
{
    return ts->heap[slot - 1];
}

static void place(struct timers *ts, struct timer *t, size_t slot)
{
    ts->heap[slot - 1] = t;
    t->slot = slot;
}

static void sift_up(struct timers *ts, struct timer *t)
{
    size_t slot = t->slot;
    while (slot > 1 && before(t, in_slot(ts, slot / 2))) {
        place(ts, in_slot(ts, slot / 2), slot);
        slot /= 2;
    }
    place(ts, t, slot);
}

static void sift_down(struct timers *ts, struct timer *t)
{
    size_t slot = t->slot;
    for (size_t child; (child = 2 * slot) <= ts->n; slot = child) {
        if (child < ts->n && before(in_slot(ts, child + 1), in_slot(ts, child)))
            child++;
        if (!before(in_slot(ts, child), t))
            break;
        place(ts, in_slot(ts, child), slot);
    }
    place(ts, t, slot);
}

static bool make_room(struct timers *ts)
{
    if (ts->n < ts->cap)
        return true;
    size_t cap = ts->cap > 0 ? 2 * ts->cap : 16;
    struct timer **heap = reallocarray(ts->heap, cap, sizeof(*heap));
    if (heap == NULL)
        return false;
    ts->heap = heap;
    ts->cap = cap;
    return true;
}

bool timer_set(struct timers *ts, struct timer *t, mono_t at)
{
    if (mono_is_never(at)) {
        timer_cancel(ts, t);
        return true;
    }
    if (t->slot == 0) {
        if (!make_room(ts))
            return false;
        place(ts, t, ++ts->n);
    }
    t->at = at;
    t->late = ts->firing && mono_reached(at, ts->firing_at);
    ts->any_late |= t->late;
    sift_up(ts, t);
    sift_down(ts, t);
    return true;
}

void timer_cancel(struct timers *ts, struct timer *t)
{
    if (t->slot == 0)
        return;
    struct timer *last = in_slot(ts, ts->n--);
    if (last != t) {
        place(ts, last, t->slot);
        sift_up(ts, last);
        sift_down(ts, last);
    }
    t->slot = 0;
}

mono_t timers_next(const struct timers *ts)
{
    return ts->n > 0 ? ts->heap[0]->at : MONO_NEVER;
}

/* Puts the late timers where their deadlines belong. */
static void settle(struct timers *ts)
{
    for (size_t slot = 1; slot <= ts->n; slot++) {
        struct timer *t = in_slot(ts, slot);
        if (t->late) {
            t->late = false;
            sift_up(ts, t); /* swaps with settled ones only: those before it */
        }
    }
    ts->any_late = false;
}

void timers_fire(struct timers *ts, mono_t now)
{
    ts->firing = true;
    ts->firing_at = now;
    while (ts->n > 0) {
        struct timer *t = ts->heap[0];
        if (t->late || !mono_reached(t->at, now))
            break;
        timer_cancel(ts, t);
        t->fire(t, now);
    }
    ts->firing = false;
    if (ts->any_late)
        settle(ts);
}
