/* SPDX-License-Identifier: BSD-3-Clause */
/* KD bodies: keys lie inside, sender ids fit. */
#include "ctrl/gdoi/kd.h"
#include "tests/fuzz/fuzz.h"

static void inside(struct span s, size_t max, const uint8_t *data, size_t size)
{
    MUST(s.len <= max);
    MUST(s.len == 0 || (s.p >= data && s.p + s.len <= data + size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gdoi_kd kd;
    struct gdoi_kd_packet p;
    uint8_t out[2048];
    if (gdoi_kd_get(span_of(data, size), &kd) != ISAKMP_OK)
        return 0;
    while (!gdoi_kd_end(&kd)) {
        if (gdoi_kd_next(&kd, &p) != ISAKMP_OK)
            return 0;
        struct buf_writer w = buf_writer_of(out, sizeof(out));
        if (p.type == GDOI_KD_TEK) {
            inside(p.tek.algorithm_key, GDOI_MAX_KEY_LEN, data, size);
            inside(p.tek.integrity_key, GDOI_MAX_KEY_LEN, data, size);
            gdoi_kd_put_tek(&w, &p.tek);
        } else if (p.type == GDOI_KD_KEK) {
            MUST(p.kek.algorithm_key.len > 0 && p.kek.signature_key.len > 0);
            inside(p.kek.algorithm_key, GDOI_MAX_KEY_LEN, data, size);
            inside(p.kek.signature_key, GDOI_MAX_PUBLIC_KEY, data, size);
            gdoi_kd_put_kek(&w, &p.kek);
        } else {
            MUST(p.type == GDOI_KD_SID && p.sids.n >= 1 && p.sids.n <= GDOI_MAX_SENDER_IDS);
            for (size_t i = 0; i < p.sids.n; i++)
                MUST(p.sids.values[i] >> p.sids.bits == 0);
            gdoi_kd_put_sids(&w, &p.sids);
        }
        MUST(!w.overflow);
    }
    return 0;
}
