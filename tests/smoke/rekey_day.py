# SPDX-License-Identifier: BSD-3-Clause
"""A day under the constant stream of rekey_test.py, 20000 packets a second each way, with clocks 100 times faster: keys live an
hour, those of rekeys five. Nothing is lost, nothing passes in clear, members hardly register again. Its 24 hours repeat every six:

    0   the policy is reloaded every 10 s, each time with another list, as in the hours 1, 2 and 4
    1   and once with another suite
    2   and once all keys are replaced by hand, if rekeys are unicast
    3   nothing but what time brings: keys and keys of rekeys
    4   and once with another transport, unicast or multicast; every other time with another suite, too
    5   no reload; a rekey by hand, and all keys replaced, if rekeys are unicast

What a busy machine is late with is done afterwards: the day has all its reloads and packets, and becomes longer. It takes 15
minutes, with priority over everything else. tools/test runs it beside its last builds; GVPN_HOURS makes it shorter.
"""

import collections
import os
import re

from rekey_test import LIST, LONGER, Rekeyed, Watched, above_all
from topology import Topology, wait_for

RATE = 100      # of all clocks
PACKETS = 20000  # a second each way
HOURS = int(os.environ.get("GVPN_HOURS") or "24")
EVERY = 10      # s of that clock between two reloads
# A rekey that a busy machine holds up for 0.3 s of ours is 30 s old, and who gets it asks the key server instead (decision 18).
REGISTER_AGAIN = max(1, HOURS // 4)
TURNS = 3600 // EVERY  # of an hour
LOOK = 9        # turns between two looks at the members: odd, because lists alternate

# Between a message and the next time that matters are 0.6 s of ours, 60 s of that clock: that much a machine may be late. Replaced
# keys by multicast have 5 s of that clock, whatever is configured, which is too little here: rekey_test.py has that at clock rate 10.
REKEY = "lifetime: 5h, retransmit: {interval: 30s, count: 2}"
UNICAST = f"transport: unicast, {REKEY}, waves: {{members: 50, interval: 60s}}"
MULTICAST = f"transport: multicast, {REKEY}, multicast: {{destination: 239.0.1.2}}"
SUITES = ("aes-gcm-128", "aes-gcm-256")

SENT = re.compile(r"KS_SEND_(\w+)_REKEY: .*\(([\w ]+)\)$", re.MULTILINE)
WAYS, REASONS = ("UNICAST", "MCAST"), ("new TEK", "new KEK", "new policy", "operator")


class Day:
    """What the key server is told, turn by turn, and what the members had."""

    def __init__(self, r, watched):
        self.r, self.watched = r, watched
        self.reloads, self.late = 0, 0.0
        self.teks, self.keks, self.lists, self.suites = set(), set(), set(), set()

    def other(self, key, one, two):
        return {key: two if self.r.now[key] == one else one}

    def reload(self, *more):
        change = self.other("acl", LIST, LONGER)
        for key, one, two in more:
            change.update(self.other(key, one, two))
        self.r.reload(**change)
        self.reloads += 1

    def turn(self, hour, turn):
        kind, middle = hour % 6, turn == TURNS // 2
        suite, transport = ("suite", *SUITES), ("rekey", UNICAST, MULTICAST)
        if kind in (0, 1, 2, 4):
            self.reload(*([suite] if middle and (kind == 1 or hour % 12 == 10) else []),
                        *([transport] if middle and kind == 4 else []))
        if middle and kind in (2, 5) and self.r.now["rekey"] == UNICAST:
            self.r.rekey("--replace")
        if turn == TURNS // 4 and kind == 5:
            self.r.rekey()

    def look(self):
        for m in self.r.s.members:
            status = m.status()
            self.teks.update(sa["spi"] for sa in status["sas"])
            self.suites.update(sa["suite"] for sa in status["sas"])
            self.keks.add((status["kek"] or {}).get("spi"))
            self.lists.add(status["policy_digest"])

    def rekeys(self):
        """What the key server sent, retransmissions included: how many for each (transport, reason)."""
        return collections.Counter(SENT.findall(self.r.s.ks.log()))

    def run(self):
        for i in range(HOURS * TURNS):
            due = i * EVERY / RATE
            wait_for(lambda at=due: self.watched.stream.seconds() >= at, step=0.002, what="the next turn")
            self.turn(*divmod(i, TURNS))
            self.late = max(self.late, self.watched.stream.seconds() - due)
            if i % LOOK == 0:
                self.look()
        wait_for(lambda: self.watched.stream.seconds() >= HOURS * 3600 / RATE, what="the end of the day")

    def __str__(self):
        kinds = ", ".join(f"{n} of {why} by {way}" for (way, why), n in sorted(self.rekeys().items()))
        return (f"{HOURS} h: {self.reloads} reloads, the latest {self.late:.2f} s late; {len(self.teks)} keys, {len(self.keks)} of "
                f"rekeys, {len(self.lists)} lists, {', '.join(sorted(self.suites))}; rekeys received {self.r.rekeys()}; sent: {kinds}")


def test_a_day():
    above_all()
    with Topology("d") as t:
        r = Rekeyed(t, "unicast", rate=RATE, rekey=UNICAST, lifetime="1h")
        with r.s:
            with Watched(r, rate=PACKETS, register_again=REGISTER_AGAIN) as w:
                day = Day(r, w)
                day.run()
                print(day)
            print(w.result)
            hours = [hour % 6 for hour in range(HOURS)]
            assert day.reloads == TURNS * sum(kind in (0, 1, 2, 4) for kind in hours), day
            assert len(day.teks) >= HOURS and len(day.keks) > hours.count(4) and len(day.lists) == 2, day
            if HOURS >= 24:
                kinds = day.rekeys()
                assert all(kinds[way, why] for way in WAYS for why in REASONS), day
                assert day.suites == set(SUITES), day
