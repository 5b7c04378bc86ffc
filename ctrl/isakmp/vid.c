/* SPDX-License-Identifier: BSD-3-Clause */
/* Vendor ids (RFC 2408 3.16): ours, dead peer detection's (RFC 3706 5.1), all others. */
#include "ctrl/isakmp/vid.h"

#include <string.h>

#define DPD_MATCH_LEN 14 /* the last two octets are its version */

const uint8_t isakmp_vid_ours[ISAKMP_VID_FIXED_LEN] = {
    0x63, 0x02, 0xc3, 0x8e, 0x9f, 0xe0, 0xdd, 0x14, 0x39, 0x0a, 0xac, 0x9d, 0x7a, 0x50, 0x8e, 0xf4,
};

const uint8_t isakmp_vid_dpd[ISAKMP_VID_DPD_LEN] = {
    0xaf, 0xca, 0xd7, 0x13, 0x68, 0xa1, 0xf1, 0xc9, 0x6b, 0x86, 0x96, 0xfc, 0x77, 0x57, 0x01, 0x00,
};

struct isakmp_vid isakmp_vid_get(struct span body)
{
    struct isakmp_vid v = {.kind = ISAKMP_VID_FOREIGN};
    struct buf_reader r = buf_reader_of(body);
    if (body.len == ISAKMP_VID_DPD_LEN && memcmp(body.p, isakmp_vid_dpd, DPD_MATCH_LEN) == 0)
        v.kind = ISAKMP_VID_DPD;
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

void isakmp_vid_put_dpd(struct isakmp_chain *c)
{
    isakmp_payload_put(c, ISAKMP_PAYLOAD_VID, span_of(isakmp_vid_dpd, sizeof(isakmp_vid_dpd)));
}
