/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One data plane as gvpnd sees it: keeps the connection up, gathers the wishes of the members that live on it into one
 * transaction at a time, and hands acknowledgements back (GM2). What one transaction says is always the whole.
 */
#ifndef GVPN_CTRL_RUN_PLANE_H
#define GVPN_CTRL_RUN_PLANE_H

#include "ctrl/dpc/dpc.h"
#include "ctrl/gm/gm.h"
#include "ctrl/run/loop.h"

struct plane;

/* socket: absolute path. NULL when memory is short. */
struct plane *plane_new(struct loop *l, const char *socket, uint32_t clock_rate);
void plane_free(struct plane *p);
/*
 * A membership on some of its port pairs; false when there are IPC_MAX_GROUPS. A pair that the data plane hasn't is left
 * out, said once; the membership's other places go on (a membership without any waits), and so do other memberships.
 */
MUST_CHECK bool plane_add(struct plane *p, struct gm *gm);
/* Its part of the data plane's policy goes with the next transaction. */
void plane_remove(struct plane *p, const struct gm *gm);
/* The pairs of one of its memberships may have changed. */
void plane_check_pairs(struct plane *p);
/* How many memberships there are. */
size_t plane_members(const struct plane *p);
/* Begins to attach; harmless when it has. */
void plane_start(struct plane *p);
/* Something that a member wishes has changed: a transaction will follow. */
void plane_changed(struct plane *p);

/* Is a change on its way that the data plane hasn't acknowledged? False when detached: nobody will. */
bool plane_busy(const struct plane *p);

/* Does the attached data plane have this SA? As its counter page says. */
bool plane_holds(const struct plane *p, uint32_t spi);
/* Is it known which sequence numbers were used with this SA: by the attached data plane, or of one that died? */
bool plane_knows_numbers(const struct plane *p, uint32_t spi);
/* Was it in an earlier transaction of this attach, and then in none? Such an SPI is never taken again. */
bool plane_lost(const struct plane *p, uint32_t spi);

const char *plane_socket(const struct plane *p);
struct dpc *plane_dpc(const struct plane *p);
/*
 * Asks the data plane; answer(ctx, NULL) when it went away or didn't answer within 2 s; a full ring is only waited for. False
 * when detached or another question is under way.
 */
MUST_CHECK bool plane_explain(struct plane *p, const struct ipc_explain *question,
                              void (*answer)(void *ctx, const struct ipc_explained *a), void *ctx);
/* Forgets the question: its answer will not be called. */
void plane_explain_cancel(struct plane *p, void *ctx);

#endif
