/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of views share: how values read (values.c), and the views themselves, each a function of its document. */
#ifndef GVPN_TOOLS_CTL_VIEWS_IMPL_H
#define GVPN_TOOLS_CTL_VIEWS_IMPL_H

#include "tools/ctl/table.h"
#include "tools/ctl/views.h"

/* The text of a value: strings as they are, numbers in decimal, null as "-". Some calls may stand in one argument list. */
const char *view_text(const json_t *object, const char *key);
/* Seconds as people read them: 45s, 12m30s, 3h05m, 2d04h. */
const char *view_duration(const json_t *object, const char *key);
/* The items of an array in a row, "-" for none. The caller frees it; NULL when memory is short. */
char *view_list(const json_t *object, const char *key);
/* Port pairs and VLANs of a group: "wan, lan vlan 10". The caller frees it; NULL when memory is short. */
char *view_bindings(const json_t *object);
/* One table: a row per element of the array, a column per key; a key that ends with _s or _s_ago is a duration. */
void view_array(FILE *to, size_t indent, const json_t *array, const char *const *heads, const char *const *keys);
/* The entries of a list; nothing when there are none. */
void view_rules(FILE *to, size_t indent, const json_t *rules);
/* Says it when there is no group to show: an empty answer looks like a failure. */
void view_no_group(FILE *to, const json_t *document, const char *what);

/* views_group.c */
void view_groups(FILE *to, const json_t *document);
void view_ipsec_sas(FILE *to, const json_t *document);
void view_gm(FILE *to, const json_t *document);
void view_acl(FILE *to, const json_t *document);
void view_ruleset(FILE *to, const json_t *document);
void view_fail_close(FILE *to, const json_t *document);
/* views_ks.c */
void view_ks_members(FILE *to, const json_t *document);
void view_ks_policy(FILE *to, const json_t *document);
void view_feature(FILE *to, const json_t *document);
/* views_rekey.c */
void view_ks_rekey(FILE *to, const json_t *document);
void view_rekey(FILE *to, const json_t *document);
/* views_replay.c */
void view_gm_replay(FILE *to, const json_t *document);
void view_ks_replay(FILE *to, const json_t *document);
/* views_oper.c */
void view_counters(FILE *to, const json_t *document);
void view_version(FILE *to, const json_t *document);
void view_ports(FILE *to, const json_t *document); /* traffic */
void view_ports_whole(FILE *to, const json_t *document); /* and how each is set up */
void view_workers(FILE *to, const json_t *document);
void view_isakmp_sas(FILE *to, const json_t *document);
void view_events(FILE *to, const json_t *document);
void view_log_messages(FILE *to, const json_t *document);
void view_reload(FILE *to, const json_t *document);
void view_cleared_counters(FILE *to, const json_t *document);
void view_cleared_replay(FILE *to, const json_t *document);
void view_direction(FILE *to, const json_t *document);
void view_cleared(FILE *to, const json_t *document);

#endif
