/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The KEKs of a group on its key server (KS4, KS7, KS8): the newest, and the few before it that some member may hold alone.
 * A KEK is immutable but for what is left of its life; another algorithm, signing key, transport or address is another KEK
 * with a random SPI, key and IV (decision 19).
 *
 * A rekey goes out under the KEK that its receiver holds, so a KEK that was replaced stays until its end: under it go
 * the news of the newest, signed by the key that its members know. A closed one announces nothing any more.
 */
#ifndef GVPN_CTRL_KS_KEK_H
#define GVPN_CTRL_KS_KEK_H

#include "ctrl/config/config.h"
#include "ctrl/ks/target.h"
#include "ctrl/run/env.h"

#define KS_KEKS 4 /* kept: the newest and three before it */

struct ks_kek {
    struct policy_kek kek; /* lifetime_s is the whole one */
    struct config_signing_key *key; /* one of its users */
    uint32_t serial; /* 1, 2, ... in the group; 0 = none */
    uint32_t number; /* of the last rekey under it (KS7); 0 = none yet */
    uint32_t first;  /* of the first one of the rekey under way: an acknowledgement counts from it on */
    mono_t made_at, end;
    uint32_t in_rekey; /* the number above belongs to this round of this rekey */
    unsigned in_round;
    struct ks_target all; /* multicast: all who hold it, as one */
    bool in_use;  /* somebody may hold it: it was given to one who registered, or a rekey that offered it has ended */
    bool offered; /* a rekey that brings it was sent */
    bool live;    /* it was in use when the present rekey began, so some may hear that under it alone */
    bool closed;  /* nothing goes out under it any more */
    bool announced; /* in log and key log */
};

struct ks_keks {
    struct ks_kek all[KS_KEKS]; /* newest first */
    size_t n;                   /* 0: the group has no rekeys */
    uint32_t last_serial;
};

/*
 * Makes a KEK for this configuration and puts it before the others; the oldest goes when there are too many. False, changing
 * nothing, when random octets are short.
 */
MUST_CHECK bool ks_kek_add(struct ks_keks *ks, const struct config_group *config, const struct env *env, mono_t now);
/* Wipes what has ended, but for the newest. */
void ks_kek_expire(struct ks_keks *ks, mono_t now);
/* Takes over all of another group's; it has none afterwards. */
void ks_kek_move(struct ks_keks *to, struct ks_keks *from);
/* A second owner of the same values, for a successor that is made aside. */
void ks_kek_copy(struct ks_keks *to, const struct ks_keks *from);
/* Wipes one, or all of them. */
void ks_kek_wipe(struct ks_kek *k);
void ks_kek_free(struct ks_keks *ks);

/* The newest; NULL when the group has no rekeys. */
struct ks_kek *ks_kek_newest(struct ks_keks *ks);
/* The one with this serial, or if that isn't there any more the oldest since; NULL for 0. */
struct ks_kek *ks_kek_find(struct ks_keks *ks, uint32_t serial);
/* Is it what this configuration asks for, its lifetime apart, which holds for the next one (KS9)? */
bool ks_kek_fits(const struct ks_kek *k, const struct config_group *config);
/* As a member gets it now: with what is left of its life, 1 s at least. */
void ks_kek_value(const struct ks_kek *k, mono_t now, struct policy_kek *out);

#endif
