# SPDX-License-Identifier: BSD-3-Clause
"""Two gvpn-dp with the same keys, fed by a test controller: what the wire shows, and what explain says about it.

    h1 (10.1.0.1) --- [m1] --- wan --- [m2] --- h2 (10.1.0.2)        x (10.1.0.3) sits in the wan
"""

import os
import signal
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from esp_capture import frames  # noqa: E402
from feed import Feed  # noqa: E402
from gvpn import ping, silent  # noqa: E402
from topology import Topology, build, wait_for  # noqa: E402

H1, H2, X = "10.1.0.1", "10.1.0.2", "10.1.0.3"
MTU = 1400  # of the hosts: ESP fits the wire
SPI = 0x1234abcd
KEY = "000102030405060708090a0b0c0d0e0f" "a0a1a2a3"

CONFIG = """
gvpn-dp: 1
workers: [{worker}]
ports:
  - {{name: lan0, device: "{lan}"}}
  - {{name: wan0, device: "{wan}"}}
pairs:
  - {{name: wan, inside: lan0, outside: wan0}}
local: {{tap: gvpn0, addresses: [{own}/24]}}
"""

POLICY = ("group 0 TEST wan policy",
          "rule 0 downloaded 10 1 deny tcp any any eq 7777",
          "rule 0 downloaded 10 2 permit ip 10.1.0.0/16 10.1.0.0/16",
          "rule 0 downloaded 10 3 permit ip 10.1.0.0/16 host 239.1.2.3")


class Member:
    """A gateway, its gvpn-dp and its controller."""

    def __init__(self, t, name, wan, number):
        self.t, self.number = t, number
        self.gw = t.gateway(name, wan)
        self.run_dir = t.path(name)
        os.mkdir(self.run_dir)
        worker = "0, 1" if number == 2 and os.cpu_count() > 1 else 0  # one and several workers, where that is possible
        self.config = t.path(name + ".yaml", CONFIG.format(
            worker=worker, own=f"10.9.0.{number}", lan=self.gw.devices[0], wan=self.gw.devices[1]))
        self.start()

    def start(self):
        self.dp = self.t.start(self.gw.ns, [build("dataplane/gvpn-dp"), "-c", self.config, "--run-dir", self.run_dir],
                               ready=True)
        self.gw.wait_forwarding()
        self.feed = Feed(os.path.join(self.run_dir, "gvpn-dp.sock"))

    def sa(self, spi=SPI, end_ms=600000):
        return f"sa 0 10 {spi:#x} aes-gcm-128 {KEY} {self.number * 16} {end_ms}"

    def stop(self):
        self.feed.close()
        return self.dp.stop()


class Net:
    """Topology, both members and the hosts."""

    def __init__(self, t):
        self.t = t
        self.wan = t.switch("wan")
        self.m1, self.m2 = Member(t, "m1", self.wan, 1), Member(t, "m2", self.wan, 2)
        self.h1 = t.host("h1", self.m1.gw.inside, f"{H1}/16", mtu=MTU)
        self.h2 = t.host("h2", self.m2.gw.inside, f"{H2}/16", mtu=MTU)
        self.x = t.host("x", self.wan, f"{X}/16", mtu=MTU)

    def install(self, spi=SPI):
        for m in (self.m1, self.m2):
            assert m.feed.install(*POLICY, m.sa(spi)) == "ack 0"


@pytest.fixture(scope="module")
def net():
    with Topology() as t:
        n = Net(t)
        yield n
        for m in (n.m1, n.m2):
            assert m.stop() in (0, -signal.SIGKILL), m.dp.output()


def ip_of(capture):
    from scapy.layers.inet import IP
    return [p[IP] for p in capture.packets() if IP in p]


def test_fail_close_group_stops_everything(net):
    assert net.m1.feed.install("group 0 TEST wan fail-close") == "ack 0"
    assert silent(net.h1, H2, count=2)
    assert net.m1.feed.counters()["drop_fail_close"] > 0
    assert net.m1.feed.tell(f"explain out {H1} {H2} 1 0 0").split()[:2] == ["drop", "drop_fail_close"]


def test_traffic_is_esp_with_its_own_addresses(net):
    net.install()
    capture = net.t.capture(net.wan.ns, net.wan.bridge)
    assert ping(net.h1, H2) == 3
    assert ping(net.h2, H1, size=1300) == 3
    seen = [p for p in ip_of(capture) if {p.src, p.dst} == {H1, H2}]
    assert len(seen) == 12
    assert {p.proto for p in seen} == {50}
    assert {bytes(p.payload)[:4] for p in seen} == {SPI.to_bytes(4, "big")}
    ivs = [bytes(p.payload)[8:16] for p in seen]
    assert len(set(ivs)) == len(ivs)
    counters = net.m2.feed.counters()
    assert counters["received_decrypted"] >= 6 and counters["sent_encrypted"] >= 6


def test_scapy_reads_and_writes_our_packets(net):
    from scapy.layers.inet import ICMP, IP
    from scapy.layers.ipsec import ESP, SecurityAssociation
    capture = net.t.capture(net.wan.ns, net.wan.bridge)
    ping(net.h1, H2, count=1, size=64)
    seen = [p for p in ip_of(capture) if p.proto == 50]
    tunnel = SecurityAssociation(ESP, spi=SPI, crypt_algo="AES-GCM", crypt_key=bytes.fromhex(KEY),
                                 tunnel_header=IP(src=H1, dst=H2))
    inner = tunnel.decrypt(seen[0])
    assert (inner.src, inner.dst) == (H1, H2)
    assert ICMP in inner and len(inner[ICMP].payload) == 64


def test_deny_passes_in_clear(net):
    capture = net.t.capture(net.wan.ns, net.wan.bridge, "tcp port 7777")
    net.t.sh(net.h1, "/usr/bin/python3", "-c",
             f"import socket; s = socket.socket(); s.settimeout(1); s.connect_ex(('{H2}', 7777))", check=False)
    assert [p.src for p in ip_of(capture.wait(1))][:1] == [H1]
    assert net.m1.feed.tell(f"explain out {H1} {H2} 6 1000 7777").split()[:2] == ["clear", "sent_clear"]


def test_clear_packet_from_outside_is_dropped_and_explained(net):
    before = net.m1.feed.counters()["drop_policy_clear_in"]
    assert silent(net.x, H1, count=2)
    assert net.m1.feed.counters()["drop_policy_clear_in"] >= before + 2
    said = net.m1.feed.tell(f"explain in {X} {H1} 1 0 0").split(maxsplit=4)
    assert said[:3] == ["drop", "drop_policy_clear_in", f"{SPI:#010x}"]
    assert said[4].startswith("permit ip 10.1.0.0/16")


def test_explain_says_what_packets_do(net):
    said = net.m1.feed.tell(f"explain out {H1} {H2} 1 0 0").split(maxsplit=4)
    assert said[:3] == ["encrypt", "sent_encrypted", f"{SPI:#010x}"]
    mtu = int(said[3])
    net.t.sh(net.h1, "ip", "link", "set", "eth0", "mtu", "1500")
    net.t.sh(net.h2, "ip", "link", "set", "eth0", "mtu", "1500")
    before = net.m1.feed.counters()["drop_too_big"]
    assert ping(net.h1, H2, count=1, size=mtu - 28) == 1, "the MTU that explain names fits"
    assert net.m1.feed.counters()["drop_too_big"] == before
    assert silent(net.h1, H2, count=1, size=mtu - 27)
    assert net.m1.feed.counters()["drop_too_big"] == before + 1
    assert net.m1.feed.tell("explain out 10.9.0.1 10.9.0.2 17 848 848").split()[:2] == ["local", "local"]
    assert net.m1.feed.tell("explain out 192.0.2.1 192.0.2.2 17 5 5").split()[:2] == ["clear", "sent_clear"]


def test_multicast_is_encrypted_to_its_own_group_address(net):
    capture = net.t.capture(net.wan.ns, net.wan.bridge)
    net.t.sh(net.h1, "/usr/bin/python3", "-c",
             "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
             f"s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton('{H1}'));"
             "s.sendto(b'x', ('239.1.2.3', 5000))")
    at = capture.wait(1, lambda path: [f for f in frames(path) if f[30:34] == bytes((239, 1, 2, 3))])
    assert [p.proto for p in ip_of(at) if p.dst == "239.1.2.3"] == [50]


def test_traffic_goes_on_without_a_controller_until_the_hard_limit(net):
    assert net.m1.feed.install(*POLICY, net.m1.sa(SPI + 1, 6000)) == "ack 0"
    assert net.m2.feed.install(*POLICY, net.m2.sa(SPI + 1, 6000)) == "ack 0"
    for m in (net.m1, net.m2):
        m.feed.popen.kill()
        m.feed.popen.wait(5)
    assert ping(net.h1, H2) == 3
    wait_for(lambda: "SA_EXPIRED" in net.m1.dp.output(), what="the hard limit")
    assert silent(net.h1, H2, count=2)
    for m in (net.m1, net.m2):
        m.feed = Feed(os.path.join(m.run_dir, "gvpn-dp.sock"))
    assert net.m1.feed.tell(f"explain out {H1} {H2} 1 0 0").split()[:2] == ["drop", "drop_no_sa"]


def test_restarted_data_plane_is_closed_until_it_is_fed_again(net):
    net.install(SPI + 2)
    assert ping(net.h1, H2) == 3
    net.m1.dp.stop(signal.SIGKILL)
    net.m1.feed.close()
    net.m1.start()
    assert silent(net.h1, H2, count=2)
    assert net.m1.feed.install(*POLICY, "sa 0 10 0x77777777 aes-gcm-128 " + KEY + " 64 600000") == "ack 0"
    assert net.m2.feed.install(*POLICY, "sa 0 10 0x77777777 aes-gcm-128 " + KEY + " 128 600000") == "ack 0"
    assert ping(net.h1, H2) == 3


def test_refused_policy_changes_nothing_and_is_logged(net):
    said = net.m1.feed.install("group 0 TEST nowhere policy")
    assert said.startswith("ack ") and said.split()[1] != "0"
    assert "POLICY_REFUSED" in net.m1.dp.output()
    assert ping(net.h1, H2) == 3


def test_ports_show_links_and_frames(net):
    before = net.m1.feed.table("ports")
    assert list(before) == ["lan0", "wan0"] and {row[0] for row in before.values()} == {"up"}
    assert ping(net.h1, H2) == 3
    wait_for(lambda: all(int(net.m1.feed.table("ports")[p][i]) >= int(before[p][i]) + 3
                         for p in before for i in (1, 2)), what="port counters")
    net.t.sh(net.m1.gw.ns, "ip", "link", "set", "gout", "down")
    wait_for(lambda: net.m1.feed.table("ports")["wan0"][0] == "down", what="link down")
    assert "port wan0 is down" in net.m1.dp.output()
    net.t.sh(net.m1.gw.ns, "ip", "link", "set", "gout", "up")
    wait_for(lambda: net.m1.feed.table("ports")["wan0"][0] == "up", what="link up")
    net.m1.gw.wait_forwarding()
    assert ping(net.h1, H2) == 3


def test_clear_counters(net):
    assert net.m1.feed.counters()["sent_encrypted"] > 0
    assert net.m1.feed.tell("clear") == "ok"
    wait_for(lambda: net.m1.feed.counters()["sent_encrypted"] == 0, what="counters at zero")
    wait_for(lambda: int(net.m1.feed.table("ports")["lan0"][1]) < 3, what="port counters at zero")
    assert ping(net.h1, H2) == 3
    assert 3 <= net.m1.feed.counters()["sent_encrypted"] < 10
