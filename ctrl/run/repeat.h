/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What makes an exchange of a few datagrams reliable over UDP: recognises datagrams that were handled already, keeps the
 * last one that we sent, and says when to send it again. One per exchange (phase 1, each PULL). It knows nothing of what
 * the datagrams mean and sends nothing itself (RFC 2408 5.1, RFC 2409 App. B, RFC 6407 7.2.5; IK6).
 *
 *  - The initiator sends the identical octets again by timer, each wait twice the one before. A duplicate never makes it
 *    send: so a datagram that the network doubled can't start a storm.
 *  - The responder has no timer. An exact copy of the last datagram that it answered gets the stored answer again, at
 *    most once per REPEAT_ANSWER_GAP and REPEAT_MAX_ANSWERS times in all.
 *  - Duplicates are recognised by hash before anything is decrypted, so they never move an IV.
 *
 * Real time, never scaled: the network's round trips don't get shorter in a lab (decision 31).
 */
#ifndef GVPN_CTRL_RUN_REPEAT_H
#define GVPN_CTRL_RUN_REPEAT_H

#include "common/buf.h"
#include "common/mono.h"
#include "ctrl/crypto/hash.h"

#define REPEAT_FIRST_MS     500  /* first wait of the initiator, less up to 1/8 of jitter */
#define REPEAT_LONGEST_MS   8000 /* no wait is longer */
#define REPEAT_GIVE_UP_MS   60000 /* this long after a message first left, its exchange is given up */
#define REPEAT_ANSWER_GAP_MS 200 /* responder: shortest time between two copies of one answer */
#define REPEAT_MAX_ANSWERS  16   /* responder: copies of one answer; the initiator sends at most 12 in its minute */
#define REPEAT_SEEN         4    /* messages of one exchange that either side receives, at most */

enum repeat_verdict {
    REPEAT_NEW,       /* not seen yet: hand it to the machine */
    REPEAT_ANSWER,    /* a copy of what was answered last: send repeat_stored() again, which was counted */
    REPEAT_DUPLICATE, /* a copy that needs no answer, or not now */
    REPEAT_OWN,       /* what we sent ourselves, thrown back at us */
};

enum repeat_due { REPEAT_WAIT, REPEAT_AGAIN, REPEAT_GIVE_UP };

struct repeat {
    bool initiator;
    uint8_t jitter;
    uint8_t seen[REPEAT_SEEN][HASH_LEN]; /* datagrams that were accepted, latest last */
    size_t n_seen;
    uint8_t refused[HASH_LEN]; /* the latest one that was refused since the last accepted one */
    bool has_refused;
    uint8_t *stored; /* last datagram sent; owned */
    size_t stored_len;
    unsigned copies;     /* how often it was sent again */
    mono_t first, last;  /* when it was sent for the first and for the latest time */
    mono_t next;         /* initiator: when to act; else MONO_NEVER */
};

/* jitter: a random octet, so that members that start together don't retransmit together. */
void repeat_init(struct repeat *r, bool initiator, uint8_t jitter);
void repeat_wipe(struct repeat *r);

/* What is this datagram? Changes nothing but the counters of repeated answers. */
enum repeat_verdict repeat_judge(struct repeat *r, struct span datagram, mono_t now);
/* The machine accepted it: copies of it are duplicates from now on, and what we sent before needs no repetition. */
void repeat_accepted(struct repeat *r, struct span datagram);
/* It was malformed or failed authentication: exact copies are dropped unread until something else is accepted. */
void repeat_refused(struct repeat *r, struct span datagram);
/* We sent this. The initiator's timer starts. Returns false when memory is short: then it can't be repeated. */
MUST_CHECK bool repeat_sent(struct repeat *r, struct span datagram, mono_t now);
/* The last datagram sent; empty when there is none. */
struct span repeat_stored(const struct repeat *r);

/* When repeat_due() wants to be asked; MONO_NEVER for a responder and when nothing is awaited. */
mono_t repeat_next(const struct repeat *r);
/* REPEAT_AGAIN: send repeat_stored() once more; the next deadline is set. */
enum repeat_due repeat_due(struct repeat *r, mono_t now);

#endif
