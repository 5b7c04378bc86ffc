/* SPDX-License-Identifier: BSD-3-Clause */
/* Any frame: what the walker calls whole lies within it, and the fast way agrees with the thorough one. */
#include "dataplane/core/l3.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct l3 h, thorough;
    struct addr target;
    struct flow flow;
    uint32_t asked;

    l3_parse(data, size, &h);
    if (h.flaw == L3_MALFORMED || h.flaw == L3_VLAN)
        return 0;
    if (h.kind == L3_NOT_IP) {
        if (h.marks & L3_IS_ARP)
            (void)!l3_arp_target(data, size, &asked);
        return 0;
    }
    MUST(h.len + (size_t)L2_LEN <= size);
    l3_flow(&h, data + L2_LEN, &flow);
    MUST(flow.src.family == flow.dst.family);
    if (h.kind == L3_IPV6) {
        (void)!l3_nd_target(data + L2_LEN, &h, &target);
        return 0;
    }
    l3_parse_ipv4_odd(data + L2_LEN, size - L2_LEN, &thorough);
    MUST(thorough.flaw == h.flaw && thorough.addrs == h.addrs && thorough.tuple == h.tuple &&
         thorough.head == h.head && thorough.len == h.len);
    return 0;
}
