/* SPDX-License-Identifier: BSD-3-Clause */
/* `gvpnctl check FILE`: the daemons' own loaders, without a daemon. */
#ifndef GVPN_TOOLS_CTL_CHECK_H
#define GVPN_TOOLS_CTL_CHECK_H

/* Says what is wrong with a gvpnd or gvpn-dp file, or that nothing is. Returns gvpnctl's exit code. */
int check_file(const char *file, int as_json);

#endif
