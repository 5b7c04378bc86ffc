/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The TEKs of a group on its key server: made, renewed in time, dropped when they end (KS3, KS5). A key is made for one kind
 * of SA; when the configuration asks for another kind, a new key is made beside the old one, which stays as it was to its end
 * (KS9). Nothing here sends, logs (but for ks_tek_announce) or sets a timer.
 */
#ifndef GVPN_CTRL_KS_TEK_H
#define GVPN_CTRL_KS_TEK_H

#include "ctrl/config/config.h"

struct ks_group;

/* A key and the kind of SA it was made for; the configuration may have moved on meanwhile. */
struct ks_tek {
    uint16_t number; /* of the `sa` entry */
    char profile[CONFIG_NAME_MAX];
    const struct suite *suite;
    bool transport;
    enum replay_method replay;
    uint16_t window;
    bool tag, strict_sender, receive_only;
    uint32_t lifetime_s;
    uint32_t spi;
    struct secret key, integrity;
    mono_t made_at, end;
    bool announced; /* in log and key log */
    bool replaced;  /* the operator replaced it: members that know how drop it at g->replace_end (KS18) */
};

/* Drops TEKs that have ended or whose `sa` entry is gone, and makes those that are due. False when one couldn't be made. */
MUST_CHECK bool ks_tek_renew(struct ks_group *g, mono_t now);
/* Makes one for every `sa` entry. False, changing nothing, when random octets are short or there would be too many. */
MUST_CHECK bool ks_tek_make_all(struct ks_group *g, mono_t now);
/*
 * Makes another one for every `sa` entry with counter replay whose newest was made at `given` or before; those of the entry that
 * were there end at `end` at the latest. What can't be made is left out. True: there is a new one.
 */
bool ks_tek_replace(struct ks_group *g, mono_t given, mono_t end, mono_t now);
/* With this SPI; NULL when there is none. */
const struct ks_tek *ks_tek_find(const struct ks_group *g, uint32_t spi);
/* When the next one is due, and of which lifetime; MONO_NEVER without `sa` entries. lifetime_s may be NULL. */
mono_t ks_tek_next_due(const struct ks_group *g, uint32_t *lifetime_s);
/* When one of them ends next. */
mono_t ks_tek_next_end(const struct ks_group *g);
/* When the last of them ends. */
mono_t ks_tek_last_end(const struct ks_group *g);
/* When the successor of the newest TEK of an entry is due. */
mono_t ks_tek_due(const struct ks_group *g, const struct ks_tek *t);
/*
 * The delays that a rekey says now (decision 17): how long the newer keys wait, and until when the older ones live; of all
 * entries the largest, as a message has one pair. 0 when nothing takes over from anything. A message can't say more than 65535 s:
 * then members of ours are told nothing (0), because they send with the old key until 30 s before its end by themselves, and keep
 * it to its end; others are told as much as can be said, the former so much less than the latter as the rounds of a rekey take.
 */
void ks_tek_delays(const struct ks_group *g, bool ours, mono_t now, uint32_t *activate_s, uint32_t *deactivate_s);
/* So much later a key that replaces another must begin to send at the latest, or members would refuse it all (KS18). */
uint32_t ks_tek_latest_activation(const struct ks_group *g, mono_t now);
/* As a policy has it; lifetime_s 0 when less than a second is left. */
struct policy_sa ks_tek_value(const struct ks_tek *t, mono_t now);
/* Log and key log learn of TEKs when they are in effect, not when they are made aside. */
void ks_tek_announce(struct ks_group *g);

#endif
