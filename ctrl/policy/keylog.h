/* SPDX-License-Identifier: BSD-3-Clause */
/* The lab's key log line of an ESP SA: `esp <spi> <suite> <key+salt> [<integrity key>]`, hex. It holds keys. */
#ifndef GVPN_CTRL_POLICY_KEYLOG_H
#define GVPN_CTRL_POLICY_KEYLOG_H

#include "common/secret.h"
#include "common/suite.h"

#define KEYLOG_LINE_MAX 640

/* Writes the line, without newline, to out; the caller wipes it. */
void keylog_esp_line(uint32_t spi, const struct suite *suite, const struct secret *key, const struct secret *integrity,
                     char out[KEYLOG_LINE_MAX]);

#endif
