# SPDX-License-Identifier: BSD-3-Clause
"""Members that must not get in, and one whose first key server is dead. Nothing of their hosts is on the WAN meanwhile.

    m1 has another pre-shared key    m2 asks for a group that isn't there    m3 isn't on the group's address list
    m4 has two key servers, the first of which doesn't answer
"""

import os
import re
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import esp_capture as esp  # noqa: E402
from gvpn import OUTSIDE, System, psk_of  # noqa: E402
from topology import Topology, wait_for  # noqa: E402

DEAD_SERVER = "10.0.0.9"
GIVE_UP = 60   # seconds: a message without an answer is given up (docs/exchanges.md) ...
IMPATIENT = 8  # ... and when there is another server to ask


@pytest.fixture(scope="module")
def system():
    with Topology() as t, System(t, members=4) as s:
        s.captures = [s.capture(f"site{m.number}", f"ip and src host {m.host.address}") for m in s.members]
        s.ike_capture = s.capture("ks", "udp port 848")
        for m in s.members:
            m.start_data_plane(ready=False)
        s.ks.start(authorize=["permit 10.0.1.2/32", "permit 10.0.2.2/32", "permit 10.0.4.2/32", "deny any"])
        s.m1.start_control(psk="not the key that the server has", ready=False)
        s.m2.start_control(identity=999, ready=False)
        s.m3.start_control(ready=False)
        s.m4.start_control(servers=[DEAD_SERVER, s.ks.address], ready=False)
        for m in s.members:
            wait_for(m.attached, timeout=60, step=0.1, what=f"{m.name} to be attached")
            m.gw.wait_forwarding()
        s.started = time.monotonic()
        # The hosts try all the time.
        s.pings = [t.start(m.host.ns, ["ping", "-n", "-i", "0.5", "-W", "1", to]) for m in s.members
                   for to in (s.h4.address if m is not s.m4 else s.h1.address, OUTSIDE)]
        s.early = {m.name: m.status() for m in s.members}
        yield s


def said(node, pattern):
    """Waits until the log has a line that matches, and returns it."""
    return wait_for(lambda: re.search(f"^.*{pattern}.*$", node.log(), re.MULTILINE), timeout=30,
                    what=f"{pattern} in\n{node.log()}").group(0)


def test_wrong_key_is_said_on_both_sides(system):
    line = said(system.ks, r"IKE_DROP: datagram from 10\.0\.1\.2")
    assert "wrong" in line or "decrypt" in line or "key" in line
    line = said(system.m1, r"IKE_DROP: datagram from 10\.0\.0\.1")
    assert "AUTHENTICATION-FAILED" in line and "not authenticated" in line
    assert system.ks.ike()["dropped_auth"] > 0
    assert system.m1.ike()["dropped_auth"] > 0


def test_unknown_group_is_said_on_both_sides(system):
    assert "no group with identity 999" in said(system.ks, r"KS_BAD_ID: Registration: KS and GM 10\.0\.2\.2")
    assert "999" in said(system.m2, r"GM_REGS_FAILED: Registration to KS 10\.0\.0\.1")
    assert "999" in system.m2.status()["last_error"]


def test_unauthorised_address_is_said_on_both_sides(system):
    assert said(system.ks, r"UNAUTHORIZED_IPADDR: Group \w+ received registration from unauthorized ip address: 10\.0\.3\.2$")
    assert said(system.ks, r"KS_UNAUTHORIZED: .*10\.0\.3\.2")
    assert "not authorised" in said(system.m3, r"GM_REGS_FAILED: Registration to KS 10\.0\.0\.1")
    assert "not authorised" in system.m3.status()["last_error"]


def test_refused_members_back_off(system):
    """At most one attempt per second at first, each pause longer (GM1)."""
    for m in (system.m2, system.m3):
        wait_for(lambda m=m: m.log().count("GM_REGSTER:") >= 2, what=f"another attempt of {m.name}")
    time.sleep(3)
    for m in (system.m2, system.m3):
        attempts = m.log().count("GM_REGSTER:")
        assert 2 <= attempts <= 2 + (time.monotonic() - system.started) / 1.5, m.log()


def test_nobody_of_them_is_registered(system):
    assert not {"10.0.1.2", "10.0.2.2", "10.0.3.2"} & set(system.ks.members())
    assert system.ks.ike()["pulls_refused"] >= 4
    assert system.ks.status()["refused_registrations"] >= 2
    for m in (system.m1, system.m2, system.m3):
        status, out, _ = m.ctl("status")
        assert status == 5 and "registering" in out
        group = m.status()
        assert (group["state"], group["registrations"], group["sas"]) == ("registering", 0, [])


def test_second_key_server_after_a_dead_one(system):
    wait_for(system.m4.registered, timeout=IMPATIENT + 30, step=0.2, what="m4 to register with its second key server")
    group = system.m4.status()
    assert (group["key_server"], group["failed_registrations"]) == (system.ks.address, 1)
    line = said(system.m4, f"GM_REGS_FAILED: Registration to KS {DEAD_SERVER}")
    assert f"no answer for {IMPATIENT} s" in line
    assert system.ks.members() == ["10.0.4.2"]


def test_wrong_key_gives_up_with_the_reason(system):
    wait_for(lambda: system.m1.status()["failed_registrations"] >= 1, timeout=GIVE_UP + 20, step=0.2,
             what="m1 to give up")
    assert "AUTHENTICATION-FAILED" in said(system.m1, r"GM_REGS_FAILED: Registration to KS 10\.0\.0\.1")
    assert "AUTHENTICATION-FAILED" in said(system.m1, r"IKE_PHASE1_FAILED: phase 1 with 10\.0\.0\.1")
    assert "IKE_PHASE1_FAILED: phase 1 with 10.0.1.2" in wait_for(
        lambda: "IKE_PHASE1_FAILED" in system.ks.log() and system.ks.log(), timeout=30, what="the key server to end it")


def test_number_of_datagrams_is_bounded(system):
    """A minute with a wrong key: the initiator's retransmissions, each answered at most once."""
    packets = list(esp.ip_packets(system.ike_capture.stop(), [system.m1.address]))
    from_member = [p for p in packets if p[12:16] == bytes((10, 0, 1, 2))]
    assert 3 < len(from_member) < 30
    assert len(packets) - len(from_member) <= len(from_member)


def test_nothing_of_their_hosts_was_on_the_wan(system):
    for m, capture in zip(system.members[:3], system.captures):
        answered = [p.output().count("bytes from") for p in system.pings if p.ns == m.host.ns]
        assert answered == [0, 0]
        assert list(esp.ip_packets(capture.stop())) == []
        assert m.verdicts()["drop_fail_close"] > 50
        assert m.verdicts()["sent_clear"] == m.verdicts()["sent_encrypted"] == 0


def test_daemons_are_alive_and_say_no_secret(system):
    for p in system.daemons():
        assert p.alive()
        for m in system.members:
            assert psk_of(m.name) not in p.output()
        assert "not the key that the server has" not in p.output()
