/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Judges a world after every event, from its data planes alone: what counts is what workers would do with a
 * packet now.
 *
 * Broken at once, with seed and time: an SA used past its key server's end, or before all workers of the
 * member receive with it; (SPI, sender id) given twice; a refused transaction. Measured, for the test to
 * judge: how long a member that could send once can't (mute), how long a member sends with an SA that another
 * one doesn't receive with (deaf; a packet is on its way for JUDGE_FLIGHT_MS), and how long a new data plane
 * takes until it can send.
 */
#ifndef GVPN_TESTS_SIM_JUDGE_H
#define GVPN_TESTS_SIM_JUDGE_H

#include "common/mono.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JUDGE_MEMBERS   64
#define JUDGE_USES      8   /* SAs that one member's packets in flight may have */
#define JUDGE_SPIS      128 /* ends remembered */
#define JUDGE_FLIGHT_MS 200

struct world;

struct judge_use {
    uint32_t spi;
    mono_t until; /* its last packet has arrived by then; MONO_NEVER: still sending */
};

struct judge_member {
    bool in;       /* all workers have a policy */
    bool has_sent; /* this data-plane process could send once */
    mono_t born;   /* of the data-plane process */
    mono_t mute_since;
    struct judge_use uses[JUDGE_USES];
    size_t n_uses;
    uint32_t sends[2];             /* per worker; 0 = nothing */
    uint64_t used_mask, held_mask; /* of the SPIs in use now */
};

/* The worst of a kind of interval. */
struct judge_worst {
    mono_t longest, at; /* at: its end */
    uint64_t n;
    mono_t total;
    unsigned who, other; /* of the longest */
};

struct judge {
    uint64_t seed;
    bool dirty; /* somebody's data plane changed */
    mono_t now;
    mono_t look_again; /* set dirty then at the latest */
    size_t n;
    struct judge_member members[JUDGE_MEMBERS];
    mono_t deaf_since[JUDGE_MEMBERS][JUDGE_MEMBERS]; /* sender, receiver */
    uint64_t deaf_now, mute_now;
    struct {
        uint32_t spi;
        mono_t end;
    } made[JUDGE_SPIS];
    size_t next_made;
    struct judge_pair *pairs; /* owned hash table */
    size_t n_pairs, cap_pairs;
    uint64_t looks, switches, returned; /* returned: SAs wished again after their SPI was deleted */
    struct judge_worst mute, deaf, back;
};

void judge_init(struct judge *j, uint64_t seed, size_t n_members, mono_t now);
void judge_free(struct judge *j);

/* What the judge is told. */
void judge_made(struct judge *j, uint32_t spi, mono_t end);
void judge_given(struct judge *j, unsigned member, uint32_t spi, uint64_t sender, uint64_t instance,
                 unsigned worker);
void judge_ack(struct judge *j, unsigned member, const char *refused, unsigned returned);
void judge_dp_started(struct judge *j, unsigned member);

/* Looks at everybody if anything changed. */
void judge_look(struct judge *j, const struct world *w);
/* Ends what is still open, so that it counts. */
void judge_close(struct judge *j);
/* Forgets what was measured, not what was given. */
void judge_reset_worst(struct judge *j);

#endif
