/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What exchanges may do to the world, as a table of functions: run/loop fills it with sockets and a clock, tests with a
 * fake wire. Nothing below ctrl/run sends, sleeps or reads a clock by itself.
 */
#ifndef GVPN_CTRL_RUN_ENV_H
#define GVPN_CTRL_RUN_ENV_H

#include "common/addr.h"
#include "common/timer.h"

/* Between which two UDP endpoints a datagram travels. */
struct path {
    struct endpoint local, remote;
};

struct env {
    void *ctx;
    /* Sends one datagram; the bytes are copied or sent before it returns. Losing it is allowed. */
    void (*send)(void *ctx, const struct path *path, struct span datagram);
    /* Cryptographically strong random octets; false only when the system has none. */
    bool (*random)(void *ctx, void *out, size_t len);
    /* Lab key log line (GVPN_KEYLOG), or NULL. The text holds keys. */
    void (*keylog)(void *ctx, const char *line);
    struct timers *timers; /* scaled time: lifetimes, renewals */
    struct timers *real_timers; /* real time: retransmission, give-up, rate limits (decision 31) */
};

/* Both nows: every input to a machine carries them. */
struct now {
    mono_t scaled; /* daemon time, --clock-rate applied */
    mono_t real;
};

#endif
