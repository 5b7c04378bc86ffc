# SPDX-License-Identifier: BSD-3-Clause
"""Two workers in each data plane: a new policy every second and a new key every three, under load from many flows. Nothing is
lost, no IV is used twice, and both workers work. On a machine with one CPU there can't be two workers.
"""

import os
import re
import socket
import struct
import sys
import threading
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import esp_capture as esp  # noqa: E402
from gvpn import ACL, System, answers, ping  # noqa: E402
from topology import Topology, inside, ip, wait_for  # noqa: E402

pytestmark = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="two workers need two CPUs")

RATE, LIFETIME = 10, 120  # a new key every 30 s of that clock (KS5): every 3 s
UPDATES = 20              # seconds under load
REGISTRATIONS = 2         # of each member under load, at least: a key lives for 12 s, and they come before its end
BURST, PAUSE = 5, 0.005   # each host: at most 1000 packets a second
ADDRESSES = 8             # of each host. A kernel spreads ESP by addresses: there are no ports in it
PORT = 5000
SO_RCVBUFFORCE = 33


def addresses(host):
    """Of a host; the first is the one it always has."""
    network, last = host.address.rsplit(".", 1)
    return [f"{network}.{int(last) + i}" for i in range(ADDRESSES)]


def use_workers(m, n):
    """For the next start of its gvpn-dp."""
    cpus = sorted(os.sched_getaffinity(0))[:n]
    m.dp_text = re.sub(r"workers: \[.*\]", f"workers: {cpus}", m.dp_text)


class Stream:
    """Numbered datagrams from all addresses of one host to all of another, as many as come in BURSTs."""

    def __init__(self, source, destination):
        self.sent, self.got, self.stop, self.sent_all = 0, set(), threading.Event(), threading.Event()
        with inside(destination.ns):
            self.inbox = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.inbox.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)  # so that a reader who waits loses nothing
        self.inbox.bind(("0.0.0.0", PORT))
        self.inbox.settimeout(0.2)
        with inside(source.ns):
            self.outboxes = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(ADDRESSES)]
        for s, address in zip(self.outboxes, addresses(source)):
            s.bind((address, PORT + 1))
        self.targets = addresses(destination)
        self.threads = [threading.Thread(target=f, daemon=True) for f in (self._receive, self._send)]
        for t in self.threads:
            t.start()

    def _send(self):
        while not self.stop.wait(PAUSE):
            for _ in range(BURST):
                n = self.sent
                self.outboxes[n % ADDRESSES].sendto(struct.pack("!Q", n), (self.targets[n // ADDRESSES % ADDRESSES], PORT))
                self.sent = n + 1

    def _receive(self):
        while not self.sent_all.is_set() or len(self.got) < self.sent:
            try:
                self.got.add(struct.unpack("!Q", self.inbox.recv(100))[0])
            except socket.timeout:
                if self.sent_all.is_set() and time.monotonic() > self.ended + 10:
                    return

    def finish(self):
        """Stops sending and gives the numbers that never came."""
        receiver, sender = self.threads
        self.stop.set()
        sender.join()
        self.ended = time.monotonic()
        self.sent_all.set()  # only now: it may have been in the midst of a burst
        receiver.join()
        for s in (self.inbox, *self.outboxes):
            s.close()
        return sorted(set(range(self.sent)) - self.got)


def meet(system):
    """Every address finds every other's neighbour before anything is counted."""
    for a, b in ((system.h1, system.h2), (system.h2, system.h1)):
        for source in addresses(a):
            wait_for(lambda: answers(a, b.address, source=source), what=f"an answer for {source}")


@pytest.fixture(scope="module")
def system():
    with Topology() as t, System(t, rate=RATE) as s:
        use_workers(s.m2, 2)
        for host in (s.h1, s.h2):
            ip(host.ns, *(f"addr add {a}/24 dev eth0" for a in addresses(host)[1:]))
        s.start(lifetime=f"{LIFETIME}s")
        yield s


def updates(m):
    """Snapshots that this gvpn-dp put into effect."""
    return m.dp.output().count("POLICY_INSTALLED")


def workers(m):
    return m.ask("show", "workers")["workers"]


def test_a_worker_more_needs_nobody(system):
    """gvpn-dp starts again with two workers instead of one; sender ids for both come by themselves."""
    m = system.m1
    assert len(workers(m)) == 1
    use_workers(m, 2)
    assert m.dp.stop() == 0
    m.start_data_plane()
    m.gw.wait_forwarding()
    wait_for(lambda: any(sa["sending"] and len(sa["sender_ids"]) == 2 for sa in m.status()["sas"]), 
             what="two sender ids in use")
    assert len(workers(m)) == 2
    assert ping(system.h1, system.h2.address) == 3


def test_updates_every_second_lose_nothing(system):
    meet(system)
    before = {m: (m.status()["registrations"], workers(m), m.verdicts(), updates(m)) for m in system.members}
    capture = system.capture("site2", "ip proto 50")
    digests = set()
    streams = [Stream(system.h1, system.h2), Stream(system.h2, system.h1)]
    try:
        began = time.monotonic()
        for i in range(1, UPDATES + 1):
            entry = f"deny tcp any any eq {9000 + i}"
            assert system.ks.reload(system.ks.config(lifetime=f"{LIFETIME}s", acl=(entry, *ACL)))[0] == 0
            for m in system.members:
                assert m.reload(m.config(fail_close=f"{{enabled: true, allow: [{entry}]}}"))[0] == 0
                digests.add(m.status()["policy_digest"])
            time.sleep(max(0, began + i - time.monotonic()))
    finally:
        missing = [s.finish() for s in streams]
    packets = esp.esp_packets(capture.stop())
    sent = [s.sent for s in streams]
    after = {m: m.verdicts() for m in system.members}
    changes = {m.name: {k: n - before[m][2][k] for k, n in after[m].items() if n != before[m][2][k]} for m in after}
    print(f"sent {sent}, snapshots {[updates(m) - before[m][3] for m in system.members]}, policies {len(digests)}, {changes}")
    assert [len(x) for x in missing] == [0, 0], missing
    assert min(sent) > UPDATES * 50, "there was load"
    assert len(digests) > REGISTRATIONS, "policies came and went"
    judge_wire(system, packets, sent)
    for m in system.members:
        registrations, old, verdicts, installed = before[m]
        assert updates(m) >= installed + UPDATES
        assert m.status()["registrations"] >= registrations + REGISTRATIONS
        for was, now in zip(old, workers(m)):
            assert now["packets"] >= was["packets"] + 0.1 * sum(sent), "each worker carries its share"
            assert now["polls"] > was["polls"]
        assert after[m]["drop_no_sa"] == verdicts["drop_no_sa"]


def test_ports_have_a_queue_for_each_worker(system):
    for m in system.members:
        for p in m.ask("show", "ports")["ports"]:
            assert (p["driver"], p["queues"], p["mtu"], p["rss"]) == ("net_tap", 2, 1500, "ipv4 ipv6 ports")
            assert (p["link"], p["rx_missed"], p["rx_nombuf"], p["rx_errors"], p["tx_errors"]) == ("up", 0, 0, 0, 0)
            assert p["rx_descriptors"] == p["tx_descriptors"] == 1024 and p["speed_mbps"] > 0
            assert p["rx_packets"] > 0 and p["tx_packets"] > 0
        assert "net_tap" in m.ctl("show", "ports")[1]


def judge_wire(system, packets, sent):
    esp.assert_unique_ivs(packets)
    assert len(packets) >= sum(sent)
    spis = {p.spi for p in packets}
    assert len(spis) > REGISTRATIONS, "keys came and went"
    used = set()
    for spi in spis:
        ids = esp.sender_ids([p for p in packets if p.spi == spi])
        for host in (system.h1, system.h2):
            own = {i for i, sources in ids.items() if sources <= set(addresses(host))}
            assert len(own) <= 2, "a worker keeps its sender id as long as the key lives"
            used.add((host.ns, len(own)))
        assert all(sources <= set(addresses(system.h1)) or sources <= set(addresses(system.h2)) for sources in ids.values())
    assert {(system.h1.ns, 2), (system.h2.ns, 2)} <= used, "both workers of both members send with ids of their own"
