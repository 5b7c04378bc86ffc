# SPDX-License-Identifier: BSD-3-Clause
"""Keys of two minutes on a clock that runs 20 times faster: they are replaced without losing a packet, and when the key
server is dead they end for good, and with them the traffic.
"""

import os
import signal
import sys
import threading

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import esp_capture as esp  # noqa: E402
from gvpn import System, ping  # noqa: E402
from topology import Topology, wait_for  # noqa: E402

RATE, LIFETIME = 20, 120  # the shortest lifetime there is (KS3)
COUNT, INTERVAL = 1000, 0.01


@pytest.fixture(scope="module")
def system():
    with Topology() as t, System(t, rate=RATE) as s:
        s.capture1 = s.capture("site1", f"ip and host {s.h1.address}")
        s.start(lifetime=f"{LIFETIME}s")
        yield s


def seconds(node, spi):
    return next(sa["expires_in_s"] for sa in node.status()["sas"] if sa["spi"] == spi)


def test_clock_runs_faster(system):
    spi = system.ks.status()["sas"][-1]["spi"]
    before = seconds(system.ks, spi)
    assert ping(system.h1, system.h2.address, count=2, interval=1) == 2
    assert 15 <= before - seconds(system.ks, spi) <= 40


def test_keys_are_replaced_without_loss(system):
    """A new key every 30 s of that clock (KS5: 90 s before the end); sending moves on 30 s before an end (GM2)."""
    capture = system.capture("site2", "esp")
    registrations = [m.status()["registrations"] for m in system.members]
    assert ping(system.h1, system.h2.address, count=COUNT, interval=INTERVAL) == COUNT
    packets = esp.esp_packets(capture.stop())
    spis = list(dict.fromkeys(p.spi for p in packets))
    assert len(spis) >= 4, "several keys were used"
    esp.assert_unique_ivs(packets)
    for m, before in zip(system.members, registrations):
        assert m.status()["registrations"] >= before + 2
        assert m.status()["failed_registrations"] == 0


def test_ended_keys_are_gone(system):
    for node in (system.ks, *system.members):
        sas = node.status()["sas"]
        assert 1 <= len(sas) <= 4
        assert all(0 <= sa["expires_in_s"] <= LIFETIME for sa in sas)


def test_a_restarted_key_server_gives_new_keys_without_loss(system):
    """It keeps nothing, so its keys are all new; members use theirs to the end and change over like at any roll-over."""
    old = {sa["spi"] for sa in system.ks.status()["sas"]}
    old |= {sa["spi"] for m in system.members for sa in m.status()["sas"]}
    capture = system.capture("site2", "esp")
    answered = []
    pings = threading.Thread(
        target=lambda: answered.append(ping(system.h1, system.h2.address, count=COUNT, interval=INTERVAL)))
    pings.start()
    assert system.ks.gvpnd.stop(signal.SIGKILL) == -signal.SIGKILL
    system.ks.start(lifetime=f"{LIFETIME}s")
    for m in system.members:
        wait_for(lambda m=m: any(sa["sending"] and sa["spi"] not in old for sa in m.status()["sas"]), what="a new key")
    pings.join()
    assert answered == [COUNT]
    esp.assert_unique_ivs(esp.esp_packets(capture.stop()))


def test_without_a_key_server_traffic_ends_with_the_last_key(system):
    assert system.ks.gvpnd.stop(signal.SIGKILL) == -signal.SIGKILL
    p = system.t.start(system.h1.ns, ["ping", "-n", "-i", "0.05", "-W", "1", system.h2.address])
    left = max(sa["expires_in_s"] for sa in system.m1.status()["sas"])
    assert ping(system.h1, system.h2.address, count=1) == 1, "keys are good to their end"
    wait_for(lambda: system.m1.status()["state"] == "fail-close", timeout=left / RATE + 3, what="the last key to end")
    wait_for(lambda: system.m2.status()["state"] == "fail-close", timeout=3, what="m2's last key to end")
    before = system.m1.verdicts()
    assert ping(system.h1, system.h2.address) == 0
    after = system.m1.verdicts()
    assert after["drop_no_sa"] >= before["drop_no_sa"] + 3
    assert after["sent_encrypted"] == before["sent_encrypted"]
    for m in system.members:
        assert m.ctl("status")[0] == 5
        assert m.status()["sas"] == []
        assert "GM_FAIL_CLOSE" in m.log()
    answer = system.m1.ask("explain", system.h1.address, system.h2.address, "icmp")
    assert (answer["decision"], answer["because"], answer["spi"]) == ("drop", "drop_no_sa", None)
    p.stop()


def test_data_plane_enforces_the_end_alone(system):
    """With gvpnd dead too: hard limits are kept where the packets are (DP9)."""
    system.ks.start(lifetime=f"{LIFETIME}s")
    for m in system.members:
        m.wait_registered(timeout=30)
    assert ping(system.h1, system.h2.address) == 3
    system.ks.gvpnd.stop(signal.SIGKILL)
    left = max(sa["expires_in_s"] for sa in system.m1.status()["sas"])
    for m in system.members:
        m.gvpnd.stop(signal.SIGKILL)
    wait_for(lambda: ping(system.h1, system.h2.address, count=1) == 0, timeout=left / RATE + 5, step=0.2,
             what="traffic to end with its key")
    for m in system.members:
        wait_for(lambda m=m: "SA_EXPIRED" in m.dp.output(), what="the data plane to say so")


def test_nothing_left_in_clear_meanwhile(system):
    kinds = {p[9] for p in esp.ip_packets(system.capture1.stop())}
    assert kinds == {esp.ESP}
