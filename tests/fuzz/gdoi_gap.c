/* SPDX-License-Identifier: BSD-3-Clause */
/* GAP bodies from either side. */
#include "ctrl/gdoi/gap.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[66000];
    for (int from = GDOI_GAP_FROM_SERVER; from <= GDOI_GAP_FROM_MEMBER; from++) {
        struct gdoi_gap gap, back;
        if (gdoi_gap_get(span_of(data, size), (enum gdoi_gap_from)from, &gap) != ISAKMP_OK)
            continue;
        MUST(gap.sender_id_request <= GDOI_MAX_SENDER_IDS);
        struct buf_writer w = buf_writer_of(out, sizeof(out));
        buf_put_u8(&w, 0);
        struct isakmp_chain c = isakmp_chain_at(&w, 0);
        gdoi_gap_put(&c, &gap);
        if (w.len == 1 || w.overflow)
            continue; /* it says nothing, or came without the generic header that makes it too long */
        MUST(gdoi_gap_get(span_of(out + 5, w.len - 5), (enum gdoi_gap_from)from, &back) == ISAKMP_OK);
        MUST(gap.atd_s == back.atd_s && gap.dtd_s == back.dtd_s && gap.sender_id_request == back.sender_id_request &&
             gap.has_digest == back.has_digest && gap.has_policy == back.has_policy &&
             gap.receive_only == back.receive_only && gap.replace == back.replace && memcmp(gap.digest, back.digest, sizeof(gap.digest)) == 0 &&
             span_equal(gap.policy, back.policy));
    }
    return 0;
}
