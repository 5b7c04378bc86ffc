/* SPDX-License-Identifier: BSD-3-Clause */
/* What an ACL entry looks at in a packet, and the rule for fragments. Used alike by policy code and data plane. */
#ifndef GVPN_COMMON_SELECTOR_H
#define GVPN_COMMON_SELECTOR_H

#include "common/addr.h"

struct port_range {
    uint16_t low, high; /* inclusive, host order; 0..65535 = any */
};

struct selector {
    struct prefix src, dst; /* of one family; /0 = any */
    uint8_t proto;          /* IP protocol, 0 = any */
    struct port_range sport, dport;
};

/* Where a packet stands in a datagram that may be fragmented. */
enum flow_ports {
    FLOW_PORTS,          /* sport and dport are valid */
    FLOW_NO_PORTS,       /* the protocol has none: entries with ports never match */
    FLOW_LATER_FRAGMENT, /* non-initial fragment: ports unknown */
};

struct flow {
    struct addr src, dst; /* same family */
    uint8_t proto;
    enum flow_ports ports;
    uint16_t sport, dport; /* host order */
};

/* Do packets of this protocol begin with two ports? TCP, UDP, DCCP, SCTP, UDP-Lite. */
bool selector_proto_has_ports(uint8_t proto);
/* Does the selector name ports at all? */
bool selector_has_ports(const struct selector *s);
/*
 * Does the flow match? `permit` says what kind of entry the selector belongs to: a later fragment matches a permit
 * entry with ports by addresses and protocol, and never matches a deny entry with ports (the original's rule, DP8).
 */
bool selector_match(const struct selector *s, bool permit, const struct flow *f);
/* The same selector with source and destination exchanged. */
struct selector selector_mirror(const struct selector *s);
bool selector_equal(const struct selector *a, const struct selector *b);

#endif
