# SPDX-License-Identifier: BSD-3-Clause
"""Two members over a routed WAN: they register, their hosts talk by IPv4 and IPv6, and the WAN sees nothing but ESP that
scapy decrypts to exactly what the hosts sent.
"""

import collections
import os
import random
import socket
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import esp_capture as esp  # noqa: E402
from gvpn import OUTSIDE, OUTSIDE6, System, ping, udp_socket  # noqa: E402
from topology import Topology  # noqa: E402
from transfer import transfer  # noqa: E402

SEED = int(os.environ.get("GVPN_SEED", random.SystemRandom().randrange(1 << 32)))


IPV6_AUTOFLOWLABEL = 70  # linux/in6.h
FAMILIES = pytest.mark.parametrize("family", (4, 6))
MARKED = {4: 20, 6: 20}  # packets with a class and a label of their own


@pytest.fixture(scope="module")
def system():
    with Topology() as t, System(t, lab=True, six=True) as s:
        s.start()
        s.inside1, s.inside2 = t.capture(s.h1.ns, "eth0", "ip or ip6"), t.capture(s.h2.ns, "eth0", "ip or ip6")
        s.wan1, s.wan2 = s.capture("site1"), s.capture("site2")
        yield s


def address(host, family):
    return host.address if family == 4 else host.address6


def between(path, system, family):
    """The packets of a family between the hosts, whichever way."""
    both = {address(h, family) for h in (system.h1, system.h2)}
    return [p for p in esp.ip_packets(path, families=(family,)) if set(esp.header(p)[:2]) == both and not esp.is_nd(p)]


def of(path, host, other, family):
    """Those from one to the other."""
    way = address(host, family), address(other, family)
    return [p for p in esp.ip_packets(path, families=(family,)) if esp.header(p)[:2] == way]


def test_members_are_registered(system):
    assert sorted(system.ks.members()) == ["10.0.1.2", "10.0.2.2"]
    for m in system.members:
        group = m.status()
        assert group["state"] == "registered"
        assert [sa["spi"] for sa in group["sas"]] == [sa["spi"] for sa in system.ks.status()["sas"]]
        assert group["policy_digest"] == system.ks.status()["policy_digest"]


@FAMILIES
def test_ping_both_ways(system, family):
    assert ping(system.h1, address(system.h2, family)) == 3
    assert ping(system.h2, address(system.h1, family)) == 3


@FAMILIES
def test_udp_of_every_size(system, family):
    print(f"GVPN_SEED={SEED}")
    data = random.Random(SEED).randbytes(1300)
    here, there = address(system.h1, family), address(system.h2, family)
    with udp_socket(system.h1.ns, here) as a, udp_socket(system.h2.ns, there, 5000) as b:
        for size in range(1301):
            a.sendto(data[:size], (there, 5000))
            got, peer = b.recvfrom(2000)
            assert got == data[:size], f"{size} octets out"
            b.sendto(data[-size:] if size else b"", peer)
            assert a.recv(2000) == (data[-size:] if size else b""), f"{size} octets back"


@FAMILIES
def test_classes_labels_and_hop_limits(system, family):
    """So that the captures show more than the kernel's usual headers."""
    here, there = address(system.h1, family), address(system.h2, family)
    with udp_socket(system.h1.ns, here) as a, udp_socket(system.h2.ns, there, 5001) as b:
        if family == 6:
            a.setsockopt(socket.IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, 1)
        for i in range(MARKED[family]):
            level, tos, ttl = ((socket.IPPROTO_IP, socket.IP_TOS, socket.IP_TTL) if family == 4 else
                               (socket.IPPROTO_IPV6, socket.IPV6_TCLASS, socket.IPV6_UNICAST_HOPS))
            a.setsockopt(level, tos, (i << 3) & 0xfc | (i & 1) << 1)  # every second is ECT(0)
            a.setsockopt(level, ttl, 2 + i * 12)
            a.sendto(b"marked %d" % i, (there, 5001))
            assert b.recv(100) == b"marked %d" % i


@FAMILIES
def test_tcp_transfer(system, family):
    data = random.Random(SEED).randbytes(1 << 20)
    assert transfer(system.h1, system.h2, address(system.h2, family), 7000, data)[0] == data, f"GVPN_SEED={SEED}"


@FAMILIES
def test_what_the_policy_does_not_name_passes_in_clear(system, family):
    outside, proto = {4: (OUTSIDE, "icmp"), 6: (OUTSIDE6, "icmpv6")}[family]
    assert ping(system.h1, outside) == 3
    assert system.m1.ask("explain", address(system.h1, family), outside, proto)["decision"] == "clear"


# The following look at what the tests above left on the wires.

@pytest.fixture(scope="module")
def wires(system):
    for c in (system.wan1, system.wan2, system.inside1, system.inside2):
        c.stop()
    return system


@FAMILIES
def test_wan_shows_only_esp_between_the_hosts(wires, family):
    for capture in (wires.wan1, wires.wan2):
        kinds = collections.Counter(esp.header(p).proto for p in between(capture.path, wires, family))
        assert set(kinds) == {esp.ESP}
        assert kinds[esp.ESP] > 2 * 1301 + 700


def test_of_ipv6_the_wan_shows_only_esp_discovery_and_what_is_not_protected(wires):
    for capture in (wires.wan1, wires.wan2):
        others = [p for p in esp.ip_packets(capture.path, families=(6,))
                  if esp.header(p).proto != esp.ESP and not esp.is_nd(p)]
        assert {frozenset(esp.header(p)[:2]) for p in others} <= {frozenset((wires.h1.address6, OUTSIDE6))}
        assert any(esp.is_nd(p) for p in esp.ip_packets(capture.path, families=(6,)))


def test_outer_header_is_the_inner_one(wires):
    """Addresses, DSCP and ECN, DF, TTL: on the first hop nothing but length, identification, protocol and checksum differ."""
    keys = esp.read_keys(wires.keylog)
    packets = [p for p in esp.esp_packets(wires.wan1.path) if ":" not in p.src]
    for p in packets[:200] + [p for p in packets if p.ip[1]]:
        inner = esp.decrypt(p, keys)
        ttl = p.ip[8] if p.src == wires.h1.address else p.ip[8] + 1  # what comes from h2 has passed the router
        assert (p.ip[:2], p.ip[6:8], ttl, p.ip[12:20]) == (inner[:2], inner[6:8], inner[8], inner[12:20])
    assert len([p for p in packets if p.src == wires.h1.address and p.ip[1]]) >= MARKED[4] - 1


def test_outer_header_of_ipv6_is_the_inner_one(wires):
    """Version, traffic class, flow label, addresses, hop limit: only length and next header differ (RFC 8200, RFC 6437)."""
    keys = esp.read_keys(wires.keylog)
    packets = [p for p in esp.esp_packets(wires.wan1.path) if ":" in p.src]
    labels, hops = set(), set()
    for p in packets[:200] + [p for p in packets if p.ip[0] & 15 or p.ip[1] >> 4]:
        inner = esp.decrypt(p, keys)
        hop = p.ip[7] if p.src == wires.h1.address6 else p.ip[7] + 1
        assert (p.ip[:4], hop, p.ip[8:40]) == (inner[:4], inner[7], inner[8:40])
        assert p.ip[6] == esp.ESP and int.from_bytes(p.ip[4:6], "big") == len(p.ip) - 40
        labels.add(int.from_bytes(p.ip[1:4], "big") & 0xfffff)
        hops.add(hop)
    assert len(labels - {0}) > 1 and len(hops) >= MARKED[6]


def test_referee_decrypts_exactly_what_the_hosts_sent(wires):
    """Octet by octet, so the whole inner header, whose family the trailer's next header names."""
    keys = esp.read_keys(wires.keylog)
    for family in (4, 6):
        for wan, inside_, host, other in ((wires.wan1, wires.inside1, wires.h1, wires.h2),
                                          (wires.wan2, wires.inside2, wires.h2, wires.h1)):
            sent = [p for p in of(inside_.path, host, other, family)]
            seen = [esp.decrypt(p, keys) for p in esp.esp_packets(wan.path) if p.src == address(host, family)]
            assert len(sent) > 1301
            assert seen == sent


@FAMILIES
def test_what_arrives_is_what_was_sent(wires, family):
    """What the members change is nothing: hop limits are as they were sent."""
    for host, other in ((wires.h1, wires.h2), (wires.h2, wires.h1)):
        assert of(wires.inside1.path, host, other, family) == of(wires.inside2.path, host, other, family)


def test_no_iv_is_used_twice(wires):
    """Over both families: they share keys and counters."""
    packets = esp.esp_packets(wires.wan2.path)
    assert len(packets) > 2 * (2 * 1301 + 700)
    assert len({p.spi for p in packets}) == 1
    esp.assert_unique_ivs(packets)


def test_sender_ids_differ_and_are_those_of_the_members(wires):
    ids = esp.sender_ids(esp.esp_packets(wires.wan2.path))
    assert len(ids) == 2
    for m in wires.members:
        own = [i for i, sources in ids.items() if sources == {m.host.address, m.host.address6}]
        assert own == m.status()["sas"][0]["sender_ids"]


def test_counters_agree_with_the_wire(wires):
    packets = esp.esp_packets(wires.wan2.path)
    for m, other in ((wires.m1, wires.m2), (wires.m2, wires.m1)):
        sa = m.status()["sas"][0]
        assert sa["packets_out"] == sum(p.src in m.host for p in packets)
        assert sa["packets_in"] == sum(p.src in other.host for p in packets)
        verdicts = m.verdicts()
        assert verdicts["sent_encrypted"] == sa["packets_out"]
        assert verdicts["received_decrypted"] == sa["packets_in"]
        assert not any(n for name, n in verdicts.items() if name.startswith("drop_") and name != "drop_fail_close")
