# SPDX-License-Identifier: BSD-3-Clause
"""Replayed, late and early packets between two members (DP4, DP5, DP10): by time, with and without strict windows, and by counter,
in several suites, both families. The referees read the metadata headers, seal what an attacker with or without keys would send,
and every packet ends in the verdict that names it. Then through restarts of the daemons, with their memory of what came gone.

Stamps are chosen so that a busy machine can't make a test wrong: time goes on between the question and the packet's arrival.
"""

import collections
import os
import re
import struct
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import esp_capture as esp  # noqa: E402
from esp_suites import COUNTER_MODE, meta, meta_of  # noqa: E402
from gvpn import GROUP, Sa, System, mac_of, raw_socket, udp_socket  # noqa: E402
from topology import Topology, wait_for  # noqa: E402

FOREIGN_SENDER = 0xABCDE0  # nobody was given it
TYPE = {4: b"\x08\x00", 6: b"\x86\xdd"}
DEFAULT, DEFAULT2 = 77, 0xfffe  # group tags of the sites; frames on the inside of m1 may bring one of their own
MNEMONIC = "%GDOI-3-REPLAY_FAILED"
SHORT_MS, LONG_MS = 6000, 100000
NEAR_MS = 1500  # asking daemons one after the other on a busy machine

# What protects the port 20000, 20001, ... at both ends.
Kind = collections.namedtuple("Kind", "name suite mode replay more")
KINDS = (
    Kind("time", "aes-gcm-128", "tunnel", "{time: 6s}", ""),
    Kind("time of CBC", "aes-cbc-128/hmac-sha256-128", "tunnel", "{time: 6s}", ""),
    Kind("strict", "aes-gcm-256", "tunnel", "{time: 6s}", "strict-sender: true"),
    Kind("strict, tag", "chacha20-poly1305", "tunnel", "{time: 100s}", "strict-sender: true, tag: sgt"),
    Kind("time, tag, GCM", "aes-gcm-192", "tunnel", "{time: 100s}", "tag: sgt"),
    Kind("tag", "aes-gmac-192", "tunnel", "none", "tag: sgt"),
    Kind("counter", "aes-gcm-128", "tunnel", "{counter: 64}", ""),
    Kind("counter of CBC", "aes-cbc-256/hmac-sha512-256", "tunnel", "{counter: 1024}", ""),
    Kind("counter, tag", "aes-gmac-128", "tunnel", "{counter: 64}", "tag: sgt"),
    Kind("counter in transport mode", "chacha20-poly1305", "transport", "{counter: 64}", ""),
    Kind("none", "aes-gcm-128", "tunnel", "none", ""),
)
PORT = {kind.name: 20000 + i for i, kind in enumerate(KINDS)}
TIMED = [k for k in KINDS if "time" in k.replay]
TAGGED = [k for k in KINDS if "sgt" in k.more]
STRICT = [k for k in KINDS if "strict" in k.more]
LEFT_BEHIND = ("counter", "counter, tag")  # tests forge numbers that h1 hasn't come to
COUNTED = [k for k in KINDS if "counter" in k.replay]


def acl_of(port):
    return [f"permit udp {net} eq {port} {net} eq {port}" for net in ("10.1.0.0/16", "2001:db8:1::/48")]


class Stage:
    """The system, and what an attacker on the WAN does to m2."""

    def __init__(self, s):
        self.s, self.keys, self.forged = s, esp.read_keys(s.keylog), 0
        spis = {sa["sa"]: int(sa["spi"], 16) for sa in s.ks.status()["sas"]}
        self.spis = {kind.name: spis[10 * (i + 1)] for i, kind in enumerate(KINDS)}
        self.wire = raw_socket(s.wan_ns, "site2")
        self.macs = mac_of(s.h2.ns, "eth0") + mac_of(s.wan_ns, "site2")

    def talk(self, kinds, count=3):
        """h1 sends some packets of each kind and family; all arrive. Returns kind -> Esp as they passed the WAN."""
        capture = self.s.capture("site2", "net 10.1.0.0/16 or net 2001:db8:1::/48")
        for kind in kinds:
            for here, there in zip(self.s.h1[1:], self.s.h2[1:]):
                port = PORT[kind.name]
                with udp_socket(self.s.h1.ns, here, port) as a, udp_socket(self.s.h2.ns, there, port) as b:
                    for i in range(count):
                        a.sendto(b"%d" % i, (there, port))
                    for i in range(count):
                        assert b.recv(100) == b"%d" % i, kind.name
        packets = esp.esp_packets(capture.stop())
        return {k: [p for p in packets if p.spi == self.spis[k.name]] for k in kinds}

    def send(self, packets):
        """IP packets from the WAN to m2: (what h2 got, how much which verdicts have grown)."""
        ours = ("sent_encrypted", "passed_l2", "local", "sent_clear")
        before = self.s.m2.verdicts()
        capture = self.s.t.capture(self.s.h2.ns, "eth0", "udp")
        for packet in packets:
            self.wire.send(self.macs + TYPE[packet[0] >> 4] + packet)

        def grown():
            now = self.s.m2.verdicts()
            return {name: now[name] - n for name, n in before.items() if now[name] != n and name not in ours}

        wait_for(lambda: sum(grown().values()) >= len(packets), what=lambda: f"{len(packets)} verdicts, there are {grown()}")
        return esp.to_host(capture, self.s.h2, grown().get("received_decrypted", 0)), grown()

    def inner(self, kind, payload=b"from the WAN", family=4):
        from scapy.layers.inet import IP, UDP
        from scapy.layers.inet6 import IPv6
        src, dst = ((h.address, h.address6)[family == 6] for h in (self.s.h1, self.s.h2))
        head = (IP if family == 4 else IPv6)(src=src, dst=dst)
        return bytes(head / UDP(sport=PORT[kind.name], dport=PORT[kind.name]) / payload)

    def seal(self, kind, stamp=None, tag=None, family=4, header=None, sender=FOREIGN_SENDER, counter=None, seq=None, number=None):
        """A packet with a right key and this metadata header, or these octets as one."""
        self.forged += 1
        counter = self.forged if counter is None else counter
        seq = 1000 + self.forged if seq is None else seq  # beyond what h1 has sent
        src, dst = ((h.address, h.address6)[family == 6] for h in (self.s.h1, self.s.h2))
        inner, real = self.inner(kind, b"%d" % self.forged, family), {4: 4, 6: 41}[family]
        if header is None and (stamp, tag) != (None, None):
            header = meta(real, stamp, tag)
        number = number or (real if header is None else 253)
        return esp.seal((header or b"") + inner, number, self.spis[kind.name], self.keys, src, dst, sender, counter, seq=seq)

    def clock(self, member=None, kind=None):
        """The pseudotime that a member shows."""
        return gm_sa(member or self.s.m2, kind or KINDS[0])["pseudotime_ms"]


def gm_sa(member, kind):
    sas = member.ask("show", "gm", "replay")["groups"][0]["sas"]
    return next(sa for sa in sas if sa["sa"] == 10 * (KINDS.index(kind) + 1))


def stamps(stage, packets):
    return [meta_of(esp.opened(p, stage.keys))[0].time for p in packets]


def kind_of(name):
    return next(k for k in KINDS if k.name == name)


# Before the fixture: there is one topology at a time.
def test_windows_are_of_the_group_s_clock():
    """With all clocks twenty times as fast a window of 100 s is over in five."""
    with Topology() as t, System(t, lab=True, six=True, rate=20) as s:
        s.start(sas=[Sa("aes-gcm-128", acl_of(20000), replay="{time: 100s}")], lifetime="2h")
        capture = s.capture("site2", "ip proto 50")
        with udp_socket(s.h1.ns, s.h1.address, 20000) as a, udp_socket(s.h2.ns, s.h2.address, 20000) as b:
            a.sendto(b"first", (s.h2.address, 20000))
            assert b.recv(100) == b"first"
        packet, = esp.esp_packets(capture.stop())
        stamp = meta_of(esp.opened(packet, esp.read_keys(s.keylog)))[0].time

        def clock():
            return s.m2.ask("show", "gm", "replay")["groups"][0]["sas"][0]["pseudotime_ms"]

        assert clock() >= stamp
        times = [time.monotonic(), clock(), time.monotonic()]
        wait_for(lambda: clock() > stamp + LONG_MS + 2000, what="the window to pass")
        times += [time.monotonic(), clock(), time.monotonic()]
        passed = (times[4] - times[1]) / 1000
        assert 19 * (times[3] - times[2]) < passed < 21 * (times[5] - times[0])
        before = s.m2.verdicts()["drop_replay_time"]
        with raw_socket(s.wan_ns, "site2") as wire:
            wire.send(mac_of(s.h2.ns, "eth0") + mac_of(s.wan_ns, "site2") + TYPE[4] + packet.ip)
        wait_for(lambda: s.m2.verdicts()["drop_replay_time"] == before + 1, what="the packet to be too late")


@pytest.fixture(scope="module")
def stage():
    with Topology() as t, System(t, lab=True, six=True) as s:
        for m, more in ((s.m1, f"sgt: inline, sgt-default: {DEFAULT}"), (s.m2, f"sgt-default: {DEFAULT2}")):
            m.dp_text = m.dp_text.replace("mtu: 1500}", f"mtu: 1500, {more}}}")
        s.start(sas=[Sa(k.suite, acl_of(PORT[k.name]), k.mode, k.replay, k.more) for k in KINDS])
        time.sleep(0.2)  # strict windows take stamps later than their own beginning
        yield Stage(s)


def test_views_say_how_packets_are_told(stage):
    for node, role in ((stage.s.ks, "ks"), (stage.s.m1, "gm"), (stage.s.m2, "gm")):
        group = node.ask("show", role, "replay")["groups"][0]
        assert group["name"] == GROUP and group["pseudotime_ms"] > 0
        for i, kind in enumerate(KINDS):
            sa = next(sa for sa in group["sas"] if sa["number" if role == "ks" else "sa"] == 10 * (i + 1))
            method = kind.replay.strip("{").split(":")[0]
            window = int("".join(c for c in kind.replay if c.isdigit()) or 0) or None
            assert (sa["method"], sa["strict_sender"], sa["tag"]) == (method, kind in STRICT, kind in TAGGED)
            assert (sa["window_s"], sa["window_packets"]) == (window if method == "time" else None,
                                                              window if method == "counter" else None)


def test_the_metadata_header_on_the_wire(stage):
    """12 octets, 16 with a tag, none without both; the time is the sender's, and goes on."""
    before = stage.clock(stage.s.m1)
    seen = stage.talk(KINDS)
    after = stage.clock(stage.s.m1)
    for kind, packets in seen.items():
        assert len(packets) == 6
        times = []
        for p in packets:
            opened = esp.opened(p, stage.keys)
            header, inner = meta_of(opened)
            number = {4: 4, 6: 41}[6 if ":" in p.src else 4]
            if kind not in TIMED + TAGGED:
                assert header is None and opened.next_header == (number if kind.mode == "tunnel" else 17)
                continue
            assert opened.next_header == 253 and header.next_header == number and inner[0] >> 4 == (6 if number == 41 else 4)
            assert header.size == (16 if kind in TAGGED else 12)
            assert (header.time is not None, header.tag) == (kind in TIMED, DEFAULT if kind in TAGGED else None), kind.name
            times.append(header.time)
        if kind in TIMED:
            assert times == sorted(times) and before - NEAR_MS <= times[0] <= times[-1] <= after + NEAR_MS, (before, times, after)


def test_sequence_numbers_count_from_1_where_they_count(stage):
    seen = stage.talk(COUNTED)  # these have sent six before
    for kind, packets in seen.items():
        assert [p.seq for p in packets] == [7, 8, 9, 10, 11, 12], kind.name


def ports(packets):
    """How many for each port."""
    return collections.Counter(int.from_bytes(p[n:n + 2], "big") for p in packets for n in [esp.header(p).size])


def told(kind):
    """What becomes of a packet that came before, within the time window."""
    return "drop_replay_counter" if kind in COUNTED else "drop_replay_sender" if kind in STRICT else "received_decrypted"


def test_the_same_packet_again(stage):
    """Within the window: only strict windows and counters tell it; and the tag alone tells nothing."""
    long = [k for k in KINDS if "6s" not in k.replay]
    for kinds in (long, *([k] for k in KINDS if k not in long)):  # soon enough
        again = [p.ip for packets in stage.talk(kinds, count=2).values() for p in packets] * 2
        got, verdicts = stage.send(again)
        expected = collections.Counter(v for k in kinds for v in [told(k)] * 8)
        assert verdicts == expected
        assert ports(got) == {PORT[k.name]: 8 for k in kinds if told(k) == "received_decrypted"}


def test_a_packet_after_its_window(stage):
    short = [k for k in TIMED if "6s" in k.replay]
    late = stage.talk(short, count=2)
    newest = max(time for packets in late.values() for time in stamps(stage, packets))
    wait_for(lambda: stage.clock() > newest + SHORT_MS + 100, what="the window to pass")
    for kind, packets in late.items():
        verdict = "drop_replay_sender" if kind in STRICT else "drop_replay_time"  # what was taken once is told first
        assert stage.send([p.ip for p in packets]) == ([], {verdict: 4}), kind.name


def test_stamps_at_the_edges(stage):
    """Late enough is late for ever, and what is early waits for its time."""
    def made(offsets):
        now, packets = stage.clock(), []
        for kind in TIMED:
            window, tag = SHORT_MS if "6s" in kind.replay else LONG_MS, 7 if kind in TAGGED else None
            for family in (4, 6):
                packets += [stage.seal(kind, at, tag, family) for at in offsets(now, window) if at >= 0]
        return packets

    wait_for(lambda: stage.clock() > SHORT_MS + 1000, what="the group to be that old")
    late = made(lambda now, window: [now - window - 500, *([0] if now > window else [])])
    assert len(late) >= 12  # of all with 6 s; the group isn't 100 s old
    said = stage.s.m2.log().count(MNEMONIC)
    assert stage.send(late) == ([], {"drop_replay_time": len(late)})
    # At most one line a second and SA: what comes in the same second as another isn't said.
    wait_for(lambda: stage.s.m2.log().count(MNEMONIC) > said or stage.send(late[:1])[0], step=1.3, what="the log to say so")
    early = made(lambda now, window: [now + window + 20000, 1 << 63, (1 << 64) - 1])
    assert stage.send(early) == ([], {"drop_replay_time": len(early)})
    right = made(lambda now, window: [now, now + window // 2, now + window - 500])
    got, verdicts = stage.send(right)
    assert verdicts == {"received_decrypted": len(right)}
    assert ports(got) == {PORT[k.name]: 6 for k in TIMED}


def test_the_log_says_both_pseudotimes(stage):
    """Of what the tests above sent: from where, by which key, at which times; not of every packet."""
    def said():
        return re.findall(MNEMONIC + r": Packet from (\S+) with SA 0x([0-9a-f]{8}) fails the pseudotime check: "
                          r"my_pst is (\d+) ms, peer_pst is (\d+) ms", stage.s.m2.log())

    spis = {stage.spis[k.name]: SHORT_MS if "6s" in k.replay else LONG_MS for k in TIMED}
    # Packets of all of them came early in one second: none is hidden by another.
    wait_for(lambda: {int(spi, 16) for _, spi, _, _ in said()} == set(spis), what="a line about each SA")
    lines = said()
    for source, spi, own, peer in lines:
        assert source in stage.s.h1 and abs(int(own) - int(peer)) > spis[int(spi, 16)]
        assert int(own) <= stage.clock() + NEAR_MS
    assert len(lines) < stage.s.m2.verdicts()["drop_replay_time"]


def test_metadata_that_is_not_as_the_key_says(stage):
    """None, too much, too little, another version: dropped by its name, whoever has sealed it."""
    lies, kinds = [], TIMED + [k for k in TAGGED if k not in TIMED]
    right = {k: meta(4, stage.clock() if k in TIMED else None, 7 if k in TAGGED else None) for k in kinds}
    for kind, header in right.items():
        lies += [stage.seal(kind, header=b"", number=4), stage.seal(kind, header=b"", number=253)]
        for at, value in ((0, 41), (0, 59), (1, header[1] ^ 0x30), (1, header[1] ^ 1), (1, header[1] ^ 2), (1, header[1] | 4),
                          (2, header[2] ^ 7), (2, 0), (2, 255), (3, 1)):
            lies.append(stage.seal(kind, header=header[:at] + bytes((value,)) + header[at + 1:]))
        lies.append(stage.seal(kind, header=meta(4, 0, None if kind in TAGGED else 7)))
        if kind in TAGGED:
            lies.append(stage.seal(kind, header=header[:15] + b"\1"))
    assert stage.send(lies) == ([], {"drop_metadata": len(lies)})
    assert stage.send([stage.seal(k, header=header) for k, header in right.items()])[1] == {"received_decrypted": len(right)}
    plain = kind_of("none")
    assert stage.send([stage.seal(plain, header=meta(4, 1))]) == ([], {"drop_metadata": 1})


def judged(stage, packets):
    """Sends them in this order: True for each that was delivered (they are of one flow, so order is kept), and the verdicts."""
    got, verdicts = stage.send(packets)
    arrived = {p[esp.header(p).size + 8:] for p in got}
    return [text in arrived for text in texts(stage, packets)], verdicts


def texts(stage, packets):
    """What is inside behind the UDP header: a number of its own for each."""
    inner = [esp.decrypt(esp.parse(p), stage.keys) for p in packets]
    return [p[esp.header(p).size + 8:] for p in inner]


def test_the_counter_window_to_the_number(stage):
    """RFC 4303 3.4.3: 64 numbers, the highest among them. What isn't authentic moves nothing."""
    kind = kind_of("counter")
    top = 1 << 20

    def one(seq):
        return stage.seal(kind, seq=seq)

    wrong = one(top + 100000)
    assert stage.send([wrong[:-1] + bytes((wrong[-1] ^ 1,))]) == ([], {"drop_auth": 1})
    order = [(top, 1), (top, 0), (top - 63, 1), (top - 64, 0), (top - 63, 0), (top - 1, 1), (top - 1, 0), (0, 0), (top + 1, 1),
             (top - 63, 0), (top - 62, 1), (top - 61, 1), (top + 64, 1), (top + 1, 0), (top, 0), (top + 2, 1), (1, 0)]
    order += [(top + 500, 1), *[(top + 500, 0)] * 4, (top + 501, 1), *[(top + n, 1) for n in range(499, 437, -1)], (top + 437, 0),
              ((1 << 32) - 1, 1), ((1 << 32) - 64, 1), ((1 << 32) - 65, 0), (0, 0), (1, 0)]
    assert judged(stage, [one(seq) for seq, _ in order]) == (
        [bool(taken) for _, taken in order],
        {"received_decrypted": sum(taken for _, taken in order), "drop_replay_counter": sum(not taken for _, taken in order)})


def test_the_strict_window_of_a_sender(stage):
    """4096 IVs of each sender id; another sender has its own; a wrong ICV moves nothing."""
    kind, top, now = kind_of("strict"), 1 << 30, stage.clock() + 1000
    one, two = FOREIGN_SENDER + 1, FOREIGN_SENDER + 2
    wrong = stage.seal(kind, now, sender=one, counter=top + 100000)
    assert stage.send([wrong[:-1] + bytes((wrong[-1] ^ 1,))]) == ([], {"drop_auth": 1})
    order = [(top, one, 1), (top, one, 0), (top - 4095, one, 1), (top - 4096, one, 0), (top - 4095, one, 0), (top, two, 1),
             (top, two, 0), (5, two, 0), (top + 1, one, 1), (top - 4095, one, 0), (top - 1, two, 1), (top + 9999, one, 1),
             (top + 1, one, 0), (top + 9999 - 4095, one, 1), (top + 9999 - 4096, one, 0), (top - 4095, two, 1)]
    packets = [stage.seal(kind, now, sender=sender, counter=counter) for counter, sender, _ in order]
    assert judged(stage, packets) == ([bool(taken) for *_, taken in order], {
        "received_decrypted": sum(taken for *_, taken in order), "drop_replay_sender": sum(not taken for *_, taken in order)})
    # Unknown to any window, but stamped before the first of them: who could know that it is new?
    old = stage.seal(kind_of("strict, tag"), 0, 7, sender=FOREIGN_SENDER + 3, counter=1)
    assert stage.send([old]) == ([], {"drop_replay_sender" if stage.clock() < LONG_MS else "drop_replay_time": 1})


def tagged_frame(kind, src, dst, tag):
    """(a frame with the 0x8909 header of group tags but without MACs, the packet in it)"""
    from scapy.layers.inet import IP, UDP
    packet = bytes(IP(src=src.address, dst=dst.address) / UDP(sport=PORT[kind.name], dport=PORT[kind.name]) / kind.name.encode())
    return struct.pack("!HBBHHH", 0x8909, 1, 1, 1, tag, 0x800) + packet, packet


def test_tags_of_frames_are_carried(stage):
    """The tag that a frame on the inside brings is in the metadata header, where the key says so; nowhere outside of it."""
    kinds = TAGGED + [kind_of("none"), kind_of("time of CBC")]
    frames = {k: tagged_frame(k, stage.s.h1, stage.s.h2, 0x1234 + i) for i, k in enumerate(kinds)}
    wan = stage.s.capture("site1")
    with raw_socket(stage.s.h1.ns, "eth0") as wire:
        before = stage.s.m1.verdicts()["sent_encrypted"]
        macs = mac_of(stage.s.wan_ns, "site1") + mac_of(stage.s.h1.ns, "eth0")
        inside = stage.s.t.capture(stage.s.h2.ns, "eth0", "udp")
        for frame, _ in frames.values():
            wire.send(macs + frame)
        wait_for(lambda: stage.s.m1.verdicts()["sent_encrypted"] == before + len(kinds), what="all to be sent")
    seen = list(esp.frames(wan.wait(len(kinds), esp.esp_packets).stop()))
    assert not [f for f in seen if b"\x89\x09" == f[12:14]]
    read = {p.spi: meta_of(esp.opened(p, stage.keys)) for p in esp.esp_packets(wan.path) if p.src in stage.s.h1}
    for i, kind in enumerate(kinds):
        header, inner = read[stage.spis[kind.name]]
        assert inner == frames[kind][1]
        assert (header and header.tag) == (0x1234 + i if kind in TAGGED else None), kind.name
    # h2 gets what was sent, but where forged numbers are ahead of it
    arriving = [k for k in kinds if k.name not in LEFT_BEHIND]
    got = {p[28:] for p in esp.to_host(inside, stage.s.h2, len(arriving))}
    assert got == {k.name.encode() for k in arriving}


def test_tags_come_back_in_frames(stage):
    """From h2's plain frames with its site's tag: h1 is in a network that knows tags, so it gets the header in front."""
    capture = stage.s.t.capture(stage.s.h1.ns, "eth0")
    before = stage.s.m1.verdicts()["received_decrypted"]
    for kind in KINDS:
        with udp_socket(stage.s.h2.ns, stage.s.h2.address, PORT[kind.name]) as b:
            b.sendto(kind.name.encode(), (stage.s.h1.address, PORT[kind.name]))
    wait_for(lambda: stage.s.m1.verdicts()["received_decrypted"] == before + len(KINDS), what="all to arrive")
    frames = {}
    for f in esp.frames(capture.wait(len(KINDS), lambda path: [f for f in esp.frames(path) if f[12:14] in (TYPE[4], b"\x89\x09")]).stop()):
        text = f[50 if f[12:14] == b"\x89\x09" else 42:].rstrip(b"\0")  # behind IP and UDP
        frames.update({kind: f[12:22] for kind in KINDS if kind.name.encode() == text})
    assert set(frames) == set(KINDS)
    for kind, front in frames.items():
        if kind in TAGGED:
            assert front == struct.pack("!HBBHHH", 0x8909, 1, 1, 1, DEFAULT2, 0x800), kind.name
        else:
            assert front[:2] == TYPE[4], kind.name


def test_counts_and_offsets(stage):
    """What `show counters` and `show gm replay` say is what happened."""
    verdicts = stage.s.m2.verdicts()
    assert min(verdicts[f"drop_replay_{x}"] for x in ("time", "counter", "sender")) > 0
    others = {n for n, c in verdicts.items() if c and n.startswith("drop_")} - {
        "drop_replay_time", "drop_replay_counter", "drop_replay_sender", "drop_metadata", "drop_auth", "drop_inner_malformed",
        "drop_fail_close"}
    assert not others
    assert not [n for n, c in stage.s.m1.verdicts().items() if c and n.startswith("drop_replay")]
    for kind in KINDS:
        mine = {sa["spi"]: sa for sa in stage.s.m2.status()["sas"]}[f"0x{stage.spis[kind.name]:08x}"]
        assert gm_sa(stage.s.m2, kind)["packets_in"] == mine["packets_in"] > 0
    names = ("time", "counter", "sender")

    def dropped():
        sas = [gm_sa(stage.s.m2, kind) for kind in KINDS]
        return [sum(sa[f"dropped_{x}"] or 0 for sa in sas) for x in names]

    wait_for(lambda: dropped() == [verdicts[f"drop_replay_{x}"] for x in names], what=f"the page to say so, there is {dropped()}")


def test_whose_clock_is_off(stage):
    """Senders are told apart: the forger of stamps beyond all windows, and a member that does as it should."""
    sa = gm_sa(stage.s.m2, kind_of("strict, tag"))
    assert [b["name"] for b in sa["offset_bins"]] == list(sa["senders"][0]["histogram"])
    forgers = [x for x in sa["senders"] if x["sender_id"] >> 4 == FOREIGN_SENDER >> 4]
    forger, = (x for x in forgers if x["sender_id"] == FOREIGN_SENDER)
    assert forger["verdict"] != "ok" and forger["histogram"]["far_ahead"] > 0
    right = [x for x in sa["senders"] if x not in forgers]
    assert right and all(x["verdict"] == "ok" and x["source"] in stage.s.h1 for x in right), right
    own = sa["data_plane_pseudotime_ms"]
    assert sa["pseudotime_ms"] - 1000 - NEAR_MS <= own <= sa["pseudotime_ms"] + NEAR_MS
    assert [gm_sa(stage.s.m1, k)["sequence"] is not None for k in KINDS] == [k in COUNTED for k in KINDS]


def clean_kinds():
    return [k for k in KINDS if k.name not in LEFT_BEHIND]


def test_after_a_restart_of_the_control_daemon(stage):
    """Nothing is forgotten: clocks go on and windows stand."""
    seen = stage.talk(clean_kinds())
    before = stage.clock()
    stage.s.m2.gvpnd.popen.kill()
    stage.s.m2.gvpnd.popen.wait(10)
    stage.s.m2.start_control()
    stage.s.m2.wait_registered()
    assert stage.clock() >= before
    for kind in STRICT + COUNTED:
        if kind in seen:
            verdict = "drop_replay_counter" if kind in COUNTED else "drop_replay_sender"
            assert stage.send([p.ip for p in seen[kind]]) == ([], {verdict: 6}), kind.name
    stage.talk(clean_kinds())


def restart_data_plane(member):
    member.dp.popen.kill()
    member.dp.popen.wait(10)
    member.start_data_plane()
    member.wait_registered()
    member.gw.wait_forwarding()


def test_after_a_restart_of_the_receiving_data_plane(stage):
    """Its windows are gone. Strict ones take nothing that was stamped before they were made anew; the time goes on."""
    long = [k for k in TIMED if "100s" in k.replay]
    seen = stage.talk(long)
    restart_data_plane(stage.s.m2)
    own = gm_sa(stage.s.m2, long[0])["pseudotime_ms"]
    assert own >= max(max(stamps(stage, packets)) for packets in seen.values())
    strict = kind_of("strict, tag")
    assert stage.send([p.ip for p in seen[strict]]) == ([], {"drop_replay_sender": 6})
    stage.talk(clean_kinds())


def test_after_a_restart_of_the_sending_data_plane(stage):
    """Stamps go on where they were, and no IV comes twice: nothing that it sends looks like a replay."""
    kinds = [k for k in clean_kinds() if k not in COUNTED]
    before = stage.talk(kinds)
    restart_data_plane(stage.s.m1)
    after = stage.talk(kinds)
    for kind in kinds:
        if kind in TIMED:
            assert min(stamps(stage, after[kind])) >= max(stamps(stage, before[kind])), kind.name
        if kind.suite in COUNTER_MODE:
            esp.assert_unique_ivs(before[kind] + after[kind])
