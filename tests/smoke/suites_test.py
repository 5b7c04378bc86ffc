# SPDX-License-Identifier: BSD-3-Clause
"""Every suite that this version runs, in tunnel and in transport mode, between two members: hosts talk by IPv4 and IPv6, each UDP
port with another key; the referees (esp_suites.py, scapy) open what the WAN shows to what the hosts sent, in order, and what they
seal is delivered. Changed packets and other keys fail; IVs are unique, and those of CBC can't be told from the ones before.
"""

import collections
import os
import random
import subprocess
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import esp_capture as esp  # noqa: E402
from esp_suites import COUNTER_MODE, SUITES, WrongIcv, open_esp  # noqa: E402
from gvpn import Sa, System, mac_of, ping, raw_socket, udp_socket  # noqa: E402
from topology import Topology, build, wait_for  # noqa: E402

SEED = int(os.environ.get("GVPN_SEED", random.SystemRandom().randrange(1 << 32)))
SIZES = [*range(17), 1000, 1300]  # every remainder of 16, and the largest that fits whatever the suite
PORTS = range(20000, 20016)  # one per entry of `sa`: a group has 16 at most
TYPE = {4: b"\x08\x00", 6: b"\x86\xdd"}
FOREIGN_SENDER = 0xABCDEF  # a sender id that nobody was given
FAMILIES = pytest.mark.parametrize("family", (4, 6))

CHECK = """
gvpn: 1
legacy: true
ike: {{listen: [10.0.0.1], pre-shared-keys: [{{peer: 10.0.0.2, secret: "0123456789abcdef0123456789abcdef"}}]}}
acls: {{a: [permit ip any any]}}
transform-sets: {{s: {{suite: {suite}, mode: {mode}}}}}
profiles: {{p: {{transform-set: s}}}}
groups:
  - name: G
    identity: 1
    key-server: {{address: 10.0.0.1, authorize: {{addresses: [permit any]}}, sa: [{{number: 1, profile: p, acl: a, replay: none}}]}}
"""


def runs(t, suite, mode):
    """Does this version run it? `gvpnd --check` is asked; what it refuses, it refuses because of that alone."""
    path = t.path("check.yaml", CHECK.format(suite=suite, mode=mode))
    p = subprocess.run([build("ctrl/gvpnd"), "-c", path, "--check"], capture_output=True, text=True, timeout=20, check=False)
    assert p.returncode == 0 or "not supported by this version" in p.stdout + p.stderr, p.stdout + p.stderr
    return p.returncode == 0


def supported():
    with Topology() as t:
        return [(suite, mode) for mode in ("tunnel", "transport") for suite in SUITES if runs(t, suite, mode)]


CHUNKS = range(-(-2 * len(SUITES) // len(PORTS)))  # systems that it takes


@pytest.fixture(scope="module")
def everything():
    return supported()


def acl_of(port):
    """Nothing but UDP with this port at both ends: its own mirror image."""
    return [f"permit udp {net} eq {port} {net} eq {port}" for net in ("10.1.0.0/16", "2001:db8:1::/48")]


@pytest.fixture(scope="module", params=CHUNKS)
def system(request, everything):
    part = everything[request.param * len(PORTS):][:len(PORTS)]
    assert part, "this version runs less"
    with Topology() as t, System(t, lab=True, six=True, legacy=True) as s:
        s.start(sas=[Sa(suite, acl_of(port), mode) for port, (suite, mode) in zip(PORTS, part)])
        s.part = {port: pair for port, pair in zip(PORTS, part)}
        s.keys = esp.read_keys(s.keylog)
        spis = {sa["sa"]: int(sa["spi"], 16) for sa in s.ks.status()["sas"]}
        s.spis = {port: spis[10 * (i + 1)] for i, port in enumerate(s.part)}
        assert [s.keys[s.spis[port]][0] for port in s.part] == [suite for suite, _ in part]
        s.wire = raw_socket(s.wan_ns, "site2")
        s.macs = mac_of(s.h2.ns, "eth0") + mac_of(s.wan_ns, "site2")
        s.talk = conversation(s)
        yield s
        s.wire.close()


def conversation(s):
    """Both hosts send each size on each port, both families; returns what was on the wires."""
    print(f"GVPN_SEED={SEED}")
    assert ping(s.h1, s.h2.address) == ping(s.h1, s.h2.address6) == 3
    data = random.Random(SEED).randbytes(max(SIZES))
    inside = {h: s.t.capture(h.ns, "eth0", "udp") for h in (s.h1, s.h2)}
    wan = s.capture("site1", "net 10.1.0.0/16 or net 2001:db8:1::/48")
    for port in s.part:
        for family in (0, 1):
            here, there = ((h.address, h.address6)[family] for h in (s.h1, s.h2))
            with udp_socket(s.h1.ns, here, port) as a, udp_socket(s.h2.ns, there, port) as b:
                for x, y, to in ((a, b, there), (b, a, here)):
                    for size in SIZES:
                        x.sendto(data[:size], (to, port))
                    came = [y.recv(2000) for _ in SIZES]
                    assert came == [data[:size] for size in SIZES], f"{s.part[port]}: lost, changed or out of order"
    wan.stop()
    return {"wan": wan.path, **{h: c.stop() for h, c in inside.items()}}


def port_of(packet):
    """The source port of an IP packet with UDP and no options."""
    at = esp.header(packet).size
    return int.from_bytes(packet[at:at + 2], "big")


def on_the_wan(s, port):
    return [p for p in esp.esp_packets(s.talk["wan"]) if p.spi == s.spis[port]]


def sent_by(s, host, port):
    return [p for p in esp.ip_packets(s.talk[host], families=(4, 6)) if esp.header(p).src in host and port_of(p) == port]


def test_all_suites_are_in(everything):
    """Both modes of all. A suite that is taken back is missed here."""
    missing = {(suite, mode) for suite in SUITES for mode in ("tunnel", "transport")} - set(everything)
    assert not missing
    assert len(SUITES) == 24


def test_the_wan_shows_esp_alone(system):
    others = [esp.header(p) for p in esp.ip_packets(system.talk["wan"], families=(4, 6))
              if esp.header(p).proto not in (1, 58, esp.ESP) and {*esp.header(p)[:2]} & {*system.h1, *system.h2}]
    assert others == []
    counts = collections.Counter(p.spi for p in esp.esp_packets(system.talk["wan"]))
    assert counts == {spi: 4 * len(SIZES) for spi in system.spis.values()}


def test_referees_open_what_the_hosts_sent(system):
    """In order, octet by octet: header, ports, padding of no length at all."""
    for port, (suite, mode) in system.part.items():
        for host in (system.h1, system.h2):
            sent = sent_by(system, host, port)
            assert len(sent) == 2 * len(SIZES)
            # what comes from h2 has passed the router: its outer TTL counts, in transport mode the only one
            seen = [aged(p, esp.decrypt(p, system.keys), host is system.h2 and mode == "transport")
                    for p in on_the_wan(system, port) if p.src in host]
            assert seen == sent, (suite, mode)


def aged(packet, inner, passed):
    """The inner packet with the TTL or hop limit that it had before a router."""
    if not passed:
        return inner
    inner = bytearray(inner)
    if inner[0] >> 4 == 6:
        inner[7] += 1
    else:
        inner[8] += 1
        total = int.from_bytes(inner[10:12], "big") - 0x100
        inner[10:12] = (total if total > 0 else total - 1 & 0xffff).to_bytes(2, "big")
    return bytes(inner)


def test_modes_and_next_headers(system):
    for port, (suite, mode) in system.part.items():
        got = {(":" in p.src, esp.opened(p, system.keys).next_header) for p in on_the_wan(system, port)}
        assert got == ({(False, 4), (True, 41)} if mode == "tunnel" else {(False, 17), (True, 17)}), (suite, mode)


def test_keys_are_of_one_suite_and_one_sa(system):
    secrets = [secret for spi in system.spis.values() for secret in system.keys[spi][1:] if secret]
    assert len(set(secrets)) == len(secrets)
    for port in system.part:
        p = on_the_wan(system, port)[-1]
        name, *parts = system.keys[p.spi]
        octets = p.ip[esp.header(p.ip).size:]
        for i, part in enumerate(parts):
            for at in {0, len(part) // 2, len(part) - 1} if part else ():
                wrong = list(parts)
                wrong[i] = part[:at] + bytes((part[at] ^ 2,)) + part[at + 1:]
                if len(parts) == 2 and i == 0:  # a right ICV, but the text is another one
                    try:
                        assert open_esp(octets, {p.spi: (name, *wrong)}) != open_esp(octets, system.keys)
                    except AssertionError:
                        pass
                else:
                    with pytest.raises(WrongIcv):
                        open_esp(octets, {p.spi: (name, *wrong)})


def test_ivs(system):
    """Unique everywhere (but in NULL, which has none); random where they are of a block cipher."""
    for port, (suite, mode) in system.part.items():
        if SUITES[suite].iv == 0:
            continue
        packets = [esp.with_iv(p, system.keys) for p in on_the_wan(system, port)]
        esp.assert_unique_ivs(packets)
        if suite in COUNTER_MODE:
            assert len(esp.sender_ids(packets)) == 2
            continue
        ivs = [p.iv for p in packets]
        bits, number = 8 * SUITES[suite].iv, [int.from_bytes(iv, "big") for iv in ivs]
        steps = [(b - a) % (1 << bits) for a, b in zip(number, number[1:])]
        assert len(set(steps)) == len(steps), (suite, mode)  # no counter
        for a, b in zip(packets, packets[1:]):
            end = a.ip[len(a.ip) - SUITES[suite].icv - len(a.iv):len(a.ip) - SUITES[suite].icv]
            assert b.iv != end, "chained: who sees one packet knows the next IV"
        # Halves of the IVs repeat nowhere, and the ones among all bits are as many as chance says (six sigma).
        assert len({iv[:4] for iv in ivs} | {iv[-4:] for iv in ivs}) > 2 * len(ivs) - 3
        ones, all_bits = sum(bin(n).count("1") for n in number), bits * len(ivs)
        assert abs(ones - all_bits / 2) < 3 * all_bits ** 0.5, (suite, ones, all_bits)


def deliver(s, packets, expected):
    """IP packets from the WAN to m2 end in these verdicts; returns what h2 gets."""
    before, ours = s.m2.verdicts(), ("sent_encrypted", "passed_l2", "local", "sent_clear")
    capture = s.t.capture(s.h2.ns, "eth0", "udp")
    for i, packet in enumerate(packets):
        s.wire.send(s.macs + TYPE[packet[0] >> 4] + packet)
        if i % 50 == 49:
            time.sleep(0.01)

    def grown():
        now = s.m2.verdicts()
        return {name: now[name] - n for name, n in before.items() if now[name] != n and name not in ours}

    wait_for(lambda: sum(grown().values()) >= len(packets), what=lambda: f"{len(packets)} verdicts, there are {grown()}")
    assert grown() == expected
    return esp.to_host(capture, s.h2, expected.get("received_decrypted", 0))


def some_packets(s):
    """One packet from h1 to h2 of each suite and family, the first of some size."""
    for port in s.part:
        for family in (0, 1):
            yield next(p for p in on_the_wan(s, port) if p.src == (s.h1.address, s.h1.address6)[family] and
                       len(esp.decrypt(p, s.keys)) > 90 - 20 * (1 - family))


def flipped(packet, at, bit=1):
    octets = bytearray(packet)
    octets[at] ^= bit
    return bytes(octets)


def test_a_changed_packet_is_not_delivered(system):
    """One bit of the sequence number, of the IV, of the first and last block, of each end of the ICV."""
    lies = []
    for p in some_packets(system):
        suite, start = SUITES[system.keys[p.spi][0]], esp.header(p.ip).size
        lies += [flipped(p.ip, at) for at in {start + 7, start + 8 + suite.iv - 1, start + 8 + suite.iv, len(p.ip) - suite.icv - 1,
                                              len(p.ip) - suite.icv}]
        lies.append(flipped(p.ip, len(p.ip) - 1, 0x80))
    assert deliver(system, lies, {"drop_auth": len(lies)}) == []


def test_cut_and_torn_packets_are_not_delivered(system):
    """Without the last octet, four or sixteen (the length is right): malformed, or the ICV is wrong; nothing is read beyond."""
    from scapy.layers.inet import IP
    from scapy.layers.inet6 import IPv6
    lies = []
    for p in some_packets(system):
        for cut in (1, 4, 16):
            octets = IP(p.ip) if ":" not in p.src else IPv6(p.ip)
            octets.remove_payload()
            for field in ("len", "chksum", "plen"):
                if field in octets.default_fields:
                    setattr(octets, field, None)
            lies.append(bytes(octets / p.ip[esp.header(p.ip).size:-cut]))
    before = system.m2.verdicts()
    total = len(lies)
    capture = system.t.capture(system.h2.ns, "eth0", "udp")
    for lie in lies:
        system.wire.send(system.macs + TYPE[lie[0] >> 4] + lie)

    def grown(name):
        return system.m2.verdicts()[name] - before[name]

    wait_for(lambda: grown("drop_auth") + grown("drop_malformed") == total, what="all to be dropped")
    assert grown("drop_malformed") >= len(lies) // 3 and grown("drop_auth") > 0
    assert not [p for p in esp.ip_packets(capture.stop(), families=(4, 6)) if esp.header(p).dst in system.h2]


def test_what_the_referee_seals_is_delivered(system):
    """Around texts of every length to 40: its padding, its IV."""
    from scapy.layers.inet import IP, UDP
    from scapy.layers.inet6 import IPv6
    packets, expected = [], []
    for port, (suite, mode) in system.part.items():
        for i in range(41):
            family = (4, 6)[i % 2]
            src, dst = ((h.address, h.address6)[i % 2] for h in (system.h1, system.h2))
            inner = bytes((IP if family == 4 else IPv6)(src=src, dst=dst) / UDP(sport=port, dport=port) / bytes(range(i)))
            payload, number = (inner, {4: 4, 6: 41}[family]) if mode == "tunnel" else (inner[esp.header(inner).size:], 17)
            packets.append(esp.seal(payload, number, system.spis[port], system.keys, src, dst, FOREIGN_SENDER, counter=i))
            expected.append(inner)
    assert same(deliver(system, packets, {"received_decrypted": len(packets)})) == same(expected)


def same(packets):
    """By port (in order there: each is of another key, and there is no order between keys)."""
    ports = collections.defaultdict(list)
    for p in packets:
        ports[port_of(p)].append(p)
    return dict(ports)


def test_nothing_else_was_dropped(system):
    for m in system.members:
        drops = {name for name, n in m.verdicts().items() if n and name.startswith("drop_")}
        assert drops <= {"drop_auth", "drop_malformed", "drop_fail_close"}, drops


@FAMILIES
def test_traffic_still_flows(system, family):
    here, there = ((h.address, h.address6)[family == 6] for h in (system.h1, system.h2))
    for port in system.part:
        with udp_socket(system.h1.ns, here, port) as a, udp_socket(system.h2.ns, there, port) as b:
            a.sendto(b"as before", (there, port))
            assert b.recv(100) == b"as before"
