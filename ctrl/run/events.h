/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The last operator messages of this process, for `show events`: a ring of fixed size that listens to the log, whatever its
 * level. Debug lines are not messages and not in it.
 */
#ifndef GVPN_CTRL_RUN_EVENTS_H
#define GVPN_CTRL_RUN_EVENTS_H

#include "common/log.h"

#define EVENTS_MAX      1000
#define EVENTS_TEXT_MAX 240 /* longer texts end with "..." */

struct event_record {
    int64_t unix_ms; /* wall clock, for people */
    enum log_id id;
    char text[EVENTS_TEXT_MAX]; /* without the mnemonic */
};

struct events;

/* Begins to listen. NULL when memory is short: then nothing is kept. One at a time. */
struct events *events_new(void);
/* Stops listening. NULL is harmless. */
void events_free(struct events *e);
/* How many there are, at most EVENTS_MAX, and how many there have been. */
size_t events_count(const struct events *e);
uint64_t events_total(const struct events *e);
/* The i-th of them, 0 = oldest. */
const struct event_record *events_at(const struct events *e, size_t i);

#define EVENTS_TIME_MAX 32
/* "2026-01-31T12:00:00.123Z"; returns out. */
const char *events_time_text(int64_t unix_ms, char out[EVENTS_TIME_MAX]);

#endif
