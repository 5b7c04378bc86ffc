/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The key server role: its groups, and the two questions that a session asks it. The first changes nothing; only a valid
 * message 3 makes somebody a member (RFC 6407 3.2; KS2).
 */
#ifndef GVPN_CTRL_KS_KS_H
#define GVPN_CTRL_KS_KS_H

#include "ctrl/ks/group.h"

#define KS_ERROR_MAX 160

struct ks {
    struct ks_spis spis;
    const struct env *env;
    struct ks_group **groups;
    size_t n_groups;
};

/* Starts every group of the configuration that is a key server's. False when memory or random octets are short. */
MUST_CHECK bool ks_init(struct ks *ks, const struct config *config, const struct env *env, mono_t now);
void ks_free(struct ks *ks);
/* By name; NULL when there is none. */
struct ks_group *ks_find(struct ks *ks, const char *name);

/*
 * Another configuration, in two steps (OP1, KS9). ks_prepare() makes everything aside and changes nothing; NULL with a
 * sentence in error. ks_commit() puts it into effect and can't fail; nothing refers to the old configuration afterwards. A
 * group is known by its identity: another identity is another group, and the old one ends.
 */
struct ks_change;
struct ks_change *ks_prepare(struct ks *ks, const struct config *config, mono_t now, char error[KS_ERROR_MAX]);
void ks_commit(struct ks *ks, struct ks_change *c);
/* NULL is harmless. */
void ks_abandon(struct ks_change *c);

/* session_events' questions: see there. */
bool ks_request(struct ks *ks, const struct registration *reg, struct policy *out, struct refusal *why, struct now now);
bool ks_accept(struct ks *ks, const struct registration *reg, struct policy *policy, struct refusal *why, struct now now);
/* A member said under its phase 1 that it leaves (GM12). Anybody else's word changes nothing. True: it was noted. */
bool ks_left(struct ks *ks, const struct registration *reg, struct now now);
/*
 * A GROUPKEY-PUSH-ACK, or what looks like one (RFC 8263). Counted in the group whose KEK it names; it does nothing but silence
 * retransmissions to its sender. False: no group here has that KEK.
 */
bool ks_acknowledged(struct ks *ks, const struct path *path, struct span datagram, struct now now);
/* Has a present member, or one that was told to register again, registered from this address? */
bool ks_knows(const struct ks *ks, const struct addr *address);

#endif
