/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One group on its key server: the policy made from the configuration, the TEKs and when the next one is due, who may
 * register and who has (KS1 to KS3, KS14). Without rekey messages members renew by registering: the next TEK is made
 * KS5's offset before the end of the present one, its life starts then, and a registration meanwhile returns both.
 */
#ifndef GVPN_CTRL_KS_GROUP_H
#define GVPN_CTRL_KS_GROUP_H

#include "ctrl/config/config.h"
#include "ctrl/ks/ids.h"
#include "ctrl/ks/members.h"

struct ks_tek {
    const struct config_sa *sa;
    uint32_t spi;
    struct secret key, integrity;
    mono_t made_at, end;
};

struct ks_group {
    const struct config_group *config;
    const struct env *env;
    struct ks_spis *spis; /* shared with the other groups */
    struct ks_ids ids;
    struct ks_members members;
    struct acl acl; /* all `sa` lists as one, ordered by number, then entry */
    uint8_t digest[32];
    struct ks_tek teks[POLICY_MAX_SAS]; /* oldest first */
    size_t n_teks;
    struct timer roll; /* next instant at which a TEK is due or ends */
    uint64_t registrations, refusals;
};

/* Builds the policy and the first TEKs. False when memory or random octets are short; free the group either way. */
MUST_CHECK bool ks_group_init(struct ks_group *g, const struct config_group *config, const struct env *env,
                              struct ks_spis *spis, mono_t now);
/* Wipes keys and frees everything. */
void ks_group_free(struct ks_group *g);
/* How long before a TEK's end the next one is made (KS5, without retransmissions and waves). */
mono_t ks_tek_offset(uint32_t lifetime_s);
/* May a member at this address register (KS14)? */
bool ks_group_authorizes(const struct ks_group *g, const struct addr *address);
/* The policy as of now, without sender ids. `out` is initialised; the caller wipes it. False when memory is short. */
MUST_CHECK bool ks_group_policy(const struct ks_group *g, struct policy *out, mono_t now);

#endif
