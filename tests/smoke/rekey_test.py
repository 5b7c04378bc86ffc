# SPDX-License-Identifier: BSD-3-Clause
"""Rekeys under a constant stream of 20000 packets a second, 10000 each way, between two members (GM2 to GM4, KS5, KS6, KS9,
KS18): whatever the key server changes, nothing is lost, nothing passes in clear, no IV comes twice, and nobody registers again.
By unicast, and by multicast, which members join. Clocks run 10 times faster.

Zero loss is for flows whose decision doesn't change, and what was sent by the old key is still on its way when the new one
sends: so the keys overlap, and the ports are packet sockets, whose rings hold what a busy machine doesn't take at once.
"""

import contextlib
import datetime
import os
import re
import signal
import socket
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))

import esp_capture as esp  # noqa: E402
from gvpn import ACL, System, ping  # noqa: E402
from priority import above_all, first  # noqa: E402
from stream import Stream  # noqa: E402
from topology import Topology, ip, wait_for  # noqa: E402

RATE = 10        # of all clocks
TEK, KEK = 240, 480  # s of that clock: 24 s and 48 s
PACKETS = 10000  # a second each way

UNICAST = f"transport: unicast, lifetime: {KEK}s, retransmit: {{interval: 10s, count: 2}}, waves: {{members: 50, interval: 1s}}"
MULTICAST = (f"transport: multicast, lifetime: {KEK}s, retransmit: {{interval: 10s, count: 2}}, "
             "multicast: {destination: 239.0.1.2}")
LIST = [*ACL]
LONGER = [LIST[0], "deny tcp any any eq 2222", *LIST[1:]]


class Rekeyed:
    """A system, what its key server is told, and what is watched while something happens to it."""

    def __init__(self, t, transport, rate=RATE, **told):
        self.transport, self.unicast = transport, transport == "unicast"
        self.s = System(t, bridged=True, packet=True, rate=rate)
        # Rekeys go where multicast goes.
        ip(self.s.ks.ns, "route add 239.0.0.0/8 dev eth0")
        self.now = dict(rekey=UNICAST if self.unicast else MULTICAST, lifetime=f"{TEK}s", acl=LIST, suite="aes-gcm-128")
        self.now.update(told)
        self.done = []  # (monotonic time, what)
        self.s.start(**self.now)
        assert ping(self.s.h1, self.s.h2.address) == 3

    def reload(self, **change):
        self.now.update(change)
        self.done.append((time.monotonic(), "reload: another " + ", ".join(change)))
        status, document = self.s.ks.reload(self.s.ks.config(**self.now))
        assert status == 0, document

    def rekey(self, *how):
        self.done.append((time.monotonic(), " ".join(("rekey", *how))))
        assert self.s.ks.ctl("rekey", "SMOKE", *how)[0] == 0

    def around(self, began, ended):
        """What was done and what daemons said then, line by line; monotonic times."""
        to_wall = time.time() - time.monotonic()
        lines = [(at + to_wall, f"test: {what}") for at, what in self.done]
        for daemon in self.s.daemons():
            for line in daemon.output().splitlines():
                if "CONFIG_LINT" in line:
                    continue
                stamp, _, text = line.partition("Z ")
                with contextlib.suppress(ValueError):
                    lines.append((datetime.datetime.fromisoformat(stamp + "+00:00").timestamp(),
                                  f"{os.path.basename(os.path.dirname(daemon.argv[2]))}: {text}"))
        return "\n".join(f"    {at - to_wall:.3f} {text}" for at, text in sorted(lines)
                         if began + to_wall <= at <= ended + to_wall)

    def spis(self):
        """What each member holds."""
        return [{sa["spi"] for sa in m.status()["sas"]} for m in self.s.members]

    def sending(self):
        return [{sa["spi"] for sa in m.status()["sas"] if sa["sending"]} for m in self.s.members]

    def keks(self):
        return [(m.status()["kek"] or {}).get("spi") for m in self.s.members]

    def registrations(self):
        return [m.status()["registrations"] for m in self.s.members]

    def rekeys(self):
        return [m.status()["rekeys_received"] for m in self.s.members]


class Watched:
    """The stream, and a capture of what crosses the WAN in clear between the hosts, while the block runs."""

    TOLD, BEFORE, BEHIND = 4, 1.0, 0.2  # so many losses, with what happened so many seconds before and behind

    def __init__(self, r, esp_too=False, rate=PACKETS, register_again=0):
        self.r, self.s, self.rate, self.register_again = r, r.s, rate, register_again
        self.clear = self.s.t.capture(self.s.wan_ns, "br0", f"ip host {self.s.h1.address} and not ip proto 50")
        self.esp = self.s.t.capture(self.s.wan_ns, "br0", "ip proto 50") if esp_too else None
        self.registrations = r.registrations()

    def __enter__(self):
        self.stream = Stream(self.s, self.s.h1, self.s.h2, rate=self.rate)
        first(p.pid for p in [*(d.popen for d in self.s.daemons() if d.alive()), *self.stream.ends])
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            return
        self.result = self.stream.finish()
        assert (self.result.lost, self.result.twice) == (0, 0), self.told()
        assert all(abs(w.rate - self.rate) < 0.01 * self.rate for w in self.result.ways), self.told()
        hosts = {self.s.h1.address, self.s.h2.address}
        heads = map(esp.header, esp.ip_packets(self.clear.stop()))
        clear = [h for h in heads if {h.src, h.dst} == hosts]
        assert clear == [] and self.clear.lost == 0, f"{len(clear)} packets in clear, {self.clear.lost} unseen: {clear[:8]}"
        for now, before in zip(self.r.registrations(), self.registrations):
            assert before <= now <= before + self.register_again, "somebody registered again"

    def losses(self):
        """Every gap of both ways, in time: [(from, to, text)], those within a second of each other as one."""
        found = []
        for i, way in enumerate(self.result.ways):
            for g in way.gaps:
                found.append((g["sent_s"], g["came_s"], f"  {g['count']} from h{i + 1} to h{2 - i}: flow {g['flow']}, numbers "
                              f"{g['first']} to {g['last']}, the next one sent at {g['sent_s']}, received at {g['came_s']}\n"))
        merged = []
        for began, ended, text in sorted(found):
            if merged and began - merged[-1][1] < 1:
                merged[-1] = (merged[-1][0], max(ended, merged[-1][1]), merged[-1][2] + text)
            else:
                merged.append((began, ended, text))
        return merged

    def told(self):
        """What was lost, when, and what happened then."""
        lines = [str(self.result), *(str({k: v for k, v in m.verdicts().items() if v}) for m in self.s.members)]
        for began, ended, text in self.losses()[:self.TOLD]:
            lines.append(f"lost {began - self.stream.began:.3f} s after the beginning:\n{text}  around it\n"
                         f"{self.r.around(began - self.BEFORE, ended + self.BEHIND)}")
        last = self.result.lost - sum(g["count"] for w in self.result.ways for g in w.gaps)
        if last:
            lines.append(f"{last} more, among the last of a flow or behind too many others")
        return "\n".join(lines)

    def at_least(self, seconds):
        wait_for(lambda: self.stream.seconds() > seconds, what="time to pass")


@pytest.fixture(scope="module", params=["unicast", "multicast"])
def rekeyed(request):
    above_all()  # what is lost must not depend on who else is at work
    with Topology("k") as t:
        r = Rekeyed(t, request.param)
        with r.s:
            yield r


def joins(path, server):
    """Addresses that report in IGMPv3 that they hear the group of MULTICAST from `server` and from nobody else (RFC 3376 4.2)."""
    for p in esp.ip_packets(path):
        report = p[(p[0] & 15) * 4:]
        if esp.header(p).proto != 2 or report[0] != 0x22:
            continue
        at = 8
        for _ in range(int.from_bytes(report[6:8], "big")):
            kind, more, n = report[at], report[at + 1], int.from_bytes(report[at + 2:at + 4], "big")
            group, *sources = (socket.inet_ntoa(report[i:i + 4]) for i in range(at + 4, at + 8 + 4 * n, 4))
            if (group, sources) == ("239.0.1.2", [server]) and kind in (1, 3, 5):  # is or becomes "include", or one more
                yield esp.header(p).src
            at += 8 + 4 * n + 4 * more


def all_have_new(r, before, what="a new key for all"):
    wait_for(lambda: all(now - old for now, old in zip(r.spis(), before)) and len(set(map(frozenset, r.spis()))) == 1, what=what)


def another_sends(r, before):
    wait_for(lambda: all(now and not now & old for now, old in zip(r.sending(), before)), timeout=60, what="new keys to send")


def test_keys_and_the_key_of_keys_roll_over(rekeyed):
    """TEK rekeys by themselves, and a KEK's, merged where they fall together."""
    teks, keks = set().union(*rekeyed.spis()), set(rekeyed.keks())
    known, received = (len(teks), len(keks)), rekeyed.rekeys()
    with Watched(rekeyed) as w:
        def rolled():
            teks.update(*rekeyed.spis())
            keks.update(rekeyed.keks())
            return len(teks) >= known[0] + 2 and len(keks) >= known[1] + 1
        wait_for(rolled, timeout=120, step=0.5, what="two more keys and another KEK")
        w.at_least(2)
    assert all(now > old for now, old in zip(rekeyed.rekeys(), received))
    assert rekeyed.keks()[0] == rekeyed.keks()[1] is not None


def test_a_rekey_by_hand_changes_no_key_and_loses_nothing(rekeyed):
    received = rekeyed.rekeys()
    with Watched(rekeyed) as w:
        rekeyed.rekey()
        wait_for(lambda: all(now > old for now, old in zip(rekeyed.rekeys(), received)), what="the rekey")
        w.at_least(1)


def test_keys_are_replaced_at_once_and_no_iv_comes_twice(rekeyed):
    before = rekeyed.sending()
    with Watched(rekeyed, esp_too=True) as w:
        w.at_least(0.5)
        rekeyed.rekey("--replace")
        another_sends(rekeyed, before)
        w.at_least(2)
    packets = [p for p in esp.esp_packets(w.esp.stop()) if p.src == rekeyed.s.h1.address or p.src == rekeyed.s.h2.address]
    assert len({p.spi for p in packets}) >= 2
    esp.assert_unique_ivs(packets)


def test_another_list(rekeyed):
    """The flow's decision stays the same; the list around it changes, there and back."""
    for acl in (LONGER, LIST):
        digests = [m.status()["policy_digest"] for m in rekeyed.s.members]
        with Watched(rekeyed) as w:
            rekeyed.reload(acl=acl)
            wait_for(lambda: all(m.status()["policy_digest"] != old for m, old in zip(rekeyed.s.members, digests)),
                     what="the new list everywhere")
            w.at_least(1)
    answer = rekeyed.s.m1.ask("explain", rekeyed.s.h1.address, rekeyed.s.h2.address, "tcp", "1", "2222")
    assert answer["decision"] == "encrypt"


def test_another_suite(rekeyed):
    """New keys of the new suite beside the old ones, which go on to their end."""
    for suite in ("aes-gcm-256", "aes-gcm-128"):
        with Watched(rekeyed) as w:
            rekeyed.reload(suite=suite)
            wait_for(lambda: all(any(sa["suite"] == suite for sa in m.status()["sas"]) for m in rekeyed.s.members),
                     what=f"{suite} everywhere")
            w.at_least(1)


def test_reload_after_reload(rekeyed):
    """Every half second, five seconds of that clock."""
    with Watched(rekeyed) as w:
        for i in range(8):
            rekeyed.reload(acl=LONGER if i % 2 == 0 else LIST)
            w.at_least(0.5 * (i + 1))


def test_another_transport_and_back(rekeyed):
    for rekey in ((MULTICAST, UNICAST) if rekeyed.unicast else (UNICAST, MULTICAST)):
        keks = rekeyed.keks()
        igmp = rekeyed.s.t.capture(rekeyed.s.wan_ns, "br0", "igmp")
        with Watched(rekeyed) as w:
            rekeyed.reload(rekey=rekey)
            wait_for(lambda: all(now and now != old for now, old in zip(rekeyed.keks(), keks)),
                     what=lambda: "the new KEK\n" + "\n".join(m.log() for m in (rekeyed.s.ks, *rekeyed.s.members)))
            w.at_least(1)
        if rekey == MULTICAST:  # what a snooping switch or a router of the WAN goes by (GM4)
            wait_for(lambda: set(joins(igmp.path, rekeyed.s.ks.address)) == {m.address for m in rekeyed.s.members},
                     what="both members to join the group, from their key server only")
        igmp.stop()
        # And rekeys come that way.
        before = rekeyed.sending()
        with Watched(rekeyed) as w:
            rekeyed.rekey("--replace")
            another_sends(rekeyed, before)
            w.at_least(1)


def test_receive_only_ends_without_loss(rekeyed):
    """KS13, GM8: in clear meanwhile, because the key server says so; back to ESP over a passive phase that loses nothing."""
    if not rekeyed.unicast:
        return  # as by unicast
    s = rekeyed.s

    def direction(wanted):
        wait_for(lambda: all(m.ask("show", "gm")["groups"][0]["direction"] == wanted for m in s.members), what=wanted)

    rekeyed.reload(more=("receive-only: true",))
    direction("inbound-only")
    stream = Stream(s, s.h1, s.h2, rate=PACKETS)
    wait_for(lambda: stream.seconds() > 0.5, what="packets in clear")
    protected = [m.verdicts()["sent_encrypted"] for m in s.members]
    rekeyed.reload(more=())
    direction("inbound-optional")
    wait_for(lambda: all(m.verdicts()["sent_encrypted"] > n + 1000 for m, n in zip(s.members, protected)), what="ESP again")
    result = stream.finish()
    assert (result.lost, result.twice) == (0, 0), result


def test_acknowledgements_are_counted(rekeyed):
    members = rekeyed.s.ks.ask("show", "ks", "members")["groups"][0]["members"]
    assert len(members) == 2
    for m in members:
        assert m["rekeys_sent"] > 0
        assert m["rekeys_acked"] > 0, "by unicast at last: there and back"
        assert m["missed"] == 0


def test_nobody_registered_twice(rekeyed):
    assert rekeyed.registrations() == [1, 1]
    for m in rekeyed.s.members:
        assert m.status()["failed_registrations"] == 0


CUT = ("table bridge cut {{ chain f {{ type filter hook forward priority 0; ip daddr {0} udp dport 848 drop; "
       "ip saddr {0} udp sport 848 drop; }}; }}")


def test_who_missed_everything_finds_out_from_the_traffic():
    """GM13: no rekey reaches m1, and what m2 sends has an SPI that it doesn't know. It registers as soon as it can."""
    with Topology("km") as t:
        # Keys that live long: nothing else makes m1 register meanwhile.
        rekeyed = Rekeyed(t, "unicast", lifetime="1h", rekey=UNICAST.replace(f"{KEK}s", "24h"))
        with rekeyed.s as s:
            before, registrations = rekeyed.sending(), s.m1.status()["registrations"]
            s.t.sh(s.wan_ns, "nft", CUT.format(s.m1.address))
            stream = Stream(s, s.h1, s.h2, rate=1000)
            rekeyed.rekey("--replace", "now")
            wait_for(lambda: "GM_RECOVER" in s.m1.log(), timeout=60, what="m1 to see that it is behind")
            s.t.sh(s.wan_ns, "nft", "delete", "table", "bridge", "cut")
            wait_for(lambda: s.m1.status()["registrations"] > registrations, timeout=60, what="m1 to register")
            wait_for(lambda: rekeyed.sending()[0] == rekeyed.sending()[1] != before[1], timeout=60, what="one key for both")
            lost = stream.finish().ways[1].lost
            assert lost > 100, "what it could not read is lost"
            with Watched(rekeyed) as w:
                w.at_least(1)


def test_members_go_on_without_the_key_server_and_find_it_again(rekeyed):
    """It died and forgot everything: members register before their keys end, and change over without loss."""
    if not rekeyed.unicast:
        return  # the way of rekeys doesn't matter without any
    s = rekeyed.s
    stream = Stream(s, s.h1, s.h2, rate=PACKETS)
    before = rekeyed.spis()
    assert s.ks.gvpnd.stop(signal.SIGKILL) == -signal.SIGKILL
    s.ks.start(**rekeyed.now)
    all_have_new(rekeyed, [old | set().union(*before) for old in before])
    another_sends(rekeyed, before)
    result = stream.finish()
    assert (result.lost, result.twice) == (0, 0), result
    for m in s.members:
        assert not re.search(r"GM_FAIL_CLOSE", m.log())
