# SPDX-License-Identifier: BSD-3-Clause
"""The longest policy there may be: 1000 entries, most of them IPv6, in one datagram of 48 kB that comes in fragments through
the members' data planes (KS15). The first, the middle and the last entries decide as written. Then a local list beside it (GM5),
long enough that one transaction is more than the ring between the daemons holds.
"""

import os
import re
import signal
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import esp_capture as esp  # noqa: E402
from gvpn import System, udp_socket  # noqa: E402
from topology import Topology, wait_for  # noqa: E402

SITE1, SITE2 = "10.1.1.0/24", "10.1.2.0/24"


def both_ways(action, ports):
    """UDP from site 1 to these ports of site 2, and the way back."""
    return [f"{action} udp {SITE1} {SITE2} {ports}", f"{action} udp {SITE2} {ports} {SITE1}"]


def filler(n):
    """An IPv6 entry like no other."""
    return f"permit tcp 2001:db8:{n:x}::/48 range {n} {n + 99} 2001:db8:ffff::/64 eq 443"


FIRST = both_ways("permit", "range 5000 5009")
MIDDLE = both_ways("deny", "range 6000 6001") + both_ways("permit", "range 6000 6009")
LAST = both_ways("permit", "range 7000 7999")
HALF = (1000 - len(FIRST) - len(MIDDLE) - len(LAST)) // 2
POLICY = FIRST + [filler(i) for i in range(HALF)] + MIDDLE + [filler(i) for i in range(HALF, 2 * HALF)] + LAST

# Of site 1's own: 5003 stays clear although the policy wants it encrypted, 5004 is dropped.
LOCAL = [*(f"deny tcp any range {i} {i + 9} host 192.0.2.77" for i in range(1, 599)),
         f"deny udp {SITE1} {SITE2} eq 5003", f"permit udp {SITE1} {SITE2} eq 5004"]


@pytest.fixture(scope="module")
def system():
    assert len(POLICY) == 1000 and len(LOCAL) == 600
    with Topology() as t, System(t) as s:
        s.to_m1 = s.capture("site1", "udp port 848 or (ip[6:2] & 0x3fff != 0)")
        s.start(acl=POLICY)
        yield s


def send(system, ports, back=False, lost=()):
    """One datagram to each of these ports from host 1 to host 2, or with `back` from these ports of host 2; returns what
    arrived. Those that should be `lost` aren't waited for long.
    """
    here, there = (system.h2, system.h1) if back else (system.h1, system.h2)
    arrived = []
    for port in ports:
        with udp_socket(there.ns, there.address, 0 if back else port, timeout=0.5 if port in lost else 10) as to, \
             udp_socket(here.ns, here.address, port if back else 0) as at:
            at.sendto(b"x", to.getsockname())
            try:
                to.recv(10)
                arrived.append(port)
            except TimeoutError:
                pass
    return arrived


def explain(member, *words):
    a = member.ask("explain", *words)
    if "error" in a:  # a transaction that waits for room in the ring holds a question up, for 2 s at most
        return a["error"], None, None, None
    return a["decision"], a["because"], a["rule"]["source"], a["rule"]["number"]


def test_a_policy_of_1000_entries_comes_in_fragments(system):
    frames = [p for p in system.to_m1.packets() if "IP" in p]
    total = max(p["IP"].frag * 8 + p["IP"].len - 20 for p in frames)
    assert total > 47000, "the policy is one datagram"
    assert sum(p["IP"].frag > 0 for p in frames) >= 30
    for m in system.members:
        assert m.status()["policy_digest"] == system.ks.status()["policy_digest"]
        assert m.status()["failed_registrations"] == 0
        assert re.search(r": 1 SAs, 1000 rules", m.log())
        stamps = [re.match(r"\S+T\d+:(\d+):([\d.]+)Z", line) for line in m.log().splitlines()
                  if "Registration to KS" in line or "1000 rules" in line]
        seconds = [int(s[1]) * 60 + float(s[2]) for s in stamps]
        print(f"{m.name}: from the end of the exchange to installed: {(seconds[-1] - seconds[0]) * 1000:.0f} ms")


def test_first_middle_and_last_entries_decide(system):
    protected, clear = [5000, 5009, 6002, 6009, 7000, 7500, 7999], [4999, 5010, 6000, 6001, 6010, 8000]
    for back in (False, True):
        wan = system.capture("site1", f"ip and host {system.h1.address}")
        assert send(system, protected, back) == protected
        kinds = [p[9] for p in esp.ip_packets(wan.stop())]
        assert kinds == [esp.ESP] * len(protected)
        wan = system.capture("site1", f"ip and host {system.h1.address}")
        assert send(system, clear, back) == clear
        kinds = [p[9] for p in esp.ip_packets(wan.stop())]
        assert kinds == [17] * len(clear)


def test_explain_names_the_entry(system):
    h1, h2, m1 = system.h1.address, system.h2.address, system.m1
    assert explain(m1, h1, h2, "udp", "1", "5005") == ("encrypt", "sent_encrypted", "downloaded", 1)
    assert explain(m1, h1, h2, "udp", "1", "6001") == ("clear", "sent_clear", "downloaded", 3 + HALF)
    assert explain(m1, h1, h2, "udp", "1", "6002") == ("encrypt", "sent_encrypted", "downloaded", 5 + HALF)
    assert explain(m1, h1, h2, "udp", "1", "7999") == ("encrypt", "sent_encrypted", "downloaded", 999)
    assert explain(m1, h2, h1, "udp", "7000", "1") == ("encrypt", "sent_encrypted", "downloaded", 1000)
    assert explain(m1, h1, h2, "udp", "1", "8000")[0] == "clear"
    for n in (0, HALF - 1, HALF, 2 * HALF - 1):
        number = n + 3 if n < HALF else n + 3 + len(MIDDLE)
        for port in (n, n + 99):
            answer = m1.ask("explain", f"2001:db8:{n:x}::9", "2001:db8:ffff::9", "tcp", str(port), "443")
            assert (answer["rule"]["source"], answer["rule"]["number"]) == ("downloaded", number)
        assert m1.ask("explain", f"2001:db8:{n:x}::9", "2001:db8:ffff::9", "tcp", str(n + 100), "443")["rule"]["number"] is None


def test_a_local_list_comes_first(system):
    """By a reload, without another registration. The data plane is held up meanwhile, so that the transaction of 1600 rules
    has to wait for room in the ring.
    """
    before = system.m1.status()["registrations"]
    system.m1.dp.popen.send_signal(signal.SIGSTOP)
    status, document = system.m1.reload(system.m1.config(local_acl=LOCAL))
    system.m1.dp.popen.send_signal(signal.SIGCONT)
    assert status == 0
    assert any("a permit entry of a local-acl" in w for w in document["warnings"]), document
    h1, h2, m1, m2 = system.h1.address, system.h2.address, system.m1, system.m2
    wait_for(lambda: explain(m1, h1, h2, "udp", "1", "5003")[0] == "clear", what="the local list")
    assert explain(m1, h1, h2, "udp", "1", "5003") == ("clear", "sent_clear", "local", 599)
    assert m1.ask("explain", h1, h2, "udp", "1", "5003")["rule"]["sa"] is None
    assert explain(m1, h1, h2, "udp", "1", "5004") == ("drop", "drop_local_acl", "local", 600)
    assert explain(m1, "--in", h2, h1, "udp", "5003", "1") == ("clear", "received_clear", "local", 599)
    assert "CONFIG_LINT" in m1.log()

    shown = m1.ask("show", "acl")["groups"][0]["lists"]
    assert {x["list"]: len(x["rules"]) for x in shown} == {"fail-close": 0, "local": 600, "downloaded": 1000}, shown[0].keys()
    assert "deny udp 10.1.1.0/24 10.1.2.0/24 eq 5003" in m1.ctl("show", "acl")[1]

    # m2 knows nothing of it: what comes in clear from site 1 isn't what its policy says.
    refused = m2.verdicts()["drop_policy_clear_in"]
    wan = system.capture("site1", f"ip and host {h1}")
    assert send(system, [5002, 5003, 5004, 5005], lost=(5003, 5004)) == [5002, 5005]
    assert [p[9] for p in esp.ip_packets(wan.stop())] == [esp.ESP, 17, esp.ESP]
    assert m2.verdicts()["drop_policy_clear_in"] == refused + 1
    assert m1.verdicts()["drop_local_acl"] == 1
    # Local lists are for clear packets only: what site 2 encrypts of the same is welcome.
    assert send(system, [5003, 5004], back=True) == [5003, 5004]
    assert m1.status()["registrations"] == before


def test_a_local_list_goes_with_a_reload(system):
    assert system.m1.reload(system.m1.config())[0] == 0
    h1, h2 = system.h1.address, system.h2.address
    wait_for(lambda: explain(system.m1, h1, h2, "udp", "1", "5003")[0] == "encrypt", what="the local list to be gone")
    assert send(system, [5003, 5004]) == [5003, 5004]


def test_the_list_is_there_after_a_data_plane_dies(system):
    assert system.m1.reload(system.m1.config(local_acl=LOCAL))[0] == 0
    system.m1.dp.popen.kill()
    system.m1.dp.wait()
    began = time.monotonic()
    system.m1.start_data_plane()
    system.m1.gw.wait_forwarding()
    wait_for(system.m1.registered, what="m1 to be back")
    print(f"a data plane that was started anew had 1600 rules after {time.monotonic() - began:.1f} s")
    h1, h2 = system.h1.address, system.h2.address
    assert explain(system.m1, h1, h2, "udp", "1", "5004") == ("drop", "drop_local_acl", "local", 600)
    assert explain(system.m1, h1, h2, "udp", "1", "7999")[2:] == ("downloaded", 999)


def test_one_entry_more_is_refused(system):
    before = system.ks.status()["policy_digest"]
    status, document = system.ks.reload(system.ks.config(acl=[*POLICY, filler(1000)]))
    assert status != 0
    assert re.search(r"gvpnd.yaml:\d+:\d+: too many entries, expected at most 1000", str(document)), document
    assert system.ks.status()["policy_digest"] == before
