/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The event loop of gvpnd: the only reader of the clock, the owner of both timer heaps, and the only user of libevent.
 */
#ifndef GVPN_CTRL_RUN_LOOP_H
#define GVPN_CTRL_RUN_LOOP_H

#include "common/clock.h"
#include "ctrl/run/env.h"

struct loop;
struct loop_watch;

/* A loop whose scaled clock runs clock_rate times faster. NULL when memory is short. */
struct loop *loop_new(uint32_t clock_rate);
void loop_free(struct loop *l);

struct now loop_now(const struct loop *l);
struct timers *loop_timers(struct loop *l);      /* scaled */
struct timers *loop_real_timers(struct loop *l); /* real */

/* Calls ready(ctx) whenever fd is readable (or, with `write`, writable). NULL when memory is short. Doesn't own fd. */
struct loop_watch *loop_watch(struct loop *l, int fd, void (*ready)(void *ctx), void *ctx);
struct loop_watch *loop_watch_write(struct loop *l, int fd, void (*ready)(void *ctx), void *ctx);
/* Before fd is closed. NULL is harmless. */
void loop_unwatch(struct loop_watch *w);
/* Calls handler(ctx) when the signal arrives, in the loop's own context. */
MUST_CHECK bool loop_on_signal(struct loop *l, int signal, void (*handler)(void *ctx), void *ctx);

/* Runs until loop_stop(). */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);

#endif
