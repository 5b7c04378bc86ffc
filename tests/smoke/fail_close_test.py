# SPDX-License-Identifier: BSD-3-Clause
"""Before registration: the members run, their key server doesn't yet. m1 is closed but for the replies of its host's
SSH, m2 was configured to be open. Then the key server starts, late, and both register by themselves. Both families, and
tagged frames.
"""

import os
import re
import socket
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import esp_capture as esp  # noqa: E402
from gvpn import OUTSIDE, OUTSIDE6, Host, System, family_of, ping, raw_socket, silent, tagged_frames, udp_socket  # noqa: E402
from topology import Topology, inside, wait_for  # noqa: E402

SSH, OTHER = 22, 2222
FAMILIES = pytest.mark.parametrize("family", (4, 6))


@pytest.fixture(scope="module")
def system():
    with Topology() as t, System(t, six=True) as s:
        s.router = Host(s.wan_ns, OUTSIDE, OUTSIDE6)
        for m in s.members:
            m.start_data_plane(ready=False)
        s.m1.start_control(fail_close="{enabled: true, allow: [deny tcp any eq 22 any]}", ready=False)
        s.m2.start_control(fail_close="{enabled: false}", ready=False)
        s.started = time.monotonic()
        for m in s.members:
            wait_for(m.attached, timeout=60, step=0.1, what=f"{m.name} to be attached")
            m.gw.wait_forwarding()
        yield s


def of(host, family):
    return host.address6 if family == 6 else host.address


def passed(capture, host):
    """What a capture shows of a host: every IP packet that isn't neighbour discovery, whatever its tags."""
    return [(tags, p) for tags, p in esp.tagged_packets(capture.stop(), families=(4, 6))
            if not esp.is_nd(p) and {*esp.header(p)[:2]} & {*host}]


def connects(host, address, port, timeout=20):
    """Does a TCP connection come about?"""
    with inside(host.ns):
        s = socket.socket(family_of(address))
    s.settimeout(timeout)
    s.bind((host.address6 if ":" in address else host.address, 0))
    with s:
        try:
            s.connect((address, port))
        except OSError:
            return False
        s.sendall(b"hello")
        return s.recv(10) == b"hello"


def echo_server(t, ns, port):
    script = ("import socket, sys\n"
              "with socket.create_server(('', int(sys.argv[1])), family=socket.AF_INET6, dualstack_ipv6=True) as s:\n"
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


@FAMILIES
def test_fail_close_lets_nothing_out(system, family):
    here, outside, icmp = of(system.h1, family), of(system.router, family), {4: "icmp", 6: "icmpv6"}[family]
    before = system.m1.verdicts()
    capture = system.capture("site1")
    wait_for(lambda: silent(system.h1, outside, 1) and system.m1.verdicts()["drop_fail_close"] > before["drop_fail_close"],
             what="a neighbour to be found")
    drops = system.m1.verdicts()["drop_fail_close"]
    assert silent(system.h1, outside)
    assert silent(system.h1, of(system.h2, family))
    with udp_socket(system.h1.ns, here, 848) as s:
        s.sendto(b"not the member's own", (outside, 848))
    assert not connects(system.h1, outside, SSH, timeout=1.5), "the allowed entry names the source port"
    assert passed(capture, system.h1) == []
    wait_for(lambda: system.m1.verdicts()["drop_fail_close"] >= drops + 8, what="eight drops")
    after = system.m1.verdicts()
    if family == 6:
        assert after["passed_l2"] > before["passed_l2"]
        assert any(esp.is_nd(p) for p in esp.ip_packets(capture.path, families=(6,))), "neighbours are found"
    answer = system.m1.ask("explain", here, outside, icmp)
    assert (answer["decision"], answer["because"]) == ("drop", "drop_fail_close")


def among(path, frames):
    return [f for f in esp.frames(path) if f in frames]


def test_fail_close_lets_no_tagged_frame_pass(system):
    """Neither way; fail-open does, octet by octet."""
    for m, verdict in ((system.m1, "drop_fail_close"), (system.m2, "sent_clear")):
        out, inside_ = system.capture(f"site{m.number}"), system.t.capture(m.host.ns, "eth0")
        before = m.verdicts()
        frames = tagged_frames(m.host, 3)
        with raw_socket(m.host.ns, "eth0") as s:
            for f in frames:
                s.send(f)
        other = {"drop_fail_close": "drop_fail_close", "sent_clear": "received_clear"}[verdict]
        back = [f[6:12] + b"\x02\xbb\0\0\0\1" + f[12:] for f in frames]
        with raw_socket(system.wan_ns, f"site{m.number}") as s:
            for f in back:
                s.send(f)
        wanted = {verdict: len(frames), other: len(back)} if verdict != other else {verdict: 2 * len(frames)}
        wait_for(lambda: all(m.verdicts()[v] >= before[v] + n for v, n in wanted.items()), what=f"{m.name} to judge")
        if m is system.m2:
            out.wait(len(frames), lambda path: among(path, frames))
            inside_.wait(len(back), lambda path: among(path, back))
        outside, arrived = among(out.stop(), frames), among(inside_.stop(), back)
        assert (outside, arrived) == (([], []) if m is system.m1 else (frames, back))


@FAMILIES
def test_fail_close_lets_nothing_in(system, family):
    before = system.m1.verdicts()["drop_fail_close"]
    capture = system.t.capture(system.h1.ns, "eth0")
    assert silent(system.router, of(system.h1, family))
    with udp_socket(system.wan_ns, of(system.router, family)) as s:
        s.sendto(b"hello", (of(system.h1, family), 848))
    wait_for(lambda: system.m1.verdicts()["drop_fail_close"] >= before + 4, what="four drops")
    assert passed(capture, system.h1) == []


def test_allowed_traffic_passes_both_ways(system):
    """The entry says any, so it is one of each family."""
    echo_server(system.t, system.h1.ns, SSH)
    echo_server(system.t, system.h1.ns, OTHER)
    for family in (4, 6):
        here, outside = of(system.h1, family), of(system.router, family)
        assert connects(system.router, here, SSH)
        assert not connects(system.router, here, OTHER, timeout=1.5)
        answer = system.m1.ask("explain", here, outside, "tcp", "22", "40000")
        assert (answer["decision"], answer["rule"]["source"]) == ("clear", "fail-close")
        answer = system.m1.ask("explain", "--in", outside, here, "tcp", "40000", "22")
        assert (answer["decision"], answer["rule"]["source"]) == ("clear", "fail-close")


@FAMILIES
def test_fail_open_passes_in_clear(system, family):
    before = system.m2.verdicts()["sent_clear"]
    capture = system.capture("site2", {4: "icmp", 6: "ip6"}[family])
    assert ping(system.h2, of(system.router, family)) == 3
    assert ping(system.router, of(system.h2, family)) == 3
    assert len(passed(capture, system.h2)) == 12
    assert system.m2.verdicts()["sent_clear"] >= before + 6
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
        m.wait_registered()
    assert system.m1.ctl("status")[0] == 0
    for m in system.members:
        assert len(re.findall("GM_REGS_COMPL: Registration to KS 10.0.0.1", m.log())) == 1
        assert m.status()["failed_registrations"] == 0
    capture = system.capture("site1")
    assert ping(system.h1, system.h2.address) == ping(system.h1, system.h2.address6) == 3
    kinds = {(p[0] >> 4, esp.header(p).proto) for _, p in passed(capture, system.h1)}
    assert kinds == {(4, esp.ESP), (6, esp.ESP)}


def test_policy_replaces_what_ruled_before(system):
    """The fail-close list and fail-open are over: what no entry names is clear, between the hosts it is ESP."""
    for family in (4, 6):
        assert connects(system.router, of(system.h1, family), OTHER)
        answer = system.m1.ask("explain", of(system.h1, family), of(system.h2, family), "tcp", "22", "40000")
        assert (answer["decision"], answer["rule"]["source"]) == ("encrypt", "downloaded")
    answer = system.m2.ask("explain", system.h2.address, system.h1.address, "icmp")
    assert answer["decision"] == "encrypt"
