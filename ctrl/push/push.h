/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * GROUPKEY-PUSH, one message (RFC 6407 4): HDR*, SEQ, [D ...,] [SA, KD,] SIG under the KEK, signed by the key server. Values
 * become a datagram and a datagram values; whom it goes to, when, and what follows from it is for ctrl/ks and ctrl/gm.
 *
 * The order in which a receiver checks is that of RFC 6407 4.4 and 7.3.5: cookies, decryption, structure, a strictly larger
 * number, signature; only then the content is read. Nothing of a message that fails any of them is used, and nothing is
 * answered.
 */
#ifndef GVPN_CTRL_PUSH_PUSH_H
#define GVPN_CTRL_PUSH_PUSH_H

#include "ctrl/crypto/sig.h"
#include "ctrl/policy/payloads.h"

/* What a rekey says. Initialise with push_init(), wipe with push_wipe(). */
struct push {
    uint32_t number; /* SEQ: larger than that of every earlier rekey under this KEK */
    bool delete_all_teks, delete_kek; /* SPI 0 of ESP; SPI 0 of a KEK, or the one that it comes under */
    uint32_t deleted[POLICY_MAX_SAS]; /* single TEKs, host order */
    size_t n_deleted;
    bool has_policy; /* SA and KD are there */
    struct policy policy; /* has_kek: a new KEK; sas may be none then; has_rules or the digest alone */
};

void push_init(struct push *p);
void push_wipe(struct push *p);

/*
 * Makes the datagram: encoded for such peers (`form`: ours or plain RFC 6407), signed with `key`, encrypted under `kek`.
 * False with *why: it can't be said in this form, doesn't fit one datagram, or the library failed; out is of no use then.
 */
MUST_CHECK bool push_seal(const struct policy_kek *kek, const struct sig_key *key, const struct push *p,
                          const struct peer_features *form, struct buf_writer *out, struct policy_fault *why);

enum push_result {
    PUSH_OK,
    PUSH_OTHER,     /* not for this KEK: cookies, or no PUSH at all */
    PUSH_MALFORMED, /* header, decryption, padding, structure */
    PUSH_OLD,       /* number not larger than `last` */
    PUSH_FORGED,    /* no signature, or it isn't of the key server */
    PUSH_REFUSED,   /* genuine, but its content can't be used; *why says what is wrong */
};
/* Words for logs and counters: "ok", "malformed", ... */
extern const struct name push_result_names[];

/*
 * Reads a datagram that came for `kek`. last: the largest number seen under it. peer: what the key server announced when the
 * member registered. lenient: what is taken beside the canonical signature. out must be initialised; it is filled only with
 * PUSH_OK (PUSH_REFUSED leaves out->number, as the message was genuine); *why is filled with PUSH_REFUSED. CPU is bounded: a
 * datagram costs one decryption, and a signature check (two when lenient) only behind a larger number.
 */
MUST_CHECK enum push_result push_open(const struct policy_kek *kek, uint32_t last, const struct peer_features *peer,
                                      enum policy_signature_form lenient, struct span datagram, struct push *out,
                                      struct policy_fault *why);
/* Are these the cookies of a rekey under `kek`? For whoever has several. */
bool push_is_for(const struct policy_kek *kek, struct span datagram);

#endif
