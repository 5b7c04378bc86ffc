# SPDX-License-Identifier: BSD-3-Clause
"""Nothing gets past a gvpn-dp that doesn't run: no registration, no ARP answer, no packet of the host, of neither family and
behind no tag. One that is only frozen goes on where it was.
"""

import os
import signal
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import esp_capture as esp  # noqa: E402
from gvpn import OUTSIDE, OUTSIDE6, Host, System, mac_of, raw_socket, silent, tagged_frames  # noqa: E402
from topology import Topology, wait_for  # noqa: E402


@pytest.fixture(scope="module")
def system():
    with Topology() as t, System(t, members=1, six=True) as s:
        s.router = Host(s.wan_ns, OUTSIDE)
        s.m1.start_data_plane()
        s.m1.gw.wait_forwarding()
        yield s


def arp_answer(system):
    """Does anybody answer ARP for the member's own address?"""
    system.t.sh(system.wan_ns, "ip", "neigh", "flush", "all")
    silent(system.router, system.m1.address, count=2)
    return "lladdr" in system.t.sh(system.wan_ns, "ip", "neigh", "show", system.m1.address)


def assert_nothing_passes(system):
    capture = system.capture("site1")
    assert not arp_answer(system)
    assert silent(system.h1, OUTSIDE, count=2)
    assert silent(system.h1, OUTSIDE6, count=2)
    frames = tagged_frames(system.h1, 3)
    with raw_socket(system.h1.ns, "eth0") as s:
        for f in frames:
            s.send(f)
    time.sleep(2)  # time for a registration
    addresses = [system.m1.address, system.h1.address]
    assert [p.hex() for p in esp.ip_packets(capture.stop(), addresses) if p[16:20] != bytes((10, 0, 1, 2))] == []
    of_host = mac_of(system.h1.ns, "eth0"), frames[0][6:12]
    assert not [f.hex() for f in esp.frames(capture.path) if f[6:12] in of_host], "not even neighbour discovery"
    assert system.ks.ike()["datagrams_in"] == system.before
    assert system.ks.members() == []


def test_arp_is_answered_while_it_runs(system):
    assert arp_answer(system)


def test_frozen_data_plane(system):
    system.m1.dp.popen.send_signal(signal.SIGSTOP)
    system.ks.start()
    system.m1.start_control()
    system.before = 0
    assert_nothing_passes(system)
    assert not system.m1.attached()
    assert system.m1.status()["state"] == "down"
    system.m1.dp.popen.send_signal(signal.SIGCONT)
    system.m1.wait_registered()
    assert arp_answer(system)


def test_stopped_data_plane(system):
    """With it its TAP and the member's address are gone: gvpnd can't register and says why."""
    assert system.m1.dp.stop() == 0
    wait_for(lambda: "DP_DETACHED" in system.m1.log(), what="gvpnd to notice")
    assert system.m1.ctl("status")[0] == 5
    assert system.m1.status()["state"] == "down"
    assert system.m1.gvpnd.stop() == 0
    assert system.ks.gvpnd.stop() == 0
    system.ks.start()
    system.m1.start_control(ready=False)
    system.before = 0
    assert_nothing_passes(system)
    assert system.m1.gvpnd.alive(), "it waits for its address"
    system.m1.start_data_plane()
    system.m1.wait_registered()
