/* SPDX-License-Identifier: BSD-3-Clause */
/* Pieces that several views share. */
#ifndef GVPN_CTRL_CTL_VIEW_H
#define GVPN_CTRL_CTL_VIEW_H

#include "ctrl/ctl/commands.h"

/* "0x0000abcd" as a JSON string, for "spi". */
void view_spi(struct json *j, const char *key, uint32_t spi);
/* Whole seconds until `at`, never negative. */
uint64_t view_seconds_until(mono_t at, mono_t now);
/* 64 hex digits. */
void view_digest(struct json *j, const char *key, const uint8_t digest[32]);
/* One object for an SA of a member, with the counters of its data plane. */
void view_member_sa(struct json *j, const struct gm *gm, const struct gm_sa *s, const struct ipc_page *page, mono_t now);
/* One object for a TEK on its key server. */
void view_tek(struct json *j, const struct ks_tek *t, mono_t now);
/* The present counter page of a member's data plane; NULL when detached. */
const struct ipc_page *view_page(struct roles *r, const struct gm *gm);

#endif
