# SPDX-License-Identifier: BSD-3-Clause
"""IPv4 multicast from a host behind one member to a host behind the other: encrypted, and the group address and its MAC
stay outside, so that the WAN can deliver it.
"""

import os
import socket
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import esp_capture as esp  # noqa: E402
from gvpn import System, udp_socket  # noqa: E402
from topology import Topology, wait_for  # noqa: E402

STREAM, PORT, COUNT = "239.1.2.3", 5004, 50


@pytest.fixture(scope="module")
def system():
    with Topology() as t, System(t, bridged=True, lab=True) as s:
        s.start()
        yield s


def test_multicast_through_the_members(system):
    capture = system.capture("br0", f"ip and dst host {STREAM}")
    sent = [b"%d " % i + bytes(range(200)) for i in range(COUNT)]
    with udp_socket(system.h2.ns, STREAM, PORT) as receiver, udp_socket(system.h1.ns, system.h1.address) as sender:
        receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                            socket.inet_aton(STREAM) + socket.inet_aton(system.h2.address))
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(system.h1.address))
        got = []
        for text in sent:
            sender.sendto(text, (STREAM, PORT))
            got.append(receiver.recvfrom(2000))
    assert [text for text, _ in got] == sent
    assert {peer[0] for _, peer in got} == {system.h1.address}

    frames = list(esp.frames(capture.stop()))
    assert {frame[:6].hex() for frame in frames} == {"01005e010203"}
    packets = esp.esp_packets(capture.path)
    assert len(packets) == len(frames) == COUNT, "nothing but ESP goes to the group address"
    assert {(p.src, p.dst) for p in packets} == {(system.h1.address, STREAM)}
    esp.assert_unique_ivs(packets)
    keys = esp.read_keys(system.keylog)
    assert [esp.decrypt(p, keys)[28:] for p in packets] == sent


def test_membership_reports_of_hosts_are_not_mistaken_for_data(system):
    """They carry the router alert option (RFC 3376 4), and packets with options drop by name in this version."""
    before = system.m2.verdicts()["drop_ip_options"]
    capture = system.capture("br0", f"ip and src host {system.h2.address}")
    with udp_socket(system.h2.ns, STREAM, PORT) as receiver:
        receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                            socket.inet_aton("239.1.2.4") + socket.inet_aton(system.h2.address))
    wait_for(lambda: system.m2.verdicts()["drop_ip_options"] > before, what="the report to be dropped")
    assert esp.esp_packets(capture.stop()) == []
