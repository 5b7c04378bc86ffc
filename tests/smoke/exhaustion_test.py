# SPDX-License-Identifier: BSD-3-Clause
"""The end of what a key can be used for (DP3, KS12; RFC 6054): sender ids whose IVs run out, sequence numbers that run out, and
those that nobody knows any more because both daemons of a member died. gvpnd hears of it and registers in time: an SA goes on with
other ids, counter replay with another key, and nothing is lost. `lab-counters-left` brings data planes near the end.
"""

import os
import signal
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import esp_capture as esp  # noqa: E402
from gvpn import Sa, System, ping, raw_socket, udp_socket  # noqa: E402
from priority import above_all  # noqa: E402
from stream import Stream  # noqa: E402
from topology import Topology, wait_for  # noqa: E402

LEFT, RATE = 30000, 2000  # packets until the end, and a second: 15 s
NEAR = f"lab-counters-left: {LEFT}\n"
IVS = 1 << 40  # of a sender id of 24 bits
COUNTED = [Sa(replay="{counter: 64}")]
UNICAST = "transport: unicast, waves: {members: 50, interval: 1s}"
TEK_S = 10  # the key server makes keys of this kind at most so often


def started(t, more="", **told):
    """`more` is for the data planes' files."""
    above_all()  # what is lost must not depend on who else is at work
    s = System(t, bridged=True, packet=True, lab=True)
    for m in s.members:
        m.dp_text += more
    s.start(**told)
    return s


def spis(member):
    return {sa["spi"] for sa in member.status()["sas"] if sa["direction"] != "none"}


def sending(member):
    return {sa["spi"] for sa in member.status()["sas"] if sa["sending"]}


def ids(member):
    return [sa["sender_ids"][0] for sa in member.status()["sas"]]


def registrations(s):
    return s.ks.status()["registrations"]


def teks(s):
    """How many the key server has made."""
    return s.ks.log().count("KS_NEW_TEK")


def quiet(s, seconds):
    """Nothing more happens: nobody registers, no key is made."""
    before = registrations(s), teks(s)
    time.sleep(seconds)
    assert (registrations(s), teks(s)) == before


def from_member(packets, host):
    return [p for p in packets if p.src == host.address]


# ---- IVs ----


@pytest.fixture(scope="module")
def by_ids():
    with Topology("xi") as t, started(t, NEAR) as s:
        yield s


def test_ids_whose_ivs_run_out_are_followed_by_fresh_ones(by_ids):
    """Every IV of the first id is used, and then those of the next one, under the same key and without a gap."""
    s = by_ids
    keys, first, before = [spis(m) for m in s.members], [ids(m) for m in s.members], registrations(s)
    capture, stream = s.capture("br0", "ip proto 50"), Stream(s, s.h1, s.h2, rate=RATE)
    wait_for(lambda: all(ids(m) != old for m, old in zip(s.members, first)), timeout=90, what="other sender ids")
    wait_for(lambda: stream.seconds() > LEFT / RATE + 5, timeout=60, what="time to pass")
    result, packets = stream.finish(), esp.esp_packets(capture.stop())
    assert result.lost == result.twice == 0 and result.sent > 2 * LEFT, result
    assert [spis(m) for m in s.members] == keys, "an installed key stays"
    assert registrations(s) == before + 2, "one for each member"
    assert s.ks.log().count("KS_NEW_TEK") == 1
    keys = esp.read_keys(s.keylog)
    for m, old in zip(s.members, first):
        now = ids(m)
        assert m.verdicts()["drop_iv_exhausted"] == m.verdicts()["drop_own_sender"] == 0
        mine = [esp.with_iv(p, keys).iv for p in from_member(packets, m.host)]
        used = {int.from_bytes(iv, "big") for iv in mine}
        assert len(used) == len(mine), "an IV came twice"
        counters = sorted(iv % IVS for iv in used if iv // IVS == old[0])
        assert counters[-1] == IVS - 1 and len(counters) == counters[-1] - counters[0] + 1 > LEFT // 2
        counters = sorted(iv % IVS for iv in used if iv // IVS == now[0])
        assert counters[0] == 0 and len(counters) == counters[-1] + 1
    quiet(s, 12)


def test_without_an_answer_sending_stops_and_goes_on(by_ids):
    """The key server hangs: at the end nothing leaves any more; as soon as it answers, there are ids."""
    s = by_ids
    s.m1.dp.stop(signal.SIGKILL)
    wait_for(lambda: not s.m1.attached(), what="gvpnd to notice")
    s.m1.start_data_plane()
    wait_for(lambda: ping(s.h1, s.h2.address, count=1, patience=0.5) == 1, what="traffic")
    s.ks.gvpnd.popen.send_signal(signal.SIGSTOP)
    try:
        stream = Stream(s, s.h1, s.h2, rate=RATE)
        wait_for(lambda: s.m1.verdicts()["drop_iv_exhausted"] > 0, timeout=90, what="the end of the IVs")
    finally:
        s.ks.gvpnd.popen.send_signal(signal.SIGCONT)
    stream.finish()
    wait_for(lambda: ping(s.h1, s.h2.address, count=1, patience=0.5) == 1, timeout=90, what="traffic")


# ---- sequence numbers ----


@pytest.fixture(scope="module")
def by_numbers():
    with Topology("xn") as t, started(t, NEAR, sas=COUNTED, rekey=UNICAST) as s:
        yield s


def test_sequence_numbers_that_run_out_bring_a_key(by_numbers):
    """Both members run out at once: one key takes over, by a rekey, and neither loses a packet."""
    s = by_numbers
    old = [spis(m) for m in s.members]
    capture, stream = s.capture("br0", "ip proto 50"), Stream(s, s.h1, s.h2, rate=RATE)
    wait_for(lambda: all(sending(m) and not sending(m) & o for m, o in zip(s.members, old)), timeout=60, what="another key")
    wait_for(lambda: stream.seconds() > LEFT / RATE + 5, timeout=60, what="time to pass")
    result, packets = stream.finish(), esp.esp_packets(capture.stop())
    assert result.lost == result.twice == 0 and result.sent > 2 * LEFT, result
    assert teks(s) == 2
    for m in s.members:
        assert m.verdicts()["drop_iv_exhausted"] == m.verdicts()["drop_replay_counter"] == 0
        mine = from_member(packets, m.host)
        assert len({(p.spi, p.seq) for p in mine}) == len(mine)
    wait_for(lambda: all(len(spis(m)) == 1 for m in s.members), timeout=90, what="the old key to go")
    quiet(s, TEK_S + 5)


# ---- numbers that nobody knows any more ----


@pytest.fixture(scope="module")
def counted():
    with Topology("xc") as t, started(t, sas=COUNTED, rekey=UNICAST) as s:
        yield s


def kill_both(member):
    for daemon in (member.gvpnd, member.dp):
        daemon.popen.send_signal(signal.SIGKILL)
    for daemon in (member.gvpnd, member.dp):
        daemon.stop(signal.SIGKILL)


def start_both(member):
    member.start_data_plane(ready=False)
    member.start_control(ready=False)


def talks(s):
    """One datagram each way arrives."""
    with udp_socket(s.h1.ns, s.h1.address, 5000, timeout=0.2) as a, udp_socket(s.h2.ns, s.h2.address, 5000, timeout=0.2) as b:
        for x, y, to in ((a, b, s.h2), (b, a, s.h1)):
            x.sendto(b"there?", (to.address, 5000))
            try:
                if y.recv(100) != b"there?":
                    return False
            except TimeoutError:
                return False
    return True


def test_gvpnd_alone_restarts_without_loss_and_without_a_key(counted):
    s = counted
    before, keys = teks(s), [spis(m) for m in s.members]
    stream = Stream(s, s.h1, s.h2, rate=RATE)
    for m in s.members:
        m.gvpnd.stop(signal.SIGKILL)
        m.start_control()
        m.wait_registered()
    wait_for(lambda: stream.seconds() > 5, what="time to pass")
    result = stream.finish()
    assert result.lost == result.twice == 0, result
    assert [spis(m) for m in s.members] == keys and teks(s) == before


def test_both_daemons_die_and_nothing_is_replayed(counted):
    """The key of the life before is used neither for sending nor for receiving; the other member just gets a rekey."""
    s = counted
    wire = raw_socket(s.wan.ns, "br0")
    every = s.capture("br0", f"ip proto 50 and (src host {s.h1.address} or src host {s.h2.address})")
    capture = s.capture("br0", f"ip proto 50 and src host {s.h2.address}")
    for _ in range(20):
        assert talks(s)
    recorded = list(esp.frames(capture.stop()))
    assert len(recorded) >= 20
    before, made, old = registrations(s), teks(s), spis(s.m1)
    kill_both(s.m1)
    start_both(s.m1)
    wait_for(lambda: talks(s), timeout=60, what="traffic")
    assert not spis(s.m1) & old
    assert teks(s) == made + 1
    assert registrations(s) <= before + 4, "a first one, one that asks, and some that wait; none by the other member"
    delivered = s.t.capture(s.h1.ns, "eth0", f"udp and dst port 5000 and src host {s.h2.address}")
    for frame in recorded:
        wire.send(bytes(frame))
    for _ in range(5):
        assert talks(s)
    assert len(list(esp.frames(delivered.stop()))) == 5, "a recorded packet was delivered"
    wait_for(lambda: all(len(spis(m)) == 1 for m in s.members), timeout=90, what="the old key to go")
    packets = esp.esp_packets(every.stop())
    mine = from_member(packets, s.h1)
    assert len({(p.spi, p.seq) for p in mine}) == len(mine), "a number was used twice"
    quiet(s, TEK_S + 5)


def test_both_daemons_die_in_a_group_without_rekeys():
    """The other member notices by what it can't read (GM13), and registers."""
    with Topology("xw") as t, started(t, sas=COUNTED) as s:
        assert talks(s)
        old = spis(s.m1)
        kill_both(s.m1)
        start_both(s.m1)
        s.m1.wait_registered()
        stream = Stream(s, s.h1, s.h2, rate=200)
        wait_for(lambda: sending(s.m2) and not sending(s.m2) & old, timeout=90, step=0.5, what="the other member's new key")
        wait_for(lambda: talks(s), timeout=60, what="traffic")
        stream.finish()
        assert teks(s) == 2 and not spis(s.m1) & old
        quiet(s, TEK_S + 5)
