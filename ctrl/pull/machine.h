/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of pull: the machine's state, shared by its two roles. Only files of this folder include it. */
#ifndef GVPN_CTRL_PULL_MACHINE_H
#define GVPN_CTRL_PULL_MACHINE_H

#include "ctrl/isakmp/opaque.h"
#include "ctrl/pull/pull.h"

#define PULL_NONCE_LEN 32 /* ours */

/* Named by what has happened. */
enum pull_state {
    PULL_SENT_REQUEST, /* member: message 1 */
    PULL_SENT_ACCEPT,  /* member: message 3 */
    PULL_GOT_REQUEST,  /* server: message 1 was valid */
    PULL_SENT_SA,      /* server: message 2 */
    PULL_GOT_ACCEPT,   /* server: message 3 was valid */
    PULL_OVER,
};

struct pull {
    enum pull_state state;
    bool member;
    struct ike_sa *sa; /* the session's; outlives us */
    struct rng rng;
    uint32_t message_id;
    struct ike_iv iv; /* of the next message, either direction */
    struct group_id group;
    struct peer_features peer;
    uint16_t wanted; /* sender ids: asked for (member), asked of us (server) */
    mono_t started;
    mono_t answered; /* member: when message 2 came */
    bool last_try;   /* member: a slow answer is better than none */
    bool replace;    /* its member can't go on with the keys that it has: to be said (member), was said (server) */
    bool legacy;     /* member: weak suites may be used, too */
    uint8_t nonces[2 * ISAKMP_NONCE_MAX]; /* Ni_b, then Nr_b */
    size_t nonce_i_len, nonces_len;       /* nonces_len: all that was exchanged so far */
    uint8_t *sa_body;                     /* member: SA payload of message 2, until message 4 */
    size_t sa_body_len;
    struct policy policy; /* server: what message 2 said; member: the result */
};

/* One verified message on its way through a handler. */
struct pull_input {
    const struct isakmp_payloads *ps;
    mono_t now;
};

typedef enum pull_result (*pull_handler)(struct pull *p, const struct pull_input *in, struct buf_writer *out,
                                         struct pull_report *report);

/* A message under construction: header, reserved HASH, and the chain for the rest. */
struct pull_message {
    struct isakmp_chain chain;
    size_t hash_at;
};

/* Zeroed machine on this SA; NULL when memory is short. */
struct pull *pull_new(struct ike_sa *sa, const struct rng *rng, bool member, uint32_t message_id, mono_t now);
/*
 * Opens and verifies the datagram as the next message of p: decrypts with p->iv into plain (datagram.len
 * octets), splits it, compares the HASH. *next: IV after it. Changes nothing in p.
 */
enum pull_result pull_open(const struct pull *p, struct span datagram, uint8_t *plain,
                           struct isakmp_payloads *ps, struct ike_iv *next, struct pull_report *report);
/* isakmp_payloads_fit(), and at most one GAP and one SEQ. */
bool pull_payloads_fit(const struct isakmp_payloads *ps, const uint8_t *required, const uint8_t *allowed);
/* Appends a nonce body to those exchanged so far. */
void pull_add_nonce(struct pull *p, struct span nonce);

struct pull_message pull_message_begin(const struct pull *p, struct buf_writer *out);
/* Fills the HASH over `nonces` and all that was written, encrypts with *iv and moves it. out is empty after a
 * failure. */
MUST_CHECK bool pull_message_end(const struct pull *p, const struct pull_message *m, struct span nonces,
                                 struct ike_iv *iv, struct buf_writer *out);

enum pull_result pull_say(struct pull_report *report, enum pull_result r, const char *why);
/* The one place that changes the state. */
void pull_enter(struct pull *p, enum pull_state state);

/* Handlers, named by traffic; ctrl/pull/member.c and server.c. */
enum pull_result pull_in_sa_out_accept(struct pull *p, const struct pull_input *in, struct buf_writer *out,
                                       struct pull_report *report);
enum pull_result pull_in_kd(struct pull *p, const struct pull_input *in, struct buf_writer *out,
                            struct pull_report *report);
enum pull_result pull_in_accept(struct pull *p, const struct pull_input *in, struct buf_writer *out,
                                struct pull_report *report);

#endif
