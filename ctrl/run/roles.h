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
    const struct config *config; /* until roles_free() or a successful roles_reload() */
    const char *run_dir;
    uint32_t clock_rate;
    struct env env; /* send, random, keylog, timers */
    /* Hears rekeys by multicast as multicast_hear() does, whose datagrams come by roles_datagram(). NULL = it can't. */
    const char *(*hear)(void *ctx, const void *owner, const struct addr *local, const struct endpoint *group,
                        const struct addr *source); /* ctx: that of env */
};

/* Starts key-server groups; members wait for their data plane. NULL when memory or random octets are short. */
struct roles *roles_new(const struct roles_settings *s, struct now now);
void roles_free(struct roles *r);
/* A datagram from the wire. */
void roles_datagram(struct roles *r, const struct path *path, struct span bytes);

#define ROLES_ERROR_MAX 256
/*
 * Puts another configuration into effect as a whole, or nothing of it with a sentence in error (OP1). Everything that still
 * applies goes on: TEKs, members, sender ids, memberships with their SAs, sessions under way. Groups are known by identity,
 * memberships by identity and data plane. A membership that is gone leaves its pair `unprotected` until another group uses
 * it. Afterwards nothing refers to the old configuration. Not from within an event.
 */
MUST_CHECK bool roles_reload(struct roles *r, const struct config *config, char error[ROLES_ERROR_MAX]);
/*
 * Leaves every group that says `leave-on-stop` (GM12): LEAVE to its key server, 3 s at most, then its SAs out of use in the
 * data plane, 1 s at most; then done(ctx), once, perhaps before this returns. Nothing else may be asked afterwards.
 */
void roles_leave(struct roles *r, void (*done)(void *ctx), void *ctx);
bool roles_is_leaving(const struct roles *r);
/* The operator's `clear group` on a member: policy and keys go, and it registers at once. */
void roles_clear_member(struct roles *r, struct gm *gm);
/* Counters of sessions and of every attached data plane start at 0. Returns how many data planes. */
size_t roles_clear_counters(struct roles *r);
/* Every attached data plane counts replays and watches senders' clocks anew; windows stay. Returns how many data planes. */
size_t roles_clear_replay(struct roles *r);

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
