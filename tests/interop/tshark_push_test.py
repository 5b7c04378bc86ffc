# SPDX-License-Identifier: BSD-3-Clause
"""tshark judges rekeys and their acknowledgements (RFC 6407 4, 5; RFC 8263 3), as ctrl/push makes them.

tshark knows no KEK: it decrypts only what follows a main mode that it saw, and takes the last block of the message before
for an IV. So the capture begins with a main mode under the KEK's cookies, and before each rekey stands a message whose
last block is the KEK's IV; these are made up here and not looked at. It doesn't verify signatures: tests/oracle does.
"""
import os
import random
import struct
import subprocess
import sys

import pytest

for folder in ("lib", "oracle"):
    sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", folder))
import dissect  # noqa: E402
import gdoi_vectors as gdoi  # noqa: E402
import push_vectors as oracle  # noqa: E402

SERVER, MEMBER = bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))
SA, KE, NONCE, DELETE, HASH, SIG, ID, KD, SEQ = 1, 4, 10, 12, 8, 9, 5, 17, 18


def frame(source, destination, message):
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 28 + len(message), 0, 0, 64, 17, 0) + source + destination
    return bytes(12) + b"\x08\0" + ip + struct.pack(">HHHH", 848, 848, 8 + len(message), 0) + message


def ike(spi, first, exchange, flags, body):
    return oracle.HEADER.pack(spi, first, 0x10, exchange, flags, 0, oracle.HEADER.size + len(body)) + body


def main_mode(kek):
    """Messages 1 to 4: what tshark needs to know the cipher."""
    tv = gdoi.tv
    attributes = tv(1, 7) + tv(14, kek.bits) + tv(2, 4) + tv(3, 1) + tv(4, 14) + tv(11, 1) + tv(12, 3600)
    transform = struct.pack(">BBHBBH", 0, 0, 8 + len(attributes), 1, 1, 0) + attributes
    proposal = struct.pack(">BBHBBBB", 0, 0, 8 + len(transform), 1, 1, 0, 1) + transform
    sa = dissect.chain([(SA, struct.pack(">II", 1, 1) + proposal)])
    keys = dissect.chain([(KE, bytes(range(256))), (NONCE, bytes(range(32)))])
    return [frame(MEMBER, SERVER, ike(kek.spi[:8] + bytes(8), SA, 2, 0, sa)), frame(SERVER, MEMBER, ike(kek.spi, SA, 2, 0, sa)),
            frame(MEMBER, SERVER, ike(kek.spi, KE, 2, 0, keys)), frame(SERVER, MEMBER, ike(kek.spi, KE, 2, 0, keys))]


def before_each(kek):
    return frame(MEMBER, SERVER, ike(kek.spi, ID, 2, 1, bytes(32) + kek.iv))


@pytest.fixture(name="ask")
def make_driver():
    process = subprocess.Popen([os.environ["GVPN_PUSH_DRIVER"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def line(*words):
        process.stdin.write(" ".join(map(str, words)) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline().split()
        assert answer[0] == "ok", answer
        return bytes.fromhex(answer[1])

    yield line
    process.stdin.close()
    assert process.wait(timeout=20) == 0


def look(kek, datagrams, key, where):
    """What tshark makes of datagrams from the server: [Message]."""
    path = os.path.join(where, "push.pcap")
    frames = main_mode(kek)
    for d in datagrams:
        frames += [before_each(kek), frame(SERVER, MEMBER, d)]
    dissect.write_capture(path, frames)
    return [m for m in dissect.ike_messages(path, {kek.spi[:8].hex(): key.hex()}, where, change=lambda f: f)
            if m.exchange in (oracle.PUSH, oracle.ACK)]


def rekeys(rng, kind, bits):
    """A KEK, and two rekeys of it: one with everything, one that only deletes."""
    kek, new = oracle.new_kek(rng, kind, bits), oracle.new_kek(rng, oracle.RSA, 256)
    new.ack, new.source, new.destination = 1, ("10.0.0.1", 848), ("239.192.0.1", 848)
    sas = [gdoi.Sa(10, 0x12345678, "aes-gcm-128", 3600, rng.randbytes(20))]
    rules = [gdoi.Rule(True, 10, *2 * (gdoi.ipaddress.ip_network("10.0.0.0/8"),))]
    whole = oracle.Rekey(0x01020304, sas, rules, kek=new, deletes=(0x1001, 0xFFFFFFFF), atd=30, dtd=60)
    return kek, whole, oracle.Rekey(0x01020305, [], [], delete_all=True, delete_kek=True)


@pytest.mark.parametrize("kind,bits", [(oracle.RSA, 128), (oracle.ECDSA_256, 192), (oracle.ECDSA_384, 256)])
def test_rekeys(ask, kind, bits, tmp_path):
    rng = random.Random(6)
    kek, whole, deletes = rekeys(rng, kind, bits)
    sent = [ask("seal", kek.words(), kek.pem.hex(), r.number, "ours", r.words(False)) for r in (whole, deletes)]
    first, second = look(kek, sent, kek.key, str(tmp_path))
    for m, r, chain in ((first, whole, [SEQ, DELETE, SA, KD, SIG]), (second, deletes, [SEQ, DELETE, DELETE, SIG])):
        assert [p.kind for p in m.payloads] == chain
        assert m.cookies == (kek.spi[:8], kek.spi[8:]) and (m.exchange, m.flags, m.message_id) == (33, 1, 0)
        assert m.length == m.wire and len(m.extra) < 16 and not any(m.extra)
        assert m.payloads[0].number("isakmp.seq.seq") == r.number
        assert len(m.payloads[-1].body) == {oracle.RSA: 256, oracle.ECDSA_256: 64, oracle.ECDSA_384: 96}[kind]
    given = [(d.number("isakmp.delete.doi"), d.number("isakmp.delete.protoid"), d.all("isakmp.delete.spi"))
             for d in first.payloads[1:2] + second.payloads[1:3]]
    assert given == [(2, 1, [bytes.fromhex("00001001"), bytes.fromhex("ffffffff")]), (2, 1, [bytes(4)]), (2, 0, [bytes(16)])]

    sa, kd, new = first.payloads[2], first.payloads[3], whole.kek
    assert sa.number("isakmp.sa.next_attribute_payload") == 15
    sak = {name: sa.all("isakmp.sak." + name) for name in ("protoid", "spi", "src_id_type", "src_id_port", "dst_id_type",
                                                           "dst_id_port")}
    assert sak == {"protoid": [b"\x11"], "spi": [new.spi], "src_id_type": [b"\1"], "src_id_port": [b"\x03\x50"],
                   "dst_id_type": [b"\1"], "dst_id_port": [b"\x03\x50"]}
    assert kd.number("isakmp.kd.num_pkt") == 2
    packets = [dissect.Payload(None, e) for e in kd.element.iter("field") if e.get("name") == "isakmp.kd.payload"]
    assert [(p.number("isakmp.kd.payload.type"), p.all("isakmp.kd.payload.spi")[0]) for p in packets] == [
        (2, new.spi), (1, bytes.fromhex("12345678"))]
    assert packets[0].all("isakmp.key_download.attr.value") == [new.iv + new.key, new.public]
    assert packets[1].all("isakmp.key_download.attr.value") == [whole.sas[0].key]


def test_acknowledgements(ask, tmp_path):
    kek = oracle.new_kek(random.Random(6), oracle.ECDSA_256, 128)
    kek.ack = 3
    m, = look(kek, [ask("ack", kek.words(), 0x01020304, "10.0.0.2")], kek.key, str(tmp_path))
    assert (m.exchange, m.flags, m.message_id, m.length) == (35, 0, 0, m.wire)
    assert [p.kind for p in m.payloads] == [HASH, SEQ, ID] and m.extra == b"" and not m.malformed
    assert [len(v) for v in m.payloads[0].all("isakmp.hash")] == [64]
    assert m.payloads[1].number("isakmp.seq.seq") == 0x01020304
    assert m.payloads[2].all("isakmp.id.data.ipv4_addr") == [MEMBER]


def test_the_referee_sees_nothing_with_another_key(ask, tmp_path):
    """Or this file would prove nothing."""
    kek, whole, _ = rekeys(random.Random(6), oracle.ECDSA_256, 128)
    sent = ask("seal", kek.words(), kek.pem.hex(), whole.number, "ours", whole.words(False))
    m, = look(kek, [sent], bytes(16), str(tmp_path))
    assert [p.kind for p in m.payloads] != [SEQ, DELETE, SA, KD, SIG]
