# SPDX-License-Identifier: BSD-3-Clause
"""The tool that says "nothing was lost" says so only when it is true: a switch drops some of its packets, and it misses
exactly these. (tests/lib/stream.py, which the tests of rekeys believe.)
"""

import collections
import re
import signal
import sys

import pytest

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")

from gvpn import Host  # noqa: E402
from stream import Stream  # noqa: E402
from topology import Topology, wait_for  # noqa: E402

DROP = ("table netdev t {{ chain in {{ type filter hook ingress device {dev} priority 0; "
        "udp dport 20000 numgen inc mod 1000 == 0 counter drop; }}; }}")

Fake = collections.namedtuple("Fake", "t")


@pytest.fixture(scope="module")
def hosts():
    with Topology("s") as t:
        switch = t.switch("wan")
        yield (Fake(t), Host(t.host("h1", switch, "10.1.0.1/24"), "10.1.0.1"), Host(t.host("h2", switch, "10.1.0.2/24"), "10.1.0.2"))


def run(hosts, seconds=1.0, **how):
    stream = Stream(*hosts, **how)
    wait_for(lambda: stream.seconds() > seconds, what="the stream to run")
    return stream.finish()


def test_nothing_is_lost_where_nothing_drops(hosts):
    result = run(hosts, rate=10000)
    assert (result.lost, result.twice) == (0, 0), result
    assert all(w.sent > 1000 and not w.gaps for w in result.ways), result


def test_a_sender_that_is_held_up_sends_everything_afterwards(hosts):
    """So a busy machine neither loses packets nor thins the stream out."""
    stream = Stream(*hosts[:3], rate=10000)
    wait_for(lambda: stream.seconds() > 0.2, what="the stream to run")
    held = stream.ends[1]
    held.send_signal(signal.SIGSTOP)
    wait_for(lambda: stream.seconds() > 0.7, what="the stream to miss one end")
    held.send_signal(signal.SIGCONT)
    result = stream.finish()
    assert (result.lost, result.twice) == (0, 0), result
    assert all(abs(w.rate - 10000) < 100 for w in result.ways), result
    assert result.ways[1].stall["ms"] > 400 and result.ways[1].debt > 4000, result


def test_what_is_dropped_is_missed_exactly(hosts):
    system, _, h2 = hosts
    system.t.sh(h2.ns, "nft", DROP.format(dev="eth0"))
    result = run(hosts, rate=10000)
    dropped = int(re.search(r"counter packets (\d+)", system.t.sh(h2.ns, "nft", "list", "table", "netdev", "t"))[1])
    assert dropped >= 1
    assert [w.lost for w in result.ways] == [dropped, 0], result
    assert sum(g["count"] for g in result.ways[0].gaps) in (dropped, dropped - 1), "the last one leaves no gap"
