/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The key server role: its groups, and the two questions that a session asks it. The first changes nothing; only a valid
 * message 3 makes somebody a member (RFC 6407 3.2; KS2).
 */
#ifndef GVPN_CTRL_KS_KS_H
#define GVPN_CTRL_KS_KS_H

#include "ctrl/ks/group.h"

struct ks {
    struct ks_spis spis;
    struct ks_group *groups;
    size_t n_groups;
};

/* Starts every group of the configuration that is a key server's. False when memory or random octets are short. */
MUST_CHECK bool ks_init(struct ks *ks, const struct config *config, const struct env *env, mono_t now);
void ks_free(struct ks *ks);
/* By name; NULL when there is none. */
struct ks_group *ks_find(struct ks *ks, const char *name);

/* session_events' questions: see there. */
bool ks_request(struct ks *ks, const struct registration *reg, struct policy *out, struct refusal *why, struct now now);
bool ks_accept(struct ks *ks, const struct registration *reg, struct policy *policy, struct refusal *why, struct now now);

#endif
