/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * GROUPKEY-PUSH (RFC 6407 4): making one and taking one apart. The signature is over "rekey", the header and all payloads
 * before SIG, in clear; the header's Length is then that of the message before it was padded for encryption. The IV is the
 * KEK's own for every message (RFC 6407 5.6.2.1): SEQ, which comes first, keeps them different.
 */
#include "ctrl/push/push.h"

#include "ctrl/crypto/hash.h"
#include "ctrl/crypto/ike_sa.h"
#include "ctrl/gdoi/delete.h"
#include "ctrl/gdoi/seq.h"
#include "ctrl/push/datagram.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PADDING 16 /* octets of padding are fewer: less than a block of AES */

static_assert((int)SIG_RSA == (int)GDOI_SIG_RSA && (int)SIG_ECDSA_256 == (int)GDOI_SIG_ECDSA_256 &&
                  (int)SIG_ECDSA_384 == (int)GDOI_SIG_ECDSA_384 && (int)SIG_HASH_SHA1 == (int)GDOI_SIG_SHA1 &&
                  (int)SIG_HASH_SHA512 == (int)GDOI_SIG_SHA512,
              "signatures are numbered as in RFC 6407");

static const char prefix[] = "rekey"; /* RFC 6407 4: the signature is good for nothing else; without its NUL */

const struct name push_result_names[] = {{PUSH_OK, "ok"},         {PUSH_OTHER, "other"},     {PUSH_MALFORMED, "malformed"},
                                         {PUSH_OLD, "old"},       {PUSH_FORGED, "forged"},   {PUSH_REFUSED, "refused"},
                                         {0, NULL}};

void push_init(struct push *p)
{
    memset(p, 0, sizeof(*p));
    policy_init(&p->policy);
}

void push_wipe(struct push *p)
{
    policy_wipe(&p->policy);
    wipe(p, sizeof(*p));
}

static bool fault(struct policy_fault *why, uint16_t notify, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Always false, so that it can be returned. */
static bool fault(struct policy_fault *why, uint16_t notify, const char *format, ...)
{
    va_list args;
    *why = (struct policy_fault){.notify = notify};
    va_start(args, format);
    vsnprintf(why->text, sizeof(why->text), format, args);
    va_end(args);
    return false;
}

/* Cipher of a KEK in phase 1's numbers, whose messages are encrypted in the same way; false for an unknown one. */
static bool suite_of(const struct policy_kek *kek, struct ike_suite *suite)
{
    size_t key, iv;
    bool aes = kek->cipher == GDOI_KEK_AES;
    *suite = (struct ike_suite){.encryption = aes ? IKE_AES_CBC : IKE_3DES_CBC, .key_bits = aes ? kek->key_bits : 0};
    return gdoi_sak_key_len(kek->cipher, suite->key_bits, &key, &iv);
}

static struct ike_iv iv_of(const struct policy_kek *kek, const struct ike_suite *suite)
{
    struct ike_iv iv = {{0}};
    memcpy(iv.b, kek->iv, ike_suite_block_len(suite));
    return iv;
}

bool push_is_for(const struct policy_kek *kek, struct span datagram)
{
    return push_datagram_is(kek, datagram, ISAKMP_EXCHANGE_GROUPKEY_PUSH);
}

/* ---- making one ---- */

static bool put_payloads(struct isakmp_chain *c, const struct push *p, const struct peer_features *form,
                         struct policy_fault *why)
{
    if (!p->has_policy && !p->delete_all_teks && !p->delete_kek && p->n_deleted == 0)
        return fault(why, ISAKMP_N_REFUSED, "a rekey that says nothing");
    if (p->n_deleted > POLICY_MAX_SAS)
        return fault(why, ISAKMP_N_REFUSED, "more than %d deletes", POLICY_MAX_SAS);
    gdoi_seq_put(c, p->number);
    if (p->delete_all_teks)
        gdoi_delete_put_all_teks(c);
    else if (p->n_deleted > 0)
        gdoi_delete_put_teks(c, p->deleted, p->n_deleted);
    if (p->delete_kek)
        gdoi_delete_put_kek(c);
    return !p->has_policy || policy_put_rekey(c, &p->policy, form, why);
}

/* Appends SIG and signs what stands before it. */
static bool put_signature(struct isakmp_chain *c, const struct policy_kek *kek, const struct sig_key *key)
{
    struct buf_writer *w = c->w;
    uint8_t signature[SIG_MAX_LEN];
    size_t sig_at = isakmp_payload_begin(c, ISAKMP_PAYLOAD_SIG), len = sig_len(sig_key_public(key)), signed_len;
    buf_put_zero(w, len);
    isakmp_payload_end(c);
    isakmp_message_end(w);
    const struct span parts[] = {span_of(prefix, sizeof(prefix) - 1), span_of(w->base, sig_at)};
    if (w->overflow || !sig_sign(key, kek->hash, parts, 2, signature, &signed_len) || signed_len != len)
        return false;
    memcpy(w->base + sig_at + ISAKMP_GENERIC_LEN, signature, len);
    return true;
}

bool push_seal(const struct policy_kek *kek, const struct sig_key *key, const struct push *p,
               const struct peer_features *form, struct buf_writer *out, struct policy_fault *why)
{
    struct isakmp_header h = {.exchange = ISAKMP_EXCHANGE_GROUPKEY_PUSH, .flags = ISAKMP_FLAG_ENCRYPTED};
    struct ike_suite suite;
    *out = buf_writer_of(out->base, out->cap < ISAKMP_MAX_MESSAGE ? out->cap : ISAKMP_MAX_MESSAGE);
    if (!suite_of(kek, &suite))
        return fault(why, ISAKMP_N_REFUSED, "the KEK has an unknown cipher");
    if (!span_equal(sig_key_public(key), span_of(kek->public_key, kek->public_key_len)))
        return fault(why, ISAKMP_N_REFUSED, "the signing key isn't the one that this KEK's members know");
    memcpy(h.cky_i, kek->spi, sizeof(h.cky_i));
    memcpy(h.cky_r, kek->spi + sizeof(h.cky_i), sizeof(h.cky_r));
    struct isakmp_chain c = isakmp_message_begin(out, &h);
    bool ok = put_payloads(&c, p, form, why);
    if (ok) {
        struct ike_iv iv = iv_of(kek, &suite);
        ok = (put_signature(&c, kek, key) && ike_sa_seal(&suite, &kek->key, &iv, out->base, &out->len, out->cap)) ||
             fault(why, ISAKMP_N_REFUSED, "the rekey is too long for one datagram, or the crypto library failed");
    }
    if (!ok) {
        wipe(out->base, out->len); /* it may hold keys in clear */
        out->len = 0;
    }
    return ok;
}

/* ---- taking one apart ---- */

/* SEQ, any number of D, SA and KD or neither, SIG; nothing else, nothing behind it but zeros that fill a block. */
static bool structure_fits(const struct isakmp_payloads *ps)
{
    size_t i = 1;
    if (ps->p[0].type != ISAKMP_PAYLOAD_SEQ || ps->padding.len >= MAX_PADDING)
        return false;
    for (size_t k = 0; k < ps->padding.len; k++)
        if (ps->padding.p[k] != 0)
            return false;
    while (i < ps->n && ps->p[i].type == ISAKMP_PAYLOAD_DELETE)
        i++;
    if (i + 1 < ps->n && ps->p[i].type == ISAKMP_PAYLOAD_SA && ps->p[i + 1].type == ISAKMP_PAYLOAD_KD)
        i += 2;
    return i == ps->n || (i + 1 == ps->n && ps->p[i].type == ISAKMP_PAYLOAD_SIG);
}

/* Is the signature right with this Length in the header? */
static bool signature_fits(const struct policy_kek *kek, struct span plain, const struct isakmp_payload *sig,
                           uint32_t length, bool bare)
{
    uint8_t header[ISAKMP_HEADER_LEN];
    struct buf_writer w = {.base = header, .cap = sizeof(header), .len = sizeof(header)};
    memcpy(header, plain.p, sizeof(header));
    buf_patch_u32(&w, ISAKMP_LENGTH_OFFSET, length);
    const struct span parts[] = {
        span_of(prefix, sizeof(prefix) - 1),
        span_of(header, sizeof(header)),
        span_of(plain.p + sizeof(header), (size_t)(sig->whole.p - plain.p) - sizeof(header)),
    };
    struct span public_key = span_of(kek->public_key, kek->public_key_len);
    return (bare ? sig_verify_bare : sig_verify)(public_key, kek->signature, kek->hash, parts, 3, sig->body);
}

static bool is_genuine(const struct policy_kek *kek, struct span plain, const struct isakmp_payloads *ps,
                       enum policy_signature_form lenient)
{
    const struct isakmp_payload *sig = &ps->p[ps->n - 1];
    uint32_t length = (uint32_t)(plain.len - ps->padding.len);
    if (sig->type != ISAKMP_PAYLOAD_SIG)
        return false;
    if (signature_fits(kek, plain, sig, length, false))
        return true;
    if (lenient == POLICY_SIGNATURE_BARE_HASH)
        return signature_fits(kek, plain, sig, length, true);
    return lenient == POLICY_SIGNATURE_PADDED_LENGTH && signature_fits(kek, plain, sig, (uint32_t)plain.len, false);
}

static bool take_delete(const struct policy_kek *kek, struct span body, struct push *p, struct policy_fault *why)
{
    struct gdoi_delete d;
    enum isakmp_error e = gdoi_delete_get(body, &d);
    if (e != ISAKMP_OK)
        return fault(why, isakmp_error_notify(e), "%s", isakmp_error_text(e));
    p->delete_kek |= d.protocol == GDOI_PROTO_KEK && d.all;
    p->delete_all_teks |= d.protocol == GDOI_PROTO_ESP && d.all;
    struct buf_reader r = buf_reader_of(d.spis);
    while (d.protocol == GDOI_PROTO_ESP && r.left > 0) {
        uint32_t spi;
        if (!buf_get_u32(&r, &spi) || (spi != 0 && spi < GDOI_FIRST_SPI))
            return fault(why, ISAKMP_N_INVALID_SPI, "a delete of a reserved SPI");
        if (spi == 0)
            continue;
        if (p->n_deleted == POLICY_MAX_SAS)
            return fault(why, ISAKMP_N_PAYLOAD_MALFORMED, "more than %d deletes", POLICY_MAX_SAS);
        p->deleted[p->n_deleted++] = spi;
    }
    while (d.protocol == GDOI_PROTO_KEK && r.left > 0) {
        struct span spi; /* that of another KEK means nothing here */
        if (!buf_get_span(&r, sizeof(kek->spi), &spi))
            return fault(why, ISAKMP_N_INVALID_SPI, "a delete of a KEK is cut short");
        p->delete_kek |= memcmp(spi.p, kek->spi, sizeof(kek->spi)) == 0;
    }
    return true;
}

/* The content of a genuine message, into p. */
static bool take_content(const struct policy_kek *kek, const struct isakmp_payloads *ps, const struct peer_features *peer,
                         struct push *p, struct policy_fault *why)
{
    size_t i = 1;
    for (; ps->p[i].type == ISAKMP_PAYLOAD_DELETE; i++)
        if (!take_delete(kek, ps->p[i].body, p, why))
            return false;
    if (ps->p[i].type != ISAKMP_PAYLOAD_SA)
        return i > 1 || fault(why, ISAKMP_N_PAYLOAD_MALFORMED, "a rekey that says nothing");
    p->has_policy = true;
    if (!policy_from_rekey(ps->p[i].body, ps->p[i + 1].body, peer, hash_span, &p->policy, why))
        return false;
    const struct policy_kek *new = &p->policy.kek;
    if (!p->policy.has_kek || sig_fits(span_of(new->public_key, new->public_key_len), new->signature))
        return true;
    fault(why, ISAKMP_N_INVALID_KEY_INFORMATION, "the KEK's public key isn't of its signature algorithm, or too weak");
    why->kind = POLICY_FAULT_SIGNATURE_KEY;
    return false;
}

/* plain: header and decrypted payloads. */
static enum push_result judge(const struct policy_kek *kek, uint32_t last, const struct peer_features *peer,
                              enum policy_signature_form lenient, struct span plain, uint8_t first, struct push *out,
                              struct policy_fault *why)
{
    struct isakmp_payloads ps;
    struct push x;
    uint32_t number;
    struct span body = span_of(plain.p + ISAKMP_HEADER_LEN, plain.len - ISAKMP_HEADER_LEN);
    if (isakmp_payloads_get(first, body, ISAKMP_TRAILING_PADDING, &ps) != ISAKMP_OK || !structure_fits(&ps) ||
        gdoi_seq_get(ps.p[0].body, &number) != ISAKMP_OK)
        return PUSH_MALFORMED;
    if (number <= last)
        return PUSH_OLD;
    if (!is_genuine(kek, plain, &ps, lenient))
        return PUSH_FORGED;
    push_init(&x);
    x.number = number;
    bool ok = take_content(kek, &ps, peer, &x, why);
    if (ok) {
        push_wipe(out);
        *out = x;
        wipe(&x, sizeof(x));
    } else {
        push_wipe(&x);
        out->number = number;
    }
    return ok ? PUSH_OK : PUSH_REFUSED;
}

enum push_result push_open(const struct policy_kek *kek, uint32_t last, const struct peer_features *peer,
                           enum policy_signature_form lenient, struct span datagram, struct push *out, struct policy_fault *why)
{
    struct isakmp_header h;
    struct ike_suite suite;
    struct ike_iv next;
    struct span body;
    enum push_result r = PUSH_MALFORMED;
    memset(why, 0, sizeof(*why));
    if (!push_is_for(kek, datagram))
        return PUSH_OTHER;
    if (isakmp_header_get(datagram, &h, &body) != ISAKMP_OK || h.flags != ISAKMP_FLAG_ENCRYPTED || h.message_id != 0 ||
        !suite_of(kek, &suite))
        return PUSH_MALFORMED;
    uint8_t *plain = malloc(datagram.len);
    if (plain == NULL)
        return PUSH_MALFORMED;
    struct ike_iv iv = iv_of(kek, &suite);
    if (ike_sa_open(&suite, &kek->key, &iv, datagram, plain, datagram.len, &next))
        r = judge(kek, last, peer, lenient, span_of(plain, datagram.len), h.next_payload, out, why);
    wipe(plain, datagram.len);
    free(plain);
    return r;
}
