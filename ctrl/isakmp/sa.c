/* SPDX-License-Identifier: BSD-3-Clause */
/* The SA payload of phase 1 (RFC 2408 3.4-3.6, RFC 2409 App. A, RFC 6407 2.1). Nothing is chosen here. */
#include "ctrl/isakmp/sa.h"

#include "ctrl/isakmp/attr.h"

#define MAX_SPI_LEN 16

/* Lifetimes come as pairs: a type, then its duration; each type once. */
static enum isakmp_error life(const struct isakmp_attr *a, uint16_t *type, struct isakmp_transform *t)
{
    if (a->type == ISAKMP_IKE_LIFE_TYPE) {
        if (*type != 0 || !isakmp_attr_u16(a, type) || *type == 0)
            return ISAKMP_E_ATTR_VALUE;
        return ISAKMP_OK;
    }
    uint64_t duration = UINT64_MAX; /* what 8 octets can't say */
    if (a->value.len <= sizeof(duration) && !isakmp_attr_u64(a, &duration))
        return ISAKMP_E_ATTR_VALUE;
    uint64_t *slot = *type == ISAKMP_LIFE_SECONDS ? &t->life_s : *type == ISAKMP_LIFE_KILOBYTES ? &t->life_kb : NULL;
    if (*type == 0)
        return ISAKMP_E_ATTR_VALUE;
    *type = 0;
    if (slot == NULL) {
        t->understood = false;
        return ISAKMP_OK;
    }
    if (*slot != 0)
        return ISAKMP_E_ATTR_TWICE;
    if (duration == 0)
        return ISAKMP_E_ATTR_VALUE;
    *slot = duration;
    return ISAKMP_OK;
}

/* Where the value of a basic attribute goes; NULL for attributes unknown to us. */
static uint16_t *basic_slot(struct isakmp_transform *t, uint16_t type)
{
    switch (type) {
    case ISAKMP_IKE_ENCRYPTION:
        return &t->encryption;
    case ISAKMP_IKE_HASH:
        return &t->hash;
    case ISAKMP_IKE_AUTH:
        return &t->auth;
    case ISAKMP_IKE_GROUP:
        return &t->group;
    case ISAKMP_IKE_KEY_LENGTH:
        return &t->key_bits;
    default:
        return NULL;
    }
}

static enum isakmp_error get_attributes(struct span bytes, struct isakmp_transform *t)
{
    struct isakmp_attrs as = isakmp_attrs_of(bytes);
    as.repeatable[0] = ISAKMP_IKE_LIFE_TYPE;
    as.repeatable[1] = ISAKMP_IKE_LIFE_DURATION;
    uint16_t life_type = 0;
    while (!isakmp_attrs_end(&as)) {
        struct isakmp_attr a;
        enum isakmp_error e = isakmp_attr_next(&as, &a);
        if (e != ISAKMP_OK)
            return e;
        if (a.type == ISAKMP_IKE_LIFE_TYPE || a.type == ISAKMP_IKE_LIFE_DURATION) {
            e = life(&a, &life_type, t);
            if (e != ISAKMP_OK)
                return e;
            continue;
        }
        uint16_t *slot = basic_slot(t, a.type);
        if (slot == NULL)
            t->understood = false;
        else if (!isakmp_attr_u16(&a, slot) || *slot == 0)
            return ISAKMP_E_ATTR_VALUE;
    }
    return life_type == 0 ? ISAKMP_OK : ISAKMP_E_ATTR_VALUE; /* a type without a duration */
}

/*
 *     0                   1                   2                   3
 *     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     ! Next Payload  !   RESERVED    !         Payload Length        !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     !  Transform #  !  Transform-Id !           RESERVED2           !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     ~                        SA Attributes                          ~
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
static enum isakmp_error get_transform(struct span body, struct isakmp_transform *t)
{
    struct buf_reader r = buf_reader_of(body);
    struct isakmp_transform x = {.understood = true};
    uint8_t id;
    uint16_t reserved;
    if (!buf_get_u8(&r, &x.number) || !buf_get_u8(&r, &id) || !buf_get_u16(&r, &reserved))
        return ISAKMP_E_TRANSFORM_SHORT;
    if (reserved != 0)
        return ISAKMP_E_TRANSFORM_RESERVED;
    if (id != ISAKMP_KEY_IKE)
        x.understood = false;
    x.attributes = buf_rest(&r);
    enum isakmp_error e = get_attributes(x.attributes, &x);
    if (e == ISAKMP_OK)
        *t = x;
    return e;
}

static enum isakmp_error get_transforms(struct span bytes, uint8_t count, struct isakmp_sa *sa)
{
    struct isakmp_walk w = isakmp_walk_of(ISAKMP_PAYLOAD_TRANSFORM, bytes);
    if (count == 0 || count > ISAKMP_MAX_TRANSFORMS)
        return ISAKMP_E_TRANSFORM_COUNT;
    for (sa->n = 0; sa->n < count; sa->n++) {
        struct isakmp_payload p;
        if (w.next != ISAKMP_PAYLOAD_TRANSFORM)
            return ISAKMP_E_TRANSFORM_COUNT;
        enum isakmp_error e = isakmp_walk_next(&w, &p);
        if (e == ISAKMP_OK)
            e = get_transform(p.body, &sa->t[sa->n]);
        if (e != ISAKMP_OK)
            return e == ISAKMP_E_PAYLOAD_LENGTH     ? ISAKMP_E_TRANSFORM_SHORT
                   : e == ISAKMP_E_PAYLOAD_RESERVED ? ISAKMP_E_TRANSFORM_RESERVED
                                                    : e;
    }
    return w.next == ISAKMP_PAYLOAD_NONE && w.r.left == 0 ? ISAKMP_OK : ISAKMP_E_TRANSFORM_COUNT;
}

/*
 *     0                   1                   2                   3
 *     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     ! Next Payload  !   RESERVED    !         Payload Length        !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     !  Proposal #   !  Protocol-Id  !    SPI Size   !# of Transforms!
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     !                        SPI (variable)                         !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
static enum isakmp_error get_proposal(struct span body, struct isakmp_sa *sa)
{
    struct buf_reader r = buf_reader_of(body);
    uint8_t protocol, spi_size, count;
    if (!buf_get_u8(&r, &sa->proposal) || !buf_get_u8(&r, &protocol) || !buf_get_u8(&r, &spi_size) ||
        !buf_get_u8(&r, &count))
        return ISAKMP_E_PROPOSAL_SHORT;
    if (protocol != ISAKMP_PROTO_ISAKMP)
        return ISAKMP_E_PROPOSAL_PROTOCOL;
    if (spi_size > MAX_SPI_LEN)
        return ISAKMP_E_PROPOSAL_SPI;
    if (!buf_skip(&r, spi_size))
        return ISAKMP_E_PROPOSAL_SHORT;
    return get_transforms(buf_rest(&r), count, sa);
}

/*
 *     0                   1                   2                   3
 *     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     ! Next Payload  !   RESERVED    !         Payload Length        !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     !              Domain of Interpretation  (DOI)                  !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     !                           Situation                           ~
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
enum isakmp_error isakmp_sa_get(struct span body, struct isakmp_sa *sa)
{
    struct buf_reader r = buf_reader_of(body);
    sa->n = 0;
    if (!buf_get_u32(&r, &sa->doi) || !buf_get_u32(&r, &sa->situation))
        return ISAKMP_E_SA_SHORT;
    if (sa->doi != ISAKMP_DOI_GDOI && sa->doi != ISAKMP_DOI_IPSEC)
        return ISAKMP_E_SA_DOI;
    if (sa->situation > ISAKMP_SIT_IDENTITY)
        return ISAKMP_E_SA_SITUATION;
    struct isakmp_walk w = isakmp_walk_of(ISAKMP_PAYLOAD_PROPOSAL, buf_rest(&r));
    struct isakmp_payload p;
    enum isakmp_error e = isakmp_walk_next(&w, &p);
    if (e != ISAKMP_OK)
        return e == ISAKMP_E_PAYLOAD_RESERVED ? ISAKMP_E_PROPOSAL_RESERVED : ISAKMP_E_PROPOSAL_SHORT;
    if (w.next != ISAKMP_PAYLOAD_NONE || w.r.left != 0)
        return ISAKMP_E_PROPOSAL_COUNT;
    e = get_proposal(p.body, sa);
    if (e != ISAKMP_OK)
        sa->n = 0;
    return e;
}

static void put_transform(struct buf_writer *w, const struct isakmp_transform *t)
{
    buf_put_u8(w, t->number);
    buf_put_u8(w, ISAKMP_KEY_IKE);
    buf_put_u16(w, 0);
    if (t->attributes.len) {
        buf_put_span(w, t->attributes);
        return;
    }
    isakmp_attr_put_basic(w, ISAKMP_IKE_ENCRYPTION, t->encryption);
    if (t->key_bits != 0)
        isakmp_attr_put_basic(w, ISAKMP_IKE_KEY_LENGTH, t->key_bits);
    isakmp_attr_put_basic(w, ISAKMP_IKE_HASH, t->hash);
    isakmp_attr_put_basic(w, ISAKMP_IKE_AUTH, t->auth);
    isakmp_attr_put_basic(w, ISAKMP_IKE_GROUP, t->group);
    if (t->life_s != 0) {
        isakmp_attr_put_basic(w, ISAKMP_IKE_LIFE_TYPE, ISAKMP_LIFE_SECONDS);
        isakmp_attr_put_u32(w, ISAKMP_IKE_LIFE_DURATION, t->life_s > UINT32_MAX ? UINT32_MAX : (uint32_t)t->life_s);
    }
}

void isakmp_sa_put(struct isakmp_chain *c, const struct isakmp_sa *sa)
{
    struct buf_writer *w = c->w;
    isakmp_payload_begin(c, ISAKMP_PAYLOAD_SA);
    buf_put_u32(w, sa->doi);
    buf_put_u32(w, sa->situation);
    size_t proposal = w->len;
    buf_put_u8(w, ISAKMP_PAYLOAD_NONE);
    buf_put_u8(w, 0);
    buf_put_u16(w, 0);
    buf_put_u8(w, sa->proposal);
    buf_put_u8(w, ISAKMP_PROTO_ISAKMP);
    buf_put_u8(w, 0);
    buf_put_u8(w, (uint8_t)sa->n);
    for (size_t i = 0; i < sa->n; i++) {
        size_t start = w->len;
        buf_put_u8(w, i + 1 < sa->n ? ISAKMP_PAYLOAD_TRANSFORM : ISAKMP_PAYLOAD_NONE);
        buf_put_u8(w, 0);
        buf_put_u16(w, 0);
        put_transform(w, &sa->t[i]);
        buf_patch_u16(w, start + 2, (uint16_t)(w->len - start));
    }
    buf_patch_u16(w, proposal + 2, (uint16_t)(w->len - proposal));
    isakmp_payload_end(c);
}
