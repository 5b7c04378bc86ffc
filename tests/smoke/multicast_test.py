# SPDX-License-Identifier: BSD-3-Clause
"""Multicast of both families from a host behind one member to a host behind the other: encrypted, and the group address and
its MAC stay outside, so that the WAN can deliver it. Broadcasts likewise, as far as the policy names them.
"""

import os
import re
import socket
import struct
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import esp_capture as esp  # noqa: E402
from gvpn import System, udp_socket  # noqa: E402
from topology import Topology, inside, run, wait_for  # noqa: E402

PORT, COUNT = 5004, 50
STREAMS = {"239.1.2.3": "01005e010203", "ff15::1:2:3": "333300020003", "ff35:40:2001:db8:1:0:7:8": "333300070008"}


@pytest.fixture(scope="module")
def system():
    with Topology() as t, System(t, bridged=True, lab=True, six=True) as s:
        s.start()
        yield s


def join(ns, s, group, address):
    """What s, a socket in ns, receives from now on; and its own packets go by the same interface."""
    with inside(ns):
        index = socket.if_nametoindex("eth0")
    if ":" in group:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(socket.AF_INET6, group) + struct.pack("@I", index))
    else:
        s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + socket.inet_aton(address))


def send_by(ns, s, address):
    with inside(ns):
        index = socket.if_nametoindex("eth0")
    if ":" in address:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, struct.pack("@I", index))
    else:
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))


@pytest.mark.parametrize("stream", STREAMS)
def test_multicast_through_the_members(system, stream):
    six = ":" in stream
    here, there = (h.address6 if six else h.address for h in (system.h1, system.h2))
    capture = system.capture("br0", "ip multicast or ip6 multicast")
    sent = [b"%d " % i + bytes(range(200)) for i in range(COUNT)]
    with udp_socket(system.h2.ns, "::" if six else stream, PORT) as receiver, udp_socket(system.h1.ns, here) as sender:
        join(system.h2.ns, receiver, stream, there)
        send_by(system.h1.ns, sender, here)
        got = []
        for text in sent:
            sender.sendto(text, (stream, PORT))
            got.append(receiver.recvfrom(2000))
    assert [text for text, _ in got] == sent
    assert {peer[0] for _, peer in got} == {here}

    frames = [f for f in esp.frames(capture.stop())
              if [esp.header(p).dst for p in (esp.split(f)[2],) if esp.split(f)[1] in esp.FAMILY] == [stream]]
    assert {frame[:6].hex() for frame in frames} == {STREAMS[stream]}
    packets = [p for p in esp.esp_packets(capture.path) if p.dst == stream]
    assert len(packets) == len(frames) == COUNT, "nothing but ESP goes to the group address"
    assert {p.src for p in packets} == {here}
    esp.assert_unique_ivs(packets)
    keys = esp.read_keys(system.keylog)
    inner = [esp.decrypt(p, keys) for p in packets]
    assert [p[(40 if six else 20) + 8:] for p in inner] == sent
    assert {esp.header(p)[:3] for p in inner} == {(here, stream, 17)}


# The network's own is within the policy's permit; the one of every network is in no entry.
@pytest.mark.parametrize("to, proto", (("10.1.255.255", esp.ESP), ("255.255.255.255", 17)), ids=("directed", "limited"))
def test_broadcasts_go_by_the_policy(system, to, proto):
    capture = system.capture("br0", f"ip dst {to}")
    sent = [b"%d " % i + bytes(range(100)) for i in range(COUNT)]
    with udp_socket(system.h2.ns, to, PORT) as receiver, udp_socket(system.h1.ns, system.h1.address) as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        got = []
        for text in sent:
            sender.sendto(text, (to, PORT))
            got.append(receiver.recvfrom(2000))
    assert [text for text, _ in got] == sent
    assert {peer[0] for _, peer in got} == {system.h1.address}

    frames = list(esp.frames(capture.stop()))
    assert len(frames) == COUNT and {f[:6] for f in frames} == {b"\xff" * 6}
    packets = list(esp.ip_packets(capture.path))
    assert {esp.header(p)[:3] for p in packets} == {(system.h1.address, to, proto)}
    keys = esp.read_keys(system.keylog)
    inner = [esp.decrypt(p, keys) for p in esp.esp_packets(capture.path)] if proto == esp.ESP else packets
    assert [p[28:] for p in inner] == sent
    assert {esp.header(p)[:3] for p in inner} == {(system.h1.address, to, 17)}


@pytest.mark.parametrize("group", ("239.1.2.4", "ff15::1:2:4"))
def test_membership_reports_of_hosts_go_by_the_policy(system, group):
    """They carry the router alert option (RFC 3376 4, RFC 3810 5) and go to the routers' groups, which no permit names: in
    clear, as they are, so that the WAN's routers can read them.
    """
    if ":" in group:
        system.t.sh(system.h2.ns, "nft", "delete", "table", "ip6", "quiet")
    address = system.h2.address6 if ":" in group else system.h2.address
    before = system.m2.verdicts()
    capture = system.capture("br0", "ip or ip6")
    with udp_socket(system.h2.ns, "::" if ":" in group else group, PORT) as receiver:
        join(system.h2.ns, receiver, group, address)
        wait_for(lambda: system.m2.verdicts()["sent_clear"] > before["sent_clear"], what="the report")
    assert esp.esp_packets(capture.stop()) == []
    reports = [esp.header(p) for p in esp.ip_packets(capture.path, families=(4, 6)) if esp.header(p).proto in (0, 2)]
    assert [r for r in reports if r.src in (*system.h2, *link_local(system.h2))]
    after = system.m2.verdicts()
    assert all(after[name] == before[name] for name in ("drop_ip_options", "drop_ext_header"))


def link_local(host):
    """IPv6 reports come from there."""
    return re.findall(r"inet6 (fe80[^/ ]*)", run("ip", "-n", host.ns, "-6", "addr", "show", "dev", "eth0"))
