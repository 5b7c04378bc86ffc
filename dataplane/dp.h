/* SPDX-License-Identifier: BSD-3-Clause */
/* The running data plane: brings its parts up in order, runs them, takes them down in reverse order. */
#ifndef GVPN_DATAPLANE_DP_H
#define GVPN_DATAPLANE_DP_H

#include "common/options.h"
#include "dataplane/cfg.h"

/*
 * Starts everything, runs until SIGTERM or SIGINT, stops. Once per process. True after a clean stop; false when a part
 * didn't start (the log says which and why).
 */
bool dp_run(const struct cfg *cfg, const struct options *o);

#endif
