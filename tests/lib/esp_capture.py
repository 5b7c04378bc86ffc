# SPDX-License-Identifier: BSD-3-Clause
"""What a capture of the WAN says about ESP, in both families and behind VLAN tags: which packets, whether an IV was ever
used twice, and what is inside.

    packets = esp_packets(capture.stop())
    assert_unique_ivs(packets)                       # fails on a repeated (SPI, IV): RFC 4106, RFC 6054
    texts = [decrypt(p, keys) for p in packets]      # esp_suites.py and scapy decrypt, not we: independent referees

Keys come from GVPN_KEYLOG (docs/testing.md): `esp <spi> <suite> <key+salt in hex> [<integrity key>]`. As a program it judges
captures (of suites with IVs of 8 octets):

    /usr/bin/python3 tests/lib/esp_capture.py FILE.pcap...
"""

import collections
import ipaddress
import struct
import sys

from esp_suites import COUNTER_MODE, META, SUITES, meta_of, open_esp, seal_esp

PCAP_MAGIC = {b"\xd4\xc3\xb2\xa1": "<", b"\x4d\x3c\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">", b"\xa1\xb2\x3c\x4d": ">"}
ETHERNET, ESP = 1, 50
FAMILY = {0x0800: 4, 0x86dd: 6}
TAGS = (0x8100, 0x88a8, 0x9100)
ND = range(133, 138)  # types of ICMPv6 that are neighbour discovery (RFC 4861)

# One ESP packet: addresses as text, numbers of its header, the whole IP packet as it was on the wire, its VLAN tags.
Esp = collections.namedtuple("Esp", "src dst spi seq iv ip tags")

# What a header says, with addresses as text; size is its own.
Header = collections.namedtuple("Header", "src dst proto size")


def frames(path):
    """The frames of a pcap file (Ethernet)."""
    with open(path, "rb") as f:
        raw = f.read()
    if len(raw) < 24:
        return  # tcpdump has just begun
    order = PCAP_MAGIC.get(raw[:4])
    if order is None or struct.unpack(order + "I", raw[20:24])[0] != ETHERNET:
        raise ValueError(f"{path} is not a pcap file of Ethernet frames")
    at = 24
    while at + 16 <= len(raw):
        size = struct.unpack(order + "I", raw[at + 8:at + 12])[0]
        if at + 16 + size > len(raw):
            return  # cut by the end of tcpdump
        yield raw[at + 16:at + 16 + size]
        at += 16 + size


def split(frame):
    """(tags, type, the rest) of a frame."""
    at = 12
    while at + 2 <= len(frame) and (kind := struct.unpack("!H", frame[at:at + 2])[0]) in TAGS:
        at += 4
    return frame[12:at], struct.unpack("!H", frame[at:at + 2])[0], frame[at + 2:]


def tagged_packets(path, hosts=None, families=(4,)):
    """(tags, IP packet) of these families in a capture, without link-layer padding; with hosts only those from and to one
    of them.
    """
    wanted = None if hosts is None else {str(ipaddress.ip_address(h)) for h in hosts}
    for frame in frames(path):
        tags, kind, rest = split(frame)
        family = FAMILY.get(kind)
        if family not in families:
            continue
        size = struct.unpack("!H", rest[2:4])[0] if family == 4 else 40 + struct.unpack("!H", rest[4:6])[0]
        packet = rest[:size]
        head = header(packet)
        if wanted is None or head.src in wanted or head.dst in wanted:
            yield tags, packet


def ip_packets(path, hosts=None, families=(4,)):
    """The same without tags."""
    return (packet for _, packet in tagged_packets(path, hosts, families))


def to_host(capture, host, count):
    """Stops a capture when `count` IP packets of either family to a host are in it, and returns those that are."""
    def found(path):
        return [p for p in ip_packets(path, families=(4, 6)) if header(p).dst in host]

    return found(capture.wait(count, found).stop())


def header(packet):
    """What the header of an IP packet says."""
    if packet[0] >> 4 == 4:
        src, dst, proto, size = packet[12:16], packet[16:20], packet[9], (packet[0] & 15) * 4
    else:
        src, dst, proto, size = packet[8:24], packet[24:40], packet[6], 40
    return Header(str(ipaddress.ip_address(src)), str(ipaddress.ip_address(dst)), proto, size)


def is_nd(packet):
    """Neighbour discovery: what passes in clear, whatever the policy (docs/packet.md)."""
    return packet[0] >> 4 == 6 and packet[6] == 58 and packet[7] == 255 and packet[40] in ND


def esp_packets(*paths):
    """The ESP packets of captures, of both families, in order."""
    return [parse(p, tags) for path in paths for tags, p in tagged_packets(path, families=(4, 6)) if header(p).proto == ESP]


def parse(packet, tags=b""):
    """An IP packet that carries ESP, as Esp."""
    head = header(packet)
    spi, seq = struct.unpack("!II", packet[head.size:head.size + 8])
    return Esp(head.src, head.dst, spi, seq, packet[head.size + 8:head.size + 16], packet, tags)


def with_iv(packet, keys):
    """The packet with the IV that its suite has: 0, 8 or 16 octets. Esp of captures have 8, as counter modes do."""
    at = header(packet.ip).size + 8
    return packet._replace(iv=packet.ip[at:at + SUITES[keys[packet.spi][0]].iv])


def assert_unique_ivs(packets):
    """Fails when two packets of one interface carry the same SPI and IV (at another interface a packet is seen again)."""
    seen = {}
    for number, p in enumerate(packets):
        first = seen.setdefault((p.spi, p.iv), number)
        assert first == number, (f"IV {p.iv.hex()} of SPI 0x{p.spi:08x} was used twice: by packet {first} "
                                 f"({packets[first].src} > {packets[first].dst}, seq {packets[first].seq}) and packet "
                                 f"{number} ({p.src} > {p.dst}, seq {p.seq})")


def sender_ids(packets, bits=24):
    """Sender id -> the source addresses that used it: the leftmost bits of the IV (RFC 6054)."""
    ids = collections.defaultdict(set)
    for p in packets:
        ids[int.from_bytes(p.iv, "big") >> (64 - bits)].add(p.src)
    return dict(ids)


def read_keys(path):
    """SPI -> (suite, key and salt) or (suite, key, integrity key) from a key log; keys of IKE are left out."""
    keys = {}
    with open(path, encoding="ascii") as f:
        for line in f:
            words = line.split()
            if words and words[0] == "esp":
                spi, name, *rest = words[1:]
                rest = [bytes.fromhex(w) for w in rest]
                suite = SUITES[name]
                if suite.key == 0:
                    rest.insert(0, b"")  # NULL has an integrity key alone
                assert len(rest) == (1 if suite.hash is None else 2), line
                keys[int(spi, 16)] = (name, *rest)
    return keys


SCAPY_CIPHERS = {"gcm": "AES-GCM", "chacha": "CHACHA20-POLY1305", "aes-cbc": "AES-CBC", "3des-cbc": "3DES", "null": "NULL"}
SCAPY_HASHES = {"sha1": "HMAC-SHA1-96", "sha256": "SHA2-256-128", "sha384": "SHA2-384-192", "sha512": "SHA2-512-256"}


def _association(spi, keys, src, dst):
    """scapy's, in tunnel mode; None for what scapy doesn't know: GMAC."""
    from scapy.layers.ipsec import ESP as ESP_HEADER, SecurityAssociation
    name, key, *integrity = keys[spi]
    suite = SUITES[name]
    if suite.cipher not in SCAPY_CIPHERS:
        return None
    more = {"auth_algo": SCAPY_HASHES[suite.hash], "auth_key": integrity[0]} if integrity else {}
    return SecurityAssociation(ESP_HEADER, spi=spi, crypt_algo=SCAPY_CIPHERS[suite.cipher], crypt_key=key or None,
                               tunnel_header=_layer(src)(src=src, dst=dst), **more)


def _layer(address):
    from scapy.layers.inet import IP
    from scapy.layers.inet6 import IPv6
    return IPv6 if ":" in address else IP


def opened(packet, keys):
    """What is inside a packet: esp_suites.Opened; raises WrongIcv."""
    return open_esp(packet.ip[header(packet.ip).size:], keys)


def restored(packet, inside):
    """Transport mode: the packet as it was before it was protected."""
    size, length = header(packet.ip).size, header(packet.ip).size + len(inside.payload)
    head = bytearray(packet.ip[:size])
    if head[0] >> 4 == 6:
        head[4:6], head[6] = struct.pack("!H", length - 40), inside.next_header
        return bytes(head) + inside.payload
    head[2:4], head[9], head[10:12] = struct.pack("!H", length), inside.next_header, b"\0\0"
    total = sum(struct.unpack(f"!{size // 2}H", head))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    head[10:12] = struct.pack("!H", ~total & 0xffff)
    return bytes(head) + inside.payload


def decrypt(packet, keys):
    """The packet that is protected, without metadata; raises when the ICV is wrong. Tunnel mode is told by the next header. In
    tunnel mode scapy must open it to the same, where it knows the suite and what is inside.
    """
    inside = opened(packet, keys)
    _, inner = meta_of(inside)
    if inside.next_header not in (4, 41, META):
        return restored(packet, inside)
    sa = _association(packet.spi, keys, packet.src, packet.dst)
    if sa is not None and inside.next_header != META:
        assert bytes(sa.decrypt(_layer(packet.src)(packet.ip))) == inner, "scapy is of another opinion"
    return inner


def encrypt(inner, spi, keys, outer_src, outer_dst, sender_id, counter=0, bits=24, seq=1, **outer):
    """An ESP packet (bytes) made by scapy around a scapy packet, with an outer header of our choice: addresses, and fields
    as scapy calls them. For counter modes.
    """
    sa = _association(spi, keys, outer_src, outer_dst)
    for name, value in outer.items():
        setattr(sa.tunnel_header, name, value)
    return bytes(sa.encrypt(inner, seq_num=seq, iv=_iv(sender_id, counter, bits)))


def _iv(sender_id, counter, bits):
    return ((sender_id << (64 - bits)) | counter).to_bytes(8, "big")


def seal(payload, next_header, spi, keys, outer_src, outer_dst, sender_id=0, counter=0, bits=24, pad=None, seq=1):
    """An ESP packet (bytes) around any octets, also such as scapy doesn't make. IVs of CBC are random."""
    iv = _iv(sender_id, counter, bits) if keys[spi][0] in COUNTER_MODE else None
    layer = _layer(outer_src)
    number = {"nh" if ":" in outer_src else "proto": ESP}
    return bytes(layer(src=outer_src, dst=outer_dst, **number) / seal_esp(payload, next_header, spi, keys, iv, seq, pad))


def main(paths):
    packets = esp_packets(*paths)
    assert_unique_ivs(packets)
    print(f"{len(packets)} ESP packets, no IV twice; sender ids: "
          + ", ".join(f"{i} ({' '.join(sorted(s))})" for i, s in sorted(sender_ids(packets).items())))


if __name__ == "__main__":
    main(sys.argv[1:])
