/* SPDX-License-Identifier: BSD-3-Clause */
/* Delete payloads: every SPI that is counted lies inside. */
#include "ctrl/isakmp/delete.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t cookie[ISAKMP_COOKIE_LEN] = {1, 2, 3, 4, 5, 6, 7, 8};
    static uint8_t again[65536];
    struct isakmp_delete d;
    if (isakmp_delete_get(span_of(data, size), &d) != ISAKMP_OK || size > 60000)
        return 0;
    for (uint16_t i = 0; i < d.n; i++) {
        struct span spi = isakmp_delete_spi(&d, i);
        MUST(spi.p >= data && spi.p + spi.len <= data + size);
    }
    (void)isakmp_delete_names(&d, cookie, cookie);
    struct buf_writer w = buf_writer_of(again, sizeof(again));
    buf_put_u8(&w, 0);
    struct isakmp_chain c = isakmp_chain_at(&w, 0);
    isakmp_delete_put(&c, &d);
    MUST(w.len == size + 5 && memcmp(again + 5, data, size) == 0);
    return 0;
}
