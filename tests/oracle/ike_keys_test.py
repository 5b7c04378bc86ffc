# SPDX-License-Identifier: BSD-3-Clause
"""ctrl/crypto against the independent reading in ike_keys.py, on random exchanges. GVPN_SEED repeats a run."""
import os
import random
import subprocess

import pytest

import ike_keys as oracle

SEED = int(os.environ.get("GVPN_SEED", random.SystemRandom().getrandbits(32)))
ROUNDS = 50


@pytest.fixture
def rng():
    print(f"seed {SEED} (repeat with GVPN_SEED={SEED})")
    return random.Random(SEED)


class Driver:
    def __init__(self):
        self.process = subprocess.Popen([os.environ["GVPN_IKE_DRIVER"]], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def ask(self, *fields):
        text = [f if isinstance(f, str) else f.hex() or "-" for f in fields]
        self.process.stdin.write(" ".join(text) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        return None if answer == ["refused"] else [bytes.fromhex(a) for a in answer]


@pytest.fixture
def driver():
    d = Driver()
    yield d
    d.process.stdin.close()
    assert d.process.wait(timeout=20) == 0


def flat(x):
    return x.psk, x.nonce_i, x.nonce_r, x.public_i, x.public_r, x.shared, x.cookie_i, x.cookie_r


@pytest.mark.parametrize("group", [14, 19])
def test_key_material(driver, rng, group):
    for _ in range(ROUNDS if group == 19 else 10):
        x = oracle.random_exchange(rng, group)
        assert driver.ask("keys", *flat(x)) == [x.skeyid, x.skeyid_d, x.skeyid_a, x.skeyid_e, x.key, x.first_iv]
        sa, id_b = rng.randbytes(rng.randint(40, 256)), rng.randbytes(rng.randint(8, 60))
        assert driver.ask("auth", "i", *flat(x), sa, id_b) == [x.hash_i(sa, id_b)]
        assert driver.ask("auth", "r", *flat(x), sa, id_b) == [x.hash_r(sa, id_b)]


def test_message_hashes_and_ivs(driver, rng):
    for _ in range(ROUNDS):
        a, last, mid = rng.randbytes(32), rng.randbytes(16), rng.getrandbits(32)
        nonces, after = rng.randbytes(rng.choice([0, 32, 64, 256])), rng.randbytes(rng.randint(1, 1500))
        assert driver.ask("message", a, hex(mid), nonces, after) == [oracle.message_hash(a, mid, nonces, after)]
        assert driver.ask("iv", last, hex(mid)) == [oracle.phase2_iv(last, mid)]


def test_stretch(driver, rng):
    for length in (1, 16, 24, 31, 32, 33, 63, 64, 65, 128):
        for have in (16, 20, 32):
            e = rng.randbytes(have)
            assert driver.ask("stretch", e, str(length)) == [oracle.stretch(e, length)], (length, have)
    assert driver.ask("stretch", rng.randbytes(32), "129") is None


def test_seal_and_open(driver, rng):
    for size in list(range(1, 40)) + [500, 1500]:
        key, iv = rng.randbytes(32), rng.randbytes(16)
        message = rng.randbytes(24) + (28 + size).to_bytes(4, "big") + rng.randbytes(size)
        sealed, following = oracle.seal(key, iv, message)
        assert driver.ask("seal", key, iv, message) == [sealed, following]
        plain, following = oracle.unseal(key, iv, sealed)
        assert driver.ask("open", key, iv, sealed) == [sealed[:28] + plain, following]


@pytest.mark.parametrize("group", [14, 19])
def test_diffie_hellman(driver, rng, group):
    for _ in range(5):
        public, = driver.ask("dh", str(group))
        mine = oracle.GROUPS[group](rng)
        assert len(public) == mine.public_len
        assert driver.ask("peer", mine.public) == [mine.shared(public)]


def test_shared_secret_keeps_leading_zeros(driver, rng):
    """g^xy is padded to the length of the prime: about one in 256 begins with a zero octet."""
    driver.ask("dh", "14")
    for _ in range(3000):
        mine = oracle.Dh14.__new__(oracle.Dh14)
        mine.x = rng.getrandbits(64) | 1
        mine.public = pow(2, mine.x, oracle.GROUP14_P).to_bytes(256, "big")
        shared, = driver.ask("peer", mine.public)
        assert len(shared) == 256
        if shared[0] == 0:
            return
    pytest.fail("no shared secret began with zero")
