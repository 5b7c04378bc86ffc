# SPDX-License-Identifier: BSD-3-Clause
"""Two members over a routed WAN: they register, their hosts talk, and the WAN sees nothing but ESP that scapy decrypts
to exactly what the hosts sent.
"""

import collections
import hashlib
import os
import random
import socket
import sys
import threading

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import esp_capture as esp  # noqa: E402
from gvpn import OUTSIDE, System, ping, udp_socket  # noqa: E402
from topology import Topology, inside  # noqa: E402

SEED = int(os.environ.get("GVPN_SEED", random.SystemRandom().randrange(1 << 32)))


@pytest.fixture(scope="module")
def system():
    with Topology() as t, System(t, lab=True) as s:
        s.start()
        s.inside1 = t.capture(s.h1.ns, "eth0", f"ip and host {s.h2.address}")
        s.inside2 = t.capture(s.h2.ns, "eth0", f"ip and host {s.h1.address}")
        s.wan1, s.wan2 = s.capture("site1"), s.capture("site2")
        yield s


def test_members_are_registered(system):
    assert sorted(system.ks.members()) == ["10.0.1.2", "10.0.2.2"]
    for m in system.members:
        group = m.status()
        assert group["state"] == "registered"
        assert [sa["spi"] for sa in group["sas"]] == [sa["spi"] for sa in system.ks.status()["sas"]]
        assert group["policy_digest"] == system.ks.status()["policy_digest"]


def test_ping_both_ways(system):
    assert ping(system.h1, system.h2.address) == 3
    assert ping(system.h2, system.h1.address) == 3


def test_udp_of_every_size(system):
    print(f"GVPN_SEED={SEED}")
    data = random.Random(SEED).randbytes(1300)
    with udp_socket(system.h1.ns, system.h1.address) as a, udp_socket(system.h2.ns, system.h2.address, 5000) as b:
        for size in range(1301):
            a.sendto(data[:size], (system.h2.address, 5000))
            got, peer = b.recvfrom(2000)
            assert got == data[:size], f"{size} octets out"
            b.sendto(data[-size:] if size else b"", peer)
            assert a.recv(2000) == (data[-size:] if size else b""), f"{size} octets back"


def test_tcp_transfer(system):
    data = random.Random(SEED).randbytes(1 << 20)
    digest = hashlib.sha256()
    with inside(system.h2.ns):
        server = socket.create_server((system.h2.address, 7000))
    with inside(system.h1.ns):
        client = socket.socket()
    server.settimeout(20)
    client.settimeout(20)

    def receive():
        c, _ = server.accept()
        c.settimeout(20)
        with c:
            while chunk := c.recv(65536):
                digest.update(chunk)

    reader = threading.Thread(target=receive)
    reader.start()
    with client, server:
        client.connect((system.h2.address, 7000))
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        reader.join(30)
    assert digest.digest() == hashlib.sha256(data).digest(), f"GVPN_SEED={SEED}"


def test_what_the_policy_does_not_name_passes_in_clear(system):
    assert ping(system.h1, OUTSIDE) == 3
    assert system.m1.ask("explain", system.h1.address, OUTSIDE, "icmp")["decision"] == "clear"


# The following look at what the tests above left on the wires.

@pytest.fixture(scope="module")
def wires(system):
    for c in (system.wan1, system.wan2, system.inside1, system.inside2):
        c.stop()
    return system


def test_wan_shows_only_esp_between_the_hosts(wires):
    both = {wires.h1.address, wires.h2.address}
    for capture in (wires.wan1, wires.wan2):
        kinds = collections.Counter()
        for p in esp.ip_packets(capture.path):
            if {socket.inet_ntoa(p[12:16]), socket.inet_ntoa(p[16:20])} == both:
                kinds[p[9]] += 1
        assert set(kinds) == {esp.ESP}
        assert kinds[esp.ESP] > 2 * 1301 + 700


def test_outer_header_is_the_inner_one(wires):
    """Addresses, DSCP, DF, TTL: on the first hop nothing but length, identification, protocol and checksum differ."""
    keys = esp.read_keys(wires.keylog)
    for p in esp.esp_packets(wires.wan1.path)[:200]:
        inner = esp.decrypt(p, keys)
        ttl = p.ip[8] if p.src == wires.h1.address else p.ip[8] + 1  # what comes from h2 has passed the router
        assert (p.ip[:2], p.ip[6:8], ttl, p.ip[12:20]) == (inner[:2], inner[6:8], inner[8], inner[12:20])


def test_referee_decrypts_exactly_what_the_hosts_sent(wires):
    keys = esp.read_keys(wires.keylog)
    for wan, inside_, sender in ((wires.wan1, wires.inside1, wires.h1), (wires.wan2, wires.inside2, wires.h2)):
        sent = [p for p in esp.ip_packets(inside_.path) if socket.inet_ntoa(p[12:16]) == sender.address]
        seen = [esp.decrypt(p, keys) for p in esp.esp_packets(wan.path) if p.src == sender.address]
        assert len(sent) > 1301
        assert seen == sent


def test_what_arrives_is_what_was_sent(wires):
    def of(capture, src):
        return [p for p in esp.ip_packets(capture.path) if socket.inet_ntoa(p[12:16]) == src]

    for src in (wires.h1.address, wires.h2.address):
        assert of(wires.inside1, src) == of(wires.inside2, src)


def test_no_iv_is_used_twice(wires):
    packets = esp.esp_packets(wires.wan2.path)
    assert len(packets) > 2 * 1301 + 700
    esp.assert_unique_ivs(packets)


def test_sender_ids_differ_and_are_those_of_the_members(wires):
    ids = esp.sender_ids(esp.esp_packets(wires.wan2.path))
    assert sorted(len(sources) for sources in ids.values()) == [1, 1]
    for m in wires.members:
        own = [i for i, sources in ids.items() if m.host.address in sources]
        assert own == m.status()["sas"][0]["sender_ids"]


def test_counters_agree_with_the_wire(wires):
    packets = esp.esp_packets(wires.wan2.path)
    for m, other in ((wires.m1, wires.m2), (wires.m2, wires.m1)):
        sa = m.status()["sas"][0]
        assert sa["packets_out"] == sum(p.src == m.host.address for p in packets)
        assert sa["packets_in"] == sum(p.src == other.host.address for p in packets)
        verdicts = m.verdicts()
        assert verdicts["sent_encrypted"] == sa["packets_out"]
        assert verdicts["received_decrypted"] == sa["packets_in"]
        assert not any(n for name, n in verdicts.items() if name.startswith("drop_") and name != "drop_fail_close")
