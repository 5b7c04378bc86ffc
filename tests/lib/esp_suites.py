# SPDX-License-Identifier: BSD-3-Clause
"""Opens and seals ESP of every suite, octet by octet from the standards with `cryptography`, sharing nothing with our C code:

    opened = open_esp(octets from SPI to ICV, keys)      # raises WrongIcv; keys[spi] = (suite, key[, integrity key])
    meta, inner = meta_of(opened)                        # the metadata header in front, when next_header says so
    octets = seal_esp(payload, 4, spi, keys, iv=...)

RFC 4106 (GCM), 4543 (GMAC), 7634 (ChaCha20-Poly1305), 3602 (AES-CBC), 2451 (3DES), 2410 (NULL), 2404 and 4868 (HMACs), 4303 for
the rest. Where scapy knows a suite, esp_capture.py asks it, too.
"""

import collections
import hmac
import os
import struct

META = 253  # next header: a metadata header comes first (docs/packet.md)
FLAG_TIME, FLAG_TAG = 1, 2

Suite = collections.namedtuple("Suite", "cipher key iv icv align hash")
Opened = collections.namedtuple("Opened", "spi seq iv payload pad next_header")
Meta = collections.namedtuple("Meta", "next_header flags time tag size")


class WrongIcv(Exception):
    """The ICV isn't what these keys make."""


def _suites():
    suites = {}
    for bits in (128, 192, 256):
        suites[f"aes-gcm-{bits}"] = Suite("gcm", bits // 8, 8, 16, 4, None)
        suites[f"aes-gmac-{bits}"] = Suite("gmac", bits // 8, 8, 16, 4, None)
    suites["chacha20-poly1305"] = Suite("chacha", 32, 8, 16, 4, None)
    for name, icv in (("sha1", 12), ("sha256", 16), ("sha384", 24), ("sha512", 32)):
        for bits in (128, 192, 256):
            suites[f"aes-cbc-{bits}/hmac-{name}-{icv * 8}"] = Suite("aes-cbc", bits // 8, 16, icv, 16, name)
        suites[f"null/hmac-{name}-{icv * 8}"] = Suite("null", 0, 0, icv, 4, name)
    suites["3des-cbc/hmac-sha1-96"] = Suite("3des-cbc", 24, 8, 12, 8, "sha1")
    return suites


SUITES = _suites()
COUNTER_MODE = {name for name, s in SUITES.items() if s.hash is None}


def _aead(suite, key, iv):
    """The cipher and the nonce: the salt stands behind the key."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
    assert len(key) == suite.key + 4, f"key and salt of {len(key)} octets"
    return (ChaCha20Poly1305 if suite.cipher == "chacha" else AESGCM)(key[:-4]), key[-4:] + iv


def _block(suite, key, iv):
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    assert len(key) == suite.key, f"key of {len(key)} octets"
    return Cipher({"aes-cbc": algorithms.AES, "3des-cbc": algorithms.TripleDES}[suite.cipher](key), modes.CBC(iv))


def _tag(suite, integrity, octets):
    """HMAC over everything from the SPI to the next header, cut (RFC 4868: the key is as long as the hash)."""
    assert len(integrity) == {"sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}[suite.hash]
    return hmac.new(integrity, octets, suite.hash).digest()[:suite.icv]


def _open_text(suite, front, iv, text, icv, key, integrity):
    from cryptography.exceptions import InvalidTag
    if suite.hash is not None:
        if not hmac.compare_digest(_tag(suite, integrity, front + iv + text), icv):
            raise WrongIcv
        if suite.cipher == "null":
            return text
        opener = _block(suite, key, iv).decryptor()
        return opener.update(text) + opener.finalize()
    cipher, nonce = _aead(suite, key, iv)
    try:
        if suite.cipher == "gmac":
            cipher.decrypt(nonce, icv, front + iv + text)
            return text
        return cipher.decrypt(nonce, text + icv, front)
    except InvalidTag as e:
        raise WrongIcv from e


def open_esp(esp, keys):
    """What is inside; raises WrongIcv, and an AssertionError when its form is against the standards."""
    spi, seq = struct.unpack("!II", esp[:8])
    name, key, *integrity = keys[spi]
    suite = SUITES[name]
    text = esp[8 + suite.iv:len(esp) - suite.icv]
    assert text and len(text) % suite.align == 0, f"a text of {len(text)} octets"
    front, iv, icv = esp[:8], esp[8:8 + suite.iv], esp[len(esp) - suite.icv:]
    plain = _open_text(suite, front, iv, text, icv, key, *integrity or [None])
    size, next_header = plain[-2], plain[-1]
    assert size + 2 <= len(plain), "a pad length beyond the text"
    pad = plain[len(plain) - 2 - size:-2]
    assert pad == bytes(range(1, 1 + size)), f"padding {pad.hex()}"
    return Opened(spi, seq, iv, plain[:len(plain) - 2 - size], pad, next_header)


def seal_esp(payload, next_header, spi, keys, iv=None, seq=1, pad=None):
    """ESP around any octets; without iv a random one, without pad the least that is right."""
    name, key, *integrity = keys[spi]
    suite = SUITES[name]
    pad = bytes(range(1, 1 + -(len(payload) + 2) % suite.align)) if pad is None else pad
    iv = os.urandom(suite.iv) if iv is None else iv
    assert len(iv) == suite.iv
    front, text = struct.pack("!II", spi, seq), payload + pad + bytes((len(pad), next_header))
    if suite.hash is None:
        cipher, nonce = _aead(suite, key, iv)
        if suite.cipher == "gmac":
            return front + iv + text + cipher.encrypt(nonce, b"", front + iv + text)
        return front + iv + cipher.encrypt(nonce, text, front)
    if suite.cipher != "null":
        sealer = _block(suite, key, iv).encryptor()
        text = sealer.update(text) + sealer.finalize()
    return front + iv + text + _tag(suite, integrity[0], front + iv + text)


def meta_of(opened):
    """(the metadata header or None, what follows). Octet by octet as docs/packet.md shows it; anything else fails."""
    if opened.next_header != META:
        return None, opened.payload
    first, version, words, reserved = opened.payload[:4]
    flags = version & 15
    assert version >> 4 == 1, f"version {version >> 4}"
    assert flags in (FLAG_TIME, FLAG_TAG, FLAG_TIME | FLAG_TAG), f"flags {flags}"
    assert words == (4 if flags & FLAG_TAG else 3), f"length {words}"
    assert reserved == 0
    assert first in (4, 41), f"next header {first}"
    time, = struct.unpack("!Q", opened.payload[4:12])
    assert flags & FLAG_TIME or time == 0
    tag = None
    if flags & FLAG_TAG:
        tag, zero = struct.unpack("!HH", opened.payload[12:16])
        assert zero == 0
    return Meta(first, flags, time if flags & FLAG_TIME else None, tag, words * 4), opened.payload[words * 4:]


def meta(next_header, time=None, tag=None):
    """The octets of a metadata header."""
    flags = (0 if time is None else FLAG_TIME) | (0 if tag is None else FLAG_TAG)
    octets = bytes((next_header, 0x10 | flags, 3 if tag is None else 4, 0)) + struct.pack("!Q", time or 0)
    return octets if tag is None else octets + struct.pack("!HH", tag, 0)
