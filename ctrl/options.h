/* SPDX-License-Identifier: BSD-3-Clause */
/* gvpnd's command line. */
#ifndef GVPN_CTRL_OPTIONS_H
#define GVPN_CTRL_OPTIONS_H

#include "common/options.h"

/* As options_read(). */
int options_parse(int argc, char **argv, struct options *o);

#endif
