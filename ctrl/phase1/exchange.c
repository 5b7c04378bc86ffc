/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages 2 to 4 of main mode: the chosen transform and the key exchange (RFC 2409 5.4; RFC 5903, RFC 3526).
 * Nothing is authenticated yet: what comes in is checked into locals, and the machine changes only at the end
 * of a handler.
 */
#include "ctrl/phase1/machine.h"

#include "ctrl/isakmp/vid.h"
#include "ctrl/phase1/proposal.h"

#include <string.h>

#define OUR_NONCE_LEN 32

static struct ike_keys_input keys_input(const struct phase1 *p, const struct phase1_keying *k)
{
    struct span peer = span_of(k->peer_public, k->peer_public_len), own = dh_public(k->dh);
    const struct config_proposal *c = &p->offer.chosen;
    return (struct ike_keys_input){
        .suite = {.encryption = c->encryption, .key_bits = c->key_bits, .hash = c->hash},
        .nonce_i = span_of(k->nonce_i, k->nonce_i_len),
        .nonce_r = span_of(k->nonce_r, k->nonce_r_len),
        .public_i = p->initiator ? own : peer,
        .public_r = p->initiator ? peer : own,
        .shared = span_of(k->shared.b, k->shared.len),
        .cookie_i = span_of(p->sa.cookie_i, IKE_COOKIE_LEN),
        .cookie_r = span_of(p->sa.cookie_r, IKE_COOKIE_LEN),
    };
}

struct ike_keys_input phase1_keys_input(const struct phase1 *p)
{
    return keys_input(p, &p->k);
}

/* Keys for every candidate, and the first IV. */
static bool derive_keys(const struct phase1 *p, struct phase1_keying *k)
{
    struct ike_keys_input in = keys_input(p, k);
    bool ok = ike_keys_first_iv(&in, &k->iv);
    for (size_t i = 0; ok && i < p->n_psks; i++)
        ok = ike_keys_derive(&in, secret_span(&p->psks[i].secret), &k->keys[i]);
    return ok;
}

static void note_vendor(struct phase1 *p, const struct isakmp_payloads *ps)
{
    struct isakmp_vid v = isakmp_vid_find_ours(ps);
    if (v.kind == ISAKMP_VID_OURS)
        p->hint = (struct peer_features){.ours = true, .version = v.version, .features = v.features};
}

/* KE and nonce as messages 3 and 4 both have them. */
static bool write_ke(const struct phase1 *p, struct span public, struct span nonce, struct buf_writer *out)
{
    struct isakmp_header h = phase1_header(p, false);
    struct isakmp_chain c = isakmp_message_begin(out, &h);
    isakmp_ke_put(&c, public);
    isakmp_nonce_put(&c, nonce);
    isakmp_message_end(out);
    return !out->overflow;
}

/* Message 2, then 3. */
enum phase1_result phase1_in_sa_out_ke(struct phase1 *p, const struct phase1_input *in,
                                       struct buf_writer *out, struct phase1_report *report)
{
    struct isakmp_sa answer;
    struct config_proposal chosen;
    enum isakmp_error e = isakmp_sa_get(isakmp_payloads_find(&in->plain, ISAKMP_PAYLOAD_SA)->body, &answer);
    if (e)
        return phase1_say(report, PHASE1_DROP_MALFORMED, isakmp_error_text(e));
    if (!phase1_proposal_accept(&p->offered, &answer, &chosen))
        return phase1_say(report, PHASE1_DROP_REFUSED, "the chosen proposal is none of those offered");

    struct phase1_keying k = {.dh = dh_new(chosen.group), .nonce_i_len = OUR_NONCE_LEN};
    memcpy(p->sa.cookie_r, in->header.cky_r, IKE_COOKIE_LEN);
    if (!k.dh || !rng_get(&p->rng, k.nonce_i, k.nonce_i_len) ||
        !write_ke(p, dh_public(k.dh), span_of(k.nonce_i, k.nonce_i_len), out)) {
        memset(p->sa.cookie_r, 0, IKE_COOKIE_LEN);
        phase1_keying_wipe(&k);
        return phase1_say(report, PHASE1_ERROR, "crypto library or random numbers failed");
    }
    p->k = k;
    p->offer.chosen = chosen;
    note_vendor(p, &in->plain);
    phase1_enter(p, PHASE1_SENT_KE);
    return PHASE1_GOES_ON;
}

/*
 * The peer's KE and nonce into k, whose dh is set. A peer that sends our own values back is a mirror: without
 * this check it could lead us through a key exchange with ourselves.
 */
static enum phase1_result take_ke(const struct phase1 *p, const struct isakmp_payloads *ps,
                                  struct phase1_keying *k, struct phase1_report *report)
{
    struct span public, nonce, own = dh_public(k->dh);
    enum isakmp_error e = isakmp_ke_get(isakmp_payloads_find(ps, ISAKMP_PAYLOAD_KE)->body, own.len, &public);
    if (!e)
        e = isakmp_nonce_get(isakmp_payloads_find(ps, ISAKMP_PAYLOAD_NONCE)->body, &nonce);
    if (e)
        return phase1_say(report, PHASE1_DROP_REFUSED, isakmp_error_text(e));
    if (p->initiator && (span_equal(public, own) || span_equal(nonce, span_of(k->nonce_i, k->nonce_i_len))))
        return phase1_say(report, PHASE1_DROP_REFUSED, "our own key exchange value or nonce came back");
    if (!dh_shared(k->dh, public, &k->shared))
        return phase1_say(report, PHASE1_DROP_REFUSED, "key exchange value must not be used");
    memcpy(k->peer_public, public.p, public.len);
    k->peer_public_len = (uint16_t) public.len;
    uint8_t *peer_nonce = p->initiator ? k->nonce_r : k->nonce_i;
    memcpy(peer_nonce, nonce.p, nonce.len);
    *(p->initiator ? &k->nonce_r_len : &k->nonce_i_len) = (uint8_t)nonce.len;
    return PHASE1_GOES_ON;
}

/* Message 3, then 4: never larger than what it answers, so the nonce is as long as theirs. */
enum phase1_result phase1_in_ke_out_ke(struct phase1 *p, const struct phase1_input *in,
                                       struct buf_writer *out, struct phase1_report *report)
{
    struct phase1_keying k = {.dh = dh_new(p->offer.chosen.group)};
    if (!k.dh)
        return phase1_say(report, PHASE1_ERROR, "crypto library failed");
    enum phase1_result r = take_ke(p, &in->plain, &k, report);
    if (r == PHASE1_GOES_ON) {
        k.nonce_r_len = k.nonce_i_len;
        if (!rng_get(&p->rng, k.nonce_r, k.nonce_r_len) || !derive_keys(p, &k) ||
            !write_ke(p, dh_public(k.dh), span_of(k.nonce_r, k.nonce_r_len), out))
            r = phase1_say(report, PHASE1_ERROR, "crypto library or random numbers failed");
    }
    if (r == PHASE1_GOES_ON) {
        p->k = k;
        k.dh = NULL; /* p's now */
        note_vendor(p, &in->plain);
        phase1_enter(p, PHASE1_SENT_KE);
    }
    phase1_keying_wipe(&k);
    return r;
}

/* Message 4, then 5. */
enum phase1_result phase1_in_ke_out_auth(struct phase1 *p, const struct phase1_input *in,
                                         struct buf_writer *out, struct phase1_report *report)
{
    struct phase1_keying k = p->k;
    enum phase1_result r = take_ke(p, &in->plain, &k, report);
    if (r == PHASE1_GOES_ON) {
        struct ike_keys_input input = keys_input(p, &k);
        if (!derive_keys(p, &k) || !phase1_write_auth(p, &input, &k.keys[0], &k.iv, out))
            r = phase1_say(report, PHASE1_ERROR, "crypto library failed");
    }
    if (r == PHASE1_GOES_ON) {
        p->k = k;
        phase1_enter(p, PHASE1_SENT_AUTH);
    }
    wipe(&k, sizeof k); /* k.dh is still p's */
    return r;
}
