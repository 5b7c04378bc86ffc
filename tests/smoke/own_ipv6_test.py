# SPDX-License-Identifier: BSD-3-Clause
"""Own IPv6 addresses of members: neighbour discovery in clear, everything else under the policy (DP1; decision 2).

    h1 ::10 -- m1 ::a1 --+-- wan --+-- m2 ::a2 -- h2 ::20        2001:db8:1::/64 is the group's
                                   |
                                   x ::77 and 2001:db8:9::77      has no key; only the latter may speak in clear
"""

import os
import socket
import struct
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from esp_capture import frames  # noqa: E402
from gvpn import System, mac_of, ping, raw_socket, silent  # noqa: E402
from topology import Topology, inside, ip  # noqa: E402

ACL = ("permit ip 10.1.0.0/16 10.1.0.0/16", "permit ip 2001:db8:1::/64 2001:db8:1::/64")
NET = "2001:db8:1::"
GROUP = "ff15::1234"  # of multicast, transient, site-local


@pytest.fixture(scope="module")
def system():
    with Topology() as t, System(t, bridged=True) as s:
        for m in s.members:
            m.own = f"{NET}a{m.number}"
            m.dp_text = m.dp_text.replace(f"[{m.address}/16]", f'[{m.address}/16, "{m.own}/64"], gateway: ["{NET}77"]')
            t.sh(m.host.ns, "sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=0")  # hosts are made without IPv6
            ip(m.host.ns, f"addr add {NET}{m.number}0/64 dev eth0 nodad")
        s.x = t.host("x", s.wan, f"{NET}77/64", "2001:db8:9::77/64")
        ip(s.x, f"route add {NET}/64 dev eth0 src 2001:db8:9::77 metric 1")  # nothing of x's is like a member's unless asked
        s.start(acl=ACL)
        yield s


def inet6(text):
    return socket.inet_pton(socket.AF_INET6, text)


def sorted_out(capture):
    """What a capture shows: packets of ESP over IPv6, types of neighbour discovery, and everything else of IPv6."""
    from scapy.layers.inet6 import IPv6, IPv6ExtHdrHopByHop
    from scapy.layers.ipsec import ESP
    esp, nd, other = 0, set(), []
    for p in capture.packets():
        if IPv6 not in p or IPv6ExtHdrHopByHop in p:
            continue
        if ESP in p:
            esp += 1
        elif p[IPv6].nh == 58 and 133 <= p[IPv6].payload.type <= 137:
            nd.add(p[IPv6].payload.type)
        else:
            other.append(p)
    return esp, nd, other


def test_members_reach_each_other_by_esp_and_find_each_other_in_clear(system):
    for m in system.members:
        system.t.sh(m.gw.ns, "ip", "-6", "neigh", "flush", "dev", "gvpn0")
    wire = system.capture("br0", "ip6")
    assert ping(system.m1.gw.ns, system.m2.own) == 3
    esp, nd, other = sorted_out(wire)
    assert (esp, other) == (6, []) and {135, 136} <= nd


def test_hosts_reach_members_of_both_sides(system):
    """On the inside port an own address is plain; the other site's is behind ESP."""
    wire = system.capture("br0", "ip6")
    assert ping(system.h1.ns, system.m1.own) == 3
    assert sorted_out(wire)[0] == 0
    wire = system.capture("br0", "ip6")
    assert ping(system.h1.ns, system.m2.own) == 3
    esp, _, other = sorted_out(wire)
    assert (esp, other) == (6, [])
    assert ping(system.m1.gw.ns, f"{NET}20") == 3


def test_what_should_be_esp_is_not_taken_in_clear(system):
    before = system.m1.verdicts()["drop_policy_clear_in"]
    assert silent(system.x, system.m1.own, source=f"{NET}77")
    assert system.m1.verdicts()["drop_policy_clear_in"] == before + 3


def test_what_no_rule_names_is_answered_in_clear_by_the_gateway(system):
    """The answer to another network goes by `gateway`, x itself."""
    assert ping(system.x, system.m1.own, source="2001:db8:9::77") == 3


def test_own_listener_reports_go_out(system):
    """MLD (RFC 3810) of the appliance itself: hop-by-hop options and all."""
    from scapy.layers.inet6 import ICMPv6MLReport2, IPv6

    def reports_of(path):
        return [f for f in frames(path) if f[12:14] == b"\x86\xdd" and f[20] == 0 and inet6(GROUP) in f[54:]]

    wire = system.capture("br0", "ip6")
    with inside(system.m1.gw.ns):
        s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        index = socket.if_nametoindex("gvpn0")
    with s:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, inet6(GROUP) + struct.pack("@I", index))
        wire.wait(1, reports_of)
    reports = [p for p in wire.packets() if ICMPv6MLReport2 in p]
    assert any(r.dst == GROUP for p in reports for r in p[ICMPv6MLReport2].records), [p.summary() for p in reports]
    assert {p[IPv6].hlim for p in reports} == {1}


def test_explain_knows_own_addresses(system):
    local = system.m1.ask("explain", f"{NET}10", system.m1.own, "icmpv6")
    assert (local["decision"], local["because"]) == ("local", "local")
    there = system.m1.ask("explain", system.m1.own, system.m2.own, "udp", "1", "2")
    assert there["decision"] == "encrypt"
    back = system.m1.ask("explain", "--in", f"{NET}77", system.m1.own, "udp", "1", "2")
    assert back["because"] == "drop_policy_clear_in"


def behind(header):
    """What may stand in front of an advertisement; the kernel looks behind both."""
    from scapy.layers.inet6 import IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop, PadN
    options = [PadN(optdata=b"\0\0\0\0")]
    return {"nothing": None, "hop-by-hop options": IPv6ExtHdrHopByHop(options=options),
            "destination options": IPv6ExtHdrDestOpt(options=options)}[header]


@pytest.mark.parametrize("header", ("nothing", "hop-by-hop options", "destination options"))
def test_a_router_advertisement_makes_no_route(system, header):
    """Only `gateway` does: whoever sits on the link could else turn a member's traffic to himself."""
    from scapy.layers.inet6 import ICMPv6ND_RA, ICMPv6NDOptPrefixInfo, IPv6
    from scapy.layers.l2 import Ether
    m = system.m1

    def state():
        return system.t.sh(m.gw.ns, "ip", "-6", "route", "show"), system.t.sh(m.gw.ns, "ip", "-6", "addr", "show", "dev", "gvpn0")
    before = state()
    front = Ether(src=mac_of(system.x, "eth0"), dst=m.gw.local_mac) / IPv6(src="fe80::bad", dst=m.own, hlim=255)
    if behind(header) is not None:
        front /= behind(header)
    frame = front / ICMPv6ND_RA(routerlifetime=1800, prf=1) / ICMPv6NDOptPrefixInfo(prefix="2001:db8:bad::", prefixlen=64)
    raw_socket(system.x, "eth0").send(bytes(frame))
    assert ping(system.x, m.own, source="2001:db8:9::77") == 3  # what came later has been heard
    assert state() == before
