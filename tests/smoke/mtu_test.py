# SPDX-License-Identifier: BSD-3-Clause
"""Hosts with an MTU of 1500 behind members whose ESP has to fit 1500: whatever the hosts send arrives, or its sender hears
what would; TCP never needs that; and a smaller MTU in the WAN reaches the hosts, too. Nothing is lost in silence.
"""

import errno
import os
import random
import select
import socket
import struct
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from gvpn import System, udp_socket  # noqa: E402
from topology import Topology, ip, wait_for  # noqa: E402
from transfer import transfer  # noqa: E402

SEED = int(os.environ.get("GVPN_SEED", random.SystemRandom().randrange(1 << 32)))
FAMILIES = pytest.mark.parametrize("family", (4, 6))
FIT = {4: 1446, 6: 1426}       # docs/packet.md, "Sizes"
HEADERS = {4: 28, 6: 48}       # IP and UDP
PROBE, OMIT = 3, 5             # linux/in.h: DF, and nothing learned is used; no DF, likewise
IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, IP_RECVERR, IPV6_RECVERR = 10, 23, 11, 25
DATA = random.Random(SEED).randbytes(66000)


@pytest.fixture(scope="module")
def system():
    with Topology() as t, System(t, six=True, mtu=1500) as s:
        s.start()
        print(f"GVPN_SEED={SEED}")
        yield s


def address(host, family):
    return host.address if family == 4 else host.address6


class Pair:
    """A UDP socket on h1 connected to one on h2."""

    def __init__(self, system, family, discover, port):
        self.family, there = family, address(system.h2, family)
        self.a = udp_socket(system.h1.ns, address(system.h1, family))
        self.b = udp_socket(system.h2.ns, there, port)
        level, name, recverr = ((socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_RECVERR) if family == 4 else
                                (socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_RECVERR))
        self.a.setsockopt(level, name, discover)
        self.a.setsockopt(level, recverr, 1)
        self.a.connect((there, port))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.a.close()
        self.b.close()

    def send(self, size):
        """A datagram in an IP packet of so many octets. The kernel says an ICMP error in a queue, which told() reads, and a moment
        later once more to whoever sends next.
        """
        try:
            self.a.send(DATA[size % 97:][:size - HEADERS[self.family]])
        except OSError as e:
            assert e.errno == errno.EMSGSIZE
            self.a.send(DATA[size % 97:][:size - HEADERS[self.family]])

    def arrived(self, size, timeout=10.0):
        self.b.settimeout(timeout)
        try:
            return self.b.recv(70000) == DATA[size % 97:][:size - HEADERS[self.family]]
        except TimeoutError:
            return False

    def told(self, timeout=10.0):
        """The MTU that an ICMP error has told this socket, and who told it; None without one."""
        poll = select.poll()
        poll.register(self.a, select.POLLERR)
        if not poll.poll(timeout * 1000):
            return None
        _, ancillary, _, _ = self.a.recvmsg(2000, 2000, socket.MSG_ERRQUEUE)
        self.a.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        error = ancillary[0][2]
        number, origin, kind, code, _, mtu = struct.unpack_from("=IBBBBI", error)
        assert (number, origin, kind, code) == ((errno.EMSGSIZE, 2, 3, 4) if self.family == 4 else (errno.EMSGSIZE, 3, 2, 0))
        offender = (socket.inet_ntoa(error[20:24]) if self.family == 4 else
                    socket.inet_ntop(socket.AF_INET6, error[24:40]))
        return mtu, offender


def forget_sizes(system):
    """What the hosts have learned of paths."""
    for host in (system.h1, system.h2):
        system.t.sh(host.ns, "ip", "route", "flush", "cache")
        system.t.sh(host.ns, "ip", "-6", "route", "flush", "cache")


def count(system, name):
    return system.m1.verdicts()[name]


@FAMILIES
def test_every_size_that_may_not_be_cut(system, family):
    """ICMP comes from where the packet was going: that is whom the host, and every filter on the way, expects."""
    drops, said = count(system, "drop_too_big"), count(system, "sent_icmp_too_big")
    with Pair(system, family, PROBE, 5000) as p:
        for size in range(1300, 1501):
            p.send(size)
            if size <= FIT[family]:
                assert p.arrived(size), size
            else:
                assert p.told() == (FIT[family], address(system.h2, family)), size
                time.sleep(0.004)  # messages are rate limited
        assert not p.arrived(0, timeout=0.2)
    assert count(system, "drop_too_big") - drops == 1500 - FIT[family]
    assert count(system, "sent_icmp_too_big") - said == 1500 - FIT[family]


def test_every_size_that_may_be_cut(system):
    """Up to 1500 we cut; above, the host does, and we cut its fragments again."""
    drops = count(system, "drop_too_big")
    with Pair(system, 4, OMIT, 5001) as p:
        for size in [*range(1300, 1600), *range(2900, 3100), 8000, 20000, 60000]:
            p.send(size)
            assert p.arrived(size), size
    assert count(system, "drop_too_big") == drops
    assert system.m2.verdicts()["drop_fragment"] == 0


def test_fragments_of_ipv6(system):
    """The host learns what fits, and cuts accordingly."""
    forget_sizes(system)
    with Pair(system, 6, 1, 5002) as p:
        p.send(1500)
        assert p.told() == (FIT[6], system.h2.address6)
        for size in (1500, 1600, 3000, 20000, 60000):
            p.send(size)
            assert p.arrived(size), size
    assert system.m1.verdicts()["drop_fragment"] == system.m2.verdicts()["drop_fragment"] == 0


def mss_of_transfer(system, family, port):
    """A megabyte by TCP; returns the MSS that it used."""
    data = random.Random(SEED).randbytes(1 << 20)
    got, mss = transfer(system.h1, system.h2, address(system.h2, family), port, data)
    assert got == data
    return mss


@FAMILIES
def test_tcp_needs_no_messages(system, family):
    forget_sizes(system)
    capture = system.t.capture(system.h2.ns, "eth0", "ip6 or tcp")
    drops = [m.verdicts()["drop_too_big"] for m in system.members]
    assert mss_of_transfer(system, family, 7000 + family) <= FIT[family] - (40 if family == 4 else 60)
    assert [m.verdicts()["drop_too_big"] for m in system.members] == drops
    from scapy.layers.inet import TCP
    offered = [dict(p[TCP].options)["MSS"] for p in capture.packets() if TCP in p and p[TCP].flags & 2]
    assert FIT[family] - (40 if family == 4 else 60) in offered  # the SYN that came through; h2's own is larger


@FAMILIES
def test_a_smaller_mtu_in_the_wan(system, family):
    """The router speaks of ESP, to the host that never sent any; the member takes it, and tells the host in its own terms."""
    fit = ((1400 - (52 if family == 4 else 72)) & ~3) - 2
    before = count(system, "pmtu_learned")
    ip(system.wan_ns, "link set site2 mtu 1400")
    try:
        with Pair(system, family, PROBE, 5003) as p:
            p.send(FIT[family])
            assert not p.arrived(FIT[family], timeout=0.3)
            assert p.told(timeout=0.1) is None
            wait_for(lambda: count(system, "pmtu_learned") == before + 1, what="the member to learn it")
            for size in (FIT[family], fit + 1):
                p.send(size)
                assert p.told() == (fit, address(system.h2, family))
            p.send(fit)
            assert p.arrived(fit)
        said = system.m1.ask("explain", address(system.h1, family), address(system.h2, family), "udp", "5003", "5003")
        assert said["effective_mtu"] == fit and said["path_mtu"]["mtu"] == 1400 and said["path_mtu"]["expires_in_s"] > 500
        if family == 4:
            with Pair(system, family, OMIT, 5004) as p:
                for size in range(fit - 2, 1500):
                    p.send(size)
                    assert p.arrived(size), size
        assert mss_of_transfer(system, family, 7100 + family) <= fit - (40 if family == 4 else 60)
    finally:
        ip(system.wan_ns, "link set site2 mtu 1500")
