/* SPDX-License-Identifier: BSD-3-Clause */
/* Vendor ids (RFC 2408 3.16): ours and all others. */
#include "ctrl/isakmp/vid.h"

#include <string.h>

const uint8_t isakmp_vid_ours[ISAKMP_VID_FIXED_LEN] = {
    0x63, 0x02, 0xc3, 0x8e, 0x9f, 0xe0, 0xdd, 0x14, 0x39, 0x0a, 0xac, 0x9d, 0x7a, 0x50, 0x8e, 0xf4,
};

struct isakmp_vid isakmp_vid_get(struct span body)
{
    struct isakmp_vid v = {.kind = ISAKMP_VID_FOREIGN};
    struct buf_reader r = buf_reader_of(body);
    if (body.len != ISAKMP_VID_OURS_LEN || memcmp(body.p, isakmp_vid_ours, ISAKMP_VID_FIXED_LEN) != 0)
        return v;
    if (buf_skip(&r, ISAKMP_VID_FIXED_LEN) && buf_get_u32(&r, &v.version) && buf_get_u64(&r, &v.features))
        v.kind = ISAKMP_VID_OURS;
    return v;
}

struct isakmp_vid isakmp_vid_find_ours(const struct isakmp_payloads *ps)
{
    for (size_t i = 0; i < ps->n; i++) {
        if (ps->p[i].type != ISAKMP_PAYLOAD_VID)
            continue;
        struct isakmp_vid v = isakmp_vid_get(ps->p[i].body);
        if (v.kind == ISAKMP_VID_OURS)
            return v;
    }
    return (struct isakmp_vid){.kind = ISAKMP_VID_FOREIGN};
}

void isakmp_vid_put_ours(struct isakmp_chain *c, uint32_t version, uint64_t features)
{
    isakmp_payload_begin(c, ISAKMP_PAYLOAD_VID);
    buf_put_bytes(c->w, isakmp_vid_ours, sizeof(isakmp_vid_ours));
    buf_put_u32(c->w, version);
    buf_put_u64(c->w, features);
    isakmp_payload_end(c);
}
