/* SPDX-License-Identifier: BSD-3-Clause */
/* The frame of the GDOI SA payload (RFC 6407 5.2): SAK, GAP, SATs. What they say is in the files of their names. */
#include "ctrl/gdoi/sa.h"

/* Walks to the end; counts SATs and remembers where they begin. */
static enum isakmp_error walk(struct isakmp_walk w, struct gdoi_sa *sa)
{
    while (w.next != ISAKMP_PAYLOAD_NONE) {
        struct isakmp_walk here = w;
        struct isakmp_payload p;
        if (w.next != ISAKMP_PAYLOAD_SAK && w.next != ISAKMP_PAYLOAD_GAP && w.next != ISAKMP_PAYLOAD_SAT)
            return ISAKMP_E_GDOI_SA_TYPE;
        enum isakmp_error e = isakmp_walk_next(&w, &p);
        if (e != ISAKMP_OK)
            return e;
        if (p.type == ISAKMP_PAYLOAD_SAK) {
            if (sa->has_sak || sa->has_gap || sa->n_sats > 0)
                return ISAKMP_E_GDOI_SA_ORDER;
            e = gdoi_sak_get(p.body, &sa->sak);
            if (e != ISAKMP_OK)
                return e;
            sa->has_sak = true;
            continue;
        }
        if (p.type == ISAKMP_PAYLOAD_GAP) {
            if (sa->has_gap || sa->n_sats > 0)
                return ISAKMP_E_GDOI_SA_ORDER;
            e = gdoi_gap_get(p.body, GDOI_GAP_FROM_SERVER, &sa->gap);
            if (e != ISAKMP_OK)
                return e;
            sa->has_gap = true;
            continue;
        }
        if (sa->n_sats == 0)
            sa->sats = here;
        if (++sa->n_sats > GDOI_MAX_SATS)
            return ISAKMP_E_SAT_COUNT;
    }
    if (w.r.left != 0)
        return ISAKMP_E_TRAILING;
    return sa->has_sak || sa->n_sats > 0 ? ISAKMP_OK : ISAKMP_E_GDOI_SA_EMPTY;
}

enum isakmp_error gdoi_sa_get(struct span body, struct gdoi_sa *sa)
{
    struct buf_reader r = buf_reader_of(body);
    struct gdoi_sa x = {0};
    uint32_t doi, situation;
    uint16_t next, reserved;
    if (!buf_get_u32(&r, &doi) || !buf_get_u32(&r, &situation) || !buf_get_u16(&r, &next) ||
        !buf_get_u16(&r, &reserved))
        return ISAKMP_E_SA_SHORT;
    if (doi != ISAKMP_DOI_GDOI)
        return ISAKMP_E_SA_DOI;
    if (situation != 0)
        return ISAKMP_E_SA_SITUATION;
    if (reserved != 0)
        return ISAKMP_E_GDOI_SA_RESERVED;
    if (next > UINT8_MAX)
        return ISAKMP_E_GDOI_SA_TYPE;
    enum isakmp_error e = walk(isakmp_walk_of((uint8_t)next, buf_rest(&r)), &x);
    if (e == ISAKMP_OK)
        *sa = x;
    return e;
}

enum isakmp_error gdoi_sa_next(struct gdoi_sa *sa, struct gdoi_sat *sat)
{
    struct isakmp_payload p;
    enum isakmp_error e = isakmp_walk_next(&sa->sats, &p);
    return e == ISAKMP_OK ? gdoi_sat_get(p.body, sat) : e;
}

struct isakmp_chain gdoi_sa_begin(struct isakmp_chain *outer)
{
    struct buf_writer *w = outer->w;
    isakmp_payload_begin(outer, ISAKMP_PAYLOAD_SA);
    buf_put_u32(w, ISAKMP_DOI_GDOI);
    buf_put_u32(w, 0);
    buf_put_u16(w, ISAKMP_PAYLOAD_NONE);
    struct isakmp_chain inner = isakmp_chain_at(w, w->len - 1); /* the low octet of two */
    buf_put_u16(w, 0);
    return inner;
}

void gdoi_sa_end_put(struct isakmp_chain *outer)
{
    isakmp_payload_end(outer);
}
