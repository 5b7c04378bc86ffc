# SPDX-License-Identifier: BSD-3-Clause
"""What a capture of the WAN says about ESP, in both families and behind VLAN tags: which packets, whether an IV was ever
used twice, and what is inside.

    packets = esp_packets(capture.stop())
    assert_unique_ivs(packets)                       # fails on a repeated (SPI, IV): RFC 4106, RFC 6054
    texts = [decrypt(p, keys) for p in packets]      # scapy decrypts, not we: an independent referee

Keys come from GVPN_KEYLOG (docs/testing.md): `esp <spi> <suite> <key+salt in hex>`. As a program it judges captures:

    /usr/bin/python3 tests/lib/esp_capture.py FILE.pcap...
"""

import collections
import ipaddress
import struct
import sys

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
    """SPI -> (suite, key and salt) from a key log; keys of IKE are left out."""
    keys = {}
    with open(path, encoding="ascii") as f:
        for line in f:
            words = line.split()
            if words and words[0] == "esp":
                keys[int(words[1], 16)] = (words[2], bytes.fromhex(words[3]))
    return keys


def _association(spi, keys, src, dst):
    from scapy.layers.ipsec import ESP as ESP_HEADER, SecurityAssociation
    suite, key = keys[spi]
    if not suite.startswith("aes-gcm-"):
        raise ValueError(f"no referee for {suite}")
    return SecurityAssociation(ESP_HEADER, spi=spi, crypt_algo="AES-GCM", crypt_key=key,
                               tunnel_header=_layer(src)(src=src, dst=dst))


def _layer(address):
    from scapy.layers.inet import IP
    from scapy.layers.inet6 import IPv6
    return IPv6 if ":" in address else IP


def decrypt(packet, keys):
    """The inner packet's bytes, by scapy; raises when the ICV is wrong."""
    return bytes(_association(packet.spi, keys, packet.src, packet.dst).decrypt(_layer(packet.src)(packet.ip)))


def encrypt(inner, spi, keys, outer_src, outer_dst, sender_id, counter=0, bits=24, seq=1, **outer):
    """An ESP packet (bytes) made by scapy around a scapy packet, with an outer header of our choice: addresses, and fields
    as scapy calls them.
    """
    sa = _association(spi, keys, outer_src, outer_dst)
    for name, value in outer.items():
        setattr(sa.tunnel_header, name, value)
    iv = ((sender_id << (64 - bits)) | counter).to_bytes(8, "big")
    return bytes(sa.encrypt(inner, seq_num=seq, iv=iv))


def seal(payload, next_header, spi, keys, outer_src, outer_dst, sender_id, counter=0, bits=24, pad=None):
    """An ESP packet (bytes) around any octets, also such as scapy doesn't make: sealed by `cryptography` (RFC 4106)."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    suite, key = keys[spi]
    if not suite.startswith("aes-gcm-"):
        raise ValueError(f"no referee for {suite}")
    pad = bytes(range(1, 1 + -(len(payload) + 2) % 4)) if pad is None else pad
    front, iv = struct.pack("!II", spi, 1), ((sender_id << (64 - bits)) | counter).to_bytes(8, "big")
    text = AESGCM(key[:-4]).encrypt(key[-4:] + iv, payload + pad + bytes((len(pad), next_header)), front)
    layer = _layer(outer_src)
    number = {"nh" if ":" in outer_src else "proto": ESP}
    return bytes(layer(src=outer_src, dst=outer_dst, **number) / (front + iv + text))


def main(paths):
    packets = esp_packets(*paths)
    assert_unique_ivs(packets)
    print(f"{len(packets)} ESP packets, no IV twice; sender ids: "
          + ", ".join(f"{i} ({' '.join(sorted(s))})" for i, s in sorted(sender_ids(packets).items())))


if __name__ == "__main__":
    main(sys.argv[1:])
