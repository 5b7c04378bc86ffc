/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What any well-behaved daemon needs from its system: memory that nobody looks into, a run directory with a lock, and
 * telling systemd that it is ready (sd_notify's datagram, written by hand).
 */
#ifndef GVPN_COMMON_DAEMON_H
#define GVPN_COMMON_DAEMON_H

#include "common/buf.h"
#include "common/log.h"

#define DAEMON_ERROR_MAX 256

/*
 * No core file, whoever collects them, and nobody of our own user may attach to us: before any key is read.
 */
void daemon_protect_memory(void);
/*
 * Makes the run directory (its last component, mode 0755) when it isn't there and takes the lock file `name` in it.
 * Returns the descriptor that holds the lock until it is closed, or -1 with a sentence in error (another one runs).
 */
int daemon_lock(const char *run_dir, const char *name, char error[DAEMON_ERROR_MAX]);
/*
 * path as it is when absolute, else run_dir/path. False when it doesn't fit cap.
 */
MUST_CHECK bool daemon_path(const char *run_dir, const char *path, char *out, size_t cap);
/* Sends a state ("READY=1", "STOPPING=1") to $NOTIFY_SOCKET; does nothing without one. Errors are ignored. */
void daemon_notify(const char *state);
/* A word of --log-level. */
MUST_CHECK bool daemon_parse_level(const char *text, enum log_level *level);
/* --clock-rate: 1 to 1000. */
MUST_CHECK bool daemon_parse_rate(const char *text, uint32_t *rate);

#endif
