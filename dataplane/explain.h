/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `gvpnctl explain`: what would happen to a packet now, answered from the snapshot in effect by the same functions that
 * judge packets. Control thread only; changes nothing.
 */
#ifndef GVPN_DATAPLANE_EXPLAIN_H
#define GVPN_DATAPLANE_EXPLAIN_H

#include "dataplane/pipeline.h"

/*
 * Fills *a. snap NULL = no policy was ever installed. An unknown pair gives known_pair false. effective_mtu is the
 * largest IP packet that passes this way, path_mtu what makes it smaller than the pair's MTU would.
 */
void explain_flow(const struct pipeline_config *config, const struct snap *snap, uint64_t now_tsc,
                  const struct ipc_explain *q, struct ipc_explained *a);

#endif
