# SPDX-License-Identifier: BSD-3-Clause
"""Keys of two minutes on a clock that runs 20 times faster: they are replaced without losing a packet, and when the key
server is dead they end for good, and with them the traffic.
"""

import os
import signal
import sys
import threading
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import esp_capture as esp  # noqa: E402
from gvpn import System, TaggedStream, answers, ping, silent  # noqa: E402
from topology import Topology, wait_for  # noqa: E402

RATE, LIFETIME = 20, 120  # the shortest lifetime there is (KS3)
COUNT, INTERVAL = 1000, 0.01


@pytest.fixture(scope="module")
def system():
    with Topology() as t, System(t, rate=RATE, six=True) as s:
        s.capture1 = s.capture("site1")
        s.start(lifetime=f"{LIFETIME}s")
        yield s


def seconds(node, spi):
    return next(sa["expires_in_s"] for sa in node.status()["sas"] if sa["spi"] == spi)


def test_clock_runs_faster(system):
    spi = system.ks.status()["sas"][-1]["spi"]
    before = seconds(system.ks, spi)
    assert ping(system.h1, system.h2.address, count=2, interval=1) == 2
    assert 15 <= before - seconds(system.ks, spi) <= 40


def talk(system):
    """Starts what must not lose anything. The function that it gives says how many pings of each family were answered, and
    how many tagged frames were lost.
    """
    answered = {}

    def pings(address):
        answered[address] = ping(system.h1, address, count=COUNT, interval=INTERVAL)

    stream = TaggedStream(system, INTERVAL)
    threads = [threading.Thread(target=pings, args=(address,)) for address in (system.h2.address, system.h2.address6)]
    for t in threads:
        t.start()

    def done():
        for t in threads:
            t.join()
        lost = stream.lost()
        return answered[system.h2.address], answered[system.h2.address6], lost

    return done


def test_keys_are_replaced_without_loss(system):
    """A new key every 30 s of that clock (KS5: 90 s before the end); sending moves on 30 s before an end (GM2)."""
    capture = system.capture("site2")
    registrations = [m.status()["registrations"] for m in system.members]
    assert talk(system)() == (COUNT, COUNT, 0)
    packets = esp.esp_packets(capture.stop())
    for some in ([p for p in packets if "." in p.src], [p for p in packets if ":" in p.src], [p for p in packets if p.tags]):
        assert len(set(p.spi for p in some)) >= 4, "several keys were used"
    esp.assert_unique_ivs(packets)
    for m, before in zip(system.members, registrations):
        assert m.status()["registrations"] >= before + 2
        assert m.status()["failed_registrations"] == 0


def test_ended_keys_are_gone(system):
    for node in (system.ks, *system.members):
        sas = node.status()["sas"]
        assert 1 <= len(sas) <= 4
        assert all(0 <= sa["expires_in_s"] <= LIFETIME for sa in sas)


def kill_between_two_waves(system):
    """Kills the key server when all members have the same keys. It is stopped first, so that nothing comes in between."""
    def held():
        return [{sa["spi"] for sa in m.status()["sas"]} for m in system.members]

    def stopped():
        system.ks.gvpnd.popen.send_signal(signal.SIGSTOP)
        first = held()
        time.sleep(0.1)  # for what it had sent already
        if first == held() and first.count(first[0]) == len(first):
            return True
        system.ks.gvpnd.popen.send_signal(signal.SIGCONT)
        return False

    wait_for(stopped, what="the same keys for all")
    assert system.ks.gvpnd.stop(signal.SIGKILL) == -signal.SIGKILL


def test_a_restarted_key_server_gives_new_keys_without_loss(system):
    """It keeps nothing, so its keys are all new; members use theirs to the end and change over like at any roll-over. (In the
    midst of a wave it would split the group: docs/invariants.md.)
    """
    old = {sa["spi"] for sa in system.ks.status()["sas"]}
    old |= {sa["spi"] for m in system.members for sa in m.status()["sas"]}
    capture = system.capture("site2")
    done = talk(system)
    kill_between_two_waves(system)
    system.ks.start(lifetime=f"{LIFETIME}s")
    for m in system.members:
        wait_for(lambda m=m: any(sa["sending"] and sa["spi"] not in old for sa in m.status()["sas"]), what="a new key")
    assert done() == (COUNT, COUNT, 0)
    esp.assert_unique_ivs(esp.esp_packets(capture.stop()))


def test_without_a_key_server_traffic_ends_with_the_last_key(system):
    assert system.ks.gvpnd.stop(signal.SIGKILL) == -signal.SIGKILL
    p = system.t.start(system.h1.ns, ["ping", "-n", "-i", "0.05", "-W", "1", system.h2.address])
    left = max(sa["expires_in_s"] for sa in system.m1.status()["sas"])
    assert ping(system.h1, system.h2.address, count=1) == 1, "keys are good to their end"
    wait_for(lambda: system.m1.status()["state"] == "fail-close", timeout=left / RATE + 30, what="the last key to end")
    wait_for(lambda: system.m2.status()["state"] == "fail-close", what="m2's last key to end")
    before = system.m1.verdicts()
    assert silent(system.h1, system.h2.address) and silent(system.h1, system.h2.address6)
    after = system.m1.verdicts()
    assert after["drop_no_sa"] >= before["drop_no_sa"] + 6
    assert after["sent_encrypted"] == before["sent_encrypted"]
    for m in system.members:
        assert m.ctl("status")[0] == 5
        assert m.status()["sas"] == []
        assert "GM_FAIL_CLOSE" in m.log()
    answer = system.m1.ask("explain", system.h1.address, system.h2.address, "icmp")
    assert (answer["decision"], answer["because"], answer["spi"]) == ("drop", "drop_no_sa", None)
    answer = system.m1.ask("explain", "--vlan", "77", system.h1.address6, system.h2.address6, "icmpv6")
    assert (answer["decision"], answer["because"], answer["spi"]) == ("drop", "drop_no_sa", None)
    p.stop()


def test_data_plane_enforces_the_end_alone(system):
    """With gvpnd dead too: hard limits are kept where the packets are (DP9)."""
    system.ks.start(lifetime=f"{LIFETIME}s")
    for m in system.members:
        m.wait_registered()
    assert ping(system.h1, system.h2.address) == 3
    system.ks.gvpnd.stop(signal.SIGKILL)
    left = max(sa["expires_in_s"] for sa in system.m1.status()["sas"])
    for m in system.members:
        m.gvpnd.stop(signal.SIGKILL)
    wait_for(lambda: not answers(system.h1, system.h2.address), timeout=left / RATE + 30, step=0.2,
             what="traffic to end with its key")
    for m in system.members:
        wait_for(lambda m=m: "SA_EXPIRED" in m.dp.output(), what="the data plane to say so")


def test_nothing_left_in_clear_meanwhile(system):
    """Of both families, with and without tags; but neighbour discovery."""
    kinds = {(bool(tags), p[0] >> 4, esp.header(p).proto)
             for tags, p in esp.tagged_packets(system.capture1.stop(), system.h1[1:], families=(4, 6)) if not esp.is_nd(p)}
    assert kinds == {(tagged, family, esp.ESP) for tagged in (False, True) for family in (4, 6)}
