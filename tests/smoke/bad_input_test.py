# SPDX-License-Identifier: BSD-3-Clause
"""Thousands of random and mutated datagrams at UDP 848 of the key server and of a member while traffic flows: they are
dropped and counted, answered with less than they were or not at all, hardly logged, and registrations go on.

GVPN_SEED=N repeats a run.
"""

import os
import random
import re
import signal
import socket
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import esp_capture as esp  # noqa: E402
from gvpn import System, psk_of, udp_socket  # noqa: E402
from topology import Topology, inside, wait_for  # noqa: E402

SEED = int(os.environ.get("GVPN_SEED", random.SystemRandom().randrange(1 << 32)))
COUNT = 2000
PER_SECOND = 5      # lines of IKE_DROP (common/log_msgs.h)
BATCH = 50          # fewer than a socket holds, however late gvpnd comes to read
NEAR_KS, NEAR_M1 = "10.0.0.254", "10.0.1.254"  # the router's addresses: where the datagrams come from
DROPS = ("dropped_malformed", "dropped_unknown", "dropped_state", "dropped_auth", "dropped_duplicate", "dropped_limit")


@pytest.fixture(scope="module")
def system():
    with Topology() as t, System(t) as s:
        capture = s.capture("ks", "udp port 848")
        psks = {m.address: psk_of(m.name) for m in s.members}
        s.start(psks={**psks, NEAR_KS: "the attacker has a key: it is let in far enough to do harm"})
        s.real = [p[28:] for p in esp.ip_packets(capture.stop())]
        assert len(s.real) >= 2 * 10, "two registrations"
        s.random = random.Random(SEED)
        print(f"GVPN_SEED={SEED}")
        s.ping = t.start(s.h1.ns, ["ping", "-n", "-i", "0.01", "-W", "1", s.h2.address])
        yield s


def mutate(rng, datagram):
    """Some octets changed, cut, doubled or added."""
    d = bytearray(datagram)
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(d)) if d else 0
        kind = rng.randrange(5)
        if kind <= 1 and d:
            d[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del d[at:]
        elif kind == 3:
            d[at:at] = rng.randbytes(rng.randrange(20))
        elif d:
            d[at] = rng.choice((0, 1, 0x7f, 0x80, 0xff))
    return bytes(d)


def right_length(d):
    """The header's length field set right, so that what follows it is looked at."""
    return d[:24] + len(d).to_bytes(4, "big") + d[28:] if len(d) >= 28 else d


def bad_datagram(rng, real):
    kind = rng.randrange(8)
    if kind == 0:
        return rng.randbytes(rng.randrange(1400))
    if kind == 1:
        return right_length(rng.choice(real)[:28] + rng.randbytes(rng.randrange(200)))
    if kind == 2:
        return rng.choice(real)
    if kind == 3:
        return rng.randbytes(8) + bytes(8) + rng.choice(real)[16:]  # message 1 of an exchange of its own
    return right_length(mutate(rng, rng.choice(real))) if kind < 7 else mutate(rng, rng.choice(real))


def wait_counted(node, before, count):
    """Until it has taken so many datagrams since `before`; what it answers is sent by then. Returns its counters."""
    def settled():
        now = node.ike()
        return now if now["datagrams_in"] - before["datagrams_in"] >= count else None

    return wait_for(settled, what=f"{count} datagrams to be counted, {before}")


def throw(system, source, node, count):
    """Every datagram from a port of its own. Returns how many were answered, none with more than it was."""
    answers, before = 0, node.ike()
    for batch in range(count // BATCH):
        sockets = []
        for _ in range(BATCH):
            datagram = bad_datagram(system.random, system.real)
            s = udp_socket(system.wan_ns, source)
            s.setblocking(False)
            s.sendto(datagram, (node.address, 848))
            sockets.append((s, datagram))
        wait_counted(node, before, (batch + 1) * BATCH)
        time.sleep(0.05)  # for the answers' way
        for s, datagram in sockets:
            size = 0
            while True:
                try:
                    size += len(s.recv(4096))
                    answers += 1
                except BlockingIOError:
                    break
            s.close()
            assert size <= len(datagram), f"GVPN_SEED={SEED}: {size} octets answer {len(datagram)}: {datagram.hex()}"
    return answers


def impersonate(system, source, node, count):
    """As if they came from port 848 of somebody else. The next ones come when these have been taken."""
    from scapy.layers.inet import IP, UDP
    with inside(system.wan_ns):
        s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    with s:
        before = node.ike()
        for i in range(1, count + 1):
            datagram = bad_datagram(system.random, system.real)
            s.sendto(bytes(IP(src=source, dst=node.address) / UDP(sport=848, dport=848) / datagram), (node.address, 0))
            if i % BATCH == 0:
                wait_counted(node, before, i)


def assert_all_counted(node, before, count, answers):
    """Whatever came in was dropped under a name or answered."""
    now = wait_counted(node, before, count)
    dropped = sum(now[d] - before[d] for d in DROPS)
    assert now["datagrams_in"] - before["datagrams_in"] <= dropped + answers
    assert now["phase1_established"] == before["phase1_established"]


def assert_few_lines(node, before, seconds):
    lines = node.log()[len(before):].splitlines()
    drops = [line for line in lines if "IKE_DROP" in line]
    assert 1 <= len(drops) <= (PER_SECOND + 1) * (seconds + 2), f"{len(drops)} lines in {seconds:.1f} s"
    assert len(lines) - len(drops) <= 5, lines
    for line in lines:
        assert line.isascii() and line.isprintable()


@pytest.mark.parametrize("who, source", [("ks", NEAR_KS), ("m1", NEAR_M1)])
def test_bad_datagrams(system, who, source):
    node = getattr(system, who)
    before, log, begin = node.ike(), node.log(), time.monotonic()
    answers = throw(system, source, node, COUNT)
    assert_all_counted(node, before, COUNT, answers)
    assert_few_lines(node, log, time.monotonic() - begin)
    assert (answers > 0) == (who == "ks"), "a key server answers a good message 1, a member answers nobody"


@pytest.mark.parametrize("who, as_who", [("ks", "m1"), ("m1", "ks")])
def test_bad_datagrams_in_the_name_of_a_peer(system, who, as_who):
    node = getattr(system, who)
    before, log, begin = node.ike(), node.log(), time.monotonic()
    impersonate(system, getattr(system, as_who).address, node, COUNT // 4)
    assert node.ike()["phase1_established"] == before["phase1_established"]
    assert_few_lines(node, log, time.monotonic() - begin)


def test_registration_amid_bad_datagrams(system):
    """m2 registers anew while its exchange is disturbed in its own and in the key server's name."""
    system.m2.gvpnd.stop(signal.SIGKILL)
    system.m2.start_control(ready=False)
    wait_for(system.m2.attached, what="m2's gvpnd to reach its data plane")
    for _ in range(10):
        impersonate(system, system.m2.address, system.ks, BATCH)
        impersonate(system, system.ks.address, system.m2, BATCH)
    system.m2.wait_registered()


def test_traffic_flowed_all_the_time(system):
    system.ping.stop(signal.SIGINT)
    answered = set(map(int, re.findall(r"icmp_seq=(\d+) ttl", system.ping.output())))
    assert len(answered) > 100
    assert not set(range(1, max(answered))) - answered


def test_daemons_are_alive_and_small(system):
    for p in system.daemons():
        if p.popen.returncode == -signal.SIGKILL:
            continue
        assert p.alive(), p.output()
        if "gvpnd" in p.argv[0]:
            with open(f"/proc/{p.popen.pid}/status", encoding="ascii") as f:
                resident = int(re.search(r"VmRSS:\s*(\d+) kB", f.read()).group(1))
            assert resident < 512 * 1024, f"{resident} kB"  # a sanitizer takes its share
    assert system.ks.ctl("status")[0] == 0
    assert len(system.ks.members()) == 2
