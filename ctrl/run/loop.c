/* SPDX-License-Identifier: BSD-3-Clause */
/* The event loop: libevent waits for descriptors and signals, our two heaps say for how long. */
#include "ctrl/run/loop.h"

#include "common/log.h"

#include <event2/event.h>
#include <stdlib.h>

#define MAX_SIGNALS 4

struct loop {
    struct event_base *base;
    struct event *wake;
    struct clock clock;
    struct timers timers, real_timers;
    struct loop_watch *signals[MAX_SIGNALS];
    size_t n_signals;
    bool stop;
};

struct loop_watch {
    struct event *event;
    void (*ready)(void *ctx);
    void *ctx;
};

static void on_wake(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    (void)ctx; /* its only business is to end the wait */
}

struct loop *loop_new(uint32_t clock_rate)
{
    struct loop *l = calloc(1, sizeof(*l));

    if (!l)
        return NULL;
    clock_init(&l->clock, clock_rate);
    timers_init(&l->timers);
    timers_init(&l->real_timers);
    l->base = event_base_new();
    l->wake = l->base ? evtimer_new(l->base, on_wake, NULL) : NULL;
    if (!l->wake) {
        loop_free(l);
        return NULL;
    }
    return l;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < l->n_signals; i++)
        loop_unwatch(l->signals[i]);
    if (l->wake)
        event_free(l->wake);
    if (l->base)
        event_base_free(l->base);
    timers_free(&l->timers);
    timers_free(&l->real_timers);
    free(l);
}

struct now loop_now(const struct loop *l)
{
    return (struct now){.scaled = clock_now(&l->clock), .real = clock_real_now()};
}

struct timers *loop_timers(struct loop *l)
{
    return &l->timers;
}

struct timers *loop_real_timers(struct loop *l)
{
    return &l->real_timers;
}

static void on_ready(evutil_socket_t fd, short what, void *ctx)
{
    struct loop_watch *w = ctx;

    (void)fd;
    (void)what;
    log_set_now(clock_real_now());
    w->ready(w->ctx);
}

static struct loop_watch *watch(struct loop *l, int fd, short what, void (*ready)(void *ctx), void *ctx)
{
    struct loop_watch *w = calloc(1, sizeof(*w));

    if (!w)
        return NULL;
    *w = (struct loop_watch){.event = event_new(l->base, fd, (short)(what | EV_PERSIST), on_ready, w),
                             .ready = ready,
                             .ctx = ctx};
    if (!w->event || event_add(w->event, NULL) < 0) {
        loop_unwatch(w);
        return NULL;
    }
    return w;
}

struct loop_watch *loop_watch(struct loop *l, int fd, void (*ready)(void *ctx), void *ctx)
{
    return watch(l, fd, EV_READ, ready, ctx);
}

struct loop_watch *loop_watch_write(struct loop *l, int fd, void (*ready)(void *ctx), void *ctx)
{
    return watch(l, fd, EV_WRITE, ready, ctx);
}

void loop_unwatch(struct loop_watch *w)
{
    if (!w)
        return;
    if (w->event)
        event_free(w->event);
    free(w);
}

bool loop_on_signal(struct loop *l, int signal, void (*handler)(void *ctx), void *ctx)
{
    struct loop_watch *w;

    if (l->n_signals == MAX_SIGNALS)
        return false;
    w = watch(l, signal, EV_SIGNAL, handler, ctx);
    if (!w)
        return false;
    l->signals[l->n_signals++] = w;
    return true;
}

/* How long until something is due in either heap; never negative. */
static mono_t time_to_wait(struct loop *l)
{
    struct now now = loop_now(l);
    mono_t scaled = timers_next(&l->timers), real = timers_next(&l->real_timers);
    mono_t wait = MONO_NEVER;

    if (!mono_is_never(scaled))
        wait = clock_to_real(&l->clock, mono_sub(scaled, now.scaled));
    if (!mono_is_never(real))
        wait = mono_min(wait, mono_max(mono_sub(real, now.real), MONO_ZERO));
    return wait;
}

void loop_run(struct loop *l)
{
    while (!l->stop) {
        mono_t wait = time_to_wait(l);
        struct timeval tv = {.tv_sec = mono_to_s(wait), .tv_usec = (wait.ns % 1000000000 + 999) / 1000};

        if (mono_is_never(wait))
            evtimer_del(l->wake);
        else
            evtimer_add(l->wake, &tv);
        if (event_base_loop(l->base, EVLOOP_ONCE) < 0)
            break;
        log_set_now(clock_real_now());
        timers_fire(&l->real_timers, loop_now(l).real);
        timers_fire(&l->timers, loop_now(l).scaled);
    }
}

void loop_stop(struct loop *l)
{
    l->stop = true;
    event_base_loopbreak(l->base);
}
