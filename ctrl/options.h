/* SPDX-License-Identifier: BSD-3-Clause */
/* gvpnd's command line. */
#ifndef GVPN_CTRL_OPTIONS_H
#define GVPN_CTRL_OPTIONS_H

#include "common/log.h"

struct options {
    const char *file, *run_dir, *state_dir;
    bool check, has_level;
    enum log_level level;
    uint32_t clock_rate;
};

/* Returns -1 to go on with *o, else the exit status (--help, --version, wrong usage: 2) after saying why. */
int options_parse(int argc, char **argv, struct options *o);

#endif
