/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The responder's front, without state per peer: message 1 is answered, and the answer (message 2) is a pure
 * function of that message, the sender's endpoint, the epoch and a secret. CKY-R is a keyed hash over all of
 * them; a message 3 that doesn't bring it back never reaches Diffie-Hellman. What must be remembered, because
 * it is hashed later, is the body of the offered SA: two fixed rings, one for short bodies and one for long ones, equal
 * bodies stored once, and a small store of bodies that led to an established phase 1, which a flood can't push out.
 *
 * An answer is never larger than its request. Memory is allocated once.
 */
#ifndef GVPN_CTRL_PHASE1_HALFOPEN_H
#define GVPN_CTRL_PHASE1_HALFOPEN_H

#include "ctrl/phase1/phase1.h"

#define HALFOPEN_RING    16384 /* bodies of up to HALFOPEN_SHORT octets */
#define HALFOPEN_SHORT   256
#define HALFOPEN_LONG    2048 /* bodies above that, up to PHASE1_MAX_OFFER */
#define HALFOPEN_KNOWN   64
#define HALFOPEN_EPOCH_S 60 /* a cookie is good in the epoch it was made and in the next one */

struct halfopen;

enum halfopen_result {
    HALFOPEN_ANSWERED,    /* out: message 2 */
    HALFOPEN_NO_PROPOSAL, /* out: NO-PROPOSAL-CHOSEN in clear, without a usable CKY-R; empty when it wouldn't
                             fit */
    HALFOPEN_MESSAGE3,    /* offer filled: make a responder and step it with this datagram */
    HALFOPEN_DROP_MALFORMED, /* nothing to send, nothing changed, for all that follow */
    HALFOPEN_DROP_STATE,     /* neither a message 1 nor a message 3 */
    HALFOPEN_DROP_COOKIE,  /* message 3 with a cookie that isn't ours for this peer, is too old, or was spent
                            */
    HALFOPEN_DROP_TOO_BIG, /* SA body above PHASE1_MAX_OFFER */
    HALFOPEN_ERROR,        /* crypto library failed */
};

/* secret: 32 random octets. NULL when memory is short. proposals: our order decides; copied (at most CONFIG_MAX_PROPOSALS). */
struct halfopen *halfopen_new(const uint8_t secret[32], const struct config_proposal *proposals,
                              size_t n_proposals);
/* New proposals (reload). Answers already given stay good. */
void halfopen_set_proposals(struct halfopen *h, const struct config_proposal *proposals, size_t n_proposals);
void halfopen_free(struct halfopen *h);

/*
 * A main mode datagram that belongs to no session. `remote` is where it came from; now: real time. out needs
 * PHASE1_MAX_MESSAGE octets.
 */
enum halfopen_result halfopen_step(struct halfopen *h, const struct endpoint *remote, struct span datagram,
                                   mono_t now, struct buf_writer *out, struct phase1_offer *offer);
/* A session was made from this offer: its cookie is dead from now on, whatever becomes of the session
 * (CVE-2023-30570). */
void halfopen_spend(struct halfopen *h, const struct phase1_offer *offer);
/* Its phase 1 was established: keep the body where a flood can't push it out. */
void halfopen_remember(struct halfopen *h, const struct phase1_offer *offer);
/*
 * After HALFOPEN_NO_PROPOSAL, for the log: what this datagram offered, and what we accept. Text of at most cap - 1
 * octets, "..." at its end when not all fits.
 */
void halfopen_refusal(const struct halfopen *h, struct span datagram, char *out, size_t cap);
/* How many bodies are stored, in the rings and known ones. */
size_t halfopen_count(const struct halfopen *h);

#endif
