# SPDX-License-Identifier: BSD-3-Clause
"""Before registration: the members run, their key server doesn't yet. m1 is closed but for the replies of its host's
SSH, m2 was configured to be open. Then the key server starts, late, and both register by themselves.
"""

import os
import re
import socket
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import esp_capture as esp  # noqa: E402
from gvpn import OUTSIDE, Host, System, ping, udp_socket  # noqa: E402
from topology import Topology, inside, wait_for  # noqa: E402

SSH, OTHER = 22, 2222


@pytest.fixture(scope="module")
def system():
    with Topology() as t, System(t) as s:
        s.router = Host(s.wan_ns, OUTSIDE)
        for m in s.members:
            m.start_data_plane(ready=False)
        s.m1.start_control(fail_close="{enabled: true, allow: [deny tcp any eq 22 any]}", ready=False)
        s.m2.start_control(fail_close="{enabled: false}", ready=False)
        s.started = time.monotonic()
        for m in s.members:
            wait_for(m.attached, timeout=40, step=0.1, what=f"{m.name} to be attached")
            m.gw.wait_forwarding()
        yield s


def connects(host, address, port):
    """Does a TCP connection come about?"""
    with inside(host.ns):
        s = socket.socket()
    s.settimeout(1.5)
    s.bind((host.address, 0))
    with s:
        try:
            s.connect((address, port))
        except OSError:
            return False
        s.sendall(b"hello")
        return s.recv(10) == b"hello"


def echo_server(t, ns, port):
    script = ("import socket, sys\n"
              "with socket.create_server(('', int(sys.argv[1]))) as s:\n"
              "    print('ready', flush=True)\n"
              "    while True:\n"
              "        c, _ = s.accept()\n"
              "        c.sendall(c.recv(10))\n"
              "        c.close()\n")
    p = t.start(ns, ["/usr/bin/python3", "-c", script, str(port)])
    wait_for(lambda: "ready" in p.output(), what="the server")


def test_member_says_that_it_is_not_registered(system):
    assert system.m1.ctl("status")[0] == 5
    assert system.m1.status()["state"] == "registering"


def test_fail_close_lets_nothing_out(system):
    capture = system.capture("site1", f"ip and host {system.h1.address}")
    assert ping(system.h1, OUTSIDE) == 0
    assert ping(system.h1, system.h2.address) == 0
    with udp_socket(system.h1.ns, system.h1.address, 848) as s:
        s.sendto(b"not the member's own", (OUTSIDE, 848))
    assert not connects(system.h1, OUTSIDE, SSH), "the allowed entry names the source port"
    assert list(esp.ip_packets(capture.stop())) == []
    assert system.m1.verdicts()["drop_fail_close"] >= 8
    answer = system.m1.ask("explain", system.h1.address, OUTSIDE, "icmp")
    assert (answer["decision"], answer["because"]) == ("drop", "drop_fail_close")


def test_fail_close_lets_nothing_in(system):
    before = system.m1.verdicts()["drop_fail_close"]
    capture = system.t.capture(system.h1.ns, "eth0", f"ip and dst host {system.h1.address}")
    assert ping(system.router, system.h1.address) == 0
    with udp_socket(system.wan_ns, OUTSIDE) as s:
        s.sendto(b"hello", (system.h1.address, 848))
    assert list(esp.ip_packets(capture.stop())) == []
    assert system.m1.verdicts()["drop_fail_close"] >= before + 4


def test_allowed_traffic_passes_both_ways(system):
    echo_server(system.t, system.h1.ns, SSH)
    echo_server(system.t, system.h1.ns, OTHER)
    assert connects(system.router, system.h1.address, SSH)
    assert not connects(system.router, system.h1.address, OTHER)
    answer = system.m1.ask("explain", system.h1.address, OUTSIDE, "tcp", "22", "40000")
    assert (answer["decision"], answer["rule"]["source"]) == ("clear", "fail-close")
    answer = system.m1.ask("explain", "--in", OUTSIDE, system.h1.address, "tcp", "40000", "22")
    assert (answer["decision"], answer["rule"]["source"]) == ("clear", "fail-close")


def test_fail_open_passes_in_clear(system):
    capture = system.capture("site2", "icmp")
    assert ping(system.h2, OUTSIDE) == 3
    assert ping(system.router, system.h2.address) == 3
    assert len(list(esp.ip_packets(capture.stop()))) == 12
    assert system.m2.verdicts()["sent_clear"] >= 6
    assert system.m2.verdicts()["drop_fail_close"] == 0


def test_members_retransmit_less_and_less(system):
    """One exchange a minute with doubling pauses: 0.5, 1, 2, 4, then every 8 s."""
    elapsed = time.monotonic() - system.started
    for m in system.members:
        sent = m.ike()["datagrams_out"]
        assert 2 <= sent <= 6 + elapsed / 8, f"{sent} datagrams in {elapsed:.0f} s"
        assert m.ike()["datagrams_in"] == 0


def test_members_register_when_the_key_server_starts(system):
    system.ks.start()
    for m in system.members:
        m.wait_registered(timeout=25)
    assert system.m1.ctl("status")[0] == 0
    for m in system.members:
        assert len(re.findall("GM_REGS_COMPL: Registration to KS 10.0.0.1", m.log())) == 1
        assert m.status()["failed_registrations"] == 0
    capture = system.capture("site1", f"ip and host {system.h1.address}")
    assert ping(system.h1, system.h2.address) == 3
    assert {p[9] for p in esp.ip_packets(capture.stop())} == {esp.ESP}


def test_policy_replaces_what_ruled_before(system):
    """The fail-close list and fail-open are over: what no entry names is clear, between the hosts it is ESP."""
    assert connects(system.router, system.h1.address, OTHER)
    answer = system.m1.ask("explain", system.h1.address, system.h2.address, "tcp", "22", "40000")
    assert (answer["decision"], answer["rule"]["source"]) == ("encrypt", "downloaded")
    answer = system.m2.ask("explain", system.h2.address, system.h1.address, "icmp")
    assert answer["decision"] == "encrypt"
