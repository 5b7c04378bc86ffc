# SPDX-License-Identifier: BSD-3-Clause
"""The clock of a group from its key server to the workers (KS11, DP4): members and key server show one time, hosts talk by it with
strict windows, through restarts of each process; a third member beside counter replay is refused (KS12).
"""

import os
import signal
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from gvpn import Sa, System, answers, ping  # noqa: E402
from topology import Topology, wait_for  # noqa: E402

WINDOW_MS = 10000
NEAR_MS = 1500  # asking two daemons one after the other on a busy machine, and half a round trip
TIME = [Sa("aes-gcm-128", None, replay="{time: 10s}", more="strict-sender: true")]


def assert_talking(s):
    assert ping(s.h1, s.h2.address, count=3) == 3
    assert ping(s.h2, s.h1.address, count=3) == 3


# Before the fixture: there is one topology at a time.
def test_a_third_member_beside_counter_replay_is_refused():
    with Topology() as t, System(t, members=3) as s:
        s.ks.start(sas=[Sa("aes-gcm-128", None, replay="{counter: 64}")])
        for m in s.members[:2]:
            m.start()
            m.wait_registered()
        s.m3.start()
        reason = "counter replay is for 2 members, and the group has them"
        wait_for(lambda: reason in s.m3.log() and reason in s.ks.log(), what="both sides to say why")
        assert s.ks.members() == [s.m1.address, s.m2.address]
        assert_talking(s)


@pytest.fixture(scope="module")
def system():
    with Topology() as t, System(t) as s:
        s.start(sas=TIME)
        yield s


def clock(node, role):
    return node.ask("show", role, "replay")["groups"][0]


def assert_together(s):
    """One after the other, and the first again: the second is in between."""
    for m in s.members:
        before = clock(s.ks, "ks")["pseudotime_ms"]
        own = clock(m, "gm")["pseudotime_ms"]
        after = clock(s.ks, "ks")["pseudotime_ms"]
        assert before - NEAR_MS <= own <= after + NEAR_MS, (before, own, after)


def test_members_and_key_server_show_one_time(system):
    assert_together(system)
    for m in system.members:
        g = clock(m, "gm")
        assert g["round_trip_ms"] <= 2000
        assert m.status()["pseudotime_ms"] >= g["pseudotime_ms"]
        assert [(sa["method"], sa["window_s"], sa["strict_sender"]) for sa in g["sas"]] == [("time", 10, True)]
    assert clock(system.ks, "ks")["sas"][0]["window_s"] == WINDOW_MS // 1000


def test_hosts_talk(system):
    assert_talking(system)


def test_a_restarted_gvpnd_has_the_same_time(system):
    before = clock(system.m1, "gm")["pseudotime_ms"]
    system.m1.gvpnd.stop(signal.SIGKILL)
    system.m1.start_control()
    system.m1.wait_registered()
    assert clock(system.m1, "gm")["pseudotime_ms"] > before
    assert_together(system)
    assert_talking(system)


def test_a_restarted_data_plane_has_the_same_time(system):
    system.m2.dp.stop(signal.SIGKILL)
    system.m2.start_data_plane()
    system.m2.gw.wait_forwarding()
    system.m2.wait_registered()
    wait_for(lambda: answers(system.h1, system.h2.address), what="hosts to talk")
    assert_together(system)
    assert_talking(system)


def test_a_cleared_group_begins_anew_with_new_keys(system):
    """As a key server that was started again: old keys keep the old time, new ones have the new."""
    before = clock(system.m1, "gm")
    system.ks.ask("clear", "group", "SMOKE")
    assert clock(system.ks, "ks")["pseudotime_ms"] is None
    for m in system.members:
        m.ask("clear", "group", "SMOKE")
    for m in system.members:
        m.wait_registered()
    after = clock(system.m1, "gm")
    assert after["pseudotime_ms"] < before["pseudotime_ms"]
    assert {sa["spi"] for sa in after["sas"] if sa["pseudotime_ms"] < before["pseudotime_ms"]}
    assert_together(system)
    assert_talking(system)
