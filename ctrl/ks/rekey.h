/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rekeys on the key server (KS5 to KS7, KS10, KS17): one rekey says the group's whole present state, in a first round and some
 * retransmissions. Every round has one number per KEK, the next one. With unicast a round goes in waves, one per tick of a
 * timer, so that registrations are served in between; each wave is encoded and signed anew, because it says remaining times. A
 * later round goes only to those that haven't acknowledged any number of the rekey.
 *
 * A rekey that begins while another is under way takes its place: it says all that the other said. Members that are told to
 * register anew (ctrl/ks/epoch.h) have a rekey of their own, which nothing takes the place of.
 */
#ifndef GVPN_CTRL_KS_REKEY_H
#define GVPN_CTRL_KS_REKEY_H

#include "ctrl/ks/kek.h"
#include "ctrl/ks/members.h"
#include "ctrl/ks/schedule.h"
#include "ctrl/ks/tek.h"

#define KS_MISSED_MAX 3 /* unacknowledged rekeys in a row after which a member gets no more of them (KS6) */

struct ks_group;
struct ks_farewell;

enum ks_rekey_why {
    KS_REKEY_NONE,
    KS_REKEY_TEK,      /* a new TEK */
    KS_REKEY_KEK,      /* a new KEK */
    KS_REKEY_POLICY,   /* another configuration */
    KS_REKEY_TIME,     /* pseudotime synchronisation */
    KS_REKEY_REMINDER, /* for those that didn't acknowledge */
    KS_REKEY_OPERATOR, /* `rekey`, `rekey --replace` */
    KS_REKEY_EPOCH,    /* everybody must register */
};
extern const struct name ks_rekey_names[];

struct ks_rekey {
    struct ks_group *group;
    struct ks_farewell *farewell; /* NULL: the group's ordinary one */
    struct ks_keks *keks;
    struct ks_members *members;
    uint32_t id; /* +1 with each rekey of the group */
    enum ks_rekey_why why;
    bool active;
    bool in_round;  /* waves are going out */
    bool replace;   /* older TEKs go at the group's replace_end */
    unsigned round; /* 1 = the first */
    size_t sent_to; /* members */
    size_t next;    /* place in their table where the next wave begins: also that of a rekey that takes the place of this one */
    mono_t began, pause;
    struct timer timer; /* scaled: the next wave, round, or the end */
};

/* From one member, since its last rekey, until they are no longer told of: more than its rounds can bring. */
#define KS_USELESS_ACKS 32

/* What came of acknowledgements. */
struct ks_ack_stats {
    uint64_t accepted;
    uint64_t late;        /* for an earlier rekey, or once more; nobody looks whether they are genuine */
    uint64_t unsolicited; /* from nobody who was sent that */
    uint64_t forged;
};

/* How it goes in rounds and waves: as configured, or as it was when its members got their KEK. */
const struct config_rekey *ks_rekey_settings(const struct ks_rekey *r);
/* How many members a round's waves are for at most. */
size_t ks_rekey_targets(const struct ks_group *g);
/* Ties an unused one to its group. */
void ks_rekey_init(struct ks_rekey *r, struct ks_group *g, struct ks_farewell *farewell, struct ks_keks *keks,
                   struct ks_members *members);
/*
 * Begins one; the first wave goes out with the next tick. With KS_REKEY_REMINDER only to those that didn't acknowledge the last.
 * Nothing happens when nobody could read it.
 */
void ks_rekey_start(struct ks_rekey *r, enum ks_rekey_why why, mono_t now);
/* Ends it without counting anything. */
void ks_rekey_stop(struct ks_rekey *r);
/* One that is under way goes on in another group object, after a reload. */
void ks_rekey_move(struct ks_rekey *to, struct ks_rekey *from);
/* Members that are to be sent the present or last rekey, and haven't acknowledged. */
size_t ks_rekey_pending(const struct ks_rekey *r);
/*
 * A datagram that has the cookies of one of its KEKs. False: it isn't for this one. Verified before it counts; it only silences.
 */
bool ks_rekey_acknowledged(struct ks_rekey *r, const struct path *path, struct span datagram, mono_t now);

/* wave.c: sends the next wave of the present round. True: there are more. */
bool ks_wave_send(struct ks_rekey *r, mono_t now);
/* Is this member, or all who hold this multicast KEK, still to be sent in this round? */
bool ks_wave_is_due(const struct ks_rekey *r, const struct ks_target *t);

#endif
