# SPDX-License-Identifier: BSD-3-Clause
"""tshark as a referee: it decrypts a capture with the key log's keys and says what it sees, as numbers and octets.

    messages = ike_messages(capture, keys, folder)     # RFC 2409 and RFC 6407, from the wire
    packets = esp_packets(capture, keys, folder)       # RFC 4303 and RFC 4106

tshark 4.0 reads some of GDOI wrongly, so it gets a copy of the capture in which that is put right (the daemons never
see it):

* It takes a phase-1 SA with DOI 2 for the SA of a GROUPKEY-PULL, finds no algorithms and decrypts nothing: the copy
  says DOI 1 in messages 1 and 2.
* It reads the length of a SAT's identities as two octets (RFC 6407 5.5.1 has one), and nothing behind a GAP: `sat_copy`
  widens the lengths and leaves the GAP out.
* Names are those of IPsec (Quick Mode, TEK_INTEGRITY_KEY for a sender id): compare numbers.
"""

import collections
import os
import re
import struct
import subprocess
import sys
import xml.etree.ElementTree

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from esp_capture import frames  # noqa: E402

UDP_AT = 14 + 20        # Ethernet, IPv4 without options
IKE_AT = UDP_AT + 8
HEADER = 28
SA, NONCE, SAT, GAP = 1, 10, 16, 22
MAIN_MODE, PULL = 2, 32

# One IKE message. payloads: those of the top level; extra: what tshark found behind the last one; wire: octets of UDP.
Message = collections.namedtuple("Message", "src dst cookies exchange flags message_id length payloads extra wire"
                                            " malformed")
# One ESP packet; inner: octets of the packet inside; icv: True, False, or None when tshark couldn't say.
Packet = collections.namedtuple("Packet", "src dst spi seq iv icv inner next_header")


class Payload:
    """A payload as tshark dissected it: its number, the octets behind its generic header, and every field below it."""

    def __init__(self, kind, element):
        self.kind, self.element = kind, element

    @property
    def body(self):
        return bytes.fromhex(self.element.get("value"))[4:]

    def all(self, name):
        """The values of the fields with this name, as octets."""
        return [bytes.fromhex(f.get("value")) for f in self.element.iter("field") if f.get("name") == name]

    def number(self, name):
        values = self.all(name)
        assert len(values) == 1, f"{name}: {values}"
        return int.from_bytes(values[0], "big")

    def attributes(self, name):
        """Type -> value of the attributes called NAME.attr; fails when one comes twice."""
        out = {}
        for a in (f for f in self.element.iter("field") if f.get("name") == name):
            kind = number(a, name + ".type") & 0x7FFF
            assert kind not in out, f"attribute {kind} twice"
            out[kind] = number(a, name + ".value")
        return out


def read_ike_keys(path):
    """Initiator cookie -> cipher key (hex) from a key log."""
    with open(path, encoding="ascii") as f:
        return dict(line.split()[1:3] for line in f if line.startswith("ikev1 "))


def tshark(path, folder, options):
    """tshark's PDML of a capture; `folder` holds its configuration."""
    p = subprocess.run(["tshark", "-r", path, "-T", "pdml", *options], capture_output=True, timeout=60, check=False,
                       env=dict(os.environ, WIRESHARK_CONFIG_DIR=str(folder), HOME=str(folder)))
    assert p.returncode == 0, p.stderr.decode()
    return xml.etree.ElementTree.fromstring(p.stdout)


def protocols(packet, name):
    return [p for p in packet if p.get("name") == name]


def field(element, name):
    """The octets of the first field with this name, or None."""
    found = next((f for f in element.iter("field") if f.get("name") == name), None)
    return None if found is None else bytes.fromhex(found.get("unmaskedvalue") or found.get("value"))


def number(element, name):
    return int.from_bytes(field(element, name), "big")


def address(packet):
    ip = protocols(packet, "ip")[0]
    return tuple(".".join(map(str, field(ip, f"ip.{end}"))) for end in ("src", "dst"))


def write_capture(path, all_frames):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for frame in all_frames:
            f.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)


def with_message(frame, message):
    """The frame with another IKE message in it; no UDP checksum."""
    head = bytearray(frame[:IKE_AT])
    struct.pack_into("!H", head, 16, 28 + len(message))
    struct.pack_into("!HH", head, UDP_AT + 4, 8 + len(message), 0)
    return bytes(head) + message


def ipsec_doi(frame):
    """With DOI 1 instead of 2 in the SA of main mode's messages 1 and 2; all others as they are."""
    m = frame[IKE_AT:]
    if m[16] == SA and m[18] == MAIN_MODE and struct.unpack_from("!I", m, HEADER + 4)[0] == 2:
        return with_message(frame, m[:HEADER + 4] + struct.pack("!I", 1) + m[HEADER + 8:])
    return frame


def ike_messages(path, keys, folder, change=ipsec_doi):
    """Every datagram of a capture of UDP 848, decrypted with keys (cookie -> key, hex)."""
    copy = os.path.join(folder, "ike.pcap")
    write_capture(copy, [change(f) for f in frames(path)])
    with open(os.path.join(folder, "ikev1_decryption_table"), "w", encoding="ascii") as f:
        f.writelines(f"{cookie},{key}\n" for cookie, key in keys.items())  # bare: quoted values are silently useless
    return [message(p) for p in tshark(copy, folder, ["-d", "udp.port==848,isakmp"])]


def message(packet):
    m = protocols(packet, "isakmp")[0]
    holder = next((f for f in m if f.get("name") == "isakmp.enc.data"), m)
    payloads, extra = [], b""
    following = number(m, "isakmp.nextpayload")
    for f in holder:
        if f.get("name") == "isakmp.typepayload":
            payloads.append(Payload(following, f))
            following = number(f, "isakmp.nextpayload")
        elif f.get("name") == "isakmp.extradata":
            extra += bytes.fromhex(f.get("value"))
    cookies = (field(m, "isakmp.ispi"), field(m, "isakmp.rspi"))
    malformed = any(f.get("name", "").startswith("_ws.malformed") for f in packet.iter())
    return Message(*address(packet), cookies, number(m, "isakmp.exchangetype"), number(m, "isakmp.flags"),
                   number(m, "isakmp.messageid"), number(m, "isakmp.length"), payloads, extra,
                   number(protocols(packet, "udp")[0], "udp.length") - 8, malformed)


def wide_sat(body):
    """A SAT's octets with its two identity lengths as two octets."""
    second = 6 + body[5]  # ESP | protocol | source type 1, port 2, length 1, data | destination the same ...
    return body[:5] + b"\0" + body[5:second + 3] + b"\0" + body[second + 3:]


def chain(payloads):
    out = b""
    for (_, body), following in zip(payloads, [kind for kind, _ in payloads[1:]] + [0]):
        out += struct.pack("!BBH", following, 0, 4 + len(body)) + body
    return out


def split(kind, octets):
    """The payloads of a chain: (type, body)."""
    out = []
    while kind:
        following, _, length = struct.unpack_from("!BBH", octets)
        out.append((kind, octets[4:length]))
        kind, octets = following, octets[length:]
    return out


def sat_copy(keys, cipher_of=algorithms.AES):
    """A change for ike_messages: message 2 of a PULL gets SATs that tshark can read, without the GAP before them."""
    block = cipher_of.block_size // 8
    last = {}  # message id -> the last block of the message before (RFC 2409 appendix B)

    def change(frame):
        m = frame[IKE_AT:]
        mid, previous = m[20:24], last.get(m[20:24])
        last[mid] = m[-block:]
        kinds = split(m[16], m[HEADER:]) if not m[19] & 1 else []
        if m[18] != PULL or kinds or previous is None:
            return ipsec_doi(frame)
        cipher = Cipher(cipher_of(bytes.fromhex(keys[m[:8].hex()])), modes.CBC(previous))
        payloads = split(m[16], cipher.decryptor().update(m[HEADER:]))
        if [kind for kind, _ in payloads[:3]] != [8, NONCE, SA]:
            return frame
        body = payloads[2][1]
        sats = [(SAT, wide_sat(b)) for kind, b in split(struct.unpack_from("!H", body, 8)[0], body[12:]) if kind == SAT]
        payloads[2] = (SA, body[:8] + struct.pack("!HH", SAT, 0) + chain(sats))
        plain = chain(payloads)
        plain += bytes(-len(plain) % block)
        head = m[:24] + struct.pack("!I", HEADER + len(plain))
        return with_message(frame, head + cipher.encryptor().update(plain))

    return change


def esp_packets(path, keys, folder):
    """Every ESP packet of a capture, decrypted with keys (SPI -> (suite, key and salt))."""
    options = ["-o", "esp.enable_encryption_decode:TRUE", "-o", "esp.enable_authentication_check:TRUE"]
    for spi, (suite, key) in keys.items():
        assert re.fullmatch("aes-gcm-(128|256)", suite)
        options += ["-o", f'uat:esp_sa:"IPv4","*","*","0x{spi:08x}","AES-GCM with 16 octet ICV [RFC4106]",'
                          f'"0x{key.hex()}","NULL",""']
    out = []
    for p in tshark(path, folder, options):
        e = protocols(p, "esp")[0]
        good, bad, inner, following = (field(e, "esp." + name)
                                       for name in ("icv_good", "icv_bad", "contained_data", "protocol"))
        shown = {f.get("name"): f.get("show") for f in e.iter("field")}
        icv = None if good is None or bad is None else shown["esp.icv_good"] == "1" and shown["esp.icv_bad"] == "0"
        out.append(Packet(*address(p), number(e, "esp.spi"), number(e, "esp.sequence"), field(e, "esp.iv"), icv, inner,
                          following and following[0]))
    return out
