/* SPDX-License-Identifier: BSD-3-Clause */
/* One question to gvpnd over its operator socket (the format is in ctrl/ctl/ctl.h). */
#ifndef GVPN_TOOLS_CTL_REQUEST_H
#define GVPN_TOOLS_CTL_REQUEST_H

#include "common/exit.h"

#include <jansson.h>
#include <stdbool.h>

/*
 * Sends words and waits at most 10 s for the answer: gvpnd's exit code and document (the caller decrefs it). False when there is
 * no whole answer: the code is CTL_UNREACHABLE, CTL_FAILURE or CTL_USAGE then, and the document {"error": why}.
 */
bool request_send(const char *socket_path, char *const *words, int n_words, int *code, json_t **document);

#endif
