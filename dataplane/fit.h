/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Makes packets fit (DP7): between policy and encryption it clamps the MSS of SYNs, cuts packets that are too large and
 * may be fragmented into pieces of which each is protected whole, and tells the sender of others what would fit
 * (docs/packet.md, "Sizes"). What fits already only meets the comparison in fit_wanted().
 */
#ifndef GVPN_DATAPLANE_FIT_H
#define GVPN_DATAPLANE_FIT_H

#include "dataplane/core/esp.h"
#include "dataplane/core/mss.h"
#include "dataplane/ctx.h"

/* Too-big messages of all workers together. */
#define FIT_ICMP_PER_SECOND 1000
#define FIT_ICMP_AT_ONCE    50

/* The largest packet of a family that an AES-GCM SA with this metadata header can protect within an MTU. */
static inline uint32_t fit_limit_gcm(uint32_t meta_len, enum l3_kind kind, uint32_t mtu)
{
    return ((mtu - l3_header_len(kind) - ESP_INTRO_LEN - ESP_ICV_LEN) & ~(uint32_t)(ESP_ALIGN - 1)) - 2 - meta_len;
}

/* The largest packet of a family that this SA can protect within an MTU. */
static inline uint32_t fit_limit(const struct sa *sa, enum l3_kind kind, uint32_t mtu)
{
    if (__builtin_expect(sa->kind != ESP_GCM, 0))
        return esp_effective_mtu(kind, mtu, &sa->geometry);
    return fit_limit_gcm(sa->meta_len, kind, mtu);
}

/* Has fit_vec() to look at a packet for which limit is the largest size? Length, flaw and extra are compared at once. */
static inline bool fit_wanted(const struct pkt *p, uint32_t limit, bool mss_clamp)
{
    return (p->h.what & 0x0000ff00ff00ffff) > limit ||
           (mss_clamp && mss_is_syn(p->l3, (enum l3_kind)p->h.kind, l3_proto(&p->h)));
}

/* For life: the configuration's part of the context. */
void fit_init(struct pipeline_ctx *ctx);

/*
 * Stage: every PKT_FIT packet becomes PKT_PROTECT, done, or several packets in its place (v->n grows). Exits:
 * drop_too_big, drop_no_buffer, drop_fragment (transport mode); sent_icmp_too_big for what it says itself.
 */
void fit_vec(struct pipeline_ctx *ctx, struct pkt_vec *v);

/* A decrypted SYN: the same clamping, so that a member on one side suffices. ip: len octets are there. */
void fit_clamp_received(const struct pipeline_ctx *ctx, unsigned pair, const struct sa *sa, enum l3_kind kind, uint8_t *ip,
                        uint32_t len);

/*
 * The outer header has taken over flags and offset of the inner one: makes them what `df` says; never a fragment's.
 */
static inline void fit_outer_frag(const struct pipeline_ctx *ctx, uint8_t *outer, const struct l3 *h)
{
    uint16_t frag = l3_frag_be(h);

    if (__builtin_expect((frag & ctx->keep_frag) != frag || (ctx->set_frag & ~frag) != 0, 0))
        esp_set_frag(outer, (uint16_t)((frag & ctx->keep_frag) | ctx->set_frag));
}

#endif
