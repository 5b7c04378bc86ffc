/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Acknowledgements of whoever holds the KEK: what follows the HASH, which is right for it. With bit 0 of the first octet set
 * the rest is a whole datagram, as anybody could send it.
 */
#include "ctrl/crypto/ike_suite.h"
#include "ctrl/crypto/prf.h"
#include "ctrl/gdoi/gdoi.h"
#include "ctrl/push/ack.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

#define HASH_AT  (ISAKMP_HEADER_LEN + 4)
#define HASH_END (HASH_AT + 32)

static size_t wrap(const struct policy_kek *kek, struct span payloads, uint8_t *out, size_t cap)
{
    const struct span context[] = {span_of("GROUPKEY-PUSH ACK", 18), span_of(kek->spi, sizeof(kek->spi)), span_of("\2\0", 2)};
    struct isakmp_header h = {.exchange = ISAKMP_EXCHANGE_GROUPKEY_PUSH_ACK};
    struct buf_writer w = buf_writer_of(out, cap);
    uint8_t ack_key[PRF_MAX], hash[PRF_MAX];
    MUST(prf_compute(IKE_SHA256, secret_span(&kek->key), context, 3, ack_key) &&
         prf_compute(IKE_SHA256, span_of(ack_key, 32), &payloads, 1, hash));
    memcpy(h.cky_i, kek->spi, sizeof(h.cky_i));
    memcpy(h.cky_r, kek->spi + sizeof(h.cky_i), sizeof(h.cky_r));
    struct isakmp_chain c = isakmp_message_begin(&w, &h);
    isakmp_payload_put(&c, ISAKMP_PAYLOAD_HASH, span_of(hash, 32));
    buf_patch_u8(&w, ISAKMP_HEADER_LEN, ISAKMP_PAYLOAD_SEQ);
    buf_put_span(&w, payloads);
    isakmp_message_end(&w);
    return w.overflow ? 0 : w.len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t datagram[4096];
    uint8_t again[PUSH_ACK_MAX_LEN];
    struct policy_kek kek = {.cipher = GDOI_KEK_AES, .key_bits = 128, .ack = GDOI_ACK_KEK_SHA256, .key.len = 16};
    struct push_ack ack = {.number = 77};
    memset(kek.spi, 0x5a, sizeof(kek.spi));
    if (size < 1)
        return 0;
    struct span given = span_of(data + 1, size - 1);
    if ((data[0] & 1) == 0) {
        given = span_of(datagram, wrap(&kek, given, datagram, sizeof(datagram)));
        MUST(given.len == 0 || push_ack_is_for(&kek, given));
    }
    if (!push_ack_get(&kek, given, &ack)) {
        MUST(ack.number == 77 && ack.member.family == 0);
        return 0;
    }
    struct buf_writer w = buf_writer_of(again, sizeof(again)); /* there is one way to say it; its HASH has two readings */
    MUST(push_ack_put(&kek, ack.number, &ack.member, &w));
    MUST(w.len == given.len && memcmp(again, given.p, HASH_AT) == 0);
    MUST(memcmp(again + HASH_END, given.p + HASH_END, w.len - HASH_END) == 0);
    return 0;
}
