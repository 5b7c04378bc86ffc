/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * GROUPKEY-PULL, both roles (RFC 6407 section 3). A pure machine: messages and decisions go in, messages and
 * events come out. It never sends, waits or retransmits, and is given each new message once; a bad one
 * changes nothing and the genuine one is still accepted. All HASHes cover M-ID, the nonces so far and all raw
 * octets after the HASH payload.
 *
 * Member: pull_new_member() -> (message 2) -> (message 4) PULL_POLICY.
 * Key server: pull_new_server() with message 1 -> PULL_REQUEST -> pull_answer() or pull_refuse()
 *             -> (message 3) PULL_ACCEPT -> pull_deliver() or pull_refuse().
 */
#ifndef GVPN_CTRL_PULL_PULL_H
#define GVPN_CTRL_PULL_PULL_H

#include "ctrl/crypto/ike_sa.h"
#include "ctrl/crypto/rng.h"
#include "ctrl/policy/payloads.h"
#include "ctrl/pull/inform.h"

#define PULL_MAX_MESSAGE 65535 /* octets of any message */
#define PULL_REASON_MAX  256

struct pull;

enum pull_result {
    PULL_GOES_ON,    /* message accepted; send what is in out */
    PULL_REQUEST,    /* server: message 1 is valid; decide: pull_answer() or pull_refuse() */
    PULL_ACCEPT,     /* server: message 3 is valid; decide: pull_deliver() or pull_refuse() */
    PULL_AGAIN,      /* member: message 2 took too long for the time in it to be of use: ended; begin another one */
    PULL_POLICY,     /* member: the policy is complete and verified: pull_policy() */
    PULL_REFUSED,    /* member: a protected notify ended it; report->why */
    PULL_BAD_POLICY, /* member: authentic, but the policy can't be used: ended; report->why. Send a delete. */
    PULL_DROP_MALFORMED, /* the three below: nothing changed, nothing to send */
    PULL_DROP_STATE,     /* other message id, role or state */
    PULL_DROP_AUTH,      /* wrong HASH */
    PULL_ERROR,          /* random, memory or crypto library failed: give it up */
};

struct pull_report {
    char why[PULL_REASON_MAX]; /* for the log, escaped; "" when nothing is to be said */
    uint16_t notify;           /* PULL_REFUSED: its type */
    uint64_t missing;          /* PULL_REFUSED: FEATURE_ bits we lack, when the server said so */
    enum policy_fault_kind kind; /* PULL_BAD_POLICY: what is wrong with it */
    bool bad_hash;               /* dropped for a wrong HASH, or for none */
};

/*
 * Member: begins and writes message 1 to out. n_sender_ids 1 to 64. `sa` must outlive the pull; its list of
 * used message ids is changed. NULL when memory or random is short or the SA has seen too many exchanges.
 */
struct pull *pull_new_member(struct ike_sa *sa, const struct group_id *group, uint16_t n_sender_ids,
                             const struct rng *rng, mono_t now, struct buf_writer *out);
/*
 * Key server: a datagram of exchange 32 whose message id no pull of this phase 1 has. Returns the machine
 * when message 1 is valid (*result PULL_REQUEST), else NULL with *result saying why it was dropped.
 */
struct pull *pull_new_server(struct ike_sa *sa, const struct rng *rng, struct span datagram, mono_t now,
                             enum pull_result *result, struct pull_report *report);
/*
 * Member: there will be no other attempt. The time in message 2 is taken to be half a round trip old, so it is as wrong as
 * that trip was uneven: more than a quarter of the replay window, or 2 s, is PULL_AGAIN (decision 18). In a last try only
 * the quarter counts, and more is PULL_BAD_POLICY.
 */
void pull_set_last_try(struct pull *p);
/* Member: suites that common/suite calls legacy are taken, too. Without it a policy with one is PULL_BAD_POLICY. */
void pull_set_legacy(struct pull *p);
/* Member: message 3 says that it can't go on with the keys that it was given, so that others are made (KS12). */
void pull_set_replace(struct pull *p);
/* Wipes keys and policy. NULL is harmless. */
void pull_free(struct pull *p);

/* One datagram with this machine's message id (exchange 32). out: PULL_MAX_MESSAGE octets. */
enum pull_result pull_step(struct pull *p, struct span datagram, mono_t now, struct buf_writer *out,
                           struct pull_report *report);

/*
 * A verified informational of the same phase 1 (inform_open()). A member that waits takes an error notify as
 * its refusal (PULL_REFUSED, the pull is over); anything else leaves it as it is (PULL_GOES_ON).
 */
enum pull_result pull_inform(struct pull *p, const struct inform *inform, struct pull_report *report);

/* Server, after PULL_REQUEST: message 2 with this policy's SA. Keeps a copy. False: it can't be encoded;
 * refuse it. */
MUST_CHECK bool pull_answer(struct pull *p, const struct policy *policy, struct buf_writer *out,
                            struct pull_report *report);
/* Server, after PULL_ACCEPT: the policy given to pull_answer, to have sender ids filled in. Owned by p. */
struct policy *pull_pending(struct pull *p);
/* Server, after PULL_ACCEPT: message 4 with the keys and sender ids of pull_pending(). The pull is complete
 * then. */
MUST_CHECK bool pull_deliver(struct pull *p, struct buf_writer *out, struct pull_report *report);
/*
 * Server, after PULL_REQUEST or PULL_ACCEPT: a protected informational that says no; ends the pull. notify:
 * 18, 24, 8192... Our own members always get 8192 REFUSED with all three (notify becomes its reason); others
 * get the notify alone, and 24 AUTHENTICATION-FAILED in place of 8192.
 */
MUST_CHECK bool pull_refuse(struct pull *p, uint16_t notify, uint64_t missing, const char *text,
                            struct buf_writer *out);

uint32_t pull_message_id(const struct pull *p);
/* Server: what was asked for. */
const struct group_id *pull_group(const struct pull *p);
/* What the peer announced under a verified HASH. */
const struct peer_features *pull_features(const struct pull *p);
/* Server, after PULL_ACCEPT: SENDER_ID_REQUEST, 0 when none was asked. */
uint16_t pull_sender_ids_wanted(const struct pull *p);
/* Server, after PULL_ACCEPT: does the member say that it can't go on with its keys? */
bool pull_replace_wanted(const struct pull *p);
/*
 * Member, after PULL_POLICY: the policy, owned by p. Lifetimes are as the server said them, less what has
 * passed since message 1 left; the pseudotime is the server's, plus half the round trip of messages 1 and 2
 * and what has passed since (decision 18).
 */
struct policy *pull_policy(struct pull *p);
/* When message 1 left (member) or arrived (server). */
mono_t pull_started(const struct pull *p);
const char *pull_state_text(const struct pull *p);
/* Server: message 2 is out, and message 3 hasn't come. */
bool pull_awaits_accept(const struct pull *p);

#endif
