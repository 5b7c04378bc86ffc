/* SPDX-License-Identifier: BSD-3-Clause */
/* Attributes: each takes at least 4 octets; what is read is written the same. */
#include "ctrl/isakmp/attr.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t again[65536];
    struct isakmp_attrs as = isakmp_attrs_of(span_of(data, size));
    struct buf_writer w = buf_writer_of(again, sizeof(again));
    while (!isakmp_attrs_end(&as)) {
        struct isakmp_attr a;
        uint16_t v16 = 0;
        uint32_t v32 = 0;
        uint64_t v64 = 0;
        if (isakmp_attr_next(&as, &a) != ISAKMP_OK)
            return 0;
        bool is16 = isakmp_attr_u16(&a, &v16), is32 = isakmp_attr_u32(&a, &v32), is64 = isakmp_attr_u64(&a, &v64);
        MUST((!is16 || (is32 && v16 == v32)) && (!is32 || (is64 && v32 == v64)));
        if (a.basic) {
            MUST(is16);
            isakmp_attr_put_basic(&w, a.type, v16);
        } else {
            isakmp_attr_put_span(&w, a.type, a.value);
        }
    }
    MUST(w.overflow || span_equal(buf_written(&w), span_of(data, size)));
    return 0;
}
