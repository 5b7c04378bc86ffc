/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A session is one phase 1 with what runs under it: it feeds datagrams and time to phase1, pull and repeat, and tells its
 * owner what came out. It only coordinates: no protocol bytes, no policy decisions. `sessions` is the set of them with
 * the demultiplexer (cookies -> session) and the key server's stateless front for message 1.
 *
 * Sessions are freed by themselves. A member's ends with gm_policy, gm_failed or gm_left: whoever holds a pointer forgets
 * it then.
 * A key server's stays for a linger after its last progress, since a lost answer must still be repeated, or until the
 * member deletes it. All of it is bounded: SESSIONS_MAX, SESSIONS_MAX_HALF, SESSION_MAX_PULLS. Time-outs and the ladders:
 * docs/exchanges.md.
 */
#ifndef GVPN_CTRL_RUN_SESSION_H
#define GVPN_CTRL_RUN_SESSION_H

#include "ctrl/config/config.h"
#include "ctrl/policy/payloads.h"
#include "ctrl/run/env.h"

#define SESSIONS_MAX      16384 /* in all; a new one beyond is dropped */
#define SESSIONS_MAX_HALF 4096  /* responders whose peer hasn't proved its identity yet; half of it for strangers (admit.h) */
#define SESSION_MAX_PULLS 4     /* key server: PULLs under one phase 1 */
#define SESSION_LINGER_MS 65000 /* key server: a session ends this long after its last progress (> REPEAT_GIVE_UP_MS) */

struct session;
struct sessions;

/* Why a registration was refused: what the other side is told (notify) and both logs show. */
struct refusal {
    uint16_t notify;   /* ISAKMP notify type: 18 INVALID-ID-INFORMATION, 24 AUTHENTICATION-FAILED, 8192 REFUSED, ... */
    uint64_t missing;  /* FEATURE_ bits the peer lacks */
    char text[160];
};

/* Who asks for what, proved by phase 1. */
struct registration {
    struct endpoint peer;       /* where it talks from */
    struct endpoint local;      /* the address of ours it talks to */
    char identity[128];         /* its phase-1 identity as text, escaped */
    struct group_id group;
    struct peer_features features;
    uint16_t sender_ids_wanted; /* SENDER_ID_REQUEST; 0 = none asked; known at accept only */
    bool replace_wanted;        /* it can't go on with the keys that it was given (KS12); known at accept only */
};

struct session_events {
    void *ctx;
    /*
     * Key server: is it allowed, and what is the policy for message 2? Must change nothing (RFC 6407 3.2): no member, no
     * sender id is recorded yet. Fills out (initialised; the session wipes it) or *why and returns false.
     */
    bool (*ks_request)(void *ctx, const struct registration *reg, struct policy *out, struct refusal *why, struct now now);
    /*
     * Key server: message 3 was valid. Record the member, give sender ids. `policy` is what ks_request gave; fill its
     * sid_bits and sender_ids. False refuses after all (no ids left).
     */
    bool (*ks_accept)(void *ctx, const struct registration *reg, struct policy *policy, struct refusal *why, struct now now);
    /*
     * Key server: this peer says that it leaves the group (GM12); reg has peer, local, identity and group. Whether that is
     * a member is the owner's to judge. NULL = nobody cares.
     */
    void (*ks_left)(void *ctx, const struct registration *reg, struct now now);
    /* Key server: is this address a present member's? It then queues with peers that have a key of their own. NULL = no. */
    bool (*ks_knows)(void *ctx, const struct addr *address);
    /* Member: the whole policy has arrived and was verified. The session wipes what is left and is gone after the call. */
    void (*gm_policy)(void *ctx, struct session *s, struct policy *policy, struct now now);
    /* Member: it failed (timeout, refusal, bad policy); the session is gone after the call. */
    void (*gm_failed)(void *ctx, struct session *s, const char *reason, struct now now);
    /* Member: the key server has answered LEAVE (why NULL), or it failed; the session is gone after the call. */
    void (*gm_left)(void *ctx, struct session *s, const char *why, struct now now);
};

/* One session for `show`; pointers are valid during the call. */
struct session_view {
    struct path path;
    bool initiator;
    bool established;
    const char *state;    /* "phase 1: sent message 3", "PULL: ..." */
    const char *identity; /* the peer's, proved; "" before */
    const struct config_proposal *chosen; /* NULL before it is agreed */
    uint32_t lifetime_left_s;             /* once established */
    uint32_t age_s;                       /* real */
};

/* Counters by reason for `show`; every dropped datagram moves exactly one. */
struct session_stats {
    uint64_t datagrams_in, datagrams_out;
    uint64_t dropped_malformed, dropped_unknown, dropped_state, dropped_auth, dropped_duplicate, dropped_limit;
    uint64_t phase1_established, phase1_failed, pulls_served, pulls_refused;
};

/*
 * config must outlive the set or its replacement; env and events are copied. NULL when memory or random is short. A
 * datagram begins a session only at a key server's own address (decision 26), so a pure member answers nobody.
 */
struct sessions *sessions_new(const struct env *env, const struct config *config, const struct session_events *events);
/*
 * Replaces the configuration that new exchanges use (reload), in two steps; those under way have their own copies.
 * sessions_prepare() changes nothing that anybody could see; false when memory or random is short.
 */
MUST_CHECK bool sessions_prepare(struct sessions *ss, const struct config *config);
void sessions_set_config(struct sessions *ss, const struct config *config);
/* Ends and wipes all of them without an event. Not from within an event. */
void sessions_free(struct sessions *ss);
/* Any datagram from the wire; never trusts a bit of it. */
void sessions_datagram(struct sessions *ss, const struct path *path, struct span datagram, struct now now);
/*
 * Member: registers for a group with one key server: phase 1 as initiator, then PULL asking for n_sender_ids.
 * `owner` is kept for session_owner(). Returns NULL when memory or random is short or no key fits this peer.
 */
struct session *sessions_register(struct sessions *ss, const struct path *path, const struct group_id *group,
                                  uint16_t n_sender_ids, void *owner, struct now now);
/*
 * Member: tells the key server that it leaves (GM12): phase 1 as initiator, then a LEAVE that is repeated until the server
 * deletes phase 1. gm_left follows. NULL as above.
 */
struct session *sessions_leave(struct sessions *ss, const struct path *path, const struct group_id *group, void *owner,
                               struct now now);
/*
 * Member: a message that isn't answered for so long (real time) is given up, if that is less than REPEAT_GIVE_UP_MS; for
 * when another server could answer. False: memory is short.
 */
MUST_CHECK bool session_set_patience(struct session *s, mono_t patience);
/* Member: this registration says that it can't go on with the keys that it has, so that others are made (KS12). */
void session_set_replace(struct session *s);
/* Ends it without an event, and without a word unless it is leaving. From within an event about this very session it does nothing. */
void session_abort(struct session *s);
void *session_owner(const struct session *s);
const struct session_stats *sessions_stats(const struct sessions *ss);
void sessions_clear_stats(struct sessions *ss);
/* Calls each() for every session, youngest first. */
void sessions_each(const struct sessions *ss, struct now now, void (*each)(void *ctx, const struct session_view *v),
                   void *ctx);
/* What the peer of a member's registration announced, as gm_policy is called; zeros before. */
const struct peer_features *session_features(const struct session *s);
/* Why a registration failed, where the key server's policy has to do with it (OP3). */
struct session_fault {
    bool bad_policy; /* it came, and can't be used */
    enum policy_fault_kind kind; /* of its fault; POLICY_FAULT_UNSUPPORTED also when the key server says that features are missing here */
};
/* Member, as gm_failed is called. */
struct session_fault session_fault(const struct session *s);
/* How many there are, half-open ones included. */
size_t sessions_count(const struct sessions *ss);

#endif
