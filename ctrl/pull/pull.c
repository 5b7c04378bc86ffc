/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * GROUPKEY-PULL (RFC 6407 3.2) as a table, and the protection that all four messages share:
 *
 *     1  member -> server   HDR*, HASH(1), Ni, ID, VID
 *     2  server -> member   HDR*, HASH(2), Nr, SA, VID
 *     3  member -> server   HDR*, HASH(3), GAP
 *     4  server -> member   HDR*, HASH(4), [SEQ,] KD      SEQ exactly when the SA of message 2 had a SAK
 *
 * The same exchange number is Quick Mode under another DOI: its payloads are refused by the table. So are KE,
 * POP and CERT of RFC 3547.
 */
#include "ctrl/pull/machine.h"

#include "ctrl/crypto/ike_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t sa_required[] = {ISAKMP_PAYLOAD_HASH, ISAKMP_PAYLOAD_NONCE, ISAKMP_PAYLOAD_SA, 0};
static const uint8_t accept_required[] = {ISAKMP_PAYLOAD_HASH, 0};
static const uint8_t kd_required[] = {ISAKMP_PAYLOAD_HASH, ISAKMP_PAYLOAD_KD, 0};
static const uint8_t vid_allowed[] = {ISAKMP_PAYLOAD_VID, 0};
static const uint8_t seq_allowed[] = {ISAKMP_PAYLOAD_SEQ, ISAKMP_PAYLOAD_VID, 0};
static const uint8_t gap_allowed[] = {ISAKMP_PAYLOAD_GAP, ISAKMP_PAYLOAD_VID, 0};

static const struct row {
    enum pull_state from;
    const uint8_t *required, *allowed;
    pull_handler handler;
} table[] = {
    /* what has happened   message: payloads           handler */
    {PULL_SENT_REQUEST, sa_required, vid_allowed, pull_in_sa_out_accept}, /* 2 -> 3 */
    {PULL_SENT_SA, accept_required, gap_allowed, pull_in_accept},         /* 3 -> the session decides -> 4 */
    {PULL_SENT_ACCEPT, kd_required, seq_allowed, pull_in_kd},             /* 4 */
};

enum pull_result pull_say(struct pull_report *report, enum pull_result r, const char *why)
{
    snprintf(report->why, sizeof report->why, "%s", why);
    return r;
}

void pull_enter(struct pull *p, enum pull_state state)
{
    p->state = state;
}

/* ---- beginning and end ---- */

struct pull *pull_new(struct ike_sa *sa, const struct rng *rng, bool member, uint32_t message_id, mono_t now)
{
    struct pull *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    policy_init(&p->policy);
    p->member = member;
    p->sa = sa;
    p->rng = *rng;
    p->message_id = message_id;
    p->started = now;
    return p;
}

void pull_free(struct pull *p)
{
    if (!p)
        return;
    policy_wipe(&p->policy);
    free(p->sa_body);
    wipe(p, sizeof *p);
    free(p);
}

/* ---- messages ---- */

bool pull_payloads_fit(const struct isakmp_payloads *ps, const uint8_t *required, const uint8_t *allowed)
{
    return isakmp_payloads_fit(ps, required, allowed) && isakmp_payloads_count(ps, ISAKMP_PAYLOAD_GAP) <= 1 &&
           isakmp_payloads_count(ps, ISAKMP_PAYLOAD_SEQ) <= 1;
}

void pull_add_nonce(struct pull *p, struct span nonce)
{
    memcpy(p->nonces + p->nonces_len, nonce.p, nonce.len);
    p->nonces_len += nonce.len;
}

static enum pull_result bad_hash(struct pull_report *report, enum pull_result r, const char *why)
{
    report->bad_hash = true;
    return pull_say(report, r, why);
}

/* Message 2's HASH covers Ni_b alone, its own nonce being among the octets that follow. */
enum pull_result pull_open(const struct pull *p, struct span datagram, uint8_t *plain,
                           struct isakmp_payloads *ps, struct ike_iv *next, struct pull_report *report)
{
    struct isakmp_header h;
    struct span chain, hash;
    uint8_t expected[IKE_HASH_MAX];
    enum isakmp_error e = isakmp_header_get(datagram, &h, &chain);
    if (e)
        return pull_say(report, PULL_DROP_MALFORMED, isakmp_error_text(e));
    if (!ike_sa_open(&p->sa->suite, &p->sa->key, &p->iv, datagram, plain, datagram.len, next))
        return pull_say(report, PULL_DROP_MALFORMED, "message isn't whole cipher blocks");
    struct span body = span_of(plain + ISAKMP_HEADER_LEN, datagram.len - ISAKMP_HEADER_LEN);
    e = isakmp_payloads_get(h.next_payload, body, ISAKMP_TRAILING_PADDING, ps);
    if (e)
        return pull_say(report, PULL_DROP_MALFORMED, isakmp_error_text(e));
    if (ps->p[0].type != ISAKMP_PAYLOAD_HASH)
        return bad_hash(report, PULL_DROP_MALFORMED, "HASH isn't the first payload");
    e = isakmp_hash_get(ps->p[0].body, ike_suite_hash_len(&p->sa->suite), &hash);
    if (e)
        return pull_say(report, PULL_DROP_MALFORMED, isakmp_error_text(e));
    if (!ike_keys_message_hash(p->sa->suite.hash, &p->sa->skeyid_a, p->message_id, span_of(p->nonces, p->nonces_len),
                               isakmp_payloads_behind(ps, &ps->p[0]), expected))
        return pull_say(report, PULL_ERROR, "crypto library failed");
    bool same = secret_equal(hash, span_of(expected, hash.len));
    wipe(expected, sizeof expected);
    return same ? PULL_GOES_ON : bad_hash(report, PULL_DROP_AUTH, "HASH is wrong");
}

struct pull_message pull_message_begin(const struct pull *p, struct buf_writer *out)
{
    *out = buf_writer_of(out->base, out->cap);
    struct isakmp_header h = {.exchange = ISAKMP_EXCHANGE_GROUPKEY_PULL,
                              .flags = ISAKMP_FLAG_ENCRYPTED,
                              .message_id = p->message_id};
    memcpy(h.cky_i, p->sa->cookie_i, sizeof h.cky_i);
    memcpy(h.cky_r, p->sa->cookie_r, sizeof h.cky_r);
    struct pull_message m = {.chain = isakmp_message_begin(out, &h)};
    m.hash_at = isakmp_hash_reserve(&m.chain, ike_suite_hash_len(&p->sa->suite));
    return m;
}

bool pull_message_end(const struct pull *p, const struct pull_message *m, struct span nonces,
                      struct ike_iv *iv, struct buf_writer *out)
{
    uint8_t hash[IKE_HASH_MAX];
    isakmp_message_end(out);
    bool ok =
        !out->overflow && ike_keys_message_hash(p->sa->suite.hash, &p->sa->skeyid_a, p->message_id, nonces,
                                                isakmp_hash_covers(out, m->hash_at, ike_suite_hash_len(&p->sa->suite)), hash);
    if (ok) {
        isakmp_hash_fill(out, m->hash_at, span_of(hash, ike_suite_hash_len(&p->sa->suite)));
        ok = ike_sa_seal(&p->sa->suite, &p->sa->key, iv, out->base, &out->len, out->cap);
    }
    if (!ok) {
        wipe(out->base, out->len); /* it may hold keys in clear */
        out->len = 0;
    }
    return ok;
}

/* ---- a datagram ---- */

static const struct row *find_row(const struct pull *p)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].from == p->state)
            return &table[i];
    return NULL;
}

static bool header_fits(const struct pull *p, const struct isakmp_header *h)
{
    return h->exchange == ISAKMP_EXCHANGE_GROUPKEY_PULL && h->flags == ISAKMP_FLAG_ENCRYPTED &&
           h->message_id == p->message_id && memcmp(h->cky_i, p->sa->cookie_i, IKE_COOKIE_LEN) == 0 &&
           memcmp(h->cky_r, p->sa->cookie_r, IKE_COOKIE_LEN) == 0;
}

enum pull_result pull_step(struct pull *p, struct span datagram, mono_t now, struct buf_writer *out,
                           struct pull_report *report)
{
    struct isakmp_header h;
    struct isakmp_payloads ps;
    struct span chain;
    struct ike_iv next;
    *report = (struct pull_report){0};
    *out = buf_writer_of(out->base, out->cap);
    enum isakmp_error e = isakmp_header_get(datagram, &h, &chain);
    if (e)
        return pull_say(report, PULL_DROP_MALFORMED, isakmp_error_text(e));
    const struct row *row = find_row(p);
    if (!row || !header_fits(p, &h))
        return pull_say(report, PULL_DROP_STATE, "not the message that comes next");
    uint8_t *plain = malloc(datagram.len);
    if (!plain)
        return pull_say(report, PULL_ERROR, "out of memory");
    enum pull_result r = pull_open(p, datagram, plain, &ps, &next, report);
    if (r == PULL_GOES_ON && !pull_payloads_fit(&ps, row->required, row->allowed))
        r = pull_say(report, PULL_DROP_STATE,
                     "payloads that don't belong into this message of a PULL, or too few");
    if (r == PULL_GOES_ON) {
        struct ike_iv before = p->iv;
        struct pull_input in = {.ps = &ps, .now = now};
        p->iv = next;
        r = row->handler(p, &in, out, report);
        if (r >= PULL_DROP_MALFORMED)
            p->iv = before;
    }
    wipe(plain, datagram.len);
    free(plain);
    return r;
}

enum pull_result pull_inform(struct pull *p, const struct inform *inform, struct pull_report *report)
{
    *report = (struct pull_report){0};
    if (!p->member || p->state == PULL_OVER)
        return PULL_GOES_ON;
    for (size_t i = 0; i < inform->n_notifies; i++) {
        const struct inform_notify *n = &inform->notifies[i];
        if (!inform_is_error(n->type))
            continue;
        char name[32];
        report->notify = n->type;
        report->missing = n->refused.missing;
        if (n->type == ISAKMP_N_REFUSED)
            snprintf(report->why, sizeof report->why, "the key server refuses: %s", n->refused.text);
        else
            snprintf(report->why, sizeof report->why, "the key server refuses: %s",
                     name_text(isakmp_notify_names, n->type, name));
        pull_enter(p, PULL_OVER);
        return PULL_REFUSED;
    }
    return PULL_GOES_ON;
}

/* ---- what others may know ---- */

uint32_t pull_message_id(const struct pull *p)
{
    return p->message_id;
}

const struct group_id *pull_group(const struct pull *p)
{
    return &p->group;
}

const struct peer_features *pull_features(const struct pull *p)
{
    return &p->peer;
}

uint16_t pull_sender_ids_wanted(const struct pull *p)
{
    return p->wanted;
}

bool pull_replace_wanted(const struct pull *p)
{
    return p->replace;
}

mono_t pull_started(const struct pull *p)
{
    return p->started;
}

bool pull_awaits_accept(const struct pull *p)
{
    return p->state == PULL_SENT_SA;
}

const char *pull_state_text(const struct pull *p)
{
    switch (p->state) {
    case PULL_SENT_REQUEST:
        return "sent message 1";
    case PULL_SENT_ACCEPT:
        return "sent message 3";
    case PULL_GOT_REQUEST:
        return "got message 1";
    case PULL_SENT_SA:
        return "sent message 2";
    case PULL_GOT_ACCEPT:
        return "got message 3";
    case PULL_OVER:
        return "over";
    }
    return "unknown";
}
