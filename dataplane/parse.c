/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * First stage: reads each frame's headers and settles everything that policy doesn't judge: broken packets, what isn't
 * IP, neighbour discovery, traffic of the appliance itself; and notes by VLAN which group is in charge. Exits, in order:
 * drop_no_buffer, drop_malformed, drop_vlan, passed_l2, local, drop_fragment, drop_ip_options, drop_ext_header; the rest
 * goes on as CLASSIFY or ESP_IN.
 */
#include "dataplane/ctx.h"
#include "dataplane/core/frag.h"
#include "dataplane/exempt.h"
#include "dataplane/sgt.h"

#include <rte_mbuf.h>

#define PREFETCH_AHEAD 4

/* May its bytes be changed and moved: one segment that nobody else refers to? (refcnt and nb_segs in one load) */
static inline bool is_plain(const struct rte_mbuf *m)
{
    static_assert(offsetof(struct rte_mbuf, refcnt) == offsetof(struct rte_mbuf, rearm_data) + 2 &&
                      offsetof(struct rte_mbuf, nb_segs) == offsetof(struct rte_mbuf, rearm_data) + 4,
                  "refcnt and nb_segs are neighbours");

    return load32((const uint8_t *)&m->rearm_data + 2) == 0x00010001 && RTE_MBUF_DIRECT(m);
}

/* A copy that is, in place of a chain or a buffer that others refer to, when one buffer of the same pool holds it. */
static struct rte_mbuf *make_plain(struct rte_mbuf *m)
{
    struct rte_mbuf *copy = rte_pktmbuf_alloc(m->pool);
    char *to = copy != NULL && m->pkt_len <= UINT16_MAX ? rte_pktmbuf_append(copy, (uint16_t)m->pkt_len) : NULL;
    const void *from = to != NULL ? rte_pktmbuf_read(m, 0, m->pkt_len, to) : NULL;

    if (from == NULL) {
        rte_pktmbuf_free(copy);
        return NULL;
    }
    if (from != to)
        memcpy(to, from, m->pkt_len);
    copy->port = m->port;
    rte_pktmbuf_free(m);
    return copy;
}

static bool own4(const struct pipeline_ctx *ctx, uint32_t addr)
{
    for (unsigned i = 0; i < ctx->n_own4; i++)
        if (ctx->own4[i] == addr)
            return true;
    return false;
}

static bool own6(const struct pipeline_ctx *ctx, const uint8_t *addr)
{
    for (unsigned i = 0; i < ctx->n_own6; i++)
        if (memcmp(ctx->own6[i], addr, 16) == 0)
            return true;
    return false;
}

/* A packet that policy judges, or ESP that we may know. */
static inline void start(struct pkt *p, bool inbound, bool own_dst)
{
    if (inbound && l3_proto(&p->h) == IPPROTO_ESP_OCTET)
        pkt_start(p, PKT_ESP_IN, CLASSIFY_IN, own_dst);
    else
        pkt_start(p, PKT_CLASSIFY, inbound ? CLASSIFY_IN : CLASSIFY_OUT, own_dst);
}

/* local: own addresses can be meant, i.e. the frame is an untagged one of their pair that didn't come from our TAP. */
static void parse_not_ip(struct pipeline_ctx *ctx, struct pkt *p, size_t len, bool local)
{
    uint32_t target;
    bool to_us = local && (p->h.marks & L3_IS_ARP) && l3_arp_target(p->l3, len - L2_LEN, &target) && own4(ctx, target);

    pkt_finish(p, VERDICT_PASSED_L2, to_us ? PKT_TO_PUNT : PKT_TO_TX);
}

static void parse_nd(struct pipeline_ctx *ctx, struct pkt *p, bool local)
{
    struct addr target;
    bool to_us = p->own_dst || (l3_nd_target(p->l3, &p->h, &target) && own6(ctx, target.b));

    pkt_finish(p, VERDICT_PASSED_L2, local && to_us ? PKT_TO_PUNT : PKT_TO_TX);
}

static bool is_bad_fragment(const struct pkt *p)
{
    return p->h.flaw == L3_FRAGMENT && !frag_can_be_judged(p->l3, &p->h);
}

/*
 * ESP from the outside that isn't plain: in pieces it is put together first. Ours has nothing between its headers (DP1), so
 * with options or extension headers it is somebody else's: judged as if its SPI weren't known.
 */
static void start_odd_esp(struct pipeline_ctx *ctx, struct pkt *p)
{
    unsigned fragment_header = p->h.kind == L3_IPV6 ? FRAG6_LEN / 4 : 0;

    if (p->h.flaw == L3_FRAGMENT && p->h.extra == fragment_header) {
        pkt_start(p, PKT_REASSEMBLE, CLASSIFY_IN, p->own_dst);
        ctx->to_reassemble = true;
    } else {
        pkt_start(p, PKT_CLASSIFY, CLASSIFY_UNKNOWN, p->own_dst);
    }
}

/* What is left after malformed packets and what isn't IP. from_tap: an untagged frame of our own. */
static void parse_ip(struct pipeline_ctx *ctx, struct pkt *p, bool inbound, bool from_tap, bool rekey)
{
    bool four = p->h.kind == L3_IPV4;

    if (rekey)
        pkt_finish(p, VERDICT_LOCAL, inbound ? PKT_TO_PUNT : PKT_TO_TX);
    else if (from_tap && (four ? exempt_from_us(ctx, p) : exempt_mld(ctx, p)))
        pkt_finish(p, VERDICT_LOCAL, PKT_TO_TX);
    else if (p->own_dst && !inbound && !from_tap)
        pkt_finish(p, VERDICT_LOCAL, PKT_TO_PUNT);
    else if (p->own_dst && inbound && four && exempt_to_us(p))
        pkt_finish(p, VERDICT_LOCAL, PKT_TO_PUNT);
    else if (is_bad_fragment(p))
        pkt_drop(p, VERDICT_DROP_FRAGMENT);
    else if (p->h.flaw == L3_SOURCE_ROUTE)
        pkt_drop(p, VERDICT_DROP_SOURCE_ROUTE);
    else if (p->h.flaw == L3_OPTIONS)
        pkt_drop(p, VERDICT_DROP_IP_OPTIONS);
    else if (p->h.flaw == L3_EXT_HEADER)
        pkt_drop(p, VERDICT_DROP_EXT_HEADER);
    else if (inbound && l3_proto(&p->h) == IPPROTO_ESP_OCTET && (p->h.flaw == L3_FRAGMENT || p->h.extra != 0))
        start_odd_esp(ctx, p);
    else
        start(p, inbound, p->own_dst);
}

static void parse_frame(struct pipeline_ctx *ctx, struct pkt_vec *v, struct rte_mbuf *m, struct pkt *p, bool inbound);

/* A frame with a header for group tags. Returns whether it is to be treated like others that aren't IP. */
static bool parse_group_tag(struct pipeline_ctx *ctx, struct pkt_vec *v, struct rte_mbuf *m, struct pkt *p, bool inbound)
{
    bool take = !inbound && !v->local && ctx->config->pairs[v->pair].sgt_inline;
    uint16_t tag;

    switch (sgt_read(m, take, &tag)) {
    case SGT_PASS:
        return true;
    case SGT_READ:
        parse_frame(ctx, v, m, p, inbound); /* the header is gone, and no second one is behind it */
        p->tag = tag;
        return false;
    default:
        pkt_drop(p, VERDICT_DROP_GROUP_TAG);
        return false;
    }
}

/* Do some groups hear their rekeys by multicast? */
static inline bool hears_rekeys(const struct pipeline_ctx *ctx)
{
    return ctx->snap != NULL && ctx->snap->n_rekeys != 0;
}

/* May it have to do with that? Behind this, policy's multicast traffic goes on. */
static inline bool may_be_rekey(const struct l3 *h)
{
    return (h->addrs >> 32 & 0xf0) == 0xe0 && (l3_proto(h) == IPPROTO_UDP_OCTET || l3_proto(h) == IPPROTO_IGMP_OCTET);
}

/* The appliance gets a copy of what a multicast router asks everybody on its link. */
static void copy_query(struct pipeline_ctx *ctx, struct pkt_vec *v, struct rte_mbuf *m, const struct pkt *p)
{
    struct rte_mbuf *copy;

    if (!exempt_is_query(&p->h, p->l3))
        return;
    copy = rte_pktmbuf_copy(m, m->pool, 0, UINT32_MAX);
    if (copy == NULL)
        return; /* it asks again */
    v->punt_verdict[v->n_punt] = VERDICT_LOCAL;
    v->punt[v->n_punt++] = copy;
    pipeline_count(ctx, VERDICT_LOCAL, 1);
}

/* Anything but a plain untagged packet that neither comes from us nor goes to us. Own addresses live untagged. */
static void __attribute__((noinline)) parse_frame(struct pipeline_ctx *ctx, struct pkt_vec *v, struct rte_mbuf *m,
                                                  struct pkt *p, bool inbound)
{
    uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
    size_t len = m->data_len;
    bool here = ctx->local_pair == (int)v->pair, hears;
    struct l2 l2;

    l3_parse(frame, len, &l2, &p->h);
    if (p->h.flaw == L3_MALFORMED || p->h.flaw == L3_VLAN) {
        pkt_drop(p, p->h.flaw == L3_VLAN ? VERDICT_DROP_VLAN : VERDICT_DROP_MALFORMED);
        return;
    }
    if (l2.type_be == L2_CMD_BE && !parse_group_tag(ctx, v, m, p, inbound))
        return;
    here = here && l2.len == L2_LEN;
    hears = here && hears_rekeys(ctx);
    p->l3 = frame + l2.len;
    p->place = pkt_place(snap_group_of(ctx->snap, v->pair, l2.vlan), l2.vlan, l2.len);
    p->own_dst = here && ((p->h.kind == L3_IPV4 && own4(ctx, (uint32_t)(p->h.addrs >> 32))) ||
                          (p->h.kind == L3_IPV6 && own6(ctx, p->l3 + 24)));
    if (p->h.kind == L3_NOT_IP)
        parse_not_ip(ctx, p, len, here && !v->local);
    else if (p->h.marks & L3_IS_ND)
        parse_nd(ctx, p, here && !v->local);
    else
        parse_ip(ctx, p, inbound, v->local && l2.len == L2_LEN, hears && exempt_rekey(ctx->snap, &p->h));
    if (hears && inbound && p->todo != PKT_DONE)
        copy_query(ctx, v, m, p);
}

/* Is it a plain untagged packet that has nothing to do with the appliance itself? Sets the packet's header then. */
static inline bool is_transit(const struct pipeline_ctx *ctx, struct pkt *p, const uint8_t *frame, uint32_t len,
                              bool check_own, bool hears)
{
    if (unlikely(len <= L2_LEN))
        return false;
    if (likely(l3_is_ipv4(frame)))
        return likely(l3_try_ipv4(frame + L2_LEN, len - L2_LEN, &p->h)) &&
               !(check_own && own4(ctx, (uint32_t)(p->h.addrs >> 32))) && !(hears && may_be_rekey(&p->h));
    return l3_is_ipv6(frame) && likely(l3_try_ipv6(frame + L2_LEN, len - L2_LEN, &p->h)) &&
           !(check_own && own6(ctx, frame + L2_LEN + 24));
}

/* The same behind one or two tags. Own addresses live untagged, so none of these has to do with the appliance. */
static bool __attribute__((noinline)) is_tagged_transit(const struct pipeline_ctx *ctx, const struct pkt_vec *v,
                                                        struct pkt *p, uint8_t *frame, uint32_t len)
{
    uint32_t l2_len = L2_LEN + L2_TAG_LEN;
    unsigned vlan;

    if (len <= L2_MAX_LEN || !l2_is_tpid(load16(frame + 12)))
        return false;
    if (l2_is_tpid(load16(frame + 16)))
        l2_len = L2_MAX_LEN;
    vlan = load16_be(frame + 14) & 0x0fff;
    p->l3 = frame + l2_len;
    p->place = pkt_place(snap_group_of(ctx->snap, v->pair, vlan), vlan, l2_len);
    if (load16(p->l3 - 2) == L2_IPV4_BE)
        return l3_try_ipv4(p->l3, len - l2_len, &p->h);
    return load16(p->l3 - 2) == L2_IPV6_BE && l3_try_ipv6(p->l3, len - l2_len, &p->h);
}

static inline __attribute__((always_inline)) void parse_all(struct pipeline_ctx *ctx, struct pkt_vec *v, bool inbound)
{
    bool check_own = ctx->local_pair == (int)v->pair, hears = check_own && hears_rekeys(ctx), local = v->local;
    unsigned n = v->n, first = n < PREFETCH_AHEAD ? n : PREFETCH_AHEAD;
    uint64_t untagged = pkt_place(snap_group_of(ctx->snap, v->pair, 0), 0, L2_LEN);

    for (unsigned i = 0; i < first; i++)
        rte_prefetch0(rte_pktmbuf_mtod(v->m[i], const void *));
    for (unsigned i = 0; i < n; i++) {
        struct rte_mbuf *m = v->m[i];
        struct pkt *p = &v->pkts[i];
        uint8_t *frame;

        if (i + PREFETCH_AHEAD < n)
            rte_prefetch0(rte_pktmbuf_mtod(v->m[i + PREFETCH_AHEAD], const void *));
        if (unlikely(!is_plain(m))) {
            m = make_plain(m);
            if (m == NULL) {
                pkt_drop(p, VERDICT_DROP_NO_BUFFER);
                continue;
            }
            v->m[i] = m;
        }
        frame = rte_pktmbuf_mtod(m, uint8_t *);
        p->l3 = frame + L2_LEN;
        p->place = untagged;
        if (likely(is_transit(ctx, p, frame, m->data_len, check_own, hears) && !local))
            start(p, inbound, false);
        else if (!local && is_tagged_transit(ctx, v, p, frame, m->data_len))
            start(p, inbound, false);
        else
            parse_frame(ctx, v, m, p, inbound);
    }
}

void parse_vec(struct pipeline_ctx *ctx, struct pkt_vec *v, bool inbound)
{
    if (inbound)
        parse_all(ctx, v, true);
    else
        parse_all(ctx, v, false);
}
