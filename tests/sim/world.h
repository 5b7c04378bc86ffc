/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A whole group on the fake network: key servers and members, each with the real ks or gm, sessions, phase 1
 * and PULL, joined as ctrl/run/roles.c and plane.c join them; a model of a data plane (dp.h) per member; and
 * a judge (judge.h) that looks after every event. Processes die without a word and start again; a data plane
 * outlives its gvpnd and the other way round.
 */
#ifndef GVPN_TESTS_SIM_WORLD_H
#define GVPN_TESTS_SIM_WORLD_H

#include "ctrl/gm/gm.h"
#include "ctrl/ks/ks.h"
#include "ctrl/run/session.h"
#include "tests/sim/dp.h"
#include "tests/sim/judge.h"

#define WORLD_MEMBERS 50
#define WORLD_SERVERS 3
#define WORLD_SA      10 /* number of the group's one `sa` */

/* Sanitizers are slow: such builds live for days instead of weeks. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WORLD_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WORLD_SANITIZED 1
#endif
#endif
#ifndef WORLD_SANITIZED
#define WORLD_SANITIZED 0
#endif

struct world;

struct world_server {
    struct world *world;
    struct wire_host host;
    struct config *config;
    struct sessions *ss; /* NULL = down */
    struct ks ks;
    unsigned lives;
    uint32_t newest_spi; /* that the judge has heard of */
    size_t most_sessions;
};

struct world_member {
    struct world *world;
    unsigned index;
    struct wire_host host;
    struct config *config;
    struct dp dp;
    /* gvpnd */
    struct sessions *ss;
    struct gm *gm; /* NULL = down */
    struct session *session;
    /* its connection to the data plane */
    bool attached, changed, takes_over;
    uint64_t epoch, under_way;
    struct timer attach, transact;
    unsigned gvpnd_lives, dp_lives;
    uint32_t registrations, failures; /* of earlier lives */
    char last_error[160];
};

struct world {
    struct wire wire;
    struct wire_host ground; /* nobody's: timers of data planes and of the test */
    struct world_server servers[WORLD_SERVERS];
    struct world_member members[WORLD_MEMBERS];
    size_t n_servers, n_members;
    unsigned loss; /* percent of datagrams */
    unsigned slow_ms; /* most time that one takes */
    uint64_t seed;
    uint64_t instances; /* data-plane processes so far */
    struct judge judge;
    struct timer look; /* a packet in flight arrives */
    /* datagrams sent in the present second, and the most in any */
    int64_t second;
    unsigned in_second, peak;
};

/* Everything is down. lifetime: of the TEKs. The struct is large: static. */
void world_init(struct world *w, uint64_t seed, size_t n_servers, size_t n_members, unsigned lifetime_s,
                unsigned loss);
/* The same with a value of `replay`, such as "{time: 10s}". */
void world_init_replay(struct world *w, uint64_t seed, size_t n_servers, size_t n_members, unsigned lifetime_s,
                       unsigned loss, const char *replay);
void world_free(struct world *w);

void world_server_start(struct world_server *s);
void world_server_die(struct world_server *s);
void world_gvpnd_start(struct world_member *m);
void world_gvpnd_die(struct world_member *m);
void world_dp_start(struct world_member *m);
void world_dp_die(struct world_member *m);
/* Data planes and gvpnds of all members. */
void world_start_members(struct world *w);

/* Registrations and failed ones, over all lives. */
uint32_t world_registrations(const struct world *w);
uint32_t world_failures(const struct world *w);
/* The seed: SIM_SEED of the environment, or the usual one. */
uint64_t world_seed(uint64_t usual);
/* A world's life in a few lines. */
void world_print(const struct world *w);
/* A duration between low and high, evenly. */
mono_t world_between(struct world *w, mono_t low, mono_t high);

#endif
