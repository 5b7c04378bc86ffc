/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages 5 and 6 of main mode: HDR*, ID, HASH (RFC 2409 5.4). With a pre-shared key the key must be known
 * before the peer says who it is; so a responder whose peers share an address tries each candidate: the right
 * one is the one whose key opens the message, whose HASH is right and whose identity is the configured one.
 */
#include "ctrl/phase1/machine.h"

#include "ctrl/isakmp/id.h"
#include "ctrl/isakmp/notify.h"
#include "ctrl/phase1/identity.h"

#include <stdio.h>
#include <string.h>

#define MAX_AUTH 1024 /* octets of an authentication message that we read: ID, HASH, some vendor ids */

bool phase1_write_auth(const struct phase1 *p, const struct ike_keys_input *input,
                       const struct ike_keys *keys, struct ike_iv *iv, struct buf_writer *out)
{
    struct isakmp_id id = phase1_identity_of_address(&p->local.addr);
    uint8_t id_body[64], hash[IKE_HASH_MAX];
    struct span id_b = isakmp_id_body(&id, id_body, sizeof id_body);
    struct span sa_i_b = span_of(p->offer.body, p->offer.body_len);
    if (id_b.len == 0 || !ike_keys_auth_hash(input, &keys->skeyid, p->initiator, sa_i_b, id_b, hash))
        return false;
    struct isakmp_header h = phase1_header(p, true);
    struct isakmp_chain c = isakmp_message_begin(out, &h);
    isakmp_id_put(&c, &id);
    isakmp_hash_put(&c, span_of(hash, ike_suite_hash_len(&input->suite)));
    isakmp_message_end(out);
    return !out->overflow && ike_sa_seal(&input->suite, &keys->key, iv, out->base, &out->len, out->cap);
}

static const char unreadable[] = "message can't be read: wrong pre-shared key, or damaged on its way";

/* What one candidate key made of the message. */
struct verified {
    struct ike_iv iv; /* of the next message */
    char identity[PHASE1_IDENTITY_MAX];
};

static enum phase1_result check_id(const struct phase1 *p, const struct isakmp_id *id, const char *expected,
                                   struct verified *v, struct phase1_report *report)
{
    if (isakmp_id_check_phase1_port(id))
        return phase1_say(report, PHASE1_DROP_AUTH,
                          "the peer's identity has a protocol or port that it can't have");
    if (!phase1_identity_matches(id, expected, &p->remote.addr))
        return phase1_say(report, PHASE1_DROP_AUTH,
                          "the peer's identity isn't the one configured for its key");
    char text[ISAKMP_ID_TEXT_MAX];
    snprintf(v->identity, sizeof v->identity, "%s", isakmp_id_text(id, text));
    return PHASE1_GOES_ON;
}

/* Opens the message with candidate i and judges it. Changes nothing but *v and *report. */
static enum phase1_result try_candidate(const struct phase1 *p, size_t i, const struct phase1_input *in,
                                        struct verified *v, struct phase1_report *report)
{
    uint8_t plain[MAX_AUTH], expected[IKE_HASH_MAX];
    struct isakmp_payloads ps;
    struct isakmp_id id;
    struct span hash;
    struct ike_keys_input input = phase1_keys_input(p);
    if (!ike_sa_open(&input.suite, &p->k.keys[i].key, &p->k.iv, in->datagram, plain, sizeof plain, &v->iv))
        return phase1_say(report, PHASE1_DROP_MALFORMED,
                          "authentication message isn't whole blocks, or too long");
    struct span body = span_of(plain + ISAKMP_HEADER_LEN, in->datagram.len - ISAKMP_HEADER_LEN);
    enum phase1_result r = phase1_say(report, PHASE1_DROP_AUTH, unreadable);
    if (isakmp_payloads_get(in->header.next_payload, body, ISAKMP_TRAILING_PADDING, &ps) ||
        !isakmp_payloads_fit(&ps, phase1_auth_required, phase1_auth_allowed))
        goto out;
    struct span id_b = isakmp_payloads_find(&ps, ISAKMP_PAYLOAD_ID)->body;
    if (isakmp_id_get(id_b, &id) ||
        isakmp_hash_get(isakmp_payloads_find(&ps, ISAKMP_PAYLOAD_HASH)->body, ike_suite_hash_len(&input.suite), &hash))
        goto out;
    struct span sa_i_b = span_of(p->offer.body, p->offer.body_len);
    if (!ike_keys_auth_hash(&input, &p->k.keys[i].skeyid, !p->initiator, sa_i_b, id_b, expected)) {
        r = phase1_say(report, PHASE1_ERROR, "crypto library failed");
        goto out;
    }
    if (!secret_equal(hash, span_of(expected, hash.len)))
        r = phase1_say(report, PHASE1_DROP_AUTH, "the peer's HASH is wrong: wrong pre-shared key");
    else
        r = check_id(p, &id, p->psks[i].id, v, report);
out:
    wipe(plain, sizeof plain);
    wipe(expected, sizeof expected);
    return r;
}

/* Tries the candidates in order; *which is the one that fits. Else the report is of one that got further than
 * others. */
static enum phase1_result verify(const struct phase1 *p, const struct phase1_input *in, size_t *which,
                                 struct verified *v, struct phase1_report *report)
{
    const char *why = unreadable;
    for (*which = 0; *which < p->n_psks; (*which)++) {
        enum phase1_result r = try_candidate(p, *which, in, v, report);
        if (r != PHASE1_DROP_AUTH)
            return r;
        if (report->why != unreadable)
            why = report->why;
    }
    return phase1_say(report, PHASE1_DROP_AUTH, why);
}

/* The exchange is over: keep what later messages need and forget the rest. */
static void establish(struct phase1 *p, size_t which, const struct verified *v, const struct ike_iv *last)
{
    struct ike_keys *k = &p->k.keys[which];
    p->sa.suite = phase1_keys_input(p).suite;
    p->sa.started = p->started;
    p->sa.lifetime_s = p->offer.chosen.lifetime_s;
    p->sa.skeyid_d = k->skeyid_d;
    p->sa.skeyid_a = k->skeyid_a;
    p->sa.skeyid_e = k->skeyid_e;
    p->sa.key = k->key;
    p->sa.last = *last;
    snprintf(p->identity, sizeof p->identity, "%s", v->identity);
    phase1_keying_wipe(&p->k);
    for (size_t i = 0; i < p->n_psks; i++)
        secret_wipe(&p->psks[i].secret);
    phase1_enter(p, PHASE1_UP);
}

/* Message 6. */
enum phase1_result phase1_in_auth(struct phase1 *p, const struct phase1_input *in, struct buf_writer *out,
                                  struct phase1_report *report)
{
    struct verified v;
    size_t which;
    (void)out;
    enum phase1_result r = verify(p, in, &which, &v, report);
    if (r != PHASE1_GOES_ON)
        return r;
    establish(p, which, &v, &v.iv);
    return PHASE1_ESTABLISHED;
}

/*
 * AUTHENTICATION-FAILED in clear, once per exchange: the peer has echoed our cookie, and its operator should
 * learn why nothing happens. It proves nothing, and a peer of ours treats it so.
 */
static void complain(struct phase1 *p, struct buf_writer *out)
{
    if (p->complained)
        return;
    p->complained = true;
    struct isakmp_header h = phase1_header(p, false);
    h.exchange = ISAKMP_EXCHANGE_INFORMATIONAL;
    struct isakmp_chain c = isakmp_message_begin(out, &h);
    struct isakmp_notify n = {
        .doi = p->sa.doi, .protocol = ISAKMP_PROTO_ISAKMP, .type = ISAKMP_N_AUTHENTICATION_FAILED};
    isakmp_notify_put(&c, &n);
    isakmp_message_end(out);
    if (out->overflow)
        out->len = 0;
}

/* Message 5, then 6. */
enum phase1_result phase1_in_auth_out_auth(struct phase1 *p, const struct phase1_input *in,
                                           struct buf_writer *out, struct phase1_report *report)
{
    struct verified v;
    size_t which;
    enum phase1_result r = verify(p, in, &which, &v, report);
    if (r == PHASE1_DROP_AUTH)
        complain(p, out);
    if (r != PHASE1_GOES_ON)
        return r;
    struct ike_keys_input input = phase1_keys_input(p);
    struct ike_iv last = v.iv;
    if (!phase1_write_auth(p, &input, &p->k.keys[which], &last, out))
        return phase1_say(report, PHASE1_ERROR, "crypto library failed");
    establish(p, which, &v, &last);
    return PHASE1_ESTABLISHED;
}
