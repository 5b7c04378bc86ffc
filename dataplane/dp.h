/* SPDX-License-Identifier: BSD-3-Clause */
/* The running data plane: brings its parts up in order, runs them, takes them down in reverse order. */
#ifndef GVPN_DATAPLANE_DP_H
#define GVPN_DATAPLANE_DP_H

#include "dataplane/cfg.h"

struct dp_options {
    const char *file;
    const char *run_dir;
    bool check;
    uint32_t clock_rate;
    bool has_log_level; /* wins over the file's */
    enum log_level log_level;
};

/*
 * Starts everything, runs until SIGTERM or SIGINT, stops. Once per process. True after a clean stop; false when a part
 * didn't start (the log says which and why).
 */
bool dp_run(const struct cfg *cfg, const struct dp_options *o);

#endif
