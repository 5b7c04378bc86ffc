/* SPDX-License-Identifier: BSD-3-Clause */
/* What session.c and sessions.c share; nobody else includes this. */
#ifndef GVPN_CTRL_RUN_SESSION_IMPL_H
#define GVPN_CTRL_RUN_SESSION_IMPL_H

#include "ctrl/isakmp/isakmp.h"
#include "ctrl/phase1/halfopen.h"
#include "ctrl/pull/pull.h"
#include "ctrl/run/admit.h"
#include "ctrl/run/demux.h"
#include "ctrl/run/repeat.h"
#include "ctrl/run/session.h"

#define SESSION_REASON_MAX 320
#define SESSION_STATE_MAX  64

/* One PULL under a phase 1. */
struct session_pull {
    struct pull *pull;
    struct repeat repeat;
    uint32_t message_id;
};

struct session {
    struct sessions *set;
    struct session *prev, *next; /* in the set's list */
    struct demux_entry demux;
    struct path path;
    bool initiator;
    bool up;      /* phase 1 is established */
    bool ending;  /* its last event is being delivered */
    bool keys_logged;
    bool leaving; /* member: it is here to send LEAVE */
    bool left;    /* key server: LEAVE came under it; only copies of that are answered */
    mono_t began; /* real */
    struct phase1 *phase1;
    struct repeat phase1_repeat;
    struct session_pull pulls[SESSION_MAX_PULLS];
    size_t n_pulls;
    struct repeat inform_repeat; /* LEAVE and its answer */
    struct timer resend; /* real time; initiator: the next retransmission or give-up */
    mono_t patience;     /* initiator: give a message up after so long; MONO_NEVER = as repeat does */
    struct timer end;    /* real time; responder: no progress for too long, or the linger is over */
    char hint[224];      /* the latest thing that went wrong, for the reason of a time-out; "" = nothing */

    /* member */
    struct group_id group;
    uint16_t n_sender_ids;
    bool replace; /* it can't go on with the keys that it has */
    struct session_fault fault;
    unsigned slow_pulls; /* PULLs that were begun again because the answer took too long */
    void *owner;
};

struct sessions {
    struct env env;
    const struct config *config;
    struct session_events events;
    struct session_stats stats;
    struct demux demux;
    struct admit *admit;
    struct halfopen *halfopen; /* NULL while no group is a key server's */
    struct session *list;
    size_t n, n_half;
    uint8_t *scratch; /* PULL_MAX_MESSAGE octets for the message being written */
};

/* Why a datagram is dropped: each is one counter of session_stats. */
enum session_drop { DROP_MALFORMED, DROP_UNKNOWN, DROP_STATE, DROP_AUTH, DROP_DUPLICATE, DROP_LIMIT };

/* Counts, and writes one rate-limited line unless why is empty. Nothing else happens to a dropped datagram. */
void sessions_drop(struct sessions *ss, enum session_drop kind, const struct path *path, const char *why);
/* Sends and counts. */
void sessions_send(struct sessions *ss, const struct path *path, struct span datagram);
struct rng sessions_rng(struct sessions *ss);
/* The keys for a peer and everything else phase 1 needs. */
void sessions_settings(struct sessions *ss, const struct path *path, struct phase1_settings *out);

/* An empty session, listed and counted but not yet in the demultiplexer. NULL when memory or random is short. */
struct session *session_new(struct sessions *ss, const struct path *path, bool initiator);
/* Wipes everything and forgets it. */
void session_free(struct session *s);
/* A datagram whose cookies and endpoints are this session's. */
void session_datagram(struct session *s, const struct isakmp_header *h, struct span datagram, struct now now);
/* Initiator: message 1 was written. Responder: message 3 was accepted and this is message 4. False: memory is short. */
MUST_CHECK bool session_begin(struct session *s, struct span received, struct span out, struct now now);
/* Writes the phase-1 key to the lab key log, once, as soon as there is one. */
void session_log_key(struct session *s);

/* What it is doing: "PULL: sent message 1". Returns out. */
const char *session_state_text(const struct session *s, char out[SESSION_STATE_MAX]);
/* It has failed: the member's owner is told why, and it is gone. */
void session_fail(struct session *s, const char *reason, struct now now);
/*
 * A datagram was accepted by a machine (none: empty) and `out` is what it says (nothing: empty): remember both, send, and
 * wait anew. Fails the session and returns false when memory is short.
 */
bool session_progress(struct session *s, struct repeat *r, struct span received, struct span out, struct now now);
/* True when the datagram was a copy and has been dealt with. */
bool session_was_repeated(struct session *s, struct repeat *r, struct span datagram, struct now now);

/* session_pull.c. Member: phase 1 is up, so ask for the group. May end the session, as the two below. */
void session_begin_pull(struct session *s, struct now now);
/* A datagram of exchange 32 under an established phase 1. */
void session_in_pull(struct session *s, uint32_t message_id, struct span datagram, struct now now);
/* A datagram of exchange 5 under an established phase 1. */
void session_in_inform(struct session *s, struct span datagram, struct now now);
/* Tells the peer that we need this phase 1 no longer (RFC 2409 5.7); it may get lost, the server has a time-out. */
void session_say_goodbye(struct session *s);

/* session_leave.c. Member: phase 1 is up, so say LEAVE. May end the session, as all below. */
void session_begin_leave(struct session *s, struct now now);
/* Key server: what a verified informational says about leaving. False: nothing. */
bool session_in_leave(struct session *s, const struct inform *in, struct span datagram, struct now now);
/* Member: the owner hears how it ended (why NULL: the server has answered). */
void session_end_leave(struct session *s, const char *why, struct now now);

#endif
