#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
Writes the seeds of the target `pipeline`: one file for each way in which ESP, what is inside of it, or what is around it can be
wrong, for every suite where that matters. A file's name says what is in it. What a campaign found is beside them, by another name.

    tests/fuzz/pipeline_seeds.py tests/fuzz/corpus/pipeline
"""
import os
import struct
import sys

INBOUND, INLINE_TAGS, FROM_TAP = 1, 2, 4
TAGGED, WITH_META, SIX, SEALED = 0x10, 0x20, 0x40, 0x80
WRONG_ICV, CHAIN, SHARED, FAR, REPLAYED = 4, 8, 16, 32, 64
KEYS = 9
GCM, STRICT, GMAC, COUNTER, CBC_TIME, NULL, DES, CBC_TRANSPORT, GCM_TRANSPORT = range(KEYS)
META = {STRICT, GMAC, CBC_TIME}
ALIGN = {CBC_TIME: 16, DES: 8, CBC_TRANSPORT: 16}
MACS = bytes.fromhex('020000000002020000000001')


def item(octets, kind=0, how=0):
    return struct.pack('<HBB', len(octets), kind, how) + octets


def total(octets):
    n = sum(struct.unpack(f'!{len(octets) // 2}H', octets))
    while n >> 16:
        n = (n & 0xffff) + (n >> 16)
    return ~n & 0xffff


def ip4(payload, key=GCM, proto=17, options=b'', frag=0x4000, length=None, ihl=None, src=None, dst=None, version=4, tos=0):
    size = 20 + len(options)
    head = struct.pack('!BBHHHBBH', version << 4 | (ihl if ihl is not None else size // 4), tos,
                       size + len(payload) if length is None else length, 7, frag, 64, proto, 0)
    head += (src or bytes((10, 1, key, 1))) + (dst or bytes((10, 2, key, 1))) + options
    return head[:10] + struct.pack('!H', total(head)) + head[12:] + payload


def ip6(payload, key=GCM, proto=17, src=None, dst=None, length=None, hops=64):
    a, b = (bytes.fromhex(f'20010db8000{n}00') + bytes((key,)) + bytes(7) + b'\1' for n in (1, 2))
    return struct.pack('!IHBB', 6 << 28, len(payload) if length is None else length, proto, hops) + (src or a) + (dst or b) + payload


def udp(n=8):
    return struct.pack('!HHHH', 1000, 53, 8 + n, 0) + bytes(n)


def tcp_syn():
    return struct.pack('!HHIIBBHHH', 1000, 80, 1, 0, 0x70, 2, 1000, 0, 0) + bytes.fromhex('020405b4' '01010303')


def text(inner, key=GCM, number=4, pad=None, said=None, meta=0, tfc=0):
    """Payload and trailer for the suite of this key."""
    align, n = ALIGN.get(key, 4), len(inner) + tfc + meta
    pad = bytes(range(1, 1 + -(n + 2) % align)) if pad is None else pad
    return inner + bytes(tfc) + pad + bytes((len(pad) if said is None else said, number))


def ethernet(packet, tags=b'', kind=None):
    return MACS + tags + (kind or {4: b'\x08\0', 6: b'\x86\xdd'}[packet[0] >> 4 if packet else 4]) + packet


def good(key, six=False):
    """The item of a packet that is let in."""
    if key in (CBC_TRANSPORT, GCM_TRANSPORT):
        return item(text(udp(), key, 17), SEALED | key | (SIX if six else 0))
    number, meta = 41 if six else 4, {STRICT: 16, GMAC: 16, CBC_TIME: 12}.get(key, 0)
    inner = (ip6 if six else ip4)(udp(), key)
    return item(text(inner, key, 253 if meta else number, meta=meta), SEALED | key | (SIX if six else 0) | (WITH_META if meta else 0))


def of_esp():
    """Around ESP: cut at each octet, SPIs, sequence numbers, lengths."""
    for key in range(KEYS):
        yield f'good_{key}', good(key) + good(key, six=True)
        yield f'replayed_{key}', good(key) + good(key)[:3] + bytes((REPLAYED,)) + good(key)[4:]
        yield f'late_{key}', good(key)[:3] + bytes((FAR,)) + good(key)[4:]
        yield f'wrong_icv_{key}', good(key)[:3] + bytes((WRONG_ICV,)) + good(key)[4:]
        for n in range(0, 72, 9):  # the fields behind the header, each cut in its middle
            yield f'cut_{key}_{n}', b''.join(item(ethernet(ip4(struct.pack('!II', 0x1000 + key, 1) + bytes(k), key, 50)[:20 + 8 + k]))
                                             for k in range(n, n + 8))
    yield 'shorter_than_an_spi', b''.join(item(ethernet(ip4(bytes(n), GCM, 50))) for n in range(8))
    yield 'reserved_spis', b''.join(item(ethernet(ip4(struct.pack('!II', spi, 0) + bytes(40), GCM, 50))) for spi in (0, 1, 255, 256, 0xffffffff))
    yield 'esp_in_udp', item(ethernet(ip4(struct.pack('!HHHH', 4500, 4500, 60, 0) + struct.pack('!II', 0x1000, 1) + bytes(40), GCM)))
    yield 'outer_options', item(ethernet(ip4(struct.pack('!II', 0x1000, 1) + bytes(40), GCM, 50, options=bytes.fromhex('07070400000000' '00'))))
    yield 'outer_extension', item(ethernet(ip6(bytes.fromhex('3200010400000000') + struct.pack('!II', 0x1000, 1) + bytes(40), GCM, 60)))


def of_trailers():
    inner = ip4(udp())
    yield 'dummy', item(text(bytes(20), number=59), SEALED) + item(text(inner, number=59), SEALED)
    yield 'nothing', item(text(b''), SEALED) + item(text(b'', number=59), SEALED)
    yield 'pad_longer_than_text', b''.join(item(text(inner, key, pad=bytes(-(len(inner) + 2) % ALIGN.get(key, 4)), said=n), SEALED | key)
                                            for key in (GCM, NULL) for n in (len(inner), len(inner) + 2, len(inner) + 3, 100, 255)[:4])
    yield 'pad_wrong', b''.join(item(text(inner, pad=p), SEALED) for p in (b'\0\0', b'\2\1', b'\1\3', b'\1\2\3\4\5\7'))
    yield 'pad_255', item(text(inner, pad=bytes(range(1, 1 + 254))), SEALED)
    yield 'tfc', item(text(inner, tfc=200), SEALED) + item(text(ip6(udp()), number=41, tfc=200), SEALED | SIX)
    for first in range(0, 256, 8):
        yield f'next_{first}', b''.join(item(text(inner, number=n), SEALED) for n in range(first, first + 8))
    yield 'other_family', item(text(ip6(udp()), number=41), SEALED) + item(text(inner), SEALED | SIX) + item(text(ip6(udp())), SEALED)


def of_metadata():
    for key in META:
        inner = ip4(udp(), key)
        head = {STRICT: '04130400', GMAC: '04120400', CBC_TIME: '04110300'}[key]
        size = 12 if key == CBC_TIME else 16
        for at in range(4):
            octets = bytearray.fromhex(head) + bytes(size - 4)
            octets[at] ^= 1
            yield f'meta_{key}_wrong_{at}', item(text(bytes(octets) + inner, key, 253), SEALED | key)
        yield f'meta_{key}_missing', item(text(inner, key), SEALED | key)
        yield f'meta_{key}_alone', item(text(b'', key, 253, meta=size), SEALED | WITH_META | key)
        yield f'meta_{key}_cut', b''.join(item(text(bytes.fromhex(head)[:n], key, 253), SEALED | key) for n in range(5))
    yield 'meta_unasked', item(text(bytes.fromhex('04110300') + bytes(8) + ip4(udp()), number=253), SEALED)


def of_inner():
    lies = {
        'version': [ip4(udp(), version=v) for v in (0, 5, 6, 15)],
        'ihl': [ip4(udp(), ihl=n) for n in (0, 1, 4, 6, 15)],
        'length': [ip4(udp(), length=n) for n in (0, 19, 20, 23, 35, 37, 65535)],
        'checksum': [ip4(udp())[:10] + b'\1\1' + ip4(udp())[12:]],
        'options': [ip4(udp(), options=bytes.fromhex(o)) for o in ('83070400000000' '00', '89070400000000' '00', '07070400000000' '00',
                                                                   '0700040000000000', '07ff040000000000', '01010101', '00000000', '94040000')],
        'fragment': [ip4(udp(), frag=f) for f in (0x2000, 1, 2, 0x1fff, 0x3fff, 0x8000)] + [ip4(b'1234567', frag=0x2000), ip4(b'', frag=0x2000)],
        'addresses': [ip4(udp(), src=bytes(a)) for a in ((10, 1, 0, 2), (224, 0, 0, 1), (127, 0, 0, 1), (0, 0, 0, 0), (10, 9, 9, 9))] +
                     [ip4(udp(), dst=bytes(a)) for a in ((10, 2, 0, 2), (255, 255, 255, 255), (127, 0, 0, 1))],
        'esp_in_esp': [ip4(struct.pack('!II', 0x1000, 1) + bytes(40), proto=50), ip4(bytes(24), proto=51)],
        'short': [b'', b'\x45', ip4(b'')[:19], ip4(b''), ip4(b'', proto=6), ip4(b'\0\1', proto=6), ip4(udp())[:24]],
        'syn': [ip4(tcp_syn(), proto=6), ip4(tcp_syn()[:24], proto=6), ip4(tcp_syn()[:12] + b'\xf0' + tcp_syn()[13:], proto=6)],
        'ecn': [ip4(udp(), tos=t) for t in range(4)],
    }
    for name, packets in lies.items():
        yield f'inner_{name}', b''.join(item(text(p), SEALED | GCM, how=3 if name == 'ecn' else 0) for p in packets[:8])
        yield f'inner_{name}_cbc', b''.join(item(text(p, CBC_TIME, 253, meta=12), SEALED | WITH_META | CBC_TIME) for p in packets[:8])
    lies = {
        'length': [ip6(udp(), length=n) for n in (0, 1, 3, 15, 17, 65535)],
        'hop_by_hop': [ip6(bytes.fromhex(h) + udp(), proto=0) for h in ('1100010400000000', '11000502000001' '00', '1100c20400010000', '11ff010400000000')],
        'routing': [ip6(bytes.fromhex(h) + bytes(16) + udp(), proto=43) for h in ('1102000100000000', '1102020100000000', '1102030000000000')],
        'destination': [ip6(bytes.fromhex('1100010400000000') + udp(), proto=60), ip6(bytes.fromhex('0000010400000000') + udp(), proto=60)],
        'fragment': [ip6(bytes((17, 0)) + struct.pack('!HI', f, 9) + udp(), proto=44) for f in (0, 1, 8, 9, 0xfff8)],
        'sixty_deep': [ip6(b''.join(bytes((60, 0, 1, 4)) + bytes(4) for _ in range(60)) + bytes(8), proto=60)],
        'addresses': [ip6(udp(), src=bytes(15) + b'\1'), ip6(udp(), src=b'\xff' + bytes(15)), ip6(udp(), dst=bytes(16))],
        'discovery': [ip6(bytes.fromhex('8700000000000000') + bytes(16), proto=58, hops=255)],
        'syn': [ip6(tcp_syn(), proto=6), ip6(tcp_syn()[:4], proto=6)],
        'short': [ip6(b'')[:39], ip6(b''), ip6(b'\0')],
    }
    for name, packets in lies.items():
        yield f'inner6_{name}', b''.join(item(text(p, number=41), SEALED | SIX | GCM) for p in packets[:8])


def of_transport():
    for key in (CBC_TRANSPORT, GCM_TRANSPORT):
        for proto in (0, 1, 4, 6, 17, 41, 44, 50, 59, 60, 253):
            yield f'transport_{key}_{proto}', b''.join(item(text(p, key, proto), SEALED | key | six) for six in (0, SIX)
                                                       for p in (b'', udp(0)[:3], tcp_syn()))


def of_pieces():
    esp = struct.pack('!II', 0x1000, 1) + bytes(200)
    cuts = {'whole': [(0, 104, 1), (104, 208, 0)], 'backwards': [(104, 208, 0), (0, 104, 1)], 'overlap': [(0, 104, 1), (96, 208, 0)],
            'twice': [(0, 104, 1), (0, 104, 1)], 'two_ends': [(104, 208, 0), (104, 200, 0)], 'beyond': [(104, 160, 0), (160, 208, 1)],
            'tiny': [(0, 4, 1)], 'odd': [(0, 103, 1)], 'death': [(65528 - 8, 65528, 0)], 'empty': [(8, 8, 1)]}
    for name, pieces in cuts.items():
        four = [item(ethernet(ip4(esp[a:b] or bytes(b - a), GCM, 50, frag=a // 8 | more << 13))) for a, b, more in pieces]
        six = [item(ethernet(ip6(bytes((50, 0)) + struct.pack('!HI', a | more, 9) + (esp[a:b] or bytes(b - a)), GCM, 44))) for a, b, more in pieces]
        yield f'pieces_{name}', b''.join(four)
        yield f'pieces6_{name}', b''.join(six)


def of_frames():
    """Both ways: these are written with and without INBOUND."""
    tagged = bytes.fromhex('81000007')
    four, six = ip4(udp(60)), ip6(udp(60))
    yield 'plain', item(ethernet(four)) + item(ethernet(six)) + item(ethernet(four, tagged)) + item(ethernet(six, tagged * 2))
    yield 'deep_tags', b''.join(item(ethernet(four, tagged * n)) for n in (3, 4, 8, 9))
    yield 'snap', item(ethernet(bytes.fromhex('aaaa030000000800') + four, kind=struct.pack('!H', len(four) + 8)))
    yield 'cut_headers', b''.join(item(ethernet(four, tagged)[:n]) for n in (14, 15, 16, 17, 18, 30, 38))
    yield 'clear_options', b''.join(item(ethernet(ip4(udp(), options=bytes.fromhex(o)))) for o in ('8307040000000000', '9404000000000000', '07ff0400'))
    yield 'clear_fragments', b''.join(item(ethernet(ip4(udp(), frag=f))) for f in (0x2000, 1, 185, 0x1fff))
    yield 'clear_extensions', b''.join(item(ethernet(ip6(bytes.fromhex(h) + udp(), proto=n))) for n, h in
                                       ((0, '1100010400000000'), (43, '1100000100000000'), (44, '1100000100000009'), (60, '1100010400000000'), (135, '1100010400000000')))
    yield 'cut_extensions', b''.join(item(ethernet(ip6(bytes((17, n, 1, 4)) + bytes(4) + bytes(rest), proto=kind)))
                                     for kind in (0, 43, 60, 135) for n, rest in ((1, 0), (3, 16)))
    yield 'segments', item(ethernet(four), how=CHAIN) + item(ethernet(six), how=SHARED) + item(ethernet(four), how=CHAIN | SHARED)
    yield 'too_big', b''.join(item(ethernet(p)) for p in (ip4(udp(1500)), ip4(udp(1500), frag=0), ip6(udp(1500)), ip4(udp(8900), frag=0), ip4(udp(8900))))
    yield 'many_pieces', b''.join(item(ethernet(ip4(udp(8900), key, frag=0))) for key in range(7))
    yield 'group_tag', b''.join(item(ethernet(p, tags + bytes.fromhex('8909010100010064'))) for tags in (b'', tagged) for p in (four, six))
    yield 'group_tag_broken', b''.join(item(ethernet(four, bytes.fromhex(h))) for h in ('8909020100010064', '8909010200010064', '8909010100020064', '89090101'))
    yield 'group_tag_twice', item(ethernet(four, bytes.fromhex('89090101000100648909010100010065')))
    yield 'arp', item(ethernet(bytes.fromhex('0001080006040001') + bytes(6) + bytes((10, 1, 0, 1)) + bytes(6) + bytes((10, 9, 9, 9)), kind=b'\x08\6'))
    yield 'ike', item(ethernet(ip4(struct.pack('!HHHH', 848, 848, 8, 0), src=bytes((10, 9, 9, 9)), dst=bytes((10, 0, 0, 1))))) + \
        item(ethernet(ip4(struct.pack('!HHHH', 848, 848, 8, 0), dst=bytes((10, 9, 9, 9)))))
    yield 'syn', item(ethernet(ip4(tcp_syn(), proto=6))) + item(ethernet(ip6(tcp_syn(), proto=6))) + item(ethernet(ip4(tcp_syn()[:4], proto=6)))
    yield 'wan_says_too_big', item(ethernet(ip4(bytes.fromhex('0304000000000500') + ip4(struct.pack('!II', 0x1000, 1), proto=50), proto=1,
                                               src=bytes((192, 0, 2, 1)), dst=bytes((10, 1, 0, 1)))))
    for key in range(KEYS):
        yield f'of_key_{key}', b''.join(item(ethernet(make(udp(n), key), tags)) for make in (ip4, ip6) for tags in (b'', tagged) for n in (0, 70))


def main(folder):
    for make in (of_frames, of_esp, of_trailers, of_metadata, of_inner, of_transport, of_pieces):
        for name, octets in make():
            ways = {'in': INBOUND | INLINE_TAGS}
            if make is of_frames:
                ways = {'in': INBOUND, 'out': 0, 'out_inline': INLINE_TAGS, 'tap': FROM_TAP}
            for way, flags in ways.items():
                with open(os.path.join(folder, f'{way}_{name}'), 'wb') as f:
                    f.write(bytes((flags,)) + octets)


if __name__ == '__main__':
    main(sys.argv[1])
