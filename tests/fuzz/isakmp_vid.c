/* SPDX-License-Identifier: BSD-3-Clause */
/* Vendor ids: 28 octets with our beginning are ours, everything else isn't. */
#include "ctrl/isakmp/vid.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct isakmp_vid v = isakmp_vid_get(span_of(data, size));
    bool ours = size == ISAKMP_VID_OURS_LEN && memcmp(data, isakmp_vid_ours, ISAKMP_VID_FIXED_LEN) == 0;
    MUST((v.kind == ISAKMP_VID_OURS) == ours);
    MUST(ours || (v.version == 0 && v.features == 0));
    return 0;
}
