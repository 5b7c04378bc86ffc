#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
The examples of docs/packet.md, octet by octet: they are what the referee makes, the packet path makes the same (IVs of block ciphers
are random: from those it takes the shown packet apart only) and gives the packet before for the packet after.
    packet_md_test.py --write      prints the section as it should be
"""
import os
import struct
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from path_test import COUNTER_MODE, HEAD, MACS, NEXT, SUITES, TYPE, checksum  # noqa: E402
from esp_suites import META, meta, seal_esp  # noqa: E402
from packet_path import PacketPath  # noqa: E402

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'docs', 'packet.md')
SPI, SENDER, COUNTER, TIME_MS, TAG = 0x10adbeef, 0xabcdef, 0x41, 0x1b7740, 100
IV = bytes(range(0xa0, 0xb0))
UDP = struct.pack('!HHHH', 1000, 53, 12, 0) + b'gvpn'
GROUP_TAG = struct.pack('!HBBHH', 0x8909, 1, 1, 1, TAG)
VLAN = bytes.fromhex('81000007')
INTEGRITY = {'sha1': 20, 'sha256': 32, 'sha384': 48, 'sha512': 64}

# suite, mode, family, metadata of the SA, what the frame brings in front of its type
EXAMPLES = (
    ('aes-gcm-128', 'tunnel', 4, 0, b''),
    ('aes-gcm-256', 'tunnel', 6, 1, VLAN),
    ('aes-gmac-128', 'tunnel', 4, 3, GROUP_TAG),
    ('chacha20-poly1305', 'transport', 4, 0, b''),
    ('aes-cbc-128/hmac-sha256-128', 'tunnel', 4, 0, b''),
    ('null/hmac-sha1-96', 'transport', 6, 0, b''),
    ('3des-cbc/hmac-sha1-96', 'tunnel', 4, 2, b''),
)


def keys_of(suite):
    """Keys count up from 0, salts are `salt`, integrity keys count up from 128."""
    s = SUITES[suite]
    if s.hash is None:
        return {SPI: (suite, bytes(range(s.key)) + b'salt')}
    return {SPI: (suite, bytes(range(s.key)), bytes(range(128, 128 + INTEGRITY[s.hash])))}


def ip_header(family, size, proto):
    if family == 6:
        return struct.pack('!IHBB', 6 << 28 | 0xb8 << 20 | 0x12345, size - 40, proto, 63) + \
            bytes.fromhex('20010db8000100000000000000000001' '20010db8000200000000000000000001')
    head = struct.pack('!BBHHHBBH', 0x45, 0xb8, size, 7, 0x4000, 63, proto, 0) + bytes((10, 1, 0, 1, 10, 2, 0, 1))
    return head[:10] + struct.pack('!H', checksum(head)) + head[12:]


def example(suite, mode, family, metadata, front):
    """Two lists of (field, octets): the frame before and after."""
    s, keys = SUITES[suite], keys_of(suite)
    inner = ip_header(family, HEAD[family] + len(UDP), 17)
    tagged = front == GROUP_TAG
    before = [('Ethernet', MACS + (b'' if tagged else front) + (b'' if tagged else TYPE[family]))]
    if tagged:
        before.append(('group tag', front + TYPE[family]))
    before += [('IP', inner), ('payload', UDP)]
    header = meta(NEXT[family], TIME_MS if metadata & 1 else None, TAG if metadata & 2 else None) if metadata else b''
    payload, number = (UDP, 17) if mode == 'transport' else (header + inner + UDP, META if metadata else NEXT[family])
    iv = (SENDER << 40 | COUNTER).to_bytes(8, 'big') if suite in COUNTER_MODE else IV[:s.iv]
    seq = COUNTER + 1 if suite in COUNTER_MODE else 1
    sealed = seal_esp(payload, number, SPI, keys, iv=iv, seq=seq)
    text = sealed[8 + s.iv:len(sealed) - s.icv]
    parts = [('text', text)]
    if s.cipher in ('gmac', 'null'):
        parts = [('metadata', header)] if header else []
        parts += [('IP', inner)] if mode == 'tunnel' else []
        parts += [('payload', UDP), ('trailer', text[len(payload):])]
    after = [('Ethernet', MACS + (b'' if tagged else front) + TYPE[family]), ('outer IP', ip_header(family, HEAD[family] + len(sealed), 50)),
             ('SPI, sequence', sealed[:8]), ('IV', iv), *parts, ('ICV', sealed[len(sealed) - s.icv:])]
    return before, [(name, octets) for name, octets in after if octets]


def lines_of(title, fields):
    for i, (name, octets) in enumerate(fields):
        for at in range(0, len(octets), 24):
            yield f'    {title if i == at == 0 else "":8}{name if at == 0 else "":15}{octets[at:at + 24].hex(" ")}'


def section():
    for suite, mode, family, metadata, front in EXAMPLES:
        header = {0: '', 1: ', time replay', 2: ', `tag: sgt`', 3: ', time replay, `tag: sgt`'}[metadata]
        extra = {VLAN: ', VLAN 7', GROUP_TAG: ', `sgt: inline`'}.get(front, '')
        yield f'`{suite}`, {mode} mode, IPv{family}{header}{extra}:'
        yield ''
        before, after = example(suite, mode, family, metadata, front)
        yield from lines_of('before', before)
        yield from lines_of('after', after)
        yield ''


def octets(fields):
    return b''.join(o for _, o in fields)


def test_the_page_shows_what_the_referee_makes():
    with open(PAGE, encoding='utf-8') as f:
        page = f.read()
    wanted = '\n'.join(section())
    assert wanted.rstrip('\n') in page, 'docs/packet.md is behind: tests/oracle/packet_md_test.py --write prints what belongs there'


@pytest.fixture(scope='module')
def path():
    with PacketPath() as p:
        yield p


def open_sa(path, suite, mode, metadata, front, sender):
    _, *texts = keys_of(suite)[SPI]
    path.sa(suite, *texts, spi=SPI, sender=sender, first=COUNTER, mode=mode, metadata=metadata,
            tag=TAG if metadata & 2 and front != GROUP_TAG else 0, tags_inline=front == GROUP_TAG, time_ms=TIME_MS)


@pytest.mark.parametrize('suite,mode,family,metadata,front', EXAMPLES)
def test_the_path_makes_it_and_takes_it_apart(path, suite, mode, family, metadata, front):
    before, after = (octets(x) for x in example(suite, mode, family, metadata, front))
    open_sa(path, suite, mode, metadata, front, SENDER)
    verdict, frame = path.run('out', before)
    assert verdict == 'sent_encrypted' and len(frame) == len(after)
    if SUITES[suite].iv == 0 or suite in COUNTER_MODE:
        assert frame.hex() == after.hex()
    open_sa(path, suite, mode, metadata, front, 5)
    assert path.run('in', after) == ('received_decrypted', before)


if __name__ == '__main__':
    if sys.argv[1:] == ['--write']:
        print('\n'.join(section()))
    else:
        sys.exit(pytest.main(['-q', __file__]))
