/* SPDX-License-Identifier: BSD-3-Clause */
/* What was logged since said_begin(): whole lines from the `%` on, whatever the level and the rate limits of the target. */
#ifndef GVPN_TESTS_LIB_SAID_H
#define GVPN_TESTS_LIB_SAID_H

#include "common/log.h"

#include <stdio.h>
#include <string.h>

#define SAID_MAX 64

static struct {
    char lines[SAID_MAX][512];
    size_t n;
    int64_t second; /* of the log's clock: each beginning is a second later, so that no limit is used up */
} said_all;

static void said_keep(void *ctx, enum log_id id, const char *line)
{
    (void)ctx;
    (void)id;
    if (said_all.n < SAID_MAX)
        snprintf(said_all.lines[said_all.n++], sizeof(said_all.lines[0]), "%s", line);
}

static inline void said_begin(void)
{
    log_set_now(mono_s(++said_all.second * 2));
    said_all.n = 0;
    log_set_sink(said_keep, NULL);
}

/* How often this very line was said; when not once, shows what was. */
static inline size_t said(const char *line)
{
    size_t n = 0;

    for (size_t i = 0; i < said_all.n; i++)
        n += strcmp(said_all.lines[i], line) == 0;
    for (size_t i = 0; n == 0 && i < said_all.n; i++)
        fprintf(stderr, "said: %s\n", said_all.lines[i]);
    return n;
}

/* How many lines have this mnemonic. */
static inline size_t said_any(const char *name)
{
    size_t n = 0, len = strlen(name);

    for (size_t i = 0; i < said_all.n; i++) {
        const char *at = strchr(strchr(said_all.lines[i], '-') + 1, '-') + 1;

        n += strncmp(at, name, len) == 0 && at[len] == ':';
    }
    return n;
}

#endif
