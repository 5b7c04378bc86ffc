/* SPDX-License-Identifier: BSD-3-Clause */
/* Notifications, the data of our REFUSED included. */
#include "ctrl/isakmp/notify.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct isakmp_notify n;
    struct isakmp_refused r;
    uint8_t body[10 + ISAKMP_REFUSED_TEXT_MAX];
    static uint8_t again[65536];
    if (isakmp_notify_get(span_of(data, size), &n) != ISAKMP_OK || size > 60000)
        return 0;
    struct buf_writer w = buf_writer_of(again, sizeof(again));
    buf_put_u8(&w, 0);
    struct isakmp_chain c = isakmp_chain_at(&w, 0);
    isakmp_notify_put(&c, &n);
    MUST(w.len == size + 5 && memcmp(again + 5, data, size) == 0);
    if (isakmp_refused_get(n.data, &r)) {
        MUST(strnlen(r.text, sizeof(r.text)) < sizeof(r.text));
        MUST(isakmp_refused_body(&r, body, sizeof(body)).len >= 10);
    }
    return 0;
}
