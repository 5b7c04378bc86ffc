/* SPDX-License-Identifier: BSD-3-Clause */
/* A ring of the last operator messages: see events.h. */
#include "ctrl/run/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct events {
    struct event_record ring[EVENTS_MAX];
    uint64_t total;
};

/* line: "%GVPN-5-DAEMON_START: text". */
static void on_message(void *ctx, enum log_id id, const char *line)
{
    struct events *e = ctx;
    struct event_record *r = &e->ring[e->total++ % EVENTS_MAX];
    const char *text = strstr(line, ": ");
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    text = text ? text + 2 : line;
    *r = (struct event_record){.unix_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, .id = id};
    if (strlen(text) < sizeof(r->text))
        strcpy(r->text, text);
    else
        snprintf(r->text, sizeof(r->text), "%.*s...", (int)sizeof(r->text) - 4, text);
}

struct events *events_new(void)
{
    struct events *e = calloc(1, sizeof(*e));

    if (e)
        log_set_sink(on_message, e);
    return e;
}

void events_free(struct events *e)
{
    if (!e)
        return;
    log_set_sink(NULL, NULL);
    free(e);
}

size_t events_count(const struct events *e)
{
    return e->total < EVENTS_MAX ? (size_t)e->total : EVENTS_MAX;
}

uint64_t events_total(const struct events *e)
{
    return e->total;
}

const struct event_record *events_at(const struct events *e, size_t i)
{
    return &e->ring[(e->total - events_count(e) + i) % EVENTS_MAX];
}

const char *events_time_text(int64_t unix_ms, char out[EVENTS_TIME_MAX])
{
    time_t seconds = unix_ms / 1000;
    struct tm tm;
    size_t n;

    out[0] = '\0';
    if (gmtime_r(&seconds, &tm)) {
        n = strftime(out, EVENTS_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
        snprintf(out + n, EVENTS_TIME_MAX - n, ".%03dZ", (int)(unix_ms % 1000));
    }
    return out;
}
