# SPDX-License-Identifier: BSD-3-Clause
"""Tagged frames (802.1Q, QinQ, priority tags) of both families through two members whose group has the whole pair: ESP
behind the same tags, octet by octet, and the same frame again at the other side. explain says what the wire shows, and
effective_mtu is exact (DP8).

    h1 -- m1 -- wan -- m2 -- h2      no router: what a provider's Ethernet would be

The kernels of the hosts know no VLANs: frames are made here and sent as they are, from and to MACs that no kernel has, so
that nobody answers.
"""

import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import esp_capture as esp  # noqa: E402
from gvpn import System, raw_socket  # noqa: E402
from topology import Topology, ip, wait_for  # noqa: E402

TAGS = {"none": "", "priority": "8100e000", "VLAN": "8100600a", "drop eligible": "81003fff", "802.1ad": "88a80064",
        "QinQ": "88a8a0648100200a", "Q in Q": "8100000581000006", "9100": "9100007b8100e000"}
UNICAST = {4: ("10.1.1.10", "10.1.2.10"), 6: ("2001:db8:1:1::10", "2001:db8:1:2::10")}
UNNAMED = {4: ("192.0.2.10", "192.0.2.20"), 6: ("2001:db8:ffff::10", "2001:db8:ffff::20")}
TYPE = {4: b"\x08\x00", 6: b"\x86\xdd"}
SIZES = (1, 2, 3, 4, 50, 1300)
# Destination, and what stands behind the length: LLC (802.2) and the beginning of a message.
LLC = {"STP": ("0180c2000000", bytes.fromhex("424203 0000 00 00 00" + "8000020000000001" + "00000000" + "8000020000000001" +
                                             "8001 0000 1400 0200 0f00")),
       "IS-IS": ("0180c2000014", bytes.fromhex("fefe03 831b0100 0f010000 01") + bytes(range(200))),
       "CDP": ("01000ccccccc", bytes.fromhex("aaaa03 00000c 2000 02b40000") + bytes(40))}
FAMILIES = pytest.mark.parametrize("family", (4, 6))


@pytest.fixture(scope="module")
def system():
    with Topology() as t, System(t, bridged=True, lab=True, six=True) as s:
        s.start()
        s.keys = esp.read_keys(s.keylog)
        for m in s.members:
            m.mac, m.raw = bytes((2, 0xaa, 0, 0, 0, m.number)), raw_socket(m.host.ns, "eth0")
            t.sh(m.host.ns, "ip", "link", "set", "eth0", "mtu", "1500")  # the tests ask for more than fits
        s.x = raw_socket(t.host("x", s.wan), "eth0")  # anybody on the WAN
        for port in (s.wan, *(p for m in s.members for p in (m.gw.inside, m.gw.outside))):
            ip(port.ns, f"link set {port.bridge} type bridge group_fwd_mask 0x4008")  # a bridge keeps LLDP and 802.1X to itself
        yield s


def udp(family, size, between=UNICAST, reverse=False, **fields):
    """A UDP packet of some octets between the hosts, or from other addresses."""
    from scapy.layers.inet import IP, UDP
    from scapy.layers.inet6 import IPv6
    src, dst = between[family][::-1] if reverse else between[family]
    return bytes((IP if family == 4 else IPv6)(src=src, dst=dst, **fields) / UDP(sport=4000, dport=5000) / bytes(i & 255 for i in range(size)))


def frame(m, peer, tags, packet, kind=None):
    return peer.mac + m.mac + bytes.fromhex(tags) + (kind or TYPE[packet[0] >> 4]) + packet


def cross(system, frames, m=None, arrive=None):
    """Sends frames from m's host. Returns what the WAN saw, what arrived (frames, without what kernels say), and m's and its
    peer's new verdicts. arrive: how many to wait for.
    """
    m = m or system.m1
    peer = next(x for x in system.members if x is not m)
    arrive = len(frames) if arrive is None else arrive
    before = m.verdicts(), peer.verdicts()
    wan, there = system.capture("br0"), system.t.capture(peer.host.ns, "eth0")
    for f in frames:
        m.raw.send(f)

    def ours(path):
        return [f for f in esp.frames(path) if f[6:12] == m.mac]

    def growth():
        return tuple({k: n - old[k] for k, n in x.verdicts().items() if n != old[k]} for x, old in zip((m, peer), before))

    wait_for(lambda: sum(growth()[0].values()) >= len(frames), what=lambda: f"{len(frames)} verdicts, there are {growth()}")
    there.wait(arrive, ours)
    return ours(wan.stop()), ours(there.stop()), *growth()


@FAMILIES
def test_tags_stay_and_what_is_behind_them_is_protected(system, family):
    special = {4: {"tos": 0xb9, "ttl": 3, "flags": "DF"}, 6: {"tc": 0xb9, "hlim": 3, "fl": 0xabcde}}[family]
    for m, peer in ((system.m1, system.m2), (system.m2, system.m1)):
        packets = [udp(family, n, reverse=m is system.m2) for n in SIZES]
        packets.append(udp(family, 9, reverse=m is system.m2, **special))
        wanted = [(bytes.fromhex(tags), p) for tags in TAGS.values() for p in packets]
        frames = [frame(m, peer, tags.hex(), p) for tags, p in wanted]
        wan, got, sent, received = cross(system, frames, m)
        assert got == frames, "the frames themselves"
        assert sent["sent_encrypted"] == received["received_decrypted"] == len(wan) == len(frames)
        for seen, (tags, packet) in zip(wan, wanted):
            front = peer.mac + m.mac + tags + TYPE[family]
            assert seen.startswith(front), "addresses, tags and type"
            outer = esp.parse(seen[len(front):], tags)
            assert esp.header(outer.ip).proto == esp.ESP
            assert esp.decrypt(outer, system.keys) == packet
            if packet is not packets[-1]:
                continue
            if family == 4:
                assert (outer.ip[1], outer.ip[6:8], outer.ip[8]) == (0xb9, b"\x40\x00", 3)
            else:
                assert (outer.ip[:4].hex(), outer.ip[7]) == ("6b9abcde", 3)


def test_no_iv_twice_whatever_the_tags(system):
    """A VLAN is no key of its own: all share one SPI and one counter."""
    capture = system.capture("br0")
    frames = [frame(system.m1, system.m2, tags, udp(family, 10)) for tags in TAGS.values() for family in (4, 6)] * 5
    cross(system, frames)
    packets = esp.esp_packets(capture.stop())
    assert len(packets) == len(frames) and len({p.spi for p in packets}) == 1
    assert len({(p.tags, ":" in p.src) for p in packets}) == 2 * len(TAGS)
    esp.assert_unique_ivs(packets)


@FAMILIES
def test_what_no_rule_names_passes_as_it_is(system, family):
    frames = [frame(system.m1, system.m2, tags, udp(family, n, between=UNNAMED)) for tags in TAGS.values() for n in SIZES]
    wan, got, sent, received = cross(system, frames)
    assert wan == got == frames
    assert sent["sent_clear"] == received["received_clear"] == len(frames)


def with_options(options, ports=(4000, 5000)):
    """An IPv4 packet from host to host with these octets of options."""
    from scapy.utils import checksum
    plain = udp(4, 56)
    head = bytearray(plain[:20] + options)
    head[0], head[2:4], head[10:12] = 0x40 | len(head) // 4, (len(plain) + len(options)).to_bytes(2, "big"), b"\0\0"
    head[10:12] = checksum(bytes(head)).to_bytes(2, "big")
    return bytes(head) + b"".join(p.to_bytes(2, "big") for p in ports) + plain[24:]


def with_headers(*headers, ports=(4000, 5000)):
    """An IPv6 packet from host to host with extension headers: (number, what follows its next header field)."""
    plain, numbers = udp(6, 56), [number for number, _ in headers] + [17]
    between = b"".join(bytes((then,)) + octets for then, (_, octets) in zip(numbers[1:], headers))
    size = len(between) + len(plain) - 40
    return (plain[:4] + size.to_bytes(2, "big") + bytes(numbers[:1]) + plain[7:40] + between +
            b"".join(p.to_bytes(2, "big") for p in ports) + plain[44:])


ALERT4, RECORD_ROUTE, STAMP = (bytes.fromhex(x) for x in ("94040000", "070b04" + "00" * 8 + "01", "440c0500" + "00" * 8))
PAD6, ALERT6 = (bytes.fromhex(x) for x in ("00010400000000", "00050200000100"))  # a list of options, and its length in front
MAKE = {4: with_options, 6: with_headers}
ALLOWED = {4: [(ALERT4,), (RECORD_ROUTE,), (STAMP,), (b"\1" * 4,), (ALERT4 + RECORD_ROUTE + STAMP + b"\1" * 12,)],
           6: [((0, PAD6),), ((0, ALERT6),), ((60, PAD6),), ((0, ALERT6), (60, PAD6)),
               ((43, bytes.fromhex("00020000000000")),), ((0, PAD6), (44, bytes.fromhex("00000100000007")))]}
REFUSED = {4: {"drop_source_route": [(bytes.fromhex(x + "0704c0000201" + "00"),) for x in ("83", "89")],
               "drop_ip_options": [(bytes.fromhex(x),) for x in ("07280400", "94010000", "01010194")]},
           6: {"drop_source_route": [((43, bytes.fromhex(x)),) for x in ("00000000000000", "00020100000000")],
               "drop_ext_header": [((0, bytes.fromhex("00c2040000ffff")),), ((60, bytes.fromhex("00052000000000")),),
                                   ((60, PAD6), (0, PAD6)), ((60, PAD6),) * 9, ((135, bytes(7)),)]}}


@FAMILIES
def test_options_and_extension_headers_of_hosts(system, family):
    """They are protected with the packet, and outside is a plain header. The policy sees the ports behind them."""
    make, allowed = MAKE[family], ALLOWED[family]
    wanted = [(bytes.fromhex(tags), make(*x)) for tags in ("", "8100600a") for x in allowed]
    frames = [frame(system.m1, system.m2, tags.hex(), p) for tags, p in wanted]
    wan, got, sent, received = cross(system, frames)
    assert got == frames
    assert sent["sent_encrypted"] == received["received_decrypted"] == len(wan) == len(frames)
    for seen, (tags, packet) in zip(wan, wanted):
        outer = esp.parse(esp.split(seen)[2], tags)
        assert (outer.ip[0], esp.header(outer.ip).proto) == ({4: 0x45, 6: 0x60}[family], esp.ESP)
        assert esp.decrypt(outer, system.keys) == packet
    denied = [frame(system.m1, system.m2, "", make(*x, ports=(848, 848))) for x in allowed]
    wan, got, sent, received = cross(system, denied)
    assert wan == got == denied
    assert sent["sent_clear"] == received["received_clear"] == len(denied)


@FAMILIES
def test_options_and_extension_headers_that_are_dropped_by_name(system, family):
    """Those that send a packet where no policy was asked about, that contradict themselves, or that nobody here knows."""
    packets = [MAKE[family](*x) for some in REFUSED[family].values() for x in some]
    last = frame(system.m1, system.m2, "", udp(family, 10))  # when it has arrived, those before it were judged
    wan, got, sent, _ = cross(system, [frame(system.m1, system.m2, "", p) for p in packets] + [last], arrive=1)
    assert got == [last] and len(wan) == 1
    assert {name: n for name, n in sent.items() if name.startswith("drop")} == {k: len(v) for k, v in REFUSED[family].items()}


@FAMILIES
def test_too_many_tags_and_snap_are_dropped_by_name(system, family):
    """Whoever could hide IP behind a third tag would get it past the policy."""
    packet = udp(family, 10)
    snap = b"\xaa\xaa\x03\0\0\0" + TYPE[family]
    length = (len(snap) + len(packet)).to_bytes(2, "big")
    frames = [frame(system.m1, system.m2, tags, packet) for tags in ("8100000a" * 3, "88a8000181000002" + "8100000a", "81000001" * 8)]
    frames += [frame(system.m1, system.m2, tags, snap + packet, length) for tags in ("", "8100000a")]
    wan, got, sent, received = cross(system, frames, arrive=0)
    assert (wan, got) == ([], [])
    assert sent["drop_vlan"] == len(frames) and "received_clear" not in received
    before, there = system.m1.verdicts()["drop_vlan"], system.t.capture(system.h1.ns, "eth0")
    for f in frames:
        system.x.send(system.m1.mac + b"\x02\xaa\0\0\0\x99" + f[12:])
    wait_for(lambda: system.m1.verdicts()["drop_vlan"] == before + len(frames), what="the same from outside")
    assert not [f for f in esp.frames(there.stop()) if packet in f]


@FAMILIES
def test_cut_packets_behind_tags_are_dropped_by_name(system, family):
    """Lengths that the frame doesn't have. (A tag that is cut off is stage/frames' affair: kernels carry no such frame.)"""
    packet, m, peer = udp(family, 40), system.m1, system.m2
    frames = [frame(m, peer, "8100600a", packet[:-1]), frame(m, peer, "88a8a0648100200a", packet[:19])]
    wan, got, sent, _ = cross(system, frames, arrive=0)
    assert (wan, got) == ([], [])
    assert sent["drop_malformed"] == len(frames)


@pytest.mark.parametrize("tags", ("", "8100600a", "88a8a0648100200a", "8100000a" * 3), ids=("none", "VLAN", "QinQ", "three"))
def test_what_is_not_ip_passes_whatever_its_tags(system, tags):
    """ARP, LLDP, what others send with a length for a type, port authentication, MACsec, and neighbour discovery, which is IP,
    but how the link works.
    """
    from scapy.layers.inet6 import ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6
    from scapy.layers.l2 import ARP
    m, peer, octets = system.m1, system.m2, bytes.fromhex(tags)
    arp = bytes(ARP(op=1, hwsrc=m.mac, psrc="10.1.1.10", pdst="10.1.2.10"))
    lldp = bytes.fromhex("0207040200000000010404050065746806020078" + "0000")
    frames = [frame(m, peer, tags, arp, b"\x08\x06"), bytes.fromhex("0180c200000e") + m.mac + octets + b"\x88\xcc" + lldp]
    for to, llc in LLC.values():
        frames.append(bytes.fromhex(to) + m.mac + octets + len(llc).to_bytes(2, "big") + llc.ljust(46, b"\0"))
    frames.append(bytes.fromhex("0180c2000003") + m.mac + octets + b"\x88\x8e" + b"\1\1\0\0".ljust(46, b"\0"))  # 802.1X
    frames.append(frame(m, peer, tags, b"\x2c\0\0\0\0\1" + arp * 2, b"\x88\xe5"))  # MACsec
    if len(octets) <= 8:
        nd = bytes(IPv6(src="2001:db8:1:1::10", dst="2001:db8:1:2::10", hlim=255) / ICMPv6ND_NS(tgt="2001:db8:1:2::99") /
                   ICMPv6NDOptSrcLLAddr(lladdr="02:00:00:00:00:99"))
        frames.append(frame(m, peer, tags, nd))
    wan, got, sent, received = cross(system, frames)
    assert wan == got == frames
    assert sent["passed_l2"] >= len(frames) and received["passed_l2"] >= len(frames)
    assert "sent_encrypted" not in sent


@FAMILIES
@pytest.mark.parametrize("tags", ("", "8100600a"), ids=("none", "VLAN"))
def test_effective_mtu_is_exact(system, tags, family):
    """A packet of that size leaves, as 1500 octets or a little less; one octet more that mustn't be cut is drop_too_big."""
    vlan = str(int(tags[4:8] or "0", 16) & 0xfff)
    mtu = system.m1.ask("explain", "--vlan", vlan, *UNICAST[family], "udp", "4000", "5000")["effective_mtu"]
    assert mtu == {4: 1446, 6: 1426}[family]
    header = {4: 28, 6: 48}[family]
    frames = [frame(system.m1, system.m2, tags, udp(family, size - header)) for size in (mtu - 1, mtu)]
    wan, got, sent, _ = cross(system, frames)
    assert got == frames and sent["sent_encrypted"] == 2
    assert [len(p.ip) for p in map(lambda f: esp.parse(esp.split(f)[2]), wan)] == [1500, 1500]
    whole = {4: {"flags": "DF"}, 6: {}}[family]
    big = [frame(system.m1, system.m2, tags, udp(family, size - header, **whole)) for size in (mtu + 1, 1500)]
    wan, got, sent, _ = cross(system, big, arrive=0)
    assert (wan, got) == ([], []) and sent["drop_too_big"] == 2
    clear = [frame(system.m1, system.m2, tags, udp(family, 1500 - header, between=UNNAMED))]
    assert system.m1.ask("explain", "--vlan", vlan, *UNNAMED[family], "udp", "4000", "5000")["effective_mtu"] == 1500
    assert cross(system, clear)[1] == clear


@FAMILIES
@pytest.mark.parametrize("tags", ("", "88a8a0648100200a"), ids=("none", "QinQ"))
def test_explain_says_what_the_wire_shows(system, tags, family):
    """Decision, reason and rule of each flow, and the verdict that its packet really gets."""
    from scapy.layers.inet import IP, TCP, UDP
    from scapy.layers.inet6 import IPv6
    vlan = str(int(tags[4:8] or "0", 16) & 0xfff)
    permit = {4: "permit ip 10.1.0.0/16 10.1.0.0/16", 6: "permit ip 2001:db8:1::/48 2001:db8:1::/48"}[family]
    everybody = {4: "0.0.0.0/0", 6: "::/0"}[family]
    flows = [(UNICAST, UDP, 4000, 5000, "encrypt", "sent_encrypted", permit), (UNICAST, TCP, 4000, 443, "encrypt", "sent_encrypted", permit),
             (UNICAST, UDP, 848, 848, "clear", "sent_clear", f"deny udp {everybody} eq 848 {everybody} eq 848"),
             (UNNAMED, UDP, 4000, 5000, "clear", "sent_clear", None)]
    packets, answers = [], []
    for between, proto, sport, dport, decision, because, rule in flows:
        src, dst = between[family]
        said = system.m1.ask("explain", "--vlan", vlan, src, dst, proto.__name__.lower(), str(sport), str(dport))
        assert (said["decision"], said["because"], said["rule"]["text"]) == (decision, because, rule)
        packets.append(bytes((IP if family == 4 else IPv6)(src=src, dst=dst) / proto(sport=sport, dport=dport) / b"explained"))
        answers.append(said)
    frames = [frame(system.m1, system.m2, tags, p) for p in packets]
    wan, got, sent, _ = cross(system, frames)
    assert got == frames and len(wan) == len(frames)
    assert {name: sum(a["because"] == name for a in answers) for name in sent if name.startswith("sent")} == \
        {name: n for name, n in sent.items() if name.startswith("sent")}
    for said, packet, before, seen in zip(answers, packets, frames, wan):
        if said["decision"] == "clear":
            assert seen == before
            continue
        outer = esp.parse(esp.split(seen)[2])
        assert outer.spi == int(said["spi"], 16) and esp.decrypt(outer, system.keys) == packet


def test_others_are_not_mistaken_for_tags(system):
    """Provider bridges use more types (MACsec, PBB, MPLS): not IP to us, so they pass as they are."""
    frames = [frame(system.m1, system.m2, "", b"\0\1\2\3" + udp(4, 10), kind) for kind in (b"\x88\xe5", b"\x88\xe7", b"\x88\x47")]
    wan, got, sent, _ = cross(system, frames)
    assert wan == got == frames and sent["passed_l2"] >= 3
