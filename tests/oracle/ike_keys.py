# SPDX-License-Identifier: BSD-3-Clause
"""A second reading of RFC 2409 (sections 5, 5.4, 5.7, appendix B) and RFC 6407 3.2, written from the text alone.

Pre-shared key, any HMAC hash, AES-CBC. Nothing here knows the C code; tests compare the two.
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

# RFC 3526 section 3: 2^2048 - 2^1984 - 1 + 2^64 * { [2^1918 pi] + 124476 }
GROUP14_P = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
    "15728E5A8AACAA68FFFFFFFFFFFFFFFF", 16)


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

    @property
    def skeyid(self):
        return prf(self.psk, self.nonce_i + self.nonce_r)

    @property
    def tail(self):
        return self.shared + self.cookie_i + self.cookie_r

    @property
    def skeyid_d(self):
        return prf(self.skeyid, self.tail + b"\x00")

    @property
    def skeyid_a(self):
        return prf(self.skeyid, self.skeyid_d + self.tail + b"\x01")

    @property
    def skeyid_e(self):
        return prf(self.skeyid, self.skeyid_a + self.tail + b"\x02")

    @property
    def key(self):
        return stretch(self.skeyid_e, 32)

    @property
    def first_iv(self):
        return hashlib.sha256(self.public_i + self.public_r).digest()[:16]

    def hash_i(self, sa_i_b, id_b):
        return prf(self.skeyid,
                   self.public_i + self.public_r + self.cookie_i + self.cookie_r + sa_i_b + id_b)

    def hash_r(self, sa_i_b, id_b):
        return prf(self.skeyid,
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


def phase2_iv(last_block, message_id):
    return hashlib.sha256(last_block + struct.pack(">I", message_id)).digest()[:16]


def message_hash(skeyid_a, message_id, nonces, after):
    return prf(skeyid_a, struct.pack(">I", message_id) + nonces + after)


def seal(key, iv, message):
    """Header stays; payloads are zero padded, encrypted; Length becomes the whole. Returns message and next IV."""
    header, body = message[:28], message[28:]
    body += bytes(-len(body) % 16)
    enc = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    out = enc.update(body) + enc.finalize()
    return header[:24] + struct.pack(">I", 28 + len(out)) + out, out[-16:]


def unseal(key, iv, message):
    dec = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    return dec.update(message[28:]) + dec.finalize(), message[-16:]


class Dh14:
    public_len = 256

    def __init__(self, rng):
        self.x = rng.getrandbits(2040) | 1
        self.public = pow(2, self.x, GROUP14_P).to_bytes(256, "big")

    def shared(self, peer):
        return pow(int.from_bytes(peer, "big"), self.x, GROUP14_P).to_bytes(256, "big")


class Dh19:
    public_len = 64

    def __init__(self, rng):
        self.private = ec.derive_private_key(rng.getrandbits(248) | 1, ec.SECP256R1())
        n = self.private.public_key().public_numbers()
        self.public = n.x.to_bytes(32, "big") + n.y.to_bytes(32, "big")

    def shared(self, peer):
        x, y = int.from_bytes(peer[:32], "big"), int.from_bytes(peer[32:], "big")
        other = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        return self.private.exchange(ec.ECDH(), other)


GROUPS = {14: Dh14, 19: Dh19}


def random_exchange(rng, group):
    a, b = GROUPS[group](rng), GROUPS[group](rng)
    shared = a.shared(b.public)
    assert shared == b.shared(a.public)
    return Exchange(psk=rng.randbytes(rng.randint(16, 100)), nonce_i=rng.randbytes(rng.randint(8, 128)),
                    nonce_r=rng.randbytes(rng.randint(8, 128)), public_i=a.public, public_r=b.public,
                    shared=shared, cookie_i=rng.randbytes(8), cookie_r=rng.randbytes(8))


def print_vectors():
    """Fixed seeds, so that the header can be made again at any time."""
    print("/* SPDX-License-Identifier: BSD-3-Clause */")
    print("/* Known answers, one exchange per group. Made by `tests/oracle/ike_keys.py`; not by the code under test. */")
    print("#ifndef GVPN_TESTS_IKE_KEYS_VECTORS_H\n#define GVPN_TESTS_IKE_KEYS_VECTORS_H\n")
    print("struct ike_keys_vector {\n    const char *psk, *nonce_i, *nonce_r, *public_i, *public_r, *shared, *cookie_i,"
          " *cookie_r;\n    const char *sa, *id_i, *id_r;\n    const char *skeyid, *skeyid_d, *skeyid_a, *skeyid_e,"
          " *key, *first_iv, *hash_i, *hash_r;\n    const char *last_block, *phase2_iv;\n    unsigned message_id;\n"
          "    const char *after, *hash_1, *hash_3;\n};\n")
    print("static const struct ike_keys_vector ike_keys_vectors[] = {")
    for group in (14, 19):
        rng = random.Random(6407 + group)
        x = random_exchange(rng, group)
        sa, last, after = rng.randbytes(52), rng.randbytes(16), rng.randbytes(77)
        id_i, id_r = bytes.fromhex("010000000a000002"), bytes.fromhex("010000000a000001")
        mid = rng.getrandbits(32)
        fields = {
            "psk": x.psk, "nonce_i": x.nonce_i, "nonce_r": x.nonce_r, "public_i": x.public_i,
            "public_r": x.public_r, "shared": x.shared, "cookie_i": x.cookie_i, "cookie_r": x.cookie_r,
            "sa": sa, "id_i": id_i, "id_r": id_r, "skeyid": x.skeyid, "skeyid_d": x.skeyid_d,
            "skeyid_a": x.skeyid_a, "skeyid_e": x.skeyid_e, "key": x.key, "first_iv": x.first_iv,
            "hash_i": x.hash_i(sa, id_i), "hash_r": x.hash_r(sa, id_r), "last_block": last,
            "phase2_iv": phase2_iv(last, mid), "after": after,
            "hash_1": message_hash(x.skeyid_a, mid, b"", after),
            "hash_3": message_hash(x.skeyid_a, mid, x.nonce_i + x.nonce_r, after),
        }
        print("    {")
        for name, value in fields.items():
            text = value.hex()
            lines = [text[i:i + 90] for i in range(0, len(text), 90)]
            body = ('"\n' + " " * 12 + '"').join(lines)
            print(f'        .{name} = "{body}",')
        print(f"        .message_id = 0x{mid:08x}u,\n    }},")
    print("};\n\n#endif")


if __name__ == "__main__":
    print_vectors()
    sys.exit(0)
