/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of a daemon: the options that both have, and those of gvpnd alone. */
#ifndef GVPN_COMMON_OPTIONS_H
#define GVPN_COMMON_OPTIONS_H

#include "common/log.h"

struct options {
    const char *file, *run_dir;
    const char *state_dir; /* NULL = its default */
    bool check;
    bool has_level; /* `level` wins over the file's */
    enum log_level level;
    uint32_t clock_rate;
};

/* Which daemon it is. */
struct options_daemon {
    const char *name, *usage; /* usage: the whole text */
    bool more;                /* it takes --state-dir and --foreground, too */
};

/* Returns -1 to go on with *o, else the exit status (--help, --version: 0; wrong usage: 2) after saying why. */
int options_read(int argc, char **argv, const struct options_daemon *d, struct options *o);

#endif
