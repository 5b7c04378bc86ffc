/* SPDX-License-Identifier: BSD-3-Clause */
/* Informational exchanges under an established phase 1: HDR*, HASH(1), N and D (RFC 2409 5.7). */
#include "ctrl/pull/inform.h"

#include "ctrl/crypto/ike_keys.h"
#include "ctrl/isakmp/delete.h"
#include "ctrl/isakmp/id.h"
#include "ctrl/isakmp/opaque.h"
#include "ctrl/isakmp/sa.h"

#include <string.h>

#define MAX_INFORM 2048 /* octets of an informational that we read */

static bool cookies_fit(const struct ike_sa *sa, const struct isakmp_header *h)
{
    return memcmp(h->cky_i, sa->cookie_i, IKE_COOKIE_LEN) == 0 &&
           memcmp(h->cky_r, sa->cookie_r, IKE_COOKIE_LEN) == 0;
}

static enum inform_result take_notify(struct span body, struct inform *out)
{
    struct isakmp_notify n;
    if (isakmp_notify_get(body, &n))
        return INFORM_DROP_MALFORMED;
    if (out->n_notifies == INFORM_MAX_NOTIFIES)
        return INFORM_OK;
    struct inform_notify *in = &out->notifies[out->n_notifies];
    in->type = n.type;
    if (n.type == ISAKMP_N_REFUSED && !isakmp_refused_get(n.data, &in->refused))
        return INFORM_DROP_MALFORMED;
    if (n.type == ISAKMP_N_LEAVE && (n.protocol != ISAKMP_PROTO_ISAKMP || n.spi.len != 0 ||
                                     isakmp_id_get_group(n.data, &in->group.is_address, &in->group.value)))
        return INFORM_DROP_MALFORMED;
    out->n_notifies++;
    return INFORM_OK;
}

static enum inform_result take_payloads(const struct ike_sa *sa, const struct isakmp_payloads *ps,
                                        struct inform *out)
{
    for (size_t i = 1; i < ps->n; i++) {
        struct isakmp_delete d;
        if (ps->p[i].type == ISAKMP_PAYLOAD_NOTIFY) {
            enum inform_result r = take_notify(ps->p[i].body, out);
            if (r != INFORM_OK)
                return r;
        } else if (ps->p[i].type == ISAKMP_PAYLOAD_DELETE) {
            if (isakmp_delete_get(ps->p[i].body, &d))
                return INFORM_DROP_MALFORMED;
            if (isakmp_delete_names(&d, sa->cookie_i, sa->cookie_r))
                out->deletes_sa = true;
        } else if (ps->p[i].type != ISAKMP_PAYLOAD_VID) {
            return INFORM_DROP_MALFORMED;
        }
    }
    return ps->n > 1 ? INFORM_OK : INFORM_DROP_MALFORMED;
}

/* plain: the decrypted message. The HASH is looked at before anything that it covers. */
static enum inform_result judge(const struct ike_sa *sa, const struct isakmp_header *h, struct span plain,
                                struct inform *out)
{
    struct isakmp_payloads ps;
    struct span body = span_of(plain.p + ISAKMP_HEADER_LEN, plain.len - ISAKMP_HEADER_LEN), hash;
    uint8_t expected[IKE_HASH_MAX];
    if (isakmp_payloads_get(h->next_payload, body, ISAKMP_TRAILING_PADDING, &ps) ||
        ps.p[0].type != ISAKMP_PAYLOAD_HASH || isakmp_hash_get(ps.p[0].body, ike_suite_hash_len(&sa->suite), &hash))
        return INFORM_DROP_MALFORMED;
    if (!ike_keys_message_hash(sa->suite.hash, &sa->skeyid_a, h->message_id, span_of(NULL, 0),
                               isakmp_payloads_behind(&ps, &ps.p[0]), expected))
        return INFORM_ERROR;
    if (!secret_equal(hash, span_of(expected, hash.len)))
        return INFORM_DROP_AUTH;
    return take_payloads(sa, &ps, out);
}

enum inform_result inform_open(struct ike_sa *sa, struct span datagram, struct inform *out)
{
    struct isakmp_header h;
    struct ike_iv iv, next;
    struct span chain;
    struct inform said;
    uint8_t plain[MAX_INFORM];
    memset(&said, 0, sizeof said);
    *out = said;
    if (isakmp_header_get(datagram, &h, &chain) || datagram.len > sizeof plain)
        return INFORM_DROP_MALFORMED;
    if (h.exchange != ISAKMP_EXCHANGE_INFORMATIONAL || h.flags != ISAKMP_FLAG_ENCRYPTED ||
        !cookies_fit(sa, &h) || !ike_sa_message_id_is_new(sa, h.message_id))
        return INFORM_DROP_STATE;
    if (!ike_sa_first_iv(sa, h.message_id, &iv))
        return INFORM_ERROR;
    if (!ike_sa_open(&sa->suite, &sa->key, &iv, datagram, plain, sizeof plain, &next))
        return INFORM_DROP_MALFORMED;
    said.message_id = h.message_id;
    enum inform_result r = judge(sa, &h, span_of(plain, datagram.len), &said);
    if (r == INFORM_OK) {
        *out = said;
        ike_sa_use_message_id(sa, h.message_id);
    }
    wipe(plain, sizeof plain);
    return r;
}

/* ---- writing ---- */

/* Header and reserved HASH; *at is where the HASH's body stands. */
static bool begin(const struct ike_sa *sa, const struct rng *rng, struct buf_writer *out,
                  struct isakmp_chain *c, uint32_t *message_id, size_t *at)
{
    *out = buf_writer_of(out->base, out->cap);
    if (!ike_sa_new_message_id(sa, rng, message_id))
        return false;
    struct isakmp_header h = {
        .exchange = ISAKMP_EXCHANGE_INFORMATIONAL, .flags = ISAKMP_FLAG_ENCRYPTED, .message_id = *message_id};
    memcpy(h.cky_i, sa->cookie_i, sizeof h.cky_i);
    memcpy(h.cky_r, sa->cookie_r, sizeof h.cky_r);
    *c = isakmp_message_begin(out, &h);
    *at = isakmp_hash_reserve(c, ike_suite_hash_len(&sa->suite));
    return true;
}

static bool finish(struct ike_sa *sa, struct buf_writer *out, uint32_t message_id, size_t at)
{
    uint8_t hash[IKE_HASH_MAX];
    struct ike_iv iv;
    isakmp_message_end(out);
    bool ok = !out->overflow &&
              ike_keys_message_hash(sa->suite.hash, &sa->skeyid_a, message_id, span_of(NULL, 0),
                                    isakmp_hash_covers(out, at, ike_suite_hash_len(&sa->suite)), hash) &&
              ike_sa_first_iv(sa, message_id, &iv);
    if (ok) {
        isakmp_hash_fill(out, at, span_of(hash, ike_suite_hash_len(&sa->suite)));
        ok = ike_sa_seal(&sa->suite, &sa->key, &iv, out->base, &out->len, out->cap);
    }
    if (ok)
        ike_sa_use_message_id(sa, message_id);
    else
        out->len = 0;
    return ok;
}

bool inform_put_notify(struct ike_sa *sa, const struct rng *rng, uint16_t type, struct span data,
                       struct buf_writer *out)
{
    struct isakmp_chain c;
    uint32_t message_id;
    size_t at;
    if (!begin(sa, rng, out, &c, &message_id, &at))
        return false;
    struct isakmp_notify n = {.doi = sa->doi, .protocol = ISAKMP_PROTO_ISAKMP, .type = type, .data = data};
    isakmp_notify_put(&c, &n);
    return finish(sa, out, message_id, at);
}

bool inform_put_leave(struct ike_sa *sa, const struct rng *rng, const struct group_id *group,
                      struct buf_writer *out)
{
    uint8_t value[4], body[8];
    struct buf_writer w = buf_writer_of(value, sizeof value);
    buf_put_u32(&w, group->value);
    struct isakmp_id id = {.type = group->is_address ? ISAKMP_ID_IPV4_ADDR : ISAKMP_ID_KEY_ID,
                           .data = buf_written(&w)};
    return inform_put_notify(sa, rng, ISAKMP_N_LEAVE, isakmp_id_body(&id, body, sizeof body), out);
}

bool inform_put_delete(struct ike_sa *sa, const struct rng *rng, struct buf_writer *out)
{
    struct isakmp_chain c;
    uint32_t message_id;
    size_t at;
    if (!begin(sa, rng, out, &c, &message_id, &at))
        return false;
    isakmp_delete_put_isakmp(&c, sa->doi, sa->cookie_i, sa->cookie_r);
    return finish(sa, out, message_id, at);
}
