# SPDX-License-Identifier: BSD-3-Clause
"""ESP that routers of the WAN cut into pieces (DP7): two gvpn-dp with the same keys, and a narrow link between two routers.

    h1 (10.1.0.1) --- [m1] --- r1 (10.1.0.254) === MTU 1400 === r2 (10.2.0.254) --- [m2] --- h2 (10.2.0.1)
"""

import os
import random
import signal
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from feed import Feed  # noqa: E402
from gvpn import answers, mac_of, ping, raw_socket, udp_socket  # noqa: E402
from topology import Topology, build, ip, wait_for  # noqa: E402

H1, H2 = "10.1.0.1", "10.2.0.1"
SPI = 0x1234abcd
KEY = "000102030405060708090a0b0c0d0e0f" "a0a1a2a3"
NARROW = 1400
LARGEST = 1446  # what fits a WAN of 1500

CONFIG = """
gvpn-dp: 1
workers: [0]
df: {df}
ports:
  - {{name: lan0, device: "{lan}"}}
  - {{name: wan0, device: "{wan}"}}
pairs:
  - {{name: wan, inside: lan0, outside: wan0}}
local: {{tap: gvpn0, addresses: [10.9.0.{number}/24]}}
"""

POLICY = ("group 0 TEST wan policy",
          "rule 0 downloaded 10 1 permit ip 10.1.0.0/24 10.2.0.0/24",
          "rule 0 downloaded 10 2 permit ip 10.2.0.0/24 10.1.0.0/24")


class Member:
    """A gateway, its gvpn-dp and its controller. One clears "don't fragment", as paths with a hole for ICMP need it."""

    def __init__(self, t, number, wan):
        self.t, self.number, self.gw = t, number, t.gateway(f"m{number}", wan)
        self.run_dir = t.path(f"m{number}")
        os.mkdir(self.run_dir)
        self.start("clear" if number == 1 else "copy")
        self.install(SPI)

    def start(self, df):
        devices = self.gw.devices
        config = self.t.path(f"m{self.number}.yaml", CONFIG.format(number=self.number, lan=devices[0], wan=devices[1], df=df))
        self.dp = self.t.start(self.gw.ns, [build("dataplane/gvpn-dp"), "-c", config, "--run-dir", self.run_dir], ready=True)
        self.gw.wait_forwarding()
        self.feed = Feed(os.path.join(self.run_dir, "gvpn-dp.sock"))

    def install(self, spi):
        assert self.feed.install(*POLICY, f"sa 0 10 {spi:#x} aes-gcm-128 {KEY} {self.number * 16} 600000") == "ack 0"

    def stop(self):
        self.feed.close()
        assert self.dp.stop() in (0, -signal.SIGKILL), self.dp.output()


class Net:
    """Members, hosts, and routers with a narrow link between them."""

    def __init__(self, t):
        self.t = t
        sides = [t.switch("wan1"), t.switch("wan2")]
        self.m1, self.m2 = Member(t, 1, sides[0]), Member(t, 2, sides[1])
        self.h1 = t.host("h1", self.m1.gw.inside, f"{H1}/24", gateway="10.1.0.254")
        self.h2 = t.host("h2", self.m2.gw.inside, f"{H2}/24", gateway="10.2.0.254")
        self.r1 = t.host("r1", sides[0], "10.1.0.254/24")
        self.r2 = t.host("r2", sides[1], "10.2.0.254/24")
        t.cable(self.r1, "narrow", self.r2, "narrow")
        for ns, own, other, net in ((self.r1, 1, 2, "10.2.0.0/24"), (self.r2, 2, 1, "10.1.0.0/24")):
            ip(ns, f"link set narrow mtu {NARROW}", f"addr add 10.0.0.{own}/24 dev narrow", f"route add {net} via 10.0.0.{other}")
            t.sh(ns, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1")

    def ping(self, ns, address, size, df=False, count=3):
        """How many of the answers came to packets of `size` octets."""
        return ping(ns, address, count, 0.05, size - 28, df)


@pytest.fixture(scope="module")
def net():
    with Topology() as t:
        n = Net(t)
        assert wait_for(lambda: answers(n.h1, H2), what="a first packet")
        yield n
        for m in (n.m1, n.m2):
            m.stop()


def change(member, before):
    now = member.feed.counters()
    return {k: n - before.get(k, 0) for k, n in now.items() if n != before.get(k, 0)}


def test_pieces_become_packets(net):
    """Every size around where the routers begin to cut, and up to the largest that the WAN takes."""
    before = net.m2.feed.counters()
    capture = net.t.capture(net.r1, "narrow", "proto 50")
    sizes = [NARROW - 60, *range(NARROW - 57, NARROW - 40), LARGEST - 1, LARGEST]
    for size in sizes:
        assert net.ping(net.h1, H2, size) == 3, f"packets of {size} octets"
    from scapy.layers.inet import IP
    seen = [p[IP] for p in capture.packets() if IP in p]
    pieces = [p for p in seen if p.flags.MF or p.frag]
    assert len(pieces) > 50 and {p.proto for p in seen} == {50}
    seen = change(net.m2, before)
    assert seen["received_decrypted"] == 3 * len(sizes)
    assert seen["held_fragment"] == len([p for p in pieces if p.dst == H2 and p.flags.MF]) > 20
    assert not [name for name in seen if name.startswith("drop")]


def test_df_cleared_by_the_member(net):
    """With `df: clear` it doesn't matter what the host said about its packet."""
    before = [m.feed.counters() for m in (net.m1, net.m2)]
    assert net.ping(net.h1, H2, LARGEST, df=True) == 3, [change(m, b) for m, b in zip((net.m1, net.m2), before)]
    assert change(net.m2, before[1])["held_fragment"] >= 3


def test_a_stream_of_datagrams(net):
    """Larger than anything: cut before encryption by the member, and some pieces once more by a router."""
    before = [m.feed.counters() for m in (net.m1, net.m2)]
    payloads = [random.Random(i).randbytes(200 + i * 37 % 4000) for i in range(300)]
    with udp_socket(net.h1, H1) as a, udp_socket(net.h2, H2, 7000) as b:
        a.setsockopt(0, 10, 0)  # IP_MTU_DISCOVER: don't
        for p in payloads:
            a.sendto(p, (H2, 7000))
            assert b.recv(65536) == p
    out, into = change(net.m1, before[0]), change(net.m2, before[1])
    assert out["sent_encrypted"] == into["received_decrypted"] > len(payloads)
    assert into["held_fragment"] > 0 and not [name for name in into if name.startswith("drop")]


def captured_esp(net):
    """The pieces of one packet from h1 to h2, as m2 gets them, complete frames."""
    from scapy.layers.inet import IP
    from scapy.layers.l2 import Ether
    capture = net.t.capture(net.r1, "narrow", "proto 50 and dst " + H2)
    assert net.ping(net.h1, H2, LARGEST, count=1) == 1
    packets = [p[IP] for p in capture.packets() if IP in p]
    assert len(packets) == 2 and packets[0].flags.MF and packets[1].frag
    head = Ether(src=mac_of(net.r2, "eth0"), dst=mac_of(net.h2, "eth0"), type=0x800)
    return head, packets


def rebuilt(packet, **fields):
    """A copy with other fields and a right checksum."""
    from scapy.layers.inet import IP
    copy = IP(bytes(packet))
    for name, value in fields.items():
        setattr(copy, name, value)
    del copy.chksum, copy.len
    return copy


def test_hostile_pieces_are_dropped_by_name(net):
    from scapy.packet import Raw
    head, (first, last) = captured_esp(net)
    whole = bytes(first.payload) + bytes(last.payload)
    before = net.m2.feed.counters()
    with raw_socket(net.r2, "eth0") as s:
        def send(packet):
            s.send(bytes(head / packet))
        send(rebuilt(first, id=1))
        send(rebuilt(first, id=1))  # twice the same: the datagram is lost
        send(rebuilt(last, id=1))
        send(rebuilt(first, id=2))
        send(rebuilt(last, id=2, frag=last.frag - 2))
        send(rebuilt(last, id=2))
        send(rebuilt(last, id=3, frag=8000))  # 64 KiB
        for i in range(3):  # the rest never comes
            send(rebuilt(first, id=10 + i))
        piece = rebuilt(first, id=20, flags="MF", frag=0)
        piece.payload = Raw(whole[:8])
        send(piece)  # a first piece with an ESP header and nothing else
        clear = rebuilt(first, id=30, proto=17)
        send(clear)  # what should be ESP, in clear, in pieces
        send(rebuilt(clear, frag=20, flags=0))
        wait_for(lambda: change(net.m2, before).get("drop_reassembly_timeout", 0) == 4, what="the timeouts")
    seen = change(net.m2, before)
    assert seen["drop_reassembly_overlap"] == 6
    assert seen["drop_reassembly_limit"] == 1
    assert seen["drop_policy_clear_in"] == 2
    assert "received_decrypted" not in seen and "held_fragment" not in seen and "received_clear" not in seen
    wait_for(lambda: net.ping(net.h1, H2, LARGEST) == 3, what="answers to what was let be cut")


def test_a_flood_of_pieces_holds_no_buffers(net):
    head, (first, _) = captured_esp(net)
    frame = bytearray(bytes(head / rebuilt(first, id=0)))
    with raw_socket(net.r2, "eth0") as s:
        for i in range(20000):
            frame[18:20] = i.to_bytes(2, "big")
            frame[24:26] = bytes(2)
            words = sum(int.from_bytes(frame[at:at + 2], "big") for at in range(14, 34, 2))
            frame[24:26] = (~(words % 0xffff) & 0xffff).to_bytes(2, "big")
            s.send(frame)
            if i % 4000 == 0:
                wait_for(lambda: net.ping(net.h1, H2, LARGEST, count=1) == 1, what="a ping behind what queues hold of the flood")
    wait_for(lambda: net.m2.feed.counters()["drop_reassembly_timeout"] >= 400, what="the timeouts")
    wait_for(lambda: net.ping(net.h1, H2, LARGEST) == 3, what="traffic as before")


def test_df_set_by_the_member(net):
    """With `df: set` no router cuts ESP of a host that would let it: the router tells the member, which then cuts before it
    encrypts. On the other side `clear` stays what it was, whatever the host says.
    """
    net.m2.stop()
    net.m2.start("set")
    for m in (net.m1, net.m2):
        m.install(SPI + 1)
    wait_for(lambda: answers(net.h2, H1), what="a first packet")
    before = net.m2.feed.counters()
    wan, narrow = net.t.capture(net.r2, "eth0", "proto 50"), net.t.capture(net.r1, "narrow", f"proto 50 and src {H2}")
    for ns, address in ((net.h1, H2), (net.h2, H1)):
        for df in (False, True):
            wait_for(lambda: net.ping(ns, address, 200, df=df) == 3, what=f"answers from {address}")
    wait_for(lambda: answers(net.h2, H1, size=LARGEST - 28, df=False), what="the member to have learned what fits")
    wait_for(lambda: net.ping(net.h2, H1, LARGEST, df=False) == 3, what="packets that don't fit whole")
    from scapy.layers.inet import IP
    seen = [p[IP] for p in wan.packets() if IP in p]
    assert {(p.src, bool(p.flags.DF)) for p in seen} == {(H1, False), (H2, True)}
    crossed = [p[IP] for p in narrow.packets() if IP in p]
    assert len(crossed) >= 12 + 2 * 4 and not [p for p in crossed if p.flags.MF or p.frag]
    seen = change(net.m2, before)
    assert seen["pmtu_learned"] > 0 and not [name for name in seen if name.startswith("drop")]
