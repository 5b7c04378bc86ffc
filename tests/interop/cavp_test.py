# SPDX-License-Identifier: BSD-3-Clause
"""IKEv1 keys (RFC 2409 section 5) against libreswan's `cavp`, the program that libreswan itself was certified with.

It takes vectors as text and prints what libreswan derives. Pre-shared keys, with every hash.
GVPN_SEED repeats a run.
"""

import os
import random
import subprocess

import pytest

CAVP = "/usr/libexec/ipsec/cavp"
SEED = int(os.environ.get("GVPN_SEED", random.SystemRandom().getrandbits(32)))
ROUNDS = 100
HASHES = {2: ("SHA-1", 20), 4: ("SHA-256", 32), 5: ("SHA-384", 48), 6: ("SHA-512", 64)}  # RFC 2409 appendix A
NAMES = ("SKEYID", "SKEYID_d", "SKEYID_a", "SKEYID_e")


@pytest.fixture
def rng():
    print(f"seed {SEED} (repeat with GVPN_SEED={SEED})")
    return random.Random(SEED)


def vectors(rng, shared_len):
    """Random exchanges: nonces and keys of every length, also longer than the hash's block."""
    for count in range(ROUNDS):
        yield {"COUNT": count, "CKY_I": rng.randbytes(8), "CKY_R": rng.randbytes(8),
               "Ni": rng.randbytes(rng.randint(8, 128)), "Nr": rng.randbytes(rng.randint(8, 128)),
               "g^xy": rng.randbytes(shared_len), "pre-shared-key": rng.randbytes(rng.randint(1, 128))}


def ask_cavp(tests, digest=4):
    lines = ["# IKE v1 Pre-shared Key Authentication", "", f"[{HASHES[digest][0]}]", ""]
    for test in tests:
        lines += [f"{name} = {v.hex() if isinstance(v, bytes) else v}" for name, v in test.items()] + [""]
    p = subprocess.run([CAVP, "-v1psk", "-"], input="\n".join(lines), capture_output=True, text=True, timeout=60,
                       check=True)
    answers = []
    for line in p.stdout.splitlines():
        name, _, value = line.partition(" = ")
        if name == "COUNT":
            assert int(value) == len(answers)
            answers.append({})
        elif name in NAMES:
            answers[-1][name] = bytes.fromhex(value)
    return answers


def ask_us(tests, digest=4):
    """The driver's answer begins with SKEYID, _d, _a, _e. Public values play no part in them."""
    lines = [f"suite 7 256 {digest}\n"]
    for t in tests:
        fields = (t["pre-shared-key"], t["Ni"], t["Nr"], b"\1" * 64, b"\2" * 64, t["g^xy"], t["CKY_I"], t["CKY_R"])
        lines.append(" ".join(["keys"] + [f.hex() for f in fields]) + "\n")
    p = subprocess.run([os.environ["GVPN_IKE_DRIVER"]], input="".join(lines), capture_output=True, text=True,
                       timeout=60, check=True)
    return [dict(zip(NAMES, map(bytes.fromhex, line.split()[:4]))) for line in p.stdout.splitlines()[1:]]


@pytest.mark.parametrize("digest", HASHES)
@pytest.mark.parametrize("shared_len", [32, 66, 256, 512])
def test_keys_are_libreswans(rng, shared_len, digest):
    tests = list(vectors(rng, shared_len))
    theirs, ours = ask_cavp(tests, digest), ask_us(tests, digest)
    assert len(theirs) == len(ours) == ROUNDS
    for test, their, our in zip(tests, theirs, ours):
        assert {len(v) for v in their.values()} == {HASHES[digest][1]} and set(their) == set(NAMES)
        assert our == their, test


def test_an_octet_more_or_less_is_seen(rng):
    """The comparison is worth something: another value anywhere gives other keys."""
    test = next(vectors(rng, 32))
    theirs = ask_cavp([test])
    for name in ("CKY_I", "CKY_R", "Ni", "Nr", "g^xy", "pre-shared-key"):
        other = dict(test, **{name: bytes([test[name][0] ^ 1]) + test[name][1:]})
        assert ask_us([other])[0]["SKEYID_e"] != theirs[0]["SKEYID_e"], name
