/* SPDX-License-Identifier: BSD-3-Clause */
/* How many descriptors are open: a refused peer must not cost one. */
#ifndef GVPN_TESTS_UNIT_COMMON_IPC_FDS_H
#define GVPN_TESTS_UNIT_COMMON_IPC_FDS_H

#include <setjmp.h>
#include <stdarg.h>
#include <dirent.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static size_t count_fds(void)
{
    size_t n = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

#endif
