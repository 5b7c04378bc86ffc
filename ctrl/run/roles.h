/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What this gvpnd is: the key server of some groups, a member of others. Roles joins the parts that don't know each other:
 * datagrams -> sessions -> ks or gm, gm -> data plane, data plane -> gm. Data goes one way through it.
 */
#ifndef GVPN_CTRL_RUN_ROLES_H
#define GVPN_CTRL_RUN_ROLES_H

#include "ctrl/dpc/dpc.h"
#include "ctrl/gm/gm.h"
#include "ctrl/ks/ks.h"
#include "ctrl/run/loop.h"
#include "ctrl/run/plane.h"
#include "ctrl/run/session.h"

struct roles;

struct roles_settings {
    struct loop *loop;
    const struct config *config; /* must outlive the roles */
    const char *run_dir;
    uint32_t clock_rate;
    struct env env; /* send, random, keylog, timers */
};

/* Starts key-server groups; members wait for their data plane. NULL when memory or random octets are short. */
struct roles *roles_new(const struct roles_settings *s, struct now now);
void roles_free(struct roles *r);
/* A datagram from the wire. */
void roles_datagram(struct roles *r, const struct path *path, struct span bytes);

/* For the operator's views. */
const struct config *roles_config(const struct roles *r);
struct now roles_now(const struct roles *r);
struct ks *roles_ks(struct roles *r);
const struct sessions *roles_sessions(const struct roles *r);
size_t roles_members(const struct roles *r);
struct gm *roles_member(const struct roles *r, size_t i);
/* The data plane that a member belongs to. */
struct plane *roles_plane(const struct roles *r, const struct gm *gm);
/* Data planes, each once. */
size_t roles_planes(const struct roles *r);
struct plane *roles_plane_at(const struct roles *r, size_t i);

#endif
