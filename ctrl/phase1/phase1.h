/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IKEv1 phase 1, main mode with a pre-shared key, both roles (RFC 2409 5.4; RFC 6407 2.1): the ciphers
 * and hashes of ctrl/crypto/ike_suite.h, the groups of ctrl/crypto/dh.h. A pure machine: a message and the time go in, a message and a result come out.
 * It never sends, waits, retransmits or recognises duplicates: that is ctrl/run's. It is given each new
 * message once, and a bad one changes nothing: the exchange goes on and still accepts the genuine message.
 *
 * The responder begins at message 3: messages 1 and 2 are handled without state by phase1/halfopen.
 */
#ifndef GVPN_CTRL_PHASE1_PHASE1_H
#define GVPN_CTRL_PHASE1_PHASE1_H

#include "common/addr.h"
#include "ctrl/config/config.h"
#include "ctrl/crypto/ike_sa.h"
#include "ctrl/crypto/rng.h"
#include "ctrl/policy/policy.h"

#define PHASE1_MAX_PSKS     8    /* candidates that share a peer address (NAT) */
#define PHASE1_MAX_OFFER    2048 /* octets of an SA body; ours (20 proposals: 736) and those that the responder takes */
#define PHASE1_MAX_MESSAGE  2048 /* octets of any message that we write */
#define PHASE1_IDENTITY_MAX 128

struct phase1;

struct phase1_settings {
    struct endpoint local, remote;
    const struct config_proposal
        *proposals; /* initiator: what to offer, in this order; only read during the call */
    size_t n_proposals;
    uint32_t doi;                                   /* initiator: 2, or 1 (`phase1-doi: ipsec`) */
    const struct config_psk *psks[PHASE1_MAX_PSKS]; /* candidates for this peer; secret and id are copied */
    size_t n_psks;
    struct rng rng;
};

/* What message 1 offered and message 2 answered, kept by halfopen until message 3 arrives. */
struct phase1_offer {
    uint8_t cookie_i[IKE_COOKIE_LEN], cookie_r[IKE_COOKIE_LEN];
    uint32_t doi; /* of the offer */
    struct config_proposal chosen;
    uint16_t body_len;
    uint8_t body[PHASE1_MAX_OFFER]; /* SAi_b: the SA payload without its generic header, as it was received */
};

enum phase1_result {
    PHASE1_GOES_ON,     /* message accepted; send what is in out */
    PHASE1_ESTABLISHED, /* the same, and phase 1 is up: phase1_sa() */
    PHASE1_NOTED,       /* an unauthenticated notify: report->notify is for the log only; nothing changed */
    PHASE1_DROP_MALFORMED, /* the four below: nothing changed, and the exchange goes on */
    PHASE1_DROP_STATE,     /* not a message this state waits for */
    PHASE1_DROP_REFUSED, /* well formed, but says what we don't accept: proposal, key exchange value, nonce */
    PHASE1_DROP_AUTH,    /* wrong HASH (wrong pre-shared key) or not the configured identity */
    PHASE1_ERROR,        /* random or crypto library failed: give the exchange up */
};

struct phase1_report {
    const char *why; /* static text for a log line; "" when nothing is to be said */
    uint16_t notify; /* PHASE1_NOTED: its type */
    char notify_text[32];
};

/*
 * Begins as initiator and writes message 1 to out. NULL: no proposal or key that this version can use, an
 * IPv6 peer, or memory or random is short; *why says which (static text).
 */
struct phase1 *phase1_new_initiator(const struct phase1_settings *s, mono_t now, struct buf_writer *out,
                                    const char **why);
/*
 * Begins as responder from an offer that halfopen yielded; then step it with the message 3 that carried the
 * cookie. NULL as above. settings.proposals and doi aren't used.
 */
struct phase1 *phase1_new_responder(const struct phase1_settings *s, const struct phase1_offer *offer,
                                    mono_t now, const char **why);
/* Wipes every secret. NULL is harmless. */
void phase1_free(struct phase1 *p);

/*
 * One datagram of this exchange (exchange type 2, or 5 before it is up). out: PHASE1_MAX_MESSAGE octets; send
 * it whenever it isn't empty: the next message after PHASE1_GOES_ON and PHASE1_ESTABLISHED, and at most once
 * in an exchange a notify in clear after PHASE1_DROP_AUTH, which is nobody's answer and must not be stored or
 * repeated.
 */
enum phase1_result phase1_step(struct phase1 *p, struct span datagram, mono_t now, struct buf_writer *out,
                               struct phase1_report *report);

/* The cookies, for the demultiplexer; an initiator's cookie_r is zero until message 2 was accepted. */
const uint8_t *phase1_cookie_i(const struct phase1 *p);
const uint8_t *phase1_cookie_r(const struct phase1 *p);
/* After PHASE1_ESTABLISHED: the SA, owned by p, or NULL before. pull changes its list of used message ids. */
struct ike_sa *phase1_sa(struct phase1 *p);
/* What was agreed; NULL before message 2. */
const struct config_proposal *phase1_chosen(const struct phase1 *p);
/* The peer's proved identity as escaped text: "10.0.0.2", "fqdn:gm1.example.org"; "" before phase 1 is up. */
const char *phase1_identity(const struct phase1 *p);
/*
 * What its vendor id in phase 1 said. Not authenticated: a hint for logs, never for policy. A responder's is empty unless
 * message 3 repeats the vendor id: message 1 left no state behind.
 */
const struct peer_features *phase1_hint(const struct phase1 *p);
/*
 * The keylog line "<cookie_i hex>,<cipher key hex>" that tshark reads (holds a key!), 82 octets with NUL;
 * false before the key exchange is done. A responder with several candidate keys knows the right one when
 * phase 1 is up.
 */
MUST_CHECK bool phase1_keylog(const struct phase1 *p, char *out, size_t cap);
/* After message 1 as initiator, for logs: what we offer. At most cap - 1 octets, "..." at the end when not all fits. */
void phase1_offered_text(const struct phase1 *p, char *out, size_t cap);
/* Responder: the offer that it began with, for halfopen_remember(). */
const struct phase1_offer *phase1_offered(const struct phase1 *p);
/* Text of the state, named by what has happened: "sent message 1". */
const char *phase1_state_text(const struct phase1 *p);

#endif
