/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What exchanges may do to the world, as a table of functions: run/loop fills it with sockets and a clock, tests with a
 * fake wire. Nothing below ctrl/run sends, sleeps or reads a clock by itself.
 */
#ifndef GVPN_CTRL_RUN_ENV_H
#define GVPN_CTRL_RUN_ENV_H

#include "common/addr.h"
#include "common/timer.h"

#include <stdlib.h>

/* Between which two UDP endpoints a datagram travels. */
struct path {
    struct endpoint local, remote;
};

/* Both nows: every input to a machine carries them. */
struct now {
    mono_t scaled; /* daemon time, --clock-rate applied */
    mono_t real;
};

struct env {
    void *ctx;
    /* The instant of the event being handled, set before timers fire; a timer's own argument is one of the two only. */
    struct now (*now)(void *ctx);
    /* Sends one datagram; the bytes are copied or sent before it returns. Losing it is allowed. */
    void (*send)(void *ctx, const struct path *path, struct span datagram);
    /* Cryptographically strong random octets; false only when the system has none. */
    bool (*random)(void *ctx, void *out, size_t len);
    /* Lab key log line (GVPN_KEYLOG), or NULL. The text holds keys. */
    void (*keylog)(void *ctx, const char *line);
    struct timers *timers; /* scaled time: lifetimes, renewals */
    struct timers *real_timers; /* real time: retransmission, give-up, rate limits (decision 31) */
};

/*
 * For the few long-lived timers without which a daemon can't do its work: when there is no memory even for one pointer it
 * ends, and its supervisor starts it anew; the data plane goes on meanwhile.
 */
static inline void must_set_timer(struct timers *ts, struct timer *t, mono_t at)
{
    if (!timer_set(ts, t, at))
        abort();
}

#endif
