/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A large group on a fake network and a fake clock: one key server and up to CROWD_MAX members, each with a real gm and a model
 * of a data plane, sharing one set of sessions and two heaps of timers (world.h gives each host its own, which is more
 * true and too slow for thousands). Real phase 1, PULL, rekeys and acknowledgements; datagrams are lost and delayed by chance.
 *
 * What it judges, from the data planes alone: a member that could send once always can (mute); no worker sends with a key past
 * the key server's end of it (expired); what a member sends, others receive with (deaf; a random few are asked each time).
 */
#ifndef GVPN_TESTS_SIM_CROWD_H
#define GVPN_TESTS_SIM_CROWD_H

#include "ctrl/gm/gm.h"
#include "ctrl/ks/ks.h"
#include "ctrl/run/session.h"
#include "tests/sim/dp.h"

#define CROWD_MAX      1000
#define CROWD_SA       10  /* number of the group's one `sa` */
#define CROWD_SLOW_MS  30  /* most time that a datagram takes */
#define CROWD_ASKED    8   /* others who are asked whether they receive with what a member sends */
#define CROWD_ENDS     256 /* keys remembered */

struct crowd;

struct crowd_member {
    struct crowd *crowd;
    struct endpoint at;
    struct gm *gm;
    struct session *session;
    struct dp dp;
    bool changed, in, dirty;
    uint64_t epoch, under_way;
    struct timer start, transact;
    struct crowd_member *next_dirty;
};

struct crowd_packet {
    mono_t at;
    uint64_t order;
    struct path path; /* as its receiver sees it */
    uint8_t *bytes;   /* owned */
    size_t len;
};

struct crowd {
    struct wire clock; /* the time and random numbers for the models; it has no hosts */
    struct timers timers, real_timers;
    struct env env;
    struct config *server_config, *member_config;
    struct sessions *server_sessions, *member_sessions;
    struct ks ks;
    bool server_up;
    struct crowd_member *members; /* owned */
    struct crowd_member *dirty;
    size_t n;
    unsigned loss; /* percent */
    struct crowd_packet *queue; /* owned: a heap */
    size_t n_queued, cap_queued;
    uint64_t order;
    struct {
        uint32_t spi;
        mono_t end;
    } ends[CROWD_ENDS];
    size_t n_ends;

    /* what came of it */
    uint64_t sent, lost, pushes, acks;  /* datagrams; rekeys sent, acknowledgements sent */
    int64_t second;
    unsigned in_second, from_server, peak, peak_server; /* datagrams in the present second, and the most in any */
    uint64_t looks, mute, expired, deaf;
};

/* rekey: the value of the group's `rekey`, in flow style. Everybody is down. */
void crowd_init(struct crowd *c, uint64_t seed, size_t n, unsigned loss, const char *lifetime, const char *rekey);
void crowd_free(struct crowd *c);
void crowd_server_start(struct crowd *c);
void crowd_server_die(struct crowd *c);
/* All members begin within so many seconds. */
void crowd_members_start(struct crowd *c, unsigned within_s);
/* Goes on for so long. */
void crowd_run_for(struct crowd *c, mono_t duration);

uint32_t crowd_registrations(const struct crowd *c);
/* Members that can send now. */
size_t crowd_able(const struct crowd *c);
/* Looks at everybody's sending now, not only at those that changed. */
void crowd_judge_all(struct crowd *c);

#endif
