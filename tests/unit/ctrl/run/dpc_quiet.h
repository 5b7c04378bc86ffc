/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of a data plane's connection that a test has no word in: nothing to poll, and every transaction goes off. */
#ifndef GVPN_TESTS_UNIT_CTRL_RUN_DPC_QUIET_H
#define GVPN_TESTS_UNIT_CTRL_RUN_DPC_QUIET_H

#include "ctrl/dpc/dpc.h"

int dpc_socket_fd(const struct dpc *d)
{
    (void)d;
    return -1;
}

int dpc_wake_fd(const struct dpc *d)
{
    (void)d;
    return -1;
}

void dpc_poll(struct dpc *d)
{
    (void)d;
}

void dpc_commit(struct dpc *d)
{
    (void)d;
}

#endif
