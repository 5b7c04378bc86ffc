#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
The packet path against referees, octet by octet: every suite, both families, both modes, every metadata header, no, one and two
VLAN tags, both directions, and sizes around every boundary up to 9000 octets. What leaves must be the frame that the referee
puts together from docs/packet.md and the standards; what the referee seals must come out as the frame that went in. The referee
for everything is tests/lib/esp_suites.py; scapy is asked for some sizes of each combination that it knows (all but GMAC and
metadata). IVs of block ciphers are random, so they are read from the frame first.
"""
import os
import random
import struct
import sys
import zlib

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import esp_capture as esp  # noqa: E402
from esp_suites import COUNTER_MODE, META, SUITES, meta, seal_esp  # noqa: E402
from packet_path import PacketPath  # noqa: E402

SPI, SENDER, FIRST, OTHER_SENDER = 0x10adbeef, 0xabcdef, 0x12fffffffe, 0x000005  # the sequence number rolls over on the way
TIME_MS, TAG = 0x0123456789, 0xfffe
MTU = 9000
MACS = bytes.fromhex('020000000002020000000001')
TAGS = (b'', bytes.fromhex('8100e005'), bytes.fromhex('88a800078100e005'))
ADDRESSES = {4: ('10.1.0.1', '10.2.0.200'), 6: ('2001:db8:1::1', '2001:db8:2::c8')}
PACKED = {4: bytes((10, 1, 0, 1, 10, 2, 0, 200)),
          6: bytes.fromhex('20010db8000100000000000000000001' '20010db80002000000000000000000c8')}
HEAD, NEXT, TYPE = {4: 20, 6: 40}, {4: 4, 6: 41}, {4: b'\x08\x00', 6: b'\x86\xdd'}
PROTO = 200  # nothing in particular: no ports, any length
OCTETS = random.Random(7).randbytes(2 * MTU)
# metadata as in the SA -> octets of the header
METADATA = {0: None, 1: (TIME_MS, None), 2: (None, TAG), 3: (TIME_MS, TAG)}


@pytest.fixture(scope='module')
def path():
    with PacketPath() as p:
        yield p


def open_sa(path, suite, mode, metadata, keys, sender=SENDER):
    _, *texts = keys[SPI]
    path.sa(suite, *texts, spi=SPI, sender=sender, first=FIRST, mode=mode, metadata=metadata, tag=TAG if metadata & 2 else 0, mtu=MTU,
            time_ms=TIME_MS)


def keys_of(suite):
    s = SUITES[suite]
    r = random.Random(zlib.crc32(suite.encode()))
    if s.hash is None:
        return {SPI: (suite, r.randbytes(s.key + 4))}
    return {SPI: (suite, r.randbytes(s.key), r.randbytes({'sha1': 20, 'sha256': 32, 'sha384': 48, 'sha512': 64}[s.hash]))}


def checksum(header):
    total = sum(struct.unpack(f'!{len(header) // 2}H', header))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ip_header(family, size, proto, seed):
    """A header for a packet of this size; class, identification, hop limit and label go by the seed. IPv4: DF, so that all is copied."""
    if family == 6:
        return struct.pack('!IHBB', 6 << 28 | (seed & 0xff) << 20 | (seed * 977 & 0xfffff), size - 40, proto, 1 + seed % 255) + PACKED[6]
    head = struct.pack('!BBHHHBBH', 0x45, seed & 0xff, size, seed * 7919 & 0xffff, 0x4000, 1 + seed % 255, proto, 0) + PACKED[4]
    return head[:10] + struct.pack('!H', checksum(head)) + head[12:]


def packet_of(family, size):
    return ip_header(family, size, PROTO, size) + OCTETS[size:2 * size - HEAD[family]]


class Combination:
    """How packets of one suite, mode, metadata header and family look, by docs/packet.md."""

    def __init__(self, suite, mode, metadata, family):
        self.suite, self.mode, self.metadata, self.family = suite, mode, metadata, family
        self.s, self.keys, self.head = SUITES[suite], keys_of(suite), HEAD[family]

    def payload(self, packet):
        """What is protected, and the next header that says so."""
        if self.mode == 'transport':
            return packet[self.head:], PROTO
        if METADATA[self.metadata] is None:
            return packet, NEXT[self.family]
        return meta(NEXT[self.family], *METADATA[self.metadata]) + packet, META

    def outer_size(self, size):
        inside = size - self.head if self.mode == 'transport' else size + {0: 0, 1: 12, 2: 16, 3: 16}[self.metadata]
        text = -(-(inside + 2) // self.s.align) * self.s.align
        return self.head + 8 + self.s.iv + text + self.s.icv

    def sealed(self, packet, iv, seq):
        """The IP packet on the wire."""
        payload, number = self.payload(packet)
        text = seal_esp(payload, number, SPI, self.keys, iv=iv, seq=seq)
        return ip_header(self.family, self.head + len(text), esp.ESP, len(packet)) + text

    def fits(self):
        """The largest packet whose ESP has at most MTU octets."""
        return max(n for n in range(MTU - 200, MTU) if self.outer_size(n) <= MTU)

    def iv(self, counter, sender):
        if self.suite in COUNTER_MODE:
            return (sender << 40 | counter).to_bytes(8, 'big')
        return OCTETS[counter % 1000:][:self.s.iv]

    def sizes(self, tags):
        """Every remainder, powers of two that engines may trip over, the MTU, and behind tags a few of each."""
        least, most = self.head + (self.family == 6), self.fits()
        ends = range(most - (1 if tags else 2 * self.s.align), most + 1)
        if tags:
            return [least, least + 1, least + 15, 576, 1500, *ends]
        if self.metadata in (1, 2):  # 0 and 3 are of the same lengths
            return [*range(least, least + self.s.align), 1500, *ends]
        powers = [n + d for n in (128, 256, 512, 1024, 1500, 2048, 4096, 8192) for d in (-1, 0, 1)]
        return [*range(least, least + 2 * self.s.align + 2), *powers, *ends]


def combinations(suite):
    return [Combination(suite, mode, metadata, family) for family in (4, 6)
            for mode, metadata in [('tunnel', m) for m in METADATA] + [('transport', 0)]]


def frame_of(family, tags, packet):
    return MACS + tags + TYPE[family] + packet


def told(c, tags, frame, size):
    """The too-big message about a packet: back to where it came from, with the MTU that is right."""
    assert frame[:14 + len(tags)] == MACS[6:] + MACS[:6] + tags + TYPE[c.family]
    ip = frame[14 + len(tags):]
    kind, mtu = (ip[20:22], ip[26:28]) if c.family == 4 else (ip[40:42], ip[46:48])
    assert (kind, int.from_bytes(mtu, 'big')) == ({4: b'\3\4', 6: b'\2\0'}[c.family], c.fits()), size
    assert ip[c.head + 8:] == packet_of(c.family, size)[:len(ip) - c.head - 8]


@pytest.mark.parametrize('suite', SUITES)
def test_what_leaves_is_what_the_referee_makes(path, suite):
    for c in combinations(suite):
        open_sa(path, suite, c.mode, c.metadata, c.keys)
        sent = 0
        for tags in TAGS:
            for size in c.sizes(tags):
                packet, name = packet_of(c.family, size), (c.mode, c.metadata, c.family, tags.hex(), size)
                verdict, frame = path.run('out', frame_of(c.family, tags, packet))
                assert verdict == 'sent_encrypted', name
                counter, at = FIRST + sent, 14 + len(tags) + c.head + 8
                sent += 1
                seq = (counter if suite in COUNTER_MODE else sent - 1) + 1 & 0xffffffff
                iv = c.iv(counter, SENDER) if suite in COUNTER_MODE else frame[at:at + c.s.iv]
                assert frame == frame_of(c.family, tags, c.sealed(packet, iv, seq)), name
            for size in (c.fits() + 1, MTU):
                verdict, frame = path.run('out', frame_of(c.family, tags, packet_of(c.family, size)))
                assert verdict == 'drop_too_big', (c.mode, c.family, size)
                told(c, tags, frame, size)


@pytest.mark.parametrize('suite', SUITES)
def test_what_the_referee_seals_comes_out_as_it_went_in(path, suite):
    for c in combinations(suite):
        open_sa(path, suite, c.mode, c.metadata, c.keys, OTHER_SENDER)
        for tags in TAGS:
            for i, size in enumerate(c.sizes(tags)):
                packet, name = packet_of(c.family, size), (c.mode, c.metadata, c.family, tags.hex(), size)
                sealed = frame_of(c.family, tags, c.sealed(packet, c.iv(i, SENDER), i + 1))
                assert path.run('in', sealed) == ('received_decrypted', frame_of(c.family, tags, packet)), name
                if i % 4 != 0:
                    continue
                at = len(sealed) - 1 - i // 4 % c.s.icv
                assert path.run('in', sealed[:at] + bytes((sealed[at] ^ 1 << i % 8,)) + sealed[at + 1:]) == ('drop_auth', None), name


def layer_of(family):
    from scapy.layers.inet import IP
    from scapy.layers.inet6 import IPv6
    return IP if family == 4 else IPv6


def scapy_of(c, packet):
    """scapy's association, in tunnel mode with an outer header that is the packet's own; None for what it doesn't know."""
    sa = esp._association(SPI, c.keys, *ADDRESSES[c.family]) if c.metadata == 0 else None
    if sa is not None:
        ip = layer_of(c.family)(packet)
        names = ('src', 'dst', 'tos', 'ttl', 'id', 'flags') if c.family == 4 else ('src', 'dst', 'tc', 'fl', 'hlim')
        sa.tunnel_header = None if c.mode == 'transport' else layer_of(c.family)(**{n: getattr(ip, n) for n in names})
    return sa


@pytest.mark.parametrize('suite', SUITES)
def test_scapy_reads_and_writes_it(path, suite):
    for c in combinations(suite):
        for tags in TAGS:
            for i, size in enumerate((61, 1400, c.fits())):
                packet = packet_of(c.family, size)
                sa = scapy_of(c, packet)
                if sa is None:
                    continue
                name = (c.mode, c.family, tags.hex(), size)
                open_sa(path, suite, c.mode, 0, c.keys)
                verdict, frame = path.run('out', frame_of(c.family, tags, packet))
                assert verdict == 'sent_encrypted', name
                assert bytes(sa.decrypt(layer_of(c.family)(frame[14 + len(tags):]))) == packet, name
                open_sa(path, suite, c.mode, 0, c.keys, OTHER_SENDER)
                sealed = bytes(scapy_of(c, packet).encrypt(layer_of(c.family)(packet), seq_num=i + 1, iv=c.iv(i, SENDER) or None))
                assert path.run('in', frame_of(c.family, tags, sealed)) == ('received_decrypted', frame_of(c.family, tags, packet)), name


if __name__ == '__main__':
    sys.exit(pytest.main(['-q', __file__]))
