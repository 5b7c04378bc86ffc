/* SPDX-License-Identifier: BSD-3-Clause */
/* What gvpnctl ends with. gvpnd says it in every answer, so that scripts and people hear the same (docs/operation.md). */
#ifndef GVPN_COMMON_EXIT_H
#define GVPN_COMMON_EXIT_H

enum ctl_exit {
    CTL_OK = 0,
    CTL_FAILURE = 1,
    CTL_USAGE = 2,
    CTL_UNREACHABLE = 3,
    CTL_NOT_FOUND = 4,
    CTL_DEGRADED = 5,
};

#endif
