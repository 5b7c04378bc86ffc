/* SPDX-License-Identifier: BSD-3-Clause */
/* What a data plane's counter page says of one group's packets, for GM13: by its index and its SAs. Judges nothing. */
#ifndef GVPN_CTRL_RUN_TRAFFIC_H
#define GVPN_CTRL_RUN_TRAFFIC_H

#include "common/ipc/page.h"
#include "ctrl/gm/gm.h"

/* index: the group's in the transactions, below IPC_MAX_GROUPS. */
struct gm_traffic traffic_of(const struct ipc_page *page, unsigned index, const struct gm *gm);

#endif
