/* SPDX-License-Identifier: BSD-3-Clause */
/* The software version as our vendor id carries it: major << 16 | minor << 8 | patch. */
#ifndef GVPN_CTRL_POLICY_VERSION_H
#define GVPN_CTRL_POLICY_VERSION_H

#include <stdint.h>

#define POLICY_VERSION_TEXT_MAX 24

/* This build's version. */
uint32_t policy_version_ours(void);
/* "0.1.0"; returns out. */
const char *policy_version_text(uint32_t version, char out[POLICY_VERSION_TEXT_MAX]);

#endif
