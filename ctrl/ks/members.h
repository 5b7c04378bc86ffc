/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who has a group's keys (KS2): one entry per member, known by address and identity. Written only after a valid message 3
 * (RFC 6407 3.2).
 */
#ifndef GVPN_CTRL_KS_MEMBERS_H
#define GVPN_CTRL_KS_MEMBERS_H

#include "ctrl/ks/target.h"
#include "ctrl/run/session.h"

struct ks_member {
    struct endpoint peer;
    char identity[128];
    struct peer_features features;
    mono_t registered_at, last_seen;
    uint32_t registrations;
    mono_t keys_end; /* of the last key that it was given or sent */
    bool was_given;  /* it may have every key that was made ... */
    mono_t given_at; /* ... until then (ctrl/ks/spent.h) */
    bool left; /* it said so, at last_seen (GM12); a new registration takes that back */
    bool ejected; /* it acknowledged nothing for three rekeys (KS6); a new registration takes that back, too */
    struct ks_target target;
    uint32_t rekeys_sent, rekeys_acked; /* each rekey once, however often it was sent */
    uint32_t missed;                    /* in a row */
    uint32_t ids_epoch; /* of the sender ids that it was given ... */
    uint64_t ids_given; /* ... so many in that epoch */
};

struct ks_members {
    struct ks_member *entries; /* owned; ordered by address, then identity */
    size_t n, cap;
};

void ks_members_free(struct ks_members *ms);
/* Records a registration: a new entry, or the known one renewed. NULL when memory is short. */
struct ks_member *ks_members_record(struct ks_members *ms, const struct registration *reg, mono_t now);
/* NULL when the member isn't there. */
struct ks_member *ks_members_find(struct ks_members *ms, const struct addr *address, const char *identity);

/* Is it one of the group: it neither left nor was ejected? */
static inline bool ks_member_is_present(const struct ks_member *m)
{
    return !m->left && !m->ejected;
}

/* A member that sends from exactly this address and port; NULL when there is none. Of several a pending one. */
struct ks_member *ks_members_at(struct ks_members *ms, const struct endpoint *peer);
/* How many others than this one have keys that live now, and haven't left. */
size_t ks_members_others(const struct ks_members *ms, const struct ks_member *m, mono_t now);
/* How many are present. */
size_t ks_members_present(const struct ks_members *ms);
/* Is a present member there that registered from this address, whatever its identity? */
bool ks_members_has_address(const struct ks_members *ms, const struct addr *address);
/* How many entries an address has. */
size_t ks_members_count(const struct ks_members *ms, const struct addr *address);
/* Forgets the entries of an address, NULL = all. Returns how many. */
size_t ks_members_forget(struct ks_members *ms, const struct addr *address);

#define KS_VERSION_TEXT_MAX 16
/* Software version that a member announced: "1.2.3", or "other" for a peer without our vendor id. Returns out. */
const char *ks_version_text(const struct peer_features *f, char out[KS_VERSION_TEXT_MAX]);

#endif
