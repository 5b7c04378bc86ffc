# SPDX-License-Identifier: BSD-3-Clause
"""Counter replay between two members while their daemons are killed (KS12, DP5): traffic is back in time without a registration, no
sequence number and no IV is ever used twice, and what was recorded on the WAN stays a replay, whoever died in between.
"""

import os
import signal
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import esp_capture as esp  # noqa: E402
from gvpn import Sa, System, mac_of, raw_socket, udp_socket  # noqa: E402
from topology import Topology, wait_for  # noqa: E402

KINDS = {20000: Sa("aes-gcm-128", None, replay="{counter: 64}"),
         20001: Sa("aes-cbc-256/hmac-sha512-256", None, replay="{counter: 1024}")}
LEASE = 1 << 16  # numbers that a restart may skip (docs/ipc.md)


def sas():
    return [sa._replace(acl=[f"permit udp 10.1.0.0/16 eq {port} 10.1.0.0/16 eq {port}"]) for port, sa in KINDS.items()]


class Wan:
    """The two sites, and who has recorded every packet between them."""

    def __init__(self, s):
        self.s, self.keys = s, esp.read_keys(s.keylog)
        self.all = [s.capture(f"site{h}", f"ip proto 50 and src host {getattr(s, f'h{h}').address}") for h in (1, 2)]
        self.wire = raw_socket(s.wan_ns, "site2")
        self.macs = mac_of(s.h2.ns, "eth0") + mac_of(s.wan_ns, "site2")

    def talk(self, count=5):
        """Datagrams by each key both ways; all arrive. Returns the ESP packets from h1 to h2."""
        h1, h2 = self.s.h1, self.s.h2
        capture = self.s.capture("site1", f"ip proto 50 and src host {h1.address}")
        for port in KINDS:
            with udp_socket(h1.ns, h1.address, port) as a, udp_socket(h2.ns, h2.address, port) as b:
                for i in range(count):
                    for x, y, to in ((a, b, h2), (b, a, h1)):
                        x.sendto(b"%d" % i, (to.address, port))
                        assert y.recv(100) == b"%d" % i, port
        packets = esp.esp_packets(capture.stop())
        assert len(packets) == count * len(KINDS)
        return packets

    def replay(self, packets):
        """They come to m2 again; each is dropped as what it is, and h2 gets none."""
        before = self.s.m2.verdicts()
        inside = self.s.t.capture(self.s.h2.ns, "eth0", "udp and dst port 20000 or dst port 20001")
        for p in packets:
            self.wire.send(self.macs + b"\x08\x00" + p.ip)

        def dropped():
            return self.s.m2.verdicts()["drop_replay_counter"] - before["drop_replay_counter"]

        wait_for(lambda: dropped() == len(packets), what=lambda: f"{len(packets)} drops, there are {dropped()}")
        assert list(esp.frames(inside.stop())) == []
        assert self.s.m2.verdicts()["received_decrypted"] == before["received_decrypted"]

    def back(self):
        """Waits until both keys carry traffic from h1 to h2 again."""
        h1, h2 = self.s.h1, self.s.h2
        for port in KINDS:
            with udp_socket(h1.ns, h1.address, port) as a, udp_socket(h2.ns, h2.address, port, timeout=0.02) as b:
                def arrives():
                    a.sendto(b"again", (h2.address, port))
                    try:
                        return b.recv(100) == b"again"
                    except TimeoutError:
                        return False

                wait_for(arrives, step=0, what=f"traffic of {port}")
                b.settimeout(0.5)  # what is still on its way isn't for the next test
                try:
                    while b.recv(100):
                        pass
                except TimeoutError:
                    pass


def restart_data_plane(wan, member):
    """kill -9 and start; returns the seconds from the start of the new process until traffic is back."""
    registrations = wan.s.ks.status()["registrations"]
    member.dp.stop(signal.SIGKILL)
    wait_for(lambda: not member.attached(), what="gvpnd to notice")
    begin = time.monotonic()
    member.start_data_plane(ready=False)
    wan.back()
    took = time.monotonic() - begin - 0.5 * len(KINDS)
    assert wan.s.ks.status()["registrations"] == registrations
    return took


def restart_gvpnd(member):
    member.gvpnd.stop(signal.SIGKILL)
    member.start_control()
    member.wait_registered()


def highest(packets):
    return {spi: max(p.seq for p in packets if p.spi == spi) for spi in {p.spi for p in packets}}


@pytest.fixture(scope="module")
def wan():
    with Topology() as t, System(t, lab=True) as s:
        s.start(sas=sas())
        yield Wan(s)


def test_the_sender_s_data_plane_dies(wan):
    """Numbers go on behind the block that was taken, so the receiver takes them at once, and none is used again."""
    took = []
    for life in range(3):
        before = wan.talk()
        took.append(restart_data_plane(wan, wan.s.m1))
        after = wan.talk()
        for spi, top in highest(before).items():
            numbers = [p.seq for p in after if p.spi == spi]
            assert min(numbers) > top and max(numbers) < (life + 3) * LEASE
    print("back after", ", ".join(f"{t:.2f} s" for t in took))
    assert min(took) < 2 + 8, "2 s, and 8 s more for a machine that is busy with other tests"
    assert wan.s.m2.verdicts()["drop_replay_counter"] == 0


def test_the_receiver_s_data_plane_dies(wan):
    """Its window comes back shut: what is new passes at once, what was recorded never."""
    recorded, took = wan.talk(), []
    for _ in range(2):
        took.append(restart_data_plane(wan, wan.s.m2))
        wan.replay(recorded)
        recorded += wan.talk()
        wan.replay(recorded)
    print("back after", ", ".join(f"{t:.2f} s" for t in took))
    assert min(took) < 2 + 8, "2 s, and 8 s more for a machine that is busy with other tests"


def test_gvpnd_dies_alone(wan):
    """Installed is installed: the data planes' numbers and windows go on as if nothing were."""
    for member in wan.s.members:
        before = wan.talk()
        restart_gvpnd(member)
        after = wan.talk()
        for spi, top in highest(before).items():
            assert min(p.seq for p in after if p.spi == spi) == top + 1
        wan.replay(before)


def test_a_gvpnd_that_came_later_knows_the_numbers_too(wan):
    """They stand in the page of the data plane, which the new one reads as well."""
    recorded = wan.talk()
    for member in wan.s.members:
        restart_gvpnd(member)
        restart_data_plane(wan, member)
    wan.replay(recorded)
    after = wan.talk()
    for spi, top in highest(recorded).items():
        assert min(p.seq for p in after if p.spi == spi) > top


def test_nothing_was_used_twice(wan):
    """By all that passed: (SPI, sequence number) of one sender, and (SPI, IV) of both."""
    packets = [esp.esp_packets(c.stop()) for c in wan.all]
    for mine in packets:
        assert len({(p.spi, p.seq) for p in mine}) == len(mine) > 100
    esp.assert_unique_ivs([esp.with_iv(p, wan.keys) for mine in packets for p in mine])
