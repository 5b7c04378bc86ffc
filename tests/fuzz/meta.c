/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any octets as the verified payload of an SA with any metadata header, in a buffer of exactly their size: never read beyond
 * the end, and what is taken is what meta_put() would write. First octet of the input: flags and family.
 */
#include "dataplane/core/meta.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t again[META_LEN_MAX], *payload, next;
    unsigned flags;
    struct meta m = {1, 2};

    if (size < 1 || size > 9000)
        return 0;
    flags = 1 + data[0] % 3;
    next = data[0] & 0x80 ? 41 : 4;
    payload = malloc(size > 1 ? size - 1 : 1);
    MUST(payload != NULL);
    memcpy(payload, data + 1, size - 1);
    if (meta_get(payload, (uint32_t)(size - 1), flags, next, &m)) {
        MUST(size - 1 >= meta_len(flags));
        meta_put(again, flags, next, m.time_ms, m.tag);
        MUST(memcmp(again, payload, meta_len(flags)) == 0);
    } else {
        MUST(m.time_ms == 1 && m.tag == 2);
    }
    free(payload);
    return 0;
}
