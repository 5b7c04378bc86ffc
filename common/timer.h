/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A heap of deadlines. Reads no clock: the loop asks for the next deadline, sleeps, and fires what is due.
 * A timer is embedded in its owner and starts as zeros; the heap stores pointers to it and never owns it.
 */
#ifndef GVPN_COMMON_TIMER_H
#define GVPN_COMMON_TIMER_H

#include "common/buf.h"
#include "common/mono.h"

struct timer {
    mono_t at;
    size_t slot; /* 1-based place in the heap; 0 = not set */
    bool late;   /* private: set for the past while timers_fire() runs */
    void (*fire)(struct timer *t, mono_t now);
};

struct timers {
    struct timer **heap;
    size_t n, cap;
    bool firing, any_late; /* private: timers_fire() is running; it has to sort late timers in at its end */
    mono_t firing_at;
};

void timers_init(struct timers *ts);
/* Frees the heap; the timers themselves belong to their owners and are left unset. */
void timers_free(struct timers *ts);
/* Sets or moves t. MONO_NEVER cancels it. t->fire must be set. Returns false when memory is short. */
MUST_CHECK bool timer_set(struct timers *ts, struct timer *t, mono_t at);
/* Cancels t; harmless when it isn't set. Must be called before the owner is freed. */
void timer_cancel(struct timers *ts, struct timer *t);
/* The earliest deadline, MONO_NEVER when there is none. */
mono_t timers_next(const struct timers *ts);
/*
 * Fires everything due at `now`, earliest first; each timer is unset before its function runs, which may set or
 * cancel any timer, its own included. A timer set for an instant not after `now` fires in the next call, so that
 * a function that re-arms itself can't keep this one from returning; timers_next() is exact again when this returns.
 * Not to be called from a fire function.
 */
void timers_fire(struct timers *ts, mono_t now);

#endif
