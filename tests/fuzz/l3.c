/* SPDX-License-Identifier: BSD-3-Clause */
/* Any frame: what the walker calls whole lies within it, and the fast way agrees with the thorough one. */
#include "dataplane/core/l3.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct l3 h, thorough;
    struct l2 l2;
    struct addr target;
    struct flow flow;
    uint32_t asked;

    l3_parse(data, size, &l2, &h);
    if (h.flaw == L3_MALFORMED || h.flaw == L3_VLAN)
        return 0;
    if (h.kind == L3_NOT_IP) {
        if (h.marks & L3_IS_ARP)
            (void)!l3_arp_target(data + l2.len, size - l2.len, &asked);
        return 0;
    }
    MUST(l2.len >= L2_LEN && l2.len <= L2_MAX_LEN && h.len + (size_t)l2.len <= size && l2.vlan < 4096);
    if (h.flaw == L3_OK || h.flaw == L3_FRAGMENT)
        MUST(l3_payload_at(&h) <= h.len);
    l3_flow(&h, data + l2.len, &flow);
    MUST(flow.src.family == flow.dst.family);
    if (h.kind == L3_IPV6) {
        (void)!l3_nd_target(data + l2.len, &h, &target);
        l3_parse_ipv6_odd(data + l2.len, size - l2.len, &thorough);
    } else {
        l3_parse_ipv4_odd(data + l2.len, size - l2.len, &thorough);
    }
    MUST(thorough.flaw == h.flaw && thorough.addrs == h.addrs && thorough.tuple == h.tuple &&
         thorough.head == h.head && thorough.what == h.what);
    return 0;
}
