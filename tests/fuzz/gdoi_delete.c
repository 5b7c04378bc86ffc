/* SPDX-License-Identifier: BSD-3-Clause */
/* Bodies of a rekey's deletes: SPIs lie inside and are whole. */
#include "ctrl/gdoi/delete.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gdoi_delete d;
    if (gdoi_delete_get(span_of(data, size), &d) != ISAKMP_OK)
        return 0;
    MUST(d.protocol <= GDOI_PROTO_AH && (d.all || d.spis.len > 0));
    MUST(d.spis.len % (d.protocol == GDOI_PROTO_KEK ? GDOI_KEK_SPI_LEN : 4) == 0);
    MUST(d.spis.len == 0 || (d.spis.p >= data && d.spis.p + d.spis.len == data + size));
    return 0;
}
