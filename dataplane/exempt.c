/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who is exempt from policy. Later fragments have no ports: sent ones follow their first, received ones wait in the
 * kernel for it.
 */
#include "dataplane/exempt.h"

#include <string.h>

#define UDP  IPPROTO_UDP_OCTET
#define IGMP IPPROTO_IGMP_OCTET
#define IGMP_QUERY 0x11 /* RFC 3376 4 */

/* Port 500 would be exempt if gvpnd used it (decision 2). It doesn't: there it is a service like any other. */
static bool is_ike_port(uint16_t port)
{
    return port == 848 || port == 4500;
}

static bool from_own(const struct pipeline_ctx *ctx, const struct pkt *p)
{
    for (unsigned i = 0; i < ctx->n_own4; i++)
        if ((uint32_t)p->h.addrs == ctx->own4[i])
            return true;
    return false;
}

static void remember_fragment(struct pipeline_ctx *ctx, const struct l3 *h)
{
    ctx->fragments[ctx->next_fragment++ % CTX_FRAGMENTS] = (struct ctx_fragment){h->addrs, l3_id_be(h), true};
}

static bool follows_exempt(const struct pipeline_ctx *ctx, const struct l3 *h)
{
    for (unsigned i = 0; i < CTX_FRAGMENTS; i++)
        if (ctx->fragments[i].used && ctx->fragments[i].addrs == h->addrs && ctx->fragments[i].id_be == l3_id_be(h))
            return true;
    return false;
}

bool exempt_from_us(struct pipeline_ctx *ctx, const struct pkt *p)
{
    const struct l3 *h = &p->h;
    uint8_t proto = l3_proto(h);

    if (proto == IGMP && (from_own(ctx, p) || (uint32_t)h->addrs == 0))
        return h->flaw != L3_FRAGMENT;
    if (proto != UDP || !from_own(ctx, p))
        return false;
    if (l3_ports(h) == FLOW_LATER_FRAGMENT)
        return follows_exempt(ctx, h);
    if (h->flaw == L3_OPTIONS || h->extra != 0 || !is_ike_port(l3_sport(h)))
        return false;
    if (h->flaw == L3_FRAGMENT)
        remember_fragment(ctx, h);
    return true;
}

bool exempt_mld(const struct pipeline_ctx *ctx, const struct pkt *p)
{
    static const uint8_t unspecified[16];
    const uint8_t *source = p->l3 + 8;

    if (!(p->h.marks & L3_IS_MLD))
        return false;
    if (source[0] == 0xfe && (source[1] & 0xc0) == 0x80) /* link-local: a router forwards none of these */
        return true;
    for (unsigned i = 0; i < ctx->n_own6; i++)
        if (memcmp(source, ctx->own6[i], 16) == 0)
            return true;
    return memcmp(source, unspecified, sizeof unspecified) == 0;
}

bool exempt_to_us(const struct pkt *p)
{
    const struct l3 *h = &p->h;

    if (l3_proto(h) != UDP || h->flaw == L3_OPTIONS || h->extra != 0)
        return false;
    /* Without an exempt first fragment the kernel never delivers later ones. */
    return l3_ports(h) == FLOW_LATER_FRAGMENT || is_ike_port(l3_dport(h));
}

bool exempt_rekey(const struct snap *s, const struct l3 *h)
{
    bool later = l3_ports(h) == FLOW_LATER_FRAGMENT;

    if (h->kind != L3_IPV4 || l3_proto(h) != UDP || h->flaw == L3_OPTIONS || h->extra != 0)
        return false;
    for (unsigned i = 0; i < s->n_rekeys; i++)
        if (s->rekeys[i].addr == (uint32_t)(h->addrs >> 32) && (later || s->rekeys[i].port == l3_dport(h)))
            return true;
    return false;
}

bool exempt_is_query(const struct l3 *h, const uint8_t *ip)
{
    uint32_t header = IPV4_LEN + 4u * h->extra;

    return h->kind == L3_IPV4 && l3_proto(h) == IGMP && h->flaw == L3_OK && h->len >= header + 8 && ip[header] == IGMP_QUERY;
}

/* The same of a flow. */
static bool is_rekey_flow(const struct snap *s, const struct flow *f)
{
    uint32_t addr;

    memcpy(&addr, f->dst.b, sizeof addr);
    for (unsigned i = 0; s != NULL && i < s->n_rekeys; i++)
        if (s->rekeys[i].addr == addr && s->rekeys[i].port == f->dport)
            return true;
    return false;
}

bool pipeline_is_own(const struct pipeline_config *config, unsigned pair, const struct addr *a)
{
    if (config->local_pair < 0 || (unsigned)config->local_pair != pair)
        return false;
    for (unsigned i = 0; i < config->n_own; i++)
        if (addr_equal(&config->own[i], a))
            return true;
    return false;
}

bool pipeline_exempt(const struct pipeline_config *config, const struct snap *s, unsigned pair, bool inbound,
                     const struct flow *f)
{
    /* IKE runs over IPv4 only. */
    if (f->src.family != 4)
        return false;
    if (config->local_pair == (int)pair && f->proto == UDP && f->ports == FLOW_PORTS && is_rekey_flow(s, f))
        return true;
    if (!pipeline_is_own(config, pair, inbound ? &f->dst : &f->src))
        return false;
    if (f->proto == IGMP)
        return !inbound;
    return f->proto == UDP && f->ports == FLOW_PORTS && is_ike_port(inbound ? f->dport : f->sport);
}
