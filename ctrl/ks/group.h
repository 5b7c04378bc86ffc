/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One group on its key server: the policy made from the configuration, the keys and when the next ones are due, who may
 * register and who has (KS1 to KS3, KS14). The next TEK is made KS5's offset before the end of the present one, its life starts
 * then, and a registration meanwhile returns both. With `rekey` it is pushed to the members (ctrl/ks/rekey.h); without, members
 * renew by registering.
 *
 * A changed configuration is a successor, made aside and started in place of the group when nothing can fail any more.
 */
#ifndef GVPN_CTRL_KS_GROUP_H
#define GVPN_CTRL_KS_GROUP_H

#include "ctrl/config/config.h"
#include "ctrl/ks/ids.h"
#include "ctrl/ks/changes.h"
#include "ctrl/ks/epoch.h"
#include "ctrl/ks/pseudotime.h"
#include "ctrl/ks/spent.h"

#define KS_PORT       848 /* RFC 6407 2.2 */
#define KS_MAX_BARRED 64  /* addresses */

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
    struct timer roll; /* next instant at which a key is due or ends, or members should hear of the time */
    uint64_t registrations, refusals;

    struct ks_keks keks;
    struct ks_rekey rekey;         /* the ordinary one */
    struct ks_farewell *farewells; /* youngest first */
    struct ks_ack_stats acks;
    uint32_t last_rekey;   /* id */
    uint32_t rules_serial; /* +1 with each other list */
    mono_t rekeyed_at;     /* when all members were last told everything */
    mono_t replace_end;    /* end of the TEKs that were replaced (KS18) ... */
    mono_t replace_send;   /* ... and when their successors begin to send: the first round has reached everybody */
    bool forgot;           /* members were forgotten that may have every key made ... */
    mono_t forgot_at;      /* ... until then (ctrl/ks/spent.h) */
    bool spent;            /* keys were made because a member couldn't go on with its own, ... */
    mono_t spent_at;       /* ... the last time then */
    bool epoch_wanted;     /* the sender ids run out: a new epoch begins with the next tick */
    struct addr barred[KS_MAX_BARRED];
    size_t n_barred;
    struct ks_changes changes; /* a successor: how it differs from the one before */
    struct ks_farewell *spare; /* a successor with other keys for everybody: for the members of the one before */
    mono_t made_at;
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

/* May a member at this address register (KS14)? */
bool ks_group_authorizes(const struct ks_group *g, const struct addr *address);
/* Has the operator barred this address (KS18)? */
bool ks_group_is_barred(const struct ks_group *g, const struct addr *address);
/* Members at most; 0 = no limit. Counter replay is for two: each would drop the packets of the others (KS12). */
size_t ks_group_limit(const struct ks_group *g);
/* The policy as of now, without sender ids. `out` is initialised; the caller wipes it. False when memory is short. */
MUST_CHECK bool ks_group_policy(const struct ks_group *g, struct policy *out, mono_t now);
/*
 * What a rekey says now: all SAs with delays, the list; no KEK. replace: only the SAs that stay, and after which delay the
 * others go. ours: for members with our extensions. False when memory is short.
 */
MUST_CHECK bool ks_group_rekey_policy(const struct ks_group *g, bool ours, bool replace, struct policy *out, mono_t now);
/* Is a policy that was made some messages ago still what the group has: list, keys, sender-id bits? */
bool ks_group_is_current(const struct ks_group *g, const struct policy *p);
/* A member has registered with what ks_group_policy() gave. */
void ks_group_joined(struct ks_group *g, struct ks_member *m);

/* `rekey`: says everything now. False when the group has no rekeys. */
MUST_CHECK bool ks_group_rekey(struct ks_group *g, mono_t now);
/*
 * `rekey --replace`: new TEKs at once; the old ones receive for another DTD, which is how long waves and retransmissions take, and
 * 10 s; with at_once not at all. False when keys can't be made, or would be too many.
 */
MUST_CHECK bool ks_group_replace(struct ks_group *g, bool at_once, mono_t now);
/*
 * Some TEKs were replaced, and end after `delay` at the latest: tells the members, to whom the new ones are due at once, or,
 * when none is to be lost, when the first round has reached everybody.
 */
void ks_group_replaced(struct ks_group *g, enum ks_rekey_why why, bool at_once, mono_t delay, mono_t now);
/* How long the old ones receive. */
mono_t ks_group_replace_delay(const struct ks_group *g);

/* When the next TEK or KEK is due, and of which lifetime (may be NULL). */
mono_t ks_group_next_rekey(const struct ks_group *g, uint32_t *lifetime_s);
/* When the newest KEK's successor is due; MONO_NEVER without one. */
mono_t ks_group_kek_due(const struct ks_group *g);
/* When members hear of the time although nothing is new; MONO_NEVER without time replay or rekeys (KS11). */
mono_t ks_group_time_due(const struct ks_group *g);
/* Tells all members everything, when the group has rekeys. */
void ks_group_start_rekey(struct ks_group *g, enum ks_rekey_why why, mono_t now);
/* Makes what is due and tells the members; the function of g->roll. */
void ks_group_on_roll(struct timer *t, mono_t now);
/* Sets the timer for the next change. */
void ks_group_set_timer(struct ks_group *g);
/* Log and key log learn of the keys in effect. */
void ks_group_announce(struct ks_group *g);

#endif
