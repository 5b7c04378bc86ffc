/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * First stage: reads each frame's headers and settles everything that policy doesn't judge: broken packets, what isn't IP,
 * neighbour discovery, traffic of the appliance itself. Exits, in order: drop_no_buffer, drop_malformed, drop_vlan,
 * passed_l2, local, drop_fragment, drop_ip_options, drop_ext_header; the rest goes on as CLASSIFY or ESP_IN.
 */
#include "dataplane/ctx.h"
#include "dataplane/exempt.h"

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

static bool make_plain(struct rte_mbuf *m)
{
    return rte_pktmbuf_linearize(m) == 0 && is_plain(m);
}

static bool own4(const struct pipeline_ctx *ctx, uint32_t addr)
{
    for (unsigned i = 0; i < ctx->n_own4; i++)
        if (ctx->own4[i] == addr)
            return true;
    return false;
}

static bool own6(const struct pipeline_ctx *ctx, const uint8_t *bytes)
{
    struct addr a;

    return addr_from_bytes(&a, span_of(bytes, 16)) &&
           pipeline_is_own(ctx->config, (unsigned)ctx->local_pair, &a);
}

static void parse_not_ip(struct pipeline_ctx *ctx, const struct pkt_vec *v, struct pkt *p, size_t len, bool is_local_pair)
{
    uint32_t target;

    if (!v->local && is_local_pair && (p->h.marks & L3_IS_ARP) && l3_arp_target(p->l3 - L2_LEN, len, &target) &&
        own4(ctx, target))
        pkt_finish(p, VERDICT_PASSED_L2, PKT_TO_PUNT);
    else
        pkt_finish(p, VERDICT_PASSED_L2, PKT_TO_TX);
}

static void parse_ipv6(struct pipeline_ctx *ctx, const struct pkt_vec *v, struct pkt *p, bool inbound, bool is_local_pair)
{
    struct addr target;

    p->own_dst = is_local_pair && own6(ctx, p->l3 + 24);
    if (p->h.marks & L3_IS_ND) {
        bool to_us = p->own_dst || (is_local_pair && l3_nd_target(p->l3, &p->h, &target) &&
                                    pipeline_is_own(ctx->config, v->pair, &target));

        pkt_finish(p, VERDICT_PASSED_L2, to_us && !v->local ? PKT_TO_PUNT : PKT_TO_TX);
    } else if (v->local && (p->h.marks & L3_IS_MLD)) {
        pkt_finish(p, VERDICT_LOCAL, PKT_TO_TX);
    } else if (p->own_dst && !inbound && !v->local) {
        pkt_finish(p, VERDICT_LOCAL, PKT_TO_PUNT);
    } else if (p->h.flaw == L3_EXT_HEADER) {
        pkt_drop(p, VERDICT_DROP_EXT_HEADER);
    } else {
        pkt_start(p, PKT_CLASSIFY, inbound ? CLASSIFY_IN : CLASSIFY_OUT, p->own_dst);
    }
}

static inline void start_ipv4(struct pkt *p, bool inbound, bool own_dst)
{
    if (inbound && l3_proto(&p->h) == IPPROTO_ESP_OCTET)
        pkt_start(p, PKT_ESP_IN, CLASSIFY_IN, own_dst);
    else
        pkt_start(p, PKT_CLASSIFY, inbound ? CLASSIFY_IN : CLASSIFY_OUT, own_dst);
}

static void parse_ipv4(struct pipeline_ctx *ctx, const struct pkt_vec *v, struct pkt *p, bool inbound)
{
    if (v->local && exempt_from_us(ctx, p))
        pkt_finish(p, VERDICT_LOCAL, PKT_TO_TX);
    else if (p->own_dst && !inbound && !v->local)
        pkt_finish(p, VERDICT_LOCAL, PKT_TO_PUNT);
    else if (p->own_dst && inbound && exempt_to_us(p))
        pkt_finish(p, VERDICT_LOCAL, PKT_TO_PUNT);
    else if (p->h.flaw == L3_FRAGMENT)
        pkt_drop(p, VERDICT_DROP_FRAGMENT);
    else if (p->h.flaw == L3_OPTIONS)
        pkt_drop(p, VERDICT_DROP_IP_OPTIONS);
    else
        start_ipv4(p, inbound, p->own_dst);
}

/* Anything but a plain IPv4 packet that neither comes from us nor goes to us. */
static void __attribute__((noinline)) parse_rare(struct pipeline_ctx *ctx, const struct pkt_vec *v, struct pkt *p,
                                                 size_t len, bool inbound)
{
    bool is_local_pair = ctx->local_pair == (int)v->pair;

    if (p->h.flaw == L3_MALFORMED)
        pkt_drop(p, VERDICT_DROP_MALFORMED);
    else if (p->h.flaw == L3_VLAN)
        pkt_drop(p, VERDICT_DROP_VLAN);
    else if (p->h.kind == L3_NOT_IP)
        parse_not_ip(ctx, v, p, len, is_local_pair);
    else if (p->h.kind == L3_IPV6)
        parse_ipv6(ctx, v, p, inbound, is_local_pair);
    else
        parse_ipv4(ctx, v, p, inbound);
}

/* A frame that isn't a plain IPv4 packet, or may have to do with the appliance itself. */
static void __attribute__((noinline)) parse_frame(struct pipeline_ctx *ctx, const struct pkt_vec *v, struct pkt *p,
                                                  const uint8_t *frame, size_t len, bool inbound)
{
    l3_parse(frame, len, &p->h);
    p->own_dst = ctx->local_pair == (int)v->pair && p->h.kind == L3_IPV4 && own4(ctx, (uint32_t)(p->h.addrs >> 32));
    if (p->h.kind != L3_IPV4 || p->h.flaw != L3_OK || p->own_dst || v->local)
        parse_rare(ctx, v, p, len, inbound);
    else
        start_ipv4(p, inbound, false);
}

void parse_vec(struct pipeline_ctx *ctx, struct pkt_vec *v, bool inbound)
{
    bool check_own = ctx->local_pair == (int)v->pair, local = v->local;
    unsigned n = v->n, first = n < PREFETCH_AHEAD ? n : PREFETCH_AHEAD;

    for (unsigned i = 0; i < first; i++)
        rte_prefetch0(rte_pktmbuf_mtod(v->m[i], const void *));
    for (unsigned i = 0; i < n; i++) {
        struct rte_mbuf *m = v->m[i];
        struct pkt *p = &v->pkts[i];
        uint32_t len = m->data_len;
        uint8_t *frame;

        if (i + PREFETCH_AHEAD < n)
            rte_prefetch0(rte_pktmbuf_mtod(v->m[i + PREFETCH_AHEAD], const void *));
        if (unlikely(!is_plain(m))) {
            if (!make_plain(m)) {
                pkt_drop(p, VERDICT_DROP_NO_BUFFER);
                continue;
            }
            len = m->data_len;
        }
        frame = rte_pktmbuf_mtod(m, uint8_t *);
        p->l3 = frame + L2_LEN;
        if (likely(len > L2_LEN && l3_is_ipv4(frame) && l3_try_ipv4(frame + L2_LEN, len - L2_LEN, &p->h) && !local &&
                   !(check_own && own4(ctx, (uint32_t)(p->h.addrs >> 32)))))
            start_ipv4(p, inbound, false);
        else
            parse_frame(ctx, v, p, frame, len, inbound);
    }
}
