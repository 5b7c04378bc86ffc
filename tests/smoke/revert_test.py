# SPDX-License-Identifier: BSD-3-Clause
"""When all keys have ended and no key server answers: m1 goes back to fail-close (GM7), m2 keeps its policy and drops
only what that wants encrypted (GM6). Both are back with the key server. The clock runs 20 times faster.
"""

import json
import os
import signal
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from gvpn import OUTSIDE, System, ping, silent, udp_socket  # noqa: E402
from topology import Topology, wait_for  # noqa: E402

RATE, LIFETIME = 20, 120  # the shortest lifetime there is (KS3)


@pytest.fixture(scope="module")
def system():
    with Topology() as t, System(t, rate=RATE) as s:
        s.ks.start(lifetime=f"{LIFETIME}s")
        for m in s.members:
            m.start_data_plane(ready=False)
        s.m1.start_control(fail_close="{revert: true, allow: [deny udp any any eq 53]}", ready=False)
        s.m2.start_control(ready=False)
        for m in s.members:
            m.wait_registered()
            m.gw.wait_forwarding()
        yield s


def increase(member, before, verdict):
    return member.verdicts()[verdict] - before[verdict]


def state(member):
    """Exit status of `status`, and what it says."""
    status, out, _ = member.ctl("status", "--json")
    return status, json.loads(out)["groups"][0]["state"]


def dns_leaves(system, host, dev):
    capture = system.capture(dev, f"udp port 53 and host {host.address}")
    with udp_socket(host.ns, host.address) as s:
        s.sendto(b"?", (OUTSIDE, 53))
    return len(capture.wait(1).packets())


def test_with_a_policy_the_rest_is_clear(system):
    for h in (system.h1, system.h2):
        assert ping(h, OUTSIDE) == 3
    assert ping(system.h1, system.h2.address) == 3


def test_back_to_fail_close(system):
    assert system.ks.gvpnd.stop(signal.SIGKILL) == -signal.SIGKILL
    seen = []
    wait_for(lambda: seen.append(state(system.m1)) or seen[-1][1] == "fail-close", timeout=LIFETIME / RATE * 2 + 30, step=0.1,
             what="the last key to end")
    assert (0, "re-registering") in seen and set(seen) <= {(0, "registered"), (0, "re-registering"), (5, "fail-close")}, seen
    for m in system.members:
        wait_for(lambda m=m: m.status()["state"] == "fail-close", timeout=LIFETIME / RATE * 2 + 30, what="the last key to end")
        assert m.ctl("status")[0] == 5
        assert m.status()["sas"] == []
    assert "GM_REVERT" in system.m1.log() and "GM_REVERT" not in system.m2.log()
    assert system.m1.status()["policy_digest"] is None
    assert system.m2.status()["policy_digest"] is not None

    # gvpnd says so when it has told the data plane, which a busy machine may keep from hearing it.
    wait_for(lambda: silent(system.h1, OUTSIDE, count=1), what="the data plane to be closed")
    before = [m.verdicts() for m in system.members]
    assert silent(system.h1, OUTSIDE), "nothing passes but the fail-close list"
    assert silent(system.h1, system.h2.address)
    assert dns_leaves(system, system.h1, "site1") == 1
    assert increase(system.m1, before[0], "drop_fail_close") >= 6
    assert increase(system.m1, before[0], "drop_no_sa") == 0
    assert ping(system.h2, OUTSIDE) == 3, "m2 still has its policy"
    assert silent(system.h2, system.h1.address)
    assert increase(system.m2, before[1], "drop_no_sa") >= 3
    answer = system.m1.ask("explain", system.h1.address, OUTSIDE, "icmp")
    assert (answer["decision"], answer["because"]) == ("drop", "drop_fail_close")


def test_fail_open_once_fail_close_is_disabled(system):
    m = system.m1
    assert m.reload(m.config(fail_close="{enabled: false}"))[0] == 0
    assert state(m) == (5, "fail-open")
    assert ping(system.h1, OUTSIDE) == 3
    assert m.reload(m.config(fail_close="{enabled: true, revert: true}"))[0] == 0
    assert state(m) == (5, "fail-close")
    assert silent(system.h1, OUTSIDE)


def test_both_are_back_with_the_key_server(system):
    system.ks.start(lifetime=f"{LIFETIME}s")
    for m in system.members:
        m.wait_registered(timeout=120)
        assert m.status()["policy_digest"] == system.ks.status()["policy_digest"]
    assert ping(system.h1, system.h2.address) == 3
    assert ping(system.h1, OUTSIDE) == 3
