/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One group on its key server: the policy made from the configuration, the TEKs and when the next one is due, who may
 * register and who has (KS1 to KS3, KS14). Without rekey messages members renew by registering: the next TEK is made
 * KS5's offset before the end of the present one, its life starts then, and a registration meanwhile returns both.
 *
 * A changed configuration is a successor, made aside and started in place of the group when nothing can fail any more.
 */
#ifndef GVPN_CTRL_KS_GROUP_H
#define GVPN_CTRL_KS_GROUP_H

#include "ctrl/config/config.h"
#include "ctrl/ks/ids.h"
#include "ctrl/ks/members.h"
#include "ctrl/ks/pseudotime.h"

/* A key and the kind of SA it was made for; the configuration may have moved on meanwhile. */
struct ks_tek {
    uint16_t number; /* of the `sa` entry */
    const struct suite *suite;
    bool transport;
    enum replay_method replay;
    uint16_t window;
    bool tag, strict_sender;
    uint32_t lifetime_s;
    uint32_t spi;
    struct secret key, integrity;
    mono_t made_at, end;
    bool announced; /* in log and key log */
};

struct ks_group {
    const struct config_group *config;
    const struct env *env;
    struct ks_spis *spis; /* shared with the other groups */
    struct ks_ids ids;
    struct ks_members members;
    struct ks_pseudotime pseudotime;
    struct acl acl; /* all `sa` lists as one, ordered by number, then entry */
    uint8_t digest[32];
    struct ks_tek teks[POLICY_MAX_SAS]; /* oldest first */
    size_t n_teks;
    struct timer roll; /* next instant at which a TEK is due or ends */
    uint64_t registrations, refusals;
};

/*
 * Policy and first TEKs, made aside: nothing is logged and no timer runs before ks_group_start(). NULL when memory or
 * random octets are short. config and spis must outlive the group.
 */
struct ks_group *ks_group_new(const struct config_group *config, const struct env *env, struct ks_spis *spis, mono_t now);
/*
 * The same group under another configuration (KS9): TEKs of `sa` numbers that are still there live on to their end, a new
 * number gets one at once, a changed suite, mode, metadata or replay method a new one beside the old. Another
 * sender-id-bits begins a new key epoch, since ids of two widths would repeat IVs. `old` isn't changed; NULL also when
 * TEKs would be too many.
 */
struct ks_group *ks_group_successor(const struct ks_group *old, const struct config_group *config, mono_t now);
/* Puts g into effect; `old` (NULL = none) hands members, sender ids, clock and counts over and is freed. Can't fail. */
void ks_group_start(struct ks_group *g, struct ks_group *old);
/* Wipes keys and frees everything. NULL is harmless. */
void ks_group_free(struct ks_group *g);

/* A new key epoch: new TEKs, sender ids and pseudotime from 0 for them alone, no members. False, changing nothing, when random is short. */
MUST_CHECK bool ks_group_clear(struct ks_group *g, mono_t now);
/* How long before a TEK's end the next one is made (KS5, without retransmissions and waves). */
mono_t ks_tek_offset(uint32_t lifetime_s);
/* May a member at this address register (KS14)? */
bool ks_group_authorizes(const struct ks_group *g, const struct addr *address);
/* Members at most; 0 = no limit. Counter replay is for two: each would drop the packets of the others (KS12). */
size_t ks_group_limit(const struct ks_group *g);
/* The policy as of now, without sender ids. `out` is initialised; the caller wipes it. False when memory is short. */
MUST_CHECK bool ks_group_policy(const struct ks_group *g, struct policy *out, mono_t now);
/* Is a policy that was made some messages ago still what the group has: list, keys, sender-id bits? */
bool ks_group_is_current(const struct ks_group *g, const struct policy *p);

#endif
