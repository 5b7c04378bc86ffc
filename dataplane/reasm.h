/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stage of the receiving side, between parse and esp_rx: fragments of ESP that the WAN has made (DP7; RFC 4303 3.4.1) are
 * copied out of their buffers into a table of this worker (core/reasm.h), so no flood of them holds a buffer. The last one
 * that comes carries the whole packet on. Only fragments that the policy would never let pass in clear get that far.
 */
#ifndef GVPN_DATAPLANE_REASM_H
#define GVPN_DATAPLANE_REASM_H

#include "dataplane/ctx.h"

#define REASM_TIMEOUT_MS 1000
#define REASM_ROOM       128 /* a whole packet may be that much larger than the pair's MTU: outer header, ESP, ICV */

/* Once per context; false when memory is short. */
MUST_CHECK bool reasm_open(struct pipeline_ctx *ctx);
void reasm_close(struct pipeline_ctx *ctx);

/*
 * Stage: every PKT_REASSEMBLE packet becomes PKT_ESP_IN, PKT_CLASSIFY (policy has something else to say), or done. Exits:
 * held_fragment, drop_malformed, drop_reassembly_overlap, drop_reassembly_limit, drop_ecn, drop_no_buffer.
 */
void reasm_vec(struct pipeline_ctx *ctx, struct pkt_vec *v);

/* Gives up what is out of time: drop_reassembly_timeout. To be called when ctx->reasm_due has come. */
void reasm_poll(struct pipeline_ctx *ctx);
/* Verdict counters were cleared. */
void reasm_cleared(struct pipeline_ctx *ctx);

#endif
