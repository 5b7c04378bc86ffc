# SPDX-License-Identifier: BSD-3-Clause
"""
GROUPKEY-PUSH and its acknowledgement, built and read with struct and the `cryptography` package from the texts of RFC 6407
and RFC 8263: an independent reading, which shares nothing with the C code. A builder with a random source uses the freedom
that a sender has, as in gdoi_vectors.py; without it, it builds what we send.
"""
import hashlib
import hmac
import ipaddress
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

import gdoi_vectors as gdoi
from gdoi_vectors import chain, number, shuffled, tlv, tv

HEADER = struct.Struct(">16sBBBBII")
SA, HASH, SIG, DELETE, ID, SAK, SAT, KD, SEQ, GAP = 1, 8, 9, 12, 5, 15, 16, 17, 18, 22
PUSH, ACK = 33, 35
DES3, AES = 2, 3
RSA, ECDSA_256, ECDSA_384 = 1, 4, 5
HASHES = {2: hashes.SHA1, 3: hashes.SHA256, 4: hashes.SHA384, 5: hashes.SHA512}
CANONICAL, BARE_HASH, PADDED_LENGTH = 0, 1, 2


@dataclass
class Kek:
    spi: bytes
    cipher: int
    iv: bytes
    key: bytes
    signer: object
    signature: int
    hash: int = 0
    ack: int = 0
    lifetime: int = 86400
    source: tuple = ("any", 0)
    destination: tuple = ("any", 0)

    @property
    def bits(self):
        return 8 * len(self.key) if self.cipher == AES else 0

    @property
    def block(self):
        return 16 if self.cipher == AES else 8

    @property
    def public(self):
        kind = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.signer.public_key().public_bytes(serialization.Encoding.DER, kind)

    @property
    def pem(self):
        return self.signer.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                         serialization.NoEncryption())

    def words(self):
        values = [self.spi.hex(), self.cipher, self.bits, self.iv.hex(), self.key.hex(), self.signature, self.hash,
                  self.signer.key_size, self.ack, self.lifetime, *self.source, *self.destination, self.public.hex()]
        return ",".join(map(str, values))

    def encryption(self):
        algorithm = algorithms.AES if self.cipher == AES else algorithms.TripleDES
        return Cipher(algorithm(self.key), modes.CBC(self.iv))

    def digest(self):
        return {RSA: HASHES.get(self.hash), ECDSA_256: hashes.SHA256, ECDSA_384: hashes.SHA384}[self.signature]()


def new_kek(rng, kind, bits, digest=3):
    signer = rsa.generate_private_key(65537, 2048) if kind == RSA else ec.generate_private_key(
        ec.SECP256R1() if kind == ECDSA_256 else ec.SECP384R1())
    aes = bits != 0
    return Kek(rng.randbytes(16), AES if aes else DES3, rng.randbytes(16 if aes else 8), rng.randbytes(bits // 8 or 24),
               signer, kind, digest if kind == RSA else 0)


def sign(kek, data, form=CANONICAL):
    digest = kek.digest()
    if kek.signature != RSA:
        r, s = utils.decode_dss_signature(kek.signer.sign(data, ec.ECDSA(digest)))
        width = kek.signer.key_size // 8
        return r.to_bytes(width, "big") + s.to_bytes(width, "big")
    if form != BARE_HASH:
        return kek.signer.sign(data, padding.PKCS1v15(), digest)
    numbers, octets = kek.signer.private_numbers(), kek.signer.key_size // 8
    value = hashlib.new(digest.name, data).digest()
    block = b"\0\1" + b"\xff" * (octets - 3 - len(value)) + b"\0" + value
    return pow(int.from_bytes(block, "big"), numbers.d, numbers.public_numbers.n).to_bytes(octets, "big")


def verify(kek, data, signature):
    digest, public = kek.digest(), kek.signer.public_key()
    if kek.signature == RSA:
        public.verify(signature, data, padding.PKCS1v15(), digest)
        return
    width = kek.signer.key_size // 8
    assert len(signature) == 2 * width
    r, s = int.from_bytes(signature[:width], "big"), int.from_bytes(signature[width:], "big")
    public.verify(utils.encode_dss_signature(r, s), data, ec.ECDSA(digest))


# ---- payload bodies ----

def end(rng, endpoint):
    """One end of a SAK: "any" as we send it is 0.0.0.0."""
    address, port = endpoint
    if address == "any":
        forms = [(1, bytes(4)), (0, b""), (4, bytes(8)), (5, bytes(16))]
    else:
        a = ipaddress.ip_address(address)
        full = ipaddress.ip_network(address)
        single, subnet, span = (1, 4, 7) if a.version == 4 else (5, 6, 8)
        forms = [(single, a.packed), (subnet, a.packed + full.netmask.packed), (span, a.packed + a.packed)]
    kind, data = forms[0] if rng is None else rng.choice(forms)
    return struct.pack(">BHB", kind, port, len(data)) + data


def build_sak(kek, rng=None):
    parts = [number(rng, 2, kek.cipher)]
    if kek.cipher == AES or (rng and rng.random() < 0.5):
        parts.append(number(rng, 3, 8 * len(kek.key)))
    life = tlv(4, struct.pack(">I", kek.lifetime))
    parts.append(life if rng is None or kek.lifetime > 65535 or rng.random() < 0.5 else tv(4, kek.lifetime))
    if kek.hash:
        parts.append(number(rng, 5, kek.hash))
    parts += [number(rng, 6, kek.signature), tv(7, kek.signer.key_size)]
    if kek.ack:
        parts.append(number(rng, 9, kek.ack))
    if rng is not None and rng.random() < 0.3:
        parts.append(tv(1, 1))  # KEK_MANAGEMENT_ALGORITHM, which is ignored
    attributes = shuffled(rng, parts)
    return b"\x11" + end(rng, kek.source) + end(rng, kek.destination) + kek.spi + bytes(4) + attributes


def kek_packet(kek, rng=None):
    body = b"\x10" + kek.spi + shuffled(rng, [tlv(1, kek.iv + kek.key), tlv(2, kek.public)])
    return struct.pack(">BBH", 2, 0, 4 + len(body)) + body


def build_delete(protocol, spis, size):
    return struct.pack(">IBBH", 2, protocol, size, len(spis)) + b"".join(s.to_bytes(size, "big") for s in spis)


@dataclass
class Rekey:
    """What a rekey says. sas: gdoi_vectors.Sa; rules_said: the list goes along, not its digest alone."""
    number: int
    sas: list
    rules: list
    kek: Kek = None
    deletes: tuple = ()
    delete_all: bool = False
    delete_kek: bool = False
    rules_said: bool = True
    pseudotime: int = None
    atd: int = 0
    dtd: int = 0
    receive_only: bool = False

    @property
    def encoded(self):
        return b"".join(map(gdoi.encode_rule, self.rules))

    @property
    def has_policy(self):
        return bool(self.sas or self.kek)

    def words(self, taken):
        """As the driver reads it, or prints it (taken)."""
        out = [f"delete={s}" for s in self.deletes]
        out += ["delete-all"] * self.delete_all + ["delete-kek"] * self.delete_kek
        if not self.has_policy:
            return " ".join(out)
        if self.kek:
            out.append("kek=" + self.kek.words())
        if taken:
            out.append("digest=" + hashlib.sha256(self.encoded).hexdigest())
        out += [f"atd={self.atd}", f"dtd={self.dtd}"] + ["receive-only"] * self.receive_only
        if self.pseudotime is not None:
            out.append(f"pseudotime={self.pseudotime}")
        out += [f"sa={s.number},{s.spi},{s.lifetime},{s.key.hex()}" for s in self.sas]
        if self.rules_said:
            out.append("rules=" + self.encoded.hex())
        elif not taken:
            out.append("rules-kept=" + self.encoded.hex())
        return " ".join(out)


def build_sa(rekey, ours, rng=None):
    parts = [(SAK, build_sak(rekey.kek, rng))] if rekey.kek else []
    gap = [number(rng, kind, value) for kind, value in ((1, rekey.atd), (2, rekey.dtd)) if value]
    if ours:
        if rekey.pseudotime is not None:
            gap.append(tlv(128, struct.pack(">Q", rekey.pseudotime)))
        gap.append(tlv(129, hashlib.sha256(rekey.encoded).digest()))
        if rekey.rules_said:
            gap.append(tlv(130, rekey.encoded))
        if rekey.receive_only:
            gap.append(number(rng, 132, 1))
        sats = [gdoi.encode_sat(rng, s, None, False, True) for s in rekey.sas]
    else:
        sats = [gdoi.encode_sat(rng, s, r, rekey.receive_only, False) for s in rekey.sas for r in rekey.rules
                if r.sa == s.number]
    parts += ([(GAP, shuffled(rng, gap))] if gap else []) + [(SAT, s) for s in sats]
    return struct.pack(">IIHH", 2, 0, parts[0][0], 0) + chain(parts)


def build_kd(rekey, rng=None):
    packets = [kek_packet(rekey.kek, rng)] if rekey.kek else []
    for s in rekey.sas:
        body = struct.pack(">BI", 4, s.spi) + tlv(1, s.key)
        packets.append(struct.pack(">BBH", 1, 0, 4 + len(body)) + body)
    if rng is not None:
        rng.shuffle(packets)
    return struct.pack(">HH", len(packets), 0) + b"".join(packets)


def payloads_of(rekey, ours, rng=None):
    out = [(SEQ, struct.pack(">I", rekey.number))]
    if rekey.delete_all:
        out.append((DELETE, build_delete(1, [0], 4 if rng is None else rng.choice([4, 16]))))
    elif rekey.deletes:
        out.append((DELETE, build_delete(1, rekey.deletes, 4)))
    if rekey.delete_kek:
        out.append((DELETE, build_delete(0, [0], 16 if rng is None else rng.choice([4, 16]))))
    if rekey.has_policy:
        out += [(SA, build_sa(rekey, ours, rng)), (KD, build_kd(rekey, rng))]
    return out


# ---- messages ----

def build(kek, payloads, form=CANONICAL, prefix=b"rekey"):
    """Header, payloads, SIG; encrypted. The header that is signed has E set and the Length before padding."""
    placeholder = bytes(len(sign(kek, b"", form)))
    body = chain(payloads + [(SIG, placeholder)])
    before = body[:len(body) - len(placeholder) - 4]
    length = HEADER.size + len(body)
    pad = -len(body) % kek.block
    signed = length + pad if form == PADDED_LENGTH else length
    head = HEADER.pack(kek.spi, payloads[0][0], 0x10, PUSH, 1, 0, signed)
    body = body[:len(body) - len(placeholder)] + sign(kek, prefix + head + before, form) + bytes(pad)
    encryptor = kek.encryption().encryptor()
    return HEADER.pack(kek.spi, payloads[0][0], 0x10, PUSH, 1, 0, length + pad) + encryptor.update(body)


def walk(first, body):
    """(type, payload body, offset) until the chain ends; what is left."""
    out, at, kind = [], 0, first
    while kind:
        following, reserved, length = struct.unpack_from(">BBH", body, at)
        assert reserved == 0 and length >= 4 and at + length <= len(body)
        out.append((kind, body[at + 4:at + length], at))
        at, kind = at + length, following
    return out, body[at:]


def read(kek, datagram):
    """Decrypts, verifies, and gives back the payloads before SIG as (type, body)."""
    spi, first, version, exchange, flags, message_id, length = HEADER.unpack_from(datagram)
    assert (spi, version, exchange, flags, message_id, length) == (kek.spi, 0x10, PUSH, 1, 0, len(datagram))
    decryptor = kek.encryption().decryptor()
    body = decryptor.update(datagram[HEADER.size:])
    payloads, rest = walk(first, body)
    assert len(rest) < kek.block and not any(rest)
    kind, signature, at = payloads[-1]
    assert kind == SIG
    head = HEADER.pack(spi, first, version, exchange, flags, message_id, length - len(rest))
    verify(kek, b"rekey" + head + body[:at], signature)
    return [(k, b) for k, b, _ in payloads[:-1]]


def build_ack(kek, sequence, address, length=None, payloads=None):
    """length: the L of RFC 8263 3.2; what is written there is twice the length of the derived key."""
    name, bits = {1: ("sha256", 256), 3: ("sha512", 512)}[kek.ack]
    context = b"GROUPKEY-PUSH ACK\0" + kek.spi + struct.pack(">H", length or 2 * bits)
    ack_key = hmac.new(kek.key, context, name).digest()
    a = ipaddress.ip_address(address)
    rest = chain([(SEQ, struct.pack(">I", sequence)), (ID, bytes((1 if a.version == 4 else 5, 0, 0, 0)) + a.packed)])
    if payloads is not None:
        rest = payloads
    value = hmac.new(ack_key, rest, name).digest()
    body = struct.pack(">BBH", SEQ, 0, 4 + len(value)) + value + rest
    return HEADER.pack(kek.spi, HASH, 0x10, ACK, 0, 0, HEADER.size + len(body)) + body
