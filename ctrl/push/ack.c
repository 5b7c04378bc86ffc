/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Acknowledgements of rekeys (RFC 8263 3):
 *
 *     ack_key = prf(KEK, "GROUPKEY-PUSH ACK" NUL | SPI | L)      HASH = prf(ack_key, SEQ | ID)
 *
 * L is said to be the length of ack_key, and 512 for HMAC-SHA-256: twice what that has. We send what is written there and
 * take either.
 */
#include "ctrl/push/ack.h"

#include "ctrl/crypto/hash.h"
#include "ctrl/crypto/ike_suite.h"
#include "ctrl/crypto/prf.h"
#include "ctrl/gdoi/seq.h"
#include "ctrl/isakmp/id.h"
#include "ctrl/isakmp/opaque.h"
#include "ctrl/push/datagram.h"

#include <string.h>

static const char label[] = "GROUPKEY-PUSH ACK"; /* with its NUL */

enum l_reading { L_WRITTEN, L_OF_THE_KEY };

/* enum ike_hash of the prf; 0 = no acknowledgement wanted. */
static uint16_t prf_of(const struct policy_kek *kek)
{
    return kek->ack == GDOI_ACK_KEK_SHA256 ? IKE_SHA256 : kek->ack == GDOI_ACK_KEK_SHA512 ? IKE_SHA512 : 0;
}

static bool make_hash(const struct policy_kek *kek, enum l_reading reading, struct span payloads, uint8_t out[PRF_MAX])
{
    uint16_t prf = prf_of(kek);
    size_t len = hash_len(prf), bits = reading == L_WRITTEN ? 16 * len : 8 * len;
    const uint8_t l[2] = {(uint8_t)(bits >> 8), (uint8_t)bits};
    const struct span parts[] = {span_of(label, sizeof(label)), span_of(kek->spi, sizeof(kek->spi)), span_of(l, sizeof(l))};
    uint8_t ack_key[PRF_MAX];
    bool ok = prf_compute(prf, secret_span(&kek->key), parts, 3, ack_key) &&
              prf_compute(prf, span_of(ack_key, len), &payloads, 1, out);
    wipe(ack_key, sizeof(ack_key));
    return ok;
}

bool push_ack_put(const struct policy_kek *kek, uint32_t number, const struct addr *own, struct buf_writer *out)
{
    struct isakmp_header h = {.exchange = ISAKMP_EXCHANGE_GROUPKEY_PUSH_ACK};
    struct isakmp_id id = {.type = own->family == 6 ? ISAKMP_ID_IPV6_ADDR : ISAKMP_ID_IPV4_ADDR,
                           .data = span_of(own->b, addr_len(own->family))};
    size_t len = hash_len(prf_of(kek));
    uint8_t hash[PRF_MAX];
    *out = buf_writer_of(out->base, out->cap);
    if (len == 0 || id.data.len == 0)
        return false;
    memcpy(h.cky_i, kek->spi, sizeof(h.cky_i));
    memcpy(h.cky_r, kek->spi + sizeof(h.cky_i), sizeof(h.cky_r));
    struct isakmp_chain c = isakmp_message_begin(out, &h);
    size_t at = isakmp_hash_reserve(&c, len);
    gdoi_seq_put(&c, number);
    isakmp_id_put(&c, &id);
    isakmp_message_end(out);
    if (out->overflow || !make_hash(kek, L_WRITTEN, isakmp_hash_covers(out, at, len), hash)) {
        out->len = 0;
        return false;
    }
    isakmp_hash_fill(out, at, span_of(hash, len));
    return true;
}

bool push_ack_is_for(const struct policy_kek *kek, struct span datagram)
{
    return push_datagram_is(kek, datagram, ISAKMP_EXCHANGE_GROUPKEY_PUSH_ACK);
}

/* The member's address: what RFC 8263 3.4 allows, less ID_OID, which is no address. */
static bool take_id(struct span body, struct addr *member)
{
    struct isakmp_id id;
    return isakmp_id_get(body, &id) == ISAKMP_OK && id.protocol == 0 && id.port == 0 &&
           (id.type == ISAKMP_ID_IPV4_ADDR || id.type == ISAKMP_ID_IPV6_ADDR) && addr_from_bytes(member, id.data);
}

static bool take_apart(const struct policy_kek *kek, struct span datagram, struct isakmp_payloads *ps, struct span *hash,
                       struct push_ack *ack)
{
    struct isakmp_header h;
    struct span body;
    if (!push_ack_is_for(kek, datagram) || prf_of(kek) == 0 || isakmp_header_get(datagram, &h, &body) != ISAKMP_OK ||
        h.flags != 0 || h.message_id != 0 ||
        isakmp_payloads_get(h.next_payload, body, ISAKMP_TRAILING_REFUSE, ps) != ISAKMP_OK)
        return false;
    return ps->n == 3 && ps->p[0].type == ISAKMP_PAYLOAD_HASH && ps->p[1].type == ISAKMP_PAYLOAD_SEQ &&
           ps->p[2].type == ISAKMP_PAYLOAD_ID &&
           isakmp_hash_get(ps->p[0].body, hash_len(prf_of(kek)), hash) == ISAKMP_OK &&
           gdoi_seq_get(ps->p[1].body, &ack->number) == ISAKMP_OK && take_id(ps->p[2].body, &ack->member);
}

bool push_ack_read(const struct policy_kek *kek, struct span datagram, struct push_ack *out)
{
    struct isakmp_payloads ps;
    struct span hash;
    struct push_ack ack;
    if (!take_apart(kek, datagram, &ps, &hash, &ack))
        return false;
    *out = ack;
    return true;
}

bool push_ack_get(const struct policy_kek *kek, struct span datagram, struct push_ack *out)
{
    struct isakmp_payloads ps;
    struct span hash;
    struct push_ack ack;
    uint8_t expected[PRF_MAX];
    bool ok = false;
    if (!take_apart(kek, datagram, &ps, &hash, &ack))
        return false;
    for (int i = L_WRITTEN; i <= L_OF_THE_KEY; i++) {
        if (!make_hash(kek, (enum l_reading)i, isakmp_payloads_behind(&ps, &ps.p[0]), expected))
            return false;
        ok |= secret_equal(hash, span_of(expected, hash.len));
    }
    if (ok)
        *out = ack;
    return ok;
}
