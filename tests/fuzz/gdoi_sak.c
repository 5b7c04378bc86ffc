/* SPDX-License-Identifier: BSD-3-Clause */
/* SAK bodies: what was read has values that exist, and reads the same after it was written. */
#include "ctrl/gdoi/sak.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gdoi_sak sak, back;
    uint8_t out[256];
    size_t key, iv;
    struct buf_writer w = buf_writer_of(out, sizeof(out));
    if (gdoi_sak_get(span_of(data, size), &sak) != ISAKMP_OK)
        return 0;
    MUST(sak.life_s > 0 && gdoi_sak_key_len(sak.cipher, sak.key_bits, &key, &iv));
    MUST(sak.signature == GDOI_SIG_RSA ? sak.hash != 0 : sak.signature == GDOI_SIG_ECDSA_256 || sak.signature == GDOI_SIG_ECDSA_384);
    buf_put_u8(&w, 0);
    struct isakmp_chain c = isakmp_chain_at(&w, 0);
    gdoi_sak_put(&c, &sak);
    MUST(!w.overflow && gdoi_sak_get(span_of(out + 5, w.len - 5), &back) == ISAKMP_OK);
    MUST(endpoint_equal(&sak.source, &back.source) && endpoint_equal(&sak.destination, &back.destination));
    MUST(memcmp(sak.spi, back.spi, sizeof(sak.spi)) == 0 && sak.cipher == back.cipher && sak.key_bits == back.key_bits);
    MUST(sak.life_s == back.life_s && sak.hash == back.hash && sak.signature == back.signature && sak.ack == back.ack);
    return 0;
}
