/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two peers on the fake network: a key server with one group and one policy, and a member that registers with it. Both
 * run the real sessions, phase 1 and PULL; only the two roles' decisions are these few lines, and they write down what
 * they were asked, so that a test can count.
 */
#ifndef GVPN_TESTS_SIM_PEERS_H
#define GVPN_TESTS_SIM_PEERS_H

#include "ctrl/run/session.h"
#include "tests/sim/wire.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define PEERS_CLEAN  11 /* datagrams of an undisturbed registration: 6 + 4 + the member's delete */
#define PEERS_GROUP  484
#define PEERS_IDS    4   /* sender ids that the member asks for */
#define PEERS_MAX_ACCEPTS 512
#define PEERS_KS "10.0.0.1"
#define PEERS_GM "10.0.0.2"

/* What both need of a configuration; written by peers_init(), a test may change it before peers_start(). */
struct peers_config {
    struct config config;
    struct config_proposal proposal;
    struct config_psk psk;
    struct config_group group;
};

struct peers_accept {
    struct endpoint peer;
    uint64_t ids[POLICY_MAX_SENDER_IDS];
    size_t n_ids;
};

struct peers_server {
    struct wire_host host;
    struct peers_config c;
    struct sessions *ss;
    const char *refuse_request, *refuse_accept; /* NULL = says yes */
    unsigned requests, refused;
    struct peers_accept accepts[PEERS_MAX_ACCEPTS]; /* everything ever granted, over restarts too */
    size_t n_accepts;
    uint64_t next_id;
    char identity[128]; /* of the latest request */
};

struct peers_member {
    struct wire_host host;
    struct peers_config c;
    struct sessions *ss;
    struct session *session;
    uint32_t group; /* number that it asks for */
    bool retry;     /* registers again when it failed */
    unsigned policies, failures;
    mono_t registered_at; /* real time of the first policy */
    uint64_t ids[POLICY_MAX_SENDER_IDS]; /* of the latest policy */
    size_t n_ids;
    bool policy_good; /* all policies were what the server's function made */
    char reason[320]; /* of the latest failure */
};

struct peers {
    struct wire wire;
    struct peers_server ks;
    struct peers_member gm;
    char keylog[2][256]; /* latest line of server, member */
    unsigned n_keylog[2];
    void *ctx;           /* the test's own */
};

/* Makes both and their configuration. The struct is large: static or heap. */
void peers_init(struct peers *p, uint64_t seed);
/* Starts the sessions of both and begins a registration. */
void peers_start(struct peers *p);
void peers_free(struct peers *p);
/* Loses all state that a process loses. The member registers again. */
void peers_restart_server(struct peers *p);
void peers_restart_member(struct peers *p);
/* Begins a registration. */
void peers_register(struct peers *p);

/* Fails the test unless the member has one policy, the server one accept, and ids are equal and never given twice. */
void peers_assert_registered_once(const struct peers *p);
/* The same when more than one registration was allowed: the latest accept that the member has, ids never given twice. */
void peers_assert_registered(const struct peers *p);
/* Datagrams that were dropped, over all counters. */
uint64_t peers_dropped(const struct sessions *ss);

#endif
