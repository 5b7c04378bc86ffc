# SPDX-License-Identifier: BSD-3-Clause
"""A constant stream of UDP between two hosts, both ways at once, and exactly what was lost of it (udp_stream.c).

    stream = Stream(system, system.h1, system.h2, rate=10000)   # packets a second each way
    ...                                                         # whatever must not lose any
    result = stream.finish()                                    # ends it, waits for what is due and what is on its way
    assert result.lost == 0, result

A sender that a busy machine keeps from running is late, and says so (`stall`); what it was to send it sends afterwards.
"""

import collections
import json
import subprocess
import time

from topology import build

FLOWS, SIZE = 8, 64

# One way of it. gaps: packets that never came, and the monotonic times at which the next one of the flow was sent and came. silence
# and stall: the longest time without a packet, and for which the sender didn't run, with its end. debt: how many packets behind.
# rate: packets a second; over: how many seconds it sent on after its end, to have sent them all.
Way = collections.namedtuple("Way", "sent received twice late lost gaps silence stall debt rate over")


class Result(collections.namedtuple("Result", "ways")):
    """Both ways."""

    @property
    def sent(self):
        return sum(w.sent for w in self.ways)

    @property
    def lost(self):
        return sum(w.lost for w in self.ways)

    @property
    def twice(self):
        return sum(w.twice for w in self.ways)

    def __str__(self):
        return "; ".join(f"{w.sent} sent at {w.rate:.0f}/s, {w.lost} lost, {w.twice} twice, {w.late} late, longest silence "
                         f"{w.silence['ms']} ms, sender held up for {w.stall['ms']} ms, {w.debt} packets behind, {w.over} s over, {len(w.gaps)} gaps"
                         for w in self.ways)

    __repr__ = __str__


class Stream:
    """Runs from now on. With `group` both hosts send to that group and hear it, else each other."""

    def __init__(self, system, one, other, rate=10000, flows=FLOWS, size=SIZE, family=4, group=None):
        self.ends = []
        for here, there in ((one, other), (other, one)):
            words = [a.address6 if family == 6 else a.address for a in (here, there)]
            if group is not None:
                words[1] = group
            argv = [build("tests/lib/udp_stream"), *words, str(rate), str(flows), str(size), *([group] if group else [])]
            self.ends.append(subprocess.Popen(["ip", "netns", "exec", here.ns, *argv], stdin=subprocess.PIPE,
                                              stdout=subprocess.PIPE, text=True, bufsize=1))
        system.t.helpers += self.ends
        for end in self.ends:
            assert end.stdout.readline() == "ready\n", "udp_stream doesn't start"
        for end in self.ends:
            self._say(end, "start")
        self.began = time.monotonic()

    def seconds(self):
        """For how long it has been running."""
        return time.monotonic() - self.began

    @staticmethod
    def _say(end, line):
        end.stdin.write(line + "\n")
        end.stdin.flush()

    def finish(self):
        """Ends it: Result. Both have stopped before either stops listening."""
        for end in self.ends:
            self._say(end, "stop")
        sent = [json.loads(end.stdout.readline()) for end in self.ends]
        for end, other in zip(self.ends, reversed(sent)):
            self._say(end, f"finish {sum(other['sent'])}")
        got = [json.loads(end.stdout.readline()) for end in self.ends]
        for end in self.ends:
            assert end.wait(10) == 0
            end.stdin.close()
            end.stdout.close()
        return Result([self._way(s, g) for s, g in zip(sent, reversed(got))])

    @staticmethod
    def _way(sent, got):
        lost = sum(s - r for s, r in zip(sent["sent"], got["received"]))
        return Way(sum(sent["sent"]), sum(got["received"]), sum(got["twice"]), sum(got["late"]), lost, got["gaps"],
                   got["silence"], sent["stall"], sent["debt"], sum(sent["sent"]) / max(sent["seconds"], 0.001), sent["over"])
