/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ESP of every layout but the fast one (AES-GCM in tunnel mode: esp_tx.c, esp_rx.c): all suites, tunnel and transport
 * mode, both directions (RFC 4303; RFC 3602, 2451, 2410, 4543, 7634). Goes through lanes (lanes.h), so packets may
 * come out in a later call than they went in. Internal to the pipeline.
 */
#ifndef GVPN_DATAPLANE_ESP_ANY_H
#define GVPN_DATAPLANE_ESP_ANY_H

#include "dataplane/ctx.h"

/*
 * Stages, for every vector with PKT_ANY packets or while the queue holds some. They take PKT_ANY packets (to =
 * PKT_TO_LANES, or dropped) and put packets that are done into v->tx and v->punt, counted. An empty vector empties the
 * queue. Exits of out: drop_too_big, drop_no_buffer, drop_iv_exhausted, and in transport mode drop_fragment,
 * drop_ip_options, drop_ext_header; of in: as esp_rx.c's.
 */
void esp_any_out(struct pipeline_ctx *ctx, struct pkt_vec *v);
void esp_any_in(struct pipeline_ctx *ctx, struct pkt_vec *v);

#endif
