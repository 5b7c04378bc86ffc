/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Phase 1 as a table beside RFC 2409 5.4 (HDR SA / HDR KE Ni / HDR* ID HASH): who, in which state, may
 * receive what, and who handles it. What the table lacks is dropped by the table. Handlers:
 * ctrl/phase1/exchange.c and auth.c.
 */
#include "ctrl/phase1/machine.h"

#include "ctrl/isakmp/notify.h"
#include "ctrl/isakmp/vid.h"
#include "ctrl/phase1/proposal.h"
#include "ctrl/policy/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t sa_required[] = {ISAKMP_PAYLOAD_SA, 0};
static const uint8_t sa_allowed[] = {ISAKMP_PAYLOAD_VID, 0};
static const uint8_t ke_required[] = {ISAKMP_PAYLOAD_KE, ISAKMP_PAYLOAD_NONCE, 0};
static const uint8_t ke_allowed[] = {ISAKMP_PAYLOAD_VID, ISAKMP_PAYLOAD_NAT_D, ISAKMP_PAYLOAD_CR, 0};
const uint8_t phase1_auth_required[] = {ISAKMP_PAYLOAD_ID, ISAKMP_PAYLOAD_HASH, 0};
/* A notify beside the HASH (INITIAL-CONTACT, usually) is covered by nothing and so says nothing. */
const uint8_t phase1_auth_allowed[] = {ISAKMP_PAYLOAD_VID, ISAKMP_PAYLOAD_NOTIFY, 0};

/* clang-format off */
static const struct row {
    bool initiator;
    enum phase1_state from;
    bool encrypted;            /* then the payloads are checked after decryption */
    const uint8_t *required, *allowed;
    phase1_handler handler;
} table[] = {
    /* role, has,                message: payloads                                        handler */
    {true,  PHASE1_SENT_SA,   false, sa_required,          sa_allowed,          phase1_in_sa_out_ke},     /* 2 -> 3 */
    {false, PHASE1_SENT_SA,   false, ke_required,          ke_allowed,          phase1_in_ke_out_ke},     /* 3 -> 4 */
    {true,  PHASE1_SENT_KE,   false, ke_required,          ke_allowed,          phase1_in_ke_out_auth},   /* 4 -> 5 */
    {false, PHASE1_SENT_KE,   true,  phase1_auth_required, phase1_auth_allowed, phase1_in_auth_out_auth}, /* 5 -> 6 */
    {true,  PHASE1_SENT_AUTH, true,  phase1_auth_required, phase1_auth_allowed, phase1_in_auth},          /* 6 */
};
/* clang-format on */

enum phase1_result phase1_say(struct phase1_report *report, enum phase1_result r, const char *why)
{
    report->why = why;
    return r;
}

void phase1_enter(struct phase1 *p, enum phase1_state state)
{
    p->state = state;
}

void phase1_keying_wipe(struct phase1_keying *k)
{
    dh_free(k->dh);
    wipe(k, sizeof *k);
}

struct isakmp_header phase1_header(const struct phase1 *p, bool encrypted)
{
    struct isakmp_header h = {.exchange = ISAKMP_EXCHANGE_MAIN,
                              .flags = encrypted ? ISAKMP_FLAG_ENCRYPTED : 0};
    memcpy(h.cky_i, p->sa.cookie_i, sizeof h.cky_i);
    memcpy(h.cky_r, p->sa.cookie_r, sizeof h.cky_r);
    return h;
}

/* ---- beginning and end ---- */

static struct phase1 *new_machine(const struct phase1_settings *s, bool initiator, mono_t now,
                                  const char **why)
{
    if (s->remote.addr.family != 4 || s->local.addr.family != 4) {
        *why = "IKE runs over IPv4 only";
        return NULL;
    }
    if (s->n_psks == 0) {
        *why = "no pre-shared key for this peer";
        return NULL;
    }
    struct phase1 *p = calloc(1, sizeof *p);
    if (!p) {
        *why = "out of memory";
        return NULL;
    }
    p->initiator = initiator;
    p->sa.initiator = initiator;
    p->local = s->local;
    p->remote = s->remote;
    p->rng = s->rng;
    p->started = now;
    p->n_psks = s->n_psks < PHASE1_MAX_PSKS ? s->n_psks : PHASE1_MAX_PSKS;
    if (initiator)
        p->n_psks = 1; /* keys are needed before the responder says who it is */
    for (size_t i = 0; i < p->n_psks; i++) {
        p->psks[i].secret = s->psks[i]->secret;
        snprintf(p->psks[i].id, sizeof p->psks[i].id, "%s", s->psks[i]->id);
    }
    return p;
}

/* Message 1: our offer and our vendor id. */
static bool write_message1(struct phase1 *p, struct buf_writer *out)
{
    struct isakmp_header h = phase1_header(p, false);
    *out = buf_writer_of(out->base, out->cap);
    struct isakmp_chain c = isakmp_message_begin(out, &h);
    size_t body_at = out->len + ISAKMP_GENERIC_LEN;
    isakmp_sa_put(&c, &p->offered);
    size_t body_len = out->len - body_at;
    isakmp_vid_put_ours(&c, policy_version_ours(), feature_ours());
    isakmp_message_end(out);
    if (out->overflow || body_len > PHASE1_MAX_OFFER)
        return false;
    p->offer.body_len = (uint16_t)body_len;
    memcpy(p->offer.body, out->base + body_at, body_len);
    return true;
}

struct phase1 *phase1_new_initiator(const struct phase1_settings *s, mono_t now, struct buf_writer *out,
                                    const char **why)
{
    struct phase1 *p = new_machine(s, true, now, why);
    if (!p)
        return NULL;
    p->offer.doi = p->sa.doi = s->doi;
    *why = NULL;
    if (phase1_proposal_offer(s->doi, s->proposals, s->n_proposals, &p->offered) == 0)
        *why = "no phase-1 proposal that this version can use";
    else if (!rng_get(&p->rng, p->sa.cookie_i, sizeof p->sa.cookie_i))
        *why = "no random numbers";
    p->sa.cookie_i[0] |= 1; /* never zero */
    if (!*why && !write_message1(p, out))
        *why = "the phase-1 proposals don't fit into one offer";
    if (*why) {
        out->len = 0;
        phase1_free(p);
        return NULL;
    }
    *why = "";
    phase1_enter(p, PHASE1_SENT_SA);
    return p;
}

struct phase1 *phase1_new_responder(const struct phase1_settings *s, const struct phase1_offer *offer,
                                    mono_t now, const char **why)
{
    struct phase1 *p = new_machine(s, false, now, why);
    if (!p)
        return NULL;
    *why = "";
    p->offer = *offer;
    p->sa.doi = offer->doi;
    memcpy(p->sa.cookie_i, offer->cookie_i, sizeof p->sa.cookie_i);
    memcpy(p->sa.cookie_r, offer->cookie_r, sizeof p->sa.cookie_r);
    phase1_enter(p, PHASE1_SENT_SA);
    return p;
}

void phase1_free(struct phase1 *p)
{
    if (!p)
        return;
    phase1_keying_wipe(&p->k);
    wipe(p, sizeof *p);
    free(p);
}

/* ---- a datagram ---- */

/* Our own datagram that came back, or one of another SA. Message 2 brings the responder's cookie, which
 * nobody knows yet. */
static bool cookies_fit(const struct phase1 *p, const struct isakmp_header *h)
{
    static const uint8_t none[IKE_COOKIE_LEN];
    if (memcmp(h->cky_i, p->sa.cookie_i, IKE_COOKIE_LEN) != 0)
        return false;
    if (p->initiator && p->state == PHASE1_SENT_SA)
        return memcmp(h->cky_r, none, IKE_COOKIE_LEN) != 0 && memcmp(h->cky_r, h->cky_i, IKE_COOKIE_LEN) != 0;
    return memcmp(h->cky_r, p->sa.cookie_r, IKE_COOKIE_LEN) == 0;
}

/*
 * A notify without protection. Anybody who saw the cookies may have written it, so it is told to the operator
 * and changes nothing: the exchange goes on until its time is over.
 */
static enum phase1_result take_notify(const struct phase1 *p, const struct phase1_input *in,
                                      struct span chain, struct phase1_report *report)
{
    struct isakmp_payloads ps;
    struct isakmp_notify n;
    if (!p->initiator || p->state == PHASE1_UP || in->header.flags != 0 ||
        memcmp(in->header.cky_i, p->sa.cookie_i, IKE_COOKIE_LEN) != 0)
        return phase1_say(report, PHASE1_DROP_STATE, "informational that belongs to nothing");
    if (isakmp_payloads_get(in->header.next_payload, chain, ISAKMP_TRAILING_REFUSE, &ps))
        return phase1_say(report, PHASE1_DROP_MALFORMED, "malformed informational");
    const struct isakmp_payload *payload = isakmp_payloads_find(&ps, ISAKMP_PAYLOAD_NOTIFY);
    if (!payload || isakmp_notify_get(payload->body, &n))
        return phase1_say(report, PHASE1_DROP_MALFORMED, "informational without a notify that can be read");
    report->notify = n.type;
    snprintf(report->notify_text, sizeof report->notify_text, "%s",
             name_text(isakmp_notify_names, n.type, (char[32]){0}));
    return phase1_say(report, PHASE1_NOTED, "the peer says, without proof, that it refuses");
}

static const struct row *find_row(const struct phase1 *p)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].initiator == p->initiator && table[i].from == p->state)
            return &table[i];
    return NULL;
}

enum phase1_result phase1_step(struct phase1 *p, struct span datagram, mono_t now, struct buf_writer *out,
                               struct phase1_report *report)
{
    struct phase1_input in = {.datagram = datagram, .now = now};
    struct span chain;
    *report = (struct phase1_report){.why = ""};
    *out = buf_writer_of(out->base, out->cap);
    enum isakmp_error e = isakmp_header_get(datagram, &in.header, &chain);
    if (e)
        return phase1_say(report, PHASE1_DROP_MALFORMED, isakmp_error_text(e));
    if (in.header.exchange == ISAKMP_EXCHANGE_INFORMATIONAL)
        return take_notify(p, &in, chain, report);
    const struct row *row = find_row(p);
    if (!row || in.header.exchange != ISAKMP_EXCHANGE_MAIN || in.header.message_id != 0 ||
        in.header.flags != (row->encrypted ? ISAKMP_FLAG_ENCRYPTED : 0) || !cookies_fit(p, &in.header))
        return phase1_say(report, PHASE1_DROP_STATE, "not the message that comes next");
    if (!row->encrypted) {
        e = isakmp_payloads_get(in.header.next_payload, chain, ISAKMP_TRAILING_REFUSE, &in.plain);
        if (e)
            return phase1_say(report, PHASE1_DROP_MALFORMED, isakmp_error_text(e));
        if (!isakmp_payloads_fit(&in.plain, row->required, row->allowed))
            return phase1_say(report, PHASE1_DROP_STATE,
                              "payloads that don't belong into this message, or too few");
    }
    enum phase1_result r = row->handler(p, &in, out, report);
    if (r != PHASE1_GOES_ON && r != PHASE1_ESTABLISHED && r != PHASE1_DROP_AUTH)
        out->len = 0;
    return r;
}

/* ---- what others may know ---- */

const struct config_proposal *phase1_chosen(const struct phase1 *p)
{
    return p->offer.chosen.encryption ? &p->offer.chosen : NULL;
}

const uint8_t *phase1_cookie_i(const struct phase1 *p)
{
    return p->sa.cookie_i;
}

const uint8_t *phase1_cookie_r(const struct phase1 *p)
{
    return p->sa.cookie_r;
}

struct ike_sa *phase1_sa(struct phase1 *p)
{
    return p->state == PHASE1_UP ? &p->sa : NULL;
}

const char *phase1_identity(const struct phase1 *p)
{
    return p->identity;
}

const struct peer_features *phase1_hint(const struct phase1 *p)
{
    return &p->hint;
}

bool phase1_keylog(const struct phase1 *p, char *out, size_t cap)
{
    const struct secret *key = p->state == PHASE1_UP ? &p->sa.key : &p->k.keys[0].key;
    size_t need = 2 * IKE_COOKIE_LEN + 1 + 2 * (size_t)key->len + 1;
    if (key->len == 0 || cap < need)
        return false;
    for (size_t i = 0; i < IKE_COOKIE_LEN; i++, out += 2)
        snprintf(out, 3, "%02x", p->sa.cookie_i[i]);
    *out++ = ',';
    for (size_t i = 0; i < key->len; i++, out += 2)
        snprintf(out, 3, "%02x", key->b[i]);
    return true;
}

void phase1_offered_text(const struct phase1 *p, char *out, size_t cap)
{
    phase1_proposal_list(&p->offered, out, cap);
}

const struct phase1_offer *phase1_offered(const struct phase1 *p)
{
    return &p->offer;
}

const char *phase1_state_text(const struct phase1 *p)
{
    switch (p->state) {
    case PHASE1_SENT_SA:
        return p->initiator ? "sent message 1" : "sent message 2";
    case PHASE1_SENT_KE:
        return p->initiator ? "sent message 3" : "sent message 4";
    case PHASE1_SENT_AUTH:
        return "sent message 5";
    case PHASE1_UP:
        return "established";
    }
    return "unknown";
}
