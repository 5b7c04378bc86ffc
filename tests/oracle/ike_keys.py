# SPDX-License-Identifier: BSD-3-Clause
"""A second reading of RFC 2409 (sections 5, 5.4, 5.7, appendix B) and RFC 6407 3.2, written from the text alone.

Pre-shared key, every hash, cipher and group that RFC 2409, 3526, 3602, 4868 and 5903 name and this product has. Nothing here knows the C code; tests compare the two.
Run as a program it prints the known answers in tests/unit/ctrl/crypto/ike_keys_vectors.h.
"""
import hashlib
import hmac
import random
import struct
import sys
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

# Numbers of RFC 2409 appendix A and what they mean here.
AES, DES3 = 7, 5
DIGESTS = {2: "sha1", 4: "sha256", 5: "sha384", 6: "sha512"}
CIPHERS = [(AES, 128), (AES, 192), (AES, 256), (DES3, 0)]  # 3DES has one key length and no attribute for it


@dataclass(frozen=True)
class Suite:
    encryption: int = AES
    bits: int = 256
    hash: int = 4

    @property
    def digest(self):
        return DIGESTS[self.hash]

    @property
    def key_len(self):
        return 24 if self.encryption == DES3 else self.bits // 8

    @property
    def block(self):
        return 8 if self.encryption == DES3 else 16

    def cipher(self, key, iv):
        assert len(key) == self.key_len and len(iv) == self.block
        return Cipher((algorithms.TripleDES if self.encryption == DES3 else algorithms.AES)(key), modes.CBC(iv))


PLAIN = Suite()


def pi_bits(n):
    """[2^n pi], by Machin's formula with 64 spare bits."""
    one = 1 << (n + 64)

    def arctan_inverse(x):
        term = total = one // x
        k, sign = 3, -1
        while term:
            term //= x * x
            total += sign * (term // k)
            k, sign = k + 2, -sign
        return total
    return 4 * (4 * arctan_inverse(5) - arctan_inverse(239)) >> 64


def modp(bits, c):
    """RFC 2409 6.2, RFC 3526: 2^n - 2^(n-64) - 1 + 2^64 * { [2^(n-130) pi] + c }"""
    return (1 << bits) - (1 << (bits - 64)) - 1 + (pi_bits(bits - 130) + c << 64)


PRIMES = {2: modp(1024, 129093), 5: modp(1536, 741804), 14: modp(2048, 124476), 15: modp(3072, 1690314),
          16: modp(4096, 240904)}
CURVES = {19: ec.SECP256R1(), 20: ec.SECP384R1(), 21: ec.SECP521R1()}


def prf(key, data, digest="sha256"):
    return hmac.new(key, data, digest).digest()


@dataclass
class Exchange:
    """What both sides know after message 4."""
    psk: bytes
    nonce_i: bytes
    nonce_r: bytes
    public_i: bytes
    public_r: bytes
    shared: bytes
    cookie_i: bytes
    cookie_r: bytes
    suite: Suite = PLAIN

    def prf(self, key, data):
        return prf(key, data, self.suite.digest)

    @property
    def skeyid(self):
        return self.prf(self.psk, self.nonce_i + self.nonce_r)

    @property
    def tail(self):
        return self.shared + self.cookie_i + self.cookie_r

    @property
    def skeyid_d(self):
        return self.prf(self.skeyid, self.tail + b"\x00")

    @property
    def skeyid_a(self):
        return self.prf(self.skeyid, self.skeyid_d + self.tail + b"\x01")

    @property
    def skeyid_e(self):
        return self.prf(self.skeyid, self.skeyid_a + self.tail + b"\x02")

    @property
    def key(self):
        return stretch(self.skeyid_e, self.suite.key_len, self.suite.digest)

    @property
    def first_iv(self):
        return hashlib.new(self.suite.digest, self.public_i + self.public_r).digest()[:self.suite.block]

    def hash_i(self, sa_i_b, id_b):
        return self.prf(self.skeyid,
                   self.public_i + self.public_r + self.cookie_i + self.cookie_r + sa_i_b + id_b)

    def hash_r(self, sa_i_b, id_b):
        return self.prf(self.skeyid,
                   self.public_r + self.public_i + self.cookie_r + self.cookie_i + sa_i_b + id_b)


def stretch(skeyid_e, length, digest="sha256"):
    """Appendix B: the key itself when it is long enough, else K1 | K2 | ..."""
    if len(skeyid_e) >= length:
        return skeyid_e[:length]
    block, out = b"\x00", b""
    while len(out) < length:
        block = prf(skeyid_e, block, digest)
        out += block
    return out[:length]


def phase2_iv(last_block, message_id, suite=PLAIN):
    return hashlib.new(suite.digest, last_block + struct.pack(">I", message_id)).digest()[:suite.block]


def message_hash(skeyid_a, message_id, nonces, after, suite=PLAIN):
    return prf(skeyid_a, struct.pack(">I", message_id) + nonces + after, suite.digest)


def seal(key, iv, message, suite=PLAIN):
    """Header stays; payloads are zero padded, encrypted; Length becomes the whole. Returns message and next IV."""
    header, body = message[:28], message[28:]
    body += bytes(-len(body) % suite.block)
    enc = suite.cipher(key, iv).encryptor()
    out = enc.update(body) + enc.finalize()
    return header[:24] + struct.pack(">I", 28 + len(out)) + out, out[-suite.block:]


def unseal(key, iv, message, suite=PLAIN):
    dec = suite.cipher(key, iv).decryptor()
    return dec.update(message[28:]) + dec.finalize(), message[-suite.block:]


class Modp:
    def __init__(self, group, rng, bits=400):
        self.p = PRIMES[group]
        self.public_len = self.shared_len = self.p.bit_length() // 8
        self.x = rng.getrandbits(bits) | 1
        self.public = pow(2, self.x, self.p).to_bytes(self.public_len, "big")

    def shared(self, peer):
        return pow(int.from_bytes(peer, "big"), self.x, self.p).to_bytes(self.public_len, "big")


class Ecp:
    def __init__(self, group, rng):
        self.curve = CURVES[group]
        self.shared_len = (self.curve.key_size + 7) // 8
        self.public_len = 2 * self.shared_len
        self.private = ec.derive_private_key(rng.getrandbits(self.curve.key_size - 8) | 1, self.curve)
        n = self.private.public_key().public_numbers()
        self.public = n.x.to_bytes(self.shared_len, "big") + n.y.to_bytes(self.shared_len, "big")

    def shared(self, peer):
        half = self.shared_len
        x, y = int.from_bytes(peer[:half], "big"), int.from_bytes(peer[half:], "big")
        other = ec.EllipticCurvePublicNumbers(x, y, self.curve).public_key()
        return self.private.exchange(ec.ECDH(), other)


GROUPS = sorted([*PRIMES, *CURVES])


def half_of(group, rng):
    """One side of a key exchange: public, shared(peer's public)."""
    return (Modp if group in PRIMES else Ecp)(group, rng)


def random_exchange(rng, group, suite=PLAIN):
    a, b = half_of(group, rng), half_of(group, rng)
    shared = a.shared(b.public)
    assert shared == b.shared(a.public)
    return Exchange(psk=rng.randbytes(rng.randint(16, 100)), nonce_i=rng.randbytes(rng.randint(8, 128)),
                    nonce_r=rng.randbytes(rng.randint(8, 128)), public_i=a.public, public_r=b.public,
                    shared=shared, cookie_i=rng.randbytes(8), cookie_r=rng.randbytes(8), suite=suite)


def print_vectors():
    """Fixed seeds, so that the header can be made again at any time."""
    print("/* SPDX-License-Identifier: BSD-3-Clause */")
    print("/* Known answers for every cipher, hash and group at least once. Made by `tests/oracle/ike_keys.py`,"
          "\n * not by the code under test. */")
    print("#ifndef GVPN_TESTS_IKE_KEYS_VECTORS_H\n#define GVPN_TESTS_IKE_KEYS_VECTORS_H\n")
    print("struct ike_keys_vector {\n    const char *psk, *nonce_i, *nonce_r, *public_i, *public_r, *shared, *cookie_i,"
          " *cookie_r;\n    const char *sa, *id_i, *id_r;\n    const char *skeyid, *skeyid_d, *skeyid_a, *skeyid_e,"
          " *key, *first_iv, *hash_i, *hash_r;\n    const char *last_block, *phase2_iv;\n    unsigned message_id;\n"
          "    const char *after, *hash_1, *hash_3;\n    uint16_t encryption, key_bits, hash;\n};\n")
    print("static const struct ike_keys_vector ike_keys_vectors[] = {")
    hashes = list(DIGESTS)
    suites = [Suite(*CIPHERS[i % 4], hashes[(i + i // 4) % 4]) for i in range(8)] + [Suite(AES, 256, 2)]
    for i, suite in enumerate(suites):
        group = GROUPS[i % len(GROUPS)]
        rng = random.Random(6407 + i)
        x = random_exchange(rng, group, suite)
        sa, last, after = rng.randbytes(52), rng.randbytes(suite.block), rng.randbytes(77)
        id_i, id_r = bytes.fromhex("010000000a000002"), bytes.fromhex("010000000a000001")
        mid = rng.getrandbits(32)
        fields = {
            "psk": x.psk, "nonce_i": x.nonce_i, "nonce_r": x.nonce_r, "public_i": x.public_i,
            "public_r": x.public_r, "shared": x.shared, "cookie_i": x.cookie_i, "cookie_r": x.cookie_r,
            "sa": sa, "id_i": id_i, "id_r": id_r, "skeyid": x.skeyid, "skeyid_d": x.skeyid_d,
            "skeyid_a": x.skeyid_a, "skeyid_e": x.skeyid_e, "key": x.key, "first_iv": x.first_iv,
            "hash_i": x.hash_i(sa, id_i), "hash_r": x.hash_r(sa, id_r), "last_block": last,
            "phase2_iv": phase2_iv(last, mid, suite), "after": after,
            "hash_1": message_hash(x.skeyid_a, mid, b"", after, suite),
            "hash_3": message_hash(x.skeyid_a, mid, x.nonce_i + x.nonce_r, after, suite),
        }
        print("    {")
        for name, value in fields.items():
            text = value.hex()
            lines = [text[i:i + 90] for i in range(0, len(text), 90)]
            body = ('"\n' + " " * 12 + '"').join(lines)
            print(f'        .{name} = "{body}",')
        print(f"        .message_id = 0x{mid:08x}u,\n        .encryption = {suite.encryption}, .key_bits = {suite.bits},"
              f" .hash = {suite.hash},\n    }},")
    print("};\n\n#endif")


if __name__ == "__main__":
    print_vectors()
    sys.exit(0)
