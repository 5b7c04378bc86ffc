# SPDX-License-Identifier: BSD-3-Clause
"""A daemon of a member is killed and started again while its host talks. Whatever happens, no IV is ever used twice."""

import os
import re
import signal
import socket
import sys
import threading
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import esp_capture as esp  # noqa: E402
from gvpn import System, TaggedStream, answers, ping, udp_socket  # noqa: E402
from topology import Topology, wait_for  # noqa: E402

SO_RCVBUFFORCE = 33  # asm-generic/socket.h
IDS_PER_WORKER = 4  # sender ids of one registration: so many starts of gvpn-dp need no other (decision 12)


@pytest.fixture(scope="module")
def system():
    with Topology() as t, System(t, six=True) as s:
        s.start()
        s.wan = s.capture("site2", "not port 848")
        assert ping(s.h1, s.h2.address6) == 3  # neighbours are known: while one is looked for, a fast sender loses packets
        yield s


@pytest.fixture
def talk(system):
    """h1 and h2 ping each other 200 times a second, and h1 sends five times as many datagrams; some by IPv6 that are counted,
    and tagged frames: what TAPs hold for seconds when the machine has no time for them. done() stops that and gives how many pings, counted datagrams and tagged frames were lost.
    """
    stop = threading.Event()

    six = udp_socket(system.h2.ns, system.h2.address6, 5000, timeout=0)
    six.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 25)  # they are read in the end
    sent6 = []

    def send():
        with udp_socket(system.h1.ns, system.h1.address) as s, udp_socket(system.h1.ns, system.h1.address6) as s6:
            while not stop.wait(0.004):
                for _ in range(5):
                    s.sendto(b"discard", (system.h2.address, 9))
                s6.sendto(b"%d" % len(sent6), (system.h2.address6, 5000))
                sent6.append(b"%d" % len(sent6))

    def received6():
        try:
            while True:
                yield six.recv(100)
        except BlockingIOError:
            pass

    sender = threading.Thread(target=send)
    sender.start()
    pings = [system.t.start(a.ns, ["ping", "-n", "-i", "0.005", "-W", "1", address])
             for a, address in ((system.h1, system.h2.address), (system.h2, system.h1.address))]
    stream = TaggedStream(system)

    def done():
        time.sleep(0.5)
        stop.set()
        lost = {}
        for p in pings:
            p.stop(signal.SIGINT)
            answered = set(map(int, re.findall(r"icmp_seq=(\d+) ttl", p.output())))
            assert len(answered) > 200
            lost[p.argv[-1]] = max(answered) - len(answered)  # the latest may still be on its way
        lost["tagged"] = stream.lost()
        sender.join()
        arrived = set()
        for _ in range(50):  # the last ones may be on their way
            arrived.update(received6())
            if arrived == set(sent6):
                break
            time.sleep(0.1)
        lost["IPv6"] = len(set(sent6) - arrived)
        print("lost:", lost)
        return sum(lost.values())

    wait_for(lambda: all(p.output().count("bytes from") > 10 for p in pings), what="both hosts to talk")
    yield done
    stop.set()
    stream.stop.set()
    six.close()
    sender.join()
    for p in pings:
        p.stop(signal.SIGKILL)


def test_gvpnd_killed_and_started_again_loses_nothing(system, talk):
    spi = system.m1.status()["sas"][0]["spi"]
    registrations = system.ks.status()["registrations"]
    system.m1.gvpnd.stop(signal.SIGKILL)
    time.sleep(1)
    assert ping(system.h1, system.h2.address) == 3, "the data plane goes on alone"
    system.m1.start_control()
    system.m1.wait_registered()
    assert system.ks.status()["registrations"] == registrations + 1
    assert system.m1.status()["sas"][0]["spi"] == spi
    time.sleep(1)
    assert talk() == 0
    assert system.m1.verdicts()["drop_no_sa"] == 0


def test_gvpnd_stopped_for_an_upgrade_loses_nothing(system, talk):
    """With `leave-on-stop: false` a stop is like a crash (decision 27)."""
    assert system.m2.reload(system.m2.config(leave=False))[0] == 0
    assert system.m2.gvpnd.stop() == 0
    time.sleep(0.5)
    system.m2.start_control(leave=False)
    system.m2.wait_registered()
    time.sleep(0.5)
    assert talk() == 0
    assert system.m2.verdicts()["drop_no_sa"] == 0


def test_status_names_the_sender_ids_on_the_wire(system):
    """Also after gvpnd got new ones that the data plane, which keeps its SA, doesn't use."""
    capture = system.capture("site1", "not port 848")
    assert ping(system.h1, system.h2.address) == ping(system.h1, system.h2.address6) == 3
    ids = esp.sender_ids(esp.esp_packets(capture.stop()))
    for m in system.members:
        assert [i for i, sources in ids.items() if sources == {m.host.address, m.host.address6}] == m.status()["sas"][0]["sender_ids"]


def restart_data_plane(system, m):
    """kill -9 and start; returns the seconds from the start of the new process to the first packet through it."""
    m.dp.stop(signal.SIGKILL)
    wait_for(lambda: not m.attached(), what="gvpnd to notice")
    begin = time.monotonic()
    m.start_data_plane(ready=False)
    wait_for(lambda: answers(system.h1, system.h2.address), what="traffic after the restart")
    took = time.monotonic() - begin
    assert ping(system.h1, system.h2.address6) == 3
    return took


def test_gvpn_dp_killed_and_started_again(system):
    """Back in 2 s without a registration while sender ids are left, with one when they are used up."""
    registrations = system.ks.status()["registrations"]
    took = [restart_data_plane(system, system.m1) for _ in range(IDS_PER_WORKER - 1)]
    print("back after", ", ".join(f"{s:.2f} s" for s in took))
    assert min(took) < 2 + 8, "2 s, and 8 s more for a machine that is busy with other tests"
    assert system.ks.status()["registrations"] == registrations
    restart_data_plane(system, system.m1)
    assert system.ks.status()["registrations"] == registrations + 1
    assert system.m1.status()["state"] == "registered"


def test_both_daemons_killed_and_started_again(system):
    system.m1.gvpnd.stop(signal.SIGKILL)
    system.m1.dp.stop(signal.SIGKILL)
    system.m1.start_data_plane(ready=False)
    system.m1.start_control(ready=False)
    wait_for(lambda: answers(system.h1, system.h2.address), what="traffic after the restart")


def test_no_iv_was_used_twice(system):
    packets = esp.esp_packets(system.wan.stop())
    assert len({p.spi for p in packets}) == 1, "one key all the time, so only the IVs keep packets apart"
    ids = esp.sender_ids(packets)
    assert len([i for i, sources in ids.items() if system.h1.address in sources]) == 2 + IDS_PER_WORKER
    assert all(sources <= {*system.h1} or sources <= {*system.h2} for sources in ids.values())
    assert {(":" in p.src, bool(p.tags)) for p in packets} == {(six, tagged) for six in (False, True) for tagged in (False, True)}
    esp.assert_unique_ivs(packets)
