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


SUITES = [oracle.Suite(e, bits, h) for e, bits in oracle.CIPHERS for h in oracle.DIGESTS]


def use(driver, suite):
    assert driver.ask("suite", str(suite.encryption), str(suite.bits), str(suite.hash)) == [b"\0"]
    return suite


@pytest.mark.parametrize("group", oracle.GROUPS)
def test_every_combination(driver, rng, group):
    """SKEYIDs, cipher key, IV and HASHes of every cipher, hash and this group: 16 times 8 in all."""
    for suite in SUITES:
        use(driver, suite)
        for _ in range(2):
            x = oracle.random_exchange(rng, group, suite)
            assert driver.ask("keys", *flat(x)) == [x.skeyid, x.skeyid_d, x.skeyid_a, x.skeyid_e, x.key,
                                                    x.first_iv], suite
            sa, id_b = rng.randbytes(rng.randint(40, 2000)), rng.randbytes(rng.randint(8, 60))
            assert driver.ask("auth", "i", *flat(x), sa, id_b) == [x.hash_i(sa, id_b)], suite
            assert driver.ask("auth", "r", *flat(x), sa, id_b) == [x.hash_r(sa, id_b)], suite


def test_suites_that_do_not_exist(driver, rng):
    x = oracle.random_exchange(rng, 19)
    for encryption, bits, digest in ((7, 0, 4), (7, 64, 4), (7, 512, 4), (5, 192, 4), (1, 0, 4), (7, 256, 1), (7, 256, 3)):
        assert driver.ask("suite", str(encryption), str(bits), str(digest)) is not None
        assert driver.ask("keys", *flat(x)) is None


def test_message_hashes_and_ivs(driver, rng):
    for suite in SUITES:
        use(driver, suite)
        for _ in range(ROUNDS // 5):
            a, last, mid = rng.randbytes(32), rng.randbytes(suite.block), rng.getrandbits(32)
            nonces, after = rng.randbytes(rng.choice([0, 32, 64, 256])), rng.randbytes(rng.randint(1, 1500))
            assert driver.ask("message", a, hex(mid), nonces, after) == [
                oracle.message_hash(a, mid, nonces, after, suite)]
            assert driver.ask("iv", last, hex(mid)) == [oracle.phase2_iv(last, mid, suite)]


@pytest.mark.parametrize("digest", oracle.DIGESTS)
def test_stretch(driver, rng, digest):
    use(driver, oracle.Suite(hash=digest))
    for length in (1, 16, 20, 21, 24, 31, 32, 33, 40, 41, 47, 48, 49, 63, 64, 65, 96, 128):
        for have in (16, 20, 32, 48, 64):
            e = rng.randbytes(have)
            assert driver.ask("stretch", e, str(length)) == [oracle.stretch(e, length, oracle.DIGESTS[digest])], (
                length, have)
    assert driver.ask("stretch", rng.randbytes(32), "129") is None


def test_seal_and_open(driver, rng):
    for suite in SUITES[::4]:
        use(driver, suite)
        for size in list(range(1, 40)) + [500, 1500]:
            key, iv = rng.randbytes(suite.key_len), rng.randbytes(suite.block)
            message = rng.randbytes(24) + (28 + size).to_bytes(4, "big") + rng.randbytes(size)
            sealed, following = oracle.seal(key, iv, message, suite)
            got, got_iv = driver.ask("seal", key, iv, message)
            assert (got, got_iv[:suite.block]) == (sealed, following), suite
            plain, following = oracle.unseal(key, iv, sealed, suite)
            got, got_iv = driver.ask("open", key, iv, sealed)
            assert (got, got_iv[:suite.block]) == (sealed[:28] + plain, following), suite
        for wrong in {16, 24, 32} - {suite.key_len}:
            assert driver.ask("seal", rng.randbytes(wrong), iv, message) is None


@pytest.mark.parametrize("group", oracle.GROUPS)
def test_diffie_hellman(driver, rng, group):
    for _ in range(5):
        public, = driver.ask("dh", str(group))
        mine = oracle.half_of(group, rng)
        assert len(public) == mine.public_len
        shared, = driver.ask("peer", mine.public)
        assert shared == mine.shared(public) and len(shared) == mine.shared_len


@pytest.mark.parametrize("group", oracle.PRIMES)
def test_wrong_subgroup_is_refused(driver, rng, group):
    """Of a safe prime's numbers one half is in the subgroup of prime order: exactly the squares (Euler's criterion)."""
    p = oracle.PRIMES[group]
    size = p.bit_length() // 8
    driver.ask("dh", str(group))
    seen = set()
    for _ in range(6):
        y = rng.randrange(2, p - 1)
        square = pow(y, (p - 1) // 2, p) == 1
        seen.add(square)
        assert (driver.ask("peer", y.to_bytes(size, "big")) is not None) == square
        assert driver.ask("peer", (y * y % p).to_bytes(size, "big")) is not None
        assert driver.ask("peer", (p - y * y % p).to_bytes(size, "big")) is None  # -1 is no square
    for y in (0, 1, p - 1, p, p + 1):
        assert driver.ask("peer", y.to_bytes(size, "big")) is None


@pytest.mark.parametrize("group", [2, 14, 16, 19])
def test_shared_secret_keeps_leading_zeros(driver, rng, group):
    """g^xy is padded to the length of the prime: about one in 256 begins with a zero octet."""
    driver.ask("dh", str(group))
    for _ in range(4000):
        if group in oracle.PRIMES:
            mine = oracle.Modp(group, rng, bits=64)
        else:
            mine = oracle.Ecp(group, rng)
        shared, = driver.ask("peer", mine.public)
        assert len(shared) == mine.shared_len
        if shared[0] == 0:
            return
    pytest.fail("no shared secret began with zero")
