# SPDX-License-Identifier: BSD-3-Clause
"""Somebody on the WAN sends clear packets and ESP towards a protected host: changed, foreign, replayed, reflected, and,
made with the group's keys by scapy, lies about what is inside. Every packet ends in the verdict that names it, and no
lie is delivered. All of it in both families, and behind one tag and two.
"""

import os
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import esp_capture as esp  # noqa: E402
from gvpn import System, mac_of, ping, raw_socket, udp_socket  # noqa: E402
from topology import Topology, wait_for  # noqa: E402

FOREIGN_SENDER = 0xABCDEF  # a sender id that nobody was given
OUTBOUND = ("sent_encrypted", "passed_l2")  # the host answers what is delivered
TYPE = {4: b"\x08\x00", 6: b"\x86\xdd"}
RULE = {4: "permit ip 10.1.0.0/16 10.1.0.0/16", 6: "permit ip 2001:db8:1::/48 2001:db8:1::/48"}
OTHER = {4: ("10.1.1.99", "10.1.2.99", "192.0.2.1"), 6: ("2001:db8:1:1::99", "2001:db8:1:2::99", "2001:db8:ffff::1")}
PLACES = {"IPv4": (4, ""), "IPv6": (6, ""), "IPv4 in a VLAN": (4, "8100600a"), "IPv6 in QinQ": (6, "88a8a0648100000a")}


@pytest.fixture(scope="module")
def whole():
    with Topology() as t, System(t, lab=True, six=True) as s:
        s.start()
        capture = s.capture("site2", "esp or (ip6 proto 50)")
        assert ping(s.h1, s.h2.address) == ping(s.h1, s.h2.address6) == 3
        s.packets = esp.esp_packets(capture.stop())
        s.keys = esp.read_keys(s.keylog)
        s.wire = raw_socket(s.wan_ns, "site2")
        s.macs = mac_of(s.h2.ns, "eth0") + mac_of(s.wan_ns, "site2")
        s.forged = 0
        yield s
        s.wire.close()


class Attack:
    """What comes from the WAN to m2 in one family and behind these tags."""

    def __init__(self, system, family, tags):
        self.system, self.family, self.tags = system, family, bytes.fromhex(tags)
        self.src, self.dst = ((h.address, h.address6)[family == 6] for h in (system.h1, system.h2))
        self.vlan = str(int(tags[4:8] or "0", 16) & 0xfff)
        self.ours = next(p for p in system.packets if p.src == self.src)  # from m1's host to m2's
        self.own = next(p for p in system.packets if p.src == self.dst)
        self.head = 20 if family == 4 else 40

    def send(self, packets):
        """Sends IP packets to m2 from the WAN. Returns what was delivered to h2 and how much its verdicts have grown."""
        system = self.system
        before = system.m2.verdicts()
        capture = system.t.capture(system.h2.ns, "eth0")
        for i, packet in enumerate(packets):
            system.wire.send(system.macs + self.tags + TYPE[packet[0] >> 4 if packet[0] >> 4 in TYPE else self.family] + packet)
            if i % 50 == 49:
                time.sleep(0.01)

        def grown():
            now = system.m2.verdicts()
            return {name: now[name] - n for name, n in before.items() if now[name] != n and name not in OUTBOUND}

        def delivered(path):
            return [(tags, p) for tags, p in esp.tagged_packets(path, families=(4, 6))
                    if esp.header(p).dst in system.h2 and not esp.is_nd(p)]

        wait_for(lambda: sum(grown().values()) >= len(packets), what=lambda: f"{len(packets)} verdicts, there are {grown()}")
        got = delivered(capture.wait(grown().get("received_decrypted", 0), delivered).stop())
        assert {tags for tags, _ in got} <= {self.tags}, "tags are delivered as they came"
        return [p for _, p in got], grown()

    def packet(self, src=None, dst=None, **fields):
        """An IP header with these fields, as scapy calls them."""
        from scapy.layers.inet import IP
        from scapy.layers.inet6 import IPv6
        return (IP if self.family == 4 else IPv6)(src=src or self.src, dst=dst or self.dst, **fields)

    def udp(self, sport=4000, dport=4001, payload=b"from the WAN", between=None, **fields):
        from scapy.layers.inet import UDP
        head = self.packet(**fields)
        return (head if between is None else head / between) / UDP(sport=sport, dport=dport) / payload

    def _counter(self):
        self.system.forged += 1
        return self.system.forged

    def forged(self, inner, outer_src=None, outer_dst=None, sender=FOREIGN_SENDER, **outer):
        """ESP with the right key around whatever we like."""
        return esp.encrypt(inner, self.ours.spi, self.system.keys, outer_src or self.src, outer_dst or self.dst, sender,
                           counter=self._counter(), **outer)

    def sealed(self, payload, next_header, pad=None):
        """The same without scapy's opinion on what may be inside."""
        return esp.seal(payload, next_header, self.ours.spi, self.system.keys, self.src, self.dst, FOREIGN_SENDER,
                        counter=self._counter(), pad=pad)

    def ecn(self, value):
        """The header field that makes a packet say this."""
        return {"tos" if self.family == 4 else "tc": value}


@pytest.fixture(params=PLACES.values(), ids=PLACES.keys())
def system(whole, request):
    return Attack(whole, *request.param)


def test_clear_packets_are_dropped_counted_and_explained(system):
    delivered, verdicts = system.send([bytes(system.udp())] * 5)
    assert (delivered, verdicts) == ([], {"drop_policy_clear_in": 5})
    flow = ("explain", "--vlan", system.vlan, "--in", system.src, system.dst, "udp", "4000", "4001")
    answer = system.system.m2.ask(*flow)
    assert (answer["decision"], answer["because"]) == ("drop", "drop_policy_clear_in")
    assert answer["rule"]["text"] == RULE[system.family]
    assert int(answer["spi"], 16) == system.ours.spi
    status, table, _ = system.system.m2.ctl(*flow)
    assert status == 0 and "drop_policy_clear_in" in table and RULE[system.family] in table


def test_every_changed_octet_is_noticed(system):
    """The outer header, then SPI, sequence number (authenticated), IV, text and ICV. A changed IPv4 header has a wrong
    checksum. IPv6 has none: flow label and hop limit aren't the receiver's business, the rest contradicts something.
    """
    original = system.ours.ip
    changed = [original[:i] + bytes((original[i] ^ 0xff,)) + original[i + 1:] for i in range(len(original))]
    delivered, verdicts = system.send(changed)
    expected = {"drop_unknown_spi": 4, "drop_auth": len(original) - system.head - 4}
    if system.family == 4:
        assert (delivered, verdicts) == ([], expected | {"drop_malformed": 20})
        return
    expected |= {"drop_malformed": 3, "drop_ecn": 1, "drop_policy_clear_in": 1, "drop_address_mismatch": 32,
                 "received_decrypted": 3}
    assert verdicts == expected
    assert delivered == [esp.decrypt(system.ours, system.system.keys)] * 3


def test_every_changed_bit_of_the_icv_is_noticed(system):
    text, icv = system.ours.ip[:-16], int.from_bytes(system.ours.ip[-16:], "big")
    changed = [text + (icv ^ 1 << bit).to_bytes(16, "big") for bit in range(128)]
    assert system.send(changed) == ([], {"drop_auth": 128})


def test_cut_and_extended_esp(system):
    """Every length of the packet that its header admits to."""
    payload = system.ours.ip[system.head:]
    number = {"proto" if system.family == 4 else "nh": esp.ESP}
    packets = [bytes(system.packet(**number) / text) for text in [payload[:n] for n in range(len(payload))] + [payload + bytes(4)]]
    delivered, verdicts = system.send(packets)
    assert delivered == []
    assert set(verdicts) == {"drop_malformed", "drop_auth"}


def test_unknown_spi(system):
    at = system.head
    packet = system.ours.ip[:at] + (system.ours.spi ^ 1).to_bytes(4, "big") + system.ours.ip[at + 4:]
    assert system.send([packet]) == ([], {"drop_unknown_spi": 1})


def test_replay_is_counted_as_one_thing(system):
    """`replay: none`: nothing refuses a packet that was seen already, and it is counted as what it is."""
    delivered, verdicts = system.send([system.ours.ip] * 3)
    assert verdicts == {"received_decrypted": 3}
    assert delivered == [esp.decrypt(system.ours, system.system.keys)] * 3


def test_own_packet_reflected(system):
    assert system.send([system.own.ip] * 2) == ([], {"drop_own_sender": 2})
    # also when somebody who has the keys uses our sender id towards us
    mine = system.system.m2.status()["sas"][0]["sender_ids"][0]
    assert system.send([system.forged(system.udp(), sender=mine)]) == ([], {"drop_own_sender": 1})


def test_forging_with_the_keys_works(system):
    """So that the refusals below are refusals of the lie, not of the forgery."""
    number = {4: 4, 6: 41}[system.family]
    delivered, verdicts = system.send([system.forged(system.udp()), system.sealed(bytes(system.udp()), number)])
    assert verdicts == {"received_decrypted": 2}
    assert delivered == [bytes(system.udp())] * 2


def test_inner_addresses_differ_from_the_outer_ones(system):
    src, dst, _ = OTHER[system.family]
    lies = [system.forged(system.udp(src=src)), system.forged(system.udp(dst=dst)),
            system.forged(system.udp(), outer_src=src), system.forged(system.udp(), outer_dst=dst),
            system.forged(system.udp(src=system.dst, dst=system.src))]
    assert system.send(lies) == ([], {"drop_address_mismatch": 5})


def test_inner_packet_that_the_sa_may_not_carry(system):
    unnamed = OTHER[system.family][2]
    lies = [system.forged(system.udp(sport=848, dport=848)), system.forged(system.udp(src=unnamed), outer_src=unnamed)]
    assert system.send(lies) == ([], {"drop_inner_policy": 2})


def test_inner_packet_that_is_not_whole(system):
    inner = bytes(system.udp())
    number = {4: 4, 6: 41}[system.family]
    lies = [inner[:-4], b"", inner[:10], bytes((inner[0] ^ 0x20,)) + inner[1:]]  # its length still says otherwise; wrong version
    lies.append(inner[:10] + b"\0\0" + inner[12:] if system.family == 4 else inner[:4] + b"\0\0" + inner[6:])  # sum; length 0
    assert system.send([system.sealed(lie, number) for lie in lies]) == ([], {"drop_inner_malformed": len(lies)})


def test_inner_packet_of_the_other_family(system):
    """A right packet, a right key, and an outer header that isn't its family's; and a next header that lies about it."""
    whole = system.system
    stranger = Attack(whole, 10 - system.family, "")
    inner = bytes(stranger.udp())
    lies = [system.sealed(inner, {4: 41, 6: 4}[system.family]), system.sealed(inner, {4: 4, 6: 41}[system.family]),
            system.sealed(bytes(system.udp()), {4: 41, 6: 4}[system.family])]
    assert system.send(lies) == ([], {"drop_inner_malformed": 3})


def test_next_headers_and_padding(system):
    """59 is a dummy (RFC 4303 2.6), whatever it contains. Only whole packets are carried, and padding is 1, 2, 3 ..."""
    inner = bytes(system.udp())
    number = {4: 4, 6: 41}[system.family]
    assert system.send([system.sealed(inner, 59), system.sealed(bytes(40), 59)]) == ([], {"drop_dummy": 2})
    lies = [system.sealed(inner, n) for n in (0, 6, 17, 50, 97, 255)]
    room = -(len(inner) + 2) % 4
    lies += [system.sealed(inner, number, pad=bytes(room + 4)), system.sealed(inner, number, pad=b"\x01\x02\x03\x05" + bytes(room))]
    assert system.send(lies) == ([], {"drop_inner_malformed": len(lies)})


def test_traffic_flow_padding_is_stripped(system):
    """RFC 4303 2.7: what stands behind the inner packet, and in front of right padding, isn't delivered with it."""
    inner = bytes(system.udp(payload=b"inner packet" * 10))
    number = {4: 4, 6: 41}[system.family]
    surplus = [bytes([0xa5]) * n for n in (*range(1, 10), 59, 60, 61, 255, 256, 1200)] + [inner, bytes(100)]
    capture = system.system.t.capture(system.system.h2.ns, "eth0")
    delivered, verdicts = system.send([system.sealed(inner + more, number) for more in surplus])
    assert verdicts == {"received_decrypted": len(surplus)}
    assert delivered == [inner] * len(surplus)
    # the frames themselves: nothing is left behind the packet either
    frame = system.system.macs + system.tags + TYPE[system.family] + inner
    assert [f for f in esp.frames(capture.stop()) if f.startswith(frame)] == [frame] * len(surplus)


def test_inner_fragments_options_and_extension_headers(system):
    from scapy.layers.inet import IPOption_Router_Alert
    from scapy.layers.inet6 import IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting
    number = {4: 4, 6: 41}[system.family]
    if system.family == 4:
        fine = [system.udp(flags="MF"), system.udp(frag=3), system.udp(options=[IPOption_Router_Alert()])]
        tiny, routed = [system.udp(flags="MF", proto=6, payload=b"tcp is 20"), system.udp(frag=1, proto=6)], []
    else:
        fine = [system.udp(between=h) for h in (IPv6ExtHdrFragment(m=1), IPv6ExtHdrFragment(offset=3), IPv6ExtHdrDestOpt(),
                                                IPv6ExtHdrHopByHop())]
        tiny = [system.udp(between=IPv6ExtHdrFragment(nh=6, m=1), payload=b"tcp is 20"), system.udp(between=IPv6ExtHdrFragment(nh=6, offset=1))]
        routed = [system.udp(between=IPv6ExtHdrRouting())]
    assert system.send([system.sealed(bytes(p), number) for p in fine]) == ([bytes(p) for p in fine], {"received_decrypted": len(fine)})
    bad = {"drop_fragment": 2, **({"drop_source_route": 1} if routed else {})}
    assert system.send([system.sealed(bytes(p), number) for p in tiny + routed]) == ([], bad)
    # in clear they are judged alike, and should have been ESP
    assert system.send([bytes(p) for p in fine + tiny + routed]) == ([], {"drop_policy_clear_in": len(fine), **bad})


def test_esp_in_fragments_and_behind_extension_headers(system):
    """ESP in pieces is put together first; behind options or other headers it isn't ours."""
    from scapy.layers.inet import IP, IPOption_Router_Alert
    from scapy.layers.inet6 import IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop
    right, text = system.forged(system.udp()), system.ours.ip[system.head:]
    if system.family == 4:
        parts = IP(system.ours.ip[:8] + bytes((64,)) + system.ours.ip[9:])
        parts.flags, parts.chksum = 0, None
        fragments = [bytes(p) for p in IP(bytes(parts)).fragment(64)]
        foreign = [bytes(system.packet(proto=esp.ESP, options=[IPOption_Router_Alert()]) / text)]
    else:
        fragments = [bytes(system.packet() / IPv6ExtHdrFragment(nh=esp.ESP, m=1, id=77) / text[:64]),
                     bytes(system.packet() / IPv6ExtHdrFragment(nh=esp.ESP, offset=8, id=77) / text[64:])]
        foreign = [bytes(system.packet() / h / text) for h in (IPv6ExtHdrDestOpt(nh=esp.ESP), IPv6ExtHdrHopByHop(nh=esp.ESP))]
    delivered, verdicts = system.send(fragments + foreign)
    assert len(delivered) == 1
    assert verdicts == {"received_decrypted": 1, "held_fragment": len(fragments) - 1, "drop_unknown_spi": len(foreign)}
    assert system.send([right]) == ([bytes(system.udp())], {"received_decrypted": 1})


def test_congestion_marks(system):
    """RFC 6040 figure 4: (outside, inside) -> what arrives inside; CE on what can't be marked is dropped."""
    table = {(0, 0): 0, (1, 0): 0, (2, 0): 0, (3, 0): None, (0, 1): 1, (1, 1): 1, (2, 1): 1, (3, 1): 3, (0, 2): 2, (1, 2): 1,
             (2, 2): 2, (3, 2): 3, (0, 3): 3, (1, 3): 3, (2, 3): 3, (3, 3): 3}
    packets = [system.forged(system.udp(payload=bytes(pair), **system.ecn(0xb8 | pair[1])), **system.ecn(pair[0]))
               for pair in table]
    delivered, verdicts = system.send(packets)
    assert verdicts == {"received_decrypted": 15, "drop_ecn": 1}
    assert delivered == [bytes(system.udp(payload=bytes(pair), **system.ecn(0xb8 | value)))
                         for pair, value in table.items() if value is not None]


def test_traffic_still_flows(system):
    s = system.system
    assert ping(s.h1, system.dst) == 3
    with udp_socket(s.h1.ns, system.src) as a, udp_socket(s.h2.ns, system.dst, 4001) as b:
        a.sendto(b"as before", (system.dst, 4001))
        assert b.recv(100) == b"as before"
