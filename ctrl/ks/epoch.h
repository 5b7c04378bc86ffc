/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * New key epochs (KS18; RFC 6407 3.5): new KEK, new TEKs, sender ids from 0, and everybody registers again. The members of the
 * epoch that is over get a rekey of their own, the farewell: it deletes the KEK at once and the TEKs after 60 s, and brings no key
 * that they don't have. Its receivers leave the table and come back by registering.
 */
#ifndef GVPN_CTRL_KS_EPOCH_H
#define GVPN_CTRL_KS_EPOCH_H

#include "ctrl/ks/pseudotime.h"
#include "ctrl/ks/rekey.h"
#include "ctrl/push/push.h"

#define KS_FAREWELL_S 60 /* how long the TEKs of an epoch that is over go on */

struct ks_farewell {
    struct ks_farewell *next;
    struct ks_rekey rekey;
    struct ks_keks keks;
    struct ks_members members;
    struct ks_tek teks[POLICY_MAX_SAS];
    size_t n_teks;
    mono_t teks_end;
    struct ks_pseudotime pseudotime; /* of that epoch: members wouldn't believe another */
    struct acl acl; /* of that epoch, as are the next three */
    uint8_t digest[32];
    bool receive_only;
    struct config_rekey settings; /* without key */
};

/* What is told of the list and in which rounds, made aside; NULL when memory is short. Given to ks_farewell_start() or _drop(). */
struct ks_farewell *ks_farewell_new(const struct ks_group *of);
/* One that was never started. NULL is harmless. */
void ks_farewell_drop(struct ks_farewell *f);
/*
 * Takes KEKs, members and TEKs out of `from` and begins to tell them, on behalf of g (the same group, or its successor). When
 * nobody could read it, f is freed at once.
 */
void ks_farewell_start(struct ks_farewell *f, struct ks_group *g, struct ks_group *from, mono_t now);
/* Its last round is over: frees it. */
void ks_farewell_end(struct ks_farewell *f);
/* All of a group go on in another group object, or are freed. */
void ks_farewell_move(struct ks_group *to, struct ks_group *from);
void ks_farewell_free_all(struct ks_group *g);
/* What it says now. */
void ks_farewell_push(const struct ks_farewell *f, struct push *out, mono_t now);

/* Begins a new epoch. False, changing nothing, when memory or random octets are short. */
MUST_CHECK bool ks_epoch_begin(struct ks_group *g, mono_t now);
/* `clear group`: the same, and pseudotime starts anew, too. *told: how many members are told (0 without rekeys). */
MUST_CHECK bool ks_epoch_clear(struct ks_group *g, mono_t now);
/*
 * `clear ks members GROUP ADDRESS --bar`: who is at this address mustn't register again, until an operator lifts that or the
 * daemon starts anew; no reload and no `clear group` forgives. A new epoch keeps it from what comes (decision 21). False with a
 * sentence in error.
 */
#define KS_EPOCH_ERROR_MAX 120
MUST_CHECK bool ks_epoch_bar(struct ks_group *g, const struct addr *address, mono_t now, char error[KS_EPOCH_ERROR_MAX]);
/* It may register again. False when it wasn't barred. */
bool ks_epoch_unbar(struct ks_group *g, const struct addr *address);

#endif
