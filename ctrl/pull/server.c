/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The key server's half of GROUPKEY-PULL. It decides nothing: whether somebody may have a policy, and which,
 * comes in as answers to PULL_REQUEST and PULL_ACCEPT. Nothing outside this machine may change before
 * PULL_ACCEPT (RFC 6407 3.2).
 */
#include "ctrl/pull/machine.h"

#include "ctrl/gdoi/seq.h"
#include "ctrl/isakmp/id.h"
#include "ctrl/isakmp/vid.h"
#include "ctrl/policy/payloads.h"
#include "ctrl/policy/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t request_required[] = {ISAKMP_PAYLOAD_HASH, ISAKMP_PAYLOAD_NONCE, ISAKMP_PAYLOAD_ID, 0};
static const uint8_t request_allowed[] = {ISAKMP_PAYLOAD_VID, 0};

/* Message 1 into a machine that nobody else knows yet. */
static enum pull_result take_request(struct pull *p, struct span datagram, struct pull_report *report)
{
    struct isakmp_payloads ps;
    struct span nonce;
    struct ike_iv next;
    uint8_t *plain = malloc(datagram.len);
    if (!plain || !ike_sa_first_iv(p->sa, p->message_id, &p->iv)) {
        free(plain);
        return pull_say(report, PULL_ERROR, "out of memory, or crypto library failed");
    }
    enum pull_result r = pull_open(p, datagram, plain, &ps, &next, report);
    if (r == PULL_GOES_ON && !pull_payloads_fit(&ps, request_required, request_allowed))
        r = pull_say(report, PULL_DROP_STATE,
                     "not the first message of a PULL: Quick Mode, or payloads of RFC 3547");
    if (r == PULL_GOES_ON) {
        enum isakmp_error e = isakmp_nonce_get(isakmp_payloads_find(&ps, ISAKMP_PAYLOAD_NONCE)->body, &nonce);
        if (!e)
            e = isakmp_id_get_group(isakmp_payloads_find(&ps, ISAKMP_PAYLOAD_ID)->body, &p->group.is_address,
                                    &p->group.value);
        if (e)
            r = pull_say(report, PULL_DROP_MALFORMED, isakmp_error_text(e));
    }
    if (r == PULL_GOES_ON) {
        struct isakmp_vid v = isakmp_vid_find_ours(&ps);
        if (v.kind == ISAKMP_VID_OURS)
            p->peer = (struct peer_features){.ours = true, .version = v.version, .features = v.features};
        pull_add_nonce(p, nonce);
        p->nonce_i_len = p->nonces_len;
        p->iv = next;
        r = PULL_REQUEST;
    }
    wipe(plain, datagram.len);
    free(plain);
    return r;
}

struct pull *pull_new_server(struct ike_sa *sa, const struct rng *rng, struct span datagram, mono_t now,
                             enum pull_result *result, struct pull_report *report)
{
    struct isakmp_header h;
    struct span chain;
    *report = (struct pull_report){0};
    enum isakmp_error e = isakmp_header_get(datagram, &h, &chain);
    if (e) {
        *result = pull_say(report, PULL_DROP_MALFORMED, isakmp_error_text(e));
        return NULL;
    }
    if (sa->initiator || h.exchange != ISAKMP_EXCHANGE_GROUPKEY_PULL || h.flags != ISAKMP_FLAG_ENCRYPTED ||
        memcmp(h.cky_i, sa->cookie_i, IKE_COOKIE_LEN) != 0 ||
        memcmp(h.cky_r, sa->cookie_r, IKE_COOKIE_LEN) != 0 || !ike_sa_message_id_is_new(sa, h.message_id)) {
        *result = pull_say(report, PULL_DROP_STATE, "not a new PULL under this phase 1");
        return NULL;
    }
    struct pull *p = pull_new(sa, rng, false, h.message_id, now);
    if (!p) {
        *result = pull_say(report, PULL_ERROR, "out of memory");
        return NULL;
    }
    *result = take_request(p, datagram, report);
    if (*result != PULL_REQUEST) {
        pull_free(p);
        return NULL;
    }
    ike_sa_use_message_id(sa, h.message_id);
    pull_enter(p, PULL_GOT_REQUEST);
    return p;
}

static void report_fault(struct pull_report *report, const struct policy_fault *fault)
{
    report->notify = fault->notify;
    report->missing = fault->missing;
    snprintf(report->why, sizeof report->why, "%s", fault->text);
}

/* HDR*, HASH(2), Nr, SA, VID: the vendor id only to those who know it. */
bool pull_answer(struct pull *p, const struct policy *policy, struct buf_writer *out,
                 struct pull_report *report)
{
    uint8_t nonce[PULL_NONCE_LEN];
    struct policy_fault fault;
    *report = (struct pull_report){0};
    memset(&fault, 0, sizeof fault);
    *out = buf_writer_of(out->base, out->cap);
    if (p->state != PULL_GOT_REQUEST || !rng_get(&p->rng, nonce, sizeof nonce)) {
        pull_say(report, PULL_ERROR, "no request to answer, or no random numbers");
        return false;
    }
    policy_wipe(&p->policy);
    if (!policy_copy(&p->policy, policy)) {
        pull_say(report, PULL_ERROR, "out of memory");
        return false;
    }
    struct ike_iv iv = p->iv;
    struct pull_message m = pull_message_begin(p, out);
    isakmp_nonce_put(&m.chain, span_of(nonce, sizeof nonce));
    if (!policy_put_sa(&m.chain, &p->policy, &p->peer, &fault)) {
        *out = buf_writer_of(out->base, out->cap);
        report_fault(report, &fault);
        return false;
    }
    if (p->peer.ours)
        isakmp_vid_put_ours(&m.chain, policy_version_ours(), feature_ours());
    if (!pull_message_end(p, &m, span_of(p->nonces, p->nonces_len), &iv, out)) {
        pull_say(report, PULL_ERROR, "message 2 is too long, or crypto library failed");
        return false;
    }
    pull_add_nonce(p, span_of(nonce, sizeof nonce));
    p->iv = iv;
    pull_enter(p, PULL_SENT_SA);
    return true;
}

/* Message 3. */
enum pull_result pull_in_accept(struct pull *p, const struct pull_input *in, struct buf_writer *out,
                                struct pull_report *report)
{
    (void)out;
    struct gdoi_gap gap;
    const struct isakmp_payload *payload = isakmp_payloads_find(in->ps, ISAKMP_PAYLOAD_GAP);
    if (payload) {
        enum isakmp_error e = gdoi_gap_get(payload->body, GDOI_GAP_FROM_MEMBER, &gap);
        if (e)
            return pull_say(report, PULL_DROP_MALFORMED, isakmp_error_text(e));
        p->wanted = gap.sender_id_request;
        p->replace = gap.replace;
    }
    pull_enter(p, PULL_GOT_ACCEPT);
    return PULL_ACCEPT;
}

struct policy *pull_pending(struct pull *p)
{
    return &p->policy;
}

/* HDR*, HASH(4), [SEQ,] KD */
bool pull_deliver(struct pull *p, struct buf_writer *out, struct pull_report *report)
{
    struct policy_fault fault;
    *report = (struct pull_report){0};
    memset(&fault, 0, sizeof fault);
    *out = buf_writer_of(out->base, out->cap);
    if (p->state != PULL_GOT_ACCEPT) {
        pull_say(report, PULL_ERROR, "nothing was accepted");
        return false;
    }
    struct ike_iv iv = p->iv;
    struct pull_message m = pull_message_begin(p, out);
    if (p->policy.has_kek)
        gdoi_seq_put(&m.chain, p->policy.rekey_number);
    if (!policy_put_kd(&m.chain, &p->policy, &fault)) {
        wipe(out->base, out->len);
        out->len = 0;
        report_fault(report, &fault);
        return false;
    }
    if (!pull_message_end(p, &m, span_of(p->nonces, p->nonces_len), &iv, out)) {
        pull_say(report, PULL_ERROR, "message 4 is too long, or crypto library failed");
        return false;
    }
    p->iv = iv;
    policy_wipe(&p->policy);
    pull_enter(p, PULL_OVER);
    return true;
}

bool pull_refuse(struct pull *p, uint16_t notify, uint64_t missing, const char *text, struct buf_writer *out)
{
    *out = buf_writer_of(out->base, out->cap);
    if (p->member || p->state == PULL_OVER || p->state == PULL_SENT_SA)
        return false;
    pull_enter(p, PULL_OVER);
    if (!p->peer.ours) {
        uint16_t type = notify == ISAKMP_N_REFUSED ? ISAKMP_N_AUTHENTICATION_FAILED : notify;
        return inform_put_notify(p->sa, &p->rng, type, span_of(NULL, 0), out);
    }
    struct isakmp_refused refused = {.reason = notify == ISAKMP_N_REFUSED ? 0 : notify, .missing = missing};
    snprintf(refused.text, sizeof refused.text, "%s", text);
    uint8_t body[10 + ISAKMP_REFUSED_TEXT_MAX];
    return inform_put_notify(p->sa, &p->rng, ISAKMP_N_REFUSED,
                             isakmp_refused_body(&refused, body, sizeof body), out);
}
