/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lines of the lab's key log, hex; they hold keys. Of an ESP SA: `esp <spi> <suite> <key+salt> [<integrity key>]`; of a KEK:
 * `kek <spi> <iv> <key>`, the SPI being both cookies of its rekeys.
 */
#ifndef GVPN_CTRL_POLICY_KEYLOG_H
#define GVPN_CTRL_POLICY_KEYLOG_H

#include "ctrl/policy/policy.h"

#define KEYLOG_LINE_MAX 640

/* Both write the line, without newline, to out; the caller wipes it. */
void keylog_esp_line(uint32_t spi, const struct suite *suite, const struct secret *key, const struct secret *integrity,
                     char out[KEYLOG_LINE_MAX]);
void keylog_kek_line(const struct policy_kek *kek, char out[KEYLOG_LINE_MAX]);

#endif
