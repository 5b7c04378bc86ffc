# SPDX-License-Identifier: BSD-3-Clause
"""What a capture of the WAN says about ESP: which packets, whether an IV was ever used twice, and what is inside.

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
ETHERNET, IPV4, ESP = 1, 0x0800, 50

# One ESP packet: addresses as text, numbers of its header, and the whole IP packet as it was on the wire.
Esp = collections.namedtuple("Esp", "src dst spi seq iv ip")


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


def ip_packets(path, hosts=None):
    """The IPv4 packets of a capture without link-layer padding; with hosts only those from and to one of them."""
    wanted = None if hosts is None else {ipaddress.ip_address(h).packed for h in hosts}
    for frame in frames(path):
        if struct.unpack("!H", frame[12:14])[0] != IPV4:
            continue
        packet = frame[14:14 + struct.unpack("!H", frame[16:18])[0]]
        if wanted is None or packet[12:16] in wanted or packet[16:20] in wanted:
            yield packet


def esp_packets(*paths):
    """The ESP packets of captures, in order."""
    return [parse(p) for path in paths for p in ip_packets(path) if p[9] == ESP]


def parse(packet):
    """An IPv4 packet that carries ESP, as Esp."""
    header = (packet[0] & 15) * 4
    spi, seq = struct.unpack("!II", packet[header:header + 8])
    src, dst = (str(ipaddress.ip_address(packet[i:i + 4])) for i in (12, 16))
    return Esp(src, dst, spi, seq, packet[header + 8:header + 16], packet)


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
    from scapy.layers.inet import IP
    from scapy.layers.ipsec import ESP as ESP_HEADER, SecurityAssociation
    suite, key = keys[spi]
    if not suite.startswith("aes-gcm-"):
        raise ValueError(f"no referee for {suite}")
    return SecurityAssociation(ESP_HEADER, spi=spi, crypt_algo="AES-GCM", crypt_key=key,
                               tunnel_header=IP(src=src, dst=dst))


def decrypt(packet, keys):
    """The inner packet's bytes, by scapy; raises when the ICV is wrong."""
    from scapy.layers.inet import IP
    return bytes(_association(packet.spi, keys, packet.src, packet.dst).decrypt(IP(packet.ip)))


def encrypt(inner, spi, keys, outer_src, outer_dst, sender_id, counter=0, bits=24, seq=1):
    """An ESP packet (bytes) made by scapy around a scapy packet, with an outer header of our choice."""
    iv = ((sender_id << (64 - bits)) | counter).to_bytes(8, "big")
    return bytes(_association(spi, keys, outer_src, outer_dst).encrypt(inner, seq_num=seq, iv=iv))


def main(paths):
    packets = esp_packets(*paths)
    assert_unique_ivs(packets)
    print(f"{len(packets)} ESP packets, no IV twice; sender ids: "
          + ", ".join(f"{i} ({' '.join(sorted(s))})" for i, s in sorted(sender_ids(packets).items())))


if __name__ == "__main__":
    main(sys.argv[1:])
