/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Policy to GDOI payloads and back, in a PULL and in a PUSH (RFC 6407 5.2-5.6; docs/exchanges.md for our extensions). A peer with our vendor id gets
 * the ordered list as it is; any other gets what RFC 6407 can say, or a refusal that names what it lacks. The one door for
 * policy that comes in: nothing of it is used unless all of it was verified.
 */
#ifndef GVPN_CTRL_POLICY_PAYLOADS_H
#define GVPN_CTRL_POLICY_PAYLOADS_H

#include "ctrl/gdoi/kd.h"
#include "ctrl/gdoi/sa.h"
#include "ctrl/policy/policy.h"

#define POLICY_MAX_SA_LEN     60000            /* octets of an SA payload that we send */
#define POLICY_MAX_LIFETIME_S (30u * 24 * 3600) /* longer ones are a mistake or an attack */
#define POLICY_MAX_PSEUDOTIME_MS (70ull * 365 * 24 * 3600 * 1000) /* what a data plane's clock can hold */
#define POLICY_RULE_V4_LEN    24
#define POLICY_RULE_V6_LEN    48
#define POLICY_MAX_RULES_LEN  (ACL_MAX_ENTRIES * POLICY_RULE_V6_LEN)
#define POLICY_FAULT_TEXT_MAX 160

/* SHA-256 of bytes to out; handed in, as this folder sees no crypto library. False only when that library failed. */
typedef bool (*policy_digest_fn)(struct span bytes, uint8_t out[GDOI_DIGEST_LEN]);

/* Faults of a policy that came which have a message of their own (OP3). */
enum policy_fault_kind {
    POLICY_FAULT_OTHER,
    POLICY_FAULT_UNSUPPORTED,   /* this version, or this data plane, can't run it */
    POLICY_FAULT_SIGNATURE_KEY, /* no signature could be verified with it */
    POLICY_FAULT_TEK_PROTOCOL,
    POLICY_FAULT_RULES, /* more than ACL_MAX_ENTRIES */
    POLICY_FAULT_SAS,   /* more than POLICY_MAX_SAS */
};

/* Why a policy can't be sent or used: for the log and for the peer. The text holds no byte of a message. */
struct policy_fault {
    enum policy_fault_kind kind;
    uint16_t notify;  /* ISAKMP notify type to answer with */
    uint64_t missing; /* FEATURE_ bits that the peer lacks; when sending only */
    char text[POLICY_FAULT_TEXT_MAX];
};

/* The kind of a decoder's error, for who reads an SA payload before there is a policy. */
enum policy_fault_kind policy_fault_kind_of(enum isakmp_error e);

/* FEATURE_ bits that whoever runs this SA needs. */
uint64_t policy_sa_features(const struct policy_sa *sa);
/* FEATURE_ bits that whoever runs this policy needs; `ours` says whether it is told by our extensions (KS16). */
uint64_t policy_features(const struct policy *p, bool ours);
/* Those of them that a peer lacks. */
uint64_t policy_missing(const struct policy *p, const struct peer_features *peer);
/* "ordered policy, time replay"; returns out. */
const char *policy_features_text(uint64_t bits, char out[POLICY_FAULT_TEXT_MAX]);

/*
 * The rules as GAP attribute 130 has them, in order; the same rules give the same octets:
 *     action 1 (0 deny, 1 permit) | family 1 (4, 6) | protocol 1 (0 any) | src prefix 1 | dst prefix 1 | 0 | SA number 2
 *     | src port low 2, high 2 | dst port low 2, high 2 | src 4/16 | dst 4/16
 */
void policy_rules_put(struct buf_writer *w, const struct acl *acl);
/*
 * Reads them into an empty list, numbered from 1. False, list left empty, with *why: unknown action or family, prefix too
 * long, host bits set, low above high, ports for a protocol that has none, a permit without SA number, too many entries.
 */
MUST_CHECK bool policy_rules_get(struct span bytes, struct acl *acl, struct policy_fault *why);
/* Sets p->digest to the digest of p's encoded rules. False when memory is short or the digest function failed. */
MUST_CHECK bool policy_set_digest(struct policy *p, policy_digest_fn digest);

/*
 * Appends the SA payload for this peer. p->digest must be right. False with *why when the policy can't be said to this peer
 * (why->missing) or at all (too large, a delay above 65535 s). After a failure what was appended is of no use.
 */
MUST_CHECK bool policy_put_sa(struct isakmp_chain *c, const struct policy *p, const struct peer_features *peer,
                              struct policy_fault *why);
/* Could policy_put_sa() say it? For who wants to know before anybody asks. */
MUST_CHECK bool policy_can_be_said(const struct policy *p, const struct peer_features *peer, struct policy_fault *why);
/*
 * Appends the KD payload: the KEK when the policy has one, a TEK packet per SA in order, and a SID packet when the policy has
 * sender ids.
 */
MUST_CHECK bool policy_put_kd(struct isakmp_chain *c, const struct policy *p, struct policy_fault *why);
/*
 * The same two of a rekey. It may have no SAs when it has a KEK; to our members the digest always goes along, the rules only
 * with has_rules, the pseudotime when there is one. Others get the permit entries of the SAs that it brings, so p->acl is
 * needed in any case. Sender ids are an error (RFC 6407 5.6.4). Delays: the largest of the policy's own and those of its SAs.
 */
MUST_CHECK bool policy_put_rekey(struct isakmp_chain *c, const struct policy *p, const struct peer_features *peer,
                                 struct policy_fault *why);

/*
 * The only way from payload bodies to a policy. `peer`: what the key server announced under a verified HASH. out must be
 * initialised; on failure it is left empty and *why says what is wrong. Verified: every payload; TEKs of SA and KD match
 * one to one; suites that this version runs, key lengths as they say; lifetimes 1 s to POLICY_MAX_LIFETIME_S; activation
 * before the end; no SPI twice with different content; rules that name SAs that exist, and can encrypt anything at all; the
 * digest. No sender ids is no error: the SAs then only receive (RFC 6407 3.5), and what they should protect is dropped, as
 * receive_only, which means sending in clear, is what the server says and nothing else. Of SAs with one number the newer
 * ones get the activation delay, the older ones the deactivation delay. A KEK and its SAK come together or not at all, key
 * and IV as long as its cipher's; whether its public key is of any use is for those to say who see the crypto library
 * (sig_fits()).
 */
MUST_CHECK bool policy_from_payloads(struct span sa_body, struct span kd_body, const struct peer_features *peer,
                                     policy_digest_fn digest, struct policy *out, struct policy_fault *why);
/*
 * The same for a rekey, whose SA payload may have a SAK alone, SAs that are all of the group's or only new ones, and no rules
 * (has_rules is false then, the digest says which list is meant). So rules may name SAs that it doesn't bring: whoever
 * holds those looks. Refused besides: sender ids, an activation delay that no SA outlives.
 */
MUST_CHECK bool policy_from_rekey(struct span sa_body, struct span kd_body, const struct peer_features *peer,
                                  policy_digest_fn digest, struct policy *out, struct policy_fault *why);

#endif
