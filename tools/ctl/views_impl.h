/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of views share: how values read, and the views that stand in views_oper.c. */
#ifndef GVPN_TOOLS_CTL_VIEWS_IMPL_H
#define GVPN_TOOLS_CTL_VIEWS_IMPL_H

#include "tools/ctl/table.h"
#include "tools/ctl/views.h"

/* The text of a value: strings as they are, numbers in decimal, null as "-". Some calls may stand in one argument list. */
const char *view_text(const json_t *object, const char *key);
/* Seconds as people read them: 45s, 12m30s, 3h05m, 2d04h. */
const char *view_duration(const json_t *object, const char *key);

void view_ports(FILE *to, const json_t *document);
void view_workers(FILE *to, const json_t *document);
void view_isakmp_sas(FILE *to, const json_t *document);
void view_events(FILE *to, const json_t *document);
void view_log_messages(FILE *to, const json_t *document);
void view_reload(FILE *to, const json_t *document);
void view_cleared_counters(FILE *to, const json_t *document);
void view_cleared(FILE *to, const json_t *document);

#endif
