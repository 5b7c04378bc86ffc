/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of phase 1: the machine's state and its handlers. Only files of this folder include it. */
#ifndef GVPN_CTRL_PHASE1_MACHINE_H
#define GVPN_CTRL_PHASE1_MACHINE_H

#include "ctrl/crypto/dh.h"
#include "ctrl/crypto/ike_keys.h"
#include "ctrl/isakmp/opaque.h"
#include "ctrl/isakmp/sa.h"
#include "ctrl/phase1/phase1.h"

/* Named by what has happened. A responder is born when message 2 was sent (by halfopen). */
enum phase1_state { PHASE1_SENT_SA, PHASE1_SENT_KE, PHASE1_SENT_AUTH, PHASE1_UP };

struct phase1_psk {
    struct secret secret;
    char id[CONFIG_MAX_TEXT];
};

/* What the key exchange made; replaced as a whole when messages 2 to 4 were accepted. */
struct phase1_keying {
    struct dh *dh;
    uint8_t nonce_i[ISAKMP_NONCE_MAX], nonce_r[ISAKMP_NONCE_MAX];
    uint8_t nonce_i_len, nonce_r_len;
    uint8_t peer_public[DH_MAX];
    uint16_t peer_public_len;
    struct dh_shared shared;
    struct ike_keys keys[PHASE1_MAX_PSKS]; /* one set per candidate key */
    struct ike_iv iv;                      /* of the next encrypted message */
};

struct phase1 {
    enum phase1_state state;
    bool initiator;
    bool complained; /* AUTHENTICATION-FAILED was sent in clear: at most once */
    struct endpoint local, remote;
    struct rng rng;
    struct phase1_psk psks[PHASE1_MAX_PSKS];
    size_t n_psks;
    struct phase1_offer offer;
    struct isakmp_sa offered; /* initiator: what the body in `offer` says */
    struct phase1_keying k;
    struct ike_sa sa; /* cookies from the start, the rest when up */
    mono_t started;
    char identity[PHASE1_IDENTITY_MAX];
    struct peer_features hint;
};

/* One message on its way through a handler. */
struct phase1_input {
    struct isakmp_header header;
    struct span datagram;         /* as it came */
    struct isakmp_payloads plain; /* of a message in clear; the table has checked which payloads it has */
    mono_t now;
};

typedef enum phase1_result (*phase1_handler)(struct phase1 *p, const struct phase1_input *in,
                                             struct buf_writer *out, struct phase1_report *report);

/* Payload lists end with ISAKMP_PAYLOAD_NONE. */
extern const uint8_t phase1_auth_required[], phase1_auth_allowed[];

/* Handlers are named by traffic. */
enum phase1_result phase1_in_sa_out_ke(struct phase1 *p, const struct phase1_input *in,
                                       struct buf_writer *out, struct phase1_report *report);
enum phase1_result phase1_in_ke_out_ke(struct phase1 *p, const struct phase1_input *in,
                                       struct buf_writer *out, struct phase1_report *report);
enum phase1_result phase1_in_ke_out_auth(struct phase1 *p, const struct phase1_input *in,
                                         struct buf_writer *out, struct phase1_report *report);
enum phase1_result phase1_in_auth(struct phase1 *p, const struct phase1_input *in, struct buf_writer *out,
                                  struct phase1_report *report);
enum phase1_result phase1_in_auth_out_auth(struct phase1 *p, const struct phase1_input *in,
                                           struct buf_writer *out, struct phase1_report *report);

/* Message 5 or 6, sealed; *iv moves to its last block. False: the library failed. */
MUST_CHECK bool phase1_write_auth(const struct phase1 *p, const struct ike_keys_input *input,
                                  const struct ike_keys *keys, struct ike_iv *iv, struct buf_writer *out);
/* What the keys are made of; valid while p->k stands. */
struct ike_keys_input phase1_keys_input(const struct phase1 *p);
/* Sets report->why and returns r. */
enum phase1_result phase1_say(struct phase1_report *report, enum phase1_result r, const char *why);
/* Header of our next message; encrypted or not. */
struct isakmp_header phase1_header(const struct phase1 *p, bool encrypted);
/* The one place that changes the state. */
void phase1_enter(struct phase1 *p, enum phase1_state state);
/* Forgets a key exchange and wipes it. */
void phase1_keying_wipe(struct phase1_keying *k);

#endif
