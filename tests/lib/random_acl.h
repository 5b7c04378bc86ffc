/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random lists of rules, and flows near their edges: few networks, so that entries overlap, and ports that touch their ranges.
 * Uses random(); the caller seeds it.
 */
#ifndef GVPN_TESTS_LIB_RANDOM_ACL_H
#define GVPN_TESTS_LIB_RANDOM_ACL_H

#include "common/acl.h"

#include <stdlib.h>

enum random_families { RANDOM_V4, RANDOM_V6, RANDOM_BOTH };

/* One of the addresses of a small world: a few networks, subnets and hosts each. */
static inline struct addr random_addr(uint8_t family)
{
    struct addr a = {.family = family};
    size_t len = addr_len(family);

    a.b[0] = family == 4 ? 10 : 0x20;
    a.b[1] = (uint8_t)(random() % 4);
    for (size_t i = 2; i < len; i++)
        a.b[i] = (uint8_t)(random() % 3 ? random() % 4 : random());
    if (random() % 50 == 0)
        for (size_t i = 0; i < len; i++)
            a.b[i] = random() % 2 ? 0xff : 0;
    return a;
}

static inline struct prefix random_prefix(uint8_t family)
{
    struct prefix p = {.addr = random_addr(family)};
    unsigned bits = 8 * (unsigned)addr_len(family);

    p.len = (uint8_t)(random() % 12 == 0 ? 0 : random() % 3 ? bits - (unsigned)random() % (bits / 2) : bits);
    for (unsigned i = p.len; i < bits; i++)
        p.addr.b[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
    return p;
}

static inline struct port_range random_range(void)
{
    uint16_t low = (uint16_t)(random() % 3 ? random() % 100 : random());

    if (random() % 2)
        return (struct port_range){0, UINT16_MAX};
    return (struct port_range){low, (uint16_t)(random() % 2 ? low : low + random() % (UINT16_MAX + 1 - low))};
}

/* Free with acl_free(). Numbered from 1; permits belong to sa 1. Aborts when memory is short. */
static inline struct acl random_acl(size_t n, enum random_families families)
{
    static const uint8_t protos[] = {0, 0, 6, 6, 17, 17, 132, 50, 1, 200};
    struct acl list = {0};

    while (list.n < n) {
        uint8_t family = families == RANDOM_BOTH ? (random() % 2 ? 4 : 6) : families == RANDOM_V4 ? 4 : 6;
        struct acl_entry e = {.permit = random() % 2, .number = (uint16_t)(list.n + 1)};

        e.sa = e.permit;
        e.sel.proto = protos[random() % 10];
        e.sel.src = random_prefix(family);
        e.sel.dst = random_prefix(family);
        e.sel.sport = e.sel.dport = (struct port_range){0, UINT16_MAX};
        if (selector_proto_has_ports(e.sel.proto)) {
            e.sel.sport = random_range();
            e.sel.dport = random_range();
        }
        if (!acl_append(&list, &e))
            abort();
    }
    return list;
}

/* An address in, just before or just behind a prefix. */
static inline struct addr random_near(const struct prefix *p)
{
    struct addr a = random_addr(p->addr.family);

    for (unsigned i = 0; i < p->len; i++) {
        a.b[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
        a.b[i / 8] |= p->addr.b[i / 8] & (0x80 >> i % 8);
    }
    if (p->len > 0 && random() % 16 == 0)
        a.b[(p->len - 1) / 8] ^= (uint8_t)(0x80 >> (p->len - 1) % 8);
    return a;
}

static inline uint16_t random_port_near(const struct port_range *r)
{
    switch (random() % 5) {
    case 0:
        return r->low;
    case 1:
        return r->high;
    case 2:
        return (uint16_t)(r->low - 1);
    case 3:
        return (uint16_t)(r->high + 1);
    default:
        return (uint16_t)random();
    }
}

/* A flow that some entry of the list means, or just misses. The list must not be empty. */
static inline struct flow random_flow(const struct acl *list)
{
    const struct selector *s = &list->entries[(size_t)random() % list->n].sel;
    struct flow f = {.src = random_near(&s->src), .dst = random_near(&s->dst)};

    f.proto = s->proto != 0 && random() % 16 ? s->proto : (uint8_t)(random() % 2 ? 17 : random());
    f.ports = selector_proto_has_ports(f.proto) ? FLOW_PORTS : FLOW_NO_PORTS;
    if (random() % 8 == 0)
        f.ports = FLOW_LATER_FRAGMENT;
    f.sport = random_port_near(&s->sport);
    f.dport = random_port_near(&s->dport);
    return f;
}

#endif
