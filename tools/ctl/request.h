/* SPDX-License-Identifier: BSD-3-Clause */
/* One question to gvpnd over its operator socket (the format is in ctrl/ctl/ctl.h). */
#ifndef GVPN_TOOLS_CTL_REQUEST_H
#define GVPN_TOOLS_CTL_REQUEST_H

#include "common/exit.h"

#include <jansson.h>

/*
 * Sends words and waits at most 10 s for the answer. Returns the daemon's exit code with *document set (the caller
 * decrefs it), or CTL_UNREACHABLE / CTL_FAILURE with *document NULL after saying why on stderr.
 */
int request_send(const char *socket_path, char *const *words, int n_words, json_t **document);

#endif
