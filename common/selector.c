/* SPDX-License-Identifier: BSD-3-Clause */
/* Matching one selector against one flow. Order of entries is acl.c's business. */
#include "common/selector.h"

static bool any_port(const struct port_range *r)
{
    return r->low == 0 && r->high == UINT16_MAX;
}

static bool in_range(const struct port_range *r, uint16_t port)
{
    return r->low <= port && port <= r->high;
}

bool selector_proto_has_ports(uint8_t proto)
{
    enum { TCP = 6, UDP = 17, DCCP = 33, SCTP = 132, UDP_LITE = 136 };
    return proto == TCP || proto == UDP || proto == DCCP || proto == SCTP || proto == UDP_LITE;
}

bool selector_has_ports(const struct selector *s)
{
    return !any_port(&s->sport) || !any_port(&s->dport);
}

static bool match_ports(const struct selector *s, bool permit, const struct flow *f)
{
    if (!selector_has_ports(s))
        return true;
    switch (f->ports) {
    case FLOW_PORTS:
        return in_range(&s->sport, f->sport) && in_range(&s->dport, f->dport);
    case FLOW_LATER_FRAGMENT:
        return permit;
    case FLOW_NO_PORTS:
        break;
    }
    return false;
}

bool selector_match(const struct selector *s, bool permit, const struct flow *f)
{
    return (s->proto == 0 || s->proto == f->proto) && prefix_contains(&s->src, &f->src) &&
           prefix_contains(&s->dst, &f->dst) && match_ports(s, permit, f);
}

struct selector selector_mirror(const struct selector *s)
{
    return (struct selector){.src = s->dst, .dst = s->src, .proto = s->proto, .sport = s->dport, .dport = s->sport};
}

bool selector_equal(const struct selector *a, const struct selector *b)
{
    return a->proto == b->proto && prefix_equal(&a->src, &b->src) && prefix_equal(&a->dst, &b->dst) &&
           a->sport.low == b->sport.low && a->sport.high == b->sport.high && a->dport.low == b->dport.low &&
           a->dport.high == b->dport.high;
}
