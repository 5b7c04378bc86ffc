/* SPDX-License-Identifier: BSD-3-Clause */
/* Group associated policy (RFC 6407 5.4). What the attributes lead to is ctrl/policy's business. */
#include "ctrl/gdoi/gap.h"

#include "ctrl/isakmp/attr.h"

#define PSEUDOTIME_LEN 8

static enum isakmp_error get_replace(const struct isakmp_attr *a, struct gdoi_gap *gap)
{
    uint16_t flag;
    if (!isakmp_attr_u16(a, &flag) || flag > 1)
        return ISAKMP_E_ATTR_VALUE;
    gap->replace = flag == 1;
    return ISAKMP_OK;
}

static enum isakmp_error from_server(const struct isakmp_attr *a, struct gdoi_gap *gap)
{
    struct buf_reader r = buf_reader_of(a->value);
    uint16_t flag;
    switch (a->type) {
    case GDOI_GAP_ATD:
        return isakmp_attr_u16(a, &gap->atd_s) ? ISAKMP_OK : ISAKMP_E_ATTR_VALUE;
    case GDOI_GAP_DTD:
        return isakmp_attr_u16(a, &gap->dtd_s) ? ISAKMP_OK : ISAKMP_E_ATTR_VALUE;
    case GDOI_GAP_PSEUDOTIME:
        if (a->value.len != PSEUDOTIME_LEN || !buf_get_u64(&r, &gap->pseudotime_ms))
            return ISAKMP_E_ATTR_VALUE;
        gap->has_pseudotime = true;
        return ISAKMP_OK;
    case GDOI_GAP_POLICY_DIGEST:
        if (a->value.len != GDOI_DIGEST_LEN || !buf_get_bytes(&r, gap->digest, GDOI_DIGEST_LEN))
            return ISAKMP_E_ATTR_VALUE;
        gap->has_digest = true;
        return ISAKMP_OK;
    case GDOI_GAP_POLICY:
        gap->policy = a->value;
        gap->has_policy = true;
        return ISAKMP_OK;
    case GDOI_GAP_GROUP_MODE:
        if (!isakmp_attr_u16(a, &flag) || flag > 1)
            return ISAKMP_E_ATTR_VALUE;
        gap->receive_only = flag == 1;
        return ISAKMP_OK;
    case GDOI_GAP_REPLACE:
        return get_replace(a, gap);
    default:
        return ISAKMP_E_ATTR_UNKNOWN;
    }
}

static enum isakmp_error from_member(const struct isakmp_attr *a, struct gdoi_gap *gap)
{
    if (a->type == GDOI_GAP_REPLACE)
        return get_replace(a, gap);
    if (a->type != GDOI_GAP_SENDER_ID_REQUEST)
        return ISAKMP_E_ATTR_UNKNOWN;
    if (!isakmp_attr_u16(a, &gap->sender_id_request) || gap->sender_id_request == 0 ||
        gap->sender_id_request > GDOI_MAX_SENDER_IDS)
        return ISAKMP_E_ATTR_VALUE;
    return ISAKMP_OK;
}

enum isakmp_error gdoi_gap_get(struct span body, enum gdoi_gap_from from, struct gdoi_gap *gap)
{
    struct isakmp_attrs as = isakmp_attrs_of(body);
    struct gdoi_gap x = {0};
    while (!isakmp_attrs_end(&as)) {
        struct isakmp_attr a;
        enum isakmp_error e = isakmp_attr_next(&as, &a);
        if (e == ISAKMP_OK)
            e = from == GDOI_GAP_FROM_MEMBER ? from_member(&a, &x) : from_server(&a, &x);
        if (e != ISAKMP_OK)
            return e;
    }
    *gap = x;
    return ISAKMP_OK;
}

static void put_pseudotime(struct buf_writer *w, uint64_t ms)
{
    uint8_t octets[PSEUDOTIME_LEN];
    struct buf_writer value = buf_writer_of(octets, sizeof(octets));
    buf_put_u64(&value, ms);
    isakmp_attr_put_span(w, GDOI_GAP_PSEUDOTIME, buf_written(&value));
}

static void put_nonzero(struct buf_writer *w, uint16_t type, uint16_t value)
{
    if (value != 0)
        isakmp_attr_put_basic(w, type, value);
}

void gdoi_gap_put(struct isakmp_chain *c, const struct gdoi_gap *gap)
{
    if (gap->atd_s == 0 && gap->dtd_s == 0 && gap->sender_id_request == 0 && !gap->has_digest && !gap->has_policy &&
        !gap->has_pseudotime && !gap->replace && !gap->receive_only)
        return;
    isakmp_payload_begin(c, ISAKMP_PAYLOAD_GAP);
    put_nonzero(c->w, GDOI_GAP_ATD, gap->atd_s);
    put_nonzero(c->w, GDOI_GAP_DTD, gap->dtd_s);
    put_nonzero(c->w, GDOI_GAP_SENDER_ID_REQUEST, gap->sender_id_request);
    if (gap->has_pseudotime)
        put_pseudotime(c->w, gap->pseudotime_ms);
    if (gap->has_digest)
        isakmp_attr_put_span(c->w, GDOI_GAP_POLICY_DIGEST, span_of(gap->digest, GDOI_DIGEST_LEN));
    if (gap->has_policy)
        isakmp_attr_put_span(c->w, GDOI_GAP_POLICY, gap->policy);
    put_nonzero(c->w, GDOI_GAP_REPLACE, gap->replace);
    put_nonzero(c->w, GDOI_GAP_GROUP_MODE, gap->receive_only);
    isakmp_payload_end(c);
}
