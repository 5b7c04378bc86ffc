#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
ESP against scapy, both ways (RFC 4303, RFC 4106): what scapy builds the packet path must accept and restore, what the
path builds must be what scapy would have built, octet by octet. scapy puts the outer header together on its own.
esp_vectors.txt holds scapy's answers for the same cases, so that a scapy of another age is noticed:
    esp_test.py --write     writes the file anew
"""
import os
import random
import sys
import time

import pytest
from scapy.all import ESP, ICMP, IP, TCP, UDP, Ether, raw
from scapy.layers.ipsec import SecurityAssociation

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from packet_path import PacketPath  # noqa: E402

VECTORS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'esp_vectors.txt')
SUITES = {'aes-gcm-128': 16, 'aes-gcm-256': 32}
L2 = Ether(src='02:00:00:00:00:01', dst='02:00:00:00:00:02', type=0x800)
SPI = 0x10adbeef


@pytest.fixture(scope='module')
def path():
    with PacketPath() as p:
        yield p


def open_sa(path, suite, key, sender, first):
    path.sa(suite, key, spi=SPI, sender=sender, first=first)


def scapy_esp(suite, key, packet, iv, seq):
    """The frame as it should be on the wire: outer header = inner one with protocol, length and checksum."""
    n = SUITES[suite]
    outer = IP(src=packet.src, dst=packet.dst, tos=packet.tos, ttl=packet.ttl, id=packet.id, flags=packet.flags)
    sa = SecurityAssociation(ESP, spi=SPI, crypt_algo='AES-GCM', crypt_key=key[:n] + key[n:], tunnel_header=outer)
    return raw(L2 / sa.encrypt(packet, seq_num=seq, iv=iv))


def scapy_open(suite, key, frame):
    n = SUITES[suite]
    packet = Ether(frame)[IP]
    sa = SecurityAssociation(ESP, spi=SPI, crypt_algo='AES-GCM', crypt_key=key[:n] + key[n:],
                             tunnel_header=IP(src=packet.src, dst=packet.dst))
    return raw(sa.decrypt(packet))


def packets():
    """Inner packets that say something different each: protocols, lengths around the block edges, TOS, TTL, multicast."""
    yield IP(src='10.1.0.1', dst='10.2.0.1', id=1, flags='DF') / UDP(sport=1, dport=2) / b'x'
    yield IP(src='10.1.0.1', dst='10.2.0.1', id=0xffff, flags='DF', tos=0xb8, ttl=1) / TCP(sport=80, dport=1, flags='S')
    yield IP(src='10.1.255.1', dst='10.2.255.1', id=0, flags='DF', tos=0x02, ttl=255) / ICMP() / b'ping'
    yield IP(src='10.1.0.1', dst='239.1.2.3', id=9, flags='DF', tos=0x2c, ttl=3) / UDP(sport=5, dport=6) / b'group'
    for n in list(range(0, 20)) + [63, 64, 65, 1000, 1417, 1418]:
        yield IP(src='10.1.0.1', dst='10.2.0.9', id=n, flags='DF') / UDP(sport=n, dport=7) / bytes(range(256))[:n % 256] / bytes(n - n % 256)


def cases():
    for suite, n in SUITES.items():
        key = bytes(range(7, 7 + n)) + b'salt'
        for i, packet in enumerate(packets()):
            yield suite, key, 0x010203 + i, 0x1000 + 77 * i, IP(raw(packet))


def expected(suite, key, sender, counter, packet):
    iv = (sender << 40 | counter).to_bytes(8, 'big')
    return scapy_esp(suite, key, packet, iv, (counter + 1) & 0xffffffff)


def vector_lines():
    for suite, key, sender, counter, packet in cases():
        yield ' '.join([suite, key.hex(), f'{sender:x}', f'{counter:x}', (raw(L2) + raw(packet)).hex(),
                        expected(suite, key, sender, counter, packet).hex()])


def test_path_sends_what_scapy_would(path):
    for suite, key, sender, counter, packet in cases():
        open_sa(path, suite, key, sender, counter)
        verdict, frame = path.run('out', raw(L2) + raw(packet))
        assert verdict == 'sent_encrypted'
        assert frame.hex() == expected(suite, key, sender, counter, packet).hex()


def test_path_accepts_what_scapy_sends(path):
    for suite, key, sender, counter, packet in cases():
        open_sa(path, suite, key, 5, 0)
        verdict, frame = path.run('in', expected(suite, key, sender, counter, packet))
        assert verdict == 'received_decrypted'
        assert frame.hex() == (raw(L2) + raw(packet)).hex()


def test_committed_vectors(path):
    lines = open(VECTORS, encoding='ascii').read().splitlines()
    assert len(lines) > 20
    for line in lines:
        suite, key, sender, counter, clear, esp = line.split()
        open_sa(path, suite, bytes.fromhex(key), int(sender, 16), int(counter, 16))
        assert path.run('out', bytes.fromhex(clear)) == ('sent_encrypted', bytes.fromhex(esp))
        open_sa(path, suite, bytes.fromhex(key), 5, 0)
        assert path.run('in', bytes.fromhex(esp)) == ('received_decrypted', bytes.fromhex(clear))


def test_scapy_reads_random_traffic_of_the_path(path):
    seed = int(time.time())
    print('seed', seed)
    r = random.Random(seed)
    for _ in range(150):
        suite = r.choice(sorted(SUITES))
        key = r.randbytes(SUITES[suite] + 4)
        open_sa(path, suite, key, r.randrange(1 << 24), r.randrange(1 << 40))
        packet = IP(src='10.1.%d.%d' % (r.randrange(256), r.randrange(256)), dst='10.2.0.1', tos=r.randrange(256),
                    id=r.randrange(65536), ttl=r.randrange(1, 256), flags=r.choice(['DF', 0])) / UDP(sport=1, dport=2) / \
            r.randbytes(r.randrange(1418))
        verdict, frame = path.run('out', raw(L2) + raw(packet))
        assert verdict == 'sent_encrypted'
        outer = Ether(frame)[IP]
        assert (outer.src, outer.dst, outer.tos, outer.ttl, outer.flags, outer.proto) == \
            (packet.src, packet.dst, packet.tos, packet.ttl, packet.flags, 50)
        checked = outer.copy()
        del checked.chksum
        assert IP(raw(checked)).chksum == outer.chksum
        assert scapy_open(suite, key, frame) == raw(packet)


def test_path_refuses_what_a_member_would_not_send(path):
    """Built by scapy with the right key: authentic, and wrong all the same."""
    suite, key = 'aes-gcm-128', bytes(range(20))
    good = IP(raw(IP(src='10.1.0.1', dst='10.2.0.1') / UDP(sport=1, dport=2) / b'x'))

    def judged(packet, **outer):
        open_sa(path, suite, key, 5, 0)
        sa = SecurityAssociation(ESP, spi=SPI, crypt_algo='AES-GCM', crypt_key=key,
                                 tunnel_header=IP(**{'src': packet.src, 'dst': packet.dst, **outer}))
        return path.run('in', raw(L2 / sa.encrypt(packet, seq_num=1, iv=bytes(8))))[0]

    assert judged(good) == 'received_decrypted'
    assert judged(good, src='10.1.0.2') == 'drop_address_mismatch'
    assert judged(good, dst='10.2.0.2') == 'drop_address_mismatch'
    assert judged(good, tos=3) == 'drop_ecn'
    assert judged(IP(raw(IP(src='10.3.0.1', dst='10.2.0.1') / UDP()))) == 'drop_inner_policy'
    assert judged(IP(raw(IP(src='10.1.0.1', dst='10.2.0.1', flags='MF') / UDP()))) == 'received_decrypted'
    assert judged(IP(raw(IP(src='10.1.0.1', dst='10.2.0.1', flags='MF', proto=17) / b'1234567'))) == 'drop_fragment'
    assert judged(IP(raw(IP(src='10.1.0.1', dst='10.2.0.1', chksum=1) / UDP()))) == 'drop_inner_malformed'
    assert judged(IP(raw(IP(src='10.1.0.1', dst='10.2.0.1', len=99) / UDP()))) == 'drop_inner_malformed'


def test_what_does_not_fit(path):
    """scapy reads our too-big messages: checksums that it makes anew, what is quoted, and the MTU that is right."""
    for tags in (b'', b'\x81\x00\x00\x05', b'\x88\xa8\x00\x05\x81\x00\x00\x06'):
        for size in (1447, 1448, 1500, 1600):
            open_sa(path, 'aes-gcm-128', bytes(20), 5, 0)
            packet = raw(IP(src='10.1.0.1', dst='10.2.0.9', id=size, flags='DF', tos=4) / UDP(sport=1, dport=7) / bytes(size - 28))
            verdict, answer = path.run('out', raw(L2)[:12] + tags + b'\x08\x00' + packet)
            assert verdict == 'drop_too_big' and answer[:12 + len(tags)] == raw(L2)[6:12] + raw(L2)[:6] + tags
            ip = IP(answer[14 + len(tags):])
            assert (ip.src, ip.dst, ip[ICMP].type, ip[ICMP].code, ip[ICMP].nexthopmtu) == ('10.2.0.9', '10.1.0.1', 3, 4, 1446)
            assert raw(ip[ICMP])[8:] == packet[:548] and len(ip) == 576
            again = ip.copy()
            del again.chksum, again[ICMP].chksum
            assert raw(again) == raw(ip)


def test_tcp_offers_are_made_to_fit(path):
    """What scapy thinks of the segment and its checksum after the MSS was lowered, with options around it."""
    for options in ([('MSS', 1460)], [('NOP', None), ('MSS', 65535)], [('WScale', 7), ('MSS', 1407), ('SAckOK', b''), ('Timestamp', (1, 2))],
                    [('MSS', 1406)], [('MSS', 536), ('EOL', None)], []):
        key = bytes(range(20))
        open_sa(path, 'aes-gcm-128', key, 5, 0)
        packet = IP(raw(IP(src='10.1.0.1', dst='10.2.0.9', id=7, flags='DF') / TCP(sport=5, dport=80, flags='S', options=options)))
        verdict, frame = path.run('out', raw(L2) + raw(packet))
        inner = IP(scapy_open('aes-gcm-128', key, frame))
        again = inner.copy()
        del again[TCP].chksum
        assert verdict == 'sent_encrypted' and raw(again) == raw(inner)
        offered = dict(packet[TCP].options).get('MSS')
        assert dict(inner[TCP].options).get('MSS') == (None if offered is None else min(offered, 1406))
        assert [o for o in inner[TCP].options if o[0] != 'MSS'] == [o for o in packet[TCP].options if o[0] != 'MSS']


if __name__ == '__main__':
    if sys.argv[1:] == ['--write']:
        with open(VECTORS, 'w', encoding='ascii') as out:
            out.write('\n'.join(vector_lines()) + '\n')
    else:
        sys.exit(pytest.main(['-q', __file__]))
