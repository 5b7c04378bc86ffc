/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The member's half of GROUPKEY-PULL: asks, checks what the server offers before it accepts, and turns
 * message 4 into a policy. An authenticated server is still not trusted: all of the policy is verified before
 * any of it gets out.
 */
#include "ctrl/pull/machine.h"

#include "ctrl/crypto/hash.h"
#include "ctrl/crypto/sig.h"
#include "ctrl/gdoi/seq.h"
#include "ctrl/isakmp/id.h"
#include "ctrl/isakmp/vid.h"
#include "ctrl/policy/payloads.h"
#include "ctrl/policy/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIP_WINDOW_DIV 4
#define TRIP_MAX_S      2

/* HDR*, HASH(1), Ni, ID, VID */
static bool write_request(struct pull *p, struct buf_writer *out)
{
    uint8_t nonce[PULL_NONCE_LEN];
    if (!ike_sa_first_iv(p->sa, p->message_id, &p->iv) || !rng_get(&p->rng, nonce, sizeof nonce))
        return false;
    struct pull_message m = pull_message_begin(p, out);
    isakmp_nonce_put(&m.chain, span_of(nonce, sizeof nonce));
    isakmp_id_put_group(&m.chain, p->group.is_address, p->group.value);
    isakmp_vid_put_ours(&m.chain, policy_version_ours(), feature_ours());
    if (!pull_message_end(p, &m, span_of(NULL, 0), &p->iv, out))
        return false;
    pull_add_nonce(p, span_of(nonce, sizeof nonce));
    p->nonce_i_len = p->nonces_len;
    return true;
}

struct pull *pull_new_member(struct ike_sa *sa, const struct group_id *group, uint16_t n_sender_ids,
                             const struct rng *rng, mono_t now, struct buf_writer *out)
{
    uint32_t message_id;
    *out = buf_writer_of(out->base, out->cap);
    if (n_sender_ids < 1 || n_sender_ids > POLICY_MAX_SENDER_IDS ||
        !ike_sa_new_message_id(sa, rng, &message_id))
        return NULL;
    struct pull *p = pull_new(sa, rng, true, message_id, now);
    if (!p)
        return NULL;
    p->group = *group;
    p->wanted = n_sender_ids;
    if (!write_request(p, out)) {
        pull_free(p);
        return NULL;
    }
    ike_sa_use_message_id(sa, message_id);
    pull_enter(p, PULL_SENT_REQUEST);
    return p;
}

/* An authentic message whose content can't be used ends the pull: the server will not say it better a second
 * time. */
static enum pull_result bad_policy(struct pull *p, struct pull_report *report, enum policy_fault_kind kind, const char *why)
{
    pull_enter(p, PULL_OVER);
    report->kind = kind;
    return pull_say(report, PULL_BAD_POLICY, why);
}

/* What decides whether message 2 is accepted. */
struct offered {
    uint16_t window_s;  /* the smallest replay window in seconds, 0 when no SA tells replays by time */
    const char *legacy; /* a weak algorithm, if there is one */
};

/* Every SAT is read before anything is accepted; what the keys must be is known only with message 4. */
static enum isakmp_error check_sa(struct span body, struct offered *o)
{
    struct gdoi_sa sa;
    struct gdoi_sat sat;
    enum isakmp_error e = gdoi_sa_get(body, &sa);
    *o = (struct offered){0};
    if (!e && sa.has_sak) {
        struct policy_kek kek = {.cipher = sa.sak.cipher, .hash = sa.sak.hash};
        o->legacy = policy_kek_legacy(&kek);
    }
    while (!e && !gdoi_sa_end(&sa)) {
        e = gdoi_sa_next(&sa, &sat);
        if (e)
            break;
        const struct suite *suite = suite_by_wire(sat.transform, sat.key_bits, sat.auth);
        if (suite && suite->legacy)
            o->legacy = suite->name;
        if (sat.replay_method == REPLAY_TIME && (o->window_s == 0 || sat.replay_window < o->window_s))
            o->window_s = sat.replay_window;
    }
    return e;
}

static enum pull_result too_weak(struct pull *p, struct pull_report *report, const char *name)
{
    char why[PULL_REASON_MAX];
    snprintf(why, sizeof why, "the key server's policy uses %s, which needs `legacy: true` in this member's file",
             name);
    return bad_policy(p, report, POLICY_FAULT_OTHER, why);
}

static mono_t trip_limit(const struct pull *p, uint16_t window_s)
{
    mono_t quarter = mono_ms((int64_t)window_s * 1000 / TRIP_WINDOW_DIV);
    return p->last_try ? quarter : mono_min(quarter, mono_s(TRIP_MAX_S));
}

/* The time in message 2 came too late. */
static enum pull_result too_slow(struct pull *p, struct pull_report *report, mono_t trip, uint16_t window_s)
{
    snprintf(report->why, sizeof report->why,
             "the answer took %lld ms: too long to set a clock by it for a replay window of %u s",
             (long long)mono_to_ms(trip), window_s);
    pull_enter(p, PULL_OVER);
    return p->last_try ? PULL_BAD_POLICY : PULL_AGAIN;
}

/* HDR*, HASH(3), GAP with SENDER_ID_REQUEST and, to a server that knows it, REPLACE */
static bool write_accept(struct pull *p, bool ours, struct span nonces, struct ike_iv *iv, struct buf_writer *out)
{
    struct pull_message m = pull_message_begin(p, out);
    struct gdoi_gap gap = {.sender_id_request = p->wanted, .replace = p->replace && ours};
    gdoi_gap_put(&m.chain, &gap);
    return pull_message_end(p, &m, nonces, iv, out);
}

/* Message 2, then 3. */
enum pull_result pull_in_sa_out_accept(struct pull *p, const struct pull_input *in, struct buf_writer *out,
                                       struct pull_report *report)
{
    mono_t trip = mono_sub(in->now, p->started);
    struct offered offered;
    struct span nonce, body = isakmp_payloads_find(in->ps, ISAKMP_PAYLOAD_SA)->body;
    enum isakmp_error e = isakmp_nonce_get(isakmp_payloads_find(in->ps, ISAKMP_PAYLOAD_NONCE)->body, &nonce);
    if (e)
        return pull_say(report, PULL_DROP_MALFORMED, isakmp_error_text(e));
    if (span_equal(nonce, span_of(p->nonces, p->nonce_i_len)))
        return pull_say(report, PULL_DROP_STATE, "our own nonce came back");
    e = check_sa(body, &offered);
    if (e)
        return bad_policy(p, report, policy_fault_kind_of(e), isakmp_error_text(e));
    if (offered.legacy && !p->legacy)
        return too_weak(p, report, offered.legacy);
    if (offered.window_s > 0 && mono_before(trip_limit(p, offered.window_s), trip))
        return too_slow(p, report, trip, offered.window_s);
    uint8_t *copy = malloc(body.len);
    if (!copy)
        return pull_say(report, PULL_ERROR, "out of memory");
    memcpy(copy, body.p, body.len);

    struct ike_iv iv = p->iv;
    size_t nonces_before = p->nonces_len;
    struct isakmp_vid v = isakmp_vid_find_ours(in->ps);
    bool ours = v.kind == ISAKMP_VID_OURS;
    pull_add_nonce(p, nonce);
    if (!write_accept(p, ours, span_of(p->nonces, p->nonces_len), &iv, out)) {
        p->nonces_len = nonces_before;
        free(copy);
        return pull_say(report, PULL_ERROR, "crypto library failed");
    }
    if (ours)
        p->peer = (struct peer_features){.ours = true, .version = v.version, .features = v.features};
    p->iv = iv;
    p->sa_body = copy;
    p->sa_body_len = body.len;
    p->answered = in->now;
    pull_enter(p, PULL_SENT_ACCEPT);
    return PULL_GOES_ON;
}

/* Lifetimes count from message 1, so what has passed since then is taken off; what has expired meanwhile
 * goes. */
static void age(struct policy *policy, mono_t passed)
{
    int64_t s = passed.ns > 0 ? (passed.ns + 999999999) / 1000000000 : 0;
    size_t kept = 0;
    for (size_t i = 0; i < policy->n_sas; i++) {
        struct policy_sa *sa = &policy->sas[i];
        if (sa->lifetime_s <= s)
            continue;
        sa->lifetime_s -= (uint32_t)s;
        if (kept != i)
            policy->sas[kept] = *sa;
        kept++;
    }
    wipe(&policy->sas[kept], (policy->n_sas - kept) * sizeof policy->sas[0]);
    policy->n_sas = kept;
    if (policy->has_kek && policy->kek.lifetime_s > s) {
        policy->kek.lifetime_s -= (uint32_t)s;
    } else {
        policy->has_kek = false;
        wipe(&policy->kek, sizeof policy->kek);
    }
}

/* The server's time was right when message 2 left, which is taken to be the middle of the trip. */
static void set_clock(const struct pull *p, struct policy *policy, mono_t now)
{
    int64_t trip = mono_to_ms(mono_sub(p->answered, p->started));
    policy->round_trip_ms = trip > UINT32_MAX ? UINT32_MAX : (uint32_t)trip;
    if (policy->has_pseudotime)
        policy->pseudotime_ms += (uint64_t)(trip / 2 + mono_to_ms(mono_sub(now, p->answered)));
}

/* SEQ comes exactly when there is a KEK, and the KEK's public key must be one that signatures can be verified with. */
static const char *check_kek(struct pull *p, const struct isakmp_payload *seq, enum policy_fault_kind *kind)
{
    struct policy *policy = &p->policy;
    *kind = POLICY_FAULT_OTHER;
    if (policy->has_kek != (seq != NULL))
        return seq ? "a SEQ payload without a KEK" : "a KEK without a SEQ payload";
    if (!seq)
        return NULL;
    enum isakmp_error e = gdoi_seq_get(seq->body, &policy->rekey_number);
    if (e)
        return isakmp_error_text(e);
    *kind = POLICY_FAULT_SIGNATURE_KEY;
    if (!sig_fits(span_of(policy->kek.public_key, policy->kek.public_key_len), policy->kek.signature))
        return "the KEK's public key isn't of its signature algorithm, or too weak";
    return NULL;
}

/* Message 4. */
enum pull_result pull_in_kd(struct pull *p, const struct pull_input *in, struct buf_writer *out,
                            struct pull_report *report)
{
    struct policy_fault fault;
    (void)out;
    struct span kd = isakmp_payloads_find(in->ps, ISAKMP_PAYLOAD_KD)->body;
    memset(&fault, 0, sizeof fault);
    if (!policy_from_payloads(span_of(p->sa_body, p->sa_body_len), kd, &p->peer, hash_span, &p->policy,
                              &fault))
        return bad_policy(p, report, fault.kind, fault.text);
    const char *wrong = check_kek(p, isakmp_payloads_find(in->ps, ISAKMP_PAYLOAD_SEQ), &fault.kind);
    if (wrong) {
        policy_wipe(&p->policy);
        return bad_policy(p, report, fault.kind, wrong);
    }
    age(&p->policy, mono_sub(in->now, p->started));
    set_clock(p, &p->policy, in->now);
    if (p->policy.n_sas == 0)
        return bad_policy(p, report, POLICY_FAULT_OTHER, "all SAs had expired before they arrived");
    pull_enter(p, PULL_OVER);
    return PULL_POLICY;
}

void pull_set_last_try(struct pull *p)
{
    p->last_try = true;
}

void pull_set_legacy(struct pull *p)
{
    p->legacy = true;
}

void pull_set_replace(struct pull *p)
{
    p->replace = true;
}

struct policy *pull_policy(struct pull *p)
{
    return &p->policy;
}
