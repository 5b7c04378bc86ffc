/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who may make the key server do public-key work (IK7): token buckets for message 3 of phase 1, the first message whose
 * answer costs a Diffie-Hellman. One bucket per source address in a table of fixed size, which counts exchanges, and one for
 * all together, which counts work: an exchange in a dear group takes several tokens.
 * Peers with a pre-shared key entry of their own, and present members, have a common bucket that strangers can't drain;
 * their own address is limited as everybody's. Nothing is allocated; time is handed in (real time: CPU doesn't get faster in a lab).
 *
 * By the time this is asked, the source has echoed our cookie, so the address is real.
 */
#ifndef GVPN_CTRL_RUN_ADMIT_H
#define GVPN_CTRL_RUN_ADMIT_H

#include "common/addr.h"
#include "common/mono.h"

/* Refill per second and size of a bucket. 500 tokens are a third of a second of CPU (dh_cost()). */
#define ADMIT_SOURCE_RATE  2 /* per source address */
#define ADMIT_SOURCE_BURST 10
#define ADMIT_OTHERS_RATE  50 /* all peers without an entry of their own */
#define ADMIT_OTHERS_BURST 100
#define ADMIT_KNOWN_RATE   500 /* all peers with one */
#define ADMIT_KNOWN_BURST  1000

#define ADMIT_SETS 1024 /* the table: sets of ADMIT_WAYS addresses; within a set the one unused longest is replaced */
#define ADMIT_WAYS 4

struct admit_bucket {
    mono_t at;      /* when `tokens` was true */
    int64_t tokens; /* in billionths */
};

struct admit_source {
    struct addr addr; /* family 0: free */
    struct admit_bucket bucket;
};

struct admit {
    uint64_t seed;
    struct admit_bucket known, others;
    struct admit_source sources[ADMIT_SETS][ADMIT_WAYS];
};

/* seed: random, so that nobody can choose who shares a set. */
void admit_init(struct admit *a, uint64_t seed, mono_t now);
/*
 * True: go on, and the tokens are spent. False: too many; nothing is spent. `known`: the source has an entry of its
 * own or is a present member. `cost`: of one exchange in the chosen group, 1 to ADMIT_OTHERS_BURST.
 */
MUST_CHECK bool admit_allow(struct admit *a, const struct addr *source, bool known, unsigned cost, mono_t now);

#endif
