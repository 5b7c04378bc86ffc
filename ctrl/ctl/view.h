/* SPDX-License-Identifier: BSD-3-Clause */
/* Pieces that several views share. */
#ifndef GVPN_CTRL_CTL_VIEW_H
#define GVPN_CTRL_CTL_VIEW_H

#include "ctrl/ctl/commands.h"

/* "0x0000abcd" as a JSON string, for "spi". */
void view_spi(struct json *j, const char *key, uint32_t spi);
/* "spi" of a KEK: "0x" and 32 hex digits. */
void view_kek_spi(struct json *j, const uint8_t spi[POLICY_KEK_SPI_LEN]);
/* "kek": its SPI and when it ends; null for spi NULL. */
void view_kek(struct json *j, const uint8_t *spi, mono_t end, mono_t now);
/* "kek" of a group on its key server. */
void view_ks_kek(struct json *j, const struct ks_group *g, mono_t now);
/* Whole seconds until `at`, never negative. */
uint64_t view_seconds_until(mono_t at, mono_t now);
/* NULL for "", which JSON shows as null. */
const char *view_text_or_null(const char *text);
/* "sa" of an entry: null in lists whose entries belong to none. */
void view_rule_sa(struct json *j, const struct acl_entry *e);
/* The entries of a list: number, sa, text. */
void view_rules(struct json *j, const char *key, const struct acl *acl);
/* Where a member's group applies: "bindings": [{"pair", "vlan"}]; vlan null = all of the pair. */
void view_bindings(struct json *j, const struct config_group *g);
/* Whole seconds since `at`, never negative. */
uint64_t view_seconds_since(mono_t at, mono_t now);
/*
 * The name behind the command's words, if there is one: true with *name NULL (all groups) or a group that exists. It is
 * one of the roles that the view is about. False after an error was written; *code is the exit code.
 */
bool view_group_name(struct ctl_request *r, size_t at, bool as_member, bool as_server, const char **name, int *code);
/*
 * The answer {"groups": [...]} of all groups or of the one named behind the command's `at` words: each is written by the
 * function for its role; NULL: the view isn't about that role. Returns the exit code.
 */
int view_groups(struct ctl_request *r, size_t at, void (*put_member)(struct ctl_request *r, const struct gm *gm),
                void (*put_server)(struct ctl_request *r, const struct ks_group *g));
/* 64 hex digits. */
void view_digest(struct json *j, const char *key, const uint8_t digest[32]);
/* One object for an SA of a member, with the counters of its data plane. */
void view_member_sa(struct json *j, const struct gm *gm, const struct gm_sa *s, const struct ipc_page *page, mono_t now);
/* "window_s" and "window_packets": the two kinds of windows are never the same unit, so they are never the same key. */
void view_window(struct json *j, enum replay_method method, uint16_t window);
/* One object for a TEK on its key server. */
void view_tek(struct json *j, const struct ks_tek *t, bool receive_only, mono_t now);
/* "packets_in" of an SA: packets that were taken with it; null without a page. */
void view_packets_in(struct json *j, const struct ipc_page *page, uint32_t spi);
/* "pseudotime_ms" of a group, on a member and on its key server; null while there is none. */
void view_gm_pseudotime(struct json *j, const struct gm *gm, mono_t now);
void view_ks_pseudotime(struct json *j, const struct ks_group *g, mono_t now);
/* "rekeys_received", "last_rekey_seq" and "kek" (SPI and end, or null) of a member. */
void view_member_rekeys(struct json *j, const struct gm *gm, mono_t now);
/* The same at length: "kek", "rekeys" and "recoveries". */
void view_gm_rekeys(struct json *j, const struct gm *gm, mono_t now);
/* "direction", who says so, and "converts_in_s". */
void view_gm_direction(struct json *j, const struct gm *gm, mono_t now);
/* accept (GM9): what the configuration lets it take; empty lists: anything. */
void view_gm_accept(struct json *j, const struct gm *gm);
/* The present counter page of a member's data plane; NULL when detached. */
const struct ipc_page *view_page(struct roles *r, const struct gm *gm);
/* The slot of an SA in a page; NULL when it has none, or without a page. */
const struct ipc_page_sa *view_slot(const struct ipc_page *page, uint32_t spi);

/* offsets.c: what the data plane counts for the replay protection of an SA (DP4, DP5). */

/* "data_plane_pseudotime_ms", "sequence" and three "dropped_": null where the method hasn't it, and without a slot. */
void view_replay_counts(struct json *j, const struct ipc_page *page, uint32_t spi, enum replay_method method,
                        bool strict);
/* "offset_bins": names and bounds of the bins for a window of so many ms to either side; none for 0. */
void view_offset_bins(struct json *j, uint32_t window_ms);
/* "senders": offsets and verdict of each sender of that SA that the page has a row of; at most IPC_PAGE_SENDERS. */
void view_senders(struct json *j, const struct ipc_page *page, uint32_t spi);

#endif
