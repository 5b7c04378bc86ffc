/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The responder's front: messages 1 and 2 of main mode without state per peer (RFC 2409 5.4; RFC 2408 2.5.3
 * for what a cookie is for). It authenticates nobody: whoever echoes a cookie has only shown that it receives
 * at its address.
 *
 *     CKY-R = tag 2 | MAC 6
 *     tag = HMAC(secret, 0 | chosen | body): which stored body; the chain to search
 *     MAC = HMAC(secret, 1 | epoch | CKY-I | address | port | chosen | body)
 */
#include "ctrl/phase1/halfopen.h"

#include "ctrl/crypto/ike_suite.h"
#include "ctrl/crypto/prf.h"
#include "ctrl/isakmp/notify.h"
#include "ctrl/isakmp/vid.h"
#include "ctrl/phase1/bodies.h"
#include "ctrl/phase1/proposal.h"
#include "ctrl/policy/version.h"

#include <stdlib.h>
#include <string.h>

#define SPENT      4096
#define CHOSEN_LEN 16 /* octets of a chosen proposal as it is hashed */

struct halfopen {
    struct secret secret;
    struct config_proposal proposals[CONFIG_MAX_PROPOSALS];
    size_t n_proposals;
    struct bodies *bodies;
    uint8_t spent[SPENT][IKE_COOKIE_LEN]; /* direct mapped: a collision forgets the older one */
};

struct halfopen *halfopen_new(const uint8_t secret[32], const struct config_proposal *proposals,
                              size_t n_proposals)
{
    struct halfopen *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->bodies = bodies_new();
    if (!h->bodies || !secret_set(&h->secret, secret, 32)) {
        halfopen_free(h);
        return NULL;
    }
    halfopen_set_proposals(h, proposals, n_proposals);
    return h;
}

void halfopen_set_proposals(struct halfopen *h, const struct config_proposal *proposals, size_t n_proposals)
{
    h->n_proposals = n_proposals < CONFIG_MAX_PROPOSALS ? n_proposals : CONFIG_MAX_PROPOSALS;
    for (size_t i = 0; i < h->n_proposals; i++)
        h->proposals[i] = proposals[i];
}

void halfopen_free(struct halfopen *h)
{
    if (!h)
        return;
    bodies_free(h->bodies);
    secret_wipe(&h->secret);
    free(h);
}

/* ---- hashes ---- */

static struct span chosen_span(const struct config_proposal *c, uint8_t out[CHOSEN_LEN])
{
    struct buf_writer w = buf_writer_of(out, CHOSEN_LEN);
    buf_put_u16(&w, c->encryption);
    buf_put_u16(&w, c->key_bits);
    buf_put_u16(&w, c->hash);
    buf_put_u16(&w, c->group);
    buf_put_u16(&w, c->auth);
    buf_put_u32(&w, c->lifetime_s);
    return buf_written(&w);
}

static bool tag_of(const struct halfopen *h, const struct config_proposal *chosen, struct span body,
                   uint16_t *tag)
{
    static const uint8_t kind = 0;
    uint8_t c[CHOSEN_LEN], digest[PRF_MAX];
    const struct span parts[] = {span_of(&kind, 1), chosen_span(chosen, c), body};
    if (!prf_compute(IKE_SHA256, secret_span(&h->secret), parts, 3, digest))
        return false;
    *tag = (uint16_t)(digest[0] << 8 | digest[1]);
    return true;
}

static bool cookie_of(const struct halfopen *h, const uint8_t *cookie_i, const struct endpoint *remote,
                      uint64_t epoch, const struct body *b, uint8_t out[IKE_COOKIE_LEN])
{
    uint8_t fixed[64], c[CHOSEN_LEN], digest[PRF_MAX];
    struct buf_writer w = buf_writer_of(fixed, sizeof fixed);
    buf_put_u8(&w, 1);
    buf_put_u64(&w, epoch);
    buf_put_bytes(&w, cookie_i, IKE_COOKIE_LEN);
    buf_put_u8(&w, remote->addr.family);
    buf_put_bytes(&w, remote->addr.b, sizeof remote->addr.b);
    buf_put_u16(&w, remote->port);
    const struct span parts[] = {buf_written(&w), chosen_span(&b->chosen, c), b->sa};
    if (w.overflow || !prf_compute(IKE_SHA256, secret_span(&h->secret), parts, 3, digest))
        return false;
    out[0] = (uint8_t)(b->tag >> 8);
    out[1] = (uint8_t)b->tag;
    memcpy(out + 2, digest, IKE_COOKIE_LEN - 2);
    out[7] |= 1; /* never zero: that is the mark of a message 1 */
    return true;
}

static uint64_t epoch_at(mono_t now)
{
    return (uint64_t)(mono_to_s(now) / HALFOPEN_EPOCH_S);
}

size_t halfopen_count(const struct halfopen *h)
{
    return bodies_count(h->bodies);
}

/* ---- message 1 ---- */

static bool has_only_sa_and_vids(const struct isakmp_payloads *ps)
{
    return ps->p[0].type == ISAKMP_PAYLOAD_SA && isakmp_payloads_count(ps, ISAKMP_PAYLOAD_SA) == 1 &&
           isakmp_payloads_count(ps, ISAKMP_PAYLOAD_VID) + 1 == ps->n;
}

/* Message 2; our vendor id only when it fits into the size of the request. Empty when even the SA doesn't. */
static void write_message2(struct buf_writer *out, const struct isakmp_header *request,
                           const uint8_t *cookie_r, const struct isakmp_sa *answer)
{
    struct buf_writer w = buf_writer_of(out->base, out->cap < request->length ? out->cap : request->length);
    struct isakmp_header reply = {.exchange = ISAKMP_EXCHANGE_MAIN};
    memcpy(reply.cky_i, request->cky_i, sizeof reply.cky_i);
    memcpy(reply.cky_r, cookie_r, sizeof reply.cky_r);
    struct isakmp_chain c = isakmp_message_begin(&w, &reply);
    isakmp_sa_put(&c, answer);
    if (w.cap - w.len >= ISAKMP_GENERIC_LEN + ISAKMP_VID_OURS_LEN)
        isakmp_vid_put_ours(&c, policy_version_ours(), feature_ours());
    isakmp_message_end(&w);
    if (!w.overflow)
        out->len = w.len;
}

/* NO-PROPOSAL-CHOSEN in clear. CKY-R is zero: nothing that could be echoed is left behind (CVE-2023-30570).
 */
static void write_no_proposal(struct buf_writer *out, const struct isakmp_header *request, uint32_t doi)
{
    struct buf_writer w = buf_writer_of(out->base, out->cap < request->length ? out->cap : request->length);
    struct isakmp_header reply = {.exchange = ISAKMP_EXCHANGE_INFORMATIONAL};
    memcpy(reply.cky_i, request->cky_i, sizeof reply.cky_i);
    struct isakmp_chain c = isakmp_message_begin(&w, &reply);
    struct isakmp_notify n = {
        .doi = doi, .protocol = ISAKMP_PROTO_ISAKMP, .type = ISAKMP_N_NO_PROPOSAL_CHOSEN};
    isakmp_notify_put(&c, &n);
    isakmp_message_end(&w);
    if (!w.overflow)
        out->len = w.len;
}

static enum halfopen_result take_message1(struct halfopen *h, const struct endpoint *remote,
                                          const struct isakmp_header *header, struct span chain, mono_t now,
                                          struct buf_writer *out)
{
    struct isakmp_payloads ps;
    struct isakmp_sa offer, answer;
    if (isakmp_payloads_get(header->next_payload, chain, ISAKMP_TRAILING_REFUSE, &ps) ||
        !has_only_sa_and_vids(&ps))
        return HALFOPEN_DROP_MALFORMED;
    struct span sa = ps.p[0].body;
    if (isakmp_sa_get(sa, &offer))
        return HALFOPEN_DROP_MALFORMED;
    if (sa.len > PHASE1_MAX_OFFER)
        return HALFOPEN_DROP_TOO_BIG;
    struct body b = {.sa = sa};
    if (!phase1_proposal_choose(&offer, h->proposals, h->n_proposals, &answer, &b.chosen)) {
        write_no_proposal(out, header, offer.doi);
        return HALFOPEN_NO_PROPOSAL;
    }
    uint8_t cookie_r[IKE_COOKIE_LEN];
    if (!tag_of(h, &b.chosen, sa, &b.tag) ||
        !cookie_of(h, header->cky_i, remote, epoch_at(now), &b, cookie_r))
        return HALFOPEN_ERROR;
    write_message2(out, header, cookie_r, &answer);
    if (out->len == 0)
        return HALFOPEN_DROP_TOO_BIG;
    bodies_keep(h->bodies, &b);
    return HALFOPEN_ANSWERED;
}

void halfopen_refusal(const struct halfopen *h, struct span datagram, char *out, size_t cap)
{
    struct isakmp_header header;
    struct isakmp_payloads ps;
    struct isakmp_sa offer;
    struct span chain;
    if (isakmp_header_get(datagram, &header, &chain) ||
        isakmp_payloads_get(header.next_payload, chain, ISAKMP_TRAILING_REFUSE, &ps) || !has_only_sa_and_vids(&ps) ||
        isakmp_sa_get(ps.p[0].body, &offer))
        offer.n = 0;
    phase1_proposal_refusal(&offer, h->proposals, h->n_proposals, out, cap);
}

/* ---- message 3 ---- */

static uint8_t *spent_at(struct halfopen *h, const uint8_t *cookie_r)
{
    return h->spent[(size_t)(cookie_r[2] << 8 | cookie_r[3]) % SPENT];
}

/* Did we make this cookie for this peer from this body, in this epoch or the one before? */
static bool cookie_is_ours(const struct halfopen *h, const struct isakmp_header *header,
                           const struct endpoint *remote, mono_t now, const struct body *b)
{
    uint8_t cookie[IKE_COOKIE_LEN];
    uint64_t epoch = epoch_at(now);
    for (uint64_t age = 0; age < 2 && age <= epoch; age++)
        if (cookie_of(h, header->cky_i, remote, epoch - age, b, cookie) &&
            secret_equal(span_of(cookie, sizeof cookie), span_of(header->cky_r, sizeof header->cky_r)))
            return true;
    return false;
}

static bool find_body(const struct halfopen *h, const struct isakmp_header *header, const struct endpoint *remote,
                      mono_t now, struct body *b)
{
    struct bodies_walk w = bodies_walk_of(h->bodies, (uint16_t)(header->cky_r[0] << 8 | header->cky_r[1]));
    while (bodies_next(h->bodies, &w, b))
        if (cookie_is_ours(h, header, remote, now, b))
            return true;
    return false;
}

static enum halfopen_result take_message3(struct halfopen *h, const struct endpoint *remote,
                                          const struct isakmp_header *header, mono_t now,
                                          struct phase1_offer *offer)
{
    if (memcmp(spent_at(h, header->cky_r), header->cky_r, IKE_COOKIE_LEN) == 0)
        return HALFOPEN_DROP_COOKIE;
    struct body b;
    if (!find_body(h, header, remote, now, &b))
        return HALFOPEN_DROP_COOKIE;
    struct buf_reader r = buf_reader_of(b.sa);
    uint32_t doi;
    if (!buf_get_u32(&r, &doi) || b.sa.len > sizeof offer->body)
        return HALFOPEN_ERROR;
    *offer = (struct phase1_offer){.doi = doi, .chosen = b.chosen, .body_len = (uint16_t)b.sa.len};
    memcpy(offer->cookie_i, header->cky_i, sizeof offer->cookie_i);
    memcpy(offer->cookie_r, header->cky_r, sizeof offer->cookie_r);
    memcpy(offer->body, b.sa.p, b.sa.len);
    return HALFOPEN_MESSAGE3;
}

enum halfopen_result halfopen_step(struct halfopen *h, const struct endpoint *remote, struct span datagram,
                                   mono_t now, struct buf_writer *out, struct phase1_offer *offer)
{
    static const uint8_t no_cookie[IKE_COOKIE_LEN];
    struct isakmp_header header;
    struct span chain;
    *out = buf_writer_of(out->base, out->cap);
    if (isakmp_header_get(datagram, &header, &chain))
        return HALFOPEN_DROP_MALFORMED;
    if (header.exchange != ISAKMP_EXCHANGE_MAIN || header.flags != 0 || header.message_id != 0)
        return HALFOPEN_DROP_STATE;
    if (memcmp(header.cky_r, no_cookie, sizeof no_cookie) == 0)
        return take_message1(h, remote, &header, chain, now, out);
    return take_message3(h, remote, &header, now, offer);
}

void halfopen_spend(struct halfopen *h, const struct phase1_offer *offer)
{
    memcpy(spent_at(h, offer->cookie_r), offer->cookie_r, IKE_COOKIE_LEN);
}

void halfopen_remember(struct halfopen *h, const struct phase1_offer *offer)
{
    struct body b = {.chosen = offer->chosen, .sa = span_of(offer->body, offer->body_len)};
    if (tag_of(h, &b.chosen, b.sa, &b.tag))
        bodies_remember(h->bodies, &b);
}
